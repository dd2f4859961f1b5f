package ast

import (
	"fmt"
	"strings"
	"testing"
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
