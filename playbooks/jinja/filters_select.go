package jinja

import (
	"errors"
	"fmt"

	"remoterun/runner/value"
)

// selectFilterEntries are the filters that apply others to each item.
func selectFilterEntries() []entry {
	return []entry{
		{name: "map", sig: "map(filter, *args) or map(attribute=PATH, default=None)", example: "{{ [{'n': 1}, {'n': 2}] | map(attribute='n') }}", shows: "[1, 2]", fn: filterMap, spread: spreadNone, shallow: true},
		{name: "select", sig: "select(test='', *args)", example: "{{ [1, 2, 3] | select('odd') }}", shows: "[1, 3]", fn: selection(false, true), spread: spreadNone, shallow: true},
		{name: "reject", sig: "reject(test='', *args)", example: "{{ [1, 2, 3] | reject('odd') }}", shows: "[2]", fn: selection(false, false), spread: spreadNone, shallow: true},
		{name: "selectattr", sig: "selectattr(attribute, test='', *args)", example: "{{ [{'n': 1}, {'n': 0}] | selectattr('n') }}", shows: "[{'n': 1}]", fn: selection(true, true), spread: spreadNone, shallow: true},
		{name: "rejectattr", sig: "rejectattr(attribute, test='', *args)", example: "{{ [{'n': 1}, {'n': 0}] | rejectattr('n') }}", shows: "[{'n': 0}]", fn: selection(true, false), spread: spreadNone, shallow: true},
	}
}

// some answers the items of the input; what is false has none, even when it
// could not be looped over (null).
func (c *call) some() ([]value.Value, error) {
	if !value.Truth(c.in) && !c.in.IsUndefined() {
		return nil, nil
	}
	return c.iterate(c.in)
}

func filterMap(c *call) (value.Value, error) {
	items, err := c.some()
	if err != nil {
		return value.Value{}, err
	}
	apply, err := c.mapper()
	if err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, len(items))
	for i, it := range items {
		if err := c.step(); err != nil {
			return value.Value{}, err
		}
		if out[i], err = apply(it); err != nil {
			return value.Value{}, err
		}
	}
	return value.List(out...), nil
}

// mapper answers what map() does to one item.
func (c *call) mapper() (func(value.Value) (value.Value, error), error) {
	if attr, ok := c.kw.Lookup("attribute"); ok && len(c.args) == 0 {
		otherwise, hasDefault := c.kw.Lookup("default")
		if c.kw.Len() > 2 || c.kw.Len() == 2 && !hasDefault {
			return nil, fmt.Errorf("Unexpected keyword argument '%s'", value.Str(c.kw.Keys()[c.kw.Len()-1]))
		}
		return func(it value.Value) (value.Value, error) {
			v, err := c.path(it, attr)
			if err == nil && v.IsUndefined() && hasDefault && !otherwise.IsNull() {
				v = otherwise
			}
			return v, err
		}, nil
	}
	if len(c.args) == 0 {
		return nil, errors.New("map requires a filter argument")
	}
	name, err := c.text(c.args[0])
	if err != nil {
		return nil, err
	}
	apply, err := c.namedFilter(name)
	return func(it value.Value) (value.Value, error) { return apply(it, c.args[1:], c.kw) }, err
}

// selection makes select, reject, selectattr and rejectattr.
func selection(byAttr, keep bool) function {
	return func(c *call) (value.Value, error) {
		args := c.args
		items, err := c.some()
		if err != nil {
			return value.Value{}, err
		}
		values := items
		if byAttr {
			if len(args) == 0 {
				return value.Value{}, errors.New("Missing parameter for attribute name")
			}
			if err := defined(args[0]); err != nil {
				return value.Value{}, err
			}
			if values, err = c.attributes(value.List(items...), args[0]); err != nil {
				return value.Value{}, err
			}
			args = args[1:]
		}
		holds, err := c.tester(args)
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

// tester answers the test that args name, truth when they are empty.
func (c *call) tester(args []value.Value) (func(value.Value) (bool, error), error) {
	if len(args) == 0 {
		return func(v value.Value) (bool, error) { return value.Truth(v), errors.Join(c.step(), defined(v)) }, nil
	}
	name, err := c.text(args[0])
	if err != nil {
		return nil, err
	}
	holds, err := c.namedTest(name)
	return func(v value.Value) (bool, error) {
		if err := c.step(); err != nil {
			return false, err
		}
		return holds(v, args[1:], c.kw)
	}, err
}
