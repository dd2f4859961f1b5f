package jinja

import (
	"testing"

	"remoterun/runner/value"
)

func secretScope() *mapScope {
	secret := value.MarkedString("s3cr3t pass", value.Masked)
	return &mapScope{vars: value.MapOf("s", secret, "port", value.Int(1), "l", value.List(value.String("open"), secret),
		"m", value.FromMap(value.MapOf("pw", secret, "user", value.String("bob"))), "nested", value.String("{{ s }}!"),
		"users", value.List(value.FromMap(value.MapOf("name", value.String("a"), "pw", secret))))}
}

// TestSecretsTravel derives text and values from a secret in every way; each
// must still be one.
func TestSecretsTravel(t *testing.T) {
	e := New(Options{System: hostSystem{}})
	for _, src := range []string{
		"{{ s }}", "x{{ s }}", "{{ s ~ 'a' }}", "{{ s + 'a' }}", "{{ 'a' + s }}", "{{ s * 2 }}", "{{ s[0] }}", "{{ s[1:3] }}", "{{ s[::-1] }}",
		"{{ '%s' % s }}", "{{ '%s-%s' % (1, s) }}", "{{ '%(a)s' % {'a': s} }}", "{{ '{}'.format(s) }}", "{{ '{a}'.format(a=s) }}", "{{ '{a[pw]}'.format(a=m) }}",
		"{{ s.upper() }}", "{{ s.split() }}", "{{ s.split()[0] }}", "{{ 'a'.join([s]) }}", "{{ s.join(['a', 'b']) }}", "{{ s.replace('s', 'x') }}", "{{ 'abc'.replace('b', s) }}",
		"{{ s.partition(' ') }}", "{{ s.splitlines() }}", "{{ s.center(40) }}", "{{ s.encode() }}",
		"{{ s | upper }}", "{{ s | list }}", "{{ s | list | join }}", "{{ s | reverse }}", "{{ [s] | join(',') }}", "{{ [s, 'a'] | sort | last }}", "{{ [s] | map('upper') | first }}",
		"{{ s | b64encode }}", "{{ s | b64encode | b64decode }}", "{{ s | hash('sha256') }}", "{{ s | quote }}", "{{ s | regex_replace('s', 'x') }}", "{{ 'a b' | regex_replace('a', s) }}",
		"{{ s | regex_search('s3.*') }}", "{{ s | regex_findall('.') }}", "{{ s | to_json }}", "{{ m | to_json }}", "{{ m | to_nice_yaml }}", "{{ m | to_json | from_json }}", "{{ m.pw }}", "{{ m['pw'] }}", "{{ m.get('pw') }}", "{{ m.values() }}",
		"{{ m | string }}", "{{ m }}", "{{ [m] }}", "{{ m | dict2items }}", "{{ m | combine({'a': 1}) }}", "{{ {'a': 1} | combine(m) }}", "{{ users | map(attribute='pw') }}", "{{ users | json_query('[].pw') }}",
		"{{ s if true else 1 }}", "{{ s or 1 }}", "{{ missing | default(s) }}", "{{ s | ternary(s, 1) }}", "{% set x = s %}{{ x }}", "{% set x %}{{ s }}{% endset %}{{ x }}",
		"{% set x | upper %}{{ s }}{% endset %}{{ x }}", "{% for c in s %}{{ c }}{% endfor %}", "{% for k, v in m.items() %}{{ v }}{% endfor %}", "{% macro p(x) %}{{ x }}{% endmacro %}{{ p(s) }}",
		"{% macro p() %}{{ caller() }}{% endmacro %}{% call p() %}{{ s }}{% endcall %}", "{% filter upper %}{{ s }}{% endfilter %}", "{% with a = s %}{{ a }}{% endwith %}", "{{ nested }}",
		"{% set ns = namespace() %}{% set ns.x = s %}{{ ns.x }}", "{% set l2 = [] %}{% set _ = l2.append(s) %}{{ l2 }}", "{{ l | zip(l) | list }}", "{{ l | flatten }}", "{{ l | union(['x']) }}", "{{ s | indent }}", "{{ s | truncate(5, true, '') }}",
		"{{ s | wordwrap(3) }}", "{{ s | comment }}", "{{ s | urlencode }}", "{{ s | md5 }}", "{{ s | password_hash('sha512', 'abcdefgh') }}", "{{ s | type_debug ~ s }}", "{{ s | int(s) }}", "{{ lookup('vars', 's') }}", "{{ [s] | first }}", "{{ l | last }}", "{{ l | max }}",
		"{{ dict([['k', s]]) }}", "{{ cycler(s).next() }}", "{{ s | center(30) }}", "{{ '%s' | format(s) }}", "{{ s | trim }}", "{{ s | e }}", "{{ s | split }}",
	} {
		out, err := e.Render(t.Context(), value.String(src), secretScope())
		if err != nil || !value.DeepMarks(out).Secret() {
			t.Errorf("%s: %s (%v) lost the mark", src, value.Repr(out), err)
		}
		text, err := e.File(t.Context(), "m.j2", src, secretScope())
		if err != nil || !text.Marks().Secret() {
			t.Errorf("%s as a file: lost the mark (%v)", src, err)
		}
	}
}

// TestSecretsDoNotSpread keeps what is no secret readable beside one.
func TestSecretsDoNotSpread(t *testing.T) {
	e := New(Options{})
	for _, src := range []string{
		"{{ m.user }}", "{{ l[0] }}", "{{ l | first }}", "{{ users[0].name }}", "{{ users | map(attribute='name') | list }}", "{{ m | dict2items | map(attribute='key') }}", "{{ (m | combine({'a': 1})).user }}",
		"{{ l | length }}", "{{ m | list }}", "{{ port + 1 }}", "{{ m.keys() }}", "{{ users | selectattr('pw') | map(attribute='name') | first }}",
		"{% macro p(x) %}{{ x.user }}{% endmacro %}{{ p(m) }}", "{{ s is defined }}", "{{ 'x' if s else 'y' }}",
	} {
		out, err := e.Render(t.Context(), value.String(src), secretScope())
		if err != nil || value.DeepMarks(out).Secret() {
			t.Errorf("%s: %s (%v) became a secret", src, value.Show(out), err)
		}
	}
}

// TestUnsafeIsNotTemplated renders text that came from a host, in every way it
// could be read again.
func TestUnsafeIsNotTemplated(t *testing.T) {
	e := New(Options{System: hostSystem{}})
	evil := value.MarkedString("{{ 'ev' ~ 'il' }}", value.Unsafe)
	s := &mapScope{vars: value.MapOf("u", evil, "l", value.List(evil), "m", value.FromMap(value.MapOf("k", evil)), "again", value.String("{{ u }}"), "cond", evil)}
	for _, src := range []string{"{{ u }}", "{{ again }}", "{{ l }}", "{{ l[0] }}", "{{ m.k }}", "{{ u ~ '' }}", "{{ lookup('vars', 'u') }}", "{{ [u] | join }}", "{{ u | string }}", "{{ m | to_json | from_json }}", "{% set x = u %}{{ x }}"} {
		out, err := e.Render(t.Context(), value.String(src), s)
		if err != nil || value.DeepMarks(out)&value.Unsafe == 0 {
			t.Errorf("%s: %s (%v) is not unsafe", src, value.Repr(out), err)
		}
		again, err := e.Render(t.Context(), out, s)
		if err != nil || !value.Equal(again, out) {
			t.Errorf("%s: read again as %s (%v)", src, value.Repr(again), err)
		}
	}
	if out, err := e.Render(t.Context(), evil, s); err != nil || value.Str(out) != value.Str(evil) {
		t.Errorf("unsafe text itself: %s (%v)", value.Repr(out), err)
	}
}
