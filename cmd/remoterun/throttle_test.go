package main

import (
	"strings"
	"testing"
)

// TestThrottle: by every strategy no more hosts than throttle allows work on a task at
// once, whatever else they do. Each says how many it saw.
func TestThrottle(t *testing.T) {
	for _, strategy := range []string{"linear", "free", "host_pinned"} {
		projectDir(t, map[string]string{"hosts": "h[1:6] ansible_connection=local\n", "site.yml": `- hosts: all
  gather_facts: false
  strategy: ` + strategy + `
  tasks:
    - shell: echo first
    - shell: "mkdir -p {{ item }}; touch {{ item }}/$$; sleep 0.05; n=$(ls {{ item }} | wc -l); rm {{ item }}/$$; test $n -le 2"
      args: {chdir: "{{ playbook_dir }}"}
      loop: [a, b]
      throttle: 2
    - shell: echo between
    - shell: "mkdir -p c; touch c/$$; sleep 0.05; n=$(ls c | wc -l); rm c/$$; test $n -le 3"
      args: {chdir: "{{ playbook_dir }}"}
      throttle: "{{ 1 + 2 }}"
`})
		if out, errs, code := runApp(t, "", "site.yml", "-i", "hosts"); code != exitOK || strings.Count(out, "ok=4") != 6 {
			t.Errorf("%s: code %d\n%s%s", strategy, code, out, errs)
		}
	}
}
