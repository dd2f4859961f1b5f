// Package ssh is the transport over SSH: addresses and options as the user's
// own ssh client has them, host keys always verified, one connection and one
// authentication per host.
package ssh

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kevinburke/ssh_config"

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
	certificates   []string
	identitiesOnly bool
	agent          string // socket path, empty = none
	known          []string
	jumps          []string
	timeout        time.Duration
	aliveInterval  time.Duration
	aliveCount     int
}

// Config answers options for host aliases, from one configuration file.
type Config struct {
	path string
	file *ssh_config.Config
	home string
	env  func(string) string
}

// unsupported are lines whose meaning this client cannot honour: reading past
// them could connect elsewhere than the user's own client does.
var unsupported = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^\s*(match\s+.*\b(exec|canonical|final|localnetwork)\b|canonicalizehostname\s+(yes|always)|proxycommand\s+[^n\s])`)
})

// LoadConfig reads path (~/.ssh/config when empty). A missing default file is
// an empty configuration. Errors name file and line.
func LoadConfig(path, home string, env func(string) string) (*Config, error) {
	c := &Config{path: path, home: home, env: env, file: &ssh_config.Config{}}
	byDefault := path == ""
	if byDefault {
		c.path = filepath.Join(home, ".ssh", "config")
	}
	text, err := os.ReadFile(c.path)
	if err != nil {
		if byDefault && os.IsNotExist(err) {
			return c, nil
		}
		return nil, fmt.Errorf("ssh configuration: %w", err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if unsupported().MatchString(line) {
			return nil, fmt.Errorf("%s:%d: %q is not supported; give the host its address in the inventory (ansible_host), or ProxyJump instead of ProxyCommand", c.path, i+1, strings.TrimSpace(line))
		}
	}
	if c.file, err = ssh_config.Decode(bytes.NewReader(text)); err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	return c, nil
}

func (c *Config) get(alias, key string) string {
	v, err := c.file.Get(alias, key)
	if err != nil {
		return ""
	}
	return v
}

func (c *Config) all(alias, key string) []string {
	v, err := c.file.GetAll(alias, key)
	if err != nil {
		return nil
	}
	return v
}

// settle works out a target's options.
func (c *Config) settle(t Target) (settings, error) {
	s := settings{alias: t.Addr, host: t.Addr, port: t.Port, user: t.User, timeout: t.ConnectTimeout}
	if h := c.get(t.Addr, "HostName"); h != "" {
		s.host = strings.ReplaceAll(h, "%h", t.Addr)
	}
	var err error
	if s.port == 0 {
		if s.port, err = c.number(t.Addr, "Port", 22); err != nil {
			return s, err
		}
	}
	if s.user == "" {
		s.user = cmp.Or(c.get(t.Addr, "User"), c.env("USER"), "root")
	}
	s.keyAlias = c.get(t.Addr, "HostKeyAlias")
	s.identitiesOnly = strings.EqualFold(c.get(t.Addr, "IdentitiesOnly"), "yes")
	s.agent = c.agent(t.Addr)
	c.settleFiles(&s, t)
	if j := c.get(t.Addr, "ProxyJump"); j != "" && !strings.EqualFold(j, "none") {
		s.jumps = strings.Split(j, ",")
	}
	if s.timeout == 0 {
		n, err := c.number(t.Addr, "ConnectTimeout", 10)
		if err != nil {
			return s, err
		}
		if n == 0 {
			n = 10 // OpenSSH: the system's own; a login has a limit here
		}
		s.timeout = time.Duration(n) * time.Second
	}
	alive, err := c.number(t.Addr, "ServerAliveInterval", 15)
	if err != nil {
		return s, err
	}
	if alive == 0 {
		alive = 15 // a link that dies without a word must be noticed
	}
	s.aliveInterval = time.Duration(alive) * time.Second
	if s.aliveCount, err = c.number(t.Addr, "ServerAliveCountMax", 3); s.aliveCount == 0 {
		s.aliveCount = 3 // to OpenSSH that means: never
	}
	return s, err
}

// limit is when the keepalive gives a server up that does not answer.
func (s settings) limit() time.Duration { return s.aliveInterval * time.Duration(s.aliveCount+1) }

func (c *Config) settleFiles(s *settings, t Target) {
	if t.KeyFile != "" {
		s.identities = append(s.identities, c.path1(t.KeyFile, s))
	}
	for _, f := range c.all(t.Addr, "IdentityFile") {
		s.identities = append(s.identities, c.path1(f, s))
	}
	if len(s.identities) == 0 {
		for _, f := range []string{"id_rsa", "id_ecdsa", "id_ed25519"} {
			s.identities = append(s.identities, filepath.Join(c.home, ".ssh", f))
		}
	}
	for _, f := range c.all(t.Addr, "CertificateFile") {
		s.certificates = append(s.certificates, c.path1(f, s))
	}
	for _, f := range strings.Fields(c.get(t.Addr, "UserKnownHostsFile")) {
		s.known = append(s.known, c.path1(f, s))
	}
	if len(s.known) == 0 {
		s.known = []string{filepath.Join(c.home, ".ssh", "known_hosts"), filepath.Join(c.home, ".ssh", "known_hosts2")}
	}
	s.known = append(s.known, "/etc/ssh/ssh_known_hosts")
}

func (c *Config) agent(alias string) string {
	switch a := c.get(alias, "IdentityAgent"); {
	case strings.EqualFold(a, "none"):
		return ""
	case a == "" || a == "SSH_AUTH_SOCK":
		return c.env("SSH_AUTH_SOCK")
	case strings.HasPrefix(a, "$"):
		return c.env(strings.Trim(a, "${}"))
	default:
		return c.path1(a, &settings{})
	}
}

// path1 expands ~ and the tokens that paths use.
func (c *Config) path1(p string, s *settings) string {
	p = strings.Trim(p, `"`)
	if p == "~" || strings.HasPrefix(p, "~/") {
		p = c.home + p[1:]
	}
	return strings.NewReplacer("%%", "%", "%d", c.home, "%h", s.host, "%n", s.alias, "%r", s.user, "%p", strconv.Itoa(s.port), "%u", c.env("USER")).Replace(p)
}

func (c *Config) number(alias, key string, otherwise int) (int, error) {
	v := c.get(alias, key)
	if v == "" {
		return otherwise, nil
	}
	most := 1 << 20 // seconds: twelve days
	if key == "Port" {
		most = 1<<16 - 1
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > most || n == 0 && key == "Port" {
		return 0, fmt.Errorf("%s: %s %q for host %s is not a number from 0 to %d", c.path, key, v, alias, most)
	}
	return n, nil
}
