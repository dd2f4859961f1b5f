package jinja

import (
	"errors"
	"testing"
	"time"

	"remoterun/playbooks/jinja/lex"
	"remoterun/runner/value"
)

// seeds gives a fuzzer some templates with everything the language has; the
// kept corpus is in testdata/fuzz.
func seeds(f *testing.F) {
	for _, s := range []string{
		"{{ a.b[1:2] | default('x', true) ~ [1, 2.5, none] if c is not defined else {'k': (1,)} }}",
		"{% for a, b in d.items() if a recursive %}{{ loop.index }}{{ loop(b) }}{% else %}x{% endfor %}",
		"{% macro m(a, b=1) %}{{ varargs }}{{ caller() }}{% endmacro %}{% call(x) m(1, *y, **z) %}{{ x }}{% endcall %}",
		"{% set ns = namespace(x=1) %}{% set ns.x = 2 %}{% set q | upper %}a{% endset %}{% with a = 1 %}{{ a }}{% endwith %}",
		"#jinja2: trim_blocks: False, line_statement_prefix: '%'\n% if x:\n{#- c -#}\n% endif\n",
		"{% raw -%} {{ x }} {%- endraw %}{% filter replace('a', 'b') %}a{% endfilter %}{% block b scoped %}{{ super() }}{{ self.b() }}{% endblock %}",
		"{% include ['a', 'b'] ignore missing without context %}{% import 'm' as m %}{% from 'm' import a as b with context %}{% extends 'x' %}",
		"{{ -1 ** 2 // 3 % 4 >= 5 and not 6 in [7] or '%s' % (8,) }}{{ '{:>5}'.format(1) }}{{ 0x1F + 1_000 + 1e3 }}",
		"{{ 'a\\n\\x41\\u00e9' 'b' }}{{ range(3) | batch(2) | map('sum') | list }}{{ 'é☃'[::-1] }}",
	} {
		f.Add(s)
	}
}

func FuzzLex(f *testing.F) {
	seeds(f)
	e := New(Options{Do: true, LoopControls: true})
	f.Fuzz(func(t *testing.T, src string) {
		for _, syn := range []lex.Syntax{e.fileSyntax(), e.argSyntax(), bareSyntax()} {
			toks, err := lex.Tokens(src, syn)
			var se *lex.Error
			if err != nil && !errors.As(err, &se) {
				t.Fatalf("%T is no syntax error: %v", err, err)
			}
			if err == nil && toks[len(toks)-1].Kind != lex.EOF {
				t.Fatal("the end is missing")
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	seeds(f)
	e := New(Options{Do: true, LoopControls: true})
	f.Fuzz(func(t *testing.T, src string) {
		_, err := e.load(src, e.fileSyntax(), &value.Origin{Pos: value.Pos{File: "f", Line: 1, Col: 1}})
		var je *Error
		if err != nil && (!errors.As(err, &je) || je.Pos.Line < 1 || je.Pos.Col < 1) {
			t.Fatalf("an error without a place: %v", err)
		}
	})
}

func FuzzRender(f *testing.F) {
	seeds(f)
	e := New(Options{Do: true, LoopControls: true, MaxSteps: 50_000, MaxOutput: 1 << 20})
	f.Fuzz(func(t *testing.T, src string) {
		start := time.Now()
		s := &mapScope{vars: value.MapOf("a", value.String(src), "b", value.Strings("x", "y"), "c", value.Int(7), "d", value.FromMap(value.MapOf("k", value.Float(1.5), "n", value.Null())))}
		text, _, textErr, _ := e.Both(t.Context(), "f", src, true, s)
		var je *Error
		if textErr != nil && (!errors.As(textErr, &je) || je.Pos.Line < 1) {
			t.Fatalf("an error without a place: %v", textErr)
		}
		if textErr != nil && !text.IsNull() {
			t.Fatalf("output beside the error %v", textErr)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %v", took)
		}
	})
}
