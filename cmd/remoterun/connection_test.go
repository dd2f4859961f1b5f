package main

import (
	"strings"
	"testing"
)

// TestConnectionIsAVariable: ansible_connection is there for every task, also when
// no inventory sets it.
func TestConnectionIsAVariable(t *testing.T) {
	projectDir(t, map[string]string{"hosts": "a\n", "site.yml": "- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: {msg: 'by {{ ansible_connection }}'}\n"})
	out, errs, code := runWith(t, nil, nil, "site.yml", "-i", "hosts", "-c", "local")
	if code != 0 || !strings.Contains(out, `"by local"`) {
		t.Errorf("%d %s%s", code, out, errs)
	}
}

// TestConnectionVariablesHavePlaces: numbers and booleans know no place of their own;
// what is refused of them says all the same where it stands.
func TestConnectionVariablesHavePlaces(t *testing.T) {
	env := map[string]string{"HOME": t.TempDir()}
	for _, c := range []struct {
		file, text, extra string
		want              string
	}{
		{"inv.yml", "all:\n  hosts:\n    a:\n      ansible_port: 70000\n", "", `inv.yml:4:7: ansible_port: "70000" is not a valid port`},
		{"inv.yml", "all:\n  hosts:\n    a:\n  vars: {ansible_host: true}\n", "", `inv.yml:4:10: ansible_host: a text is expected, not True`},
		{"inv.yml", "all:\n  hosts:\n    a:\n      ansible_become: 2\n", "", `inv.yml:4:7: ansible_become: "2" is not a boolean`},
		{"inv.yml", "all:\n  hosts:\n    a:\n      ansible_become: yes\n      ansible_become_user: no\n", "", `inv.yml:5:7: ansible_become_user: a text is expected, not False`},
		{"inv.yml", "all:\n  hosts:\n    a:\n      ansible_ssh_private_key_file: 12\n", "", `inv.yml:4:7: ansible_ssh_private_key_file: "12" is not valid as a path`},
		{"inv.ini", "a ansible_connection=1\n", "", `inv.ini:1:3: ansible_connection: "1" is not one of ssh, local`},
		{"inv.ini", "a ansible_user=1,2 ansible_port=1.5\n", "", `inv.ini:1:20: ansible_port: "1.5" is not a valid port`},
		{"inv.ini", "a\n", `{"ansible_port": 70000}`, `-e:1:3: ansible_port: "70000" is not a valid port`},
		{"inv.ini", "a\n", `{ansible_user: [x]}`, `-e:1:16: ansible_user: a text is expected, not ['x']`},
		{"inv.ini", "a\n", "ansible_port=22x1", `extra vars (-e): ansible_port: "22x1" is not a valid port`},
		{"inv.ini", "a\n", "@inv.extra", `inv.extra:1:1: ansible_port: "0" is not a valid port`},
	} {
		projectDir(t, map[string]string{c.file: c.text, "inv.extra": "ansible_port: 0\n"})
		args := []string{"run", "a", "-i", c.file}
		if c.extra != "" {
			args = append(args, "-e", c.extra)
		}
		stdout, stderr, code := runWith(t, env, nil, append(args, "-m", "ping")...)
		if said := strings.ReplaceAll(stdout, `\"`, `"`); code == exitOK || !strings.Contains(said, c.want) {
			t.Errorf("%s %s: code %d\n%s%s\nwant %s", c.text, c.extra, code, stdout, stderr, c.want)
		}
	}
}
