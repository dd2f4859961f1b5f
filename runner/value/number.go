package value

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Float returns a floating-point number.
func Float(f float64) Value { return Value{k: KindFloat, n: math.Float64bits(f)} }

// AsFloat returns the number as a float64, ok=false for what is no number. A
// big integer that overflows answers an infinity.
func (v Value) AsFloat() (float64, bool) {
	switch v.k {
	case KindFloat:
		return math.Float64frombits(v.n), true
	case KindInt, KindBool:
		return float64(int64(v.n)), true
	case KindBig:
		f, _ := new(big.Float).SetInt(v.ref.(*big.Int)).Float64()
		return f, true
	}
	return 0, false
}

// IsNumber reports int, big int, float or bool (Python's numbers).
func (v Value) IsNumber() bool {
	return v.k == KindBool || v.k == KindInt || v.k == KindBig || v.k == KindFloat
}

// FloatRepr is Python's repr of a float: the shortest text that reads back, an
// exponent below 1e-4 and from 1e16 on, always with a point or an exponent.
func FloatRepr(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		s := strconv.FormatFloat(f, 'e', -1, 64)
		mant, exp, _ := strings.Cut(s, "e")
		return mant + "e" + exp
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
