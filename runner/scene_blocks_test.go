package runner

import "testing"

// TestScenesOfBlocks: which part of a block a failure leads to, and what counts.
func TestScenesOfBlocks(t *testing.T) {
	performAll(t, []scene{
		{
			name: "a rescue mends, and what stands behind goes on",
			play: `
- hosts: all
  tasks:
    - block:
        - put: a
        - breaks:
        - put: never
      rescue:
        - put: r
      always:
        - put: z
    - put: e
`,
			ran:   "h1 a failed r z e",
			recap: "h1 ok4 changed4 rescued1",
		},
		{
			name: "a rescue that fails is followed by always, and ends the host",
			play: `
- hosts: all
  tasks:
    - block:
        - breaks:
      rescue:
        - put: r
        - breaks:
        - put: never
      always:
        - put: z
    - put: never
`,
			ran:   "h1 failed r failed z",
			recap: "h1 ok2 changed2 failed1 rescued1",
		},
		{
			name: "an inner block without a rescue leaves the failure to the outer one",
			play: `
- hosts: all
  tasks:
    - block:
        - block:
            - breaks:
            - put: never
          always:
            - put: inner
        - put: never2
      rescue:
        - put: outer
    - put: e
`,
			ran:   "h1 failed inner outer e",
			recap: "h1 ok3 changed3 rescued1",
		},
		{
			name: "a failure inside always is the outer block's",
			play: `
- hosts: all
  tasks:
    - block:
        - block:
            - put: a
          always:
            - breaks:
            - put: never
      rescue:
        - put: r
    - put: e
`,
			ran:   "h1 a failed r e",
			recap: "h1 ok3 changed3 rescued1",
		},
		{
			name: "a rescue knows which task failed and how",
			play: `
- hosts: all
  tasks:
    - block:
        - name: the second try
          breaks:
      rescue:
        - put: name={{ ansible_failed_task.name | replace(' ', '-') }}
        - put: failed={{ ansible_failed_result.failed }}
`,
			ran:   "h1 failed name=the-second-try failed=True",
			recap: "h1 ok2 changed2 rescued1",
		},
		{
			name: "conditions of a block are asked at each of its tasks",
			play: `
- hosts: all
  vars: {go: true}
  tasks:
    - block:
        - put: a
        - set_fact: {go: false}
        - put: never
      when: go
    - put: e
`,
			ran:   "h1 a e",
			recap: "h1 ok3 changed2 skipped1",
		},
		{
			name: "a block whose condition fails is rescued as its tasks are",
			play: `
- hosts: all
  tasks:
    - block:
        - put: never
          when: nothing.at.all
      rescue:
        - put: r
`,
			ran:   "h1 r",
			recap: "h1 ok1 changed1 rescued1",
		},
		{
			name: "what is forgiven leads to no rescue",
			play: `
- hosts: all
  tasks:
    - block:
        - breaks:
          ignore_errors: true
        - put: a
      rescue:
        - put: never
      always:
        - put: z
`,
			ran:   "h1 failed a z",
			recap: "h1 ok3 changed2 ignored1",
		},
		{
			name: "keywords of a block hold inside it alone",
			play: `
- hosts: all
  tasks:
    - block:
        - breaks:
        - put: v={{ v }}
      ignore_errors: true
      vars: {v: inner}
    - put: w={{ v | default('none') }}
    - breaks:
    - put: never
`,
			ran:   "h1 failed v=inner w=none failed",
			recap: "h1 ok3 changed2 failed1 ignored1",
		},
		{
			name:  "each host has its own way through a block",
			hosts: "h1 h2 h3",
			play: `
- hosts: all
  tasks:
    - block:
        - breaks: h2
        - put: a
      rescue:
        - put: r
      always:
        - put: z
    - put: e
`,
			ran:   "h1 a z e | h2 failed r z e | h3 a z e",
			recap: "h1 ok4 changed3 | h2 ok3 changed3 rescued1 | h3 ok4 changed3",
		},
		{
			name:  "free hosts go the same ways",
			hosts: "h1 h2",
			play: `
- hosts: all
  strategy: free
  tasks:
    - block:
        - put: a
        - breaks: h1
        - put: b
      rescue:
        - put: r
    - put: e
`,
			ran: "h1 a failed r e | h2 a b e",
		},
		{
			name: "an empty rescue is passed by a body that holds",
			play: `
- hosts: all
  tasks:
    - block:
        - put: a
      rescue:
        - put: never
    - block:
        - put: b
      always:
        - put: z
`,
			ran:   "h1 a b z",
			recap: "h1 ok3 changed3",
		},
		{
			name: "fail and assert are failures as any other",
			play: `
- hosts: all
  tasks:
    - block:
        - assert:
            that: 1 == 2
            fail_msg: one is not two
      rescue:
        - fail:
            msg: given up because of {{ ansible_failed_result.msg }}
`,
			recap: "h1 failed1 rescued1",
			says:  "given up because of one is not two",
		},
	})
}
