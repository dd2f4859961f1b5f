package ansible

import (
	"errors"
	"fmt"

	"remoterun/playbooks/jinja/core"
	"remoterun/playbooks/jinja/crypt"
	"remoterun/runner/value"
)

// cryptEntries is password_hash.
func cryptEntries() []core.Entry {
	return core.StrictAll([]core.Entry{{
		Name: "password_hash", Sig: "password_hash(hashtype='sha512', salt=None, salt_size=None, rounds=None, ident=None)",
		Example: "{{ 'secret' | password_hash('sha256', 'mysalt', rounds=5000) }}", Shows: "$5$mysalt$I2SNajjJ3Gc5gIR/tkrLOGngF8wqv59buJCqxh.o9s8", Func: filterPasswordHash, Impure: true,
	}})
}

func filterPasswordHash(c *core.Call) (value.Value, error) {
	a, err := c.Bind("hashtype=", "salt=", "salt_size=", "rounds=", "ident=")
	if err != nil {
		return value.Value{}, err
	}
	kind := core.TextOr(a[0], "sha512")
	if long, ok := map[string]string{"md5": "md5_crypt", "blowfish": "bcrypt", "sha256": "sha256_crypt", "sha512": "sha512_crypt"}[kind]; ok {
		kind = long
	}
	s, ok := crypt.Find(kind)
	if !ok {
		return value.Value{}, fmt.Errorf("passlib does not support '%s' algorithm", kind)
	}
	o := crypt.Options{Ident: core.TextOr(a[4], "")}
	if o.Rounds, err = hashRounds(s, a[3]); err != nil {
		return value.Value{}, err
	}
	if o.Salt, err = hashSalt(s, a[1], a[2]); err != nil {
		return value.Value{}, err
	}
	password, err := core.WantText(c.In, "secret")
	if err != nil {
		return value.Value{}, err
	}
	out, err := s.Hash(password, o)
	if err != nil {
		return value.Value{}, err
	}
	return core.Text(out)
}

func hashRounds(s crypt.Scheme, v value.Value) (int, error) {
	if !core.Given(v) {
		return s.Rounds, nil
	}
	n, err := core.AsInteger(v)
	if err != nil || n == 0 {
		return s.Rounds, err
	}
	return int(n), s.CheckRounds(n)
}

func hashSalt(s crypt.Scheme, v, size value.Value) (string, error) {
	n := s.SaltSize
	if core.Given(size) {
		k, err := core.AsInteger(size)
		if err != nil || k < 0 || k > int64(s.MaxSalt) {
			return "", errors.New("Could not hash the secret: the salt size is out of range")
		}
		n = int(k)
	}
	if !value.Truth(core.NullIfUndefined(v)) {
		return crypt.RandomSalt(n), nil
	}
	salt := value.Str(v)
	return salt, s.CheckSalt(salt)
}
