package inventory

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"remoterun/runner/value"
)

// wordOrText reads True, False, None, or text in quotes; neighbouring texts
// join.
func (p *literalParser) wordOrText() (value.Value, bool) {
	for _, w := range []struct {
		name string
		v    value.Value
	}{{"True", value.Bool(true)}, {"False", value.Bool(false)}, {"None", value.Null()}} {
		if strings.HasPrefix(p.s[p.i:], w.name) && !identAt(p.s, p.i+len(w.name)) {
			p.i += len(w.name)
			p.blank()
			return w.v, true
		}
	}
	start := p.i
	var b strings.Builder
	bytes, count := false, 0
	for p.i < len(p.s) {
		raw, isBytes, n := textPrefix(p.s[p.i:])
		if n < 0 {
			break
		}
		if count > 0 && isBytes != bytes {
			return value.Value{}, false
		}
		bytes = isBytes
		p.i += n
		if !p.text(raw, bytes, &b) {
			return value.Value{}, false
		}
		p.blank()
		count++
	}
	if count == 0 {
		return value.Value{}, false
	}
	at := p.pos(start)
	at.Col++ // behind the quote
	return value.String(b.String()).From(&value.Origin{Pos: at}), true
}

func identAt(s string, i int) bool {
	if i >= len(s) {
		return false
	}
	c := s[i]
	return c == '_' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// textPrefix reads what may stand before a quote; n is -1 when no quote follows.
func textPrefix(s string) (raw, bytes bool, n int) {
	i := strings.IndexAny(s, `'"`)
	if i < 0 {
		return false, false, -1
	}
	switch strings.ToLower(s[:i]) {
	case "", "u":
		return false, false, i
	case "r":
		return true, false, i
	case "b":
		return false, true, i
	case "br", "rb":
		return true, true, i
	}
	return false, false, -1
}

// text reads one quoted text from its opening quote on.
func (p *literalParser) text(raw, bytes bool, to *strings.Builder) bool {
	q := p.s[p.i : p.i+1]
	if strings.HasPrefix(p.s[p.i:], q+q+q) {
		q = q + q + q
	}
	p.i += len(q)
	for p.i < len(p.s) {
		switch {
		case strings.HasPrefix(p.s[p.i:], q):
			p.i += len(q)
			return true
		case p.s[p.i] == 0 || bytes && p.s[p.i] >= 0x80:
			return false
		case p.s[p.i] == '\\' && raw:
			if p.i+1 >= len(p.s) {
				return false
			}
			_, n := utf8.DecodeRuneInString(p.s[p.i+1:])
			to.WriteString(p.s[p.i : p.i+1+n])
			p.i += 1 + n
		case p.s[p.i] == '\\':
			if !p.escape(bytes, to) {
				return false
			}
		default:
			to.WriteByte(p.s[p.i])
			p.i++
		}
	}
	return false
}

// escape reads one escape sequence; an unknown one keeps its backslash.
func (p *literalParser) escape(bytes bool, to *strings.Builder) bool {
	if p.i+1 >= len(p.s) {
		return false
	}
	c := p.s[p.i+1]
	if i := strings.IndexByte("abfnrtv\\'\"", c); i >= 0 {
		to.WriteByte("\a\b\f\n\r\t\v\\'\""[i])
		p.i += 2
		return true
	}
	switch {
	case c >= '0' && c <= '7':
		n := 2
		for n < 4 && p.i+n < len(p.s) && p.s[p.i+n] >= '0' && p.s[p.i+n] <= '7' {
			n++
		}
		return p.code(p.s[p.i+1:p.i+n], 8, n, to)
	case c == 'x':
		return p.hex(2, to)
	case c == 'u' && !bytes:
		return p.hex(4, to)
	case c == 'U' && !bytes:
		return p.hex(8, to)
	case c == 'N' && !bytes:
		return false // names of characters are not known here
	}
	to.WriteByte('\\')
	p.i++
	return true
}

func (p *literalParser) hex(digits int, to *strings.Builder) bool {
	if p.i+2+digits > len(p.s) {
		return false
	}
	return p.code(p.s[p.i+2:p.i+2+digits], 16, 2+digits, to)
}

func (p *literalParser) code(digits string, base, skip int, to *strings.Builder) bool {
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return false
	}
	to.WriteRune(rune(n))
	p.i += skip
	return true
}
