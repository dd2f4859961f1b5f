package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Sheet is the recovery sheet of a sealed keyring: everything that is needed to
// open it without this program, except the passphrase. It is text to print or to
// keep; it holds no key and no passphrase.
func Sheet(c StoredCopy) []byte {
	m := c.Manifest
	var b bytes.Buffer
	fmt.Fprintf(&b, "Recovery sheet of the keyring of %s@%s\n\n", m.Project, m.Host)
	fmt.Fprintf(&b, "Keyring id %s, generation %d, made %s by %s.\n", m.KeyringID, m.Generation, m.Made.Format("2006-01-02 15:04:05 MST"), m.By)
	b.WriteString("Keys (names and fingerprints; the last one is in use):\n")
	for _, k := range m.Keys {
		fmt.Fprintf(&b, "  %s  %d bits  %s\n", k.Name, k.Bits, k.Fingerprint)
	}
	b.WriteString("\nWith remoterun: key import THIS-FILE.\n")
	fmt.Fprintf(&b, "Without it: copy the lines of the section .enc into a file enc.b64, then\n\n")
	fmt.Fprintf(&b, "  base64 -d enc.b64 > %s.enc\n", c.Name)
	fmt.Fprintf(&b, "  echo '%s  %s.enc' | sha256sum -c\n", m.SHA256, c.Name)
	fmt.Fprintf(&b, "  %s\n\n", OpensslLine(c.Name+".enc", "/run/keyring", m.Iterations))
	b.WriteString("on a machine without swap, /run being RAM. The passphrase is asked for. openssl\ndoes not notice a wrong passphrase reliably: the file must have ")
	fmt.Fprintf(&b, "%d bytes,\nand begin with the first key's name. It goes where the provider looks for it.\n", len(m.Keys)*RecordSize)
	for _, s := range []struct {
		name string
		data []byte
	}{{".enc", c.Enc}, {".tag", c.Tag}, {".json", c.Copy.Manifest}} {
		fmt.Fprintf(&b, "\n----- %s%s -----\n", c.Name, s.name)
		text := base64.StdEncoding.EncodeToString(s.data)
		for len(text) > 0 {
			n := min(64, len(text))
			b.WriteString(text[:n] + "\n")
			text = text[n:]
		}
	}
	b.WriteString("----- end -----\n")
	return b.Bytes()
}

// OpensslLine is the emergency command that opens a sealed file.
func OpensslLine(file, out string, iterations int) string {
	return fmt.Sprintf("openssl enc -d -aes-256-cbc -pbkdf2 -iter %d -md sha256 -in %s -out %s", iterations, file, out)
}

var sheetSection = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^----- ([0-9]{6}-[0-9a-f]{8})(\.enc|\.tag|\.json) -----$`)
})

// ParseSheet reads the sealed copy out of a recovery sheet. It needs no
// passphrase and proves nothing.
func ParseSheet(sealer Sealer, text []byte) (StoredCopy, error) {
	if len(text) > maxSheet {
		return StoredCopy{}, errors.New("recovery sheet: too long")
	}
	var c StoredCopy
	found := map[string]*strings.Builder{}
	var into *strings.Builder
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		m := sheetSection().FindStringSubmatch(line)
		switch {
		case m != nil:
			into = &strings.Builder{}
			c.Name, found[m[2]] = m[1], into
		case strings.HasPrefix(line, "-----"):
			into = nil
		case into != nil:
			into.WriteString(line)
		}
	}
	for suffix, to := range map[string]*[]byte{".enc": &c.Enc, ".tag": &c.Tag, ".json": &c.Copy.Manifest} {
		if found[suffix] == nil {
			return c, errors.New("recovery sheet: it has no section " + suffix)
		}
		b, err := base64.StdEncoding.DecodeString(found[suffix].String())
		if err != nil {
			return c, fmt.Errorf("recovery sheet: section %s: %w", suffix, err)
		}
		*to = b
	}
	var err error
	if c.Manifest, err = sealer.Inspect(c.Copy); err != nil {
		return c, fmt.Errorf("recovery sheet: %w", err)
	}
	c.Name = c.Copy.Name(c.Manifest)
	return c, nil
}
