// Package hosttest holds the conformance suite that every transport passes, and
// how tests ask for real parts of the machine.
package hosttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Suite checks what host.Conn promises. dial makes a fresh connection to a host
// that shares this machine's file system.
func Suite(t *testing.T, dial func(t *testing.T) host.Conn) {
	for name, check := range map[string]func(*testing.T, host.Conn){
		"status, stdout and stderr are the command's own": checkOutput,
		"what a command does to its shell stays inside":   checkContained,
		"stdin arrives byte for byte":                     checkStdin,
		"an unread stdin disturbs nothing":                checkUnread,
		"large output in both streams":                    checkLarge,
		"cancelling kills the process group":              checkCancel,
		"what is cancelled has ended when that is said":   checkCancelled,
		"frames of many callers do not mix":               checkConcurrent,
		"secrets are refused in the framed shell":         checkSecret,
		"exec streams and keeps stdin back until asked":   checkGate,
		"what is printed can go elsewhere":                checkStdout,
		"a fault of the laptop's end is told":             checkOwnFaults,
		"a chain stops at a changed answer":               checkChain,
		"files: missing is missing":                       checkFiles,
		"arguments and environment are exact":             checkExact,
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t)
			t.Cleanup(func() { _ = c.Close() })
			check(t, c)
		})
	}
}

func shell(t *testing.T, c host.Conn) host.Shell {
	t.Helper()
	s, err := c.Shell(t.Context(), host.As{})
	if err != nil {
		t.Fatalf("Shell: %v", err)
	}
	return s
}

func run(t *testing.T, s host.Shell, c sh.Cmd) host.Output {
	t.Helper()
	out, err := s.Run(t.Context(), c)
	if err != nil {
		t.Fatalf("Run(%q): %v", c.Text, err)
	}
	return out
}

func want(t *testing.T, out host.Output, status int, stdout, stderr string) {
	t.Helper()
	if out.Status != status || string(out.Stdout) != stdout || string(out.Stderr) != stderr {
		t.Fatalf("got status %d stdout %.200q stderr %.200q, want %d %q %q", out.Status, out.Stdout, out.Stderr, status, stdout, stderr)
	}
}

func checkOutput(t *testing.T, c host.Conn) {
	s := shell(t, c)
	want(t, run(t, s, sh.Script("echo out; echo err >&2; exit 3")), 3, "out\n", "err\n")
	want(t, run(t, s, sh.Script("printf no-newline")), 0, "no-newline", "")
	want(t, run(t, s, sh.Script("")), 0, "", "")
	if out := run(t, s, sh.Script("kill -9 $$")); out.Status != 137 || out.Signal != "KILL" {
		t.Errorf("killed: status %d signal %q, want 137 KILL", out.Status, out.Signal)
	}
	if out := run(t, s, sh.User("if then")); out.Status == 0 || len(out.Stderr) == 0 {
		t.Errorf("syntax error: status %d stderr %q", out.Status, out.Stderr)
	}
	want(t, run(t, s, sh.Exec("printf", "%s", "still here")), 0, "still here", "")
}

func checkContained(t *testing.T, c host.Conn) {
	s := shell(t, c)
	run(t, s, sh.Script("cd /; umask 077; X=1; set -eu; trap 'echo trapped' 0; alias printf=false; exec 3>&1"))
	want(t, run(t, s, sh.Script(`printf "%s" "${X-unset}"`)), 0, "unset", "")
}

func checkStdin(t *testing.T, c host.Conn) {
	s := shell(t, c)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, n := range []int{1, 255, 65535, 65536, 65537, 1 << 20} {
		data := bytes.Repeat(all, n/256+1)[:n]
		out := run(t, s, sh.Exec("cat").With(sh.Bytes(data)))
		if !bytes.Equal(out.Stdout, data) {
			t.Fatalf("%d bytes came back as %d different ones", n, len(out.Stdout))
		}
	}
}

func checkUnread(t *testing.T, c host.Conn) {
	s := shell(t, c)
	want(t, run(t, s, sh.Script("exit 4").With(sh.Bytes(make([]byte, 3<<20)))), 4, "", "")
	want(t, run(t, s, sh.Script("echo next")), 0, "next\n", "")
}

func checkLarge(t *testing.T, c host.Conn) {
	out := run(t, shell(t, c), sh.Script("dd if=/dev/zero bs=65536 count=64 2>/dev/null; dd if=/dev/zero bs=65536 count=64 >&2 2>/dev/null"))
	if len(out.Stdout) != 4<<20 || len(out.Stderr) != 4<<20 {
		t.Errorf("%d and %d bytes, want 4 MiB each", len(out.Stdout), len(out.Stderr))
	}
}

func checkCancel(t *testing.T, c host.Conn) {
	s := shell(t, c)
	mark := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the operator stopped it")
	go func() {
		for range 200 {
			if _, err := os.Stat(mark); err == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		cancel(cause)
	}()
	_, err := s.Run(ctx, sh.Script(`sleep 300 & echo $! > "$1.t"; mv "$1.t" "$1"; wait`, mark))
	if !errors.Is(err, cause) {
		t.Fatalf("error %v, want the context's cause", err)
	}
	pid, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	s = shell(t, c)
	out := run(t, s, sh.Script(`n=0; while kill -0 "$1" 2>/dev/null && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done; kill -0 "$1" 2>/dev/null && ps -o stat= -p "$1" | grep -vq Z && echo alive; true`, strings.TrimSpace(string(pid))))
	want(t, out, 0, "", "")
}

// checkCancelled: a lock is given back behind a cancelled command, so nothing of it
// may live on, whatever it thinks of TERM.
func checkCancelled(t *testing.T, c host.Conn) {
	programs := map[string]sh.Constant{
		"deaf":            `trap "" TERM; echo $$ >"$1.t"; mv "$1.t" "$1"; while :; do sleep 0.1; done`,
		"deaf child":      `sh -c 'trap "" TERM; echo $$ >"$1.t"; mv "$1.t" "$1"; while :; do sleep 0.1; done' sh "$1"; :`,
		"slow child":      `sh -c 'trap "sleep 0.7; exit" TERM; echo $$ >"$1.t"; mv "$1.t" "$1"; while :; do sleep 0.1; done' sh "$1"; :`,
		"timeout's child": `timeout 60 sh -c 'echo $$ >"$1.t"; mv "$1.t" "$1"; while :; do sleep 0.1; done' sh "$1"; :`,
		"setsid's child":  `setsid sh -c 'trap "" TERM; echo $$ >"$1.t"; mv "$1.t" "$1"; while :; do sleep 0.1; done' sh "$1" & wait`,
		"in a pipe":       `{ trap "" TERM; sh -c 'echo $PPID >"$1.t"' sh "$1"; mv "$1.t" "$1"; while :; do sleep 0.1; done; } | cat`,
		"in a subshell":   `(sleep 0; sh -c 'echo $$ >"$1.t"; mv "$1.t" "$1"; while :; do sleep 0.1; done' sh "$1"; :) && :`,
	}
	var all sync.WaitGroup        // they mostly wait,
	few := make(chan struct{}, 3) // but a server has 10 sessions
	for name, text := range programs {
		for _, own := range []bool{false, true} {
			if !own && !strings.HasSuffix(name, "child") { // one after the other: a shell has one frame at a time
				continue
			}
			mark := filepath.Join(t.TempDir(), "pid")
			all.Go(func() {
				few <- struct{}{}
				defer func() { <-few }()
				if err := Cancelled(t.Context(), c, host.As{}, own, sh.Script(text, mark), mark); err != nil {
					t.Errorf("%s, channel of its own: %v: %v", name, own, err)
				}
			})
		}
	}
	all.Wait()
}

// Cancelled ends cmd as soon as its file mark, which names its process and which this
// machine shares with the host, is there; the error is one that lives on.
func Cancelled(ctx context.Context, c host.Conn, as host.As, own bool, cmd sh.Cmd, mark string) error {
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for _, err := os.Stat(mark); err != nil && run.Err() == nil; _, err = os.Stat(mark) {
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
	}()
	s, err := c.Shell(ctx, as)
	if err != nil {
		return err
	}
	if own {
		_, err = c.Exec(run, as, cmd)
	} else {
		_, err = s.Run(run, cmd)
	}
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("error %w", err)
	}
	pid, err := os.ReadFile(mark)
	if err != nil {
		return err
	}
	out, err := c.Exec(ctx, host.As{}, sh.Script(`cat "/proc/$1/stat" 2>/dev/null; true`, strings.TrimSpace(string(pid))))
	if text := string(out.Stdout); err == nil && text != "" && !strings.Contains(text, ") Z ") {
		err = fmt.Errorf("it lives: %s", text)
	}
	return err
}

func checkConcurrent(t *testing.T, c host.Conn) {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			s, err := c.Shell(t.Context(), host.As{})
			if err != nil {
				t.Error(err)
				return
			}
			word := fmt.Sprint("caller", i)
			if out, err := s.Run(t.Context(), sh.Exec("echo", word)); err != nil || string(out.Stdout) != word+"\n" {
				t.Errorf("%s got %q, %v", word, out.Stdout, err)
			}
		})
	}
	wg.Wait()
}

func checkSecret(t *testing.T, c host.Conn) {
	cmd := sh.Exec("cat").With(sh.Bytes("key"))
	cmd.Secret = true
	if _, err := shell(t, c).Run(t.Context(), cmd); err == nil || !strings.Contains(err.Error(), "channel of its own") {
		t.Errorf("error %v", err)
	}
	out, err := c.Exec(t.Context(), host.As{}, cmd)
	if err != nil || string(out.Stdout) != "key" {
		t.Errorf("Exec: %q, %v", out.Stdout, err)
	}
}

func checkGate(t *testing.T, c host.Conn) {
	file := filepath.Join(t.TempDir(), "got")
	cmd := sh.Script(`if [ "$1" = no ]; then echo refused; exit 9; fi; _go; cat > "$2"; wc -c < "$2"`, "yes", file)
	cmd.Gated, cmd.Secret = true, true
	opened := false
	cmd.Stdin = watched{Bytes: bytes.Repeat([]byte("k"), 3<<20), opened: &opened}
	out, err := c.Exec(t.Context(), host.As{}, cmd)
	if err != nil || strings.TrimSpace(string(out.Stdout)) != fmt.Sprint(3<<20) || !opened {
		t.Errorf("gate opened: %q, %v, stdin opened %v", out.Stdout, err, opened)
	}
	opened = false
	cmd.Args = []string{"no", file}
	out, err = c.Exec(t.Context(), host.As{}, cmd)
	if err != nil || out.Status != 9 || string(out.Stdout) != "refused\n" || opened {
		t.Errorf("gate shut: %+v, %v, stdin opened %v", out, err, opened)
	}
}

type watched struct {
	sh.Bytes
	opened *bool
}

func (w watched) Open() (io.ReadCloser, error) { *w.opened = true; return w.Bytes.Open() }

func checkChain(t *testing.T, c host.Conn) {
	s := shell(t, c)
	dir := t.TempDir()
	file := filepath.Join(dir, "a")
	probe := host.NewProbe(`cat "$1"`, file)
	guard := host.Digest([]host.Answer{{Status: 1}})
	write := sh.Script(`cat > "$1"`, file).With(sh.Bytes("one"))
	other := sh.Script(`echo two > "$1"`, filepath.Join(dir, "b"))
	res, err := s.Batch(t.Context(), sh.Batch{Chain: []sh.Link{
		{Guard: []sh.Cmd{probe.Cmd()}, Want: guard, Steps: []sh.Cmd{write}},
		{Guard: []sh.Cmd{probe.Cmd()}, Want: guard, Steps: []sh.Cmd{other}, Again: []sh.Cmd{probe.Cmd()}},
	}})
	if err != nil || res.Done != 1 || res.Stopped != sh.StopGuard || len(res.Again) != 1 || string(res.Again[0].Stdout) != "one" {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "b")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the second link's step ran: %v", err)
	}
}

func checkFiles(t *testing.T, c host.Conn) {
	f, err := c.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := t.TempDir()
	if _, err := f.Stat(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat of a missing file: %v", err)
	}
	w, err := f.Create(filepath.Join(dir, "a"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "text"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), f.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b"))); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "b")); string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
}

func checkExact(t *testing.T, c host.Conn) {
	s := shell(t, c)
	arg := "a'b\"c $HOME `id` \\ \n\t*é\x01"
	cmd := sh.Exec("printf", "%s", arg)
	want(t, run(t, s, cmd), 0, arg, "")
	cmd = sh.Script(`printf "%s:" "$V"; pwd`)
	cmd.Env, cmd.Dir = []sh.Var{{Name: "V", Value: arg}}, "/"
	want(t, run(t, s, cmd), 0, arg+":/\n", "")
}

// checkStdout: more than an answer may hold, as it comes; stderr and the status stay.
func checkStdout(t *testing.T, c host.Conn) {
	var got counter
	cmd := sh.Script("dd if=/dev/zero bs=1048576 count=70 2>/dev/null; echo end; echo said >&2; exit 3")
	cmd.Stdout = &got
	out, err := c.Exec(t.Context(), host.As{}, cmd)
	if err != nil || got.n != 70<<20+4 || out.Status != 3 || len(out.Stdout) != 0 || string(out.Stderr) != "said\n" {
		t.Errorf("%d bytes, status %d, %q, %v", got.n, out.Status, out.Stderr, err)
	}
	if _, err := shell(t, c).Run(t.Context(), cmd); err == nil {
		t.Error("the framed shell took a command whose stdout goes elsewhere")
	}
}

type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) { c.n += int64(len(b)); return len(b), nil }

// checkOwnFaults: what is sent cannot be read to its end, or what comes cannot be
// kept. The command has failed, the link has not; and who reads is told of no end.
func checkOwnFaults(t *testing.T, c host.Conn) {
	mark := filepath.Join(t.TempDir(), "whole")
	cmd := sh.Script(`cat >/dev/null && : >"$1"`, mark).With(torn{})
	out, err := c.Exec(t.Context(), host.As{}, cmd)
	if err != nil || out.Status != 1 || string(out.Stderr) != "the disk has a hole" {
		t.Errorf("what cannot be read: status %d, %q, %v", out.Status, out.Stderr, err)
	}
	if _, err := os.Stat(mark); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the command took half of its stdin for all: %v", err)
	}
	cmd = sh.Script("while echo x; do :; done")
	cmd.Stdout = full{}
	out, err = c.Exec(t.Context(), host.As{}, cmd)
	if err != nil || out.Status != 1 || string(out.Stderr) != "the disk is full" {
		t.Errorf("what cannot be kept: status %d, %q, %v", out.Status, out.Stderr, err)
	}
	want(t, run(t, shell(t, c), sh.Script("echo on")), 0, "on\n", "")
}

type torn struct{}

func (torn) Size() int64 { return 1 << 30 }
func (torn) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat("x", 100<<10)), hole{})), nil
}

type hole struct{}

func (hole) Read([]byte) (int, error) { return 0, errors.New("the disk has a hole") }

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }
