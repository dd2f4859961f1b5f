// Package pyfmt writes values by Python's format specifications: those of
// format() and "{:>8}", and those of "%5.2f".
package pyfmt

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"remoterun/playbooks/jinja/py/pystr"
	"remoterun/runner/value"
)

// MaxWidth bounds width and precision in format strings.
const MaxWidth = 1 << 20

// ErrWidth is a width or precision that would make too much text.
var ErrWidth = errors.New("the repetition is too large")

// Spec is a parsed format specification.
type Spec struct {
	Fill             rune
	Align            byte // < > ^ = or 0 for the type's own
	Sign             byte // + - blank
	Alt, Zero        bool // # and 0
	Width, Precision int  // characters and digits; a precision of -1 = none
	positive         bool // z: no minus before what is rounded to zero
	group            byte
	verb             byte
}

// pad brings text to the width; sign stays in front of zeros.
func (sp Spec) pad(body, sign string) string {
	missing := sp.Width - utf8.RuneCountInString(body) - len(sign)
	if missing <= 0 {
		return sign + body
	}
	fill := string(sp.Fill)
	switch {
	case sp.Zero && sp.Align != '<' && sp.Align != '^':
		return sign + strings.Repeat("0", missing) + body
	case sp.Align == '=':
		return sign + strings.Repeat(fill, missing) + body
	case sp.Align == '<':
		return sign + body + strings.Repeat(fill, missing)
	case sp.Align == '^':
		return strings.Repeat(fill, missing/2) + sign + body + strings.Repeat(fill, missing-missing/2)
	}
	return strings.Repeat(fill, missing) + sign + body
}

func (sp Spec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case sp.Sign == '+' || sp.Sign == ' ':
		return string(sp.Sign)
	}
	return ""
}

func (sp Spec) integer(n *big.Int, verb byte) string {
	digits := new(big.Int).Abs(n)
	sign := sp.signOf(n.Sign() < 0)
	var body, prefix string
	switch verb {
	case 'x':
		body, prefix = digits.Text(16), "0x"
	case 'X':
		body, prefix = strings.ToUpper(digits.Text(16)), "0X"
	case 'o':
		body, prefix = digits.Text(8), "0o"
	case 'b':
		body, prefix = digits.Text(2), "0b"
	default:
		body = digits.String()
	}
	if sp.Precision > len(body) {
		body = strings.Repeat("0", sp.Precision-len(body)) + body
	}
	if sp.Alt {
		sign += prefix
	}
	return sp.grouped(body, "", sign, groupSize(verb))
}

func groupSize(verb byte) int {
	if verb == 'x' || verb == 'X' || verb == 'o' || verb == 'b' {
		return 4
	}
	return 3
}

// grouped puts separators into whole digits, and into the zeros in front.
func (sp Spec) grouped(whole, rest, sign string, size int) string {
	if sp.group == 0 {
		return sp.pad(whole+rest, sign)
	}
	if sp.Zero && sp.Align == 0 || sp.Align == '=' && sp.Fill == '0' {
		n := len(whole)
		for len(sign)+n+(n-1)/size+len(rest) < sp.Width {
			n++
		}
		whole = strings.Repeat("0", n-len(whole)) + whole
	}
	return sp.pad(separate(whole, sp.group, size)+rest, sign)
}

func separate(digits string, sep byte, size int) string {
	var b strings.Builder
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%size == 0 {
			b.WriteByte(sep)
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}

func (sp Spec) float(f float64, verb byte) string {
	negative := f < 0 || f == 0 && 1/f < 0
	if negative {
		f = -f
	}
	body := floatBody(f, verb, sp.Precision, sp.Alt)
	return sp.signed(body, negative)
}

// signed puts the sign before a float's digits and pads them.
func (sp Spec) signed(body string, negative bool) string {
	whole := body[:wholeDigits(body)]
	if whole == "" { // inf, nan
		return sp.pad(body, sp.signOf(negative))
	}
	if sp.positive && strings.Trim(body, "0.%") == "" {
		negative = false
	}
	return sp.grouped(whole, body[len(whole):], sp.signOf(negative), 3)
}

// wholeDigits is how many digits stand before the point.
func wholeDigits(body string) int { return len(body) - len(strings.TrimLeft(body, "0123456789")) }

// floatBody writes a float that is not negative as C's printf does; the letter
// r stands for none, where Python has a precision without a letter.
func floatBody(f float64, verb byte, precision int, alt bool) string {
	if precision < 0 {
		precision = 6
	}
	upper := verb >= 'A' && verb <= 'Z'
	var s string
	if verb == '%' {
		f *= 100
	}
	switch lower := verb | 0x20; {
	case f != f:
		s = "nan"
	case f-f != 0:
		s = "inf"
	case verb == '%':
		s = fixed(f, 'f', precision, alt)
	case lower == 'g' || lower == 'r':
		s = shortest(f, precision, alt, lower == 'r')
	default:
		s = fixed(f, lower, precision, alt)
	}
	if verb == '%' {
		return s + "%"
	}
	if upper {
		return strings.ToUpper(s)
	}
	return s
}

// fixed is %e or %f; alt keeps the point.
func fixed(f float64, verb byte, precision int, alt bool) string {
	s := strconv.FormatFloat(f, verb, precision, 64)
	if !alt || precision > 0 {
		return s
	}
	mant, exp, isE := strings.Cut(s, "e")
	if isE {
		return mant + ".e" + exp
	}
	return mant + "."
}

// shortest is %g: so many digits, zeros at the end left out unless alt. With a
// decimal, it is what Python writes for a precision without a letter.
func shortest(f float64, precision int, alt, decimal bool) string {
	precision = max(precision, 1)
	e := strconv.FormatFloat(f, 'e', precision-1, 64)
	mant, exp, _ := strings.Cut(e, "e")
	x, _ := strconv.Atoi(exp)
	limit := precision
	if decimal {
		limit--
	}
	if x < -4 || x >= limit {
		return trimZeros(mant, alt) + "e" + exp
	}
	s := trimZeros(strconv.FormatFloat(f, 'f', precision-1-x, 64), alt)
	if decimal && !strings.Contains(s, ".") {
		return s + ".0"
	}
	return s
}

// trimZeros takes away zeros at the end of decimals; alt keeps them, and the
// point.
func trimZeros(s string, alt bool) string {
	switch point := strings.Contains(s, "."); {
	case alt && !point:
		return s + "."
	case alt || !point:
		return s
	}
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// Formatter is an opaque datum with a format of its own (dates).
type Formatter interface {
	Format(spec string) (string, error)
}

// Value is Python's format(v, text).
func Value(v value.Value, text string) (string, error) {
	if o, ok := v.AsOpaque(); ok {
		if f, ok := o.(Formatter); ok && text != "" {
			return f.Format(text)
		}
	}
	if text == "" {
		return value.Str(v), nil
	}
	sp, err := parseSpec(text)
	if err != nil {
		return "", err
	}
	switch {
	case v.Kind() == value.KindFloat:
		return formatFloat(v, sp)
	case v.Kind() == value.KindBool && sp.verb == 0:
		return formatInt(v, sp)
	case v.IsNumber():
		return formatInt(v, sp)
	}
	s, ok := v.AsString()
	if !ok {
		return "", fmt.Errorf("unsupported format string passed to %s.__format__", value.TypeName(v))
	}
	switch {
	case sp.verb != 0 && sp.verb != 's':
		return "", fmt.Errorf("Unknown format code '%c' for object of type 'str'", sp.verb)
	case sp.Sign != 0 || sp.positive:
		return "", errors.New("Sign not allowed in string format specifier")
	case sp.Align == '=':
		return "", errors.New("'=' alignment not allowed in string format specifier")
	case sp.group != 0:
		return "", fmt.Errorf("Cannot specify '%c' with 's'.", sp.group)
	}
	if sp.Zero = false; sp.Align == 0 {
		sp.Align = '<'
	}
	return sp.pad(pystr.Cut(s, sp.Precision), ""), nil
}

func formatInt(v value.Value, sp Spec) (string, error) {
	switch sp.verb {
	case 0, 'd', 'n', 'x', 'X', 'o', 'b':
		if sp.positive {
			return "", errors.New("Negative zero coercion (z) not allowed in format specifier with integer type")
		}
		if sp.Precision >= 0 {
			return "", errors.New("Precision not allowed in integer format specifier")
		}
		n, _ := v.AsBig()
		return sp.integer(n, sp.verb), nil
	case 'c':
		return percentChar(v, sp)
	case 'e', 'E', 'f', 'F', 'g', 'G', '%':
		return formatFloat(v, sp)
	}
	return "", fmt.Errorf("Unknown format code '%c' for object of type '%s'", sp.verb, value.TypeName(v))
}

func formatFloat(v value.Value, sp Spec) (string, error) {
	f, _ := v.AsFloat()
	switch sp.verb {
	case 0:
		if sp.Precision < 0 {
			body, negative := strings.CutPrefix(value.FloatRepr(f), "-")
			return sp.signed(body, negative), nil
		}
		return sp.float(f, 'r'), nil
	case 'e', 'E', 'f', 'F', 'g', 'G', '%':
		return sp.float(f, sp.verb), nil
	case 'n':
		return sp.float(f, 'g'), nil
	}
	return "", fmt.Errorf("Unknown format code '%c' for object of type 'float'", sp.verb)
}

// parseSpec reads [[fill]align][sign][z][#][0][width][,_][.precision][type].
func parseSpec(s string) (Spec, error) {
	sp := Spec{Fill: ' ', Precision: -1}
	r, n := utf8.DecodeRuneInString(s)
	filled := n < len(s) && strings.IndexByte("<>=^", s[n]) >= 0
	if filled {
		sp.Fill, sp.Align, s = r, s[n], s[n+1:]
	} else if strings.IndexByte("<>=^", s[0]) >= 0 {
		sp.Align, s = s[0], s[1:]
	}
	take := func(set string) byte {
		if s != "" && strings.IndexByte(set, s[0]) >= 0 {
			c := s[0]
			s = s[1:]
			return c
		}
		return 0
	}
	sp.Sign = take("+- ")
	sp.positive = take("z") != 0
	sp.Alt = take("#") != 0
	if sp.Zero = take("0") != 0; sp.Zero && !filled {
		sp.Fill = '0'
	}
	sp.Zero = sp.Zero && sp.Align == 0
	var err error
	if s, sp.Width, err = leadingInt(s); err != nil {
		return sp, err
	}
	sp.group = take(",_")
	if take(".") != 0 {
		before := s
		if s, sp.Precision, err = leadingInt(s); err != nil {
			return sp, err
		}
		if s == before {
			return sp, errors.New("Format specifier missing precision")
		}
	}
	if len(s) > 1 {
		return sp, errors.New("Invalid format specifier")
	}
	sp.verb = take(s)
	return sp, nil
}

func leadingInt(s string) (rest string, n int, err error) {
	for s != "" && s[0] >= '0' && s[0] <= '9' {
		if n = n*10 + int(s[0]-'0'); n > MaxWidth {
			return s, 0, ErrWidth
		}
		s = s[1:]
	}
	return s, n, nil
}
