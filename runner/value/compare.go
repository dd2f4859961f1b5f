package value

import (
	"fmt"
	"math"
	"math/big"
	"strings"
)

// Truth is Python's bool(v). Undefined and omit are false; a lazy object is
// true when it has keys.
func Truth(v Value) bool {
	switch v.k {
	case KindBool, KindInt:
		return v.n != 0
	case KindBig, KindOpaque:
		return true
	case KindFloat:
		f, _ := v.AsFloat()
		return f != 0
	case KindString:
		return v.s != ""
	case KindList, KindTuple:
		return len(v.Items()) > 0
	case KindMap:
		m, _ := v.AsMap()
		return m.Len() > 0
	case KindObject:
		keys, err := v.ref.(Object).Keys()
		return err != nil || len(keys) > 0
	}
	return false
}

// Equal is Python's ==: numbers by amount (true is 1), lists never equal
// tuples, mappings without regard to order. Marks do not count.
func Equal(a, b Value) bool {
	if a.IsNumber() && b.IsNumber() {
		c, ok := compareNumbers(a, b)
		return ok && c == 0
	}
	if a.k != b.k {
		return false
	}
	switch a.k {
	case KindNull, KindOmit:
		return true
	case KindString:
		return a.s == b.s
	case KindList, KindTuple:
		return equalSeq(a.Items(), b.Items())
	case KindMap:
		return equalMap(a, b)
	case KindOpaque:
		return a.ref == b.ref || a.ref.(Opaque).Repr() == b.ref.(Opaque).Repr()
	case KindObject:
		return a.ref == b.ref
	case KindUndefined:
		return true
	}
	return false
}

func equalSeq(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func equalMap(a, b Value) bool {
	x, _ := a.AsMap()
	y, _ := b.AsMap()
	if x.Len() != y.Len() {
		return false
	}
	for k, v := range x.All() {
		w, ok := y.Get(k)
		if !ok || !Equal(v, w) {
			return false
		}
	}
	return true
}

// compareNumbers returns -1, 0, 1; ok=false when a NaN is involved.
func compareNumbers(a, b Value) (int, bool) {
	if a.k == KindFloat || b.k == KindFloat {
		return compareFloats(a, b)
	}
	if a.k == KindBig || b.k == KindBig {
		x, _ := a.AsBig()
		y, _ := b.AsBig()
		return x.Cmp(y), true
	}
	x, y := int64(a.n), int64(b.n)
	switch {
	case x < y:
		return -1, true
	case x > y:
		return 1, true
	}
	return 0, true
}

func compareFloats(a, b Value) (int, bool) {
	x, _ := a.AsFloat()
	y, _ := b.AsFloat()
	switch {
	case math.IsNaN(x) || math.IsNaN(y):
		return 0, false
	case math.IsInf(x, 0) || math.IsInf(y, 0):
		return int(math.Copysign(1, x-y)) * b2i(x != y), true
	}
	return exact(a).Cmp(exact(b)), true
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// exact holds any finite number without rounding, so that 2**53+1 and its
// float neighbour differ as they do in Python.
func exact(v Value) *big.Rat {
	if v.k == KindFloat {
		f, _ := v.AsFloat()
		return new(big.Rat).SetFloat64(f)
	}
	i, _ := v.AsBig()
	return new(big.Rat).SetInt(i)
}

// Compare orders a and b as Python's < does: -1, 0 or 1. The error is Python's
// TypeError text for kinds that have no order. A NaN answers 1, which is
// neither less nor equal.
func Compare(a, b Value) (int, error) {
	if a.IsNumber() && b.IsNumber() {
		c, ok := compareNumbers(a, b)
		if !ok {
			return 1, nil
		}
		return c, nil
	}
	if a.k == b.k {
		switch a.k {
		case KindString:
			return strings.Compare(a.s, b.s), nil
		case KindList, KindTuple:
			return compareSeq(a.Items(), b.Items())
		case KindOpaque:
			if o, ok := a.ref.(Ordered); ok {
				return o.Compare(b)
			}
		}
	}
	return 0, fmt.Errorf("'<' not supported between instances of '%s' and '%s'", TypeName(a), TypeName(b))
}

// Ordered is an Opaque that has an order (a date). The error is as Compare's.
type Ordered interface {
	Compare(other Value) (int, error)
}

func compareSeq(a, b []Value) (int, error) {
	for i := 0; i < len(a) && i < len(b); i++ {
		if !Equal(a[i], b[i]) {
			return Compare(a[i], b[i])
		}
	}
	switch {
	case len(a) < len(b):
		return -1, nil
	case len(a) > len(b):
		return 1, nil
	}
	return 0, nil
}
