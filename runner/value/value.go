// Package value is the data that playbooks handle: null, booleans, numbers,
// text, lists, tuples, ordered mappings, Undefined and omit, shown and compared
// as Python does it, because Ansible's users see Python's ways. Two kinds of
// mark travel with text: unsafe (it came from a host and is never read as a
// template) and secret (it is masked wherever it would be shown).
//
// It is a leaf: it imports nothing of ours, does no I/O, and never uses
// reflection on the values it holds.
package value

import (
	"math/big"
	"slices"
	"sync/atomic"
)

// Kind is what a Value is. The zero Kind is null.
type Kind uint8

const (
	KindNull Kind = iota
	KindBool
	KindInt   // fits int64
	KindBig   // does not fit int64
	KindFloat // float64
	KindString
	KindList
	KindTuple
	KindMap       // *Map: ordered, keys as Python's dict has them
	KindObject    // Object: a mapping that is answered lazily (hostvars)
	KindOpaque    // Opaque: a datum only its maker understands (a macro, a date)
	KindUndefined // a name or attribute that is not there
	KindOmit      // Ansible's omit: the argument is left out
)

// Marks are facts about where a value came from. They survive concatenation,
// filters and templates; nothing but an explicit, documented act removes one.
type Marks uint8

const (
	// Unsafe text came from a host: it is never templated.
	Unsafe Marks = 1 << iota
	// Masked text is shown as ******** in every sink (vault, no_log).
	Masked
	// Sealed text is masked, and a hard error in a command's argv or environment.
	Sealed
	// Printed numbers come from a template with more than a name in it: Ansible
	// without jinja2_native has their text. Only what reads numbers otherwise than
	// text asks (a mode: 644 and "644" are two).
	Printed
)

// Secret reports whether text with these marks must be masked.
func (m Marks) Secret() bool { return m&(Masked|Sealed) != 0 }

// Value is one datum. The zero Value is null. Values are small and copied;
// lists and mappings inside are shared by reference, as in Python: who changes
// one that it did not make must copy it first.
type Value struct {
	ref any // *big.Int, *Seq, *Map, Object, Opaque, *Missing; for text: *Origin or nil
	s   string
	n   uint64 // bool, int64, float64 bits
	k   Kind
	m   Marks
}

// Seq is the storage of a list or tuple. Pos is where it was written, when that
// is known.
type Seq struct {
	Items []Value
	Pos   Pos
	// room is how much of the array behind Items is in use by all that lie in
	// it; nil = nobody knows (see Plus).
	room *atomic.Int64
}

// Object is a mapping whose entries are worked out when asked for.
// Get answers ok=false for a key that is not there; err passes through the
// caller by %w (a fact that has to be asked for first).
type Object interface {
	TypeName() string
	Get(key Value) (v Value, ok bool, err error)
	Keys() ([]Value, error)
}

// Opaque is a datum with behaviour that only its maker knows. Str and Repr are
// what Python's str() and repr() would print.
type Opaque interface {
	TypeName() string
	Str() string
	Repr() string
}

// Missing says what is undefined and where it was looked for.
type Missing struct {
	// Name is the variable or attribute that was asked for.
	Name string
	// Hint is a whole message that replaces the usual one when not empty.
	Hint string
	// In describes the object that lacks the attribute ("dict object"), empty
	// for a plain name.
	In string
	// Soft is an inline if without else: it prints as nothing and is false
	// instead of being an error.
	Soft bool
	// Cause is the error that working the value out met, nil when the name is
	// simply not there.
	Cause error
}

// Null returns the null value.
func Null() Value { return Value{} }

// Bool returns a boolean.
func Bool(b bool) Value {
	if b {
		return Value{k: KindBool, n: 1}
	}
	return Value{k: KindBool}
}

// Int returns an integer.
func Int(i int64) Value { return Value{k: KindInt, n: uint64(i)} }

// Big returns an integer of any size; one that fits int64 becomes KindInt.
func Big(i *big.Int) Value {
	if i.IsInt64() {
		return Int(i.Int64())
	}
	return Value{k: KindBig, ref: i}
}

// String returns text without marks.
func String(s string) Value { return Value{k: KindString, s: s} }

// MarkedString returns text with marks.
func MarkedString(s string, m Marks) Value { return Value{k: KindString, s: s, m: m} }

// List returns a list that owns items.
func List(items ...Value) Value { return Value{k: KindList, ref: &Seq{Items: items}} }

// Tuple returns a tuple that owns items.
func Tuple(items ...Value) Value { return Value{k: KindTuple, ref: &Seq{Items: items}} }

// FromSeq returns the list or tuple (k says which) whose storage is s itself.
func FromSeq(k Kind, s *Seq) Value { return Value{k: k, ref: s} }

// Strings returns a list of text.
func Strings(items ...string) Value {
	out := make([]Value, len(items))
	for i, s := range items {
		out[i] = String(s)
	}
	return List(out...)
}

// FromMap returns the mapping m itself, shared.
func FromMap(m *Map) Value {
	if m == nil {
		m = NewMap()
	}
	return Value{k: KindMap, ref: m}
}

// FromObject returns a lazily answered mapping.
func FromObject(o Object) Value { return Value{k: KindObject, ref: o} }

// FromOpaque returns a datum that only its maker understands.
func FromOpaque(o Opaque) Value { return Value{k: KindOpaque, ref: o} }

// Undefined returns the value of a name that is not there.
func Undefined(name string) Value { return FromMissing(Missing{Name: name}) }

// FromMissing returns an Undefined with its story.
func FromMissing(m Missing) Value { return Value{k: KindUndefined, ref: &m} }

// Omit returns Ansible's omit marker.
func Omit() Value { return Value{k: KindOmit} }

// Kind says what v is.
func (v Value) Kind() Kind { return v.k }

// Marks returns v's own marks (for containers see DeepMarks).
func (v Value) Marks() Marks { return v.m }

// IsNull reports null.
func (v Value) IsNull() bool { return v.k == KindNull }

// IsUndefined reports Undefined.
func (v Value) IsUndefined() bool { return v.k == KindUndefined }

// IsOmit reports Ansible's omit marker.
func (v Value) IsOmit() bool { return v.k == KindOmit }

// IsString reports text.
func (v Value) IsString() bool { return v.k == KindString }

// AsBool returns the boolean, ok=false for any other kind.
func (v Value) AsBool() (b, ok bool) { return v.n != 0, v.k == KindBool }

// AsInt returns an int64 of an integer or boolean (Python: bool is an int).
func (v Value) AsInt() (int64, bool) {
	return int64(v.n), v.k == KindInt || v.k == KindBool
}

// AsBig returns the integer of KindInt, KindBool or KindBig; the caller must
// not change it.
func (v Value) AsBig() (*big.Int, bool) {
	switch v.k {
	case KindBig:
		return v.ref.(*big.Int), true
	case KindInt, KindBool:
		return big.NewInt(int64(v.n)), true
	}
	return nil, false
}

// AsString returns the text, ok=false for any other kind.
func (v Value) AsString() (string, bool) { return v.s, v.k == KindString }

// AsSeq returns the storage of a list or tuple.
func (v Value) AsSeq() (*Seq, bool) {
	if v.k == KindList || v.k == KindTuple {
		return v.ref.(*Seq), true
	}
	return nil, false
}

// Items returns the elements of a list or tuple, nil for other kinds. The
// slice is shared: read only; what is appended to it goes elsewhere.
func (v Value) Items() []Value {
	if s, ok := v.AsSeq(); ok {
		return slices.Clip(s.Items)
	}
	return nil
}

// AsMap returns the mapping.
func (v Value) AsMap() (*Map, bool) {
	m, ok := v.ref.(*Map)
	return m, ok && v.k == KindMap
}

// AsObject returns the lazy mapping.
func (v Value) AsObject() (Object, bool) {
	o, ok := v.ref.(Object)
	return o, ok && v.k == KindObject
}

// AsOpaque returns the opaque datum.
func (v Value) AsOpaque() (Opaque, bool) {
	o, ok := v.ref.(Opaque)
	return o, ok && v.k == KindOpaque
}

// AsMissing returns what an Undefined knows of itself.
func (v Value) AsMissing() (Missing, bool) {
	if v.k != KindUndefined {
		return Missing{}, false
	}
	return *v.ref.(*Missing), true
}

// With returns v with marks added. Containers take them on every text inside,
// keys too (a copy); other kinds keep them on themselves.
func (v Value) With(m Marks) Value {
	if m == 0 {
		return v
	}
	switch v.k {
	case KindList, KindTuple:
		items := make([]Value, len(v.Items()))
		for i, it := range v.Items() {
			items[i] = it.With(m)
		}
		return Value{k: v.k, m: v.m | m, ref: &Seq{Items: items}}
	case KindMap:
		src, _ := v.AsMap()
		out := NewMap()
		for k, it := range src.All() {
			out.Set(k.With(m), it.With(m))
		}
		return Value{k: KindMap, m: v.m | m, ref: out}
	}
	v.m |= m
	return v
}

// Without returns v with marks removed from v itself only. It is the explicit
// act that the package comment speaks of; callers say why.
func (v Value) Without(m Marks) Value {
	v.m &^= m
	return v
}

// Holder is an Opaque that holds other data and shows it.
type Holder interface {
	// Marks is the union of the marks of what it holds.
	Marks() Marks
}

// DeepMarks is the union of the marks of v and of all that it holds. A lazy
// Object is not opened.
func DeepMarks(v Value) Marks {
	m := v.m
	switch v.k {
	case KindOpaque:
		if h, ok := v.ref.(Holder); ok {
			m |= h.Marks()
		}
	case KindList, KindTuple:
		for _, it := range v.Items() {
			m |= DeepMarks(it)
		}
	case KindMap:
		mm, _ := v.AsMap()
		for k, it := range mm.All() {
			m |= DeepMarks(k) | DeepMarks(it)
		}
	}
	return m
}

// Copy returns v with every list and mapping in it copied; text, numbers and
// lazy objects are shared.
func Copy(v Value) Value {
	switch v.k {
	case KindList, KindTuple:
		items := make([]Value, len(v.Items()))
		for i, it := range v.Items() {
			items[i] = Copy(it)
		}
		return Value{k: v.k, m: v.m, ref: &Seq{Items: items}}
	case KindMap:
		src, _ := v.AsMap()
		out := NewMap()
		for k, it := range src.All() {
			out.Set(k, Copy(it))
		}
		return Value{k: KindMap, m: v.m, ref: out}
	}
	return v
}
