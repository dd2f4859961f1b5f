package tasktest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
)

// Struck is a script that is hit by a signal at the worst moment: when it has
// ended and just begins to clean up.
type Struck struct {
	Text string
	// Calm is the line that sets what is done at the end: trap '…' 0.
	Calm string
	// Args are the script's; DIR in Text and Args is a folder of the test's own.
	Args []string
}

// SignalWhileCleaningUp runs the script in every kind of shell: nothing may
// stay behind in DIR but the file policy-rc.d with its old text, and the script
// must report a failure.
func SignalWhileCleaningUp(t *testing.T, c Struck) {
	t.Helper()
	if strings.Count(c.Text, c.Calm+"\n") != 1 {
		t.Fatal("it cleans up in another way: this test strikes nothing")
	}
	for _, shell := range [][]string{{"/bin/sh"}, {"bash"}, {"busybox", "sh"}} {
		t.Run(shell[0], func(t *testing.T) { c.strike(t, shell) })
	}
}

func (c Struck) strike(t *testing.T, shell []string) {
	if _, err := exec.LookPath(shell[0]); err != nil {
		hosttest.Missing(t, shell[0])
	}
	dir := t.TempDir()
	kept := filepath.Join(dir, "policy-rc.d")
	if err := os.WriteFile(kept, []byte("own"), 0o600); err != nil {
		t.Fatal(err)
	}
	trap, what, _ := strings.Cut(c.Calm, " ")
	what = strings.Trim(strings.TrimSuffix(what, " 0"), "'")
	text := strings.Replace(c.Text, c.Calm, trap+" 'kill -TERM $$; "+what+"' 0", 1)
	in := func(s string) string { return strings.ReplaceAll(s, "DIR", dir) }
	args := append(append([]string{}, shell[1:]...), "-c", in(text), "sh")
	for _, a := range c.Args {
		args = append(args, in(a))
	}
	cmd := exec.Command(shell[0], args...)
	cmd.Stdin = strings.NewReader("data")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("no failure: %s", out)
	}
	left, _ := os.ReadDir(dir)
	if text := ReadFile(t, kept); len(left) != 1 || text != "own" {
		t.Errorf("left: %v, %q; it said %s", left, text, out)
	}
}
