package pynum

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// ParseInt is Python's int(text, base); ok=false is a ValueError.
func ParseInt(s string, base int) (*big.Int, bool) {
	s = strings.TrimFunc(s, pystr.Space)
	if s == "" || base == 1 || base < 0 || base > 36 || strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") {
		return nil, false
	}
	sign, digits := "", s
	if s[0] == '-' || s[0] == '+' {
		sign, digits = s[:1], s[1:]
	}
	lower := strings.ToLower(digits)
	for prefix, b := range map[string]int{"0x": 16, "0o": 8, "0b": 2} {
		if (base == b || base == 0) && strings.HasPrefix(lower, prefix) {
			digits, base = strings.TrimPrefix(lower[2:], "_"), b
			break
		}
	}
	if base == 0 {
		if base = 10; len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "0_") != "" {
			return nil, false
		}
	}
	if digits == "" || strings.IndexByte("+-_", digits[0]) >= 0 || len(digits) > 1<<16 || base == 10 && len(digits) > value.MaxDigits {
		return nil, false
	}
	return new(big.Int).SetString(sign+asciiDigits(strings.ReplaceAll(digits, "_", "")), base)
}

// asciiDigits turns other scripts' digits into ours, as Python reads them.
// Unicode has the ten of a script side by side, from zero on.
func asciiDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= unicode.MaxASCII || !unicode.Is(unicode.Nd, r) {
			return r
		}
		first := r
		for unicode.Is(unicode.Nd, first-1) {
			first--
		}
		return '0' + (r-first)%10
	}, s)
}

// ParseFloat is Python's float(text).
func ParseFloat(s string) (float64, bool) {
	s = strings.TrimFunc(s, pystr.Space)
	lower := strings.ToLower(strings.TrimLeft(s, "+-"))
	if strings.HasPrefix(lower, "0x") || strings.HasPrefix(lower, "_") || strings.HasSuffix(lower, "_") || strings.Contains(lower, "__") || strings.ContainsAny(lower, "p") {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return f, true
}

// Round is Python's round(f, n): the nearest decimal, half to even on the
// exact value.
func Round(f float64, n int) float64 {
	if f != f || f-f != 0 || n > 308 {
		return f
	}
	if n >= 0 {
		g, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', n, 64), 64)
		return g
	}
	if n < -308 {
		return math.Copysign(0, f)
	}
	scale := math.Pow(10, float64(-n))
	return math.RoundToEven(f/scale) * scale
}

// RoundInt rounds to tens, hundreds, … for a negative precision.
func RoundInt(n *big.Int, precision int) *big.Int {
	if precision >= 0 || precision < -1000 {
		return n
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-precision)), nil)
	q, m := new(big.Int).DivMod(n, unit, new(big.Int))
	twice := new(big.Int).Lsh(m, 1)
	if c := twice.Cmp(unit); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return q.Mul(q, unit)
}

// Truncated is Python's int(f): without what is behind the point.
func Truncated(f float64) (*big.Int, error) {
	switch {
	case f != f:
		return nil, errors.New("cannot convert float NaN to integer")
	case f-f != 0:
		return nil, errors.New("cannot convert float infinity to integer")
	}
	n, _ := new(big.Float).SetFloat64(f).Int(nil)
	return n, nil
}

// Rounded is int(round(f)), half to even, of any size; what is not finite stays
// as it is.
func Rounded(f float64) value.Value {
	if f-f != 0 {
		return value.Float(f)
	}
	f = math.RoundToEven(f)
	if math.Abs(f) < 1<<62 {
		return value.Int(int64(f))
	}
	n, _ := new(big.Float).SetFloat64(f).Int(nil)
	return value.Big(n)
}
