package pyre

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// maxGroups bounds the parentheses of an expression: they nest.
const maxGroups = 5000

// translator turns Python's syntax into that of the engine. All groups
// become unnamed, because the engine numbers named ones last.
type translator struct {
	src    []rune
	i      int
	out    strings.Builder
	flags  regexp2.RegexOptions
	groups int
	opened int // parentheses
	names  map[string]int
}

func (t *translator) translate() (string, error) {
	for t.i < len(t.src) {
		if err := t.next(); err != nil {
			return "", err
		}
	}
	return t.out.String(), nil
}

// has reports whether the rest begins with s.
func (t *translator) has(s string) bool {
	i := t.i
	for _, r := range s {
		if i >= len(t.src) || t.src[i] != r {
			return false
		}
		i++
	}
	return true
}

// until answers how far the next r is, -1 for nowhere.
func (t *translator) until(r rune) int { return slices.Index(t.src[t.i:], r) }

func (t *translator) bad(msg string) error { return fmt.Errorf("%s at position %d", msg, t.i) }

func (t *translator) next() error {
	switch c := t.src[t.i]; c {
	case '\\':
		return t.escape(false)
	case '[':
		return t.class()
	case '(':
		return t.open()
	case '{':
		// {,n} counts from none in Python.
		t.out.WriteRune('{')
		t.i++
		if end := t.i + 1; t.has(",") {
			for end < len(t.src) && t.src[end] >= '0' && t.src[end] <= '9' {
				end++
			}
			if end > t.i+1 && end < len(t.src) && t.src[end] == '}' {
				t.out.WriteByte('0')
			}
		}
		return nil
	default:
		t.out.WriteRune(c)
		t.i++
		return nil
	}
}

// escape writes one backslash sequence.
func (t *translator) escape(inClass bool) error {
	if t.i+1 >= len(t.src) {
		return t.bad("bad escape (end of pattern)")
	}
	c := t.src[t.i+1]
	switch {
	case c >= '1' && c <= '9' && !inClass:
		return t.backref()
	case c == 'Z' && !inClass:
		t.out.WriteString(`\z`)
	case c == 'U' || c == 'u' || c == 'x':
		return t.codepoint(c)
	case strings.ContainsRune("dDsSwWbBAnrtfva0123456789\\", c):
		t.out.WriteString(`\` + string(c))
	case c < utf8.RuneSelf && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'):
		return t.bad(`bad escape \` + string(c))
	case c < utf8.RuneSelf:
		t.out.WriteString(`\` + string(c))
	default:
		t.out.WriteRune(c)
	}
	t.i += 2
	return nil
}

// backref is \N, kept apart from digits that follow.
func (t *translator) backref() error {
	n, end := 0, t.i+1
	for end < len(t.src) && end <= t.i+2 && t.src[end] >= '0' && t.src[end] <= '9' {
		n = n*10 + int(t.src[end]-'0')
		end++
	}
	if n > t.groups {
		return t.bad(fmt.Sprintf("invalid group reference %d", n))
	}
	fmt.Fprintf(&t.out, `(?:\%d)`, n)
	t.i = end
	return nil
}

func (t *translator) codepoint(kind rune) error {
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[kind]
	if t.i+2+digits > len(t.src) {
		return t.bad(`incomplete escape \` + string(kind))
	}
	n, err := strconv.ParseUint(string(t.src[t.i+2:t.i+2+digits]), 16, 32)
	if err != nil || n > utf8.MaxRune {
		return t.bad(`bad escape \` + string(kind))
	}
	t.i += 2 + digits
	if n < utf8.RuneSelf {
		fmt.Fprintf(&t.out, `\x%02x`, n)
	} else {
		t.out.WriteRune(rune(n))
	}
	return nil
}

// class copies [...]: the engine's own subtraction syntax is escaped away.
func (t *translator) class() error {
	start := t.i
	t.out.WriteByte('[')
	t.i++
	if t.i < len(t.src) && t.src[t.i] == '^' {
		t.out.WriteByte('^')
		t.i++
	}
	for first := true; ; first = false {
		switch {
		case t.i >= len(t.src):
			t.i = start
			return t.bad("unterminated character set")
		case t.src[t.i] == ']' && !first:
			t.out.WriteByte(']')
			t.i++
			return nil
		case t.src[t.i] == '\\':
			if err := t.escape(true); err != nil {
				return err
			}
		case t.src[t.i] == '[' || t.src[t.i] == ']':
			t.out.WriteString(`\` + string(t.src[t.i]))
			t.i++
		default:
			t.out.WriteRune(t.src[t.i])
			t.i++
		}
	}
}

// open reads what follows a parenthesis.
func (t *translator) open() error {
	if t.opened++; t.opened > maxGroups {
		return t.bad("too many groups")
	}
	if !t.has("(?") {
		t.groups++
		return t.copy("(", 1)
	}
	for _, p := range []string{"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?#", "(?("} {
		if t.has(p) {
			return t.special(p)
		}
	}
	switch {
	case t.has("(?P<"):
		return t.named()
	case t.has("(?P="):
		return t.namedRef()
	case t.has("(?P"), t.has("(?<"):
		return t.bad("unknown extension ?" + string(t.src[t.i+2:min(t.i+4, len(t.src))]))
	}
	return t.inline()
}

// copy writes text for n runes of the source.
func (t *translator) copy(text string, n int) error {
	t.out.WriteString(text)
	t.i += n
	return nil
}

func (t *translator) special(p string) error {
	switch p {
	case "(?#":
		end := t.until(')')
		if end < 0 {
			return t.bad("missing ), unterminated comment")
		}
		return t.copy("", end+1)
	case "(?(":
		return t.conditional()
	}
	return t.copy(p, len(p))
}

// name reads text up to an end mark, from n runes on.
func (t *translator) name(n int, end rune) (string, error) {
	for j := t.i + n; j < len(t.src); j++ {
		if t.src[j] == end {
			id := string(t.src[t.i+n : j])
			t.i = j + 1
			if id == "" {
				return "", t.bad("missing group name")
			}
			return id, nil
		}
	}
	return "", t.bad("missing " + string(end) + ", unterminated name")
}

func (t *translator) named() error {
	id, err := t.name(4, '>')
	if err != nil {
		return err
	}
	if !Identifier(id) {
		return t.bad("bad character in group name '" + id + "'")
	}
	if _, there := t.names[id]; there {
		return t.bad("redefinition of group name '" + id + "'")
	}
	t.groups++
	t.names[id] = t.groups
	t.out.WriteByte('(')
	return nil
}

// Identifier reports a name of Python: letters, digits and _, no digit first.
func Identifier(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

func (t *translator) namedRef() error {
	id, err := t.name(4, ')')
	if err != nil {
		return err
	}
	n, ok := t.names[id]
	if !ok {
		return t.bad("unknown group name '" + id + "'")
	}
	fmt.Fprintf(&t.out, `(?:\%d)`, n)
	return nil
}

func (t *translator) conditional() error {
	id, err := t.name(3, ')')
	if err != nil {
		return err
	}
	n, ok := t.names[id]
	if !ok {
		if n, err = strconv.Atoi(id); err != nil || n > t.groups {
			return t.bad("invalid group reference " + id)
		}
	}
	fmt.Fprintf(&t.out, "(?(%d)", n)
	return nil
}

// inline reads (?flags) and (?flags-flags:...).
func (t *translator) inline() error {
	j := t.i + 2
	for j < len(t.src) && (t.src[j] == '-' || strings.ContainsRune("aiLmsux", t.src[j])) {
		j++
	}
	if j >= len(t.src) || j == t.i+2 || t.src[j] != ':' && t.src[j] != ')' {
		return t.bad("unknown extension ?" + string(t.src[min(t.i+2, len(t.src)):min(j+1, len(t.src))]))
	}
	flags := strings.Map(func(r rune) rune {
		if strings.ContainsRune("aLu", r) {
			return -1
		}
		return r
	}, string(t.src[t.i+2:j]))
	if t.src[j] == ')' {
		return t.global(flags, j)
	}
	t.i = j + 1
	return t.copy("(?"+strings.TrimSuffix(flags, "-")+":", 0)
}

// global sets flags for the whole expression, which must stand at its start.
func (t *translator) global(flags string, end int) error {
	if t.out.Len() > 0 {
		return t.bad("global flags not at the start of the expression")
	}
	all := map[rune]regexp2.RegexOptions{'i': regexp2.IgnoreCase, 'm': regexp2.Multiline, 's': regexp2.Singleline, 'x': regexp2.IgnorePatternWhitespace}
	for _, f := range flags {
		t.flags |= all[f]
	}
	t.i = end + 1
	return nil
}
