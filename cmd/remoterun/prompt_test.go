package main

import (
	"strings"
	"testing"
)

// TestPromptTwice: vars_prompt with confirm asks twice and starts over when the
// answers differ, whether they are shown or not.
func TestPromptTwice(t *testing.T) {
	projectDir(t, map[string]string{"hosts": "h1 ansible_connection=local\n", "p.yaml": `- hosts: h1
  gather_facts: false
  vars_prompt:
    - {name: seen, private: false, confirm: true, default: usual}
    - {name: hidden, confirm: true}
  tasks:
    - assert: {that: "seen == want and hidden == 'x' * 3"}
`})
	for name, c := range map[string]struct{ want, answers string }{
		"as typed":             {"a b", "a b|a b|xxx|xxx"},
		"four times different": {"a", "a|b|a|b|b|a|a||a|a|x|y|x|y|x|y|x|y|xxx|xxx"},
		"the default":          {"usual", "|xxx|xxx"},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := runWith(t, nil, strings.Split(c.answers, "|"), "p.yaml", "-i", "hosts", "-e", "want='"+c.want+"'")
			if code != exitOK || !strings.Contains(out, "ok=1 ") {
				t.Errorf("code %d\n%s%s", code, out, errs)
			}
		})
	}
}
