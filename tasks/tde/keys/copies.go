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

// elsewhere is what could be imported, beside what is here.
type elsewhere struct {
	have, second custody.ShelfInfo
	there        custody.ServerCopy
	fromServer   []string // are on the server and not here
	fromSecond   []string // are in the second folder and in neither
	differing    []string // are on the server with other bytes
	lost         []string // should be here, and are nowhere
}

func (t keyringTask) secondShelf(a keyringArgs, s host.Seen) (custody.ShelfInfo, error) {
	if a.SecondCopy == "" {
		return custody.ShelfInfo{}, nil
	}
	return host.Get(s, t.d.LooseFact(t.d.Path(a.SecondCopy), a.Project, a.host))
}

func (t keyringTask) elsewhere(a keyringArgs, s host.Seen) (e elsewhere, err error) {
	loose, server := t.d.LooseFact(a.KeysDir, a.Project, a.host), custody.Server(a.StateDir, a.Project)
	if err = host.All(s, loose.Q, server.Q); err != nil {
		return e, err
	}
	if e.have, err = host.Get(s, loose); err != nil {
		return e, err
	}
	if e.there, err = host.Get(s, server); err != nil {
		return e, err
	}
	if e.second, err = t.secondShelf(a, s); err != nil {
		return e, err
	}
	for _, n := range e.there.Names() {
		if !e.have.Has(n) {
			e.fromServer = append(e.fromServer, n)
		}
	}
	for _, n := range e.second.Names {
		if !e.have.Has(n) && !slices.Contains(e.fromServer, n) {
			e.fromSecond = append(e.fromSecond, n)
		}
	}
	e.differing = e.have.Differing(e.there)
	for _, n := range append(slices.Clone(e.have.Damaged), e.have.Head) {
		if n != "" && !e.have.Has(n) && !slices.Contains(e.fromServer, n) && !slices.Contains(e.fromSecond, n) {
			e.lost = append(e.lost, n)
		}
	}
	return e, nil
}

// nothing reports that everything that is elsewhere is here.
func (e elsewhere) nothing() bool { return len(e.fromServer)+len(e.fromSecond) == 0 }

// compared reports that another folder has the newest copy that is here, too.
func (e elsewhere) compared() bool {
	newest := e.have.Names[len(e.have.Names)-1]
	return slices.Contains(e.there.Names(), newest) || e.second.Has(newest)
}

// refusal is why an import would not help, and what would.
func (e elsewhere) refusal(a keyringArgs, yes bool) error {
	if e.nothing() && len(e.have.Names) == 0 && len(e.lost) == 0 && e.have.Seen == 0 {
		return guard.Refuse(a.object(), "next: remoterun setup "+a.host, "neither the server nor this laptop has a sealed copy")
	}
	if yes && (!e.nothing() || len(e.have.Names) > 0) {
		return nil
	}
	way, from := custody.LastWayOut, cmp.Or(strings.Join(append(e.there.Names(), e.second.Names...), ", "), "none")
	if !e.nothing() || len(e.have.Names) > 0 {
		way += "; where it is lost for good: remoterun key import " + a.host + " --yes, which goes on with what is there"
	} else if len(e.lost) == 0 {
		way += "; where it is lost for good: remoterun setup " + a.host + " --yes, which makes a new key"
	}
	switch {
	case len(e.lost) > 0:
		return guard.Refuse(e.have.Folder, way, "%s is damaged or gone here, and the server has no copy of it (it has %s)", e.lost[0], from)
	case !e.nothing() || len(e.differing) > 0 || e.have.Mixed: // which one is right, opening says
		return nil
	case len(e.have.Names) == 0:
		return guard.Refuse(e.have.Folder, way, "generation %d was opened here before, and neither this laptop nor the server has a sealed copy now", e.have.Seen)
	case e.have.Back != "":
		return guard.Refuse(e.have.Folder, way, "%s, and the server has nothing that is not here (it has %s)", e.have.Back, from)
	case e.have.Head == "" && !e.compared():
		return guard.Refuse(e.have.Folder, way, "HEAD is gone or cannot be read, and the server has no copy to compare with")
	}
	return nil
}

// importCopy brings the sealed copies of the server, and of the second folder, to the
// laptop, opens them, and merges them with what is here. What is damaged or gone here
// comes from there.
func (t keyringTask) importCopy(a keyringArgs, s host.Seen) (play.Plan, error) {
	e, err := t.elsewhere(a, s)
	if err != nil {
		return play.Plan{}, err
	}
	if err := e.refusal(a, t.d.Yes); err != nil {
		return play.Plan{}, err
	}
	fine := e.have.Head != "" && !e.have.HeadWrong && e.have.Back == "" && !e.have.Mixed && len(e.lost) == 0 && len(e.differing) == 0
	if e.nothing() && fine {
		return play.Plan{Result: compareResult(e.have, e.there, custody.CopiesEqual, false), Note: "the server has nothing that is not here"}, nil
	}
	return play.Plan{
		Result: compareResult(e.have, e.there, custody.CopyNewer, true),
		Steps: []host.Step{guard.Do("bring the sealed keyring from elsewhere to "+e.have.Folder, func(ctx context.Context, w host.Writer) ([]byte, error) {
			return t.fetchCopies(ctx, w, a, e)
		})},
		Finish: guard.Finish(sealedResult),
	}, nil
}

func (t keyringTask) fetchCopies(ctx context.Context, w host.Writer, a keyringArgs, e elsewhere) ([]byte, error) {
	var copies []seal.StoredCopy
	for _, n := range e.fromServer {
		c, err := custody.ReadFrom(ctx, w, t.d.Sealer, a.folder(), n)
		if err != nil {
			return nil, err
		}
		copies = append(copies, c)
	}
	for _, n := range e.fromSecond {
		c, err := seal.ReadCopy(t.d.Sealer, e.second.Folder, n)
		if err != nil {
			return nil, err
		}
		copies = append(copies, c)
	}
	for _, n := range e.differing {
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
