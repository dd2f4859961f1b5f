package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
)

// outruns are tasks of which one fails in a way that no step's status tells, or
// not the last one: what stands behind them must not run.
var outruns = []struct{ name, tasks string }{
	{"an item in the middle", `
- command: "true"
- command: "test {{ item }} != 2"
  loop: [1, 2, 3]`},
	{"the first item", `
- command: "true"
- command: "test {{ item }} != 1"
  loop: [1, 2, 3]`},
	{"a lineinfile in the middle", `
- command: "true"
- lineinfile: {path: '{{ root }}/{{ item }}/f', line: x, create: "{{ item != 'gone' }}"}
  loop: [d, gone, d]`},
	{"the template of an item", `
- command: "true"
- command: "echo {{ 1 / item }}"
  loop: [1, 0, 1]`},
	{"the label of an item", `
- command: "true"
- command: "echo {{ item }}"
  loop: [1, 0, 1]
  loop_control: {label: "{{ 1 / item }}"}`},
	{"the condition of an item", `
- command: "true"
- command: "echo {{ item }}"
  loop: [1, 0, 1]
  when: 1 / item > 0`},
	{"a debug's message", `
- command: "true"
- debug: {msg: "{{ 1 / 0 }}"}`},
	{"a debug of what a command gives", `
- command: echo none
  register: r
- debug: {msg: "{{ r.stdout | int / 0 }}"}`},
	{"a debug of an attribute that is not there", `
- command: echo none
  register: r
- debug: {msg: "{{ r.nothing.at.all }}"}`},
	{"a debug in a loop", `
- command: "true"
- debug: {msg: "{{ 1 / item }}"}
  loop: [1, 0, 1]`},
	{"a set_fact", `
- command: "true"
- set_fact: {x: "{{ 1 / 0 }}"}`},
	{"a set_fact of what a command gives", `
- command: echo none
  register: r
- set_fact: {x: "{{ r.stdout | from_json }}"}`},
	{"failed_when of a debug", `
- command: "true"
- debug: {msg: hello}
  failed_when: true`},
	{"changed_when of a debug", `
- command: "true"
- debug: {msg: hello}
  changed_when: 1 / 0`},
	{"an assert", `
- command: "true"
- assert: {that: false}`},
	{"a fail", `
- command: "true"
- fail: {msg: no}`},
	{"failed_when", `
- command: "true"
- command: "true"
  failed_when: true`},
	{"failed_when of an item", `
- command: "true"
- command: "echo {{ item }}"
  loop: [1, 2, 3]
  register: r
  failed_when: r.stdout == '2'`},
	{"failed_when that is undefined", `
- command: "true"
- command: "true"
  failed_when: nothing.of.that`},
	{"changed_when that is undefined", `
- command: "true"
- command: "true"
  changed_when: nothing.of.that`},
	{"changed_when of an item", `
- command: "true"
- command: "echo {{ item }}"
  loop: [1, 0, 1]
  changed_when: 1 / item > 0`},
	{"changed_when of a task that changes nothing", `
- command: "true"
- file: {path: '{{ root }}/d', state: directory}
  changed_when: 1 / 0`},
	{"a handler that does not exist, by a template", `
- command: "true"
- command: "true"
  notify: "{{ 'no' }} handler"`},
	{"a notify with a mistake", `
- command: "true"
- command: "true"
  notify: "{{ 1 / 0 }}"`},
	{"a retry", `
- command: "true"
- command: "false"
  register: r
  until: r is succeeded
  retries: 1
  delay: 0`},
	{"a retry of an item", `
- command: "true"
- command: "test {{ item }} != 2"
  loop: [1, 2, 3]
  register: r
  until: r is succeeded
  retries: 1
  delay: 0`},
	{"a command that is not there", `
- command: "true"
- command: "{{ item }}"
  loop: ["true", not-there-at-all, "true"]`},
	{"a file that cannot be", `
- command: "true"
- copy: {content: x, dest: '{{ root }}/{{ item }}'}
  loop: [a, gone/f, b]`},
	{"a limit of time", `
- command: "true"
- command: "true"
  timeout: "{{ 1 / 0 }}"`},
	{"a file that is included", `
- command: "true"
- include_tasks: "{{ 'nothing' }}-here.yml"`},
	{"a pause between items", `
- command: "true"
- command: "test {{ item }} != 1"
  loop: [1, 2]
  loop_control: {pause: "{{ 1 / 0 }}"}`},
	{"an argument that is undefined", `
- command: "true"
- command: "echo {{ nothing_of_that }}"
  when: true or nothing_of_that is defined`},
	{"a result that was skipped", `
- command: "true"
  when: false
  register: r
- command: "true"
- debug: {msg: "{{ r.stdout }}"}`},
	{"a fact that is not one", `
- command: "true"
- setup: {filter: "{{ 1 / 0 }}"}`},
}

// TestNothingOutrunsAFailure sends tasks in chains and alone, over SSH and here,
// and looks in the host's own log for a task that ran behind one that had failed.
func TestNothingOutrunsAFailure(t *testing.T) {
	srv, d := sshtest.Listen(t, sshd.Config{})
	for _, c := range outruns {
		for _, over := range []string{"local", "ssh"} {
			for _, in := range []string{"play", "block"} {
				t.Run(c.name+" "+over+" "+in, func(t *testing.T) { outrun(t, c.tasks, in, over, dialled{d, srv.Port()}) })
			}
		}
	}
}

func outrun(t *testing.T, tasks, in, over string, d dialled) {
	g := ground{hosts: []string{"h1"}, base: t.TempDir()}
	if over == "ssh" {
		g.connector = d
	}
	body := strings.ReplaceAll(tasks, "\n", "\n    ") + "\n    - shell: echo after >> {{ root }}/log\n    - lineinfile: {path: '{{ root }}/log', line: later, create: true}\n"
	text := "- hosts: all\n  gather_facts: false\n  tasks:" + body
	if in == "block" {
		text = "- hosts: all\n  gather_facts: false\n  tasks:\n    - block:" + strings.ReplaceAll(body, "\n    ", "\n        ") + "\n      rescue:\n        - shell: echo rescued >> {{ root }}/log\n"
	}
	book := filepath.Join(t.TempDir(), "book.yaml")
	writeFile(t, book, text)
	g.fresh(t)
	st, lines := g.run(t, book)
	log, err := os.ReadFile(filepath.Join(g.base, "h1", "log"))
	want := map[string]string{"play": "", "block": "rescued\n"}[in]
	if strings.Contains(tasks, "notify:") {
		want = "" // a mistake of the play, which no block takes on
	}
	if string(log) != want || want == "" && err == nil {
		t.Errorf("the host's log is %q, want %q\n%s\n%s", log, want, strings.Join(lines, "\n"), text)
	}
	if c := st.Hosts["h1"]; c.Failed+c.Rescued == 0 {
		t.Errorf("nothing failed: %+v\n%s", *c, text)
	}
}

// TestLaptopFilesAreReadAtTheirTurn looks ahead over tasks that change files of
// the laptop, here and from a host: what reads them sees the change.
func TestLaptopFilesAreReadAtTheirTurn(t *testing.T) {
	srv, d := sshtest.Listen(t, sshd.Config{})
	for _, c := range []struct {
		name, hosts, over, tasks string
	}{
		{"lookup", "h1", "local", `
    - shell: echo new > LAPTOP/f
    - set_fact: {x: "{{ lookup('file', 'LAPTOP/f') }}"}
    - copy: {content: "{{ x }}\n", dest: '{{ root }}/got'}`},
		{"a variable with a lookup", "h1", "local", `
    - shell: echo new > LAPTOP/f
    - copy: {content: "{{ later }}\n", dest: '{{ root }}/got'}
      vars: {later: "{{ lookup('file', 'LAPTOP/f') }}"}`},
		{"copy", "h1", "local", `
    - copy: {src: LAPTOP/f, dest: '{{ root }}/before'}
    - shell: echo new > LAPTOP/f
    - copy: {src: LAPTOP/f, dest: '{{ root }}/got'}`},
		{"template", "h1", "local", `
    - shell: echo new > LAPTOP/f
    - template: {src: LAPTOP/f, dest: '{{ root }}/got'}`},
		{"fetch", "h1", "ssh", `
    - shell: echo new > '{{ root }}/src'
    - fetch: {src: '{{ root }}/src', dest: LAPTOP/, flat: true}
    - fetch: {src: '{{ root }}/src', dest: LAPTOP/f, flat: true}
    - copy: {src: LAPTOP/f, dest: '{{ root }}/got'}`},
		{"one host for all", "h1 h2", "ssh", `
    - shell: echo other > '{{ root }}/x'
    - shell: echo new > LAPTOP/f
      delegate_to: h1
      when: inventory_hostname == 'h1'
    - copy: {src: LAPTOP/f, dest: '{{ root }}/got'}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			laptop := t.TempDir()
			writeFile(t, filepath.Join(laptop, "f"), "old\n")
			g := ground{hosts: strings.Fields(c.hosts), base: t.TempDir()}
			if c.over == "ssh" {
				g.connector = dialled{d, srv.Port()}
			}
			book := filepath.Join(t.TempDir(), "book.yaml")
			writeFile(t, book, "- hosts: all\n  gather_facts: false\n  tasks:"+strings.ReplaceAll(c.tasks, "LAPTOP", laptop)+"\n")
			g.fresh(t)
			_, lines := g.run(t, book)
			for _, h := range g.hosts {
				if got, err := os.ReadFile(filepath.Join(g.base, h, "got")); err != nil || string(got) != "new\n" {
					t.Errorf("%s has %q, %v\n%s", h, got, err, strings.Join(lines, "\n"))
				}
			}
		})
	}
}
