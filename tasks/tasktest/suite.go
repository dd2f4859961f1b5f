package tasktest

import (
	"testing"

	"remoterun/runner/play"
)

// Suite is what every module has to pass: its data cases and its live cases
// (see Case and Live), each planned twice with equal results, and among them
// every argument and every choice. cases is the folder that holds a folder per
// module, "testdata" beside the list of modules.
func Suite(t *testing.T, cases string, m play.Module) {
	t.Helper()
	dir := cases + "/" + m.Spec().Name
	t.Run("data", func(t *testing.T) { CasesIn(t, dir, m) })
	t.Run("live", func(t *testing.T) { LiveIn(t, dir+"/live", m) })
	t.Run("reach", func(t *testing.T) { Reach(t, dir, m) })
}
