package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// maker makes playbooks out of every keyword, controller action and kind of
// module, whose tasks meet in few names of files and variables. Every task that
// runs appends its name to a log on the host; mistakes and failures stand at every
// place.
type maker struct {
	*rand.Rand
	b     strings.Builder
	n     int
	depth int
	// hosts is how many there are, free that they run on their own: then nothing is
	// made that reaches over hosts.
	hosts int
	free  bool
	// plain leaves out what Ansible ends the whole run for.
	plain bool
	// loop is the name of the loop's variable while a task of a loop is made.
	loop  string
	inner bool // of an included file
}

func (g *maker) one(in int) bool             { return g.IntN(in) == 0 }
func (g *maker) pick(of ...string) string    { return of[g.IntN(len(of))] }
func (g *maker) line(at, f string, a ...any) { fmt.Fprintf(&g.b, at+f+"\n", a...) }

// path is one of few places, so that tasks meet there.
func (g *maker) path() string {
	return "{{ root }}/" + g.pick("a", "b", "c", "d/a", "d/b", "l", "l/a", "gone/a", "{{ p }}")
}

// item is what a task reads of its loop, at times with a mistake for one item.
func (g *maker) item() string {
	if g.loop == "" {
		return g.pick("x", "{{ p }}", "{{ f0 | default('f') }}")
	}
	return "{{ " + g.loop + " }}"
}

// value is text with a template, at times one that cannot be worked out.
func (g *maker) value() string {
	v := g.loop
	if v == "" {
		v = "zero"
	}
	switch g.IntN(16) {
	case 0:
		return "{{ 1 / " + v + " | int }}"
	case 1:
		return "{{ void.nothing }}"
	case 2:
		return fmt.Sprintf("{{ r%d.stdout }}", g.IntN(3))
	case 3:
		return fmt.Sprintf("{{ r%d.stdout | from_json }}", g.IntN(3))
	case 4:
		return fmt.Sprintf("{{ r%d.rc | default(0) }}", g.IntN(3))
	case 5:
		return fmt.Sprintf("{{ 6 / (1 - (r%d.rc | default(0))) }}", g.IntN(3))
	case 6, 7:
		return fmt.Sprintf("{{ f%d | default('none') }}", g.IntN(2))
	case 8:
		return "{{ " + g.pick("ansible_play_hosts", "groups['all']", "groups['g_x'] | default([])", "group_names", "hostvars.keys() | list") + " | length }}"
	}
	return "v" + fmt.Sprint(g.IntN(3))
}

// condition is a bare expression.
func (g *maker) condition() string {
	r := fmt.Sprintf("r%d", g.IntN(3))
	switch g.IntN(18) {
	case 0:
		return "1 / zero > 1"
	case 1:
		return "void.nothing.at_all"
	case 2:
		return r + ".rc == 0"
	case 3, 4:
		return r + " is defined and " + r + " is not failed"
	case 5:
		return r + " is not defined or " + r + " is changed"
	case 6:
		return "false"
	case 7:
		return "inventory_hostname == 'h1'"
	case 8:
		if g.loop != "" {
			return "1 / " + g.loop + " | int > 0"
		}
	case 9, 10:
		if g.loop != "" {
			return g.loop + " | int != 2"
		}
	}
	return "true"
}

// log is shell text that appends the task's name.
func (g *maker) log() string {
	item := ""
	if g.loop != "" {
		item = ".{{ " + g.loop + " }}"
	}
	if g.inner {
		item += ".{{ part | default('-') }}"
	}
	return fmt.Sprintf("echo t%d%s >> {{ root }}/log", g.n, item)
}

// validate has a module that writes append to the log, too.
func (g *maker) validate() string {
	return fmt.Sprintf("validate: \"sh -c '%s' %%s\"", strings.ReplaceAll(g.log(), "'", "''"))
}

// task writes one task.
func (g *maker) task(at string) {
	g.n++
	w := func(f string, a ...any) { g.line(at+"  ", f, a...) }
	g.line(at, "- name: t%d", g.n)
	kind := g.IntN(len(kinds))
	for (g.free || g.hosts < 2) && kinds[kind].over || g.inner && kinds[kind].takes {
		kind = g.IntN(len(kinds))
	}
	k := kinds[kind]
	if !k.single && g.one(4) {
		g.loop = "item"
		if g.one(4) {
			g.loop = "it"
		}
	}
	k.write(g, w)
	g.loops(w)
	g.words(w, k)
	g.loop = ""
}

// loops writes the loop of a task.
func (g *maker) loops(w func(string, ...any)) {
	if g.loop == "" {
		return
	}
	switch g.IntN(8) {
	case 0:
		w("loop: '{{ [1, 0, 2] }}'")
	case 1:
		w("loop: \"{{ r%d.stdout_lines | default([1, 2]) }}\"", g.IntN(3))
	case 2:
		w("with_items: [1, 2]")
	default:
		w("loop: [%s]", g.pick("1", "1, 2", "1, 2, 3", "2, 1", "3, 2, 1", "1, 0, 1", "0, 1", "1, 3, 0", ""))
	}
	var c []string
	if g.loop != "item" {
		c = append(c, "loop_var: "+g.loop)
	}
	if g.one(8) {
		c = append(c, "index_var: idx")
	}
	if g.one(8) {
		c = append(c, "extended: true")
	}
	if g.one(6) {
		c = append(c, "label: \""+g.pick("{{ "+g.loop+" }}", "{{ 1 / "+g.loop+" | int }}", "same")+"\"")
	}
	if g.one(14) {
		c = append(c, "pause: "+g.pick("0", "0.01"))
	}
	if c != nil {
		w("loop_control: {%s}", strings.Join(c, ", "))
	}
}

// words writes the keywords that any task may have.
func (g *maker) words(w func(string, ...any), k kind) {
	if k.meta {
		return
	}
	if g.one(5) && !k.when {
		w("when: %s", g.condition())
	}
	if g.one(12) {
		w("vars: {p: %s, n: 3}", g.pick("a", "b", "\""+g.value()+"\""))
	}
	if !g.one(3) {
		w("ignore_errors: %s", g.pick("true", "true", "true", "true", "true", "\"{{ zero == 0 }}\"", "false"))
	}
	if g.one(14) {
		w("tags: [x]")
	}
	if g.one(16) {
		w("no_log: %s", g.pick("true", "\"{{ zero == 1 }}\""))
	}
	if k.takes {
		return // it takes no more
	}
	g.judges(w, k)
	if g.one(8) {
		w("notify: %s", g.pick("h0", "h1", "[h0, h1]", "topic", "\"h{{ zero }}\""))
	}
	if k.plain {
		return
	}
	g.places(w, k)
}

// judges writes what is said of a task's result.
func (g *maker) judges(w func(string, ...any), k kind) {
	r := fmt.Sprintf("r%d", g.IntN(3))
	said := g.one(3)
	if said {
		w("register: %s", r)
	}
	if !said {
		r = "r0"
	}
	switch g.IntN(14) {
	case 0:
		w("changed_when: %s", g.pick("true", "false"))
	case 1:
		w("changed_when: %s", g.pick(r+" is not changed", r+".rc == 0", "1 / zero", "void.nothing.x", g.condition()))
	case 2:
		w("failed_when: %s", g.pick("false", "false", "true", "[]"))
	case 3:
		w("failed_when: %s", g.pick(r+" is failed", r+" is changed", r+".stdout == '2'", "1 / zero", "void.nothing.x", g.condition()))
	case 4:
		if !k.plain && said {
			w("until: %s", g.pick(r+" is changed", r+" is not failed", r+".rc == 0", "1 / zero", "true"))
			w("retries: %s", g.pick("1", "2", "0"))
			w("delay: 0")
		}
	}
}

// places writes where and as whom a task runs.
func (g *maker) places(w func(string, ...any), k kind) {
	switch g.IntN(24) {
	case 0:
		w("check_mode: %s", g.pick("true", "false", "\"{{ zero == 0 }}\""))
	case 1:
		w("environment: {T: \"%s\"}", g.value())
	case 2:
		w("become: true")
	case 3:
		w("timeout: %s", g.pick("30", "\"{{ (30 / (1 - zero)) | int }}\"", "\"{{ 1 / zero }}\""))
	case 4:
		w("diff: true")
	case 5, 6:
		w("delegate_to: \"%s\"", g.pick("{{ inventory_hostname }}", "{{ other }}", "h1", "{{ void.nothing }}"))
	case 7:
		if !g.free {
			w("run_once: true")
		}
	case 8:
		if !g.free {
			w("any_errors_fatal: true")
		}
	case 9:
		w("throttle: 1")
	}
}

// block writes a block with its rescue and always.
func (g *maker) block(at string) {
	g.depth++
	g.line(at, "- block:")
	g.items(at+"    ", 1+g.IntN(3))
	if !g.one(4) {
		g.line(at, "  rescue:")
		g.items(at+"    ", 1+g.IntN(2))
	}
	if g.one(2) {
		g.line(at, "  always:")
		g.items(at+"    ", 1)
	}
	if g.one(6) {
		g.line(at, "  when: %s", g.condition())
	}
	if g.one(8) {
		g.line(at, "  ignore_errors: true")
	}
	if g.one(10) && !g.free {
		g.line(at, "  any_errors_fatal: true")
	}
	if g.one(8) {
		g.line(at, "  vars: {p: b}")
	}
	g.depth--
}

func (g *maker) items(at string, n int) {
	for range n {
		switch {
		case g.depth < 2 && g.one(7):
			g.block(at)
		case g.one(14):
			g.line(at, "- meta: %s", g.pick("flush_handlers", "noop"))
		default:
			g.task(at)
		}
	}
}

// book writes a playbook of one or two plays.
func (g *maker) book(strategy string) string {
	for i := range 1 + g.IntN(5)/4 {
		hosts, facts := "all", g.pick("false", "false", "false", "true")
		if i > 0 {
			hosts = g.pick("all", "all", "g_x:g_a", "all:!late")
		}
		if g.plain {
			facts = "false"
		}
		g.line("", "- hosts: %s\n  gather_facts: %s\n  strategy: %s\n  vars: {p: a, zero: 0, part: main, void: {}}", hosts, facts, strategy)
		if !g.free && g.hosts > 1 {
			switch g.IntN(8) {
			case 0:
				g.line("", "  serial: %s", g.pick("1", "2", "[1, 2]", "\"50%\""))
			case 1:
				g.line("", "  any_errors_fatal: true")
			case 2:
				g.line("", "  max_fail_percentage: %s", g.pick("0", "40", "70"))
			}
		}
		if g.one(8) {
			g.line("", "  force_handlers: true")
		}
		if g.one(12) {
			g.line("", "  ignore_errors: true")
		}
		g.line("", "  tasks:")
		g.items("    ", 5+g.IntN(10))
		g.line("", "  handlers:")
		for i := range 3 { // never run: so that somebody defines the names
			g.line("    ", "- name: never %d\n      command: 'true'\n      register: r%d", i, i)
			g.line("    ", "- name: never either %d\n      set_fact: {f%d: x}", i, i)
		}
		for i := range 2 {
			g.line("    ", "- name: h%d\n      listen: topic\n      shell: echo h%d >> {{ root }}/log", i, i)
			if g.one(4) {
				g.line("    ", "  failed_when: %s", g.condition())
			}
		}
	}
	return g.b.String()
}

// put writes a generated playbook with its files.
func (g *maker) put(t testing.TB, dir, strategy string) (book, text string) {
	t.Helper()
	text = g.book(strategy)
	for _, name := range []string{"inc.yml", "imp.yml"} {
		inner := &maker{Rand: g.Rand, n: g.n + 100, depth: 1, hosts: g.hosts, free: g.free, plain: g.plain, inner: true}
		inner.items("", 1+g.IntN(3))
		g.n = inner.n
		writeFile(t, filepath.Join(dir, name), inner.b.String())
		text += "\n# " + name + "\n" + inner.b.String()
	}
	writeFile(t, filepath.Join(dir, "t.j2"), "line {{ n | default(1) }} {{ 6 / (1 - zero) }}\n")
	writeFile(t, filepath.Join(dir, "bad.j2"), "line {{ 1 / zero }}\n")
	writeFile(t, filepath.Join(dir, "extra.yml"), "f1: included\n")
	writeFile(t, filepath.Join(dir, "s.sh"), "#!/bin/sh\necho $2 >> $1\n")
	book = filepath.Join(dir, "book.yaml")
	writeFile(t, book, g.b.String())
	return book, text
}
