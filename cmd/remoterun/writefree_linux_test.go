//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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

// caseBook writes a module's cases as a playbook, with the files that they need beside
// it, into a folder of dir; it returns its path there and the number of tasks.
func caseBook(t *testing.T, dir, module string) (book string, n int) {
	t.Helper()
	list, files := caseTasks(t, module)
	for k, v := range files.All() {
		p := filepath.Join(dir, module, value.Str(k))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil { // #nosec G301
			t.Fatal(err)
		}
		writeFile(t, p, value.Str(v))
	}
	play := value.MapOf("hosts", value.String("all"), "gather_facts", value.Bool(false), "tasks", value.List(list...))
	text, err := yaml.Dump(value.List(value.FromMap(play)), yaml.Style{})
	if err != nil {
		t.Fatal(err)
	}
	book = filepath.Join(module, "book.yaml")
	if err := os.MkdirAll(filepath.Join(dir, module), 0o755); err != nil { // #nosec G301
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, book), text)
	return book, len(list)
}

// ownDisk shows a machine's own disk at /run/own: what lies over this machine's
// files there (upper) was written by the machine and nobody else, whatever else
// happens here meanwhile.
func ownDisk(t *testing.T, m *real.Machine) {
	t.Helper()
	m.Run(t, `disk=$(awk '$5 == "/root" { print $(NF-1) }' /proc/self/mountinfo)
mkdir /run/own && mount -o noatime "$disk" /run/own && [ -d /run/own/upper ]`)
}

// touched lists what changed on a machine since its marker was made. Left out is
// what its own sshd writes.
func touched(t *testing.T, m *real.Machine) string {
	t.Helper()
	var out []string
	for p := range strings.Lines(m.Run(t, `cd /run/own
find upper root home tmp /run /dev/shm -xdev -cnewer /var/marker ! -path 'upper/var/log*' ! -path upper/var/marker ! -path upper/var ! -path upper ! -path '/run/sshd*' ! -path /run/utmp ! -path /run ! -path /run/motd.dynamic ! -path 'upper/run/*' | sort -u`)) {
		p = strings.TrimSpace(p)
		if inside, ok := strings.CutPrefix(p, "upper"); ok {
			p = inside
		} else if !strings.HasPrefix(p, "/") {
			p = "/" + p
		}
		out = append(out, p)
	}
	return strings.Join(out, "\n")
}

// TestCheckWritesNothing runs every data case of every module with --check on a
// machine: nothing on it changes, and nothing in the project.
func TestCheckWritesNothing(t *testing.T) {
	op := real.NewOperator(t)
	m := op.Start(t, real.Options{Name: "alpha"})
	ownDisk(t, m)
	// Notes of this machine's own sessions are not alive in there: the first one to look
	// would clear them away.
	m.Run(t, "rm -rf /var/lib/remoterun")
	// An image for containers has apt parse its lists anew in every program; a server
	// keeps what it has parsed, and so a minute of processor time.
	m.Run(t, `! [ -d /etc/apt/apt.conf.d ] || { rm -f /etc/apt/apt.conf.d/docker-clean && apt-cache gencaches; }`)
	// Several modules in a run: to connect costs more than the cases of one.
	for mods := range slices.Chunk(tasks.All(), 12) {
		name := mods[0].Spec().Name + " to " + mods[len(mods)-1].Spec().Name
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, op.Home, t.TempDir(), "")
			d.env = []string{"XDG_STATE_HOME=" + t.TempDir()}
			writeFile(t, filepath.Join(d.dir, "hosts"), "alpha\n")
			books, all := []string{}, 0
			for _, mod := range mods {
				book, n := caseBook(t, d.dir, mod.Spec().Name)
				books, all = append(books, book), all+n
			}
			m.Run(t, "touch /var/marker; sleep 0.02")
			before := snapshot(t, d.dir)
			s := d.run(t, append(books, "--check", "--diff")...)
			if s.code != exitOK {
				t.Fatalf("exit code %d\n%s%s", s.code, s.out, s.err)
			}
			if n := strings.Count(s.out, "TASK ["); n != all {
				t.Errorf("%d of %d tasks ran", n, all)
			}
			if got := touched(t, m); got != "" {
				t.Errorf("changed on the host:\n%s\n%s", got, s.out)
			}
			if after := snapshot(t, d.dir); after != before {
				t.Errorf("changed on the laptop:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
	t.Run("the search finds what is written", func(t *testing.T) {
		m.Run(t, "touch /var/marker; sleep 0.02; touch /root/planted /tmp/planted /etc/planted; rm /etc/motd; chmod 600 /etc/hostname; echo >> /etc/hosts")
		got := strings.Fields(touched(t, m))
		for _, p := range []string{"/root/planted", "/tmp/planted", "/etc/planted", "/etc/motd", "/etc/hostname", "/etc/hosts"} {
			if !slices.Contains(got, p) {
				t.Errorf("%s is not among %q", p, got)
			}
		}
	})
}
