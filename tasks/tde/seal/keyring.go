package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"remoterun/runner/secret"
)

// A keyring is the file of pg_tde's file provider: records of 292 bytes, each
// name[256] filled up with NUL, key[32], and the key's length in bytes as
// little-endian uint32. There is no header. Records are never removed.
const (
	RecordSize = 292
	NameSize   = 256
	keySize    = 32
	maxRecords = 4096
)

// Entry is what may be shown of one record.
type Entry struct {
	Name string
	// Fingerprint is 32 hex digits of a hash over length and key bytes.
	Fingerprint string
	// Bits is the key's length: 128 or 256.
	Bits int
}

// Keyring is an opened keyring: what it holds may be shown, its bytes are
// sealed. The zero Keyring holds nothing. Copies share the bytes.
type Keyring struct {
	entries []Entry
	raw     secret.Sealed
}

// ParseKeyring reads the bytes of a keyring file and overwrites them. Errors
// name the record (from 1) and never show its key.
func ParseKeyring(b []byte) (Keyring, error) {
	defer clear(b)
	if len(b)%RecordSize != 0 {
		return Keyring{}, fmt.Errorf("keyring: %d bytes are not a whole number of %d-byte records (a torn write, or no keyring at all)", len(b), RecordSize)
	}
	if len(b) > maxRecords*RecordSize {
		return Keyring{}, fmt.Errorf("keyring: more than %d records", maxRecords)
	}
	k := Keyring{}
	seen := map[string]int{}
	for at := 0; at < len(b); at += RecordSize {
		n := at/RecordSize + 1
		e, err := parseRecord(b[at : at+RecordSize])
		if err != nil {
			return Keyring{}, fmt.Errorf("keyring: record %d: %w", n, err)
		}
		if first, twice := seen[FoldName(e.Name)]; twice {
			return Keyring{}, fmt.Errorf("keyring: records %d and %d have the same name %q", first, n, e.Name)
		}
		seen[FoldName(e.Name)] = n
		k.entries = append(k.entries, e)
	}
	k.raw = secret.New(b)
	return k, nil
}

func parseRecord(b []byte) (Entry, error) {
	end := bytes.IndexByte(b[:NameSize], 0)
	if end <= 0 {
		return Entry{}, errors.New("its name is empty or has no end")
	}
	name := string(b[:end])
	if err := CheckKeyName(name); err != nil {
		return Entry{}, err
	}
	if !allZero(b[end:NameSize]) {
		return Entry{}, errors.New("bytes stand behind the end of its name")
	}
	key, size := b[NameSize:NameSize+keySize], binary.LittleEndian.Uint32(b[NameSize+keySize:])
	if size != 16 && size != 32 {
		return Entry{}, fmt.Errorf("its key has %d bytes, 16 or 32 are possible", size)
	}
	if allZero(key[:size]) {
		return Entry{}, errors.New("its key is all zero")
	}
	return Entry{Name: name, Fingerprint: fingerprint(key[:size]), Bits: int(size) * 8}, nil
}

// CheckKeyName keeps out what random bytes and foreign files look like.
func CheckKeyName(name string) error {
	if !utf8.ValidString(name) || strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return errors.New("its name is not printable text (is it a keyring?)")
	}
	return nil
}

// FoldName is what names are compared by: pg_tde finds keys without regard to
// case.
func FoldName(name string) string { return strings.ToLower(name) }

func allZero(b []byte) bool {
	var or byte
	for _, c := range b {
		or |= c
	}
	return or == 0
}

// fingerprint names a key without telling it: a key has at least 128 random
// bits, which no search through hashes finds.
func fingerprint(key []byte) string {
	h := sha256.New()
	h.Write([]byte("remoterun/key/v1\x00"))
	h.Write([]byte{byte(len(key))})
	h.Write(key)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Entries lists the records in their order. The slice is the caller's own.
func (k Keyring) Entries() []Entry { return append([]Entry(nil), k.entries...) }

// Len is the number of records.
func (k Keyring) Len() int { return len(k.entries) }

// Last is the wanted key: the last record. It is false for an empty keyring.
func (k Keyring) Last() (Entry, bool) {
	if len(k.entries) == 0 {
		return Entry{}, false
	}
	return k.entries[len(k.entries)-1], true
}

// Find looks a record up by name, without regard to case.
func (k Keyring) Find(name string) (Entry, bool) {
	if i := k.Index(name); i >= 0 {
		return k.entries[i], true
	}
	return Entry{}, false
}

func (k Keyring) Index(name string) int {
	for i, e := range k.entries {
		if FoldName(e.Name) == FoldName(name) {
			return i
		}
	}
	return -1
}

// Use lends the keyring file's bytes to f, which must not keep them.
func (k Keyring) Use(f func([]byte) error) error { return k.raw.Use(f) }

// Bytes returns the keyring file as a sealed secret that shares the bytes.
func (k Keyring) Bytes() secret.Sealed { return k.raw }

// Size is the keyring file's size in bytes.
func (k Keyring) Size() int { return len(k.entries) * RecordSize }

// SHA256 is the keyring file's hash in hex: what a host's copy in RAM is
// compared by.
func (k Keyring) SHA256() (string, error) {
	sum := ""
	err := k.Use(func(b []byte) error {
		h := sha256.Sum256(b)
		sum = hex.EncodeToString(h[:])
		return nil
	})
	return sum, err
}

// Wipe overwrites the bytes, for every copy of k.
func (k Keyring) Wipe() { k.raw.Wipe() }

// UseKey lends the key bytes of the record at i.
func (k Keyring) UseKey(i int, f func(key []byte) error) error {
	return k.Use(func(b []byte) error {
		at := i*RecordSize + NameSize
		return f(b[at : at+k.entries[i].Bits/8])
	})
}

// KeyName makes a key's name: project, UTC time and 8 random hex digits. It is
// unique without regard to case.
func KeyName(project string, now time.Time, random io.Reader) (string, error) {
	var r [4]byte
	if _, err := io.ReadFull(random, r[:]); err != nil {
		return "", fmt.Errorf("random bytes: %w", err)
	}
	name := fmt.Sprintf("%s-%s-%s", project, now.UTC().Format("20060102T150405Z"), hex.EncodeToString(r[:]))
	if len(name) >= NameSize {
		return "", fmt.Errorf("key name %q is longer than %d bytes", name, NameSize-1)
	}
	return name, CheckKeyName(name)
}

// Append returns a keyring with a fresh random key of bits (128 or 256) behind
// the others; k itself stays as it is.
func (k Keyring) Append(name string, bits int, random io.Reader) (Keyring, error) {
	if bits != 128 && bits != 256 {
		return Keyring{}, fmt.Errorf("a key of %d bits: 128 or 256 are possible", bits)
	}
	if len(name) == 0 || len(name) >= NameSize {
		return Keyring{}, fmt.Errorf("key name %q: 1 to %d bytes are possible", name, NameSize-1)
	}
	if k.Index(name) >= 0 {
		return Keyring{}, fmt.Errorf("the keyring has a key %q already", name)
	}
	b := make([]byte, k.Size()+RecordSize)
	err := k.Use(func(old []byte) error {
		record := b[copy(b, old):]
		copy(record, name)
		binary.LittleEndian.PutUint32(record[NameSize+keySize:], uint32(bits/8))
		_, err := io.ReadFull(random, record[NameSize:NameSize+bits/8])
		return err
	})
	if err != nil {
		clear(b)
		return Keyring{}, fmt.Errorf("make key %s: %w", name, err)
	}
	return ParseKeyring(b)
}

// ErrKeyClash is the cause of a merge that was refused: one name, two keys.
var ErrKeyClash = errors.New("same key name, different keys")

// Merge returns every record of both. The wanted key stays that of newer: its
// last record stays last. Nothing is ever overwritten: one name with two
// different keys is ErrKeyClash.
func Merge(older, newer Keyring) (Keyring, error) {
	var extra []int
	for i, e := range older.entries {
		mine, ok := newer.Find(e.Name)
		if !ok {
			extra = append(extra, i)
			continue
		}
		if mine.Fingerprint != e.Fingerprint {
			return Keyring{}, fmt.Errorf("key %s: %w (fingerprints %s and %s)", e.Name, ErrKeyClash, e.Fingerprint, mine.Fingerprint)
		}
	}
	b := make([]byte, 0, newer.Size()+len(extra)*RecordSize)
	head := max(newer.Size()-RecordSize, 0)
	err := newer.Use(func(n []byte) error {
		b = append(b, n[:head]...)
		return older.Use(func(o []byte) error {
			for _, i := range extra {
				b = append(b, o[i*RecordSize:(i+1)*RecordSize]...)
			}
			b = append(b, n[head:]...)
			return nil
		})
	})
	if err != nil {
		clear(b)
		return Keyring{}, err
	}
	return ParseKeyring(b)
}

// Missing lists the records of other that k lacks or holds with another key.
func (k Keyring) Missing(other Keyring) []Entry {
	var out []Entry
	for _, e := range other.entries {
		if mine, ok := k.Find(e.Name); !ok || mine.Fingerprint != e.Fingerprint {
			out = append(out, e)
		}
	}
	return out
}

func RandomHex(random io.Reader, n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("random bytes: %w", err)
	}
	return hex.EncodeToString(b), nil
}
