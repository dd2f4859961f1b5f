// Package vault reads and writes Ansible Vault, versions 1.1 and 1.2, and finds
// the passwords for it: files, programs and prompts, by vault id. It never
// writes a password anywhere, and it reads one only when a vault needs it.
//
// The format derives its keys with 10,000 rounds of PBKDF2, which a weak
// password does not survive; that is its limit, not a choice.
package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"remoterun/runner/secret"
)

// Options are what passwords are found with.
type Options struct {
	// Ask asks the operator. label is the vault id, empty for the plain question
	// (-J). nil = prompts are errors.
	Ask func(ctx context.Context, label string) (secret.Sealed, error)
	// Run runs a password program and returns what it prints; nil = as a child
	// with the terminal's error stream.
	Run func(ctx context.Context, path string, args ...string) ([]byte, error)
	// Learn is told every password, for a redactor; may be nil.
	Learn func(secret.Sealed)
	// OnlyLabel tries for a vault with a label only the secrets of that label.
	OnlyLabel bool
}

// Vaults opens vaults with the secrets of a run. It is safe for concurrent use;
// each password is asked for at most once.
type Vaults struct {
	opt Options
	mu  sync.Mutex
	ids []*loaded
	// derived keeps what costs 10,000 rounds: one per secret and salt.
	derived map[derivation]*keys
}

type derivation struct {
	id   int
	salt string
}

// loaded is an identity with its password, once it was needed.
type loaded struct {
	Identity
	password secret.Sealed
	err      error
	tried    bool
}

// New takes the secrets in the order in which they are tried.
func New(ids []Identity, opt Options) *Vaults {
	v := &Vaults{opt: opt, derived: map[derivation]*keys{}}
	for _, id := range ids {
		v.ids = append(v.ids, &loaded{Identity: id})
	}
	return v
}

// Len is the number of secrets.
func (v *Vaults) Len() int { return len(v.ids) }

// Decrypt opens a vault and returns the label of the secret that fitted. Those
// of the vault's own label are tried first, then all others in order. Errors:
// *FormatError; else which secrets were tried and why they failed.
func (v *Vaults) Decrypt(ctx context.Context, text []byte) (plain []byte, label string, err error) {
	env, err := parse(text)
	if err != nil {
		return nil, "", err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.decrypt(ctx, env, len(v.ids))
}

// decrypt tries the first n secrets.
func (v *Vaults) decrypt(ctx context.Context, env *envelope, n int) ([]byte, string, error) {
	if n == 0 {
		return nil, "", &ClosedError{errors.New("no vault password was given (--vault-password-file, --vault-id or -J)")}
	}
	var tried []string
	var failed []error
	for _, i := range v.order(env.label, n) {
		id := v.ids[i]
		if err := v.load(ctx, i); err != nil {
			if ctx.Err() != nil {
				return nil, "", context.Cause(ctx)
			}
			failed = append(failed, err)
			continue
		}
		k, err := v.keys(i, env.salt)
		if err != nil {
			return nil, "", err
		}
		plain, err := k.open(env)
		if err == nil {
			return plain, id.Label, nil
		}
		if !errors.Is(err, errPassword) {
			return nil, "", err
		}
		tried = append(tried, id.name())
	}
	return nil, "", v.noneFits(env.label, tried, failed)
}

// order lists the secrets to try: the label's own first.
func (v *Vaults) order(label string, n int) []int {
	var own, other []int
	for i, id := range v.ids[:n] {
		if id.Label == label {
			own = append(own, i)
		} else {
			other = append(other, i)
		}
	}
	if v.opt.OnlyLabel {
		return own
	}
	return append(own, other...)
}

func (v *Vaults) noneFits(label string, tried []string, failed []error) error {
	msg := "no vault password fits"
	if label != DefaultLabel {
		msg += fmt.Sprintf(" (the vault's id is %q", label)
		if !slices.ContainsFunc(v.ids, func(id *loaded) bool { return id.Label == label }) {
			msg += ", and no secret of that id was given"
		}
		msg += ")"
	}
	if len(tried) > 0 {
		msg += "; tried: " + strings.Join(tried, ", ")
	}
	if len(failed) > 0 {
		return &ClosedError{fmt.Errorf("%s; %w", msg, errors.Join(failed...))}
	}
	return &ClosedError{errors.New(msg)}
}

// ClosedError is a vault that no password opens: none was given, or none fits.
type ClosedError struct{ Cause error }

func (e *ClosedError) Error() string { return e.Cause.Error() }

// Unwrap returns why the passwords that were to be tried could not be.
func (e *ClosedError) Unwrap() error { return e.Cause }

// keys derives, once per secret and salt.
func (v *Vaults) keys(i int, salt []byte) (*keys, error) {
	at := derivation{i, string(salt)}
	if k, ok := v.derived[at]; ok {
		return k, nil
	}
	err := v.ids[i].password.Use(func(p []byte) error {
		v.derived[at] = derive(p, salt)
		return nil
	})
	return v.derived[at], err
}

// Encrypt writes a vault with the first secret of a label; an empty label takes
// the first of all, and its label. A label other than "default" is written into
// the vault (version 1.2).
func (v *Vaults) Encrypt(ctx context.Context, plain []byte, label string) ([]byte, error) {
	if Is(plain) {
		return nil, errors.New("encrypt: this is a vault already")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	i := slices.IndexFunc(v.ids, func(id *loaded) bool { return label == "" || id.Label == label })
	if i < 0 {
		return nil, fmt.Errorf("encrypt: no secret of the vault id %q was given", label)
	}
	if strings.ContainsAny(v.ids[i].Label, ";\n\r") {
		return nil, fmt.Errorf("encrypt: the vault id %q has a semicolon or a line break", v.ids[i].Label)
	}
	if err := v.load(ctx, i); err != nil {
		return nil, err
	}
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	k, err := v.keys(i, salt)
	if err != nil {
		return nil, err
	}
	return k.seal(plain, salt, v.ids[i].Label)
}

// Wipe forgets all passwords and keys; what is opened later asks again.
func (v *Vaults) Wipe() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, id := range v.ids {
		id.password.Wipe()
		id.password, id.err, id.tried = secret.Sealed{}, nil, false
	}
	for at, k := range v.derived {
		clear(k.cipher[:cap(k.cipher)])
		delete(v.derived, at)
	}
}
