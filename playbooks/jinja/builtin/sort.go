package builtin

import (
	"errors"
	"fmt"
	"strings"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// folded is the key by which text is compared without regard to case.
func folded(v value.Value) value.Value {
	if s, ok := v.AsString(); ok {
		return value.String(strings.ToLower(s))
	}
	return v
}

func filterSort(c *core.Call) (value.Value, error) {
	a, err := c.Bind("reverse=", "case_sensitive=", "attribute=")
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	keys, err := sortKeys(c, items, core.OrUndefined(a[2]), value.Truth(a[1]))
	if err != nil {
		return value.Value{}, err
	}
	out, err := sortedBy(c, items, keys, value.Truth(a[0]))
	return value.List(out...), err
}

// sortKeys returns what items are sorted by: "a,b" names several attributes.
func sortKeys(c *core.Call, items []value.Value, attr value.Value, caseSensitive bool) ([]value.Value, error) {
	parts := []value.Value{attr}
	if s, ok := attr.AsString(); ok && strings.Contains(s, ",") {
		parts = nil
		for _, p := range strings.Split(s, ",") {
			parts = append(parts, value.String(p))
		}
	}
	keys := make([]value.Value, len(items))
	for i, it := range items {
		key := make([]value.Value, len(parts))
		for j, p := range parts {
			v := it
			if !attr.IsUndefined() {
				var err error
				if v, err = attributeAt(c, it, p); err != nil {
					return nil, err
				}
			}
			if err := core.Defined(v); err != nil && len(items) > 1 {
				return nil, err
			}
			if !caseSensitive {
				v = folded(v)
			}
			key[j] = v
		}
		keys[i] = key[0]
		if len(key) > 1 {
			keys[i] = value.List(key...)
		}
	}
	return keys, nil
}

// sortedBy orders items by their keys; equal ones keep their order.
func sortedBy(c *core.Call, items, keys []value.Value, reverse bool) ([]value.Value, error) {
	if err := c.Work(len(items) * 8); err != nil {
		return nil, err
	}
	order := make([]value.Value, len(items))
	for i := range order {
		order[i] = value.Int(int64(i))
	}
	order, err := core.Sorted(order, reverse, func(v value.Value) value.Value {
		i, _ := v.AsInt()
		return keys[i]
	})
	if err != nil {
		return nil, err
	}
	out := make([]value.Value, len(items))
	for i, at := range order {
		k, _ := at.AsInt()
		out[i] = items[k]
	}
	return out, nil
}

func filterDictSort(c *core.Call) (value.Value, error) {
	a, err := c.Bind("case_sensitive=", "by=", "reverse=")
	if err != nil {
		return value.Value{}, err
	}
	at := 0
	switch by, _ := a[1].AsString(); {
	case a[1].IsUndefined(), by == "key":
	case by == "value":
		at = 1
	default:
		return value.Value{}, errors.New(`You can only sort by either "key" or "value"`)
	}
	m, ok, err := value.Mapping(c.In)
	if err != nil {
		return value.Value{}, err
	}
	if !ok {
		return value.Value{}, fmt.Errorf("'%s' object has no attribute 'items'", value.TypeName(c.In))
	}
	var items, keys []value.Value
	for k, v := range m.All() {
		key := [2]value.Value{k, v}[at]
		if !value.Truth(a[0]) {
			key = folded(key)
		}
		items, keys = append(items, value.Tuple(k, v)), append(keys, key)
	}
	out, err := sortedBy(c, items, keys, value.Truth(a[2]))
	return value.List(out...), err
}

func filterGroupBy(c *core.Call) (value.Value, error) {
	params := []core.Param{"attribute", "default=", "case_sensitive="}
	a, err := c.Bind(params...)
	if err == nil {
		err = c.AllDefined(params, a, "attribute", "case_sensitive")
	}
	if err != nil {
		return value.Value{}, err
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	real, keys := make([]value.Value, len(items)), make([]value.Value, len(items))
	for i, it := range items {
		if real[i], err = attributeAt(c, it, a[0]); err != nil {
			return value.Value{}, err
		}
		if real[i].IsUndefined() && !core.OrUndefined(a[1]).IsUndefined() {
			real[i] = a[1]
		}
		if err := core.Defined(real[i]); err != nil {
			return value.Value{}, err
		}
		if keys[i] = real[i]; !value.Truth(a[2]) {
			keys[i] = folded(real[i])
		}
	}
	return groupsOf(c, items, real, keys)
}

// groupsOf makes (key, items) of what sorts together.
func groupsOf(c *core.Call, items, shown, keys []value.Value) (value.Value, error) {
	order := make([]value.Value, len(items))
	for i := range order {
		order[i] = value.Int(int64(i))
	}
	order, err := sortedBy(c, order, keys, false)
	if err != nil {
		return value.Value{}, err
	}
	out := []value.Value{}
	for i := 0; i < len(order); {
		first, _ := order[i].AsInt()
		var group []value.Value
		for ; i < len(order); i++ {
			at, _ := order[i].AsInt()
			if at != first && !value.Equal(keys[at], keys[first]) { // a NaN is not even itself
				break
			}
			group = append(group, items[at])
		}
		out = append(out, value.Tuple(shown[first], value.List(group...)))
	}
	return value.List(out...), nil
}
