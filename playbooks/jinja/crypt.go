package jinja

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"remoterun/runner/value"
)

// crypt64 is the alphabet of crypt(3)'s base 64.
const crypt64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// cryptEntries is password_hash.
func cryptEntries() []entry {
	return strictAll([]entry{{
		name: "password_hash", sig: "password_hash(hashtype='sha512', salt=None, salt_size=None, rounds=None, ident=None)",
		example: "{{ 'secret' | password_hash('sha256', 'mysalt', rounds=5000) }}", shows: "$5$mysalt$I2SNajjJ3Gc5gIR/tkrLOGngF8wqv59buJCqxh.o9s8", fn: filterPasswordHash, impure: true,
	}})
}

// hashing is the options of one password hash.
type hashing struct {
	salt   string
	rounds int
	ident  string
}

// scheme is a way of hashing passwords, with passlib's defaults and limits.
type scheme struct {
	saltSize, maxSalt int
	rounds            int
	minRounds         int
	maxRounds         int
	run               func(password string, h hashing) (string, error)
}

func schemes() map[string]scheme {
	return map[string]scheme{
		"md5_crypt":    {8, 8, 0, 0, 0, md5Crypt},
		"sha256_crypt": {16, 16, 535000, 1000, 999999999, shaCrypt256},
		"sha512_crypt": {16, 16, 656000, 1000, 999999999, shaCrypt512},
		"bcrypt":       {22, 22, 12, 4, 31, bcryptHash},
	}
}

// maxCryptRounds keeps a hostile playbook from holding the laptop for hours.
const maxCryptRounds = 20_000_000

func filterPasswordHash(c *call) (value.Value, error) {
	a, err := c.bind("hashtype=", "salt=", "salt_size=", "rounds=", "ident=")
	if err != nil {
		return value.Value{}, err
	}
	kind := textOr(a[0], "sha512")
	if long, ok := map[string]string{"md5": "md5_crypt", "blowfish": "bcrypt", "sha256": "sha256_crypt", "sha512": "sha512_crypt"}[kind]; ok {
		kind = long
	}
	s, ok := schemes()[kind]
	if !ok {
		return value.Value{}, fmt.Errorf("passlib does not support '%s' algorithm", kind)
	}
	h := hashing{ident: textOr(a[4], "")}
	if h.rounds, err = s.roundsOf(a[3]); err != nil {
		return value.Value{}, err
	}
	if h.salt, err = s.saltOf(a[1], a[2]); err != nil {
		return value.Value{}, err
	}
	password, err := wantText(c.in, "secret")
	if err != nil {
		return value.Value{}, err
	}
	if strings.ContainsRune(password, 0) {
		return value.Value{}, errors.New("a password must hold no NUL")
	}
	out, err := s.run(password, h)
	if err != nil {
		return value.Value{}, err
	}
	return textResult(out)
}

func (s scheme) roundsOf(v value.Value) (int, error) {
	if !given(v) {
		return s.rounds, nil
	}
	n, err := asInteger(v)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return s.rounds, nil
	case s.minRounds == 0:
		return 0, errors.New("unexpected keyword argument 'rounds'")
	case n < int64(s.minRounds):
		return 0, fmt.Errorf("Could not hash the secret: rounds (%d) is too low, must be at least %d", n, s.minRounds)
	case n > int64(s.maxRounds) || n > maxCryptRounds:
		return 0, fmt.Errorf("Could not hash the secret: rounds (%d) is too large", n)
	}
	return int(n), nil
}

func (s scheme) saltOf(v, size value.Value) (string, error) {
	n := s.saltSize
	if given(size) {
		k, err := asInteger(size)
		if err != nil || k < 0 || k > int64(s.maxSalt) {
			return "", errors.New("Could not hash the secret: the salt size is out of range")
		}
		n = int(k)
	}
	if !value.Truth(nullIfUndefined(v)) {
		return randomSalt(n), nil
	}
	salt := value.Str(v)
	for _, r := range salt {
		if !strings.ContainsRune(crypt64, r) {
			return "", errors.New("invalid characters in salt")
		}
	}
	if len(salt) > s.maxSalt {
		return "", fmt.Errorf("Could not hash the secret: salt too large (%d chars, at most %d)", len(salt), s.maxSalt)
	}
	return salt, nil
}

func randomSalt(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	for i := range b {
		b[i] = crypt64[b[i]&63]
	}
	return string(b)
}

// put64 writes n letters of the low bits of w, lowest first.
func put64(b *strings.Builder, w uint32, n int) {
	for range n {
		b.WriteByte(crypt64[w&63])
		w >>= 6
	}
}
