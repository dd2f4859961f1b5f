package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestStep: --step asks before each task for all hosts at once: y runs it, n and
// Enter leave it out, c runs the rest without asking. meta is not asked about.
func TestStep(t *testing.T) {
	files := map[string]string{"hosts": "[all:vars]\nansible_connection=local\n[two]\nh1\nh2\n", "p.yml": `- hosts: two
  gather_facts: false
  strategy: free
  tasks:
    - {name: one, command: "touch one-{{ inventory_hostname }}", notify: bell}
    - meta: flush_handlers
    - {name: two, command: "touch two-{{ inventory_hostname }}"}
    - {name: three, command: "touch three-{{ inventory_hostname }}"}
  handlers:
    - {name: bell, command: "touch bell-{{ inventory_hostname }}"}
`}
	for answers, made := range map[string]string{
		"y|y|y|y": "one bell two three", "n|y|n": "two", "||y": "three", "y|n|c": "one two three", "C": "one bell two three", "no|what|YES": "three",
	} {
		t.Run(answers, func(t *testing.T) {
			projectDir(t, files)
			typed := strings.Split(answers, "|")
			out, errs, code := runWith(t, nil, typed, "p.yml", "-i", "hosts", "--step")
			if code != exitOK {
				t.Errorf("code %d\n%s%s", code, out, errs)
			}
			for _, name := range []string{"one", "two", "three", "bell"} {
				for _, h := range []string{"h1", "h2"} {
					if _, err := os.Stat(name + "-" + h); (err == nil) != strings.Contains(made, name) {
						t.Errorf("%s on %s: %v, want %q", name, h, err, made)
					}
				}
			}
		})
	}
	projectDir(t, files)
	_, errs, code := runWith(t, nil, nil, "p.yml", "-i", "hosts", "--step")
	if _, err := os.Stat("one-h1"); err == nil || code != exitUsage || !strings.Contains(errs, "--step asks before each task, and there is no terminal") {
		t.Errorf("without a terminal: code %d, %s", code, errs)
	}
}

// TestNamesOfDataDecideNothing: what a result calls its entries is data; the exit
// code follows what the task is.
func TestNamesOfDataDecideNothing(t *testing.T) {
	for _, name := range []string{"locked", "refused", "held", "wrong_passphrase"} {
		for fails, want := range map[bool]int{false: exitOK, true: exitFailed} {
			projectDir(t, map[string]string{"hosts": "h1 ansible_connection=local " + name + "=true\n", "p.yml": fmt.Sprintf(`- hosts: h1
  gather_facts: false
  tasks:
    - debug: {var: %s}
      failed_when: %v
`, name, fails)})
			if out, errs, code := runWith(t, nil, nil, "p.yml", "-i", "hosts", "-e", `{"`+name+`": true}`); code != want {
				t.Errorf("%s: code %d, want %d\n%s%s", name, code, want, out, errs)
			}
		}
	}
}

// TestShownQuietly: assert's quiet shows no message, the quiet view no failure
// that was rescued or ignored, and junit says why a case was skipped.
func TestShownQuietly(t *testing.T) {
	projectDir(t, map[string]string{"hosts": "h1 ansible_connection=local\n", "p.yml": `- hosts: h1
  gather_facts: false
  tasks:
    - assert: {that: true, quiet: "{{ 'yes' }}"}
    - {assert: {that: true, quiet: true, success_msg: "item {{ item }}"}, loop: [1]}
    - assert: {that: true, success_msg: loudly}
    - {command: "false", ignore_errors: true}
    - block: [{fail: {msg: was rescued}}]
      rescue: [{debug: }]
    - {command: "true", when: false}
    - {command: "true", loop: []}
`})
	human, _, _ := runWith(t, nil, nil, "p.yml", "-i", "hosts")
	if strings.Contains(human, "All assertions") || strings.Contains(human, "item 1") || !strings.Contains(human, "loudly") {
		t.Errorf("assert:\n%s", human)
	}
	quiet, _, _ := runWith(t, nil, nil, "p.yml", "-i", "hosts", "--output", "quiet")
	if strings.Contains(quiet, "fatal") || strings.Contains(quiet, "ignoring") || !strings.Contains(quiet, "rescued=1") {
		t.Errorf("quiet:\n%s", quiet)
	}
	junit, _, _ := runWith(t, nil, nil, "p.yml", "-i", "hosts", "--output", "junit")
	if strings.Contains(junit, `"None"`) || !strings.Contains(junit, `<skipped message="Conditional result was False">`) || !strings.Contains(junit, `<skipped message="No items in the list">`) {
		t.Errorf("junit:\n%s", junit)
	}
}
