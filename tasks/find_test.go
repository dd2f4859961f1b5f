package tasks

import "testing"

func TestRegistryFindsNames(t *testing.T) {
	r := NewRegistry(All()...)
	for name, want := range map[string]bool{"file": true, "ansible.builtin.file": true, "ansible.legacy.file": true, "community.docker.file": false, "fil": false, "a.b.file": false, "community.general.ini_file": true, "ansible.builtin.ini_file": false, "ansible.posix.ini_file": false, "community.mysql.mysql_db": true, "ansible.mysql.mysql_db": true, "ansible.mysql.ini_file": false} {
		if _, ok := r.Find(name); ok != want {
			t.Errorf("Find(%s) = %v", name, ok)
		}
	}
	if len(r.Modules()) != len(All()) {
		t.Errorf("%d modules, want %d", len(r.Modules()), len(All()))
	}
}
