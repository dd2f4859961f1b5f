// Package pyre is regular expressions in Python's syntax, as users of Ansible
// write them, by an engine that has look-behind and references back. Groups are
// numbered as in Python, from left to right, named or not; every search is
// bounded in time, for the engine backtracks.
package pyre

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dlclark/regexp2"
	"github.com/dlclark/regexp2/syntax"
)

// searchTime bounds one search.
const searchTime = 3 * time.Second

// How says where an expression must match, in the words of Python's re.
type How string

// The ways to match.
const (
	Search    How = "search"    // anywhere
	Match     How = "match"     // from the beginning
	FullMatch How = "fullmatch" // the whole text
)

// Flags are re.IGNORECASE, re.MULTILINE and re.DOTALL.
type Flags struct{ IgnoreCase, Multiline, DotAll bool }

func (f Flags) options() regexp2.RegexOptions {
	o := regexp2.None
	if f.IgnoreCase {
		o |= regexp2.IgnoreCase
	}
	if f.Multiline {
		o |= regexp2.Multiline
	}
	if f.DotAll {
		o |= regexp2.Singleline
	}
	return o
}

// Regexp is a compiled expression; safe for many goroutines.
type Regexp struct {
	re     *regexp2.Regexp
	flags  regexp2.RegexOptions
	groups int
	names  map[string]int
}

// Compile reads an expression.
func Compile(pattern string, how How, f Flags) (*Regexp, error) {
	t := &translator{src: []rune(pattern), names: map[string]int{}}
	text, err := t.translate()
	if err != nil {
		return nil, err
	}
	switch how {
	case Match:
		text = `\A(?:` + text + `)`
	case FullMatch:
		text = `\A(?:` + text + `)\z`
	}
	re, err := regexp2.Compile(text, f.options()|t.flags)
	if err != nil {
		return nil, fmt.Errorf("bad regular expression %q: %w", pattern, inPython(err))
	}
	re.MatchTimeout = searchTime
	return &Regexp{re: re, flags: f.options() | t.flags, groups: t.groups, names: t.names}, nil
}

// inPython says what the engine refuses in Python's words, where it has them.
func inPython(err error) error {
	var wrong *syntax.Error
	if !errors.As(err, &wrong) {
		return err
	}
	switch wrong.Code {
	case syntax.ErrMissingRepeatArgument:
		return errors.New("nothing to repeat")
	case syntax.ErrInvalidRepeatOp:
		return errors.New("multiple repeat")
	case syntax.ErrMissingParen:
		return errors.New("missing ), unterminated subpattern")
	case syntax.ErrUnexpectedParen:
		return errors.New("unbalanced parenthesis")
	}
	return err
}

// key names a compiled expression in the cache.
type key struct {
	pattern string
	how     How
	flags   Flags
}

// Cache keeps compiled expressions; the zero Cache is ready, and safe for many
// goroutines.
type Cache struct {
	mu   sync.Mutex
	seen map[key]*Regexp
}

// maxCached bounds a cache: beyond it, it starts anew.
const maxCached = 2000

// Compile reads an expression that was perhaps read before.
func (c *Cache) Compile(pattern string, how How, f Flags) (*Regexp, error) {
	k := key{pattern, how, f}
	c.mu.Lock()
	defer c.mu.Unlock()
	if re, ok := c.seen[k]; ok {
		return re, nil
	}
	re, err := Compile(pattern, how, f)
	if err != nil {
		return nil, err
	}
	if len(c.seen) >= maxCached || c.seen == nil {
		c.seen = map[key]*Regexp{}
	}
	c.seen[k] = re
	return re, nil
}

// Multiline reports whether ^ and $ match at every line, by a flag or by (?m).
func (p *Regexp) Multiline() bool { return p.flags&regexp2.Multiline != 0 }

// Names are the names of groups, in the order of the groups.
func (p *Regexp) Names() []string {
	return slices.SortedFunc(maps.Keys(p.names), func(a, b string) int { return p.names[a] - p.names[b] })
}

// Named is the number of a group with a name, 0 when there is none.
func (p *Regexp) Named(name string) int { return p.names[name] }

// Groups is how many groups the expression has.
func (p *Regexp) Groups() int { return p.groups }

// Found is one match.
type Found struct {
	m  *regexp2.Match
	re *Regexp
}

// Find answers the first match, nil when there is none.
func (p *Regexp) Find(s string) (*Found, error) { return p.found(p.re.FindStringMatch(s)) }

// Next answers the match behind this one, nil when there is none.
func (f *Found) Next() (*Found, error) { return f.re.found(f.re.re.FindNextMatch(f.m)) }

func (p *Regexp) found(m *regexp2.Match, err error) (*Found, error) {
	if err != nil {
		// The engine's own error shows the whole text, which may be a secret.
		return nil, fmt.Errorf("the regular expression takes too long: more than %v", p.re.MatchTimeout)
	}
	if m == nil {
		return nil, nil
	}
	return &Found{m, p}, nil
}

// Span is where the match lies in the text, in code points.
func (f *Found) Span() (from, to int) { return f.m.Index, f.m.Index + f.m.Length }

// Text is what matched.
func (f *Found) Text() string { return f.m.String() }

// Group is the text of a group, 0 the whole match; ok=false when it took no
// part.
func (f *Found) Group(n int) (text string, ok bool) {
	g := f.m.GroupByNumber(n)
	if g == nil || len(g.Captures) == 0 {
		return "", false
	}
	return g.String(), true
}

// GroupSpan is where a group lies in the text, in code points; ok=false when it
// took no part.
func (f *Found) GroupSpan(n int) (from, to int, ok bool) {
	g := f.m.GroupByNumber(n)
	if g == nil || len(g.Captures) == 0 {
		return 0, 0, false
	}
	return g.Index, g.Index + g.Length, true
}

// ReplaceAll is re.subn: the text with every match replaced, and how many there
// were.
func (p *Regexp) ReplaceAll(s string, with Template) (string, int, error) {
	runes, at, n := []rune(s), 0, 0
	var b strings.Builder
	m, err := p.Find(s)
	for ; m != nil && err == nil; m, err = m.Next() {
		from, to := m.Span()
		b.WriteString(string(runes[at:from]))
		b.WriteString(with.Expand(m))
		at = to
		n++
	}
	b.WriteString(string(runes[at:]))
	return b.String(), n, err
}
