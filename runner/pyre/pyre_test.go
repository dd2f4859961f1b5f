package pyre

import (
	"strings"
	"testing"
	"time"
)

func TestExpand(t *testing.T) {
	for _, c := range []struct{ name, expr, in, tmpl, want string }{
		{"names and numbers", `(?P<k>\w+)=(\d+)`, "a=4", `\g<k>-\2-\g<0>`, "a-4-a=4"},
		{"numbers count names", `(a)(?:b)(?P<x>c)\2`, "abcc", `\1\g<x>\g<2>`, "acc"},
		{"a bracket first in a class, Z", `[]a]+\Z`, "x]a", `\g<0>`, "]a"},
		{"look-ahead", `[^](]+(?=\))`, "(a)", `\g<0>`, "a"},
		{"look-behind", `(?<=v)\d+`, "1v23", `\g<0>`, "23"},
		{"flags inside", `(?i)KEY\s*=`, "key =", `\g<0>\t.`, "key =\t."},
		{"a name again", `(?P<q>['"])(.*?)(?P=q)`, `say "hi" 'x'`, `\2`, "hi"},
		{"a group that took no part", `(a)|(b)`, "b", `<\1\2>`, "<b>"},
		{"up to n times", `x{,2}y`, "xxy", `\g<0>`, "xxy"},
		{"octal", `a`, "a", `\101\0`, "A\x00"},
		{"code points", `\u00e4\x41`, "äA", `\g<0>`, "äA"},
		{"a conditional", `(<)?a(?(1)>|$)`, "<a>", `\g<0>`, "<a>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			re, err := Compile(c.expr, Search, Flags{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := re.Find(c.in)
			if err != nil || m == nil {
				t.Fatalf("does not fit %q: %v", c.in, err)
			}
			tmpl, err := re.Template(c.tmpl)
			if err != nil {
				t.Fatal(err)
			}
			if got := tmpl.Expand(m); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestHow(t *testing.T) {
	for _, c := range []struct {
		how   How
		flags Flags
		in    string
		want  bool
	}{
		{Search, Flags{}, "xab", true},
		{Match, Flags{}, "xab", false},
		{Match, Flags{}, "abx", true},
		{FullMatch, Flags{}, "abx", false},
		{FullMatch, Flags{}, "ab", true},
		{Match, Flags{IgnoreCase: true}, "AB", true},
	} {
		var cache Cache
		for range 2 { // compiled, and from the cache
			re, err := cache.Compile("ab", c.how, c.flags)
			if err != nil {
				t.Fatal(err)
			}
			if m, err := re.Find(c.in); err != nil || (m != nil) != c.want {
				t.Errorf("%s of %q: %v, %v", c.how, c.in, m, err)
			}
		}
	}
}

func TestNextAndSpan(t *testing.T) {
	re, err := Compile(`^.`, Search, Flags{Multiline: true})
	if err != nil {
		t.Fatal(err)
	}
	var at []int
	m, err := re.Find("ä\nb\nc")
	for ; m != nil && err == nil; m, err = m.Next() {
		from, to := m.Span()
		at = append(at, from, to)
	}
	if err != nil || len(at) != 6 || at[4] != 4 || at[5] != 5 {
		t.Errorf("%v, %v", at, err)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ name, expr, tmpl, want string }{
		{"class", "[a", "", "unterminated character set at position 0"},
		{"escape", `\q`, "", `bad escape \q`},
		{"end", `a\`, "", "bad escape (end of pattern)"},
		{"group number", `\2`, "", "invalid group reference 2"},
		{"name twice", `(?P<a>x)(?P<a>y)`, "", "redefinition of group name 'a'"},
		{"unknown name", `(?P=a)`, "", "unknown group name 'a'"},
		{"bad name", `(?P<1>a)`, "", "bad character in group name"},
		{"flags late", `a(?i)b`, "", "global flags not at the start"},
		{"parenthesis", `(a`, "", "missing ), unterminated subpattern"},
		{"closed parenthesis", `a)`, "", "unbalanced parenthesis"},
		{"repeats nothing", `*`, "", "nothing to repeat"},
		{"repeats a repeat", `a**`, "", "multiple repeat"},
		{"extension", `(?<n>a)`, "", "unknown extension"},
		{"template's group", `a`, `\1`, "invalid group reference 1"},
		{"template's name", `a`, `\g<x>`, "unknown group name 'x'"},
		{"template's escape", `a`, `\q`, `bad escape \q`},
		{"template's octal", `a`, `\477`, "octal escape value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			re, err := Compile(c.expr, Search, Flags{})
			if err == nil {
				_, err = re.Template(c.tmpl)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestBacktrackingEnds: an expression without end is an error, not a hang.
func TestBacktrackingEnds(t *testing.T) {
	re, err := Compile(`(a*)*b`, Search, Flags{})
	if err != nil {
		t.Fatal(err)
	}
	re.re.MatchTimeout = 50 * time.Millisecond
	m, err := re.Find(strings.Repeat("a", 60))
	if err == nil || !strings.Contains(err.Error(), "takes too long") || strings.Contains(err.Error(), "aaa") {
		t.Errorf("%v, %v", m, err)
	}
}

// FuzzRegex reads patterns, texts and replacements in Python's syntax.
func FuzzRegex(f *testing.F) {
	for _, s := range [][3]string{{"^(?P<n>a)(?P=n)\\1$", "aa", "\\g<n>-\\1"}, {"[]a-\\w[]{,2}", "a]", "\\012\\x"}, {"(?(1)a|b)(?i:x)(?#c)", "bx", "\\"}, {"(?xi) a \\Z", "A", "\\g<0>"}} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, pattern, text, with string) {
		if len(pattern) > 200 || len(text) > 200 {
			return
		}
		re, err := Compile(pattern, Search, Flags{})
		if err != nil {
			return
		}
		m, err := re.Find(text)
		if tmpl, bad := re.Template(with); bad == nil && err == nil && m != nil {
			tmpl.Expand(m)
		}
	})
}
