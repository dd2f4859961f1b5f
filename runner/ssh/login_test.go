package ssh_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/secret"
	"remoterun/runner/ssh"
)

func ecdsaSigner(t *testing.T) gossh.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := gossh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOtherKeyType: a known server that shows another type of key than the
// stored ones is neither unknown nor an algorithm's matter.
func TestOtherKeyType(t *testing.T) {
	l := newLab(t, sshd.Config{})
	file := filepath.Join(l.home, ".ssh", "known_hosts")
	write(t, file, "# mine\n"+knownhosts.Line([]string{knownhosts.Normalize(l.srv.Addr())}, ecdsaSigner(t).PublicKey())+"\n")
	_, err := l.d.Dial(t.Context(), l.target(), nil)
	refused(t, err, "the host key of ["+"127.0.0.1]:"+fmt.Sprint(l.srv.Port())+" is of another type than the known one: it shows ssh-ed25519, known_hosts has ecdsa-sha2-nistp256 ("+file+":2)",
		"Either the server was reinstalled or its keys were changed, or somebody is in between")
	var key *ssh.HostKeyError
	if !errors.As(err, &key) || key.Problem != ssh.KeyOtherType {
		t.Errorf("%#v", err)
	}
}

// TestKeyFileOfOthers: a private key that others can read is not used, wherever
// it was named, and the words say what to do.
func TestKeyFileOfOthers(t *testing.T) {
	l := newLab(t, sshd.Config{})
	file := filepath.Join(l.home, ".ssh", "id_ed25519")
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o620, 0o610} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		says := fmt.Sprintf("there was no key and no password to try; not used: key %s: its mode %04o lets others read it, so it is not used: chmod 600 %s", file, mode, file)
		_, err := l.d.Dial(t.Context(), l.target(), nil)
		refused(t, err, says)
		tg := l.target()
		tg.KeyFile = file
		_, err = l.d.Dial(t.Context(), tg, nil)
		refused(t, err, says)
	}
	if err := os.Chmod(file, 0o400); err != nil {
		t.Fatal(err)
	}
	l.dial(t)
}

// TestOperatorIsNotTheServer: the clock of a login stands while the operator
// types and while the agent works.
func TestOperatorIsNotTheServer(t *testing.T) {
	const limit, longer = 2 * time.Second, 2500 * time.Millisecond
	l := newLab(t, sshd.Config{Password: "pw"})
	tg := l.target()
	tg.ConnectTimeout = limit
	write(t, filepath.Join(l.home, ".ssh", "known_hosts"), "")
	l.d.Accept = func(context.Context, ssh.NewKey) (bool, error) { time.Sleep(longer); return true, nil }
	if err := os.Remove(filepath.Join(l.home, ".ssh", "id_ed25519")); err != nil {
		t.Fatal(err)
	}
	tg.AskPassword = true
	asked := ""
	l.d.Ask = func(_ context.Context, _, text string) (secret.Sealed, error) {
		asked = text
		time.Sleep(longer)
		return secret.New([]byte("pw")), nil
	}
	c, err := l.d.Dial(t.Context(), tg, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if want := "SSH password (op@web1 asks first; the others are tried with it, too): "; asked != want {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

// slowAgent answers after a while.
type slowAgent struct {
	agent.Agent
	wait time.Duration
}

func (s slowAgent) Sign(key gossh.PublicKey, data []byte) (*gossh.Signature, error) {
	time.Sleep(s.wait)
	return s.Agent.Sign(key, data)
}

func TestAgentThatWaitsForATouch(t *testing.T) {
	l := newLab(t, sshd.Config{})
	text, err := os.ReadFile(filepath.Join(l.home, ".ssh", "id_ed25519"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := gossh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "agent")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(slowAgent{ring, 2500 * time.Millisecond}, c); _ = c.Close() }()
		}
	}()
	write(t, filepath.Join(l.home, ".ssh", "config"), "Host *\n  IdentityAgent "+socket+"\n  IdentityFile /nonexistent\n")
	l.reload(t)
	tg := l.target()
	tg.ConnectTimeout = 2 * time.Second
	c, err := l.d.Dial(t.Context(), tg, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// TestLoginEndedByTheServer: a server that ends a login after too many tries has
// refused it, in whatever words; one whose link breaks, and an operator who gives no
// answer, have not.
func TestLoginEndedByTheServer(t *testing.T) {
	l := newLab(t, sshd.Config{MaxTries: 1, Password: "hunter2"})
	tg := l.target()
	tg.User = "nobody"
	tg.Password = secret.New([]byte("wrong"))
	_, err := l.d.Dial(t.Context(), tg, nil)
	var ae *ssh.AuthError
	if !errors.As(err, &ae) || !ae.Cut {
		t.Fatalf("%T %v", err, err)
	}
	refused(t, err, "refused the login of nobody", "it ended the login: ", "too many authentication failures")

	tg.Password, tg.AskPassword = secret.Sealed{}, true
	l = newLab(t, sshd.Config{Password: "hunter2"})
	if err := os.Remove(filepath.Join(l.home, ".ssh", "id_ed25519")); err != nil {
		t.Fatal(err)
	}
	tg.Port = l.srv.Port()
	none := errors.New("there is no terminal to ask")
	l.d.Ask = func(context.Context, string, string) (secret.Sealed, error) { return secret.Sealed{}, none }
	if _, err = l.d.Dial(t.Context(), tg, nil); errors.As(err, &ae) {
		t.Errorf("a question without an answer is taken for the server's refusal: %v", err)
	}
	refused(t, err, none.Error())
}
