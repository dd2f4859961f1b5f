package core

import (
	"errors"
	"fmt"

	"remoterun/runner/value"
)

// Grow appends to a list. Lists may share their storage, so the first time a
// list moves to storage of its own; from then on appending is cheap.
func (po *Ops) Grow(list value.Value, more ...value.Value) error {
	if err := po.apart(list, more...); err != nil {
		return err
	}
	s, _ := list.AsSeq()
	n := len(s.Items)
	if n+len(more) > MaxRange {
		return ErrRepeat
	}
	if owned, ok := po.owned[s]; !ok || owned != n {
		s.Items = append(make([]value.Value, 0, 2*n+len(more)+4), s.Items...)
		if err := po.Copying(n); err != nil {
			return err
		}
	}
	if po.owned == nil {
		po.owned = map[*value.Seq]int{}
	}
	s.Items = append(s.Items, more...)
	po.owned[s] = len(s.Items)
	if err := po.changed(list, n, more...); err != nil {
		return err
	}
	return po.Work(len(more))
}

// Put sets an entry of a mapping.
func (po *Ops) Put(mapping, k, v value.Value) error {
	if err := po.apart(mapping, v); err != nil {
		return err
	}
	m, _ := mapping.AsMap()
	n := m.Len()
	_, there := m.Get(k)
	m.Set(k, v)
	if there { // what it replaces need not be taken off: that is counted anew
		return po.replaced(mapping)
	}
	if err := po.changed(mapping, n, v); err != nil {
		return err
	}
	return po.Work(1)
}

// DictOf is Python's dict(v): a mapping, or pairs.
func (po *Ops) DictOf(v value.Value) (*value.Map, error) {
	if m, ok, err := value.Mapping(v); ok || err != nil {
		return m, err
	}
	items, err := po.Iterate(v)
	if err != nil {
		return nil, err
	}
	m := value.NewMap()
	for i, it := range items {
		pair, err := po.Iterate(it)
		if err != nil {
			return nil, fmt.Errorf("cannot convert dictionary update sequence element #%d to a sequence", i)
		}
		if len(pair) != 2 {
			return nil, fmt.Errorf("dictionary update sequence element #%d has length %d; 2 is required", i, len(pair))
		}
		if err := KeyError(pair[0]); err != nil {
			return nil, err
		}
		m.Set(pair[0], pair[1])
	}
	return m, nil
}

// KeyError is the error of a key that is undefined or not hashable.
func KeyError(k value.Value) error {
	return errors.Join(Defined(k), value.Hashable(k))
}

// apart refuses to put into a container something that holds it: nothing could
// be shown or compared that way.
func (po *Ops) apart(container value.Value, items ...value.Value) error {
	for _, it := range items {
		if err := po.weigh(it); err != nil {
			return err
		}
		if holds(it, container) {
			return errCycle
		}
	}
	return nil
}

// holds reports whether v is the container or has it somewhere inside.
func holds(v, container value.Value) bool {
	switch v.Kind() {
	case value.KindList, value.KindTuple:
		s, _ := v.AsSeq()
		if t, ok := container.AsSeq(); ok && s == t {
			return true
		}
		for _, it := range s.Items {
			if isContainer(it) && holds(it, container) {
				return true
			}
		}
	case value.KindMap:
		m, _ := v.AsMap()
		if n, ok := container.AsMap(); ok && m == n {
			return true
		}
		for _, it := range m.All() {
			if isContainer(it) && holds(it, container) {
				return true
			}
		}
	}
	return false
}

// Insert puts an item into a list before index i.
func (po *Ops) Insert(list value.Value, i int, it value.Value) error {
	if err := po.apart(list, it); err != nil {
		return err
	}
	s, _ := list.AsSeq()
	n := len(s.Items)
	items := make([]value.Value, 0, n+1)
	s.Items = append(append(append(items, s.Items[:i]...), it), s.Items[i:]...)
	if err := po.changed(list, n, it); err != nil {
		return err
	}
	return po.Copying(n)
}
