package custody

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"remoterun/runner/secret"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
)

// Verified is what opening a sealed keyring showed.
type Verified struct {
	Copy seal.StoredCopy
	Keys []seal.Entry
	// Headers is the offline check of the cluster folder that was given.
	Headers []pgtde.HeaderCheck
}

// VerifyCopies opens each copy with the passphrase that is asked for once, and
// checks it against the key files below pgdata, a data folder on this machine;
// empty = none. Errors: ErrPassphrase, or a *Refusal for a copy that was changed.
func (d Deps) VerifyCopies(ctx context.Context, copies []seal.StoredCopy, pgdata string) ([]Verified, error) {
	d = d.Filled()
	headers, err := localHeaders(pgdata)
	if err != nil {
		return nil, err
	}
	out := make([]Verified, 0, len(copies))
	for _, c := range copies {
		k, err := d.OpenCopy(ctx, c)
		if err != nil {
			return out, err
		}
		v := Verified{Copy: c, Keys: k.Entries()}
		v.Headers, err = pgtde.CheckHeaders(headers, k)
		k.Wipe()
		if err != nil {
			return out, err
		}
		out = append(out, v)
	}
	return out, nil
}

// OpenCopy opens one copy, asking for the passphrase as the modules do. The
// caller wipes the keyring.
func (d Deps) OpenCopy(ctx context.Context, c seal.StoredCopy) (seal.Keyring, error) {
	var k seal.Keyring
	var changed error
	_, err := d.Session.try(ctx, d.Prompter, c.Manifest.Host, func(pass secret.Sealed) error {
		k, _, changed = d.Sealer.Open(ctx, c.Copy, pass)
		return changed
	})
	if err != nil && changed == nil { // nobody could be asked
		return seal.Keyring{}, err
	}
	if err != nil {
		return seal.Keyring{}, sealedError("sealed keyring of "+seal.RingID(c.Manifest.Project, c.Manifest.Host), c.Name, err)
	}
	return k, nil
}

// localHeaders reads the key files' headers of a data folder on this machine.
func localHeaders(pgdata string) ([]pgtde.HeaderFile, error) {
	if pgdata == "" {
		return nil, nil
	}
	var out []pgtde.HeaderFile
	for _, e := range pgtde.Extensions() {
		dir := string(e)
		list, err := filepath.Glob(filepath.Join(pgdata, dir, "*_keys"))
		if err != nil {
			return nil, err
		}
		for _, f := range list {
			head, err := readHead(f)
			if err != nil {
				return nil, err
			}
			out = append(out, pgtde.HeaderFile{Name: dir + "/" + filepath.Base(f), Head: head})
		}
	}
	if out == nil {
		return nil, fmt.Errorf("%s: it holds no key files (pg_tde/*_keys): no encrypted cluster's data folder", pgdata)
	}
	return out, nil
}

func readHead(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, pgtde.HeaderSize)
	n, err := io.ReadFull(f, b)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

// ImportCopies takes copies from elsewhere into keysDir, each for the project
// and host that its manifest names. It answers what is open afterwards.
func (d Deps) ImportCopies(ctx context.Context, keysDir string, copies []seal.StoredCopy) ([]OpenInfo, error) {
	d = d.Filled()
	byHost := map[string][]seal.StoredCopy{}
	var order []string
	for _, c := range copies {
		id := seal.RingID(c.Manifest.Project, c.Manifest.Host)
		if byHost[id] == nil {
			order = append(order, id)
		}
		byHost[id] = append(byHost[id], c)
	}
	var out []OpenInfo
	for _, id := range order {
		m := byHost[id][0].Manifest
		o, err := d.Import(ctx, d.Store(keysDir), m.Project, m.Host, byHost[id])
		if err != nil {
			return out, err
		}
		info, err := InfoOf(o)
		if err != nil {
			return out, err
		}
		out = append(out, info)
	}
	return out, nil
}

// NewestIn is the newest sealed keyring in a host's folder (PROJECT@HOST), held
// against its HEAD and against what this laptop has opened before; ok is false for a
// folder of another name, of which nothing says what it should hold.
func (d Deps) NewestIn(folder string) (c seal.StoredCopy, ok bool, err error) {
	d = d.Filled()
	full, err := filepath.Abs(folder)
	if err != nil {
		return c, false, err
	}
	project, hostname, ok := strings.Cut(filepath.Base(full), "@")
	if st, err := os.Stat(full); !ok || err != nil || !st.IsDir() {
		return c, false, err
	}
	shelf, err := Store{Dir: filepath.Dir(full)}.Load(d.Sealer, project, hostname)
	if err != nil {
		return c, true, err
	}
	c, there, err := shelf.Newest()
	if err == nil && !there {
		err = guard.Refuse(shelf.Folder, "run setup", "there is no sealed keyring of %s", seal.RingID(project, hostname))
	}
	if err == nil {
		err = shelf.HeadLost(hostname)
	}
	if err != nil {
		return c, true, err
	}
	return c, true, d.notBack(shelf, []seal.StoredCopy{c}, project, hostname)
}
