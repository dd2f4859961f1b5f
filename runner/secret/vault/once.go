package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// Seal writes a vault with a password of its own. A nil salt is drawn; a label
// other than "" and "default" is written into the vault (version 1.2).
func Seal(plain, password, salt []byte, label string) ([]byte, error) {
	switch {
	case Is(plain):
		return nil, errors.New("input is already encrypted")
	case strings.ContainsAny(label, ";\n\r"):
		return nil, fmt.Errorf("the vault id %q has a semicolon or a line break", label)
	case salt == nil:
		salt = make([]byte, saltSize)
		rand.Read(salt) // never fails
	case len(salt) == 0:
		//lint:ignore ST1005 Ansible's own words
		return nil, errors.New("Empty or invalid salt passed to encrypt()")
	}
	return derive(password, salt).seal(plain, salt, label)
}

// Unseal opens a vault with one password, whatever its label.
func Unseal(text, password []byte) ([]byte, error) {
	env, err := parse(text)
	if err != nil {
		return nil, err
	}
	plain, err := derive(password, env.salt).open(env)
	if errors.Is(err, errPassword) {
		//lint:ignore ST1005 Ansible's own words
		return nil, errors.New("Decryption failed (no vault secrets were found that could decrypt)")
	}
	return plain, err
}
