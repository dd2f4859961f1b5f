package jinja

import (
	"errors"
	"strings"
	"testing"

	"remoterun/playbooks/jinja/core"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
)

// TestErrorTexts has the whole text of each kind of error: where, what, the
// way there, and what was perhaps meant.
func TestErrorTexts(t *testing.T) {
	cases := []struct{ template, want string }{
		{"{{ prot }}", "t.j2:1:4: 'prot' is undefined; did you mean 'port'?"},
		{"a\n  {{ nowhere_at_all }}", "t.j2:2:6: 'nowhere_at_all' is undefined"},
		{"{{ d.x }}", "t.j2:1:6: 'dict object' has no attribute 'x'"},
		{"{{ d['x'].y }}", "t.j2:1:11: 'dict object' has no attribute 'x'"},
		{"{{ l[7] }}", "t.j2:1:5: list object has no element 7"},
		{"{{ none.x }}", "t.j2:1:9: 'None' has no attribute 'x'"},
		{"{{ outer }}", "t.j2:1:4: 'gone' is undefined (in outer -> inner)"},
		{"{{ 1 + 'a' }}", "t.j2:1:6: unsupported operand type(s) for +: 'int' and 'str'"},
		{"{{ 'a' + 1 }}", "t.j2:1:8: can only concatenate str (not \"int\") to str"},
		{"{{ 1 < 'a' }}", "t.j2:1:4: '<' not supported between instances of 'int' and 'str'"},
		{"{{ 1 / 0 }}", "t.j2:1:6: division by zero"},
		{"{{ port() }}", "t.j2:1:8: 'int' object is not callable"},
		{"{{ l | uper }}", "t.j2:1:8: template syntax: no filter named 'uper'; did you mean 'upper'?"},
		{"{{ 1 is od }}", "t.j2:1:9: template syntax: no test named 'od'; did you mean 'odd'?"},
		{"{{ lookup('fil', 'x') }}", "t.j2:1:10: no lookup named 'fil'; did you mean 'file'?"},
		{"{{ 'a' | upper(1) }}", "t.j2:1:10: upper() takes at most 0 arguments (1 given)"},
		{"{{ 'a' | replace('x') }}", "t.j2:1:10: replace() missing required argument: 'new'"},
		{"{{ 'a' | trim(nope=1) }}", "t.j2:1:10: trim() got an unexpected keyword argument 'nope'"},
		{"{{ {[1]: 2} }}", "t.j2:1:4: unhashable type: 'list'"},
		{"{% for a, b in [1] %}{% endfor %}", "t.j2:1:4: cannot unpack non-iterable int object"},
		{"{% for a, b in [(1, 2, 3)] %}{% endfor %}", "t.j2:1:4: too many values to unpack (expected 2)"},
		{"{% for x in 5 %}{% endfor %}", "t.j2:1:4: 'int' object is not iterable"},
		{"{% macro m(a) %}{% endmacro %}\n{{ m(1, 2) }}", "t.j2:2:5: macro 'm' takes not more than 1 argument(s)"},
		{"{% macro m(a) %}{{ a }}{% endmacro %}\n{{ m() }}", "t.j2:1:20: parameter 'a' was not provided"},
		{"{% include 'nope.j2' %}", "t.j2:1:4: template file not found: nope.j2"},
		{"{{ 1 +", "t.j2:1:3: template syntax: unexpected end of template: '}}' is missing."},
		{"{{ 'abc }}", "t.j2:1:4: template syntax: unexpected char \"'\" (the string is not closed)"},
		{"{{ a b }}", "t.j2:1:6: template syntax: 'b' follows a whole expression: an operator, a filter, a quote or }} is missing"},
		{"{{ (1 }}", "t.j2:1:7: template syntax: unexpected '}', expected ')'"},
		{"{{ 1 | }}", "t.j2:1:8: template syntax: expected a name, got end of print statement"},
		{"{% if 1 %}\nx", "t.j2:1:4: template syntax: Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'."},
		{"x\n{% endif %}", "t.j2:2:4: template syntax: Encountered unknown tag 'endif'."},
		{"{# x", "t.j2:1:1: template syntax: Missing end of comment tag"},
		{"{% raw %}x", "t.j2:1:1: template syntax: Missing end of raw directive"},
		{"{{ a ? b }}", "t.j2:1:6: template syntax: unexpected char \"?\""},
		{"{% set none = 1 %}", "t.j2:1:8: template syntax: can't assign to 'none'"},
		{"{% block a %}{% endblock %}{% block a %}{% endblock %}", "t.j2:1:31: template syntax: block 'a' defined twice"},
		{"#jinja2: nope: True\nx", "t.j2:1:1: the #jinja2: line has an unknown option \"nope\""},
		{"#jinja2: trim_blocks: maybe\nx", "t.j2:1:1: the #jinja2: line has trim_blocks: maybe, expected True or False"},
		{"#jinja2: trim_blocks: True\n\n{{ prot }}", "t.j2:3:4: 'prot' is undefined; did you mean 'port'?"},
		{"{{ loop_a }}", "t.j2:1:4: recursive loop detected in template string: loop_a -> loop_b -> loop_a (in loop_a -> loop_b)"},
		{"{{ rang }}", "t.j2:1:4: 'rang' is undefined"},
		{"{{ hostvars.web9 }}", "t.j2:1:13: 'hostvars' has no attribute 'web9'"},
		{"{{ undef('set it in group_vars') }}", "t.j2:1:9: set it in group_vars"},
	}
	s := &mapScope{dirs: []string{"testdata"}, vars: value.MapOf("port", value.Int(1), "d", value.FromMap(value.NewMap()), "l", value.Strings("a"),
		"outer", value.String("{{ inner }}"), "inner", value.String("{{ gone }}"), "hostvars", value.FromObject(&lazyMap{"hostvars", value.NewMap()}), "loop_a", value.String("{{ loop_b }}"), "loop_b", value.String("{{ loop_a }}"))}
	e := New(Options{System: hostSystem{}})
	for _, c := range cases {
		t.Run(c.template, func(t *testing.T) {
			out, err := e.File(t.Context(), "t.j2", c.template, s)
			if err == nil || err.Error() != c.want || !out.IsNull() {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// TestErrorPlacesInYAML points into the file that the user wrote, whatever
// style the text is written in.
func TestErrorPlacesInYAML(t *testing.T) {
	const doc = `plain: "{{ nope }}"
single: '{{ nope }}'
unquoted: a {{ nope }}
block: |
  first
    {{ nope }}
folded: >-
    a
    b {{ nope }}
list:
  - x
  - key: |-

      {{ 1 +
        nope }}
`
	v, err := yaml.One("play.yml", []byte(doc), yaml.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := v.AsMap()
	e := New(Options{})
	for key, want := range map[string]string{"plain": "play.yml:1:12", "single": "play.yml:2:13", "unquoted": "play.yml:3:16", "block": "play.yml:6:8", "folded": "play.yml:9:10", "list": "play.yml:15:9"} {
		item, _ := m.Lookup(key)
		_, err := e.Render(t.Context(), item, &mapScope{vars: value.NewMap()})
		if err == nil || !strings.HasPrefix(err.Error(), want+": ") || !errors.Is(err, core.ErrUndefined) {
			t.Errorf("%s: got %v, want %s", key, err, want)
		}
	}
}

// TestErrorsPassThrough keeps what a scope reports (a fact that must be asked
// for first) behind errors.Is.
func TestErrorsPassThrough(t *testing.T) {
	need := errors.New("ask the host first")
	e := New(Options{})
	for _, src := range []string{"{{ fact }}", "{{ fact | default('x') }}", "{{ fact is defined }}", "{{ [fact] }}", "{% if fact %}{% endif %}", "{{ lazy.x | default(1) }}", "{{ deep }}"} {
		_, err := e.Render(t.Context(), value.String(src), &failingScope{err: need})
		if !errors.Is(err, need) {
			t.Errorf("%s: got %v", src, err)
		}
	}
}

type failingScope struct{ err error }

func (f *failingScope) Var(name string) (value.Value, bool, error) {
	switch name {
	case "deep":
		return value.String("{{ fact }}"), true, nil
	case "lazy":
		return value.FromObject(f), true, nil
	}
	return value.Value{}, false, f.err
}
func (f *failingScope) Names() []string  { return nil }
func (f *failingScope) Dirs() []string   { return nil }
func (f *failingScope) TypeName() string { return "dict" }
func (f *failingScope) Get(value.Value) (value.Value, bool, error) {
	return value.Value{}, false, f.err
}
func (f *failingScope) Keys() ([]value.Value, error) { return nil, f.err }

// TestMessagesHaveNoPythonWords: classes of Python and words of its parser mean
// nothing to who wrote the template; type_debug alone gives classes.
func TestMessagesHaveNoPythonWords(t *testing.T) {
	e := New(Options{System: hostSystem{}})
	s := &mapScope{vars: value.MapOf("hostvars", value.FromObject(&lazyMap{"hostvars", value.MapOf("h", value.FromObject(&lazyMap{"variables of a host", value.MapOf("x", value.Int(1))}))}))}
	for text, want := range map[string]string{
		"{{ hostvars + 1 }}":    "'hostvars' and 'int'",
		"{{ hostvars.h + 1 }}":  "'variables of a host' and 'int'",
		"{{ hostvars.no.x }}":   "'hostvars' has no attribute 'no'",
		"{{ hostvars.h.nope }}": "'variables of a host' has no attribute 'nope'",
		"{{ 1 2 }}":             "'2' follows a whole expression",
		"{% set x = 1 2 %}":     "'2' follows the statement",
		"{% for x of y %}":      "expected 'in', got 'of'",
	} {
		_, err := e.File(t.Context(), "t.j2", text, s)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "HostVars") || strings.Contains(err.Error(), "token") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := e.Eval(t.Context(), value.String("1 2"), s); err == nil || !strings.Contains(err.Error(), "'2' follows a whole expression") {
		t.Error(err)
	}
	for text, want := range map[string]string{"{{ hostvars | type_debug }}": "HostVars", "{{ hostvars.h | type_debug }}": "HostVarsVars"} {
		if v, err := e.File(t.Context(), "t.j2", text, s); err != nil || value.Str(v) != want {
			t.Errorf("%s: %s, %v", text, value.Show(v), err)
		}
	}
}

// TestCollections: a name is found under the collections that have it and under
// the language's own, and under no other.
func TestCollections(t *testing.T) {
	e := New(Options{System: hostSystem{}})
	s := &mapScope{vars: value.NewMap()}
	for text, want := range map[string]string{
		"{{ 'a' | ansible.builtin.upper }}":                             "A",
		"{{ {'a': 1} | ansible.legacy.combine({}) }}":                   "{'a': 1}",
		"{{ {'a': 1} | community.general.json_query('a') }}":            "1",
		"{{ {'a': 1} | ansible.builtin.json_query('a') }}":              "1",
		"{{ '10.0.0.1' | ansible.netcommon.ipaddr('address') }}":        "10.0.0.1",
		"{{ '10.0.0.1' is ansible.utils.ip }}":                          "True",
		"{{ {'a': 1} | community.general.keep_keys(target=['a']) }}":    "{'a': 1}",
		"{{ '52:54:00' | community.general.random_mac(seed='web1') }}":  "52:54:00:63:d2:09",
		"{{ ['1.10', '1.9'] | community.general.version_sort }}":        "['1.9', '1.10']",
		"{{ lookup('ansible.utils.get_path', {'a': 1}, 'a') }}":         "1",
		"{{ 'community.general.json_query' is filter }}":                "True",
		"{{ 'community.general.upper' is filter }}":                     "False",
		"{{ ['1'] | map('ansible.builtin.int') | list }}":               "[1]",
		"{{ 'a' | community.general.upper }}":                           "no filter named 'community.general.upper'; did you mean 'upper'?",
		"{{ {} | ansible.posix.json_query('a') }}":                      "no filter named 'ansible.posix.json_query'; did you mean 'community.general.json_query'?",
		"{{ '10.0.0.1' is community.general.ip }}":                      "no test named 'community.general.ip'; did you mean 'ansible.utils.ip'?",
		"{{ 'a' | acme.tools.uper }}":                                   "no filter named 'acme.tools.uper'; did you mean 'upper'?",
		"{{ ['1'] | map('community.general.int') | list }}":             "no filter named 'community.general.int'; did you mean 'int'?",
		"{{ lookup('community.general.env', 'X') }}":                    "no lookup named 'community.general.env'; did you mean 'env'?",
		"{{ [1] | ansible.utils.index_of('community.general.eq', 1) }}": "index_of: the test 'community.general.eq' was not found; did you mean 'eq'?",
	} {
		got, err := e.File(t.Context(), "c.j2", text, s)
		if err == nil && value.Str(got) != want || err != nil && !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %s (%v), want %s", text, value.Str(got), err, want)
		}
	}
}
