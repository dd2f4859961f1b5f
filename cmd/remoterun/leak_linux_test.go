//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/hosttest/real"
	"remoterun/runner/secret/vault"
)

// leaky does with secrets what people do by mistake. What a host prints of them
// comes back without a mark.
const leaky = `- hosts: all
  gather_facts: no
  tasks:
    - debug: {var: hostvars}
    - debug: {var: vars}
    - command: echo {{ vault_db }}
      register: r
    - debug: {var: r}
    - debug:
        msg: "{{ r.stdout }} {{ r.cmd }} {{ vault_db | b64encode }}"
    - copy: {content: "{{ vault_pem }}", dest: "{{ playbook_dir }}/out"}
    - lineinfile: {path: "{{ playbook_dir }}/out", line: "password={{ vault_db }}"}
    - command: cat {{ playbook_dir }}/out
      register: c
    - debug: {var: c.stdout_lines}
    - slurp: {src: "{{ playbook_dir }}/out"}
    - command: echo {{ item.pass }}
      loop: ["{{ vault_map }}"]
    - command: /nosuch/{{ vault_db }}
      ignore_errors: yes
    - debug:
        msg: "{{ vault_db | from_json }}"
      ignore_errors: yes
    - fail: {msg: "{{ vault_map }}"}
`

// hushed is what no_log hides. What -e gives is no secret by itself: debug of
// hostvars shows it, as Ansible's does.
const hushed = `- hosts: all
  gather_facts: no
  tasks:
    - shell: echo {{ given }} >&2; exit 1
      no_log: yes
`

// TestVaultedValuesLeakNowhere runs it in every output, and searches all that
// was said and noted.
func TestVaultedValuesLeakNowhere(t *testing.T) {
	d := newDesk(t, t.TempDir(), t.TempDir(), "")
	in := func(name string) string { return filepath.Join(d.dir, name) }
	if err := os.Mkdir(in("group_vars"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, in("hosts"), "h1 ansible_connection=local\n")
	writeFile(t, in("pass"), "the vault's own\n")
	writeFile(t, in("leak.yaml"), leaky)
	writeFile(t, in("hushed.yaml"), hushed)
	v := vault.New([]vault.Identity{vault.File(in("pass"))}, vault.Options{})
	text, err := v.Encrypt(t.Context(), []byte("vault_db: canary-VAULT-9f8e7d6c\nvault_pem: |\n  -----BEGIN-----\n  first-LINE-canaryA1\n  second-LINE-canaryB2\nvault_map:\n  pass: 'canary-MAP x\"y'\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, in("group_vars/all.yaml"), string(text))
	needles := real.Needles{"text": []byte("canary-VAULT-9f8e7d6c"), "line one": []byte("first-LINE-canaryA1"), "line two": []byte("second-LINE-canaryB2"), "map": []byte(`canary-MAP x`), "given": []byte("canary-GIVEN-77")}
	for _, args := range [][]string{{"--output", "human"}, {"--output", "human", "-D"}, {"--output", "json"}, {"--output", "jsonl", "-D"}, {"--output", "junit"}, {"--output", "quiet"}, {"-C", "-D"}} {
		if got := d.run(t, append([]string{"leak.yaml", "--vault-password-file", "pass", "-vvv"}, args...)...); got.code != exitFailed {
			t.Fatalf("%v: exit code %d\n%s%s", args, got.code, got.out, got.err)
		}
		got := d.run(t, append([]string{"hushed.yaml", "--vault-password-file", "pass", "-vvv", "-e", "given=canary-GIVEN-77"}, args...)...)
		if checked := args[0] == "-C"; got.code != exitFailed && !checked {
			t.Fatalf("%v: exit code %d\n%s%s", args, got.code, got.out, got.err)
		}
		_ = os.Remove(in("out"))
	}
	for _, dir := range []string{d.kept, d.home} {
		for _, hit := range real.SearchTree(t, dir, needles) {
			t.Errorf("found: %s", hit)
		}
	}
	if got := d.run(t, "log"); !strings.Contains(got.out, "-e given=********") {
		t.Errorf("the journal's command line: %s", got.out)
	}
}
