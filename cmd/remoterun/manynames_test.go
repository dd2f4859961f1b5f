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

// TestHostsThatReachEachOther: what one host did in a task, a batch or a play
// before is seen by what another looks at behind it.
func TestHostsThatReachEachOther(t *testing.T) {
	srv, d := sshtest.Listen(t, sshd.Config{})
	for _, c := range []struct{ name, head, act, between string }{
		{"one host acts", "", `when: inventory_hostname == 'h1'`, ""},
		{"the last host acts", "", `when: inventory_hostname == 'h3'`, ""},
		{"two of three act", "", `when: inventory_hostname != 'h2'`, ""},
		{"once for all", "", `run_once: true`, ""},
		{"in a play before", "", `when: inventory_hostname == 'h1'`, "- hosts: all\n  gather_facts: false\n  tasks:\n"},
		{"in a play before, each on its own", "strategy: free", `when: inventory_hostname == 'h1'`, "- hosts: all\n  gather_facts: false\n  tasks:\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := ground{hosts: []string{"h1", "h2", "h3"}, base: filepath.Join(t.TempDir(), "hosts"), remote: true, connector: dialled{d, srv.Port()}}
			at.fresh(t)
			book := filepath.Join(t.TempDir(), "book.yml")
			writeFile(t, book, `
- hosts: all
  gather_facts: false
  `+c.head+`
  vars: {shared: "`+at.base+`/h1/x"}
  tasks:
    - {stat: {path: "{{ shared }}"}, register: before}
    - {set_fact: {was: "{{ before.stat.exists }}"}}
    - {command: "mkdir -p {{ shared }}", `+c.act+`}
`+c.between+`
    - {stat: {path: "`+at.base+`/h1/x"}, register: after}
    - {name: judge, debug: {msg: "{{ was }} {{ after.stat.exists }}"}}
`)
			_, lines := at.run(t, book)
			want := `"False True"`
			if c.head != "" { // h1 may have acted before another looked the first time
				want = ` True"`
			}
			for _, h := range at.hosts {
				if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, h+" judge ") && strings.Contains(l, want) }) {
					t.Errorf("%s used an answer from before:\n%s", h, strings.Join(lines, "\n"))
				}
			}
		})
	}
}
