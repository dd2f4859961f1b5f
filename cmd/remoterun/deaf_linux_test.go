//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignalsEndWhatIsDeaf: a program that hangs where nothing listens to its
// context ends all the same, by one SIGTERM or SIGINT, and says so.
func TestSignalsEndWhatIsDeaf(t *testing.T) {
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			fifo := filepath.Join(t.TempDir(), "hosts.ini") // nobody ever writes to it
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(bin, "inventory", "-i", fifo, "--list")
			var out bytes.Buffer
			cmd.Stderr = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// The reader has come when the other end can be opened; data never follows.
			end, err := syscall.Open(fifo, syscall.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer syscall.Close(end)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(out.String(), "the run did not end within 5s") {
				t.Errorf("exit code %d\n%s", code, out.String())
			}
		})
	}
}

// TestReportOfWhatIsDeaf: programs that do not listen to TERM are ended before the
// run is: what was done, and what was not, is said.
func TestReportOfWhatIsDeaf(t *testing.T) {
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	play := filepath.Join(dir, "p.yml")
	if err := os.WriteFile(play, []byte(`- hosts: all
  gather_facts: no
  connection: local
  tasks:
    - name: deaf
      shell: timeout 60 sh -c 'trap "" TERM INT; echo $$ >new.{{ inventory_hostname }}; mv new.{{ inventory_hostname }} {{ inventory_hostname }}; while :; do sleep 0.1; done' & wait
      args: {chdir: `+dir+`}
    - name: behind it
      command: "true"
`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, play, "-i", "a,b")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, name := range []string{"a", "b"} {
		var text []byte
		for len(text) == 0 {
			text, _ = os.ReadFile(filepath.Join(dir, name))
			time.Sleep(20 * time.Millisecond)
		}
		pids = append(pids, strings.TrimSpace(string(text)))
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if said := out.String(); !strings.Contains(said, "unknown on a, it had been sent and no end was heard: deaf") || !strings.Contains(said, "not done on a, b: behind it") {
		t.Errorf("the report is missing:\n%s", said)
	}
	for _, pid := range pids {
		if text, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil && !strings.Contains(string(text), ") Z ") {
			t.Errorf("it lives: %s", text)
		}
	}
}
