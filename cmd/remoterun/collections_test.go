package main

import (
	"os"
	"strings"
	"testing"

	"remoterun/playbooks/known"
	"remoterun/runner/play"
	"remoterun/tasks"
)

// TestModulesStandInTheirCollections: a module is found under the collection that
// Ansible has it in and under no other, as ansible-playbook --syntax-check says.
func TestModulesStandInTheirCollections(t *testing.T) {
	r := tasks.NewRegistry(allModules()...)
	collections := []string{"ansible.builtin", "ansible.legacy", "ansible.posix", "community.general", "community.docker", "community.postgresql", "community.crypto", "community.mysql", "ansible.mysql", "a.b"}
	found := 0
	for _, name := range r.Names() {
		for _, c := range collections {
			_, got := r.Find(c + "." + name)
			home := known.Collection(name)
			want := home != "" && known.Collection(c+"."+name) != "" && (home == c || c == "ansible.legacy" || home == "community.mysql" && c == "ansible.mysql")
			if home == "" { // ours: Ansible has none of that name
				want = play.Own(c+"."+name) == name
			}
			if got != want {
				t.Errorf("%s.%s: found %v, Ansible has it in %q", c, name, got, home)
			}
			if got {
				found++
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d names were found", found)
	}
}

// TestNamesOfOtherCollections: they are mistakes before any host is touched, in a
// task, in module_defaults' group and in a file that a task takes in.
func TestNamesOfOtherCollections(t *testing.T) {
	projectDir(t, map[string]string{"hosts": "h1 ansible_connection=local\n"})
	for name, says := range map[string]string{
		"community.general.copy":           "there is no module community.general.copy; copy is there without that collection",
		"ansible.posix.file":               "there is no module ansible.posix.file; file is there without that collection",
		"community.docker.debug":           "there is no module community.docker.debug; debug is there without that collection",
		"ansible.builtin.postgresql_query": "there is no module ansible.builtin.postgresql_query; postgresql_query is there without that collection",
		"a.b.copy":                         "there is no module a.b.copy",
	} {
		text := "- hosts: all\n  gather_facts: false\n  tasks:\n    - command: touch ran\n    - " + name + ": {}\n"
		if err := os.WriteFile("p.yml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"p.yml", "--syntax-check"}, {"p.yml"}} {
			_, stderr, code := runWith(t, map[string]string{"HOME": t.TempDir()}, nil, args...)
			if code != exitUsage || !strings.Contains(stderr, says) {
				t.Errorf("%s: %q: code %d:\n%s", name, args, code, stderr)
			}
		}
	}
	if _, err := os.Stat("ran"); err == nil {
		t.Error("a task ran before the mistake was told")
	}
}
