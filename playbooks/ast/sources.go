package ast

import (
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// bindings notes variables that a task's arguments bring into being.
func (s *session) bindings(t *play.Task) {
	switch t.Action {
	case "set_fact", "add_host":
		for k := range t.Args.All() {
			name := value.Str(k)
			switch {
			case name == wholeArgs || value.HasTemplate(k):
				s.names.open = true
			case name == "_raw_params" || t.Action == "set_fact" && name == "cacheable":
			case t.Action == "set_fact" && !identifier().MatchString(name):
				s.wrong(keyAt(k, t), "set_fact: %q is no name for a variable (letters, digits and _, no digit first)", name)
			default:
				s.define(name)
			}
		}
	case "package_facts", "service_facts", "getent":
		s.names.open = s.names.open || t.Action == "getent"
	}
}

func keyAt(k value.Value, t *play.Task) value.Pos {
	if p := value.PosOf(k); p.Line > 0 {
		return p
	}
	return t.ArgsPos
}

// sources looks for the laptop's files that a task names.
func (s *session) sources(t *play.Task, w where) {
	switch t.Action {
	case "include_tasks":
		s.includeAhead(t, w)
	case "include_role":
		s.roleAhead(t, w)
	case "include_vars":
		s.includeVars(t, w)
	case "template":
		s.source(t, "src", "templates", w)
	case "copy", "unarchive", "assemble", "patch":
		if v, ok := t.Args.Lookup("remote_src"); !ok || value.Equal(v, value.Bool(false)) {
			if t.Action != "assemble" || ok {
				s.source(t, "src", "files", w)
			}
		}
	case "script":
		s.source(t, "_raw_params", "files", w)
	}
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
func (s *session) source(t *play.Task, arg, kind string, w where) {
	v, ok := t.Args.Lookup(arg)
	if !ok || !v.IsString() || value.HasTemplate(v) || s.running {
		return
	}
	name := value.Str(v)
	if arg == "_raw_params" {
		name = firstWord(name)
	}
	if name == "" || strings.Contains(name, "://") || strings.HasPrefix(name, "~") {
		return
	}
	if _, err := s.locate(kind, name, w); err != nil {
		at := value.PosOf(v)
		if at.Line == 0 {
			at = t.ArgsPos
		}
		s.absent(t, w, Mistake{Pos: at, Msg: t.Action + ": " + err.Error()})
	}
}

// includeVars reads a constant file of include_vars for the names it defines.
func (s *session) includeVars(t *play.Task, w where) {
	if v, ok := t.Args.Lookup("name"); ok {
		if name, isText := v.AsString(); isText && !value.HasTemplate(v) {
			s.define(name)
			return
		}
	}
	v, ok := t.Args.Lookup("file")
	if !ok {
		v, ok = t.Args.Lookup("_raw_params")
	}
	if !ok || !v.IsString() || value.HasTemplate(v) {
		s.names.open = true
		return
	}
	path, err := s.locate("vars", strings.TrimSpace(value.Str(v)), w)
	if err != nil {
		s.names.open = true
		s.absent(t, w, Mistake{Pos: t.ArgsPos, Msg: "include_vars: " + err.Error()})
		return
	}
	m, err := s.varsFile(path)
	if err != nil {
		s.take(err)
		return
	}
	s.defineAll(m)
}
