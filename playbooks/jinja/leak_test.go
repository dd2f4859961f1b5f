package jinja

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
)

// A recipe is a template that uses one name of the language. Its text literals
// are replaced by variables that carry a mark, so each shows whether the name
// lets marks through.
type recipe struct{ name, template string }

// recipes are the examples of all names that are registered, the uses below of
// names that have more ways than one, and all methods: a new name brings its
// recipe with it, or fails TestEveryNameHasARecipe.
func recipes(t *testing.T) []recipe {
	t.Helper()
	var out []recipe
	for _, e := range tested().Entries {
		out = append(out, recipe{e.Kind.String() + " " + e.Name, e.Example})
	}
	for _, name := range slices.Sorted(mapKeys(moreRecipes())) {
		for _, tpl := range moreRecipes()[name] {
			out = append(out, recipe{name, tpl})
		}
	}
	return out
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// moreRecipes are further uses by name: other arguments, and the methods, which
// have no examples.
func moreRecipes() map[string][]string {
	return map[string][]string{
		"filter default":    {"{{ nope | default('host text') }}", "{{ '' | default('host text', true) }}"},
		"filter dict2items": {"{{ {'a': 'b'} | dict2items(key_name='host text', value_name='other text') }}"},
		"filter items2dict": {"{{ [{'k': 'host text', 'v': 'other text'}] | items2dict(key_name='k', value_name='v') }}"},
		"filter combine":    {"{{ {'a': {'b': 'c'}} | combine({'a': {'d': 'e'}}, recursive=true) }}", "{{ {'a': ['b']} | combine({'a': ['d']}, list_merge='append_rp') }}"},
		"filter ternary":    {"{{ none | ternary('a', 'b', 'host text') }}", "{{ false | ternary('a', 'host text') }}"},
		"filter extract":    {"{{ 'a' | extract({'a': {'b': 'host text'}}, 'b') }}", "{{ 0 | extract(['host text']) }}"},
		"filter map":        {"{{ ['host text'] | map('upper') | list }}", "{{ ['a'] | map('regex_replace', 'a', 'host text') | list }}", "{{ [{'a': 'x'}] | map(attribute='b', default='host text') | list }}", "{{ [{'a': {'b': 'host text'}}] | map(attribute='a.b') }}"},
		"filter join":       {"{{ ['a', 'b'] | join('host text') }}", "{{ [{'a': 'host text'}] | join(',', attribute='a') }}"},
		"filter batch":      {"{{ ['a'] | batch(2, 'host text') }}"}, "filter slice": {"{{ ['a', 'b', 'c'] | slice(2, 'host text') | list }}"},
		"filter sum":               {"{{ ['a'] | map('list') | sum(start=['host text']) }}"},
		"filter groupby":           {"{{ [{'a': 'host text'}, {'b': 'x'}] | groupby('a', default='other text') }}"},
		"filter zip_longest":       {"{{ ['a', 'b'] | zip_longest(['c'], fillvalue='host text') | list }}"},
		"filter regex_search":      {"{{ 'host text' | regex_search('(h)(o)', '\\\\1', '\\\\2') }}", "{{ 'host text' | regex_search('(?P<x>h)', '\\\\g<x>') }}"},
		"filter regex_findall":     {"{{ 'host text' | regex_findall('(h)(o)') }}"},
		"filter regex_replace":     {"{{ 'host text' | regex_replace('h(o)', '<\\\\1>') }}", "{{ 'host text' | regex_replace('zzz', 'q') }}"},
		"filter from_yaml":         {"{{ '{a: {b: [c, d]}}' | from_yaml }}", "{{ '\"{{ q }}\": \"{{ q }}\"' | from_yaml }}"},
		"filter from_yaml_all":     {"{{ '---\n- a\n---\nb: c' | from_yaml_all | list }}"},
		"filter from_json":         {"{{ '{\"a\": {\"b\": [\"c\"]}}' | from_json }}"},
		"filter json_query":        {"{{ {'a': [{'b': 'host text'}]} | json_query('a[*].b') }}", "{{ {'a': 'b'} | json_query('{x: a, y: keys(@)}') }}", "{{ {'a': 'b'} | json_query('`\"host text\"`') }}", "{{ {'a': 'b'} | json_query(\"join('-', [a, 'host text'])\") }}", "{{ {'a': 'b'} | json_query('to_string(@)') }}", "{{ {'a': 'b'} | json_query('type(a)') }}", "{{ {'a': 'b'} | json_query('merge(@, {c: `\"d\"`})') }}", "{{ {'a': 'cab'} | json_query('reverse(a)') }}", "{{ {'a': 'b'} | json_query('to_array(a)') }}", "{{ {'a': ['b']} | json_query('max(a)') }}"},
		"filter to_paths":          {"{{ {'a b': {'c': 'd'}} | ansible.utils.to_paths }}", "{{ {'a': ['b']} | ansible.utils.to_paths(prepend='host text', wantlist=true) }}"},
		"filter get_path":          {"{{ {'a': {'b': 'host text'}} | ansible.utils.get_path('a.b', wantlist=true) }}", "{{ {'a': {'b': 'x'}} | ansible.utils.get_path(\"a['b']\") }}"},
		"filter index_of":          {"{{ [{'a': 'b'}] | ansible.utils.index_of('eq', 'b', 'a') }}"},
		"filter replace_keys":      {"{{ [{'a': 'x'}] | ansible.utils.replace_keys(target=[{'before': 'a', 'after': 'host text'}]) }}"},
		"filter remove_keys":       {"{{ {'a': {'b': 'c', 'd': 'e'}} | ansible.utils.remove_keys(target=['d']) }}"},
		"filter keep_keys":         {"{{ {'a': {'b': 'c', 'd': 'e'}} | ansible.utils.keep_keys(target=['d']) }}"},
		"filter rekey_on_member":   {"{{ {'q': {'n': 'x'}} | rekey_on_member('n') }}"},
		"filter subelements":       {"{{ {'q': {'l': ['x']}} | subelements('l') }}", "{{ [{'n': {'l': ['x']}}] | subelements('n.l') }}"},
		"filter comment":           {"{{ 'host text' | comment('xml') }}", "{{ 'a' | comment(prefix='host text', prefix_count=2) }}"},
		"filter dict":              {"{{ [['a', 'b']] | community.general.dict }}"},
		"filter groupby_as_dict":   {"{{ [{'a': 'host text'}] | community.general.groupby_as_dict('a') }}"},
		"filter lists_mergeby":     {"{{ [{'i': 'a', 'x': ['b']}] | community.general.lists_mergeby([{'i': 'a', 'x': ['c']}], 'i', list_merge='append') }}"},
		"filter counter":           {"{{ 'host text' | community.general.counter }}"},
		"filter dictsort":          {"{{ {'b': 'host text', 'a': 'c'} | dictsort(by='value') }}"},
		"filter xmlattr":           {"{{ {'a': 'host text', 'host': 'b'} | xmlattr }}"},
		"filter to_nice_yaml":      {"{{ {'a': ['host text']} | to_nice_yaml(indent=2) }}"},
		"filter flatten":           {"{{ ['a', ['host text', ['b']]] | flatten(levels=1) }}"},
		"filter unique":            {"{{ [{'a': 'b'}, {'a': 'b'}] | unique }}", "{{ [{'a': 'b'}, {'a': 'B'}] | unique(attribute='a') }}"},
		"filter union":             {"{{ [{'a': 'b'}] | union([{'c': 'd'}]) }}"},
		"filter strftime":          {"{{ '%Y host text' | strftime(0) }}"},
		"filter split":             {"{{ 'host text' | split }}"},
		"filter reduce_on_network": {"{{ ['10.0.0.1', '11.0.0.1'] | ansible.netcommon.reduce_on_network('10.0.0.0/8') }}"},
		"lookup dict":              {"{{ lookup('dict', {'a': 'host text'}) }}", "{{ query('dict', {'a': 'host text'}) }}"},
		"lookup items":             {"{{ query('items', ['host text'], 'b') }}"},
		"lookup vars":              {"{{ lookup('vars', 'v0') }}", "{{ lookup('vars', 'nope', default='host text') }}"},
		"lookup nested":            {"{{ query('nested', ['a', 'b'], ['host text']) }}", "{{ query('cartesian', ['a', 'b'], ['host text']) }}"},
		"lookup together":          {"{{ query('together', ['a', 'b'], ['host text']) }}"},
		"lookup flattened":         {"{{ query('flattened', ['a', ['host text']]) }}"},
		"lookup indexed_items":     {"{{ query('indexed_items', ['host text']) }}"},
		"lookup list":              {"{{ query('list', ['host text']) }}"},
		"lookup random_choice":     {"{{ query('random_choice', 'host text') }}"},
		"lookup subelements":       {"{{ query('subelements', [{'a': 'x', 'l': ['host text']}], 'l') }}"},
		"lookup sequence":          {"{{ query('sequence', 'start=1 end=2 format=host%d') }}"},
		"lookup env":               {"{{ query('env', 'NO_SUCH_NAME', default='host text') }}", "{{ lookup('env', 'JINJA_CASE') }}"},
		"lookup file":              {"{{ lookup('file', 'leak.txt') }}"}, "lookup unvault": {"{{ lookup('unvault', 'leak.txt') }}"},
		"lookup fileglob":    {"{{ query('fileglob', 'leak*') }}"},
		"lookup template":    {"{{ lookup('template', 'leak.txt') }}", "{{ lookup('template', 'leak.j2', template_vars={'q': 'host text'}) }}"},
		"lookup first_found": {"{{ lookup('first_found', ['nope', 'leak.txt']) }}", "{{ query('first_found', {'files': ['leak.txt'], 'paths': ['.']}) }}"},
		"lookup pipe":        {"{{ lookup('pipe', 'echo host text') }}"}, "lookup lines": {"{{ query('lines', 'echo host text') }}"},
		"lookup csvfile":  {"{{ lookup('csvfile', 'k', file='leak.csv', delimiter=',') }}", "{{ lookup('csvfile', 'zz', file='leak.csv', delimiter=',', default='host text') }}"},
		"lookup ini":      {"{{ lookup('ini', 'k', file='leak.ini') }}", "{{ lookup('ini', 'zz', file='leak.ini', default='host text') }}"},
		"lookup url":      {"{{ lookup('url', 'http://leak') }}"},
		"lookup to_paths": {"{{ lookup('ansible.utils.to_paths', {'a b': {'c': 'd'}}, prepend='host text') }}"},
		"lookup get_path": {"{{ lookup('ansible.utils.get_path', {'a': {'b': 'host text'}}, 'a.b') }}"},
		"lookup varnames": {"{{ query('varnames', '^v[0-9]') }}"},

		"method str.center": {"{{ 'a'.center(9, 'x') }}"}, "method str.ljust": {"{{ 'a'.ljust(9, 'x') }}"}, "method str.rjust": {"{{ 'a'.rjust(9, 'x') }}"}, "method str.zfill": {"{{ 'a'.zfill(4) }}"},
		"method str.count": {"{{ 'aa'.count('a') }}"}, "method str.find": {"{{ 'aa'.find('a') }}"}, "method str.rfind": {"{{ 'aa'.rfind('a') }}"}, "method str.index": {"{{ 'aa'.index('a') }}"}, "method str.rindex": {"{{ 'aa'.rindex('a') }}"},
		"method str.startswith": {"{{ 'aa'.startswith('a') }}"}, "method str.endswith": {"{{ 'aa'.endswith('a') }}"},
		"method str.strip": {"{{ 'host'.strip('h') }}"}, "method str.lstrip": {"{{ 'host'.lstrip('h') }}"}, "method str.rstrip": {"{{ 'host'.rstrip('t') }}"},
		"method str.removeprefix": {"{{ 'host'.removeprefix('h') }}"}, "method str.removesuffix": {"{{ 'host'.removesuffix('t') }}"},
		"method str.partition": {"{{ 'host'.partition('o') }}"}, "method str.rpartition": {"{{ 'host'.rpartition('o') }}"},
		"method str.split": {"{{ 'host text'.split() }}", "{{ 'host text'.split('t', 1) }}"}, "method str.rsplit": {"{{ 'host text'.rsplit('t', 1) }}"}, "method str.splitlines": {"{{ 'host\ntext'.splitlines(true) }}"},
		"method str.join": {"{{ 'host'.join(['a', 'b']) }}", "{{ ','.join(['host', 'b']) }}", "{{ ','.join({'host': 'b'}) }}"}, "method str.replace": {"{{ 'host'.replace('o', 'text') }}"}, "method str.expandtabs": {"{{ 'a\thost'.expandtabs(4) }}"},
		"method str.format":     {"{{ '{} {a}'.format('host', a='text') }}", "{{ '{0[k]:>9} {0!r}'.format({'k': 'host'}) }}", "{{ '{:{}}'.format('host', '>9') }}"},
		"method str.format_map": {"{{ '{a}'.format_map({'a': 'host'}) }}"},
		"method str.encode":     {"{{ 'host'.encode() | string }}"}, "method str.translate": {"{{ 'host'.translate({104: 'x'}) }}"},
		"method str.lower": {"{{ 'Host'.lower() }}"}, "method str.upper": {"{{ 'Host'.upper() }}"}, "method str.casefold": {"{{ 'Host'.casefold() }}"}, "method str.capitalize": {"{{ 'host'.capitalize() }}"}, "method str.title": {"{{ 'host'.title() }}"}, "method str.swapcase": {"{{ 'Host'.swapcase() }}"},
		"method list.append": {"{% set l = ['a'] %}{% set _ = l.append('host') %}{{ l }}", "{% set l = ['a'] %}{% set _ = l.append('host') %}{{ l.pop() }}"}, "method list.extend": {"{% set l = ['a'] %}{% set _ = l.extend(['host']) %}{{ l }}", "{% set l = ['a'] %}{% set _ = l.extend('host') %}{{ l }}"},
		"method list.insert": {"{% set l = ['a'] %}{% set _ = l.insert(0, 'host') %}{{ l }}"}, "method list.pop": {"{{ ['host'].pop() }}"}, "method list.remove": {"{% set l = ['a', 'host'] %}{% set _ = l.remove('a') %}{{ l }}"},
		"method list.sort": {"{% set l = ['host', 'a'] %}{% set _ = l.sort() %}{{ l }}"}, "method list.clear": {"{% set l = ['host'] %}{% set _ = l.clear() %}{{ l }}"}, "method list.copy": {"{{ ['host'].copy() }}"}, "method list.reverse": {"{% set l = ['host', 'a'] %}{% set _ = l.reverse() %}{{ l }}"},
		"method list.count": {"{{ ['host'].count('host') }}"}, "method list.index": {"{{ ['host'].index('host') }}"},
		"method tuple.count": {"{{ ('host',).count('host') }}"}, "method tuple.index": {"{{ ('host',).index('host') }}"},
		"method dict.get": {"{{ {'a': 'host'}.get('a') }}", "{{ {'a': 'b'}.get('z', 'host') }}"}, "method dict.items": {"{{ {'host': 'text'}.items() }}"}, "method dict.keys": {"{{ {'host': 'text'}.keys() }}"}, "method dict.values": {"{{ {'host': 'text'}.values() }}"},
		"method dict.update": {"{% set d = {} %}{% set _ = d.update({'host': 'text'}) %}{{ d }}", "{% set d = {} %}{% set _ = d.update([['host', 'text']], k='v') %}{{ d }}"}, "method dict.pop": {"{{ {'a': 'host'}.pop('a') }}", "{{ {'a': 'b'}.pop('z', 'host') }}"},
		"method dict.popitem": {"{{ {'host': 'text'}.popitem() }}"}, "method dict.setdefault": {"{{ {'a': 'b'}.setdefault('z', 'host') }}"}, "method dict.clear": {"{% set d = {'host': 'a'} %}{% set _ = d.clear() %}{{ d }}"}, "method dict.copy": {"{{ {'host': 'text'}.copy() }}"},
		"method dict.__setitem__": {"{% set d = {} %}{% set _ = d.__setitem__('host', 'text') %}{{ d }}"},
		"method dict.fromkeys":    {"{{ dict.fromkeys(['host'], 'text') }}", "{{ {}.fromkeys('host', 'text') }}"},
		"method int.bit_length":   {"{{ (5).bit_length() }}"}, "method int.is_integer": {"{{ (5).is_integer() }}"}, "method bool.bit_length": {"{{ true.bit_length() }}"}, "method bool.is_integer": {"{{ true.is_integer() }}"}, "method float.is_integer": {"{{ 1.5.is_integer() }}"},

		"global namespace": {"{% set ns = namespace(a='host') %}{{ ns.a }}", "{{ namespace(a='host') }}", "{% set ns = namespace() %}{% set ns.a = 'host' %}{{ ns }}", "{% set ns = namespace() %}{% set ns.a = ['host'] %}{{ ns | string }}"},
		"global cycler":    {"{{ cycler('host', 'b').next() }}", "{{ cycler('host', 'b').current }}"}, "global joiner": {"{% set j = joiner('host') %}{{ j() }}{{ j() }}"},
		"global dict": {"{{ dict([('host', 'text')], b='c') }}", "{{ dict({'host': 'text'}) }}", "{{ dict(**{'host': 'text'}) }}"},
		"language": {
			"{{ 'host' ~ 'b' }}", "{{ 'host' + 'b' }}", "{{ 'b' * 3 }}", "{{ ['host'] + ['b'] }}", "{{ 'host'[1:2] }}", "{{ 'host'[::-1] }}", "{{ 'host'[0] }}", "{{ ['host'][0] }}", "{{ {'host': 'text'} }}", "{{ {'a': 'host'}.a }}", "{{ {'a': 'host'}['a'] }}",
			"{{ '%s %r' % ('host', 'text') }}", "{{ '%(a)s' % {'a': 'host'} }}", "{{ '%10s' % 'host' }}", "{{ '%c' % 'h' }}", "x{{ 'host' }}y", "{{ 'host' if true else 'b' }}", "{{ 'host' or 'b' }}", "{{ '' or 'host' }}", "{{ 'a' and 'host' }}",
			"{% set x %}a{{ 'host' }}{% endset %}{{ x }}", "{% set x | upper %}{{ 'host' }}{% endset %}{{ x }}", "{% for c in 'host' %}{{ c }}{% endfor %}", "{% for k, v in {'host': 'text'}.items() %}{{ k }}{{ v }}{% endfor %}", "{% for k in {'host': 'text'} %}{{ k }}{% endfor %}",
			"{% macro m(x) %}{{ x }}{% endmacro %}{{ m('host') }}", "{% macro m(x='host') %}{{ x }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ 'host' }}{% endcall %}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m('host', z='text') }}", "{% macro m() %}{{ kwargs }}{% endmacro %}{{ m(**{'host': 'a'}) }}",
			"{% filter upper %}{{ 'host' }}{% endfilter %}", "{% with a = 'host' %}{{ a }}{% endwith %}", "{% set a, b = 'host', 'text' %}{{ a }}{{ b }}", "{% block b %}{{ 'host' }}{% endblock %}", "{% for x in ['host', 'b'] %}{{ loop.nextitem | default('z') }}{{ loop.cycle('c', 'd') }}{% endfor %}",
			"{% for x in [['host']] recursive %}{% if x is string %}{{ x }}{% else %}{{ loop(x) }}{% endif %}{% endfor %}", "{{ ('host', 'b') }}", "{{ ['host', 'b'] | first ~ 'c' }}", "{{ {'a': ['host']}.a[0] }}", "{{ [1, 'host'] | string }}", "{{ [['host', 'x']] | map('first') | first }}", "{{ {'k': 'host'}.keys() | list ~ {'host': 'v'} }}",
		},
		"lazy": {
			"{{ hv | to_json }}", "{{ hv | to_nice_yaml }}", "{{ hv | string }}", "{{ hv }}", "{{ hv | dict2items }}", "{{ hv.h.x }}", "{{ hv['h'] }}", "{{ hv | combine({'a': 'b'}) }}", "{{ hv | json_query('h.x') }}", "{{ hv.h | items | list }}", "{{ hv.h.items() | list }}", "{{ hv.values() | list | string }}", "{{ '%s' % hv }}", "{{ '{}'.format(hv) }}", "{{ '{h[x]}'.format_map(hv) }}", "{{ '{a[h][x]}'.format(a=hv) }}", "{{ [hv] | to_json }}", "{{ hv.h | xmlattr }}", "{{ hv.h | urlencode }}", "{{ hv ~ 'x' }}", "{{ hv | to_json | b64encode }}",
			"{{ [hv] | string }}", "{{ ['a', hv.h.x] | join }}", "{{ hv.h.values() | join }}", "{{ hv | ansible.utils.to_paths }}", "{{ [hv.h] | map(attribute='x') | join }}", "{{ hv | tojson }}", "{{ hv | pprint }}", "{{ hv | dictsort | string }}", "{{ hv | hash }}", "{{ hv | quote }}", "{{ [hv.h] | map('string') | list }}", "{{ [hv.h] | groupby('x') | string }}", "{{ dict(hv) | string }}", "{{ hv | list | string }}", "{{ hv.h | to_yaml | from_yaml }}", "{% set ns = namespace(a=hv) %}{{ ns }}", "{{ {'a': hv} | string }}", "{{ hv | regex_replace('zz', 'y') }}", "{{ hv.h | community.general.json_query('keys(@)') }}",
		},
	}
}

// TestEveryNameHasARecipe: a filter, test, global or lookup brings its example;
// a method needs a line in moreRecipes. A recipe whose name is gone is a mistake.
func TestEveryNameHasARecipe(t *testing.T) {
	l := tested()
	known := map[string]bool{"language": true, "lazy": true}
	for _, e := range l.Entries {
		known[e.Kind.String()+" "+e.Name] = true
		for _, a := range e.Aliases {
			known[e.Kind.String()+" "+a] = true
		}
		if e.Example == "" {
			t.Errorf("%s %s has no example", e.Kind, e.Name)
		}
	}
	more := moreRecipes()
	tests := map[string]bool{}
	for _, n := range []string{"isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper"} {
		tests["method str."+n] = true // give a boolean
	}
	for kind, methods := range l.Methods {
		for name := range methods {
			key := "method " + kind + "." + name
			known[key] = true
			if len(more[key]) == 0 && !tests[key] {
				t.Errorf("%s has no recipe in moreRecipes", key)
			}
		}
	}
	for name := range more {
		if !known[name] {
			t.Errorf("recipe for %s, which is not there", name)
		}
	}
}

// parts are a template with its literals of text taken out: v0, v1, … stand for
// them.
type parts struct {
	template string
	literals []value.Value
}

// takeLiterals puts a variable in place of every text literal inside tags. Some
// words have to stay: names of plug-ins that must be the playbook's own.
func takeLiterals(t *testing.T, e *Engine, src string) parts {
	t.Helper()
	var out parts
	var b strings.Builder
	inTag := false
	for i := 0; i < len(src); i++ {
		switch {
		case strings.HasPrefix(src[i:], "{{") || strings.HasPrefix(src[i:], "{%"):
			inTag = true
		case inTag && (strings.HasPrefix(src[i:], "%}") || strings.HasPrefix(src[i:], "}}") && closes(src, i)):
			inTag = false
		case inTag && (src[i] == '\'' || src[i] == '"'):
			end := i + 1
			for ; src[end] != src[i]; end++ {
				if src[end] == '\\' {
					end++
				}
			}
			v, err := e.Eval(t.Context(), value.String(src[i:end+1]), nil)
			if err != nil {
				t.Fatalf("%s: %v", src, err)
			}
			fmt.Fprintf(&b, "v%d", len(out.literals))
			out.literals = append(out.literals, value.String(value.Str(v)))
			i = end
			continue
		}
		b.WriteByte(src[i])
	}
	out.template = b.String()
	return out
}

// closes reports whether "}}" ends the tag and not two mappings: a tag's end has
// a blank before it in all recipes.
func closes(src string, i int) bool { return i > 0 && (src[i-1] == ' ' || src[i-1] == '-') }

func leakScope(literals []value.Value, dir string, mark value.Marks) *mapScope {
	vars := value.MapOf("q", value.MarkedString("q", mark))
	for i, v := range literals {
		vars.Put(fmt.Sprintf("v%d", i), v)
	}
	lazy := func(kind, key string, v value.Value) value.Value {
		m := value.NewMap()
		m.Set(value.MarkedString(key, mark), v)
		return value.FromObject(&lazyMap{kind, m})
	}
	vars.Put("hv", lazy("HostVars", "h", lazy("HostVarsVars", "x", value.MarkedString("host text", mark))))
	return &mapScope{vars: vars, dirs: []string{dir}}
}

func leakFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"leak.txt": "file text", "leak.j2": "{{ q }}", "leak.csv": "k,cell\n", "leak.ini": "[global]\nk = v\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// leaks lists the texts in v, keys included, that lack a mark.
func leaks(v value.Value, mark value.Marks) []string {
	var out []string
	switch v.Kind() {
	case value.KindString:
		if s, _ := v.AsString(); v.Marks()&mark == 0 && strings.ContainsFunc(strings.NewReplacer("True", "", "False", "", "None", "").Replace(s), unicode.IsLetter) {
			out = append(out, s)
		}
	case value.KindList, value.KindTuple:
		for _, it := range v.Items() {
			out = append(out, leaks(it, mark)...)
		}
	case value.KindMap:
		m, _ := v.AsMap()
		for k, it := range m.All() {
			out = append(append(out, leaks(k, mark)...), leaks(it, mark)...)
		}
	}
	return out
}

// ownWords are texts that a name itself puts into its result: they are no
// host's.
func ownWords() []string {
	return []string{
		"filter dict2items: key", "filter dict2items: value", "lazy: key", "lazy: value", "lookup dict: key", "lookup dict: value",
		"filter param_list_compare: actionable", "filter param_list_compare: unsupported", "filter json_query: null", "lookup template: file text",
		"lazy: <HostVars>", "lazy: [<HostVars>]", "lazy: <Namespace {'a': <HostVars>}>", "lazy: {'a': <HostVars>}",
	}
}

// own reports texts that the template or the name itself gave.
func (p parts) own(name, s string) bool {
	return slices.Contains(ownWords(), name+": "+s) || strings.Contains(p.template, s)
}

// TestNoNameLosesAMark runs every recipe with all of its text marked: all text
// that comes out has the mark, but for the name's own words.
func TestNoNameLosesAMark(t *testing.T) {
	t.Setenv("JINJA_CASE", "from the environment")
	e := core.New(Options{System: leakSystem{}}, tested())
	dir := leakFolder(t)
	for _, rec := range recipes(t) {
		p := takeLiterals(t, e, rec.template)
		if len(p.literals) == 0 && rec.name != "lazy" {
			continue
		}
		for _, mark := range []value.Marks{value.Unsafe, value.Masked, value.Sealed} {
			for _, asFile := range []bool{false, true} {
				if asFile && rec.name != "language" && rec.name != "lazy" {
					continue
				}
				out, err := p.render(t.Context(), e, asFile, leakScope(p.marked(mark, -1), dir, mark))
				if err != nil && mark == value.Unsafe {
					t.Errorf("%s: %s: %v", rec.name, p.template, err)
				}
				for _, s := range leaks(out, mark) {
					if !p.own(rec.name, s) {
						t.Errorf("%s: %s with %s: %q lost the mark %b (as a file: %v)", rec.name, p.template, value.Repr(value.List(p.literals...)), s, mark, asFile)
					}
				}
			}
		}
	}
}

// marked returns the literals, all of them marked, or only the one at i.
func (p parts) marked(mark value.Marks, i int) []value.Value {
	out := slices.Clone(p.literals)
	for k, v := range out {
		if i < 0 || k == i {
			out[k] = v.With(mark)
		}
	}
	return out
}

func (p parts) render(ctx context.Context, e *Engine, asFile bool, s *mapScope) (value.Value, error) {
	if asFile {
		return e.File(ctx, "leak.j2", p.template, s)
	}
	return e.Render(ctx, value.String(p.template), s)
}

// TestNoArgumentLosesAMark marks one text of a recipe at a time and looks which
// texts of the result are other ones when that text is another one: those are
// made of it and must have its mark.
func TestNoArgumentLosesAMark(t *testing.T) {
	t.Setenv("JINJA_CASE", "from the environment")
	e := core.New(Options{System: leakSystem{}}, tested())
	dir := leakFolder(t)
	for _, rec := range recipes(t) {
		p := takeLiterals(t, e, rec.template)
		for i := range p.literals {
			for _, how := range []func(string) string{func(s string) string { return s + "Z" }, func(s string) string { return "Z" + s }, strings.ToUpper, func(s string) string { return strings.Repeat(s, 2) }} {
				before, err := p.render(t.Context(), e, false, leakScope(p.marked(value.Unsafe, i), dir, 0))
				q := parts{p.template, slices.Clone(p.literals)}
				q.literals[i] = value.String(how(value.Str(p.literals[i])))
				after, err2 := q.render(t.Context(), e, false, leakScope(q.marked(value.Unsafe, i), dir, 0))
				if err != nil || err2 != nil {
					continue
				}
				for _, s := range changed(before, after) {
					if !slices.Contains(choices(), rec.name) && !p.own(rec.name, s) {
						t.Errorf("%s: %s with %s: %q comes from v%d and lost its mark", rec.name, p.template, value.Repr(value.List(p.literals...)), s, i)
					}
				}
			}
		}
	}
}

// choices are names that choose among values by a text: what they give is not
// made of it.
func choices() []string {
	return []string{"filter sort", "filter dictsort", "filter groupby", "filter min", "filter max", "filter random", "filter shuffle", "lookup random_choice", "filter version_sort", "filter unique"}
}

// changed lists the texts without a mark in after that are not what stands at
// the same place in before.
func changed(before, after value.Value) []string {
	if value.Equal(before, after) {
		return nil
	}
	if s, ok := after.AsString(); ok {
		if after.Marks() != 0 || strings.TrimSpace(s) == "" {
			return nil
		}
		return []string{s}
	}
	var out []string
	a, b := flatTexts(before), flatTexts(after)
	if len(a) != len(b) {
		return nil // another shape: it is chosen or counted by, not copied from
	}
	for i := range b {
		out = append(out, changed(a[i], b[i])...)
	}
	return out
}

// flatTexts lists what a container holds, keys too.
func flatTexts(v value.Value) []value.Value {
	out := slices.Clone(v.Items())
	if m, ok := v.AsMap(); ok {
		for k, it := range m.All() {
			out = append(out, k, it)
		}
	}
	return out
}

// leakSystem has vaults that hide nothing.
type leakSystem struct{ quietSystem }

func (leakSystem) Seal(plain, password, salt []byte, id string) ([]byte, error) {
	return fmt.Appendf(nil, "$ANSIBLE_VAULT;1.2;AES256;%s\n%s%s%s", id, plain, password, salt), nil
}

func (leakSystem) Unseal(text, password []byte) ([]byte, error) {
	return append(text, password...), nil
}

// runsNothing is a system on which a command is a mistake.
type runsNothing struct {
	leakSystem
	t    *testing.T
	what string
}

func (r *runsNothing) Command(_ context.Context, line, _ string) ([]byte, error) {
	r.t.Errorf("%s: the host's text was run: %s", r.what, line)
	return nil, nil
}

// TestHostTextIsNeverRun puts a host's text with a lookup in it in place of each
// text of each recipe, and gives what comes out to every way in which text is
// read as a template: a variable, an argument, a condition, a loop, a term.
func TestHostTextIsNeverRun(t *testing.T) {
	t.Setenv("JINJA_CASE", "from the environment")
	dir := leakFolder(t)
	sys := &runsNothing{t: t}
	e := New(Options{System: sys})
	texts := []string{"{{ lookup('pipe', 'id') }}", "lookup('pipe', 'id')", "{% set x = lookup('pipe', 'id') %}", "a{{ lookup('pipe', 'id') }}", "'{{ lookup(\"pipe\", \"id\") }}'", "k: '{{ lookup(\"pipe\", \"id\") }}'", "[\"{{ lookup('pipe', 'id') }}\"]", "{\"a {{ lookup('pipe', 'id') }}\": 1}"}
	for _, rec := range recipes(t) {
		if strings.Contains(rec.name, "lookup pipe") || strings.Contains(rec.name, "lookup lines") {
			continue // run what they are given, by their nature
		}
		p := takeLiterals(t, e, rec.template)
		for i := range p.literals {
			for _, text := range texts {
				q := parts{p.template, slices.Clone(p.literals)}
				q.literals[i] = value.MarkedString(text, value.Unsafe)
				sys.what = rec.name + ": " + p.template + " with " + text
				if slices.Contains([]string{"pipe", "lines"}, value.Str(p.literals[0])) {
					continue
				}
				s := leakScope(q.literals, dir, value.Unsafe)
				out, err := q.render(t.Context(), e, false, s)
				if err == nil {
					usedAgain(t, e, s, out)
				}
			}
		}
	}
}

// usedAgain reads a value as everything that may be a template.
func usedAgain(t *testing.T, e *Engine, s *mapScope, v value.Value) {
	s.vars.Put("again", v)
	for _, src := range []string{"{{ again }}", "x {{ again }}", "{{ [again] }}", "{{ query('items', again) }}", "{{ again | string }}", "{% if again %}{% endif %}"} {
		out, err := e.Render(t.Context(), value.String(src), s)
		if err == nil {
			_, _ = e.Render(t.Context(), out, s)
		}
	}
	_, _ = e.Render(t.Context(), v, s)
	_, _ = e.Test(t.Context(), v, s)
	_, _ = e.Test(t.Context(), value.String("again"), s)
	_, _ = e.Test(t.Context(), value.String("{{ again }}"), s)
	_, _ = e.Lookup(t.Context(), "items", v, s)
	_, _ = e.Inspect(v, true)
}

// TestUnsafeConditions: a host's text is no condition; what is made of it by
// comparing is one.
func TestUnsafeConditions(t *testing.T) {
	e := New(Options{})
	s := &mapScope{vars: value.MapOf("out", value.MarkedString("1 == 1", value.Unsafe), "word", value.MarkedString("True", value.Unsafe))}
	for src, want := range map[string]string{
		"{{ out }}": "1:1: the condition is text that came from a host (\"1 == 1\"): compare it, as in when: x.stdout == 'yes', or make it a boolean with | bool",
	} {
		_, err := e.Test(t.Context(), value.String(src), s)
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", src, err, want)
		}
	}
	if _, err := e.Test(t.Context(), value.MarkedString("1 == 1", value.Unsafe), s); err == nil {
		t.Error("a host's text was taken as a condition")
	}
	for src, want := range map[string]bool{"out == '1 == 1'": true, "out": true, "{{ out == 'x' }}": false, "{{ word }}": true, "out | bool": false} {
		if got, err := e.Test(t.Context(), value.String(src), s); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", src, got, err, want)
		}
	}
}
