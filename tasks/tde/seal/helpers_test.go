package seal

import (
	"bytes"
	"remoterun/runner/secret"
	"strings"
	"testing"
	"time"
)

// testSealer has a work factor that nobody would use.
func testSealer() Sealer { return Sealer{Iterations: 1000, Random: newStream("salt")} }

// stream is bytes that are the same in every run.
type stream struct{ block, rest []byte }

func newStream(seed string) *stream { return &stream{block: []byte(seed)} }

func (s *stream) Read(p []byte) (int, error) {
	for i := range p {
		if len(s.rest) == 0 {
			s.block = []byte(HexSum(s.block))
			s.rest = s.block
		}
		p[i], s.rest = s.rest[0]*7+s.rest[len(s.rest)-1], s.rest[1:]
	}
	return len(p), nil
}

func passphrase(s string) secret.Sealed { return secret.New([]byte(s)) }

// keyringOf makes a keyring of named keys.
func keyringOf(t testing.TB, bits int, names ...string) Keyring {
	t.Helper()
	k := Keyring{}
	for _, n := range names {
		var err error
		if k, err = k.Append(n, bits, newStream("key "+n)); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func bytesOf(t testing.TB, k Keyring) (out []byte) {
	t.Helper()
	if err := k.Use(func(b []byte) error { out = bytes.Clone(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func testManifest(host string, generation int) Manifest {
	return Manifest{
		KeyringID: strings.Repeat("0123456789abcdef", 2), Project: "sync", Host: host, Generation: generation,
		Made: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), By: "anna@laptop",
	}
}

func flipAt(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 1; return b }
