package builtin

import (
	"errors"
	"fmt"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// selectFilterEntries are the filters that apply others to each item.
func selectFilterEntries() []core.Entry {
	return []core.Entry{
		{Name: "map", Sig: "map(filter, *args) or map(attribute=PATH, default=None)", Example: "{{ [{'n': 1}, {'n': 2}] | map(attribute='n') }}", Shows: "[1, 2]", Func: filterMap, Spread: core.SpreadNone, Shallow: true},
		{Name: "select", Sig: "select(test='', *args)", Example: "{{ [1, 2, 3] | select('odd') }}", Shows: "[1, 3]", Func: selection(false, true), Spread: core.SpreadNone, Shallow: true},
		{Name: "reject", Sig: "reject(test='', *args)", Example: "{{ [1, 2, 3] | reject('odd') }}", Shows: "[2]", Func: selection(false, false), Spread: core.SpreadNone, Shallow: true},
		{Name: "selectattr", Sig: "selectattr(attribute, test='', *args)", Example: "{{ [{'n': 1}, {'n': 0}] | selectattr('n') }}", Shows: "[{'n': 1}]", Func: selection(true, true), Spread: core.SpreadNone, Shallow: true},
		{Name: "rejectattr", Sig: "rejectattr(attribute, test='', *args)", Example: "{{ [{'n': 1}, {'n': 0}] | rejectattr('n') }}", Shows: "[{'n': 0}]", Func: selection(true, false), Spread: core.SpreadNone, Shallow: true},
	}
}

// some returns the items of the input; what is false has none, even when it
// could not be looped over (null).
func some(c *core.Call) ([]value.Value, error) {
	if !value.Truth(c.In) && !c.In.IsUndefined() {
		return nil, nil
	}
	return c.Iterate(c.In)
}

func filterMap(c *core.Call) (value.Value, error) {
	items, err := some(c)
	if err != nil {
		return value.Value{}, err
	}
	apply, err := mapper(c)
	if err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, len(items))
	for i, it := range items {
		if err := c.Step(); err != nil {
			return value.Value{}, err
		}
		if out[i], err = apply(it); err != nil {
			return value.Value{}, err
		}
	}
	return value.List(out...), nil
}

// mapper returns what map() does to one item.
func mapper(c *core.Call) (func(value.Value) (value.Value, error), error) {
	if attr, ok := c.Kw.Lookup("attribute"); ok && len(c.Args) == 0 {
		otherwise, hasDefault := c.Kw.Lookup("default")
		if c.Kw.Len() > 2 || c.Kw.Len() == 2 && !hasDefault {
			return nil, fmt.Errorf("Unexpected keyword argument '%s'", value.Str(c.Kw.Keys()[c.Kw.Len()-1]))
		}
		return func(it value.Value) (value.Value, error) {
			v, err := attributeAt(c, it, attr)
			if err == nil && v.IsUndefined() && hasDefault && !otherwise.IsNull() {
				v = otherwise
			}
			return v, err
		}, nil
	}
	if len(c.Args) == 0 {
		return nil, errors.New("map requires a filter argument")
	}
	name, err := c.Text(c.Args[0])
	if err != nil {
		return nil, err
	}
	apply, err := c.NamedFilter(name)
	return func(it value.Value) (value.Value, error) { return apply(it, c.Args[1:], c.Kw) }, err
}

// selection makes select, reject, selectattr and rejectattr.
func selection(byAttr, keep bool) core.Function {
	return func(c *core.Call) (value.Value, error) {
		args := c.Args
		items, err := some(c)
		if err != nil {
			return value.Value{}, err
		}
		values := items
		if byAttr {
			if len(args) == 0 {
				return value.Value{}, errors.New("Missing parameter for attribute name")
			}
			if err := core.Defined(args[0]); err != nil {
				return value.Value{}, err
			}
			if values, err = attributesOf(c, value.List(items...), args[0]); err != nil {
				return value.Value{}, err
			}
			args = args[1:]
		}
		holds, err := tester(c, args)
		if err != nil {
			return value.Value{}, err
		}
		out := []value.Value{}
		for i, it := range items {
			ok, err := holds(values[i])
			if err != nil {
				return value.Value{}, err
			}
			if ok == keep {
				out = append(out, it)
			}
		}
		return value.List(out...), nil
	}
}

// tester returns the test that args name, truth when they are empty.
func tester(c *core.Call, args []value.Value) (func(value.Value) (bool, error), error) {
	if len(args) == 0 {
		return func(v value.Value) (bool, error) { return value.Truth(v), errors.Join(c.Step(), core.Defined(v)) }, nil
	}
	name, err := c.Text(args[0])
	if err != nil {
		return nil, err
	}
	holds, err := c.NamedTest(name)
	return func(v value.Value) (bool, error) {
		if err := c.Step(); err != nil {
			return false, err
		}
		return holds(v, args[1:], c.Kw)
	}, err
}
