package community

import (
	"errors"
	"fmt"
	"slices"

	"remoterun/playbooks/jinja/ansible"
	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// listEntries join, compare and add up lists.
func listEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "lists_mergeby", Sig: "lists_mergeby(*lists, index, recursive=False, list_merge='replace')", Example: "{{ [{'n': 1, 'a': 1}] | community.general.lists_mergeby([{'n': 1, 'b': 2}], 'n') }}", Shows: "[{'n': 1, 'a': 1, 'b': 2}]", Func: filterListsMergeby, Spread: core.SpreadNone},
		{Name: "lists_union", Sig: "lists_union(*lists, flatten=False)", Example: "{{ [1, 2] | community.general.lists_union([2, 3]) }}", Shows: "[1, 2, 3]", Func: listsFilter(unionLists), Spread: core.SpreadNone},
		{Name: "lists_intersect", Sig: "lists_intersect(*lists, flatten=False)", Example: "{{ [1, 2] | community.general.lists_intersect([2, 3]) }}", Shows: "[2]", Func: listsFilter(keepLists(true)), Spread: core.SpreadNone},
		{Name: "lists_difference", Sig: "lists_difference(*lists, flatten=False)", Example: "{{ [1, 2] | community.general.lists_difference([2, 3]) }}", Shows: "[1]", Func: listsFilter(keepLists(false)), Spread: core.SpreadNone},
		{Name: "lists_symmetric_difference", Sig: "lists_symmetric_difference(*lists, flatten=False)", Example: "{{ [1, 2] | community.general.lists_symmetric_difference([2, 3]) }}", Shows: "[1, 3]", Func: listsFilter(symmetricLists), Spread: core.SpreadNone},
		{Name: "accumulate", Sig: "accumulate", Example: "{{ [1, 2, 3] | community.general.accumulate }}", Shows: "[1, 3, 6]", Func: core.NoArguments(filterAccumulate)},
	})
}

func filterListsMergeby(c *core.Call) (value.Value, error) {
	how := ansible.Merging{Call: c, Lists: "replace"}
	for k, v := range c.Kw.All() {
		switch value.Str(k) {
		case "recursive":
			how.Recursive = value.Truth(v)
		case "list_merge":
			how.Lists = value.Str(v)
		default:
			return value.Value{}, errors.New("'recursive' and 'list_merge' are the only valid keyword arguments.")
		}
	}
	if len(c.Args) == 0 {
		return value.Value{}, errors.New("At least one list and index are needed.")
	}
	lists, err := mergeLists(append([]value.Value{c.In}, c.Args[:len(c.Args)-1]...))
	if err != nil {
		return value.Value{}, err
	}
	switch len(lists) {
	case 0:
		return value.List(), nil
	case 1:
		return lists[0], nil
	}
	index := c.Args[len(c.Args)-1]
	if _, err := core.WantText(index, "First argument after the lists for community.general.lists_mergeby"); err != nil {
		return value.Value{}, err
	}
	out := lists[len(lists)-1]
	for _, l := range slices.Backward(lists[:len(lists)-1]) {
		if out, err = mergeByIndex(how, l, out, index); err != nil {
			return value.Value{}, err
		}
	}
	return out, nil
}

// mergeLists opens lists of lists.
func mergeLists(terms []value.Value) ([]value.Value, error) {
	var out []value.Value
	for _, t := range terms {
		if !core.ListLike(t) {
			return nil, fmt.Errorf("All arguments before the argument index for community.general.lists_mergeby must be lists. %s is %s", value.Show(t), core.PyType(t))
		}
		switch items := t.Items(); {
		case len(items) == 0:
		case slices.ContainsFunc(items, func(v value.Value) bool { return !core.ListLike(v) && !v.IsString() }):
			out = append(out, t)
		default:
			out = append(out, items...)
		}
	}
	return out, nil
}

func mergeByIndex(h ansible.Merging, x, y, index value.Value) (value.Value, error) {
	groups := value.NewMap()
	for _, it := range slices.Concat(x.Items(), y.Items()) {
		m, ok, err := value.Mapping(it)
		if err != nil {
			return value.Value{}, err
		}
		if !ok {
			return value.Value{}, fmt.Errorf("Elements of list arguments for lists_mergeby must be dictionaries. %s is %s", value.Show(it), core.PyType(it))
		}
		k, ok := m.Get(index)
		if !ok {
			continue
		}
		if err := value.Hashable(k); err != nil {
			return value.Value{}, err
		}
		old, there := groups.Get(k)
		if !there {
			old = value.FromMap(nil)
		}
		merged, err := h.Merge(old, it)
		if err != nil {
			return value.Value{}, err
		}
		groups.Set(k, merged)
	}
	out := make([]value.Value, 0, groups.Len())
	for _, v := range groups.All() {
		out = append(out, v)
	}
	err := value.SortBy(out, func(v value.Value) value.Value {
		m, _ := v.AsMap()
		k, _ := m.Get(index)
		return k
	})
	return value.List(out...), err
}

// listsFilter folds any number of lists.
func listsFilter(f func(a, b []value.Value) []value.Value) core.Function {
	return func(c *core.Call) (value.Value, error) {
		flat := false
		for k, v := range c.Kw.All() {
			if value.Str(k) != "flatten" {
				return value.Value{}, fmt.Errorf("%s() got an unexpected keyword argument '%s'", c.Short(), value.Str(k))
			}
			flat = value.Truth(v)
		}
		lists := append([]value.Value{c.In}, c.Args...)
		if flat && len(lists) == 1 {
			lists = lists[0].Items()
		}
		var out []value.Value
		for i, l := range lists {
			if !core.ListLike(l) {
				return value.Value{}, fmt.Errorf("All arguments of %s must be lists, not %s", c.Short(), core.PyType(l))
			}
			if err := c.Work(len(l.Items()) + len(out)); err != nil {
				return value.Value{}, err
			}
			items, err := ansible.UniqueItems(c, l.Items())
			if err != nil {
				return value.Value{}, err
			}
			if i == 0 {
				out = items
				continue
			}
			out = f(out, items)
		}
		return value.List(out...), nil
	}
}

func unionLists(a, b []value.Value) []value.Value {
	return slices.Concat(a, keepLists(false)(b, a))
}

func keepLists(in bool) func(a, b []value.Value) []value.Value {
	return func(a, b []value.Value) []value.Value {
		var out []value.Value
		for _, it := range a {
			if core.InList(b, it) == in {
				out = append(out, it)
			}
		}
		return out
	}
}

func symmetricLists(a, b []value.Value) []value.Value {
	return slices.Concat(keepLists(false)(a, b), keepLists(false)(b, a))
}

func filterAccumulate(c *core.Call) (value.Value, error) {
	if !core.ListLike(c.In) && !c.In.IsString() {
		return value.Value{}, fmt.Errorf("Invalid value type (%s) for accumulate", core.PyType(c.In))
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	out := slices.Clone(items)
	for i := 1; i < len(out); i++ {
		if out[i], err = c.Arith("+", out[i-1], out[i]); err != nil {
			return value.Value{}, err
		}
		if s, ok := out[i].AsString(); ok {
			if err := c.Work(len(s)); err != nil {
				return value.Value{}, err
			}
		}
	}
	return value.List(out...), nil
}
