package keys

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	there, err := guard.Ask(ctx, w, custody.Server(a.StateDir, a.Project))
	if err != nil {
		return nil, err
	}
	for _, c := range o.Tips {
		put := t.d.PushCopy
		if there.Differs(c) && t.d.Yes {
			put = t.d.Mend
		}
		if err := put(ctx, w, a.folder(), c, o); err != nil {
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
// merges them with what is here. What is damaged or gone here comes from there.
func (t keyringTask) importCopy(a keyringArgs, s host.Seen) (play.Plan, error) {
	loose, server := t.d.LooseFact(a.KeysDir, a.Project, a.host), custody.Server(a.StateDir, a.Project)
	if err := host.All(s, loose.Q, server.Q); err != nil {
		return play.Plan{}, err
	}
	have, err := host.Get(s, loose)
	if err != nil {
		return play.Plan{}, err
	}
	there, err := host.Get(s, server)
	if err != nil {
		return play.Plan{}, err
	}
	var missing, lost []string
	for _, n := range there.Names() {
		if !have.Has(n) {
			missing = append(missing, n)
		}
	}
	differing := have.Differing(there)
	for _, n := range append(slices.Clone(have.Damaged), have.Head) {
		if n != "" && !have.Has(n) && !slices.Contains(missing, n) {
			lost = append(lost, n)
		}
	}
	switch {
	case len(lost) > 0:
		return play.Plan{}, guard.Refuse(have.Folder, "restore it from git, a backup of the laptop, or a recovery sheet: remoterun key import SHEET",
			"%s is damaged or gone here, and the server has no copy of it (it has %s)", lost[0], cmp.Or(strings.Join(there.Names(), ", "), "none"))
	case len(missing) == 0 && len(have.Names) == 0:
		return play.Plan{}, guard.Refuse(a.object(), "next: remoterun setup "+a.host, "neither the server nor this laptop has a sealed copy")
	case len(missing) == 0 && len(differing) > 0: // which one is right, opening says
	case len(missing) == 0 && have.Head == "" && !slices.Contains(there.Names(), have.Names[len(have.Names)-1]):
		return play.Plan{}, guard.Refuse(have.Folder, "restore HEAD from git, or: remoterun key import FOLDER, with another copy of the folder, or a recovery sheet",
			"HEAD is gone, and the server has no copy to compare with")
	case len(missing) == 0 && have.Head != "":
		return play.Plan{Result: compareResult(have, there, custody.CopiesEqual, false), Note: "the server has nothing that is not here"}, nil
	}
	return play.Plan{
		Result: compareResult(have, there, custody.CopyNewer, true),
		Steps: []host.Step{guard.Do("bring the server's sealed keyring to "+have.Folder, func(ctx context.Context, w host.Writer) ([]byte, error) {
			return t.fetchCopies(ctx, w, a, missing, differing)
		})},
		Finish: guard.Finish(sealedResult),
	}, nil
}

func (t keyringTask) fetchCopies(ctx context.Context, w host.Writer, a keyringArgs, names, differing []string) ([]byte, error) {
	var copies []seal.StoredCopy
	for _, n := range names {
		c, err := custody.ReadFrom(ctx, w, t.d.Sealer, a.folder(), n)
		if err != nil {
			return nil, err
		}
		copies = append(copies, c)
	}
	for _, n := range differing {
		if c, err := custody.ReadFrom(ctx, w, t.d.Sealer, a.folder(), n); err == nil {
			copies = append(copies, c)
		}
	}
	o, err := t.d.Import(ctx, t.d.Store(a.KeysDir), a.Project, a.host, copies)
	if err != nil {
		return nil, err
	}
	return doneOf(o.Tips[len(o.Tips)-1], filepath.ToSlash(t.d.Store(a.KeysDir).Folder(a.Project, a.host))).json()
}
