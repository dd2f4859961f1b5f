package tasks

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/hosttest"
)

// TestSignalWhileCleaningUp strikes scripts at the worst moment, when they have
// ended and just begin to clean up: nothing stays behind all the same.
func TestSignalWhileCleaningUp(t *testing.T) {
	shells := [][]string{{"/bin/sh"}, {"bash"}, {"busybox", "sh"}}
	for name, c := range map[string]struct {
		text, calm string
		args       []string
	}{
		"put":      {string(putText), `trap 'rm -f "$t"' 0`, []string{"DIR/file", "0", "", "", "", "", "", ""}},
		"script":   {string(scriptText), `trap 'rm -f "$t"' 0`, []string{"0", "", ""}},
		"tar":      {string(untarText), `trap 'rm -rf "$t"' 0`, []string{"DIR", "", "", "755"}},
		"policy":   {strings.ReplaceAll(strings.ReplaceAll(string(aptText), "/usr/sbin", "DIR"), "apt-get", "false"), "trap _back 0", []string{"101"}},
		"dry run":  {string(dryText), `trap 'rm -rf "$w"' 0`, []string{"DIR", "no such command"}},
		"download": {strings.ReplaceAll(string(debURLText), "apt-get", "false"), `trap 'rm -rf "$d"' 0`, []string{"file:///nowhere"}},
	} {
		if strings.Count(c.text, c.calm+"\n") != 1 {
			t.Fatalf("%s: it cleans up in another way: this test strikes nothing", name)
		}
		for _, shell := range shells {
			t.Run(name+" "+shell[0], func(t *testing.T) {
				if _, err := exec.LookPath(shell[0]); err != nil {
					hosttest.Missing(t, shell[0])
				}
				dir := t.TempDir()
				kept := filepath.Join(dir, "policy-rc.d")
				if err := os.WriteFile(kept, []byte("own"), 0o600); err != nil {
					t.Fatal(err)
				}
				trap, what, _ := strings.Cut(c.calm, " ")
				what = strings.Trim(strings.TrimSuffix(what, " 0"), "'")
				text := strings.Replace(c.text, c.calm, trap+" 'kill -TERM $$; "+what+"' 0", 1)
				in := func(s string) string { return strings.ReplaceAll(s, "DIR", dir) }
				args := append(append([]string{}, shell[1:]...), "-c", in(text), "sh")
				for _, a := range c.args {
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
				text0, _ := os.ReadFile(kept)
				if len(left) != 1 || string(text0) != "own" {
					t.Errorf("left: %v, %q; it said %s", left, text0, out)
				}
			})
		}
	}
}
