package ansible

import (
	"errors"
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// vaultEntries are the filters between text and Ansible Vault's.
func vaultEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "vault", Sig: "vault(secret, salt=None, vaultid='filter_default', wrap_object=False)", Example: "{{ 'text' | vault('password', 'salt') | regex_search('^.*;filter_default') }}", Shows: "$ANSIBLE_VAULT;1.2;AES256;filter_default", Func: filterVault, Impure: true},
		{Name: "unvault", Sig: "unvault(secret, vaultid='filter_default')", Example: "{{ 'no vault' | unvault('password') }}", Shows: "no vault", Func: filterUnvault},
	})
}

// vaultTexts reads what both filters take: text, and a password as text.
func vaultTexts(c *core.Call, secret value.Value, bad string) (text, password string, err error) {
	password, ok := secret.AsString()
	if !ok {
		return "", "", fmt.Errorf("Secret passed is required to be a string, instead we got: %s", core.PyType(secret))
	}
	if text, ok = c.In.AsString(); !ok {
		return "", "", fmt.Errorf("%s, instead we got: %s", bad, core.PyType(c.In))
	}
	return text, password, nil
}

func sealSystem(c *core.Call) (core.SealSystem, error) {
	sys, ok := c.System().(core.SealSystem)
	if !ok {
		return nil, errors.New("vaults cannot be read or written here")
	}
	return sys, nil
}

func filterVault(c *core.Call) (value.Value, error) {
	a, err := c.Bind("secret", "salt=", "vaultid=", "wrap_object=")
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
	if core.Given(a[1]) {
		salt = append([]byte{}, value.Str(a[1])...)
	}
	out, err := sys.Seal([]byte(text), []byte(password), salt, core.TextOr(a[2], "filter_default"))
	if err != nil {
		return value.Value{}, fmt.Errorf("Unable to encrypt: %w", err)
	}
	return core.Text(string(out))
}

// filterUnvault leaves alone what is no vault; what was one is masked.
func filterUnvault(c *core.Call) (value.Value, error) {
	a, err := c.Bind("secret", "vaultid=")
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
