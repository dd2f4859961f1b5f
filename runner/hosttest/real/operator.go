//go:build linux

package real

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"remoterun/runner/framed"
	"remoterun/runner/host"
	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/secret"
	"remoterun/runner/ssh"
)

// Operator is the person at the laptop: a home folder with a key, known_hosts
// and an ssh configuration that names the machines.
type Operator struct {
	Home string

	public  gossh.PublicKey
	entries []string
}

// NewOperator makes a home folder for the test.
func NewOperator(t testing.TB) *Operator {
	t.Helper()
	signer, key, err := sshd.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	block, err := gossh.MarshalPrivateKey(key, "operator")
	if err != nil {
		t.Fatal(err)
	}
	op := &Operator{Home: t.TempDir(), public: signer.PublicKey()}
	put(t, op.KeyFile(), string(pem.EncodeToMemory(block)), 0o600)
	put(t, op.ConfigFile(), "", 0o600)
	put(t, op.KnownHosts(), "", 0o600)
	return op
}

// KeyFile is the private key that every user of every machine accepts.
func (op *Operator) KeyFile() string { return filepath.Join(op.Home, ".ssh", "id_ed25519") }

// ConfigFile is the ssh configuration, with a Host entry for each machine.
func (op *Operator) ConfigFile() string { return filepath.Join(op.Home, ".ssh", "config") }

// KnownHosts is the file of trusted host keys.
func (op *Operator) KnownHosts() string { return filepath.Join(op.Home, ".ssh", "known_hosts") }

// know writes a machine's address and host key down.
func (op *Operator) know(t testing.TB, m *Machine) {
	t.Helper()
	if m.o.Hidden {
		return
	}
	op.Add(t, fmt.Sprintf("Host %s\n  HostName 127.0.0.1\n  Port %d\n  User root\n", m.Name, m.Link.Port()), m.Link.Addr(), m.HostKey())
}

// Add appends an entry to the ssh configuration, and trusts key for addr
// (host:port) when it is not nil.
func (op *Operator) Add(t testing.TB, entry, addr string, key gossh.PublicKey) {
	t.Helper()
	op.entries = append(op.entries, entry)
	put(t, op.ConfigFile(), strings.Join(op.entries, "\n"), 0o600)
	if key == nil {
		return
	}
	old, err := os.ReadFile(op.KnownHosts())
	if err != nil {
		t.Fatal(err)
	}
	put(t, op.KnownHosts(), string(old)+knownhosts.Line([]string{knownhosts.Normalize(addr)}, key)+"\n", 0o600)
}

// Through puts inner, a hidden machine, behind gate: gate can reach it at addr
// (a loopback address and port inside gate), and the operator's ssh
// configuration goes there by ProxyJump.
func (op *Operator) Through(t testing.TB, gate, inner *Machine, addr string) *Link {
	t.Helper()
	l := gate.Reach(t, inner, addr)
	name, port, _ := strings.Cut(addr, ":")
	op.Add(t, fmt.Sprintf("Host %s\n  HostName %s\n  Port %s\n  User root\n  ProxyJump %s\n", inner.Name, name, port, gate.Name), addr, inner.HostKey())
	return l
}

// Another gives the operator a second way to a machine, under a name of its own
// in the ssh configuration: for when the first one is frozen.
func (op *Operator) Another(t testing.TB, m *Machine, name string) *Link {
	t.Helper()
	l := newLink(t, m)
	l.open(t)
	t.Cleanup(l.close)
	op.Add(t, fmt.Sprintf("Host %s\n  HostName 127.0.0.1\n  Port %d\n  User root\n", name, l.Port()), l.Addr(), m.HostKey())
	return l
}

// Dialer is remoterun's own client with the operator's configuration.
func (op *Operator) Dialer(t testing.TB) *ssh.Dialer {
	t.Helper()
	c, err := ssh.LoadConfig("", op.Home, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	d := &ssh.Dialer{Config: c}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// Connect logs in to a machine as user. become answers sudo's prompts; nil
// has no answer.
func (m *Machine) Connect(t testing.TB, user string, become framed.Password) host.Conn {
	t.Helper()
	c, err := m.op.Dialer(t).Dial(t.Context(), ssh.Target{Name: m.Name, Addr: m.Name, User: user}, become)
	if err != nil {
		t.Fatalf("%s: connect as %s: %v", m.Name, user, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Worker is a connection as the engine's modules and steps see one: as the
// login user, or through sudo as root when as says so.
func (m *Machine) Worker(t testing.TB, user string, as host.As) *host.Worker {
	t.Helper()
	w := &host.Worker{Host: m.Name, Conn: m.Connect(t, user, Answer(Password)), As: as, Kept: &host.Kept{}}
	t.Cleanup(func() { _ = w.Kept.Close() })
	return w
}

// Answer is a framed.Password that always says text.
func Answer(text string) framed.Password {
	return func(_ context.Context, _ host.As, wrong int) (secret.Sealed, error) {
		if wrong > 0 {
			return secret.Sealed{}, errors.New("there is no other one")
		}
		return secret.New([]byte(text)), nil
	}
}

func put(t testing.TB, file, text string, perm os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), perm); err != nil {
		t.Fatal(err)
	}
}
