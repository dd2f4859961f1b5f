package packages

import (
	"bytes"
	"crypto/sha1" // #nosec G505: a key's number, as OpenPGP makes it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// pgpKey is a public key of OpenPGP with all that belongs to it, as packets.
type pgpKey struct {
	ids  []string // fingerprints in upper case, the key's own first
	data []byte
}

// is reports whether an id (8, 16 or 40 digits in hex, with 0x or without) means
// the key or a part of it.
func (k pgpKey) is(id string) bool {
	id = cleanID(id)
	for _, f := range k.ids {
		if id != "" && strings.HasSuffix(f, id) {
			return true
		}
	}
	return false
}

// cleanID is an id as fingerprints are written.
func cleanID(id string) string {
	id = strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(id), " ", ""))
	return strings.TrimPrefix(id, "0X")
}

// validID reports whether an id can be one.
func validID(id string) bool {
	id = cleanID(id)
	return len(id) >= 8 && strings.Trim(id, "0123456789ABCDEF") == ""
}

// errNoKey is what text is that holds no key.
var errNoKey = errors.New("no public key of OpenPGP")

// readKeys reads public keys: packets as they are, or armoured.
func readKeys(b []byte) ([]pgpKey, error) {
	if bytes.HasPrefix(b, []byte("KBX")) || len(b) > 12 && string(b[8:12]) == "KBXf" {
		return nil, errors.New("a keybox of GnuPG, which apt does not read: export the key with gpg --export")
	}
	if i := bytes.Index(b, []byte("-----BEGIN PGP ")); i >= 0 {
		var all []pgpKey
		for _, block := range bytes.SplitAfter(b[i:], []byte("-----END PGP PUBLIC KEY BLOCK-----")) {
			if !bytes.Contains(block, []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----")) {
				continue
			}
			raw, err := dearmor(block)
			if err != nil {
				return nil, err
			}
			keys, err := packets(raw)
			if err != nil {
				return nil, err
			}
			all = append(all, keys...)
		}
		if len(all) == 0 {
			return nil, errNoKey
		}
		return all, nil
	}
	return packets(b)
}

// armoured reports text instead of packets.
func armoured(b []byte) bool {
	return bytes.Contains(b, []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----"))
}

// dearmor takes the text's dress off.
func dearmor(block []byte) ([]byte, error) {
	_, rest, _ := strings.Cut(string(block), "-----BEGIN PGP PUBLIC KEY BLOCK-----")
	body, _, ok := strings.Cut(rest, "-----END PGP PUBLIC KEY BLOCK-----")
	if !ok {
		return nil, errors.New("a key that is cut off")
	}
	var b strings.Builder
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=") || strings.Contains(line, ": ") {
			continue
		}
		b.WriteString(line)
	}
	raw, err := base64.StdEncoding.DecodeString(b.String())
	if err != nil {
		return nil, errNoKey
	}
	return raw, nil
}

// packets splits a stream at its primary keys (tag 6).
func packets(b []byte) ([]pgpKey, error) {
	var out []pgpKey
	for len(b) > 0 {
		tag, body, size := packet(b)
		if size == 0 {
			return nil, errNoKey
		}
		switch {
		case tag == 6:
			out = append(out, pgpKey{})
		case len(out) == 0:
			return nil, errNoKey
		}
		k := &out[len(out)-1]
		if tag == 6 || tag == 14 {
			if id := fingerprint(body); id != "" {
				k.ids = append(k.ids, id)
			}
		}
		k.data = append(k.data, b[:size]...)
		b = b[size:]
	}
	if len(out) == 0 || len(out[0].ids) == 0 {
		return nil, errNoKey
	}
	return out, nil
}

// packet reads the head of one: its tag, its body, and its whole length; 0 = not
// valid.
func packet(b []byte) (tag int, body []byte, size int) {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return 0, nil, 0
	}
	head, n := 0, 0
	if b[0]&0x40 != 0 {
		tag = int(b[0] & 0x3f)
		head, n = newLength(b)
	} else {
		tag = int(b[0]>>2) & 0xf
		head, n = oldLength(b)
	}
	if head == 0 || n < 0 || n > len(b)-head {
		return 0, nil, 0
	}
	return tag, b[head : head+n], head + n
}

func newLength(b []byte) (head, n int) {
	switch l := int(b[1]); {
	case l < 192:
		return 2, l
	case l < 224 && len(b) > 2:
		return 3, (l-192)<<8 + int(b[2]) + 192
	case l == 255 && len(b) > 5:
		return 6, int(b[2])<<24 | int(b[3])<<16 | int(b[4])<<8 | int(b[5])
	}
	return 0, 0
}

func oldLength(b []byte) (head, n int) {
	switch kind := b[0] & 3; {
	case kind == 0:
		return 2, int(b[1])
	case kind == 1 && len(b) > 2:
		return 3, int(b[1])<<8 | int(b[2])
	case kind == 2 && len(b) > 4:
		return 5, int(b[1])<<24 | int(b[2])<<16 | int(b[3])<<8 | int(b[4])
	}
	return 0, 0
}

// fingerprint of a key's packet, versions 4 and 6; empty for others.
func fingerprint(body []byte) string {
	if len(body) < 6 {
		return ""
	}
	n := len(body)
	switch body[0] {
	case 4:
		sum := sha1.Sum(append([]byte{0x99, byte(n >> 8), byte(n)}, body...)) // #nosec G401
		return strings.ToUpper(hex.EncodeToString(sum[:]))
	case 6:
		sum := sha256.Sum256(append([]byte{0x9b, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body...))
		return strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	return ""
}
