package runner

import "testing"

// TestScenesOfHandlers: who is run, when and how often.
func TestScenesOfHandlers(t *testing.T) {
	performAll(t, []scene{
		{
			name: "once behind all, in the order in which they stand",
			play: `
- hosts: all
  tasks:
    - put: a
      notify: [two, one]
    - put: b
      notify: one
    - put: c
  handlers:
    - name: one
      put: h1st
    - name: two
      put: h2nd
`,
			ran:   "h1 a b c h1st h2nd",
			recap: "h1 ok5 changed5",
		},
		{
			name:  "what changed nothing notifies nobody",
			texts: "a=a",
			play: `
- hosts: all
  tasks:
    - put: a
      notify: one
    - odd: x
      notify: one
  handlers:
    - name: one
      put: never
`,
			recap: "h1 ok2",
		},
		{
			name: "listen makes one topic of several handlers",
			play: `
- hosts: all
  tasks:
    - put: a
      notify: restart all
  handlers:
    - name: one
      put: one
      listen: restart all
    - name: other
      put: never
    - name: two
      put: two
      listen: [restart all, more]
`,
			ran: "h1 a one two",
		},
		{
			name: "pre_tasks, roles' place and post_tasks each run theirs",
			play: `
- hosts: all
  pre_tasks:
    - put: pre
      notify: h
  tasks:
    - put: mid
      notify: h
  post_tasks:
    - put: post
  handlers:
    - name: h
      odd: x
      register: r
      notify: counted
    - name: counted
      put: "after={{ r.stdout }}"
`,
			ran: "h1 pre mid post",
		},
		{
			name: "a handler notifies another one that stands behind it",
			play: `
- hosts: all
  tasks:
    - put: a
      notify: one
  handlers:
    - name: one
      put: one
      notify: two
    - name: two
      put: two
`,
			ran: "h1 a one two",
		},
		{
			name: "flush_handlers runs them now, and a later change again",
			play: `
- hosts: all
  tasks:
    - put: a
      notify: h
    - meta: flush_handlers
    - put: b
    - put: c
      notify: h
  handlers:
    - name: h
      put: "n={{ n | default(1) }}"
      register: r
    - name: other
      put: never
`,
			ran: "h1 a n=1 b c",
		},
		{
			name: "a failure leaves handlers undone unless they are forced",
			play: `
- hosts: all
  force_handlers: true
  tasks:
    - put: a
      notify: h
    - breaks:
  handlers:
    - name: h
      put: h
- hosts: all
  tasks:
    - put: never
`,
			ran:   "h1 a failed h",
			recap: "h1 ok2 changed2 failed1",
		},
		{
			name:  "a host whose handlers were forced has failed: it is gone from the play and takes no part in the next",
			hosts: "h1 h2",
			play: `
- hosts: all
  force_handlers: true
  tasks:
    - put: a
      notify: h
    - breaks: h1
    - put: b
  handlers:
    - name: h
      put: "h={{ ansible_play_hosts | join('') }}"
- hosts: all
  tasks:
    - put: c
`,
			ran:   "h1 a failed h=h2 | h2 a b h=h2 c",
			recap: "h1 ok2 changed2 failed1 | h2 ok5 changed4",
		},
		{
			name:  "free hosts whose handlers were forced have failed too",
			hosts: "h1 h2",
			play: `
- hosts: all
  force_handlers: true
  strategy: free
  tasks:
    - put: a
      notify: h
    - breaks: h1
  handlers:
    - name: h
      put: h
- hosts: all
  tasks:
    - put: c
`,
			ran: "h1 a failed h | h2 a h c",
		},
		{
			name:  "max_fail_percentage does not count a host whose handlers are forced, as in Ansible",
			hosts: "h1 h2",
			play: `
- hosts: all
  force_handlers: true
  max_fail_percentage: 40
  tasks:
    - put: a
      notify: h
    - breaks: h1
    - put: b
  handlers:
    - name: h
      put: h
`,
			ran: "h1 a failed h | h2 a b h",
		},
		{
			name:  "any_errors_fatal ends forced handlers too",
			hosts: "h1 h2",
			play: `
- hosts: all
  force_handlers: true
  any_errors_fatal: true
  tasks:
    - put: a
      notify: h
    - breaks: h1
    - put: never
  handlers:
    - name: h
      put: never
- hosts: all
  tasks:
    - put: never
`,
			ran: "h1 a failed | h2 a",
		},
		{
			name:  "and so does what runs once for all",
			hosts: "h1 h2",
			play: `
- hosts: all
  force_handlers: true
  tasks:
    - put: a
      notify: h
    - breaks: h1
      run_once: true
    - put: never
  handlers:
    - name: h
      put: never
- hosts: all
  tasks:
    - put: never
`,
			ran: "h1 a failed | h2 a",
		},
		{
			name: "a handler that fails ends the host and the handlers behind it",
			play: `
- hosts: all
  tasks:
    - put: a
      notify: [one, two]
  handlers:
    - name: one
      breaks:
    - name: two
      put: never
`,
			ran:   "h1 a failed",
			recap: "h1 ok1 changed1 failed1",
		},
		{
			name: "conditions and loops of handlers",
			play: `
- hosts: all
  tasks:
    - put: a
      notify: [one, two]
  handlers:
    - name: one
      put: "{{ item }}=1"
      loop: [x, y]
    - name: two
      put: never
      when: false
`,
			ran:   "h1 a x=1 y=1",
			recap: "h1 ok2 changed2 skipped1",
		},
		{
			name:  "each host runs what it was notified of",
			hosts: "h1 h2",
			play: `
- hosts: all
  tasks:
    - put: a
      when: inventory_hostname == 'h2'
      notify: h
  handlers:
    - name: h
      put: h
`,
			ran:   "h2 a h",
			recap: "h1 skipped1 | h2 ok2 changed2",
		},
		{
			name: "a notification inside a loop, and one of a name that a variable has",
			play: `
- hosts: all
  vars: {who: h}
  tasks:
    - put: "{{ item }}=1"
      loop: [a, b]
      notify: "{{ who }}"
  handlers:
    - name: h
      put: h
`,
			ran: "h1 a=1 b=1 h",
		},
		{
			name: "a handler that takes a file in",
			play: `
- hosts: all
  tasks:
    - put: a
      notify: h
  handlers:
    - name: h
      include_tasks: more.yml
`,
			files: map[string]string{"more.yml": "- put: x\n- put: y\n"},
			ran:   "h1 a x y",
		},
	})
}

// TestScenesOfNames: which value a name has where.
func TestScenesOfNames(t *testing.T) {
	performAll(t, []scene{
		{
			name: "task before block before play, a fact and -e before all",
			play: `
- hosts: all
  vars: {v: play, w: play, x: play}
  tasks:
    - block:
        - put: "v={{ v }}"
          vars: {v: task}
        - put: "w={{ w }}"
      vars: {v: block, w: block}
    - put: "x={{ x }}"
    - set_fact: {x: fact}
    - put: "y={{ x }}"
`,
			ran: "h1 v=task w=block x=play y=fact",
		},
		{
			name: "a variable is rendered where it is used",
			play: `
- hosts: all
  vars: {greeting: "to-{{ name }}"}
  tasks:
    - put: "a={{ greeting }}"
      vars: {name: one}
    - put: "b={{ greeting }}"
      vars: {name: two}
`,
			ran: "h1 a=to-one b=to-two",
		},
		{
			name: "a skipped task registers that it was",
			play: `
- hosts: all
  tasks:
    - put: never
      when: false
      register: r
    - put: "s={{ r is skipped }}-{{ r.changed }}"
`,
			ran: "h1 s=True-False",
		},
		{
			name: "a failed task registers how",
			play: `
- hosts: all
  tasks:
    - breaks:
      register: r
      ignore_errors: true
    - put: "f={{ r is failed }}-{{ r is changed }}"
`,
			ran: "h1 failed f=True-False",
		},
		{
			name: "the last one to register a name wins, also when it was skipped",
			play: `
- hosts: all
  tasks:
    - odd: one
      register: r
    - odd: two
      register: r
      when: false
    - put: "r={{ r.stdout | default('skipped') }}"
`,
			ran: "h1 r=skipped",
		},
		{
			name: "a file of variables is read when it is its turn",
			play: `
- hosts: all
  vars: {v: play}
  tasks:
    - put: "a={{ v }}"
    - include_vars: more.yml
    - put: "b={{ v }}"
    - include_vars: {file: more.yml, name: apart}
    - put: "c={{ apart.v }}"
`,
			files: map[string]string{"more.yml": "v: file\n"},
			ran:   "h1 a=play b=file c=file",
		},
		{
			name: "variables beside an include are its tasks' alone",
			play: `
- hosts: all
  tasks:
    - include_tasks: more.yml
      vars: {v: here}
    - import_tasks: more.yml
      vars: {v: there}
    - put: "none={{ v | default('none') }}"
`,
			files: map[string]string{"more.yml": "- put: \"{{ v }}=1\"\n"},
			ran:   "h1 here=1 there=1 none",
		},
		{
			name: "a condition of an import is each task's, of an include its own",
			play: `
- hosts: all
  vars: {go: true}
  tasks:
    - import_tasks: more.yml
      when: go
    - set_fact: {go: true}
    - include_tasks: more.yml
      when: go
`,
			files: map[string]string{"more.yml": "- put: \"{{ go | ternary('a', 'b') }}=1\"\n- set_fact: {go: false}\n- put: \"c={{ go }}\"\n"},
			ran:   "h1 a=1 c=False",
		},
		{
			name: "a mistake in a template names it",
			play: `
- hosts: all
  tasks:
    - put: "a={{ some.thing.else }}"
      vars: {some: {thing: {}}}
`,
			recap: "h1 failed1",
			says:  "has no attribute 'else'",
		},
	})
}
