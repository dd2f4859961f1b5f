package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"remoterun/runner/event"
)

// TestExitCodes is the one table of exit codes and of which wins.
func TestExitCodes(t *testing.T) {
	lost, refusedHost, failedHost, lockedHost := event.Counts{Unreachable: 1}, event.Counts{Failed: 1, Refused: true}, event.Counts{Failed: 1}, event.Counts{Failed: 1, Locked: true}
	held, mistyped, changed := event.Counts{Failed: 1, Held: true}, event.Counts{Failed: 1, Mistyped: true}, event.Counts{OK: 1, Changed: 1}
	for _, c := range []struct {
		name  string
		hosts []event.Counts
		cut   bool
		check bool
		want  int
	}{
		{"nothing", nil, false, false, 0},
		{"ok", []event.Counts{{OK: 1}}, false, false, 0},
		{"changed", []event.Counts{changed}, false, false, 0},
		{"changes in check mode", []event.Counts{changed}, false, true, 3},
		{"no changes in check mode", []event.Counts{{OK: 1}}, false, true, 0},
		{"a wrong passphrase", []event.Counts{mistyped}, false, false, 1},
		{"failed", []event.Counts{failedHost, {OK: 1}}, false, false, 2},
		{"ignored and rescued", []event.Counts{{OK: 2, Ignored: 1, Rescued: 1}}, false, false, 0},
		{"failed wins over changes", []event.Counts{failedHost, changed}, false, true, 2},
		{"unreachable", []event.Counts{lost}, false, false, 4},
		{"unreachable wins over failed", []event.Counts{failedHost, lost}, false, false, 4},
		{"unreachable wins over refused", []event.Counts{refusedHost, lost}, false, false, 4},
		{"held", []event.Counts{held}, false, false, 10},
		{"held wins over unreachable", []event.Counts{lost, held}, false, false, 10},
		{"refused", []event.Counts{refusedHost}, false, false, 11},
		{"refused wins over failed", []event.Counts{failedHost, refusedHost}, false, false, 11},
		{"locked", []event.Counts{lockedHost}, false, false, 12},
		{"failed wins over locked", []event.Counts{lockedHost, failedHost}, false, false, 2},
		{"interrupted", []event.Counts{{OK: 1}}, true, false, 99},
		{"interrupted wins over all", []event.Counts{held, lost, refusedHost, failedHost, lockedHost, changed}, true, true, 99},
	} {
		st := &event.Stats{Hosts: map[string]*event.Counts{}, Interrupted: c.cut}
		for i := range c.hosts {
			st.Hosts[fmt.Sprint(i)] = &c.hosts[i]
		}
		s := &session{f: &runFlags{check: c.check, exitCode: c.check}}
		if got := s.code(st); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	for err, want := range map[error]int{
		nil: 0, errors.New("x"): 1, usage("x"): 5, fmt.Errorf("more: %w", usage("x")): 5, silent(11): 11, &codedError{exitHeld, errors.New("x")}: 10,
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

// TestMistakesContactNoHost: what is wrong with an inventory, a playbook or a
// command line is told with its place before any host is contacted.
func TestMistakesContactNoHost(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var calls atomic.Int32
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			_ = c.Close()
		}
	}()
	host := "h1 ansible_host=127.0.0.1 ansible_port=" + ln.Addr().(*net.TCPAddr).AddrPort().String()[len("127.0.0.1:"):] + "\n"
	play := func(tasks string) string { return "- hosts: all\n  gather_facts: false\n  tasks:\n" + tasks }
	for _, c := range []struct {
		name, inventory, book string
		args                  []string
		words                 []string
	}{
		{"keyword", host, play("    - comand: ls\n"), nil, []string{"book.yaml:4:7: there is no module comand", `did you mean "command"?`}},
		{"play keyword", host, "- hosts: all\n  taks: []\n", nil, []string{"book.yaml:2:3: a play has no keyword \"taks\"", `did you mean "tasks"?`, "allowed: "}},
		{"argument", host, play("    - file: {path: /x, stat: directory}\n"), nil, []string{"book.yaml:4:", "stat: there is no such argument", `did you mean "state"?`}},
		{"choice", host, play("    - file: {path: /x, state: dir}\n"), nil, []string{"book.yaml:4:", "state", "directory"}},
		{"missing argument", host, play("    - template: {src: x.j2}\n"), nil, []string{"book.yaml:4:", "dest"}},
		{"two mistakes at once", host, play("    - comand: ls\n    - shel: ls\n"), nil, []string{"book.yaml:4:7", "book.yaml:5:7"}},
		{"undefined name", host, play("    - debug: {msg: '{{ prt }}'}\n      vars: {port: 1}\n"), nil, []string{"book.yaml:4:", "nothing in this project defines prt", `did you mean "port"?`}},
		{"syntax of a template", host, play("    - debug: {msg: '{{ 1 + }}'}\n"), nil, []string{"book.yaml:4:", "template syntax"}},
		{"syntax of a condition", host, play("    - debug: {msg: x}\n      when: 1 ==\n"), nil, []string{"book.yaml:5:", "template syntax"}},
		{"handler", host, play("    - command: ls\n      notify: restrat\n") + "  handlers:\n    - name: restart\n      command: ls\n", nil, []string{"book.yaml:5:", "restrat", `did you mean "restart"?`}},
		{"file that is not there", host, play("    - include_tasks: none.yml\n"), nil, []string{"book.yaml:4:", "none.yml"}},
		{"YAML", host, "- hosts: all\n  tasks: [\n", nil, []string{"book.yaml:"}},
		{"a playbook that is none", host, "hosts: all\n", nil, []string{"book.yaml:1:1"}},
		{"no playbook", host, "", []string{"other.yaml"}, []string{"other.yaml"}},
		{"inventory", "[web\nh1\n", play("    - command: ls\n"), nil, []string{"hosts:1:"}},
		{"inventory value", host + "h2 port 22\n", play("    - command: ls\n"), nil, []string{"hosts:2:"}},
		{"limit that nobody is", host, play("    - command: ls\n"), []string{"-l", "wbe"}, []string{"wbe"}},
		{"extra vars", host, play("    - command: ls\n"), []string{"-e", "{a: "}, []string{"-e"}},
		{"unknown flag", host, play("    - command: ls\n"), []string{"--chek"}, []string{"--chek"}},
		{"unknown output", host, play("    - command: ls\n"), []string{"--output", "xml"}, []string{"--output", "jsonl"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFile(t, filepath.Join(dir, "hosts"), c.inventory)
			args := c.args
			if c.book != "" {
				writeFile(t, filepath.Join(dir, "book.yaml"), c.book)
				args = append([]string{filepath.Join(dir, "book.yaml")}, args...)
			}
			var out, errs strings.Builder
			a := &app{in: strings.NewReader(""), out: &out, err: &errs, env: func(n string) (string, bool) { return t.TempDir(), n == "HOME" || n == "XDG_STATE_HOME" }}
			a.terminal = func() (terminal, error) { return nil, errors.New("none in this test") }
			code := a.run(t.Context(), append(args, "-i", filepath.Join(dir, "hosts")))
			if code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			for _, w := range c.words {
				if !strings.Contains(errs.String(), w) {
					t.Errorf("it does not say %q", w)
				}
			}
			if n := calls.Load(); n > 0 {
				t.Errorf("%d connections were made", n)
			}
			if t.Failed() {
				t.Logf("stdout:\n%s\nstderr:\n%s", out.String(), errs.String())
			}
		})
	}
}
