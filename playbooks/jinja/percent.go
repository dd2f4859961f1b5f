package jinja

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"remoterun/playbooks/jinja/pynum"
	"remoterun/playbooks/jinja/pystr"
	"remoterun/runner/value"
)

// maxWidth bounds width and precision in format strings.
const maxWidth = 1 << 20

// percent is text % arguments.
func (r *render) percent(f value.Value, s string, arg value.Value) (value.Value, error) {
	if err := defined(arg); err != nil {
		return value.Value{}, err
	}
	p := &percentArgs{arg: arg, items: []value.Value{arg}}
	if arg.Kind() == value.KindTuple {
		p.items = arg.Items()
	}
	p.mapping, _ = arg.AsMap()
	b := &buffer{r: r, marks: f.Marks() | value.DeepMarks(arg)}
	for s != "" {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			i = len(s)
		}
		if err := b.text(s[:i]); err != nil {
			return value.Value{}, err
		}
		if s = s[i:]; s == "" {
			break
		}
		out, n, err := p.one(s)
		if err == nil {
			err = b.text(out)
		}
		if err != nil {
			return value.Value{}, err
		}
		s = s[n:]
	}
	// Python takes a list for a mapping here: what is left over is no mistake.
	if p.used < len(p.items) && !isContainer(arg) || arg.Kind() == value.KindTuple && p.used < len(p.items) {
		return value.Value{}, errors.New("not all arguments converted during string formatting")
	}
	return value.MarkedString(b.String(), b.marks), nil
}

type percentArgs struct {
	arg     value.Value
	items   []value.Value
	used    int
	mapping *value.Map
}

func (p *percentArgs) next() (value.Value, error) {
	if p.used >= len(p.items) {
		return value.Value{}, errors.New("not enough arguments for format string")
	}
	v := p.items[p.used]
	p.used++
	return v, defined(v)
}

// one formats the conversion that s begins with and answers its length.
func (p *percentArgs) one(s string) (out string, n int, err error) {
	i := 1
	var v value.Value
	keyed := false
	if strings.HasPrefix(s[i:], "(") {
		end := strings.IndexByte(s, ')')
		if end < 0 {
			return "", 0, errors.New("incomplete format key")
		}
		if p.mapping == nil {
			return "", 0, errors.New("format requires a mapping")
		}
		key := s[i+1 : end]
		if v, keyed = p.mapping.Lookup(key); !keyed {
			return "", 0, fmt.Errorf("KeyError: '%s'", key)
		}
		if err := defined(v); err != nil {
			return "", 0, err
		}
		i = end + 1
	}
	sp := spec{align: '>', fill: ' ', precision: -1}
	for ; i < len(s) && strings.IndexByte("#0- +", s[i]) >= 0; i++ {
		switch s[i] {
		case '#':
			sp.alt = true
		case '0':
			sp.zero = true
		case '-':
			sp.align = '<'
		case ' ', '+':
			if sp.sign != '+' {
				sp.sign = s[i]
			}
		}
	}
	if i, sp.width, err = p.size(s, i, &sp); err != nil {
		return "", 0, err
	}
	if i < len(s) && s[i] == '.' {
		if i, sp.precision, err = p.size(s, i+1, nil); err != nil {
			return "", 0, err
		}
	}
	for i < len(s) && strings.IndexByte("hlL", s[i]) >= 0 {
		i++
	}
	if i >= len(s) {
		return "", 0, errors.New("incomplete format")
	}
	verb, n := utf8.DecodeRuneInString(s[i:])
	if verb == '%' {
		return "%", i + n, nil
	}
	if !strings.ContainsRune("diouxXeEfFgGcrsa", verb) {
		return "", 0, fmt.Errorf("unsupported format character '%c' (%#x) at index %d", verb, verb, i)
	}
	if !keyed {
		if v, err = p.next(); err != nil {
			return "", 0, err
		}
	}
	out, err = percentVerb(byte(verb), v, sp)
	return out, i + n, err
}

// size reads a number or a star.
func (p *percentArgs) size(s string, i int, sp *spec) (at, n int, err error) {
	if i < len(s) && s[i] == '*' {
		v, err := p.next()
		if err != nil {
			return 0, 0, err
		}
		k, ok := v.AsInt()
		if !ok {
			return 0, 0, errors.New("* wants int")
		}
		if k < 0 && sp != nil {
			sp.align, k = '<', -k
		}
		if k > maxWidth {
			return 0, 0, errRepeat
		}
		return i + 1, int(max(k, 0)), nil
	}
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		if n = n*10 + int(s[i]-'0'); n > maxWidth {
			return 0, 0, errRepeat
		}
	}
	return i, n, nil
}

func percentVerb(verb byte, v value.Value, sp spec) (string, error) {
	switch verb {
	case 's', 'r', 'a':
		text := value.Str(v)
		if verb != 's' {
			text = value.Repr(v)
		}
		sp.zero = false
		return sp.pad(pystr.Cut(text, sp.precision), ""), nil
	case 'c':
		return percentChar(v, sp)
	case 'd', 'i', 'u':
		n, err := percentInt(verb, v)
		if err != nil {
			return "", err
		}
		return sp.integer(n, 'd'), nil
	case 'x', 'X', 'o':
		n, ok := v.AsBig()
		if !ok {
			return "", fmt.Errorf("%%%c format: an integer is required, not %s", verb, value.TypeName(v))
		}
		return sp.integer(n, verb), nil
	}
	f, ok := v.AsFloat()
	if !ok {
		return "", fmt.Errorf("must be real number, not %s", value.TypeName(v))
	}
	return sp.float(f, verb), nil
}

func percentChar(v value.Value, sp spec) (string, error) {
	if i, ok := v.AsInt(); ok {
		if i < 0 || i > utf8.MaxRune {
			return "", errors.New("%c arg not in range(0x110000)")
		}
		return sp.pad(string(rune(i)), ""), nil
	}
	s, ok := v.AsString()
	if !ok || utf8.RuneCountInString(s) != 1 {
		return "", errors.New("%c requires int or char")
	}
	return sp.pad(s, ""), nil
}

func percentInt(verb byte, v value.Value) (*big.Int, error) {
	if n, ok := v.AsBig(); ok {
		return n, nil
	}
	f, ok := v.AsFloat()
	if !ok {
		return nil, fmt.Errorf("%%%c format: a real number is required, not %s", verb, value.TypeName(v))
	}
	return pynum.Truncated(f)
}

// spec is a parsed format specification.
type spec struct {
	fill             rune
	align            byte // < > ^ = or 0 for the type's own
	sign             byte // + - blank
	alt, zero        bool
	width, precision int // -1 = none
	group            byte
	verb             byte
}

// pad brings text to the width; sign stays in front of zeros.
func (sp spec) pad(body, sign string) string {
	missing := sp.width - utf8.RuneCountInString(body) - len(sign)
	if missing <= 0 {
		return sign + body
	}
	fill := string(sp.fill)
	switch {
	case sp.zero && sp.align != '<' && sp.align != '^':
		return sign + strings.Repeat("0", missing) + body
	case sp.align == '=':
		return sign + strings.Repeat(fill, missing) + body
	case sp.align == '<':
		return sign + body + strings.Repeat(fill, missing)
	case sp.align == '^':
		return strings.Repeat(fill, missing/2) + sign + body + strings.Repeat(fill, missing-missing/2)
	}
	return strings.Repeat(fill, missing) + sign + body
}

func (sp spec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case sp.sign == '+' || sp.sign == ' ':
		return string(sp.sign)
	}
	return ""
}

func (sp spec) integer(n *big.Int, verb byte) string {
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
	if sp.precision > len(body) {
		body = strings.Repeat("0", sp.precision-len(body)) + body
	}
	if sp.alt {
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
func (sp spec) grouped(whole, rest, sign string, size int) string {
	if sp.group == 0 {
		return sp.pad(whole+rest, sign)
	}
	if sp.zero && sp.align == 0 || sp.align == '=' && sp.fill == '0' {
		for len(sign)+len(separate(whole, sp.group, size))+len(rest) < sp.width {
			longer := "0" + whole
			if len(sign)+len(separate(longer, sp.group, size))+len(rest) > sp.width+1 {
				break
			}
			whole = longer
		}
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

func (sp spec) float(f float64, verb byte) string {
	negative := f < 0 || f == 0 && 1/f < 0
	if negative {
		f = -f
	}
	body := floatBody(f, verb, sp.precision, sp.alt)
	if verb == '%' {
		body = floatBody(f*100, 'f', sp.precision, sp.alt) + "%"
	}
	sign := sp.signOf(negative)
	if f-f != 0 {
		sp.zero = false
		return sp.pad(body, sign)
	}
	whole := body[:span(body, func(c byte) bool { return c >= '0' && c <= '9' })]
	return sp.grouped(whole, body[len(whole):], sign, 3)
}

// floatBody writes |f| as C's printf does.
func floatBody(f float64, verb byte, precision int, alt bool) string {
	upper := verb >= 'A' && verb <= 'Z'
	lower := verb | 0x20
	var s string
	switch {
	case f != f:
		s = "nan"
	case f-f != 0:
		s = "inf"
	default:
		if precision < 0 {
			precision = 6
		}
		s = finite(f, lower, precision, alt)
	}
	if upper {
		return strings.ToUpper(s)
	}
	return s
}

func finite(f float64, verb byte, precision int, alt bool) string {
	precision = min(precision, 1100)
	if verb != 'g' {
		s := strconv.FormatFloat(f, verb, precision, 64)
		if alt && precision == 0 && verb == 'f' {
			s += "."
		}
		return s
	}
	precision = max(precision, 1)
	e := strconv.FormatFloat(f, 'e', precision-1, 64)
	mant, exp, _ := strings.Cut(e, "e")
	x, _ := strconv.Atoi(exp)
	if x < -4 || x >= precision {
		if strings.Contains(mant, ".") && !alt {
			mant = strings.TrimRight(strings.TrimRight(mant, "0"), ".")
		}
		return mant + "e" + exp
	}
	s := strconv.FormatFloat(f, 'f', precision-1-x, 64)
	if strings.Contains(s, ".") && !alt {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
