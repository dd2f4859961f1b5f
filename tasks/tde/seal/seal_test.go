package seal

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestDerivationIsTheLibrarys(t *testing.T) {
	for _, pass := range []string{"", "x", "Ünïcode", strings.Repeat("long ", 30)} {
		for _, n := range []int{1, 2, 1000} {
			want, err := pbkdf2.Key(sha256.New, pass, []byte("saltsalt"), n, derivedSize)
			if err != nil {
				t.Fatal(err)
			}
			got, err := pbkdf2SHA256(t.Context(), []byte(pass), []byte("saltsalt"), n)
			if err != nil || !bytes.Equal(got[:], want) {
				t.Errorf("passphrase of %d bytes, %d iterations: differs (%v)", len(pass), n, err)
			}
		}
	}
}

func TestDerivationStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pbkdf2SHA256(ctx, []byte("x"), []byte("saltsalt"), MaxIterations); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// opensslLine is the emergency line of docs/formats.md.
func openssl(t *testing.T, pass string, args ...string) []byte {
	t.Helper()
	args = append([]string{"enc", "-aes-256-cbc", "-pbkdf2", "-md", "sha256", "-pass", "stdin"}, args...)
	cmd := exec.Command("openssl", args...)
	cmd.Stdin = strings.NewReader(pass + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %v: %v", args, err)
	}
	return out
}

func TestOpensslOpensWhatWeSeal(t *testing.T) {
	needOpenssl(t)
	for _, names := range [][]string{{"a"}, {"a", "b", "c"}} {
		k := keyringOf(t, 256, names...)
		c, m, err := testSealer().Seal(t.Context(), k, passphrase("pass wörd"), testManifest("web1", 1))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), c.Name(m)+".enc")
		if err := os.WriteFile(file, c.Enc, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := openssl(t, "pass wörd", "-d", "-iter", strconv.Itoa(m.Iterations), "-in", file); !bytes.Equal(got, bytesOf(t, k)) {
			t.Errorf("%d keys: openssl opened something else", len(names))
		}
	}
}

func TestTheEmergencyLineIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	if line := OpensslLine("000001-1a2b3c4d.enc", "/run/keyring", Iterations); !strings.Contains(string(doc), line+"\n") {
		t.Errorf("docs/formats.md lacks %q", line)
	}
}

func TestWeDecryptWhatOpensslSeals(t *testing.T) {
	needOpenssl(t)
	plain := filepath.Join(t.TempDir(), "keyring")
	want := bytesOf(t, keyringOf(t, 128, "a", "b"))
	if err := os.WriteFile(plain, want, 0o600); err != nil {
		t.Fatal(err)
	}
	enc := openssl(t, "p", "-e", "-salt", "-iter", "1000", "-in", plain)
	d, err := derive(t.Context(), []byte("p"), enc[8:16], 1000)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.decrypt(enc[16:]); err != nil || !bytes.Equal(got, want) {
		t.Errorf("differs: %v", err)
	}
}

func TestSealKeepsCreationTimes(t *testing.T) {
	k := keyringOf(t, 128, "a")
	_, m, err := testSealer().Seal(t.Context(), k, passphrase("p"), testManifest("web1", 1))
	if err != nil {
		t.Fatal(err)
	}
	born := m.Made
	m.Generation, m.Made = 2, m.Made.Add(1e9)
	_, m, err = testSealer().Seal(t.Context(), keyringOf(t, 128, "a", "b"), passphrase("p"), m)
	if err != nil || !m.Keys[0].Created.Equal(born) || !m.Keys[1].Created.Equal(m.Made) {
		t.Errorf("%+v %v", m.Keys, err)
	}
}

func needOpenssl(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is needed: install the package openssl")
	}
}

func FuzzParseKeyring(f *testing.F) {
	f.Add(record("k1", []byte("0123456789abcdef"), 16))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		k, err := ParseKeyring(b)
		if err != nil {
			return
		}
		if !bytes.Equal(bytesOf(t, k), before) || k.Size() != len(before) {
			t.Error("an accepted keyring changed")
		}
		if m, err := Merge(k, k); err != nil || !bytes.Equal(bytesOf(t, m), before) {
			t.Errorf("merging with itself: %v", err)
		}
	})
}

func FuzzManifest(f *testing.F) {
	c, _, err := testSealer().Seal(f.Context(), keyringOf(f, 128, "a"), passphrase("p"), testManifest("web1", 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.Manifest)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			return
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseManifest(again); err != nil {
			t.Errorf("what was accepted is refused when written again: %v", err)
		}
	})
}

// fitting makes the manifest say size and hash of these ciphertext bytes, so that a
// fuzzer's bytes get past the first check.
func fitting(m Manifest, enc []byte) Manifest {
	m.Size, m.SHA256 = len(enc), HexSum(enc)
	return m
}

func FuzzOpen(f *testing.F) {
	s := Sealer{Iterations: 1, Random: newStream("fuzz")}
	k := keyringOf(f, 128, "a")
	good, m, err := s.Seal(f.Context(), k, passphrase("p"), testManifest("web1", 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Enc, good.Tag, good.Manifest, false)
	f.Add(good.Enc[:len(good.Enc)-1], good.Tag, good.Manifest, true)
	f.Add(append(bytes.Clone(good.Enc), 0), good.Tag, good.Manifest, true)
	f.Add(good.Enc[:16], good.Tag, good.Manifest, true)
	f.Fuzz(func(t *testing.T, enc, tag, manifest []byte, fit bool) {
		c := Copy{Enc: enc, Tag: tag, Manifest: manifest}
		if fit {
			var err error
			if c.Manifest, err = fitting(m, enc).encode(); err != nil {
				t.Fatal(err)
			}
		}
		if m, err := s.Inspect(c); err != nil || m.Iterations > 1000 {
			return
		}
		if _, _, err := s.Open(t.Context(), c, passphrase("p")); err == nil && !c.Equal(good) {
			t.Error("a copy was opened that was not sealed")
		}
	})
}

// FuzzParseSheet: the fuzzer's bytes become a ciphertext whose manifest fits, and
// lines between and behind the sheet's own.
func FuzzParseSheet(f *testing.F) {
	s := Sealer{Iterations: 1, Random: newStream("fuzz")}
	good, m, err := s.Seal(f.Context(), keyringOf(f, 128, "a"), passphrase("p"), testManifest("web1", 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Enc, "", "", uint16(0))
	f.Add(good.Enc, "----- end -----", "----- 000001-00000000.enc -----\nAAAA", uint16(3))
	f.Add(good.Enc[:20], "\r", " \t", uint16(12))
	f.Fuzz(func(t *testing.T, enc []byte, between, behind string, at uint16) {
		c := StoredCopy{Copy: Copy{Enc: enc, Tag: good.Tag}, Manifest: fitting(m, enc)}
		var err error
		if c.Copy.Manifest, err = c.Manifest.encode(); err != nil {
			t.Fatal(err)
		}
		c.Name = c.Copy.Name(c.Manifest)
		lines := strings.SplitAfter(string(Sheet(c)), "\n")
		i := int(at) % len(lines)
		text := strings.Join(lines[:i], "") + between + strings.Join(lines[i:], "") + behind
		got, err := ParseSheet(s, []byte(text))
		if err != nil {
			if between == "" && behind == "" && len(enc) >= saltSize*2 && string(enc[:8]) == saltMagic && len(enc) <= maxCipher {
				t.Errorf("a sheet of ours is not read: %v", err)
			}
			return
		}
		if again, err := ParseSheet(s, Sheet(got)); err != nil || !again.Equal(got.Copy) {
			t.Errorf("a sheet that was read is another one when written: %v", err)
		}
	})
}
