package value

import "sync/atomic"

// Plus returns storage with the items of s and more behind them, and how many
// items were copied for it. Lists that grow step by step lie in one array: the
// room behind s is taken when nobody has it yet, and what others see of the
// array never changes.
func (s *Seq) Plus(more []Value) (sum *Seq, copied int) {
	n, all := len(s.Items), len(s.Items)+len(more)
	if s.room != nil && cap(s.Items) >= all && s.room.CompareAndSwap(int64(n), int64(all)) {
		return &Seq{Items: append(s.Items, more...), room: s.room}, len(more)
	}
	size := all
	if s.room != nil { // it has grown before, and will again
		size += all/2 + 4
	}
	sum = &Seq{Items: append(append(make([]Value, 0, size), s.Items...), more...), room: &atomic.Int64{}}
	sum.room.Store(int64(all))
	return sum, all
}

// Append puts more at the end of s itself; it returns how many items were copied.
func (s *Seq) Append(more []Value) (copied int) {
	if s.room == nil {
		s.room = &atomic.Int64{} // as one that has grown
		s.room.Store(-1)
	}
	sum, copied := s.Plus(more)
	s.Items, s.room = sum.Items, sum.room
	return copied
}

// Replace gives s other items, which it owns.
func (s *Seq) Replace(items []Value) { s.Items, s.room = items, nil }

// tail is what mappings that grew out of each other share: how many entries are
// in use, and who alone may add to them.
type tail struct {
	owner any
	used  int
}

// Plus returns a mapping with the entries of m, and those of more set in it; it
// returns how many entries were copied. Where more has only new keys, entries
// and index are shared with m, so that a mapping that grows step by step is not
// copied each time. owner is comparable and stands for the one goroutine that
// uses m and what grew out of it: only who has the same one shares.
func (m *Map) Plus(more *Map, owner any) (sum *Map, copied int) {
	if m.shares(more, owner) {
		sum = &Map{entries: m.entries, index: m.index, dead: m.dead, tail: m.tail}
	} else {
		sum = m.Clone()
		copied = len(sum.entries)
	}
	for k, v := range more.All() {
		sum.set(k, v)
	}
	if sum.tail == nil {
		sum.tail = &tail{owner: owner}
	}
	sum.tail.used = len(sum.entries)
	return sum, copied + more.Len()
}

// shares reports whether m's storage may be grown by the entries of more.
func (m *Map) shares(more *Map, owner any) bool {
	if m == nil || m.tail == nil || m.tail.owner != owner || m.tail.used != len(m.entries) {
		return false
	}
	for k := range more.All() {
		if _, there := m.Get(k); there {
			return false
		}
	}
	return true
}

// apart gives a mapping that shares its storage one of its own.
func (m *Map) apart() {
	if m.tail != nil {
		c := m.Clone()
		m.entries, m.index, m.dead, m.tail = c.entries, c.index, c.dead, nil
	}
}
