package seal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the test vectors anew")

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

func TestSealedVectors(t *testing.T) {
	if *update {
		makeSealedVectors(t)
	}
	readVectors(t, "sealed", func(t *testing.T, v vector) {
		s := Sealer{}
		if v.values["floor"] != "" {
			_, _ = fmt.Sscan(v.values["floor"], &s.Iterations)
		}
		c := Copy{Enc: v.bytes(t, "enc"), Tag: v.bytes(t, "tag"), Manifest: v.bytes(t, "manifest")}
		k, _, err := s.Open(context.Background(), c, passphrase(v.values["passphrase"]))
		outcome(t, v.values["expect"], err)
		if err == nil && !bytes.Equal(bytesOf(t, k), v.bytes(t, "keyring")) {
			t.Error("the opened keyring is another one")
		}
	})
}

func makeSealedVectors(t *testing.T) {
	const pass = "Ünïcode staple battery horse"
	sealOf := func(s Sealer, k Keyring) Copy {
		c, _, err := s.Seal(context.Background(), k, passphrase(pass), testManifest("web1", 1))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	put := func(name, expect, pass string, floor any, c Copy, k []byte) {
		writeVector(t, "sealed/"+name, "expect", expect, "passphrase", pass, "floor", floor,
			"enc", c.Enc, "tag", c.Tag, "manifest", c.Manifest, "keyring", k)
	}
	one, two := keyringOf(t, 128, "sync-1"), keyringOf(t, 256, "sync-1", "sync-2")
	full := sealOf(Sealer{Random: newStream("full")}, one)
	put("whole-work-factor", "ok", pass, "", full, bytesOf(t, one))
	low := sealOf(testSealer(), one)
	put("low-work-factor-refused", "1000 iterations, 600000 to 10000000", pass, "", low, nil)
	put("one-key", "ok", pass, 1000, low, bytesOf(t, one))
	put("two-keys-of-256-bits", "ok", pass, 1000, sealOf(testSealer(), two), bytesOf(t, two))
	put("wrong-passphrase", ErrPassphrase.Error(), "Ünïcode staple battery hors", 1000, low, nil)
	flip := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 1; return b }
	c := low
	c.Enc = flip(low.Enc, 100)
	put("ciphertext-flipped", "not the one that the manifest describes", pass, 1000, c, nil)
	c.Manifest = bytes.ReplaceAll(low.Manifest, []byte(HexSum(low.Enc)), []byte(HexSum(c.Enc)))
	put("ciphertext-flipped-and-hash-made-to-fit", ErrTampered.Error(), pass, 1000, c, nil)
	c = low
	c.Manifest = bytes.ReplaceAll(low.Manifest, []byte(`"web1"`), []byte(`"web2"`))
	put("host-changed", ErrTampered.Error(), pass, 1000, c, nil)
	c.Manifest = append(bytes.Clone(low.Manifest), '\n')
	put("manifest-with-a-byte-more", ErrTampered.Error(), pass, 1000, c, nil)
	c.Manifest = bytes.Replace(low.Manifest, []byte(`"by"`), []byte(`"bye"`), 1)
	put("manifest-unknown-field", "unknown field", pass, 1000, c, nil)
	c = low
	c.Tag = sealOf(testSealer(), two).Tag
	put("tag-of-another-copy", ErrTampered.Error(), pass, 1000, c, nil)
	c.Tag = low.Tag[:len(low.Tag)-1]
	put("tag-cut", "no tag file", pass, 1000, c, nil)
	c = low
	c.Manifest = bytes.ReplaceAll(low.Manifest, []byte(`"iterations": 1000`), []byte(`"iterations": 20000000`))
	put("work-factor-too-high", "20000000 iterations", pass, 1000, c, nil)
}

func record(name string, key []byte, size uint32) []byte {
	b := make([]byte, RecordSize)
	copy(b, name)
	copy(b[NameSize:], key)
	binary.LittleEndian.PutUint32(b[NameSize+keySize:], size)
	return b
}

func TestKeyringVectors(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	if *update {
		junk := make([]byte, RecordSize)
		_, _ = newStream("junk").Read(junk)
		for name, v := range map[string]struct {
			expect string
			data   []byte
		}{
			"empty":           {"ok", nil},
			"one":             {"ok", record("k1", key, 16)},
			"two":             {"ok", append(record("k1", key, 16), record("k2", key, 32)...)},
			"torn-tail":       {"not a whole number", record("k1", key, 16)[:290]},
			"hex-and-newline": {"not a whole number", append(bytes.Repeat([]byte("a"), 64), '\n')},
			"random-bytes":    {"record 1", junk},
			"same-name":       {"records 1 and 2 have the same name", append(record("key", key, 16), record("KEY", key, 16)...)},
			"zero-key":        {"all zero", record("k1", nil, 16)},
			"length-24":       {"24 bytes", record("k1", key, 24)},
			"no-name":         {"name is empty", record("", key, 16)},
			"name-with-tail":  {"behind the end of its name", record("k1\x00k2", key, 16)},
			"name-of-256":     {"has no end", record(strings.Repeat("n", 256), key, 16)},
		} {
			writeVector(t, "keyring/"+name, "expect", v.expect, "keyring", v.data)
		}
	}
	readVectors(t, "keyring", func(t *testing.T, v vector) {
		data := v.bytes(t, "keyring")
		k, err := ParseKeyring(bytes.Clone(data))
		outcome(t, v.values["expect"], err)
		if err == nil && !bytes.Equal(bytesOf(t, k), data) {
			t.Error("the bytes changed")
		}
	})
}

func TestMerge(t *testing.T) {
	names := func(k Keyring) string {
		var s []string
		for _, e := range k.Entries() {
			s = append(s, e.Name)
		}
		return strings.Join(s, " ")
	}
	for name, c := range map[string]struct {
		older, newer []string
		want         string
	}{
		"equal":                      {[]string{"a", "b"}, []string{"a", "b"}, "a b"},
		"newer has more":             {[]string{"a"}, []string{"a", "b"}, "a b"},
		"older has more":             {[]string{"a", "c"}, []string{"a", "b"}, "a c b"},
		"nothing in common":          {[]string{"a", "b"}, []string{"c"}, "a b c"},
		"the wanted one stays last":  {[]string{"a", "b", "c"}, []string{"a"}, "b c a"},
		"older is empty":             {nil, []string{"a"}, "a"},
		"newer is empty":             {[]string{"a"}, nil, "a"},
		"names differ in case alone": {[]string{"a"}, []string{"a", "B"}, "a B"},
	} {
		t.Run(name, func(t *testing.T) {
			older, newer := keyringOf(t, 128, c.older...), keyringOf(t, 128, c.newer...)
			got, err := Merge(older, newer)
			if err != nil || names(got) != c.want {
				t.Fatalf("%q %v, want %q", names(got), err, c.want)
			}
			if len(got.Missing(older)) > 0 || len(got.Missing(newer)) > 0 {
				t.Error("a record got lost")
			}
		})
	}
	a, _ := Keyring{}.Append("same", 128, newStream("1"))
	b, _ := Keyring{}.Append("SAME", 128, newStream("2"))
	if _, err := Merge(a, b); !errors.Is(err, ErrKeyClash) {
		t.Errorf("one name with two keys: %v", err)
	}
}
