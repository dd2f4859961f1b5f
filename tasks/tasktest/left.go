package tasktest

import (
	"bytes"
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

// cut are the ways in which a script ends before it has done its work.
type cut struct {
	name   string
	signal syscall.Signal // to all its processes, once it has made something; 0 = its input ends
	text   string         // put in front of what it does at its end
	deaf   bool           // nobody reads what it prints any more
	next   bool           // the user's next script cleans
}

func cuts() []cut {
	return []cut{
		{name: "input ends"}, {name: "no reader", deaf: true}, {name: "signal while it cleans up", text: "kill -TERM $$; "},
		{name: "HUP", signal: syscall.SIGHUP}, {name: "TERM", signal: syscall.SIGTERM}, {name: "KILL", signal: syscall.SIGKILL, next: true},
	}
}

// NothingIsLeft cuts a script that begins with sh.Temp and must fail with the
// data "data" on stdin, in every way and every kind of shell: in DIR, which is
// its TMPDIR too, no temporary file or folder stays, at the latest when the user's
// next script begins. curl, wget and docker are played: they last until the input
// ends, and fail.
func NothingIsLeft(t *testing.T, c Struck) {
	t.Helper()
	if !strings.HasPrefix(c.Text, string(sh.Temp)) && !strings.HasPrefix(c.Text, string(sh.TempAsking)) {
		t.Fatal("it does not begin with sh.Temp")
	}
	for _, shell := range [][]string{{"/bin/sh"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		for _, how := range cuts() {
			t.Run(shell[0]+" "+how.name, func(t *testing.T) {
				if _, err := exec.LookPath(shell[0]); err != nil {
					hosttest.Missing(t, shell[0])
				}
				c.cut(t, shell, how)
			})
		}
	}
}

// toNobody has what a program prints go where nobody reads any more.
func toNobody(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	t.Cleanup(func() { _ = w.Close() })
	cmd.Stdout, cmd.Stderr = w, w
}

// cutCmd is a script of the lab: its notes lie in DIR/home, whoever runs it.
func cutCmd(shell []string, dir, text string, args []string) *exec.Cmd {
	own := strings.Replace(text, "if [ -O / ]; then _d=", "if false; then _d=", 1)
	argv := append(append(append([]string{}, shell[1:]...), "-c", own, "sh"), args...)
	cmd := exec.Command(shell[0], argv...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir+"/home", "XDG_STATE_HOME=", "PATH="+dir+"/bin:"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (c Struck) cut(t *testing.T, shell []string, how cut) {
	dir := t.TempDir()
	for _, d := range []string{"bin", "home"} {
		if err := os.Mkdir(dir+"/"+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if strings.HasPrefix(c.Text, string(sh.TempAsking)) {
		if err := os.MkdirAll(dir+"/home/.local/state/remoterun/.tmp", 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"curl", "wget", "docker"} {
		if err := os.WriteFile(dir+"/bin/"+p, []byte("#!/bin/sh\ncat >/dev/null\nexit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = strings.ReplaceAll(a, "DIR", dir)
	}
	cmd := cutCmd(shell, dir, strings.Replace(c.Text, "trap _gone 0", "trap '"+how.text+"_gone' 0", 1), args)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if how.deaf {
		toNobody(t, cmd)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, "data")
	for limit := time.Now().Add(30 * time.Second); leftIn(dir) == ""; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Error("it makes nothing that could be left")
			break
		}
	}
	if how.signal != 0 {
		_ = syscall.Kill(-cmd.Process.Pid, how.signal)
	}
	_ = in.Close()
	if err := cmd.Wait(); err == nil {
		t.Errorf("no failure: %s", said.String())
	}
	if how.next {
		if out, err := cutCmd(shell, dir, string(sh.Temp), nil).CombinedOutput(); err != nil {
			t.Errorf("the next script: %v %s", err, out)
		}
	}
	if left := leftIn(dir); left != "" {
		t.Errorf("left: %s; it said %s", left, said.String())
	}
}

// leftIn lists temporary files, folders and notes of them.
func leftIn(dir string) string {
	var all []string
	for _, pattern := range []string{"/.remoterun.*", "/*/.remoterun.*", "/home/.local/state/remoterun/.tmp/*", "/.remoterun-tmp-*/*"} {
		found, _ := filepath.Glob(dir + pattern)
		all = append(all, found...)
	}
	return strings.Join(all, " ")
}
