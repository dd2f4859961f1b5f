package keys

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"remoterun/runner/disk"
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
)

// sheet writes the recovery sheet of the newest sealed copy.
func (t keyringTask) sheet(a keyringArgs, s host.Seen) (play.Plan, error) {
	have, err := host.Get(s, t.shelf(a))
	if err != nil {
		return play.Plan{}, err
	}
	dir := t.d.Path(a.ReportsDir)
	written := custody.LaptopFact(t.d.Session, func(context.Context) (bool, error) { return t.sheetIsThere(a, dir) }, "sheet", dir, a.KeysDir, a.Project, a.host)
	there, err := host.Get(s, written)
	if err != nil {
		return play.Plan{}, err
	}
	if there {
		return play.Plan{Result: shelfResult(have, false), Local: true, Note: "the recovery sheet is there already"}, nil
	}
	return play.Plan{
		Local: true, Result: shelfResult(have, true),
		Steps:  []host.Step{guard.Act{What: "write the recovery sheet into " + dir, Run: func(_ context.Context, w host.Writer) ([]byte, error) { return t.writeSheet(w, a, dir) }}},
		Finish: guard.Finish(sealedResult),
	}, nil
}

func (t keyringTask) sheetOf(a keyringArgs, dir string) (file string, c seal.StoredCopy, err error) {
	shelf, err := t.d.Store(a.KeysDir).Load(t.d.Sealer, a.Project, a.host)
	if err != nil {
		return "", c, err
	}
	c, ok, err := shelf.Newest()
	if err == nil && !ok {
		err = guard.Refuse(a.object(), "run setup", "nothing is sealed yet")
	}
	return filepath.Join(dir, seal.RingID(a.Project, a.host)+"-recovery-"+c.Name+".txt"), c, err
}

func (t keyringTask) sheetIsThere(a keyringArgs, dir string) (bool, error) {
	file, c, err := t.sheetOf(a, dir)
	var r *guard.Refusal
	if errors.As(err, &r) && c.Name == "" {
		return false, nil // before the first seal of a check run
	}
	if err != nil {
		return false, err
	}
	old, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return bytes.Equal(old, seal.Sheet(c)), err
}

func (t keyringTask) writeSheet(w host.Writer, a keyringArgs, dir string) ([]byte, error) {
	file, c, err := t.sheetOf(a, dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := disk.Write(file, seal.Sheet(c), 0o600); err != nil {
		return nil, err
	}
	t.d.Session.Touch()
	w.Say("print " + file + ", keep a copy of " + t.d.Path(a.KeysDir) + " elsewhere; next: remoterun unlock " + a.host)
	x := doneOf(c, dir)
	x.File = file
	return x.json()
}
