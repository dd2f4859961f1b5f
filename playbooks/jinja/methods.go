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

// listMethods are those of list; they change the list itself.
func listMethods() map[string]function {
	m := tupleMethods()
	for name, fn := range map[string]function{
		"append": func(c *call) (value.Value, error) {
			a, err := c.bind("object")
			if err != nil {
				return value.Value{}, err
			}
			return value.Null(), c.grow(c.in, a[0])
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
	more, err := c.iterate(a[0])
	if err != nil {
		return value.Value{}, err
	}
	return value.Null(), c.grow(c.in, more...)
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
	return value.Null(), c.insert(c.in, clampIndex(i, len(c.in.Items())), a[1])
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
	return it, c.copying(len(s.Items))
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
	return value.Null(), c.work(len(s.Items))
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
	return value.Null(), c.work(len(items))
}
