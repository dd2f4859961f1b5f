package lex

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// operators, longest first.
var operators = []string{"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"}

// expression lexes until end (empty = the end of the source).
func (l *lexer) expression(end string) error {
	var open []byte
	begin := l.at
	for {
		l.advance(len(l.rest()) - len(strings.TrimLeftFunc(l.rest(), unicode.IsSpace)))
		rest := l.rest()
		if rest == "" {
			if end == "" && len(open) == 0 {
				return nil
			}
			if len(open) > 0 {
				return l.fail("unexpected end of template, expected '%c'.", closer(open[len(open)-1]))
			}
			return &Error{At: begin, Msg: fmt.Sprintf("unexpected end of template: '%s' is missing.", end)}
		}
		if end != "" && len(open) == 0 && l.endTag(end) {
			return nil
		}
		if err := l.one(rest, &open); err != nil {
			return err
		}
	}
}

// endTag takes the tag's end, with its sign.
func (l *lexer) endTag(end string) bool {
	rest := l.rest()
	sign := byte(0)
	if (rest[0] == '-' || rest[0] == '+' && end == l.syn.BlockEnd) && strings.HasPrefix(rest[1:], end) {
		sign = rest[0]
	} else if !strings.HasPrefix(rest, end) {
		return false
	}
	k := BlockEnd
	if end == l.syn.VarEnd && l.inVar {
		k = VarEnd
	}
	l.emit(k, end)
	if sign != 0 {
		l.advance(1)
	}
	l.advance(len(end))
	if k == BlockEnd {
		l.afterTag(sign)
	} else {
		l.strip = sign == '-'
	}
	return true
}

func closer(open byte) byte {
	switch open {
	case '(':
		return ')'
	case '[':
		return ']'
	}
	return '}'
}

// one lexes a single token of an expression.
func (l *lexer) one(rest string, open *[]byte) error {
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case r == '\'' || r == '"':
		return l.str(rest)
	case r >= '0' && r <= '9':
		l.number(rest)
		return nil
	case r == '_' || unicode.IsLetter(r):
		n := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if n < 0 {
			n = len(rest)
		}
		l.emit(Name, rest[:n])
		l.advance(n)
		return nil
	}
	for _, op := range operators {
		if !strings.HasPrefix(rest, op) {
			continue
		}
		switch c := op[0]; c {
		case '(', '[', '{':
			*open = append(*open, c)
		case ')', ']', '}':
			if len(*open) == 0 {
				return l.fail("unexpected '%c'", c)
			}
			if want := closer((*open)[len(*open)-1]); want != c {
				return l.fail("unexpected '%c', expected '%c'", c, want)
			}
			*open = (*open)[:len(*open)-1]
		}
		l.emit(Op, op)
		l.advance(len(op))
		return nil
	}
	return l.fail("unexpected char %q", string(r))
}

func (l *lexer) str(rest string) error {
	q := rest[0]
	literal := l.syn.LiteralBackslash && l.inVar
	if literal && !closed(rest) {
		literal = false // the error below
	}
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && !literal:
			i++
		case rest[i] == q:
			text := l.lineEnds(rest[1:i])
			if !literal {
				text = unescape(text)
			}
			l.emit(String, text)
			l.advance(i + 1)
			return nil
		}
	}
	return l.fail("unexpected char %q (the string is not closed)", string(q))
}

// closed reports whether a string literal has its end, escapes counted.
func closed(s string) bool {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return true
		}
	}
	return false
}

func (l *lexer) number(rest string) {
	n := span(rest, isDigit)
	k := Int
	if rest[0] == '0' && len(rest) > 2 && strings.ContainsRune("bBoOxX", rune(rest[1])) {
		if m := span(rest[2:], isAlnum); m > 0 {
			l.emit(Int, strings.ReplaceAll(rest[:2+m], "_", ""))
			l.advance(2 + m)
			return
		}
	}
	if n+1 < len(rest) && rest[n] == '.' && rest[n+1] >= '0' && rest[n+1] <= '9' && !l.afterDot() {
		k = Float
		n += 1 + span(rest[n+1:], isDigit)
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') && !l.afterDot() {
		m := n + 1
		if m < len(rest) && (rest[m] == '+' || rest[m] == '-') {
			m++
		}
		if d := span(rest[m:], isDigit); d > 0 {
			k = Float
			n = m + d
		}
	}
	l.emit(k, strings.ReplaceAll(rest[:n], "_", ""))
	l.advance(n)
}

// afterDot says that a number is an index like the 0 of a.0.1.
func (l *lexer) afterDot() bool {
	n := len(l.out)
	return n > 0 && l.out[n-1].Kind == Op && l.out[n-1].Text == "."
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' || c == '_' }

func isAlnum(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func span(s string, in func(byte) bool) int {
	for i := range len(s) {
		if !in(s[i]) {
			return i
		}
	}
	return len(s)
}

// unescape reads Python's escapes in a string literal.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if n, ok := simpleEscape(s[i]); ok {
			b.WriteString(n)
			continue
		}
		if n, r, ok := numericEscape(s[i:]); ok {
			if r >= 0xdc80 && r <= 0xdcff { // a byte that is no UTF-8, as Python writes it
				b.WriteByte(byte(r - 0xdc00))
			} else {
				b.WriteRune(r)
			}
			i += n - 1
			continue
		}
		b.WriteByte('\\')
		b.WriteByte(s[i])
	}
	return b.String()
}

func simpleEscape(c byte) (string, bool) {
	switch c {
	case '\n':
		return "", true
	case '\\', '\'', '"':
		return string(c), true
	case 'a':
		return "\a", true
	case 'b':
		return "\b", true
	case 'f':
		return "\f", true
	case 'n':
		return "\n", true
	case 'r':
		return "\r", true
	case 't':
		return "\t", true
	case 'v':
		return "\v", true
	}
	return "", false
}

func numericEscape(s string) (n int, r rune, ok bool) {
	digits, base := 0, rune(16)
	switch s[0] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		base = 8
		for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			r = r*8 + rune(s[n]-'0')
			n++
		}
		return n, r, n > 0
	}
	if len(s) < 1+digits {
		return 0, 0, false
	}
	for _, c := range []byte(s[1 : 1+digits]) {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if c >= '0' && c <= '9' {
			d = int(c - '0')
		}
		if d < 0 {
			return 0, 0, false
		}
		r = r*base + rune(d)
	}
	return 1 + digits, r, r <= utf8.MaxRune
}
