package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestMistakesShowTheirLine: below each mistake stand the line of the file and a
// caret under the column, for every kind of file and bounded.
func TestMistakesShowTheirLine(t *testing.T) {
	long := "- debug: {msg: '" + strings.Repeat("x", 300) + "{{ a b }}" + strings.Repeat("y", 300) + "'}\n"
	for _, c := range []struct {
		name, args string
		files      map[string]string
		says       string
	}{
		{"YAML", "s.yml", map[string]string{"s.yml": "- hosts: all\n  tasks:\n  - name: say: hello\n"}, "s.yml:3:14: mapping values are not allowed in this context\n      - name: say: hello\n                 ^\nremoterun: 1 mistake"},
		{"a keyword", "s.yml", map[string]string{"s.yml": "- hosts: all\n  tasks:\n  - dbug: msg=x\n"}, "did you mean \"debug\"?\n      - dbug: msg=x\n        ^\n"},
		{"a template", "s.yml", map[string]string{"s.yml": "- hosts: all\n  tasks:\n  - debug: {msg: \"ä {{ a b }}\"}\n"}, "'b' follows a whole expression: an operator, a filter, a quote or }} is missing\n      - debug: {msg: \"ä {{ a b }}\"}\n                             ^\n"},
		{"two", "s.yml", map[string]string{"s.yml": "- hosts: all\n  tasks:\n  - dbug: msg=x\n  - pnig:\n"}, "    ^\ns.yml:4:5: "},
		{"variables", "eval 1 -e @v.yml", map[string]string{"v.yml": "name: say: hello\n"}, "v.yml:1:10: mapping values are not allowed in this context\n    name: say: hello\n             ^\n"},
		{"a template file", "template t.j2", map[string]string{"t.j2": "a\n\tb {{ 1 +* 2 }}\n"}, "\n     b {{ 1 +* 2 }}\n             ^\n"},
		{"a long line", "s.yml", map[string]string{"s.yml": "- hosts: all\n  tasks:\n  " + long}, "\n    ..." + strings.Repeat("x", 45) + "{{ a b }}" + strings.Repeat("y", 46) + "...\n" + strings.Repeat(" ", 57) + "^\n"},
		{"signs that take two columns", "s.yml", map[string]string{"s.yml": "- hosts: all\n  tasks:\n  - debug: {msg: \"日本é🔑 {{ a b }}\"}\n"}, "\n      - debug: {msg: \"日本é🔑 {{ a b }}\"}\n" + strings.Repeat(" ", 35) + "^\n"},
		{"a template's file, on a host", "s.yml", map[string]string{"s.yml": "- hosts: all\n  gather_facts: no\n  tasks:\n  - template: {src: t.j2, dest: /nowhere}\n", "t.j2": "a\r\nb {{ 1 / 0 }}\r\n"}, "t.j2:2:8\n    b {{ 1 / 0 }}\n           ^\n"},
		{"a file that is included, on a host", "s.yml", map[string]string{"s.yml": "- hosts: all\n  gather_facts: no\n  tasks:\n  - include_tasks: i.yml\n", "i.yml": "- debug: {msg: '{{ q.r.s }}'}\n  vars: {q: {r: {}}}\n"}, "i.yml:1:24\n    - debug: {msg: '{{ q.r.s }}'}\n                           ^\n"},
		{"hosts' variables, on a host", "s.yml", map[string]string{"s.yml": "- hosts: all\n  gather_facts: no\n  tasks:\n  - debug: {msg: '{{ q }}'}\n", "group_vars/all.yml": "q: '{{ 1 + }}'\n"}, "group_vars/all.yml:1:12\n    q: '{{ 1 + }}'\n               ^\n"},
		{"an inventory", "inventory --list -i i.yml", map[string]string{"i.yml": "all:\n  hosts: a: b\n"}, "i.yml:2:11: mapping values are not allowed in this context\n      hosts: a: b\n              ^\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.files["hosts"] = "here ansible_connection=local\n"
			projectDir(t, c.files)
			if _, errs, code := runWith(t, nil, nil, strings.Fields(c.args)...); code == exitOK || !strings.Contains(errs, c.says) {
				t.Errorf("%d, %q is not in\n%s", code, c.says, errs)
			}
		})
	}
	t.Run("bounded", func(t *testing.T) {
		projectDir(t, map[string]string{"hosts": "here\n", "s.yml": "- hosts: all\n  tasks:\n" + strings.Repeat("  - dbug: msg=x\n", 50)})
		if _, errs, _ := runWith(t, nil, nil, "s.yml"); strings.Count(errs, "^\n") != maxPointed || !strings.Contains(errs, "50 mistakes") {
			t.Errorf("%d carets:\n%s", strings.Count(errs, "^\n"), errs)
		}
	})
}

// TestThousandsOfMistakes: a folder of something else that is taken for an inventory
// does not fill the screen; how many there are is said.
func TestThousandsOfMistakes(t *testing.T) {
	files := map[string]string{"site.yml": "- hosts: all\n  tasks: [ping: ]\n"}
	for i := range 9 {
		files[fmt.Sprintf("inv/f%d", i)] = strings.Repeat("web1 x\n", 100*(i+1))
	}
	projectDir(t, files)
	_, errs, code := runApp(t, "", "site.yml", "-i", "inv")
	if n := strings.Count(errs, "\n"); code != exitUsage || n > 300 || !strings.Contains(errs, "... and 4300 mistakes that are not shown\nremoterun: 4500 mistakes; no host was contacted") {
		t.Errorf("exit code %d, %d lines:\n%s", code, n, errs[max(0, len(errs)-400):])
	}
	for i := range 4 {
		if n := strings.Count(errs, fmt.Sprintf("inv/f%d:", i)); n != 50 {
			t.Errorf("%d mistakes of inv/f%d are shown, not 50", n, i)
		}
	}
}
