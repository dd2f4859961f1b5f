package jinja

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// regexTime bounds one search: the engine backtracks.
const regexTime = 3 * time.Second

// pyRegex is a regular expression in Python's syntax. Groups are numbered as
// in Python, from left to right, named or not.
type pyRegex struct {
	re     *regexp2.Regexp
	groups int
	names  map[string]int
}

// regexKey names a compiled expression in the cache.
type regexKey struct {
	pattern   string
	flags     regexp2.RegexOptions
	anchoring string
}

// regexCache keeps compiled expressions; safe for many goroutines.
type regexCache struct {
	mu   sync.Mutex
	seen map[regexKey]*pyRegex
}

// compile answers a pattern ready for use; anchoring is "search", "match" or
// "fullmatch".
func (rc *regexCache) compile(pattern string, ignorecase, multiline bool, anchoring string) (*pyRegex, error) {
	key := regexKey{pattern: pattern, anchoring: anchoring}
	if ignorecase {
		key.flags |= regexp2.IgnoreCase
	}
	if multiline {
		key.flags |= regexp2.Multiline
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if re, ok := rc.seen[key]; ok {
		return re, nil
	}
	re, err := compileRegex(key)
	if err != nil {
		return nil, err
	}
	if len(rc.seen) > 2000 || rc.seen == nil {
		rc.seen = map[regexKey]*pyRegex{}
	}
	rc.seen[key] = re
	return re, nil
}

func compileRegex(key regexKey) (*pyRegex, error) {
	t := &regexTranslator{src: []rune(key.pattern), names: map[string]int{}}
	text, err := t.translate()
	if err != nil {
		return nil, err
	}
	switch key.anchoring {
	case "match":
		text = `\A(?:` + text + `)`
	case "fullmatch":
		text = `\A(?:` + text + `)\z`
	}
	re, err := regexp2.Compile(text, key.flags|t.flags)
	if err != nil {
		return nil, fmt.Errorf("bad regular expression %q: %w", key.pattern, errors.Unwrap(fmt.Errorf("%w", err)))
	}
	re.MatchTimeout = regexTime
	return &pyRegex{re: re, groups: t.groups, names: t.names}, nil
}

// find answers the next match after m, or the first one of s when m is nil.
func (p *pyRegex) find(s string, m *regexp2.Match) (*regexp2.Match, error) {
	var err error
	if m == nil {
		m, err = p.re.FindStringMatch(s)
	} else {
		m, err = p.re.FindNextMatch(m)
	}
	if err != nil {
		return nil, fmt.Errorf("the regular expression takes too long: %w", err)
	}
	return m, nil
}

// group is the text of a group; ok=false when it took no part in the match.
func group(m *regexp2.Match, n int) (string, bool) {
	g := m.GroupByNumber(n)
	if g == nil || len(g.Captures) == 0 {
		return "", false
	}
	return g.String(), true
}

// regexTranslator turns Python's syntax into that of the engine. All groups
// become unnamed, because the engine numbers named ones last.
type regexTranslator struct {
	src    []rune
	i      int
	out    strings.Builder
	flags  regexp2.RegexOptions
	groups int
	names  map[string]int
}

func (t *regexTranslator) translate() (string, error) {
	for t.i < len(t.src) {
		if err := t.next(); err != nil {
			return "", err
		}
	}
	return t.out.String(), nil
}

func (t *regexTranslator) rest() string { return string(t.src[t.i:]) }

func (t *regexTranslator) bad(msg string) error { return fmt.Errorf("%s at position %d", msg, t.i) }

func (t *regexTranslator) next() error {
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
		if r := t.rest(); strings.HasPrefix(r, ",") && strings.IndexByte(r, '}') > 1 && strings.Trim(r[1:strings.IndexByte(r, '}')], "0123456789") == "" {
			t.out.WriteByte('0')
		}
		return nil
	default:
		t.out.WriteRune(c)
		t.i++
		return nil
	}
}

// escape writes one backslash sequence.
func (t *regexTranslator) escape(inClass bool) error {
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
func (t *regexTranslator) backref() error {
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

func (t *regexTranslator) codepoint(kind rune) error {
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
func (t *regexTranslator) class() error {
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
func (t *regexTranslator) open() error {
	r := t.rest()
	if !strings.HasPrefix(r, "(?") {
		t.groups++
		return t.copy("(", 1)
	}
	for _, p := range []string{"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?#", "(?("} {
		if strings.HasPrefix(r, p) {
			return t.special(p)
		}
	}
	switch {
	case strings.HasPrefix(r, "(?P<"):
		return t.named()
	case strings.HasPrefix(r, "(?P="):
		return t.namedRef()
	case strings.HasPrefix(r, "(?P"), strings.HasPrefix(r, "(?<"):
		return t.bad("unknown extension ?" + string([]rune(r)[2:min(4, len([]rune(r)))]))
	}
	return t.inline()
}

// copy writes text for n runes of the source.
func (t *regexTranslator) copy(text string, n int) error {
	t.out.WriteString(text)
	t.i += n
	return nil
}

func (t *regexTranslator) special(p string) error {
	switch p {
	case "(?#":
		end := strings.IndexRune(t.rest(), ')')
		if end < 0 {
			return t.bad("missing ), unterminated comment")
		}
		return t.copy("", utf8.RuneCountInString(t.rest()[:end+1]))
	case "(?(":
		return t.conditional()
	}
	return t.copy(p, len(p))
}

// name reads text up to an end mark, from n runes on.
func (t *regexTranslator) name(n int, end rune) (string, error) {
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

func (t *regexTranslator) named() error {
	id, err := t.name(4, '>')
	if err != nil {
		return err
	}
	if !identifier(id) {
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

func identifier(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

func (t *regexTranslator) namedRef() error {
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

func (t *regexTranslator) conditional() error {
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
func (t *regexTranslator) inline() error {
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
func (t *regexTranslator) global(flags string, end int) error {
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
