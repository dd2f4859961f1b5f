package main

import (
	"os"
	"strings"
	"testing"
)

// TestFoldersInACircle: links that lead back, several in each folder that is walked,
// are as if they were not there.
func TestFoldersInACircle(t *testing.T) {
	projectDir(t, map[string]string{
		"inv/hosts":                  "h1 ansible_connection=local\n",
		"inv/more/hosts":             "h2 ansible_connection=local\n",
		"group_vars/all/a.yml":       "from_group: 1\n",
		"group_vars/all/more/b.yml":  "from_more: 2\n",
		"roles/web/vars/main/a.yml":  "from_role: 3\n",
		"roles/web/tasks/main.yml":   "- debug: {msg: '{{ from_group }} {{ from_more }} {{ from_role }}'}\n",
		"roles/sub/x/tasks/main.yml": "- debug: {msg: x}\n",
		"site.yml":                   "- hosts: all\n  gather_facts: no\n  roles: [web]\n",
	})
	for link, to := range map[string]string{
		"inv/one": ".", "inv/two": ".", "inv/more/three": "..", "inv/more/four": "../more",
		"group_vars/all/one": ".", "group_vars/all/two": ".", "group_vars/all/more/three": "..",
		"roles/web/vars/main/one": ".", "roles/web/vars/main/two": ".",
		"roles/sub/one": "..", "roles/sub/two": "../..", "roles/three": "sub", "again": ".", "whole": "roles",
	} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"HOME": t.TempDir()}
	stdout, stderr, code := runWith(t, env, nil, "-i", "inv", "site.yml")
	if code != exitOK || strings.Count(stdout, "1 2 3") != 2 || strings.Contains(stderr, "WARNING") {
		t.Errorf("play: code %d\n%s%s", code, stdout, stderr)
	}
	for _, folder := range []string{".", "roles", "roles/sub"} {
		stdout, stderr, code = runWith(t, env, nil, "lint", "--compat", "-i", "inv", folder)
		if code != exitOK || !strings.Contains(stdout, " covered (100.0 %)") || stderr != "" {
			t.Errorf("%s: code %d\n%s%s", folder, code, stdout, stderr)
		}
	}
}
