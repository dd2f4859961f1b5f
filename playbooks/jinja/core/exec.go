package core

import (
	"errors"
	"fmt"

	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/value"
)

// jump says how a list of statements ended.
type jump uint8

const (
	jumpNone jump = iota
	jumpBreak
	jumpContinue
)

// statements carries out what templates hold beside expressions.
type statements struct{ evaluator }

// run executes statements.
func (st statements) run(body []parse.Stmt, f *frame, b *Buffer) (jump, error) {
	for _, s := range body {
		if err := st.Step(); err != nil {
			return jumpNone, st.at(s.Pos(), err)
		}
		j, err := st.exec(s, f, b)
		if err != nil {
			return jumpNone, st.at(s.Pos(), err)
		}
		if j != jumpNone {
			return j, nil
		}
	}
	return jumpNone, nil
}

func (st statements) exec(s parse.Stmt, f *frame, b *Buffer) (jump, error) {
	if st.layout != nil && st.layout.extended && f.parent == nil {
		// Behind {% extends %} only definitions count.
		switch s.(type) {
		case *parse.Text, *parse.Output, *parse.BlockStmt, *parse.ForStmt, *parse.IfStmt, *parse.IncludeStmt, *parse.FilterStmt, *parse.CallStmt:
			return jumpNone, nil
		}
	}
	switch s := s.(type) {
	case *parse.Text:
		return jumpNone, b.Text(s.S)
	case *parse.Output:
		v, err := st.eval(s.X, f)
		if err != nil {
			return jumpNone, err
		}
		return jumpNone, st.print(v, b)
	case *parse.IfStmt:
		return st.ifElse(s, f, b)
	case *parse.ForStmt:
		return jumpNone, st.forLoop(s, s.Iter, f, b, 0)
	case *parse.SetStmt:
		v, err := st.eval(s.X, f)
		if err != nil {
			return jumpNone, err
		}
		return jumpNone, st.assign(s.Target, v, f)
	case *parse.SetBlock:
		v, err := st.captured(s.Body, s.Filters, f)
		if err != nil {
			return jumpNone, err
		}
		return jumpNone, st.assign(s.Target, v, f)
	case *parse.FilterStmt:
		v, err := st.captured(s.Body, s.Filters, f)
		if err != nil {
			return jumpNone, err
		}
		return jumpNone, b.Add(v)
	case *parse.WithStmt:
		return st.with(s, f, b)
	case *parse.MacroStmt:
		f.set(s.Name, value.FromOpaque(st.macro(s, f)))
		return jumpNone, nil
	case *parse.CallStmt:
		return jumpNone, st.callBlock(s, f, b)
	case *parse.DoStmt:
		_, err := st.eval(s.X, f)
		return jumpNone, err
	case *parse.JumpStmt:
		if s.Word == "break" {
			return jumpBreak, nil
		}
		return jumpContinue, nil
	case *parse.IncludeStmt:
		return jumpNone, st.include(s, f, b)
	case *parse.ImportStmt:
		return jumpNone, st.importAll(s, f)
	case *parse.FromStmt:
		return jumpNone, st.fromImport(s, f)
	case *parse.ExtendsStmt:
		return jumpNone, st.extends(s, f)
	case *parse.BlockStmt:
		return jumpNone, st.block(s, f, b)
	}
	return jumpNone, errors.New("unknown statement")
}

// print writes a value: null prints nothing, Undefined is an error.
func (st statements) print(v value.Value, b *Buffer) error {
	if v.IsNull() {
		return nil
	}
	if err := st.Whole(v); err != nil {
		return err
	}
	return b.Add(v)
}

func (st statements) ifElse(s *parse.IfStmt, f *frame, b *Buffer) (jump, error) {
	for i, t := range s.Tests {
		ok, err := st.truth(t, f)
		if err != nil {
			return jumpNone, err
		}
		if ok {
			return st.run(s.Bodies[i], f, b)
		}
	}
	return st.run(s.Els, f, b)
}

// captured renders a body apart and pipes it through filters.
func (st statements) captured(body []parse.Stmt, filters []*parse.Filter, f *frame) (value.Value, error) {
	b := st.Buffer(0)
	inner := f.push()
	if _, err := st.run(body, inner, b); err != nil {
		return value.Value{}, err
	}
	v := st.converted(b)
	for _, x := range filters {
		var err error
		if v, err = st.applyFilter(x, v, f); err != nil {
			return value.Value{}, st.at(x.Place, err)
		}
	}
	return v, nil
}

// assign gives names their values, unpacking as Python does.
func (st statements) assign(target parse.Expr, v value.Value, f *frame) error {
	switch t := target.(type) {
	case *parse.Name:
		f.set(t.ID, v)
		return nil
	case *parse.Attr:
		owner, err := st.eval(t.X, f)
		if err != nil {
			return err
		}
		o, _ := owner.AsOpaque()
		ns, ok := o.(*namespace)
		if !ok {
			return errors.New("cannot assign attribute on non-namespace object")
		}
		ns.vars.Put(t.Name, v)
		return st.weigh(v)
	case *parse.TupleLit:
		items, err := st.Iterate(v)
		if err != nil {
			return fmt.Errorf("cannot unpack non-iterable %s object", value.TypeName(v))
		}
		if len(items) > len(t.Items) {
			return fmt.Errorf("too many values to unpack (expected %d)", len(t.Items))
		}
		if len(items) < len(t.Items) {
			return fmt.Errorf("not enough values to unpack (expected %d, got %d)", len(t.Items), len(items))
		}
		for i, it := range t.Items {
			if err := st.assign(it, items[i], f); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("cannot assign to this")
}

func (st statements) with(s *parse.WithStmt, f *frame, b *Buffer) (jump, error) {
	inner := f.push()
	for i, t := range s.Targets {
		v, err := st.eval(s.Vals[i], f)
		if err != nil {
			return jumpNone, err
		}
		if err := st.assign(t, v, inner); err != nil {
			return jumpNone, err
		}
	}
	return st.run(s.Body, inner, b)
}

// forLoop runs a loop; depth counts recursive calls.
func (st statements) forLoop(s *parse.ForStmt, iter parse.Expr, f *frame, b *Buffer, depth int) error {
	v, err := st.eval(iter, f)
	if err != nil {
		return err
	}
	return st.loopOver(s, v, f, b, depth)
}

func (st statements) loopOver(s *parse.ForStmt, v value.Value, f *frame, b *Buffer, depth int) error {
	if depth > parse.MaxDepth {
		return errDepth
	}
	items, err := st.Iterate(v)
	if err != nil {
		return err
	}
	if s.Filter != nil {
		if items, err = st.kept(s, items, f); err != nil {
			return err
		}
	}
	if len(items) == 0 {
		_, err := st.run(s.Els, f.push(), b)
		return err
	}
	l := &loop{items: items, depth: depth, stmt: s, outer: f}
	for i, it := range items {
		l.i = i
		inner := f.push()
		inner.set("loop", value.FromOpaque(l))
		if err := st.assign(s.Target, it, inner); err != nil {
			return err
		}
		j, err := st.run(s.Body, inner, b)
		if err != nil {
			return err
		}
		if j == jumpBreak {
			break
		}
	}
	return nil
}

func (st statements) kept(s *parse.ForStmt, items []value.Value, f *frame) ([]value.Value, error) {
	var out []value.Value
	for _, it := range items {
		inner := f.push()
		if err := st.assign(s.Target, it, inner); err != nil {
			return nil, err
		}
		ok, err := st.truth(s.Filter, inner)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, it)
		}
	}
	return out, nil
}

// loop is the variable of that name.
type loop struct {
	items []value.Value
	i     int
	depth int
	stmt  *parse.ForStmt
	outer *frame
	last  []value.Value // of changed()
}

func (l *loop) TypeName() string { return "LoopContext" }
func (l *loop) Str() string      { return l.Repr() }
func (l *loop) Repr() string     { return fmt.Sprintf("<LoopContext %d/%d>", l.i+1, len(l.items)) }

func (l *loop) Attr(name string) (value.Value, bool) {
	n := len(l.items)
	ints := map[string]int{"index": l.i + 1, "index0": l.i, "revindex": n - l.i, "revindex0": n - l.i - 1, "length": n, "depth": l.depth + 1, "depth0": l.depth}
	if i, ok := ints[name]; ok {
		return value.Int(int64(i)), true
	}
	switch name {
	case "first":
		return value.Bool(l.i == 0), true
	case "last":
		return value.Bool(l.i == n-1), true
	case "previtem":
		if l.i == 0 {
			return value.FromMissing(value.Missing{Name: name, Hint: "there is no previous item"}), true
		}
		return l.items[l.i-1], true
	case "nextitem":
		if l.i == n-1 {
			return value.FromMissing(value.Missing{Name: name, Hint: "there is no next item"}), true
		}
		return l.items[l.i+1], true
	case "cycle":
		return Bound("cycle", func(c *Call) (value.Value, error) {
			if len(c.Args) == 0 {
				return value.Value{}, errors.New("no items for cycling given")
			}
			return c.Args[l.i%len(c.Args)], nil
		}), true
	case "changed":
		return Bound("changed", func(c *Call) (value.Value, error) {
			same := l.last != nil && value.Equal(value.List(l.last...), value.List(c.Args...))
			l.last = c.Args
			return value.Bool(!same), nil
		}), true
	}
	return value.Value{}, false
}

// Call is loop(items) of a recursive loop.
func (l *loop) Call(c *Call) (value.Value, error) {
	if !l.stmt.Recursive {
		return value.Value{}, errors.New("The loop must have the 'recursive' marker to be called recursively.")
	}
	if len(c.Args) != 1 {
		return value.Value{}, errors.New("loop() takes one argument")
	}
	b := c.Buffer(0)
	if err := c.rt.loopOver(l.stmt, c.Args[0], l.outer, b, l.depth+1); err != nil {
		return value.Value{}, err
	}
	return value.MarkedString(b.String(), b.Marks), nil
}

// boundFunc is a function with something bound to it.
type boundFunc struct {
	name string
	self value.Value
	fn   Function
}

// Bound returns a function as a value.
func Bound(name string, fn Function) value.Value {
	return value.FromOpaque(&boundFunc{name: name, fn: fn})
}

func (m *boundFunc) TypeName() string { return "builtin_function_or_method" }
func (m *boundFunc) Str() string      { return m.Repr() }
func (m *boundFunc) Repr() string     { return "<built-in method " + m.name + ">" }

func (m *boundFunc) Call(c *Call) (value.Value, error) {
	c.Name, c.In = m.name, m.self
	return c.rt.callMethod(m.fn, c)
}

// namespace is what namespace() makes: the one thing that inner scopes may
// change.
type namespace struct {
	vars    *value.Map
	showing bool // a namespace may hold itself
}

func (n *namespace) TypeName() string { return "Namespace" }
func (n *namespace) Str() string      { return n.Repr() }
func (n *namespace) Repr() string {
	if n.showing {
		return "<Namespace ...>"
	}
	n.showing = true
	defer func() { n.showing = false }()
	return "<Namespace " + value.Repr(value.FromMap(n.vars)) + ">"
}

// Marks are those of all that it holds; a namespace in itself adds none.
func (n *namespace) Marks() value.Marks {
	if n.showing {
		return 0
	}
	n.showing = true
	defer func() { n.showing = false }()
	return value.DeepMarks(value.FromMap(n.vars))
}

func (n *namespace) Attr(name string) (value.Value, bool) { return n.vars.Lookup(name) }

// Namespace returns a namespace over a mapping of names.
func Namespace(vars *value.Map) value.Value { return value.FromOpaque(&namespace{vars: vars}) }
