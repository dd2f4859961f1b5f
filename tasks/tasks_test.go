package tasks_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"remoterun/runner/host"
	"remoterun/tasks"
	"remoterun/tasks/tasktest"
)

func update() bool { return flag.Lookup("update").Value.String() == "true" }

func TestMain(m *testing.M) {
	racing()
	flag.Bool("update", false, "write the tables of docs/modules anew")
	flag.Parse()
	os.Exit(m.Run())
}

// TestDataCases and TestDocs are the count: every module of All has cases in
// testdata and a checked page.
func TestDataCases(t *testing.T) {
	for _, m := range tasks.All() {
		t.Run(m.Spec().Name, func(t *testing.T) { tasktest.Cases(t, m) })
	}
}

// TestHostsThatLie: whatever comes as an answer to any question of any module, or is
// printed by any of its steps, ends as that host's result.
func TestHostsThatLie(t *testing.T) {
	for _, m := range tasks.All() {
		t.Run(m.Spec().Name, func(t *testing.T) { tasktest.Lies(t, filepath.Join("testdata", m.Spec().Name), m) })
	}
}

func TestDocs(t *testing.T) {
	r := tasks.NewRegistry(tasks.All()...)
	for _, m := range r.Modules() {
		t.Run(m.Spec().Name, func(t *testing.T) {
			tasktest.Docs(t, filepath.Join("..", "docs", "modules"), m, r.Find, update())
			if m.Spec().Short == "" {
				t.Error("the module says nothing of itself")
			}
		})
	}
}

func TestNothingIsLeftOver(t *testing.T) {
	r := tasks.NewRegistry(tasks.All()...)
	dirs, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if _, ok := r.Find(d.Name()); !ok && d.IsDir() && d.Name() != "fuzz" {
			t.Errorf("testdata/%s belongs to no module", d.Name())
		}
	}
}

// TestProbesCannotWrite is the control of what every other test rests on:
// where questions are asked, nothing can be written.
func TestProbesCannotWrite(t *testing.T) {
	h := tasktest.NewHost(t, nil)
	p := filepath.Join(t.TempDir(), "f")
	for name, conn := range map[string]host.Conn{"asked": h.Ask, "run": h.Conn} {
		s, err := conn.Shell(t.Context(), host.As{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Run(t.Context(), host.NewProbe(`echo x >"$1"`, p).Cmd())
		if _, there := os.Stat(p); err != nil || (out.Status == 0) != (name == "run") || (there == nil) != (name == "run") {
			t.Errorf("%s: status %d, %v, %v", name, out.Status, err, there)
		}
		_ = os.Remove(p)
	}
}

// TestSuite is what every module has to pass: docs/extending.md.
func TestSuite(t *testing.T) {
	for _, m := range tasks.All() {
		t.Run(m.Spec().Name, func(t *testing.T) { tasktest.Suite(t, "testdata", m) })
	}
}
