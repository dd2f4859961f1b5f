package local_test

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/local"
	"remoterun/runner/sh"
)

func TestConformance(t *testing.T) {
	for _, shell := range [][]string{{"/bin/sh"}, {"/bin/bash"}} {
		t.Run(shell[0], func(t *testing.T) {
			hosttest.Suite(t, func(*testing.T) host.Conn { return local.New("here", nil, local.Options{Shell: shell}) })
		})
	}
}

// TestCancelledWithoutProc: where nobody tells what a command has begun, its own group
// is ended all the same.
func TestCancelledWithoutProc(t *testing.T) {
	hide := []string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /proc && exec sh "$@"`, "sh"}
	if out, err := exec.Command(hide[0], append(hide[1:], "-c", ":")...).CombinedOutput(); err != nil {
		hosttest.Missing(t, "a name space for mounts: "+string(out))
	}
	c := local.New("here", nil, local.Options{Shell: hide})
	t.Cleanup(func() { _ = c.Close() })
	for _, own := range []bool{false, true} {
		mark := filepath.Join(t.TempDir(), "pid")
		if err := hosttest.Cancelled(t.Context(), c, host.As{}, own, sh.Script(`echo $$ >"$1.t"; mv "$1.t" "$1"; while :; do sleep 0.1; done`, mark), mark); err != nil {
			t.Errorf("channel of its own: %v: %v", own, err)
		}
		pid, err := os.ReadFile(mark)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		if err == nil && !strings.Contains(string(text), ") Z ") {
			t.Errorf("channel of its own: %v: it lives: %s", own, text)
		}
	}
}

// TestLeave: of a user whose shells are ended no process is left, and the next one who
// needs a shell of his opens it.
func TestLeave(t *testing.T) {
	who, err := user.Lookup("uucp")
	if os.Getuid() != 0 || err != nil {
		hosttest.Missing(t, "root, and a user uucp whom he becomes without a password")
	}
	c := local.New("here", nil, local.Options{})
	t.Cleanup(func() { _ = c.Close() })
	run := func() {
		t.Helper()
		s, err := c.Shell(t.Context(), host.As{User: "uucp", Method: "su"})
		if err != nil {
			t.Fatal(err)
		}
		if out, err := s.Run(t.Context(), sh.Script(`id -un`)); err != nil || strings.TrimSpace(string(out.Stdout)) != "uucp" {
			t.Fatal(err, string(out.Stdout), string(out.Stderr))
		}
	}
	his := func() (n int) {
		all, err := filepath.Glob("/proc/[0-9]*/status")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			text, _ := os.ReadFile(p)
			if strings.Contains(string(text), "\nUid:\t"+who.Uid+"\t") {
				n++
			}
		}
		return n
	}
	if his() > 0 {
		hosttest.Missing(t, "a user uucp who has no process")
	}
	run()
	if err := c.Leave("somebody else"); err != nil || his() == 0 {
		t.Errorf("it was not his: %v, %d processes", err, his())
	}
	if err := c.Leave("uucp"); err != nil {
		t.Error(err)
	}
	for i := 0; his() > 0 && i < 500; i++ { // until they have been reaped
		time.Sleep(20 * time.Millisecond)
	}
	if n := his(); n > 0 {
		t.Errorf("%d processes are left", n)
	}
	run()
}
