package main

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"remoterun/runner/hosttest/hostile"
	"remoterun/runner/hosttest/sshd"
)

var wellHosts = []string{"well-1", "well-2"}

// hostileFleet is one host of each misbehaviour, and two that are well. The bad
// ones have so many seconds for the login and two for the rest.
type hostileFleet struct {
	bad  map[string]hostile.Mode
	env  map[string]string
	well string // where those that are well leave their mark
	home string
	// says is what a bad host's words are here: of a mode's.
	says func(string) string
}

// startWell starts a host that is well, and lets the operator op in.
type startWell func(t *testing.T, home string, op gossh.PublicKey) (addr string, port int, hostKey gossh.PublicKey)

// wellHere is a host of this process.
func wellHere(t *testing.T, home string, op gossh.PublicKey) (string, int, gossh.PublicKey) {
	t.Helper()
	srv, err := sshd.Listen(sshd.Config{User: "op", Keys: []gossh.PublicKey{op}, Env: append(os.Environ(), "HOME="+home)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv.Addr(), srv.Port(), srv.HostKey()
}

func newHostileFleet(t *testing.T, modes []hostile.Mode, login int, well startWell, files map[string]string) hostileFleet {
	t.Helper()
	home := t.TempDir()
	f := hostileFleet{bad: map[string]hostile.Mode{}, env: map[string]string{"HOME": home, "XDG_STATE_HOME": home, "USER": "op"}, well: t.TempDir(), home: home, says: func(s string) string { return s }}
	signer, key, err := sshd.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	block, err := gossh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	var config, known, inventory strings.Builder
	add := func(name, addr string, port int, hostKey gossh.PublicKey) {
		fmt.Fprintf(&config, "Host %s\n  HostName 127.0.0.1\n  Port %d\n", name, port)
		known.WriteString(knownhosts.Line([]string{knownhosts.Normalize(addr)}, hostKey) + "\n")
		inventory.WriteString(name + "\n")
	}
	for i, m := range modes {
		srv, err := hostile.Listen(m, signer.PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = srv.Close() })
		name := fmt.Sprintf("bad-%d", i)
		f.bad[name] = m
		if m.LetsIn() {
			config.WriteString("Host " + name + "\n  ConnectTimeout 60\n")
		}
		add(name, srv.Addr(), srv.Port(), srv.HostKey())
	}
	for _, name := range wellHosts {
		addr, port, hostKey := well(t, filepath.Join(home, name), signer.PublicKey())
		add(name, addr, port, hostKey)
	}
	fmt.Fprintf(&config, "Host bad-*\n  ConnectTimeout %d\n", login)
	config.WriteString("  ServerAliveInterval 1\n  ServerAliveCountMax 1\nHost *\n  ConnectTimeout 60\n")
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config": config.String(), "known_hosts": known.String(), "id_ed25519": string(pem.EncodeToMemory(block))} {
		writeFile(t, filepath.Join(home, ".ssh", name), text)
	}
	files["hosts"] = inventory.String() + "[all:vars]\nmark=" + f.well + "\n" + files["hosts"]
	projectDir(t, files)
	return f
}

// TestHostileHosts: every misbehaviour in one fleet, against a play, a play with
// strategy free and a single task. The run
// ends, each bad host has its class and its words, and those that are well are
// done.
func TestHostileHosts(t *testing.T) {
	for name, c := range map[string]struct {
		play string
		args []string
	}{
		"play": {play: "- hosts: all\n  gather_facts: no\n  tasks:\n    - stat: {path: /}\n    - shell: 'echo done > {{ mark }}/{{ inventory_hostname }}'\n"},
		"free": {play: "- hosts: all\n  gather_facts: no\n  strategy: free\n  tasks:\n    - stat: {path: /}\n" +
			"    - copy: {content: done, dest: '{{ mark }}/{{ inventory_hostname }}'}\n"},
		"run": {args: []string{"run", "all", "-m", "shell", "-a", "echo done > {{ mark }}/{{ inventory_hostname }}"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newHostileFleet(t, hostile.Modes(), 1, wellHere, map[string]string{"play.yml": c.play})
			args := c.args
			if args == nil {
				args = []string{"play.yml"}
			}
			out, errs, code := runWith(t, f.env, nil, append(args, "--output", "json", "--forks", "100")...)
			if code != exitUnreachable {
				t.Errorf("exit code %d, want %d: %s", code, exitUnreachable, errs)
			}
			f.judge(t, out)
			for _, h := range wellHosts {
				if text, err := os.ReadFile(filepath.Join(f.well, h)); err != nil || !strings.HasPrefix(string(text), "done") {
					t.Errorf("%s is not done: %v", h, err)
				}
			}
		})
	}
}

// judge reads the run's JSON: each bad host has its class and its words, and
// those that are well have no failure. said is what came of each host.
func (f hostileFleet) judge(t *testing.T, out string) (said map[string]string) {
	t.Helper()
	var doc struct {
		Plays []struct {
			Tasks []struct {
				Hosts map[string]map[string]any `json:"hosts"`
			} `json:"tasks"`
		} `json:"plays"`
		Stats map[string]struct{ Unreachable, Failures int } `json:"stats"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v: %.2000s", err, out)
	}
	said = map[string]string{}
	for _, p := range doc.Plays {
		for _, task := range p.Tasks {
			for h, r := range task.Hosts {
				text, _ := json.Marshal(r)
				var back any
				_ = json.Unmarshal(text, &back)
				said[h] += fmt.Sprint(back) + "\n"
			}
		}
	}
	for h, m := range f.bad {
		s := doc.Stats[h]
		if got := s.Unreachable > 0; got != (m.Class == hostile.Unreachable) || s.Unreachable+s.Failures == 0 {
			t.Errorf("%s (%s): %+v, want %s: %s", h, m.Name, s, m.Class, said[h])
		}
		if says := f.says(m.Says); !strings.Contains(said[h], says) {
			t.Errorf("%s (%s) lacks %q: %s", h, m.Name, says, said[h])
		}
	}
	for _, h := range wellHosts {
		if s := doc.Stats[h]; s.Unreachable+s.Failures > 0 {
			t.Errorf("%s: %+v: %s", h, s, said[h])
		}
	}
	return said
}
