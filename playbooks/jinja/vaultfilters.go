package jinja

import (
	"errors"
	"fmt"
	"strings"

	"remoterun/runner/value"
)

// vaultEntries are the filters between text and Ansible Vault's.
func vaultEntries() []entry {
	return strictAll([]entry{
		{name: "vault", sig: "vault(secret, salt=None, vaultid='filter_default', wrap_object=False)", example: "{{ 'text' | vault('password', 'salt') | regex_search('^.*;filter_default') }}", shows: "$ANSIBLE_VAULT;1.2;AES256;filter_default", fn: filterVault, impure: true},
		{name: "unvault", sig: "unvault(secret, vaultid='filter_default')", example: "{{ 'no vault' | unvault('password') }}", shows: "no vault", fn: filterUnvault},
	})
}

// vaultTexts reads what both filters take: text, and a password as text.
func vaultTexts(c *call, secret value.Value, bad string) (text, password string, err error) {
	password, ok := secret.AsString()
	if !ok {
		return "", "", fmt.Errorf("Secret passed is required to be a string, instead we got: %s", pyType(secret))
	}
	if text, ok = c.in.AsString(); !ok {
		return "", "", fmt.Errorf("%s, instead we got: %s", bad, pyType(c.in))
	}
	return text, password, nil
}

func sealSystem(c *call) (SealSystem, error) {
	sys, ok := c.system().(SealSystem)
	if !ok {
		return nil, errors.New("vaults cannot be read or written here")
	}
	return sys, nil
}

func filterVault(c *call) (value.Value, error) {
	a, err := c.bind("secret", "salt=", "vaultid=", "wrap_object=")
	if err != nil {
		return value.Value{}, err
	}
	text, password, err := vaultTexts(c, a[0], "Can only vault strings")
	if err != nil {
		return value.Value{}, err
	}
	sys, err := sealSystem(c)
	if err != nil {
		return value.Value{}, err
	}
	var salt []byte
	if given(a[1]) {
		salt = append([]byte{}, value.Str(a[1])...)
	}
	out, err := sys.Seal([]byte(text), []byte(password), salt, textOr(a[2], "filter_default"))
	if err != nil {
		return value.Value{}, fmt.Errorf("Unable to encrypt: %w", err)
	}
	return textResult(string(out))
}

// filterUnvault leaves alone what is no vault; what was one is masked.
func filterUnvault(c *call) (value.Value, error) {
	a, err := c.bind("secret", "vaultid=")
	if err != nil {
		return value.Value{}, err
	}
	text, password, err := vaultTexts(c, a[0], "Vault should be in the form of a string")
	if err != nil || !strings.HasPrefix(text, "$ANSIBLE_VAULT") {
		return value.String(text), err
	}
	sys, err := sealSystem(c)
	if err != nil {
		return value.Value{}, err
	}
	plain, err := sys.Unseal([]byte(text), []byte(password))
	if err != nil {
		return value.Value{}, fmt.Errorf("Unable to decrypt: %w", err)
	}
	return value.MarkedString(string(plain), value.Masked), nil
}
