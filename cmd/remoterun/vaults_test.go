package main

import (
	"strings"
	"testing"

	"remoterun/runner/secret/vault"
)

// TestVaultPasswordIsOneLine: a vault password that is missing or wrong ends every
// command that reads the vault with one line and exit code 5, before any host.
func TestVaultPasswordIsOneLine(t *testing.T) {
	seal := func(text string) string {
		out, err := vault.Seal([]byte(text), []byte("right"), nil, "")
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	inline := "secret_word: !vault |\n  " + strings.ReplaceAll(strings.TrimSpace(seal("frog")), "\n", "\n  ") + "\n"
	port := strings.Replace(inline, "secret_word", "ansible_port", 1)
	book := "- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: {msg: \"{{ secret_word | default('') }}\"}\n"
	const none, wrong = "no vault password was given (--vault-password-file, --vault-id or -J)", "no vault password fits; tried: default (wrong)"
	for name, files := range map[string]map[string]string{
		"a whole file of a group": {"group_vars/all.yml": seal("secret_word: frog\n")},
		"a whole file of a host":  {"host_vars/web2.yml": seal("secret_word: frog\n")},
		"a value":                 {"group_vars/web/a.yml": inline},
		"a connection's value":    {"group_vars/all.yml": port},
		"vars_files":              {"more.yml": seal("secret_word: frog\n"), "site.yml": strings.Replace(book, "  tasks:", "  vars_files: [more.yml]\n  tasks:", 1)},
		"-e":                      {"more.yml": seal("secret_word: frog\n")},
	} {
		t.Run(name, func(t *testing.T) {
			all := map[string]string{"hosts": "[web]\nweb1 ansible_connection=local\nweb2 ansible_connection=local\n", "site.yml": book, "wrong": "not the one\n", "right": "right\n"}
			for k, v := range files {
				all[k] = v
			}
			projectDir(t, all)
			calls := [][]string{{"site.yml"}, {"site.yml", "--check"}, {"run", "web", "--", "true"}, {"run", "web2", "-m", "ping"}}
			if strings.Contains(name, "group") || name == "a value" {
				calls = append(calls, []string{"status", "web"}, []string{"eval", "secret_word", "-l", "web1"})
			}
			switch name {
			case "vars_files":
				calls = calls[:2]
			case "-e":
				for i := range calls {
					calls[i] = append([]string{calls[i][0]}, append(strings.Fields("-e @more.yml"), calls[i][1:]...)...)
				}
			}
			env := map[string]string{"HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir()}
			for _, call := range calls {
				for password, want := range map[string]string{"": none, "wrong": wrong} {
					args := call
					if password != "" {
						args = append([]string{call[0], "--vault-password-file", password}, call[1:]...)
					}
					out, errs, code := runWith(t, env, nil, args...)
					lines := 0
					for line := range strings.Lines(errs) {
						if strings.Contains(line, "vault password") {
							lines++
						}
					}
					if code != exitUsage || lines != 1 || !strings.Contains(errs, want) || strings.Contains(out, "PLAY") || strings.Contains(out, "msg") {
						t.Errorf("%q: exit code %d, %d lines\n%s%s", args, code, lines, out, errs)
					}
				}
			}
			if strings.HasPrefix(name, "a ") && name != "a connection's value" {
				if out, errs, code := runWith(t, env, nil, "site.yml", "--vault-password-file", "right"); code != exitOK {
					t.Errorf("with the right one: %d\n%s%s", code, out, errs)
				}
			}
		})
	}
}

// TestTypedVaultFileIsThere: a mistyped file is told at once, also where no vault is
// opened; what a setting names may be missing there.
func TestTypedVaultFileIsThere(t *testing.T) {
	projectDir(t, map[string]string{"hosts": "l ansible_connection=local\n", "pw": "x\n", "site.yml": "- hosts: l\n  gather_facts: no\n  tasks:\n    - debug: {msg: hi}\n"})
	env := map[string]string{"HOME": t.TempDir()}
	for _, c := range []struct{ args, want string }{
		{"-i hosts site.yml --vault-password-file nope", "vault password file nope is not there"},
		{"-i hosts site.yml --vault-password-file .", "vault password file . is a folder"},
		{"-i hosts site.yml --vault-id dev@nope", "vault password file nope is not there"},
		{"-i hosts site.yml --vault-id pw --vault-id nope", "vault password file nope is not there"},
		{"run l -i hosts --vault-password-file nope -m ping", "vault password file nope is not there"},
		{"lint --vault-password-file nope site.yml", "vault password file nope is not there"},
		{"eval 1+1 --vault-password-file nope", "vault password file nope is not there"},
		{"-i hosts site.yml --vault-password-file pw --vault-id dev@prompt", ""},
	} {
		stdout, stderr, code := runWith(t, env, nil, strings.Fields(c.args)...)
		if c.want == "" && code != exitOK || c.want != "" && (code != exitUsage || stderr != "remoterun: "+c.want+"\n") {
			t.Errorf("%s: code %d\n%s%s", c.args, code, stdout, stderr)
		}
	}
	env["ANSIBLE_VAULT_PASSWORD_FILE"] = "nope"
	if _, stderr, code := runWith(t, env, nil, "-i", "hosts", "site.yml"); code != exitOK {
		t.Errorf("a setting: code %d %s", code, stderr)
	}
}
