package jinja

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dlclark/regexp2"

	"remoterun/runner/value"
)

// expand fills a replacement's \1, \g<1>, \g<name> and escapes.
func (p *pyRegex) expand(m *regexp2.Match, parts []replacePart) string {
	var b strings.Builder
	for _, part := range parts {
		if part.group < 0 {
			b.WriteString(part.text)
			continue
		}
		s, _ := group(m, part.group)
		b.WriteString(s)
	}
	return b.String()
}

// replacePart is text, or a group when group is not negative.
type replacePart struct {
	text  string
	group int
}

// template reads a replacement by Python's rules.
func (p *pyRegex) template(s string) ([]replacePart, error) {
	var out []replacePart
	lit := func(t string) { out = append(out, replacePart{t, -1}) }
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			lit(s)
			return out, nil
		}
		lit(s[:i])
		part, n, err := p.escaped(s[i:])
		if err != nil {
			return nil, err
		}
		if part.group > p.groups {
			return nil, fmt.Errorf("invalid group reference %d", part.group)
		}
		out = append(out, part)
		s = s[i+n:]
	}
}

// escaped reads one backslash sequence of a replacement and its length.
func (p *pyRegex) escaped(s string) (replacePart, int, error) {
	if len(s) < 2 {
		return replacePart{}, 0, errors.New("bad escape (end of pattern)")
	}
	c := s[1]
	if at := strings.IndexByte("abfnrtv\\", c); at >= 0 {
		return replacePart{"\a\b\f\n\r\t\v\\"[at : at+1], -1}, 2, nil
	}
	switch {
	case c == 'g':
		return p.groupName(s)
	case c == '0':
		n := 2
		for n < len(s) && n < 4 && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		code, _ := strconv.ParseUint(s[1:n], 8, 16)
		return replacePart{string(rune(code & 0xff)), -1}, n, nil
	case c >= '1' && c <= '9':
		return digits(s)
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return replacePart{}, 0, fmt.Errorf("bad escape \\%c", c)
	}
	return replacePart{s[:1], -1}, 1, nil
}

// digits reads \N, \NN or the octal \NNN.
func digits(s string) (replacePart, int, error) {
	isDigit := func(i int) bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }
	if !isDigit(2) {
		return replacePart{group: int(s[1] - '0')}, 2, nil
	}
	if isDigit(3) && s[1] <= '7' && s[2] <= '7' && s[3] <= '7' {
		code, _ := strconv.ParseUint(s[1:4], 8, 16)
		if code > 0o377 {
			return replacePart{}, 0, fmt.Errorf("octal escape value %s outside of range 0-0o377", s[:4])
		}
		return replacePart{string(rune(code)), -1}, 4, nil
	}
	n, _ := strconv.Atoi(s[1:3])
	return replacePart{group: n}, 3, nil
}

func (p *pyRegex) groupName(s string) (replacePart, int, error) {
	end := strings.IndexByte(s, '>')
	if len(s) < 3 || s[2] != '<' || end < 0 {
		return replacePart{}, 0, errors.New("missing group name")
	}
	n, err := p.number(s[3:end])
	return replacePart{group: n}, end + 1, err
}

// number answers a group's number by number or name.
func (p *pyRegex) number(id string) (int, error) {
	if n, err := strconv.Atoi(id); err == nil && n >= 0 {
		if n > p.groups {
			return 0, fmt.Errorf("invalid group reference %d", n)
		}
		return n, nil
	}
	if n, ok := p.names[id]; ok {
		return n, nil
	}
	return 0, fmt.Errorf("unknown group name '%s'", id)
}

// groupValue is a group's text as a value, null when it took no part.
func groupValue(m *regexp2.Match, n int) value.Value {
	if s, ok := group(m, n); ok {
		return value.String(s)
	}
	return value.Null()
}
