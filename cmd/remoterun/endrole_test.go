package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestEndRole: a role that is left ends for the host that leaves it, from wherever in
// it, and what stands behind the role goes on.
func TestEndRole(t *testing.T) {
	project := map[string]string{
		"hosts": "h1 ansible_connection=local\nh2 ansible_connection=local\n",
		"site.yml": `- hosts: all
  gather_facts: no
  roles: [plain, {role: nested}]
  tasks:
    - include_role: {name: "{{ item }}"}
      loop: [plain, nested, plain]
    - debug: {msg: "last"}
`,
		"roles/plain/meta/main.yml":   "allow_duplicates: yes\ndependencies: [before]\n",
		"roles/before/tasks/main.yml": "- debug: {msg: before}\n",
		"roles/plain/tasks/main.yml": `- debug: {msg: plain one}
  changed_when: yes
  notify: told
- meta: end_role
  when: inventory_hostname == 'h1'
- debug: {msg: plain two}
`,
		"roles/plain/handlers/main.yml": "- name: told\n  debug: {msg: handled}\n",
		"roles/nested/tasks/main.yml": `- block:
    - include_tasks: more.yml
      loop: [1, 2]
    - debug: {msg: nested never}
  always:
    - debug: {msg: nested never always}
`,
		"roles/nested/tasks/more.yml": "- debug: {msg: 'nested {{ item }}'}\n- meta: end_role\n- debug: {msg: nested never more}\n",
		"out.yml":                     "- hosts: h1\n  gather_facts: no\n  tasks: [{meta: end_role}]\n",
	}
	projectDir(t, project)
	env := map[string]string{"HOME": t.TempDir()}
	said := regexp.MustCompile(`\[(h\d)\] => (?:\(item=.*\) => )?\{\s*"msg": "([^"]*)"`)
	for _, strategy := range []string{"linear", "free"} {
		env["ANSIBLE_STRATEGY"] = strategy
		stdout, stderr, code := runWith(t, env, nil, "-i", "hosts", "site.yml")
		got := map[string][]string{}
		for _, m := range said.FindAllStringSubmatch(stdout, -1) {
			got[m[1]] = append(got[m[1]], m[2])
		}
		for host, want := range map[string]string{
			"h1": "before, plain one, nested 1, plain one, nested 1, plain one, last, handled, handled",
			"h2": "before, plain one, plain two, nested 1, plain one, plain two, nested 1, plain one, plain two, last, handled, handled",
		} {
			all := strings.Join(got[host], ", ")
			if strategy == "free" { // a host that is behind finds the included role's handler of the name already
				all, want = strings.ReplaceAll(all, "handled, handled", "handled"), strings.ReplaceAll(want, "handled, handled", "handled")
			}
			if all != want || code != exitOK {
				t.Errorf("%s, %s: %s\nwant %s (code %d)\n%s%s", strategy, host, all, want, code, stdout, stderr)
			}
		}
	}
	stdout, stderr, code := runWith(t, env, nil, "-i", "hosts", "out.yml")
	if text := "Cannot execute 'end_role' from outside of a role"; code != exitFailed || !strings.Contains(stdout+stderr, text) {
		t.Errorf("outside: code %d\n%s%s", code, stdout, stderr)
	}
}
