package inventory

import (
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"remoterun/inventory/ini"
	"remoterun/runner/value"
)

// iniReader reads one INI inventory, line by line, as if [ungrouped] stood
// before the first.
type iniReader struct {
	*loader
	source  string // absolute
	section *group
	kind    string // hosts, children or vars; "" = lines of a broken section
	pending []*pendingGroup
}

// pendingGroup is a group that was used before it was declared.
type pendingGroup struct {
	name    string
	pos     value.Pos
	vars    bool
	parents []*group
}

func (l *loader) iniFile(path string, data []byte) {
	abs, err := filepath.Abs(path)
	if err != nil {
		l.fail(value.Pos{File: path}, "%v", err)
		return
	}
	before := len(l.errs)
	r := &iniReader{loader: l, source: abs, section: l.graph.group("ungrouped"), kind: "hosts"}
	for _, line := range ini.Lines(path, data) {
		r.line(line)
	}
	for _, p := range r.pending {
		r.undeclared(p)
	}
	if len(l.errs) > before && strings.HasPrefix(string(data), "#!") {
		l.errs = append(l.errs[:before], &Error{Pos: value.Pos{File: path}, Msg: "looks like a program and is not executable (chmod +x)"})
	}
}

func (r *iniReader) line(l ini.Line) {
	switch {
	case l.Broken:
		r.fail(l.Pos, "is not UTF-8")
	case strings.HasPrefix(l.Text, "[") && r.header(l):
	case r.kind == "hosts":
		r.hostLine(l)
	case r.kind == "vars":
		r.varLine(l)
	case r.kind == "children":
		r.childLine(l)
	}
}

// header reads a section's first line. false = it is none: a host like
// [::1]:22 or [a:c].example.com.
func (r *iniReader) header(l ini.Line) bool {
	inside, ok := ini.Header(l.Text)
	if !ok {
		if strings.HasSuffix(l.Text, "]") {
			r.fail(l.Pos, "invalid section %s: only a comment may stand behind the bracket", l.Text)
			r.kind = ""
			return true
		}
		if !strings.Contains(l.Text, "]") {
			r.fail(l.Pos, "%s: the closing bracket is missing", l.Text)
			r.kind = ""
			return true
		}
		return false
	}
	name, kind, typed := strings.Cut(inside, ":")
	if name == "" || strings.ContainsFunc(inside, unicode.IsSpace) || strings.Contains(inside, "[") {
		r.fail(l.Pos, "invalid section [%s]: a group's name without spaces and brackets is expected", inside)
		r.kind = ""
		return true
	}
	if !typed {
		kind = "hosts"
	}
	if kind != "hosts" && kind != "vars" && kind != "children" {
		e := r.fail(l.Pos, "section [%s] has the unknown type %q", inside, kind)
		e.Allowed = []string{"hosts", "children", "vars"}
		e.Near = meant(kind, e.Allowed)
		r.kind = ""
		return true
	}
	_, there := r.graph.groups[name]
	r.section, r.kind = r.named(name), kind
	r.declare(name, l.Pos, kind, there)
	return true
}

// declare settles what waited for a group's section, or lets the section wait:
// [x:vars] alone does not declare x.
func (r *iniReader) declare(name string, at value.Pos, kind string, there bool) {
	i := r.waiting(name)
	if kind == "vars" {
		if !there && i < 0 {
			r.pending = append(r.pending, &pendingGroup{name: name, pos: at, vars: true})
		}
		return
	}
	if i < 0 {
		return
	}
	p := r.pending[i]
	r.pending = append(r.pending[:i], r.pending[i+1:]...)
	for _, parent := range p.parents {
		r.child(parent, r.section, p.pos)
	}
}

func (r *iniReader) waiting(name string) int {
	for i, p := range r.pending {
		if p.name == name {
			return i
		}
	}
	return -1
}

func (r *iniReader) child(parent, child *group, at value.Pos) {
	if err := r.graph.addChild(parent, child); err != nil {
		r.fail(at, "%v", err)
	}
}

func (r *iniReader) undeclared(p *pendingGroup) {
	what := "[%s:vars] is not valid for the undefined group %q"
	first := p.name
	if !p.vars {
		what = "[%s:children] includes the undefined group %q"
		first = p.parents[0].name
	}
	var known []string
	for _, gr := range r.graph.order {
		if r.waiting(gr.name) < 0 && gr.name != "all" && gr.name != "ungrouped" {
			known = append(known, gr.name)
		}
	}
	r.fail(p.pos, what, first, p.name).Near = meant(p.name, known)
}

// childLine reads the name of a child group.
func (r *iniReader) childLine(l ini.Line) {
	name, _, _ := strings.Cut(l.Text, "#")
	name = strings.TrimSpace(name)
	if name == "" || strings.ContainsFunc(name, unicode.IsSpace) || strings.ContainsAny(name, ":]") {
		r.fail(l.Pos, "expected the name of a group in [%s:children], got: %s", r.section.name, l.Text)
		return
	}
	gr, there := r.graph.groups[name]
	if i := r.waiting(name); i >= 0 && !r.pending[i].vars && !there {
		r.pending[i].parents = append(r.pending[i].parents, r.section)
		return
	}
	if !there {
		r.pending = append(r.pending, &pendingGroup{name: name, pos: l.Pos, parents: []*group{r.section}})
		return
	}
	r.child(r.section, gr, l.Pos)
}

// varLine reads "name = value": the value is the whole rest of the line.
func (r *iniReader) varLine(l ini.Line) {
	name, text, found := strings.Cut(l.Text, "=")
	if !found {
		r.fail(l.Pos, "expected name=value in [%s:vars], got: %s", r.section.name, l.Text)
		return
	}
	at := l.Pos
	at.Col += utf8.RuneCountInString(name) + 1
	trimmed := strings.TrimLeftFunc(text, unicode.IsSpace)
	at.Col += utf8.RuneCountInString(text) - utf8.RuneCountInString(trimmed)
	key := strings.TrimSpace(name)
	if key == "" {
		r.fail(l.Pos, "a name is missing before the = sign")
		return
	}
	v := iniValue(strings.TrimSpace(trimmed), at)
	if err := r.section.set(value.String(key).From(&value.Origin{Pos: l.Pos}), v); err != nil {
		r.fail(at, "%v", err)
	}
}

// hostLine reads "name[:port] var=value ...".
func (r *iniReader) hostLine(l ini.Line) {
	words, err := splitWords(l.Text)
	if err != nil {
		r.fail(l.Pos, "host line: %v", err)
		return
	}
	if len(words) == 0 {
		return
	}
	place := func(w word) value.Pos {
		at := l.Pos
		at.Col += w.col
		return at
	}
	found, port, err := expandHosts(words[0].text)
	if err != nil {
		r.fail(place(words[0]), "%v", err)
	}
	vars := value.NewMap()
	for _, w := range words[1:] {
		name, text, ok := strings.Cut(w.text, "=")
		if !ok || name == "" {
			r.badHostVar(w, place(w), l.Text)
			continue
		}
		at := place(w)
		at.Col += utf8.RuneCountInString(name) + 1
		vars.Set(value.String(name).From(&value.Origin{Pos: place(w)}), iniValue(text, at))
	}
	for _, name := range found {
		h, _ := r.graph.host(name, port, r.source)
		r.section.join(h)
		for k, v := range vars.All() {
			h.vars.Set(k, v)
		}
	}
}

func (r *iniReader) badHostVar(w word, at value.Pos, line string) {
	hint := ""
	switch {
	case strings.Contains(line, "{{"):
		hint = ` (a value with blanks must be quoted: name="{{ other }}")`
	case strings.HasPrefix(w.text, "="):
		hint = " (no blanks around the = sign)"
	}
	r.fail(at, "expected name=value behind the host's name, got: %s%s", w.text, hint)
}
