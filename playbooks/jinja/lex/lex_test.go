package lex

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"remoterun/runner/value"
)

// shown writes tokens as KIND:TEXT@LINE:COL.
func shown(toks []Token) string {
	kinds := map[Kind]string{EOF: "eof", Data: "data", VarBegin: "{{", VarEnd: "}}", BlockBegin: "{%", BlockEnd: "%}", Name: "name", String: "str", Int: "int", Float: "float", Op: "op"}
	var out []string
	for _, t := range toks {
		s := kinds[t.Kind]
		if t.Kind == Data || t.Kind == Name || t.Kind == String || t.Kind == Int || t.Kind == Float || t.Kind == Op {
			s += ":" + t.Text
		}
		out = append(out, fmt.Sprintf("%s@%d:%d", s, t.At.Line, t.At.Col))
	}
	return strings.Join(out, " ")
}

func TestTokens(t *testing.T) {
	plain := Ansible()
	plain.TrimBlocks = false
	lines := Ansible()
	lines.LinePrefix, lines.LineComment = "%%", "##"
	arg := Ansible()
	arg.LiteralBackslash = true
	tests := []struct {
		name string
		syn  Syntax
		src  string
		want string
	}{
		{"text and a name", Ansible(), "a {{ b }}c", "data:a @0:0 {{@0:4 name:b@0:5 }}@0:7 data:c@0:9 eof@0:10"},
		{"places behind lines", Ansible(), "ä\n{{\n  x }}", "data:ä\n@0:0 {{@1:2 name:x@2:2 }}@2:4 eof@2:6"},
		{"trim_blocks", Ansible(), "{% if x %}\ny", "{%@0:2 name:if@0:3 name:x@0:6 %}@0:8 data:y@0:10 eof@1:1"},
		{"no trim_blocks", plain, "{% x %}\ny", "{%@0:2 name:x@0:3 %}@0:5 data:\ny@0:7 eof@1:1"},
		{"minus signs", Ansible(), "a \n{{- 1 -}}\n b", "data:a@0:0 {{@1:3 int:1@1:4 }}@1:6 data:b@1:9 eof@2:2"},
		{"comments and raw", Ansible(), "{# {{ x #}{% raw %}{{ y }}{% endraw %}", "data:{{ y }}@0:19 eof@0:38"},
		{"operators, longest first", Ansible(), "{{ a**b//c!=[1.5,2] }}", "{{@0:2 name:a@0:3 op:**@0:4 name:b@0:6 op://@0:7 name:c@0:9 op:!=@0:10 op:[@0:12 float:1.5@0:13 op:,@0:16 int:2@0:17 op:]@0:18 }}@0:20 eof@0:22"},
		{"brackets hide the end", Ansible(), "{{ {'a': {}} }}", "{{@0:2 op:{@0:3 str:a@0:4 op::@0:7 op:{@0:9 op:}@0:10 op:}@0:11 }}@0:13 eof@0:15"},
		{"escapes in files", Ansible(), `{{ 'a\nb' }}`, "{{@0:2 str:a\nb@0:3 }}@0:10 eof@0:12"},
		{"backslashes in arguments", arg, `{{ '\1' }}`, `{{@0:2 str:\1@0:3 }}@0:8 eof@0:10`},
		{"line statements", lines, "%% if x:\ny ## no\n", "{%@0:2 name:if@0:3 name:x@0:6 %}@0:8 data:y@0:8 eof@1:7"},
		{"a bare expression", Syntax{Bare: true}, "a == 'b'", "name:a@0:0 op:==@0:2 str:b@0:5 eof@0:8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			toks, err := Tokens(tt.src, tt.syn)
			if got := shown(toks); err != nil || got != tt.want {
				t.Errorf("%v\n got %q\nwant %q", err, got, tt.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		src, want string
		line, col int
	}{
		{"a\n {{ b", "unexpected end of template", 1, 3},
		{"{# a", "Missing end of comment tag", 0, 0},
		{"x{% raw %}", "Missing end of raw directive", 0, 1},
		{"{{ 'a }}", "", 0, 3},
		{"{{ (a }}", "", 0, 6},
		{"{{ a ? }}", "", 0, 5},
	} {
		_, err := Tokens(c.src, Ansible())
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Msg, c.want) || e.At != (Place{c.line, c.col}) {
			t.Errorf("%q: %v at %+v; want %q at %d:%d", c.src, err, e.At, c.want, c.line, c.col)
		}
	}
}

func TestHeader(t *testing.T) {
	syn, body, skipped, err := Header("#jinja2: trim_blocks: False, variable_start_string: '[%'\nx", Ansible())
	if err != nil || syn.TrimBlocks || syn.VarStart != "[%" || body != "x" || skipped != 57 {
		t.Errorf("%+v, %q, %d, %v", syn, body, skipped, err)
	}
	for _, bad := range []string{"#jinja2: x\n", "#jinja2: no_such: 1\n", "#jinja2: trim_blocks: perhaps\n"} {
		if _, _, _, err := Header(bad, Ansible()); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestLiteral holds what Python's literal_eval reads, and what stays text.
func TestLiteral(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for text, want := range map[string]string{
		`[1, 2.5, 'a' "b", None, true]`: "[1, 2.5, 'ab', None, True]",
		"{'a': (1,), 'b': (2)}":         "{'a': (1,), 'b': 2}",
		"[0x1f, 1_000, -1, +2, 1e3]":    "[31, 1000, -1, 2, 1000.0]",
		"[ 1, # no\n 2, ]":              "[1, 2]",
		`['\x41', r'\n', '''a''']`:      `['A', '\\n', 'a']`,
		"True":                          "True",
		"true":                          "'true'",
		"[0644]":                        "'[0644]'",
		"[1, 2":                         "'[1, 2'",
		"{1}":                           "'{1}'",
		"[a]":                           "'[a]'",
		"{[1]: 2}":                      "'{[1]: 2}'",
		"1":                             "'1'",
	} {
		if got := value.Repr(Literal(value.String(text))); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if Literal(value.String(deep(200))).IsString() || !Literal(value.String(deep(201))).IsString() {
		t.Error("200 brackets are a list, 201 are text")
	}
}
