package ssh

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"remoterun/runner/hosttest"
)

// configs are ssh configurations, odd and valid; each is asked for the host web.
var configs = map[string]string{
	"plain":               "Host web\n HostName 10.0.0.1\n User anna\n Port 2222\n",
	"equals":              "Host=web\n HostName=10.0.0.1\n User = anna\n Port =2222\n",
	"quoted":              "Host \"web\"\n HostName \"10.0.0.1\"\n User \"anna\"\n Port \"2222\"\n HostKeyAlias \"alias\"\n",
	"quoted and equals":   "Host web\n HostName=\"10.0.0.1\"\n User=\"anna\"\n Port=\"2222\"\n",
	"capitals":            "HOST web\n HOSTNAME 10.0.0.1\n uSER anna\n pORT 2222\n",
	"tabs":                "Host\tweb\n\tHostName\t10.0.0.1  \n\tUser\tanna\t\n",
	"crlf":                "Host web\r\n HostName 10.0.0.1\r\n User anna\r\n",
	"comments":            "Host web # mine\n HostName 10.0.0.1 # there\n User anna # she\n Port 2222 # odd\n",
	"several patterns":    "Host db web app\n HostName 10.0.0.1\nHost *\n User anna\n",
	"tabs in patterns":    "Host db\tweb\n HostName 10.0.0.1\n",
	"negated":             "Host * !web\n HostName 10.0.0.9\nHost web\n HostName 10.0.0.1\n",
	"question mark":       "Host w?b\n HostName 10.0.0.1\n",
	"first wins":          "Host web\n User anna\nHost *\n User bert\n Port 2200\n",
	"first wins, before":  "User bert\nHost web\n User anna\n",
	"tokens":              "Host web\n HostName %h.example.org\n",
	"percent":             "Host web\n HostName a%%b\n",
	"match host":          "Match host web\n HostName 10.0.0.1\n",
	"match host list":     "Match host db,web\n HostName 10.0.0.1\n",
	"match all":           "Match all\n User anna\n",
	"match originalhost":  "Match originalhost web\n User anna\n",
	"match user":          "Match user anna\n Port 2222\n",
	"match two":           "Match host web user anna\n Port 2222\n",
	"match negated":       "Match !host db\n User anna\n",
	"match quoted":        "Match host \"web\"\n User anna\n",
	"match localuser":     "Match localuser nobody\n User anna\n",
	"match after rename":  "Host web\n HostName 10.0.0.1\nMatch host 10.0.0.1\n User anna\n",
	"host after rename":   "Host web\n HostName 10.0.0.1\nHost 10.0.0.1\n User anna\n",
	"jump":                "Host web\n ProxyJump gate\n",
	"jumps":               "Host web\n ProxyJump anna@gate:2222,other\n",
	"jumps with blanks":   "Host web\n ProxyJump gate, other\n",
	"jump uri":            "Host web\n ProxyJump ssh://anna@gate:2222\n",
	"jump v6":             "Host web\n ProxyJump anna@[::1]:2222\n",
	"jump tokens":         "Host web\n ProxyJump gate-%h\n",
	"jump quoted":         "Host web\n ProxyJump \"gate\"\n",
	"no jump":             "Host web\n ProxyJump none\nHost *\n ProxyJump gate\n",
	"command":             "Host web\n ProxyCommand nc %h %p\n",
	"command with equals": "Host web\n ProxyCommand=nc %h %p\n",
	"command quoted":      "Host web\n ProxyCommand \"ssh gate -W %h:%p\"\n",
	"command none":        "Host web\n ProxyCommand none\nHost *\n ProxyCommand nc %h %p\n",
	"command of another":  "Host other\n ProxyCommand nc %h %p\nHost web\n HostName 10.0.0.1\n",
	"jump then command":   "Host web\n ProxyJump gate\nHost *\n ProxyCommand nc %h %p\n",
	"command then jump":   "Host web\n ProxyCommand nc %h %p\nHost *\n ProxyJump gate\n",
	"none then jump":      "Host web\n ProxyCommand none\nHost *\n ProxyJump gate\n",
	"included":            "Include more\nHost web\n User anna\n",
	"included command":    "Include command\nHost web\n User anna\n",
	"included in a host":  "Host web\n Include more\n",
	"included elsewhere":  "Host other\n Include more\nHost web\n User bert\n",
	"included, several":   "Include more nothing command*\n",
	"included, quoted":    "Include \"more\"\n",
	"timeouts":            "Host web\n ConnectTimeout 1m\n ServerAliveInterval 2m30s\n ServerAliveCountMax 7\n",
	"timeouts in seconds": "Host web\n ConnectTimeout 5s\n ServerAliveInterval 20\n",
	"timeout none":        "Host web\n ConnectTimeout none\n",
	"identities only":     "Host web\n IdentitiesOnly yes\n",
	"identities true":     "Host web\n IdentitiesOnly true\n",
	"identities quoted":   "Host web\n IdentitiesOnly \"yes\"\n",
	"canonical no":        "CanonicalizeHostname no\nHost web\n HostName 10.0.0.1\n",
	"canonical elsewhere": "Host other\n CanonicalizeHostname yes\nHost web\n HostName 10.0.0.1\n",
	"canonical":           "Host web\n CanonicalizeHostname yes\n",
	"unknown":             "Host web\n Nonsense yes\n",
	"ignored unknown":     "IgnoreUnknown UseKeychain\nHost web\n UseKeychain yes\n User anna\n",
	"no newline":          "Host web\n User anna",
	"blank user":          "Host web\n User \"anna b\"\n",
	"a port of a name":    "Host web\n Port ssh\n",
	"a port too large":    "Host web\n Port 70000\n",
	"jump with a comment": "Host web\n ProxyJump gate # there\n",
	"an odd quote":        "Host \"web\n Port 2\n",
	"no value":            "Host web\n Port\n",
	"two values":          "Host web\n Port 1 2\n",
	"no flag":             "Host web\n IdentitiesOnly maybe\n",
	"a hash in a word":    "Host we#b web\n Port 4\n",
	"another case":        "Host WEB\n Port 3\nMatch host WEB\n User anna\n",
	"match with equals":   "Match host=web\n User anna\n",
	"match all and more":  "Match all host web\n User anna\n",
	"match canonical":     "Match canonical\n User anna\n",
	"match not canonical": "Match !canonical host web\n User anna\n",
	"match final":         "Match final\n User anna\n",
	"match final all":     "Match final all\n User anna\n Port 3\n",
	"match not final":     "Match !final host web\n User anna\nMatch final\n Port 3\n",
	"match final late":    "Match final host 10.0.0.1\n User anna\nHost web\n HostName 10.0.0.1\n",
	"match final no more": "Host web\n User bert\nMatch final all\n User anna\n ProxyJump gate\nMatch canonical\n Port 4\n",
	"match final of db":   "Match host db final\n User anna\nMatch canonical all\n Port 4\n",
	"match all final":     "Match all final\n User anna\n",
	"match final host":    "Match final host web all\n User anna\n",
	"match exec, others":  "Match host db exec false\n User anna\nHost web\n Port 3\n",
	"match without one":   "Match\n User anna\n",
	"empty jumps":         "Host web\n ProxyJump ,\n",
	"host without one":    "Host\n User anna\n",
	"hostname's token":    "Host web\n HostName %x.example.org\n",
	"jump's token":        "Host web\n HostName 10.0.0.1\n ProxyJump %n-%r@gate%%\n",
	"family":              "Host web\n AddressFamily inet6\nHost *\n AddressFamily inet\n",
	"no family":           "Host web\n AddressFamily ipx\n",
	"bound":               "Host web\n BindAddress 127.0.0.9\n",
	"stars":               "Host *e* w*b* ***\n Port 3\n",
}

// TestConfigAsSSH: what the user's own client makes of a configuration is what we make
// of it, or we refuse; nothing is connected to elsewhere.
func TestConfigAsSSH(t *testing.T) {
	client, err := exec.LookPath("ssh")
	if err != nil {
		hosttest.Missing(t, "ssh")
	}
	for name, text := range configs {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			dir := filepath.Join(home, ".ssh")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for file, text := range map[string]string{
				"config":  strings.NewReplacer("Include more", "Include "+dir+"/more", "Include command", "Include "+dir+"/command", " command*", " "+dir+"/command*", "Include \"more\"", "Include \""+dir+"/more\"").Replace(text),
				"more":    "Host web\n HostName 10.0.0.1\n",
				"command": "Host web\n ProxyCommand nc %h %p\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, theirs := exec.Command(client, "-G", "-F", filepath.Join(dir, "config"), "web").CombinedOutput()
			got, mine := settled(home)
			if theirs != nil {
				if mine == nil && name != "unknown" { // options that are not read here
					t.Errorf("ssh refuses: %s\nours: %q", strings.TrimSpace(string(out)), got)
				}
				if mine != nil && !strings.Contains(mine.Error(), filepath.Join(dir, "config")) {
					t.Errorf("it names no file: %v", mine)
				}
				return
			}
			want := dumped(string(out))
			if refuse := strings.Contains(want, "proxycommand") || name == "canonical"; refuse && mine != nil {
				if !strings.Contains(mine.Error(), " is not supported; give the host its address in the inventory (ansible_host), or ProxyJump instead of ProxyCommand") {
					t.Errorf("%v", mine)
				}
				return
			}
			if mine != nil || got != want {
				t.Errorf("%v\n%s\nssh:\n%s", mine, got, want)
			}
		})
	}
}

// TestConfigOfTheMachine: behind the user's configuration comes the machine's, whose
// lines begin for every host; a file that is named stands alone, and what may not be
// read says nothing.
func TestConfigOfTheMachine(t *testing.T) {
	client, err := exec.LookPath("ssh")
	if err != nil {
		hosttest.Missing(t, "ssh")
	}
	for name, c := range map[string]struct{ own, system, part string }{
		"only the machine's":     {"", "Host web\n HostName 10.0.0.1\n User anna\n", ""},
		"the user's goes before": {"Host web\n User bert\n", "Host *\n User anna\n Port 2222\n", ""},
		"behind a host's lines":  {"Host other\n User bert\n", "User anna\n", ""},
		"a folder of parts":      {"Host web\n Port 2\n", "Include parts/*.conf\nHost *\n User last\n", "Host *\n User anna\n HostName 10.0.0.1\n"},
		"final in a part":        {"Host web\n User bert\n", "Include parts/*.conf\n", "Match final all\n User anna\n Port 3\n"},
		"a jump for all":         {"Host gate\n ProxyJump none\n", "Host *\n ProxyJump gate\n", ""},
		"no jump for this one":   {"Host web\n ProxyJump none\n", "Host *\n ProxyJump gate\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) string {
				p := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return p
			}
			own, system := write("home/config", c.own), write("etc/ssh_config", c.system)
			write("etc/parts/a.conf", c.part)
			// OpenSSH's -F leaves the machine's file out: one that includes both says the same.
			both := write("both", "Include "+own+"\nInclude "+write("etc/for_ssh", strings.ReplaceAll(c.system, "Include parts", "Include "+dir+"/etc/parts"))+"\n")
			out, err := exec.Command(client, "-G", "-F", both, "web").CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			cfg, err := loadConfig(dir, func(name string) string { return map[string]string{"USER": "root"}[name] },
				source{own, filepath.Dir(own), os.IsNotExist}, source{system, filepath.Dir(system), unread})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := shown(cfg); err != nil || got != dumped(string(out)) {
				t.Errorf("%v\n%s\nssh:\n%s", err, got, dumped(string(out)))
			}
		})
	}
	home := t.TempDir()
	named := filepath.Join(home, "named")
	if err := os.WriteFile(named, []byte("User anna\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(named, home, os.Getenv)
	if err != nil || len(c.files) != 1 {
		t.Errorf("%v: %d files", err, len(c.files))
	}
	broken := filepath.Join(home, "broken")
	if err := os.WriteFile(broken, []byte("Host \"web\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfig(home, os.Getenv, source{broken, home, unread}); err == nil || err.Error() != "ssh configuration: "+broken+":1: a quote is not closed" {
		t.Errorf("%v", err)
	}
	if c, err := loadConfig(home, os.Getenv, source{filepath.Join(home, "none"), home, unread}); err != nil || len(c.files) != 0 {
		t.Errorf("%v", err)
	}
}

// TestConfigPaths: what keys of files come to; OpenSSH's -G shows them as they stand.
func TestConfigPaths(t *testing.T) {
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	usual := []string{home + "/.ssh/id_rsa", home + "/.ssh/id_ecdsa", home + "/.ssh/id_ed25519"}
	system := []string{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}
	for text, want := range map[string]struct {
		identities []string
		known      []string
		agent      string
	}{
		"":                                  {usual, []string{home + "/.ssh/known_hosts", home + "/.ssh/known_hosts2", system[0], system[1]}, "/run/agent"},
		"IdentityFile ~/.ssh/a":             {[]string{home + "/.ssh/a"}, nil, "/run/agent"},
		"IdentityFile \"~/.ssh/a b\"":       {[]string{home + "/.ssh/a b"}, nil, "/run/agent"},
		"IdentityFile=~/.ssh/a\\ b":         {[]string{home + "/.ssh/a b"}, nil, "/run/agent"},
		"IdentityFile %d/%r@%h:%p-%n-%u-%%": {[]string{home + "/anna@10.0.0.1:2222-web-me-%"}, nil, "/run/agent"},
		"IdentityFile ${WHERE}/k":           {[]string{"/w/k"}, nil, "/run/agent"},
		"IdentityFile none":                 {nil, nil, "/run/agent"},
		"IdentityFile a\nIdentityFile b":    {[]string{"a", "b"}, nil, "/run/agent"},
		"UserKnownHostsFile none":           {usual, system, "/run/agent"},
		"UserKnownHostsFile ~/k \"~/k 2\"":  {usual, []string{home + "/k", home + "/k 2", system[0], system[1]}, "/run/agent"},
		"GlobalKnownHostsFile /k":           {usual, []string{home + "/.ssh/known_hosts", home + "/.ssh/known_hosts2", "/k"}, "/run/agent"},
		"GlobalKnownHostsFile none":         {usual, []string{home + "/.ssh/known_hosts", home + "/.ssh/known_hosts2"}, "/run/agent"},
		"IdentityAgent none":                {usual, nil, ""},
		"IdentityAgent $WHERE":              {usual, nil, "/w"},
		"IdentityAgent ${WHERE}":            {usual, nil, "/w"},
		"IdentityAgent ${WHERE}/s":          {usual, nil, "/w/s"},
		"IdentityAgent \"~/Library/a b/s\"": {usual, nil, home + "/Library/a b/s"},
		"IdentityAgent SSH_AUTH_SOCK":       {usual, nil, "/run/agent"},
	} {
		config := filepath.Join(home, ".ssh", "config")
		if err := os.WriteFile(config, []byte("Host web\n HostName 10.0.0.1\n User anna\n Port 2222\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadConfig("", home, func(n string) string {
			return map[string]string{"USER": "me", "WHERE": "/w", "SSH_AUTH_SOCK": "/run/agent"}[n]
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.settle(Target{Name: "web", Addr: "web"})
		if err != nil || !slices.Equal(s.identities, want.identities) || want.known != nil && !slices.Equal(s.known, want.known) || s.agent != want.agent {
			t.Errorf("%s: %v %q %q %q", text, err, s.identities, s.known, s.agent)
		}
	}
}

// TestConfigIncludes: files that include one another end with an error that says so.
func TestConfigIncludes(t *testing.T) {
	home := t.TempDir()
	config := filepath.Join(home, "config")
	if err := os.WriteFile(config, []byte("Include "+config+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(config, home, os.Getenv); err == nil || !strings.Contains(err.Error(), config+":1: more than 16 files include one another") {
		t.Errorf("%v", err)
	}
}

func settled(home string) (string, error) {
	c, err := LoadConfig("", home, func(name string) string { return map[string]string{"USER": "root"}[name] })
	if err != nil {
		return "", err
	}
	return shown(c)
}

func shown(c *Config) (string, error) {
	s, err := c.settle(Target{Name: "web", Addr: "web"})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("hostname %s\nuser %s\nport %d\nproxyjump %s\nhostkeyalias %s\nidentitiesonly %v\nconnecttimeout %v\nserveraliveinterval %v\nserveralivecountmax %d\naddressfamily %s\nbindaddress %s\n",
		s.host, s.user, s.port, strings.Join(s.jumps, ","), s.keyAlias, s.identitiesOnly, s.timeout, s.aliveInterval, s.aliveCount, s.network, s.bind), nil
}

func dumped(out string) string {
	v := map[string]string{}
	for line := range strings.Lines(out) {
		k, val, _ := strings.Cut(strings.TrimSpace(line), " ")
		v[k] = val
	}
	secs := func(k, otherwise string) time.Duration {
		s := v[k]
		if s == "none" || s == "0" || s == "" {
			s = otherwise
		}
		d, _ := time.ParseDuration(s + "s")
		return d
	}
	s := fmt.Sprintf("hostname %s\nuser %s\nport %s\nproxyjump %s\nhostkeyalias %s\nidentitiesonly %v\nconnecttimeout %v\nserveraliveinterval %v\nserveralivecountmax %s\naddressfamily %s\nbindaddress %s\n",
		v["hostname"], v["user"], v["port"], strings.NewReplacer("%h", v["hostname"], "%n", "web", "%r", v["user"], "%%", "%", `"`, "").Replace(v["proxyjump"]), v["hostkeyalias"], v["identitiesonly"] == "yes", secs("connecttimeout", "10"), secs("serveraliveinterval", "15"), v["serveralivecountmax"], map[string]string{"any": "tcp", "inet": "tcp4", "inet6": "tcp6"}[v["addressfamily"]], v["bindaddress"])
	if v["proxycommand"] != "" && v["proxycommand"] != "none" {
		s += "proxycommand"
	}
	return s
}

// TestStraight: the address that is bound is the one that the server sees, and the
// other family's addresses are not tried.
func TestStraight(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := settings{network: "tcp4", bind: "127.0.0.9", timeout: time.Second}.straight()(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.LocalAddr().(*net.TCPAddr).IP.String(); got != "127.0.0.9" {
		t.Errorf("from %s", got)
	}
	for text, s := range map[string]settings{
		"no suitable address":     {network: "tcp6", timeout: time.Second},
		"BindAddress no.invalid:": {network: "tcp", bind: "no.invalid", timeout: time.Second},
	} {
		if _, err := s.straight()(t.Context(), "tcp", l.Addr().String()); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
