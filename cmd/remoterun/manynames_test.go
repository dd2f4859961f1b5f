package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
)

// TestOneMachineUnderManyNames: what a host's tasks did on one machine is seen by
// those behind them on another that is the same, shares a disk with it or asks it,
// though nobody can know that it does.
func TestOneMachineUnderManyNames(t *testing.T) {
	srv, d := sshtest.Listen(t, sshd.Config{})
	for _, c := range []struct{ name, act, look string }{
		{"delegated, then delegated elsewhere", "delegate_to: h2", "delegate_to: h3"},
		{"its own, then delegated", "when: true", "delegate_to: h3"},
		{"delegated, then its own", "delegate_to: h2", "when: true"},
		{"delegated, then the laptop", "delegate_to: h2", "delegate_to: localhost"},
		{"the laptop, then delegated", "delegate_to: localhost", "delegate_to: h3"},
	} {
		for _, strategy := range []string{"linear", "free"} {
			t.Run(c.name+" "+strategy, func(t *testing.T) {
				at := ground{hosts: []string{"h1", "h2", "h3"}, base: filepath.Join(t.TempDir(), "hosts"), remote: true, connector: dialled{d, srv.Port()}}
				at.fresh(t)
				book := filepath.Join(t.TempDir(), "book.yml")
				writeFile(t, book, `
- hosts: h1
  gather_facts: false
  strategy: `+strategy+`
  tasks:
    - {stat: {path: "{{ root }}/x"}, register: before, `+c.look+`}
    - {command: "touch {{ root }}/x", `+c.act+`}
    - {name: look, stat: {path: "{{ root }}/x"}, register: after, `+c.look+`}
    - {name: judge, debug: {msg: "{{ before.stat.exists }} {{ after.stat.exists }}"}}
    - {file: {path: "{{ root }}/x", state: absent}, `+c.act+`}
    - {name: gone, slurp: {src: "{{ root }}/x"}, ignore_errors: true, `+c.look+`}
`)
				_, lines := at.run(t, book)
				is := func(begin, part string) bool {
					return slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, begin) && strings.Contains(l, part) })
				}
				if !is("h1 judge ", `"False True"`) || !is("h1 gone ", "failed") {
					t.Errorf("an answer from before was used:\n%s", strings.Join(lines, "\n"))
				}
			})
		}
	}
}
