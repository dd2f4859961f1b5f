package framed_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/local"
	"remoterun/runner/sh"
)

// patient has questions of 300 ms silence on the real shell of this machine.
func patient(t *testing.T) host.Shell {
	t.Helper()
	return patientFor(t, 300*time.Millisecond)
}

func patientFor(t *testing.T, silence time.Duration) host.Shell {
	t.Helper()
	c := local.New("db1", nil, local.Options{})
	c.Silence = silence
	t.Cleanup(func() { _ = c.Close() })
	s, err := c.Shell(t.Context(), host.As{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hang puts a program of that name that never ends into a folder; it returns the
// folder, and the file that holds its process id.
func hang(t *testing.T, name string) (dir, pid string) {
	t.Helper()
	dir = t.TempDir()
	pid = filepath.Join(dir, "pid")
	text := "#!/bin/sh\ntrap '' TERM\necho $$ >" + pid + "\nwhile :; do sleep 600; done\n"
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, pid
}

const askText sh.Constant = `PATH=$1:$PATH; dockr info; echo there`

// TestQuestionsEnd: a question that neither prints nor works ends, as a failure that
// says what hangs; nothing of it is left, and the shell stays usable. Steps, and
// questions that are the user's own text, wait as long as they like.
func TestQuestionsEnd(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("no setsid")
	}
	stuck := func(t *testing.T, s host.Shell, pid string, err error) {
		t.Helper()
		var e *host.StuckError
		if !errors.As(err, &e) || errors.Is(err, host.ErrTransport) || !strings.Contains(err.Error(), "db1: no answer within") || !strings.Contains(err.Error(), "dockr info") {
			t.Fatalf("it ended with %v", err)
		}
		text, err := os.ReadFile(pid)
		if err != nil {
			t.Fatal(err)
		}
		for there := true; there; { // until the signal is delivered; nobody may be there to reap it
			state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(text)) + "/stat")
			there = err == nil && !strings.Contains(string(state), ") Z ")
		}
		if out, err := s.Run(t.Context(), sh.Script("echo well")); err != nil || string(out.Stdout) != "well\n" {
			t.Errorf("the shell is not usable any more: %q, %v", out.Stdout, err)
		}
	}
	ask := func(dir string) sh.Cmd { return host.NewProbe(askText, dir).Cmd() }
	t.Run("alone", func(t *testing.T) {
		s, dir, pid := patient(t), "", ""
		dir, pid = hang(t, "dockr")
		_, err := s.Run(t.Context(), ask(dir))
		stuck(t, s, pid, err)
	})
	t.Run("in a batch", func(t *testing.T) {
		s := patient(t)
		dir, pid := hang(t, "dockr")
		_, err := s.Batch(t.Context(), sh.Batch{Ask: []sh.Cmd{host.NewProbe("echo first").Cmd(), ask(dir)}})
		stuck(t, s, pid, err)
	})
	t.Run("as the guard of a step", func(t *testing.T) {
		s := patient(t)
		dir, pid := hang(t, "dockr")
		ran := 0
		b := sh.Batch{Passed: func(int, []sh.Ran) { ran++ }, Chain: []sh.Link{
			{Steps: []sh.Cmd{sh.Script("sleep 1")}}, // a step may be silent
			{Guard: []sh.Cmd{ask(dir)}, Want: host.Digest([]host.Answer{{Stdout: []byte("there\n")}}), Steps: []sh.Cmd{sh.Script("echo wrong")}},
		}}
		res, err := s.Batch(t.Context(), b)
		stuck(t, s, pid, err)
		if ran != 1 || res.Done != 1 || !res.Ended {
			t.Errorf("%d links were told, of %+v", ran, res)
		}
	})
	t.Run("behind a chain", func(t *testing.T) {
		s := patient(t)
		dir, pid := hang(t, "dockr")
		res, err := s.Batch(t.Context(), sh.Batch{Chain: []sh.Link{{Steps: []sh.Cmd{sh.Script("sleep 1")}}}, Ask: []sh.Cmd{ask(dir)}})
		stuck(t, s, pid, err)
		if res.Done != 1 {
			t.Errorf("%+v", res)
		}
	})
	for name, c := range map[string]sh.Cmd{
		"a command":            sh.Script("sleep 2; echo there"),
		"the user's own query": host.NewProbe("sleep 2; echo there").Patient().Cmd(),
		"a question that prints": host.NewProbe(`for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0.1; printf .; done
echo there`).Cmd(),
		"a question that works": host.NewProbe(`e=$(($(date +%s) + 6)); while [ $(date +%s) -lt $e ]; do i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; done; echo there`).Cmd(),
	} {
		t.Run(name, func(t *testing.T) {
			s := patient(t)
			if name == "a question that works" { // on a busy machine it waits for its turn, too
				s = patientFor(t, 2*time.Second)
			}
			out, err := s.Run(t.Context(), c)
			if err != nil || !strings.HasSuffix(string(out.Stdout), "there\n") {
				t.Errorf("%q, %v", out.Stdout, err)
			}
		})
	}
}

// TestQuestionsEndAtASignal: a question that hangs does not keep a cancelled run.
func TestQuestionsEndAtASignal(t *testing.T) {
	c := local.New("db1", nil, local.Options{})
	t.Cleanup(func() { _ = c.Close() })
	s, err := c.Shell(t.Context(), host.As{})
	if err != nil {
		t.Fatal(err)
	}
	dir, pid := hang(t, "dockr")
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for {
			if b, err := os.ReadFile(pid); err == nil {
				if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && n > 0 {
					cancel(why)
					return
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if _, err := s.Run(ctx, host.NewProbe(askText, dir).Cmd()); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}
