//go:build linux

package real

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Needles are secrets to look for, each with a name for messages.
type Needles map[string][]byte

// form is one way in which a secret can be written down.
type form struct {
	name string
	text []byte
}

// forms are the bytes themselves, in hex, and in base64 at each of the three
// offsets that they can have inside a longer text.
func (n Needles) forms() []form {
	var out []form
	for name, b := range n {
		out = append(out, form{name, b}, form{name + " in hex", []byte(hex.EncodeToString(b))}, form{name + " in HEX", []byte(strings.ToUpper(hex.EncodeToString(b)))})
		for shift := range 3 {
			padded := append(make([]byte, shift), b...)
			enc := base64.RawStdEncoding.EncodeToString(padded)
			// The first and last characters depend on the neighbours.
			from, to := []int{0, 2, 3}[shift], len(padded)/3*4
			if to-from >= 8 {
				out = append(out, form{name + " in base64", []byte(enc[from:to])})
			}
		}
	}
	return out
}

// Residue looks for secrets in everything that the machine could keep or show:
// its disk, block by block and so with deleted files; every process's arguments
// and environment; the logs and settings of its containers are on the disk.
// It returns where something was found. Memory is not searched.
func (m *Machine) Residue(t testing.TB, n Needles) []string {
	t.Helper()
	m.Run(t, "sync")
	found, err := searchFile(m.Disk(), n.forms())
	if err != nil {
		t.Fatal(err)
	}
	procs := m.Run(t, `for p in /proc/[0-9]*; do for f in cmdline environ; do printf '\n%s/%s ' "$p" "$f"; tr '\0' ' ' < "$p/$f" 2>/dev/null; done; done; true`)
	for _, line := range strings.Split(procs, "\n") {
		for _, f := range n.forms() {
			if bytes.Contains([]byte(line), f.text) {
				where, _, _ := strings.Cut(line, " ")
				found = append(found, f.name+" in "+where)
			}
		}
	}
	for i := range found {
		found[i] = m.Name + ": " + found[i]
	}
	return found
}

// Files returns the files of the machine that hold a secret, by name: to tell
// what Residue's offsets are. Deleted ones are not among them.
func (m *Machine) Files(t testing.TB, n Needles) []string {
	t.Helper()
	var out []string
	for _, dir := range []string{"/etc", "/root", "/home", "/srv", "/tmp", "/run", "/var/lib/docker", "/var/lib/remoterun", "/var/log", "/var/tmp"} {
		if _, err := os.Stat(m.Path(dir)); err != nil {
			continue
		}
		for _, f := range SearchTree(t, m.Path(dir), n) {
			out = append(out, m.Name+": "+strings.TrimPrefix(f, m.Path("")))
		}
	}
	return out
}

// SearchTree looks for secrets in every file below dir on this machine.
func SearchTree(t testing.TB, dir string, n Needles) []string {
	t.Helper()
	forms := n.forms()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone since its folder was read
		} else if err != nil || !d.Type().IsRegular() {
			return err
		}
		found, err := searchFile(p, forms)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, f := range found {
			out = append(out, p+": "+f)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// searchFile finds the first place of each form in a file, skipping holes.
func searchFile(name string, forms []form) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var out []string
	open := forms
	for at := int64(0); at < st.Size() && len(open) > 0; {
		start, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // nothing but a hole is left
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		end, err := unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		var hits []string
		if hits, open, err = searchRange(f, start, end, open); err != nil {
			return nil, err
		}
		out = append(out, hits...)
		at = end
	}
	return out, nil
}

func searchRange(f *os.File, start, end int64, open []form) (hits []string, left []form, err error) {
	const chunk, overlap = 4 << 20, 4 << 10 // no form is longer than the overlap
	buf := make([]byte, chunk+overlap)
	for at := start; at < end; at += chunk {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), end-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return hits, open, err
		}
		left = nil
		for _, fm := range open {
			if i := bytes.Index(buf[:n], fm.text); i >= 0 {
				hits = append(hits, fmt.Sprintf("%s at offset %d", fm.name, at+int64(i)))
			} else {
				left = append(left, fm)
			}
		}
		open = left
	}
	return hits, open, nil
}
