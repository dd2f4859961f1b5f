package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Format names the sealed format in manifests and tags.
const Format = "remoterun/sealed/v1"

// The work factors that a reader accepts. A manifest that asks for less is
// refused: it could be made up to make guessing cheap.
const (
	Iterations    = 1_000_000 // what writers use
	MinIterations = 600_000
	MaxIterations = 10_000_000
)

const (
	maxManifest = 2 << 20
	maxCipher   = saltSize*2 + maxRecords*RecordSize + 16
	maxTag      = 4096
	maxSheet    = 2 * (maxCipher + maxManifest)
)

// Manifest says what a sealed keyring is. Its exact bytes are under the tag:
// it is never written again from what was read.
type Manifest struct {
	Format    string `json:"format"`
	KeyringID string `json:"keyring_id"` // 32 hex digits, fixed at setup
	Project   string `json:"project"`
	Host      string `json:"host"` // the inventory's name
	// Generation counts from 1.
	Generation int `json:"generation"`
	// Previous are the SHA-256 of the manifests that this one follows: none for
	// the first, two after a merge.
	Previous   []string `json:"previous"`
	KDF        string   `json:"kdf"`
	Iterations int      `json:"iterations"`
	Cipher     string   `json:"cipher"`
	// Size in bytes and SHA-256 in hex are those of the .enc file.
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
	// Keys are in the keyring's order.
	Keys []ManifestKey `json:"keys"`
	// Clusters are system identifiers of databases that were seen with it.
	Clusters []string  `json:"clusters"`
	Made     time.Time `json:"made"` // UTC
	By       string    `json:"by"`   // who and on which machine
}

// ManifestKey is one key of the keyring.
type ManifestKey struct {
	Name        string    `json:"name"`
	Fingerprint string    `json:"fingerprint"`
	Bits        int       `json:"bits"`
	Created     time.Time `json:"created"` // UTC
}

const (
	kdfName    = "pbkdf2-hmac-sha256"
	cipherName = "aes-256-cbc"
)

var (
	hexID       = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{32}$`) })
	HexHash     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{64}$`) })
	projectName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`) })
)

// CheckProject says what a project's name must look like: compose's rule.
func CheckProject(p string) error {
	if !projectName().MatchString(p) {
		return fmt.Errorf("project %q: lower-case letters, digits, - and _ are possible, up to 63, the first a letter or digit", p)
	}
	return nil
}

// CheckHost keeps a host's name usable as a file name and in a manifest.
func CheckHost(h string) error {
	bad := func(r rune) bool { return r == '/' || r == '\\' || r == '@' || r < 0x20 || r == 0x7f }
	if h == "" || len(h) > 255 || strings.HasPrefix(h, ".") || strings.IndexFunc(h, bad) >= 0 {
		return fmt.Errorf("host %q cannot be a file name: no / \\ @ or control characters, no leading dot", h)
	}
	return nil
}

// ParseManifest reads and checks a manifest; unknown fields and values out of
// range are errors. Nothing in it is believed before its tag fits.
func ParseManifest(b []byte) (Manifest, error) {
	var m Manifest
	if len(b) > maxManifest {
		return m, fmt.Errorf("manifest: more than %d bytes", maxManifest)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("manifest: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return m, errors.New("manifest: text behind its end")
	}
	if err := m.check(); err != nil {
		return m, fmt.Errorf("manifest: %w", err)
	}
	return m, nil
}

func (m Manifest) check() error {
	switch {
	case m.Format != Format:
		return fmt.Errorf("format %q, this program reads %q", m.Format, Format)
	case !hexID().MatchString(m.KeyringID):
		return errors.New("keyring_id is not 32 hex digits")
	case m.Generation < 1 || m.Generation > maxGeneration:
		return fmt.Errorf("generation %d is out of range", m.Generation)
	case m.KDF != kdfName || m.Cipher != cipherName:
		return fmt.Errorf("kdf %q and cipher %q, this program reads %q and %q", m.KDF, m.Cipher, kdfName, cipherName)
	case m.Size < 1 || m.Size > maxCipher:
		return fmt.Errorf("size %d is out of range", m.Size)
	case !HexHash().MatchString(m.SHA256):
		return errors.New("sha256 is not 64 hex digits")
	case len(m.Keys) == 0 || len(m.Keys) > maxRecords:
		return fmt.Errorf("a manifest of %d keys: 1 to %d are possible", len(m.Keys), maxRecords)
	}
	for _, p := range m.Previous {
		if !HexHash().MatchString(p) {
			return errors.New("previous is not 64 hex digits")
		}
	}
	if err := CheckProject(m.Project); err != nil {
		return err
	}
	return CheckHost(m.Host)
}

// encode writes a manifest as it goes into the file and under the tag.
func (m Manifest) encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

// fits compares the manifest's keys with an opened keyring.
func (m Manifest) fits(k Keyring) error {
	if len(m.Keys) != k.Len() {
		return fmt.Errorf("the manifest has %d and the keyring %d records", len(m.Keys), k.Len())
	}
	for i, e := range k.Entries() {
		if w := m.Keys[i]; w.Name != e.Name || w.Fingerprint != e.Fingerprint || w.Bits != e.Bits {
			return fmt.Errorf("key %d is %s (%s) in the manifest and %s (%s) in the keyring", i+1, w.Name, w.Fingerprint, e.Name, e.Fingerprint)
		}
	}
	return nil
}

// maxGeneration is what six digits in file names hold.
const maxGeneration = 999_999

// HexSum is SHA-256 in hex.
func HexSum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// Belongs keeps one host's keys off another host.
func (m Manifest) Belongs(project, hostname string) error {
	if m.Project != project || m.Host != hostname {
		return fmt.Errorf("it is the keyring of %s@%s, not of %s@%s", m.Project, m.Host, project, hostname)
	}
	return nil
}
