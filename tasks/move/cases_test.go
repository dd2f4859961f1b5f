package move

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"remoterun/tasks"
	"remoterun/tasks/tasktest"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the tables of docs/modules anew")
	flag.Parse()
	os.Exit(m.Run())
}

// TestDocs: every module has a page whose table of arguments is the code's.
func TestDocs(t *testing.T) {
	all := All(Deps{})
	r := tasks.NewRegistry(append(tasks.All(), all...)...)
	for _, m := range all {
		update := flag.Lookup("update").Value.String() == "true"
		tasktest.Docs(t, filepath.Join("..", "..", "docs", "modules"), m, r.Find, update)
	}
}
