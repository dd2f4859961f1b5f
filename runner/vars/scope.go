package vars

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// ErrPending is the answer to a name whose value is not settled yet, when a
// task is looked at ahead of its turn. It is never shown.
var ErrPending = errors.New("not known yet")

// Frame is what a task's place in the play adds to a host's variables, lowest
// precedence first.
type Frame struct {
	// Defaults are of roles: below the inventory. Those of the task's own come last.
	Defaults []*value.Map
	Play     []play.Layer // vars, prompts, vars_files of the play
	Roles    []*value.Map // vars of roles, those of the task's own last
	Block    []*value.Map // vars of blocks and the task, outermost first
	// Params are parameters of roles and vars: of an include, above set_fact.
	Params []*value.Map
	// Local are loop variables: above everything.
	Local *value.Map
	// Own are names that the program answers for the task (role_path …).
	Own *value.Map
	// Magic are the play's own names (playbook_dir, ansible_play_hosts …): nothing
	// can override them.
	Magic *value.Map
	// Reach are names that say how the host is reached, where nothing else does:
	// below everything.
	Reach *value.Map
	Dirs  []string
}

// Scope answers names for one host and task; it implements play.Scope.
type Scope struct {
	store *Store
	host  string
	frame Frame
	// Ahead is set while a task is looked at before its turn.
	ahead *Ahead
	// lazy says that facts may be gathered when a name asks for one.
	lazy bool
	// asks says that facts which a play has gathered, as people see it, are asked.
	asks bool
	// through says that the names are read by hostvars.
	through bool
	// other says that another host reads this one's names.
	other bool
	ctx   context.Context
	// kind is the folder in which a loop's first_found looks; empty = files.
	kind string
}

// FromHost reports whether a file of the laptop's came from a host in this run.
func (s *Scope) FromHost(path string) bool {
	return s.store.FromHost != nil && s.store.FromHost(path)
}

// Ahead restricts a scope to what is settled already.
type Ahead struct {
	// Pending are the registers of tasks that have not run.
	Pending map[string]bool
	// Set are set_fact's variables of tasks that were passed.
	Set *value.Map
	// Laptop says that tasks change the laptop: what reads its files is not settled.
	Laptop bool
}

var _ play.Scope = (*Scope)(nil)

// Scope makes a scope; lazy facts cost a question when something reads one.
func (s *Store) Scope(ctx context.Context, host string, f Frame, lazy bool) *Scope {
	return &Scope{store: s, host: host, frame: f, lazy: lazy && s.gather != nil, ctx: ctx}
}

// Asking returns the scope of a task: what plays have gathered is asked when a
// name of any host reads it.
func (s *Scope) Asking() *Scope {
	c := *s
	c.asks = true
	return &c
}

// WithLocal returns the scope with loop variables added.
func (s *Scope) WithLocal(m *value.Map) *Scope {
	c := *s
	c.frame.Local = m
	if s.frame.Local != nil {
		c.frame.Local = merged(s.frame.Local, m)
	}
	return &c
}

// Ahead returns the scope restricted to what is settled.
func (s *Scope) Ahead(a *Ahead) *Scope {
	c := *s
	c.ahead = a
	return &c
}

// WithMagic returns the scope with the play's own names as they are now.
func (s *Scope) WithMagic(m *value.Map) *Scope {
	c := *s
	c.frame.Magic = m
	return &c
}

// LookingIn returns the scope of a loop whose first_found looks in folders of
// another kind than files.
func (s *Scope) LookingIn(kind string) *Scope {
	c := *s
	c.kind = kind
	return &c
}

// FilesKind is the kind of folders in which a loop's first_found looks.
func (s *Scope) FilesKind() string { return cmp.Or(s.kind, "files") }

// Reached returns the scope with other names of how the host is reached.
func (s *Scope) Reached(m *value.Map) *Scope {
	c := *s
	c.frame.Reach = m
	return &c
}

// Host is the host whose names are answered.
func (s *Scope) Host() string { return s.host }

// Dirs are the folders in which lookups find files.
func (s *Scope) Dirs() []string { return s.frame.Dirs }

// level is one place that can hold a name, and how people are told of it.
type level struct {
	from string
	vars *value.Map
	// prefix is what the place's names lack: facts are kept without ansible_.
	prefix string
}

func (l level) get(name string) (value.Value, bool) {
	name, ok := strings.CutPrefix(name, l.prefix)
	if !ok {
		return value.Value{}, false
	}
	return l.vars.Lookup(name)
}

// levels yields the places that can hold a name, highest precedence first: the
// one list that the answer, its source and the names all follow.
func (s *Scope) levels(h hostVars) iter.Seq[level] {
	f := s.frame
	return func(yield func(level) bool) {
		several := func(from string, inner []*value.Map) bool {
			for _, m := range slices.Backward(inner) {
				if !yield(level{from: from, vars: m}) {
					return false
				}
			}
			return true
		}
		layers := func(ls []play.Layer) bool {
			for _, l := range slices.Backward(ls) {
				if !yield(level{from: l.Name, vars: l.Vars}) {
					return false
				}
			}
			return true
		}
		_ = yield(level{from: "loop variable", vars: f.Local}) &&
			yield(level{from: "extra vars (-e)", vars: s.store.extra}) &&
			several("vars of the include", f.Params) &&
			(s.ahead == nil || yield(level{from: "set_fact or register", vars: s.ahead.Set})) &&
			yield(level{from: "set_fact or register", vars: h.set}) &&
			yield(level{from: "include_vars", vars: h.vars}) &&
			several("vars of the task or block", f.Block) &&
			several("vars of a role", f.Roles) &&
			layers(f.Play) &&
			yield(level{from: "facts", vars: h.facts, prefix: "ansible_"}) &&
			yield(level{from: "facts", vars: h.bare}) &&
			layers(h.layers) &&
			several("defaults of a role", f.Defaults)
	}
}

// Var returns a variable raw. The error is *host.ErrNeed when facts must be
// gathered first, ErrPending when a look ahead must stop here.
func (s *Scope) Var(name string) (v value.Value, ok bool, err error) {
	h, err := s.store.view(s.host)
	if err != nil {
		return value.Value{}, false, err
	}
	if v, ok, err = s.magicVar(name); ok || err != nil {
		return v, ok, err
	}
	if s.ahead != nil && s.ahead.Pending[name] {
		return value.Value{}, false, ErrPending
	}
	if v, ok = s.find(h, name); !ok {
		return s.fact(h, name)
	}
	return v, true, s.settled(v)
}

func (s *Scope) find(h hostVars, name string) (value.Value, bool) {
	for l := range s.levels(h) {
		if v, ok := l.get(name); ok {
			return v, true
		}
	}
	return value.Value{}, false
}

// settled refuses, ahead of a task's turn, values that may differ at it.
func (s *Scope) settled(v value.Value) error {
	if s.ahead == nil || !value.HasTemplate(v) {
		return nil
	}
	u, err := s.store.expr.Inspect(v, false)
	if err != nil || u.Impure || u.Laptop && s.ahead.Laptop {
		return ErrPending
	}
	return nil
}

// fact answers ansible_ names that only gathering can answer.
func (s *Scope) fact(h hostVars, name string) (value.Value, bool, error) {
	switch name {
	case "ansible_facts":
		return value.FromObject(&facts{s}), true, nil
	}
	if v, ok := s.reached(h, name); ok {
		return v, true, nil
	}
	if strings.HasPrefix(name, "ansible_") && !connectionVar(name) {
		return value.Value{}, false, s.gathered(h)
	}
	return value.Value{}, false, nil
}

// reached answers what says how the host is reached and is not set itself: by its
// other name, or as the play has it. hostvars shows what is set alone.
func (s *Scope) reached(h hostVars, name string) (value.Value, bool) {
	other, ok := map[string]string{"ansible_ssh_user": "ansible_user", "ansible_ssh_host": "ansible_host", "ansible_ssh_port": "ansible_port", "ansible_user": "ansible_ssh_user", "ansible_host": "ansible_ssh_host", "ansible_port": "ansible_ssh_port"}[name]
	if _, of := s.frame.Reach.Lookup(name); s.through || !ok && !of {
		return value.Value{}, false
	}
	if v, ok := s.find(h, other); ok {
		return v, true
	}
	for _, n := range []string{name, other} {
		if v, ok := s.frame.Reach.Lookup(n); ok {
			return v, true
		}
	}
	if name != "ansible_host" && other != "ansible_host" {
		return value.Value{}, false
	}
	if implicit(s.host) && !slices.Contains(s.store.Hosts(), s.host) {
		return value.String("127.0.0.1"), true
	}
	return value.MarkedString(s.host, value.Unsafe), true // its own name unless it says otherwise
}

// gathered is nil when the host's facts are there or no play gathers them.
func (s *Scope) gathered(h hostVars) error {
	switch {
	case h.known || s.store.gather == nil || !s.lazy && !(s.asks && h.due):
		return nil
	case s.other:
		return host.Need(Facts{Of: s.host, Question: s.store.gathererOf(&h).Question()})
	}
	return host.Need(s.store.gathererOf(&h).Question())
}

// connectionVar reports names that are settings: no gathering answers them.
func connectionVar(name string) bool {
	switch name {
	case "ansible_host", "ansible_port", "ansible_ssh_user", "ansible_ssh_host", "ansible_ssh_port", "ansible_timeout", "ansible_ssh_timeout", "ansible_delegated_vars", "ansible_user", "ansible_password", "ansible_connection", "ansible_config_file", "ansible_python_interpreter":
		return true
	}
	for _, p := range []string{"ansible_become", "ansible_ssh_pass", "ansible_ssh_private", "ansible_ssh_common", "ansible_ssh_extra", "ansible_sudo_", "ansible_loop", "ansible_failed_", "ansible_parent_", "ansible_shell_"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// Names lists what can be asked for: the weakest level's first, each level's as
// they came to be.
func (s *Scope) Names() []string {
	var levels [][]string
	if h, err := s.store.view(s.host); err == nil {
		for l := range s.levels(h) {
			names := l.vars.Names()
			for i, n := range names {
				names[i] = l.prefix + n
			}
			levels = append(levels, names)
		}
	}
	slices.Reverse(levels)
	levels = append(levels, s.frame.Own.Names(), s.frame.Magic.Names(), hostMagic)
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Concat(levels...), func(n string) bool {
		twice := seen[n]
		seen[n] = true
		return twice
	})
}

// Source says where a variable comes from, for eval and errors; empty when it
// is not there.
func (s *Scope) Source(name string) string {
	h, err := s.store.view(s.host)
	if err != nil {
		return ""
	}
	for l := range s.levels(h) {
		if _, ok := l.get(name); ok {
			return l.from
		}
	}
	return ""
}

// Place says where a variable was written: file and line, or else what gave it, as
// Source does. Numbers know no place of their own, their names in a file do.
func (s *Scope) Place(name string) string {
	h, err := s.store.view(s.host)
	if err != nil {
		return ""
	}
	for l := range s.levels(h) {
		v, ok := l.get(name)
		if !ok {
			continue
		}
		if at := value.PosOf(v).String(); at != "" {
			return at
		}
		for key := range l.vars.All() {
			if value.Str(key) == strings.TrimPrefix(name, l.prefix) {
				return cmp.Or(value.PosOf(key).String(), l.from)
			}
		}
	}
	return ""
}
