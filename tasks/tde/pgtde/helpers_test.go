package pgtde

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"remoterun/tasks/tde/seal"
	"strings"
	"testing"
)

// sealHeader makes a key file's header as the extension does it.
func sealHeader(t testing.TB, k seal.Keyring, key, magic string) []byte {
	t.Helper()
	h := make([]byte, HeaderSize)
	copy(h, magic)
	h[8], h[12] = 5, 0xff
	copy(h[HeaderName:], key)
	_, _ = newStream("iv " + key).Read(h[HeaderIV:HeaderTag])
	err := k.UseKey(k.Index(key), func(b []byte) error {
		block, err := aes.NewCipher(b)
		if err != nil {
			return err
		}
		gcm, err := cipher.NewGCMWithNonceSize(block, 16)
		if err != nil {
			return err
		}
		copy(h[HeaderTag:], gcm.Seal(nil, h[HeaderIV:HeaderTag], nil, h[HeaderAAD:HeaderIV]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var update = flag.Bool("update", false, "write the test vectors anew")

// stream is bytes that are the same in every run.
type stream struct{ block, rest []byte }

func newStream(seed string) *stream { return &stream{block: []byte(seed)} }

func (s *stream) Read(p []byte) (int, error) {
	for i := range p {
		if len(s.rest) == 0 {
			s.block = []byte(seal.HexSum(s.block))
			s.rest = s.block
		}
		p[i], s.rest = s.rest[0]*7+s.rest[len(s.rest)-1], s.rest[1:]
	}
	return len(p), nil
}

// keyringOf makes a keyring of named keys.
func keyringOf(t testing.TB, bits int, names ...string) seal.Keyring {
	t.Helper()
	k := seal.Keyring{}
	for _, n := range names {
		var err error
		if k, err = k.Append(n, bits, newStream("key "+n)); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func bytesOf(t testing.TB, k seal.Keyring) (out []byte) {
	t.Helper()
	if err := k.Use(func(b []byte) error { out = bytes.Clone(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// vector is a file of "name: value" lines; values of files are base64.
type vector struct {
	names  []string
	values map[string]string
}

func (v *vector) set(name, value string) {
	if v.values == nil {
		v.values = map[string]string{}
	}
	v.names = append(v.names, name)
	v.values[name] = value
}

func (v *vector) bytes(t *testing.T, name string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(v.values[name])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

func writeVector(t *testing.T, file string, pairs ...any) {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		value := fmt.Sprint(pairs[i+1])
		if raw, ok := pairs[i+1].([]byte); ok {
			value = base64.StdEncoding.EncodeToString(raw)
		}
		fmt.Fprintf(&b, "%s: %s\n", pairs[i], value)
	}
	path := filepath.Join("testdata", "vectors", file+".txt")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readVectors(t *testing.T, kind string, check func(t *testing.T, v vector)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "vectors", kind, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors of %s: %v", kind, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var v vector
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			v.set(strings.TrimSuffix(name, ":"), value)
		}
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { check(t, v) })
	}
}

// outcome compares an error with a vector's expect: "ok" or part of the text.
func outcome(t *testing.T, expect string, err error) {
	t.Helper()
	switch {
	case expect == "ok" && err != nil:
		t.Errorf("error %v, expected none", err)
	case expect != "ok" && err == nil:
		t.Errorf("no error, expected %q", expect)
	case expect != "ok" && !strings.Contains(err.Error(), expect):
		t.Errorf("error %q, expected %q", err, expect)
	}
}

func flipAt(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 1; return b }
