package seal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	text, err := os.ReadFile(name)
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
	for suffix, into := range map[string]*[]byte{".enc": &c.Enc, ".tag": &c.Tag, ".json": &c.Copy.Manifest} {
		b, err := os.ReadFile(filepath.Join(folder, base+suffix))
		if err != nil {
			return c, err
		}
		*into = b
	}
	var err error
	if c.Manifest, err = sealer.Inspect(c.Copy); err != nil {
		return c, err
	}
	if want := c.Copy.Name(c.Manifest); want != base {
		return c, fmt.Errorf("by its manifest it is %s", want)
	}
	return c, nil
}
