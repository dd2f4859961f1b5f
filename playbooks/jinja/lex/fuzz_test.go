package lex

import (
	"strings"
	"testing"

	"remoterun/runner/value"
)

// FuzzLiteral reads text of hosts as Python's literals; whatever is read can be
// shown and read again.
func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"[+_", "[1_, -_]", "[0x, 0b2, 1e, .e5]", "{'a': (1,), 'b': [None, True, 1.5e3]}", "['\\x4', u'\\ud800', r'\\', '''a''']", strings.Repeat("[", 500), "[" + strings.Repeat("9", 5000) + "]", "[- 1, + 2]", "[1__0]", "{[1]: 2}", "[# c\n1]", "{'\x80': ['\\udcff', 1]}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := Literal(value.MarkedString(text, value.Unsafe))
		if !v.IsString() && value.DeepMarks(v)&value.Unsafe == 0 {
			t.Fatal("the mark is lost")
		}
		if again := Literal(value.String(value.Str(v))); !v.IsString() && value.Str(again) != value.Str(v) && !strings.Contains(value.Str(v), "inf") && !strings.Contains(value.Str(v), "\\ufffd") {
			t.Fatalf("%q is read as %s, and that as %s", text, value.Str(v), value.Str(again))
		}
	})
}

// FuzzTokens cuts any text in every syntax.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{"{{ '[+_' }} ", "{{ 0x + 1_ + 1e }}", "{% raw %}{{", "#jinja2: trim_blocks: True\n{{ x", "{{ \"a\\", "{#- -#}", "\r\n{%+ if"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		for _, syn := range []Syntax{Ansible(), {Bare: true}} {
			syn, body, _, err := Header(src, syn)
			if err != nil {
				continue
			}
			toks, err := Tokens(body, syn)
			for _, tok := range toks {
				if tok.Kind == Int || tok.Kind == Float {
					_, _ = Number(tok)
				}
			}
			if err == nil && toks[len(toks)-1].Kind != EOF {
				t.Fatal("the end is missing")
			}
		}
	})
}
