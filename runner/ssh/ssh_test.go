package ssh_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/secret"
	"remoterun/runner/sh"
	"remoterun/runner/ssh"
)

// lab is a server and a home folder whose key it knows.
type lab struct {
	srv  *sshd.Server
	home string
	d    *ssh.Dialer
}

func newLab(t *testing.T, cfg sshd.Config) *lab {
	t.Helper()
	home := t.TempDir()
	signer, key, err := sshd.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	cfg.User = "op"
	cfg.Keys = append(cfg.Keys, signer.PublicKey())
	srv, err := sshd.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	block, err := gossh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(home, ".ssh", "id_ed25519"), string(pem.EncodeToMemory(block)))
	l := &lab{srv: srv, home: home}
	l.trust(t, srv)
	l.reload(t)
	return l
}

func (l *lab) reload(t *testing.T) {
	t.Helper()
	c, err := ssh.LoadConfig("", l.home, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	l.d = &ssh.Dialer{Config: c}
	t.Cleanup(func() { _ = l.d.Close() })
}

func (l *lab) trust(t *testing.T, srv *sshd.Server) {
	t.Helper()
	f := filepath.Join(l.home, ".ssh", "known_hosts")
	old, _ := os.ReadFile(f)
	write(t, f, string(old)+knownhosts.Line([]string{knownhosts.Normalize(srv.Addr())}, srv.HostKey())+"\n")
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) target() ssh.Target {
	return ssh.Target{Name: "web1", Addr: "127.0.0.1", Port: l.srv.Port(), User: "op", ConnectTimeout: 5 * time.Second}
}

func (l *lab) dial(t *testing.T) *ssh.Conn {
	t.Helper()
	c, err := l.d.Dial(t.Context(), l.target(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestConformance(t *testing.T) {
	l := newLab(t, sshd.Config{})
	hosttest.Suite(t, func(t *testing.T) host.Conn { return l.dial(t) })
}

// refused checks an error's class and words.
func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if !errors.Is(err, host.ErrTransport) {
		t.Fatalf("error %v is no transport error", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}

func TestUnknownKeyIsRefusedWithoutTerminal(t *testing.T) {
	l := newLab(t, sshd.Config{})
	write(t, filepath.Join(l.home, ".ssh", "known_hosts"), "")
	_, err := l.d.Dial(t.Context(), l.target(), nil)
	refused(t, err, "web1: connect to op@127.0.0.1", "is not known", gossh.FingerprintSHA256(l.srv.HostKey()))
}

func TestUnknownKeyIsAskedForAndKept(t *testing.T) {
	l := newLab(t, sshd.Config{})
	file := filepath.Join(l.home, ".ssh", "known_hosts")
	write(t, file, "# no newline at the end")
	asked := 0
	l.d.Accept = func(_ context.Context, k ssh.NewKey) (bool, error) {
		asked++
		if k.Fingerprint != gossh.FingerprintSHA256(l.srv.HostKey()) {
			t.Errorf("asked about %s", k.Fingerprint)
		}
		return true, nil
	}
	l.dial(t)
	l.dial(t)
	if text, _ := os.ReadFile(file); asked != 1 || strings.Count(string(text), "\n") != 2 {
		t.Errorf("asked %d times, file %q", asked, text)
	}
}

// TestUnknownServerShowsItsUsualKey: of several keys that one is shown which ssh
// itself and the consoles of hosters show first.
func TestUnknownServerShowsItsUsualKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := gossh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, sshd.Config{More: []gossh.Signer{other}})
	write(t, filepath.Join(l.home, ".ssh", "known_hosts"), "")
	_, err = l.d.Dial(t.Context(), l.target(), nil)
	refused(t, err, "is not known: ssh-ed25519 ")
}

// TestKeyThatCannotBeKept: an accepted key that is not written is not accepted.
func TestKeyThatCannotBeKept(t *testing.T) {
	l := newLab(t, sshd.Config{})
	file := filepath.Join(l.home, ".ssh", "known_hosts")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(l.home, "nowhere", "x"), file); err != nil {
		t.Fatal(err)
	}
	l.d.Accept = func(context.Context, ssh.NewKey) (bool, error) { return true, nil }
	_, err := l.d.Dial(t.Context(), l.target(), nil)
	refused(t, err, "is not known", "cannot write the accepted host key")
}

func TestChangedKeyNamesFileAndLine(t *testing.T) {
	l := newLab(t, sshd.Config{})
	other, _, err := sshd.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(l.home, ".ssh", "known_hosts")
	write(t, file, "# first\n"+knownhosts.Line([]string{knownhosts.Normalize(l.srv.Addr())}, other.PublicKey())+"\n")
	l.d.Accept = func(context.Context, ssh.NewKey) (bool, error) {
		t.Error("asked about a changed key")
		return true, nil
	}
	_, err = l.d.Dial(t.Context(), l.target(), nil)
	refused(t, err, "HAS CHANGED", file+":2", "reinstalled")
}

func TestRevokedKey(t *testing.T) {
	l := newLab(t, sshd.Config{})
	file := filepath.Join(l.home, ".ssh", "known_hosts")
	old, _ := os.ReadFile(file)
	write(t, file, string(old)+"@revoked "+knownhosts.Line([]string{"*"}, l.srv.HostKey())+"\n")
	_, err := l.d.Dial(t.Context(), l.target(), nil)
	refused(t, err, "is revoked", file+":2")
}

func TestUnreadableLineWarnsAndRevokedFailsClosed(t *testing.T) {
	l := newLab(t, sshd.Config{})
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	defer func() {
		if left, _ := os.ReadDir(tmp); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}()
	file := filepath.Join(l.home, ".ssh", "known_hosts")
	old, _ := os.ReadFile(file)
	write(t, file, "garbage here\n"+string(old))
	var warned string
	l.d.Warn = func(s string) { warned = s }
	l.dial(t)
	if !strings.Contains(warned, file+":1") {
		t.Errorf("warning %q", warned)
	}
	write(t, file, "@revoked * ssh-ed25519 broken!\n"+string(old))
	if _, err := l.d.Dial(t.Context(), l.target(), nil); err == nil || !strings.Contains(err.Error(), file+":1: a @revoked line") {
		t.Errorf("error %v", err)
	}
}

func TestSecondKeyTypeIsNotAnAttack(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := gossh.NewSignerFromKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, sshd.Config{More: []gossh.Signer{second}})
	if l.srv.HostKey().Type() != gossh.KeyAlgoED25519 {
		t.Fatal("the lab is not as expected")
	}
	l.dial(t) // known_hosts holds the ed25519 key only, the server prefers ecdsa
}

func TestRefusedPortAndNoise(t *testing.T) {
	l := newLab(t, sshd.Config{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n")
			_ = c.Close()
		}
	}()
	tg := l.target()
	tg.Port = port
	_, err = l.d.Dial(t.Context(), tg, nil)
	refused(t, err, "this is not an SSH server", "HTTP/1.1 400")
	_ = ln.Close()
	_, err = l.d.Dial(t.Context(), tg, nil)
	refused(t, err, "connection refused")
}

func TestLoginRefusedNamesWhatWasTried(t *testing.T) {
	l := newLab(t, sshd.Config{})
	tg := l.target()
	tg.User = "nobody"
	_, err := l.d.Dial(t.Context(), tg, nil)
	refused(t, err, "refused the login of nobody", filepath.Join(l.home, ".ssh", "id_ed25519"))
	var ae *ssh.AuthError
	if !errors.As(err, &ae) {
		t.Errorf("%T", err)
	}
}

// TestMissingKeyIsNamed: a key that somebody named, on the command line, in the
// inventory or in the configuration, is named as it was typed; the usual ones are not.
func TestMissingKeyIsNamed(t *testing.T) {
	l := newLab(t, sshd.Config{})
	if err := os.Remove(filepath.Join(l.home, ".ssh", "id_ed25519")); err != nil {
		t.Fatal(err)
	}
	for typed, config := range map[string]string{
		"":                "",
		"~/nope":          "",
		"/no/where":       "",
		"%d/.ssh/%r":      "IdentityFile %d/.ssh/%r\n",
		"~/.ssh/id ed":    "IdentityFile \"~/.ssh/id ed\"\n",
		"${HOME}/.ssh/id": "IdentityFile=${HOME}/.ssh/id\n",
	} {
		write(t, filepath.Join(l.home, ".ssh", "config"), config)
		l.reload(t)
		tg := l.target()
		if config == "" {
			tg.KeyFile = typed
		}
		_, err := l.d.Dial(t.Context(), tg, nil)
		want := "there was no key and no password to try; not used: key " + typed + ": there is no such file"
		if typed == "" {
			want = "there was no key and no password to try"
		}
		refused(t, err, want)
		if typed == "" && strings.Contains(err.Error(), "not used") {
			t.Errorf("%v", err)
		}
	}
}

func TestPassword(t *testing.T) {
	l := newLab(t, sshd.Config{Password: "hunter2"})
	if err := os.Remove(filepath.Join(l.home, ".ssh", "id_ed25519")); err != nil {
		t.Fatal(err)
	}
	tg := l.target()
	tg.Password = secret.New([]byte("hunter2"))
	c, err := l.d.Dial(t.Context(), tg, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	tg.Password = secret.New([]byte("wrong"))
	_, err = l.d.Dial(t.Context(), tg, nil)
	refused(t, err, "refused the login of op", "password")
}

func TestEncryptedKeyIsAskedFor(t *testing.T) {
	l := newLab(t, sshd.Config{})
	signer, key, err := sshd.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	l2 := newLab(t, sshd.Config{Keys: []gossh.PublicKey{signer.PublicKey()}})
	block, err := gossh.MarshalPrivateKeyWithPassphrase(key, "", []byte("key words"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(l.home, "locked")
	write(t, file, string(pem.EncodeToMemory(block)))
	tg := l2.target()
	tg.KeyFile = file
	var answers, asked []string
	l2.d.Ask = func(_ context.Context, key, text string) (secret.Sealed, error) {
		if !strings.Contains(text, file) || slices.Contains(asked, key) {
			t.Errorf("prompt %q of %q", text, key)
		}
		asked = append(asked, key)
		a := answers[0]
		answers = answers[1:]
		return secret.New([]byte(a)), nil
	}
	for _, c := range []struct{ answers, fails string }{
		{"key words", ""}, {"wrong|key words", ""}, {"wrong|wrong|key words", ""}, {"a|b|c", "not used: key " + file + ": wrong passphrase"},
	} {
		answers, asked = strings.Split(c.answers, "|"), nil
		conn, err := l2.d.Dial(t.Context(), tg, nil)
		if c.fails != "" {
			refused(t, err, c.fails)
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.answers, err)
		}
		_ = conn.Close()
	}
}

func TestJumpHostAndAliases(t *testing.T) {
	gate := newLab(t, sshd.Config{})
	inner := newLab(t, sshd.Config{})
	key, err := os.ReadFile(filepath.Join(inner.home, ".ssh", "id_ed25519"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(gate.home, ".ssh", "inner_key"), string(key))
	gate.trust(t, inner.srv)
	write(t, filepath.Join(gate.home, ".ssh", "extra"), fmt.Sprintf("Host db\n  HostName 127.0.0.1\n  Port %d\n  User op\n  IdentityFile ~/.ssh/inner_key\n  ProxyJump gate\n", inner.srv.Port()))
	write(t, filepath.Join(gate.home, ".ssh", "config"), fmt.Sprintf("Include %s\nHost gate\n  HostName 127.0.0.1\n  Port %d\n  User op\n", filepath.Join(gate.home, ".ssh", "extra"), gate.srv.Port()))
	gate.reload(t)
	c, err := gate.d.Dial(t.Context(), ssh.Target{Name: "db", Addr: "db"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.Shell(t.Context(), host.As{})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.Run(t.Context(), sh.Exec("echo", "through")); err != nil || string(out.Stdout) != "through\n" || gate.srv.Logins() != 1 {
		t.Errorf("%q, %v, %d logins at the gate", out.Stdout, err, gate.srv.Logins())
	}
}

func TestUnsupportedConfigNamesTheLine(t *testing.T) {
	home := t.TempDir()
	write(t, filepath.Join(home, ".ssh", "config"), "Host a\n  User x\nMatch exec \"true\"\n  User y\n")
	c, err := ssh.LoadConfig("", home, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	d := ssh.Dialer{Config: c}
	if _, err := d.Dial(t.Context(), ssh.Target{Name: "a", Addr: "a"}, nil); err == nil || !strings.Contains(err.Error(), "config:3: \"Match exec \\\"true\\\"\" is not supported") {
		t.Errorf("error %v", err)
	}
}

func TestCutLinkIsNoAnswer(t *testing.T) {
	l := newLab(t, sshd.Config{})
	c := l.dial(t)
	s, err := c.Shell(t.Context(), host.As{})
	if err != nil {
		t.Fatal(err)
	}
	go func() { time.Sleep(200 * time.Millisecond); l.srv.Cut() }()
	_, err = s.Run(t.Context(), sh.Script("sleep 5; exit 0"))
	var te *host.TransportError
	if !errors.As(err, &te) || !te.Begun {
		t.Fatalf("error %v, want a transport error with an unknown outcome", err)
	}
	if _, err := c.Shell(t.Context(), host.As{}); !errors.Is(err, host.ErrTransport) {
		t.Errorf("a new shell on a cut link: %v", err)
	}
}

func TestShellThatIsNone(t *testing.T) {
	l := newLab(t, sshd.Config{Shell: []string{"/bin/sh", "-c", "echo This account is currently not available.; exit 1"}})
	c := l.dial(t)
	_, err := c.Shell(t.Context(), host.As{})
	if err == nil || !strings.Contains(err.Error(), "not available") {
		t.Errorf("error %v", err)
	}
}
