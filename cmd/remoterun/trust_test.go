package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"remoterun/runner/hosttest/sshd"
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
	unknown := "web1: connect to op@127.0.0.1:" + fmt.Sprint(srv.Port()) + ": the host key of [127.0.0.1]:" + fmt.Sprint(srv.Port()) + " is not known: ssh-ed25519 " + key
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
		{name: "a group", args: []string{"web"}, answers: []string{"yes"}, code: exitUsage, says: "web is a group, and keys are compared host by host: trust takes one of web1, web2, gone\n"},
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
