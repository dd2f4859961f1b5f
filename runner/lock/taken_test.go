package lock_test

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// TestTakenInTheMiddle: another operator takes the lock while a command of each
// kind is on its way. Whatever its end looks like then, it is the lost lock.
func TestTakenInTheMiddle(t *testing.T) {
	long := map[string]sh.Constant{
		"killed":                       `echo $$ >"$1.new"; mv "$1.new" "$1"; sleep 60`,
		"ends with 0":                  `trap "exit 0" TERM; echo $$ >"$1.new"; mv "$1.new" "$1"; while :; do sleep 0.1; done`,
		"ends with 3":                  `trap "exit 3" TERM; echo $$ >"$1.new"; mv "$1.new" "$1"; while :; do sleep 0.1; done`,
		"does not end":                 `trap "" TERM; echo $$ >"$1.new"; mv "$1.new" "$1"; while :; do sleep 0.1; done`,
		"a child of timeout, deaf":     `timeout 60 sh -c 'trap "" TERM; echo $$ >"$1.new"; mv "$1.new" "$1"; while :; do sleep 0.1; done' sh "$1"; echo next`,
		"a session that is waited for": `setsid sh -c 'echo $$ >"$1.new"; mv "$1.new" "$1"; while :; do sleep 0.1; done' sh "$1" & wait`,
		"a child that takes its time":  `sh -c 'trap "sleep 1.5; exit 3" TERM; echo $$ >"$1.new"; mv "$1.new" "$1"; while :; do sleep 0.1; done' sh "$1"; echo next`,
	}
	kinds := map[string]func(context.Context, host.Conn, sh.Cmd) error{
		"shell": func(ctx context.Context, c host.Conn, cmd sh.Cmd) error {
			s, err := c.Shell(ctx, host.As{})
			if err == nil {
				_, err = s.Run(ctx, cmd)
			}
			return err
		},
		"channel": func(ctx context.Context, c host.Conn, cmd sh.Cmd) error {
			cmd.Stdin = sh.Bytes("x")
			_, err := c.Exec(ctx, host.As{}, cmd)
			return err
		},
		"chain": func(ctx context.Context, c host.Conn, cmd sh.Cmd) error {
			s, err := c.Shell(ctx, host.As{})
			if err == nil {
				_, err = s.Batch(ctx, sh.Batch{Chain: []sh.Link{{Steps: []sh.Cmd{sh.Script("echo first")}}, {Steps: []sh.Cmd{cmd}}, {Steps: []sh.Cmd{sh.Script("echo last")}}}})
			}
			return err
		},
		"job that is waited for": func(ctx context.Context, c host.Conn, cmd sh.Cmd) error {
			j := job.Job{Dir: filepath.Join(filepath.Dir(cmd.Args[0]), "job")}
			w := &host.Worker{Host: "h", Conn: c, Kept: &host.Kept{}}
			if out, err := w.Run(ctx, j.Awaited(cmd, job.What{})); err != nil || out.Status != 0 {
				return fmt.Errorf("begin: %w: %s", err, out.Stderr)
			}
			for {
				if s, err := j.Look(ctx, w, 0); err != nil || s.Phase != job.Running {
					return err
				}
			}
		},
		"question": func(ctx context.Context, c host.Conn, cmd sh.Cmd) error {
			s, err := c.Shell(ctx, host.As{})
			if err == nil {
				_, err = s.Batch(ctx, sh.Batch{Ask: []sh.Cmd{cmd}})
			}
			return err
		},
	}
	var all sync.WaitGroup // they mostly wait
	for how, text := range long {
		for kind, work := range kinds {
			opt := lock.Options{Dir: t.TempDir(), Who: "anna", Beat: time.Second}
			c, other := local.New("h", nil, local.Options{}), local.New("h", nil, local.Options{})
			t.Cleanup(func() { _, _ = c.Close(), other.Close() })
			all.Go(func() {
				if err := taken(t.Context(), c, other, opt, sh.Script(text), work); !errors.Is(err, lock.ErrLost) {
					t.Errorf("%s, %s: it ended with %v", kind, how, err)
				}
			})
		}
	}
	all.Wait()
}

// TestJobNobodyWaitsFor: a job with poll: 0 is left alone by who takes the lock, as
// a daemon is; and so is what a job has left when its task has it.
func TestJobNobodyWaitsFor(t *testing.T) {
	for name, begin := range map[string]func(j job.Job) sh.Cmd{
		"poll: 0": func(j job.Job) sh.Cmd {
			return j.Begin(sh.Script(`echo $$ >"$1.new"; mv "$1.new" "$1"; sleep 60`, j.Dir+".pid"), job.What{})
		},
		"its daemon": func(j job.Job) sh.Cmd {
			return j.Awaited(sh.Script(`sleep 60 >/dev/null 2>&1 & echo $! >"$1.new"; mv "$1.new" "$1"`, j.Dir+".pid"), job.What{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			opt := lock.Options{Dir: t.TempDir(), Who: "anna", Beat: time.Second}
			dial := func() host.Conn {
				c := local.New("h", nil, local.Options{})
				t.Cleanup(func() { _ = c.Close() })
				return c
			}
			c := dial()
			w := &host.Worker{Host: "h", Conn: lock.Guard(c, take(t, c, opt)), Kept: &host.Kept{}}
			j := job.Job{Dir: filepath.Join(opt.Dir, "job")}
			if out, err := w.Run(t.Context(), begin(j)); err != nil || out.Status != 0 {
				t.Fatalf("%v: %s", err, out.Stderr)
			}
			var pid []byte
			for len(pid) == 0 {
				pid, _ = os.ReadFile(j.Dir + ".pid")
			}
			n, err := strconv.Atoi(strings.TrimSpace(string(pid)))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = syscall.Kill(n, syscall.SIGKILL) })
			for s := (job.State{Phase: job.Running}); name != "poll: 0" && s.Phase == job.Running; {
				if s, err = j.Look(t.Context(), w, 0); err != nil {
					t.Fatal(err)
				}
			}
			opt.Who, opt.TakeOver = "bert", true
			other := take(t, dial(), opt)
			if alive(string(pid)) == "" {
				t.Error("it was ended")
			}
			if err := other.Release(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// taken returns what became of work when the lock it runs under was taken.
func taken(ctx context.Context, c, other host.Conn, opt lock.Options, cmd sh.Cmd, work func(context.Context, host.Conn, sh.Cmd) error) error {
	begun := filepath.Join(opt.Dir, "begun")
	cmd.Args = append(cmd.Args, begun)
	held, err := lock.Take(ctx, c, host.As{}, "h", "p", "testing", opt)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- work(ctx, lock.Guard(c, held), cmd) }()
	for {
		if _, err := os.Stat(begun); err == nil {
			break
		}
		select {
		case err := <-done:
			return fmt.Errorf("it ended by itself: %w", errors.Join(err, errors.New("nobody took it")))
		case <-time.After(20 * time.Millisecond):
		}
	}
	opt.Who, opt.TakeOver = "bert", true
	now, err := lock.Take(ctx, other, host.As{}, "h", "p", "testing", opt)
	if err != nil {
		return err
	}
	pid, _ := os.ReadFile(begun)
	text := alive(string(pid))
	if err = <-done; text != "" {
		err = fmt.Errorf("its work lives: %s", text)
	}
	return errors.Join(err, now.Release())
}

// TestGivenBackWithoutWork: what nobody waits for any more is ended with the lock.
func TestGivenBackWithoutWork(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		dir := t.TempDir()
		c := dial()
		h := take(t, c, lock.Options{Dir: dir, Who: "anna", Beat: time.Second})
		begun := filepath.Join(dir, "begun")
		done := make(chan error, 1)
		go func() {
			_, err := lock.Guard(c, h).Exec(t.Context(), host.As{}, sh.Script(`sh -c 'trap "" TERM; echo $$ >"$1.new"; mv "$1.new" "$1"; while :; do sleep 0.1; done' sh "$1"; :`, begun))
			done <- err
		}()
		for _, err := os.Stat(begun); err != nil; _, err = os.Stat(begun) {
			time.Sleep(20 * time.Millisecond)
		}
		if err := h.Release(); err != nil {
			t.Fatal(err)
		}
		pid, _ := os.ReadFile(begun)
		if text := alive(string(pid)); text != "" {
			t.Errorf("its work lives: %s", text)
		}
		<-done
	})
}

// alive returns what the system tells of a process that is not waiting to be
// buried; "" = there is none.
func alive(pid string) string {
	text, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/stat")
	if err != nil || strings.Contains(string(text), ") Z ") {
		return ""
	}
	return string(text)
}

// cuttable is a connection whose commands end with a broken link when cut.
type cuttable struct {
	host.Conn
	cut chan struct{}
}

func (c cuttable) Exec(ctx context.Context, as host.As, cmd sh.Cmd) (host.Output, error) {
	go func() { _, _ = c.Conn.Exec(ctx, as, cmd) }()
	<-c.cut
	return host.Output{}, &host.TransportError{Host: "h", During: "run a command", Begun: true, Err: io.ErrUnexpectedEOF}
}

// TestLockOfACutLink: a lock whose link is gone was not taken over: what comes
// next says that the host cannot be reached, and that it has not begun.
func TestLockOfACutLink(t *testing.T) {
	each(t, func(t *testing.T, dial func() host.Conn) {
		c := cuttable{dial(), make(chan struct{})}
		g := lock.Guard(c, take(t, c, lock.Options{Dir: t.TempDir(), Who: "anna", Beat: time.Second}))
		close(c.cut)
		var err error
		for err == nil {
			_, err = g.Shell(t.Context(), host.As{})
		}
		te := new(host.TransportError)
		if !errors.As(err, &te) || te.Begun || errors.Is(err, lock.ErrLost) || !strings.Contains(err.Error(), "h: keep the lock of the project: unexpected EOF") {
			t.Errorf("after the cut: %v", err)
		}
	})
}
