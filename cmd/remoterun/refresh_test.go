package main

import (
	"strings"
	"testing"
)

// TestRefreshInventory: meta: refresh_inventory reads the sources and the files of
// variables anew. The plays that follow see hosts that came and went; the play that
// runs keeps its hosts and sees their new variables; what add_host added is gone.
func TestRefreshInventory(t *testing.T) {
	hosts := "[web]\na v=1\ngone\n[all:vars]\nansible_connection=local\n"
	book := func(becomes, seen string) string {
		return `- hosts: all
  gather_facts: false
  tasks:
    - {add_host: {name: added, groups: web}, run_once: true}
    - {debug: {msg: "before {{ v | default('none') }} {{ w | default('none') }} {{ groups.web | join(',') }}"}}
    - {shell: "printf '` + becomes + `' > hosts; mkdir -p group_vars; echo 'w: 9' > group_vars/web.yml", args: {chdir: "{{ playbook_dir }}"}, run_once: true}
    - meta: refresh_inventory
    - {debug: {msg: "` + seen + ` {{ v | default('none') }} {{ w | default('none') }} {{ groups.web | join(',') }}"}}
- hosts: web
  gather_facts: false
  tasks:
    - {debug: {msg: "then {{ inventory_hostname }} {{ v | default('none') }} {{ w | default('none') }}"}}
`
	}
	t.Run("read anew", func(t *testing.T) {
		projectDir(t, map[string]string{"hosts": hosts, "site.yml": book(`[web]\na v=2\nb\n[all:vars]\nansible_connection=local\n`, "after")})
		out, errs, code := runApp(t, "", "site.yml", "-i", "hosts", "--output", "jsonl")
		if code != exitOK {
			t.Fatalf("exit code %d\n%s%s", code, out, errs)
		}
		for word, want := range map[string]int{"before 1 none a,gone,added": 1, "before none none a,gone,added": 1, "after 2 9 a,b": 1, "then a 2 9": 1, "then b none 9": 1, "then gone": 0, "then added": 0} {
			if n := strings.Count(out, word); n != want {
				t.Errorf("%q is said %d times, want %d\n%s", word, n, want, out)
			}
		}
	})
	t.Run("that has mistakes", func(t *testing.T) {
		projectDir(t, map[string]string{"hosts": hosts, "site.yml": book(`[web\n`, "after")})
		out, errs, code := runApp(t, "", "site.yml", "-i", "hosts")
		if code != exitFailed || !strings.Contains(out+errs, "hosts:1:1") || strings.Contains(out, "after") {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
	})
}
