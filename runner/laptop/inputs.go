package laptop

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// Inputs gives a module the laptop's files for one task on one host.
type Inputs struct {
	Files *Files
	Expr  play.Expr
	Scope *vars.Scope
	// Dirs are looked through in order; PlayDir is the playbook's own.
	Dirs    []string
	PlayDir string
	// For is the host's name.
	For string
	// Ahead says that the task's turn has not come: what may give something else
	// then is left until then (vars.ErrPending). Changing says that the play's tasks
	// may change the laptop's files: all of them are left.
	Ahead, Changing bool
	// Diff has a template tell its text without secrets, too.
	Diff bool
}

var _ play.Inputs = (*Inputs)(nil)

func (in *Inputs) early() bool { return in.Ahead && in.Changing }

// Host is the host's name.
func (in *Inputs) Host() string { return in.For }

// File finds and reads one file.
func (in *Inputs) File(kind, name string) (play.Input, error) {
	if in.early() {
		return play.Input{}, vars.ErrPending
	}
	path, err := Find(in.Dirs, kind, name)
	if err != nil {
		return play.Input{}, err
	}
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return play.Input{Name: name, Path: path, Kind: 'd', Mode: uint32(st.Mode().Perm())}, nil
	}
	return in.Files.get(name, path)
}

// Tree lists a folder.
func (in *Inputs) Tree(kind, name string) ([]play.Input, error) {
	if in.early() {
		return nil, vars.ErrPending
	}
	root, err := Find(in.Dirs, kind, name)
	if err != nil {
		return nil, err
	}
	var out []play.Input
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil || rel == "." {
			return err
		}
		one, err := in.entry(filepath.ToSlash(rel), p, d)
		out = append(out, one)
		return err
	})
	return out, err
}

func (in *Inputs) entry(rel, path string, d fs.DirEntry) (play.Input, error) {
	st, err := d.Info()
	if err != nil {
		return play.Input{}, err
	}
	mode := uint32(st.Mode().Perm())
	switch {
	case d.IsDir():
		return play.Input{Name: rel, Path: path, Kind: 'd', Mode: mode}, nil
	case st.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		return play.Input{Name: rel, Path: path, Kind: 'l', Link: to, Mode: mode}, err
	case !st.Mode().IsRegular():
		return play.Input{}, fmt.Errorf("%s is neither a file, a folder nor a link", path)
	}
	return in.Files.one(rel, path, true)
}

// Template finds, renders and hashes a template.
func (in *Inputs) Template(ctx context.Context, name string, extra *value.Map) (play.Input, error) {
	if in.early() {
		return play.Input{}, vars.ErrPending
	}
	path, err := Find(in.Dirs, "templates", name)
	if err != nil {
		return play.Input{}, err
	}
	if in.Files.FromHost(path) {
		return play.Input{}, fmt.Errorf("%s: %w", path, play.ErrFromHost)
	}
	src, err := in.Files.get(name, path)
	if err != nil {
		return play.Input{}, err
	}
	text, err := src.Data.Bytes()
	if err != nil {
		return play.Input{}, err
	}
	if in.Ahead {
		if u, err := in.Expr.Inspect(value.String(string(text)), false); err != nil || u.Impure {
			return play.Input{}, vars.ErrPending
		}
	}
	body := string(text)
	local := extra.Clone()
	if over, ok := extra.Lookup("#jinja2"); ok {
		local.Delete(value.String("#jinja2"))
		body = play.WithTemplateOptions(value.Str(over), body)
	}
	s := in.Scope.WithLocal(local)
	var masked string
	if in.Diff && !src.Secret {
		ctx = play.WithMasked(ctx, func(text string) { masked = text })
	}
	v, err := in.Expr.File(ctx, path, body, s)
	if err != nil {
		return play.Input{}, err
	}
	out := input(name, path, []byte(value.Str(v)))
	out.Mode, out.Secret = src.Mode, src.Secret || value.DeepMarks(v).Secret()
	if out.Secret {
		out.Masked = masked
	}
	return out, nil
}

// Bytes makes an input of the playbook's own text.
func (in *Inputs) Bytes(name string, text value.Value) play.Input {
	out := input(name, "", []byte(value.Str(text)))
	out.Secret = value.DeepMarks(text).Secret()
	return out
}

// Dest is where modules write what they pull to the laptop.
func (in *Inputs) Dest(path string) (string, error) {
	to := Abs(in.PlayDir, path)
	in.Files.pull(to)
	return to, nil
}
