package seal

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"

	"remoterun/runner/secret"
)

// saltMagic begins a file that openssl enc writes; 8 bytes of salt follow.
const saltMagic = "Salted__"

// Copy is one sealed keyring: the exact bytes of its three files. None of them
// opens anything without the passphrase.
type Copy struct {
	Enc      []byte // .enc: what openssl enc writes
	Tag      []byte // .tag: text
	Manifest []byte // .json
}

// Name is the files' common name: generation and the first 8 hex digits of the
// ciphertext's SHA-256.
func (c Copy) Name(m Manifest) string { return copyName(m.Generation, m.SHA256) }

func copyName(generation int, sum string) string { return fmt.Sprintf("%06d-%s", generation, sum[:8]) }

// CopyFile matches names of a sealed keyring's files.
var CopyFile = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]{6})-([0-9a-f]{8})\.(enc|tag|json)$`) })

// Equal compares all three files.
func (c Copy) Equal(o Copy) bool {
	return bytes.Equal(c.Enc, o.Enc) && bytes.Equal(c.Tag, o.Tag) && bytes.Equal(c.Manifest, o.Manifest)
}

// ErrPassphrase is a passphrase that does not open a sealed keyring.
var ErrPassphrase = errors.New("wrong passphrase")

// Sealer seals and opens. The zero Sealer is what the program uses; tests lower
// the work factor.
type Sealer struct {
	// Iterations is the work factor of new files, 0 = Iterations. A value below
	// MinIterations lowers what Open accepts, too: for tests only.
	Iterations int
	// Random makes salts, nil = the system's.
	Random io.Reader
}

func (s Sealer) iterations() int {
	if s.Iterations == 0 {
		return Iterations
	}
	return s.Iterations
}

func (s Sealer) random() io.Reader {
	if s.Random == nil {
		return rand.Reader
	}
	return s.Random
}

// Seal encrypts k and completes m: format, KDF, cipher, size, hash and the
// keys' names and fingerprints are filled in; creation times of keys that m
// names already are kept, new ones are made at m.Made.
func (s Sealer) Seal(ctx context.Context, k Keyring, passphrase secret.Sealed, m Manifest) (Copy, Manifest, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(s.random(), salt); err != nil {
		return Copy{}, m, fmt.Errorf("random bytes: %w", err)
	}
	var d *derived
	err := passphrase.Use(func(p []byte) (err error) {
		d, err = derive(ctx, p, salt, s.iterations())
		return err
	})
	if err != nil {
		return Copy{}, m, err
	}
	defer d.wipe()
	var c Copy
	err = k.Use(func(plain []byte) error {
		b, err := d.encrypt(plain)
		c.Enc = append(append([]byte(saltMagic), salt...), b...)
		return err
	})
	if err != nil {
		return Copy{}, m, err
	}
	m = s.complete(m, k, c.Enc)
	if err := m.check(); err != nil {
		return Copy{}, m, fmt.Errorf("manifest: %w", err)
	}
	if c.Manifest, err = m.encode(); err != nil {
		return Copy{}, m, err
	}
	c.Tag = tagFile(d.tag(c.Manifest, c.Enc), d.check(salt))
	return c, m, nil
}

func (s Sealer) complete(m Manifest, k Keyring, enc []byte) Manifest {
	m.Format, m.KDF, m.Cipher, m.Iterations = Format, kdfName, cipherName, s.iterations()
	m.Size, m.SHA256, m.Made = len(enc), HexSum(enc), m.Made.UTC()
	if m.Previous == nil {
		m.Previous = []string{}
	}
	if m.Clusters == nil {
		m.Clusters = []string{}
	}
	created := map[string]ManifestKey{}
	for _, key := range m.Keys {
		created[key.Fingerprint] = key
	}
	m.Keys = nil
	for _, e := range k.Entries() {
		key := ManifestKey{Name: e.Name, Fingerprint: e.Fingerprint, Bits: e.Bits, Created: m.Made}
		if old, ok := created[e.Fingerprint]; ok {
			key.Created = old.Created
		}
		m.Keys = append(m.Keys, key)
	}
	return m
}

func tagFile(tag, check []byte) []byte {
	return fmt.Appendf(nil, "%s\ntag %x\ncheck %x\n", Format, tag, check)
}

var tagText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^` + Format + "\ntag ([0-9a-f]{64})\ncheck ([0-9a-f]{64})\n$")
})

func parseTag(b []byte) (tag, check []byte, err error) {
	m := tagText().FindSubmatch(b)
	if m == nil {
		return nil, nil, errors.New("no tag file of " + Format)
	}
	tag, _ = hex.DecodeString(string(m[1]))
	check, _ = hex.DecodeString(string(m[2]))
	return tag, check, nil
}

// Inspect checks everything that needs no passphrase: the three files are
// whole, well-formed and belong together. It proves nothing about who made them.
func (s Sealer) Inspect(c Copy) (Manifest, error) {
	m, err := ParseManifest(c.Manifest)
	if err != nil {
		return m, err
	}
	low := MinIterations
	if s.Iterations != 0 {
		low = min(low, s.Iterations)
	}
	if m.Iterations < low || m.Iterations > MaxIterations {
		return m, fmt.Errorf("manifest: %d iterations, %d to %d are accepted", m.Iterations, low, MaxIterations)
	}
	if len(c.Enc) != m.Size || HexSum(c.Enc) != m.SHA256 {
		return m, errors.New("the ciphertext is not the one that the manifest describes")
	}
	if len(c.Enc) < saltSize*2 || string(c.Enc[:len(saltMagic)]) != saltMagic {
		return m, errors.New("the ciphertext does not begin with " + saltMagic)
	}
	_, _, err = parseTag(c.Tag)
	return m, err
}

// Open checks the tag in constant time, then decrypts, then compares the keys
// with the manifest. Errors: ErrPassphrase, or what is wrong with the files.
func (s Sealer) Open(ctx context.Context, c Copy, passphrase secret.Sealed) (Keyring, Manifest, error) {
	m, err := s.Inspect(c)
	if err != nil {
		return Keyring{}, m, err
	}
	salt := c.Enc[len(saltMagic) : saltSize*2]
	var d *derived
	err = passphrase.Use(func(p []byte) (err error) {
		d, err = derive(ctx, p, salt, m.Iterations)
		return err
	})
	if err != nil {
		return Keyring{}, m, err
	}
	defer d.wipe()
	tag, check, err := parseTag(c.Tag)
	if err != nil {
		return Keyring{}, m, err
	}
	right := subtle.ConstantTimeCompare(check, d.check(salt))
	whole := subtle.ConstantTimeCompare(tag, d.tag(c.Manifest, c.Enc))
	switch {
	case whole != 1 && right != 1:
		return Keyring{}, m, ErrPassphrase
	case whole != 1 || right != 1:
		return Keyring{}, m, ErrTampered
	}
	plain, err := d.decrypt(c.Enc[saltSize*2:])
	if err != nil {
		return Keyring{}, m, err
	}
	k, err := ParseKeyring(plain)
	if err != nil {
		return Keyring{}, m, err
	}
	if err := m.fits(k); err != nil {
		k.Wipe()
		return Keyring{}, m, err
	}
	return k, m, nil
}

// ErrTampered is a sealed keyring that this passphrase made and somebody
// changed afterwards.
var ErrTampered = errors.New("the tag does not fit: the sealed keyring was changed after it was made")
