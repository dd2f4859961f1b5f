package main

import "slices"

// kind is one kind of task that generated playbooks are made of.
type kind struct {
	// over reaches over hosts; single takes no loop; plain no place (delegate_to and
	// the like); takes is an include, which takes few keywords and is not made
	// inside of included files.
	over, single, plain, takes bool
	// when says that it writes its own condition.
	when bool
	// meta takes when and nothing else.
	meta  bool
	write func(g *maker, w func(string, ...any))
}

// kinds are a host's modules and the controller's actions.
var kinds = []kind{
	{write: func(g *maker, w func(string, ...any)) { w("shell: %s", g.log()) }},
	{write: func(g *maker, w func(string, ...any)) { w("shell: %s; echo %s", g.log(), g.item()) }},
	{write: func(g *maker, w func(string, ...any)) { w("shell: \"%s; test '%s' != 2\"", g.log(), g.item()) }},
	{write: func(g *maker, w func(string, ...any)) { w("shell: \"%s; test '%s' = 1\"", g.log(), g.item()) }},
	{write: func(g *maker, w func(string, ...any)) { w("shell: \"%s; echo '%s'\"", g.log(), g.value()) }},
	{write: func(g *maker, w func(string, ...any)) {
		w("shell: \"%s; cat %s | wc -l\"", g.log(), g.path())
		w("register: r%d", g.IntN(3))
	}, takes: true},
	{write: func(g *maker, w func(string, ...any)) {
		w("command: {cmd: \"mkdir %s%s\", creates: \"%s\"}", g.path(), g.item(), g.path())
	}},
	{write: func(g *maker, w func(string, ...any)) {
		w("command: \"%s %s\"", g.pick("test -e", "true", "false", "not-there-at-all", "ls"), g.path())
	}},
	{write: func(g *maker, w func(string, ...any)) { w("raw: \"%s; test -e %s\"", g.log(), g.path()) }},
	{write: func(g *maker, w func(string, ...any)) { w("file: {path: %q, state: directory}", g.path()) }},
	{write: func(g *maker, w func(string, ...any)) {
		w("file: {path: \"{{ root }}/%s\", state: %s}", g.item(), g.pick("directory", "absent", "touch"))
	}},
	{write: func(g *maker, w func(string, ...any)) { w("file: {path: %q, state: absent}", g.path()) }},
	{write: func(g *maker, w func(string, ...any)) {
		w("file: {src: \"{{ root }}/%s\", dest: %q, state: link, force: true}", g.pick("a", "b", "d", "gone/a"), "{{ root }}/l")
	}},
	{write: func(g *maker, w func(string, ...any)) {
		w("file: {path: %q, mode: '%s'}", g.path(), g.pick("0700", "0755", "0644"))
	}},
	{write: func(g *maker, w func(string, ...any)) {
		w("lineinfile: {path: %q, line: \"x%s\", create: %s, %s}", g.path(), g.item(), g.pick("true", "false"), g.validate())
	}},
	{write: func(g *maker, w func(string, ...any)) {
		w("lineinfile: {path: %q, regexp: '^x', line: \"x %s\", create: true}", g.path(), g.value())
	}},
	{write: func(g *maker, w func(string, ...any)) {
		w("copy: {content: \"%s\", dest: %q, %s}", g.value(), g.path(), g.validate())
	}},
	{write: func(g *maker, w func(string, ...any)) {
		w("copy: {content: \"c%s\", dest: \"{{ root }}/%s\"}", g.item(), g.item())
	}},
	{write: func(g *maker, w func(string, ...any)) { w("copy: {src: t.j2, dest: %q}", g.path()) }},
	{write: func(g *maker, w func(string, ...any)) {
		w("copy: {src: %q, dest: %q, remote_src: true}", g.path(), g.path())
	}},
	{write: func(g *maker, w func(string, ...any)) {
		w("template: {src: %s, dest: %q, %s}", g.pick("t.j2", "t.j2", "bad.j2"), g.path(), g.validate())
	}},
	{write: func(g *maker, w func(string, ...any)) { w("stat: {path: %q}", g.path()) }},
	{write: func(g *maker, w func(string, ...any)) { w("slurp: {src: %q}", g.path()) }},
	{write: func(g *maker, w func(string, ...any)) { w("debug: {msg: \"%s\"}", g.value()) }, plain: true},
	{write: func(g *maker, w func(string, ...any)) {
		w("debug: {var: %s}", g.pick("r0.rc", "f0", "p", "void.nothing"))
	}, plain: true},
	{write: func(g *maker, w func(string, ...any)) { w("set_fact: {f%d: \"%s\"}", g.IntN(2), g.value()) }, plain: true},
	{write: func(g *maker, w func(string, ...any)) { w("set_fact: {p: %s}", g.pick("a", "b", "d/b")) }, plain: true},
	{write: func(g *maker, w func(string, ...any)) { w("assert: {that: \"%s\"}", g.condition()) }, plain: true},
	{write: func(g *maker, w func(string, ...any)) {
		w("fail: {msg: \"%s\"}", g.value())
		w("when: %s", g.condition())
	}, takes: true, when: true},
	{write: func(g *maker, w func(string, ...any)) { w("pause: {seconds: 0}") }, plain: true, single: true},
	{write: func(g *maker, w func(string, ...any)) {
		w("include_vars: {file: %s}", g.pick("extra.yml", "extra.yml", "\"{{ 'none' }}.yml\""))
	}, plain: true, single: true},
	{write: func(g *maker, w func(string, ...any)) {
		w("include_tasks: \"%s\"", g.pick("inc.yml", "inc.yml", "{{ 'inc' }}.yml"))
		if g.loop != "" {
			w("vars: {part: \"{{ %s }}\"}", g.loop)
		}
	}, takes: true},
	{write: func(g *maker, w func(string, ...any)) { w("import_tasks: imp.yml") }, takes: true, single: true},
	{write: func(g *maker, w func(string, ...any)) {
		w("group_by: {key: \"g_%s\"}", g.pick("x", "{{ inventory_hostname }}", "{{ void.nothing }}"))
	}, plain: true, single: true, over: true},
	{write: func(g *maker, w func(string, ...any)) {
		w("add_host: {name: \"%s\", groups: \"%s\", f0: \"%s\"}", g.pick("h1", "{{ inventory_hostname }}", "late", "late", "{{ void.nothing }}", "{{ '{' }}{ 1 }}"), g.pick("g_x", "g_{{ p }}"), g.value())
	}, plain: true, single: true, over: true},
	// What another host did: seen by whoever comes behind it.
	{write: func(g *maker, w func(string, ...any)) {
		w("slurp: {src: \"{{ root }}/../h%d/%s\"}", 1+g.IntN(3), g.pick("a", "b", "d/b", "l", "log"))
	}, over: true},
	{write: func(g *maker, w func(string, ...any)) {
		w("setup: {filter: [\"%s\"]}", g.pick("ansible_os_family", "ansible_system", "ansible_local", "{{ void.nothing }}"))
	}, single: true},
	{write: func(g *maker, w func(string, ...any)) {
		w("debug: {msg: \"{{ ansible_facts.%s | default('no fact') }}\"}", g.pick("os_family", "system", "distribution"))
	}, plain: true},
	{write: func(g *maker, w func(string, ...any)) {
		what := g.pick("end_host", "end_play", "end_batch", "clear_host_errors", "clear_facts", "refresh_inventory", "reset_connection")
		// By free, what ends or mends the other hosts meets each wherever it is by then.
		if g.free && g.hosts > 1 && slices.Contains([]string{"end_play", "end_batch", "clear_host_errors"}, what) {
			what = "end_host"
		}
		w("meta: %s", what)
		w("when: %s", g.pick("false", "inventory_hostname == 'h1'", "inventory_hostname != 'h1'", g.condition()))
	}, takes: true, single: true, when: true, meta: true},
	{write: func(g *maker, w func(string, ...any)) {
		w("shell: %s; id -un", g.log())
		w("become: true")
		w("become_user: %s", g.pick("nobody", "nobody", "root", "\"{{ 'nobody' if zero == 0 }}\"", "\"{{ void.nothing }}\"", "not-there"))
	}, plain: true},
	{write: func(g *maker, w func(string, ...any)) { w("fetch: {src: %q, dest: \"{{ laptop }}\"}", g.path()) }, plain: true},
	{write: func(g *maker, w func(string, ...any)) { w("script: {cmd: \"s.sh {{ root }}/log t%d\"}", g.n) }},
	{write: func(g *maker, w func(string, ...any)) {
		w("wait_for: {path: %q, timeout: 1, sleep: 1}", "{{ root }}/d")
	}, plain: true, single: true},
}
