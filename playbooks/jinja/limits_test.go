package jinja

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"remoterun/runner/value"
)

// TestLimits renders what would take all memory or all time; each is one error
// within seconds.
func TestLimits(t *testing.T) {
	cases := []struct{ name, template, want string }{
		{"range", "{{ range(10000000) | list }}", "range() of 10000000 items is too large"},
		{"loops in loops", "{% for a in range(5000) %}{% for b in range(5000) %}{% for c in range(5000) %}{% endfor %}{% endfor %}{% endfor %}", "too many steps"},
		{"text repeated", "{{ 'x' * 100000000 }}", "repetition is too large"},
		{"list repeated", "{{ [0] * 100000000 }}", "repetition is too large"},
		{"text doubled", "{% set ns = namespace(s='0123456789') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "output is too large"},
		{"text added", "{% set ns = namespace(s='0123456789') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "output is too large"},
		{"replaced", "{{ ('a' * 1000000) | replace('a', 'b' * 10000) }}", "output is too large"},
		{"power", "{{ 9 ** (9 ** 9) }}", "number is too large"},
		{"product of powers", "{% set ns = namespace(n=2 ** 100000) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}", "number is too large"},
		{"width", "{{ '%999999999d' % 1 }}", "repetition is too large"},
		{"precision", "{{ '{:.999999999f}'.format(1.5) }}", "repetition is too large"},
		{"padding", "{{ 'x'.center(999999999) }}", "repetition is too large"},
		{"a list in itself", "{% set l = [] %}{{ l.append(l) }}", "cannot hold itself"},
		{"a mapping in itself", "{% set d = {} %}{{ d.update({'k': [d]}) }}", "cannot hold itself"},
		{"a list in its list", "{% set a = [] %}{% set b = [a] %}{{ a.append(b) }}", "cannot hold itself"},
		{"doubling lists", "{% set ns = namespace(l=[1, 1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}", "too m"},
		{"doubling compared", "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}", "too m"},
		{"doubling filtered", "{% set ns = namespace(l=[1, 1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | flatten }}", "too m"},
		{"doubling zipped", "{% set ns = namespace(l=[1, 1]) %}{% for i in range(60) %}{% set ns.l = ns.l | zip(ns.l) | list %}{% endfor %}{{ ns.l | string }}", "too m"},
		{"deep lists", "{% set ns = namespace(l=[]) %}{% for i in range(5000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", "holds too much"},
		{"a macro calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nests too deeply"},
		{"a loop calls itself", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "nests too deeply"},
		{"a block calls itself", "{% block b %}{{ self.b() }}{% endblock %}", "nests too deeply"},
		{"brackets", "{{ " + strings.Repeat("(", 100_000) + strings.Repeat(")", 100_000) + " }}", "nested more than"},
		{"nots", "{{ " + strings.Repeat("not ", 100_000) + "1 }}", "nested more than"},
		{"signs", "{{ " + strings.Repeat("-", 100_000) + "1 }}", "nested more than"},
		{"ifs", strings.Repeat("{% if 1 %}", 100_000), "nested more than"},
		{"attributes", "{{ d" + strings.Repeat(".k", 100_000) + " }}", "nests too deeply"},
		{"sums", "{{ 1" + strings.Repeat(" + 1", 100_000) + " }}", "nests too deeply"},
		{"permutations", "{{ range(1000) | permutations(5) | list | length }}", "too"},
		{"indent", "{{ ('a\n' * 1000000) | indent(9999) }}", "output is too large"},
		{"variables in a circle", "{{ va }}", "recursive loop detected in template string: va -> vb -> va"},
	}
	vars := value.MapOf("d", value.FromMap(value.NewMap()), "va", value.String("{{ vb }}"), "vb", value.String("x{{ va }}"))
	e := New(Options{MaxSteps: 3_000_000})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			text, err := e.File(t.Context(), "l.j2", c.template, &mapScope{vars: vars})
			if err == nil || !strings.Contains(err.Error(), c.want) || !text.IsNull() {
				t.Errorf("got %.80q, %.200v, want an error with %q", value.Str(text), err, c.want)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestLongLoopsBuild: a loop may build a list, a mapping or a text of many items,
// in each of the ways in which templates do.
func TestLongLoopsBuild(t *testing.T) {
	for _, body := range []string{
		"{% set ns.l = ns.l + [i] %}", "{% set _ = ns.l.append(i) %}", "{% set _ = ns.l.append({'i': i, 'k': [i]}) %}", "{% set ns.l = ns.l + [{'i': i}] %}", "{% set _ = ns.l.extend([i]) %}",
		"{% set _ = ns.d.update({'k%d' % i: i}) %}", "{% set _ = ns.d.update({i: {'a': [i]}}) %}", "{% set _ = ns.d.__setitem__(i, [i]) %}", "{% set _ = ns.d.setdefault(i, []).append(i) %}", "{% set _ = ns.d.setdefault(i % 10, []).append(i) %}",
		"{% if i not in ns.l %}{% set _ = ns.l.append(i) %}{% endif %}", "{% set _ = ns.l.insert(0, i) %}", "{% set ns.n = (ns.l + [i]) | length %}{% set _ = ns.l.append(i) %}",
	} {
		src := "{% set ns = namespace(l=[], d={}, n=0) %}{% for i in range(5500) %}" + body + "{% endfor %}{{ ns.l | length + (ns.d.values() | flatten | length) }}"
		got, err := New(Options{}).File(t.Context(), "l.j2", src, &mapScope{vars: value.NewMap()})
		if err != nil || len(value.Str(got)) != 4 {
			t.Errorf("%s: %s, %v", body, value.Str(got), err)
		}
	}
}

// TestLoopsAreLinear: what a loop adds to a list, a mapping or a text costs what is
// added, and not what is there already. Steps count what is looked through and
// copied, so that a way which is not linear runs out of them.
func TestLoopsAreLinear(t *testing.T) {
	const n, each = 10_000, 60
	for _, body := range []string{
		"{% set ns.l = ns.l + [i] %}", "{% set ns.l = ns.l + [{'i': i, 'k': [i]}] %}", "{% set _ = ns.l.append([i]) %}{% set ns.l = ns.l + [i] %}", "{% set t = ns.l + [i] %}{% set ns.l = t %}{% set ns.n = t | length %}",
		"{% set ns.d = ns.d | combine({'k%d' % i: i}) %}", "{% set ns.d = ns.d | combine({i: {'a': [i]}}, recursive=true) %}", "{% set ns.d = dict(ns.d, **{'k%d' % i: i}) %}",
		"{% set ns.s = ns.s ~ 'some text' ~ i %}", "{% set ns.s = ns.s + 'some text' %}", "{% set ns.s = ns.s ~ 'some text' %}{% set ns.t = ns.t ~ 'other' ~ i %}",
		"{% set _ = ns.d.update({i % 100: [i]}) %}{% set ns.n = i in ns.d %}", "{% set _ = ns.d.update({i: i}) %}{% set _ = ns.d.pop(i - 1, none) %}{% set ns.n = i in ns.d %}", "{% set _ = ns.d.update({i: i, -1: i}) %}{% set _ = ns.d.popitem() %}{% set ns.n = i in ns.d %}",
		"{% set _ = ns.l.append(i) %}{% set ns.n = ns.l | last + ns.l | first + ns.l[-1] + ns.l | length %}",
	} {
		src := fmt.Sprintf("{%% set ns = namespace(l=[], d={}, n=0, s='', t='') %%}{%% for i in range(%d) %%}%s{%% endfor %%}", n, body)
		if _, err := New(Options{MaxSteps: n * each}).File(t.Context(), "l.j2", src, &mapScope{vars: value.NewMap()}); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestMarksAreNotForgotten: what is kept about a container is that it holds a
// secret, wherever and however it came in.
func TestMarksAreNotForgotten(t *testing.T) {
	vars := value.MapOf("s", value.MarkedString("sesame", value.Masked))
	for _, c := range []struct {
		src  string
		want value.Marks
	}{
		{"{% set l = [[1]] %}{% set w = dict(k=l) %}{% set _ = l[0].append(s) %}{{ dict(k=l) | length }}{{ dict(k=l) | to_json }}", value.Masked},
		{"{% set d = {} %}{% set w = dict(k=d) %}{% set _ = d.update({s: 1}) %}{{ dict(k=d) | to_json }}", value.Masked},
		{"{% set d = {'a': [1]} %}{% set w = dict(d) %}{% set d = d | combine({s: 1}) %}{{ dict(d).keys() | list | to_json }}", value.Masked},
		{"{% set d = {'a': 1} %}{% set w = dict(d) %}{% set _ = d.setdefault('b', s) %}{{ dict(d) | to_json }}", value.Masked},
		{"{% set l = [0] %}{% set w = dict(k=l) %}{% set l = l + [[s]] %}{{ dict(k=l) | to_json }}", value.Masked},
		{"{% set l = [0] %}{% set w = dict(k=l) %}{% set _ = l.insert(0, s) %}{{ dict(k=l) | to_json }}", value.Masked},
		{"{% set l = [0, s] %}{% set w = dict(k=l) %}{% set _ = l.pop(0) %}{{ dict(k=l) | to_json }}", value.Masked},
		{"{% set l = [0, s] %}{% set w = dict(k=l) %}{% set _ = l.pop() %}{{ dict(k=l) | to_json }}", 0},
		{"{% set ns = namespace(v=1) %}{% set l = [ns] %}{% set w = dict(k=l) %}{% set ns.v = s %}{{ dict(k=l)['k'] | string }}", value.Masked},
	} {
		got, err := New(Options{}).File(t.Context(), "l.j2", c.src, &mapScope{vars: vars})
		if err != nil || got.Marks() != c.want {
			t.Errorf("%s: %s has marks %b, want %b (%v)", c.src, value.Str(got), got.Marks(), c.want, err)
		}
	}
}

// TestWhatGrewIsApart: lists, mappings and texts that grew out of each other share
// storage, and never see each other's changes.
func TestWhatGrewIsApart(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"{% set a = [1] + [2] %}{% set b = a + [3] %}{% set c = a + [4] %}{% set d = b + [5] %}{% set _ = b.append(6) %}{% set _ = a.pop() %}{% set _ = a.append(7) %}{{ [a, b, c, d] }}", "[[1, 7], [1, 2, 3, 6], [1, 2, 4], [1, 2, 3, 5]]"},
		{"{% set a = [3] + [2] %}{% set b = a + [1] %}{% set _ = a.sort() %}{% set c = a + [9] %}{% set _ = b.reverse() %}{% set d = b + [8] %}{{ [a, b, c, d] }}", "[[2, 3], [1, 2, 3], [2, 3, 9], [1, 2, 3, 8]]"},
		{"{% set a = [1] + [2] %}{% for x in a %}{% set _ = a.append(x) %}{% endfor %}{% set l = a | list %}{% set _ = a.insert(0, 0) %}{% set _ = a.remove(2) %}{{ [a, l] }}", "[[0, 1, 1, 2], [1, 2, 1, 2]]"},
		{"{% set a = {'x': 1} | combine({'y': 2}) %}{% set b = a | combine({'z': 3}) %}{% set c = a | combine({'z': 4, 'w': 5}) %}{% set d = b | combine({'y': 9}) %}{% set _ = a.update({'z': 6}) %}{% set _ = b.pop('x') %}{{ [a, b, c, d] }}", "[{'x': 1, 'y': 2, 'z': 6}, {'y': 2, 'z': 3}, {'x': 1, 'y': 2, 'z': 4, 'w': 5}, {'x': 1, 'y': 9, 'z': 3}]"},
		{"{% set a = {'x': 1} | combine({'y': 2}) %}{% set b = a | combine({'z': 3}) %}{{ ['z' in a, a | length, a.z is defined, a == {'y': 2, 'x': 1}, a.copy(), dict(a, q=1), b] }}", "[False, 2, False, True, {'x': 1, 'y': 2}, {'x': 1, 'y': 2, 'q': 1}, {'x': 1, 'y': 2, 'z': 3}]"},
		{"{% set a = 'x' * 5000 ~ 'a' %}{% set b = a ~ 'b' %}{% set c = a ~ 'c' %}{% set d = b + 'd' %}{{ [a[-1], b[-2:], c[-2:], d[-3:]] }}", "['a', 'ab', 'ac', 'abd']"},
	} {
		got, err := New(Options{}).File(t.Context(), "l.j2", c.src, &mapScope{vars: value.NewMap()})
		if err != nil || value.Str(got) != c.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.src, value.Str(got), err, c.want)
		}
	}
}

// TestWeightsAreNotFooled makes what is held by others grow after it was
// weighed: that it is large is still seen before it is looked through.
func TestWeightsAreNotFooled(t *testing.T) {
	for _, grow := range []string{
		"{% set _ = l[i].append(l[i + 1]) %}{% set _ = l[i].append(l[i + 1]) %}", "{% set _ = l[i].extend([l[i + 1], l[i + 1]]) %}",
		"{% set _ = l[i].append(0) %}{% set _ = l[i].pop() %}{% set _ = l[i].append(l[i + 1]) %}{% set _ = l[i].insert(0, l[i + 1]) %}",
	} {
		src := "{% set l = [] %}{% for i in range(60) %}{% set _ = l.append([]) %}{% endfor %}{% set w = l == l %}{% for i in range(59) %}" + grow + "{% endfor %}{{ l[0] }}"
		if _, err := New(Options{}).File(t.Context(), "l.j2", src, &mapScope{vars: value.NewMap()}); err == nil || !strings.Contains(err.Error(), "too m") {
			t.Errorf("%s: got %v", grow, err)
		}
	}
	src := "{% set d = [] %}{% for i in range(60) %}{% set _ = d.append({}) %}{% endfor %}{% set w = d == d %}{% for i in range(59) %}{% set _ = d[i].update({'a': d[i + 1], 'b': d[i + 1]}) %}{% endfor %}{{ d[0] }}"
	if _, err := New(Options{}).File(t.Context(), "l.j2", src, &mapScope{vars: value.NewMap()}); err == nil || !strings.Contains(err.Error(), "too m") {
		t.Errorf("mappings: got %v", err)
	}
}

// TestMemoryIsBounded: what would take memory without end is refused, whatever it is made of.
func TestMemoryIsBounded(t *testing.T) {
	for _, src := range []string{
		"{% set ns = namespace(s='x') %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "{% set ns = namespace(s=[1]) %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
		"{{ range(3000000) | unique }}", "{% set l = [] %}{% for i in range(30) %}{% set _ = l.append(range(900000) | list) %}{% endfor %}", "{% set l = [] %}{% for i in range(30) %}{% set _ = l.append([0] * 900000) %}{% endfor %}",
		"{% set ns = namespace(a=[], s=[]) %}{% for i in range(20000) %}{% set ns.s = ns.s + [i] %}{% set _ = ns.a.append([ns.s]) %}{% endfor %}",
	} {
		_, err := New(Options{}).File(t.Context(), "l.j2", src, &mapScope{vars: value.NewMap()})
		if err == nil || !strings.Contains(err.Error(), "too") && !strings.Contains(err.Error(), "256 MB") {
			t.Errorf("%s: %v", src, err)
		}
	}
}

// TestForeignTextIsBounded reads text as hosts may print it: nothing of it may
// end the program, or take long.
func TestForeignTextIsBounded(t *testing.T) {
	deep, wide, long := strings.Repeat("[", 200_000), "["+strings.Repeat("1,", 1_000_001)+"1]", strings.Repeat("9", 200_000)
	e := New(Options{})
	for _, c := range []struct{ template, text, want string }{
		{"{{ x }} ", "[+_", "[+_ "},
		{"{{ x }} ", deep, deep + " "},
		{"{{ x | from_json }}", deep, "lists and mappings are nested more than 200 levels deep"},
		{"{{ x | from_json }}", wide, "there are more than 1000000 values"},
		{"{{ x | from_json }}", long, "a whole number has more than 4300 digits"},
		{"{{ x | from_yaml }}", strings.Repeat("[", 500) + strings.Repeat("]", 500), "nested more than 200 levels deep"},
		{"{{ x | from_yaml }}", deep, "exceeded max depth"},
		{"{{ x | int }}", long, "0"},
		{"{{ x | from_yaml | length }}", "k: " + long, "1"},
		{"{{ [] * 9223372036854775807 }}", "", "[]"},
		{"{{ '' * 9223372036854775807 }}", "", ""},
		{"{{ [{'n': x | float}, {'n': x | float}] | groupby('n') | length }}", "nan", "2"},
		{"{{ x | float | log }}", "nan", "nan"},
		{"{{ query('sequence', 'start=1 count=9223372036854775807 stride=9223372036854775807') }}", "", "does not fit 64 bits"},
		{"{{ query('sequence', 'start=9223372036854775807 end=9223372036854775807') }}", "", "does not fit 64 bits"},
	} {
		out, err := e.Render(t.Context(), value.String(c.template), &mapScope{vars: value.MapOf("x", value.MarkedString(c.text, value.Unsafe))})
		if got := fmt.Sprint(value.Str(out), err); !strings.Contains(got, c.want) {
			t.Errorf("%s with %.20q: got %.200s, want %.100s", c.template, c.text, got, c.want)
		}
	}
}

func TestCancelStopsRendering(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("the operator went away"))
	defer cancel()
	e := New(Options{MaxSteps: 1 << 40})
	_, err := e.File(ctx, "l.j2", "{% for a in range(5000) %}{% for b in range(5000) %}{% for c in range(5000) %}{% endfor %}{% endfor %}{% endfor %}", &mapScope{vars: value.NewMap()})
	if err == nil || !strings.Contains(err.Error(), "the operator went away") {
		t.Errorf("got %v", err)
	}
}

// TestConcurrentRendering renders from many goroutines over one engine and one
// scope; templates that change their lists do not see each other.
func TestConcurrentRendering(t *testing.T) {
	e := New(Options{})
	s := &mapScope{vars: value.MapOf("l", value.Strings("a"), "m", value.FromMap(value.MapOf("k", value.Strings("x"))), "t", value.String("{{ l | join }}!"))}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 50 {
				src := fmt.Sprintf("{%% set _ = l.append('%d') %%}{%% set _ = m.k.append('y') %%}{{ l | join('-') }}{{ m.k | length }}{{ t }}", g*100+i%7)
				want := fmt.Sprintf("a-%d2a!", g*100+i%7)
				got, err := e.File(t.Context(), "c.j2", src, s)
				if err != nil || value.Str(got) != want {
					t.Errorf("got %q (%v), want %q", value.Str(got), err, want)
					return
				}
			}
		})
	}
	wg.Wait()
}
