package tde

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/value"
)

func randomHex(random io.Reader, n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("random bytes: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// done is what steps tell Finish about a sealed copy.
type done struct {
	Name       string
	Generation int
	KeyringID  string
	Folder     string
	File       string // recovery sheet
	Keys       []Entry
	Note       string
}

func (d done) json() ([]byte, error) { return json.Marshal(d) }

func doneOf(c StoredCopy, folder string) done {
	x := done{Name: c.Name, Generation: c.Manifest.Generation, KeyringID: c.Manifest.KeyringID, Folder: folder}
	for _, k := range c.Manifest.Keys {
		x.Keys = append(x.Keys, Entry{Name: k.Name, Fingerprint: k.Fingerprint, Bits: k.Bits})
	}
	return x
}

// sealedResult is the result of a step that answered a done.
func sealedResult(o host.Output) (play.Result, error) {
	var x done
	if err := json.Unmarshal(o.Stdout, &x); err != nil {
		return play.Result{}, err
	}
	r := play.Result{Changed: true, Data: value.MapOf(
		"name", value.String(x.Name), "generation", value.Int(int64(x.Generation)), "keyring_id", value.String(x.KeyringID),
		"dir", value.String(x.Folder), "keys", entriesValue(x.Keys))}
	if n := len(x.Keys); n > 0 {
		r.Data.Put("wanted", value.String(x.Keys[n-1].Name))
	}
	if x.File != "" {
		r.Data.Put("file", value.String(x.File))
	}
	if x.Note != "" {
		r.Warnings = append(r.Warnings, x.Note)
	}
	return r, nil
}

// sealOpened seals the open keyring as the next generation of the shelf and
// opens what lies on the disk afterwards. A merge keeps its passphrase; a first
// key asks for a new one.
func (d Deps) sealOpened(ctx context.Context, store Store, project, hostname string) ([]byte, error) {
	o, ok := d.Session.Opened(project, hostname)
	if !ok {
		var err error
		if o, err = d.open(ctx, store, project, hostname); err != nil {
			return nil, err
		}
	}
	if !o.Unsealed { // a commit that was cut before HEAD moved
		tip := o.tips[len(o.tips)-1]
		if err := store.Advance(tip); err != nil {
			return nil, err
		}
		d.Session.touch()
		return doneOf(tip, store.Folder(project, hostname)).json()
	}
	pass := o.passphrase
	if pass.IsZero() {
		var err error
		if pass, err = d.Session.forNewKeys(ctx, d, project, hostname); err != nil {
			return nil, err
		}
	}
	c, err := d.nextGeneration(ctx, store, o, pass)
	if err != nil {
		return nil, err
	}
	x := doneOf(c, store.Folder(project, hostname))
	x.Note = passphraseNote(pass)
	return x.json()
}

// nextGeneration seals o.Keyring behind every tip that is on the shelf now,
// commits it, reads it back, opens it, and keeps it open in the session.
func (d Deps) nextGeneration(ctx context.Context, store Store, o Opened, pass secret.Sealed) (StoredCopy, error) {
	shelf, err := store.Load(d.Sealer, o.Project, o.Host)
	if err != nil {
		return StoredCopy{}, err
	}
	tips, err := shelf.Tips()
	if err != nil {
		return StoredCopy{}, err
	}
	if !sameTips(tips, o.tips) {
		return StoredCopy{}, refuse(shelf.Folder, "run it again", "its files changed since they were opened")
	}
	m := o.Manifest
	m.Made, m.By, m.Generation, m.Previous = d.Clock().UTC(), d.By, 1, nil
	for _, tip := range tips {
		m.Generation = max(m.Generation, tip.Manifest.Generation+1)
		m.Previous = append(m.Previous, tip.link())
	}
	sealed, m, err := d.Sealer.Seal(ctx, o.Keyring, pass, m)
	if err != nil {
		return StoredCopy{}, err
	}
	c, err := store.Commit(sealed, m)
	if err != nil {
		return StoredCopy{}, err
	}
	if err := d.provedOnDisk(ctx, store, c, o.Keyring, pass); err != nil {
		return StoredCopy{}, err
	}
	o.Manifest, o.Unsealed, o.tips, o.passphrase = m, false, []StoredCopy{c}, pass
	d.Session.put(o)
	return c, nil
}

// provedOnDisk opens what lies in the folder and compares it with k.
func (d Deps) provedOnDisk(ctx context.Context, store Store, c StoredCopy, k Keyring, pass secret.Sealed) error {
	folder := store.Folder(c.Manifest.Project, c.Manifest.Host)
	back, err := readCopy(d.Sealer, folder, c.Name)
	if err != nil {
		return err
	}
	opened, _, err := d.Sealer.Open(ctx, back.Copy, pass)
	if err != nil {
		return fmt.Errorf("open what was written: %w", err)
	}
	defer opened.Wipe()
	if len(opened.Missing(k)) > 0 || len(k.Missing(opened)) > 0 {
		return errors.New("what was written holds other keys")
	}
	return nil
}

// pushNewest proves every newest copy of the shelf on the host.
func (d Deps) pushNewest(ctx context.Context, w host.Writer, store Store, a keyringArgs) ([]byte, error) {
	o, err := d.open(ctx, store, a.Project, a.host)
	if err != nil {
		return nil, err
	}
	if len(o.tips) == 0 {
		return nil, refuse(a.object(), "put tasks with action: make and action: seal before this one", "nothing is sealed yet")
	}
	for _, c := range o.tips {
		if err := d.pushCopy(ctx, w, a.folder(), c, o); err != nil {
			return nil, err
		}
		if err := store.Advance(c); err != nil {
			return nil, err
		}
	}
	d.Session.touch()
	return doneOf(o.tips[len(o.tips)-1], a.folder()).json()
}

// second keeps the sealed files in another folder off the server: what push
// does when the server must hold nothing to guess at.
func (t keyringTask) second(a keyringArgs, s host.Seen) (play.Plan, error) {
	have, err := host.Get(s, t.shelf(a))
	if err != nil {
		return play.Plan{}, err
	}
	to := Store{Dir: t.d.path(a.SecondCopy)}
	there, err := host.Get(s, t.d.ShelfFact(to.Dir, a.Project, a.host))
	if err != nil {
		return play.Plan{}, err
	}
	if n := len(have.Tips); n > 0 && there.has(have.Tips[n-1].Name) {
		return play.Plan{Result: shelfResult(have, false), Local: true, Note: to.Dir + " has " + have.Tips[n-1].Name + " already"}, nil
	}
	return play.Plan{
		Local: true, Result: shelfResult(have, true),
		Steps: []host.Step{act{what: "copy the sealed keyring to " + to.Dir + " and open what was copied", do: func(ctx context.Context, _ host.Writer) ([]byte, error) {
			return t.d.copyTo(ctx, to, a)
		}}},
		Finish: finish(sealedResult),
	}, nil
}

func (d Deps) copyTo(ctx context.Context, to Store, a keyringArgs) ([]byte, error) {
	store := d.store(a.KeysDir)
	if one, err := sameDir(store.Dir, to.Dir); err != nil || one {
		return nil, errors.Join(err, refuse(to.Dir, "name a folder on another disk", "it is the folder of the first copy"))
	}
	o, err := d.open(ctx, store, a.Project, a.host)
	if err != nil {
		return nil, err
	}
	shelf, err := store.Load(d.Sealer, a.Project, a.host)
	if err != nil {
		return nil, err
	}
	for _, c := range shelf.Copies {
		if _, err := to.Commit(c.Copy, c.Manifest); err != nil {
			return nil, err
		}
	}
	for _, c := range o.tips {
		if err := d.provedOnDisk(ctx, to, c, o.Keyring, o.passphrase); err != nil {
			return nil, err
		}
	}
	d.Session.touch()
	return doneOf(o.tips[len(o.tips)-1], to.Folder(a.Project, a.host)).json()
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
	case CopiesEqual, CopyMissing:
		return play.Plan{Result: compareResult(have, there, state, false), Note: "the server has nothing that is not here"}, nil
	case CopiesNone:
		return play.Plan{}, refuse(a.object(), "run setup", "neither the server nor this laptop has a sealed copy")
	case CopyDiffers:
		return play.Plan{}, copyProblem(a, state, name, there.Folder)
	}
	var missing []string
	for _, n := range there.Names() {
		if !have.has(n) {
			missing = append(missing, n)
		}
	}
	return play.Plan{
		Result: compareResult(have, there, state, true),
		Steps: []host.Step{act{what: "bring the server's sealed keyring to " + have.Folder, do: func(ctx context.Context, w host.Writer) ([]byte, error) {
			return t.d.fetchCopies(ctx, w, a, missing)
		}}},
		Finish: finish(sealedResult),
	}, nil
}

func (d Deps) fetchCopies(ctx context.Context, w host.Writer, a keyringArgs, names []string) ([]byte, error) {
	var copies []StoredCopy
	for _, n := range names {
		c, err := readFrom(ctx, w, d.Sealer, a.folder(), n)
		if err != nil {
			return nil, err
		}
		copies = append(copies, c)
	}
	o, err := d.Import(ctx, d.store(a.KeysDir), a.Project, a.host, copies)
	if err != nil {
		return nil, err
	}
	return doneOf(o.tips[len(o.tips)-1], filepath.ToSlash(d.store(a.KeysDir).Folder(a.Project, a.host))).json()
}

// Import takes sealed copies from elsewhere (a server, another laptop, a
// recovery sheet) into the store. They are opened first, in a folder of their
// own beside those that are here: what does not open, is another host's, or
// holds one key name with two keys, is refused and leaves nothing behind.
func (d Deps) Import(ctx context.Context, store Store, project, hostname string, copies []StoredCopy) (Opened, error) {
	trial, err := os.MkdirTemp("", "remoterun-import-*")
	if err != nil {
		return Opened{}, err
	}
	defer func() { _ = os.RemoveAll(trial) }()
	shelf, err := store.Load(d.Sealer, project, hostname)
	if err != nil {
		return Opened{}, err
	}
	for _, c := range append(shelf.Copies, copies...) {
		if err := c.Manifest.belongs(project, hostname); err != nil {
			return Opened{}, refuse("copy "+c.Name, "import it for its own host", "%v", err)
		}
		if _, err := (Store{Dir: trial}).Commit(c.Copy, c.Manifest); err != nil {
			return Opened{}, err
		}
	}
	if _, err := d.open(ctx, Store{Dir: trial}, project, hostname); err != nil {
		return Opened{}, err
	}
	for _, c := range copies {
		if _, err := store.Commit(c.Copy, c.Manifest); err != nil {
			return Opened{}, err
		}
	}
	d.Session.touch()
	o, err := d.open(ctx, store, project, hostname)
	if err != nil || !o.Unsealed {
		return o, err
	}
	if _, err := d.nextGeneration(ctx, store, o, o.passphrase); err != nil {
		return o, err
	}
	o, _ = d.Session.Opened(project, hostname)
	return o, nil
}
