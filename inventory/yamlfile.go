package inventory

import (
	"errors"
	"path/filepath"

	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// yamlReader reads one YAML inventory: a mapping of groups.
type yamlReader struct {
	*loader
	source string // absolute
	path   string
}

func (l *loader) yamlFile(path string, data []byte) {
	abs, err := filepath.Abs(path)
	if err != nil {
		l.fail(value.Pos{File: path}, "%v", err)
		return
	}
	doc, err := yaml.One(path, data, yaml.Options{Decrypt: l.opt.Decrypt, Warn: l.opt.Warn})
	if err != nil {
		l.errs = append(l.errs, yamlError(path, err))
		return
	}
	r := &yamlReader{loader: l, source: abs, path: path}
	top, ok := doc.AsMap()
	switch {
	case doc.IsNull():
		r.opt.Warn(value.Pos{File: path}, "the inventory is empty")
	case !ok:
		r.fail(r.at(doc), "a YAML inventory is a mapping of groups, got %s (is it an INI file? then it wants another ending)", value.TypeName(doc))
	default:
		r.top(top)
	}
}

// yamlError keeps the place that the YAML reader gives.
func yamlError(path string, err error) *Error {
	var ye *yaml.Error
	if errors.As(err, &ye) {
		return &Error{Pos: ye.Pos, Msg: ye.Msg, Cause: ye.Cause}
	}
	return &Error{Pos: value.Pos{File: path}, Msg: err.Error()}
}

// at is where v was written, or at least the file.
func (r *yamlReader) at(vs ...value.Value) value.Pos {
	for _, v := range vs {
		if p := value.PosOf(v); p.Line > 0 {
			return p
		}
	}
	return value.Pos{File: r.path}
}

func (r *yamlReader) top(m *value.Map) {
	if v, ok := m.Lookup("plugin"); ok && v.IsString() {
		name, _ := v.AsString()
		r.fail(r.at(v), "this configures the inventory plug-in %q, and plug-ins are not run here: use a program that prints JSON, or a file made by ansible-inventory --list --export --yaml", name)
		return
	}
	for k, v := range m.All() {
		r.group(k, v)
	}
}

// group reads one group and what is below it; nil when its name is wrong.
func (r *yamlReader) group(key, body value.Value) *group {
	name, ok := key.AsString()
	if !ok || name == "" {
		r.fail(r.at(key, body), "the name of a group must be text, got %s (put it in quotes)", value.Repr(key))
		return nil
	}
	gr := r.named(name)
	if body.IsNull() {
		return gr
	}
	m, ok := body.AsMap()
	if !ok {
		e := r.fail(r.at(body, key), "group %q must be a mapping, got %s", name, value.TypeName(body))
		e.Allowed = sections()
		return gr
	}
	for k, v := range m.All() {
		r.section(gr, k, v)
	}
	return gr
}

func sections() []string { return []string{"hosts", "vars", "children"} }

// section reads hosts, vars or children of a group.
func (r *yamlReader) section(gr *group, key, body value.Value) {
	word, ok := key.AsString()
	if !ok || word != "hosts" && word != "vars" && word != "children" {
		e := r.fail(r.at(key, body), "group %q has the unknown key %s", gr.name, value.Repr(key))
		e.Allowed = sections()
		e.Near = meant(word, e.Allowed)
		return
	}
	m, ok := r.entries(gr, key, body)
	if !ok {
		return
	}
	for k, v := range m.All() {
		switch word {
		case "vars":
			if err := gr.set(k, v); err != nil {
				r.fail(r.at(v, k), "%v", err)
			}
		case "children":
			child := r.group(k, v)
			if child == nil {
				continue
			}
			if err := r.graph.addChild(gr, child); err != nil {
				r.fail(r.at(k), "%v", err)
			}
		case "hosts":
			r.hosts(gr, k, v, body)
		}
	}
}

// entries is a section's mapping; a single text is a mapping with that key.
func (r *yamlReader) entries(gr *group, key, body value.Value) (*value.Map, bool) {
	word := value.Str(key)
	if body.IsNull() {
		return nil, false
	}
	if body.IsString() {
		m := value.NewMap()
		m.Set(body, value.Null())
		return m, true
	}
	m, ok := body.AsMap()
	if !ok {
		hint := ""
		if word != "vars" && body.Kind() == value.KindList {
			hint = " (write each name with a colon behind it, without a dash)"
		}
		r.fail(r.at(body, key), "%s of group %q must be a mapping, got %s%s", word, gr.name, value.TypeName(body), hint)
	}
	return m, ok
}

// hosts reads one host pattern of a group with its variables.
func (r *yamlReader) hosts(gr *group, key, body, section value.Value) {
	pattern, ok := key.AsString()
	if !ok {
		r.fail(r.at(key, body, section), "the name of a host must be text, got %s (put it in quotes)", value.Repr(key))
		return
	}
	vars, ok := body.AsMap()
	if !ok && value.Truth(body) {
		r.fail(r.at(body, key), "variables of host %q must be a mapping, got %s", pattern, value.TypeName(body))
	}
	found, port, err := expandHosts(pattern)
	if err != nil {
		r.fail(r.at(key), "%v", err)
		return
	}
	for _, name := range found {
		h, _ := r.graph.host(name, port, r.source)
		gr.join(h)
		for k, v := range vars.All() {
			h.vars.Set(k, v)
		}
	}
}
