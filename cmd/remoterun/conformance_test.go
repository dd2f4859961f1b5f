package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"remoterun/runner"
	"remoterun/runner/event"
	"remoterun/runner/value"
)

var renew = flag.Bool("renew", false, "write what remoterun reports into testdata/conformance/ours where it differs from Ansible")

// reporter keeps what a run reported in the form that testdata/conformance/record
// writes for Ansible: HOST, TASK, STATUS, ITEM, MESSAGE with tabs between.
type reporter struct {
	mu    sync.Mutex
	lines []string
}

func (r *reporter) line(words ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, strings.Join(words, "\t"))
}

func (r *reporter) Event(_ time.Time, e event.Event) {
	switch e := e.(type) {
	case event.Included:
		r.line(e.Host, "included", filepath.Base(e.Path), "", "")
	case event.PlayNoHosts:
		r.line("-", "no hosts matched", "", "", "")
	case event.ItemResult:
		label := strings.ReplaceAll(e.Label, "\n", " ")
		if e.NoLog {
			label = "None"
		}
		r.result(e.Outcome, string(e.Status), label)
	case event.HostResult:
		status := string(e.Status)
		if e.Status == event.Failed && e.Ignored {
			status += " ignored"
		}
		r.result(e.Outcome, status, "")
	case event.Recap:
		for h, c := range e.Stats.Hosts {
			r.line(h, "RECAP", fmt.Sprintf("ok=%d changed=%d unreachable=%d failed=%d skipped=%d rescued=%d ignored=%d",
				c.OK, c.Changed, c.Unreachable, c.Failed, c.Skipped, c.Rescued, c.Ignored), "", "")
		}
	}
}

func (r *reporter) result(e event.Outcome, status, label string) {
	module := e.Task.Action
	if (module == "include_tasks" || module == "include_role") && (e.Status == event.OK || e.Status == event.Changed) {
		return
	}
	r.line(e.Host, e.Task.Name, status, label, message(e, module))
}

// message is what a task that speaks said. The words of mistakes are not held
// against Ansible's.
func message(e event.Outcome, module string) string {
	if e.NoLog {
		return "no_log"
	}
	_, loop := e.Result.Lookup("results")
	if module != "debug" && module != "assert" && module != "fail" || e.Status == event.Skipped || loop {
		return ""
	}
	if _, judged := e.Result.Lookup("assertion"); e.Status == event.Failed && module != "fail" && !judged {
		return ""
	}
	shown, ok := e.Result.Lookup("msg")
	switch shown.Kind() {
	case value.KindList, value.KindTuple, value.KindMap:
	default: // whether a template keeps numbers is not held here
		shown = value.String(value.Str(shown))
	}
	if !ok {
		m := value.NewMap()
		for k, v := range e.Result.All() {
			switch value.Str(k) {
			case "changed", "failed", "item", "ansible_loop_var", "failed_when_result":
			default:
				m.Set(k, v)
			}
		}
		shown = value.FromMap(m)
	}
	text, err := value.JSON(shown, value.JSONStyle{SortKeys: true, KeepUTF8: true, Compact: true})
	if err != nil {
		return err.Error()
	}
	return text
}

// report runs one playbook and returns its report. oneByOne looks at no task
// ahead of its turn.
func report(t *testing.T, dir, book string, args []string, head header, oneByOne bool) string {
	t.Helper()
	tmp := t.TempDir()
	out := reportRun(t, dir, book, tmp, args, head, oneByOne)
	if head.again {
		out += "AGAIN\n" + reportRun(t, dir, book, tmp, args, head, true)
	}
	return out
}

// reportRun is one of the runs that a report is made of.
func reportRun(t *testing.T, dir, book, tmp string, args []string, head header, oneByOne bool) string {
	t.Helper()
	var printed strings.Builder
	a := &app{in: strings.NewReader(""), out: &printed, err: &printed, env: func(string) (string, bool) { return "", false }}
	a.terminal = func() (terminal, error) { return nil, errors.New("no terminal in this test") }
	var f runFlags
	c := &cobra.Command{}
	f.add(c)
	for k := 1; k < len(args); k++ {
		if args[k-1] == "-i" {
			args = slices.Clone(args)
			args[k] = filepath.Join(dir, args[k])
		}
	}
	if err := c.ParseFlags(append([]string{"-i", filepath.Join(dir, "hosts"), "-e", "tmp=" + tmp}, args...)); err != nil {
		t.Fatal(err)
	}
	s, err := a.open(t.Context(), &f)
	if err != nil {
		t.Fatal(err)
	}
	books, err := s.loader.Load(filepath.Join(dir, book))
	if err != nil {
		return strings.ReplaceAll(fmt.Sprintf("%v\nEXIT\t%d\n", err, exitUsage), dir, "DIR")
	}
	s.inv = s.inv.Beside(dir)
	rec := &reporter{}
	s.sink = rec
	world, wishes := s.world(), s.wishes()
	wishes.NoAhead = oneByOne
	st, err := runner.New(world, wishes).Run(t.Context(), books...)
	code := s.code(st)
	if err != nil {
		rec.line("-", "ERROR", err.Error(), "", "")
		code = exitError
	}
	host := func(l string) string { h, _, _ := strings.Cut(l, "\t"); return h }
	slices.SortStableFunc(rec.lines, func(x, y string) int { return strings.Compare(host(x), host(y)) })
	rec.line("EXIT", fmt.Sprint(code))
	names := strings.NewReplacer(tmp, "TMP", dir, "DIR")
	out := names.Replace(strings.Join(rec.lines, "\n")) + "\n"
	if !head.treeless {
		out += tree(t, tmp, names, head.unheld)
	}
	return out
}

// TestConformance holds what remoterun reports against what ansible-playbook
// 2.14 reported for the same playbooks. Where it differs on purpose, the report
// stands in testdata/conformance/ours, with the heading of docs/playbooks.md that
// gives the reason in its first line.
func TestConformance(t *testing.T) {
	dir, err := filepath.Abs("testdata/conformance")
	if err != nil {
		t.Fatal(err)
	}
	books, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(books) < 30 {
		t.Fatalf("%d playbooks, %v", len(books), err)
	}
	doc, err := os.ReadFile("../../docs/playbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(filepath.Join(dir, "record", "no_tree"))
	if err != nil {
		t.Fatal(err)
	}
	treeless := strings.Fields(string(list))
	for _, book := range books {
		name := strings.TrimSuffix(filepath.Base(book), ".yaml")
		head := headerOf(t, book)
		head.treeless = slices.Contains(treeless, name)
		for k, args := range head.args {
			run := fmt.Sprintf("%s.%d", name, k+1)
			t.Run(run, func(t *testing.T) {
				t.Parallel()
				got := report(t, dir, name+".yaml", args, head, false)
				compareReport(t, dir, run, got, string(doc))
				if head.again { // its second run was of that kind
					return
				}
				if plain := report(t, dir, name+".yaml", args, head, true); plain != got {
					t.Errorf("one task at a time reports other things than with look-ahead (- one at a time, + ahead):\n%s", difference(plain, got))
				}
			})
		}
	}
}

// header is what the comments of a playbook say to the test: the command lines
// that it is run with, whether each is run a second time (which is then the one
// that looks at no task ahead), and the files whose content is drawn anew in every
// run.
type header struct {
	args   [][]string
	again  bool
	unheld []string
	// treeless says that Ansible's run was recorded without what it left.
	treeless bool
}

func headerOf(t *testing.T, book string) header {
	t.Helper()
	text, err := os.ReadFile(book)
	if err != nil {
		t.Fatal(err)
	}
	var h header
	for l := range strings.Lines(string(text)) {
		if args, ok := strings.CutPrefix(l, "# args:"); ok {
			h.args = append(h.args, strings.Fields(args))
		}
		if globs, ok := strings.CutPrefix(l, "# unheld:"); ok {
			h.unheld = strings.Fields(globs)
		}
		h.again = h.again || strings.HasPrefix(l, "# again")
	}
	if h.args == nil {
		h.args = [][]string{nil}
	}
	return h
}

func compareReport(t *testing.T, dir, run, got, doc string) {
	t.Helper()
	theirs, err := os.ReadFile(filepath.Join(dir, "want", run+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "ours", run+".txt")
	ours, err := os.ReadFile(file)
	want := string(theirs)
	if err == nil { // a difference on purpose
		reason, rest, _ := strings.Cut(string(ours), "\n")
		heading := strings.TrimPrefix(reason, "# ")
		if rest == want {
			t.Errorf("%s differs from Ansible no longer: remove it", file)
		}
		if !strings.Contains(doc, "### "+heading+"\n") {
			t.Errorf("%s: docs/playbooks.md has no heading %q", file, heading)
		}
		want = rest
		if *renew && got != rest {
			writeFile(t, file, reason+"\n"+got)
			return
		}
	}
	if got != want {
		t.Errorf("it reports other things than expected (- missing, + not expected):\n%s", difference(want, got))
	}
}

// difference marks the lines that are missing (-) and those that are too many (+).
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out strings.Builder
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(a) > 0 && len(b) > 0 && a[0] == b[0]:
			a, b = a[1:], b[1:]
		case len(a) > 0 && (len(b) == 0 || !slices.Contains(b, a[0])):
			fmt.Fprintf(&out, "- %s\n", a[0])
			a = a[1:]
		case len(b) > 0 && (len(a) == 0 || !slices.Contains(a, b[0])):
			fmt.Fprintf(&out, "+ %s\n", b[0])
			b = b[1:]
		default:
			fmt.Fprintf(&out, "- %s\n+ %s\n", a[0], b[0])
			a, b = a[1:], b[1:]
		}
	}
	return out.String()
}
