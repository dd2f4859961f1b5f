package runner

import "testing"

// TestScenesOfFleets: batches, failures that end plays, what runs once and where.
func TestScenesOfFleets(t *testing.T) {
	performAll(t, []scene{
		{
			name:  "serial with growing batches ends behind one that is lost",
			hosts: "h1 h2 h3 h4 h5",
			play: `
- hosts: all
  serial: [1, 2]
  tasks:
    - put: a
    - breaks:
      when: inventory_hostname in ['h2', 'h3']
    - put: b
- hosts: all
  tasks:
    - put: never
`,
			ran: "h1 a b | h2 a failed | h3 a failed",
		},
		{
			name:  "a batch that is lost in part goes on with the next one",
			hosts: "h1 h2 h3 h4",
			play: `
- hosts: all
  serial: 2
  tasks:
    - breaks: h1
    - put: a
`,
			ran:   "h1 failed | h2 a | h3 a | h4 a",
			recap: "h1 failed1 | h2 ok2 changed1 | h3 ok2 changed1 | h4 ok2 changed1",
		},
		{
			name:  "max_fail_percentage counts each batch by itself",
			hosts: "h1 h2 h3 h4",
			play: `
- hosts: all
  serial: 2
  max_fail_percentage: 49
  tasks:
    - breaks: h1
    - put: a
`,
			ran: "h1 failed",
		},
		{
			name:  "as many failures as may be do not end it",
			hosts: "h1 h2 h3 h4",
			play: `
- hosts: all
  max_fail_percentage: 50
  tasks:
    - breaks: h1
    - breaks: h3
    - put: a
`,
			ran: "h1 failed | h2 a | h3 failed | h4 a",
		},
		{
			name:  "any_errors_fatal of a task that a rescue takes on ends nothing, as in Ansible",
			hosts: "h1 h2",
			play: `
- hosts: all
  tasks:
    - block:
        - breaks: h1
          any_errors_fatal: true
        - put: a
      rescue:
        - put: r
    - put: e
`,
			ran: "h1 failed r e | h2 a e",
		},
		{
			name:  "any_errors_fatal of a block: its always counts as mending, as in Ansible",
			hosts: "h1 h2",
			play: `
- hosts: all
  tasks:
    - block:
        - breaks: h1
        - put: a
      any_errors_fatal: true
      always:
        - put: z
    - put: b
- hosts: all
  tasks:
    - put: c
`,
			ran: "h1 failed z | h2 a z b c",
		},
		{
			name:  "any_errors_fatal without a block ends the run",
			hosts: "h1 h2",
			play: `
- hosts: all
  any_errors_fatal: true
  tasks:
    - put: a
    - breaks: h1
    - put: never
- hosts: all
  tasks:
    - put: never
`,
			ran: "h1 a failed | h2 a",
		},
		{
			name:  "run_once registers for all, and so does a fact that it sets",
			hosts: "h1 h2 h3",
			play: `
- hosts: all
  tasks:
    - has: me
      run_once: true
      register: r
    - set_fact: {who: "{{ r.now }}"}
      run_once: true
    - put: "w={{ who }}-{{ r.now }}"
`,
			ran: "h1 w=h1-h1 | h2 w=h1-h1 | h3 w=h1-h1",
		},
		{
			name:  "run_once whose condition holds on the second host alone is skipped for all",
			hosts: "h1 h2",
			play: `
- hosts: all
  tasks:
    - put: never
      run_once: true
      when: inventory_hostname == 'h2'
    - put: e
`,
			ran: "h1 e | h2 e",
		},
		{
			name:  "in batches run_once runs once for each",
			hosts: "h1 h2 h3 h4",
			play: `
- hosts: all
  serial: 2
  tasks:
    - put: once
      run_once: true
    - put: a
`,
			ran: "h1 once a | h2 a | h3 once a | h4 a",
		},
		{
			name:  "delegated work is done there and registered here",
			hosts: "h1 h2",
			play: `
- hosts: h1
  tasks:
    - has: me
      delegate_to: h2
      register: r
    - put: "there={{ r.now }}"
    - put: "by={{ inventory_hostname }}"
      delegate_to: h2
`,
			ran: "h1 there=h2 | h2 by=h1",
		},
		{
			name:  "facts are the delegated host's only when it is said",
			hosts: "h1 h2",
			play: `
- hosts: h1
  tasks:
    - set_fact: {mine: 1}
      delegate_to: h2
    - set_fact: {its: 2}
      delegate_to: h2
      delegate_facts: true
    - put: "a={{ mine | default('none') }}-{{ its | default('none') }}"
    - put: "b={{ hostvars['h2'].mine | default('none') }}-{{ hostvars['h2'].its | default('none') }}"
`,
			ran: "h1 a=1-none b=none-2",
		},
		{
			name:  "another host's register and facts are read by hostvars, whenever they came",
			hosts: "h1 h2",
			play: `
- hosts: all
  tasks:
    - has: me
      register: r
    - set_fact: {twice: "{{ r.now * 2 }}"}
    - put: "o={{ hostvars['h1' if inventory_hostname == 'h2' else 'h2'].twice }}"
`,
			ran: "h1 o=h2h2 | h2 o=h1h1",
		},
		{
			name:  "the hosts of a play and of a batch",
			hosts: "h1 h2 h3",
			play: `
- hosts: all
  serial: 2
  tasks:
    - put: "n={{ ansible_play_hosts_all | length }}-{{ ansible_play_batch | join('') }}"
`,
			ran: "h1 n=3-h1h2 | h2 n=3-h1h2 | h3 n=3-h3",
		},
		{
			name:  "a host that failed is no longer among the play's hosts",
			hosts: "h1 h2 h3",
			play: `
- hosts: all
  tasks:
    - breaks: h2
    - put: "n={{ ansible_play_hosts | join('') }}"
`,
			ran: "h1 n=h1h3 | h2 failed | h3 n=h1h3",
		},
	})
}

// TestScenesOfSteering: meta actions that end hosts, batches and plays.
func TestScenesOfSteering(t *testing.T) {
	for word, want := range map[string]struct{ two, three string }{
		"end_host":  {"h2 a b e", "h1 after | h2 a b e after | h3 a b e after"},
		"end_batch": {"", "h1 after | h2 after | h3 a b e after"},
		"end_play":  {"", "h1 after | h2 after | h3 after"},
	} {
		t.Run(word, func(t *testing.T) {
			scene{
				name: word, hosts: "h1 h2 h3",
				play: `
- hosts: all
  serial: 2
  tasks:
    - meta: ` + word + `
      when: inventory_hostname == 'h1'
    - put: a
    - block:
        - put: b
      always:
        - put: e
- hosts: all
  tasks:
    - put: after
`,
				ran: want.three,
			}.perform(t)
		})
	}
	performAll(t, []scene{
		{
			name: "end_host inside a block runs no always, and is no failure",
			play: `
- hosts: all
  tasks:
    - block:
        - put: a
        - meta: end_host
        - put: never
      rescue:
        - put: never
    - put: never
`,
			ran:   "h1 a",
			recap: "h1 ok1 changed1",
		},
		{
			name:  "clear_host_errors lets a host that failed take part again",
			hosts: "h1 h2",
			play: `
- hosts: all
  tasks:
    - breaks: h1
    - put: a
    - meta: clear_host_errors
- hosts: all
  tasks:
    - put: b
`,
			ran: "h1 failed b | h2 a b",
		},
		{
			name: "noop does nothing, in a file as well",
			play: `
- hosts: all
  tasks:
    - include_tasks: more.yml
    - put: e
`,
			files: map[string]string{"more.yml": "- put: a\n- meta: noop\n- put: b\n"},
			ran:   "h1 a b e",
		},
	})
}
