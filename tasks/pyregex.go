package tasks

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// pyRegex is a regular expression in Python's syntax, as users write it.
type pyRegex struct {
	re    *regexp2.Regexp
	names map[string]int // of named groups
}

// regexTime bounds one match: some expressions never end.
const regexTime = 5 * time.Second

// compilePy reads an expression; the error shows it.
func compilePy(expr string) (*pyRegex, error) {
	t := pyTranslator{expr: expr, names: map[string]int{}}
	re, err := regexp2.Compile(t.translate(), regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", expr, err)
	}
	re.MatchTimeout = regexTime
	return &pyRegex{re, t.names}, nil
}

// pyTranslator rewrites what Python spells differently: named groups, \Z, and
// the numbers of groups, which count unnamed ones first elsewhere.
type pyTranslator struct {
	expr   string
	out    strings.Builder
	groups int
	names  map[string]int
}

func (t *pyTranslator) translate() string {
	for i := 0; i < len(t.expr); {
		switch rest := t.expr[i:]; {
		case rest[0] == '\\' && len(rest) > 1:
			if rest[1] == 'Z' {
				t.out.WriteString(`\z`)
			} else {
				t.out.WriteString(rest[:2])
			}
			i += 2
		case rest[0] == '[':
			n := classEnd(rest)
			t.out.WriteString(strings.Replace(strings.Replace(rest[:n], "[]", `[\]`, 1), "[^]", `[^\]`, 1))
			i += n
		case rest[0] == '(':
			i += t.group(rest)
		default:
			t.out.WriteByte(rest[0])
			i++
		}
	}
	return t.out.String()
}

// classEnd is the length of the character class that s begins with.
func classEnd(s string) int {
	i := 1
	if strings.HasPrefix(s[i:], "^") {
		i++
	}
	if strings.HasPrefix(s[i:], "]") {
		i++
	}
	for ; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ']':
			return i + 1
		}
	}
	return len(s)
}

// group rewrites the opening of a group and answers how much it took.
func (t *pyTranslator) group(rest string) int {
	switch {
	case strings.HasPrefix(rest, "(?P<"):
		name, _, _ := strings.Cut(rest[4:], ">")
		t.groups++
		t.names[name] = t.groups
		fmt.Fprintf(&t.out, "(?<%d>", t.groups)
		return min(len("(?P<")+len(name)+1, len(rest))
	case strings.HasPrefix(rest, "(?P="):
		name, _, _ := strings.Cut(rest[4:], ")")
		fmt.Fprintf(&t.out, `\k<%d>`, t.names[name])
		return min(len("(?P=")+len(name)+1, len(rest))
	case strings.HasPrefix(rest, "(?"):
		t.out.WriteString("(?")
		return 2
	}
	t.groups++
	fmt.Fprintf(&t.out, "(?<%d>", t.groups)
	return 1
}

// search finds the expression in a line; nil when it is not there.
func (p *pyRegex) search(line string) (*regexp2.Match, error) {
	if !utf8.ValidString(line) {
		line = latin(line)
	}
	return p.re.FindStringMatch(line)
}

// latin makes one character of every byte, so that text that is no UTF-8 can
// be searched.
func latin(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}

// expand fills a replacement in Python's syntax: \1, \g<name>, \n, \t, \\.
func (p *pyRegex) expand(m *regexp2.Match, tmpl string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(tmpl); i++ {
		if tmpl[i] != '\\' || i+1 == len(tmpl) {
			b.WriteByte(tmpl[i])
			continue
		}
		i++
		c := tmpl[i]
		switch {
		case c >= '1' && c <= '9':
			end := i + 1
			if end < len(tmpl) && tmpl[end] >= '0' && tmpl[end] <= '9' {
				end++
			}
			if err := p.group(&b, m, tmpl[i:end]); err != nil {
				return "", err
			}
			i = end - 1
		case c == 'g' && strings.HasPrefix(tmpl[i:], "g<") && strings.Contains(tmpl[i:], ">"):
			name, _, _ := strings.Cut(tmpl[i+2:], ">")
			if err := p.group(&b, m, name); err != nil {
				return "", err
			}
			i += len(name) + 2
		case strings.IndexByte("ntrfvab0\\", c) >= 0:
			b.WriteString(map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'f': "\f", 'v': "\v", 'a': "\a", 'b': "\b", '0': "\x00", '\\': `\`}[c])
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			return "", fmt.Errorf(`bad escape \%c in %q`, c, tmpl)
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

func (p *pyRegex) group(b *strings.Builder, m *regexp2.Match, name string) error {
	n, ok := p.names[name]
	if !ok {
		var err error
		if n, err = strconv.Atoi(name); err != nil {
			return fmt.Errorf("unknown group name '%s'", name)
		}
	}
	g := m.GroupByNumber(n)
	if g == nil {
		return fmt.Errorf("invalid group reference %s", name)
	}
	b.WriteString(g.String())
	return nil
}
