package vault

import (
	"bytes"
	"strings"
	"testing"
)

func TestSealAndUnseal(t *testing.T) {
	for _, c := range []struct{ plain, password, label, first string }{
		{"secret", "pw", "", "$ANSIBLE_VAULT;1.1;AES256"},
		{"", "pw", "default", "$ANSIBLE_VAULT;1.1;AES256"},
		{"ä\n16 bytes or more", "p w", "prod", "$ANSIBLE_VAULT;1.2;AES256;prod"},
	} {
		text, err := Seal([]byte(c.plain), []byte(c.password), nil, c.label)
		if err != nil {
			t.Fatal(err)
		}
		if first, _, _ := bytes.Cut(text, []byte("\n")); string(first) != c.first {
			t.Errorf("header %q, want %q", first, c.first)
		}
		if got, err := Unseal(text, []byte(c.password)); err != nil || string(got) != c.plain {
			t.Errorf("%q, %v; want %q", got, err, c.plain)
		}
		if got, err := Unseal(text, []byte("other")); err == nil || !strings.Contains(err.Error(), "Decryption failed") {
			t.Errorf("a wrong password gives %q, %v", got, err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		plain, label string
		salt         []byte
		want         string
	}{
		"a vault":       {"$ANSIBLE_VAULT;1.1;AES256\n00", "", nil, "already encrypted"},
		"a label":       {"x", "a;b", nil, "semicolon"},
		"an empty salt": {"x", "", []byte{}, "Empty or invalid salt"},
	} {
		if out, err := Seal([]byte(c.plain), []byte("pw"), c.salt, c.label); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, %v; want %q", name, out, err, c.want)
		}
	}
	if _, err := Unseal([]byte("no vault"), []byte("pw")); err == nil {
		t.Error("what is no vault was opened")
	}
}
