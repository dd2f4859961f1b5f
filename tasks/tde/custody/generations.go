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
// holds one key name with two keys, is refused and leaves nothing behind.
func (d Deps) Import(ctx context.Context, store Store, project, hostname string, copies []seal.StoredCopy) (Opened, error) {
	trial, err := os.MkdirTemp("", "remoterun-import-*")
	if err != nil {
		return Opened{}, err
	}
	defer func() { _ = os.RemoveAll(trial) }()
	shelf, err := store.LoadLoose(d.Sealer, project, hostname)
	if err != nil {
		return Opened{}, err
	}
	spoilt := map[string]bool{} // here with other bytes: what comes has to open
	for _, b := range shelf.Damaged {
		spoilt[b.Name] = true
	}
	for _, c := range copies {
		here := slices.IndexFunc(shelf.Copies, func(x seal.StoredCopy) bool { return x.Name == c.Name })
		if here >= 0 && !shelf.Copies[here].Equal(c.Copy) {
			spoilt[c.Name] = true
			shelf.Copies = slices.Delete(shelf.Copies, here, here+1)
		}
	}
	for _, c := range append(slices.Clone(shelf.Copies), copies...) {
		if err := c.Manifest.Belongs(project, hostname); err != nil {
			return Opened{}, guard.Refuse("copy "+c.Name, "import it for its own host", "%v", err)
		}
		if _, err := (Store{Dir: trial}).Commit(c.Copy, c.Manifest); err != nil {
			return Opened{}, err
		}
	}
	tried, err := d.Open(ctx, Store{Dir: trial}, project, hostname)
	if err != nil {
		return Opened{}, err
	}
	for _, c := range copies {
		if spoilt[c.Name] {
			if err := store.SetAside(project, hostname, c.Name); err != nil {
				return Opened{}, err
			}
		}
		if _, err := store.Commit(c.Copy, c.Manifest); err != nil {
			return Opened{}, err
		}
	}
	for _, tip := range tried.Tips { // a HEAD that was gone is back
		if err := store.Advance(tip); err != nil {
			return Opened{}, err
		}
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
