package value

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"math/big"
	"strings"
)

// Map is an ordered mapping with Python's rules for keys: any value that does
// not change is a key, and 1, 1.0 and true are the same one. Setting a key
// that is there keeps its place and its first spelling.
type Map struct {
	entries []entry
	index   map[hashed]int
	dead    int
	// tail is not nil when entries and index are shared (see Plus): only what
	// lies below len(entries) is m's then.
	tail *tail
	// Pos is where the mapping was written, when that is known.
	Pos Pos
}

type entry struct {
	key, val Value
	gone     bool
}

// hashed is a comparable stand-in for a key.
type hashed struct {
	kind Kind
	n    uint64
	s    string
}

// NewMap returns an empty mapping.
func NewMap() *Map { return &Map{} }

// MapOf builds a mapping from text keys and values in turn. It panics on an
// odd count: a mistake in the program, never in data.
func MapOf(pairs ...any) *Map {
	if len(pairs)%2 != 0 {
		panic("value.MapOf: odd number of arguments")
	}
	m := NewMap()
	for i := 0; i < len(pairs); i += 2 {
		m.Put(pairs[i].(string), pairs[i+1].(Value))
	}
	return m
}

// Hashable reports whether v can be a key, and if not the Python type that
// cannot be one.
func Hashable(v Value) error {
	switch v.k {
	case KindList, KindMap, KindObject:
		return fmt.Errorf("unhashable type: '%s'", TypeName(v))
	case KindTuple:
		for _, it := range v.Items() {
			if err := Hashable(it); err != nil {
				return err
			}
		}
	}
	return nil
}

func hash(v Value) hashed {
	switch v.k {
	case KindString:
		return hashed{kind: KindString, s: v.s}
	case KindInt, KindBool:
		return hashed{kind: KindInt, n: v.n}
	case KindFloat:
		f := math.Float64frombits(v.n)
		if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
			return hashed{kind: KindInt, n: uint64(int64(f))}
		}
		return hashed{kind: KindFloat, n: v.n}
	case KindBig:
		return hashed{kind: KindBig, s: v.ref.(*big.Int).String()}
	case KindTuple:
		var b strings.Builder
		for _, it := range v.Items() {
			h := hash(it)
			fmt.Fprintf(&b, "%d:%d:%d:%s,", h.kind, h.n, len(h.s), h.s)
		}
		return hashed{kind: KindTuple, s: b.String()}
	case KindOpaque:
		return hashed{kind: KindOpaque, s: v.ref.(Opaque).Repr()}
	}
	return hashed{kind: v.k}
}

// Len is the number of entries; a nil Map is empty.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.entries) - m.dead
}

// Get returns the entry of key.
func (m *Map) Get(key Value) (Value, bool) {
	if m == nil || m.index == nil {
		return Value{}, false
	}
	i, ok := m.index[hash(key)]
	if !ok || i >= len(m.entries) {
		return Value{}, false
	}
	return m.entries[i].val, true
}

// Lookup returns the entry of a text key.
func (m *Map) Lookup(name string) (Value, bool) { return m.Get(String(name)) }

// Set stores val under key. The key must be hashable (see Hashable).
func (m *Map) Set(key, val Value) {
	m.apart()
	m.set(key, val)
}

func (m *Map) set(key, val Value) {
	h := hash(key)
	if i, ok := m.index[h]; ok {
		m.entries[i].val = val
		return
	}
	if m.index == nil {
		m.index = map[hashed]int{}
	}
	m.index[h] = len(m.entries)
	m.entries = append(m.entries, entry{key: key, val: val})
}

// Put stores val under a text key.
func (m *Map) Put(name string, val Value) { m.Set(String(name), val) }

// Delete removes key and reports whether it was there.
func (m *Map) Delete(key Value) bool {
	if m == nil {
		return false
	}
	m.apart()
	h := hash(key)
	i, ok := m.index[h]
	if !ok {
		return false
	}
	delete(m.index, h)
	m.entries[i] = entry{gone: true}
	m.dead++
	for n := len(m.entries); n > 0 && m.entries[n-1].gone; n-- {
		m.entries, m.dead = m.entries[:n-1], m.dead-1
	}
	if m.dead > 32 && m.dead > len(m.entries)/2 {
		m.compact()
	}
	return true
}

func (m *Map) compact() {
	kept := m.entries[:0:0]
	for _, e := range m.entries {
		if !e.gone {
			m.index[hash(e.key)] = len(kept)
			kept = append(kept, e)
		}
	}
	m.entries, m.dead = kept, 0
}

// All yields the entries in order. Changing the mapping meanwhile is a mistake.
func (m *Map) All() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		if m == nil {
			return
		}
		for _, e := range m.entries {
			if !e.gone && !yield(e.key, e.val) {
				return
			}
		}
	}
}

// Last returns the entry that was set last; ok=false when there is none.
func (m *Map) Last() (key, val Value, ok bool) {
	if m.Len() == 0 {
		return Value{}, Value{}, false
	}
	e := m.entries[len(m.entries)-1] // Delete leaves none behind that is gone
	return e.key, e.val, true
}

// Keys returns the keys in order.
func (m *Map) Keys() []Value {
	out := make([]Value, 0, m.Len())
	for k := range m.All() {
		out = append(out, k)
	}
	return out
}

// Names returns the text keys in order.
func (m *Map) Names() []string {
	out := make([]string, 0, m.Len())
	for k := range m.All() {
		if s, ok := k.AsString(); ok {
			out = append(out, s)
		}
	}
	return out
}

// With returns a mapping whose values have the marks; its own keys stay as they
// are: the names of variables in a vault are no secret.
func (m *Map) With(marks Marks) *Map {
	out := NewMap()
	if m != nil {
		out.Pos = m.Pos
	}
	for k, v := range m.All() {
		out.Set(k, v.With(marks))
	}
	return out
}

// Clone returns a mapping with the same entries (the values are shared).
func (m *Map) Clone() *Map {
	if m == nil {
		return NewMap()
	}
	// Copied as a whole: key by key it takes ten times as long.
	c := &Map{entries: append(make([]entry, 0, len(m.entries)+4), m.entries...), index: maps.Clone(m.index), dead: m.dead}
	if m.tail != nil {
		maps.DeleteFunc(c.index, func(_ hashed, i int) bool { return i >= len(c.entries) })
	}
	return c
}
