package value

// Mapping answers v as a mapping, a lazy one worked out; ok=false when it is
// none. An error is one of working it out.
func Mapping(v Value) (m *Map, ok bool, err error) {
	if m, ok := v.AsMap(); ok {
		return m, true, nil
	}
	o, ok := v.AsObject()
	if !ok {
		return nil, false, nil
	}
	keys, err := o.Keys()
	if err != nil {
		return nil, true, err
	}
	m = NewMap()
	for _, k := range keys {
		it, _, err := o.Get(k)
		if err != nil {
			return nil, true, err
		}
		m.Set(k, it)
	}
	return m, true, nil
}
