package keys

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
)

// pushNewest proves every newest copy of the shelf on the host.
func (t keyringTask) pushNewest(ctx context.Context, w host.Writer, store custody.Store, a keyringArgs) ([]byte, error) {
	o, err := t.d.Open(ctx, store, a.Project, a.host)
	if err != nil {
		return nil, err
	}
	if len(o.Tips) == 0 {
		return nil, guard.Refuse(a.object(), "put tasks with action: make and action: seal before this one", "nothing is sealed yet")
	}
	for _, c := range o.Tips {
		if err := t.d.PushCopy(ctx, w, a.folder(), c, o); err != nil {
			return nil, err
		}
		if err := store.Advance(c); err != nil {
			return nil, err
		}
	}
	t.d.Session.Touch()
	return doneOf(o.Tips[len(o.Tips)-1], a.folder()).json()
}

// second keeps the sealed files in another folder off the server: what push
// does when the server must hold nothing to guess at.
func (t keyringTask) second(a keyringArgs, s host.Seen) (play.Plan, error) {
	have, err := host.Get(s, t.shelf(a))
	if err != nil {
		return play.Plan{}, err
	}
	to := custody.Store{Dir: t.d.Path(a.SecondCopy)}
	there, err := host.Get(s, t.d.ShelfFact(to.Dir, a.Project, a.host))
	if err != nil {
		return play.Plan{}, err
	}
	if n := len(have.Tips); n > 0 && there.Has(have.Tips[n-1].Name) {
		return play.Plan{Result: shelfResult(have, false), Local: true, Note: to.Dir + " has " + have.Tips[n-1].Name + " already"}, nil
	}
	return play.Plan{
		Local: true, Result: shelfResult(have, true),
		Steps: []host.Step{guard.Act{What: "copy the sealed keyring to " + to.Dir + " and open what was copied", Run: func(ctx context.Context, _ host.Writer) ([]byte, error) {
			return t.copyTo(ctx, to, a)
		}}},
		Finish: guard.Finish(sealedResult),
	}, nil
}

func (t keyringTask) copyTo(ctx context.Context, to custody.Store, a keyringArgs) ([]byte, error) {
	store := t.d.Store(a.KeysDir)
	if one, err := sameDir(store.Dir, to.Dir); err != nil || one {
		return nil, errors.Join(err, guard.Refuse(to.Dir, "name a folder on another disk", "it is the folder of the first copy"))
	}
	o, err := t.d.Open(ctx, store, a.Project, a.host)
	if err != nil {
		return nil, err
	}
	shelf, err := store.Load(t.d.Sealer, a.Project, a.host)
	if err != nil {
		return nil, err
	}
	for _, c := range shelf.Copies {
		if _, err := to.Commit(c.Copy, c.Manifest); err != nil {
			return nil, err
		}
	}
	for _, c := range o.Tips {
		if err := t.d.ProvedOnDisk(ctx, to, c, o.Keyring, o.Passphrase); err != nil {
			return nil, err
		}
	}
	t.d.Session.Touch()
	return doneOf(o.Tips[len(o.Tips)-1], to.Folder(a.Project, a.host)).json()
}

func sameDir(a, b string) (bool, error) {
	if err := errors.Join(os.MkdirAll(a, 0o700), os.MkdirAll(b, 0o700)); err != nil {
		return false, err
	}
	ia, err := os.Stat(a)
	ib, err2 := os.Stat(b)
	if err := errors.Join(err, err2); err != nil {
		return false, err
	}
	return os.SameFile(ia, ib), nil
}

// importCopy brings the server's sealed copies to the laptop, opens them, and
// merges them with what is here.
func (t keyringTask) importCopy(a keyringArgs, s host.Seen) (play.Plan, error) {
	have, there, err := t.copies(a, s)
	if err != nil {
		return play.Plan{}, err
	}
	state, name := have.Compare(there)
	switch state {
	case custody.CopiesEqual, custody.CopyMissing:
		return play.Plan{Result: compareResult(have, there, state, false), Note: "the server has nothing that is not here"}, nil
	case custody.CopiesNone:
		return play.Plan{}, guard.Refuse(a.object(), "run setup", "neither the server nor this laptop has a sealed copy")
	case custody.CopyDiffers:
		return play.Plan{}, copyProblem(a, state, name, there.Folder)
	}
	var missing []string
	for _, n := range there.Names() {
		if !have.Has(n) {
			missing = append(missing, n)
		}
	}
	return play.Plan{
		Result: compareResult(have, there, state, true),
		Steps: []host.Step{guard.Act{What: "bring the server's sealed keyring to " + have.Folder, Run: func(ctx context.Context, w host.Writer) ([]byte, error) {
			return t.fetchCopies(ctx, w, a, missing)
		}}},
		Finish: guard.Finish(sealedResult),
	}, nil
}

func (t keyringTask) fetchCopies(ctx context.Context, w host.Writer, a keyringArgs, names []string) ([]byte, error) {
	var copies []seal.StoredCopy
	for _, n := range names {
		c, err := custody.ReadFrom(ctx, w, t.d.Sealer, a.folder(), n)
		if err != nil {
			return nil, err
		}
		copies = append(copies, c)
	}
	o, err := t.d.Import(ctx, t.d.Store(a.KeysDir), a.Project, a.host, copies)
	if err != nil {
		return nil, err
	}
	return doneOf(o.Tips[len(o.Tips)-1], filepath.ToSlash(t.d.Store(a.KeysDir).Folder(a.Project, a.host))).json()
}
