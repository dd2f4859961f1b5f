package jmes

import (
	"errors"
	"fmt"

	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// Runtime is what a query reports to whoever runs it.
type Runtime interface {
	// Step counts n pieces of work; its error ends the query.
	Step(n int) error
	// Defined is an error for data that is not there.
	Defined(v value.Value) error
}

// Search returns what the query finds in v.
func (q *Query) Search(rt Runtime, v value.Value) (value.Value, error) {
	return (&run{rt}).eval(q.root, v)
}

type run struct{ rt Runtime }

func (j *run) eval(n *node, v value.Value) (value.Value, error) {
	if err := j.rt.Step(1); err != nil {
		return value.Value{}, err
	}
	switch n.kind {
	case isIdentity:
		return v, nil
	case isField:
		if err := j.rt.Defined(v); err != nil {
			return value.Value{}, err
		}
		m, ok, err := value.Mapping(v)
		if !ok || err != nil {
			return value.Null(), err
		}
		it, _ := m.Lookup(n.name)
		return it, nil
	case isLiteral:
		return n.lit, nil
	case isSub, isPipe:
		left, err := j.eval(n.kids[0], v)
		if err != nil {
			return left, err
		}
		return j.eval(n.kids[1], left)
	case isIndex, isSlice:
		return j.index(n, v)
	case isProject, isValues, isFilter:
		return j.project(n, v)
	case isFlatten:
		return j.flatten(n, v)
	case isList, isHash:
		return j.build(n, v)
	case isOr, isAnd:
		left, err := j.known(n.kids[0], v)
		if err != nil || truth(left) == (n.kind == isOr) {
			return left, err
		}
		return j.eval(n.kids[1], v)
	case isNot:
		left, err := j.known(n.kids[0], v)
		return value.Bool(!truth(left)), err
	case isCompare:
		return j.compare(n, v)
	case isCall:
		return j.call(n, v)
	}
	return value.FromOpaque(&reference{n.kids[0]}), nil
}

// known evaluates what is looked into: that may not be undefined.
func (j *run) known(n *node, v value.Value) (value.Value, error) {
	out, err := j.eval(n, v)
	if err == nil {
		err = j.rt.Defined(out)
	}
	return out, err
}

// reference is an expression as an argument: &a.b.
type reference struct{ n *node }

func (*reference) TypeName() string { return "expref" }
func (*reference) Str() string      { return "&expression" }
func (*reference) Repr() string     { return "&expression" }

// truth: empty text, lists and mappings, false and null are false; 0 is
// true.
func truth(v value.Value) bool {
	switch v.Kind() {
	case value.KindNull, value.KindBool, value.KindString, value.KindList, value.KindMap, value.KindObject:
		return value.Truth(v)
	}
	return true
}

func (j *run) index(n *node, v value.Value) (value.Value, error) {
	left, err := j.eval(n.kids[0], v)
	if err != nil || left.Kind() != value.KindList {
		return value.Null(), err
	}
	items := left.Items()
	if n.kind == isIndex {
		i := *n.bound[0]
		if i < 0 {
			i += int64(len(items))
		}
		if i < 0 || i >= int64(len(items)) {
			return value.Null(), nil
		}
		return items[i], nil
	}
	idx, err := pynum.Slice(len(items), n.bound)
	if err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, len(idx))
	for i, at := range idx {
		out[i] = items[at]
	}
	return value.List(out...), nil
}

// project applies the right side to every item and leaves nulls out.
func (j *run) project(n *node, v value.Value) (value.Value, error) {
	left, err := j.eval(n.kids[0], v)
	if err != nil {
		return left, err
	}
	items := left.Items()
	if n.kind == isValues {
		if err := j.rt.Defined(left); err != nil {
			return value.Value{}, err
		}
		m, ok, err := value.Mapping(left)
		if !ok || err != nil {
			return value.Null(), err
		}
		items = nil
		for _, it := range m.All() {
			items = append(items, it)
		}
	} else if left.Kind() != value.KindList {
		return value.Null(), nil
	}
	out := []value.Value{}
	for _, it := range items {
		if n.kind == isFilter {
			ok, err := j.eval(n.kids[2], it)
			if err != nil {
				return value.Value{}, err
			}
			if !truth(ok) {
				continue
			}
		}
		got, err := j.eval(n.kids[1], it)
		if err != nil {
			return value.Value{}, err
		}
		if !got.IsNull() {
			out = append(out, got)
		}
	}
	return value.List(out...), nil
}

func (j *run) flatten(n *node, v value.Value) (value.Value, error) {
	left, err := j.eval(n.kids[0], v)
	if err != nil || left.Kind() != value.KindList {
		return value.Null(), err
	}
	out := []value.Value{}
	for _, it := range left.Items() {
		if it.Kind() == value.KindList {
			out = append(out, it.Items()...)
		} else {
			out = append(out, it)
		}
	}
	return value.List(out...), j.rt.Step(len(out))
}

func (j *run) build(n *node, v value.Value) (value.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	m, items := value.NewMap(), []value.Value{}
	for i, kid := range n.kids {
		it, err := j.eval(kid, v)
		if err != nil {
			return it, err
		}
		if n.kind == isHash {
			m.Put(n.keys[i], it)
		}
		items = append(items, it)
	}
	if n.kind == isHash {
		return value.FromMap(m), nil
	}
	return value.List(items...), nil
}

func (j *run) compare(n *node, v value.Value) (value.Value, error) {
	a, err := j.eval(n.kids[0], v)
	if err != nil {
		return a, err
	}
	b, err := j.eval(n.kids[1], v)
	if err != nil {
		return b, err
	}
	if n.name == "==" || n.name == "!=" {
		if err := errors.Join(j.rt.Defined(a), j.rt.Defined(b)); err != nil {
			return value.Value{}, err
		}
	}
	switch n.name {
	case "==":
		return value.Bool(equal(a, b)), nil
	case "!=":
		return value.Bool(!equal(a, b)), nil
	}
	if !isNumber(a) && !a.IsString() || !isNumber(b) && !b.IsString() {
		return value.Null(), nil
	}
	if pynum.IsNaN(a) || pynum.IsNaN(b) {
		return value.Bool(false), nil
	}
	c, err := value.Compare(a, b)
	if err != nil {
		return value.Value{}, fmt.Errorf("'%s' not supported between instances of '%s' and '%s'", n.name, value.TypeName(a), value.TypeName(b))
	}
	holds := map[string]bool{"<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}
	return value.Bool(holds[n.name]), nil
}

// equal tells booleans and numbers apart.
func equal(a, b value.Value) bool {
	if (a.Kind() == value.KindBool) != (b.Kind() == value.KindBool) {
		return false
	}
	return value.Equal(a, b)
}

func isNumber(v value.Value) bool { return v.IsNumber() && v.Kind() != value.KindBool }
