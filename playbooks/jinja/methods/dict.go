package methods

import (
	"errors"
	"fmt"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// dictMethods are those of dict; get, items, keys and values serve lazy
// mappings too.
func dictMethods() map[string]core.Function {
	return map[string]core.Function{
		"get": dictGet, "items": Items, "keys": dictKeys, "values": dictValues,
		"pop": dictPop, "popitem": dictPopItem, "setdefault": dictSetDefault, "update": dictUpdate,
		"clear": func(c *core.Call) (value.Value, error) {
			m, _ := c.In.AsMap()
			for _, k := range m.Keys() {
				m.Delete(k)
			}
			return value.Null(), c.NoArguments()
		},
		"copy": func(c *core.Call) (value.Value, error) {
			m, _ := c.In.AsMap()
			return value.FromMap(m.Clone()), errors.Join(c.NoArguments(), c.Copying(m.Len()))
		},
		"fromkeys":    FromKeys,
		"__setitem__": dictSetItem,
	}
}

// dictSetItem is what templates use to set a key of their own mapping.
func dictSetItem(c *core.Call) (value.Value, error) {
	a, err := c.Bind("key", "value")
	if err != nil {
		return value.Value{}, err
	}
	if err := core.KeyError(a[0]); err != nil {
		return value.Value{}, err
	}
	return value.Null(), c.Put(c.In, a[0], a[1])
}

func dictGet(c *core.Call) (value.Value, error) {
	a, err := c.Bind("key", "default=")
	if err != nil {
		return value.Value{}, err
	}
	if err := core.KeyError(a[0]); err != nil {
		return value.Value{}, err
	}
	if o, ok := c.In.AsObject(); ok {
		if v, ok, err := o.Get(a[0]); ok || err != nil {
			return v, err
		}
	} else if m, _ := c.In.AsMap(); m != nil {
		if v, ok := m.Get(a[0]); ok {
			return v, nil
		}
	}
	return orNull(a[1], c), nil
}

// orNull is a default that was not given: null. One that was given and is
// undefined stays so.
func orNull(v value.Value, c *core.Call) value.Value {
	if v.IsUndefined() && len(c.Args) < 2 && c.Kw.Len() == 0 {
		return value.Null()
	}
	return v
}

// Items is dict.items(), of lazy mappings too.
func Items(c *core.Call) (value.Value, error) {
	if err := c.NoArguments(); err != nil {
		return value.Value{}, err
	}
	m, _, err := value.Mapping(c.In)
	if err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, 0, m.Len())
	for k, v := range m.All() {
		out = append(out, value.Tuple(k, v))
	}
	return value.List(out...), c.Work(len(out))
}

func dictKeys(c *core.Call) (value.Value, error) {
	if err := c.NoArguments(); err != nil {
		return value.Value{}, err
	}
	keys, err := c.Iterate(c.In)
	return value.List(keys...), err
}

func dictValues(c *core.Call) (value.Value, error) {
	if err := c.NoArguments(); err != nil {
		return value.Value{}, err
	}
	m, _, err := value.Mapping(c.In)
	if err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, 0, m.Len())
	for _, v := range m.All() {
		out = append(out, v)
	}
	return value.List(out...), c.Work(len(out))
}

func dictPop(c *core.Call) (value.Value, error) {
	a, err := c.Bind("key", "default=")
	if err != nil {
		return value.Value{}, err
	}
	if err := core.KeyError(a[0]); err != nil {
		return value.Value{}, err
	}
	m, _ := c.In.AsMap()
	v, ok := m.Get(a[0])
	switch {
	case ok:
		return v, c.WithoutKey(c.In, a[0])
	case len(c.Args) < 2:
		return value.Value{}, fmt.Errorf("KeyError: %s", value.Repr(a[0]))
	}
	return a[1], nil
}

func dictPopItem(c *core.Call) (value.Value, error) {
	m, _ := c.In.AsMap()
	k, v, ok := m.Last()
	if !ok {
		return value.Value{}, errors.New("'popitem(): dictionary is empty'")
	}
	return value.Tuple(k, v), errors.Join(c.NoArguments(), c.WithoutKey(c.In, k))
}

func dictSetDefault(c *core.Call) (value.Value, error) {
	a, err := c.Bind("key", "default=")
	if err != nil {
		return value.Value{}, err
	}
	if err := core.KeyError(a[0]); err != nil {
		return value.Value{}, err
	}
	m, _ := c.In.AsMap()
	if v, ok := m.Get(a[0]); ok {
		return v, nil
	}
	v := orNull(a[1], c)
	return v, c.Put(c.In, a[0], v)
}

func dictUpdate(c *core.Call) (value.Value, error) {
	if len(c.Args) > 1 {
		return value.Value{}, fmt.Errorf("update expected at most 1 argument, got %d", len(c.Args))
	}
	for _, a := range c.Args {
		more, err := c.DictOf(a)
		if err != nil {
			return value.Value{}, err
		}
		for k, v := range more.All() {
			if err := c.Put(c.In, k, v); err != nil {
				return value.Value{}, err
			}
		}
	}
	for k, v := range c.Kw.All() {
		if err := c.Put(c.In, k, v); err != nil {
			return value.Value{}, err
		}
	}
	return value.Null(), nil
}

// FromKeys is dict.fromkeys().
func FromKeys(c *core.Call) (value.Value, error) {
	a, err := c.Bind("iterable", "value=")
	if err != nil {
		return value.Value{}, err
	}
	keys, err := c.Iterate(a[0])
	if err != nil {
		return value.Value{}, err
	}
	m := value.NewMap()
	for _, k := range keys {
		if err := core.KeyError(k); err != nil {
			return value.Value{}, err
		}
		m.Set(k, orNull(a[1], c))
	}
	return value.FromMap(m), nil
}
