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
