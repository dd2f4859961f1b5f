package pynum

import (
	"math"
	"math/big"
)

// powPrecision is how many bits pow works with: enough that the last bit of
// the result is right, as C's pow has it and math.Pow does not.
const powPrecision = 160

// powPositive is x**y for x > 0, both finite.
func powPositive(x, y float64) float64 {
	if f := math.Pow(x, y); f == 0 || math.IsInf(f, 0) || x == 1 || y == 0 {
		return f
	}
	bx := new(big.Float).SetPrec(powPrecision).SetFloat64(x)
	by := new(big.Float).SetPrec(powPrecision).SetFloat64(y)
	f, _ := exp(by.Mul(by, ln(bx))).Float64()
	return f
}

// Pow is math.Pow with its last bit right where the result is finite.
func Pow(x, y float64) float64 {
	f := math.Pow(x, y)
	if x == 0 || f == 0 || f != f || math.IsInf(f, 0) || math.IsInf(x, 0) || math.IsInf(y, 0) {
		return f
	}
	return math.Copysign(powPositive(math.Abs(x), y), f)
}

// Log is the natural logarithm of x > 0 with its last bit right.
func Log(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) || x == 1 {
		return math.Log(x)
	}
	f, _ := ln(bigFloat(x)).Float64()
	return f
}

// Log10 is the decimal logarithm of x > 0 with its last bit right.
func Log10(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) || x == 1 {
		return math.Log10(x)
	}
	f, _ := new(big.Float).Quo(ln(bigFloat(x)), ln(bigFloat(10))).Float64()
	return f
}

func bigFloat(f float64) *big.Float { return new(big.Float).SetPrec(powPrecision).SetFloat64(f) }

// ln is 2*atanh((m-1)/(m+1)) + e*ln2 for x = m * 2**e.
func ln(x *big.Float) *big.Float {
	m := new(big.Float).SetPrec(powPrecision)
	e := x.MantExp(m)
	out := logNear(m)
	return out.Add(out, new(big.Float).Mul(bigFloat(float64(-e)), logNear(bigFloat(0.5))))
}

// logNear is ln(m) for m from 0.5 to 1.
func logNear(m *big.Float) *big.Float {
	one := bigFloat(1)
	z := new(big.Float).Quo(new(big.Float).Sub(m, one), new(big.Float).Add(m, one))
	square := new(big.Float).Mul(z, z)
	sum, term := bigFloat(0), new(big.Float).Copy(z)
	for n := 1.0; n < 120; n += 2 {
		sum.Add(sum, new(big.Float).Quo(term, bigFloat(n)))
		term.Mul(term, square)
	}
	return sum.Mul(sum, bigFloat(2))
}

// exp reduces by halving, sums the series and squares back.
func exp(x *big.Float) *big.Float {
	const halvings = 20
	small := new(big.Float).SetPrec(powPrecision).SetMantExp(x, -halvings)
	sum, term := bigFloat(1), bigFloat(1)
	for n := 1.0; n < 30; n++ {
		term.Mul(term, small)
		term.Quo(term, bigFloat(n))
		sum.Add(sum, term)
	}
	for range halvings {
		sum.Mul(sum, sum)
	}
	return sum
}
