package inventory

import (
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"remoterun/runner/value"
)

// iniValue reads the value of an INI variable: a Python literal when it is one
// (1, True, None, 'text', [1, 2], {'k': 1}), else the text as it stands. at is
// the place of the text's first character.
func iniValue(text string, at value.Pos) value.Value {
	if v, ok := literal(text, at); ok {
		return v
	}
	return value.String(text).From(&value.Origin{Pos: at})
}

// literal reads text as Python's ast.literal_eval does. ok is false for all
// that is none, and for what the values here have no kind for (complex
// numbers, an ellipsis); sets become lists.
func literal(text string, at value.Pos) (value.Value, bool) {
	p := &literalParser{s: text, at: at}
	p.blank()
	v, ok := p.items(0)
	if !ok || p.i < len(p.s) && p.s[p.i] != '#' {
		return value.Value{}, false
	}
	return v, true
}

const maxLiteralDepth = 50

type literalParser struct {
	s  string
	i  int
	at value.Pos
	// grown counts the values.
	grown value.Growth
}

func (p *literalParser) pos(i int) value.Pos {
	out := p.at
	out.Col += utf8.RuneCountInString(p.s[:i])
	return out
}

func (p *literalParser) blank() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t') {
		p.i++
	}
}

func (p *literalParser) take(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		p.blank()
		return true
	}
	return false
}

// items reads one value, or several with commas between: a tuple.
func (p *literalParser) items(depth int) (value.Value, bool) {
	first, ok := p.value(depth)
	if !ok || !p.take(',') {
		return first, ok
	}
	all := []value.Value{first}
	for p.i < len(p.s) && p.s[p.i] != ')' && p.s[p.i] != '#' {
		v, ok := p.value(depth)
		if !ok {
			return v, false
		}
		all = append(all, v)
		if !p.take(',') {
			break
		}
	}
	return value.Tuple(all...), true
}

func (p *literalParser) value(depth int) (value.Value, bool) {
	if p.i >= len(p.s) || depth > maxLiteralDepth || p.grown.Add(depth) != nil {
		return value.Value{}, false
	}
	switch c := p.s[p.i]; {
	case c == '+' || c == '-':
		return p.signed(depth)
	case c == '(':
		return p.paren(depth)
	case c == '[':
		return p.list(depth)
	case c == '{':
		return p.braces(depth)
	case c == '.' || c >= '0' && c <= '9':
		return p.number()
	}
	return p.wordOrText()
}

// signed reads a number behind exactly one sign.
func (p *literalParser) signed(depth int) (value.Value, bool) {
	minus := p.s[p.i] == '-'
	p.i++
	p.blank()
	if p.i >= len(p.s) || p.s[p.i] == '-' || p.s[p.i] == '+' {
		return value.Value{}, false
	}
	in := p.i
	v, ok := p.value(depth + 1)
	if !ok || !v.IsNumber() || v.Kind() == value.KindBool || strings.ContainsAny(p.s[in:p.i], "-+") && p.s[in] == '(' {
		return value.Value{}, false
	}
	if !minus {
		return v, true
	}
	if v.Kind() == value.KindFloat {
		f, _ := v.AsFloat()
		return value.Float(-f), true
	}
	n, ok := v.AsBig()
	return value.Big(new(big.Int).Neg(n)), ok
}

func (p *literalParser) paren(depth int) (value.Value, bool) {
	p.take('(')
	if p.take(')') {
		return value.Tuple(), true
	}
	v, ok := p.items(depth + 1)
	return v, ok && p.take(')')
}

func (p *literalParser) list(depth int) (value.Value, bool) {
	start := p.pos(p.i)
	p.take('[')
	var all []value.Value
	for !p.take(']') {
		v, ok := p.value(depth + 1)
		if !ok {
			return v, false
		}
		all = append(all, v)
		if !p.take(',') && (p.i >= len(p.s) || p.s[p.i] != ']') {
			return value.Value{}, false
		}
	}
	return listAt(all, start), true
}

func listAt(items []value.Value, at value.Pos) value.Value {
	out := value.List(items...)
	if s, ok := out.AsSeq(); ok {
		s.Pos = at
	}
	return out
}

// braces reads a mapping, or a set: a list here.
func (p *literalParser) braces(depth int) (value.Value, bool) {
	start := p.pos(p.i)
	p.take('{')
	m := value.NewMap()
	m.Pos = start
	var set []value.Value
	for !p.take('}') {
		k, ok := p.value(depth + 1)
		if !ok || value.Hashable(k) != nil {
			return value.Value{}, false
		}
		if p.take(':') {
			v, ok := p.value(depth + 1)
			if !ok || set != nil {
				return value.Value{}, false
			}
			m.Set(k, v)
		} else if m.Len() > 0 {
			return value.Value{}, false
		} else {
			set = append(set, k)
		}
		if !p.take(',') && (p.i >= len(p.s) || p.s[p.i] != '}') {
			return value.Value{}, false
		}
	}
	if set != nil {
		return listAt(set, start), true
	}
	return value.FromMap(m), true
}

// number reads an integer in any base or a float; a letter behind it is wrong.
func (p *literalParser) number() (value.Value, bool) {
	start := p.i
	isHex := strings.HasPrefix(strings.ToLower(p.s[p.i:]), "0x")
	for p.i < len(p.s) {
		c := p.s[p.i]
		sign := (c == '+' || c == '-') && p.i > start && (p.s[p.i-1]|0x20) == 'e' && !isHex
		if !sign && c != '.' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c < 0x80 {
			break
		}
		p.i++
	}
	v, ok := pythonNumber(p.s[start:p.i])
	p.blank()
	return v, ok
}

func pythonNumber(s string) (value.Value, bool) {
	if len(s) > 4300 || !underscores(s) {
		return value.Value{}, false
	}
	plain := strings.ReplaceAll(s, "_", "")
	if len(plain) > 1 && plain[0] == '0' && (plain[1]|0x20 == 'x' || plain[1]|0x20 == 'o' || plain[1]|0x20 == 'b') {
		n, ok := new(big.Int).SetString(strings.ToLower(plain), 0)
		if !ok {
			return value.Value{}, false
		}
		return value.Big(n), true
	}
	if strings.Trim(plain, "0123456789") == "" {
		if plain[0] == '0' && strings.Trim(plain, "0") != "" {
			return value.Value{}, false
		}
		n, ok := new(big.Int).SetString(plain, 10)
		if !ok {
			return value.Value{}, false
		}
		return value.Big(n), true
	}
	if strings.Trim(plain, "0123456789.eE+-") != "" || plain == "." {
		return value.Value{}, false
	}
	f, err := strconv.ParseFloat(plain, 64)
	if ne, _ := err.(*strconv.NumError); err != nil && (ne == nil || ne.Err != strconv.ErrRange) {
		return value.Value{}, false
	}
	return value.Float(f), true
}

// underscores reports whether each one stands between two digits (or behind a
// base's letter), as Python wants it.
func underscores(s string) bool {
	for i := range len(s) {
		if s[i] != '_' {
			continue
		}
		if i == 0 || i+1 == len(s) || !hexDigit(s[i+1]) {
			return false
		}
		base := i == 2 && s[0] == '0' && strings.IndexByte("xXoObB", s[1]) >= 0
		if !base && !hexDigit(s[i-1]) {
			return false
		}
		hex := len(s) > 1 && s[0] == '0' && s[1]|0x20 == 'x'
		if !hex && (s[i+1] > '9' || !base && s[i-1] > '9') {
			return false
		}
	}
	return true
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}
