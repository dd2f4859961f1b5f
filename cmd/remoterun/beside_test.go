package main

import (
	"strings"
	"testing"
)

// Names that only group_vars beside the playbook define are known before
// anything runs, and its mistakes are found then.
func TestVariablesBesideThePlaybook(t *testing.T) {
	files := map[string]string{
		"inv/hosts":            "[web]\nlocalhost ansible_connection=local\n",
		"pb/group_vars/web":    "from_playbook: 42\n",
		"pb/site.yml":          "- hosts: web\n  gather_facts: false\n  tasks:\n    - debug: {msg: 'v {{ from_playbook }}'}\n",
		"pb/group_vars/db.yml": "unused: [\n", // no such group here
	}
	projectDir(t, files)
	out, errs, code := runWith(t, nil, nil, "-i", "inv/hosts", "pb/site.yml")
	if code != 0 || !strings.Contains(out, "v 42") {
		t.Errorf("code %d\n%s%s", code, out, errs)
	}
	writeFile(t, "pb/group_vars/all.yml", "a: {{ b }}\n")
	if _, errs, code = runWith(t, nil, nil, "-i", "inv/hosts", "pb/site.yml"); code != exitUsage || !strings.Contains(errs, "pb/group_vars/all.yml:1:") {
		t.Errorf("a mistake in a file of variables: code %d, %s", code, errs)
	}
}
