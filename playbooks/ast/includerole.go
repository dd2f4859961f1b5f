package ast

import (
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// roleFroms are the arguments that name files in place of main, and their folders.
var roleFroms = map[string]string{"tasks_from": "tasks", "vars_from": "vars", "defaults_from": "defaults", "handlers_from": "handlers"}

// importRole takes a role in before the run. What stands beside import_role is
// inherited by its tasks: they are a block.
func (s *session) importRole(m *value.Map, key string, given value.Value, w where) []play.Item {
	b := &play.Block{}
	b.Pos = m.Pos
	inner := w
	args := value.NewMap()
	for _, e := range s.entries(m) {
		switch {
		case e.name == key:
		case e.name == "args":
			more, _ := e.v.AsMap()
			fill(args, more)
		case s.shared(&b.Keywords, e, &inner):
		case e.name == "loop" || strings.HasPrefix(e.name, "with_"):
			s.wrong(e.key, "import_role cannot loop: use include_role")
		case s.notThere(e):
		case slices.Contains(taskWords, e.name):
			s.warn(e.key, "%s has no effect on import_role: put it on the tasks of the role", e.name)
		default:
			s.unknown(e.key, innerWords, e.name, "import_role has no keyword %q", e.name)
		}
	}
	s.place(&b.Keywords)
	if w.handler {
		s.wrong(m.Pos, "a handler cannot be import_role: include_tasks can")
		return nil
	}
	at := value.PosOf(given)
	if at.Line == 0 {
		at = m.Pos
	}
	k, _ := s.env.kind("include_role")
	if !s.given(entry{name: key, at: at, key: at, v: given}, kind{name: "import_role", spec: k.spec}, args) {
		return nil
	}
	inner.sure = w.sure && len(b.When) == 0 && !forgiving(&b.Keywords)
	inner = inner.because(&b.Keywords)
	inner.vars = append(slices.Clip(inner.vars), b.Vars)
	use, ok := s.importedRole(args, at, inner)
	if !ok {
		return nil
	}
	use.vars, b.Name = b.Vars, value.Null()
	if role := s.role(use, inner); role != nil {
		b.Body = []play.Item{role}
		s.opened = append(s.opened, role.Role)
	}
	return []play.Item{b}
}

// importedRole reads the arguments of import_role.
func (s *session) importedRole(args *value.Map, at value.Pos, w where) (roleUse, bool) {
	use := roleUse{at: at, include: true, repeats: true, from: map[string]string{}, params: value.NewMap()}
	ok := true
	for k, v := range args.All() {
		e := entry{name: value.Str(k), key: value.PosOf(k), at: value.PosOf(v), v: v}
		if e.at.Line == 0 {
			e.at = at
		}
		if e.key.Line == 0 {
			e.key = e.at
		}
		switch {
		case e.name == "name" || e.name == "role":
			var named bool
			use.name, named = s.importName(v, e.at, "import_role", w)
			use.at, ok = e.at, ok && named
		case roleFroms[e.name] != "":
			file, named := s.importName(v, e.at, e.name, w)
			use.from[roleFroms[e.name]] = filepath.Base(file)
			ok = ok && named
		case e.name == "allow_duplicates":
			use.repeats = value.Truth(s.boolean(e))
		case e.name == "rolespec_validate":
			use.unchecked = !value.Truth(s.boolean(e))
		case e.name == "public" || e.name == "apply":
			s.wrong(e.key, "import_role has no %s: its tasks inherit every keyword, and its variables are seen by all tasks (include_role has it)", e.name)
		default:
			s.unknown(e.key, []string{"allow_duplicates", "defaults_from", "handlers_from", "name", "role", "rolespec_validate", "tasks_from", "vars_from"}, e.name, "import_role has no argument %q", e.name)
		}
	}
	if use.name == "" && ok {
		s.wrong(at, "import_role needs a name")
		ok = false
	}
	return use, ok
}

// roleAhead reads a role that include_role is going to take in, when its name is
// constant, so that its mistakes are found now.
func (s *session) roleAhead(t *play.Task, w where) {
	s.applied(t, &where{})
	use := roleUse{at: t.ArgsPos, include: true, lenient: true, from: map[string]string{}, params: value.NewMap(), vars: t.Vars}
	for k, v := range t.Args.All() {
		kind, isFrom := roleFroms[value.Str(k)]
		switch name := value.Str(k); {
		case name != "name" && name != "role" && !isFrom:
		case value.HasTemplate(v):
			s.names.open, s.anyHandler = true, true
			return
		case isFrom:
			use.from[kind] = value.Str(v)
		default:
			use.name = value.Str(v)
			if at := value.PosOf(v); at.Line > 0 {
				use.at = at
			}
		}
		if value.Str(k) == "rolespec_validate" {
			use.unchecked = value.Equal(v, value.Bool(false))
		}
	}
	if use.name == "" {
		s.wrong(t.ArgsPos, "include_role needs the name of a role")
		return
	}
	if s.running {
		return
	}
	if dir, _, _, ok := s.quietly().roleDir(use, w); ok && slices.Contains(w.chain, roleMark(dir, use)) {
		return // it ends by a condition, or at its turn
	}
	w.sure = w.sure && len(t.When) == 0 && t.Loop == nil && !forgiving(&t.Keywords)
	w = w.because(&t.Keywords)
	w.notify = nil
	handlers, handled, opened := s.handlers, s.handled, s.opened
	s.handlers, s.handled = nil, nil // they come with the role, when it is its turn
	before := len(s.mistakes)
	if b := s.role(use, w); b != nil {
		s.ahead = append(s.ahead, b)
	}
	s.unneeded(before, w)
	s.later = append(s.later, s.handlers...)
	s.handlers, s.handled, s.opened = handlers, handled, opened
}

// quietly is a session whose mistakes nobody hears.
func (s *session) quietly() *session {
	return &session{l: s.l, env: s.env, names: newNames()}
}

// Role loads a role that include_role takes in.
func (l *Loader) Role(use play.RoleUse, from *play.Task) (*play.Included, error) {
	w, err := l.origin(from)
	if err != nil {
		return nil, err
	}
	s := &session{l: l, env: &l.env, names: newNames(), running: true}
	apply := s.applied(from, &w)
	b := s.role(roleUse{name: use.Name, at: from.ArgsPos, vars: use.Vars, params: value.NewMap(), from: use.From, include: true, repeats: !use.Once, unchecked: use.Unchecked}, w)
	if b == nil {
		return nil, s.finish()
	}
	return &play.Included{Role: b.Role, Items: around(apply, []play.Item{b}), Handlers: s.handlers, Roles: s.opened}, s.finish()
}
