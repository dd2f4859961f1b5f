package ast

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"remoterun/runner/play"
	"remoterun/runner/value"
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
	s := l.session(false)
	plays := &playReader{session: s}
	var out []*play.Playbook
	for _, path := range paths {
		out = append(out, plays.playbook(path))
	}
	s.names.checkNames()
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

func (l *Loader) keepSecret(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets[name] = true
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
	tr := &taskReader{session: l.session(true)}
	found, err := tr.files.included(path, w)
	if err != nil {
		return nil, &Mistakes{List: []Mistake{{Pos: from.ArgsPos, Msg: err.Error()}}}
	}
	b := tr.applied(from, &w)
	items := around(b, tr.taskFile(found, w))
	text, _, _ := tr.files.document(found)
	return &play.Included{Nothing: text.IsNull(), Items: items, Handlers: tr.handlers, Roles: tr.opened}, tr.finish()
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

// Named binds a task whose module's name is a template to the module that it names.
func (l *Loader) Named(t *play.Task, name string) (*play.Task, error) {
	s := l.session(true)
	k, ok := s.env.kind(name)
	switch why := s.binder.lacking(name); {
	case why != "":
		return nil, errors.New(why)
	case !ok:
		return nil, fmt.Errorf("there is no module %s", name)
	case strings.HasPrefix(k.name, "include_") || k.name == "meta":
		return nil, fmt.Errorf("%s cannot be named by a template", k.name)
	}
	out := *t
	out.Module, out.Action, out.Use, out.Args = name, k.name, k.module, t.Args.Clone()
	s.binder.checkArgs(&out, k)
	return &out, s.finish()
}

// Vars loads a file of variables, vaults opened. An empty file is empty.
func (l *Loader) Vars(path string) (*value.Map, error) {
	m, err := l.session(true).files.varsFile(path)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Read returns a file's bytes, decrypted when vaulted, and whether it was.
func (l *Loader) Read(path string) ([]byte, bool, error) { return l.env.file(path) }

// session is one load: what its readers share. They stand on each other: what is
// wrong and the names of variables at the bottom, then words, files, modules and
// the folders of roles; lists of tasks and plays read each other above them.
type session struct {
	*findings
	l      *Loader
	env    *Env
	names  *names
	words  *words
	files  *files
	binder *binder
	folder *roleReader
}

func (l *Loader) session(running bool) *session {
	fd := &findings{}
	ns := &names{findings: fd, env: &l.env, keep: l.keepSecret, defined: map[string]int{}, outside: map[string]bool{}}
	ws := &words{fd, &l.env, ns}
	fl := &files{findings: fd, env: &l.env, names: ns, words: ws, running: running}
	return &session{fd, l, &l.env, ns, ws, fl, &binder{fd, &l.env, ns, ws}, &roleReader{fd, &l.env, ns, ws, fl}}
}

// finish hands the warnings to the loader and makes the error.
func (s *session) finish() error {
	s.settle()
	s.l.mu.Lock()
	s.l.warnings = append(s.l.warnings, s.warnings...)
	s.l.mu.Unlock()
	if len(s.mistakes) == 0 {
		return nil
	}
	return &Mistakes{List: sorted(s.mistakes)}
}

// where is what a noun inherits while it is read. It is passed by value.
type where struct {
	dir, base   string // folders of the file, of the playbook
	role        *play.Role
	play        *play.Play
	chain       []string     // files and roles that take each other in, outermost first
	vars        []*value.Map // of enclosing blocks, outermost first
	collections []string
	defaults    []defaultsLevel
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
