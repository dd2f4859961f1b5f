package jinja

import (
	"errors"
	"fmt"

	"remoterun/runner/value"
)

// dictMethods are those of dict; get, items, keys and values serve lazy
// mappings too.
func dictMethods() map[string]function {
	return map[string]function{
		"get": dictGet, "items": dictItems, "keys": dictKeys, "values": dictValues,
		"pop": dictPop, "popitem": dictPopItem, "setdefault": dictSetDefault, "update": dictUpdate,
		"clear": func(c *call) (value.Value, error) {
			m, _ := c.in.AsMap()
			for _, k := range m.Keys() {
				m.Delete(k)
			}
			return value.Null(), c.none()
		},
		"copy": func(c *call) (value.Value, error) {
			m, _ := c.in.AsMap()
			return value.FromMap(m.Clone()), c.none()
		},
		"fromkeys":    dictFromKeys,
		"__setitem__": dictSetItem,
	}
}

// dictSetItem is what templates use to set a key of their own mapping.
func dictSetItem(c *call) (value.Value, error) {
	a, err := c.bind("key", "value")
	if err != nil {
		return value.Value{}, err
	}
	if err := keyError(a[0]); err != nil {
		return value.Value{}, err
	}
	return value.Null(), c.put(c.in, a[0], a[1])
}

func dictGet(c *call) (value.Value, error) {
	a, err := c.bind("key", "default=")
	if err != nil {
		return value.Value{}, err
	}
	if err := keyError(a[0]); err != nil {
		return value.Value{}, err
	}
	if o, ok := c.in.AsObject(); ok {
		if v, ok, err := o.Get(a[0]); ok || err != nil {
			return v, err
		}
	} else if m, _ := c.in.AsMap(); m != nil {
		if v, ok := m.Get(a[0]); ok {
			return v, nil
		}
	}
	return orNull(a[1], c), nil
}

// orNull is a default that was not given: null. One that was given and is
// undefined stays so.
func orNull(v value.Value, c *call) value.Value {
	if v.IsUndefined() && len(c.args) < 2 && c.kw.Len() == 0 {
		return value.Null()
	}
	return v
}

func dictItems(c *call) (value.Value, error) {
	if err := c.none(); err != nil {
		return value.Value{}, err
	}
	m, _, err := value.Mapping(c.in)
	if err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, 0, m.Len())
	for k, v := range m.All() {
		out = append(out, value.Tuple(k, v))
	}
	return value.List(out...), c.work(len(out))
}

func dictKeys(c *call) (value.Value, error) {
	if err := c.none(); err != nil {
		return value.Value{}, err
	}
	keys, err := c.iterate(c.in)
	return value.List(keys...), err
}

func dictValues(c *call) (value.Value, error) {
	if err := c.none(); err != nil {
		return value.Value{}, err
	}
	m, _, err := value.Mapping(c.in)
	if err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, 0, m.Len())
	for _, v := range m.All() {
		out = append(out, v)
	}
	return value.List(out...), c.work(len(out))
}

func dictPop(c *call) (value.Value, error) {
	a, err := c.bind("key", "default=")
	if err != nil {
		return value.Value{}, err
	}
	if err := keyError(a[0]); err != nil {
		return value.Value{}, err
	}
	m, _ := c.in.AsMap()
	v, ok := m.Get(a[0])
	switch {
	case ok:
		m.Delete(a[0])
		return v, nil
	case len(c.args) < 2:
		return value.Value{}, fmt.Errorf("KeyError: %s", value.Repr(a[0]))
	}
	return a[1], nil
}

func dictPopItem(c *call) (value.Value, error) {
	m, _ := c.in.AsMap()
	keys := m.Keys()
	if len(keys) == 0 {
		return value.Value{}, errors.New("'popitem(): dictionary is empty'")
	}
	k := keys[len(keys)-1]
	v, _ := m.Get(k)
	m.Delete(k)
	return value.Tuple(k, v), c.none()
}

func dictSetDefault(c *call) (value.Value, error) {
	a, err := c.bind("key", "default=")
	if err != nil {
		return value.Value{}, err
	}
	if err := keyError(a[0]); err != nil {
		return value.Value{}, err
	}
	m, _ := c.in.AsMap()
	if v, ok := m.Get(a[0]); ok {
		return v, nil
	}
	v := orNull(a[1], c)
	return v, c.put(c.in, a[0], v)
}

func dictUpdate(c *call) (value.Value, error) {
	if len(c.args) > 1 {
		return value.Value{}, fmt.Errorf("update expected at most 1 argument, got %d", len(c.args))
	}
	for _, a := range c.args {
		more, err := c.dictOf(a)
		if err != nil {
			return value.Value{}, err
		}
		for k, v := range more.All() {
			if err := c.put(c.in, k, v); err != nil {
				return value.Value{}, err
			}
		}
	}
	for k, v := range c.kw.All() {
		if err := c.put(c.in, k, v); err != nil {
			return value.Value{}, err
		}
	}
	return value.Null(), nil
}

func dictFromKeys(c *call) (value.Value, error) {
	a, err := c.bind("iterable", "value=")
	if err != nil {
		return value.Value{}, err
	}
	keys, err := c.iterate(a[0])
	if err != nil {
		return value.Value{}, err
	}
	m := value.NewMap()
	for _, k := range keys {
		if err := keyError(k); err != nil {
			return value.Value{}, err
		}
		m.Set(k, orNull(a[1], c))
	}
	return value.FromMap(m), nil
}
