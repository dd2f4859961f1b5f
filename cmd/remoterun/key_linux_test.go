//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
)

// ownMounts makes a mount namespace with /run and /var/lib of its own, and a
// program that works inside it: local connections mount there.
func ownMounts(t *testing.T) (bin string, sh func(text string) string) {
	t.Helper()
	if os.Getuid() != 0 {
		hosttest.Missing(t, "root, for mounts of the test's own")
	}
	holder := exec.Command("unshare", "-m", "sh", "-c", "mount --make-rprivate / && mount -t tmpfs -o mode=755 x /run && mount -t tmpfs -o mode=755 x /var/lib && echo ready && exec sleep 600")
	out, err := holder.StdoutPipe()
	if err == nil {
		err = holder.Start()
	}
	if err != nil {
		hosttest.Missing(t, "unshare: "+err.Error())
	}
	t.Cleanup(func() { _ = holder.Process.Kill(); _ = holder.Wait() })
	if _, err := io.ReadFull(out, make([]byte, 6)); err != nil {
		hosttest.Missing(t, "a mount namespace: "+err.Error())
	}
	enter := fmt.Sprintf("nsenter -m -t %d", holder.Process.Pid)
	real, err := program()
	if err != nil {
		t.Fatal(err)
	}
	// nsenter goes to the root folder's view of the working directory.
	bin = filepath.Join(t.TempDir(), "remoterun")
	if err := os.WriteFile(bin, []byte("#!/bin/sh\nexec "+enter+" --wd=\"$PWD\" "+real+" \"$@\"\n"), 0o755); err != nil { // #nosec G306
		t.Fatal(err)
	}
	return bin, func(text string) string {
		t.Helper()
		b, err := exec.Command("sh", "-c", "exec "+enter+" sh -c '"+text+"'").CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", text, err, b)
		}
		return string(b)
	}
}

const loadBook = `
- hosts: all
  gather_facts: no
  become: yes
  strategy: free
  tasks:
    - tde_keyring: {action: open, project: "{{ tde_project }}"}
    - memory_mount: {path: "/run/remoterun/{{ tde_project }}/keyring", swap: accept}
    - tde_keyring: {action: load, project: "{{ tde_project }}", swap: accept}
`

// TestKeysFromSetupToRAM: the shipped setup, a wrong passphrase, RAM, a changed
// sealed file, and the key command, as an operator types them.
func TestKeysFromSetupToRAM(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, t.TempDir(), dir, "Sahne-Äpfel: 17 rosa Dampflokomotiven")
	var sh func(string) string
	d.bin, sh = ownMounts(t)
	writeFile(t, filepath.Join(dir, "inventory"), "web1 ansible_connection=local tde_project=sync\n")
	writeFile(t, filepath.Join(dir, "load.yaml"), loadBook)
	d.run(t, "setup", "web1", "--check").want(t, exitOK, "changed=4")
	if left, _ := filepath.Glob(filepath.Join(dir, "keys")); left != nil {
		t.Fatal("check mode made keys")
	}
	d.run(t, "setup", "web1").want(t, exitOK, "changed=4", "[web1] print "+filepath.Join(dir, "reports", "sync@web1-recovery-"), "next: remoterun unlock web1")
	silent := *d
	silent.passphrase = ""
	silent.run(t, "setup", "web1").want(t, exitOK, "changed=0")

	folder := filepath.Join(dir, "keys", "sync@web1")
	silent.run(t, "key", "inspect", folder).want(t, exitOK, "sync@web1  generation 1", "(wanted)")
	silent.run(t, "key", "inspect", filepath.Dir(folder)).want(t, exitError, "it holds no sealed keyring; name one of "+folder)
	d.run(t, "key", "verify", folder).want(t, exitOK, "opens: 1 key,")
	d.run(t, "key", "verify", folder, "--pgdata", dir).want(t, exitError, dir+": it holds no key files")
	silent.run(t, "key", "export", folder, "-o", "sheet.txt").want(t, exitOK)
	silent.run(t, "key", "export", folder, "-o", "sheet.txt").want(t, exitError, "sheet.txt is there already")
	if err := os.Remove(filepath.Join(folder, "HEAD")); err != nil {
		t.Fatal(err)
	}
	silent.run(t, "key", "export", folder).want(t, exitRefused, "HEAD is gone", "next: remoterun setup web1")
	d.run(t, "key", "verify", folder).want(t, exitRefused, "HEAD is gone", "next: remoterun setup web1")
	d.run(t, "setup", "web1").want(t, exitOK, "changed=1")
	silent.run(t, "key", "verify", folder).want(t, exitError, "there is no terminal", "give it with --passphrase-fd N")
	silent.run(t, "key", "verify", folder, "--passphrase-fd", "77").want(t, exitError, "--passphrase-fd 77: it is not open for reading")
	silent.run(t, "key", "verify", folder, "--passphrase-fd", "0").want(t, exitError, "--passphrase-fd 0: there is no line left in it")
	d.run(t, "load.yaml").want(t, exitOK, "changed=2")
	d.run(t, "load.yaml").want(t, exitOK, "changed=0")
	if got := sh("stat -c %a-%s /run/remoterun/sync/keyring/keyring"); got != "400-292\n" {
		t.Errorf("in RAM: %q", got)
	}

	wrong := *d
	wrong.passphrase = "not this one"
	s := wrong.run(t, "load.yaml")
	s.want(t, exitError, "failed=1")
	if strings.Contains(s.out, "memory_mount") {
		t.Errorf("it went on to the host:\n%s", s.out)
	}
	changeSealed(t, folder)
	d.run(t, "load.yaml").want(t, exitRefused, "it was changed", "remoterun key import web1")
	if err := os.RemoveAll(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	silent.run(t, "setup", "web1").want(t, exitRefused, "no new key is made", "remoterun key import")
	d.run(t, "key", "import", "sheet.txt").want(t, exitOK, "sync@web1: generation 1, 1 key,")
	silent.run(t, "setup", "web1").want(t, exitOK, "changed=0")
	if err := os.RemoveAll(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	d.run(t, "key", "import", "web1", "--keys-dir", "from-host").want(t, exitOK, "CHANGED")
	d.run(t, "key", "import", "sheet.txt", "--keys-dir", "from-sheet").want(t, exitOK, "sync@web1: generation 1")
	for _, to := range []string{"from-host", "from-sheet"} {
		if _, err := os.Stat(filepath.Join(dir, to, "sync@web1", "HEAD")); err != nil {
			t.Errorf("--keys-dir %s: %v", to, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "keys")); err == nil {
		t.Error("--keys-dir wrote into ./keys, too")
	}
	d.run(t, "key", "import", "web1").want(t, exitOK, "CHANGED")
	silent.run(t, "setup", "web1").want(t, exitOK, "changed=0")
	noSecrets(t, d.kept, d.passphrase)
	noSecrets(t, dir, d.passphrase)
}

func changeSealed(t *testing.T, folder string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(folder, "*.json"))
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, files[0], strings.Replace(string(text), `"generation": 1`, `"generation":  1`, 1))
}

func noSecrets(t *testing.T, dir, secret string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if strings.Contains(string(b), secret) {
			t.Errorf("%s holds the passphrase", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSetupOffersSixWords: a weak passphrase is asked for again; Enter at the
// prompt, six words on the terminal alone, typed back.
func TestSetupOffersSixWords(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, t.TempDir(), dir, "")
	d.bin, _ = ownMounts(t)
	writeFile(t, filepath.Join(dir, "inventory"), "web1 ansible_connection=local tde_project=sync\n")
	s := d.talk(t, []turn{
		{"New passphrase for the keys (Enter = six words are made for you): ", "short"},
		{"Again: ", "short"},
		{"to be given six. New passphrase for the keys (Enter = six words are made for you): ", ""},
		{"then press Enter: ", ""},
		{"as you noted it down: ", "something else"},
	}, "setup", "web1")
	s.want(t, exitFailed, "bits by estimate", "differs from what was shown")
	if !regexp.MustCompile(`(?m)^    ([a-z-]+ ){5}[a-z-]+\r?$`).MatchString(s.out) {
		t.Errorf("six words were not shown:\n%s", s.out)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "keys", "*", "*.json")); left != nil {
		t.Errorf("sealed all the same: %v", left)
	}
}
