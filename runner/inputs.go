package runner

import (
	"context"
	"crypto/sha1" // #nosec G505: what Ansible calls checksum
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// fileCache reads and hashes each of the laptop's files once per run.
type fileCache struct {
	loader play.Loader
	mu     sync.Mutex
	held   map[string]cached
}

// cached is a file as it was when it was read: one that has changed is read anew.
type cached struct {
	in   play.Input
	size int64
	at   time.Time
}

func newFileCache(l play.Loader) *fileCache {
	return &fileCache{loader: l, held: map[string]cached{}}
}

// memory is a Source held in memory.
type memory []byte

// Size is in bytes.
func (m memory) Size() int64 { return int64(len(m)) }

// Bytes returns them, shared: read only.
func (m memory) Bytes() ([]byte, error) { return m, nil }

func input(name, path string, data []byte) play.Input {
	s1, s256 := sha1.Sum(data), sha256.Sum256(data) // #nosec G401
	return play.Input{Name: name, Path: path, Mode: 0o644, Kind: 'f', SHA1: hex.EncodeToString(s1[:]), SHA256: hex.EncodeToString(s256[:]), Data: memory(data)}
}

func (c *fileCache) get(name, path string) (play.Input, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := cached{size: -1}
	st, failed := os.Stat(path)
	if failed == nil {
		now.size, now.at = st.Size(), st.ModTime()
	}
	if was, ok := c.held[path]; ok && was.size == now.size && was.at.Equal(now.at) {
		was.in.Name = name
		return was.in, nil
	}
	data, vaulted, err := c.loader.Read(path)
	if err != nil {
		return play.Input{}, err
	}
	in := input(name, path, data)
	in.Secret = vaulted
	if failed == nil {
		in.Mode = uint32(st.Mode().Perm())
	}
	now.in = in
	c.held[path] = now
	return in, nil
}

// find looks for a file: DIR/kind/name, then DIR/name, for each folder.
func find(dirs []string, kind, name string) (string, error) {
	if filepath.IsAbs(name) {
		if _, err := os.Stat(name); err != nil {
			return "", fmt.Errorf("%s: %w", name, notThere(err))
		}
		return name, nil
	}
	var tried []string
	for _, d := range dirs {
		if d == "" {
			continue
		}
		for _, p := range []string{filepath.Join(d, kind, name), filepath.Join(d, name)} {
			if _, err := os.Stat(p); err == nil {
				return p, nil
			}
			if !slices.Contains(tried, p) {
				tried = append(tried, p)
			}
		}
	}
	return "", fmt.Errorf("there is no file %s on the laptop (looked for %s)", name, strings.Join(tried, ", "))
}

func notThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no such file on the laptop")
	}
	return err
}

// inputs gives a module the laptop's files for one unit.
type inputs struct {
	u     *unit
	ahead bool
}

var _ play.Inputs = (*inputs)(nil)

func (in *inputs) dirs() []string {
	return in.u.tr.h.p.dirs(in.u.tr.task)
}

func (in *inputs) runner() *Runner { return in.u.tr.h.p.r }

// early reports a look ahead in a play whose tasks may change the laptop's files:
// they are read at the task's turn.
func (in *inputs) early() bool { return in.ahead && in.u.tr.h.p.onLaptop() }

// Host is the host's name.
func (in *inputs) Host() string { return in.u.tr.h.name }

// File finds and reads one file.
func (in *inputs) File(kind, name string) (play.Input, error) {
	if in.early() {
		return play.Input{}, vars.ErrPending
	}
	path, err := find(in.dirs(), kind, name)
	if err != nil {
		return play.Input{}, err
	}
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return play.Input{Name: name, Path: path, Kind: 'd', Mode: uint32(st.Mode().Perm())}, nil
	}
	return in.runner().files.get(name, path)
}

// Tree lists a folder.
func (in *inputs) Tree(kind, name string) ([]play.Input, error) {
	if in.early() {
		return nil, vars.ErrPending
	}
	root, err := find(in.dirs(), kind, name)
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

func (in *inputs) entry(rel, path string, d fs.DirEntry) (play.Input, error) {
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
	return in.runner().files.get(rel, path)
}

// Template finds, renders and hashes a template.
func (in *inputs) Template(ctx context.Context, name string, extra *value.Map) (play.Input, error) {
	if in.early() {
		return play.Input{}, vars.ErrPending
	}
	path, err := find(in.dirs(), "templates", name)
	if err != nil {
		return play.Input{}, err
	}
	src, err := in.runner().files.get(name, path)
	if err != nil {
		return play.Input{}, err
	}
	text, err := src.Data.Bytes()
	if err != nil {
		return play.Input{}, err
	}
	if in.ahead {
		if u, err := in.runner().opt.Expr.Inspect(value.String(string(text)), false); err != nil || u.Impure {
			return play.Input{}, vars.ErrPending
		}
	}
	body := string(text)
	local := extra.Clone()
	if over, ok := extra.Lookup("#jinja2"); ok {
		local.Delete(value.String("#jinja2"))
		body = play.WithTemplateOptions(value.Str(over), body)
	}
	s := in.u.scope.WithLocal(local)
	var masked string
	if in.u.diff && !src.Secret {
		ctx = play.WithMasked(ctx, func(text string) { masked = text })
	}
	v, err := in.runner().opt.Expr.File(ctx, path, body, s)
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
func (in *inputs) Bytes(name string, text value.Value) play.Input {
	out := input(name, "", []byte(value.Str(text)))
	out.Secret = value.DeepMarks(text).Secret()
	return out
}

// Dest is where modules write what they pull to the laptop.
func (in *inputs) Dest(path string) (string, error) {
	return abs(in.u.tr.h.p.p.Dir, path), nil
}
