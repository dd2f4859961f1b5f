package move

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/tasktest"
)

// talk is a whole move with one host: which project of it, and where.
type talk struct{ project, dir, image string }

// phases are what is talked about, in order. A phase that is refused is the end.
func (talk) phases() []string {
	return []string{"doctor", "look", "preflight", "rehearse", "backup", "freeze", "target", "copy", "proof", "cut_over", "smoke", "done", "rollback", "preflight", "backup", "freeze", "target", "copy", "proof", "cut_over", "smoke", "done", "scrub"}
}

// with goes through the phases with a host.
func (k talk) with(t *testing.T, c host.Conn) error {
	reader, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	reports := t.TempDir()
	d := Deps{Dir: func() string { return reports }, By: "anna@laptop", Yes: true}
	for _, ph := range k.phases() {
		args := []any{"project", value.String(k.project), "compose_dir", value.String(k.dir), "service", value.String("db"), "image", value.String(k.image)}
		m := pgDoctor(d.Filled())
		if ph != "doctor" {
			m = moveDatabase(d.Filled())
			args = append(args, "phase", value.String(ph), "backup_recipients", value.List(value.String(reader.Recipient().String())))
		}
		o, err := tasktest.Apply(t.Context(), tasktest.Host{Conn: c}, m, value.MapOf(args...), false)
		if err != nil || o.Result.Failed && ph != "doctor" {
			return fmt.Errorf("%s: %w", ph, errors.Join(err, failure(o.Result)))
		}
	}
	return nil
}

func failure(r play.Result) error {
	if !r.Failed {
		return nil
	}
	return errors.New(r.Msg)
}

const talkFile = "testdata/upgrade.json.gz"

// TestHostsThatLie: whatever a host says at whichever moment of a move, from the doctor
// to the scrub, ends as that host's result. What an honest host said was recorded by
// TestRealTalk -update.
func TestHostsThatLie(t *testing.T) {
	all, err := tasktest.Heard(talkFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 || len(all[0].Args) != 3 {
		t.Fatalf("%s says nothing of its project", talkFile)
	}
	k := talk{all[0].Args[0], all[0].Args[1], all[0].Args[2]}
	tasktest.LiesIn(t, all[1:], k.with)
}

// TestRealTalk is the same move with a real host.
func TestRealTalk(t *testing.T) {
	l := newLab(t, 16, 17)
	k := talk{l.project, l.dir, l.to}
	r := &tasktest.Recorder{Conn: l.conn}
	r.Note(k.project, k.dir, k.image)
	if err := k.with(t, r); err != nil {
		t.Fatal(err)
	}
	l.nothingLost()
	if flag.Lookup("update").Value.String() == "true" {
		l.must(r.Save(filepath.FromSlash(talkFile)))
	}
}
