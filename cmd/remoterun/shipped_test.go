package main

import (
	"bytes"
	"os"
	"testing"

	"remoterun/playbooks"
)

// TestShippedPlaybooksAreRight reads every shipped playbook with every module,
// from a folder that has none of them: no mistake, no warning.
func TestShippedPlaybooksAreRight(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "inv", "h1 tde_project=p tde_compose_dir=/srv/p\n")
	for _, name := range playbooks.Names() {
		var out, stderr bytes.Buffer
		a := &app{out: &out, err: &stderr, env: os.LookupEnv}
		code := a.run(t.Context(), []string{"-i", "inv", "--syntax-check", builtinDir + "playbooks/" + name + ".yaml"})
		if code != exitOK || stderr.Len() > 0 {
			t.Errorf("%s: exit code %d\n%s", name, code, stderr.String())
		}
	}
}

// TestMistakesTouchNoHost holds that a wrong playbook is exit code 5, with
// every mistake, and that an unknown file is one, too.
func TestMistakesTouchNoHost(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFile(t, "inv", "h1 ansible_host=192.0.2.1\n")
	writeFile(t, "bad.yml", "- hosts: all\n  taks: []\n  tasks:\n    - nosuch:\n    - debug: {msg: '{{ nope }}'}\n")
	for file, want := range map[string][]string{
		"bad.yml":  {`bad.yml:2:3: a play has no keyword "taks"; did you mean "tasks"?`, "bad.yml:4:7: there is no module nosuch", "bad.yml:5:24: nothing in this project defines nope"},
		"nope.yml": {"there is no playbook nope.yml"},
	} {
		var out, stderr bytes.Buffer
		a := &app{out: &out, err: &stderr, env: os.LookupEnv}
		if code := a.run(t.Context(), []string{"-i", "inv", file}); code != exitUsage {
			t.Errorf("%s: exit code %d", file, code)
		}
		for _, w := range want {
			if !bytes.Contains(stderr.Bytes(), []byte(w)) {
				t.Errorf("%s: %q is not in:\n%s", file, w, stderr.String())
			}
		}
	}
}
