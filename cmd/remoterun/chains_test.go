package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"remoterun/runner"
	"remoterun/runner/value"
)

// recorder keeps what a run reported, in a form that two runs can be compared
// by: no times, no temporary folders.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) Event(e runner.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case runner.ItemResult, runner.HostResult:
		rc, _ := e.Result.Lookup("rc")
		out, _ := e.Result.Lookup("stdout")
		r.lines = append(r.lines, fmt.Sprintf("%s %s %s [%s] %s ignored=%v rescued=%v rc=%s %q", e.Host, e.Task.Name, e.Task.Module, e.Label, e.Status, e.Ignored, e.Rescued, value.Show(rc), value.Show(out)))
	case runner.Recap:
		for _, h := range e.Stats.Order {
			r.lines = append(r.lines, fmt.Sprintf("%s %+v", h, *e.Stats.Hosts[h]))
		}
	}
}

// generator makes playbooks whose tasks depend on each other through the file
// system: few names, so that they meet.
type generator struct {
	*rand.Rand
	b strings.Builder
	n int
}

func (g *generator) path() string {
	names := []string{"a", "b", "c", "d/a", "d/b", "l", "l/a", "e", "{{ p }}"}
	return "{{ root }}/" + names[g.IntN(len(names))]
}

func (g *generator) task(indent string) {
	g.n++
	w := func(format string, args ...any) { fmt.Fprintf(&g.b, indent+format+"\n", args...) }
	w("- name: t%d", g.n)
	registered, include := false, false
	switch g.IntN(14) {
	case 0:
		w("  file: {path: %q, state: directory}", g.path())
	case 1:
		w("  file: {path: %q, state: absent}", g.path())
	case 2:
		w("  file: {path: %q, state: touch, modification_time: preserve, access_time: preserve}", g.path())
	case 3:
		w("  file: {src: %q, dest: %q, state: link}", g.path(), "{{ root }}/l")
	case 4:
		w("  lineinfile: {path: %q, line: 'x%d', regexp: '^x%d', create: %v}", g.path(), g.IntN(4), g.IntN(4), g.IntN(2) == 0)
	case 5:
		w("  template: {src: t.j2, dest: %q}", g.path())
		w("  vars: {n: %d}", g.IntN(3))
	case 6:
		w("  command: {cmd: 'mkdir %s', creates: %q}", g.path(), g.path())
	case 7:
		w("  shell: 'cat %s | wc -l'", g.path())
		w("  register: r%d", g.IntN(3))
		w("  changed_when: false")
		registered = true
	case 8:
		w("  file: {path: %q, mode: '%s'}", g.path(), []string{"0700", "0755", "0644"}[g.IntN(3)])
	case 9:
		w("  copy: {content: 'c%d', dest: %q}", g.IntN(2), g.path())
	case 10:
		w("  set_fact: {p: '%s'}", []string{"a", "b", "d/b"}[g.IntN(3)])
	case 11:
		w("  include_tasks: inc.yml")
		w("  vars: {n: %d}", g.IntN(3))
		registered, include = true, true // it takes neither register nor notify
	case 12:
		w("  stat: {path: %q}", g.path())
	case 13:
		w("  file: {path: '{{ root }}/{{ item }}', state: %s}", []string{"directory", "absent"}[g.IntN(2)])
		w("  loop: [e, d/b, a]")
	}
	if g.IntN(3) > 0 {
		w("  ignore_errors: true")
	}
	if !registered {
		g.judged(w)
	}
	if g.IntN(6) == 0 {
		w("  when: r%d is defined and r%d.stdout | default('0') | int %% 2 == 0", g.IntN(3), g.IntN(3))
	}
	if g.IntN(8) == 0 && !include {
		w("  notify: h%d", g.IntN(2))
	}
}

// judged adds what is said of a task's result: it must be heard in a chain, too.
func (g *generator) judged(w func(format string, args ...any)) {
	k := g.IntN(12)
	if k > 4 {
		return
	}
	name := fmt.Sprintf("r%d", g.IntN(3))
	w("  register: %s", name)
	switch k {
	case 0:
		w("  until: %s is %s", name, []string{"changed", "not changed", "not failed"}[g.IntN(3)])
		w("  retries: 1")
		w("  delay: 0")
	case 1:
		w("  failed_when: %s is %s", name, []string{"changed", "failed"}[g.IntN(2)])
	case 2:
		w("  failed_when: false")
	case 3:
		w("  changed_when: %s is not changed", name)
	case 4:
		w("  check_mode: true")
	}
}

func (g *generator) book(strategy string) string {
	g.b.WriteString("- hosts: all\n  strategy: " + strategy + "\n  connection: local\n  gather_facts: false\n  vars: {p: a}\n  handlers:\n")
	for i := range 2 {
		fmt.Fprintf(&g.b, "    - name: h%d\n      shell: echo h%d >> {{ root }}/log\n", i, i)
	}
	g.b.WriteString("  tasks:\n")
	for range 12 + g.IntN(20) {
		if g.IntN(7) == 0 {
			g.b.WriteString("    - block:\n")
			for range 1 + g.IntN(3) {
				g.task("        ")
			}
			g.b.WriteString("      rescue:\n")
			g.task("        ")
			g.b.WriteString("      always:\n")
			g.task("        ")
			continue
		}
		g.task("    ")
	}
	return g.b.String()
}

// snapshot is a folder as text: kinds, modes, targets and contents.
func snapshot(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		fmt.Fprintf(&b, "%s %s", rel, st.Mode())
		switch {
		case st.Mode().IsRegular():
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", text)
		case st.Mode()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(p)
			fmt.Fprintf(&b, " -> %s", strings.TrimPrefix(to, root))
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// playOnce runs a playbook on empty folders, one per host, with or without looking
// ahead.
func playOnce(t *testing.T, dir, book, hosts string, noAhead bool, runs int) (state string, lines []string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	for h := range strings.SplitSeq(strings.TrimSuffix(hosts, ","), ",") {
		for _, folder := range map[string][]string{"h1": {"d"}, "h2": {"d", "a"}, "h3": {"d/b", "l"}}[h] { // so that they part
			if err := os.MkdirAll(filepath.Join(root, h, folder), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := &app{in: strings.NewReader(""), out: &strings.Builder{}, err: &strings.Builder{}, env: func(string) (string, bool) { return "", false }}
	rec := &recorder{}
	for range runs {
		f := &runFlags{projectFlags: projectFlags{inventory: []string{hosts}, extra: []string{"root=" + root + "/{{ inventory_hostname }}"}}, passphraseFD: -1}
		s, err := a.open(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		books, err := s.loader.Load(book)
		if err != nil {
			t.Fatal(err)
		}
		s.sink = rec
		opt := s.options()
		opt.NoAhead = noAhead
		if _, err := runner.New(opt).Run(t.Context(), books...); err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range rec.lines {
		rec.lines[i] = strings.ReplaceAll(l, root, "ROOT")
	}
	host := func(l string) string { return strings.Fields(l)[0] }
	slices.SortStableFunc(rec.lines, func(x, y string) int { return strings.Compare(host(x), host(y)) })
	return snapshot(t, root), rec.lines
}

// TestChainsEqualOneTaskAtATime is the promise of look-ahead and guarded
// chains: the same end state and the same statuses as one task at a time.
func TestChainsEqualOneTaskAtATime(t *testing.T) {
	books := 30
	if testing.Short() {
		books = 6
	}
	for seed := range books {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := &generator{Rand: rand.New(rand.NewPCG(uint64(seed), 7))}
			dir := t.TempDir()
			book := filepath.Join(dir, "book.yaml")
			writeFile(t, filepath.Join(dir, "t.j2"), "line {{ n }}\n")
			writeFile(t, filepath.Join(dir, "inc.yml"), "- name: inner\n  template: {src: t.j2, dest: '{{ root }}/a'}\n  ignore_errors: true\n- name: inner two\n  command: {cmd: 'mkdir {{ root }}/c', creates: '{{ root }}/c'}\n  ignore_errors: true\n")
			hosts, strategy := "h1,", "linear"
			if seed%3 == 2 {
				hosts, strategy = "h1,h2,h3,", []string{"linear", "free"}[seed%2]
			}
			writeFile(t, book, g.book(strategy))
			wantState, want := playOnce(t, dir, book, hosts, true, 2)
			gotState, got := playOnce(t, dir, book, hosts, false, 2)
			if gotState != wantState {
				t.Errorf("end state differs\n--- one at a time\n%s--- chained\n%s", wantState, gotState)
			}
			for i := range max(len(got), len(want)) {
				var x, y string
				if i < len(want) {
					x = want[i]
				}
				if i < len(got) {
					y = got[i]
				}
				if x != y {
					t.Fatalf("report %d differs\none at a time: %s\nchained:       %s\n%s", i, x, y, g.b.String())
				}
			}
		})
	}
}
