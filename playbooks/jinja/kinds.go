package jinja

import (
	"slices"

	"remoterun/runner/value"
)

// What Python code asks of a value's type.

// listLike reports what Ansible calls a sequence: lists and tuples.
func listLike(v value.Value) bool {
	_, ok := v.AsSeq()
	return ok
}

// isList reports a list, which Python code may ask for by that type.
func isList(v value.Value) bool { return v.Kind() == value.KindList }

// mappingLike reports a mapping, lazy ones included.
func mappingLike(v value.Value) bool {
	return v.Kind() == value.KindMap || v.Kind() == value.KindObject
}

// inList is Python's "v in items".
func inList(items []value.Value, v value.Value) bool {
	return slices.ContainsFunc(items, func(it value.Value) bool { return value.Equal(it, v) })
}

// pyType is what str(type(v)) shows.
func pyType(v value.Value) string { return "<class '" + value.TypeName(v) + "'>" }

// like returns items as a list or a tuple, as v is one.
func like(v value.Value, items []value.Value) value.Value {
	if v.Kind() == value.KindTuple {
		return value.Tuple(items...)
	}
	return value.List(items...)
}

// sorted answers items in Python's order by key, equal ones in their old
// order even when reversed.
func sorted(items []value.Value, reverse bool, key func(value.Value) value.Value) ([]value.Value, error) {
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
