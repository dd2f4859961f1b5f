package tdetest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"strings"
	"testing"
	"time"

	"remoterun/runner/secret"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
)

// SealHeader makes a key file's header as the extension does it.
func SealHeader(t testing.TB, k seal.Keyring, key, magic string) []byte {
	t.Helper()
	h := make([]byte, pgtde.HeaderSize)
	copy(h, magic)
	h[8], h[12] = 5, 0xff
	copy(h[pgtde.HeaderName:], key)
	_, _ = NewStream("iv " + key).Read(h[pgtde.HeaderIV:pgtde.HeaderTag])
	err := k.UseKey(k.Index(key), func(b []byte) error {
		block, err := aes.NewCipher(b)
		if err != nil {
			return err
		}
		gcm, err := cipher.NewGCMWithNonceSize(block, 16)
		if err != nil {
			return err
		}
		copy(h[pgtde.HeaderTag:], gcm.Seal(nil, h[pgtde.HeaderIV:pgtde.HeaderTag], nil, h[pgtde.HeaderAAD:pgtde.HeaderIV]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestSealer has a work factor that nobody would use.
func TestSealer() seal.Sealer { return seal.Sealer{Iterations: 1000, Random: NewStream("salt")} }

// Stream is bytes that are the same in every run.
type Stream struct{ block, rest []byte }

func NewStream(seed string) *Stream { return &Stream{block: []byte(seed)} }

func (s *Stream) Read(p []byte) (int, error) {
	for i := range p {
		if len(s.rest) == 0 {
			s.block = []byte(seal.HexSum(s.block))
			s.rest = s.block
		}
		p[i], s.rest = s.rest[0]*7+s.rest[len(s.rest)-1], s.rest[1:]
	}
	return len(p), nil
}

func Passphrase(s string) secret.Sealed { return secret.New([]byte(s)) }

// KeyringOf makes a keyring of named keys.
func KeyringOf(t testing.TB, bits int, names ...string) seal.Keyring {
	t.Helper()
	k := seal.Keyring{}
	for _, n := range names {
		var err error
		if k, err = k.Append(n, bits, NewStream("key "+n)); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func BytesOf(t testing.TB, k seal.Keyring) (out []byte) {
	t.Helper()
	if err := k.Use(func(b []byte) error { out = bytes.Clone(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestManifest(host string, generation int) seal.Manifest {
	return seal.Manifest{
		KeyringID: strings.Repeat("0123456789abcdef", 2), Project: "sync", Host: host, Generation: generation,
		Made: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), By: "anna@laptop",
	}
}

func FlipAt(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 1; return b }
