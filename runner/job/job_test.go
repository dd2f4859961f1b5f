package job_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/job"
	"remoterun/runner/local"
	"remoterun/runner/sh"
)

// each runs a test on the machine's own sh and coreutils, and on busybox alone.
func each(t *testing.T, f func(t *testing.T, dial func() host.Conn)) {
	envs := map[string][]string{"dash": nil, "busybox": busybox(t)}
	for name, env := range envs {
		t.Run(name, func(t *testing.T) {
			f(t, func() host.Conn {
				opt := local.Options{Env: env}
				if env != nil {
					opt.Shell = []string{filepath.Join(strings.TrimPrefix(env[0], "PATH="), "sh")}
				}
				c := local.New("h", nil, opt)
				t.Cleanup(func() { _ = c.Close() })
				return c
			})
		})
	}
}

func busybox(t *testing.T) []string {
	t.Helper()
	prog, err := exec.LookPath("busybox")
	if err != nil {
		hosttest.Missing(t, "busybox")
	}
	dir := t.TempDir()
	if out, err := exec.Command(prog, "--install", "-s", dir).CombinedOutput(); err != nil {
		t.Fatalf("busybox --install: %v: %s", err, out)
	}
	return []string{"PATH=" + dir, "HOME=" + dir}
}

func worker(c host.Conn) *host.Worker {
	return &host.Worker{Host: "h", Conn: c, Kept: &host.Kept{}}
}

func run(t *testing.T, w host.Writer, c sh.Cmd) string {
	t.Helper()
	out, err := w.Run(t.Context(), c)
	if err == nil {
		err = out.Err("job")
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out.Stdout))
}

func look(t *testing.T, w host.Reader, j job.Job) job.State {
	t.Helper()
	s, err := j.Look(t.Context(), w, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// await looks until ok says so.
func await(t *testing.T, w host.Reader, j job.Job, ok func(job.State) bool) job.State {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		s := look(t, w, j)
		if ok(s) {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("the job is %+v", s)
		}
	}
}

var anna = job.What{Who: "anna@laptop", Since: "2026-11-29T10:00:00Z", Doing: "move sync"}

// TestFromStartToEnd: nothing, running with what it tells and prints, its end.
func TestFromStartToEnd(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		w, dir := worker(dial()), t.TempDir()
		j := job.In(dir, "move")
		if s := look(t, w, j); s.Phase != job.Never {
			t.Errorf("before it began: %+v", s)
		}
		c := sh.Script(`echo "one $1"; echo 1/2 >"$JOB/s" && mv "$JOB/s" "$JOB/status"
until [ -f "$2" ]; do sleep 0.05; done
echo two; echo oops >&2; exit 7`, "it's $x", dir+"/go")
		if got := run(t, w, j.Start(c, anna)); got != "started" {
			t.Fatalf("start said %q", got)
		}
		s := await(t, w, j, func(s job.State) bool { return s.Told != "" })
		if s.Phase != job.Running || s.What != anna || s.Told != "1/2" || string(s.Out) != "one it's $x\n" {
			t.Errorf("running: %+v", s)
		}
		if got := run(t, w, j.Start(sh.Script("exit 9"), anna)); got != "running" {
			t.Errorf("a second start said %q", got)
		}
		if out, _ := w.Run(t.Context(), j.Clean()); out.Status == 0 {
			t.Error("a job at work was cleaned away")
		}
		if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var printed string
		s, err := j.Follow(t.Context(), w, 0, 10*time.Millisecond, func(s job.State) { printed += string(s.Out) })
		if err != nil || s.Phase != job.Ended || s.Status != 7 || printed != "one it's $x\ntwo\n" || s.Err != "oops" {
			t.Errorf("end: %+v, printed %q, %v", s, printed, err)
		}
		if got := run(t, w, j.Start(sh.Script("exit 0"), anna)); got != "started" {
			t.Errorf("again: %q", got)
		}
		if s := await(t, w, j, func(s job.State) bool { return s.Phase != job.Running }); s.Phase != job.Ended || s.Status != 0 || s.Size != 0 {
			t.Errorf("the second one's end: %+v", s)
		}
		run(t, w, j.Clean())
		if s := look(t, w, j); s.Phase != job.Never {
			t.Errorf("cleaned: %+v", s)
		}
	})
}

// TestOutlivesTheConnection: the link, the shell and its group are gone, the job
// is not; another connection attaches.
func TestOutlivesTheConnection(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		c, dir := dial(), t.TempDir()
		j := job.In(dir, "long")
		run(t, worker(c), j.Start(sh.Script(`echo $$ >"$JOB/self"; until [ -f "$1" ]; do sleep 0.05; done; echo done`, dir+"/go"), anna))
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		w := worker(dial())
		if s := look(t, w, j); s.Phase != job.Running {
			t.Fatalf("after the connection ended: %+v", s)
		}
		if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if s := await(t, w, j, func(s job.State) bool { return s.Phase != job.Running }); s.Phase != job.Ended || s.Status != 0 || string(s.Out) != "done\n" {
			t.Errorf("end: %+v", s)
		}
	})
}

// TestStopEndsAll: children, grandchildren in a session of their own, and what
// ignores TERM.
func TestStopEndsAll(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		w, dir := worker(dial()), t.TempDir()
		j := job.In(dir, "stubborn")
		run(t, w, j.Start(sh.Script(`setsid sh -c 'trap "" TERM; echo $$ >"$1/deep"; while :; do sleep 1; done' x "$1" &
sleep 300; echo never`, dir), anna))
		deep := filepath.Join(dir, "deep")
		await(t, w, j, func(job.State) bool { _, err := os.Stat(deep); return err == nil })
		run(t, w, j.Stop())
		if s := look(t, w, j); s.Phase != job.Stopped || string(s.Out) != "" {
			t.Errorf("stopped: %+v", s)
		}
		pid, err := os.ReadFile(deep)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat"); err == nil && !strings.Contains(string(text), ") Z ") {
			t.Errorf("process %s lives: %s", pid, text)
		}
		run(t, w, j.Stop()) // nothing to stop is no failure
	})
}

// TestDied: a killed driver, and a process that has its number now, are not a job
// at work.
func TestDied(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		w, dir := worker(dial()), t.TempDir()
		j := job.In(dir, "killed")
		run(t, w, j.Start(sh.Script("sleep 300"), anna))
		run(t, w, sh.Script(`kill -KILL -"$(cat "$1/pid")"`, j.Dir))
		if s := await(t, w, j, func(s job.State) bool { return s.Phase != job.Running }); s.Phase != job.Died || s.Who != anna.Who {
			t.Errorf("killed: %+v", s)
		}
		if err := os.WriteFile(j.Dir+"/pid", fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
			t.Fatal(err)
		}
		if s := look(t, w, j); s.Phase != job.Died {
			t.Errorf("its number belongs to another one: %+v", s)
		}
		if got := run(t, w, j.Start(sh.Script("exit 0"), anna)); got != "started" {
			t.Errorf("start after death: %q", got)
		}
	})
}

// TestStartedAtOnce: of many starts one begins the job, once.
func TestStartedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		dir := t.TempDir()
		j := job.In(dir, "race")
		said := make([]string, 4)
		var wg sync.WaitGroup
		for i := range said {
			w := worker(dial())
			wg.Go(func() {
				out, err := w.Run(t.Context(), j.Start(sh.Script(`echo x >>"$1"; sleep 300`, dir+"/began"), anna))
				said[i] = strings.TrimSpace(string(out.Stdout))
				if err != nil || out.Status != 0 {
					t.Errorf("start: %v %s", err, out.Stderr)
				}
			})
		}
		wg.Wait()
		w := worker(dial())
		run(t, w, j.Stop())
		began, err := os.ReadFile(dir + "/began")
		if got := strings.Join(said, " "); strings.Count(got, "started") != 1 || err != nil || string(began) != "x\n" {
			t.Errorf("said %q, began %q, %v", got, began, err)
		}
	})
}

// TestNoRoom: a folder that cannot be written says so.
func TestNoRoom(t *testing.T) {
	w := worker(local.New("h", nil, local.Options{}))
	out, err := w.Run(t.Context(), job.Job{Dir: "/proc/nowhere/job"}.Start(sh.Script(":"), anna))
	if err != nil || out.Status != 73 {
		t.Errorf("status %d %q %v", out.Status, out.Stderr, err)
	}
}

// TestFolderOfOthers: a state that cannot be read is an error, never "no job".
func TestFolderOfOthers(t *testing.T) {
	w := worker(local.New("h", nil, local.Options{}))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := (job.Job{Dir: file}).Look(t.Context(), w, 0); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("%+v %v", s, err)
	}
}
