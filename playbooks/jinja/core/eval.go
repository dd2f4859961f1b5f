package core

import (
	"cmp"
	"fmt"

	"remoterun/playbooks/jinja/parse"
	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// evaluator evaluates expressions in a rendering.
type evaluator struct{ *render }

// eval evaluates an expression. An Undefined is a value here; its use is the
// error.
func (ev evaluator) eval(x parse.Expr, f *frame) (value.Value, error) {
	if err := ev.Enter(); err != nil {
		return value.Value{}, err
	}
	v, err := ev.evaluate(x, f)
	ev.Leave()
	if err != nil {
		err = ev.at(x.Pos(), err)
	}
	return v, err
}

func (ev evaluator) evaluate(x parse.Expr, f *frame) (value.Value, error) {
	if err := ev.Step(); err != nil {
		return value.Value{}, err
	}
	switch x := x.(type) {
	case *parse.Literal:
		return x.V, nil
	case *parse.Name:
		return ev.name(x.ID, f)
	case *parse.Attr:
		v, err := ev.eval(x.X, f)
		if err != nil {
			return v, err
		}
		return ev.getattr(v, x.Name)
	case *parse.Index:
		return ev.index(x, f)
	case *parse.Filter:
		return ev.filter(x, f)
	case *parse.Test:
		return ev.test(x, f)
	case *parse.Invoke:
		return ev.invoke(x, f)
	case *parse.Binary:
		return ev.binary(x, f)
	case *parse.Unary:
		return ev.unary(x, f)
	case *parse.Compare:
		return ev.compare(x, f)
	case *parse.Concat:
		return ev.concat(x, f)
	case *parse.Cond:
		return ev.cond(x, f)
	case *parse.ListLit:
		items, err := ev.all(x.Items, f)
		return value.List(items...), err
	case *parse.TupleLit:
		items, err := ev.all(x.Items, f)
		return value.Tuple(items...), err
	case *parse.DictLit:
		return ev.dict(x, f)
	}
	return value.Value{}, fmt.Errorf("a slice is not a value")
}

func (ev evaluator) all(xs []parse.Expr, f *frame) ([]value.Value, error) {
	out := make([]value.Value, len(xs))
	for i, x := range xs {
		v, err := ev.eval(x, f)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (ev evaluator) dict(x *parse.DictLit, f *frame) (value.Value, error) {
	m := value.NewMap()
	for i := range x.Keys {
		k, err := ev.eval(x.Keys[i], f)
		if err != nil {
			return value.Value{}, err
		}
		if err := cmp.Or(Defined(k), ev.weigh(k), value.Hashable(k)); err != nil {
			return value.Value{}, err
		}
		v, err := ev.eval(x.Vals[i], f)
		if err != nil {
			return value.Value{}, err
		}
		m.Set(k, v)
	}
	return value.FromMap(m), nil
}

// name returns a name: locals, the scope's variables, then globals.
func (ev evaluator) name(id string, f *frame) (value.Value, error) {
	v, ok, alone := f.lookup(id)
	if ok {
		return v, nil
	}
	if id == "self" && ev.layout != nil {
		return value.FromOpaque(&self{ev.layout, f.top()}), nil
	}
	if ev.scope != nil && !alone {
		v, ok, err := ev.variable(id)
		if err != nil || ok {
			return v, err
		}
	}
	if id == "omit" {
		return value.Omit(), nil
	}
	if e, ok := ev.eng.reg.globals[id]; ok {
		return value.FromOpaque(&builtin{e}), nil
	}
	return value.Undefined(id), nil
}

func (ev evaluator) cond(x *parse.Cond, f *frame) (value.Value, error) {
	ok, err := ev.truth(x.Test, f)
	if err != nil {
		return value.Value{}, err
	}
	if ok {
		return ev.eval(x.Yes, f)
	}
	if x.No == nil {
		return value.FromMissing(value.Missing{Soft: true, Hint: "the inline if-expression on line " + fmt.Sprint(x.Line+1) + " evaluated to false and no else section was defined."}), nil
	}
	return ev.eval(x.No, f)
}

// truth evaluates x as a condition.
func (ev evaluator) truth(x parse.Expr, f *frame) (bool, error) {
	v, err := ev.eval(x, f)
	if err == nil {
		err = ev.at(x.Pos(), Defined(v))
	}
	return value.Truth(v), err
}

func (ev evaluator) unary(x *parse.Unary, f *frame) (value.Value, error) {
	if x.Op == "not" {
		ok, err := ev.truth(x.X, f)
		return value.Bool(!ok), err
	}
	v, err := ev.eval(x.X, f)
	if err != nil {
		return v, err
	}
	if err := Defined(v); err != nil {
		return v, err
	}
	return pynum.Negate(x.Op, v)
}

func (ev evaluator) binary(x *parse.Binary, f *frame) (value.Value, error) {
	a, err := ev.eval(x.A, f)
	if err != nil {
		return a, err
	}
	if err := ev.at(x.A.Pos(), Defined(a)); err != nil {
		return a, err
	}
	switch x.Op {
	case "and":
		if !value.Truth(a) {
			return a, nil
		}
		return ev.eval(x.B, f)
	case "or":
		if value.Truth(a) {
			return a, nil
		}
		return ev.eval(x.B, f)
	}
	b, err := ev.eval(x.B, f)
	if err != nil {
		return b, err
	}
	if err := ev.at(x.B.Pos(), Defined(b)); err != nil {
		return b, err
	}
	return ev.Arith(x.Op, a, b)
}

func (ev evaluator) compare(x *parse.Compare, f *frame) (value.Value, error) {
	a, err := ev.eval(x.First, f)
	if err != nil {
		return a, err
	}
	place := x.First.Pos()
	for i, op := range x.Ops {
		b, err := ev.eval(x.Rest[i], f)
		if err != nil {
			return b, err
		}
		if err := ev.at(x.Rest[i].Pos(), Defined(b)); err != nil {
			return b, err
		}
		// Only "in" an empty list never looks at what is asked for.
		_, isSeq := b.AsSeq()
		if !isSeq || len(b.Items()) > 0 || op != "in" && op != "not in" {
			if err := ev.at(place, Defined(a)); err != nil {
				return a, err
			}
		}
		ok, err := ev.Compares(op, a, b)
		if err != nil || !ok {
			return value.Bool(false), err
		}
		a, place = b, x.Rest[i].Pos()
	}
	return value.Bool(true), nil
}

func (ev evaluator) concat(x *parse.Concat, f *frame) (value.Value, error) {
	var first value.Value
	b := ev.Buffer(0)
	for i, p := range x.Parts {
		v, err := ev.eval(p, f)
		if err == nil {
			err = ev.at(p.Pos(), Defined(v))
		}
		switch {
		case err != nil:
		case i == 0 && v.IsString():
			first = v
		default:
			err = b.Add(v)
		}
		if err != nil {
			return value.Value{}, err
		}
	}
	s, _ := first.AsString()
	sum, err := ev.glue(s, b.String())
	return value.MarkedString(sum, first.Marks()|b.Marks), err
}
