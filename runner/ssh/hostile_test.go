package ssh_test

import (
	"context"
	"encoding/pem"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"remoterun/runner/host"
	"remoterun/runner/hosttest/hostile"
	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/sh"
	"remoterun/runner/ssh"
)

// TestHostile: whatever a server does, logging in, a command, and a batch end
// with an error of the right class that says what happened, and so does closing
// the connection. The limits are a second for the login and two for the rest.
func TestHostile(t *testing.T) {
	signer, key, err := sshd.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	block, err := gossh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range hostile.Modes() {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			srv, err := hostile.Listen(m, signer.PublicKey())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = srv.Close() })
			home := t.TempDir()
			write(t, filepath.Join(home, ".ssh", "id_ed25519"), string(pem.EncodeToMemory(block)))
			write(t, filepath.Join(home, ".ssh", "known_hosts"), knownhosts.Line([]string{knownhosts.Normalize(srv.Addr())}, srv.HostKey())+"\n")
			write(t, filepath.Join(home, ".ssh", "config"), "Host *\n  ConnectTimeout "+patience(m)+"\n  ServerAliveInterval 1\n  ServerAliveCountMax 1\n")
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // a hang, not a slow machine
			defer cancel()
			err = misbehaved(ctx, home, srv)
			if err == nil || ctx.Err() != nil {
				t.Fatalf("it went on: %v", err)
			}
			if got := errors.Is(err, host.ErrTransport); got != (m.Class == hostile.Unreachable) {
				t.Errorf("unreachable: %v, want %s: %v", got, m.Class, err)
			}
			if !strings.Contains(err.Error(), m.Says) {
				t.Errorf("%v\nlacks %q", err, m.Says)
			}
			if n, most := srv.Accepted(), max(m.Tries, 1); n > most {
				t.Errorf("%d connections, want at most %d", n, most)
			}
		})
	}
}

// patience is how long a login may take, in seconds.
func patience(m hostile.Mode) string {
	if m.LetsIn() {
		return "60"
	}
	return "1"
}

// misbehaved logs in, runs a command and a batch, and answers the first error.
func misbehaved(ctx context.Context, home string, srv *hostile.Server) error {
	cfg, err := ssh.LoadConfig("", home, func(string) string { return "" })
	if err != nil {
		return err
	}
	d := &ssh.Dialer{Config: cfg}
	defer d.Close()
	c, err := d.Dial(ctx, ssh.Target{Name: "web1", Addr: "127.0.0.1", Port: srv.Port(), User: "op"}, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.Shell(ctx, host.As{})
	if err != nil {
		return err
	}
	if _, err := s.Batch(ctx, sh.Batch{Ask: []sh.Cmd{sh.Script("echo one"), sh.Script("echo two")}}); err != nil {
		return err
	}
	_, err = s.Run(ctx, sh.Script("echo three"))
	return err
}
