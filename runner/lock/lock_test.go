package lock_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/job"
	"remoterun/runner/local"
	"remoterun/runner/lock"
	"remoterun/runner/sh"
)

// noFlock is a PATH with everything that the holder needs except flock.
func noFlock(t *testing.T) []string {
	dir := t.TempDir()
	for _, name := range []string{"sh", "mkdir", "readlink", "rm", "cat", "sleep", "find", "ln", "mv", "dd", "timeout", "id", "chmod", "head", "tail", "wc", "setsid", "sha256sum", "kill", "date"} {
		for _, from := range []string{"/bin/", "/usr/bin/"} {
			if _, err := os.Stat(from + name); err == nil {
				_ = os.Symlink(from+name, filepath.Join(dir, name))
				break
			}
		}
	}
	return []string{"PATH=" + dir, "HOME=" + dir}
}

func each(t *testing.T, f func(t *testing.T, dial func() host.Conn)) {
	for name, env := range map[string][]string{"flock": nil, "without flock": noFlock(t)} {
		t.Run(name, func(t *testing.T) {
			f(t, func() host.Conn {
				c := local.New("h", nil, local.Options{Env: env})
				t.Cleanup(func() { _ = c.Close() })
				return c
			})
		})
	}
}

func take(t *testing.T, c host.Conn, opt lock.Options) *lock.Held {
	t.Helper()
	h, err := lock.Take(t.Context(), c, host.As{}, "h", "p", "testing", opt)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOneOperatorAtATime(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		opt := lock.Options{Dir: t.TempDir(), Who: "anna@one", Beat: time.Second}
		h := take(t, dial(), opt)
		opt.Who = "bert@two"
		_, err := lock.Take(t.Context(), dial(), host.As{}, "h", "p", "x", opt)
		var held *lock.HeldError
		if !errors.As(err, &held) {
			t.Fatalf("the second operator got %v", err)
		}
		if want := "h: the project p is held by anna@one since "; !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "(testing); wait until that has ended, or take it with --take-over") {
			t.Errorf("error = %s", err)
		}
		if err := h.Release(); err != nil {
			t.Fatal(err)
		}
		again := take(t, dial(), opt)
		if err := again.Release(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCommandsRunUnderTheLock(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		opt := lock.Options{Dir: t.TempDir(), Who: "anna", Beat: time.Second}
		c := dial()
		h := take(t, c, opt)
		g := lock.Guard(c, h)
		s, err := g.Shell(t.Context(), host.As{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Run(t.Context(), sh.Script(`cat; echo "$1"; exit 3`, "x y").With(sh.Bytes("in\n")))
		if err != nil || string(out.Stdout) != "in\nx y\n" || out.Status != 3 {
			t.Fatalf("under the lock: %q %d %v", out.Stdout, out.Status, err)
		}
		res, err := s.Batch(t.Context(), sh.Batch{Ask: []sh.Cmd{sh.Script("echo q")}})
		if err != nil || len(res.Asked) != 1 || string(res.Asked[0].Stdout) != "q\n" {
			t.Fatalf("batch under the lock: %+v %v", res, err)
		}
		// Another operator takes it: nothing of ours runs any more.
		opt.Who, opt.TakeOver = "bert", true
		other := take(t, dial(), opt)
		mark := filepath.Join(t.TempDir(), "ran")
		if _, err := s.Run(t.Context(), sh.Script(`: >"$1"`, mark)); !errors.Is(err, lock.ErrLost) {
			t.Errorf("run after a take-over: %v", err)
		}
		if _, err := s.Batch(t.Context(), sh.Batch{Ask: []sh.Cmd{sh.Script(`: >"$1"`, mark)}}); !errors.Is(err, lock.ErrLost) {
			t.Errorf("batch after a take-over: %v", err)
		}
		if _, err := os.Stat(mark); err == nil {
			t.Error("a command ran without the lock")
		}
		if err := other.Release(); err != nil {
			t.Fatal(err)
		}
	})
}

// A beat that never comes is a laptop that vanished.
func TestExpiryEndsTheWork(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		dir := t.TempDir()
		opt := lock.Options{Dir: dir, Who: "anna", Beat: time.Hour, Expiry: 2 * time.Second}
		c := dial()
		h := take(t, c, opt)
		g := lock.Guard(c, h)
		mark := filepath.Join(dir, "mark.txt")
		s, err := g.Shell(t.Context(), host.As{})
		if err != nil {
			t.Fatal(err)
		}
		work := make(chan host.Output, 1)
		go func() {
			out, _ := s.Run(t.Context(), sh.Script(`echo $$ >"$1.pid"; sleep 30; : >"$1"`, mark))
			work <- out
		}()
		time.Sleep(300 * time.Millisecond)
		// Somebody else gets it only when the work is dead.
		if early, err := lock.Take(t.Context(), dial(), host.As{}, "h", "p", "x", lock.Options{Dir: dir, Who: "bert", Beat: time.Second}); err == nil {
			pid, _ := os.ReadFile(mark + ".pid")
			if text := alive(string(pid)); text != "" {
				t.Errorf("the lock was given while the work lived: %s", text)
			}
			if err := early.Release(); err != nil {
				t.Fatal(err)
			}
		} else if held := new(lock.HeldError); !errors.As(err, &held) {
			t.Fatalf("while work runs: %v", err)
		}
		select {
		case <-work:
		case <-time.After(20 * time.Second):
			t.Fatal("the work of an operator who vanished was not ended")
		}
		if _, err := os.Stat(mark); err == nil {
			t.Error("the work came to its end")
		}
		<-h.Lost()
		next := take(t, dial(), lock.Options{Dir: dir, Who: "bert", Beat: time.Second})
		if err := next.Release(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestRaceForTheLock: many operators at once, again and again, over a lock whose
// holder was killed: never two have it.
func TestRaceForTheLock(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		dir := t.TempDir()
		conns := make([]host.Conn, 3)
		for i := range conns {
			conns[i] = dial()
			if _, err := conns[i].Shell(t.Context(), host.As{}); err != nil {
				t.Fatal(err)
			}
		}
		var mu sync.Mutex
		inside, most, won := 0, 0, 0
		for round := range 2 {
			if round == 0 {
				stale(t, dir)
			}
			var wg sync.WaitGroup
			for i, c := range conns {
				wg.Go(func() {
					h, err := lock.Take(t.Context(), c, host.As{}, "h", "p", "x", lock.Options{Dir: dir, Who: string(rune('a' + i)), Beat: time.Second, TakeOver: round == 1})
					if err != nil {
						if e := new(lock.HeldError); !errors.As(err, &e) {
							t.Errorf("round %d: %v", round, err)
						}
						return
					}
					mu.Lock()
					inside, won = inside+1, won+1
					if round < 1 { // the others do not fence each other
						most = max(most, inside)
					}
					mu.Unlock()
					time.Sleep(150 * time.Millisecond)
					mu.Lock()
					inside--
					mu.Unlock()
					_ = h.Release()
				})
			}
			wg.Wait()
		}
		if most > 1 || won == 0 {
			t.Errorf("%d had it at once; it was taken %d times", most, won)
		}
	})
}

// stale leaves what a holder leaves that was killed long ago.
func stale(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{"who": "dead\nlong ago\nx\n", "pid": "999999\n", "token": "old\n", "held/beat": ""} {
		p := filepath.Join(dir, name)
		_ = os.MkdirAll(filepath.Dir(p), 0o700)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		_ = os.Chtimes(p, old, old)
	}
}

// TestKilledHolder: kill -9 of the holder frees the lock, and a clock that is
// set forward takes it from nobody.
func TestKilledHolder(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		dir := t.TempDir()
		opt := lock.Options{Dir: dir, Who: "anna", Beat: time.Hour}
		first := take(t, dial(), opt)
		past := time.Now().Add(-time.Hour)
		_ = os.Chtimes(filepath.Join(dir, "held", "beat"), past, past)
		var held *lock.HeldError
		if _, err := lock.Take(t.Context(), dial(), host.As{}, "h", "p", "x", lock.Options{Dir: dir, Who: "bert", Beat: time.Second}); !errors.As(err, &held) {
			t.Fatalf("after a step of the clock the lock was given twice: %v", err)
		}
		pid, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(pid)))
		if err != nil || syscall.Kill(n, syscall.SIGKILL) != nil {
			t.Fatalf("holder %q: %v", pid, err)
		}
		<-first.Lost()
		next := take(t, dial(), lock.Options{Dir: dir, Who: "bert", Beat: time.Second})
		if err := next.Release(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestNamesOfLocks: a name is a folder's, and leads to no other place.
func TestNamesOfLocks(t *testing.T) {
	c := local.New("h", nil, local.Options{Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}})
	t.Cleanup(func() { _ = c.Close() })
	for _, name := range []string{"", ".", "..", "../x", "/abs", "a/b", "-x", "$(id)", "a b", "a\nb", "ü", strings.Repeat("x", 64)} {
		h, err := lock.Take(t.Context(), c, host.As{}, "h", name, "x", lock.Options{Dir: t.TempDir(), Beat: time.Second})
		if err == nil {
			_ = h.Release()
			t.Errorf("%q was taken", name)
		} else if !strings.Contains(err.Error(), "are possible") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestDetachedJob: a job at work has the lock's meaning for everybody who does
// not join it; --take-over ends it.
func TestDetachedJob(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		state := t.TempDir()
		opt := lock.Options{Dir: filepath.Join(state, "lock"), Who: "anna", Beat: time.Second}
		take := func(name string, opt lock.Options) (*lock.Held, error) {
			return lock.Take(t.Context(), dial(), host.As{}, "h", name, "moving", opt)
		}
		c := dial()
		j := job.In(state, "move")
		h, err := lock.Take(t.Context(), c, host.As{}, "h", "p with move", "moving", opt)
		if err != nil {
			t.Fatal(err)
		}
		w := &host.Worker{Host: "h", Conn: lock.Guard(c, h), Kept: &host.Kept{}}
		out, err := w.Run(t.Context(), j.Start(sh.Script("sleep 300"), job.What{Who: "anna@laptop", Since: "today", Doing: "copying"}))
		if err != nil || out.Status != 0 {
			t.Fatalf("start: %v %s", err, out.Stderr)
		}
		// The operator's end is not the job's, though the holder ends all other work.
		if pid, err := os.ReadFile(filepath.Join(opt.Dir, "pid")); err == nil {
			n, _ := strconv.Atoi(strings.TrimSpace(string(pid)))
			_ = syscall.Kill(n, syscall.SIGKILL)
		}
		<-h.Lost()
		opt.Who = "bert"
		var held *lock.HeldError
		if _, err := take("p", opt); !errors.As(err, &held) || held.Who != "anna@laptop" || held.Doing != "copying" {
			t.Fatalf("beside a job: %v", err)
		}
		joined, err := take("p with move", opt)
		if err != nil {
			t.Fatalf("joining: %v", err)
		}
		if err := joined.Release(); err != nil {
			t.Fatal(err)
		}
		if s, err := j.Look(t.Context(), &host.Worker{Host: "h", Conn: dial()}, 0); err != nil || s.Phase != job.Running {
			t.Fatalf("after joining: %+v %v", s, err)
		}
		opt.TakeOver = true
		over, err := take("p", opt)
		if err != nil {
			t.Fatalf("take-over: %v", err)
		}
		if s, err := j.Look(t.Context(), &host.Worker{Host: "h", Conn: dial()}, 0); err != nil || s.Phase != job.Stopped {
			t.Errorf("after a take-over: %+v %v", s, err)
		}
		if err := over.Release(); err != nil {
			t.Fatal(err)
		}
	})
}
