package core

import (
	"cmp"
	"errors"
	"fmt"

	"remoterun/playbooks/jinja/parse"
	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// eval evaluates an expression. An Undefined is a value here; its use is the
// error.
func (r *render) eval(x parse.Expr, f *frame) (value.Value, error) {
	if r.depth++; r.depth > maxEval {
		return value.Value{}, errDepth
	}
	v, err := r.evaluate(x, f)
	r.depth--
	if err != nil {
		err = r.at(x.Pos(), err)
	}
	return v, err
}

func (r *render) evaluate(x parse.Expr, f *frame) (value.Value, error) {
	if err := r.step(); err != nil {
		return value.Value{}, err
	}
	switch x := x.(type) {
	case *parse.Literal:
		return x.V, nil
	case *parse.Name:
		return r.name(x.ID, f)
	case *parse.Attr:
		v, err := r.eval(x.X, f)
		if err != nil {
			return v, err
		}
		return r.getattr(v, x.Name)
	case *parse.Index:
		return r.index(x, f)
	case *parse.Filter:
		return r.filter(x, f)
	case *parse.Test:
		return r.test(x, f)
	case *parse.Invoke:
		return r.invoke(x, f)
	case *parse.Binary:
		return r.binary(x, f)
	case *parse.Unary:
		return r.unary(x, f)
	case *parse.Compare:
		return r.compare(x, f)
	case *parse.Concat:
		return r.concat(x, f)
	case *parse.Cond:
		return r.cond(x, f)
	case *parse.ListLit:
		items, err := r.all(x.Items, f)
		return value.List(items...), err
	case *parse.TupleLit:
		items, err := r.all(x.Items, f)
		return value.Tuple(items...), err
	case *parse.DictLit:
		return r.dict(x, f)
	}
	return value.Value{}, fmt.Errorf("a slice is no value")
}

func (r *render) all(xs []parse.Expr, f *frame) ([]value.Value, error) {
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

func (r *render) dict(x *parse.DictLit, f *frame) (value.Value, error) {
	m := value.NewMap()
	for i := range x.Keys {
		k, err := r.eval(x.Keys[i], f)
		if err != nil {
			return value.Value{}, err
		}
		if err := cmp.Or(Defined(k), r.weigh(k), value.Hashable(k)); err != nil {
			return value.Value{}, err
		}
		v, err := r.eval(x.Vals[i], f)
		if err != nil {
			return value.Value{}, err
		}
		m.Set(k, v)
	}
	return value.FromMap(m), nil
}

// name returns a name: locals, the scope's variables, then globals.
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

func (r *render) cond(x *parse.Cond, f *frame) (value.Value, error) {
	ok, err := r.truth(x.Test, f)
	if err != nil {
		return value.Value{}, err
	}
	if ok {
		return r.eval(x.Yes, f)
	}
	if x.No == nil {
		return value.FromMissing(value.Missing{Soft: true, Hint: "the inline if-expression on line " + fmt.Sprint(x.Line+1) + " evaluated to false and no else section was defined."}), nil
	}
	return r.eval(x.No, f)
}

// truth evaluates x as a condition.
func (r *render) truth(x parse.Expr, f *frame) (bool, error) {
	v, err := r.eval(x, f)
	if err == nil {
		err = r.at(x.Pos(), Defined(v))
	}
	return value.Truth(v), err
}

func (r *render) unary(x *parse.Unary, f *frame) (value.Value, error) {
	if x.Op == "not" {
		ok, err := r.truth(x.X, f)
		return value.Bool(!ok), err
	}
	v, err := r.eval(x.X, f)
	if err != nil {
		return v, err
	}
	if err := Defined(v); err != nil {
		return v, err
	}
	return pynum.Negate(x.Op, v)
}

func (r *render) binary(x *parse.Binary, f *frame) (value.Value, error) {
	a, err := r.eval(x.A, f)
	if err != nil {
		return a, err
	}
	if err := r.at(x.A.Pos(), Defined(a)); err != nil {
		return a, err
	}
	switch x.Op {
	case "and":
		if !value.Truth(a) {
			return a, nil
		}
		return r.eval(x.B, f)
	case "or":
		if value.Truth(a) {
			return a, nil
		}
		return r.eval(x.B, f)
	}
	b, err := r.eval(x.B, f)
	if err != nil {
		return b, err
	}
	if err := r.at(x.B.Pos(), Defined(b)); err != nil {
		return b, err
	}
	return r.arith(x.Op, a, b)
}

func (r *render) compare(x *parse.Compare, f *frame) (value.Value, error) {
	a, err := r.eval(x.First, f)
	if err != nil {
		return a, err
	}
	place := x.First.Pos()
	for i, op := range x.Ops {
		b, err := r.eval(x.Rest[i], f)
		if err != nil {
			return b, err
		}
		if err := r.at(x.Rest[i].Pos(), Defined(b)); err != nil {
			return b, err
		}
		// Only "in" an empty list never looks at what is asked for.
		_, isSeq := b.AsSeq()
		if !isSeq || len(b.Items()) > 0 || op != "in" && op != "not in" {
			if err := r.at(place, Defined(a)); err != nil {
				return a, err
			}
		}
		ok, err := r.holds(op, a, b)
		if err != nil || !ok {
			return value.Bool(false), err
		}
		a, place = b, x.Rest[i].Pos()
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
	if pynum.IsNaN(a) || pynum.IsNaN(b) {
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

func (r *render) concat(x *parse.Concat, f *frame) (value.Value, error) {
	b := &Buffer{r: r}
	for _, p := range x.Parts {
		v, err := r.eval(p, f)
		if err == nil {
			err = r.at(p.Pos(), Defined(v))
		}
		if err == nil {
			err = b.Add(v)
		}
		if err != nil {
			return value.Value{}, err
		}
	}
	return value.MarkedString(b.String(), b.Marks), nil
}
