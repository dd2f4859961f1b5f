package ast

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// Loader reads playbooks, and files of tasks and variables while they run. It
// is safe for concurrent use.
type Loader struct {
	env Env

	mu       sync.Mutex
	origins  map[*play.Task]where // what files that a task includes inherit
	warnings []Mistake
	secrets  map[string]bool
}

var _ play.Loader = (*Loader)(nil)

// New returns a loader. Nothing is read yet.
func New(env Env) *Loader {
	return &Loader{env: env, origins: map[*play.Task]where{}, secrets: map[string]bool{}}
}

// Load reads playbooks that run one after another. The error is *Mistakes and
// holds everything that is wrong in any of them and in what they include.
func (l *Loader) Load(paths ...string) ([]*play.Playbook, error) {
	s := &session{l: l, env: &l.env, names: newNames()}
	var out []*play.Playbook
	for _, path := range paths {
		out = append(out, s.playbook(path))
	}
	s.checkNames()
	return out, s.finish()
}

// Playbook reads one playbook; see Load.
func (l *Loader) Playbook(path string) (*play.Playbook, error) {
	books, err := l.Load(path)
	if err != nil {
		return nil, err
	}
	return books[0], nil
}

// Warnings are what looks wrong in all that was read so far and isn't certain.
func (l *Loader) Warnings() []Mistake {
	l.mu.Lock()
	defer l.mu.Unlock()
	return sorted(l.warnings)
}

// Secret reports a variable whose value came from a vault, as far as files were
// read: what lint warns of when it is put into a command.
func (l *Loader) Secret(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.secrets[name]
}

// maxIncludes is how deep files may include each other while a playbook runs.
const maxIncludes = 100

// Tasks loads a file of tasks that from includes, bound and checked. A path
// that is not absolute is looked up beside the including file, then beside the
// playbook. The keywords of apply: stand on a block around the tasks.
func (l *Loader) Tasks(path string, from *play.Task) (*play.Included, error) {
	w, err := l.origin(from)
	if err != nil {
		return nil, err
	}
	s := &session{l: l, env: &l.env, names: newNames(), running: true}
	found, err := s.included(path, w)
	if err != nil {
		return nil, &Mistakes{List: []Mistake{{Pos: from.ArgsPos, Msg: err.Error()}}}
	}
	b := s.applied(from, &w)
	items := around(b, s.taskFile(found, w))
	return &play.Included{Items: items, Handlers: s.handlers, Roles: s.opened}, s.finish()
}

// origin is where a task that takes something in stands.
func (l *Loader) origin(from *play.Task) (where, error) {
	l.mu.Lock()
	w, ok := l.origins[from]
	l.mu.Unlock()
	if !ok {
		w = where{dir: from.Dir, base: from.Dir, role: from.Role, handler: from.Handler}
	}
	if len(w.chain) >= maxIncludes {
		return w, fmt.Errorf("%s: files include each other more than %d deep", from.Pos, maxIncludes)
	}
	return w, nil
}

// included finds a file by its name as written, or by that name joined with
// the folder of the file that includes it.
func (s *session) included(path string, w where) (string, error) {
	if s.env.exists(path) {
		return path, nil
	}
	if rel, err := filepath.Rel(absolute(w.dir), path); err == nil && filepath.IsLocal(rel) {
		path = rel
	}
	return s.locate("tasks", path, w)
}

// Vars loads a file of variables, vaults opened. An empty file is empty.
func (l *Loader) Vars(path string) (*value.Map, error) {
	s := &session{l: l, env: &l.env, names: newNames(), running: true}
	m, err := s.varsFile(path)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Read returns a file's bytes, decrypted when vaulted, and whether it was.
func (l *Loader) Read(path string) ([]byte, bool, error) { return l.env.file(path) }

// session is one load: it collects what is wrong and goes on.
type session struct {
	l        *Loader
	env      *Env
	mistakes []Mistake
	warnings []Mistake
	names    *names
	holder   string // the variable that is being read
	running  bool   // a playbook runs: nothing is looked at ahead
	local    bool   // a task writes on the laptop: files may come to be
	missing  []Mistake
	ahead    []play.Item // tasks of included files, read ahead for this play
	// handlers are those of the roles that were read for this play, a block each,
	// and handled the roles that they are of, by ID.
	handlers []*play.Block
	handled  map[string]bool
	opened   []*play.Role  // that import_role brought in
	later    []*play.Block // handlers that come with include_role
	// anyHandler says that a role whose name is not known yet may bring any.
	anyHandler bool
}

// where is what a noun inherits while it is read. It is passed by value.
type where struct {
	dir, base   string // folders of the file, of the playbook
	role        *play.Role
	play        *play.Play
	chain       []string     // files and roles that take each other in, outermost first
	vars        []*value.Map // of enclosing blocks, outermost first
	collections []string
	defaults    []*value.Map
	notify      []value.Value
	handler     bool
	sure        bool   // what stands here is run whenever the play is
	why         string // why it is not sure
}

// because notes what decides whether that is run which stands under keywords.
func (w where) because(k *play.Keywords) where {
	switch {
	case len(k.When) > 0:
		var conds []string
		for _, c := range k.When {
			conds = append(conds, value.Str(c))
		}
		w.why = "when: " + strings.Join(conds, " and ")
	case slices.Contains(k.Tags, "never"):
		w.why = "tags: never"
	case forgiving(k):
		w.why = "ignore_errors"
	}
	return w
}

// finish hands the warnings to the loader and makes the error.
func (s *session) finish() error {
	if s.local {
		s.warnings = append(s.warnings, s.missing...)
	} else {
		s.mistakes = append(s.mistakes, s.missing...)
	}
	s.l.mu.Lock()
	s.l.warnings = append(s.l.warnings, s.warnings...)
	s.l.mu.Unlock()
	if len(s.mistakes) == 0 {
		return nil
	}
	return &Mistakes{List: sorted(s.mistakes)}
}

func (s *session) wrong(at value.Pos, format string, args ...any) {
	s.mistakes = append(s.mistakes, Mistake{Pos: at, Msg: fmt.Sprintf(format, args...)})
}

func (s *session) warn(at value.Pos, format string, args ...any) {
	s.warnings = append(s.warnings, Mistake{Pos: at, Msg: fmt.Sprintf(format, args...)})
}

// unknown reports a word that is not among the allowed ones.
func (s *session) unknown(at value.Pos, allowed []string, word, format string, args ...any) {
	s.mistakes = append(s.mistakes, Mistake{
		Pos: at, Msg: fmt.Sprintf(format, args...), Meant: nearest(word, allowed), Allowed: allowed,
	})
}

// document reads a YAML file with one document; ok is false when a mistake was
// noted.
func (s *session) document(path string) (v value.Value, vaulted, ok bool) {
	data, vaulted, err := s.env.file(path)
	if err != nil {
		s.wrong(value.Pos{File: path}, "%s", readError(err))
		s.unread()
		return v, false, false
	}
	v, err = yaml.One(path, data, yaml.Options{Decrypt: s.env.Decrypt, Warn: s.duplicate})
	if err != nil {
		s.mistakes = append(s.mistakes, mistakeOf(err, value.Pos{File: path}))
		s.unread()
		return v, false, false
	}
	return v, vaulted, true
}

// unread notes that something could not be read which may define any name, and
// hold any handler: what is missing then is no mistake of its own.
func (s *session) unread() { s.names.open, s.anyHandler = true, true }

func (s *session) duplicate(at value.Pos, msg string) {
	if s.env.Strict {
		s.wrong(at, "%s", msg)
		return
	}
	s.warn(at, "%s", msg)
}

// readError is an error of reading without the path, which stands before it.
func readError(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Op + ": " + p.Err.Error()
	}
	return err.Error()
}

// varsFile reads a file of variables. The error is *Mistakes.
func (s *session) varsFile(path string) (*value.Map, error) {
	sub := &session{l: s.l, env: s.env, names: s.names}
	v, vaulted, ok := sub.document(path)
	s.warnings = append(s.warnings, sub.warnings...)
	if !ok || len(sub.mistakes) > 0 {
		return nil, &Mistakes{List: sub.mistakes}
	}
	if v.IsNull() {
		return value.NewMap(), nil
	}
	m, isMap := v.AsMap()
	if !isMap {
		at := value.PosOf(v)
		at.File = path
		return nil, &Mistakes{List: []Mistake{{Pos: at, Msg: "a file of variables must be a mapping, this one is " + whatIs(v)}}}
	}
	if vaulted {
		m = m.With(value.Masked)
	}
	return m, nil
}

// absolute is a folder's whole path, as playbook_dir and messages show it. A
// folder that the laptop has not got (of playbooks in memory) stays as it is.
func absolute(dir string) string {
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return dir
	}
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// search lists where a relative name may be, in order: beside the file that
// names it, then beside the playbook, in the folder of its kind first. Files of
// tasks are looked for in the folder itself first.
func search(kind, name string, w where) []string {
	if filepath.IsAbs(name) {
		return []string{name}
	}
	var out []string
	add := func(paths ...string) {
		for _, p := range paths {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	var roles []string
	if w.role != nil {
		roles = w.role.Dirs
	}
	if kind == "tasks" {
		own := "tasks"
		if w.handler {
			own = "handlers"
		}
		if w.role != nil {
			add(filepath.Join(w.role.Path, own, name))
		}
		add(filepath.Join(w.dir, name))
		if w.role != nil {
			add(filepath.Join(w.role.Path, "tasks", name), filepath.Join(w.role.Path, name))
		}
		add(filepath.Join(w.dir, kind, name), filepath.Join(w.base, name), filepath.Join(w.base, kind, name))
		return out
	}
	for _, dir := range roles {
		add(filepath.Join(dir, kind, name), filepath.Join(dir, name))
	}
	add(filepath.Join(w.dir, kind, name), filepath.Join(w.dir, name))
	if up := filepath.Dir(w.dir); w.role != nil && filepath.Base(up) == "tasks" {
		add(filepath.Join(filepath.Dir(up), kind, name), filepath.Join(up, name))
	}
	add(filepath.Join(w.base, kind, name), filepath.Join(w.base, name))
	return out
}

// locate finds a file of the laptop; the error lists where it was looked for.
func (s *session) locate(kind, name string, w where) (string, error) {
	places := search(kind, name, w)
	for _, p := range places {
		if s.env.exists(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("there is no file %s (looked for %s)", name, strings.Join(places, ", "))
}

// static is the scope of names of imported files: variables of the play and of
// the command line.
type static struct{ layers []*value.Map }

func (st static) Var(name string) (value.Value, bool, error) {
	for _, m := range st.layers {
		if v, ok := m.Lookup(name); ok {
			return v, true, nil
		}
	}
	return value.Value{}, false, nil
}

func (st static) Names() []string {
	var out []string
	for _, m := range st.layers {
		out = append(out, m.Names()...)
	}
	return out
}

func (st static) Dirs() []string { return nil }

// importName renders the name of an imported file. Only variables that are
// known before the run can be in it.
func (s *session) importName(v value.Value, at value.Pos, what string, w where) (string, bool) {
	if value.HasTemplate(v) && s.env.Expr != nil {
		layers := []*value.Map{s.env.Extra}
		for _, m := range slices.Backward(w.vars) {
			layers = append(layers, m)
		}
		if w.role != nil {
			layers = append(layers, w.role.Params, w.role.Vars)
		}
		if w.play != nil {
			layers = append(layers, w.play.Vars)
		}
		if w.role != nil {
			layers = append(layers, w.role.Defaults)
		}
		out, err := s.env.Expr.Render(context.Background(), v, static{layers})
		if err != nil {
			m := mistakeOf(err, at)
			s.wrong(m.Pos, "%s (%s is read before the run: only vars of the play and -e can name its file)", m.Msg, what)
			return "", false
		}
		v = out
	}
	name, ok := v.AsString()
	if !ok || name == "" {
		s.wrong(at, "%s needs the name of a file", what)
	}
	return name, ok && name != ""
}
