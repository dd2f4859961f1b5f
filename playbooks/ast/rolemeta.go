package ast

import (
	"path/filepath"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

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
func (s *session) roleMeta(dir string, w where) roleMeta {
	var out roleMeta
	file := s.roleFile(dir, "meta", roleUse{})
	if file == "" {
		return out
	}
	v, _, ok := s.document(file)
	if !ok || v.IsNull() {
		return out
	}
	at := value.PosOf(v)
	at.File = file
	m, ok := v.AsMap()
	if !ok {
		s.wrong(at, "meta of a role must be a mapping, this one is %s", whatIs(v))
		return out
	}
	for _, e := range s.entries(m) {
		switch e.name {
		case "dependencies":
			out.deps, out.at = e.v, e
			if _, isList := e.v.AsSeq(); !isList && !e.v.IsNull() {
				s.wrong(e.at, "dependencies must be a list of roles, not %s", whatIs(e.v))
			}
		case "allow_duplicates":
			out.repeats = value.Truth(s.boolean(e))
		case "argument_specs":
			out.specs = e.v
		case "collections":
			out.collections = s.texts(e)
		}
	}
	return out
}

// dependencies reads the roles that a role depends on: their tasks run before its
// own.
func (s *session) dependencies(r *play.Role, meta roleMeta, w where) []play.Item {
	w.collections = append(meta.collections, w.collections...)
	var out []play.Item
	for _, v := range meta.deps.Items() {
		inner := w
		use, ok := s.roleEntry(v, itemAt(v, meta.at), &inner)
		if !ok {
			continue
		}
		if b := s.role(use, inner); b != nil {
			r.Deps = append(r.Deps, b.Role)
			out = append(out, b)
		}
	}
	return out
}

// argumentSpecs are those of meta/argument_specs.yml, else of meta/main.yml.
func (s *session) argumentSpecs(dir string, meta roleMeta) *value.Map {
	for _, ending := range roleEndings {
		file := filepath.Join(dir, "meta", "argument_specs"+ending)
		if !s.env.exists(file) {
			continue
		}
		v, _, _ := s.document(file)
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
func (s *session) argumentCheck(dir string, use roleUse, meta roleMeta, r *play.Role, w where) *play.Task {
	if _, can := s.env.kind("validate_argument_spec"); use.unchecked || !can {
		return nil
	}
	entryPoint := use.from["tasks"]
	if entryPoint == "" {
		entryPoint = "main"
	}
	spec, _ := s.argumentSpecs(dir, meta).Lookup(entryPoint)
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
