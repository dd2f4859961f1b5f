package kit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
)

// TestNothingIsLeft: writing scripts that fail, or that a signal strikes when
// they clean up, leave nothing beside the file.
func TestNothingIsLeft(t *testing.T) {
	for _, shell := range [][]string{{"/bin/sh"}, {"bash"}, {"busybox", "sh"}} {
		for name, strike := range map[string]string{"wrong hash": "", "signal in the trap": "kill -TERM $$; ", "no reader": ""} {
			t.Run(shell[0]+" "+name, func(t *testing.T) {
				if _, err := exec.LookPath(shell[0]); err != nil {
					hosttest.Missing(t, shell[0])
				}
				dir := t.TempDir()
				text := strings.ReplaceAll(string(putText), "trap _gone 0", "trap '"+strike+"_gone' 0")
				args := append(append([]string{}, shell[1:]...), "-c", text, "sh", dir+"/f", "", "", "", "", "", "", "", "", "", "sum", "00", "4")
				cmd := exec.Command(shell[0], args...)
				cmd.Stdin = strings.NewReader("data")
				cmd.Env = append(os.Environ(), "HOME="+dir)
				if name == "no reader" {
					r, w, _ := os.Pipe()
					_ = r.Close()
					cmd.Stderr, cmd.Stdout = w, w
				}
				if err := cmd.Run(); err == nil {
					t.Error("no failure")
				}
				if left, _ := filepath.Glob(dir + "/.remoterun*"); left != nil {
					t.Errorf("left: %v", left)
				}
			})
		}
	}
}
