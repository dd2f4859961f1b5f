package core

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/value"
)

// Grow appends to a list.
func (po *Ops) Grow(list value.Value, more ...value.Value) error {
	if err := po.apart(list, more...); err != nil {
		return err
	}
	s, _ := list.AsSeq()
	n := len(s.Items)
	if n+len(more) > MaxRange {
		return ErrRepeat
	}
	if err := po.Copying(s.Append(more)); err != nil {
		return err
	}
	if err := po.changed(list, n, nil, more); err != nil {
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
	var gone []value.Value
	if old, there := m.Get(k); there {
		gone = []value.Value{old}
	}
	m.Set(k, v)
	if err := po.changed(mapping, n, gone, []value.Value{v}, k); err != nil {
		return err
	}
	return po.Work(1)
}

// Without takes the item at an index out of a list.
func (po *Ops) Without(list value.Value, i int) error {
	s, _ := list.AsSeq()
	n, it := len(s.Items), s.Items[i]
	if i == n-1 { // what is appended next goes elsewhere, see Seq.Plus
		s.Items = s.Items[:i]
	} else {
		s.Replace(slices.Delete(slices.Clone(s.Items), i, i+1))
		if err := po.Copying(n); err != nil {
			return err
		}
	}
	return po.changed(list, n, []value.Value{it}, nil)
}

// WithoutKey takes an entry out of a mapping.
func (po *Ops) WithoutKey(mapping, k value.Value) error {
	m, _ := mapping.AsMap()
	n := m.Len()
	old, there := m.Get(k)
	if !there {
		return nil
	}
	m.Delete(k)
	return po.changed(mapping, n, []value.Value{old}, nil)
}

// Merged is a mapping of a's entries and b's; b's win.
func (po *Ops) Merged(a, b value.Value) (value.Value, error) {
	x, _ := a.AsMap()
	y, _ := b.AsMap()
	if po.me == nil {
		po.me = new(int)
	}
	m, copied := x.Plus(y, po.me)
	sum := value.FromMap(m)
	if err := po.Copying(copied); err != nil {
		return value.Value{}, err
	}
	if m.Len() != x.Len()+y.Len() { // something was replaced: counted when it is asked for
		return sum, nil
	}
	return sum, po.joined(sum, a, b)
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
	s.Replace(append(append(append(items, s.Items[:i]...), it), s.Items[i:]...))
	if err := po.changed(list, n, nil, []value.Value{it}); err != nil {
		return err
	}
	return po.Copying(n)
}

// longText is from how many bytes on text is looked for among what was joined
// before: shorter text is copied as quickly.
const longText = 4 << 10

// texts are the latest long texts that were joined, each with room behind it, so
// that a text which grows in a loop is not copied at each turn.
type texts struct {
	of   [4]*strings.Builder
	next int
}

// glue is s and t behind it.
func (po *Ops) glue(s, t string) (string, error) {
	if err := po.Fits(len(s) + len(t)); err != nil {
		return "", err
	}
	if len(s) < longText || t == "" {
		return s + t, po.Grown(len(s) + len(t))
	}
	b := po.texts.ending(s)
	if b == nil {
		b = &strings.Builder{}
		b.WriteString(s)
		po.texts.of[po.texts.next] = b
		po.texts.next = (po.texts.next + 1) % len(po.texts.of)
		if err := po.Grown(len(s)); err != nil {
			return "", err
		}
	}
	if b.Cap() < b.Len()+len(t) { // copied as a whole, and half as much again
		if err := po.Grown(b.Len() + b.Len()/2); err != nil {
			return "", err
		}
	}
	b.WriteString(t)
	return b.String(), po.Grown(len(t))
}

// ending finds the text that is s. Of one that was made here the comparison
// looks at no byte, for it is the same memory.
func (ts *texts) ending(s string) *strings.Builder {
	for _, b := range ts.of {
		if b != nil && b.Len() == len(s) && b.String() == s {
			return b
		}
	}
	return nil
}
