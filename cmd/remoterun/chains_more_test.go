package main

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"remoterun/runner/reach"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"remoterun/runner"
	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/hosttest/sshd"
	"remoterun/runner/hosttest/sshtest"
	"remoterun/runner/ssh"
)

// ground is where generated playbooks run.
type ground struct {
	hosts     []string
	base      string // each host has its own folder below
	change    func(*runner.Wishes)
	remote    bool // the hosts are not this machine, as far as the engine knows
	connector reach.Connector
	become    bool
	// open lets other users write into the folders and the log.
	open bool
	// seen is base as this test sees it, empty = base.
	seen string
}

// fresh makes empty folders for the hosts.
func (g ground) fresh(t *testing.T) {
	t.Helper()
	if g.seen == "" {
		_ = os.RemoveAll(filepath.Join(g.base, "laptop"))
	}
	if err := os.RemoveAll(filepath.Join(cmp.Or(g.seen, g.base), "late")); err != nil {
		t.Fatal(err) // a host that a playbook has added
	}
	for _, h := range g.hosts {
		dir := filepath.Join(cmp.Or(g.seen, g.base), h)
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, "d"), 0o755)); err != nil {
			t.Fatal(err)
		}
		if g.open {
			writeFile(t, filepath.Join(dir, "log"), "")
			for _, p := range []string{dir, filepath.Join(dir, "d"), filepath.Join(dir, "log")} {
				if err := os.Chmod(p, 0o777); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// run runs a playbook; reports are sorted by host, because hosts in step end a
// task in any order.
func (g ground) run(t *testing.T, book string) (*event.Stats, []string) {
	t.Helper()
	st, lines, _ := g.told(t, book)
	return st, lines
}

// told is run, with the whole results of what failed.
func (g ground) told(t *testing.T, book string) (*event.Stats, []string, []string) {
	t.Helper()
	a := &app{in: strings.NewReader(""), out: &strings.Builder{}, err: &strings.Builder{}, env: func(string) (string, bool) { return "", false }}
	extra := []string{"laptop=" + g.base + "/laptop/", "root=" + g.base + "/{{inventory_hostname}}", "other=" + g.hosts[len(g.hosts)-1]}
	f := &runFlags{projectFlags: projectFlags{inventory: []string{strings.Join(g.hosts, ",") + ","}, extra: extra}, connection: "local", become: g.become, passphraseFD: -1}
	if g.remote {
		f.connection = ""
	}
	s, err := a.open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	books, err := s.loader.Load(book)
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{}
	s.sink = rec
	world, wishes := s.world(), s.wishes()
	if g.connector != nil {
		world.Connector = g.connector
	}
	if g.change != nil {
		g.change(&wishes)
	}
	st, err := runner.New(world, wishes).Run(t.Context(), books...)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	clock := regexp.MustCompile(`Paused for [0-9.]+`) // what pause says is measured
	for _, h := range g.hosts {
		for _, l := range rec.lines {
			if strings.HasPrefix(l, h+" ") {
				lines = append(lines, clock.ReplaceAllString(strings.ReplaceAll(l, g.base, "BASE"), "Paused for T"))
			}
		}
	}
	return st, lines, rec.failures
}

// same runs a playbook one task at a time and chained, as often as runs says, and
// compares end states and reports.
func (g ground) same(t *testing.T, book, text string, runs int) {
	t.Helper()
	var states [2]string
	var reports, failures [2][]string
	for i, noAhead := range []bool{true, false} {
		one := g
		one.change = func(o *runner.Wishes) {
			if g.change != nil {
				g.change(o)
			}
			o.NoAhead = noAhead
		}
		one.fresh(t)
		for range runs {
			_, lines, failed := one.told(t, book)
			reports[i], failures[i] = append(reports[i], lines...), append(failures[i], failed...)
		}
		states[i] = snapshot(t, cmp.Or(g.seen, g.base))
	}
	if states[0] != states[1] {
		t.Errorf("end state differs\n--- one at a time\n%s--- chained\n%s%s", states[0], states[1], text)
	}
	if !slices.Equal(reports[0], reports[1]) {
		t.Fatalf("reports differ (- one at a time, + chained)\n%s%s\nfailures, one at a time:\n%s\nchained:\n%s", difference(strings.Join(reports[0], "\n"), strings.Join(reports[1], "\n")), text,
			strings.Join(failures[0], "\n"), strings.Join(failures[1], "\n"))
	}
}

// cutter cuts the connection at the n-th packet that the server gets.
type cutter struct {
	net.Conn
	left *atomic.Int64
}

func (c cutter) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.left.Add(-1) < 0 {
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// dialled joins the engine with an in-process server.
type dialled struct {
	d    *ssh.Dialer
	port int
}

func (d dialled) Connect(ctx context.Context, e reach.Endpoint) (host.Conn, error) {
	c, err := d.d.Dial(ctx, ssh.Target{Name: e.Name, Addr: "127.0.0.1", Port: d.port, User: "op"}, nil)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// TestCutAtEveryFrame cuts the link at packets of a run, some 15 of them without
// REMOTERUN_CUTS=all (make races): the run ends as unreachable, never as failed, and
// the same run again ends where one without a fault does.
func TestCutAtEveryFrame(t *testing.T) {
	dir := t.TempDir()
	book := filepath.Join(dir, "book.yaml")
	writeFile(t, filepath.Join(dir, "t.j2"), "line {{ n }}\n")
	writeFile(t, book, fileTasks(24)+`    - file: {path: '{{ root }}/{{ item }}', state: directory}
      loop: [x, y, z]
    - shell: ls {{ root }} | wc -l
      register: listed
      changed_when: false
    - template: {src: t.j2, dest: '{{ root }}/count'}
      vars: {n: "{{ listed.stdout }}"}
    - file: {path: '{{ root }}/y', state: absent}
    - block:
        - command: test -e '{{ root }}/y'
          changed_when: false
      rescue:
        - file: {src: d, dest: '{{ root }}/link', state: link}
      always:
        - lineinfile: {path: '{{ root }}/last', line: end, create: true}
`)
	left := &atomic.Int64{}
	srv, d := sshtest.Listen(t, sshd.Config{Wrap: func(c net.Conn) net.Conn { return cutter{c, left} }})
	g := ground{hosts: []string{"h1"}, base: t.TempDir(), connector: dialled{d, srv.Port()}}
	const enough = 1 << 40
	left.Store(enough)
	g.fresh(t)
	if st, lines := g.run(t, book); st.Hosts["h1"].Failed > 0 || st.Hosts["h1"].Unreachable > 0 {
		t.Fatalf("without a fault: %+v\n%s", *st.Hosts["h1"], strings.Join(lines, "\n"))
	}
	packets := enough - left.Load()
	left.Store(enough)
	g.run(t, book)
	want := snapshot(t, g.base)
	step := int64(1)
	if os.Getenv("REMOTERUN_CUTS") != "all" { // make races: all
		step = max(1, packets/15)
	}
	cuts := 0
	for at := int64(1); at < packets; at += step {
		g.fresh(t)
		left.Store(at)
		st, lines := g.run(t, book)
		c := st.Hosts["h1"]
		if c.Failed > 0 {
			t.Fatalf("cut at packet %d of %d: a lost link counts as failed: %+v\n%s", at, packets, *c, strings.Join(lines, "\n"))
		}
		cuts += c.Unreachable
		left.Store(enough)
		for range 2 { // once more, because the count of files is settled only then
			if st, lines = g.run(t, book); st.Hosts["h1"].Failed > 0 || st.Hosts["h1"].Unreachable > 0 {
				t.Fatalf("again after a cut at packet %d: %+v\n%s", at, *st.Hosts["h1"], strings.Join(lines, "\n"))
			}
		}
		if got := snapshot(t, g.base); got != want {
			t.Fatalf("after a cut at packet %d of %d the end state differs\n--- got\n%s--- want\n%s", at, packets, got, want)
		}
	}
	if cuts < 3 {
		t.Errorf("only %d cuts of %d packets", cuts, packets)
	}
}
