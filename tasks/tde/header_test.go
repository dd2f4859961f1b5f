package tde

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"strings"
	"testing"

	"remoterun/runner/host"
)

// sealHeader makes a key file's header as the extension does it.
func sealHeader(t testing.TB, k Keyring, key, magic string) []byte {
	t.Helper()
	h := make([]byte, HeaderSize)
	copy(h, magic)
	h[8], h[12] = 5, 0xff
	copy(h[headerName:], key)
	_, _ = newStream("iv " + key).Read(h[headerIV:headerTag])
	err := k.useKey(k.index(key), func(b []byte) error {
		block, err := aes.NewCipher(b)
		if err != nil {
			return err
		}
		gcm, err := cipher.NewGCMWithNonceSize(block, 16)
		if err != nil {
			return err
		}
		copy(h[headerTag:], gcm.Seal(nil, h[headerIV:headerTag], nil, h[headerAAD:headerIV]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestParseHeaders(t *testing.T) {
	head := strings.Repeat("ab", HeaderSize)
	for name, c := range map[string]struct {
		answer host.Answer
		files  int
		err    string
	}{
		"no data folder": {answer: host.Answer{Status: 3}},
		"no key folder":  {answer: host.Answer{Stdout: []byte("end\n")}},
		"two":            {answer: host.Answer{Stdout: []byte(head + " pg_tde/1663_keys\n" + head + " pg_tde/wal_keys\nend\n")}, files: 2},
		"cut":            {answer: host.Answer{Stdout: []byte(head + " pg_tde/1663_keys\n")}, err: "not whole"},
		"no hex":         {answer: host.Answer{Stdout: []byte("zz pg_tde/1663_keys\nend\n")}, err: "1663_keys"},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := ParseHeaders(c.answer)
			if c.err == "" {
				c.err = "ok"
			}
			outcome(t, c.err, err)
			if len(files) != c.files || len(files) > 0 && hex.EncodeToString(files[0].Head) != head {
				t.Errorf("%d files, want %d", len(files), c.files)
			}
		})
	}
}
