package example

import (
	"strings"
	"testing"

	"remoterun/runner/play"
	"remoterun/tasks/tasktest"
)

// TestExample: the module that docs/extending.md builds passes what every
// module has to, and the page shows the files that are tried here.
func TestExample(t *testing.T) {
	m := Motd()
	tasktest.Suite(t, "testdata", m)
	tasktest.Docs(t, "testdata", m, func(name string) (play.Module, bool) { return m, name == "motd" }, false)
	page := tasktest.ReadFile(t, "../../../docs/extending.md")
	for _, file := range []string{"motd.go", "testdata/motd/cases.yaml", "testdata/motd/live/cases.yaml", "testdata/motd.md"} {
		text := tasktest.ReadFile(t, file)
		if file == "motd.go" {
			_, text, _ = strings.Cut(text, "package example\n")
		}
		if !strings.Contains(page, text) {
			t.Errorf("docs/extending.md does not show %s as it is", file)
		}
	}
}
