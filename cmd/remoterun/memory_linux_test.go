//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"remoterun/runner/secret"
	"remoterun/tasks/tde/seal"
)

// holdEnv names a folder: the test program is remoterun then, and stays at its
// end, before its memory is gone, until somebody reads that folder's pipe.
const holdEnv = "REMOTERUN_TEST_HOLD"

func runAndHold(dir string) int {
	_ = secret.NoDumps()
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv}
	code := a.run(context.Background(), os.Args[1:])
	if pipe, err := os.OpenFile(filepath.Join(dir, "pipe"), os.O_WRONLY, 0); err == nil {
		fmt.Fprintln(pipe, os.Getpid())
		_ = pipe.Close()
		if pipe, err = os.Open(filepath.Join(dir, "release")); err == nil {
			_ = pipe.Close()
		}
	}
	return code
}

// held runs the program and hands look its process id when it has done all and
// is still there.
func (d *desk) held(t *testing.T, look func(pid string), args ...string) said {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"pipe", "release"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(d.bin)
	if err != nil {
		t.Fatal(err)
	}
	real, err := program()
	if err != nil {
		t.Fatal(err)
	}
	own := *d
	own.bin = filepath.Join(dir, "program")
	if err := os.WriteFile(own.bin, bytes.ReplaceAll(script, []byte(real), []byte(self)), 0o755); err != nil { // #nosec G306
		t.Fatal(err)
	}
	own.env = append(own.env, holdEnv+"="+dir)
	done := make(chan struct{})
	go func() {
		defer close(done)
		pid, err := os.ReadFile(filepath.Join(dir, "pipe")) // waits for the program
		if err != nil {
			t.Error(err)
			return
		}
		look(strings.TrimSpace(string(pid)))
		if err := os.WriteFile(filepath.Join(dir, "release"), nil, 0); err != nil {
			t.Error(err)
		}
	}()
	s := own.run(t, args...)
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("the program ended without being looked at")
	}
	return s
}

// copiesIn counts the copies of a needle in a process's memory, region by region.
func copiesIn(t *testing.T, pid string, needle []byte) (n int, where string) {
	t.Helper()
	maps, err := os.ReadFile("/proc/" + pid + "/maps")
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	mem, err := os.Open("/proc/" + pid + "/mem")
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") {
			continue
		}
		b := make([]byte, to-from)
		got, _ := mem.ReadAt(b, from)
		for at := 0; ; {
			i := bytes.Index(b[at:got], needle)
			if i < 0 {
				break
			}
			at += i
			n++
			where += fmt.Sprintf("%s  at %#x: %q\n", strings.TrimSpace(line), from+int64(at), b[max(0, at-24):min(got, at+len(needle)+24)])
			at += len(needle)
		}
	}
	return n, where
}

// copies is how many copies docs/security.md grants each secret when a run has
// ended and its memory is still there.
const copies = 0

// TestMemoryHoldsNoSecret reads the program's own memory when setup, and the
// sending of the key to RAM, have ended: passphrase and key are gone from it.
func TestMemoryHoldsNoSecret(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, t.TempDir(), dir, "seven-GRAVE-otters-18-knit")
	var sh func(string) string
	d.bin, sh = ownMounts(t)
	writeFile(t, filepath.Join(dir, "inventory"), "web1 ansible_connection=local tde_project=sync\n")
	writeFile(t, filepath.Join(dir, "load.yaml"), loadBook)
	looked := 0
	look := func(what string, needle []byte) func(pid string) {
		return func(pid string) {
			looked++
			if n, where := copiesIn(t, pid, needle); n > copies {
				t.Errorf("%s: %d copies of the secret are in memory, at most %d:\n%s", what, n, copies, where)
			}
			if n, _ := copiesIn(t, pid, []byte("tde_project")); n == 0 {
				t.Errorf("%s: its memory was not read", what)
			}
			if core, _ := os.ReadFile("/proc/" + pid + "/limits"); !strings.Contains(string(core), "Max core file size        0 ") {
				t.Errorf("%s: limits:\n%s", what, core)
			}
			var st syscall.Stat_t
			if err := syscall.Stat("/proc/"+pid+"/environ", &st); err != nil || st.Uid != 0 {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	pass := []byte(d.passphrase)
	d.held(t, look("setup", pass), "setup", "web1").want(t, exitOK, "changed=4")
	d.held(t, look("load", pass), "load.yaml").want(t, exitOK, "changed=2")
	ring, err := hex.DecodeString(strings.TrimSpace(sh("od -An -v -tx1 /run/remoterun/sync/keyring/keyring | tr -d \" \\n\"")))
	if err != nil || len(ring) != seal.RecordSize {
		t.Fatalf("%d bytes, %v", len(ring), err)
	}
	sh("rm /run/remoterun/sync/keyring/keyring")
	d.held(t, look("the key", ring[256:256+16]), "load.yaml", "--output", "json", "-vvv").want(t, exitOK)
	d.passphrase = "not this one at all"
	d.held(t, look("a wrong one", []byte(d.passphrase)), "load.yaml").want(t, exitError)
	if looked != 4 {
		t.Errorf("%d looks", looked)
	}
}

// copiesOpen is how many copies of a passphrase and of a key docs/security.md
// grants a run that still works with them.
const copiesOpen = 3

// TestMemoryDuringARun reads the program's memory while a run holds a keyring
// open and has shown many results: few copies, however much was printed.
func TestMemoryDuringARun(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, t.TempDir(), dir, "nine-VIOLET-herons-44-swim")
	var sh func(string) string
	d.bin, sh = ownMounts(t)
	writeFile(t, filepath.Join(dir, "inventory"), "web1 ansible_connection=local tde_project=sync\n")
	writeFile(t, filepath.Join(dir, "load.yaml"), loadBook+"    - debug: {msg: \"line {{ item }} of many\"}\n      loop: \"{{ range(300) }}\"\n    - shell: echo > "+dir+"/begin; cat "+dir+"/end\n")
	d.run(t, "setup", "web1").want(t, exitOK)
	cmd := d.command(t.Context(), t, "load.yaml")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stop := d.giveFD(t, cmd)
	defer stop()
	atRest(t, cmd, dir, func() {
		pid := fmt.Sprint(cmd.Process.Pid)
		ring, err := hex.DecodeString(strings.TrimSpace(sh("od -An -v -tx1 /run/remoterun/sync/keyring/keyring | tr -d \" \\n\"")))
		if err != nil || len(ring) != seal.RecordSize {
			t.Fatalf("%d bytes, %v", len(ring), err)
		}
		for what, needle := range map[string][]byte{"the passphrase": []byte(d.passphrase), "the key": ring[256 : 256+16]} {
			n, where := copiesIn(t, pid, needle)
			t.Logf("%s: %d copies", what, n)
			if n < 1 || n > copiesOpen {
				t.Errorf("%s: %d copies are in memory, 1 to %d are expected:\n%s", what, n, copiesOpen, where)
			}
		}
	})
}

// atRest runs a command whose playbook writes to dir/begin and then reads dir/end; look
// is called in between, when it does nothing.
func atRest(t *testing.T, cmd *exec.Cmd, dir string, look func()) {
	t.Helper()
	for _, name := range []string{"begin", "end"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hang := time.AfterFunc(hangs, func() { _ = cmd.Process.Kill() })
	defer hang.Stop()
	if _, err := os.ReadFile(filepath.Join(dir, "begin")); err != nil { // waits for the task
		t.Error(err)
	}
	look()
	if err := os.WriteFile(filepath.Join(dir, "end"), nil, 0); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// vaultCopies is how many copies docs/security.md grants the password of a vault
// during a run.
const vaultCopies = 3

// TestVaultPasswordDuringARun reads the memory of a run that has opened files and
// values of a vault: its password is there a few times, however many were opened.
func TestVaultPasswordDuringARun(t *testing.T) {
	dir := t.TempDir()
	d := newDesk(t, t.TempDir(), dir, "")
	const password = "eleven-AMBER-badgers-27-jump"
	writeFile(t, filepath.Join(dir, "pw"), password+"\n")
	vars := ""
	for i := range 20 {
		name := fmt.Sprintf("v%d.yml", i)
		writeFile(t, filepath.Join(dir, name), fmt.Sprintf("v%d: value %d\n", i, i))
		d.run(t, "vault", "encrypt", name, "--vault-password-file", "pw").want(t, exitOK)
		vars += name + ", "
	}
	writeFile(t, filepath.Join(dir, "p.yaml"), "- hosts: localhost\n  connection: local\n  gather_facts: false\n  vars_files: ["+strings.TrimSuffix(vars, ", ")+"]\n  tasks:\n    - debug: {msg: \"line {{ item }} {{ v3 }}\"}\n      loop: \"{{ range(300) }}\"\n    - shell: echo > "+dir+"/begin; cat "+dir+"/end\n")
	cmd := d.command(t.Context(), t, "p.yaml", "--vault-password-file", "pw")
	atRest(t, cmd, dir, func() {
		if n, where := copiesIn(t, fmt.Sprint(cmd.Process.Pid), []byte(password)); n < 1 || n > vaultCopies {
			t.Errorf("%d copies are in memory, 1 to %d are expected:\n%s", n, vaultCopies, where)
		}
	})
}
