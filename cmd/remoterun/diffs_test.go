package main

import (
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/secret/vault"
)

// TestDiffHidesOnlySecretLines: one secret line does not hide a whole file; what
// is made of a secret is as secret, and so is what stood in its place.
func TestDiffHidesOnlySecretLines(t *testing.T) {
	dir := t.TempDir()
	secrets, err := vault.Seal([]byte("user: gudrun\n"), []byte("spaced out"), []byte("salt"), "")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"hosts": "h1 ansible_connection=local\n", "pass": "spaced out\n", "secrets.yml": string(secrets),
		"app.j2": "# by hand\nname={{ name }}\nuser={{ user }}\nsum={{ user | hash('sha1') }}\nkeep=me\n{% if true %}list={{ [user, 1] }}\n{% endif %}\n",
		"p.yml": `- hosts: all
  gather_facts: false
  vars_files: [secrets.yml]
  vars: {name: new, dsn: "db://{{ user }}@h"}
  tasks:
    - template: {src: app.j2, dest: "` + dir + `/app"}
    - lineinfile: {path: "` + dir + `/conf", regexp: "^dsn=", line: "dsn={{ dsn }}"}
    - lineinfile: {path: "` + dir + `/conf", line: "open=yes"}
    - copy: {src: secrets.yml, dest: "` + dir + `/all"}
    - template: {src: app.j2, dest: "` + dir + `/quiet"}
      no_log: true
`}
	old := func() {
		writeFile(t, filepath.Join(dir, "app"), "# by hand\nname=old\nuser=formerly\nsum=0123456789\nkeep=me\nlist=none\n")
		writeFile(t, filepath.Join(dir, "conf"), "a=1\ndsn=db://formerly@h\nz=26\n")
	}
	projectDir(t, files)
	for _, output := range []string{"human", "jsonl", "json", "minimal"} {
		old()
		out, errs, code := runWith(t, nil, nil, "p.yml", "-i", "hosts", "--diff", "--vault-password-file", "pass", "--output", output)
		if code != exitOK {
			t.Fatalf("code %d\n%s%s", code, out, errs)
		}
		for _, word := range []string{"formerly", "0123456789", "none"} {
			if strings.Contains(out, word) {
				t.Errorf("%s shows %q, which stood where a secret stands\n%s", output, word, out)
			}
		}
		if output != "human" {
			continue
		}
		for _, want := range []string{"-name=old\n", "+name=new\n", " keep=me\n", " user=********\n", " a=1\n", " z=26\n", "+open=yes\n"} {
			if !strings.Contains(out, want) {
				t.Errorf("it does not show %q\n%s", want, out)
			}
		}
		if n := strings.Count(out, "diff hidden: the content is secret"); n != 2 {
			t.Errorf("%d differences are hidden as a whole, want those of the vault's file and of no_log\n%s", n, out)
		}
	}
}
