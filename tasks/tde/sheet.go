package tde

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/play"
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
	if len(text) > 2*(maxCipher+maxManifest) {
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

// sheet writes the recovery sheet of the newest sealed copy.
func (t keyringTask) sheet(a keyringArgs, s host.Seen) (play.Plan, error) {
	have, err := host.Get(s, t.shelf(a))
	if err != nil {
		return play.Plan{}, err
	}
	dir := t.d.path(a.ReportsDir)
	written := laptopFact(t.d.Session, func(context.Context) (bool, error) { return t.d.sheetIsThere(a, dir) }, "sheet", dir, a.KeysDir, a.Project, a.host)
	there, err := host.Get(s, written)
	if err != nil {
		return play.Plan{}, err
	}
	if there {
		return play.Plan{Result: shelfResult(have, false), Local: true, Note: "the recovery sheet is there already"}, nil
	}
	return play.Plan{
		Local: true, Result: shelfResult(have, true),
		Steps:  []host.Step{act{what: "write the recovery sheet into " + dir, do: func(_ context.Context, w host.Writer) ([]byte, error) { return t.d.writeSheet(w, a, dir) }}},
		Finish: finish(sealedResult),
	}, nil
}

func (d Deps) sheetOf(a keyringArgs, dir string) (file string, c StoredCopy, err error) {
	shelf, err := d.store(a.KeysDir).Load(d.Sealer, a.Project, a.host)
	if err != nil {
		return "", c, err
	}
	c, ok, err := shelf.Newest()
	if err == nil && !ok {
		err = refuse(a.object(), "run setup", "nothing is sealed yet")
	}
	return filepath.Join(dir, ringID(a.Project, a.host)+"-recovery-"+c.Name+".txt"), c, err
}

func (d Deps) sheetIsThere(a keyringArgs, dir string) (bool, error) {
	file, c, err := d.sheetOf(a, dir)
	var r *Refusal
	if errors.As(err, &r) && c.Name == "" {
		return false, nil // before the first seal of a check run
	}
	if err != nil {
		return false, err
	}
	old, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return bytes.Equal(old, Sheet(c)), err
}

func (d Deps) writeSheet(w host.Writer, a keyringArgs, dir string) ([]byte, error) {
	file, c, err := d.sheetOf(a, dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := writeFile(file, Sheet(c)); err != nil {
		return nil, err
	}
	d.Session.touch()
	w.Say("print " + file + ", keep a copy of " + d.path(a.KeysDir) + " elsewhere; next: remoterun unlock " + a.host)
	x := doneOf(c, dir)
	x.File = file
	return x.json()
}
