package main

import (
	"os"
	"strings"
	"testing"
)

// TestSettingsHaveAnEffect holds what ansible.cfg, or a variable, says for all of a
// project's playbooks: each setting alone changes what a run does, and a keyword in
// the playbook wins over it.
func TestSettingsHaveAnEffect(t *testing.T) {
	secret := "- hosts: h1\n  gather_facts: false\n  tasks:\n    - {debug: {msg: spoken}%s}\n"
	fails := "- hosts: h1,h2\n  gather_facts: false%s\n  tasks:\n    - command: test {{ inventory_hostname }} = h2\n    - {debug: {msg: spoken}}\n"
	facts := "- hosts: h1\n%s  tasks:\n    - {debug: {msg: \"{{ 'spoken' if ansible_system is defined else 'none' }}\"}}\n"
	far := "- hosts: far\n  gather_facts: false\n%s  tasks:\n    - ping:\n"
	become := "- hosts: h1\n  gather_facts: false\n  become: true\n  become_user: nobody\n  become_exe: '{{ playbook_dir }}/spy'\n%s  tasks:\n    - command: echo spoken\n"
	// At its own speed h1 makes what h2 waits for; in step nobody does.
	step := "- hosts: h1,h2\n  gather_facts: false\n%s  tasks:\n    - {wait_for: {path: \"{{ playbook_dir }}/mark\", timeout: 3}, when: inventory_hostname == 'h2'}\n    - {file: {path: \"{{ playbook_dir }}/mark\", state: touch}, when: inventory_hostname == 'h1'}\n"
	tests := []struct {
		section, setting, variable, book, keyword, word string
		without, with                                   bool // the word is there
	}{
		{"defaults", "no_log = True", "NO_LOG=yes", secret, ", no_log: false", `"msg": "spoken"`, true, false},
		{"defaults", "any_errors_fatal = yes", "ANY_ERRORS_FATAL=1", fails, "\n  any_errors_fatal: false", "spoken", true, false},
		{"defaults", "gathering = explicit", "GATHERING=explicit", facts, "  gather_facts: true\n", `"msg": "spoken"`, true, false},
		{"defaults", "remote_port = 9", "REMOTE_PORT=9", far, "  port: 7\n", "127.0.0.1:9", false, true},
		{"privilege_escalation", "become_flags = --no-such-flag", "BECOME_FLAGS=--no-such-flag", become, "  become_flags: ''\n", "no-such-flag", false, true},
		{"defaults", "strategy = free", "STRATEGY=free", step, "  strategy: linear\n", "failed=1", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.setting, func(t *testing.T) {
			said := func(cfg, book string, env ...string) bool {
				projectDir(t, map[string]string{"hosts": "h1 ansible_connection=local\nh2 ansible_connection=local\nfar ansible_host=127.0.0.1\n", "ansible.cfg": cfg, "site.yml": book, "spy": "#!/bin/sh\necho \"sudo: $*\" >&2\nexit 1\n"})
				if err := os.Chmod("spy", 0o700); err != nil {
					t.Fatal(err)
				}
				set := map[string]string{}
				for _, e := range env {
					name, v, _ := strings.Cut(e, "=")
					set[name] = v
				}
				out, errs, _ := runWith(t, set, nil, "site.yml", "-i", "hosts")
				return strings.Contains(out+errs, tt.word)
			}
			cfg := "[" + tt.section + "]\n" + tt.setting + "\n"
			plain, loud := strings.Replace(tt.book, "%s", "", 1), strings.Replace(tt.book, "%s", tt.keyword, 1)
			for what, c := range map[string]struct{ got, want bool }{
				"without it":            {said("", plain), tt.without},
				"in ansible.cfg":        {said(cfg, plain), tt.with},
				"a keyword says so":     {said(cfg, loud), tt.without},
				"by its variable":       {said("", plain, "REMOTERUN_"+tt.variable), tt.with},
				"by Ansible's":          {said("", plain, "ANSIBLE_"+tt.variable), tt.with},
				"the variable is first": {said(cfg, plain, "REMOTERUN_"+tt.variable), tt.with},
			} {
				if c.got != c.want {
					t.Errorf("%s: %q said = %v, want %v", what, tt.word, c.got, c.want)
				}
			}
		})
	}
}

// TestSettingsThatAreNotValid shows the words for values that cannot be followed,
// and the one line about settings without any effect.
func TestSettingsThatAreNotValid(t *testing.T) {
	for cfg, want := range map[string]string{
		"[defaults]\nremote_port = 22x1\n":                                                `ansible.cfg:2:1: remote_port: "22x1" is not a valid port`,
		"[defaults]\nremote_port = 0\n":                                                   `ansible.cfg:2:1: remote_port: "0" is not a valid port`,
		"[defaults]\ngathering = always\n":                                                `ansible.cfg:2:1: gathering: "always" is not one of implicit, explicit, smart`,
		"[defaults]\nno_log = perhaps\n":                                                  `ansible.cfg:2:1: no_log: "perhaps" is neither yes nor no`,
		"[defaults]\nlog_path = x\nnocows = 1\n[callback_profile]\nstdout_callback = y\n": "ansible.cfg:2:1: without effect here: log_path, stdout_callback",
	} {
		projectDir(t, map[string]string{"hosts": "h1 ansible_connection=local\n", "ansible.cfg": cfg, "site.yml": "- hosts: h1\n  gather_facts: false\n  tasks: [ping: ]\n"})
		if _, errs, _ := runApp(t, "", "site.yml", "-i", "hosts"); !strings.Contains(errs, want) {
			t.Errorf("%q:\n%s", cfg, errs)
		}
	}
	projectDir(t, map[string]string{"hosts": "h1 ansible_connection=local\n", "ansible.cfg": "", "site.yml": "- hosts: h1\n  gather_facts: false\n  tasks: [ping: ]\n"})
	if _, errs, code := runWith(t, map[string]string{"REMOTERUN_REMOTE_PORT": "many"}, nil, "site.yml", "-i", "hosts"); code != exitUsage || !strings.Contains(errs, `REMOTERUN_REMOTE_PORT: "many" is not a valid port`) {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
