package jinja

import (
	"errors"
	"fmt"

	"remoterun/playbooks/jinja/crypt"
	"remoterun/runner/value"
)

// cryptEntries is password_hash.
func cryptEntries() []entry {
	return strictAll([]entry{{
		name: "password_hash", sig: "password_hash(hashtype='sha512', salt=None, salt_size=None, rounds=None, ident=None)",
		example: "{{ 'secret' | password_hash('sha256', 'mysalt', rounds=5000) }}", shows: "$5$mysalt$I2SNajjJ3Gc5gIR/tkrLOGngF8wqv59buJCqxh.o9s8", fn: filterPasswordHash, impure: true,
	}})
}

func filterPasswordHash(c *call) (value.Value, error) {
	a, err := c.bind("hashtype=", "salt=", "salt_size=", "rounds=", "ident=")
	if err != nil {
		return value.Value{}, err
	}
	kind := textOr(a[0], "sha512")
	if long, ok := map[string]string{"md5": "md5_crypt", "blowfish": "bcrypt", "sha256": "sha256_crypt", "sha512": "sha512_crypt"}[kind]; ok {
		kind = long
	}
	s, ok := crypt.Find(kind)
	if !ok {
		return value.Value{}, fmt.Errorf("passlib does not support '%s' algorithm", kind)
	}
	o := crypt.Options{Ident: textOr(a[4], "")}
	if o.Rounds, err = hashRounds(s, a[3]); err != nil {
		return value.Value{}, err
	}
	if o.Salt, err = hashSalt(s, a[1], a[2]); err != nil {
		return value.Value{}, err
	}
	password, err := wantText(c.in, "secret")
	if err != nil {
		return value.Value{}, err
	}
	out, err := s.Hash(password, o)
	if err != nil {
		return value.Value{}, err
	}
	return textResult(out)
}

func hashRounds(s crypt.Scheme, v value.Value) (int, error) {
	if !given(v) {
		return s.Rounds, nil
	}
	n, err := asInteger(v)
	if err != nil || n == 0 {
		return s.Rounds, err
	}
	return int(n), s.CheckRounds(n)
}

func hashSalt(s crypt.Scheme, v, size value.Value) (string, error) {
	n := s.SaltSize
	if given(size) {
		k, err := asInteger(size)
		if err != nil || k < 0 || k > int64(s.MaxSalt) {
			return "", errors.New("Could not hash the secret: the salt size is out of range")
		}
		n = int(k)
	}
	if !value.Truth(nullIfUndefined(v)) {
		return crypt.RandomSalt(n), nil
	}
	salt := value.Str(v)
	return salt, s.CheckSalt(salt)
}
