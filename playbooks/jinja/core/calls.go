package core

import (
	"fmt"
	"slices"

	"remoterun/playbooks/jinja/parse"
	"remoterun/runner/value"
)

// values evaluates a call's arguments.
func (r *render) values(a parse.Arguments, f *frame) (pos []value.Value, kw *value.Map, err error) {
	if pos, err = r.all(a.Pos, f); err != nil {
		return nil, nil, err
	}
	if a.Star != nil {
		v, err := r.eval(a.Star, f)
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
	if len(a.Names) == 0 && a.Kw == nil {
		return pos, nil, nil
	}
	kw = value.NewMap()
	for i, n := range a.Names {
		v, err := r.eval(a.Vals[i], f)
		if err != nil {
			return nil, nil, err
		}
		kw.Put(n, v)
	}
	if a.Kw != nil {
		v, err := r.eval(a.Kw, f)
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

func (r *render) filter(x *parse.Filter, f *frame) (value.Value, error) {
	in, err := r.eval(x.X, f)
	if err != nil {
		return in, err
	}
	return r.applyFilter(x, in, f)
}

func (r *render) applyFilter(x *parse.Filter, in value.Value, f *frame) (value.Value, error) {
	args, kw, err := r.values(x.Args, f)
	if err != nil {
		return value.Value{}, err
	}
	return r.runEntry(x.Named.(*Entry), x.Name, in, args, kw, f)
}

// runEntry calls a filter's code and lets marks travel to its result.
func (r *render) runEntry(e *Entry, name string, in value.Value, args []value.Value, kw *value.Map, f *frame) (value.Value, error) {
	if !e.Undefined {
		if err := Defined(in); err != nil {
			return value.Value{}, err
		}
	}
	if !e.Shallow {
		if err := r.weigh(in); err != nil {
			return value.Value{}, err
		}
	}
	c := &Call{Ctx: r.ctx, rt: r, Name: name, In: in, Args: args, Kw: kw, frame: f}
	out, err := e.Func(c)
	if err != nil {
		return value.Value{}, err
	}
	if s, ok := out.AsString(); ok {
		if err := r.grown(len(s)); err != nil {
			return value.Value{}, err
		}
	}
	if e.Spread == SpreadNone {
		return out, nil
	}
	return out.With(r.marksOf(out, append([]value.Value{in}, args...), kw)), nil
}

// marksOf are the marks that out takes from what went in. A lazy mapping is
// other hosts' data: what is made of it is unsafe, and has the marks of its
// entries when it was small enough to be looked through.
func (r *render) marksOf(out value.Value, in []value.Value, kw *value.Map) value.Marks {
	var m value.Marks
	for _, v := range append(slices.Clip(in), value.FromMap(kw)) {
		m |= value.DeepMarks(v)
		if !hasObject(v) || out.IsNull() || out.Kind() == value.KindBool {
			continue
		}
		m |= value.Unsafe
		if open, err := r.opened(v); err == nil {
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

func (r *render) test(x *parse.Test, f *frame) (value.Value, error) {
	in, err := r.eval(x.X, f)
	if err != nil {
		return in, err
	}
	args, kw, err := r.values(x.Args, f)
	if err != nil {
		return value.Value{}, err
	}
	ok, err := r.runTest(x.Named.(*Entry), x.Name, in, args, kw, f)
	return value.Bool(ok != x.Not), err
}

// runTest calls a test's code.
func (r *render) runTest(e *Entry, name string, in value.Value, args []value.Value, kw *value.Map, f *frame) (bool, error) {
	if !e.Undefined {
		if err := Defined(in); err != nil {
			return false, err
		}
	}
	if isContainer(in) && len(args) > 0 {
		if err := r.weigh(in); err != nil {
			return false, err
		}
	}
	out, err := e.Func(&Call{Ctx: r.ctx, rt: r, Name: name, In: in, Args: args, Kw: kw, frame: f})
	return value.Truth(out), err
}

func (r *render) invoke(x *parse.Invoke, f *frame) (value.Value, error) {
	if a, ok := x.Fn.(*parse.Attr); ok {
		self, err := r.eval(a.X, f)
		if err != nil {
			return self, err
		}
		if fn, ok := r.method(self, a.Name); ok {
			args, kw, err := r.values(x.Args, f)
			if err != nil {
				return value.Value{}, err
			}
			return r.callMethod(fn, &Call{Ctx: r.ctx, rt: r, Name: a.Name, In: self, Args: args, Kw: kw, frame: f})
		}
		fn, err := r.getattr(self, a.Name)
		if err != nil {
			return fn, err
		}
		return r.invokeValue(x, fn, f)
	}
	fn, err := r.eval(x.Fn, f)
	if err != nil {
		return fn, err
	}
	return r.invokeValue(x, fn, f)
}

// callMethod runs a method within the limits.
func (r *render) callMethod(fn Function, c *Call) (value.Value, error) {
	if _, isMap := c.In.AsMap(); len(c.Args) > 0 && !isMap {
		if err := r.weigh(c.In); err != nil {
			return value.Value{}, err
		}
	}
	out, err := fn(c)
	if s, ok := out.AsString(); ok && err == nil {
		err = r.grown(len(s))
	}
	return out, err
}

func (r *render) invokeValue(x *parse.Invoke, fn value.Value, f *frame) (value.Value, error) {
	if err := Defined(fn); err != nil {
		return fn, err
	}
	args, kw, err := r.values(x.Args, f)
	if err != nil {
		return value.Value{}, err
	}
	return r.call(fn, args, kw, f)
}

// call calls a value.
func (r *render) call(fn value.Value, args []value.Value, kw *value.Map, f *frame) (value.Value, error) {
	o, _ := fn.AsOpaque()
	c, ok := o.(Callable)
	if !ok {
		return value.Value{}, fmt.Errorf("'%s' object is not callable", value.TypeName(fn))
	}
	return c.Call(&Call{Ctx: r.ctx, rt: r, Args: args, Kw: kw, frame: f})
}
