package core

import (
	"errors"
	"fmt"
	"slices"

	"remoterun/playbooks/jinja/parse"
	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// builtin is a global function as a value.
type builtin struct{ e *Entry }

func (b *builtin) TypeName() string { return "function" }
func (b *builtin) Str() string      { return b.Repr() }
func (b *builtin) Repr() string     { return "<function " + b.e.Name + ">" }

// Attributed is an opaque datum with attributes.
type Attributed interface {
	Attr(name string) (value.Value, bool)
}

// Callable is an opaque datum that can be called.
type Callable interface {
	Call(c *Call) (value.Value, error)
}

// Attr returns what is called on the name itself, as dict.fromkeys is.
func (b *builtin) Attr(name string) (value.Value, bool) {
	fn, ok := b.e.Own[name]
	return Bound(name, fn), ok
}

func (b *builtin) Call(c *Call) (value.Value, error) {
	c.Name = b.e.Name
	out, err := b.e.Func(c)
	if err != nil || b.e.Spread == SpreadNone {
		return out, err
	}
	return out.With(c.rt.marksOf(out, c.Args, c.Kw)), nil
}

// objectName is how Jinja names an object's type in messages.
func objectName(v value.Value) string {
	if v.IsNull() {
		return "None"
	}
	if v.Kind() == value.KindObject && value.TypeName(v) != "dict" { // its name says what it is: hostvars
		return value.TypeName(v)
	}
	return value.TypeName(v) + " object"
}

func noAttr(v value.Value, name string) value.Value {
	return value.FromMissing(value.Missing{Name: name, In: objectName(v)})
}

// getattr is x.name: an attribute or method first, then the entry.
func (ev evaluator) getattr(v value.Value, name string) (value.Value, error) {
	if v.IsUndefined() {
		return deeper(v)
	}
	if m, ok := ev.methodOf(v, name); ok {
		return m, nil
	}
	if items := v.Items(); v.Kind() == value.KindTuple && len(items) == 2 {
		switch name { // what groupby() makes has names for its two parts
		case "grouper":
			return items[0], nil
		case "list":
			return items[1], nil
		}
	}
	return ev.entry(v, value.String(name), name)
}

// deeper is an attribute of something undefined: that itself, so that the
// message names what was missing first.
func deeper(v value.Value) (value.Value, error) {
	if m, _ := v.AsMissing(); m.Soft {
		return value.Value{}, missing(m)
	}
	return v, nil
}

// entry returns an entry or an attribute of an opaque datum.
func (ev evaluator) entry(v, key value.Value, name string) (value.Value, error) {
	switch v.Kind() {
	case value.KindMap:
		m, _ := v.AsMap()
		if it, ok := m.Get(key); ok {
			return it, nil
		}
	case value.KindObject:
		o, _ := v.AsObject()
		it, ok, err := o.Get(key)
		if err != nil {
			return value.Value{}, err
		}
		if ok && ev.tpl != nil && ev.tpl.Apart {
			it = value.Copy(it) // what is another host's stays as it is
		}
		if ok {
			return it, nil
		}
	case value.KindOpaque:
		o, _ := v.AsOpaque()
		if d, ok := o.(yaml.Date); ok {
			o, _ = ev.eng.date(d).AsOpaque()
		}
		if a, ok := o.(Attributed); ok {
			if it, ok := a.Attr(name); ok {
				return it, nil
			}
		}
	}
	return noAttr(v, name), nil
}

// index is x[at].
func (ev evaluator) index(x *parse.Index, f *frame) (value.Value, error) {
	v, err := ev.eval(x.X, f)
	if err != nil {
		return v, err
	}
	if s, ok := x.At.(*parse.Slice); ok {
		return ev.slice(v, s, f)
	}
	k, err := ev.eval(x.At, f)
	if err != nil {
		return k, err
	}
	return ev.getitem(v, k)
}

func (ev evaluator) getitem(v, k value.Value) (value.Value, error) {
	if v.IsUndefined() {
		return deeper(v)
	}
	if err := Defined(k); err != nil && MappingLike(v) {
		return value.Value{}, err
	}
	text, isText := k.AsString()
	switch v.Kind() {
	case value.KindList, value.KindTuple, value.KindString:
		if i, ok := k.AsInt(); ok {
			return element(v, i)
		}
	case value.KindMap, value.KindObject:
		if value.Hashable(k) != nil {
			return noElement(v, k), nil
		}
		got, err := ev.entry(v, k, value.Str(k))
		if err != nil || !got.IsUndefined() {
			return got, err
		}
	}
	if !isText {
		return noElement(v, k), nil
	}
	return ev.getattr(v, text)
}

func noElement(v, k value.Value) value.Value {
	return value.FromMissing(value.Missing{Name: value.Str(k), Hint: objectName(v) + " has no element " + value.Repr(k)})
}

// element is a sequence's item; negative indices count from the end.
func element(v value.Value, i int64) (value.Value, error) {
	if s, ok := v.AsString(); ok {
		rs := []rune(s)
		if i < 0 {
			i += int64(len(rs))
		}
		if i < 0 || i >= int64(len(rs)) {
			return noElement(v, value.Int(i)), nil
		}
		return value.MarkedString(string(rs[i]), v.Marks()), nil
	}
	items := v.Items()
	at := i
	if at < 0 {
		at += int64(len(items))
	}
	if at < 0 || at >= int64(len(items)) {
		return noElement(v, value.Int(i)), nil
	}
	return items[at], nil
}

func (ev evaluator) slice(v value.Value, s *parse.Slice, f *frame) (value.Value, error) {
	var bounds [3]*int64
	for i, x := range []parse.Expr{s.From, s.To, s.Step} {
		if x == nil {
			continue
		}
		b, err := ev.eval(x, f)
		if err != nil {
			return b, err
		}
		if b.IsNull() {
			continue
		}
		n, ok := b.AsInt()
		if !ok {
			return b, errors.New("slice indices must be integers or None or have an __index__ method")
		}
		bounds[i] = &n
	}
	if v.IsUndefined() {
		return deeper(v)
	}
	if text, ok := v.AsString(); ok {
		rs := []rune(text)
		idx, err := pynum.Slice(len(rs), bounds)
		if err != nil {
			return value.Value{}, err
		}
		out := make([]rune, len(idx))
		for i, at := range idx {
			out[i] = rs[at]
		}
		return value.MarkedString(string(out), v.Marks()), nil
	}
	if _, ok := v.AsSeq(); !ok {
		if MappingLike(v) {
			return value.Value{}, errors.New("unhashable type: 'slice'")
		}
		return value.Value{}, fmt.Errorf("'%s' object is not subscriptable", value.TypeName(v))
	}
	items := v.Items()
	idx, err := pynum.Slice(len(items), bounds)
	if err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, len(idx))
	for i, at := range idx {
		out[i] = items[at]
	}
	if v.Kind() == value.KindTuple {
		return value.Tuple(out...), nil
	}
	return value.List(out...), nil
}

// typeKey names the table of methods for v, empty when it has none.
func typeKey(v value.Value) string {
	switch v.Kind() {
	case value.KindString, value.KindList, value.KindTuple, value.KindMap, value.KindInt, value.KindBool, value.KindFloat, value.KindBig:
		return value.TypeName(v)
	case value.KindObject:
		return "dict"
	}
	return ""
}

// method finds the code of v.name().
func (ev evaluator) method(v value.Value, name string) (Function, bool) {
	fn, ok := ev.eng.reg.methods[typeKey(v)][name]
	if ok && v.Kind() == value.KindObject {
		ok = slices.Contains([]string{"get", "items", "keys", "values"}, name)
	}
	return fn, ok
}

// methodOf returns v.name as a value that can be called.
func (ev evaluator) methodOf(v value.Value, name string) (value.Value, bool) {
	fn, ok := ev.method(v, name)
	if !ok {
		return value.Value{}, false
	}
	return value.FromOpaque(&boundFunc{name: name, self: v, fn: fn}), true
}

// onlyScope returns the entries of one mapping.
type onlyScope struct{ m *value.Map }

func (s onlyScope) Var(name string) (value.Value, bool, error) {
	v, ok := s.m.Lookup(name)
	return v, ok, nil
}
func (s onlyScope) Names() []string { return s.m.Names() }
func (onlyScope) Dirs() []string    { return nil }

// follow evaluates a path in a mapping: names, indices and keys. Anything else
// is refused, for a path may be a host's text, which is never a program.
func (ev evaluator) follow(path string, s onlyScope) (value.Value, error) {
	t, err := ev.eng.load(path, bareSyntax(), nil)
	if err != nil {
		return value.Value{}, err
	}
	if !isPath(t.Single, true) {
		return value.Value{}, fmt.Errorf("get_path takes a path such as a.b[0]['c'], got %s", path)
	}
	oldT, oldO, oldS, oldM := ev.tpl, ev.origin, ev.scope, ev.memo
	ev.tpl, ev.origin, ev.scope, ev.memo = t, nil, s, nil
	defer func() { ev.tpl, ev.origin, ev.scope, ev.memo = oldT, oldO, oldS, oldM }()
	return ev.eval(t.Single, nil)
}

// isPath reports whether x only walks; root says that x must begin at a name.
func isPath(x parse.Expr, root bool) bool {
	switch x := x.(type) {
	case nil:
		return !root
	case *parse.Name:
		return root
	case *parse.Attr:
		return isPath(x.X, true)
	case *parse.Index:
		return isPath(x.X, true) && isPath(x.At, false)
	case *parse.Slice:
		return !root && isPath(x.From, false) && isPath(x.To, false) && isPath(x.Step, false)
	case *parse.Unary:
		return !root && x.Op == "-" && isPath(x.X, false)
	case *parse.Literal:
		return !root
	}
	return false
}
