package jinja

import (
	"fmt"
	"slices"

	"remoterun/runner/value"
)

// macro is a macro with the names around its definition.
type macro struct {
	stmt   *macroStmt
	frame  *frame
	tpl    *template
	origin *value.Origin
}

func (r *render) macro(s *macroStmt, f *frame) *macro { return &macro{s, f, r.tpl, r.origin} }

func (m *macro) TypeName() string { return "Macro" }
func (m *macro) Str() string      { return m.Repr() }
func (m *macro) Repr() string     { return fmt.Sprintf("<Macro '%s'>", m.stmt.name) }

func (m *macro) attr(name string) (value.Value, bool) {
	switch name {
	case "name":
		return value.String(m.stmt.name), true
	case "arguments":
		return value.Tuple(value.Strings(m.stmt.params...).Items()...), true
	case "catch_kwargs":
		return value.Bool(m.stmt.uses.kwargs), true
	case "catch_varargs":
		return value.Bool(m.stmt.uses.varargs), true
	case "caller":
		return value.Bool(m.stmt.uses.caller), true
	}
	return value.Value{}, false
}

func (m *macro) call(c *call) (value.Value, error) {
	r := c.rt
	if r.depth++; r.depth > maxEval {
		return value.Value{}, errDepth
	}
	defer func() { r.depth-- }()
	f := m.frame.push()
	if err := m.bind(r, c, f); err != nil {
		return value.Value{}, err
	}
	b := &buffer{r: r}
	return r.inTemplate(m.tpl, m.origin, func() (value.Value, error) {
		if _, err := r.run(m.stmt.body, f, b); err != nil {
			return value.Value{}, err
		}
		return r.converted(b), nil
	})
}

// bind gives a macro's parameters their values.
func (m *macro) bind(r *render, c *call, f *frame) error {
	given := map[string]bool{}
	for i, p := range m.stmt.params {
		if i < len(c.args) {
			f.set(p, c.args[i])
			given[p] = true
		}
	}
	extra := value.NewMap()
	for k, v := range c.kw.All() {
		name, _ := k.AsString()
		switch {
		case given[name]:
			return fmt.Errorf("macro '%s' got multiple values for argument '%s'", m.stmt.name, name)
		case slices.Contains(m.stmt.params, name):
			f.set(name, v)
			given[name] = true
		case name == "caller" && m.stmt.uses.caller:
			f.set("caller", v)
		default:
			extra.Set(k, v)
		}
	}
	if err := m.extras(c, extra, f); err != nil {
		return err
	}
	for i, p := range m.stmt.params {
		if given[p] {
			continue
		}
		d := i - (len(m.stmt.params) - len(m.stmt.defaults))
		if d < 0 {
			f.set(p, value.FromMissing(value.Missing{Name: p, Hint: "parameter '" + p + "' was not provided"}))
			continue
		}
		v, err := r.eval(m.stmt.defaults[d], f)
		if err != nil {
			return err
		}
		f.set(p, v)
	}
	return nil
}

func (m *macro) extras(c *call, extra *value.Map, f *frame) error {
	if m.stmt.uses.kwargs {
		f.set("kwargs", value.FromMap(extra))
	} else if extra.Len() > 0 {
		return fmt.Errorf("macro '%s' takes no keyword argument '%s'", m.stmt.name, value.Str(extra.Keys()[0]))
	}
	n := len(m.stmt.params)
	if m.stmt.uses.varargs {
		var rest []value.Value
		if len(c.args) > n {
			rest = c.args[n:]
		}
		f.set("varargs", value.Tuple(rest...))
	} else if len(c.args) > n {
		return fmt.Errorf("macro '%s' takes not more than %d argument(s)", m.stmt.name, n)
	}
	return nil
}

func (r *render) callBlock(s *callStmt, f *frame, b *buffer) error {
	fn, err := r.eval(s.call.fn, f)
	if err != nil {
		return err
	}
	if err := defined(fn); err != nil {
		return err
	}
	args, kw, err := r.values(s.call.args, f)
	if err != nil {
		return err
	}
	if kw == nil {
		kw = value.NewMap()
	}
	kw.Put("caller", value.FromOpaque(r.macro(s.macro, f)))
	v, err := r.call(fn, args, kw, f)
	if err != nil {
		return err
	}
	return b.add(v)
}
