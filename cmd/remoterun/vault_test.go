package main

import (
	"os"
	"strings"
	"testing"
)

// theirs is what ansible-vault 2.14 made of "secret: café\n" with the password
// "spaced out" and the id team.
const theirs = `$ANSIBLE_VAULT;1.2;AES256;team
66386264313938623033346664346330613862633266613430653562346462333532393639333434
6139343832353238346234373931656666626636386634300a326237646236633365663831346533
32666233326566333130643736303565363935383962326339633864616266663439666465626538
6365376530616262610a333634653361313666356232326132306665353935653539643861343361
3464
`

// TestVaultCommand: files and values by every command, secrets by every flag, files
// of mode 0600 and whole, and what is refused leaves them as they were.
func TestVaultCommand(t *testing.T) {
	projectDir(t, map[string]string{"theirs": theirs, "plain": "a: 1\n", "pass": "spaced out\n", "other": "another\n", "ansible.cfg": "[defaults]\n", "bin/editor": "#!/bin/sh\nsed -i 's/1/2/' \"$1\"\n", "bin/writer": "#!/bin/sh\necho new >\"$1\"\n", "bin/fails": "#!/bin/sh\nexit 3\n"})
	for _, p := range []string{"editor", "writer", "fails"} {
		if err := os.Chmod("bin/"+p, 0o755); err != nil { // #nosec G302
			t.Fatal(err)
		}
	}
	env := map[string]string{"HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir(), "VISUAL": "nowhere", "EDITOR": "bin/editor"}
	vaultRun := func(code int, want string, words ...string) string {
		t.Helper()
		out, errs, got := runWith(t, env, nil, append([]string{"vault"}, words...)...)
		if got != code || !strings.Contains(out+errs, want) {
			t.Fatalf("%q: code %d, want %d and %q:\n%s%s", words, got, code, want, out, errs)
		}
		return out
	}
	mode := func(name string) {
		t.Helper()
		if is, err := os.Stat(name); err != nil || is.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, is, err)
		}
	}
	vaultRun(0, "secret: café\n", "view", "theirs", "--vault-id", "team@pass")
	vaultRun(0, "secret: café\n", "view", "theirs", "--vault-password-file", "pass")
	vaultRun(5, "no vault password fits", "view", "theirs", "--vault-password-file", "other")
	vaultRun(5, "which file? remoterun vault encrypt FILE", "encrypt")
	vaultRun(5, `vault has no command "open"`, "open")
	vaultRun(5, "there is no terminal to ask", "view", "theirs", "-J")

	vaultRun(0, "", "encrypt", "plain", "--vault-id", "a@pass", "--vault-id", "b@other", "--encrypt-vault-id", "b")
	mode("plain")
	text, _ := os.ReadFile("plain")
	if !strings.HasPrefix(string(text), "$ANSIBLE_VAULT;1.2;AES256;b\n") {
		t.Errorf("encrypted: %s", text)
	}
	vaultRun(1, "a vault already", "encrypt", "plain", "--vault-password-file", "pass")
	vaultRun(0, "", "rekey", "plain", "--vault-id", "b@other", "--new-vault-id", "c@pass")
	vaultRun(5, "no vault password fits", "view", "plain", "--vault-id", "b@other")
	vaultRun(0, "a: 1", "view", "plain", "--vault-id", "c@pass")
	vaultRun(0, "", "edit", "plain", "--vault-id", "c@pass")
	mode("plain")
	vaultRun(0, "a: 2", "view", "plain", "--vault-id", "c@pass")
	env["EDITOR"] = "bin/fails"
	vaultRun(1, "nothing was written", "edit", "plain", "--vault-id", "c@pass")
	env["EDITOR"] = "bin/writer"
	vaultRun(0, "", "create", "made", "--vault-id", "d@pass", "--encrypt-vault-id", "d")
	mode("made")
	vaultRun(0, "new\n", "view", "made", "--vault-password-file", "pass")
	vaultRun(1, "made exists: remoterun vault edit made changes it", "create", "made", "--vault-password-file", "pass")
	vaultRun(0, "", "decrypt", "plain", "--vault-id", "c@pass")
	if text, _ := os.ReadFile("plain"); string(text) != "a: 2\n" {
		t.Errorf("decrypted: %q", text)
	}
	vaultRun(1, "this is not a vault", "decrypt", "plain", "--vault-password-file", "pass")
	vaultRun(1, "no such file", "edit", "none", "--vault-password-file", "pass")
	if err := os.Symlink("made", "link"); err != nil {
		t.Fatal(err)
	}
	env["EDITOR"] = "bin/editor" // leaves it as it is
	before, _ := os.ReadFile("made")
	vaultRun(0, "", "edit", "link", "--vault-id", "d@pass")
	if after, _ := os.ReadFile("made"); string(after) != string(before) {
		t.Error("what was not changed was written")
	}
	vaultRun(0, "", "rekey", "link", "--vault-id", "d@pass", "--new-vault-id", "d@other")
	env["EDITOR"] = "sed -i s/new/newer/"
	vaultRun(0, "", "edit", "link", "--vault-id", "d@other")
	if to, err := os.Readlink("link"); err != nil || to != "made" {
		t.Errorf("the link is %q, %v", to, err)
	}
	vaultRun(0, "newer\n", "view", "made", "--vault-id", "d@other")

	out := vaultRun(0, "word: !vault |\n          $ANSIBLE_VAULT;1.2;AES256;e\n", "encrypt-string", "frog", "-n", "word", "--vault-id", "e@pass", "--encrypt-vault-id", "e")
	writeFile(t, "vars.yml", out)
	writeFile(t, "site.yml", "- hosts: localhost\n  gather_facts: no\n  tasks:\n    - assert: {that: word == 'frog'}\n")
	if got, errs, code := runWith(t, env, nil, "site.yml", "-i", "localhost,", "-e", "@vars.yml", "--vault-password-file", "pass"); code != exitOK {
		t.Errorf("read again: %s%s", got, errs)
	}
	left, err := os.ReadDir(".")
	for _, f := range left {
		if strings.HasPrefix(f.Name(), ".remoterun") || err != nil {
			t.Errorf("left: %s %v", f.Name(), err)
		}
	}
}
