package main

import (
	"strings"
	"testing"
)

// TestNamesOfTheTemplateItself: what a template gives a value itself is not looked
// for in the project, however near the name of a variable is.
func TestNamesOfTheTemplateItself(t *testing.T) {
	for _, text := range []string{
		"{% for h in groups.all %}{{ hostvars[h].x | default(h) }}{% endfor %}",
		"{% for k, j in {1: 2}.items() recursive %}{{ k }}{{ j }}{% endfor %}",
		"{% set z = 1 %}{{ z }}",
		"{% set z %}text{% endset %}{{ z }}",
		"{% macro m(q, r=1) %}{{ q }}{{ r }}{% endmacro %}{{ m(1) }}",
		"{% with w = 1 %}{{ w }}{% endwith %}",
	} {
		projectDir(t, map[string]string{"hosts": "here ansible_connection=local\n",
			"book.yaml": "- hosts: all\n  gather_facts: no\n  vars: {a: 1, b: 2, zz: 3}\n  tasks:\n    - debug: {msg: \"" + text + "\"}\n"})
		if out, errs, code := runWith(t, nil, nil, "book.yaml"); code != exitOK || strings.Contains(out+errs, "nothing in this project") {
			t.Errorf("%s: %d\n%s%s", text, code, out, errs)
		}
	}
}
