package ast_test

import (
	"path/filepath"
	"strings"
	"testing"

	"remoterun/playbooks/ast"
	"remoterun/playbooks/jinja"
	"remoterun/runner/action"
)

func realEnv() ast.Env {
	e := env()
	e.Expr = jinja.New(jinja.Options{})
	e.Actions = action.Specs()
	return e
}

// TestRealParts reads with the real expressions and the engine's own actions.
func TestRealParts(t *testing.T) {
	l := ast.New(realEnv())
	if _, err := l.Playbook(filepath.Join("testdata", "good", "site.yml")); err != nil {
		t.Errorf("the good project has mistakes:\n%v", err)
	}
	if w := l.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
}

// TestTemplateMistakes holds where mistakes in templates are placed, also in
// blocks of text, and that all of them are found at once.
func TestTemplateMistakes(t *testing.T) {
	dir := project(t, tasks("- name: '{{ a'\n  shell: |\n    echo one\n    echo {{ two | nosuch }}\n  when: (x\n- debug: {msg: '{{ 1 + }}'}\n- debug: {msg: '{{ nope }}'}\n- assert:\n    that:\n      - answer == 1\n      - a b"))
	_, err := ast.New(realEnv()).Playbook(filepath.Join(dir, "site.yml"))
	if err == nil {
		t.Fatal("no mistakes found")
	}
	var places []string
	for _, m := range err.(*ast.Mistakes).List {
		places = append(places, strings.TrimPrefix(m.Pos.String(), dir+"/"))
	}
	want := "site.yml:3:16 site.yml:6:23 site.yml:7:15 site.yml:8:28 site.yml:9:24 site.yml:12:13 site.yml:13:15"
	if got := strings.Join(places, " "); got != want {
		t.Errorf("got  %s\nwant %s\n%v", got, want, err)
	}
}

// TestNamesThatStandAsText: a lookup, a test or a filter that is named by text is looked
// for ahead; it is a mistake where it is bound to be called, else a warning.
func TestNamesThatStandAsText(t *testing.T) {
	for name, c := range map[string]struct{ task, wrong, warns string }{
		"lookup":            {`debug: {msg: "{{ lookup('nosuch', 1) }}"}`, "no lookup named 'nosuch'", ""},
		"query":             {`debug: {msg: "{{ query('no.such.one') }}"}`, "no lookup named 'no.such.one'", ""},
		"loop":              {"debug: {msg: x}\n  loop: \"{{ q('item', [1]) }}\"", "no lookup named 'item'; did you mean 'items'?", ""},
		"with a collection": {"debug: {msg: x}\n  with_community.general.flattened: [[1]]", "", ""},
		"not in that one":   {"debug: {msg: x}\n  with_community.general.items: [1]", "there is no lookup", ""},
		"in a branch":       {`debug: {msg: "{{ lookup('nosuch', 1) if answer == 1 else 2 }}"}`, "", "no lookup named 'nosuch' (fails only where it is called)"},
		"behind when":       {"debug: {msg: \"{{ lookup('nosuch', 1) }}\"}\n  when: inventory_hostname == 'x'", "", "no lookup named 'nosuch' (fails only where it is run; when: inventory_hostname == 'x')"},
		"test":              {`debug: {msg: "{{ [] | selectattr('a', 'equalsto', 1) | list }}"}`, "", "no test named 'equalsto'; did you mean 'equalto'? (fails only where it is called)"},
		"select":            {`debug: {msg: "{{ [1] | reject('nosuch') | list }}"}`, "", "no test named 'nosuch' (fails only where it is called)"},
		"map":               {`debug: {msg: "{{ [1] | map('nosuch') | list }}"}`, "", "no filter named 'nosuch' (fails only where it is called)"},
		"filter":            {`debug: {msg: "{{ 1 | nosuch }}"}`, "no filter named 'nosuch'", ""},
		"a variable":        {"debug: {msg: x}\n  vars: {unused: \"{{ 1 | nosuch }}\"}", "", "no filter named 'nosuch' (fails only where the variable is used)"},
		"its lookup":        {"debug: {msg: x}\n  vars: {unused: \"{{ lookup('nosuch') }}\"}", "", "no lookup named 'nosuch' (fails only where the variable is used)"},
		"a name that is is": {`debug: {msg: "{{ lookup('env', 'HOME') }}{{ [1] | map('string') | select('eq', '1') | list }}"}`, "", ""},
	} {
		l := ast.New(realEnv())
		_, err := l.Playbook(filepath.Join(project(t, tasks("- "+c.task)), "site.yml"))
		var wrong, warns string
		if err != nil {
			wrong = err.Error()
		}
		for _, w := range l.Warnings() {
			warns += w.String()
		}
		if (wrong == "") != (c.wrong == "") || !strings.Contains(wrong, c.wrong) || (warns == "") != (c.warns == "") || !strings.Contains(warns, c.warns) {
			t.Errorf("%s: %q, warnings %q", name, wrong, warns)
		}
	}
}
