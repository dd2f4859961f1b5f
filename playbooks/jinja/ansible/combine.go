package ansible

import (
	"errors"
	"fmt"
	"slices"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// combineEntries are the filters that merge mappings and turn them into lists
// and back.
func combineEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "combine", Sig: "combine(*dicts, recursive=False, list_merge='replace')", Example: "{{ {'a': 1} | combine({'b': 2}) }}", Shows: "{'a': 1, 'b': 2}", Func: filterCombine, Spread: core.SpreadNone},
		{Name: "dict2items", Sig: "dict2items(key_name='key', value_name='value')", Example: "{{ {'a': 1} | dict2items }}", Shows: "[{'key': 'a', 'value': 1}]", Func: filterDict2items, Spread: core.SpreadNone},
		{Name: "items2dict", Sig: "items2dict(key_name='key', value_name='value')", Example: "{{ [{'key': 'a', 'value': 1}] | items2dict }}", Shows: "{'a': 1}", Func: filterItems2dict, Spread: core.SpreadNone},
		{Name: "subelements", Sig: "subelements(subelements, skip_missing=False)", Example: "{{ [{'n': 'x', 'l': [1]}] | subelements('l') }}", Shows: "[({'n': 'x', 'l': [1]}, 1)]", Func: filterSubelements, Spread: core.SpreadNone},
		{Name: "rekey_on_member", Sig: "rekey_on_member(key, duplicates='error')", Example: "{{ [{'n': 'x'}] | rekey_on_member('n') }}", Shows: "{'x': {'n': 'x'}}", Func: filterRekey, Spread: core.SpreadNone},
	})
}

func filterCombine(c *core.Call) (value.Value, error) {
	how := Merging{Call: c, Lists: "replace"}
	for k, v := range c.Kw.All() {
		switch name, _ := k.AsString(); name {
		case "recursive":
			how.Recursive = value.Truth(v)
		case "list_merge":
			how.Lists = value.Str(v)
		default:
			return value.Value{}, errors.New("'recursive' and 'list_merge' are the only valid keyword arguments")
		}
	}
	dicts, err := Flatten(c, append([]value.Value{c.In}, c.Args...), 1, true)
	if err != nil {
		return value.Value{}, err
	}
	for _, d := range dicts {
		if err := c.Whole(d); err != nil {
			return value.Value{}, err
		}
	}
	switch len(dicts) {
	case 0:
		return value.FromMap(nil), nil
	case 1:
		return dicts[0], nil
	}
	out := dicts[len(dicts)-1]
	for _, d := range slices.Backward(dicts[:len(dicts)-1]) {
		if out, err = how.Merge(d, out); err != nil {
			return value.Value{}, err
		}
	}
	return out, nil
}

// Merging is how combine joins two mappings.
type Merging struct {
	Call *core.Call
	// Recursive merges mappings inside mappings, too.
	Recursive bool
	// Lists says what becomes of lists: replace, keep, append, prepend, or the
	// latter two with _rp.
	Lists string
}

// Merge joins two mappings; what the second has wins.
func (h Merging) Merge(a, b value.Value) (value.Value, error) {
	if !slices.Contains([]string{"replace", "keep", "append", "prepend", "append_rp", "prepend_rp"}, h.Lists) {
		return value.Value{}, errors.New("merge_hash: 'list_merge' argument can only be equal to 'replace', 'keep', 'append', 'prepend', 'append_rp' or 'prepend_rp'")
	}
	x, okX, err := value.Mapping(a)
	if err != nil {
		return value.Value{}, err
	}
	y, okY, err := value.Mapping(b)
	if err != nil {
		return value.Value{}, err
	}
	if !okX || !okY {
		return value.Value{}, fmt.Errorf("failed to combine variables, expected dicts but got a '%s' and a '%s'", value.TypeName(a), value.TypeName(b))
	}
	if x.Len() == 0 || value.Equal(a, b) {
		return value.FromMap(y.Clone()), h.Call.Copying(y.Len())
	}
	if y, err = h.merged(x, y); err != nil {
		return value.Value{}, err
	}
	return h.Call.Merged(value.FromMap(x), value.FromMap(y))
}

// merged is y with what x has under the same keys joined in.
func (h Merging) merged(x, y *value.Map) (*value.Map, error) {
	out := y
	for k, v := range y.All() {
		old, ok := x.Get(k)
		if !ok {
			continue
		}
		v, err := h.entry(old, v)
		if err != nil {
			return nil, err
		}
		if out == y {
			out = y.Clone()
		}
		out.Set(k, v)
	}
	return out, h.Call.Work(y.Len())
}

// entry joins the two values of one key.
func (h Merging) entry(old, v value.Value) (value.Value, error) {
	switch {
	case core.MappingLike(old) && core.MappingLike(v):
		if h.Recursive {
			return h.Merge(old, v)
		}
		return v, nil
	case core.IsList(old) && core.IsList(v):
		return value.List(h.list(old.Items(), v.Items())...), nil
	}
	return v, nil
}

func (h Merging) list(old, v []value.Value) []value.Value {
	rest := func() (out []value.Value) {
		for _, it := range old {
			if !core.InList(v, it) {
				out = append(out, it)
			}
		}
		return out
	}
	switch h.Lists {
	case "keep":
		return old
	case "append":
		return slices.Concat(old, v)
	case "prepend":
		return slices.Concat(v, old)
	case "append_rp":
		return slices.Concat(rest(), v)
	case "prepend_rp":
		return slices.Concat(v, rest())
	}
	return v
}

func filterDict2items(c *core.Call) (value.Value, error) {
	a, err := c.Bind("key_name=", "value_name=")
	if err != nil {
		return value.Value{}, err
	}
	m, ok, err := value.Mapping(c.In)
	if err != nil {
		return value.Value{}, err
	}
	if !ok {
		return value.Value{}, fmt.Errorf("dict2items requires a dictionary, got %s instead.", core.PyType(c.In))
	}
	return value.List(Pairs(m, keyName(a[0], "key"), keyName(a[1], "value"))...), nil
}

// keyName is a key that an argument names, with the argument's marks.
func keyName(v value.Value, otherwise string) value.Value {
	return value.MarkedString(core.TextOr(v, otherwise), v.Marks())
}

// Pairs makes a mapping a list of mappings with two entries.
func Pairs(m *value.Map, key, val value.Value) []value.Value {
	out := make([]value.Value, 0, m.Len())
	for k, v := range m.All() {
		it := value.NewMap()
		it.Set(key, k)
		it.Set(val, v)
		out = append(out, value.FromMap(it))
	}
	return out
}

func filterItems2dict(c *core.Call) (value.Value, error) {
	a, err := c.Bind("key_name=", "value_name=")
	if err != nil {
		return value.Value{}, err
	}
	key, val := core.TextOr(a[0], "key"), core.TextOr(a[1], "value")
	if !core.ListLike(c.In) {
		return value.Value{}, fmt.Errorf("items2dict requires a list, got %s instead.", core.PyType(c.In))
	}
	out := value.NewMap()
	for _, it := range c.In.Items() {
		m, ok, err := value.Mapping(it)
		if err != nil {
			return value.Value{}, err
		}
		if !ok {
			return value.Value{}, fmt.Errorf("items2dict requires a list of dictionaries, got %s instead.", value.Show(c.In))
		}
		k, okK := m.Lookup(key)
		v, okV := m.Lookup(val)
		if !okK || !okV {
			return value.Value{}, fmt.Errorf("items2dict requires each dictionary in the list to contain the keys '%s' and '%s', got %s instead.", key, val, value.Show(c.In))
		}
		if err := value.Hashable(k); err != nil {
			return value.Value{}, fmt.Errorf("items2dict requires a list of dictionaries, got %s instead.", value.Show(c.In))
		}
		out.Set(k, v)
	}
	return value.FromMap(out), nil
}

func filterSubelements(c *core.Call) (value.Value, error) {
	a, err := c.Bind("subelements", "skip_missing=")
	if err != nil {
		return value.Value{}, err
	}
	items := c.In.Items()
	if m, ok, err := value.Mapping(c.In); err != nil {
		return value.Value{}, err
	} else if ok {
		items = nil
		for _, v := range m.All() {
			items = append(items, v)
		}
	} else if !core.IsList(c.In) {
		return value.Value{}, errors.New("obj must be a list of dicts or a nested dict")
	}
	keys, err := subelementKeys(a[0])
	if err != nil {
		return value.Value{}, err
	}
	var out []value.Value
	for _, it := range items {
		inner, err := Subelement(c, it, keys, core.TruthOr(a[1], false))
		if err != nil {
			return value.Value{}, err
		}
		for _, v := range inner {
			out = append(out, value.Tuple(it, v))
		}
	}
	return value.List(out...), c.Work(len(out))
}

func subelementKeys(v value.Value) ([]value.Value, error) {
	if core.IsList(v) {
		return v.Items(), nil
	}
	s, ok := v.AsString()
	if !ok {
		return nil, errors.New("subelements must be a list or a string")
	}
	return core.SplitText(s, "."), nil
}

// Subelement walks to the list inside one item.
func Subelement(c *core.Call, v value.Value, keys []value.Value, skip bool) ([]value.Value, error) {
	for _, k := range keys {
		m, ok, err := value.Mapping(v)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("the key %s should point to a dictionary, got '%s'", value.Str(k), value.Show(v))
		}
		next, ok := m.Get(k)
		if !ok && skip {
			return nil, nil
		}
		if !ok {
			return nil, fmt.Errorf("could not find %s key in iterated item %s", value.Repr(k), value.Show(v))
		}
		v = next
	}
	if !core.IsList(v) {
		last := value.Null()
		if len(keys) > 0 {
			last = keys[len(keys)-1]
		}
		return nil, fmt.Errorf("the key %s should point to a list, got %s", value.Repr(last), value.Show(v))
	}
	return v.Items(), nil
}

func filterRekey(c *core.Call) (value.Value, error) {
	a, err := c.Bind("key", "duplicates=")
	if err != nil {
		return value.Value{}, err
	}
	dup := core.TextOr(a[1], "error")
	if dup != "error" && dup != "overwrite" {
		return value.Value{}, fmt.Errorf("duplicates parameter to rekey_on_member has unknown value: %s", dup)
	}
	items := c.In.Items()
	if m, ok, err := value.Mapping(c.In); err != nil {
		return value.Value{}, err
	} else if ok {
		for _, v := range m.All() {
			items = append(items, v)
		}
	} else if !core.ListLike(c.In) {
		return value.Value{}, errors.New("Type is not a valid list, set, or dict")
	}
	return rekey(c, items, a[0], dup == "error")
}

func rekey(c *core.Call, items []value.Value, key value.Value, unique bool) (value.Value, error) {
	out := value.NewMap()
	for _, it := range items {
		m, ok, err := value.Mapping(it)
		if err != nil {
			return value.Value{}, err
		}
		if !ok {
			return value.Value{}, errors.New("List item is not a valid dict")
		}
		k, ok := m.Get(key)
		if !ok {
			return value.Value{}, fmt.Errorf("Key %s was not found", value.Str(key))
		}
		if err := value.Hashable(k); err != nil {
			return value.Value{}, err
		}
		if _, there := out.Get(k); there && unique {
			return value.Value{}, fmt.Errorf("Key %s is not unique, cannot correctly turn into dict", value.Show(k))
		}
		out.Set(k, it)
	}
	return value.FromMap(out), nil
}
