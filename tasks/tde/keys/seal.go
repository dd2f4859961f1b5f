package keys

import (
	"context"
	"encoding/json"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/seal"
)

// done is what steps tell Finish about a sealed copy.
type done struct {
	Name       string
	Generation int
	KeyringID  string
	Folder     string
	File       string // recovery sheet
	Keys       []seal.Entry
	Note       string
}

func (d done) json() ([]byte, error) { return json.Marshal(d) }

func doneOf(c seal.StoredCopy, folder string) done {
	x := done{Name: c.Name, Generation: c.Manifest.Generation, KeyringID: c.Manifest.KeyringID, Folder: folder}
	for _, k := range c.Manifest.Keys {
		x.Keys = append(x.Keys, seal.Entry{Name: k.Name, Fingerprint: k.Fingerprint, Bits: k.Bits})
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
func (t keyringTask) sealOpened(ctx context.Context, store custody.Store, project, hostname string) ([]byte, error) {
	o, ok := t.d.Session.Opened(project, hostname)
	if !ok {
		var err error
		if o, err = t.d.Open(ctx, store, project, hostname); err != nil {
			return nil, err
		}
	}
	if !o.Unsealed { // a commit that was cut before HEAD moved
		tip := o.Tips[len(o.Tips)-1]
		if err := store.Advance(tip); err != nil {
			return nil, err
		}
		t.d.Session.Touch()
		return doneOf(tip, store.Folder(project, hostname)).json()
	}
	pass := o.Passphrase
	if pass.IsZero() {
		var err error
		if pass, err = t.d.Session.ForNewKeys(ctx, t.d, project, hostname); err != nil {
			return nil, err
		}
	}
	c, err := t.d.NextGeneration(ctx, store, o, pass)
	if err != nil {
		return nil, err
	}
	x := doneOf(c, store.Folder(project, hostname))
	x.Note = seal.PassphraseNote(pass)
	return x.json()
}
