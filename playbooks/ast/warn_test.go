package ast_test

import (
	"slices"
	"strings"
	"testing"
)

// TestWarnings holds what looks wrong and is no certain mistake.
func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct{ tasks, play, want string }{
		"braces in when":        {tasks: "- ping:\n  when: '{{ from_inventory }}'", want: "site.yml:4:14: conditional statements should not include jinja2 templating delimiters such as {{ }} or {% %}: when: {{ from_inventory }}"},
		"duplicate key":         {play: "- hosts: all\n  hosts: web\n", want: "site.yml:2:3: duplicate key 'hosts': the last one wins"},
		"file that may be":      {tasks: "- copy: {src: nope, dest: /x}\n  when: from_inventory", want: "site.yml:3:19: copy: there is no file nope (looked for files/nope, nope)"},
		"file made on the way":  {tasks: "- copy: {src: nope, dest: /x}\n- ping:\n  delegate_to: localhost", want: "site.yml:3:19: copy: there is no file nope (looked for files/nope, nope)"},
		"near name, guarded":    {tasks: "- debug: {msg: '{{ from_fcts }}'}\n  when: from_inventory\n- set_fact: {from_facts: 1}", want: `site.yml:3:24: nothing in this project defines from_fcts; did you mean "from_facts"?`},
		"word without effect":   {tasks: "- import_tasks: a.yml\n  register: x", want: "site.yml:4:7: register has no effect on import_tasks: put it on the tasks of the file"},
		"empty include":         {tasks: "- import_tasks: empty.yml", want: "empty.yml: this file of tasks is empty"},
		"defaults of no module": {tasks: "- ping:\n  module_defaults: {nope: {a: b}}", want: `site.yml:4:25: module_defaults: there is no module "nope", so these have no effect`},
		"free text, forgiven":   {tasks: "- file: path=/x state\n  ignore_errors: true", want: `site.yml:3:13: file takes no free text, only arguments: "state" is not one (write name=value, or a mapping) (fails only where it is run; ignore_errors)`},
		"free text, rescued":    {tasks: "- block: [{file: x}]\n  rescue: [{ping: }]", want: `site.yml:3:22: file takes no free text, only arguments: "x" is not one (write name=value, or a mapping) (fails only where it is run; it is rescued)`},
		"free text for some":    {tasks: "- file: x\n  when: from_inventory", want: `site.yml:3:13: file takes no free text, only arguments: "x" is not one (write name=value, or a mapping) (fails only where it is run; when: from_inventory)`},
		"topic with braces":     {play: "- hosts: all\n  handlers: [{name: a, ping: , listen: '{{ x }}'}]\n", want: `site.yml:2:41: listen takes no templates: the topic is "{{ x }}" as it is written`},
		"nameless handler":      {play: "- hosts: all\n  handlers: [{ping: }]\n", want: "site.yml:2:14: a handler without name and listen cannot be notified"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"site.yml": c.play}
			if c.tasks != "" {
				files = tasks(c.tasks)
			}
			files["empty.yml"], files["a.yml"] = "---\n", "- ping:\n"
			_, _, mistakes, warnings := load(t, files)
			if mistakes != "" || !slices.Equal(warnings, []string{c.want}) {
				t.Errorf("mistakes: %s\nwarnings: %s\nwant %s", mistakes, strings.Join(warnings, "\n"), c.want)
			}
		})
	}
}

// TestNoFalseAlarm holds uses of names that nothing defines and that are no
// mistake, or not a certain one.
func TestNoFalseAlarm(t *testing.T) {
	for name, text := range map[string]string{
		"default":            "- debug: {msg: \"{{ x | default('y') }}\"}",
		"defined":            "- debug: {msg: '{{ x }}'}\n  when: x is defined",
		"conditional":        "- debug: {msg: '{{ x if from_inventory else 1 }}'}",
		"second condition":   "- ping:\n  when: [from_inventory, x]",
		"or":                 "- ping:\n  when: from_inventory or x",
		"empty loop":         "- debug: {msg: '{{ x }}'}\n  loop: '{{ from_inventory }}'",
		"forgiven":           "- debug: {msg: '{{ x }}'}\n  ignore_errors: yes",
		"never":              "- debug: {msg: '{{ x }}'}\n  tags: never",
		"rescued":            "- block:\n    - debug: {msg: '{{ x }}'}\n  rescue:\n    - debug: {msg: '{{ y }}'}",
		"facts":              "- debug: {msg: '{{ ansible_hostname }} {{ ansible_facts.x }} {{ hostvars.a.b }}'}",
		"register later":     "- debug: {msg: '{{ x }}'}\n- ping:\n  register: x",
		"set by a template":  "- debug: {msg: '{{ x }}'}\n- set_fact: {'{{ from_inventory }}': 1}",
		"debug var":          "- debug: {var: x}",
		"lazy variable":      "- ping:\n  vars: {y: '{{ x }}'}",
		"add_host":           "- add_host: {name: a, x: 1}\n- debug: {msg: '{{ x }}'}",
		"unknown vars file":  "- include_vars: '{{ from_inventory }}.yml'\n- debug: {msg: '{{ x }}'}",
		"unknown include":    "- include_tasks: '{{ from_inventory }}.yml'\n- debug: {msg: '{{ x }}'}",
		"recursion with end": "- include_tasks: again.yml",
	} {
		t.Run(name, func(t *testing.T) {
			files := tasks(text)
			files["again.yml"] = "- include_tasks: again.yml\n  when: from_inventory\n"
			_, _, mistakes, warnings := load(t, files)
			if mistakes != "" || len(warnings) > 0 {
				t.Errorf("mistakes: %s\nwarnings: %v", mistakes, warnings)
			}
		})
	}
}
