package jinja

import (
	"cmp"
	"errors"
	"fmt"

	"remoterun/runner/value"
)

// eval evaluates an expression. An Undefined is a value here; its use is the
// error.
func (r *render) eval(x expr, f *frame) (value.Value, error) {
	if r.depth++; r.depth > maxEval {
		return value.Value{}, errDepth
	}
	v, err := r.evaluate(x, f)
	r.depth--
	if err != nil {
		err = r.at(x.pos(), err)
	}
	return v, err
}

func (r *render) evaluate(x expr, f *frame) (value.Value, error) {
	if err := r.step(); err != nil {
		return value.Value{}, err
	}
	switch x := x.(type) {
	case *literal:
		return x.v, nil
	case *name:
		return r.name(x.id, f)
	case *attr:
		v, err := r.eval(x.x, f)
		if err != nil {
			return v, err
		}
		return r.getattr(v, x.name)
	case *index:
		return r.index(x, f)
	case *filter:
		return r.filter(x, f)
	case *test:
		return r.test(x, f)
	case *invoke:
		return r.invoke(x, f)
	case *binary:
		return r.binary(x, f)
	case *unary:
		return r.unary(x, f)
	case *compare:
		return r.compare(x, f)
	case *concat:
		return r.concat(x, f)
	case *cond:
		return r.cond(x, f)
	case *listLit:
		items, err := r.all(x.items, f)
		return value.List(items...), err
	case *tupleLit:
		items, err := r.all(x.items, f)
		return value.Tuple(items...), err
	case *dictLit:
		return r.dict(x, f)
	}
	return value.Value{}, fmt.Errorf("a slice is no value")
}

func (r *render) all(xs []expr, f *frame) ([]value.Value, error) {
	out := make([]value.Value, len(xs))
	for i, x := range xs {
		v, err := r.eval(x, f)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (r *render) dict(x *dictLit, f *frame) (value.Value, error) {
	m := value.NewMap()
	for i := range x.keys {
		k, err := r.eval(x.keys[i], f)
		if err != nil {
			return value.Value{}, err
		}
		if err := cmp.Or(defined(k), r.weigh(k), value.Hashable(k)); err != nil {
			return value.Value{}, err
		}
		v, err := r.eval(x.vals[i], f)
		if err != nil {
			return value.Value{}, err
		}
		m.Set(k, v)
	}
	return value.FromMap(m), nil
}

// name answers a name: locals, the scope's variables, then globals.
func (r *render) name(id string, f *frame) (value.Value, error) {
	v, ok, alone := f.lookup(id)
	if ok {
		return v, nil
	}
	if id == "self" && r.layout != nil {
		return value.FromOpaque(&self{r.layout, f.top()}), nil
	}
	if r.scope != nil && !alone {
		v, ok, err := r.variable(id)
		if err != nil || ok {
			return v, err
		}
	}
	if id == "omit" {
		return value.Omit(), nil
	}
	if e, ok := r.eng.reg.globals[id]; ok {
		return value.FromOpaque(&builtin{e}), nil
	}
	return value.Undefined(id), nil
}

// builtin is a global function as a value.
type builtin struct{ e *entry }

func (b *builtin) TypeName() string { return "function" }
func (b *builtin) Str() string      { return b.Repr() }
func (b *builtin) Repr() string     { return "<function " + b.e.name + ">" }

// attributed is an opaque datum with attributes.
type attributed interface {
	attr(r *render, name string) (value.Value, bool)
}

// callable is an opaque datum that can be called.
type callable interface {
	call(c *call) (value.Value, error)
}

// attr knows the one attribute that templates use: dict.fromkeys.
func (b *builtin) attr(_ *render, name string) (value.Value, bool) {
	if b.e.name == "dict" && name == "fromkeys" {
		return bound(name, dictFromKeys), true
	}
	return value.Value{}, false
}

func (b *builtin) call(c *call) (value.Value, error) {
	c.name = b.e.name
	out, err := b.e.fn(c)
	if err != nil || b.e.spread == spreadNone {
		return out, err
	}
	return out.With(marksOf(value.Null(), c.args) | namedMarks(c.kw)), nil
}

// objectName is how Jinja names an object's type in messages.
func objectName(v value.Value) string {
	if v.IsNull() {
		return "None"
	}
	return value.TypeName(v) + " object"
}

func noAttr(v value.Value, name string) value.Value {
	return value.FromMissing(value.Missing{Name: name, In: objectName(v)})
}

// getattr is x.name: an attribute or method first, then the entry.
func (r *render) getattr(v value.Value, name string) (value.Value, error) {
	if v.IsUndefined() {
		return deeper(v)
	}
	if m, ok := r.methodOf(v, name); ok {
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
	return r.entry(v, value.String(name), name)
}

// deeper is an attribute of something undefined: that itself, so that the
// message names what was missing first.
func deeper(v value.Value) (value.Value, error) {
	if m, _ := v.AsMissing(); m.Soft {
		return value.Value{}, missing(m)
	}
	return v, nil
}

// entry answers an entry or an attribute of an opaque datum.
func (r *render) entry(v, key value.Value, name string) (value.Value, error) {
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
		if ok {
			return it, nil
		}
	case value.KindOpaque:
		o, _ := v.AsOpaque()
		if a, ok := o.(attributed); ok {
			if it, ok := a.attr(r, name); ok {
				return it, nil
			}
		}
	}
	return noAttr(v, name), nil
}

// index is x[at].
func (r *render) index(x *index, f *frame) (value.Value, error) {
	v, err := r.eval(x.x, f)
	if err != nil {
		return v, err
	}
	if s, ok := x.at.(*slice); ok {
		return r.slice(v, s, f)
	}
	k, err := r.eval(x.at, f)
	if err != nil {
		return k, err
	}
	return r.getitem(v, k)
}

func (r *render) getitem(v, k value.Value) (value.Value, error) {
	if v.IsUndefined() {
		return deeper(v)
	}
	if err := defined(k); err != nil && isMapping(v) {
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
		got, err := r.entry(v, k, value.Str(k))
		if err != nil || !got.IsUndefined() {
			return got, err
		}
	}
	if !isText {
		return noElement(v, k), nil
	}
	return r.getattr(v, text)
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

func (r *render) slice(v value.Value, s *slice, f *frame) (value.Value, error) {
	var bounds [3]*int64
	for i, x := range []expr{s.from, s.to, s.step} {
		if x == nil {
			continue
		}
		b, err := r.eval(x, f)
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
		idx, err := sliceIndexes(len(rs), bounds)
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
		return value.FromMissing(value.Missing{Name: "slice", Hint: objectName(v) + " has no element slice"}), nil
	}
	items := v.Items()
	idx, err := sliceIndexes(len(items), bounds)
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

// sliceIndexes works out Python's slice of a sequence of n items.
func sliceIndexes(n int, b [3]*int64) ([]int, error) {
	step := int64(1)
	if b[2] != nil {
		step = *b[2]
	}
	if step == 0 {
		return nil, errors.New("slice step cannot be zero")
	}
	size := int64(n)
	lo, hi := int64(0), size
	if step < 0 {
		lo, hi = -1, size-1
	}
	clamp := func(p *int64, otherwise int64) int64 {
		if p == nil {
			return otherwise
		}
		i := *p
		if i < 0 {
			i += size
		}
		return max(lo, min(i, hi))
	}
	var out []int
	if step > 0 {
		for i := clamp(b[0], 0); i < clamp(b[1], size); i += step {
			out = append(out, int(i))
		}
		return out, nil
	}
	for i := clamp(b[0], size-1); i > clamp(b[1], -1); i += step {
		out = append(out, int(i))
	}
	return out, nil
}

func (r *render) cond(x *cond, f *frame) (value.Value, error) {
	ok, err := r.truth(x.test, f)
	if err != nil {
		return value.Value{}, err
	}
	if ok {
		return r.eval(x.yes, f)
	}
	if x.no == nil {
		return value.FromMissing(value.Missing{Soft: true, Hint: "the inline if-expression on line " + fmt.Sprint(x.line+1) + " evaluated to false and no else section was defined."}), nil
	}
	return r.eval(x.no, f)
}

// truth evaluates x as a condition.
func (r *render) truth(x expr, f *frame) (bool, error) {
	v, err := r.eval(x, f)
	if err == nil {
		err = r.at(x.pos(), defined(v))
	}
	return value.Truth(v), err
}

func (r *render) unary(x *unary, f *frame) (value.Value, error) {
	if x.op == "not" {
		ok, err := r.truth(x.x, f)
		return value.Bool(!ok), err
	}
	v, err := r.eval(x.x, f)
	if err != nil {
		return v, err
	}
	if err := defined(v); err != nil {
		return v, err
	}
	return negate(x.op, v)
}

func (r *render) binary(x *binary, f *frame) (value.Value, error) {
	a, err := r.eval(x.a, f)
	if err != nil {
		return a, err
	}
	if err := r.at(x.a.pos(), defined(a)); err != nil {
		return a, err
	}
	switch x.op {
	case "and":
		if !value.Truth(a) {
			return a, nil
		}
		return r.eval(x.b, f)
	case "or":
		if value.Truth(a) {
			return a, nil
		}
		return r.eval(x.b, f)
	}
	b, err := r.eval(x.b, f)
	if err != nil {
		return b, err
	}
	if err := r.at(x.b.pos(), defined(b)); err != nil {
		return b, err
	}
	return r.arith(x.op, a, b)
}

func (r *render) compare(x *compare, f *frame) (value.Value, error) {
	a, err := r.eval(x.first, f)
	if err != nil {
		return a, err
	}
	place := x.first.pos()
	for i, op := range x.ops {
		b, err := r.eval(x.rest[i], f)
		if err != nil {
			return b, err
		}
		if err := r.at(x.rest[i].pos(), defined(b)); err != nil {
			return b, err
		}
		// Only "in" an empty list never looks at what is asked for.
		_, isSeq := b.AsSeq()
		if !isSeq || len(b.Items()) > 0 || op != "in" && op != "not in" {
			if err := r.at(place, defined(a)); err != nil {
				return a, err
			}
		}
		ok, err := r.holds(op, a, b)
		if err != nil || !ok {
			return value.Bool(false), err
		}
		a, place = b, x.rest[i].pos()
	}
	return value.Bool(true), nil
}

func (r *render) holds(op string, a, b value.Value) (bool, error) {
	if isContainer(a) || isContainer(b) {
		if err := errors.Join(r.weigh(a), r.weigh(b)); err != nil {
			return false, err
		}
	}
	switch op {
	case "==":
		return value.Equal(a, b), nil
	case "!=":
		return !value.Equal(a, b), nil
	case "in":
		return r.contains(b, a)
	case "not in":
		ok, err := r.contains(b, a)
		return !ok, err
	}
	if isNaN(a) || isNaN(b) {
		return false, nil
	}
	c, err := value.Compare(a, b)
	if err != nil {
		return false, fmt.Errorf("'%s' not supported between instances of '%s' and '%s'", op, value.TypeName(a), value.TypeName(b))
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	}
	return c >= 0, nil
}

func (r *render) concat(x *concat, f *frame) (value.Value, error) {
	b := &buffer{r: r}
	for _, p := range x.parts {
		v, err := r.eval(p, f)
		if err == nil {
			err = r.at(p.pos(), defined(v))
		}
		if err == nil {
			err = b.add(v)
		}
		if err != nil {
			return value.Value{}, err
		}
	}
	return value.MarkedString(b.String(), b.marks), nil
}

// values evaluates a call's arguments.
func (r *render) values(a arguments, f *frame) (pos []value.Value, kw *value.Map, err error) {
	if pos, err = r.all(a.pos, f); err != nil {
		return nil, nil, err
	}
	if a.star != nil {
		v, err := r.eval(a.star, f)
		if err != nil {
			return nil, nil, err
		}
		items, err := r.iterate(v)
		if err != nil {
			return nil, nil, err
		}
		pos = append(pos, items...)
	}
	if err := r.weighAll(pos); err != nil {
		return nil, nil, err
	}
	if len(a.names) == 0 && a.kw == nil {
		return pos, nil, nil
	}
	kw = value.NewMap()
	for i, n := range a.names {
		v, err := r.eval(a.vals[i], f)
		if err != nil {
			return nil, nil, err
		}
		kw.Put(n, v)
	}
	if a.kw != nil {
		v, err := r.eval(a.kw, f)
		if err != nil {
			return nil, nil, err
		}
		m, ok := v.AsMap()
		if !ok {
			return nil, nil, fmt.Errorf("argument after ** must be a mapping, not %s", value.TypeName(v))
		}
		for k, it := range m.All() {
			kw.Set(k, it)
		}
	}
	return pos, kw, r.weigh(value.FromMap(kw))
}

func (r *render) filter(x *filter, f *frame) (value.Value, error) {
	in, err := r.eval(x.x, f)
	if err != nil {
		return in, err
	}
	return r.applyFilter(x, in, f)
}

func (r *render) applyFilter(x *filter, in value.Value, f *frame) (value.Value, error) {
	args, kw, err := r.values(x.args, f)
	if err != nil {
		return value.Value{}, err
	}
	return r.runEntry(x.e, x.name, in, args, kw, f)
}

// runEntry calls a filter's code and lets marks travel to its result.
func (r *render) runEntry(e *entry, name string, in value.Value, args []value.Value, kw *value.Map, f *frame) (value.Value, error) {
	if !e.undefined {
		if err := defined(in); err != nil {
			return value.Value{}, err
		}
	}
	if !e.shallow {
		if err := r.weigh(in); err != nil {
			return value.Value{}, err
		}
	}
	c := &call{ctx: r.ctx, rt: r, name: name, in: in, args: args, kw: kw, frame: f}
	out, err := e.fn(c)
	if err != nil {
		return value.Value{}, err
	}
	if s, ok := out.AsString(); ok {
		if err := r.grown(len(s)); err != nil {
			return value.Value{}, err
		}
	}
	if e.spread == spreadNone {
		return out, nil
	}
	return out.With(marksOf(in, args) | namedMarks(kw)), nil
}

// namedMarks are the marks of keyword arguments.
func namedMarks(kw *value.Map) value.Marks {
	if kw == nil {
		return 0
	}
	return value.DeepMarks(value.FromMap(kw))
}

func marksOf(in value.Value, args []value.Value) value.Marks {
	m := value.DeepMarks(in)
	for _, a := range args {
		m |= value.DeepMarks(a)
	}
	return m
}

func (r *render) test(x *test, f *frame) (value.Value, error) {
	in, err := r.eval(x.x, f)
	if err != nil {
		return in, err
	}
	args, kw, err := r.values(x.args, f)
	if err != nil {
		return value.Value{}, err
	}
	ok, err := r.runTest(x.e, x.name, in, args, kw, f)
	return value.Bool(ok != x.not), err
}

// runTest calls a test's code.
func (r *render) runTest(e *entry, name string, in value.Value, args []value.Value, kw *value.Map, f *frame) (bool, error) {
	if !e.undefined {
		if err := defined(in); err != nil {
			return false, err
		}
	}
	if isContainer(in) && len(args) > 0 {
		if err := r.weigh(in); err != nil {
			return false, err
		}
	}
	out, err := e.fn(&call{ctx: r.ctx, rt: r, name: name, in: in, args: args, kw: kw, frame: f})
	return value.Truth(out), err
}

func (r *render) invoke(x *invoke, f *frame) (value.Value, error) {
	if a, ok := x.fn.(*attr); ok {
		self, err := r.eval(a.x, f)
		if err != nil {
			return self, err
		}
		if fn, ok := r.method(self, a.name); ok {
			args, kw, err := r.values(x.args, f)
			if err != nil {
				return value.Value{}, err
			}
			return r.callMethod(fn, &call{ctx: r.ctx, rt: r, name: a.name, in: self, args: args, kw: kw, frame: f})
		}
		fn, err := r.getattr(self, a.name)
		if err != nil {
			return fn, err
		}
		return r.invokeValue(x, fn, f)
	}
	fn, err := r.eval(x.fn, f)
	if err != nil {
		return fn, err
	}
	return r.invokeValue(x, fn, f)
}

// callMethod runs a method within the limits.
func (r *render) callMethod(fn function, c *call) (value.Value, error) {
	if len(c.args) > 0 {
		if err := r.weigh(c.in); err != nil {
			return value.Value{}, err
		}
	}
	out, err := fn(c)
	if s, ok := out.AsString(); ok && err == nil {
		err = r.grown(len(s))
	}
	return out, err
}

func (r *render) invokeValue(x *invoke, fn value.Value, f *frame) (value.Value, error) {
	if err := defined(fn); err != nil {
		return fn, err
	}
	args, kw, err := r.values(x.args, f)
	if err != nil {
		return value.Value{}, err
	}
	return r.call(fn, args, kw, f)
}

// call calls a value.
func (r *render) call(fn value.Value, args []value.Value, kw *value.Map, f *frame) (value.Value, error) {
	o, _ := fn.AsOpaque()
	c, ok := o.(callable)
	if !ok {
		return value.Value{}, fmt.Errorf("'%s' object is not callable", value.TypeName(fn))
	}
	return c.call(&call{ctx: r.ctx, rt: r, args: args, kw: kw, frame: f})
}
