package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/secret/vault"
	"remoterun/runner/ssh"
)

// TestTrust: a key is accepted by a yes on a terminal, or by its fingerprint,
// and by nothing else.
func TestTrust(t *testing.T) {
	srv, err := sshd.Listen(sshd.Config{User: "op"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	key := gossh.FingerprintSHA256(srv.HostKey())
	unknown := "web1: the host key of [127.0.0.1]:" + fmt.Sprint(srv.Port()) + " is not known: ssh-ed25519 " + key
	for _, c := range []struct {
		name    string
		args    []string
		answers []string // nil = no terminal
		code    int
		says    string
		kept    bool
	}{
		{name: "yes", args: []string{"web1"}, answers: []string{"perhaps", "yes"}, says: "web1: the key " + key + " is trusted from now on", kept: true},
		{name: "no", args: []string{"web1"}, answers: []string{"no"}, code: exitError, says: unknown + "\n"},
		{name: "fingerprint", args: []string{"web1", "--fingerprint", key}, says: "is trusted from now on", kept: true},
		{name: "another fingerprint", args: []string{"web1", "--fingerprint", "SHA256:other"}, answers: []string{"yes"}, code: exitError, says: unknown + ": the host shows another key than SHA256:other (it has one of each type: compare that of its ssh-ed25519 key)\n"},
		{name: "nobody to ask", args: []string{"web1"}, code: exitError, says: "there is no terminal to ask on: give the server's own fingerprint with --fingerprint SHA256:"},
		{name: "--yes is no fingerprint", args: []string{"web1", "--yes"}, code: exitUsage, says: "unknown flag: --yes"},
		{name: "an address behind a template", args: []string{"web2"}, answers: []string{"yes"}, says: "web2: the key " + key, kept: true},
		{name: "an address that is not in the inventory", args: []string{srv.Addr(), "-u", "op"}, answers: []string{"yes"}, says: srv.Addr() + ": the key " + key, kept: true},
		{name: "a group: one table, one question", args: []string{"web:!gone"}, answers: []string{"yes"}, says: "web1: the key " + key, kept: true},
		{name: "a group of which one is gone", args: []string{"web"}, answers: []string{"yes"}, code: exitUnreachable, says: "gone: connect to 127.0.0.1:1: ", kept: true},
		{name: "a group and no", args: []string{"web:!gone"}, answers: []string{"no"}, code: exitError, says: "is not known: ssh-ed25519 " + key},
		{name: "a fingerprint is of one host", args: []string{"web", "--fingerprint", key}, code: exitUsage, says: "--fingerprint is of one host, and web means 3"},
		{name: "a name that is not in the inventory", args: []string{"localhost.example"}, answers: []string{"yes"}, code: exitUsage, says: "an address is written with its port: remoterun trust localhost.example:22"},
		{name: "a slip in a name", args: []string{"wbe1"}, answers: []string{"yes"}, code: exitUsage, says: "\"wbe1\" means no host of the inventory"},
		{name: "a port that is none", args: []string{"127.0.0.1:22x1", "-u", "op"}, answers: []string{"yes"}, code: exitUsage, says: "127.0.0.1 is not in the inventory"},
		{name: "nobody there", args: []string{"gone"}, answers: []string{"yes"}, code: exitUnreachable, says: "remoterun: hint: nothing listens there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			projectDir(t, map[string]string{"hosts": fmt.Sprintf("[web]\nweb1 ansible_host=127.0.0.1\nweb2 ansible_host='{{ ip }}' ip=127.0.0.1\ngone ansible_host=127.0.0.1 ansible_port=1\n[web:vars]\nansible_user=op\n[all:vars]\nansible_port=%d\n", srv.Port())})
			home := t.TempDir()
			out, errs, code := runWith(t, map[string]string{"HOME": home, "XDG_STATE_HOME": home}, c.answers, append([]string{"trust"}, c.args...)...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("exit code %d, want %d\n%s%s", code, c.code, out, errs)
			}
			text, _ := os.ReadFile(filepath.Join(home, ".ssh", "known_hosts"))
			if got := bytes.Contains(text, []byte("ssh-ed25519")); got != c.kept {
				t.Errorf("known_hosts: %q", text)
			}
		})
	}
}

// TestTrustReadsVariablesAsRuns: what a run refuses, or takes for nothing, is not
// looked up as an address whose key is offered then.
func TestTrustReadsVariablesAsRuns(t *testing.T) {
	srv, err := sshd.Listen(sshd.Config{User: "op"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	for vars, want := range map[string]string{
		"ansible_host: null":               "127.0.0.1: the key " + gossh.FingerprintSHA256(srv.HostKey()),
		"ansible_host: '{{ omit }}'":       "127.0.0.1: the key " + gossh.FingerprintSHA256(srv.HostKey()),
		"ansible_host: ''":                 "hosts.yml:1:59: ansible_host: it is empty",
		"ansible_host: [10.0.0.1]":         "hosts.yml:1:58: ansible_host: a text is expected, not ['10.0.0.1']",
		"ansible_host: 'op@127.0.0.1'":     "hosts.yml:1:59: ansible_host: \"op@127.0.0.1\" is not a name or an address",
		"ansible_user: [op]":               "hosts.yml:1:58: ansible_user: a text is expected, not ['op']",
		"ansible_ssh_port: 70000":          "ansible_ssh_port: \"70000\" is not a valid port (1 to 65535)",
		"ansible_password: '{{ nobody }}'": "127.0.0.1: the key " + gossh.FingerprintSHA256(srv.HostKey()),
	} {
		t.Run(vars, func(t *testing.T) {
			text := "all: {hosts: {'127.0.0.1': {" + strings.Repeat(" ", 15) + vars
			if !strings.Contains(vars, "port") {
				text += fmt.Sprintf(", ansible_port: %d", srv.Port())
			}
			projectDir(t, map[string]string{"hosts.yml": text + "}}}\n"})
			home := t.TempDir()
			out, errs, _ := runWith(t, map[string]string{"HOME": home, "XDG_STATE_HOME": home}, []string{"yes"}, "trust", "127.0.0.1", "-i", "hosts.yml")
			if !strings.Contains(out+errs, want) {
				t.Errorf("got\n%s%swant %s", out, errs, want)
			}
		})
	}
}

// TestRunNeverAcceptsHostKeys: --yes returns questions, and that is none.
func TestRunNeverAcceptsHostKeys(t *testing.T) {
	srv, err := sshd.Listen(sshd.Config{User: "op"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	projectDir(t, map[string]string{"hosts": fmt.Sprintf("web1 ansible_host=127.0.0.1 ansible_user=op ansible_port=%d\n", srv.Port())})
	home := t.TempDir()
	out, errs, code := runWith(t, map[string]string{"HOME": home, "XDG_STATE_HOME": home}, nil, "run", "web1", "--yes", "-m", "ping")
	if code != exitUnreachable || !strings.Contains(out, "is not known") || !strings.Contains(errs, "remoterun trust web1") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if _, err := os.Stat(filepath.Join(home, ".ssh", "known_hosts")); err == nil {
		t.Error("a key was accepted")
	}
}

// TestTrustIsOneTable: of several hosts the keys are shown in one question.
func TestTrustIsOneTable(t *testing.T) {
	key := func(name, typ, fp string) looked {
		return looked{name: name, key: &ssh.Shown{NewKey: ssh.NewKey{Host: name + ".example", Type: typ, Fingerprint: fp, File: "/home/a/.ssh/known_hosts"}, Problem: ssh.KeyUnknown}}
	}
	other := key("db1", "ssh-ed25519", "SHA256:b")
	other.key.Problem, other.key.Err = ssh.KeyOtherType, &ssh.HostKeyError{Stored: []string{"ssh-rsa (/home/a/.ssh/known_hosts:7)"}}
	want := `The host keys of 2 hosts are not known yet.
web1  web1.example  ecdsa-sha2-nistp256  SHA256:aaaa
db1   db1.example   ssh-ed25519          SHA256:b
Of db1 known_hosts has a key of another type already: ssh-rsa (/home/a/.ssh/known_hosts:7).
Compare each with the server's own. Accept all of them and write them to /home/a/.ssh/known_hosts? (yes/no)`
	if got := trustQuestion([]looked{key("web1", "ecdsa-sha2-nistp256", "SHA256:aaaa"), other}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestTrustAddsAType: a server whose stored key is of another type is asked
// about, in a run refused; a changed key is never accepted.
func TestTrustAddsAType(t *testing.T) {
	srv, err := sshd.Listen(sshd.Config{User: "op"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := gossh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	changed, _, err := sshd.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		stored gossh.PublicKey
		args   []string
		code   int
		says   []string
		lines  int
	}{
		"trust adds a type":             {ec.PublicKey(), []string{"trust", "web1"}, exitOK, []string{"is trusted from now on"}, 2},
		"a run refuses another type":    {ec.PublicKey(), []string{"run", "web1", "-m", "ping"}, exitUnreachable, []string{"is of another type than the known one: it shows ssh-ed25519, known_hosts has ecdsa-sha2-nistp256 (", "remoterun trust web1"}, 1},
		"trust refuses a changed one":   {changed.PublicKey(), []string{"trust", "web1"}, exitError, []string{"HAS CHANGED", "ssh-keygen -R"}, 1},
		"a known one is nothing to ask": {srv.HostKey(), []string{"trust", "web1"}, exitOK, []string{"web1: its key is known already; nothing to do"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			projectDir(t, map[string]string{"hosts": fmt.Sprintf("web1 ansible_host=127.0.0.1 ansible_user=op ansible_port=%d\n", srv.Port())})
			home := t.TempDir()
			if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(home, ".ssh", "known_hosts")
			writeFile(t, file, knownhosts.Line([]string{knownhosts.Normalize(srv.Addr())}, c.stored)+"\n")
			out, errs, code := runWith(t, map[string]string{"HOME": home, "XDG_STATE_HOME": home}, []string{"yes"}, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, c.code, out, errs)
			}
			for _, says := range c.says {
				if !strings.Contains(out+errs, says) {
					t.Errorf("lacks %q\n%s%s", says, out, errs)
				}
			}
			text, _ := os.ReadFile(file)
			if n := bytes.Count(text, []byte("\n")); n != c.lines {
				t.Errorf("known_hosts has %d lines, want %d", n, c.lines)
			}
		})
	}
}

// TestVaultIsOpenedFirst: without the vault's password, or with a wrong one, no
// host is contacted, nothing else is taken for an address, and one line says so.
func TestVaultIsOpenedFirst(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var contacts atomic.Int32
	go func() {
		for c, err := server.Accept(); err == nil; c, err = server.Accept() {
			contacts.Add(1)
			_ = c.Close()
		}
	}()
	sealed, err := vault.Seal([]byte("secret: x\n"), []byte("right"), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	hosts := fmt.Sprintf("[web]\nw1\nw2\nw3\n[web:vars]\nansible_host=127.0.0.1\nansible_port=%d\n", server.Addr().(*net.TCPAddr).Port)
	play := "- hosts: web\n  gather_facts: no\n  tasks: [{ping: }]\n"
	for _, args := range [][]string{{"trust", "w1"}, {"trust", "web"}, {"run", "web", "-m", "ping"}, {"play.yml"}, {"status", "web"}} {
		for name, c := range map[string]struct {
			more []string
			says string
		}{
			"none":  {nil, "remoterun: group_vars/web/vault.yml: "},
			"wrong": {[]string{"--vault-password-file", "pw"}, "remoterun: group_vars/web/vault.yml: "},
		} {
			t.Run(strings.Join(args, " ")+"/"+name, func(t *testing.T) {
				projectDir(t, map[string]string{"hosts": hosts, "play.yml": play, "pw": "wrong\n", "group_vars/web/vault.yml": string(sealed)})
				home := t.TempDir()
				out, errs, code := runWith(t, map[string]string{"HOME": home, "XDG_STATE_HOME": home}, nil, append(args, c.more...)...)
				if code != exitUsage || out != "" || !strings.HasPrefix(errs, c.says) || strings.Count(errs, "\n") != 1 || contacts.Load() != 0 {
					t.Errorf("exit code %d, %d contacts\n%s%s", code, contacts.Load(), out, errs)
				}
			})
		}
	}
	projectDir(t, map[string]string{"hosts": hosts, "pw": "right\n", "group_vars/web/vault.yml": string(sealed)})
	home := t.TempDir()
	if runWith(t, map[string]string{"HOME": home, "XDG_STATE_HOME": home}, nil, "run", "web", "-m", "ping", "--vault-password-file", "pw"); contacts.Load() == 0 {
		t.Error("with the password no host was contacted either: nothing was shown")
	}
}
