package ast_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"remoterun/playbooks/ast"
)

// FuzzBind reads any text as a playbook: it answers nouns or placed mistakes,
// and never panics or hangs.
func FuzzBind(f *testing.F) {
	seed, err := os.ReadFile(filepath.Join("testdata", "good", "site.yml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	for _, s := range []string{
		"- hosts: all\n  tasks: [{ping: , when: [{}]}]", "- hosts: [[]]\n  vars: [[a]]", "- import_playbook: {}", "- hosts: all\n  tasks: [{import_tasks: [x]}]",
		"- hosts: all\n  tasks: [{local_action: {module: [x]}}, {action: }, {args: {a: b}, command: x}]", "- 1", "&a [*a]", "- hosts: &x [*x]",
		"- hosts: all\n  tasks: [{? [a] : b}]", "- hosts: all\n  vars_files: [[[a]], {a: b}]", "- hosts: all\n  tasks: [{block: {}, rescue: 1, when: }]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := env()
		e.File = func(path string) ([]byte, bool, error) {
			if path == "p/site.yml" {
				return []byte(text), false, nil
			}
			return nil, false, os.ErrNotExist
		}
		e.Exists = func(string) bool { return false }
		l := ast.New(e)
		book, err := l.Playbook("p/site.yml")
		if err == nil {
			ast.List(book, nil)
			return
		}
		for _, line := range strings.Split(err.Error(), "\n") {
			if utf8.ValidString(text) && !strings.HasPrefix(line, "p/site.yml") && !strings.HasPrefix(line, "    ") && !strings.ContainsAny(text, "\n\"\\\r\u0085\u2028\u2029|>") {
				t.Errorf("a mistake without a place: %q", line)
			}
		}
	})
}
