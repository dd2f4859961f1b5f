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
	return value.Null(), c.rt.put(c.in, a[0], a[1])
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

func keyError(k value.Value) error {
	return errors.Join(defined(k), value.Hashable(k))
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
	return value.List(out...), c.rt.work(len(out))
}

func dictKeys(c *call) (value.Value, error) {
	if err := c.none(); err != nil {
		return value.Value{}, err
	}
	keys, err := c.rt.iterate(c.in)
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
	return value.List(out...), c.rt.work(len(out))
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
	return v, c.rt.put(c.in, a[0], v)
}

func dictUpdate(c *call) (value.Value, error) {
	if len(c.args) > 1 {
		return value.Value{}, fmt.Errorf("update expected at most 1 argument, got %d", len(c.args))
	}
	for _, a := range c.args {
		more, err := c.rt.dictOf(a)
		if err != nil {
			return value.Value{}, err
		}
		for k, v := range more.All() {
			if err := c.rt.put(c.in, k, v); err != nil {
				return value.Value{}, err
			}
		}
	}
	for k, v := range c.kw.All() {
		if err := c.rt.put(c.in, k, v); err != nil {
			return value.Value{}, err
		}
	}
	return value.Null(), nil
}

// put sets an entry of a mapping.
func (r *render) put(mapping, k, v value.Value) error {
	if err := r.apart(mapping, v); err != nil {
		return err
	}
	m, _ := mapping.AsMap()
	n := m.Len()
	_, there := m.Get(k)
	m.Set(k, v)
	if there { // what it replaces need not be taken off: that is counted anew
		return r.replaced(mapping)
	}
	if err := r.changed(mapping, n, v); err != nil {
		return err
	}
	return r.work(1)
}

// dictOf is Python's dict(v): a mapping, or pairs.
func (r *render) dictOf(v value.Value) (*value.Map, error) {
	if m, ok, err := value.Mapping(v); ok || err != nil {
		return m, err
	}
	items, err := r.iterate(v)
	if err != nil {
		return nil, err
	}
	m := value.NewMap()
	for i, it := range items {
		pair, err := r.iterate(it)
		if err != nil {
			return nil, fmt.Errorf("cannot convert dictionary update sequence element #%d to a sequence", i)
		}
		if len(pair) != 2 {
			return nil, fmt.Errorf("dictionary update sequence element #%d has length %d; 2 is required", i, len(pair))
		}
		if err := keyError(pair[0]); err != nil {
			return nil, err
		}
		m.Set(pair[0], pair[1])
	}
	return m, nil
}

func dictFromKeys(c *call) (value.Value, error) {
	a, err := c.bind("iterable", "value=")
	if err != nil {
		return value.Value{}, err
	}
	keys, err := c.rt.iterate(a[0])
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
