package ast

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/disk"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

var roleEndings = []string{".yml", ".yaml", ".json"}

// roleFiles are the files of one folder of a role: main, or the one that is named
// (tasks_from). Only variables may be spread over a folder of that name.
func roleFiles(dir, kind string, use roleUse, spread bool) (files []string, missing string) {
	name, endings := use.from[kind], slices.Concat([]string{""}, roleEndings)
	if name == "" {
		name, endings = "main", slices.Concat(roleEndings, []string{""})
	}
	for _, name := range withinRole(name) {
		base := filepath.Join(dir, kind, name)
		for _, ending := range endings {
			st, err := os.Stat(base + ending)
			switch {
			case err != nil:
			case !st.IsDir():
				return []string{base + ending}, ""
			case spread:
				return varFiles(disk.Once{}, base), ""
			}
		}
	}
	if use.from[kind] != "" && isDir(filepath.Join(dir, kind)) {
		return nil, kind + "/" + use.from[kind]
	}
	return nil, ""
}

// withinRole is where a file that tasks_from and the like name is looked for below its
// folder: as it is written, if that does not lead out, else by its last name alone,
// which is all that older versions of Ansible looked at.
func withinRole(name string) []string {
	last := filepath.Base(name)
	if name == last || !filepath.IsLocal(name) {
		return []string{last}
	}
	return []string{name, last}
}

// varFiles are the files of a folder and of those in it, by name; hidden ones and
// copies of editors are left out.
func varFiles(once disk.Once, dir string) []string {
	if !once.First(dir) {
		return nil
	}
	var out []string
	found, _ := os.ReadDir(dir) // sorted
	for _, f := range found {
		name, ending := f.Name(), filepath.Ext(f.Name())
		path := filepath.Join(dir, name)
		switch {
		case strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~"):
		case isDir(path):
			if ending == "" {
				out = append(out, varFiles(once, path)...)
			}
		case ending == "" || slices.Contains(roleEndings, ending):
			out = append(out, path)
		}
	}
	return out
}

// roleFile is the one file of a folder that holds a list; "" when there is none.
func (rr *roleReader) roleFile(dir, kind string, use roleUse) string {
	files, missing := roleFiles(dir, kind, use, false)
	if missing != "" {
		rr.mistakes = append(rr.mistakes, Mistake{Pos: use.at, Msg: "role " + filepath.Base(dir) + " has no file " + missing, soft: use.lenient, Lack: Lack{"file", missing}})
	}
	if len(files) == 0 {
		return ""
	}
	return files[0]
}

// roleVars reads a role's variables of one folder.
func (rr *roleReader) roleVars(dir, kind string, use roleUse, w where) *value.Map {
	files, missing := roleFiles(dir, kind, use, true)
	if missing != "" {
		rr.mistakes = append(rr.mistakes, Mistake{Pos: use.at, Msg: "role " + filepath.Base(dir) + " has no file " + missing, soft: use.lenient, Lack: Lack{"file", missing}})
	}
	out := value.NewMap()
	for _, f := range files {
		m, err := rr.files.varsFile(f)
		if err != nil {
			rr.take(err)
			continue
		}
		rr.names.defineAll(m)
		rr.names.lazyVars(m)
		out = joined(out, m)
	}
	return out
}

// roleMeta is what meta/main.yml of a role says.
type roleMeta struct {
	deps        value.Value
	at          entry
	repeats     bool // allow_duplicates
	specs       value.Value
	collections []string
}

// roleMeta reads meta/main.yml. What is for other programs (galaxy_info …) is not
// looked at.
func (rr *roleReader) roleMeta(dir string, w where) roleMeta {
	var out roleMeta
	file := rr.roleFile(dir, "meta", roleUse{})
	if file == "" {
		return out
	}
	v, _, ok := rr.files.document(file)
	if !ok || v.IsNull() {
		return out
	}
	at := value.PosOf(v)
	at.File = file
	m, ok := v.AsMap()
	if !ok {
		rr.wrong(at, "meta of a role must be a mapping, this one is %s", whatIs(v))
		return out
	}
	for _, e := range rr.words.entries(m) {
		switch e.name {
		case "dependencies":
			out.deps, out.at = e.v, e
			if _, isList := e.v.AsSeq(); !isList && !e.v.IsNull() {
				rr.wrong(e.at, "dependencies must be a list of roles, not %s", whatIs(e.v))
			}
		case "allow_duplicates":
			out.repeats = value.Truth(rr.words.boolean(e))
		case "argument_specs":
			out.specs = e.v
		case "collections":
			out.collections = rr.words.texts(e)
		}
	}
	return out
}

// argumentSpecs are those of meta/argument_specs.yml, else of meta/main.yml.
func (rr *roleReader) argumentSpecs(dir string, meta roleMeta) *value.Map {
	for _, ending := range roleEndings {
		file := filepath.Join(dir, "meta", "argument_specs"+ending)
		if !rr.env.exists(file) {
			continue
		}
		v, _, _ := rr.files.document(file)
		m, _ := v.AsMap()
		specs, _ := m.Lookup("argument_specs")
		out, _ := specs.AsMap()
		return out
	}
	out, _ := meta.specs.AsMap()
	return out
}

// argumentCheck is the task that checks a role's arguments; nil when the role
// says nothing of them.
func (rr *roleReader) argumentCheck(dir string, use roleUse, meta roleMeta, r *play.Role, w where) *play.Task {
	if _, can := rr.env.kind("validate_argument_spec"); use.unchecked || !can {
		return nil
	}
	entryPoint := use.from["tasks"]
	if entryPoint == "" {
		entryPoint = "main"
	}
	spec, _ := rr.argumentSpecs(dir, meta).Lookup(entryPoint)
	m, ok := spec.AsMap()
	if !ok || m.Len() == 0 {
		return nil
	}
	options, ok := m.Lookup("options")
	if !ok {
		options = value.FromMap(value.NewMap())
	}
	name := "Validating arguments against arg spec '" + entryPoint + "'"
	if short, ok := m.Lookup("short_description"); ok {
		name += " - " + value.Str(short)
	}
	t := &play.Task{Module: "ansible.builtin.validate_argument_spec", Action: "validate_argument_spec", Dir: absolute(w.dir), Role: r}
	t.Pos, t.ArgsPos, t.Name, t.Tags = use.at, use.at, value.String(name), []string{"always"}
	t.Args = value.MapOf("argument_spec", options, "provided_arguments", value.FromMap(use.params),
		"validate_args_context", value.FromMap(value.MapOf("type", value.String("role"), "name", value.String(r.Short),
			"argument_spec_name", value.String(entryPoint), "path", value.String(r.Path))))
	return t
}
