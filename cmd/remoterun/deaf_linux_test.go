//go:build linux

package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
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
