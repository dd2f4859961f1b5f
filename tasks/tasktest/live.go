package tasktest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Live is a case that runs on real hosts, one whose sh is dash with GNU's
// programs and one of busybox alone, read from testdata/MODULE/live/*.yaml: a
// list of mappings with these keys. DIR in texts stands for a folder of the
// case's own; shell texts run in it.
//
//	name      what is shown
//	programs  programs by name that stand first in the host's PATH: systemctl,
//	          docker; what they keep goes to DIR
//	setup     shell text that makes the host ready
//	files     laptop files by name, below the folder that is the laptop's
//	args      the task's arguments
//	want      shell text that succeeds when the host is as it shall be
//	result    keys of the result's data, and what they hold (~ = any value)
//	fails     text of the message with which the task fails, instead of want
//	repeats   the module says that it does something each time
//	unchanged the first run has nothing to do either
//	only      dash or busybox: the one host on which the case makes sense
//
// The task is looked ahead at (where nothing can be written), done, and done
// again: the second time there is no step, and a note says why, unless it repeats.
type Live struct{ Case }

// LiveIn runs a module's live cases. There must be at least one for every host.
func LiveIn(t *testing.T, dir string, m play.Module) {
	t.Helper()
	cases := readCases(t, dir)
	for _, name := range []string{"dash", "busybox"} {
		env, ok := Shells(t)[name]
		if !ok {
			t.Fatalf("no %s", name)
		}
		t.Run(name, func(t *testing.T) {
			n, on := 0, newStage(t, env)
			for _, c := range cases {
				if only := c.text("only"); only != "" && only != name {
					continue
				}
				n++
				t.Run(c.Name, func(t *testing.T) { Live{c}.run(t, m, on) })
			}
			if n == 0 {
				t.Errorf("no case of %s runs on %s", m.Spec().Name, name)
			}
		})
	}
}

const liveKeys = " name programs setup files args want result fails repeats unchanged only "

// stage is what the cases of one module on one kind of host have in common: to
// connect costs more programs than most of them.
type stage struct {
	t    *testing.T // of all these cases
	bin  string     // holds the case's programs, the first in PATH
	env  []string
	host Host
	// mounts is what was mounted when it connected: the questions see that alone.
	mounts string
}

func newStage(t *testing.T, env []string) *stage {
	t.Helper()
	bin := t.TempDir()
	return &stage{t: t, bin: bin, env: []string{"PATH=" + bin + ":" + pathOf(env), "HOME=" + os.Getenv("HOME")}}
}

// connected is the host, behind the case's setup.
func (s *stage) connected(t *testing.T) Host {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if s.host.Conn == nil || string(mounts) != s.mounts {
		s.host, s.mounts = NewHost(s.t, s.env), string(mounts)
	}
	return s.host
}

func (l Live) run(t *testing.T, m play.Module, on *stage) {
	for _, k := range l.in.Names() {
		if !strings.Contains(liveKeys, " "+k+" ") {
			t.Errorf("a live case has no key %q", k)
		}
	}
	dir, env := t.TempDir(), on.env
	l.programs(t, dir, on.bin)
	l.sh(t, "setup", dir, env)
	h := on.connected(t)
	h.Chained, h.In = true, l.laptop(t)
	args := l.args(dir)
	if want := l.text("fails"); want != "" {
		o, err := Apply(t.Context(), h, m, args, false)
		if said := fmt.Sprint(o.Result.Msg, " ", err); !strings.Contains(said, in(dir, want)) || err == nil && !o.Result.Failed {
			t.Errorf("it said %s\nwant %s", said, in(dir, want))
		}
		l.sh(t, "want", dir, env)
		return
	}
	first := l.twice(t, h, m, args)
	l.sh(t, "want", dir, env)
	l.result(t, first, dir)
}

// twice looks ahead, does the task, and does it again.
func (l Live) twice(t *testing.T, h Host, m play.Module, args *value.Map) Outcome {
	t.Helper()
	ahead, err := Apply(t.Context(), h, m, args, true)
	if err != nil {
		t.Fatalf("looking ahead: %v", err)
	}
	first := Must(t, h, m, args)
	if want := !l.flag("unchanged"); first.Result.Changed != want {
		t.Errorf("the first run: changed=%v (%s)", first.Result.Changed, first.Result.Msg)
	}
	if !ahead.Result.Skipped && ahead.Result.Changed != first.Result.Changed {
		t.Errorf("check mode said changed=%v", ahead.Result.Changed)
	}
	if first.Repeats() != l.flag("repeats") {
		t.Errorf("the plan says repeats=%v", first.Repeats())
	}
	if l.flag("repeats") {
		return first
	}
	second := Must(t, h, m, args)
	if len(second.Steps) > 0 || second.Result.Changed {
		t.Errorf("the second run is not empty: %q changed=%v", second.Steps, second.Result.Changed)
	} else if last := second.Plans[len(second.Plans)-1]; last.Note == "" && last.Result.Msg == "" {
		t.Error("nothing is to do, and no note says why")
	}
	return first
}

func (l Live) result(t *testing.T, o Outcome, dir string) {
	t.Helper()
	v, _ := l.in.Lookup("result")
	want, _ := v.AsMap()
	for k, w := range want.All() {
		got, ok := o.Result.Data.Get(k)
		if w = fill(w, dir); !ok || !w.IsNull() && value.Repr(got) != value.Repr(w) {
			t.Errorf("result %s is %s, want %s", value.Str(k), value.Repr(got), value.Repr(w))
		}
	}
}

// programs puts the case's programs, and no others, into the folder bin.
func (l Live) programs(t *testing.T, dir, bin string) {
	t.Helper()
	old, err := filepath.Glob(filepath.Join(bin, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range old {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
	v, _ := l.in.Lookup("programs")
	progs, _ := v.AsMap()
	for name, text := range progs.All() {
		if err := os.WriteFile(filepath.Join(bin, value.Str(name)), []byte("#!/bin/sh\n"+in(dir, value.Str(text))), 0o755); err != nil { // #nosec G306
			t.Fatal(err)
		}
	}
}

func (l Live) sh(t *testing.T, key, dir string, env []string) {
	t.Helper()
	text := l.text(key)
	if text == "" {
		return
	}
	// The first sh of PATH is the host's own.
	cmd := exec.Command("/usr/bin/env", "sh", "-e", "-c", in(dir, text))
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + pathOf(env), "HOME=" + os.Getenv("HOME")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s\n%s", key, err, out, listing(dir))
	}
}

// listing shows what a folder holds, for a failure.
func listing(dir string) string {
	out, _ := exec.Command("ls", "-lanR", dir).CombinedOutput()
	return string(out)
}

func (l Live) args(dir string) *value.Map {
	v, ok := l.in.Lookup("args")
	if !ok {
		return value.NewMap()
	}
	m, _ := fill(v, dir).AsMap()
	return m
}

// fill puts the case's folder into every text of a value.
func fill(v value.Value, dir string) value.Value {
	if m, ok := v.AsMap(); ok {
		out := value.NewMap()
		for k, x := range m.All() {
			out.Set(k, fill(x, dir))
		}
		return value.FromMap(out)
	}
	if _, ok := v.AsSeq(); ok {
		items := []value.Value{}
		for _, x := range v.Items() {
			items = append(items, fill(x, dir))
		}
		return value.List(items...)
	}
	if s, ok := v.AsString(); ok {
		return value.String(in(dir, s))
	}
	return v
}

func in(dir, text string) string { return strings.ReplaceAll(text, "DIR", dir) }
