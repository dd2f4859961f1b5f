package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// What the key command does on the laptop alone: look at sealed keyrings, open
// them, write recovery sheets, take copies in.

// ReadCopies reads sealed keyrings from what an operator names: a host's folder
// (every generation), one of a copy's three files, or a recovery sheet.
func ReadCopies(sealer Sealer, name string) ([]StoredCopy, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readFolder(sealer, name)
	}
	if CopyFile().MatchString(filepath.Base(name)) {
		c, err := ReadCopy(sealer, filepath.Dir(name), strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)))
		return []StoredCopy{c}, err
	}
	text, err := ReadPlain(name, maxSheet)
	if err != nil {
		return nil, err
	}
	c, err := ParseSheet(sealer, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return []StoredCopy{c}, nil
}

func readFolder(sealer Sealer, folder string) ([]StoredCopy, error) {
	list, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []StoredCopy
	for _, f := range list {
		if !CopyFile().MatchString(filepath.Base(f)) {
			continue
		}
		c, err := ReadCopy(sealer, folder, strings.TrimSuffix(filepath.Base(f), ".json"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out = append(out, c)
	}
	if out == nil {
		text := folder + ": it holds no sealed keyring"
		if below, _ := filepath.Glob(filepath.Join(folder, "*@*")); below != nil {
			text += "; name one of " + strings.Join(below, ", ")
		}
		return nil, errors.New(text)
	}
	return out, nil
}

func ReadCopy(sealer Sealer, folder, base string) (StoredCopy, error) {
	c := StoredCopy{Name: base}
	for _, f := range []struct {
		suffix string
		into   *[]byte
		most   int64
	}{{".json", &c.Copy.Manifest, maxManifest}, {".tag", &c.Tag, maxTag}, {".enc", &c.Enc, maxCipher}} {
		b, err := ReadPlain(filepath.Join(folder, base+f.suffix), f.most)
		if err != nil {
			return c, err
		}
		*f.into = b
	}
	c.Copy.Manifest, c.Tag = UnixLines(c.Copy.Manifest), UnixLines(c.Tag)
	var err error
	if c.Manifest, err = sealer.Inspect(c.Copy); err != nil {
		return c, err
	}
	if want := c.Copy.Name(c.Manifest); want != base {
		return c, fmt.Errorf("by its manifest it is %s", want)
	}
	return c, nil
}

// ReadPlain reads a file of the keys folder, of at most so many bytes. Who can write
// that folder (or commit to it) can put a pipe, a device or a link to one there:
// neither is waited for, nor read without end.
func ReadPlain(name string, most int64) ([]byte, error) {
	st, err := os.Stat(name) // before it is opened: opening some devices does something
	if err == nil {
		err = plain(name, st, most)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err = f.Stat(); err == nil { // what was opened may be another one
		err = plain(name, st, most)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, most))
}

func plain(name string, st os.FileInfo, most int64) error {
	switch {
	case !st.Mode().IsRegular():
		return fmt.Errorf("%s: it is not an ordinary file (%s)", name, kindOf(st.Mode()))
	case st.Size() > most:
		return fmt.Errorf("%s: it has %d bytes, and at most %d are possible", name, st.Size(), most)
	}
	return nil
}

func kindOf(m os.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&os.ModeNamedPipe != 0:
		return "a pipe"
	case m&os.ModeDevice != 0:
		return "a device"
	}
	return "a socket"
}

// UnixLines takes back what git (core.autocrlf) or an editor did to a text's line
// ends. Neither a manifest nor a tag ever holds a carriage return, and the tag says
// whether all else is as it was.
func UnixLines(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }
