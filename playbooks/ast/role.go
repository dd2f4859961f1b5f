package ast

import (
	"slices"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// roleWords are the keywords of a role's entry; every other word is a parameter:
// a variable for the role.
var roleWords = merged(sharedWords, `delegate_facts delegate_to name role when`)

// roles reads roles: of a play. They are run between pre_tasks and tasks.
func (tr *taskReader) roles(p *play.Play, e entry, w where) []play.Item {
	if _, isList := e.v.AsSeq(); !isList && !e.v.IsNull() {
		tr.wrong(e.at, "roles must be a list of roles, not %s", whatIs(e.v))
		return nil
	}
	var out []play.Item
	for _, v := range e.v.Items() {
		inner := w
		use, ok := tr.folder.roleEntry(v, itemAt(v, e), &inner)
		if !ok {
			continue
		}
		if b := tr.role(use, inner); b != nil {
			p.Roles = append(p.Roles, b.Role)
			out = append(out, b)
		}
	}
	return out
}

// role reads a role with its dependencies: a block of all their tasks. Their
// handlers are noted for the play. nil when there is none.
func (tr *taskReader) role(use roleUse, w where) *play.Block {
	dir, collection, name, ok := tr.folder.roleDir(use, w)
	if !ok {
		return nil
	}
	if tr.folder.nested(dir, use, w) {
		return nil
	}
	r := &play.Role{Short: name, Name: name, Collection: collection, Path: absolute(dir), Parent: w.role}
	tr.env.library(r.Path)
	if collection != "" {
		r.Name = collection + "." + name
	}
	b := &play.Block{Keywords: use.words, Role: r}
	b.Pos, b.Name, b.Vars = use.at, value.Null(), nil
	w.sure = w.sure && len(use.words.When) == 0 && !forgiving(&use.words)
	w = w.because(&use.words)
	w.role, w.dir = r, dir
	w.chain = append(slices.Clip(w.chain), roleMark(dir, use))
	if sv := tr.files.survey; sv != nil {
		sv.roles = append(sv.roles, w)
	}
	r.OwnDefaults = tr.folder.roleVars(dir, "defaults", use, w)
	own := tr.folder.roleVars(dir, "vars", use, w)
	r.OwnVars = joined(use.vars, own)
	meta := tr.folder.roleMeta(dir, w)
	r.Repeats = meta.repeats
	if use.include {
		r.Repeats = use.repeats
	}
	r.ID = roleID(r, use)
	r.Params = joined(paramsOf(w, use), use.params)
	fillRole(r) // what its dependencies inherit
	b.Body = tr.dependencies(r, meta, w)
	fillRole(r)
	b.Body = append(b.Body, tr.roleTasks(dir, use, meta, r, w)...)
	tr.roleHandlers(b, dir, use, w)
	return b
}

// paramsOf are the parameters that a role inherits: those of the role that
// brought it in, and, when a task did, which roles these were.
func paramsOf(w where, use roleUse) *value.Map {
	outer := w.role.Parent
	if outer == nil {
		return nil
	}
	out := joined(outer.Params)
	if !use.include {
		return out
	}
	for name, mine := range map[string]string{"ansible_parent_role_names": outer.Name, "ansible_parent_role_paths": outer.Path} {
		before, _ := out.Lookup(name)
		out.Put(name, value.List(append([]value.Value{value.String(mine)}, before.Items()...)...))
	}
	return out
}

// joined lays mappings over each other, later ones win. Nothing is nil.
func joined(maps ...*value.Map) *value.Map {
	out := value.NewMap()
	for _, m := range maps {
		for k, v := range m.All() {
			out.Set(k, v)
		}
	}
	return out
}

// fillRole works out what a role's tasks, and other tasks, see of variables.
func fillRole(r *play.Role) {
	var parents []*play.Role
	for p := r.Parent; p != nil; p = p.Parent {
		parents = append([]*play.Role{p}, parents...)
	}
	r.Dirs = []string{r.Path}
	for _, p := range slices.Backward(parents) {
		r.Dirs = append(r.Dirs, p.Path)
	}
	var defaults, vars []*value.Map
	for _, p := range parents {
		vars = append(vars, p.OwnVars)
	}
	var open []*value.Map
	for _, d := range r.AllDeps() {
		defaults = append(defaults, d.OpenDefaults)
		open = append(open, d.OpenVars)
	}
	r.OpenDefaults = joined(append(slices.Clone(defaults), r.OwnDefaults)...)
	r.OpenVars = joined(append(slices.Clone(open), r.OwnVars)...)
	for _, p := range parents {
		defaults = append(defaults, p.OwnDefaults)
	}
	r.Defaults = joined(append(defaults, r.OwnDefaults)...)
	r.Vars = joined(append(append(vars, open...), r.OwnVars)...)
}

// roleID tells uses of a role apart as Ansible does: by what is given to it.
func roleID(r *play.Role, use roleUse) string {
	from := value.NewMap()
	for k, v := range use.from {
		from.Put(k, value.String(v))
	}
	id, err := value.JSON(value.List(value.String(r.Path), value.FromMap(use.params), value.FromMap(joined(use.vars)),
		value.List(use.words.When...), value.Strings(use.words.Tags...), value.FromMap(from), value.Bool(use.include)), value.JSONStyle{SortKeys: true})
	if err != nil { // what has no JSON is like nothing else
		return use.at.String()
	}
	return id
}

// roleTasks reads the tasks of a role; the check of its arguments goes first.
func (tr *taskReader) roleTasks(dir string, use roleUse, meta roleMeta, r *play.Role, w where) []play.Item {
	var out []play.Item
	if t := tr.folder.argumentCheck(dir, use, meta, r, w); t != nil {
		out = append(out, t)
	}
	file := tr.folder.roleFile(dir, "tasks", use)
	if file == "" || tr.files.circular(file, use.at, w) {
		return out
	}
	return append(out, tr.taskFile(file, w)...)
}

// roleHandlers reads the handlers of a role, once for uses that count as one.
func (tr *taskReader) roleHandlers(tasks *play.Block, dir string, use roleUse, w where) {
	r := tasks.Role
	if tr.handled[r.ID] {
		return
	}
	if tr.handled == nil {
		tr.handled = map[string]bool{}
	}
	tr.handled[r.ID] = true
	file := tr.folder.roleFile(dir, "handlers", use)
	if file == "" {
		return
	}
	w.handler, w.sure, w.notify = true, false, nil
	w.why = "a handler runs only when it is notified"
	if use.include { // handlers see what stands beside the include as its tasks do
		own := *r
		own.Params, w.role = joined(r.Params, use.vars), &own
	}
	b := &play.Block{Keywords: tasks.Keywords, Role: r, Body: tr.taskFile(file, w)}
	tr.handlers = append(tr.handlers, b)
}

// dependencies reads the roles that a role depends on: their tasks run before its
// own.
func (tr *taskReader) dependencies(r *play.Role, meta roleMeta, w where) []play.Item {
	w.collections = append(meta.collections, w.collections...)
	var out []play.Item
	for _, v := range meta.deps.Items() {
		inner := w
		use, ok := tr.folder.roleEntry(v, itemAt(v, meta.at), &inner)
		if !ok {
			continue
		}
		if b := tr.role(use, inner); b != nil {
			r.Deps = append(r.Deps, b.Role)
			out = append(out, b)
		}
	}
	return out
}
