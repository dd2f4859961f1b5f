package lex

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"remoterun/playbooks/jinja/py/pynum"
	"remoterun/runner/value"
)

// Literal reads text that is a Python list or dict literal, or True or
// False, as that; any other text stays as it is. JSON's true, false and null
// count inside, as in Ansible.
func Literal(v value.Value) value.Value {
	s, ok := v.AsString()
	switch {
	case !ok || s == "":
		return v
	case s == "True", s == "False":
		return value.Bool(s == "True").With(v.Marks())
	case s[0] != '[' && s[0] != '{':
		return v
	}
	got, ok := pyLiteral(s)
	if !ok {
		return v
	}
	return got.With(v.Marks())
}

// pyLiteral reads one Python literal: numbers, text, None, booleans, lists,
// tuples and dicts. Sets, bytes and complex numbers are none.
func pyLiteral(s string) (value.Value, bool) {
	p := &literalParser{s: s}
	v, ok := p.value(0)
	p.blank()
	return v, ok && p.s == ""
}

// literalParser eats s from the front.
type literalParser struct {
	s     string
	grown value.Growth
}

// blank skips white space, line breaks and comments.
func (p *literalParser) blank() {
	for {
		p.s = strings.TrimLeft(p.s, " \t\r\n\f")
		if !strings.HasPrefix(p.s, "#") {
			return
		}
		i := strings.IndexByte(p.s, '\n')
		if i < 0 {
			i = len(p.s)
		}
		p.s = p.s[i:]
	}
}

func (p *literalParser) take(c byte) bool {
	p.blank()
	if p.s == "" || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	return true
}

func (p *literalParser) value(depth int) (value.Value, bool) {
	if depth >= value.MaxDepth { // as deep as Python's own reader goes
		if p.blank(); p.s != "" && strings.IndexByte("[({", p.s[0]) >= 0 {
			return value.Value{}, false
		}
	}
	if p.grown.Add(depth) != nil {
		return value.Value{}, false
	}
	switch {
	case p.take('['):
		items, _, ok := p.items(']', depth)
		return value.List(items...), ok
	case p.take('('):
		items, comma, ok := p.items(')', depth)
		if len(items) == 1 && !comma {
			return items[0], ok
		}
		return value.Tuple(items...), ok
	case p.take('{'):
		return p.dict(depth)
	case p.take('-'):
		p.blank()
		v, ok := p.number()
		if ok {
			v, _ = pynum.Negate("-", v)
		}
		return v, ok
	case p.take('+'):
		p.blank()
		return p.number()
	}
	if p.s == "" {
		return value.Value{}, false
	}
	if c := p.s[0]; c >= '0' && c <= '9' || c == '.' {
		return p.number()
	}
	return p.wordOrText()
}

func (p *literalParser) wordOrText() (value.Value, bool) {
	n := span(p.s, func(c byte) bool { return c == '_' || unicode.IsLetter(rune(c)) || c >= '0' && c <= '9' })
	if n < len(p.s) && (p.s[n] == '\'' || p.s[n] == '"') {
		var b strings.Builder
		ok := p.text(&b)
		for p.blank(); ok && p.text(&b); p.blank() {
		}
		return value.String(b.String()), ok
	}
	word := p.s[:n]
	p.s = p.s[n:]
	switch word {
	case "True", "true":
		return value.Bool(true), true
	case "False", "false":
		return value.Bool(false), true
	case "None", "null":
		return value.Null(), true
	}
	return value.Value{}, false
}

// Text reads one string literal, answering false and eating nothing when there
// is none.
func (p *literalParser) text(b *strings.Builder) bool {
	s := p.s
	raw := false
	switch {
	case strings.HasPrefix(s, "u") || strings.HasPrefix(s, "U"):
		s = s[1:]
	case strings.HasPrefix(s, "r") || strings.HasPrefix(s, "R"):
		s, raw = s[1:], true
	}
	if s == "" || s[0] != '\'' && s[0] != '"' {
		return false
	}
	q := s[:1]
	if strings.HasPrefix(s, strings.Repeat(q, 3)) {
		q = s[:3]
	}
	for i := len(q); i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '\n' && len(q) == 1:
			return false
		case strings.HasPrefix(s[i:], q):
			body := s[len(q):i]
			if !raw {
				body = unescape(body)
			}
			b.WriteString(body)
			p.s = s[i+len(q):]
			return true
		}
	}
	return false
}

// number reads an int or a float.
func (p *literalParser) number() (value.Value, bool) {
	s := p.s
	if len(s) > 2 && s[0] == '0' && strings.IndexByte("xXoObB", s[1]) >= 0 {
		n := 2 + span(s[2:], isAlnum)
		p.s = s[n:]
		return Number(Token{Kind: Int, Text: strings.ReplaceAll(s[:n], "_", "")})
	}
	n := span(s, isDigit)
	if n > 0 && (s[0] == '_' || s[n-1] == '_') {
		return value.Value{}, false
	}
	k := Int
	if n < len(s) && s[n] == '.' {
		k = Float
		n += 1 + span(s[n+1:], isDigit)
	}
	if m := n + 1; n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		if m < len(s) && (s[m] == '+' || s[m] == '-') {
			m++
		}
		if d := span(s[min(m, len(s)):], isDigit); d > 0 {
			k, n = Float, m+d
		}
	}
	text := s[:n]
	if n < len(s) && (isAlnum(s[n]) || unicode.IsLetter(rune(s[n]))) || text == "." || text == "" || k == Int && !decimal(text) {
		return value.Value{}, false
	}
	p.s = s[n:]
	return Number(Token{Kind: k, Text: strings.ReplaceAll(text, "_", "")})
}

// decimal refuses 0644: no literal in Python 3.
func decimal(s string) bool {
	return s[0] != '0' || strings.Trim(s, "0_") == ""
}

func (p *literalParser) items(end byte, depth int) (items []value.Value, comma, ok bool) {
	for !p.take(end) {
		if len(items) > 0 && !comma {
			return nil, false, false
		}
		v, ok := p.value(depth + 1)
		if !ok {
			return nil, false, false
		}
		items = append(items, v)
		comma = p.take(',')
	}
	return items, comma, true
}

func (p *literalParser) dict(depth int) (value.Value, bool) {
	m := value.NewMap()
	for comma := true; !p.take('}'); comma = p.take(',') {
		if !comma {
			return value.Value{}, false
		}
		k, ok := p.value(depth + 1)
		if !ok || !p.take(':') || value.Hashable(k) != nil {
			return value.Value{}, false
		}
		v, ok := p.value(depth + 1)
		if !ok {
			return value.Value{}, false
		}
		m.Set(k, v)
	}
	return value.FromMap(m), true
}

// Number reads a number's token.
func Number(t Token) (value.Value, bool) {
	if t.Kind == Float {
		f, _ := strconv.ParseFloat(t.Text, 64)
		return value.Float(f), true
	}
	text := strings.ToLower(t.Text)
	if strings.Trim(text, "0123456789") == "" {
		n, err := value.ParseInt(text)
		return n, err == nil
	}
	n, ok := new(big.Int).SetString(text, 0)
	if !ok {
		return value.Value{}, false
	}
	return value.Big(n), true
}
