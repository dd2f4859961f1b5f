package move

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	plain "remoterun/tasks/move"
	"remoterun/tasks/tde/stack"
)

// TestVolumeOfAnEarlierMove: a volume that is not empty is gone on with when it is of
// this move or of any that was rolled back, however many there were; one of somebody
// else is refused. It is tried on a docker that is played.
func TestVolumeOfAnEarlierMove(t *testing.T) {
	enc := &encrypted{stack: stack.Stack{Project: "app"}}
	volume := enc.stack.Volume()
	for name, c := range map[string]struct {
		label, id, old string // this move's, the volume's, and VOLUME=ID of those before
		init           string // the record of init
		empty, gone    bool
		want           string
	}{
		"this move's":          {label: "a1", id: "a1"},
		"rolled back once":     {id: "a1", old: volume + "=a1"},
		"rolled back twice":    {id: "a2", old: volume + "=a1 " + volume + "=a2"},
		"three times":          {id: "a3", old: volume + "=a1 " + volume + "=a2 other=b1 " + volume + "=a3"},
		"ended before it made": {label: "a4", id: "a2", old: volume + "=a1 " + volume + "=a2"},
		"making was begun":     {id: "a5", init: "state begun\nid a5\n"},
		"there is none":        {gone: true},
		"empty":                {id: "x", empty: true},
		"somebody else's":      {id: "x", old: volume + "=a1", want: "is not empty, and no move made it"},
		"without a label":      {old: volume + "=a1", want: "is not empty, and no move made it"},
		"label of another one": {id: "b1", old: "other=b1", want: "is not empty, and no move made it"},
		"nameless rolled back": {old: volume + "=", want: "is not empty, and no move made it"},
		"made, and another's":  {id: "a5", init: "state made\nid a5\n", want: "is not empty, and no move made it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			data := filepath.Join(dir, "data")
			files := map[string]string{
				"docker": "#!/bin/sh\ncase $* in\n*'-f x'*) " + map[bool]string{true: "echo 'No such volume' >&2; exit 1", false: "exit 0"}[c.gone] +
					" ;;\n*Labels*) echo '" + c.id + "' ;;\n*Options*) echo ;;\n*Mountpoint*) echo '" + data + "' ;;\nesac\n",
				"init": c.init, "data/PG_VERSION": "17\n",
			}
			if c.empty {
				delete(files, "data/PG_VERSION")
			}
			if err := os.Mkdir(data, 0o700); err != nil {
				t.Fatal(err)
			}
			for f, text := range files {
				if err := os.WriteFile(filepath.Join(dir, f), []byte(text), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			r := &plain.Record{New: plain.New{Label: c.label, Old: c.old}}
			cmd := exec.Command("sh", "-c", oursText, "sh", volume, enc.labels(r), dir)
			cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
			out, err := cmd.CombinedOutput()
			if (err != nil) != (c.want != "") || !strings.Contains(string(out), c.want) {
				t.Errorf("%v %q, want %q", err, out, c.want)
			}
		})
	}
	r := &plain.Record{New: plain.New{Old: volume + "=a1 other=b1 " + volume + "=a2"}}
	if enc.forget(r); r.New.Old != "other=b1" {
		t.Errorf("what was wiped is still known: %q", r.New.Old)
	}
}
