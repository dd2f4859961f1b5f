package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestFactsAreGatheredWhereverTheyAreRead: each place that reads a variable, as
// the first of a play, sets the gathering off.
func TestFactsAreGatheredWhereverTheyAreRead(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ = strings.Cut(name, ".")
	for _, c := range []struct{ task, says string }{
		{"{name: 'on {{ ansible_hostname }}', ping: }", "TASK [on " + name + "]"},
		{"debug: {msg: 'is {{ ansible_hostname }}'}", "is " + name},
		{"debug: {var: ansible_facts.hostname}", `"ansible_facts.hostname": "` + name},
		{"assert: {that: ansible_hostname == 'none', fail_msg: 'is {{ ansible_hostname }}'}", "is " + name},
		{"assert: {that: 1 == 1, success_msg: 'is {{ ansible_hostname }}'}", "is " + name},
		{"fail: {msg: 'is {{ ansible_hostname }}'}", "is " + name},
		{"set_fact: {x: 'is {{ ansible_hostname }}'}", "ok=1"},
		{"group_by: {key: 'is_{{ ansible_hostname }}'}", "changed=1"},
		{"{ping: , when: ansible_hostname == 'none'}", "skipped=1"},
		{"{ping: , changed_when: ansible_hostname != 'none'}", "changed=1"},
		{"{ping: , failed_when: ansible_hostname != 'none'}", "failed=1"},
		{"{ping: , register: r, until: ansible_hostname != 'none'}", "ok=1"},
		{"{ping: , changed_when: true, notify: 'is {{ ansible_hostname }}'}", "handler \\\"is " + name + "\\\""},
		{"{debug: {msg: 'is {{ item }}'}, loop: ['{{ ansible_hostname }}']}", "is " + name},
		{"{ping: , loop: [1], loop_control: {label: 'is {{ ansible_hostname }}'}}", "is " + name},
		{"{shell: 'echo is $N', environment: {N: '{{ ansible_hostname }}'}}", "is " + name},
	} {
		t.Run(c.task, func(t *testing.T) {
			projectDir(t, map[string]string{"hosts": "here ansible_connection=local\n", "book.yaml": fmt.Sprintf("- hosts: all\n  tasks:\n    - %s\n", c.task)})
			home := t.TempDir()
			out, errs, _ := runWith(t, map[string]string{"HOME": home, "XDG_STATE_HOME": home}, nil, "book.yaml", "-v")
			if !strings.Contains(out, c.says) {
				t.Errorf("it does not say %q:\n%s%s", c.says, out, errs)
			}
		})
	}
}
