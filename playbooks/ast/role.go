package ast

import (
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// roleWords are the keywords of a role's entry; every other word is a parameter:
// a variable for the role.
var roleWords = merged(sharedWords, `delegate_facts delegate_to name role when`)

// roleUse is one place that brings a role in.
type roleUse struct {
	name   string
	at     value.Pos
	words  play.Keywords // what its tasks inherit: vars are apart
	vars   *value.Map
	params *value.Map
	from   map[string]string // file to read in place of main, by folder
	// include says that a task brings it in: import_role or include_role.
	include   bool
	repeats   bool // allow_duplicates, of a task
	unchecked bool // rolespec_validate: false
	// lenient makes a role that isn't there the business of its turn.
	lenient bool
}

// roles reads roles: of a play. They are run between pre_tasks and tasks.
func (s *session) roles(p *play.Play, e entry, w where) []play.Item {
	if _, isList := e.v.AsSeq(); !isList && !e.v.IsNull() {
		s.wrong(e.at, "roles must be a list of roles, not %s", whatIs(e.v))
		return nil
	}
	var out []play.Item
	for _, v := range e.v.Items() {
		inner := w
		use, ok := s.roleEntry(v, itemAt(v, e), &inner)
		if !ok {
			continue
		}
		if b := s.role(use, inner); b != nil {
			p.Roles = append(p.Roles, b.Role)
			out = append(out, b)
		}
	}
	return out
}

// roleEntry reads one entry of roles: or of a role's dependencies.
func (s *session) roleEntry(v value.Value, at value.Pos, w *where) (roleUse, bool) {
	use := roleUse{at: at, params: value.NewMap()}
	m, isMap := v.AsMap()
	switch {
	case v.IsString() || v.IsNumber():
		name, ok := s.importName(value.String(value.Str(v)).From(v.Origin()), at, "a role", *w)
		use.name = name
		return use, ok && s.plainRole(name, at)
	case !isMap:
		s.wrong(at, "a role must be its name or a mapping, not %s", whatIs(v))
		return use, false
	}
	var name value.Value
	for _, e := range s.entries(m) {
		switch {
		case e.name == "role" || e.name == "name" && name.IsNull():
			name, use.at = e.v, e.at
		case e.name == "name":
		case e.name == "vars":
			use.vars = s.vars(e)
		case e.name != "notify" && s.shared(&use.words, e, w), e.name == "debugger" && s.notThere(e):
		default:
			s.roleParam(&use, e)
		}
	}
	if name.IsNull() {
		if src, ok := m.Lookup("src"); ok { // as requirements.yml has them
			name = value.String(sourceName(value.Str(src)))
		}
	}
	if name.IsNull() || value.Str(name) == "" {
		s.wrong(m.Pos, "a role needs a name: role: NAME")
		return use, false
	}
	text, ok := s.importName(value.String(value.Str(name)).From(name.Origin()), use.at, "a role", *w)
	use.name = text
	return use, ok && s.plainRole(text, use.at)
}

// roleParam keeps a word that is no keyword as a variable for the role.
func (s *session) roleParam(use *roleUse, e entry) {
	if meant := nearest(e.name, roleWords); meant != "" && len(e.name) > 3 {
		s.warn(e.key, "%q is no keyword of a role: it is taken as a variable for the role; did you mean %q?", e.name, meant)
	}
	s.define(e.name)
	s.keepSecret(e.name, e.v)
	s.inspect(e.v, e.at, slotLazy)
	use.params.Put(e.name, e.v)
}

// plainRole reports the old form "source,version,name", which nobody reads.
func (s *session) plainRole(name string, at value.Pos) bool {
	if strings.Contains(name, ",") {
		s.wrong(at, "role %q: sources and versions of roles stand in requirements.yml, here is only the name", name)
		return false
	}
	return true
}

// role reads a role with its dependencies: a block of all their tasks. Their
// handlers are noted for the play. nil when there is none.
func (s *session) role(use roleUse, w where) *play.Block {
	dir, collection, name, ok := s.roleDir(use, w)
	if !ok {
		return nil
	}
	if s.nested(dir, use, w) {
		return nil
	}
	r := &play.Role{Short: name, Name: name, Collection: collection, Path: absolute(dir), Parent: w.role}
	if collection != "" {
		r.Name = collection + "." + name
	}
	b := &play.Block{Keywords: use.words, Role: r}
	b.Pos, b.Name, b.Vars = use.at, value.Null(), nil
	w.sure = w.sure && len(use.words.When) == 0 && !forgiving(&use.words)
	w = w.because(&use.words)
	w.role, w.dir = r, dir
	w.chain = append(slices.Clip(w.chain), roleMark(dir, use))
	r.OwnDefaults = s.roleVars(dir, "defaults", use, w)
	own := s.roleVars(dir, "vars", use, w)
	r.OwnVars = joined(use.vars, own)
	meta := s.roleMeta(dir, w)
	r.Repeats = meta.repeats
	if use.include {
		r.Repeats = use.repeats
	}
	r.ID = roleID(r, use)
	r.Params = joined(paramsOf(w, use), use.params)
	fillRole(r) // what its dependencies inherit
	b.Body = s.dependencies(r, meta, w)
	fillRole(r)
	b.Body = append(b.Body, s.roleTasks(dir, use, meta, r, w)...)
	s.roleHandlers(b, dir, use, w)
	return b
}

// roleMark stands for a role in the chain of what brings what in.
func roleMark(dir string, use roleUse) string {
	return "role " + filepath.Clean(dir) + " " + use.from["tasks"]
}

// nested notes a role that brings itself in before the run, directly or through
// others.
func (s *session) nested(dir string, use roleUse, w where) bool {
	mark := roleMark(dir, use)
	i := slices.Index(w.chain, mark)
	if i < 0 {
		return false
	}
	var names []string
	for _, c := range append(slices.Clone(w.chain[i:]), mark) {
		if c, is := strings.CutPrefix(c, "role "); is {
			c, _, _ = strings.Cut(c, " ")
			names = append(names, filepath.Base(c))
		}
	}
	if len(names) == 2 {
		s.wrong(use.at, "role %s brings itself in", names[0])
		return true
	}
	s.wrong(use.at, "these roles bring each other in without end: %s", strings.Join(names, " -> "))
	return true
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
