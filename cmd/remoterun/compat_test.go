package main

import (
	"encoding/json"
	"strings"
	"testing"

	"remoterun/playbooks/compat"
)

// compatProject uses what is there, what is missing in each way, and files in each
// way that a playbook takes them in.
func compatProject() map[string]string {
	return map[string]string{
		"hosts": "h1 ansible_host=192.0.2.1\n",
		"site.yml": `- hosts: all
  gather_timeout: 5
  vars:
    unused: "{{ 1 | no_such_filter }}"
  roles: [web, {role: gone.role}]
  tasks:
    - {name: one, copy: {content: x, dest: /x}}
    - {name: two, community.general.pacman: {name: x}, when: ansible_os_family == 'Archlinux'}
    - {name: three, pacman: {name: y}}
    - {name: four, apt: {name: x, dpkg_option: y}}
    - {name: five, debug: {msg: "{{ x | no_such_filter }}"}, debugger: on_failed}
    - {name: six, debug: {msg: "{{ lookup('no_such', 1) }}"}}
    - {name: seven, debug: {msg: "{{ [] | selectattr('a', 'equalsto', 1) | list }}"}}
    - {name: eight, service: {name: x, state: mended}}
    - {name: nine, netscaler.adc.nsip: {a: 1}}
    - block:
        - {name: ten, add_host: {name: h2}}
        - import_tasks: more.yml
    - include_tasks: "os-{{ ansible_os_family }}.yml"
    - include_role: {name: "{{ any }}"}
    - {name: eleven, wait_for: {port: x}}
    - {name: closed, debug: {msg: "{{ secret }}"}}
- hosts: all
  strategy: mitogen_linear
  tasks:
    - {name: twelve, ping: }
- import_playbook: other.yml
`,
		"group_vars/all.yml":           "secret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3030\n",
		"requirements.yml":             "- {src: https://example.org/role.git, name: gone.role, version: v1}\n",
		"more.yml":                     "- {name: more, ping: }\n- {name: pac, pacman: {name: z}}\n",
		"os-Debian.yml":                "- {name: deb, apt: {name: x}}\n",
		"os-Alpine.yml":                "- {name: alp, apk: {name: x}}\n- {name: lbu, lbu: {commit: yes}}\n",
		"other.yml":                    "- hosts: all\n  tasks:\n    - {name: of another playbook, ping: , notify: gone}\n",
		"roles/web/tasks/main.yml":     "- {name: in a role, template: {src: gone.j2, dest: /x}}\n- include_tasks: no-such.yml\n",
		"roles/web/tasks/purge.yml":    "- {name: nobody takes this in, zypper: {name: x}}\n",
		"roles/web/handlers/main.yml":  "- {name: restart, service: {name: x, state: restarted}}\n",
		"roles/idle/tasks/main.yml":    "- {name: idle, zypper: {name: x}}\n- {name: vars, debug: {msg: \"{{ gone }}\"}}\n",
		"roles/idle/defaults/main.yml": "a: b\n",
		"notes.yaml":                   "a: [list, of, nothing]\n",
	}
}

const compatText = `25 tasks in 7 files: 13 covered (52.0 %)

missing, by uses:
    3  module community.general.pacman: use package
         site.yml:8:19
         site.yml:9:21
         more.yml:2:15
    2  filter no_such_filter
         site.yml:4:21
         site.yml:11:41
    1  argument apt.dpkg_option: did you mean dpkg_options?
         site.yml:10:35
    1  choice service.state: service: state: "mended" is not one of: started, stopped, reloaded, restarted
         site.yml:14:47
    1  keyword debugger: the task debugger is not there yet
         site.yml:11:62
    1  lookup no_such
         site.yml:12:43
    1  module community.general.lbu: use command or shell
         os-Alpine.yml:2:15
    1  module netscaler.adc.nsip: there is no module netscaler.adc.nsip: remoterun has none of the collection netscaler.adc
         site.yml:15:20
    1  strategy mitogen_linear: there are debug, free, host_pinned, linear
         site.yml:24:13
    1  test equalsto: did you mean 'equalto'?
         site.yml:13:59

differs from Ansible (remoterun's docs/playbooks.md says how):
    1  Hosts of add_host are in the plays that follow
         site.yml:17:11
    1  gather_timeout has no effect
         site.yml:2:3

wrong, for Ansible mostly as well:
    1  notify: no handler of this play is called "gone"
         other.yml:3:51
    1  wait_for: port: 'x' is not an integer
         site.yml:21:39

not read, so not counted:
    1  file no-such.yml: it is not there
         roles/web/tasks/main.yml:2:18
    1  name include_role: {{ any }}: known at its turn; what is there of that name was read
         site.yml:20:21
    1  name include_tasks: os-{{ ansible_os_family }}.yml: known at its turn; what is there of that name was read
         site.yml:19:23
    1  role gone.role: requirements.yml has it from https://example.org/role.git v1; ansible-galaxy install -r requirements.yml -p roles gets it, and so does a copy of it in that folder
         site.yml:5:23
`

func TestLintCompat(t *testing.T) {
	projectDir(t, compatProject())
	env := map[string]string{"HOME": t.TempDir()}
	stdout, stderr, code := runWith(t, env, nil, "lint", "--compat", "-i", "hosts", "site.yml")
	if code != exitError || stderr != "" || stdout != compatText {
		t.Errorf("code %d, stderr %q, and the text (- missing, + not expected):\n%s", code, stderr, difference(compatText, stdout))
	}

	stdout, _, code = runWith(t, env, nil, "lint", "--compat", "-o", "json", "-i", "hosts", "site.yml")
	var r compat.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != exitError {
		t.Fatalf("code %d: %v\n%s", code, err, stdout)
	}
	if r.Tasks != 25 || r.Covered != 13 || r.Percent != 52 || r.Missing[0].Uses != 3 || r.Missing[0].Kind != "module" || r.Missing[0].Name != "community.general.pacman" || r.Missing[0].Where[2] != "more.yml:2:15" {
		t.Errorf("%+v", r)
	}
}

// TestLintCompatOfFolders: a role and a file of tasks are read without a playbook, a
// folder with all that is in it.
func TestLintCompatOfFolders(t *testing.T) {
	projectDir(t, compatProject())
	env := map[string]string{"HOME": t.TempDir()}
	for _, c := range []struct {
		path, first string
		code        int
		says        []string
	}{
		{"roles/idle", "2 tasks in 1 file: 1 covered (50.0 %)", exitError, []string{"1  module community.general.zypper: use package\n         roles/idle/tasks/main.yml:1:16"}},
		{"roles/web", "4 tasks in 3 files: 3 covered (75.0 %)", exitError, []string{"roles/web/tasks/purge.yml:1:32"}},
		{"roles", "6 tasks in 4 files: 4 covered (66.6 %)", exitError, []string{"2  module community.general.zypper"}},
		{".", "28 tasks in 9 files: 14 covered (50.0 %)", exitError, []string{"2  module community.general.zypper", "3  module community.general.pacman"}},
		{"roles/web/tasks/purge.yml", "1 task in 1 file: 0 covered (0.0 %)", exitError, nil},
		{"os-Debian.yml", "1 task in 1 file: 1 covered (100.0 %)\n", exitOK, nil},
	} {
		stdout, stderr, code := runWith(t, env, nil, "lint", "--compat", "-i", "hosts", c.path)
		if first, _, _ := strings.Cut(stdout, "\n"); code != c.code || strings.TrimSpace(first) != strings.TrimSpace(c.first) || stderr != "" {
			t.Errorf("%s: code %d, %q, want %d, %q; %s", c.path, code, first, c.code, c.first, stderr)
		}
		for _, says := range c.says {
			if !strings.Contains(stdout, says) {
				t.Errorf("%s: %q is not in\n%s", c.path, says, stdout)
			}
		}
	}
}

func TestLintCompatIsAskedWrongly(t *testing.T) {
	projectDir(t, compatProject())
	for want, args := range map[string][]string{
		"remoterun: gone.yml is not there: name a playbook, a role, or a folder that holds them": {"lint", "--compat", "gone.yml"},
		"remoterun: -o yaml: lint --compat has human and json":                                   {"lint", "--compat", "-o", "yaml", "site.yml"},
		"remoterun: -o belongs to --compat: lint --compat -o json":                               {"lint", "-o", "json", "site.yml"},
	} {
		_, stderr, code := runWith(t, map[string]string{"HOME": t.TempDir()}, nil, args...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%q: code %d: %s", args, code, stderr)
		}
	}
}
