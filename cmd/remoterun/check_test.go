package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"remoterun/runner"
	"remoterun/runner/event"
)

// sinkFunc is a sink of one function.
type sinkFunc func(event.Event)

func (f sinkFunc) Event(_ time.Time, e event.Event) { f(e) }

// runBook runs a playbook's text on local hosts and hands its events to see.
func runBook(t *testing.T, dir, text string, change func(*runner.Wishes), see func(event.Event)) *event.Stats {
	t.Helper()
	book := filepath.Join(dir, "book.yaml")
	writeFile(t, book, text)
	var out strings.Builder
	a := &app{in: strings.NewReader(""), out: &out, err: &out, env: func(string) (string, bool) { return "", false }}
	a.terminal = func() (terminal, error) { return nil, errors.New("none in this test") }
	s, err := a.open(t.Context(), &runFlags{projectFlags: projectFlags{inventory: []string{"h1,h2,"}, extra: []string{"root=" + dir}}, connection: "local", passphraseFD: -1})
	if err != nil {
		t.Fatal(err)
	}
	books, err := s.loader.Load(book)
	if err != nil {
		t.Fatal(err)
	}
	s.sink = sinkFunc(see)
	world, wishes := s.world(), s.wishes()
	if change != nil {
		change(&wishes)
	}
	st, err := runner.New(world, wishes).Run(t.Context(), books...)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestCheckListsWhatRuns: tasks that --check does not withhold are listed before
// the first play begins.
func TestCheckListsWhatRuns(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "more.yml"), "- name: in a file\n  command: echo x\n  check_mode: false\n")
	var listed, order []string
	runBook(t, dir, `- hosts: h1
  gather_facts: false
  check_mode: false
  tasks:
    - command: echo 1
    - name: withheld again
      command: touch {{ root }}/no
      check_mode: true
    - debug: {msg: controller}
    - name: not wanted
      command: echo 2
      tags: never
- hosts: h1
  gather_facts: false
  tasks:
    - name: known later
      command: touch {{ root }}/yes
      check_mode: "{{ not ansible_check_mode }}"
    - name: ordinary
      command: touch {{ root }}/no
    - include_tasks: more.yml
  handlers:
    - name: a handler
      command: echo 3
      check_mode: false
`, func(o *runner.Wishes) { o.Check = true }, func(e event.Event) {
		order = append(order, e.Kind())
		if e, ok := e.(event.CheckOverride); ok {
			listed = append(listed, e.Task.Name)
		}
	})
	if want := []string{"command", "known later", "a handler", "in a file"}; !slices.Equal(listed, want) {
		t.Errorf("listed %q, want %q", listed, want)
	}
	if i := slices.Index(order, event.PlayStart{}.Kind()); i != 3 {
		t.Errorf("the first play begins behind %d events, want the list first: %q", i, order)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "no")); left != nil {
		t.Error("a withheld task ran")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "yes")); left == nil {
		t.Error("the task that runs in spite of --check did not run")
	}
}
