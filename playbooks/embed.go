// Package playbooks holds the playbooks that ship with the program: every verb
// is one of them. Users print them, copy them and change the copy; nothing here
// reads what is in them.
package playbooks

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed *.yaml
var files embed.FS

const ending = ".yaml"

// Names are the shipped playbooks without their ending, sorted.
func Names() []string {
	var out []string
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ending); ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Read returns a shipped playbook's text. It is named as a verb (unlock), a
// file (unlock.yaml) or by the path that it has in the project's sources
// (playbooks/unlock.yaml); the error names the playbooks that there are.
func Read(name string) ([]byte, error) {
	short := strings.TrimSuffix(strings.TrimPrefix(path.Clean(filepath.ToSlash(name)), "playbooks/"), ending)
	text, err := files.ReadFile(short + ending)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, fmt.Errorf("no playbook called %s ships with remoterun (there are: %s)", name, strings.Join(Names(), ", "))
	}
	return text, err
}

// Title is what a playbook says of itself: its first comment line.
func Title(text []byte) string {
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if c, ok := strings.CutPrefix(line, "#"); ok {
			return strings.TrimSpace(c)
		}
		if line != "" && line != "---" {
			break
		}
	}
	return ""
}

// Copy writes a shipped playbook to the file to, making its folder. A file that
// is there already is never overwritten: it is an error unless it is the same,
// for which fresh is false.
func Copy(name, to string) (fresh bool, err error) {
	text, err := Read(name)
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return false, err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		old, err := os.ReadFile(to)
		if err == nil && !bytes.Equal(old, text) {
			err = fmt.Errorf("%s is there already and differs: move it away first", to)
		}
		return false, err
	}
	if err != nil {
		return false, err
	}
	_, err = f.Write(text)
	return err == nil, errors.Join(err, f.Close())
}
