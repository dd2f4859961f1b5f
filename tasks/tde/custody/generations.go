package custody

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"remoterun/runner/secret"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
)

// NextGeneration seals o.Keyring behind every tip that is on the shelf now,
// commits it, reads it back, opens it, and keeps it open in the session.
func (d Deps) NextGeneration(ctx context.Context, store Store, o Opened, pass secret.Sealed) (seal.StoredCopy, error) {
	shelf, err := store.Load(d.Sealer, o.Project, o.Host)
	if err != nil {
		return seal.StoredCopy{}, err
	}
	tips, err := shelf.Tips()
	if err != nil {
		return seal.StoredCopy{}, err
	}
	if !sameTips(tips, o.Tips) {
		return seal.StoredCopy{}, guard.Refuse(shelf.Folder, "run it again", "its files changed since they were opened")
	}
	m := o.Manifest
	m.Made, m.By, m.Generation, m.Previous = d.Clock().UTC(), d.By, 1, nil
	for _, tip := range tips {
		m.Generation = max(m.Generation, tip.Manifest.Generation+1)
		m.Previous = append(m.Previous, tip.Link())
	}
	sealed, m, err := d.Sealer.Seal(ctx, o.Keyring, pass, m)
	if err != nil {
		return seal.StoredCopy{}, err
	}
	c, err := store.Commit(sealed, m)
	if err != nil {
		return seal.StoredCopy{}, err
	}
	if err := d.ProvedOnDisk(ctx, store, c, o.Keyring, pass); err != nil {
		return seal.StoredCopy{}, err
	}
	o.Unnoted = d.noted(c)
	o.Manifest, o.Unsealed, o.Tips, o.Passphrase = m, false, []seal.StoredCopy{c}, pass
	d.Session.Put(o)
	return c, nil
}

// ProvedOnDisk opens what lies in the folder and compares it with k.
func (d Deps) ProvedOnDisk(ctx context.Context, store Store, c seal.StoredCopy, k seal.Keyring, pass secret.Sealed) error {
	folder := store.Folder(c.Manifest.Project, c.Manifest.Host)
	back, err := seal.ReadCopy(d.Sealer, folder, c.Name)
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

// Import takes sealed copies from elsewhere (a server, another laptop, a
// recovery sheet) into the store. They are opened first, in a folder of their
// own beside those that are here: what does not open, is another host's, or
// holds one key name with two keys, is refused and leaves nothing behind. With
// d.Yes what is damaged or gone for good is given up: HEAD and this laptop's memory
// go on from the newest that opens.
func (d Deps) Import(ctx context.Context, store Store, project, hostname string, copies []seal.StoredCopy) (Opened, error) {
	in, err := d.intake(store, project, hostname, copies)
	if err != nil {
		return Opened{}, err
	}
	tried, err := d.tryOpen(ctx, in, project, hostname)
	if err != nil {
		return Opened{}, err
	}
	if d.Yes {
		if err := d.forget(project, hostname); err != nil {
			return Opened{}, err
		}
	}
	for _, name := range in.aside {
		if err := store.SetAside(project, hostname, name); err != nil {
			return Opened{}, err
		}
	}
	for _, c := range in.copies {
		if _, err := store.Commit(c.Copy, c.Manifest); err != nil {
			return Opened{}, err
		}
	}
	if err := in.setHead(store, tried, d.Yes); err != nil {
		return Opened{}, err
	}
	d.Session.Touch()
	o, err := d.Open(ctx, store, project, hostname)
	if err != nil || !o.Unsealed {
		return o, err
	}
	if _, err := d.NextGeneration(ctx, store, o, o.Passphrase); err != nil {
		return o, err
	}
	o, _ = d.Session.Opened(project, hostname)
	return o, nil
}

// intake is what an import has to do: copies are those that come, kept those that are
// here and stay, aside the names of those here that give way.
type intake struct {
	shelf        Shelf
	kept, copies []seal.StoredCopy
	aside        []string
}

func (d Deps) intake(store Store, project, hostname string, copies []seal.StoredCopy) (intake, error) {
	shelf, err := store.LoadLoose(d.Sealer, project, hostname)
	if err != nil {
		return intake{}, err
	}
	in := intake{shelf: shelf, copies: copies}
	for _, c := range copies {
		if err := c.Manifest.Belongs(project, hostname); err != nil {
			return in, guard.Refuse("copy "+c.Name, "import it for its own host", "%v", err)
		}
	}
	comes := func(name string) bool {
		return slices.ContainsFunc(copies, func(c seal.StoredCopy) bool { return c.Name == name })
	}
	for _, b := range shelf.Damaged {
		if d.Yes || comes(b.Name) {
			in.aside = append(in.aside, b.Name)
		}
	}
	w, err := d.witnessed(project, hostname, "")
	if err != nil {
		return in, err
	}
	foreign := func(c seal.StoredCopy) bool { return w.id != "" && c.Manifest.KeyringID != w.id }
	if !slices.ContainsFunc(append(slices.Clone(shelf.Copies), copies...), func(c seal.StoredCopy) bool { return !foreign(c) }) {
		foreign = func(seal.StoredCopy) bool { return false } // nothing else is there: stepBack decides
	}
	in.copies = slices.DeleteFunc(slices.Clone(copies), foreign)
	for _, c := range shelf.Copies {
		other := slices.ContainsFunc(copies, func(x seal.StoredCopy) bool { return x.Name == c.Name && !x.Equal(c.Copy) })
		if other || foreign(c) {
			in.aside = append(in.aside, c.Name)
			continue
		}
		in.kept = append(in.kept, c)
	}
	if text := mixed(slices.Concat(in.kept, in.copies)); text != "" {
		return in, guard.Refuse(shelf.Folder, "next: mv "+shelf.Folder+" "+shelf.Folder+".bad; then: remoterun key import "+hostname, "%s, and this laptop has opened neither before", text)
	}
	return in, nil
}

// tryOpen opens what would be here afterwards, in a folder of its own.
func (d Deps) tryOpen(ctx context.Context, in intake, project, hostname string) (Opened, error) {
	dir, err := os.MkdirTemp("", "remoterun-import-*")
	if err != nil {
		return Opened{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	trial := Store{Dir: dir}
	for _, c := range slices.Concat(in.kept, in.copies) {
		if _, err := trial.Commit(c.Copy, c.Manifest); err != nil {
			return Opened{}, err
		}
	}
	blind := d
	blind.WitnessDir = ""
	tried, err := blind.Open(ctx, trial, project, hostname)
	if err != nil || d.Yes {
		return tried, err
	}
	back, err := d.stepBack(shelfInfo(Shelf{}, tried.Tips), project, hostname)
	if err == nil && back != "" {
		err = guard.Refuse(in.shelf.Folder, in.shelf.lastWayOut(), "%s", back)
	}
	return tried, err
}

// setHead moves HEAD to what was opened; forced also backward, which it has to be
// where the copy that HEAD names gave way.
func (in intake) setHead(store Store, tried Opened, forced bool) error {
	for _, h := range in.shelf.Heads {
		back := slices.ContainsFunc(tried.Tips, func(c seal.StoredCopy) bool { return c.Name == h.Name })
		forced = forced || slices.Contains(in.aside, h.Name) && !back
	}
	for _, tip := range tried.Tips {
		if forced {
			if err := in.shelf.writeHead(Head{Name: tip.Name, Link: tip.Link()}); err != nil {
				return err
			}
			continue
		}
		if err := store.Advance(tip); err != nil { // a HEAD that was gone is back
			return err
		}
	}
	return nil
}
