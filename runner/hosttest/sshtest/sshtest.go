// Package sshtest gives tests a host behind a real SSH client and an in-process
// server: this machine, as its login user.
package sshtest

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"remoterun/runner/host"
	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/ssh"
)

// Listen starts a server that lets the returned key file in as user "op".
func Listen(t testing.TB, cfg sshd.Config) (*sshd.Server, *ssh.Dialer) {
	t.Helper()
	home := t.TempDir()
	signer, key, err := sshd.NewSigner()
	must(t, err)
	cfg.User = "op"
	cfg.Keys = append(cfg.Keys, signer.PublicKey())
	srv, err := sshd.Listen(cfg)
	must(t, err)
	t.Cleanup(func() { _ = srv.Close() })
	block, err := gossh.MarshalPrivateKey(key, "")
	must(t, err)
	dir := filepath.Join(home, ".ssh")
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "id_ed25519"), pem.EncodeToMemory(block), 0o600))
	line := knownhosts.Line([]string{knownhosts.Normalize(srv.Addr())}, srv.HostKey()) + "\n"
	must(t, os.WriteFile(filepath.Join(dir, "known_hosts"), []byte(line), 0o600))
	c, err := ssh.LoadConfig("", home, func(string) string { return "" })
	must(t, err)
	d := &ssh.Dialer{Config: c}
	t.Cleanup(func() { _ = d.Close() })
	return srv, d
}

// Worker connects to a server made for this test.
func Worker(t testing.TB, cfg sshd.Config) (*host.Worker, *sshd.Server) {
	t.Helper()
	srv, d := Listen(t, cfg)
	c, err := d.Dial(t.Context(), ssh.Target{Name: "web1", Addr: "127.0.0.1", Port: srv.Port(), User: "op", ConnectTimeout: 5 * time.Second}, nil)
	must(t, err)
	w := &host.Worker{Host: "web1", Conn: c, Kept: &host.Kept{}}
	t.Cleanup(func() { _ = w.Kept.Close(); _ = c.Close() })
	return w, srv
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
