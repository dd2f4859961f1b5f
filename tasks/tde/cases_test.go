package tde

import (
	"path/filepath"
	"testing"

	"remoterun/tasks"
	"remoterun/tasks/tasktest"
	"remoterun/tasks/tde/tdetest"
)

func TestDataCases(t *testing.T) {
	for _, m := range All(testDeps(t, &tdetest.Typist{})) {
		t.Run(m.Spec().Name, func(t *testing.T) { tasktest.Cases(t, m) })
	}
}

// TestHostsThatLie: whatever comes as an answer to any question of any module, or is
// printed by any of its steps, ends as that host's result.
func TestHostsThatLie(t *testing.T) {
	for _, m := range All(testDeps(t, &tdetest.Typist{})) {
		t.Run(m.Spec().Name, func(t *testing.T) { tasktest.Lies(t, filepath.Join("testdata", m.Spec().Name), m) })
	}
}

// TestDocs: every module has a page whose table of arguments is the code's, and
// whose examples bind.
func TestDocs(t *testing.T) {
	all := All(testDeps(t, &tdetest.Typist{}))
	r := tasks.NewRegistry(append(tasks.All(), all...)...)
	for _, m := range all {
		t.Run(m.Spec().Name, func(t *testing.T) {
			tasktest.Docs(t, filepath.Join("..", "..", "docs", "modules"), m, r.Find, *update)
			if m.Spec().Short == "" {
				t.Error("the module says nothing of itself")
			}
		})
	}
}
