package runner

import "testing"

// TestScenesOfLoops: items, their variables, and what a loop as a whole came to.
func TestScenesOfLoops(t *testing.T) {
	performAll(t, []scene{
		{
			name: "items in their order, with index, label and extended",
			play: `
- hosts: all
  tasks:
    - put: "{{ what }}={{ i }}{{ ansible_loop.last | ternary('!', '') }}of{{ ansible_loop.length }}"
      loop: [a, b, c]
      loop_control: {loop_var: what, index_var: i, extended: true}
`,
			ran:   "h1 a=0of3 b=1of3 c=2!of3",
			recap: "h1 ok1 changed1",
		},
		{
			name: "an empty loop is skipped",
			play: `
- hosts: all
  tasks:
    - put: never
      loop: "{{ [] }}"
      register: r
    - put: "n={{ r.results | length }}"
      when: r is skipped
`,
			ran:   "h1 n=0",
			recap: "h1 ok1 changed1 skipped1",
		},
		{
			name: "a condition is asked for each item",
			play: `
- hosts: all
  tasks:
    - put: "x{{ item }}=1"
      loop: "{{ range(6) | list }}"
      when: item is even
      register: r
    - put: "skipped={{ r.results | select('skipped') | list | length }}"
`,
			ran:   "h1 x0=1 x2=1 x4=1 skipped=3",
			recap: "h1 ok2 changed2",
		},
		{
			name: "one item fails: the others run, the task has failed",
			play: `
- hosts: all
  tasks:
    - breaks: "{{ item }}"
      loop: [h1, nobody, h1]
      register: r
      ignore_errors: true
    - put: "failed={{ r.results | select('failed') | list | length }}"
      when: r is failed
`,
			ran:   "h1 failed failed failed=2",
			recap: "h1 ok2 changed1 ignored1",
		},
		{
			name: "a loop over nothing that is defined fails, behind a condition it does not",
			play: `
- hosts: all
  tasks:
    - put: never
      loop: "{{ nothing }}"
      when: false
    - put: never
      loop: "{{ nothing }}"
      ignore_errors: true
    - put: e
`,
			ran:   "h1 e",
			recap: "h1 ok2 changed1 skipped1 ignored1",
		},
		{
			name: "with_items flattens one level, loop does not",
			play: `
- hosts: all
  tasks:
    - put: "w{{ item }}=1"
      with_items: [[1, 2], 3]
    - put: "l{{ item | length }}=1"
      loop: [[1, 2], [3]]
`,
			ran: "h1 w1=1 w2=1 w3=1 l2=1 l1=1",
		},
		{
			name: "with_dict, with_together and with_nested",
			play: `
- hosts: all
  tasks:
    - put: "{{ item.key }}={{ item.value }}"
      with_dict: {a: 1, b: 2}
    - put: "t{{ item.0 }}={{ item.1 }}"
      with_together: [[x, y], [1, 2]]
    - put: "n{{ item.0 }}{{ item.1 }}=1"
      with_nested: [[p, q], [r]]
`,
			ran: "h1 a=1 b=2 tx=1 ty=2 npr=1 nqr=1",
		},
		{
			name: "a mapping as terms: its keys, or a list is wanted",
			play: `
- hosts: all
  vars: {d: {x: 1, y: 2}}
  tasks:
    - put: "i{{ item }}=1"
      with_items: "{{ d }}"
    - put: "t{{ item | join }}=1"
      with_together: "{{ d }}"
    - put: "n{{ item | join }}=1"
      with_nested: "{{ d }}"
    - put: "never=1"
      with_list: "{{ d }}"
      ignore_errors: true
      register: listed
    - put: "{{ listed.msg }}"
    - put: "never=1"
      with_indexed_items: "{{ d }}"
      ignore_errors: true
      register: indexed
    - put: "{{ indexed.msg }}"
    - put: "never=1"
      with_random_choice: "{{ d }}"
      ignore_errors: true
      register: random
    - put: "{{ random.msg }}"
`,
			ran: "h1 ix=1 iy=1 txy=1 nxy=1 with_list expects a list with_indexed_items expects a list with_random_choice expects a list",
		},
		{
			name: "with_sequence counts",
			play: `
- hosts: all
  tasks:
    - put: "{{ item }}=1"
      with_sequence: start=2 end=6 stride=2 format=s%02d
`,
			ran: "h1 s02=1 s04=1 s06=1",
		},
		{
			name: "facts that items set are seen by the items behind them",
			play: `
- hosts: all
  vars: {sum: 0}
  tasks:
    - set_fact:
        sum: "{{ sum | int + item }}"
      loop: [1, 2, 3, 4]
    - put: "sum={{ sum }}"
`,
			ran: "h1 sum=10",
		},
		{
			name:  "each host has its own items",
			hosts: "h1 h2",
			play: `
- hosts: all
  tasks:
    - put: "{{ item }}=1"
      loop: "{{ ['a', 'b'] if inventory_hostname == 'h1' else ['c'] }}"
    - put: e
`,
			ran:   "h1 a=1 b=1 e | h2 c=1 e",
			recap: "h1 ok2 changed2 | h2 ok2 changed2",
		},
		{
			name: "a template whose items come from a register",
			play: `
- hosts: all
  tasks:
    - has: me
      loop: [1, 2]
      register: r
    - put: "{{ item.item }}={{ item.now }}"
      loop: "{{ r.results }}"
`,
			ran: "h1 1=h1 2=h1",
		},
		{
			name: "changed_when and failed_when judge each item",
			play: `
- hosts: all
  tasks:
    - put: "{{ item }}=1"
      loop: [a, b, c]
      register: r
      changed_when: item == 'b'
      failed_when: item == 'c'
      ignore_errors: true
    - put: "changed={{ r.results | map(attribute='changed') | join('-') }}"
`,
			ran:   "h1 a=1 b=1 c=1 changed=False-True-False",
			recap: "h1 ok2 changed2 ignored1",
		},
		{
			name: "break_when ends a loop behind the item for which it holds",
			play: `
- hosts: all
  tasks:
    - put: "{{ item }}=1"
      loop: [a, b, c]
      register: r
      loop_control: {break_when: [item == 'b', r is changed], label: "{{ item }}"}
    - put: "n={{ r.results | length }}"
    - set_fact: {sum: "{{ sum | default(0) | int + item }}"}
      loop: [1, 2, 3, 4]
      loop_control: {break_when: sum | int >= 3}
    - put: "sum={{ sum }}"
    - put: "{{ item }}=2"
      loop: [c, d]
      loop_control: {break_when: item == 'd'}
    - put: "{{ item }}=3"
      loop: [e, f, g]
      loop_control: {break_when: none.such}
      ignore_errors: true
`,
			ran:   "h1 a=1 b=1 n=2 sum=3 c=2 d=2 e=3",
			recap: "h1 ok6 changed5 ignored1",
		},
		{
			name: "a loop around files that are taken in, each with its own variables",
			play: `
- hosts: all
  tasks:
    - include_tasks: "{{ item }}.yml"
      loop: [one, two]
      vars: {mark: "m{{ item }}"}
    - put: e
`,
			files: map[string]string{
				"one.yml": "- put: \"one={{ mark }}\"\n",
				"two.yml": "- put: \"two={{ mark }}\"\n- put: \"inner{{ it }}=1\"\n  loop: [1, 2]\n  loop_control: {loop_var: it}\n",
			},
			ran: "h1 one=mone two=mtwo inner1=1 inner2=1 e",
		},
		{
			name:  "run_once with a loop runs its items on one host",
			hosts: "h1 h2",
			play: `
- hosts: all
  tasks:
    - put: "{{ item }}=1"
      loop: [a, b]
      run_once: true
      register: r
    - put: "n={{ r.results | length }}"
`,
			ran: "h1 a=1 b=1 n=2 | h2 n=2",
		},
		{
			name:  "items that are delegated go to their machines",
			hosts: "h1 h2",
			play: `
- hosts: h1
  tasks:
    - put: "from={{ inventory_hostname }}{{ item }}"
      delegate_to: "{{ item }}"
      loop: [h1, h2]
      run_once: true
`,
			ran: "h1 from=h1h1 | h2 from=h1h2",
		},
	})
}

// TestScenesOfTries: until, retries and delay.
func TestScenesOfTries(t *testing.T) {
	performAll(t, []scene{
		{
			name: "tries until its own result says so",
			play: `
- hosts: all
  tasks:
    - put: "n={{ (n | default(0) | int) }}"
      register: r
      until: r is not changed
      retries: 5
      delay: 0
    - put: "tries={{ r.attempts }}"
`,
			ran: "h1 n=0 tries=2",
		},
		{
			name: "out of tries is a failure that can be forgiven",
			play: `
- hosts: all
  tasks:
    - odd: no
      register: r
      until: r.stdout == 'yes'
      retries: 2
      delay: 0
      ignore_errors: true
    - put: "tries={{ r.attempts }}"
      when: r is failed
`,
			ran:   "h1 tries=2",
			recap: "h1 ok2 changed1 ignored1",
		},
		{
			name: "a step that fails is tried again",
			play: `
- hosts: all
  tasks:
    - breaks:
      register: r
      until: r is succeeded
      retries: 3
      delay: 0
    - put: never
`,
			ran:   "h1 failed failed failed failed",
			recap: "h1 failed1",
		},
		{
			name: "until in a loop tries each item",
			play: `
- hosts: all
  tasks:
    - put: "{{ item }}=1"
      loop: [a, b]
      register: r
      until: r is not changed
      retries: 3
      delay: 0
    - put: "tries={{ r.results | map(attribute='attempts') | join('-') }}"
`,
			ran: "h1 a=1 b=1 tries=2-2",
		},
	})
}
