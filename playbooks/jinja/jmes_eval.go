package jinja

import (
	"errors"
	"fmt"
	"sync"

	"remoterun/runner/value"
)

// jmesCache keeps parsed queries; safe for many goroutines.
type jmesCache struct {
	mu   sync.Mutex
	seen map[string]*jmesNode
}

// jmesEntries is json_query.
func jmesEntries() []entry {
	jc := &jmesCache{}
	return strictAll([]entry{{name: "json_query", sig: "json_query(expr)", example: "{{ [{'n': 1}, {'n': 2}] | community.general.json_query('[*].n') }}", shows: "[1, 2]", fn: jc.query, spread: spreadNone}})
}

func (jc *jmesCache) parse(s string) (*jmesNode, error) {
	jc.mu.Lock()
	defer jc.mu.Unlock()
	if n, ok := jc.seen[s]; ok {
		return n, nil
	}
	n, err := parseJMES(s)
	if err != nil {
		return nil, err
	}
	if len(jc.seen) > 2000 || jc.seen == nil {
		jc.seen = map[string]*jmesNode{}
	}
	jc.seen[s] = n
	return n, nil
}

func (jc *jmesCache) query(c *call) (value.Value, error) {
	a, err := c.bind("expr")
	if err != nil {
		return value.Value{}, err
	}
	s, err := wantText(a[0], "a query")
	if err != nil {
		return value.Value{}, fmt.Errorf("Error in jmespath.search in json_query filter plugin: %w", err)
	}
	n, err := jc.parse(s)
	if err == nil {
		var v value.Value
		if v, err = (&jmesRun{c.rt}).eval(n, c.in); err == nil {
			return v.With(a[0].Marks()), nil
		}
	}
	if errors.Is(err, ErrUndefined) {
		return value.Value{}, err
	}
	return value.Value{}, fmt.Errorf("JMESPathError in json_query filter plugin: %w", err)
}

type jmesRun struct{ r *render }

func (j *jmesRun) eval(n *jmesNode, v value.Value) (value.Value, error) {
	if err := j.r.step(); err != nil {
		return value.Value{}, err
	}
	if err := defined(v); err != nil {
		return value.Value{}, err
	}
	switch n.kind {
	case jmesIdentity:
		return v, nil
	case jmesField:
		m, ok, err := j.r.mapping(v)
		if !ok || err != nil {
			return value.Null(), err
		}
		it, _ := m.Lookup(n.name)
		return it, nil
	case jmesLiteral:
		return n.lit, nil
	case jmesSub, jmesPipe:
		left, err := j.eval(n.kids[0], v)
		if err != nil {
			return left, err
		}
		return j.eval(n.kids[1], left)
	case jmesIndex, jmesSlice:
		return j.index(n, v)
	case jmesProject, jmesValues, jmesFilter:
		return j.project(n, v)
	case jmesFlatten:
		return j.flatten(n, v)
	case jmesList, jmesHash:
		return j.build(n, v)
	case jmesOr, jmesAnd:
		left, err := j.eval(n.kids[0], v)
		if err != nil || jmesTruth(left) == (n.kind == jmesOr) {
			return left, err
		}
		return j.eval(n.kids[1], v)
	case jmesNot:
		left, err := j.eval(n.kids[0], v)
		return value.Bool(!jmesTruth(left)), err
	case jmesCompare:
		return j.compare(n, v)
	case jmesCall:
		return j.call(n, v)
	}
	return value.FromOpaque(&jmesExpr{n.kids[0]}), nil
}

// jmesExpr is an expression as an argument: &a.b.
type jmesExpr struct{ n *jmesNode }

func (*jmesExpr) TypeName() string { return "expref" }
func (*jmesExpr) Str() string      { return "&expression" }
func (*jmesExpr) Repr() string     { return "&expression" }

// jmesTruth: empty text, lists and mappings, false and null are false; 0 is
// true.
func jmesTruth(v value.Value) bool {
	switch v.Kind() {
	case value.KindNull, value.KindBool, value.KindString, value.KindList, value.KindMap, value.KindObject:
		return value.Truth(v)
	}
	return true
}

func (j *jmesRun) index(n *jmesNode, v value.Value) (value.Value, error) {
	left, err := j.eval(n.kids[0], v)
	if err != nil || !isList(left) {
		return value.Null(), err
	}
	items := left.Items()
	if n.kind == jmesIndex {
		i := *n.bound[0]
		if i < 0 {
			i += int64(len(items))
		}
		if i < 0 || i >= int64(len(items)) {
			return value.Null(), nil
		}
		return items[i], nil
	}
	idx, err := sliceIndexes(len(items), n.bound)
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
func (j *jmesRun) project(n *jmesNode, v value.Value) (value.Value, error) {
	left, err := j.eval(n.kids[0], v)
	if err != nil {
		return left, err
	}
	items := left.Items()
	if n.kind == jmesValues {
		m, ok, err := j.r.mapping(left)
		if !ok || err != nil {
			return value.Null(), err
		}
		items = nil
		for _, it := range m.All() {
			items = append(items, it)
		}
	} else if !isList(left) {
		return value.Null(), nil
	}
	out := []value.Value{}
	for _, it := range items {
		if n.kind == jmesFilter {
			ok, err := j.eval(n.kids[2], it)
			if err != nil {
				return value.Value{}, err
			}
			if !jmesTruth(ok) {
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

func (j *jmesRun) flatten(n *jmesNode, v value.Value) (value.Value, error) {
	left, err := j.eval(n.kids[0], v)
	if err != nil || !isList(left) {
		return value.Null(), err
	}
	out := []value.Value{}
	for _, it := range left.Items() {
		if isList(it) {
			out = append(out, it.Items()...)
		} else {
			out = append(out, it)
		}
	}
	return value.List(out...), j.r.work(len(out))
}

func (j *jmesRun) build(n *jmesNode, v value.Value) (value.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	m, items := value.NewMap(), []value.Value{}
	for i, kid := range n.kids {
		it, err := j.eval(kid, v)
		if err != nil {
			return it, err
		}
		if n.kind == jmesHash {
			m.Put(n.keys[i], it)
		}
		items = append(items, it)
	}
	if n.kind == jmesHash {
		return value.FromMap(m), nil
	}
	return value.List(items...), nil
}

func (j *jmesRun) compare(n *jmesNode, v value.Value) (value.Value, error) {
	a, err := j.eval(n.kids[0], v)
	if err != nil {
		return a, err
	}
	b, err := j.eval(n.kids[1], v)
	if err != nil {
		return b, err
	}
	switch n.name {
	case "==":
		return value.Bool(jmesEqual(a, b)), nil
	case "!=":
		return value.Bool(!jmesEqual(a, b)), nil
	}
	if !jmesNumber(a) && !a.IsString() || !jmesNumber(b) && !b.IsString() {
		return value.Null(), nil
	}
	ok, err := j.r.holds(n.name, a, b)
	return value.Bool(ok), err
}

// jmesEqual tells booleans and numbers apart.
func jmesEqual(a, b value.Value) bool {
	if (a.Kind() == value.KindBool) != (b.Kind() == value.KindBool) {
		return false
	}
	return value.Equal(a, b)
}

func jmesNumber(v value.Value) bool { return v.IsNumber() && v.Kind() != value.KindBool }
