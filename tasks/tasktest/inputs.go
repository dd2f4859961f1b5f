package tasktest

import (
	"context"
	"crypto/sha1" // #nosec G505: Ansible's checksum, no protection
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Inputs gives files of one folder as a laptop's, whatever kind is asked for.
// Templates are text in which "{{ name }}" stands for a variable of Vars.
type Inputs struct {
	Dir  string
	Vars map[string]string
	// Out is where fetched files go, Dir when empty.
	Out string
}

var _ play.Inputs = (*Inputs)(nil)

func (in *Inputs) at(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(in.Dir, name)
}

// File reads a file, or what a link leads to.
func (in *Inputs) File(_, name string) (play.Input, error) {
	real, err := filepath.EvalSymlinks(in.at(name))
	if err != nil {
		return play.Input{}, fmt.Errorf("could not find %s: %w", name, err)
	}
	i, err := in.read(real, name)
	i.Path = in.at(name)
	return i, err
}

func (in *Inputs) read(p, name string) (play.Input, error) {
	st, err := os.Lstat(p)
	if err != nil {
		return play.Input{}, fmt.Errorf("could not find %s: %w", name, err)
	}
	i := play.Input{Name: name, Path: p, Mode: uint32(st.Mode().Perm()), Kind: 'f'}
	switch {
	case st.IsDir():
		i.Kind = 'd'
	case st.Mode()&os.ModeSymlink != 0:
		i.Kind = 'l'
		i.Link, err = os.Readlink(p)
	default:
		var b []byte
		if b, err = os.ReadFile(p); err == nil {
			fillInput(&i, b)
		}
	}
	return i, err
}

func fillInput(i *play.Input, b []byte) {
	s256, s1 := sha256.Sum256(b), sha1.Sum(b) // #nosec G401
	i.SHA256, i.SHA1, i.Data = hex.EncodeToString(s256[:]), hex.EncodeToString(s1[:]), play.Memory(b)
}

// Tree lists a folder, sorted.
func (in *Inputs) Tree(_, name string) ([]play.Input, error) {
	root := in.at(strings.TrimSuffix(name, "/"))
	var out []play.Input
	err := filepath.WalkDir(root, func(p string, _ os.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		i, err := in.read(p, filepath.ToSlash(rel))
		out = append(out, i)
		return err
	})
	sort.Slice(out, func(a, b int) bool { return out[a].Name < out[b].Name })
	return out, err
}

// Template reads a file and fills in variables.
func (in *Inputs) Template(_ context.Context, name string, _ *value.Map) (play.Input, error) {
	i, err := in.File("templates", name)
	if err != nil {
		return i, err
	}
	b, _ := i.Data.Bytes()
	text := string(b)
	for k, v := range in.Vars {
		text = strings.ReplaceAll(text, "{{ "+k+" }}", v)
	}
	fillInput(&i, []byte(text))
	return i, nil
}

// Bytes makes an input of text.
func (in *Inputs) Bytes(name string, text value.Value) play.Input {
	i := play.Input{Name: name, Kind: 'f', Secret: value.DeepMarks(text).Secret()}
	fillInput(&i, []byte(value.Str(text)))
	return i
}

// Dest is a place in Out.
func (in *Inputs) Dest(p string) (string, error) {
	if filepath.IsAbs(p) {
		return p, nil
	}
	if in.Out != "" {
		return filepath.Join(in.Out, p), nil
	}
	return filepath.Join(in.Dir, p), nil
}

// Host is the name of the host.
func (in *Inputs) Host() string { return "test" }
