package ast

import (
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

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

// roleEntry reads one entry of roles: or of a role's dependencies.
func (rr *roleReader) roleEntry(v value.Value, at value.Pos, w *where) (roleUse, bool) {
	use := roleUse{at: at, params: value.NewMap()}
	m, isMap := v.AsMap()
	switch {
	case v.IsString() || v.IsNumber():
		name, ok := rr.files.importName(value.String(value.Str(v)).From(v.Origin()), at, "a role", *w)
		use.name = name
		return use, ok && rr.plainRole(name, at)
	case !isMap:
		rr.wrong(at, "a role must be its name or a mapping, not %s", whatIs(v))
		return use, false
	}
	var name value.Value
	for _, e := range rr.words.entries(m) {
		switch {
		case e.name == "role" || e.name == "name" && name.IsNull():
			name, use.at = e.v, e.at
		case e.name == "name":
		case e.name == "vars":
			use.vars = rr.words.vars(e)
		case e.name != "notify" && rr.words.shared(&use.words, e, w), e.name == "debugger" && rr.words.notThere(e):
		default:
			rr.roleParam(&use, e)
		}
	}
	if name.IsNull() {
		if src, ok := m.Lookup("src"); ok { // as requirements.yml has them
			name = value.String(sourceName(value.Str(src)))
		}
	}
	if name.IsNull() || value.Str(name) == "" {
		rr.wrong(m.Pos, "a role needs a name: role: NAME")
		return use, false
	}
	text, ok := rr.files.importName(value.String(value.Str(name)).From(name.Origin()), use.at, "a role", *w)
	use.name = text
	return use, ok && rr.plainRole(text, use.at)
}

// roleParam keeps a word that is no keyword as a variable for the role.
func (rr *roleReader) roleParam(use *roleUse, e entry) {
	if meant := nearest(e.name, roleWords); meant != "" && len(e.name) > 3 {
		rr.warn(e.key, "%q is not a keyword of a role: it is taken as a variable for the role; did you mean %q?", e.name, meant)
	}
	rr.names.define(e.name)
	rr.names.keepSecret(e.name, e.v)
	rr.names.inspect(e.v, e.at, slotLazy)
	use.params.Put(e.name, e.v)
}

// plainRole reports the old form "source,version,name", which nobody reads.
func (rr *roleReader) plainRole(name string, at value.Pos) bool {
	if strings.Contains(name, ",") {
		rr.wrong(at, "role %q: sources and versions of roles stand in requirements.yml, here is only the name", name)
		return false
	}
	return true
}

// roleMark stands for a role in the chain of what brings what in.
func roleMark(dir string, use roleUse) string {
	return "role " + filepath.Clean(dir) + " " + use.from["tasks"]
}

// nested notes a role that brings itself in before the run, directly or through
// others.
func (rr *roleReader) nested(dir string, use roleUse, w where) bool {
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
		rr.wrong(use.at, "role %s brings itself in", names[0])
		return true
	}
	rr.wrong(use.at, "these roles bring each other in without end: %s", strings.Join(names, " -> "))
	return true
}

// roleFroms are the arguments that name files in place of main, and their folders.
var roleFroms = map[string]string{"tasks_from": "tasks", "vars_from": "vars", "defaults_from": "defaults", "handlers_from": "handlers"}

// importedRole reads the arguments of import_role.
func (rr *roleReader) importedRole(args *value.Map, at value.Pos, w where) (roleUse, bool) {
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
			use.name, named = rr.files.importName(v, e.at, "import_role", w)
			use.at, ok = e.at, ok && named
		case roleFroms[e.name] != "":
			file, named := rr.files.importName(v, e.at, e.name, w)
			use.from[roleFroms[e.name]] = file
			ok = ok && named
		case e.name == "allow_duplicates":
			use.repeats = value.Truth(rr.words.boolean(e))
		case e.name == "rolespec_validate":
			use.unchecked = !value.Truth(rr.words.boolean(e))
		case e.name == "public":
			if !value.Truth(rr.words.boolean(e)) {
				rr.wrong(e.key, "the variables of import_role are seen by all tasks: include_role keeps them to its own")
			}
		case e.name == "apply":
			rr.wrong(e.key, "import_role has no apply: its tasks inherit every keyword (include_role has it)")
		default:
			rr.unknown(e.key, []string{"allow_duplicates", "defaults_from", "handlers_from", "name", "public", "role", "rolespec_validate", "tasks_from", "vars_from"}, e.name, "import_role has no argument %q", e.name)
		}
	}
	if use.name == "" && ok {
		rr.wrong(at, "import_role needs a name")
		ok = false
	}
	return use, ok
}
