package ast

import (
	"slices"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// importRole takes a role in before the run.
func (tr *taskReader) importRole(m *value.Map, key string, given value.Value, w where) []play.Item {
	args := value.NewMap()
	b, inner := tr.imported(m, key, importing{"import_role", "role", "include_role"}, args, w)
	if w.handler {
		tr.wrong(m.Pos, "a handler cannot be import_role: include_tasks can")
		return nil
	}
	at := value.PosOf(given)
	if at.Line == 0 {
		at = m.Pos
	}
	k, _ := tr.env.kind("include_role")
	if !tr.binder.given(entry{name: key, at: at, key: at, v: given}, kind{name: "import_role", spec: k.spec}, args) {
		return nil
	}
	use, ok := tr.folder.importedRole(args, at, inner)
	if !ok {
		return nil
	}
	use.vars = b.Vars
	if role := tr.role(use, inner); role != nil {
		b.Body = []play.Item{role}
		tr.opened = append(tr.opened, role.Role)
	}
	return []play.Item{b}
}

// roleAhead reads a role that include_role is going to take in, when its name is
// constant, so that its mistakes are found now.
func (tr *taskReader) roleAhead(t *play.Task, w where) {
	tr.applied(t, &where{})
	use := roleUse{at: t.ArgsPos, include: true, lenient: true, from: map[string]string{}, params: value.NewMap(), vars: t.Vars}
	for k, v := range t.Args.All() {
		kind, isFrom := roleFroms[value.Str(k)]
		switch name := value.Str(k); {
		case name != "name" && name != "role" && !isFrom:
		case value.HasTemplate(v):
			tr.names.open, tr.files.anyHandler = true, true
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
		tr.wrong(t.ArgsPos, "include_role needs the name of a role")
		return
	}
	if tr.files.running {
		return
	}
	quiet := tr.l.session(false).folder // whose mistakes nobody hears
	if dir, _, _, ok := quiet.roleDir(use, w); ok && slices.Contains(w.chain, roleMark(dir, use)) {
		return // it ends by a condition, or at its turn
	}
	tr.lookInto(t, w, func(w where) []play.Item {
		if b := tr.role(use, w); b != nil {
			return []play.Item{b}
		}
		return nil
	})
}

// Role loads a role that include_role takes in.
func (l *Loader) Role(use play.RoleUse, from *play.Task) (*play.Included, error) {
	w, err := l.origin(from)
	if err != nil {
		return nil, err
	}
	tr := &taskReader{session: l.session(true)}
	apply := tr.applied(from, &w)
	b := tr.role(roleUse{name: use.Name, at: from.ArgsPos, vars: use.Vars, params: value.NewMap(), from: use.From, include: true, repeats: !use.Once, unchecked: use.Unchecked}, w)
	if b == nil {
		return nil, tr.finish()
	}
	return &play.Included{Role: b.Role, Items: around(apply, []play.Item{b}), Handlers: tr.handlers, Roles: tr.opened}, tr.finish()
}
