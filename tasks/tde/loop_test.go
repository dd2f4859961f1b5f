package tde

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
	"remoterun/runner/hosttest"
	"remoterun/runner/local"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/tdetest"
)

// names answers Inputs.Host; nothing else is asked by these modules.
type inputs struct {
	play.Inputs
	host string
}

func (i inputs) Host() string { return i.host }

// task runs one task on w as the engine does: questions, plan, steps, stages.
// With check set no step runs. asked counts questions of the shell.
func task(t testing.TB, m play.Module, w host.Writer, check bool, args ...any) (play.Result, int) {
	t.Helper()
	b, err := m.Bind(t.Context(), value.MapOf(args...), inputs{host: w.Name()})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for {
		plan, err := planned(t.Context(), b, w, &asked)
		if err != nil {
			t.Fatalf("plan: %v", err)
		}
		if check || len(plan.Steps) == 0 {
			return plan.Result, asked
		}
		var ran []host.Output
		for _, s := range plan.Steps {
			out, err := s.Do(t.Context(), w)
			if err != nil {
				t.Fatalf("%s: %v", s.Describe(), err)
			}
			ran = append(ran, out)
			if out.Status != 0 {
				break
			}
		}
		res, err := plan.Finish(ran)
		if err != nil {
			t.Fatal(err)
		}
		if res.Failed || plan.Then == nil {
			return res, asked
		}
		if b, err = plan.Then(ran); err != nil {
			t.Fatal(err)
		}
	}
}

func planned(ctx context.Context, b play.Bound, w host.Writer, asked *int) (play.Plan, error) {
	answers := map[string]host.Answer{}
	for range 20 {
		plan, err := b.Plan(host.NewSeen(answers))
		var need *host.ErrNeed
		if !errors.As(err, &need) {
			return plan, err
		}
		for _, q := range need.Questions {
			if _, ok := q.(host.Probe); ok {
				*asked++
			}
			a, err := q.Ask(ctx, w)
			if err != nil {
				return plan, err
			}
			answers[q.Key()] = a
		}
	}
	return play.Plan{}, errors.New("the plan asks for ever more")
}

// ns is a mount namespace of the test's own, with its own /run and
// /var/lib/remoterun, on this machine.
type ns struct {
	pid int
	bin string // PATH inside, empty = the machine's
}

// newNS needs root. With busybox, /bin/sh is busybox ash and every program its
// applet.
func newNS(t testing.TB, busybox bool) *ns {
	t.Helper()
	if os.Getuid() != 0 {
		hosttest.Missing(t, "root, for mounts of the test's own")
	}
	script := `mount --make-rprivate / && mount -t tmpfs -o mode=755 x /run && mkdir -p /var/lib && mount -t tmpfs -o mode=755 x /var/lib`
	n := &ns{}
	if busybox {
		bb, err := exec.LookPath("busybox")
		if err != nil {
			hosttest.Missing(t, "busybox")
		}
		n.bin = t.TempDir()
		for _, a := range strings.Fields("[ cat chmod chown timeout true cut dd echo head id ls mkdir mount mv od printf pwd readlink rm rmdir sh sha256sum sleep stat sync test tr umount wc") {
			if err := os.Symlink(bb, filepath.Join(n.bin, a)); err != nil {
				t.Fatal(err)
			}
		}
		script += " && mount --bind " + bb + ` "$(readlink -f /bin/sh)"`
	}
	cmd := exec.Command("unshare", "-m", "sh", "-c", script+" && echo ready && exec sleep 600")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		hosttest.Missing(t, "unshare: "+err.Error())
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line := make([]byte, 6)
	if _, err := out.Read(line); err != nil {
		hosttest.Missing(t, "a mount namespace: "+err.Error())
	}
	n.pid = cmd.Process.Pid
	return n
}

// conn connects to the namespace as an inventory host of that name.
func (n *ns) conn(t testing.TB, name string) *host.Worker {
	t.Helper()
	opt := local.Options{Shell: []string{"nsenter", "-m", "-t", strconv.Itoa(n.pid), "/bin/sh"}}
	if n.bin != "" {
		opt.Env = []string{"PATH=" + n.bin}
		ne, err := exec.LookPath("nsenter")
		if err != nil {
			t.Fatal(err)
		}
		opt.Shell[0] = ne
	}
	c := local.New(name, nil, opt)
	t.Cleanup(func() { _ = c.Close() })
	return &host.Worker{Host: name, Conn: c, Kept: &host.Kept{}}
}

// sh runs shell text in the namespace.
func (n *ns) sh(t testing.TB, text string) string {
	t.Helper()
	cmd := exec.Command("nsenter", "-m", "-t", strconv.Itoa(n.pid), "/bin/sh", "-c", text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", text, err, out)
	}
	return string(out)
}

// untouched is a Writer for tasks that must leave the host alone.
type untouched struct {
	host.Writer
	name string
}

func (u untouched) Name() string { return u.name }

// testDeps work in folders of the test's own, with a clock that stands.
func testDeps(t testing.TB, p play.Prompter) custody.Deps {
	t.Helper()
	dir := t.TempDir()
	d := custody.Deps{
		Prompter: p, Session: custody.NewSession(), Dir: func() string { return dir }, Sealer: tdetest.TestSealer(),
		Clock: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }, By: "anna@laptop",
	}
	d.Sealer.Random = nil
	t.Cleanup(func() { _ = d.Session.Close() })
	return d.Filled()
}

const strong = "Sahne-Äpfel: 17 rosa Dampflokomotiven"

// knows is an operator who types the same passphrase everywhere.
func knows(pass string) *tdetest.Typist {
	return &tdetest.Typist{Answers: map[string]string{"tde new passphrase": pass, "tde passphrase": pass}}
}

func data(r play.Result, name string) value.Value {
	if r.Data == nil {
		return value.Null()
	}
	v, _ := r.Data.Lookup(name)
	return v
}

func refused(r play.Result) bool { b, _ := data(r, guard.KeyRefused).AsBool(); return r.Failed && b }
