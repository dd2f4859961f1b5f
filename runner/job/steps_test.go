package job_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/job"
	"remoterun/runner/sh"
)

// begun begins a job of steps.
func begun(t *testing.T, w *host.Worker, j job.Job, limit time.Duration, made string, cmds ...sh.Cmd) {
	t.Helper()
	c, ok := job.Steps(cmds, limit, made)
	if !ok {
		t.Fatal("they cannot be a job")
	}
	if got := run(t, w, j.Begin(c, anna)); got != "started\n"+j.Dir {
		t.Fatalf("it said %q", got)
	}
}

func ran(t *testing.T, w host.Reader, j job.Job) job.Ran {
	t.Helper()
	f := j.Ran()
	a, err := f.Q.Ask(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Parse(a)
	if err != nil {
		t.Fatalf("%v: %q", err, a.Stdout)
	}
	return r
}

func awaited(t *testing.T, w host.Reader, j job.Job) job.Ran {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if r := ran(t, w, j); r.Phase != job.Running || time.Now().After(end) {
			return r
		}
	}
}

// TestSteps: outputs byte by byte, stdin, the caller's umask and folder, nothing of
// the job's in the environment, a step that fails is the last one, and what ran is
// not left on the disk.
func TestSteps(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		w, dir := worker(dial()), t.TempDir()
		j := job.Job{Dir: filepath.Join(dir, "jobs", "j1.2")}
		odd := "it's\n$x \\ %s\n\n"
		begun(t, w, j, time.Minute, odd,
			sh.Script(`cat; printf "%s" "$1"; echo "[$0]" >/dev/null; pwd >"$2/pwd"; umask >"$2/mask"; env | grep JOB >"$2/env"; echo e >&2; true`, odd, dir).With(sh.Bytes("in\n\n")),
			sh.User("exit 3 )"), sh.Script("echo never"))
		r := awaited(t, w, j)
		if r.Phase != job.Ended || r.Dir != j.Dir || string(r.Made) != odd || len(r.Steps) != 2 {
			t.Fatalf("%+v", r)
		}
		if s := r.Steps[0]; string(s.Stdout) != "in\n\n"+odd || string(s.Stderr) != "e\n" || s.Status != 0 {
			t.Errorf("the first: %q %q %d", s.Stdout, s.Stderr, s.Status)
		}
		if s := r.Steps[1]; s.Status == 0 {
			t.Errorf("a step that the shell cannot read: %+v", s)
		}
		if env, _ := os.ReadFile(dir + "/env"); len(env) > 0 {
			t.Errorf("a step saw %s", env)
		}
		here := strings.Fields(run(t, w, sh.Script(`pwd; umask`)))
		for i, f := range []string{"/pwd", "/mask"} {
			if got, _ := os.ReadFile(dir + f); strings.TrimSpace(string(got)) != here[i] {
				t.Errorf("%s was %q, is %q for the caller", f, got, here[i])
			}
		}
		for _, f := range []string{"run", "1.sh", "1.in"} {
			if _, err := os.Stat(filepath.Join(j.Dir, f)); err == nil {
				t.Errorf("%s is left", f)
			}
		}
		run(t, w, j.Clean())
		if r := ran(t, w, j); r.Phase != job.Never {
			t.Errorf("cleaned, and %+v", r)
		}
	})
}

// TestStepsLimit: at its limit a job is ended with all that it began.
func TestStepsLimit(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		w, dir := worker(dial()), t.TempDir()
		j := job.Job{Dir: filepath.Join(dir, "j")}
		begun(t, w, j, time.Second, "", sh.Script(`(sleep 300; :) & echo $! >"$1/pid"; sleep 300`, dir))
		r := awaited(t, w, j)
		if !r.Late || r.Pid == 0 || r.Phase != job.Ended {
			t.Fatalf("%+v", r)
		}
		pid, err := os.ReadFile(dir + "/pid")
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, w, sh.Script(`[ "/proc/$1/fd/8" -ef "$2" ] && echo alive; true`, strings.TrimSpace(string(pid)), j.Dir+"/mark")); got != "" {
			t.Errorf("what it began is %s", got)
		}
	})
}

// TestStepsKilled: a job that was killed is told from one that ended.
func TestStepsKilled(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		w, dir := worker(dial()), t.TempDir()
		j := job.Job{Dir: filepath.Join(dir, "j")}
		begun(t, w, j, time.Minute, "", sh.Script(`sleep 300`))
		run(t, w, j.Stop())
		if r := awaited(t, w, j); r.Phase != job.Died {
			t.Errorf("%+v", r)
		}
	})
}

// TestStepsHome: a folder under the home, and a result that is kept of work that
// was done elsewhere.
func TestStepsHome(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		w := worker(dial())
		home := run(t, w, sh.Script(`printf %s "$HOME"`))
		j := job.Job{Dir: "~/.remoterun test/j"}
		defer func() { _ = os.RemoveAll(filepath.Join(home, ".remoterun test")) }()
		dir := run(t, w, j.Keep(`{"x": "it's"}`))
		if dir != filepath.Join(home, ".remoterun test/j") {
			t.Errorf("kept in %q", dir)
		}
		if r := ran(t, w, j); r.Phase != job.Ended || string(r.Kept) != `{"x": "it's"}` || r.Dir != dir {
			t.Errorf("%+v", r)
		}
		run(t, w, j.Clean())
		if _, err := os.Stat(dir); err == nil {
			t.Error("it is left")
		}
	})
}

// TestStepsRefused: what needs the laptop, or what no variable of the shell holds.
func TestStepsRefused(t *testing.T) {
	for name, c := range map[string]sh.Cmd{
		"NUL":   sh.Script("cat").With(sh.Bytes("a\x00b")),
		"large": sh.Script("cat").With(sh.Bytes(strings.Repeat("x", job.MaxData+1))),
		"gated": {Text: "cat", Gated: true},
	} {
		if _, ok := job.Steps([]sh.Cmd{c}, time.Second, ""); ok {
			t.Errorf("%s: it can be a job", name)
		}
	}
}

// TestParseRan: what was cut, or made up, is an error and no panic.
func TestParseRan(t *testing.T) {
	for _, text := range []string{"", "/d", "/d\nended\nout 3\nabc", "/d\nended\nmade 99\nx", "/d\nended\nmade -1\n", "/d\nended\nrc 1\nx"} {
		if _, err := job.ParseRan(host.Answer{Stdout: []byte(text)}); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
