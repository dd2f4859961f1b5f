package value

import "sort"

// Sort orders items in place as Python's sorted does (stable); the error is
// that of the first pair without an order, and items are then half sorted.
func Sort(items []Value) error {
	return SortBy(items, func(v Value) Value { return v })
}

// SortBy orders items in place by what key makes of each (stable).
func SortBy(items []Value, key func(Value) Value) error {
	keys := make([]Value, len(items))
	for i, it := range items {
		keys[i] = key(it)
	}
	s := &sorter{items: items, keys: keys}
	sort.Stable(s)
	return s.err
}

type sorter struct {
	items, keys []Value
	err         error
}

func (s *sorter) Len() int { return len(s.items) }

func (s *sorter) Swap(i, j int) {
	s.items[i], s.items[j] = s.items[j], s.items[i]
	s.keys[i], s.keys[j] = s.keys[j], s.keys[i]
}

func (s *sorter) Less(i, j int) bool {
	c, err := Compare(s.keys[i], s.keys[j])
	if err != nil && s.err == nil {
		s.err = err
	}
	return c < 0
}
