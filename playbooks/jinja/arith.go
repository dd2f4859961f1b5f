package jinja

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strings"

	"remoterun/runner/value"
)

// arithmetic is an opaque datum that takes part in + and - (dates). swapped
// says that the datum is the right operand; ok=false means that it does not
// know the other one.
type arithmetic interface {
	arith(op string, other value.Value, swapped bool) (v value.Value, ok bool, err error)
}

// arith is a op b for + - * / // % **, with the marks of both.
func (r *render) arith(op string, a, b value.Value) (value.Value, error) {
	if a.Kind() == value.KindInt && b.Kind() == value.KindInt {
		if v, ok := smallInts(op, a, b); ok {
			return v.With(a.Marks() | b.Marks()), nil
		}
	}
	if a.IsNumber() && b.IsNumber() {
		v, err := numbers(op, a, b)
		return v.With(a.Marks() | b.Marks()), err
	}
	if s, ok := a.AsString(); ok && op == "%" {
		return r.percent(a, s, b)
	}
	if v, ok, err := opaqueArith(op, a, b); ok || err != nil {
		return v, err
	}
	switch op {
	case "+":
		return r.plus(a, b)
	case "*":
		return r.repeat(a, b)
	}
	return value.Value{}, noOperator(op, a, b)
}

func noOperator(op string, a, b value.Value) error {
	if op == "**" {
		op = "** or pow()"
	}
	return fmt.Errorf("unsupported operand type(s) for %s: '%s' and '%s'", op, value.TypeName(a), value.TypeName(b))
}

func opaqueArith(op string, a, b value.Value) (value.Value, bool, error) {
	if o, ok := a.AsOpaque(); ok {
		if x, ok := o.(arithmetic); ok {
			if v, ok, err := x.arith(op, b, false); ok || err != nil {
				return v, ok, err
			}
		}
	}
	if o, ok := b.AsOpaque(); ok {
		if x, ok := o.(arithmetic); ok {
			return x.arith(op, a, true)
		}
	}
	return value.Value{}, false, nil
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
			return value.Int(floorDiv(x, y)), true
		}
	case "%":
		if y > 0 {
			return value.Int(x - floorDiv(x, y)*y), true
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

func floorDiv(x, y int64) int64 {
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
		return value.Float(power64(x, y)), nil
	}
}

// plus joins text, lists and tuples.
func (r *render) plus(a, b value.Value) (value.Value, error) {
	s, isText := a.AsString()
	if isText {
		t, ok := b.AsString()
		if !ok {
			return value.Value{}, fmt.Errorf("can only concatenate str (not \"%s\") to str", value.TypeName(b))
		}
		if err := r.grown(len(s) + len(t)); err != nil {
			return value.Value{}, err
		}
		return value.MarkedString(s+t, a.Marks()|b.Marks()), nil
	}
	if _, ok := a.AsSeq(); !ok {
		return value.Value{}, noOperator("+", a, b)
	}
	if a.Kind() != b.Kind() {
		name := value.TypeName(a)
		return value.Value{}, fmt.Errorf("can only concatenate %s (not \"%s\") to %s", name, value.TypeName(b), name)
	}
	if err := r.work(len(a.Items()) + len(b.Items())); err != nil {
		return value.Value{}, err
	}
	items := append(append(make([]value.Value, 0, len(a.Items())+len(b.Items())), a.Items()...), b.Items()...)
	return like(a, items), nil
}

// like returns items as a list or a tuple, as v is one.
func like(v value.Value, items []value.Value) value.Value {
	if v.Kind() == value.KindTuple {
		return value.Tuple(items...)
	}
	return value.List(items...)
}

// repeat is text or a list times a number.
func (r *render) repeat(a, b value.Value) (value.Value, error) {
	n, ok := b.AsInt()
	if !ok || a.IsNumber() {
		a, b = b, a
		if n, ok = b.AsInt(); !ok {
			return value.Value{}, noRepeat(b, a)
		}
	}
	n = max(n, 0)
	if s, isText := a.AsString(); isText {
		if len(s) > 0 && n > int64(maxRepeat/len(s)) {
			return value.Value{}, errRepeat
		}
		if err := r.grown(len(s) * int(n)); err != nil {
			return value.Value{}, err
		}
		return value.MarkedString(strings.Repeat(s, int(n)), a.Marks()|b.Marks()), nil
	}
	if _, isSeq := a.AsSeq(); !isSeq {
		return value.Value{}, noOperator("*", b, a)
	}
	items := a.Items()
	if len(items) > 0 && n > int64(maxRange/len(items)) {
		return value.Value{}, errRepeat
	}
	if err := r.work(len(items) * int(n)); err != nil {
		return value.Value{}, err
	}
	out := make([]value.Value, 0, len(items)*int(n))
	for range n {
		out = append(out, items...)
	}
	return like(a, out), nil
}

func noRepeat(a, b value.Value) error {
	for _, pair := range [][2]value.Value{{a, b}, {b, a}} {
		if _, isSeq := pair[0].AsSeq(); isSeq || pair[0].IsString() {
			return fmt.Errorf("can't multiply sequence by non-int of type '%s'", value.TypeName(pair[1]))
		}
	}
	return noOperator("*", a, b)
}

// negate is -v or +v.
func negate(op string, v value.Value) (value.Value, error) {
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

func isNaN(v value.Value) bool {
	f, ok := v.AsFloat()
	return ok && math.IsNaN(f)
}
