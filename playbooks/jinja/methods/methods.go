// Package methods has the methods of Python's types that templates use: text,
// lists, tuples, mappings and numbers.
package methods

import (
	"errors"
	"fmt"
	"slices"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// All holds the methods of Python's types that templates use; in a
// method's call, in is the object.
func All() map[string]map[string]core.Function {
	all := map[string]map[string]core.Function{
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
func definite(fn core.Function) core.Function {
	return func(c *core.Call) (value.Value, error) {
		for _, a := range c.Args {
			if err := core.Defined(a); err != nil {
				return value.Value{}, err
			}
		}
		return fn(c)
	}
}

// positional refuses keyword arguments, as most methods of Python's own types
// do.
func positional(kind string, fn core.Function) core.Function {
	return func(c *core.Call) (value.Value, error) {
		if c.Kw.Len() > 0 {
			return value.Value{}, fmt.Errorf("%s.%s() takes no keyword arguments", kind, c.Name)
		}
		return fn(c)
	}
}

func intMethods() map[string]core.Function {
	return map[string]core.Function{
		"bit_length": func(c *core.Call) (value.Value, error) {
			i, _ := c.In.AsBig()
			return value.Int(int64(i.BitLen())), c.NoArguments()
		},
		"is_integer": func(c *core.Call) (value.Value, error) { return value.Bool(true), c.NoArguments() },
	}
}

func floatMethods() map[string]core.Function {
	return map[string]core.Function{
		"is_integer": func(c *core.Call) (value.Value, error) {
			f, _ := c.In.AsFloat()
			return value.Bool(f == float64(int64(f))), c.NoArguments()
		},
	}
}

// listMethods are those of list; they change the list itself.
func listMethods() map[string]core.Function {
	m := tupleMethods()
	for name, fn := range map[string]core.Function{
		"append": func(c *core.Call) (value.Value, error) {
			a, err := c.Bind("object")
			if err != nil {
				return value.Value{}, err
			}
			return value.Null(), c.Grow(c.In, a[0])
		},
		"extend": listExtend, "insert": listInsert, "pop": listPop, "remove": listRemove, "sort": listSort,
		"clear": func(c *core.Call) (value.Value, error) {
			s, _ := c.In.AsSeq()
			s.Replace(nil)
			return value.Null(), c.NoArguments()
		},
		"copy": func(c *core.Call) (value.Value, error) {
			items := c.In.Items()
			return value.List(slices.Clone(items)...), errors.Join(c.NoArguments(), c.Copying(len(items)))
		},
		"reverse": func(c *core.Call) (value.Value, error) {
			s, _ := c.In.AsSeq()
			items := slices.Clone(s.Items)
			slices.Reverse(items)
			s.Replace(items)
			return value.Null(), errors.Join(c.NoArguments(), c.Copying(len(items)))
		},
	} {
		m[name] = fn
	}
	return m
}

func tupleMethods() map[string]core.Function {
	return map[string]core.Function{"count": seqCount, "index": seqIndex}
}

func seqCount(c *core.Call) (value.Value, error) {
	a, err := c.Bind("value")
	if err != nil {
		return value.Value{}, err
	}
	n := 0
	for _, it := range c.In.Items() {
		if value.Equal(it, a[0]) {
			n++
		}
	}
	return value.Int(int64(n)), nil
}

func seqIndex(c *core.Call) (value.Value, error) {
	a, err := c.Bind("value", "start=", "stop=")
	if err != nil {
		return value.Value{}, err
	}
	items := c.In.Items()
	lo, hi, err := window(c, a[1], a[2], len(items))
	if err != nil {
		return value.Value{}, err
	}
	for i := lo; i < hi; i++ {
		if value.Equal(items[i], a[0]) {
			return value.Int(int64(i)), nil
		}
	}
	if c.In.Kind() == value.KindTuple {
		return value.Value{}, errors.New("tuple.index(x): x not in tuple")
	}
	return value.Value{}, fmt.Errorf("%s is not in list", value.Repr(a[0]))
}

// window reads optional start and stop of a search in n items.
func window(c *core.Call, from, to value.Value, n int) (lo, hi int, err error) {
	if from.IsNull() {
		from = value.Int(0)
	}
	if to.IsNull() {
		to = value.Int(int64(n))
	}
	if lo, err = c.Integer(from, 0); err != nil {
		return 0, 0, err
	}
	if hi, err = c.Integer(to, n); err != nil {
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

func listExtend(c *core.Call) (value.Value, error) {
	a, err := c.Bind("iterable")
	if err != nil {
		return value.Value{}, err
	}
	more, err := c.Iterate(a[0])
	if err != nil {
		return value.Value{}, err
	}
	return value.Null(), c.Grow(c.In, more...)
}

func listInsert(c *core.Call) (value.Value, error) {
	a, err := c.Bind("index", "object")
	if err != nil {
		return value.Value{}, err
	}
	i, err := c.Integer(a[0], 0)
	if err != nil {
		return value.Value{}, err
	}
	return value.Null(), c.Insert(c.In, clampIndex(i, len(c.In.Items())), a[1])
}

func listPop(c *core.Call) (value.Value, error) {
	a, err := c.Bind("index=")
	if err != nil {
		return value.Value{}, err
	}
	i, err := c.Integer(a[0], -1)
	if err != nil {
		return value.Value{}, err
	}
	s, _ := c.In.AsSeq()
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
	return it, c.Without(c.In, i)
}

func listRemove(c *core.Call) (value.Value, error) {
	a, err := c.Bind("value")
	if err != nil {
		return value.Value{}, err
	}
	s, _ := c.In.AsSeq()
	i := slices.IndexFunc(s.Items, func(v value.Value) bool { return value.Equal(v, a[0]) })
	if i < 0 {
		return value.Value{}, errors.New("list.remove(x): x not in list")
	}
	return value.Null(), errors.Join(c.Work(i), c.Without(c.In, i))
}

func listSort(c *core.Call) (value.Value, error) {
	var reverse value.Value
	for k, v := range c.Kw.All() {
		if name, _ := k.AsString(); name != "reverse" {
			return value.Value{}, fmt.Errorf("sort() got an unexpected keyword argument '%s'", name)
		}
		reverse = v
	}
	if len(c.Args) > 0 {
		return value.Value{}, errors.New("sort() takes no positional arguments")
	}
	s, _ := c.In.AsSeq()
	items, err := core.Sorted(s.Items, value.Truth(reverse), func(v value.Value) value.Value { return v })
	if err != nil {
		return value.Value{}, err
	}
	s.Replace(items)
	return value.Null(), c.Work(len(items))
}
