package pyre

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Template is a replacement that was read: text, \1, \g<1>, \g<name> and escapes.
type Template []part

// Expand fills a replacement with what a match found.
func (t Template) Expand(f *Found) string {
	var b strings.Builder
	for _, p := range t {
		if p.group < 0 {
			b.WriteString(p.text)
			continue
		}
		s, _ := f.Group(p.group)
		b.WriteString(s)
	}
	return b.String()
}

// part is text, or a group when group is not negative.
type part struct {
	text  string
	group int
}

// Template reads a replacement by Python's rules.
func (p *Regexp) Template(s string) (Template, error) {
	var out Template
	lit := func(text string) { out = append(out, part{text, -1}) }
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
func (p *Regexp) escaped(s string) (part, int, error) {
	if len(s) < 2 {
		return part{}, 0, errors.New("bad escape (end of pattern)")
	}
	c := s[1]
	if at := strings.IndexByte("abfnrtv\\", c); at >= 0 {
		return part{"\a\b\f\n\r\t\v\\"[at : at+1], -1}, 2, nil
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
		return part{string(rune(code & 0xff)), -1}, n, nil
	case c >= '1' && c <= '9':
		return digits(s)
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return part{}, 0, fmt.Errorf("bad escape \\%c", c)
	}
	return part{s[:1], -1}, 1, nil
}

// digits reads \N, \NN or the octal \NNN.
func digits(s string) (part, int, error) {
	isDigit := func(i int) bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }
	if !isDigit(2) {
		return part{group: int(s[1] - '0')}, 2, nil
	}
	if isDigit(3) && s[1] <= '7' && s[2] <= '7' && s[3] <= '7' {
		code, _ := strconv.ParseUint(s[1:4], 8, 16)
		if code > 0o377 {
			return part{}, 0, fmt.Errorf("octal escape value %s outside of range 0-0o377", s[:4])
		}
		return part{string(rune(code)), -1}, 4, nil
	}
	n, _ := strconv.Atoi(s[1:3])
	return part{group: n}, 3, nil
}

func (p *Regexp) groupName(s string) (part, int, error) {
	end := strings.IndexByte(s, '>')
	if len(s) < 3 || s[2] != '<' || end < 0 {
		return part{}, 0, errors.New("missing group name")
	}
	n, err := p.Number(s[3:end])
	return part{group: n}, end + 1, err
}

// Number answers a group's number by number or name.
func (p *Regexp) Number(id string) (int, error) {
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
