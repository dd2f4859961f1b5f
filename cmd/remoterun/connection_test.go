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
