package ast

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// roleReader finds the folders of roles and reads what stands in them beside tasks:
// variables, what they depend on, what their arguments are.
type roleReader struct {
	*findings
	env   *Env
	names *names
	words *words
	files *files
}

// roleDir finds the folder of a role by its name: in a collection, in roles
// beside the playbook, in roles_path, beside the role that depends on it, beside
// the playbook itself, or as a path. What is not there is a mistake, or the
// business of its turn.
func (rr *roleReader) roleDir(use roleUse, w where) (dir, collection, name string, ok bool) {
	if dir, collection, name, ok = rr.collectionRole(use.name, w); ok {
		return dir, collection, name, true
	}
	tried := rr.rolePaths(use.name, w)
	for _, p := range tried {
		if isDir(p) {
			name = use.name
			if p == use.name {
				name = filepath.Base(use.name)
			}
			return p, "", name, true
		}
	}
	m := Mistake{Pos: use.at, Msg: rr.noRole(use.name, tried, w), Meant: nearest(use.name, rr.roleNames(w)), Lack: Lack{"role", use.name}}
	if use.lenient {
		m.soft = true
	}
	rr.mistakes = append(rr.mistakes, m)
	rr.files.unread()
	return "", "", "", false
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func (rr *roleReader) rolePaths(name string, w where) []string {
	if filepath.IsAbs(name) {
		return []string{name}
	}
	dirs := append([]string{filepath.Join(w.base, "roles")}, rr.env.RolesPath...)
	if w.role != nil {
		dirs = append(dirs, filepath.Dir(w.role.Path))
	}
	dirs = append(dirs, w.base)
	var out []string
	for _, d := range dirs {
		if p := filepath.Join(d, name); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	if strings.Contains(name, "/") && !slices.Contains(out, name) {
		out = append(out, name)
	}
	return out
}

// collectionRole finds namespace.collection.role, and a short name in the
// collections that the play or the role names.
func (rr *roleReader) collectionRole(name string, w where) (dir, collection, role string, ok bool) {
	parts := strings.Split(name, ".")
	named := w.collections
	if len(parts) >= 3 && !strings.Contains(name, "/") {
		named, parts = []string{strings.Join(parts[:2], ".")}, parts[2:]
	} else if len(parts) > 1 {
		return "", "", "", false
	}
	if w.role != nil && w.role.Collection != "" && len(parts) == 1 {
		named = append([]string{w.role.Collection}, named...)
	}
	for _, c := range named {
		space, short, isFull := strings.Cut(c, ".")
		if !isFull || c == "ansible.builtin" || c == "ansible.legacy" {
			continue
		}
		for _, root := range append([]string{filepath.Join(w.base, "collections")}, rr.env.CollectionsPath...) {
			p := filepath.Join(append([]string{root, "ansible_collections", space, short, "roles"}, parts...)...)
			if isDir(p) {
				return p, c, strings.Join(parts, "."), true
			}
		}
	}
	return "", "", "", false
}

// noRole says that a role is not installed, and where it is to be had when a
// requirements.yml says so.
func (rr *roleReader) noRole(name string, tried []string, w where) string {
	msg := "role " + name + " is not there (looked for " + strings.Join(tried, ", ") + ")"
	if file, source := rr.required(name, w); file != "" {
		msg += ": " + file + " has it from " + source + "; ansible-galaxy install -r " + file + " -p " + filepath.Join(w.base, "roles") + " gets it, and so does a copy of it in that folder"
	}
	return msg
}

// required looks a role up in the requirements.yml beside the playbook or its
// roles.
func (rr *roleReader) required(name string, w where) (file, source string) {
	for _, dir := range []string{"", "roles", "collections", ".."} {
		for _, base := range []string{"requirements.yml", "requirements.yaml"} {
			path := filepath.Join(w.base, dir, base)
			data, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			v, err := yaml.One(path, data, yaml.Options{})
			if err != nil {
				continue // it is another program's file: what is wrong in it stops nothing
			}
			if source = requiredSource(v, name); source != "" {
				return path, source
			}
		}
	}
	return "", ""
}

// requiredSource is where a role comes from by the content of a requirements.yml.
func requiredSource(v value.Value, name string) string {
	list, collections := v, value.Null()
	if m, ok := v.AsMap(); ok {
		list, _ = m.Lookup("roles")
		collections, _ = m.Lookup("collections")
	}
	for _, it := range list.Items() {
		if found, source := requirement(it); found == name {
			return source
		}
	}
	for _, it := range collections.Items() {
		if found, source := requirement(it); found != "" && strings.HasPrefix(name, found+".") {
			return "the collection " + source
		}
	}
	return ""
}

// requirement is one entry: the role's name, and its source with its version.
func requirement(v value.Value) (name, source string) {
	if text, ok := v.AsString(); ok {
		parts := strings.Split(text, ",")
		name, source = sourceName(parts[0]), strings.TrimSpace(parts[0])
		if len(parts) > 2 {
			name = strings.TrimSpace(parts[2])
		}
		if len(parts) > 1 {
			source += " " + strings.TrimSpace(parts[1])
		}
		return name, source
	}
	m, _ := v.AsMap()
	word := func(key string) string {
		v, ok := m.Lookup(key)
		if !ok || v.IsNull() {
			return ""
		}
		return value.Str(v)
	}
	source, name = word("src"), word("name")
	if name == "" {
		name = word("role")
	}
	if source == "" {
		source = word("source")
	}
	if source == "" {
		source = name
	}
	if name == "" {
		name = sourceName(source)
	}
	if version := word("version"); version != "" {
		source += " " + version
	}
	return name, source
}

// sourceName is the role's name in a source: https://host/x/NAME.git, ns.role.
func sourceName(source string) string {
	if !strings.Contains(source, "://") && !strings.Contains(source, "@") {
		return strings.TrimSpace(source)
	}
	name := source[strings.LastIndexByte(source, '/')+1:]
	name, _, _ = strings.Cut(name, ",")
	return strings.TrimSuffix(strings.TrimSuffix(name, ".git"), ".tar.gz")
}

// roleNames lists the roles that are there, for "did you mean".
func (rr *roleReader) roleNames(w where) []string {
	var out []string
	for _, d := range append([]string{filepath.Join(w.base, "roles")}, rr.env.RolesPath...) {
		found, err := os.ReadDir(d)
		if err != nil {
			continue
		}
		for _, f := range found {
			out = append(out, f.Name())
		}
	}
	return out
}
