// Package ssh is the transport over SSH: addresses and options as the user's
// own ssh client has them, host keys always verified, one connection and one
// authentication per host.
package ssh

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"remoterun/runner/secret"
)

// Target is one server to connect to. What is empty comes from the user's ssh
// configuration, then from OpenSSH's defaults.
type Target struct {
	// Name is the inventory's name, for messages.
	Name string
	// Addr is the host name or address to look up in the configuration.
	Addr string
	Port int
	User string
	// KeyFile is tried before the configured identities (--private-key).
	KeyFile string
	// Password is used where the server asks for one; zero = ask the operator
	// if AskPassword is set.
	Password    secret.Sealed
	AskPassword bool
	// ConnectTimeout is for a login as a whole: from the first packet to where
	// commands can be run, without the time in which the operator types.
	ConnectTimeout time.Duration
}

// settings are a target's options after the configuration was read.
type settings struct {
	alias          string // what the user wrote
	host           string // HostName
	port           int
	user           string
	keyAlias       string // HostKeyAlias
	identities     []string
	named          map[string]string // those of them that somebody named, as they were typed
	certificates   []string
	identitiesOnly bool
	agent          string // socket path, empty = none
	known          []string
	jumps          []string
	network        string // tcp, tcp4 or tcp6 (AddressFamily)
	bind           string // BindAddress, empty = the system's choice
	timeout        time.Duration
	aliveInterval  time.Duration
	aliveCount     int
}

// Config answers options for host aliases, from the user's configuration and the
// machine's and what they include.
type Config struct {
	files [][]line // each begins with lines for every host
	home  string
	env   func(string) string
}

// systemConfig is the configuration of all users of the laptop.
const systemConfig = "/etc/ssh/ssh_config"

// LoadConfig reads path and nothing else, or when it is empty ~/.ssh/config and
// behind it /etc/ssh/ssh_config, each where it is there. Errors name file and line.
func LoadConfig(path, home string, env func(string) string) (*Config, error) {
	own := filepath.Join(home, ".ssh")
	if path == "" {
		return loadConfig(home, env, source{filepath.Join(own, "config"), own, os.IsNotExist}, source{systemConfig, filepath.Dir(systemConfig), unread})
	}
	return loadConfig(home, env, source{path, own, func(error) bool { return false }})
}

// source is a file with the folder that its relative includes are in, and what of the
// errors of reading it means that it says nothing.
type source struct {
	path, base string
	none       func(error) bool
}

// unread: what a user may not read is not for him.
func unread(err error) bool { return os.IsNotExist(err) || os.IsPermission(err) }

func loadConfig(home string, env func(string) string, sources ...source) (*Config, error) {
	c := &Config{home: home, env: env}
	for _, s := range sources {
		lines, err := c.readLines(s.path, s.base, 0)
		if err != nil && s.none(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("ssh configuration: %w", err)
		}
		c.files = append(c.files, lines)
	}
	return c, nil
}

// settle works out a target's options.
func (c *Config) settle(t Target) (settings, error) {
	s := settings{alias: t.Addr, host: t.Addr, port: t.Port, user: t.User, timeout: t.ConnectTimeout}
	o, err := c.optionsFor(t.Addr, t.User)
	if err != nil {
		return s, err
	}
	if l, ok := o.first["canonicalizehostname"]; ok && !strings.EqualFold(l.args[0], "no") && !strings.EqualFold(l.args[0], "none") {
		return s, unsupported(l)
	}
	if h := o.get("hostname"); h != "" {
		if s.host, err = o.tokens("hostname", h, "%h", t.Addr); err != nil {
			return s, err
		}
	}
	if s.port == 0 {
		if s.port, err = o.portOf(); err != nil {
			return s, err
		}
	}
	s.user = cmp.Or(s.user, o.get("user"), o.local)
	s.keyAlias = o.get("hostkeyalias")
	if s.identitiesOnly, err = o.flag("identitiesonly"); err != nil {
		return s, err
	}
	s.agent = c.agent(o.get("identityagent"), &s)
	c.settleFiles(&s, t, o)
	if s.jumps, err = o.jumps(&s); err != nil {
		return s, err
	}
	s.bind = o.get("bindaddress")
	if s.network, err = o.network(); err != nil {
		return s, err
	}
	return s, s.settleTimes(o)
}

func (s *settings) settleTimes(o *options) error {
	if s.timeout == 0 {
		n, err := o.count("connecttimeout", 10, true)
		if err != nil {
			return err
		}
		if n == 0 {
			n = 10 // OpenSSH: the system's own; a login has a limit here
		}
		s.timeout = time.Duration(n) * time.Second
	}
	alive, err := o.count("serveraliveinterval", 15, true)
	if err != nil {
		return err
	}
	if alive == 0 {
		alive = 15 // a link that dies without a word must be noticed
	}
	s.aliveInterval = time.Duration(alive) * time.Second
	if s.aliveCount, err = o.count("serveralivecountmax", 3, false); s.aliveCount == 0 {
		s.aliveCount = 3 // to OpenSSH that means: never
	}
	return err
}

// jumps are the hosts to go through, the first one first. ProxyCommand runs a program,
// which this client does not.
func (o *options) jumps(s *settings) ([]string, error) {
	l, ok := o.first["proxy"]
	text := strings.Join(l.args, " ")
	if !ok || strings.EqualFold(text, "none") {
		return nil, nil
	}
	if l.key == "proxycommand" {
		return nil, unsupported(l)
	}
	text, err := o.tokens("proxy", text, "%h", s.host, "%n", s.alias, "%p", strconv.Itoa(s.port), "%r", s.user)
	if err != nil {
		return nil, err
	}
	out := strings.Split(text, ",")
	for i, j := range out {
		out[i] = strings.TrimSuffix(strings.TrimPrefix(j, "ssh://"), "/")
		if out[i] == "" || strings.ContainsAny(out[i], " \t") {
			return nil, fmt.Errorf("%s: %q: %q is not a host (user@host:port, with commas and no blanks between several)", l.at, l.text, j)
		}
	}
	return out, nil
}

// limit is when the keepalive gives a server up that does not answer.
func (s settings) limit() time.Duration { return s.aliveInterval * time.Duration(s.aliveCount+1) }

func (c *Config) settleFiles(s *settings, t Target, o *options) {
	s.named = map[string]string{}
	name := func(typed string) {
		f := c.path1(typed, s)
		s.identities, s.named[f] = append(s.identities, f), typed
	}
	if t.KeyFile != "" {
		name(t.KeyFile)
	}
	listed := o.all["identityfile"]
	for _, f := range listed {
		if !strings.EqualFold(f, "none") {
			name(f)
		}
	}
	if len(s.identities) == 0 && len(listed) == 0 {
		for _, f := range []string{"id_rsa", "id_ecdsa", "id_ed25519"} {
			s.identities = append(s.identities, filepath.Join(c.home, ".ssh", f))
		}
	}
	for _, f := range o.all["certificatefile"] {
		if !strings.EqualFold(f, "none") {
			s.certificates = append(s.certificates, c.path1(f, s))
		}
	}
	if l, ok := o.first["userknownhostsfile"]; ok {
		for _, f := range l.args {
			if !strings.EqualFold(f, "none") {
				s.known = append(s.known, c.path1(f, s))
			}
		}
	} else {
		s.known = []string{filepath.Join(c.home, ".ssh", "known_hosts"), filepath.Join(c.home, ".ssh", "known_hosts2")}
	}
	if l, ok := o.first["globalknownhostsfile"]; ok {
		for _, f := range l.args {
			if !strings.EqualFold(f, "none") {
				s.known = append(s.known, c.path1(f, s))
			}
		}
	} else {
		s.known = append(s.known, "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
	}
}

func (c *Config) agent(a string, s *settings) string {
	switch {
	case strings.EqualFold(a, "none"):
		return ""
	case a == "" || a == "SSH_AUTH_SOCK":
		return c.env("SSH_AUTH_SOCK")
	case strings.HasPrefix(a, "$") && !strings.Contains(a, "/"):
		return c.env(strings.Trim(a, "${}"))
	default:
		return c.path1(a, s)
	}
}

// path1 expands ~, ${NAME} of the environment and the tokens that paths use.
func (c *Config) path1(p string, s *settings) string {
	if p == "~" || strings.HasPrefix(p, "~/") {
		p = c.home + p[1:]
	}
	p = variable().ReplaceAllStringFunc(p, func(v string) string { return c.env(v[2 : len(v)-1]) })
	local, _ := os.Hostname()
	short, _, _ := strings.Cut(local, ".")
	return strings.NewReplacer("%%", "%", "%d", c.home, "%h", s.host, "%n", s.alias, "%r", s.user, "%p", strconv.Itoa(s.port), "%u", c.env("USER"),
		"%k", cmp.Or(s.keyAlias, s.alias), "%i", strconv.Itoa(os.Getuid()), "%l", local, "%L", short).Replace(p)
}

var variable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`) })
