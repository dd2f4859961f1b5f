// Package crypt hashes passwords as crypt(3) and Python's passlib do: SHA-512
// and SHA-256 crypt, bcrypt and the old MD5 crypt, each with a salt that may be
// given, so that the same password gives the same text again.
package crypt

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// alphabet is that of crypt(3)'s base 64.
const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Options are what one hash is made with beside the password.
type Options struct {
	Salt   string
	Rounds int    // bcrypt: the binary logarithm; md5_crypt has none
	Ident  string // of bcrypt: 2a, 2b or 2y; empty = 2b
}

// Scheme is a way of hashing passwords, with passlib's defaults and limits.
type Scheme struct {
	SaltSize, MaxSalt    int // letters
	Rounds               int // 0: the number is fixed
	minRounds, maxRounds int
	run                  func(password string, o Options) (string, error)
}

// Find returns the scheme that passlib has under a name, such as sha512_crypt.
func Find(name string) (Scheme, bool) {
	s, ok := map[string]Scheme{
		"md5_crypt":    {8, 8, 0, 0, 0, md5Crypt},
		"sha256_crypt": {16, 16, 535000, 1000, 999999999, shaCrypt256},
		"sha512_crypt": {16, 16, 656000, 1000, 999999999, shaCrypt512},
		"bcrypt":       {22, 22, 12, 4, 31, bcryptHash},
	}[name]
	return s, ok
}

// What keeps a hostile playbook from holding the laptop for hours; the longest
// password is passlib's.
const (
	maxRounds   = 20_000_000
	maxPassword = 4096
	maxBlocks   = 50_000_000
)

// Hash hashes a password. Salt and rounds are taken as they are: CheckSalt and
// CheckRounds are for those that people give.
func (s Scheme) Hash(password string, o Options) (string, error) {
	switch {
	case strings.ContainsRune(password, 0):
		return "", errors.New("a password must hold no NUL")
	case len(password) > maxPassword:
		return "", fmt.Errorf("password exceeds maximum allowed size (%d bytes)", maxPassword)
	case o.Rounds*(1+len(password)/64) > maxBlocks:
		return "", errors.New("so many rounds over so long a password take too long")
	}
	return s.run(password, o)
}

// CheckRounds refuses what passlib refuses, and what would never end.
func (s Scheme) CheckRounds(n int64) error {
	switch {
	case s.minRounds == 0:
		return errors.New("unexpected keyword argument 'rounds'")
	case n < int64(s.minRounds):
		return fmt.Errorf("Could not hash the secret: rounds (%d) is too low, must be at least %d", n, s.minRounds)
	case n > int64(s.maxRounds) || n > maxRounds:
		return fmt.Errorf("Could not hash the secret: rounds (%d) is too large", n)
	}
	return nil
}

// CheckSalt refuses letters outside the alphabet and salts that are too long.
func (s Scheme) CheckSalt(salt string) error {
	for _, r := range salt {
		if !strings.ContainsRune(alphabet, r) {
			return errors.New("invalid characters in salt")
		}
	}
	if len(salt) > s.MaxSalt {
		return fmt.Errorf("Could not hash the secret: salt too large (%d chars, at most %d)", len(salt), s.MaxSalt)
	}
	return nil
}

// RandomSalt draws n letters.
func RandomSalt(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b)
}

// put64 writes n letters of the low bits of w, lowest first.
func put64(b *strings.Builder, w uint32, n int) {
	for range n {
		b.WriteByte(alphabet[w&63])
		w >>= 6
	}
}
