package ssh

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// KeyProblem is why a host key was refused.
type KeyProblem string

const (
	KeyUnknown KeyProblem = "unknown"
	KeyChanged KeyProblem = "changed"
	KeyRevoked KeyProblem = "revoked"
	// KeyOtherType is a known server that shows none of the types that are
	// stored for it.
	KeyOtherType KeyProblem = "other type"
)

// HostKeyError is a server whose key was not accepted.
type HostKeyError struct {
	Problem     KeyProblem
	Host        string // as in known_hosts: name or [name]:port
	Type        string
	Fingerprint string   // SHA256:…
	Stored      []string // FILE:LINE of what the user has for this host
	Err         error    // why an unknown key was not accepted; nil = it was just not
}

// Unwrap is why the key was not accepted.
func (e *HostKeyError) Unwrap() error { return e.Err }

func (e *HostKeyError) Error() string {
	switch e.Problem {
	case KeyUnknown:
		text := fmt.Sprintf("the host key of %s is not known: %s %s", e.Host, e.Type, e.Fingerprint)
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
		return text
	case KeyRevoked:
		return fmt.Sprintf("the host key of %s is revoked (%s): %s %s", e.Host, strings.Join(e.Stored, ", "), e.Type, e.Fingerprint)
	}
	if e.Problem == KeyOtherType {
		return fmt.Sprintf("the host key of %s is of another type than the known one: it shows %s, known_hosts has %s. Either the server was reinstalled or its keys were changed, or somebody is in between",
			e.Host, e.Type, strings.Join(e.Stored, ", "))
	}
	return fmt.Sprintf("THE HOST KEY OF %s HAS CHANGED: it shows %s %s, known_hosts has another (%s). Either the server was reinstalled or somebody is in between: find out which, then remove that line",
		e.Host, e.Type, e.Fingerprint, strings.Join(e.Stored, ", "))
}

// NewKey is an unknown key that the operator is asked about.
type NewKey struct {
	Host, Type, Fingerprint string
	File                    string // where it will be written
}

// known is what known_hosts files say of one host.
type known struct {
	check ssh.HostKeyCallback
	addr  string // normal form for look-ups, host:port
	types []string
	// stored are the host's keys in the files.
	stored []knownhosts.KnownKey
	files  []string
	// copies are files without their bad lines, and which those stand for.
	copies map[string]string
}

// loadKnown reads the files line by line: one that cannot be read is skipped
// with a warning, except a @revoked one, which fails closed.
func loadKnown(s settings, warn func(string)) (*known, error) {
	name := strings.ToLower(cmp.Or(s.keyAlias, s.host))
	k := &known{addr: net.JoinHostPort(name, strconv.Itoa(s.port)), files: s.known, copies: map[string]string{}}
	if s.keyAlias != "" {
		k.addr = net.JoinHostPort(name, "22") // an alias is looked up as it stands
	}
	good, err := k.readable(s.known, warn)
	for copied := range k.copies {
		defer os.RemoveAll(filepath.Dir(copied))
	}
	if err != nil {
		return nil, err
	}
	if k.check, err = knownhosts.New(good...); err != nil {
		return nil, err
	}
	k.findTypes(s.known)
	return k, nil
}

// readable are the files that are there. The library refuses a whole file for one
// bad line: of such a one there is a copy without it, with the same line numbers.
func (k *known) readable(files []string, warn func(string)) ([]string, error) {
	var out []string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("known hosts: %w", err)
		}
		lines, bad := bytes.Split(text, []byte("\n")), false
		for n, line := range lines {
			if _, _, _, _, _, err := ssh.ParseKnownHosts(line); err == nil && !endless(line) || len(bytes.TrimSpace(line)) == 0 || bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
				continue
			}
			if bytes.HasPrefix(bytes.TrimSpace(line), []byte("@revoked")) {
				return nil, fmt.Errorf("%s:%d: a @revoked line cannot be read; mend it first", f, n+1)
			}
			warn(fmt.Sprintf("%s:%d: this line cannot be read and is skipped", f, n+1))
			lines[n], bad = nil, true
		}
		if bad {
			if f, err = k.copyOf(f, bytes.Join(lines, []byte("\n"))); err != nil {
				return nil, err
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// endless reports patterns that the library would match for ever: it tries every
// way to share a name among their stars.
func endless(line []byte) bool {
	for _, field := range bytes.Fields(line)[:min(2, len(bytes.Fields(line)))] {
		for _, pattern := range bytes.Split(field, []byte(",")) {
			if bytes.Count(pattern, []byte("*")) > 6 {
				return true
			}
		}
	}
	return false
}

// copyOf puts text into a private folder in a file's stead.
func (k *known) copyOf(file string, text []byte) (string, error) {
	dir, err := os.MkdirTemp("", "remoterun-known-")
	if err != nil {
		return "", err
	}
	clean := filepath.Join(dir, "known_hosts")
	k.copies[clean] = file
	return clean, os.WriteFile(clean, text, 0o600)
}

// findTypes asks the files which key types they have for the host: offering
// others would make a known server look like a changed one.
func (k *known) findTypes(files []string) {
	_, probe, err := fakeKey()
	if err != nil {
		return
	}
	var ke *knownhosts.KeyError
	if err := k.check(k.addr, fakeAddr{}, probe); !errors.As(err, &ke) {
		return
	}
	k.stored = ke.Want
	for _, w := range ke.Want {
		k.types = append(k.types, w.Key.Type())
	}
	if len(k.types) == 0 {
		k.types = authorities(files)
	}
}

// authorities answers certificate types when a @cert-authority line is there.
func authorities(files []string) []string {
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if bytes.HasPrefix(text, []byte("@cert-authority")) || bytes.Contains(text, []byte("\n@cert-authority")) {
			return nil // any type: the default list begins with certificates
		}
	}
	return nil
}

// algorithms are the host key algorithms to offer: those that the files have for
// the host, else all, in OpenSSH's order: the operator compares an unknown key
// with what ssh and the hoster's console show first.
func (k *known) algorithms() []string {
	if len(k.types) == 0 {
		return usualOrder(ssh.SupportedAlgorithms().HostKeys)
	}
	var out []string
	for _, t := range k.types {
		algos := []string{t}
		if t == ssh.KeyAlgoRSA {
			algos = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
		for _, a := range algos {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// usualOrder puts certificates first, then Ed25519, ECDSA, RSA.
func usualOrder(algos []string) []string {
	rank := func(a string) int {
		n := 2
		switch {
		case strings.Contains(a, "ed25519"):
			n = 0
		case strings.Contains(a, "ecdsa"):
			n = 1
		}
		if !strings.Contains(a, "-cert-") {
			n += 3
		}
		return n
	}
	slices.SortStableFunc(algos, func(a, b string) int { return rank(a) - rank(b) })
	return algos
}

// callback verifies the key that the server shows. accept is asked about an
// unknown one; nil refuses it.
func (k *known) callback(ctx context.Context, stored []string, accept func(context.Context, NewKey) (bool, error)) ssh.HostKeyCallback {
	return func(_ string, remote net.Addr, key ssh.PublicKey) error {
		err := k.check(k.addr, remote, key)
		var ke *knownhosts.KeyError
		var re *knownhosts.RevokedError
		e := &HostKeyError{Problem: KeyChanged, Host: knownhosts.Normalize(k.addr), Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key)}
		switch {
		case errors.As(err, &re):
			e.Problem, e.Stored = KeyRevoked, []string{k.place(re.Revoked)}
			return e
		case !errors.As(err, &ke):
			return err
		case len(ke.Want) > 0:
			if !slices.ContainsFunc(ke.Want, func(w knownhosts.KnownKey) bool { return w.Key.Type() == key.Type() }) {
				e.Problem, e.Stored = KeyOtherType, k.storedPlaces()
				return e
			}
			for _, w := range ke.Want {
				e.Stored = append(e.Stored, k.place(w))
			}
			return e
		}
		e.Problem = KeyUnknown
		if accept == nil {
			return e
		}
		ok, err := accept(ctx, NewKey{Host: e.Host, Type: e.Type, Fingerprint: e.Fingerprint, File: stored[0]})
		if err == nil && ok {
			if err = remember(stored[0], k.addr, key); err == nil {
				return nil
			}
		}
		e.Err = err
		return e
	}
}

// storedPlaces are type and place of each stored key.
func (k *known) storedPlaces() []string {
	out := make([]string, len(k.stored))
	for i, w := range k.stored {
		out[i] = w.Key.Type() + " (" + k.place(w) + ")"
	}
	return out
}

// hostKeyTypes are key types among algorithms, as known_hosts writes them.
func hostKeyTypes(algorithms []string) []string {
	var out []string
	for _, a := range algorithms {
		switch a {
		case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
			a = ssh.KeyAlgoRSA
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// place names the user's own file and line for an entry of our clean copy.
func (k *known) place(w knownhosts.KnownKey) string {
	file := w.Filename
	if own, ok := k.copies[file]; ok {
		file = own
	}
	return fmt.Sprintf("%s:%d", file, w.Line)
}

// remember appends an accepted key; a last line without its newline is ended
// first.
func remember(file, addr string, key ssh.PublicKey) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("cannot write the accepted host key: %w", err)
	}
	defer f.Close()
	last := byte('\n')
	r := bufio.NewReader(f)
	for {
		b, err := r.ReadByte()
		if err != nil {
			break
		}
		last = b
	}
	line := knownhosts.Line([]string{knownhosts.Normalize(addr)}, key) + "\n"
	if last != '\n' {
		line = "\n" + line
	}
	if _, err := f.WriteString(line); err != nil {
		return err
	}
	return f.Sync()
}

// fakeKey is a key that no server has, to ask the files what they hold.
func fakeKey() (ssh.Signer, ssh.PublicKey, error) {
	s, err := newEphemeral()
	if err != nil {
		return nil, nil, err
	}
	return s, s.PublicKey(), nil
}

type fakeAddr struct{}

func (fakeAddr) Network() string { return "tcp" }
func (fakeAddr) String() string  { return "192.0.2.1:22" }
