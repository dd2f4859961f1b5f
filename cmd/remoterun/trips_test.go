package main

import (
	"context"
	"fmt"
	"path/filepath"
	"remoterun/runner/reach"
	"strings"
	"sync/atomic"
	"testing"

	"remoterun/runner"
	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/local"
	"remoterun/runner/sh"
)

// counted counts the round trips of connections.
type counted struct{ trips atomic.Int64 }

func (c *counted) Connect(_ context.Context, e reach.Endpoint) (host.Conn, error) {
	return &countedConn{local.New(e.Name, nil, local.Options{}), c}, nil
}

type countedConn struct {
	*local.Conn
	c *counted
}

func (c *countedConn) Shell(ctx context.Context, as host.As) (host.Shell, error) {
	s, err := c.Conn.Shell(ctx, as)
	return &countedShell{s, c.c}, err
}

func (c *countedConn) Exec(ctx context.Context, as host.As, cmd sh.Cmd) (host.Output, error) {
	c.c.trips.Add(2)
	return c.Conn.Exec(ctx, as, cmd)
}

type countedShell struct {
	host.Shell
	c *counted
}

func (s *countedShell) Run(ctx context.Context, c sh.Cmd) (host.Output, error) {
	s.c.trips.Add(1)
	return s.Shell.Run(ctx, c)
}

func (s *countedShell) Batch(ctx context.Context, b sh.Batch) (sh.BatchResult, error) {
	s.c.trips.Add(1)
	return s.Shell.Batch(ctx, b)
}

// counting plays a book against hosts that are this machine and lie elsewhere: one
// connection each, whose round trips it counts.
func counting(t *testing.T, book, hosts, extra string) (*event.Stats, *counted) {
	t.Helper()
	var out strings.Builder
	a := &app{in: strings.NewReader(""), out: &out, err: &out, env: func(string) (string, bool) { return "", false }}
	s, err := a.open(context.Background(), &runFlags{projectFlags: projectFlags{inventory: []string{hosts}, extra: []string{extra}}, passphraseFD: -1})
	if err != nil {
		t.Fatal(err)
	}
	books, err := s.loader.Load(book)
	if err != nil {
		t.Fatal(err)
	}
	s.sink = &recorder{}
	world, wishes := s.world(), s.wishes()
	c := &counted{}
	world.Connector = c
	st, err := runner.New(world, wishes).Run(t.Context(), books...)
	if err != nil {
		t.Fatal(err)
	}
	return st, c
}

// fileTasks is a playbook of n tasks on files under root.
func fileTasks(n int) string {
	var b strings.Builder
	b.WriteString("- hosts: all\n  gather_facts: false\n  tasks:\n    - file: {path: '{{ root }}/d', state: directory}\n")
	for i := range n - 1 {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "    - file: {path: '{{ root }}/d/%d', state: directory, mode: '0750'}\n", i)
		case 1:
			fmt.Fprintf(&b, "    - template: {src: t.j2, dest: '{{ root }}/d/t%d'}\n      vars: {n: %d}\n", i, i)
		case 2:
			fmt.Fprintf(&b, "    - lineinfile: {path: '{{ root }}/lines%d', line: 'x{{ v | default(1) }}', create: true}\n", i)
		case 3:
			fmt.Fprintf(&b, "    - command: {cmd: 'touch {{ root }}/d/c%d', creates: '{{ root }}/d/c%d'}\n", i, i)
		}
	}
	return b.String()
}

// TestRoundTrips holds promise 10: one round trip and one more per stretch that
// cannot be foreseen.
func TestRoundTrips(t *testing.T) {
	dir := t.TempDir()
	book := filepath.Join(dir, "book.yaml")
	writeFile(t, filepath.Join(dir, "t.j2"), "line {{ n }}\n")
	writeFile(t, book, fileTasks(100))
	root := t.TempDir()
	for _, run := range []struct {
		name    string
		most    int64
		changed int
		hosts   string
	}{
		{"all changing", 6, 100, "h1,"},
		{"unchanged", 2, 0, "h1,"},
		{"unchanged, three hosts in step", 6, 0, "h1,h2,h3,"},
	} {
		t.Run(run.name, func(t *testing.T) {
			st, c := counting(t, book, run.hosts, "root="+root)
			for name, n := range st.Hosts {
				if n.OK != 100 || n.Changed != run.changed || n.Failed != 0 {
					t.Errorf("%s: %+v, want 100 ok and %d changed", name, *n, run.changed)
				}
			}
			if n := c.trips.Load(); n > run.most || n == 0 {
				t.Errorf("%d round trips, want at most %d", n, run.most)
			}
		})
	}
}

// otherTasks is another mix of n tasks, all of which change something: nothing in
// it makes a folder for what follows, files are written over and over, and commands
// know no creates.
func otherTasks(n int) string {
	var b strings.Builder
	b.WriteString("- hosts: all\n  gather_facts: false\n  tasks:\n")
	for i := range n {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "    - copy: {content: \"text %d\\n\", dest: '{{ root }}/c%d', mode: '0640'}\n", i, i)
		case 1:
			fmt.Fprintf(&b, "    - lineinfile: {path: '{{ root }}/c%d', line: 'x%d', regexp: '^x'}\n", i-1, i)
		case 2:
			fmt.Fprintf(&b, "    - template: {src: t.j2, dest: '{{ root }}/t%d'}\n      vars: {n: %d}\n      register: r%d\n", i, i, i)
		case 3:
			fmt.Fprintf(&b, "    - command: touch '{{ root }}/m%d'\n", i)
		}
	}
	return b.String()
}

// TestRoundTripsOfAnotherMix: a task that rests on what one in front of it changes
// costs one round trip, not two; the others none.
func TestRoundTripsOfAnotherMix(t *testing.T) {
	dir := t.TempDir()
	book := filepath.Join(dir, "book.yaml")
	writeFile(t, filepath.Join(dir, "t.j2"), "line {{ n }}\n")
	writeFile(t, book, otherTasks(100))
	st, c := counting(t, book, "h1,", "root="+t.TempDir())
	if n := st.Hosts["h1"]; n.OK != 100 || n.Changed != 100 {
		t.Errorf("%+v", *n)
	}
	t.Logf("%d round trips", c.trips.Load())
	if n := c.trips.Load(); n > 100/4+3 {
		t.Errorf("%d round trips, want at most %d", n, 100/4+3)
	}
}
