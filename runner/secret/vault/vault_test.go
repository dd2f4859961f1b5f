package vault

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/secret"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func ids(t *testing.T, list ...string) []Identity {
	t.Helper()
	var out []Identity
	for _, s := range list {
		id, err := ParseIdentity(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, id)
	}
	return out
}

// TestVectors opens what ansible-vault wrote.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.vault")
	if err != nil || len(files) != 14 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	v := New(ids(t, "testdata/default.pass", "prod@testdata/prod.pass"), Options{})
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".vault")
		plain, version, _ := strings.Cut(name, "-")
		got, label, err := v.Decrypt(t.Context(), read(t, file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := map[string]string{"11": "default", "12": "prod"}[version]; label != want {
			t.Errorf("%s: opened by %q, want %q", name, label, want)
		}
		if want := read(t, "testdata/"+plain+".plain"); !bytes.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// The same salt gives the same text as ansible-vault's, byte for byte.
func TestWritesAsAnsible(t *testing.T) {
	for file, label := range map[string]string{"yaml-11": "", "yaml-12": "prod", "empty-11": "default", "long-12": "prod"} {
		want := read(t, "testdata/"+file+".vault")
		env, err := parse(want)
		if err != nil {
			t.Fatal(err)
		}
		pass := bytes.TrimSpace(read(t, "testdata/"+env.label+".pass"))
		plain, _, _ := strings.Cut(file, "-")
		got, err := derive(pass, env.salt).seal(read(t, "testdata/"+plain+".plain"), env.salt, label)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, got\n%s", file, err, got)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	v := New(ids(t, "testdata/default.pass", "prod@testdata/prod.pass"), Options{})
	for _, label := range []string{"", "default", "prod"} {
		for n := range 33 {
			plain := bytes.Repeat([]byte{'a'}, n)
			text, err := v.Encrypt(t.Context(), plain, label)
			if err != nil {
				t.Fatal(err)
			}
			got, by, err := v.Decrypt(t.Context(), text)
			if err != nil || !bytes.Equal(got, plain) || label != "" && by != label {
				t.Errorf("%d bytes under %q: %v, %q", n, label, err, by)
			}
			if lower := label == "prod" && !bytes.HasPrefix(text, []byte("$ANSIBLE_VAULT;1.2;AES256;prod\n")); lower {
				t.Errorf("the label is lost: %s", text[:40])
			}
		}
	}
	if _, err := v.Encrypt(t.Context(), []byte("$ANSIBLE_VAULT;1.1;AES256\n"), ""); err == nil {
		t.Error("a vault in a vault needs an error")
	}
	if _, err := v.Encrypt(t.Context(), nil, "gone"); err == nil || err.Error() != `encrypt: no secret of the vault id "gone" was given` {
		t.Error(err)
	}
}

func TestIndentedText(t *testing.T) {
	text := strings.ReplaceAll(string(read(t, "testdata/yaml-12.vault")), "\n", "\r\n      ")
	got, _, err := New(ids(t, "prod@testdata/prod.pass"), Options{}).Decrypt(t.Context(), []byte(text))
	if err != nil || !bytes.Equal(got, read(t, "testdata/yaml.plain")) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestErrors(t *testing.T) {
	whole := string(read(t, "testdata/yaml-12.vault"))
	flipped := []byte(whole)
	flipped[len(flipped)-2] ^= 1
	for name, c := range map[string]struct {
		ids        []string
		text, want string
	}{
		"no secret":       {nil, whole, "no vault password was given (--vault-password-file, --vault-id or -J)"},
		"wrong secret":    {[]string{"testdata/default.pass"}, whole, `no vault password fits (the vault's id is "prod", and no secret of that id was given); tried: default (testdata/default.pass)`},
		"wrong, same id":  {[]string{"prod@testdata/default.pass", "a@testdata/default.pass"}, whole, `no vault password fits (the vault's id is "prod"); tried: prod (testdata/default.pass), a (testdata/default.pass)`},
		"wrong, no id":    {[]string{"prod@testdata/prod.pass"}, string(read(t, "testdata/one-11.vault")), "no vault password fits; tried: prod (testdata/prod.pass)"},
		"no file":         {[]string{"testdata/gone"}, whole, `no vault password fits (the vault's id is "prod", and no secret of that id was given); vault password file testdata/gone is not there`},
		"folder":          {[]string{"prod@testdata"}, whole, `no vault password fits (the vault's id is "prod"); vault password file testdata is a folder`},
		"empty password":  {[]string{"prod@testdata/empty.plain"}, whole, `no vault password fits (the vault's id is "prod"); the vault password of prod (testdata/empty.plain) is empty`},
		"nobody to ask":   {[]string{"prod@prompt"}, whole, `no vault password fits (the vault's id is "prod"); a vault password is needed, and nobody can be asked (--vault-password-file)`},
		"no vault":        {[]string{"prod@testdata/prod.pass"}, "hello\n", "vault: line 1: is not a vault: it does not begin with $ANSIBLE_VAULT"},
		"empty":           {[]string{"prod@testdata/prod.pass"}, "", "vault: line 1: is not a vault: it does not begin with $ANSIBLE_VAULT"},
		"cut header":      {nil, "$ANSIBLE_VAULT;1.1\n", "vault: line 1: the header is cut: $ANSIBLE_VAULT;1.1;AES256 is expected"},
		"old version":     {nil, "$ANSIBLE_VAULT;1.0;AES\n", `vault: line 1: version "1.0" is not known (1.1 and 1.2 are)`},
		"other cipher":    {nil, "$ANSIBLE_VAULT;1.2;AES;x\n", `vault: line 1: cipher "AES" is not known (AES256 is)`},
		"no digits":       {nil, "$ANSIBLE_VAULT;1.1;AES256\n00\n0x\n", `vault: line 3: 'x' is not a hexadecimal digit`},
		"odd digits":      {nil, "$ANSIBLE_VAULT;1.1;AES256\n000\n", "vault: an odd number of digits: the text is cut"},
		"no parts":        {nil, "$ANSIBLE_VAULT;1.1;AES256\n3030\n", "vault: salt, checksum and content are expected; the text is cut or damaged"},
		"cut":             {[]string{"prod@testdata/prod.pass"}, whole[:len(whole)-41], "vault: the text is cut or damaged"},
		"a flipped digit": {[]string{"prod@testdata/prod.pass"}, string(flipped), `no vault password fits (the vault's id is "prod"); tried: prod (testdata/prod.pass)`},
	} {
		_, _, err := New(ids(t, c.ids...), Options{}).Decrypt(t.Context(), []byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
		}
	}
	if _, err := ParseIdentity("prod@"); err == nil {
		t.Error("an identity without a source needs an error")
	}
}

func TestOnlyLabel(t *testing.T) {
	v := New(ids(t, "dev@testdata/prod.pass"), Options{OnlyLabel: true})
	if _, _, err := v.Decrypt(t.Context(), read(t, "testdata/one-12.vault")); err == nil {
		t.Error("a secret of another label must not be tried")
	}
}

func TestPromptsOncePerSecret(t *testing.T) {
	var asked []string
	var learnt int
	v := New(append(ids(t, "prod@prompt"), Prompt()), Options{
		Ask: func(_ context.Context, label string) (secret.Sealed, error) {
			asked = append(asked, label)
			if label == "" {
				return secret.Sealed{}, errors.New("no terminal")
			}
			return secret.New([]byte(" spaced out\n")), nil
		},
		Learn: func(secret.Sealed) { learnt++ },
	})
	for range 3 {
		if _, _, err := v.Decrypt(t.Context(), read(t, "testdata/one-12.vault")); err != nil {
			t.Fatal(err)
		}
		_, _, err := v.Decrypt(t.Context(), read(t, "testdata/one-11.vault"))
		if err == nil || !strings.Contains(err.Error(), "vault password: no terminal") || !strings.Contains(err.Error(), "tried: prod") {
			t.Errorf("got %v", err)
		}
	}
	if strings.Join(asked, "|") != "prod|" || learnt != 1 {
		t.Errorf("asked %q, learnt %d", asked, learnt)
	}
	v.Wipe()
	if _, _, err := v.Decrypt(t.Context(), read(t, "testdata/one-12.vault")); err != nil || len(asked) != 3 {
		t.Errorf("after Wipe: %v, asked %q", err, asked)
	}
}

func TestDerivesOncePerSalt(t *testing.T) {
	v := New(ids(t, "prod@testdata/prod.pass"), Options{})
	for range 5 {
		if _, _, err := v.Decrypt(t.Context(), read(t, "testdata/one-12.vault")); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.derived) != 1 {
		t.Errorf("%d derivations", len(v.derived))
	}
}

func script(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrograms(t *testing.T) {
	vault := read(t, "testdata/one-12.vault")
	client := script(t, "pass-client.sh", `[ "$1 $2" = "--vault-id prod" ] || exit 2; echo 'spaced out'`)
	for name, c := range map[string]struct{ id, want string }{
		"plain":          {"prod@" + script(t, "pass", "echo 'spaced out'; echo note >&2"), ""},
		"client":         {"prod@" + client, ""},
		"unknown label":  {"dev@" + client, `has no secret for the vault id "dev"`},
		"client, no id":  {client, "exit status 2"},
		"fails":          {"prod@" + script(t, "pass", "exit 7"), "exit status 7"},
		"prints nothing": {"prod@" + script(t, "pass", "true"), "is empty"},
	} {
		_, _, err := New(ids(t, c.id), Options{}).Decrypt(t.Context(), vault)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(data, []byte("spaced out"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, _, err := New(ids(t, "prod@"+data), Options{}).Decrypt(t.Context(), vault)
	if err == nil || !strings.Contains(err.Error(), "it must not be executable") {
		t.Errorf("an executable text: %v", err)
	}
}

// A password file may itself be a vault of an earlier secret.
func TestVaultedPasswordFile(t *testing.T) {
	v := New(ids(t, "testdata/default.pass"), Options{})
	text, err := v.Encrypt(t.Context(), []byte("spaced out\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "prod.pass")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := New(ids(t, "testdata/default.pass", "prod@"+path), Options{}).Decrypt(t.Context(), read(t, "testdata/one-12.vault")); err != nil {
		t.Error(err)
	}
	_, _, err = New(ids(t, "prod@"+path, "testdata/default.pass"), Options{}).Decrypt(t.Context(), read(t, "testdata/one-12.vault"))
	if err == nil || !strings.Contains(err.Error(), "no vault password was given") {
		t.Errorf("only secrets before it open it: %v", err)
	}
}

// FuzzParse: no text may crash the reader, and none but a true vault opens.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.vault")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("$ANSIBLE_VAULT;1.2;AES256;;\n0a0a"))
	k := &keys{make([]byte, 32), make([]byte, 32), make([]byte, 16)}
	f.Fuzz(func(t *testing.T, text []byte) {
		env, err := parse(text)
		if err != nil {
			var fe *FormatError
			if !errors.As(err, &fe) || fe.Msg == "" {
				t.Errorf("an error without words: %v", err)
			}
			return
		}
		if plain, err := k.open(env); err == nil {
			again, err := k.seal(plain, env.salt, env.label)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := parse(again); err != nil || !bytes.Equal(b.ciphertext, env.ciphertext) {
				t.Errorf("written again it differs: %v", err)
			}
		}
	})
}
