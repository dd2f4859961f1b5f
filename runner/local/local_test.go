package local_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
