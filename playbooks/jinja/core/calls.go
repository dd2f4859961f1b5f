package core

import (
	"fmt"
	"slices"

	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/value"
)

// values evaluates a call's arguments.
func (ev evaluator) values(a parse.Arguments, f *frame) (pos []value.Value, kw *value.Map, err error) {
	if pos, err = ev.all(a.Pos, f); err != nil {
		return nil, nil, err
	}
	if a.Star != nil {
		v, err := ev.eval(a.Star, f)
		if err != nil {
			return nil, nil, err
		}
		items, err := ev.Iterate(v)
		if err != nil {
			return nil, nil, err
		}
		pos = append(pos, items...)
	}
	if err := ev.weighAll(pos); err != nil {
		return nil, nil, err
	}
	if len(a.Names) == 0 && a.Kw == nil {
		return pos, nil, nil
	}
	kw = value.NewMap()
	for i, n := range a.Names {
		v, err := ev.eval(a.Vals[i], f)
		if err != nil {
			return nil, nil, err
		}
		kw.Put(n, v)
	}
	if a.Kw != nil {
		v, err := ev.eval(a.Kw, f)
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
	return pos, kw, ev.weigh(value.FromMap(kw))
}

func (ev evaluator) filter(x *parse.Filter, f *frame) (value.Value, error) {
	in, err := ev.eval(x.X, f)
	if err != nil {
		return in, err
	}
	return ev.applyFilter(x, in, f)
}

func (ev evaluator) applyFilter(x *parse.Filter, in value.Value, f *frame) (value.Value, error) {
	args, kw, err := ev.values(x.Args, f)
	if err != nil {
		return value.Value{}, err
	}
	return ev.runEntry(x.Named.(*Entry), x.Name, in, args, kw, f)
}

// runEntry calls a filter's code and lets marks travel to its result.
func (ev evaluator) runEntry(e *Entry, name string, in value.Value, args []value.Value, kw *value.Map, f *frame) (value.Value, error) {
	if !e.Undefined {
		if err := Defined(in); err != nil {
			return value.Value{}, err
		}
	}
	if !e.Shallow {
		if err := ev.weigh(in); err != nil {
			return value.Value{}, err
		}
	}
	c := &Call{Ctx: ev.ctx, Ops: &ev.Ops, rt: statements{ev}, Name: name, In: in, Args: args, Kw: kw, frame: f}
	out, err := e.Func(c)
	if err != nil {
		return value.Value{}, err
	}
	if s, ok := out.AsString(); ok {
		if err := ev.Grown(len(s)); err != nil {
			return value.Value{}, err
		}
	}
	if e.Spread == SpreadNone {
		return out, nil
	}
	return out.With(ev.marksOf(out, append([]value.Value{in}, args...), kw)), nil
}

// marksOf are the marks that out takes from what went in. A lazy mapping is
// other hosts' data: what is made of it is unsafe, and has the marks of its
// entries when it was small enough to be looked through.
func (ev evaluator) marksOf(out value.Value, in []value.Value, kw *value.Map) value.Marks {
	var m value.Marks
	for _, v := range append(slices.Clip(in), value.FromMap(kw)) {
		marks, lazy := ev.looked(v)
		m |= marks
		if !lazy || out.IsNull() || out.Kind() == value.KindBool {
			continue
		}
		m |= value.Unsafe
		if open, err := ev.opened(v); err == nil {
			m |= value.DeepMarks(open)
		}
	}
	return m
}

// namedMarks are the marks of keyword arguments.
func namedMarks(kw *value.Map) value.Marks {
	if kw == nil {
		return 0
	}
	return value.DeepMarks(value.FromMap(kw))
}

// MarksOf are the marks of an input and arguments together.
func MarksOf(in value.Value, args []value.Value) value.Marks {
	m := value.DeepMarks(in)
	for _, a := range args {
		m |= value.DeepMarks(a)
	}
	return m
}

func (ev evaluator) test(x *parse.Test, f *frame) (value.Value, error) {
	in, err := ev.eval(x.X, f)
	if err != nil {
		return in, err
	}
	args, kw, err := ev.values(x.Args, f)
	if err != nil {
		return value.Value{}, err
	}
	ok, err := ev.runTest(x.Named.(*Entry), x.Name, in, args, kw, f)
	return value.Bool(ok != x.Not), err
}

// runTest calls a test's code.
func (ev evaluator) runTest(e *Entry, name string, in value.Value, args []value.Value, kw *value.Map, f *frame) (bool, error) {
	if !e.Undefined {
		if err := Defined(in); err != nil {
			return false, err
		}
	}
	if isContainer(in) && len(args) > 0 {
		if err := ev.weigh(in); err != nil {
			return false, err
		}
	}
	out, err := e.Func(&Call{Ctx: ev.ctx, Ops: &ev.Ops, rt: statements{ev}, Name: name, In: in, Args: args, Kw: kw, frame: f})
	return value.Truth(out), err
}

func (ev evaluator) invoke(x *parse.Invoke, f *frame) (value.Value, error) {
	if a, ok := x.Fn.(*parse.Attr); ok {
		self, err := ev.eval(a.X, f)
		if err != nil {
			return self, err
		}
		if fn, ok := ev.method(self, a.Name); ok {
			args, kw, err := ev.values(x.Args, f)
			if err != nil {
				return value.Value{}, err
			}
			return ev.callMethod(fn, &Call{Ctx: ev.ctx, Ops: &ev.Ops, rt: statements{ev}, Name: a.Name, In: self, Args: args, Kw: kw, frame: f})
		}
		fn, err := ev.getattr(self, a.Name)
		if err != nil {
			return fn, err
		}
		return ev.invokeValue(x, fn, f)
	}
	fn, err := ev.eval(x.Fn, f)
	if err != nil {
		return fn, err
	}
	return ev.invokeValue(x, fn, f)
}

// callMethod runs a method within the limits.
func (ev evaluator) callMethod(fn Function, c *Call) (value.Value, error) {
	if _, isMap := c.In.AsMap(); len(c.Args) > 0 && !isMap {
		if err := ev.weigh(c.In); err != nil {
			return value.Value{}, err
		}
	}
	out, err := fn(c)
	if s, ok := out.AsString(); ok && err == nil {
		err = ev.Grown(len(s))
	}
	return out, err
}

func (ev evaluator) invokeValue(x *parse.Invoke, fn value.Value, f *frame) (value.Value, error) {
	if err := Defined(fn); err != nil {
		return fn, err
	}
	args, kw, err := ev.values(x.Args, f)
	if err != nil {
		return value.Value{}, err
	}
	return ev.call(fn, args, kw, f)
}

// call calls a value.
func (ev evaluator) call(fn value.Value, args []value.Value, kw *value.Map, f *frame) (value.Value, error) {
	o, _ := fn.AsOpaque()
	c, ok := o.(Callable)
	if !ok {
		return value.Value{}, fmt.Errorf("'%s' object is not callable", value.TypeName(fn))
	}
	return c.Call(&Call{Ctx: ev.ctx, Ops: &ev.Ops, rt: statements{ev}, Args: args, Kw: kw, frame: f})
}
