package inventory

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"remoterun/runner/disk"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// varFiles finds and reads files of group_vars and host_vars, each once.
type varFiles struct {
	opt   Options
	mu    sync.Mutex
	found map[string][]string    // folder and entity -> files
	read  map[string]*varContent // file -> what it holds
}

// forget has every file read anew when it is needed next.
func (f *varFiles) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found, f.read = nil, nil
}

// varContent is a file's mapping. A file with vaults is checked when the
// inventory is loaded and opened when a host needs it: not every operator holds
// every password.
type varContent struct {
	vars   *value.Map
	vaults bool
	err    *Error
}

// endings are those of files of variables, none first.
func endings() []string { return []string{"", ".yml", ".yaml", ".json"} }

// files lists what holds the variables of one group or host in dir, a
// group_vars or host_vars folder: a file of that name with a usual ending, or
// a folder with files, sorted.
func (f *varFiles) files(dir, entity string) ([]string, error) {
	if strings.HasPrefix(entity, "/") || strings.Contains(entity, "..") && strings.Contains(entity, "/") {
		return nil, nil
	}
	key := dir + "\x00" + entity
	if list, ok := f.found[key]; ok {
		return list, nil
	}
	list, err := findVarFiles(dir, entity)
	if err != nil {
		return nil, err
	}
	if f.found == nil {
		f.found = map[string][]string{}
	}
	f.found[key] = list
	return list, nil
}

func findVarFiles(dir, entity string) ([]string, error) {
	for _, end := range endings() {
		path := filepath.Join(dir, entity+end)
		st, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) || err != nil && !os.IsPermission(err):
			continue
		case err != nil:
			return nil, &Error{Pos: value.Pos{File: path}, Msg: plain(err)}
		case st.IsDir():
			return varFolder(disk.Once{}, path)
		}
		return []string{path}, nil
	}
	return nil, nil
}

// varFolder lists the files of a folder and of those folders in it whose names
// have no ending.
func varFolder(once disk.Once, dir string) ([]string, error) {
	if !once.First(dir) {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &Error{Pos: value.Pos{File: dir}, Msg: plain(err)}
	}
	var out []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
			continue
		}
		path, ext := filepath.Join(dir, name), filepath.Ext(name)
		st, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, &Error{Pos: value.Pos{File: path}, Msg: plain(err)}
		case st.IsDir() && ext == "":
			more, err := varFolder(once, path)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		case st.Mode().IsRegular() && slices.Contains(endings(), ext):
			out = append(out, path)
		}
	}
	return out, nil
}

// layers are the layers of one entity in one folder. open says whether vaults
// are to be opened.
func (f *varFiles) layers(base, sub, entity string, open bool) ([]play.Layer, Errors) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list, err := f.files(filepath.Join(base, sub), entity)
	if err != nil {
		return nil, Errors{asError(err)}
	}
	var out []play.Layer
	var errs Errors
	for _, path := range list {
		c := f.content(path, open)
		if c.err != nil {
			errs = append(errs, c.err)
		} else if c.vars.Len() > 0 {
			out = append(out, play.Layer{Name: layerName(base, path), Vars: c.vars})
		}
	}
	return out, errs
}

func asError(err error) *Error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	return &Error{Msg: err.Error()}
}

func layerName(base, path string) string {
	if rel, err := filepath.Rel(base, path); err == nil {
		return rel
	}
	return path
}

// content reads a file once; one with vaults again when they are to be opened.
func (f *varFiles) content(path string, open bool) *varContent {
	if c, ok := f.read[path]; ok && (!c.vaults || !open) {
		return c
	}
	c := f.load(path, open)
	if f.read == nil {
		f.read = map[string]*varContent{}
	}
	if c.vaults && open {
		if c.err != nil {
			return c // stays closed: no mistake of the file
		}
		c.vaults = false // opened: never again
	}
	f.read[path] = c
	return c
}

func (f *varFiles) load(path string, open bool) *varContent {
	c := &varContent{}
	shown := short(path)
	data, err := os.ReadFile(path)
	if err != nil {
		c.err = &Error{Pos: value.Pos{File: shown}, Msg: plain(err)}
		return c
	}
	whole := isVault(data)
	if c.vaults = whole; whole {
		if !open {
			return c
		}
		if data, err = openVault(f.opt, shown, data); err != nil {
			c.err = &Error{Pos: value.Pos{File: shown}, Msg: err.Error(), Cause: err}
			return c
		}
	}
	opt := yaml.Options{Warn: f.opt.Warn}
	switch {
	case !open:
		opt.Decrypt = func(string, value.Pos) ([]byte, error) { c.vaults = true; return nil, nil }
	case f.opt.Decrypt != nil:
		opt.Decrypt = func(text string, at value.Pos) ([]byte, error) { c.vaults = true; return f.opt.Decrypt(text, at) }
	}
	if open {
		opt.Warn = nil // told when the inventory was loaded
	}
	doc, err := yaml.One(shown, data, opt)
	if err != nil {
		c.err = yamlError(shown, err)
		return c
	}
	m, ok := doc.AsMap()
	if !ok && value.Truth(doc) {
		c.err = &Error{Pos: value.Pos{File: shown}, Msg: "a file of variables is a mapping, got " + value.TypeName(doc)}
		return c
	}
	if whole {
		m = m.With(value.Masked)
	}
	c.vars = m
	return c
}

// short is a path for messages: below the current folder without it.
func short(path string) string {
	cwd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(cwd, path); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
		return rel
	}
	return path
}

// warnUnusedIn warns of entries of a folder that belong to no group or host but
// nearly do.
func (inv *Inventory) warnUnusedIn(dir, kind string, known []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		full := e.Name()
		name := full
		if ext := filepath.Ext(full); slices.Contains(endings()[1:], ext) {
			name = strings.TrimSuffix(full, ext)
		}
		if strings.HasPrefix(full, ".") || slices.Contains(known, name) || slices.Contains(known, full) {
			continue
		}
		if n := slip(name, known); n != "" {
			inv.opt.Warn(value.Pos{File: short(filepath.Join(dir, full))}, "no "+kind+" of this name; did you mean "+n+"?")
		}
	}
}
