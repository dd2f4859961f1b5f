package stack

import (
	"os"
	"path/filepath"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/local"
)

// TestRecordOfAMove: the record says that a migration has not come to its end.
func TestRecordOfAMove(t *testing.T) {
	c := local.New("h", nil, local.Options{})
	t.Cleanup(func() { _ = c.Close() })
	w := &host.Worker{Host: "h", Conn: c, Kept: &host.Kept{}}
	for state, want := range map[string]string{"begun": "begun", "frozen": "frozen", "made": "made", "copied": "copied", "proved": "proved", "cut": "", "done": "", "rolled": "", "": ""} {
		dir := t.TempDir()
		write(t, dir, "init", []byte("remoterun init record 1\nvolume v\nid 1\nstate done\n"))
		if state != "" {
			if err := os.Mkdir(filepath.Join(dir, "move"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "move"), "record.json", []byte("{\n \"format\": 1,\n \"state\": \""+state+"\",\n \"cluster\": {\n  \"state\": \"made\",\n  \"x\": 1\n }\n}\n"))
		}
		f := RecordAt(dir)
		a, err := f.Q.Ask(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		r, err := f.Parse(a)
		if err != nil || r.Moving != want || !r.Done() {
			t.Errorf("%s: %+v %v", state, r, err)
		}
	}
}

// TestRecordLeft: after a rollback the encrypted cluster is nobody's any more.
func TestRecordLeft(t *testing.T) {
	r, err := parseRecordText("/x", "volume v\nid 1\nstate left\n")
	if err != nil || !r.Left() || r.Done() || r.Begun() {
		t.Errorf("%+v %v", r, err)
	}
}
