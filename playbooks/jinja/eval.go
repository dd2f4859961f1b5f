package jinja

import (
	"cmp"
	"errors"
	"fmt"

	"remoterun/playbooks/jinja/py/pynum"
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
		err = r.at(x.Pos(), err)
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

func (r *render) cond(x *cond, f *frame) (value.Value, error) {
	ok, err := r.truth(x.test, f)
	if err != nil {
		return value.Value{}, err
	}
	if ok {
		return r.eval(x.yes, f)
	}
	if x.no == nil {
		return value.FromMissing(value.Missing{Soft: true, Hint: "the inline if-expression on line " + fmt.Sprint(x.Line+1) + " evaluated to false and no else section was defined."}), nil
	}
	return r.eval(x.no, f)
}

// truth evaluates x as a condition.
func (r *render) truth(x expr, f *frame) (bool, error) {
	v, err := r.eval(x, f)
	if err == nil {
		err = r.at(x.Pos(), defined(v))
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
	return pynum.Negate(x.op, v)
}

func (r *render) binary(x *binary, f *frame) (value.Value, error) {
	a, err := r.eval(x.a, f)
	if err != nil {
		return a, err
	}
	if err := r.at(x.a.Pos(), defined(a)); err != nil {
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
	if err := r.at(x.b.Pos(), defined(b)); err != nil {
		return b, err
	}
	return r.arith(x.op, a, b)
}

func (r *render) compare(x *compare, f *frame) (value.Value, error) {
	a, err := r.eval(x.first, f)
	if err != nil {
		return a, err
	}
	place := x.first.Pos()
	for i, op := range x.ops {
		b, err := r.eval(x.rest[i], f)
		if err != nil {
			return b, err
		}
		if err := r.at(x.rest[i].Pos(), defined(b)); err != nil {
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
		a, place = b, x.rest[i].Pos()
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

func (r *render) concat(x *concat, f *frame) (value.Value, error) {
	b := &buffer{r: r}
	for _, p := range x.parts {
		v, err := r.eval(p, f)
		if err == nil {
			err = r.at(p.Pos(), defined(v))
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
