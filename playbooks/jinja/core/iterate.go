package core

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Iterate returns what a loop over v sees: items, characters, keys. The slice
// is shared: read only.
func (po *Ops) Iterate(v value.Value) ([]value.Value, error) {
	switch v.Kind() {
	case value.KindList, value.KindTuple:
		return v.Items(), po.Work(len(v.Items()))
	case value.KindString:
		s, _ := v.AsString()
		if err := po.Work(len(s)); err != nil {
			return nil, err
		}
		out := make([]value.Value, 0, len(s))
		for _, c := range s {
			out = append(out, value.MarkedString(string(c), v.Marks()))
		}
		return out, nil
	case value.KindMap:
		m, _ := v.AsMap()
		return m.Keys(), po.Work(m.Len())
	case value.KindObject:
		o, _ := v.AsObject()
		return o.Keys()
	case value.KindUndefined:
		return nil, Defined(v)
	}
	return nil, fmt.Errorf("'%s' object is not iterable", value.TypeName(v))
}

// Contains is Python's "item in v".
func (po *Ops) Contains(v, item value.Value) (bool, error) {
	switch v.Kind() {
	case value.KindString:
		s, _ := v.AsString()
		part, ok := item.AsString()
		if !ok {
			return false, fmt.Errorf("'in <string>' requires string as left operand, not %s", value.TypeName(item))
		}
		return strings.Contains(s, part), nil
	case value.KindList, value.KindTuple:
		if err := po.Work(len(v.Items()) / 16); err != nil {
			return false, err
		}
		for _, it := range v.Items() {
			if it.IsUndefined() {
				return false, Defined(it)
			}
			if same, err := po.same(it, item); err != nil || same {
				return same, err
			}
		}
		return false, nil
	case value.KindMap:
		if err := value.Hashable(item); err != nil {
			return false, err
		}
		m, _ := v.AsMap()
		_, ok := m.Get(item)
		return ok, nil
	case value.KindObject:
		o, _ := v.AsObject()
		_, ok, err := o.Get(item)
		return ok, err
	}
	if v.IsUndefined() {
		return false, Defined(v)
	}
	return false, fmt.Errorf("argument of type '%s' is not iterable", value.TypeName(v))
}

// Length is Python's len(v).
func (po *Ops) Length(v value.Value) (int, error) {
	switch v.Kind() {
	case value.KindString:
		s, _ := v.AsString()
		n := 0
		for range s {
			n++
		}
		return n, nil
	case value.KindList, value.KindTuple:
		return len(v.Items()), nil
	case value.KindMap:
		m, _ := v.AsMap()
		return m.Len(), nil
	case value.KindObject:
		o, _ := v.AsObject()
		keys, err := o.Keys()
		return len(keys), err
	case value.KindUndefined:
		return 0, Defined(v)
	}
	return 0, fmt.Errorf("object of type '%s' has no len()", value.TypeName(v))
}

// opened returns v with every lazy mapping in it worked out.
func (po *Ops) opened(v value.Value) (value.Value, error) {
	if err := po.weigh(v); err != nil {
		return value.Value{}, err
	}
	if !hasObject(v) {
		return v, nil
	}
	if err := po.Enter(); err != nil {
		return value.Value{}, err
	}
	defer po.Leave()
	switch v.Kind() {
	case value.KindList, value.KindTuple:
		out := make([]value.Value, len(v.Items()))
		for i, it := range v.Items() {
			var err error
			if out[i], err = po.opened(it); err != nil {
				return value.Value{}, err
			}
		}
		return Like(v, out), nil
	}
	m, _, err := value.Mapping(v)
	if err != nil {
		return value.Value{}, err
	}
	out := value.NewMap()
	for k, it := range m.All() {
		if it, err = po.opened(it); err != nil {
			return value.Value{}, err
		}
		out.Set(k, it)
	}
	return value.FromMap(out), po.Work(out.Len())
}

func hasObject(v value.Value) bool {
	switch v.Kind() {
	case value.KindObject:
		return true
	case value.KindList, value.KindTuple:
		return slices.ContainsFunc(v.Items(), hasObject)
	case value.KindMap:
		m, _ := v.AsMap()
		for _, it := range m.All() {
			if hasObject(it) {
				return true
			}
		}
	}
	return false
}

// Numbers is Python's range(lo, hi, step) as a list.
func (po *Ops) Numbers(lo, hi, step int64) (value.Value, error) {
	if step == 0 {
		return value.Value{}, errors.New("range() arg 3 must not be zero")
	}
	count := uint64(0)
	switch {
	case step > 0 && hi > lo:
		count = (uint64(hi)-uint64(lo)-1)/uint64(step) + 1
	case step < 0 && hi < lo:
		count = (uint64(lo)-uint64(hi)-1)/(-uint64(step)) + 1
	}
	if count > MaxRange {
		return value.Value{}, fmt.Errorf("range() of %d items is too large: at most %d", count, MaxRange)
	}
	if err := po.Work(int(count)); err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, count)
	for i := range out {
		out[i] = value.Int(lo + int64(i)*step)
	}
	return value.List(out...), nil
}

// Buffer collects output and the marks of what went in.
type Buffer struct {
	strings.Builder
	po    *Ops
	Marks value.Marks
	// masked is the same text without secrets; nil = nobody wants it.
	masked *strings.Builder
}

// Buffer returns one that collects text with these marks.
func (po *Ops) Buffer(m value.Marks) *Buffer { return &Buffer{po: po, Marks: m} }

// Add writes a value as templates show it, and takes its marks.
func (b *Buffer) Add(v value.Value) error {
	if b.masked != nil && value.DeepMarks(v)&(value.Masked|value.Sealed) != 0 {
		return b.secret(v)
	}
	if s, ok := v.AsString(); ok {
		b.Marks |= v.Marks()
		return b.Text(s)
	}
	if i, ok := v.AsInt(); ok && v.Kind() == value.KindInt {
		b.Marks |= v.Marks()
		var digits [20]byte
		return b.Text(string(strconv.AppendInt(digits[:0], i, 10)))
	}
	v, err := b.po.opened(v)
	if err != nil {
		return err
	}
	b.Marks |= value.DeepMarks(v)
	return b.Text(value.Str(v))
}

// Text writes text within the limits.
func (b *Buffer) Text(s string) error {
	if err := b.po.Fits(b.Len() + len(s)); err != nil {
		return err
	}
	if err := b.po.Grown(len(s)); err != nil {
		return err
	}
	b.WriteString(s)
	if b.masked != nil {
		b.masked.WriteString(s)
	}
	return nil
}

// secret adds what only the text itself may hold: each of its lines is masked.
func (b *Buffer) secret(v value.Value) error {
	masked := b.masked
	b.masked = nil
	at := b.Len()
	err := b.Add(v)
	masked.WriteString(play.Mask + strings.Repeat("\n"+play.Mask, strings.Count(b.String()[at:], "\n")))
	b.masked = masked
	return err
}
