package ast

import (
	"fmt"
	"strings"
	"testing"

	"remoterun/runner/value"
)

// TestParseKV holds what Ansible makes of free-form text (measured).
func TestParseKV(t *testing.T) {
	for _, c := range []struct {
		in   string
		raw  bool
		want string
	}{
		{"a=1 b='x y' c", false, "a=1|b=x y| c"},
		{`a="x \" y"`, false, `a=x " y|`},
		{"echo a=b creates=/x", true, "creates=/x| echo a=b"},
		{"a={{ x | default('a b') }} b", false, "a={{ x | default('a b') }}| b"},
		{"{% if x %} a {% endif %}=1", false, "{% endif %}=1| {% if x %} a"},
		{"a  b   c", true, "| a  b   c"},
		{"a\nb\n", true, "| a\nb\n"},
		{"a \\\nb", true, "| a b"},
		{`k=v\=w x\=y`, false, `k=v\=w| x=y`},
		{"=x", false, "| =x"},
		{`p=C:\\temp`, false, `p=C:\temp|`},
		{"", false, "|"},
		{`msg="a\nb"`, false, "msg=a\nb|"},
		{`echo "a\nb"`, true, `| echo "a\nb"`},
	} {
		pairs, rest, err := parseKV(c.in, c.raw)
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		var b strings.Builder
		for _, p := range pairs {
			fmt.Fprintf(&b, "%s=%s|", p.key, p.val)
		}
		got := b.String()
		if got == "" {
			got = "|"
		}
		if rest != "" {
			got += " " + rest
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
	for _, in := range []string{"a='x", `b="`, "{{ x", "{% if", "{#"} {
		if _, _, err := parseKV(in, true); err == nil {
			t.Errorf("%q: no error", in)
		}
	}
}

// TestPairs holds what Ansible makes of -e (measured); words that are no pair
// are an error here.
func TestPairs(t *testing.T) {
	for in, want := range map[string]string{
		"a={{ x }}":                "{'a': '{{ x }}'}",
		"a={{ x }} b=1":            "{'a': '{{ x }}', 'b': '1'}",
		`a="x y" b=c`:              "{'a': 'x y', 'b': 'c'}",
		"k=v=w":                    "{'k': 'v=w'}",
		" a=1\n":                   "{'a': '1'}",
		`a="{{ x }} {{ y }}" b=''`: "{'a': '{{ x }} {{ y }}', 'b': ''}",
		"":                         "{}",
		"a=1 foo":                  `"foo" is not name=value`,
		"a= 1":                     `"1" is not name=value`,
		"=x":                       `"=x" is not name=value`,
		"a={{ x":                   errUnbalanced.Error(),
		`a='it\'`:                  errUnbalanced.Error(),
	} {
		m, err := Pairs(in)
		got := value.Show(value.FromMap(m))
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// FuzzSplit checks that splitting loses no visible character.
func FuzzSplit(f *testing.F) {
	f.Add(`a=1 b="x y" {{ z }} \`)
	f.Fuzz(func(t *testing.T, text string) {
		parts, err := splitArgs(text)
		if err != nil {
			return
		}
		clean := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, "\\", "")), "") }
		if got, want := clean(joinArgs(parts)), clean(text); got != want {
			t.Errorf("%q became %q", text, joinArgs(parts))
		}
	})
}
