package ast

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// files finds and reads the files of a project.
type files struct {
	*findings
	env     *Env
	names   *names
	words   *words
	running bool // a playbook runs: nothing is looked at ahead
	// anyHandler says that a role whose name is not known yet may bring any.
	anyHandler bool
	survey     *survey // nil in a load that is to be run
}

// document reads a YAML file with one document; ok is false when a mistake was
// noted.
func (fl *files) document(path string) (v value.Value, vaulted, ok bool) {
	data, vaulted, err := fl.env.file(path)
	if err != nil {
		fl.wrong(value.Pos{File: path}, "%s", readError(err))
		fl.unread()
		return v, false, false
	}
	v, err = yaml.One(path, data, yaml.Options{Decrypt: fl.env.Decrypt, Warn: fl.duplicate})
	if err != nil {
		fl.mistakes = append(fl.mistakes, mistakeOf(err, value.Pos{File: path}))
		fl.unread()
		return v, false, false
	}
	return v, vaulted, true
}

// unread notes that something could not be read which may define any name, and
// hold any handler: what is missing then is no mistake of its own.
func (fl *files) unread() { fl.names.open, fl.anyHandler = true, true }

func (fl *files) duplicate(at value.Pos, msg string) {
	if fl.env.Strict {
		fl.wrong(at, "%s", msg)
		return
	}
	fl.warn(at, "%s", msg)
}

// varsFile reads a file of variables. The error is *Mistakes.
func (fl *files) varsFile(path string) (*value.Map, error) {
	sub := *fl
	sub.findings = &findings{}
	v, vaulted, ok := sub.document(path)
	fl.warnings = append(fl.warnings, sub.warnings...)
	if !ok || len(sub.mistakes) > 0 {
		return nil, &Mistakes{List: sub.mistakes}
	}
	if v.IsNull() {
		return value.NewMap(), nil
	}
	m, isMap := v.AsMap()
	if !isMap {
		at := value.PosOf(v)
		at.File = path
		return nil, &Mistakes{List: []Mistake{{Pos: at, Msg: "a file of variables must be a mapping, this one is " + whatIs(v)}}}
	}
	if vaulted {
		m = m.With(value.Masked)
	}
	return m, nil
}

// absolute is a folder's whole path, as playbook_dir and messages show it. A
// folder that the laptop has not got (of playbooks in memory) stays as it is.
func absolute(dir string) string {
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return dir
	}
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// search lists where a relative name may be, in order: beside the file that
// names it, then beside the playbook, in the folder of its kind first. Files of
// tasks are looked for in the folder itself first.
func search(kind, name string, w where) []string {
	if filepath.IsAbs(name) {
		return []string{name}
	}
	var out []string
	add := func(paths ...string) {
		for _, p := range paths {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	var roles []string
	if w.role != nil {
		roles = w.role.Dirs
	}
	if kind == "tasks" {
		own := "tasks"
		if w.handler {
			own = "handlers"
		}
		if w.role != nil {
			add(filepath.Join(w.role.Path, own, name))
		}
		add(filepath.Join(w.dir, name))
		if w.role != nil {
			add(filepath.Join(w.role.Path, "tasks", name), filepath.Join(w.role.Path, name))
		}
		add(filepath.Join(w.dir, kind, name), filepath.Join(w.base, name), filepath.Join(w.base, kind, name))
		return out
	}
	for _, dir := range roles {
		add(filepath.Join(dir, kind, name), filepath.Join(dir, name))
	}
	add(filepath.Join(w.dir, kind, name), filepath.Join(w.dir, name))
	if up := filepath.Dir(w.dir); w.role != nil && filepath.Base(up) == "tasks" {
		add(filepath.Join(filepath.Dir(up), kind, name), filepath.Join(up, name))
	}
	add(filepath.Join(w.base, kind, name), filepath.Join(w.base, name))
	return out
}

// locate finds a file of the laptop; the error lists where it was looked for.
func (fl *files) locate(kind, name string, w where) (string, error) {
	places := search(kind, name, w)
	for _, p := range places {
		if fl.env.exists(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("there is no file %s (looked for %s)", name, strings.Join(places, ", "))
}

// included finds a file by its name as written, or by that name joined with
// the folder of the file that includes it.
func (fl *files) included(path string, w where) (string, error) {
	if fl.env.exists(path) {
		return path, nil
	}
	if rel, err := filepath.Rel(absolute(w.dir), path); err == nil && filepath.IsLocal(rel) {
		path = rel
	}
	return fl.locate("tasks", path, w)
}

// static is the scope of names of imported files: variables of the play, of the role
// and of the command line, and what is the same for a whole run.
type static struct{ layers []*value.Map }

func (st static) Var(name string) (value.Value, bool, error) {
	for _, m := range st.layers {
		if v, ok := m.Lookup(name); ok {
			return v, true, nil
		}
	}
	return value.Value{}, false, nil
}

func (st static) Names() []string {
	var out []string
	for _, m := range st.layers {
		out = append(out, m.Names()...)
	}
	return out
}

func (st static) Dirs() []string { return nil }

// importName renders the name of an imported file. Only variables that are
// known before the run can be in it.
func (fl *files) importName(v value.Value, at value.Pos, what string, w where) (string, bool) {
	if value.HasTemplate(v) && fl.env.Expr != nil {
		layers := []*value.Map{fl.env.Names, value.MapOf("playbook_dir", value.String(absolute(w.base)))}
		if w.role != nil {
			layers = append(layers, w.role.Names())
		}
		layers = append(layers, fl.env.Extra)
		for _, m := range slices.Backward(w.vars) {
			layers = append(layers, m)
		}
		if w.role != nil {
			layers = append(layers, w.role.Params, w.role.Vars)
		}
		if w.play != nil {
			layers = append(layers, w.play.KnownVars, w.play.Vars)
		}
		if w.role != nil {
			layers = append(layers, w.role.Defaults)
		}
		out, err := fl.env.Expr.Render(context.Background(), v, static{layers})
		if err != nil {
			m := mistakeOf(err, at)
			fl.wrong(m.Pos, "%s (%s is read before the run: variables of hosts, facts and results cannot name its file; -e and vars or vars_files of the play can)", m.Msg, what)
			return "", false
		}
		v = out
	}
	name, ok := v.AsString()
	if !ok || name == "" {
		fl.wrong(at, "%s needs the name of a file", what)
	}
	return name, ok && name != ""
}

// circular notes a file that includes itself, directly or through others.
func (fl *files) circular(path string, at value.Pos, w where) bool {
	i := slices.Index(w.chain, path)
	if i < 0 {
		return false
	}
	fl.wrong(at, "this import is circular: %s", strings.Join(append(slices.Clone(w.chain[i:]), path), " -> "))
	return true
}

// varsFiles reads names of files of variables; a list among them holds
// alternatives of which the first that is there is taken. Files whose names
// are constant are read at once.
func (fl *files) varsFiles(w where, e entry) []value.Value {
	fl.names.inspect(e.v, e.at, slotText)
	var out []value.Value
	for _, v := range listOf(e.v) {
		ok := true
		for _, name := range listOf(v) {
			if _, isText := name.AsString(); !isText {
				fl.wrong(itemAt(v, e), "vars_files must be names of files, or lists of alternatives, not %s", whatIs(name))
				ok = false
			}
		}
		if ok {
			fl.varsAhead(w, v, itemAt(v, e))
			out = append(out, v)
		}
	}
	return out
}

// varsAhead reads one entry of vars_files before the run, if its name is known.
func (fl *files) varsAhead(w where, v value.Value, at value.Pos) {
	if value.HasTemplate(v) {
		fl.names.open = true
		return
	}
	var last error
	for _, name := range listOf(v) {
		path, err := fl.locate("vars", value.Str(name), w)
		if err != nil {
			last = err
			continue
		}
		m, err := fl.varsFile(path)
		if err != nil {
			fl.take(err)
			return
		}
		fl.names.defineAll(m)
		fl.names.lazyVars(m)
		if w.play != nil {
			w.play.KnownVars = joined(w.play.KnownVars, m)
		}
		return
	}
	if last != nil {
		fl.missing = append(fl.missing, Mistake{Pos: at, Msg: "vars_files: " + last.Error(), Lack: Lack{"source", "vars_files"}})
	}
}

// importedFile finds the file that import_tasks names.
func (fl *files) importedFile(m *value.Map, file value.Value, at value.Pos, w where) (string, bool) {
	if args, ok := file.AsMap(); ok {
		file, _ = args.Lookup("file")
	} else if text, ok := file.AsString(); ok && !value.HasTemplate(file) {
		if f := strings.Fields(text); len(f) > 0 {
			file = value.String(strings.TrimPrefix(f[0], "file="))
			if len(f) > 1 {
				fl.wrong(at, "import_tasks takes nothing but a file: %q goes under vars", f[1])
			}
		}
	}
	name, ok := fl.importName(file, at, "import_tasks", w)
	if !ok {
		return "", false
	}
	path, err := fl.locate("tasks", name, w)
	if err != nil {
		fl.wrong(at, "import_tasks: %v", err)
		fl.unread()
		return "", false
	}
	return path, !fl.circular(path, at, w)
}

// firstWord is the first word of a command line, quotes taken off.
func firstWord(line string) string {
	line = strings.TrimSpace(line)
	if line == "" {
		return ""
	}
	if q := line[0]; q == '"' || q == '\'' {
		if end := strings.IndexByte(line[1:], q); end >= 0 {
			return line[1 : 1+end]
		}
	}
	word, _, _ := strings.Cut(line, " ")
	return strings.Trim(word, `"'`)
}

// source looks for the file that one constant argument names.
func (fl *files) source(t *play.Task, arg, kind string, w where) {
	v, ok := t.Args.Lookup(arg)
	if !ok || !v.IsString() || value.HasTemplate(v) || fl.running {
		return
	}
	name := value.Str(v)
	if arg == "_raw_params" {
		name = firstWord(name)
	}
	if name == "" || strings.Contains(name, "://") || strings.HasPrefix(name, "~") {
		return
	}
	if _, err := fl.locate(kind, name, w); err != nil {
		at := value.PosOf(v)
		if at.Line == 0 {
			at = t.ArgsPos
		}
		fl.absent(t, w, Mistake{Pos: at, Msg: t.Action + ": " + err.Error(), Lack: Lack{"source", name}})
	}
}

// includeVars reads a constant file of include_vars for the names it defines.
func (fl *files) includeVars(t *play.Task, w where) {
	if v, ok := t.Args.Lookup("name"); ok {
		if name, isText := v.AsString(); isText && !value.HasTemplate(v) {
			fl.names.define(name)
			return
		}
	}
	v, ok := t.Args.Lookup("file")
	if !ok {
		v, ok = t.Args.Lookup("_raw_params")
	}
	if !ok || !v.IsString() || value.HasTemplate(v) {
		fl.names.open = true
		return
	}
	path, err := fl.locate("vars", strings.TrimSpace(value.Str(v)), w)
	if err != nil {
		fl.names.open = true
		fl.absent(t, w, Mistake{Pos: t.ArgsPos, Msg: "include_vars: " + err.Error(), Lack: Lack{"source", value.Str(v)}})
		return
	}
	m, err := fl.varsFile(path)
	if err != nil {
		fl.take(err)
		return
	}
	fl.names.defineAll(m)
}
