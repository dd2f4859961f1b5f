// Package pynum is Python's numbers over values: integers of any size, floor
// division, powers with the last bit right, int(), float() and round().
package pynum

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"remoterun/runner/value"
)

// Op is a op b for + - * / // % ** of two numbers, with the marks of both.
func Op(op string, a, b value.Value) (value.Value, error) {
	if a.Kind() == value.KindInt && b.Kind() == value.KindInt {
		if v, ok := smallInts(op, a, b); ok {
			return v.With(a.Marks() | b.Marks()), nil
		}
	}
	v, err := numbers(op, a, b)
	return v.With(a.Marks() | b.Marks()), err
}

// smallInts does what fits int64; ok=false sends the rest the long way.
func smallInts(op string, a, b value.Value) (value.Value, bool) {
	x, _ := a.AsInt()
	y, _ := b.AsInt()
	switch op {
	case "+":
		if s := x + y; (s > x) == (y > 0) {
			return value.Int(s), true
		}
	case "-":
		if d := x - y; (d < x) == (y > 0) {
			return value.Int(d), true
		}
	case "*":
		hi, lo := bits.Mul64(uint64(abs(x)), uint64(abs(y)))
		if hi == 0 && lo < 1<<63 && x != math.MinInt64 && y != math.MinInt64 {
			return value.Int(x * y), true
		}
	case "//":
		if y > 0 {
			return value.Int(FloorDiv(x, y)), true
		}
	case "%":
		if y > 0 {
			return value.Int(x - FloorDiv(x, y)*y), true
		}
	}
	return value.Value{}, false
}

func abs(x int64) int64 {
	if x < 0 {
		return -x
	}
	return x
}

// FloorDiv is x // y, for y other than 0.
func FloorDiv(x, y int64) int64 {
	q := x / y
	if x%y != 0 && (x < 0) != (y < 0) {
		q--
	}
	return q
}

func numbers(op string, a, b value.Value) (value.Value, error) {
	if a.Kind() == value.KindFloat || b.Kind() == value.KindFloat {
		x, _ := a.AsFloat()
		y, _ := b.AsFloat()
		return floats(op, x, y)
	}
	x, _ := a.AsBig()
	y, _ := b.AsBig()
	return bigInts(op, x, y)
}

func bigInts(op string, x, y *big.Int) (value.Value, error) {
	out := new(big.Int)
	switch op {
	case "+":
		return value.Big(out.Add(x, y)), nil
	case "-":
		return value.Big(out.Sub(x, y)), nil
	case "*":
		if x.BitLen()+y.BitLen() > maxBits {
			return value.Value{}, errBig
		}
		return value.Big(out.Mul(x, y)), nil
	case "/":
		return trueDiv(x, y)
	case "//", "%":
		return floorDivBig(op, x, y)
	case "**":
		return power(x, y)
	}
	return value.Value{}, fmt.Errorf("unknown operator %s", op)
}

func trueDiv(x, y *big.Int) (value.Value, error) {
	if y.Sign() == 0 {
		return value.Value{}, errors.New("division by zero")
	}
	f, _ := new(big.Rat).SetFrac(x, y).Float64()
	if math.IsInf(f, 0) {
		return value.Value{}, errors.New("integer division result too large for a float")
	}
	return value.Float(f), nil
}

func floorDivBig(op string, x, y *big.Int) (value.Value, error) {
	if y.Sign() == 0 {
		if op == "%" {
			return value.Value{}, errors.New("integer modulo by zero")
		}
		return value.Value{}, errors.New("integer division or modulo by zero")
	}
	q, m := new(big.Int).DivMod(x, y, new(big.Int))
	// DivMod's remainder is never negative; Python's has the divisor's sign.
	if m.Sign() != 0 && y.Sign() < 0 {
		m.Add(m, y)
		q.Sub(q, big.NewInt(1))
	}
	if op == "%" {
		return value.Big(m), nil
	}
	return value.Big(q), nil
}

func power(x, y *big.Int) (value.Value, error) {
	if y.Sign() < 0 {
		f, _ := value.Big(x).AsFloat()
		g, _ := value.Big(y).AsFloat()
		return floats("**", f, g)
	}
	if x.BitLen() > 1 && (!y.IsInt64() || int64(x.BitLen())*y.Int64() > maxBits || y.Int64() > maxBits) {
		return value.Value{}, errBig
	}
	if !y.IsInt64() {
		y = new(big.Int).And(y, big.NewInt(1)) // -1, 0, 1: only odd or even counts
		if x.Sign() >= 0 {
			return value.Big(x), nil
		}
	}
	return value.Big(new(big.Int).Exp(x, y, nil)), nil
}

func floats(op string, x, y float64) (value.Value, error) {
	switch op {
	case "+":
		return value.Float(x + y), nil
	case "-":
		return value.Float(x - y), nil
	case "*":
		return value.Float(x * y), nil
	case "/":
		if y == 0 {
			return value.Value{}, errors.New("float division by zero")
		}
		return value.Float(x / y), nil
	case "//":
		if y == 0 {
			return value.Value{}, errors.New("float floor division by zero")
		}
		return value.Float(floatFloor(x, y)), nil
	case "%":
		if y == 0 {
			return value.Value{}, errors.New("float modulo")
		}
		return value.Float(floatMod(x, y)), nil
	case "**":
		return floatPower(x, y)
	}
	return value.Value{}, fmt.Errorf("unknown operator %s", op)
}

func floatMod(x, y float64) float64 {
	m := math.Mod(x, y)
	if m != 0 && (m < 0) != (y < 0) {
		return m + y
	}
	if m == 0 {
		return math.Copysign(0, y)
	}
	return m
}

func floatFloor(x, y float64) float64 {
	q := (x - floatMod(x, y)) / y
	if f := math.Floor(q); q-f > 0.5 {
		return f + 1
	} else if q != 0 {
		return f
	}
	return math.Copysign(0, x/y)
}

func floatPower(x, y float64) (value.Value, error) {
	switch f := math.Pow(x, y); {
	case x == 0 && y < 0:
		return value.Value{}, errors.New("0.0 cannot be raised to a negative power")
	case x < 0 && y != math.Trunc(y) && !math.IsInf(y, 0):
		return value.Value{}, errors.New("complex numbers are not supported")
	case math.IsInf(f, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0):
		return value.Value{}, errors.New("(34, 'Numerical result out of range')")
	case math.IsNaN(f) || math.IsInf(f, 0) || x == 0:
		return value.Float(f), nil
	default:
		return value.Float(Pow(x, y)), nil
	}
}

// Negate is -v or +v.
func Negate(op string, v value.Value) (value.Value, error) {
	if op == "+" && v.IsNumber() {
		if i, ok := v.AsInt(); ok {
			return value.Int(i).With(v.Marks()), nil
		}
		return v, nil
	}
	if f, ok := v.AsFloat(); ok && v.Kind() == value.KindFloat {
		return value.Float(-f).With(v.Marks()), nil
	}
	if i, ok := v.AsBig(); ok {
		return value.Big(new(big.Int).Neg(i)).With(v.Marks()), nil
	}
	return value.Value{}, fmt.Errorf("bad operand type for unary %s: '%s'", op, value.TypeName(v))
}

// IsNaN reports a float that is no number.
func IsNaN(v value.Value) bool {
	f, ok := v.AsFloat()
	return ok && math.IsNaN(f)
}

// maxBits bounds integers: ** grows fast.
const maxBits = 1 << 20

var errBig = errors.New("the number is too large")
