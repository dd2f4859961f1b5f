package main

import (
	"os"
	"strings"
	"testing"
)

// TestTemplateCommandHasTheTaskVariables: what a task's template can name, one
// that is printed can.
func TestTemplateCommandHasTheTaskVariables(t *testing.T) {
	projectDir(t, map[string]string{"hosts": "w1\n", "t/a.j2": "# {{ ansible_managed }}\n{{ template_path }} {{ template_fullpath }} {{ template_host }} [{{ template_destpath }}]\n"})
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"template t/a.j2":                          "# Ansible managed\nt/a.j2 " + dir + "/t/a.j2 localhost []\n",
		"template t/a.j2 -l w1":                    "# Ansible managed\nt/a.j2 " + dir + "/t/a.j2 w1 []\n",
		"template t/a.j2 -e ansible_managed=by_us": "# by_us\nt/a.j2 " + dir + "/t/a.j2 localhost []\n",
	} {
		if out, errs, code := runWith(t, nil, nil, strings.Fields(args)...); out != want || code != exitOK {
			t.Errorf("%s: %d\n%s%s\nwant\n%s", args, code, out, errs, want)
		}
	}
}

// TestTemplateTaskOptions: options of a task and those of the file's own first
// line come together, only line ends of the template change, and a mistake has
// the line of the file.
func TestTemplateTaskOptions(t *testing.T) {
	for _, c := range []struct{ name, text, options, want, says string }{
		{"line ends of the template alone", "a\n{{ v }}\n", `newline_sequence: '\r\n'`, "a\r\none\ntwo\r\n", ""},
		{"written as characters", "a\nb\n", `newline_sequence: "\r"`, "a\rb\r", ""},
		{"the file's own line", "#jinja2: newline_sequence: '\\r\\n'\na\nb\n", "", "a\r\nb\r\n", ""},
		{"the file's own line wins", "#jinja2: newline_sequence: '\\n'\na\nb\n", `newline_sequence: '\r\n'`, "a\nb\n", ""},
		{"both", "#jinja2: trim_blocks: False\n{% if true %}\na\n{% endif %}\n", `newline_sequence: '\r\n'`, "\r\na\r\n", ""},
		{"no option of Jinja's", "#jinja2: newline_sequence: 'x'\na\n", "", "", `newline_sequence: x, expected '\\n', '\\r' or '\\r\\n'`},
		{"a mistake's line", "a\n{{ 1 / 0 }}\n", `newline_sequence: '\r\n'`, "", "t.j2:2:6: "},
		{"a mistake's line behind two headers", "#jinja2: trim_blocks: False\n{{ 1 / 0 }}\n", `lstrip_blocks: true`, "", "t.j2:2:6: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			projectDir(t, map[string]string{"hosts": "here ansible_connection=local\n", "t.j2": c.text,
				"book.yaml": "- hosts: all\n  gather_facts: no\n  vars: {v: \"one\\ntwo\"}\n  tasks:\n    - template: {src: t.j2, dest: '{{ playbook_dir }}/out'" + map[bool]string{true: ", " + c.options}[c.options != ""] + "}\n"})
			out, errs, code := runWith(t, nil, nil, "book.yaml")
			if c.says != "" {
				if code == exitOK || !strings.Contains(out+errs, c.says) {
					t.Errorf("%d, %q is not said:\n%s%s", code, c.says, out, errs)
				}
				return
			}
			if got, _ := os.ReadFile("out"); string(got) != c.want || code != exitOK {
				t.Errorf("%d %q, want %q\n%s%s", code, got, c.want, out, errs)
			}
		})
	}
}
