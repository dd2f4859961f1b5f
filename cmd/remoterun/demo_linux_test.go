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

	"remoterun/runner/hosttest"
)

// demoDesk is a folder for everything that a demo writes, and what the machine
// looked like before it.
func demoDesk(t *testing.T) (start func() (*exec.Cmd, *bytes.Buffer), unchanged func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		hosttest.Missing(t, "root, for the demo's mounts")
	}
	if out, err := exec.Command("unshare", "--mount", "--pid", "--uts", "--fork", "true").CombinedOutput(); err != nil {
		hosttest.Missing(t, "namespaces for the demo: "+strings.TrimSpace(string(out)))
	}
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	tmp, work := t.TempDir(), t.TempDir()
	mounts := mountsOf(t)
	start = func() (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command(bin, "demo", "--no-docker") // #nosec G204: our own
		cmd.Dir = work
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp, "HOME=" + work, "TERM=dumb"}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		return cmd, &out
	}
	return start, func() {
		t.Helper()
		for _, dir := range []string{tmp, work} {
			left, err := os.ReadDir(dir)
			if err != nil || len(left) > 0 {
				t.Errorf("left in %s: %v, %v", dir, left, err)
			}
		}
		if now := mountsOf(t); strings.Contains(now, tmp) || strings.Count(now, "/demo/keyring") != strings.Count(mounts, "/demo/keyring") {
			t.Errorf("mounts are left:\n%s", now)
		}
		names, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, name := range names {
			if env, err := os.ReadFile(name); err == nil && bytes.Contains(env, []byte(tmp)) {
				line, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
				t.Errorf("a process is left: %q", bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
			}
		}
	}
}

func mountsOf(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDemo runs the demo without a database to its end; nothing is left.
func TestDemo(t *testing.T) {
	start, unchanged := demoDesk(t)
	cmd, out := start()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n\n%s", err, ending(out.String()), out)
	}
	for _, want := range []string{
		"database   NOT HERE", "remoterun setup prod", "remoterun unlock prod", "not proved       server              no database here",
		"ok               memory", "ok               sealed copies", "wrong passphrase", "exit code 12: a database is locked", "Nothing of it is left",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo does not say %q", want)
		}
	}
	for _, word := range []string{"ok               server", "ok               relations"} {
		if strings.Contains(out.String(), word) {
			t.Errorf("the demo calls something proved that is not there: %s", word)
		}
	}
	unchanged()
	if t.Failed() {
		t.Log(out.String())
	}
}

// TestDemoInChroot: there "/" is no mount, and those below it may be shared.
func TestDemoInChroot(t *testing.T) {
	start, unchanged := demoDesk(t)
	cmd, out := start()
	root := t.TempDir()
	cmd.Args = append([]string{"unshare", "--mount", "sh", "-euc", `root=$1; shift
mount --make-rshared /
for d in /*; do
	if [ -L "$d" ]; then cp -P "$d" "$root$d"
	elif [ -d "$d" ]; then mkdir "$root$d"; [ "$d" = /run ] || mount --rbind "$d" "$root$d"; fi
done
chroot "$root" "$@"
! grep -E " $root/(run|run/.*|var/lib) " /proc/self/mounts || { echo MOUNTS ARE LEFT; exit 9; }`, "sh", root}, cmd.Args...)
	var err error
	if cmd.Path, err = exec.LookPath("unshare"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "Nothing of it is left") {
		t.Fatalf("%v\n%s\n\n%s", err, ending(out.String()), out)
	}
	unchanged()
}

// ending is where a long report tells what went wrong. It is printed first: who
// reads what a test has said elsewhere may be shown only its beginning.
func ending(said string) string {
	lines := strings.Split(strings.TrimRight(said, "\n"), "\n")
	return "it ended with:\n" + strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// TestDemoInterrupted: Ctrl-C at several places leaves nothing either.
func TestDemoInterrupted(t *testing.T) {
	for _, at := range []string{"What is real here", "$ remoterun setup prod", "Mount RAM for the key", "$ remoterun verify prod"} {
		t.Run(at, func(t *testing.T) {
			start, unchanged := demoDesk(t)
			cmd, _ := start()
			out, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stdout, cmd.Stderr = w, w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = w.Close()
			hang := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
			defer hang.Stop()
			var all bytes.Buffer
			b := make([]byte, 4096)
			for sent := false; ; {
				n, err := out.Read(b)
				all.Write(b[:n])
				if err != nil {
					break
				}
				if !sent && strings.Contains(all.String(), at) {
					sent = true
					_ = cmd.Process.Signal(syscall.SIGINT)
				}
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(all.String(), "Nothing of it is left") {
				t.Errorf("exit code %d, want %d\n%s\n\n%s", code, exitInterrupted, ending(all.String()), all.String())
			}
			unchanged()
		})
	}
}

// TestDemoReaderGone: so does a reader that goes away (demo | head).
func TestDemoReaderGone(t *testing.T) {
	start, unchanged := demoDesk(t)
	cmd, _ := start()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	_, err = out.Read(make([]byte, 16))
	_ = out.Close()
	hang := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer hang.Stop()
	if ended := cmd.Wait(); err != nil || ended == nil || cmd.ProcessState.ExitCode() < 0 {
		t.Errorf("read: %v; the demo without a reader ended with %v", err, ended)
	}
	unchanged()
}
