package journal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"remoterun/runner/journal"
	"remoterun/runner/secret"
)

func TestAnUnfinishedStepIsSeen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	red := secret.NewRedactor()
	red.Add([]byte("canary-secret"))
	j, err := journal.Open(dir, "anna@one", "unlock prod", red)
	if err != nil {
		t.Fatal(err)
	}
	end := j.Begin("h1", []journal.Work{{Task: "write", Steps: []string{"write /etc/x with canary-secret"}}})
	j.Begin("h2", []journal.Work{{Task: "cut", Steps: []string{"mkdir /x"}}})
	end(0, "done")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	runs := journal.Runs(dir)
	if len(runs) != 1 {
		t.Fatalf("runs = %v", runs)
	}
	path := filepath.Join(dir, runs[0])
	raw, _ := os.ReadFile(path)
	if strings.Contains(string(raw), "canary") {
		t.Errorf("the journal holds a secret: %s", raw)
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v", st.Mode())
	}
	if err := os.WriteFile(path, append(raw, `{"host":"cut`...), 0o600); err != nil {
		t.Fatal(err)
	}
	entries, err := journal.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	open := map[int]string{}
	for _, e := range entries {
		switch {
		case e.Steps != nil:
			open[e.ID] = e.Host
		case e.Outcome != "":
			delete(open, e.ID)
		}
	}
	if len(entries) != 4 || len(open) != 1 || open[2] != "h2" {
		t.Errorf("entries = %+v, open = %v", entries, open)
	}
}
