package crypt

import (
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/blowfish" //lint:ignore SA1019 bcrypt is made of it
)

// bcrypt64 is bcrypt's own order of the base 64 alphabet.
const bcrypt64 = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// bcryptHash is bcrypt with a salt that is given: the usual package draws its
// own.
func bcryptHash(password string, o Options) (string, error) {
	if len(o.Salt) != 22 {
		return "", fmt.Errorf("Could not hash the secret: salt must be 22 chars, not %d", len(o.Salt))
	}
	ident := o.Ident
	if ident == "" {
		ident = "2b"
	}
	if ident != "2a" && ident != "2b" && ident != "2y" {
		return "", fmt.Errorf("Could not hash the secret: invalid ident: '%s'", ident)
	}
	enc := base64.NewEncoding(bcrypt64).WithPadding(base64.NoPadding)
	salt, err := enc.DecodeString(o.Salt)
	if err != nil {
		return "", err
	}
	sum, err := bcryptRaw([]byte(password), salt, o.Rounds)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$%s$%02d$%s%s", ident, o.Rounds, enc.EncodeToString(salt), enc.EncodeToString(sum[:23])), nil
}

func bcryptRaw(password, salt []byte, cost int) ([]byte, error) {
	if cost > 18 {
		return nil, errors.New("Could not hash the secret: a cost above 18 takes too long")
	}
	key := append(password[:min(len(password), 72):min(len(password), 72)], 0)
	c, err := blowfish.NewSaltedCipher(key, salt)
	if err != nil {
		return nil, err
	}
	for range uint64(1) << cost {
		blowfish.ExpandKey(key, c)
		blowfish.ExpandKey(salt, c)
	}
	out := []byte("OrpheanBeholderScryDoubt")
	for i := 0; i < len(out); i += 8 {
		for range 64 {
			c.Encrypt(out[i:i+8], out[i:i+8])
		}
	}
	return out, nil
}
