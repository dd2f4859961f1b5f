//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"remoterun/runner/hosttest/real"
	"remoterun/runner/value"
	"remoterun/runner/value/yaml"
	"remoterun/tasks"
)

// caseTasks are the data cases of a module as tasks, and the files that they
// need on the laptop.
func caseTasks(t *testing.T, module string) (list []value.Value, files *value.Map) {
	t.Helper()
	files = value.NewMap()
	paths, err := filepath.Glob("../../tasks/testdata/" + module + "/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s has no data cases", module)
	}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		cases, err := yaml.One(p, text, yaml.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range cases.Items() {
			m, _ := c.AsMap()
			if _, wrong := m.Lookup("error"); wrong {
				continue
			}
			args, ok := m.Lookup("args")
			if !ok {
				args = value.FromMap(value.NewMap())
			}
			if f, ok := m.Lookup("files"); ok {
				fm, _ := f.AsMap()
				for k, v := range fm.All() {
					files.Set(k, v)
				}
			}
			list = append(list, value.FromMap(value.MapOf("name", value.String(fmt.Sprintf("%s %d", module, i)), module, args, "ignore_errors", value.Bool(true), "timeout", value.Int(20))))
		}
	}
	return list, files
}

// touched lists what changed on a machine since its marker was made. Left out is
// what its own sshd writes, what changed beneath it on this machine, and the
// folders of test machines there.
func touched(t *testing.T, m *real.Machine, since time.Time) string {
	t.Helper()
	var out []string
	for p := range strings.Lines(m.Run(t, `find / /root /home /tmp /var/tmp /run /dev/shm -xdev -cnewer /var/marker ! -path '/var/log/*' ! -path /var/log ! -path '/run/sshd*' ! -path '/run/utmp' ! -path / ! -path /var ! -path /var/marker ! -path '/proc/*' ! -path /run ! -path /run/motd.dynamic ! -path '/var/tmp/remoterun-test-*' 2>/dev/null | sort -u`)) {
		p = strings.TrimSpace(p)
		// What other tests make on this machine shows through, and comes and goes:
		// a trace is what stays, and is the machine's alone.
		if own := func() bool { return ownTrace(t, m, p, since) }; own() && later(own) && later(own) {
			out = append(out, p)
		}
	}
	return strings.Join(out, "\n")
}

func later(check func() bool) bool {
	time.Sleep(time.Second)
	return check()
}

// ownTrace reports a path that is on the machine and not, as new, on this one.
func ownTrace(t *testing.T, m *real.Machine, p string, since time.Time) bool {
	t.Helper()
	var st syscall.Stat_t
	if syscall.Lstat(p, &st) == nil && !time.Unix(st.Ctim.Unix()).Before(since) {
		return false
	}
	_, err := m.Try(t, `[ -e "$1" ] || [ -L "$1" ]`, p)
	return err == nil
}

// TestCheckWritesNothing runs every data case of every module with --check on a
// machine: nothing on it changes, and nothing in the project.
func TestCheckWritesNothing(t *testing.T) {
	op := real.NewOperator(t)
	m := op.Start(t, real.Options{Name: "alpha"})
	for _, mod := range tasks.All() {
		name := mod.Spec().Name
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, op.Home, t.TempDir(), "")
			d.env = []string{"XDG_STATE_HOME=" + t.TempDir()}
			writeFile(t, filepath.Join(d.dir, "hosts"), "alpha\n")
			list, files := caseTasks(t, name)
			for k, v := range files.All() {
				p := filepath.Join(d.dir, value.Str(k))
				if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
					t.Fatal(err)
				}
				writeFile(t, p, value.Str(v))
			}
			play := value.MapOf("hosts", value.String("all"), "gather_facts", value.Bool(false), "tasks", value.List(list...))
			text, err := yaml.Dump(value.List(value.FromMap(play)), yaml.Style{})
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(d.dir, "book.yaml"), text)
			begun := time.Now()
			m.Run(t, "touch /var/marker; sleep 0.02")
			before := snapshot(t, d.dir)
			s := d.run(t, "book.yaml", "--check", "--diff")
			if s.code != exitOK {
				t.Fatalf("exit code %d\n%s%s", s.code, s.out, s.err)
			}
			if n := strings.Count(s.out, "TASK ["); n != len(list) {
				t.Errorf("%d of %d tasks ran", n, len(list))
			}
			if got := touched(t, m, begun); got != "" {
				t.Errorf("changed on the host:\n%s\n%s", got, s.out)
			}
			if after := snapshot(t, d.dir); after != before {
				t.Errorf("changed on the laptop:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
	t.Run("the search finds what is written", func(t *testing.T) {
		m.Run(t, "touch /var/marker; sleep 0.02; touch /root/planted /tmp/planted /etc/planted")
		if got := touched(t, m, time.Now().Add(time.Hour)); !strings.Contains(got, "/root/planted") || !strings.Contains(got, "/tmp/planted") || !strings.Contains(got, "/etc/planted") {
			t.Errorf("found only %q", got)
		}
	})
}
