package ansible

import (
	"errors"
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// setEntries are Ansible's filters over lists as sets, and flatten.
func setEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "flatten", Sig: "flatten(levels=None, skip_nulls=True)", Example: "{{ [1, [2, [3]]] | flatten }}", Shows: "[1, 2, 3]", Func: filterFlatten, Spread: core.SpreadNone, Lax: true},
		{Name: "unique", Sig: "unique(case_sensitive=False, attribute=None)", Example: "{{ [1, 2, 1] | unique }}", Shows: "[1, 2]", Func: filterAnsibleUnique, Spread: core.SpreadNone, Lax: true},
		{Name: "union", Sig: "union(list)", Example: "{{ [1, 2] | union([2, 3]) }}", Shows: "[1, 2, 3]", Func: setFilter(unionOf), Spread: core.SpreadNone},
		{Name: "intersect", Sig: "intersect(list)", Example: "{{ [1, 2] | intersect([2, 3]) }}", Shows: "[2]", Func: setFilter(intersectionOf), Spread: core.SpreadNone},
		{Name: "difference", Sig: "difference(list)", Example: "{{ [1, 2] | difference([2, 3]) }}", Shows: "[1]", Func: setFilter(differenceOf), Spread: core.SpreadNone},
		{Name: "symmetric_difference", Sig: "symmetric_difference(list)", Example: "{{ [1, 2] | symmetric_difference([2, 3]) }}", Shows: "[1, 3]", Func: setFilter(symmetricOf), Spread: core.SpreadNone},
	})
}

func filterFlatten(c *core.Call) (value.Value, error) {
	params := []core.Param{"levels=", "skip_nulls="}
	a, err := c.Bind(params...)
	if err == nil {
		err = c.AllDefined(params, a, "skip_nulls")
	}
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	levels := -1
	if core.Given(a[0]) {
		f, ok := a[0].AsFloat()
		if !ok {
			return value.Value{}, fmt.Errorf("'>=' not supported between instances of '%s' and 'int'", value.TypeName(a[0]))
		}
		levels = max(0, int(f))
	}
	out, err := Flatten(c, items, levels, core.TruthOr(a[1], true))
	return value.List(out...), err
}

// Flatten opens lists inside a list; levels < 0 means all.
func Flatten(c *core.Call, items []value.Value, levels int, skipNulls bool) ([]value.Value, error) {
	if err := c.Work(len(items)); err != nil {
		return nil, err
	}
	out := make([]value.Value, 0, len(items))
	for _, it := range items {
		switch {
		case skipNulls && isNullWord(it):
		case core.ListLike(it) && levels != 0:
			if err := c.Enter(); err != nil {
				return nil, err
			}
			inner, err := Flatten(c, it.Items(), max(-1, levels-1), skipNulls)
			c.Leave()
			if err != nil {
				return nil, err
			}
			out = append(out, inner...)
		default:
			out = append(out, it)
		}
	}
	return out, nil
}

func isNullWord(v value.Value) bool {
	s, ok := v.AsString()
	return v.IsNull() || ok && (s == "None" || s == "null")
}

func filterAnsibleUnique(c *core.Call) (value.Value, error) {
	params := []core.Param{"case_sensitive=", "attribute="}
	a, err := c.Bind(params...)
	if err == nil {
		err = c.AllDefined(params, a, "attribute")
	}
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	sensitive, _ := a[0].AsBool()
	out, err := uniqueBy(c, items, value.Truth(core.NullIfUndefined(a[0])), a[1])
	if err == nil {
		return value.List(out...), nil
	}
	if errors.Is(err, core.ErrUndefined) {
		return value.Value{}, err
	}
	if explicit := a[0].Kind() == value.KindBool && !sensitive; explicit || core.Given(a[1]) {
		return value.Value{}, fmt.Errorf("Jinja2's unique filter failed and we cannot fall back to Ansible's version as it does not support the parameters supplied: %w", err)
	}
	out, err = UniqueItems(c, items)
	return value.List(out...), err
}

// uniqueBy keeps the first item of each key; keys must be hashable.
func uniqueBy(c *core.Call, items []value.Value, sensitive bool, attribute value.Value) ([]value.Value, error) {
	seen := value.NewMap()
	var out []value.Value
	for _, it := range items {
		k, err := attributeOf(c, it, attribute)
		if err != nil {
			return nil, err
		}
		if err := core.Defined(k); err != nil {
			return nil, err
		}
		if s, ok := k.AsString(); ok && !sensitive {
			k = value.String(strings.ToLower(s))
		}
		if err := value.Hashable(k); err != nil {
			return nil, err
		}
		if _, there := seen.Get(k); !there {
			seen.Set(k, value.Null())
			out = append(out, it)
		}
	}
	return out, nil
}

// attributeOf follows a dotted path as map(attribute=) does.
func attributeOf(c *core.Call, v, path value.Value) (value.Value, error) {
	if !core.Given(path) {
		return v, nil
	}
	if n, ok := path.AsInt(); ok {
		return c.Getitem(v, value.Int(n))
	}
	for _, part := range strings.Split(value.Str(path), ".") {
		k := value.String(part)
		if n, err := core.AsInteger(k); err == nil && part != "" && strings.Trim(part, "0123456789") == "" {
			k = value.Int(n)
		}
		var err error
		if v, err = c.Getitem(v, k); err != nil {
			return v, err
		}
	}
	return v, nil
}

// UniqueItems keeps the first of equal items, of any type.
func UniqueItems(c *core.Call, items []value.Value) ([]value.Value, error) {
	seen := value.NewMap()
	var out, odd []value.Value
	for _, it := range items {
		if err := core.Defined(it); err != nil {
			return nil, err
		}
		if value.Hashable(it) == nil {
			if _, there := seen.Get(it); !there {
				seen.Set(it, value.Null())
				out = append(out, it)
			}
			continue
		}
		if err := c.Work(len(odd)); err != nil {
			return nil, err
		}
		if !core.InList(odd, it) {
			odd = append(odd, it)
			out = append(out, it)
		}
	}
	return out, nil
}

// setFilter is a filter over its input and one argument.
func setFilter(f func(c *core.Call, a, b value.Value) ([]value.Value, error)) core.Function {
	return func(c *core.Call) (value.Value, error) {
		a, err := c.Bind("b")
		if err != nil {
			return value.Value{}, err
		}
		out, err := f(c, c.In, a[0])
		return value.List(out...), err
	}
}

// asSets returns two hashable operands as plain items: Python makes sets of
// them, whose order is arbitrary; we keep the order in which items come.
func asSets(c *core.Call, a, b value.Value) (x, y []value.Value, ok bool, err error) {
	if value.Hashable(a) != nil || value.Hashable(b) != nil {
		return nil, nil, false, nil
	}
	if x, err = c.Iterate(a); err == nil {
		y, err = c.Iterate(b)
	}
	return x, y, true, err
}

func unionOf(c *core.Call, a, b value.Value) ([]value.Value, error) {
	x, y, ok, err := asSets(c, a, b)
	if err != nil {
		return nil, err
	}
	if !ok {
		sum, err := c.Arith("+", a, b)
		if err != nil {
			return nil, err
		}
		return uniqueOf(c, sum.Items())
	}
	return UniqueItems(c, append(append([]value.Value{}, x...), y...))
}

// uniqueOf is unique(environment, items, True).
func uniqueOf(c *core.Call, items []value.Value) ([]value.Value, error) {
	return UniqueItems(c, items)
}

func intersectionOf(c *core.Call, a, b value.Value) ([]value.Value, error) {
	return kept(c, a, b, true)
}

func differenceOf(c *core.Call, a, b value.Value) ([]value.Value, error) {
	return kept(c, a, b, false)
}

// kept returns the items of a that are in b, or those that are not.
func kept(c *core.Call, a, b value.Value, in bool) ([]value.Value, error) {
	items, err := c.Iterate(a)
	if err != nil {
		return nil, err
	}
	if _, _, ok, err := asSets(c, a, b); ok && err == nil {
		b = value.List(mustItems(c, b)...)
	}
	has := membership(c, b)
	var out []value.Value
	for _, it := range items {
		ok, err := has(it)
		if err != nil {
			return nil, err
		}
		if ok == in {
			out = append(out, it)
		}
	}
	return uniqueOf(c, out)
}

func mustItems(c *core.Call, v value.Value) []value.Value {
	items, _ := c.Iterate(v)
	return items
}

// membership returns "item in v", by a table where items are hashable.
func membership(c *core.Call, v value.Value) func(value.Value) (bool, error) {
	if !core.ListLike(v) {
		return func(it value.Value) (bool, error) { return c.Contains(v, it) }
	}
	table, odd := value.NewMap(), []value.Value{}
	for _, it := range v.Items() {
		if value.Hashable(it) == nil {
			table.Set(it, value.Null())
		} else {
			odd = append(odd, it)
		}
	}
	return func(it value.Value) (bool, error) {
		if value.Hashable(it) == nil {
			_, ok := table.Get(it)
			return ok, c.Step()
		}
		return core.InList(odd, it), c.Work(len(odd))
	}
}

func symmetricOf(c *core.Call, a, b value.Value) ([]value.Value, error) {
	both, err := unionOf(c, a, b)
	if err != nil {
		return nil, err
	}
	common, err := intersectionOf(c, a, b)
	if err != nil {
		return nil, err
	}
	return kept(c, value.List(both...), value.List(common...), false)
}
