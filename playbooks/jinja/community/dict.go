package community

import (
	"errors"
	"fmt"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// dictEntries make mappings of lists.
func dictEntries() []core.Entry {
	return core.StrictAll([]core.Entry{
		{Name: "dict", Sig: "dict", Example: "{{ [['a', 1]] | community.general.dict }}", Shows: "{'a': 1}", Func: core.NoArguments(filterDict), Spread: core.SpreadNone},
		{Name: "dict_kv", Sig: "dict_kv(key)", Example: "{{ 1 | community.general.dict_kv('a') }}", Shows: "{'a': 1}", Func: filterDictKV, Spread: core.SpreadNone},
		{Name: "counter", Sig: "counter", Example: "{{ ['a', 'b', 'a'] | community.general.counter }}", Shows: "{'a': 2, 'b': 1}", Func: core.NoArguments(filterCounter), Spread: core.SpreadNone},
		{Name: "groupby_as_dict", Sig: "groupby_as_dict(attribute)", Example: "{{ [{'n': 'x'}] | community.general.groupby_as_dict('n') }}", Shows: "{'x': {'n': 'x'}}", Func: filterGroupbyDict, Spread: core.SpreadNone},
	})
}

func filterDict(c *core.Call) (value.Value, error) {
	m, err := c.DictOf(c.In)
	if err != nil {
		return value.Value{}, err
	}
	return value.FromMap(m.Clone()), nil
}

func filterDictKV(c *core.Call) (value.Value, error) {
	a, err := c.Bind("key")
	if err != nil {
		return value.Value{}, err
	}
	if err := value.Hashable(a[0]); err != nil {
		return value.Value{}, err
	}
	m := value.NewMap()
	m.Set(a[0], c.In)
	return value.FromMap(m), nil
}

func filterCounter(c *core.Call) (value.Value, error) {
	if !core.ListLike(c.In) && !c.In.IsString() {
		return value.Value{}, fmt.Errorf("Argument for community.general.counter must be a sequence (string or list). %s is %s", value.Show(c.In), core.PyType(c.In))
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	m := value.NewMap()
	for _, it := range items {
		if err := errors.Join(core.Defined(it), value.Hashable(it)); err != nil {
			return value.Value{}, fmt.Errorf("community.general.counter needs a sequence with hashable elements (int, float or str) - %w", err)
		}
		old, _ := m.Get(it)
		n, _ := old.AsInt()
		m.Set(it, value.Int(n+1))
	}
	return value.FromMap(m), nil
}

func filterGroupbyDict(c *core.Call) (value.Value, error) {
	a, err := c.Bind("attribute")
	if err != nil {
		return value.Value{}, err
	}
	if !core.ListLike(c.In) && !c.In.IsString() {
		return value.Value{}, errors.New("Input is not a sequence")
	}
	items, err := c.Iterate(c.In)
	if err != nil {
		return value.Value{}, err
	}
	out := value.NewMap()
	for i, it := range items {
		m, ok, err := value.Mapping(it)
		if err != nil {
			return value.Value{}, err
		}
		if !ok {
			return value.Value{}, fmt.Errorf("Sequence element #%d is not a mapping", i)
		}
		k, ok := m.Get(a[0])
		if !ok {
			return value.Value{}, fmt.Errorf("Attribute not contained in element #%d of sequence", i)
		}
		if err := value.Hashable(k); err != nil {
			return value.Value{}, err
		}
		if _, there := out.Get(k); there {
			return value.Value{}, fmt.Errorf("Multiple sequence entries have attribute value %s", value.Repr(k))
		}
		out.Set(k, it)
	}
	return value.FromMap(out), nil
}
