package pgtde

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/tde/seal"
)

// A cluster's key files (PGDATA/pg_tde/*_keys, wal_keys; open_pg_tde/ for the
// fork) begin with a header of 320 bytes that names the key which opens them
// and proves it: 0 magic, 8 database oid, 12 provider id, 16 time, 32 name[256],
// 288 IV[16], 304 tag[16]. The tag is AES-GCM's of no text with bytes 8 to 288
// as additional data.
const (
	HeaderSize    = 320
	HeaderAAD     = 8
	HeaderName    = 32
	HeaderIV      = 288
	HeaderTag     = 304
	headerMinimum = 4
)

// HeaderFile is the beginning of one key file, by its path below PGDATA.
type HeaderFile struct {
	Name string // "pg_tde/1663_keys"
	Head []byte // at least HeaderSize bytes unless the file is shorter
}

// HeaderState is what the offline check says of one header.
type HeaderState string

const (
	// HeaderOK: the keyring holds the key that the header names, and it fits.
	HeaderOK HeaderState = "ok"
	// HeaderMissing: the keyring has no key of that name.
	HeaderMissing HeaderState = "missing"
	// HeaderWrongKey: a key of that name is there, but the tag does not fit.
	HeaderWrongKey HeaderState = "wrong key"
	// HeaderUnknown: the file is no key file of a version that is known here;
	// nothing is proved.
	HeaderUnknown HeaderState = "unknown"
)

// HeaderCheck is the result for one key file.
type HeaderCheck struct {
	File string
	Key  string // the key's name, empty when the header is unknown
	// Library is pg_tde or open_pg_tde.
	Library string
	// WAL is set for the server's key file, DatabaseOID is 0 then.
	WAL         bool
	DatabaseOID uint32
	State       HeaderState
}

// CheckHeaders says for each key file whether k opens it, without starting
// anything. It is right for the headers alone: a cluster that stopped in the
// middle of two rotations needs records that no header names any more, so a
// keyring is complete only with every record of its newest generation.
func CheckHeaders(files []HeaderFile, k seal.Keyring) ([]HeaderCheck, error) {
	out := make([]HeaderCheck, len(files))
	for i, f := range files {
		c, err := checkHeader(f, k)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		out[i] = c
	}
	return out, nil
}

func checkHeader(f HeaderFile, k seal.Keyring) (HeaderCheck, error) {
	c := HeaderCheck{File: f.Name, State: HeaderUnknown}
	if len(f.Head) < HeaderSize {
		return c, nil
	}
	var ok bool
	if c.Library, c.WAL, ok = magic(f.Head); !ok {
		return c, nil
	}
	name := f.Head[HeaderName:HeaderIV]
	end := bytes.IndexByte(name, 0)
	if end <= 0 || seal.CheckKeyName(string(name[:end])) != nil {
		return c, nil
	}
	c.Key = string(name[:end])
	c.DatabaseOID = binary.LittleEndian.Uint32(f.Head[8:])
	at := k.Index(c.Key)
	if at < 0 {
		c.State = HeaderMissing
		return c, nil
	}
	c.State = HeaderWrongKey
	err := k.UseKey(at, func(key []byte) error {
		fits, err := headerFits(key, f.Head)
		if fits {
			c.State = HeaderOK
		}
		return err
	})
	return c, err
}

// headerFits checks the tag. The cipher's key is the first 16 bytes for a
// 128-bit key and all 32 for a 256-bit one.
func headerFits(key, head []byte) (bool, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return false, err
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, 16)
	if err != nil {
		return false, err
	}
	_, err = gcm.Open(nil, head[HeaderIV:HeaderTag], head[HeaderTag:HeaderSize], head[HeaderAAD:HeaderIV])
	return err == nil, nil
}

// headersText prints, per key file below $1, its first 320 bytes in hex and its
// name, then "end". It exits 3 when $1 is no folder.
const headersText = `cd "$1" 2>/dev/null || exit 3
for d in pg_tde open_pg_tde; do
	[ -d "$d" ] || continue
	for f in "$d"/*_keys; do
		[ -f "$f" ] || continue
		od -An -v -tx1 -N320 "$f" | tr -d ' \n'
		echo " $f"
	done
done
echo end`

// Headers asks for the key files of the cluster whose data folder on the host
// is pgdata. A folder that is not there is a cluster without headers.
func Headers(pgdata string) host.Fact[[]HeaderFile] {
	return host.Fact[[]HeaderFile]{Q: host.NewProbe(headersText, path.Clean(pgdata)), Parse: ParseHeaders}
}

// ParseHeaders reads the answer of the Headers probe.
func ParseHeaders(a host.Answer) ([]HeaderFile, error) {
	if a.Status == 3 {
		return nil, nil
	}
	text, whole := strings.CutSuffix(string(a.Stdout), "end\n")
	if a.Status != 0 || !whole {
		return nil, fmt.Errorf("key files of the cluster: the answer is not whole (status %d)", a.Status)
	}
	var out []HeaderFile
	for line := range strings.Lines(text) {
		digits, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		head, err := hex.DecodeString(digits)
		if err != nil {
			return nil, fmt.Errorf("key file %s: %w", name, err)
		}
		out = append(out, HeaderFile{Name: name, Head: head})
	}
	return out, nil
}
