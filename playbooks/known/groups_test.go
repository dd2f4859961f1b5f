package known

import (
	"slices"
	"testing"
)

func TestGroup(t *testing.T) {
	for name, want := range map[string]string{
		"group/docker": "community.docker.docker_container", "group/community.docker.docker": "community.docker.docker_container",
		"group/community.postgresql.all": "community.postgresql.postgresql_db", "group/acme": "community.crypto.acme_account", "group/ansible.builtin.docker": "community.docker.docker_login",
	} {
		if got, ok := Group(name); !ok || !slices.Contains(got, want) {
			t.Errorf("%s: %v %v", name, got, ok)
		}
	}
	for _, name := range []string{"group/aws", "group/k8s", "group/my.own.group"} { // nothing of theirs is known here
		if got, ok := Group(name); !ok || len(got) > 0 {
			t.Errorf("%s: %v %v", name, got, ok)
		}
	}
	for _, name := range []string{"group/nothing", "group/ansible.builtin.nothing", "group/community.docker.nothing", "group/", "group/a.b"} {
		if got, ok := Group(name); ok {
			t.Errorf("%s: %v", name, got)
		}
	}
}
