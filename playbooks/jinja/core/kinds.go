package core

import (
	"slices"

	"remoterun/runner/value"
)

// What Python code asks of a value's type.

// ListLike reports what Ansible calls a sequence: lists and tuples.
func ListLike(v value.Value) bool {
	_, ok := v.AsSeq()
	return ok
}

// IsList reports a list, which Python code may ask for by that type.
func IsList(v value.Value) bool { return v.Kind() == value.KindList }

// MappingLike reports a mapping, lazy ones included.
func MappingLike(v value.Value) bool {
	return v.Kind() == value.KindMap || v.Kind() == value.KindObject
}

// InList is Python's "v in items".
func InList(items []value.Value, v value.Value) bool {
	return slices.ContainsFunc(items, func(it value.Value) bool { return value.Equal(it, v) })
}

// PyType is what str(type(v)) shows.
func PyType(v value.Value) string { return "<class '" + value.TypeName(v) + "'>" }

// Like returns items as a list or a tuple, as v is one.
func Like(v value.Value, items []value.Value) value.Value {
	if v.Kind() == value.KindTuple {
		return value.Tuple(items...)
	}
	return value.List(items...)
}

// Sorted returns items in Python's order by key, equal ones in their old
// order even when reversed.
func Sorted(items []value.Value, reverse bool, key func(value.Value) value.Value) ([]value.Value, error) {
	out := slices.Clone(items)
	if reverse {
		slices.Reverse(out)
	}
	if err := value.SortBy(out, key); err != nil {
		return nil, err
	}
	if reverse {
		slices.Reverse(out)
	}
	return out, nil
}
