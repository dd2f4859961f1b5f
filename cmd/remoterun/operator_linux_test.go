//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// program is the built binary, made once for all tests of this package.
var program = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(programDir(), "remoterun")
	cmd := exec.Command("go", "build", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return bin, nil
})

func programDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("remoterun-program-%d", os.Getpid()))
}

// TestMain takes the binary away again.
func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		os.Exit(runAndHold(dir))
	}
	if file := os.Getenv(peakEnv); file != "" {
		os.Exit(runAndTell(file))
	}
	code := m.Run()
	_ = os.RemoveAll(programDir())
	os.Exit(code)
}

// hangs is when a program is given up: far above what it takes where others work
// on the machine, too.
const hangs = 10 * time.Minute

// desk is an operator at a laptop who runs the program: in a project folder,
// with a home and a passphrase. All that the program ever said is kept, for a
// search afterwards.
type desk struct {
	patience   time.Duration // when a program is given up; 0 = hangs
	home, dir  string
	passphrase string
	kept       string // a folder of outputs
	bin        string // stands for the program when not empty
	env        []string
	as         *syscall.Credential // nil = the tester
}

func newDesk(t testing.TB, home, dir, passphrase string) *desk {
	t.Helper()
	return &desk{home: home, dir: dir, passphrase: passphrase, kept: t.TempDir()}
}

// said is what one run of the program left.
type said struct {
	out, err string
	code     int
}

// command is a run that was not started; the passphrase waits on descriptor 3.
func (d *desk) command(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	bin := d.bin
	if bin == "" {
		var err error
		if bin, err = program(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(ctx, bin, args...) // #nosec G204: our own
	cmd.Dir = d.dir
	cmd.Env = []string{"HOME=" + d.home, "PATH=" + os.Getenv("PATH"), "USER=operator", "TERM=dumb"}
	cmd.Env = append(cmd.Env, d.env...)
	return cmd
}

// run runs the program without a terminal; the passphrase, if there is one, is
// given by --passphrase-fd.
func (d *desk) run(t testing.TB, args ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), cmp.Or(d.patience, hangs), errors.New("the program hangs"))
	defer cancel()
	cmd := d.command(ctx, t, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: d.as} // no /dev/tty of the tester's
	stop := d.giveFD(t, cmd)
	defer stop()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	return d.keep(t, cmd, out.String(), errs.String(), err)
}

// giveFD puts the passphrase on descriptor 3.
func (d *desk) giveFD(t testing.TB, cmd *exec.Cmd) (stop func()) {
	t.Helper()
	if d.passphrase == "" {
		return func() {}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// Twice: some questions want it confirmed.
	if _, err := io.WriteString(w, d.passphrase+"\n"+d.passphrase+"\n"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	cmd.Args = append(cmd.Args[:2:2], append([]string{"--passphrase-fd", "3"}, cmd.Args[2:]...)...)
	cmd.ExtraFiles = []*os.File{r}
	return func() { _ = r.Close() }
}

func (d *desk) keep(t testing.TB, cmd *exec.Cmd, out, errs string, err error) said {
	t.Helper()
	var ee *exec.ExitError
	if err != nil && !errors.As(err, &ee) {
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	f, err := os.CreateTemp(d.kept, "said-")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, out+errs); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	return said{out, errs, cmd.ProcessState.ExitCode()}
}

// turn is a question that must appear and what the operator types then.
type turn struct{ question, answer string }

// talk runs the program on a terminal and returns its questions in order. A
// question that does not come, and one more than expected, fail the test.
func (d *desk) talk(t testing.TB, turns []turn, args ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), cmp.Or(d.patience, hangs), errors.New("the program hangs"))
	defer cancel()
	cmd := d.command(ctx, t, args...)
	f, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all, rest bytes.Buffer
	b := make([]byte, 4096)
	for {
		n, err := f.Read(b)
		all.Write(b[:n])
		rest.Write(b[:n])
		if len(turns) > 0 {
			if i := bytes.Index(rest.Bytes(), []byte(turns[0].question)); i >= 0 {
				rest.Next(i + len(turns[0].question))
				if _, err := io.WriteString(f, turns[0].answer+"\n"); err != nil {
					t.Fatal(err)
				}
				turns = turns[1:]
			}
		}
		if err != nil {
			break // EIO: the program has ended
		}
	}
	err = cmd.Wait()
	if len(turns) > 0 {
		t.Errorf("never asked: %q; it said:\n%s", turns[0].question, all.String())
	}
	return d.keep(t, cmd, all.String(), "", err)
}

// want fails the test unless the run ended with code and said each word.
func (s said) want(t testing.TB, code int, words ...string) {
	t.Helper()
	if s.code != code {
		t.Errorf("exit code %d, want %d", s.code, code)
	}
	flat := strings.Join(strings.Fields(s.out+s.err), " ") // warnings are wrapped anywhere
	for _, w := range words {
		if !strings.Contains(s.out+s.err, w) && !strings.Contains(flat, w) {
			t.Errorf("it did not say %q", w)
		}
	}
	if t.Failed() {
		t.Fatalf("stdout:\n%s\nstderr:\n%s", s.out, s.err)
	}
}

func TestProgramIsBuiltAndAsks(t *testing.T) {
	d := newDesk(t, t.TempDir(), t.TempDir(), "")
	d.run(t, "version").want(t, exitOK, "remoterun")
	d.run(t, "no-such-playbook.yaml").want(t, exitUsage, "no-such-playbook.yaml")
	writeFile(t, filepath.Join(d.dir, "hosts"), "localhost ansible_connection=local\n")
	writeFile(t, filepath.Join(d.dir, "ask.yaml"), "- hosts: all\n  gather_facts: false\n  vars_prompt:\n    - name: word\n      prompt: Which word\n      private: false\n  tasks:\n    - debug:\n        msg: \"it was {{ word }}\"\n")
	d.talk(t, []turn{{"Which word", "frog"}}, "ask.yaml").want(t, exitOK, "it was frog")
	d.run(t, "ask.yaml").want(t, exitUsage, "no terminal")
}
