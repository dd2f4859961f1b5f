package known

import (
	"strings"
	"testing"
)

func TestCollection(t *testing.T) {
	for name, want := range map[string]string{
		"copy": "ansible.builtin", "ansible.builtin.copy": "ansible.builtin", "ansible.legacy.copy": "ansible.builtin",
		"ufw": "community.general", "community.general.ufw": "community.general", "ansible.builtin.ufw": "",
		"mount": "ansible.posix", "community.general.copy": "", "docker_container": "community.docker",
		"postgresql_db": "community.postgresql", "mysql_user": "community.mysql", "ansible.mysql.mysql_user": "community.mysql", "openssl_csr": "community.crypto",
		"nothing": "", "": "", ".": "", "a.b.c": "",
	} {
		if got := Collection(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if n := len(strings.Fields(list)); n < 700 {
		t.Errorf("%d names", n)
	}
}

func TestLacking(t *testing.T) {
	have := func(short string) bool { return short == "copy" || short == "command" || short == "shell" }
	for name, want := range map[string]string{
		"firewalld":              "firewalld: Ansible has it (ansible.posix), remoterun has not yet; use command with changed_when, or shell",
		"community.general.npm":  "community.general.npm: Ansible has it (community.general), remoterun has not yet; use command with creates or changed_when",
		"community.general.copy": "there is no module community.general.copy; copy is there without that collection",
		"xattr":                  "xattr: Ansible has it (community.general), remoterun has not yet; use command or shell",
		"nothing":                "",
		"my.own.copy":            "",
		"my.own.nothing":         "",
	} {
		if got := Lacking(name, have); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
