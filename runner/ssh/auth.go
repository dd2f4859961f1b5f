package ssh

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"remoterun/runner/secret"
)

// AuthError is a server that refused every way to log in.
type AuthError struct {
	User, Addr string
	Tried      []string // "key /home/a/.ssh/id_ed25519", "agent key SHA256:…", "password"
	Skipped    []string // "key …: permission denied"
	// Cut says that the server ended the login itself, as after too many tries: Err
	// has its words.
	Cut bool
	Err error
}

func (e *AuthError) Error() string {
	msg := fmt.Sprintf("%s refused the login of %s", e.Addr, e.User)
	if len(e.Tried) == 0 {
		msg += ": there was no key and no password to try"
	} else {
		msg += "; tried " + strings.Join(e.Tried, ", ")
	}
	if len(e.Skipped) > 0 {
		msg += "; not used: " + strings.Join(e.Skipped, ", ")
	}
	if e.Cut && e.Err != nil {
		msg += "; it ended the login: " + e.Err.Error()
	}
	return msg
}

// Unwrap returns the library's error.
func (e *AuthError) Unwrap() error { return e.Err }

// Prompt asks the operator for a secret; key tells repeated questions apart.
type Prompt func(ctx context.Context, key, text string) (secret.Sealed, error)

// maxKeys is how many keys are offered: sshd cuts after six failures.
const maxKeys = 5

// login collects a connection's ways to authenticate.
type login struct {
	ctx     context.Context
	s       settings
	t       Target
	ask     Prompt
	clock   *clock
	far     atomic.Int32
	agent   io.Closer
	signers []ssh.Signer
	tried   []string
	skipped []string
	// refused says that the server turned at least one way to log in down, spent that
	// no other was left, and own what went wrong on this side meanwhile.
	refused, spent bool
	own            error
}

// milestone is how far a login has come.
type milestone int32

const keysExchanged milestone = 1

func (l *login) reached(m milestone) { l.far.Store(int32(m)) }

func (l *login) close() {
	if l.agent != nil {
		_ = l.agent.Close()
	}
}

// question asks the operator, who is not the server's fault.
func (l *login) question(key, text string) (secret.Sealed, error) {
	l.clock.stop()
	defer l.clock.start()
	answer, err := l.ask(l.ctx, key, text)
	if err != nil {
		l.own = err
	}
	return answer, err
}

// next is told of each way that the server turned down, and leaves the choice of
// the next one to the library.
func (l *login) next(at *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	l.refused = true
	l.spent = !slices.ContainsFunc(l.names(), func(name string) bool {
		return slices.Contains(at.AllowedMethods, name) && !slices.Contains(at.TriedMethods, name)
	})
	return nil, nil
}

// names are the protocol's names of what methods returns.
func (l *login) names() []string {
	if !l.t.Password.IsZero() || l.t.AskPassword {
		return []string{"publickey", "password", "keyboard-interactive"}
	}
	return []string{"publickey"}
}

// turnedDown reports a login that failed because the server wanted none of it: a
// link that broke, and what this side lacked, are no refusals.
func (l *login) turnedDown(err error) bool {
	broke := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed)
	return l.refused && l.own == nil && (l.spent || !broke)
}

// methods are tried in OpenSSH's order: keys, then keyboard-interactive, then
// password.
func (l *login) methods() []ssh.AuthMethod {
	out := []ssh.AuthMethod{ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
		l.collect()
		return l.signers, nil
	})}
	if !l.t.Password.IsZero() || l.t.AskPassword {
		out = append(out,
			ssh.PasswordCallback(l.password),
			ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range questions {
					pw, err := l.password()
					if err != nil {
						return nil, err
					}
					answers[i] = pw
				}
				return answers, nil
			}))
	}
	return out
}

func (l *login) password() (string, error) {
	pw := l.t.Password
	if pw.IsZero() {
		var err error
		if pw, err = l.question("ssh password", "SSH password ("+l.s.user+"@"+l.t.Name+" asks first; the others are tried with it, too): "); err != nil {
			return "", err
		}
	}
	l.tried = append(l.tried, "password")
	var text string
	err := pw.Use(func(b []byte) error { text = string(b); return nil }) // the library takes text only
	return text, err
}

// collect finds the keys: first those of files whose agent holds them, then
// the agent's other keys (unless IdentitiesOnly), then files on their own.
func (l *login) collect() {
	if l.signers != nil {
		return
	}
	held := l.agentKeys()
	used := map[string]bool{}
	for _, file := range l.s.identities {
		l.fromFile(file, held, used)
	}
	if !l.s.identitiesOnly {
		for blob, s := range held {
			if !used[blob] {
				l.add(s, "agent key "+ssh.FingerprintSHA256(s.PublicKey()))
			}
		}
	}
	if l.signers == nil {
		l.signers = []ssh.Signer{}
	}
}

func (l *login) add(s ssh.Signer, what string) {
	if len(l.signers) >= maxKeys {
		l.skipped = append(l.skipped, what+" (more than "+fmt.Sprint(maxKeys)+" keys: name one with IdentityFile)")
		return
	}
	for _, file := range l.s.certificates {
		if c, err := withCertificate(s, file); err == nil {
			l.signers = append(l.signers, c)
			l.tried = append(l.tried, "certificate "+file)
		}
	}
	l.signers = append(l.signers, s)
	l.tried = append(l.tried, what)
}

func (l *login) agentKeys() map[string]ssh.Signer {
	out := map[string]ssh.Signer{}
	if l.s.agent == "" {
		return out
	}
	c, err := net.Dial("unix", l.s.agent)
	if err != nil {
		l.skipped = append(l.skipped, "ssh-agent: "+err.Error())
		return out
	}
	l.agent = c
	signers, err := agent.NewClient(agentConn{c, l.clock}).Signers()
	if err != nil {
		l.skipped = append(l.skipped, "ssh-agent: "+err.Error())
		return out
	}
	for _, s := range signers {
		out[string(s.PublicKey().Marshal())] = s
	}
	return out
}

func (l *login) fromFile(file string, held map[string]ssh.Signer, used map[string]bool) {
	if pub, err := os.ReadFile(file + ".pub"); err == nil {
		if key, _, _, _, err := ssh.ParseAuthorizedKey(pub); err == nil {
			if s, ok := held[string(key.Marshal())]; ok {
				used[string(key.Marshal())] = true
				l.add(s, "agent key "+file)
				return
			}
		}
	}
	text, err := readKey(file)
	typed, named := l.s.named[file]
	switch {
	case os.IsNotExist(err) && named:
		l.skipped = append(l.skipped, "key "+typed+": there is no such file")
		return
	case os.IsNotExist(err): // one of the usual names
		return
	case err != nil:
		l.skipped = append(l.skipped, "key "+err.Error())
		return
	}
	s, err := l.parse(file, text)
	if err != nil {
		l.skipped, l.own = append(l.skipped, "key "+file+": "+err.Error()), nil // it is told there
		return
	}
	used[string(s.PublicKey().Marshal())] = true
	l.add(s, "key "+file)
	if c, err := withCertificate(s, file+"-cert.pub"); err == nil {
		l.signers = append([]ssh.Signer{c}, l.signers...)
	}
}

// readKey reads a private key that nobody else can read, as OpenSSH demands it.
func readKey(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !i.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is not a file", file)
	}
	if own, others := ownerOf(i), i.Mode().Perm()&0o077; own == os.Getuid() && others != 0 {
		return nil, fmt.Errorf("%s: its mode %04o lets others read it, so it is not used: chmod 600 %s", file, i.Mode().Perm(), file)
	}
	if i.Size() > maxKeyFile {
		return nil, fmt.Errorf("%s: it is larger than any key", file)
	}
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}

// maxKeyFile is the most bytes that a file with a key may have.
const maxKeyFile = 1 << 20

// passphraseTries is how often the passphrase of one key file is asked for.
const passphraseTries = 3

// parse opens a private key, asking for its passphrase when it has one.
func (l *login) parse(file string, text []byte) (ssh.Signer, error) {
	s, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	if !errors.As(err, &locked) {
		return s, err
	}
	if l.ask == nil {
		return nil, errors.New("it is encrypted and there is no terminal to ask on; load it into ssh-agent")
	}
	key, question := "key "+file, "Passphrase for key "+file+": "
	for n := range passphraseTries {
		if n > 0 {
			key, question = fmt.Sprintf("key %s, again %d", file, n), "That did not open it. Passphrase for key "+file+": "
		}
		pw, err := l.question(key, question)
		if err != nil {
			return nil, err
		}
		err = pw.Use(func(b []byte) error {
			var err error
			s, err = ssh.ParsePrivateKeyWithPassphrase(text, bytes.Clone(b))
			return err
		})
		if !errors.Is(err, x509.IncorrectPasswordError) {
			return s, err
		}
	}
	return nil, errors.New("wrong passphrase")
}

func withCertificate(s ssh.Signer, file string) (ssh.Signer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, err
	}
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return nil, errors.New("no certificate")
	}
	return ssh.NewCertSigner(cert, s)
}

func newEphemeral() (ssh.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(key)
}
