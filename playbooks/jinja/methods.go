package jinja

import (
	"errors"
	"fmt"
	"slices"

	"remoterun/runner/value"
)

// allMethods holds the methods of Python's types that templates use; in a
// method's call, in is the object.
func allMethods() map[string]map[string]function {
	all := map[string]map[string]function{
		"str":   strMethods(),
		"list":  listMethods(),
		"tuple": tupleMethods(),
		"dict":  dictMethods(),
		"int":   intMethods(),
		"bool":  intMethods(),
		"float": floatMethods(),
	}
	named := []string{"split", "rsplit", "splitlines", "expandtabs", "format", "encode", "update", "sort"}
	for kind, methods := range all {
		for name, fn := range methods {
			if kind == "str" {
				fn = definite(fn)
			}
			if !slices.Contains(named, name) {
				fn = positional(kind, fn)
			}
			methods[name] = fn
		}
	}
	return all
}

// definite refuses undefined arguments: text methods look at all of them.
func definite(fn function) function {
	return func(c *call) (value.Value, error) {
		for _, a := range c.args {
			if err := defined(a); err != nil {
				return value.Value{}, err
			}
		}
		return fn(c)
	}
}

// positional refuses keyword arguments, as most methods of Python's own types
// do.
func positional(kind string, fn function) function {
	return func(c *call) (value.Value, error) {
		if c.kw.Len() > 0 {
			return value.Value{}, fmt.Errorf("%s.%s() takes no keyword arguments", kind, c.name)
		}
		return fn(c)
	}
}

// mutators are the methods that change their object: a template that names one
// works on copies of the variables, as Ansible's templates always do.
func mutators() []string {
	return []string{"append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "popitem", "sort", "reverse", "__setitem__"}
}

func isMutator(name string) bool { return slices.Contains(mutators(), name) }

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
func (r *render) method(v value.Value, name string) (function, bool) {
	fn, ok := r.eng.reg.methods[typeKey(v)][name]
	if ok && v.Kind() == value.KindObject {
		ok = slices.Contains([]string{"get", "items", "keys", "values"}, name)
	}
	return fn, ok
}

// methodOf answers v.name as a value that can be called.
func (r *render) methodOf(v value.Value, name string) (value.Value, bool) {
	fn, ok := r.method(v, name)
	if !ok {
		return value.Value{}, false
	}
	return value.FromOpaque(&boundFunc{name: name, self: v, fn: fn}), true
}

func intMethods() map[string]function {
	return map[string]function{
		"bit_length": func(c *call) (value.Value, error) {
			i, _ := c.in.AsBig()
			return value.Int(int64(i.BitLen())), c.none()
		},
		"is_integer": func(c *call) (value.Value, error) { return value.Bool(true), c.none() },
	}
}

func floatMethods() map[string]function {
	return map[string]function{
		"is_integer": func(c *call) (value.Value, error) {
			f, _ := c.in.AsFloat()
			return value.Bool(f == float64(int64(f))), c.none()
		},
	}
}

// none refuses arguments.
func (c *call) none() error {
	_, err := c.bind()
	return err
}

// text answers argument v of a call as text.
func (c *call) text(v value.Value) (string, error) {
	if err := defined(v); err != nil {
		return "", err
	}
	s, ok := v.AsString()
	if !ok {
		return "", fmt.Errorf("%s() argument must be str, not %s", c.name, value.TypeName(v))
	}
	return s, nil
}

// integer answers argument v of a call as an int, otherwise when it was not
// given.
func (c *call) integer(v value.Value, otherwise int) (int, error) {
	if v.IsUndefined() {
		return otherwise, nil
	}
	i, ok := v.AsInt()
	if !ok {
		return 0, fmt.Errorf("'%s' object cannot be interpreted as an integer", value.TypeName(v))
	}
	return int(max(-1<<40, min(i, 1<<40))), nil
}

// listMethods are those of list; they change the list itself.
func listMethods() map[string]function {
	m := tupleMethods()
	for name, fn := range map[string]function{
		"append": func(c *call) (value.Value, error) {
			a, err := c.bind("object")
			if err != nil {
				return value.Value{}, err
			}
			return value.Null(), c.rt.grow(c.in, a[0])
		},
		"extend": listExtend, "insert": listInsert, "pop": listPop, "remove": listRemove, "sort": listSort,
		"clear": func(c *call) (value.Value, error) {
			s, _ := c.in.AsSeq()
			s.Items = nil
			return value.Null(), c.none()
		},
		"copy": func(c *call) (value.Value, error) {
			return value.List(slices.Clone(c.in.Items())...), c.none()
		},
		"reverse": func(c *call) (value.Value, error) {
			s, _ := c.in.AsSeq()
			s.Items = slices.Clone(s.Items)
			slices.Reverse(s.Items)
			return value.Null(), c.none()
		},
	} {
		m[name] = fn
	}
	return m
}

func tupleMethods() map[string]function {
	return map[string]function{"count": seqCount, "index": seqIndex}
}

func seqCount(c *call) (value.Value, error) {
	a, err := c.bind("value")
	if err != nil {
		return value.Value{}, err
	}
	n := 0
	for _, it := range c.in.Items() {
		if value.Equal(it, a[0]) {
			n++
		}
	}
	return value.Int(int64(n)), nil
}

func seqIndex(c *call) (value.Value, error) {
	a, err := c.bind("value", "start=", "stop=")
	if err != nil {
		return value.Value{}, err
	}
	items := c.in.Items()
	lo, hi, err := c.window(a[1], a[2], len(items))
	if err != nil {
		return value.Value{}, err
	}
	for i := lo; i < hi; i++ {
		if value.Equal(items[i], a[0]) {
			return value.Int(int64(i)), nil
		}
	}
	if c.in.Kind() == value.KindTuple {
		return value.Value{}, errors.New("tuple.index(x): x not in tuple")
	}
	return value.Value{}, fmt.Errorf("%s is not in list", value.Repr(a[0]))
}

// window reads optional start and stop of a search in n items.
func (c *call) window(from, to value.Value, n int) (lo, hi int, err error) {
	if from.IsNull() {
		from = value.Int(0)
	}
	if to.IsNull() {
		to = value.Int(int64(n))
	}
	if lo, err = c.integer(from, 0); err != nil {
		return 0, 0, err
	}
	if hi, err = c.integer(to, n); err != nil {
		return 0, 0, err
	}
	return clampIndex(lo, n), clampIndex(hi, n), nil
}

func clampIndex(i, n int) int {
	if i < 0 {
		i += n
	}
	return max(0, min(i, n))
}

func listExtend(c *call) (value.Value, error) {
	a, err := c.bind("iterable")
	if err != nil {
		return value.Value{}, err
	}
	more, err := c.rt.iterate(a[0])
	if err != nil {
		return value.Value{}, err
	}
	return value.Null(), c.rt.grow(c.in, more...)
}

// grow appends to a list. Lists may share their storage, so the first time a
// list moves to storage of its own; from then on appending is cheap.
func (r *render) grow(list value.Value, more ...value.Value) error {
	if err := r.apart(list, more...); err != nil {
		return err
	}
	s, _ := list.AsSeq()
	n := len(s.Items)
	if n+len(more) > maxRange {
		return errRepeat
	}
	if owned, ok := r.owned[s]; !ok || owned != n {
		s.Items = append(make([]value.Value, 0, 2*n+len(more)+4), s.Items...)
		if err := r.copying(n); err != nil {
			return err
		}
	}
	if r.owned == nil {
		r.owned = map[*value.Seq]int{}
	}
	s.Items = append(s.Items, more...)
	r.owned[s] = len(s.Items)
	if err := r.changed(list, n, more...); err != nil {
		return err
	}
	return r.work(len(more))
}

func listInsert(c *call) (value.Value, error) {
	a, err := c.bind("index", "object")
	if err != nil {
		return value.Value{}, err
	}
	i, err := c.integer(a[0], 0)
	if err != nil {
		return value.Value{}, err
	}
	if err := c.rt.apart(c.in, a[1]); err != nil {
		return value.Value{}, err
	}
	s, _ := c.in.AsSeq()
	n := len(s.Items)
	at := clampIndex(i, n)
	items := make([]value.Value, 0, n+1)
	s.Items = append(append(append(items, s.Items[:at]...), a[1]), s.Items[at:]...)
	if err := c.rt.changed(c.in, n, a[1]); err != nil {
		return value.Value{}, err
	}
	return value.Null(), c.rt.copying(n)
}

func listPop(c *call) (value.Value, error) {
	a, err := c.bind("index=")
	if err != nil {
		return value.Value{}, err
	}
	i, err := c.integer(a[0], -1)
	if err != nil {
		return value.Value{}, err
	}
	s, _ := c.in.AsSeq()
	if len(s.Items) == 0 {
		return value.Value{}, errors.New("pop from empty list")
	}
	if i < 0 {
		i += len(s.Items)
	}
	if i < 0 || i >= len(s.Items) {
		return value.Value{}, errors.New("pop index out of range")
	}
	it := s.Items[i]
	s.Items = slices.Delete(slices.Clone(s.Items), i, i+1)
	return it, c.rt.copying(len(s.Items))
}

func listRemove(c *call) (value.Value, error) {
	a, err := c.bind("value")
	if err != nil {
		return value.Value{}, err
	}
	s, _ := c.in.AsSeq()
	i := slices.IndexFunc(s.Items, func(v value.Value) bool { return value.Equal(v, a[0]) })
	if i < 0 {
		return value.Value{}, errors.New("list.remove(x): x not in list")
	}
	s.Items = slices.Delete(slices.Clone(s.Items), i, i+1)
	return value.Null(), c.rt.work(len(s.Items))
}

func listSort(c *call) (value.Value, error) {
	var reverse value.Value
	for k, v := range c.kw.All() {
		if name, _ := k.AsString(); name != "reverse" {
			return value.Value{}, fmt.Errorf("sort() got an unexpected keyword argument '%s'", name)
		}
		reverse = v
	}
	if len(c.args) > 0 {
		return value.Value{}, errors.New("sort() takes no positional arguments")
	}
	s, _ := c.in.AsSeq()
	items, err := sorted(s.Items, value.Truth(reverse), func(v value.Value) value.Value { return v })
	if err != nil {
		return value.Value{}, err
	}
	s.Items = items
	return value.Null(), c.rt.work(len(items))
}

// sorted answers items in Python's order by key, equal ones in their old
// order even when reversed.
func sorted(items []value.Value, reverse bool, key func(value.Value) value.Value) ([]value.Value, error) {
	out := slices.Clone(items)
	if reverse {
		slices.Reverse(out)
	}
	if err := value.SortBy(out, key); err != nil {
		return nil, err
	}
	if reverse {
		slices.Reverse(out)
	}
	return out, nil
}
