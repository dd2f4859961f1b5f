package core

import (
	"fmt"
	"slices"

	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/value"
)

// macro is a macro with the names around its definition.
type macro struct {
	stmt   *parse.MacroStmt
	frame  *frame
	tpl    *parse.Template
	origin *value.Origin
}

func (st statements) macro(s *parse.MacroStmt, f *frame) *macro {
	return &macro{s, f, st.tpl, st.origin}
}

func (m *macro) TypeName() string { return "Macro" }
func (m *macro) Str() string      { return m.Repr() }
func (m *macro) Repr() string     { return fmt.Sprintf("<Macro '%s'>", m.stmt.Name) }

func (m *macro) Attr(name string) (value.Value, bool) {
	switch name {
	case "name":
		return value.String(m.stmt.Name), true
	case "arguments":
		return value.Tuple(value.Strings(m.stmt.Params...).Items()...), true
	case "catch_kwargs":
		return value.Bool(m.stmt.Uses.Kwargs), true
	case "catch_varargs":
		return value.Bool(m.stmt.Uses.Varargs), true
	case "caller":
		return value.Bool(m.stmt.Uses.Caller), true
	}
	return value.Value{}, false
}

func (m *macro) Call(c *Call) (value.Value, error) {
	if err := c.Enter(); err != nil {
		return value.Value{}, err
	}
	defer c.Leave()
	f := m.frame.push()
	if err := m.bind(c, f); err != nil {
		return value.Value{}, err
	}
	b := c.Buffer(0)
	return c.rt.inTemplate(m.tpl, m.origin, func() (value.Value, error) {
		if _, err := c.rt.run(m.stmt.Body, f, b); err != nil {
			return value.Value{}, err
		}
		return c.rt.converted(b), nil
	})
}

// bind gives a macro's parameters their values.
func (m *macro) bind(c *Call, f *frame) error {
	given := map[string]bool{}
	for i, p := range m.stmt.Params {
		if i < len(c.Args) {
			f.set(p, c.Args[i])
			given[p] = true
		}
	}
	extra := value.NewMap()
	for k, v := range c.Kw.All() {
		name, _ := k.AsString()
		switch {
		case given[name]:
			return fmt.Errorf("macro '%s' got multiple values for argument '%s'", m.stmt.Name, name)
		case slices.Contains(m.stmt.Params, name):
			f.set(name, v)
			given[name] = true
		case name == "caller" && m.stmt.Uses.Caller:
			f.set("caller", v)
		default:
			extra.Set(k, v)
		}
	}
	if err := m.extras(c, extra, f); err != nil {
		return err
	}
	for i, p := range m.stmt.Params {
		if given[p] {
			continue
		}
		d := i - (len(m.stmt.Params) - len(m.stmt.Defaults))
		if d < 0 {
			f.set(p, value.FromMissing(value.Missing{Name: p, Hint: "parameter '" + p + "' was not provided"}))
			continue
		}
		v, err := c.rt.eval(m.stmt.Defaults[d], f)
		if err != nil {
			return err
		}
		f.set(p, v)
	}
	return nil
}

func (m *macro) extras(c *Call, extra *value.Map, f *frame) error {
	if m.stmt.Uses.Kwargs {
		f.set("kwargs", value.FromMap(extra))
	} else if extra.Len() > 0 {
		return fmt.Errorf("macro '%s' takes no keyword argument '%s'", m.stmt.Name, value.Str(extra.Keys()[0]))
	}
	n := len(m.stmt.Params)
	if m.stmt.Uses.Varargs {
		var rest []value.Value
		if len(c.Args) > n {
			rest = c.Args[n:]
		}
		f.set("varargs", value.Tuple(rest...))
	} else if len(c.Args) > n {
		return fmt.Errorf("macro '%s' takes not more than %d argument(s)", m.stmt.Name, n)
	}
	return nil
}

func (st statements) callBlock(s *parse.CallStmt, f *frame, b *Buffer) error {
	fn, err := st.eval(s.Call.Fn, f)
	if err != nil {
		return err
	}
	if err := Defined(fn); err != nil {
		return err
	}
	args, kw, err := st.values(s.Call.Args, f)
	if err != nil {
		return err
	}
	if kw == nil {
		kw = value.NewMap()
	}
	kw.Put("caller", value.FromOpaque(st.macro(s.Macro, f)))
	v, err := st.call(fn, args, kw, f)
	if err != nil {
		return err
	}
	return b.Add(v)
}
