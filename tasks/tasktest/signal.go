package tasktest

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"remoterun/runner/hosttest"
	"remoterun/runner/sh"
)

// Struck is a script that is hit at the worst moment.
type Struck struct {
	Text string
	// Args are the script's; DIR in Text and Args is a folder of the test's own.
	Args []string
}

// ComesBack cuts a script that begins with sh.Temp and puts another file at DIR/name
// while a program works, in every way and every kind of shell: what the user had
// there is back, at the latest when the user's next script begins, and nothing of
// ours stays. Twice killed is no worse than once.
func ComesBack(t *testing.T, c Struck, name, program string) {
	t.Helper()
	for _, shell := range [][]string{{"/bin/sh"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		for _, how := range cuts() {
			for _, own := range []string{"", "#!/bin/sh\nexit 7\n"} {
				what := " a file of the user's"
				if own == "" {
					what = " no file"
				}
				t.Run(shell[0]+" "+how.name+what, func(t *testing.T) {
					if _, err := exec.LookPath(shell[0]); err != nil {
						hosttest.Missing(t, shell[0])
					}
					c.comesBack(t, shell, how, name, program, own)
				})
			}
		}
	}
}

func (c Struck) comesBack(t *testing.T, shell []string, how cut, name, program, own string) {
	dir := t.TempDir()
	for _, d := range []string{"bin", "home"} {
		if err := os.Mkdir(dir+"/"+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	at := filepath.Join(dir, name)
	if own != "" {
		if err := os.WriteFile(at, []byte(own), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir+"/bin/"+program, []byte("#!/bin/sh\n: >"+dir+"/works\ncat >/dev/null\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	in := func(s string) string { return strings.ReplaceAll(s, "DIR", dir) }
	var args []string
	for _, a := range c.Args {
		args = append(args, in(a))
	}
	times := 1
	if how.next {
		times = 2
	}
	for range times {
		_ = os.Remove(dir + "/works")
		cmd := cutCmd(shell, dir, strings.Replace(in(c.Text), "trap _gone 0", "trap '"+how.text+"_gone' 0", 1), args)
		pipe, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
		if how.deaf {
			toNobody(t, cmd)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for limit := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(dir + "/works"); err == nil {
				break
			}
			if time.Now().After(limit) {
				t.Fatal("the program is never run")
			}
		}
		if text := ReadFile(t, at); text == own || !strings.Contains(text, ".remoterun.") {
			t.Errorf("while it works it is %q", text)
		}
		if how.signal != 0 {
			_ = syscall.Kill(-cmd.Process.Pid, how.signal)
		}
		_ = pipe.Close()
		if err := cmd.Wait(); err == nil {
			t.Error("no failure")
		}
	}
	if how.next {
		if out, err := cutCmd(shell, dir, string(sh.Temp), nil).CombinedOutput(); err != nil {
			t.Errorf("the next script: %v %s", err, out)
		}
	}
	text, err := os.ReadFile(at)
	st, _ := os.Stat(at)
	if own == "" && !os.IsNotExist(err) || own != "" && (string(text) != own || st.Mode() != 0o750) {
		t.Errorf("it is %q (%v, %v), was %q", text, st, err, own)
	}
	if left := leftIn(dir); left != "" {
		t.Errorf("left: %s", left)
	}
}
