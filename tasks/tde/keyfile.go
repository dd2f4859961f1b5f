package tde

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"remoterun/runner/secret"
)

// What the key command does on the laptop alone: look at sealed keyrings, open
// them, write recovery sheets, take copies in.

// ReadCopies reads sealed keyrings from what an operator names: a host's folder
// (every generation), one of a copy's three files, or a recovery sheet.
func ReadCopies(sealer Sealer, name string) ([]StoredCopy, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readFolder(sealer, name)
	}
	if copyFile().MatchString(filepath.Base(name)) {
		c, err := readCopy(sealer, filepath.Dir(name), strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)))
		return []StoredCopy{c}, err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	c, err := ParseSheet(sealer, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return []StoredCopy{c}, nil
}

func readFolder(sealer Sealer, folder string) ([]StoredCopy, error) {
	list, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []StoredCopy
	for _, f := range list {
		if !copyFile().MatchString(filepath.Base(f)) {
			continue
		}
		c, err := readCopy(sealer, folder, strings.TrimSuffix(filepath.Base(f), ".json"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out = append(out, c)
	}
	if out == nil {
		text := folder + ": it holds no sealed keyring"
		if below, _ := filepath.Glob(filepath.Join(folder, "*@*")); below != nil {
			text += "; name one of " + strings.Join(below, ", ")
		}
		return nil, errors.New(text)
	}
	return out, nil
}

// Verified is what opening a sealed keyring showed.
type Verified struct {
	Copy StoredCopy
	Keys []Entry
	// Headers is the offline check of the cluster folder that was given.
	Headers []HeaderCheck
}

// VerifyCopies opens each copy with the passphrase that is asked for once, and
// checks it against the key files below pgdata, a data folder on this machine;
// empty = none. Errors: ErrPassphrase, or a *Refusal for a copy that was changed.
func (d Deps) VerifyCopies(ctx context.Context, copies []StoredCopy, pgdata string) ([]Verified, error) {
	d = d.filled()
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
		v.Headers, err = CheckHeaders(headers, k)
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
func (d Deps) OpenCopy(ctx context.Context, c StoredCopy) (Keyring, error) {
	var k Keyring
	var changed error
	_, err := d.Session.try(ctx, d.Prompter, c.Manifest.Host, func(pass secret.Sealed) error {
		k, _, changed = d.Sealer.Open(ctx, c.Copy, pass)
		return changed
	})
	if err != nil && changed == nil { // nobody could be asked
		return Keyring{}, err
	}
	if err != nil {
		return Keyring{}, sealedError("sealed keyring of "+ringID(c.Manifest.Project, c.Manifest.Host), c.Name, err)
	}
	return k, nil
}

// localHeaders reads the key files' headers of a data folder on this machine.
func localHeaders(pgdata string) ([]HeaderFile, error) {
	if pgdata == "" {
		return nil, nil
	}
	var out []HeaderFile
	for _, e := range exts() {
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
			out = append(out, HeaderFile{Name: dir + "/" + filepath.Base(f), Head: head})
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
	b := make([]byte, HeaderSize)
	n, err := io.ReadFull(f, b)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

// ImportCopies takes copies from elsewhere into keysDir, each for the project
// and host that its manifest names. It answers what is open afterwards.
func (d Deps) ImportCopies(ctx context.Context, keysDir string, copies []StoredCopy) ([]OpenInfo, error) {
	d = d.filled()
	byHost := map[string][]StoredCopy{}
	var order []string
	for _, c := range copies {
		id := ringID(c.Manifest.Project, c.Manifest.Host)
		if byHost[id] == nil {
			order = append(order, id)
		}
		byHost[id] = append(byHost[id], c)
	}
	var out []OpenInfo
	for _, id := range order {
		m := byHost[id][0].Manifest
		o, err := d.Import(ctx, d.store(keysDir), m.Project, m.Host, byHost[id])
		if err != nil {
			return out, err
		}
		info, err := infoOf(o)
		if err != nil {
			return out, err
		}
		out = append(out, info)
	}
	return out, nil
}

// NewestCopy is the newest sealed keyring of a host's project in keysDir.
func (d Deps) NewestCopy(keysDir, project, hostname string) (StoredCopy, error) {
	d = d.filled()
	shelf, err := d.store(keysDir).Load(d.Sealer, project, hostname)
	if err != nil {
		return StoredCopy{}, err
	}
	c, ok, err := shelf.Newest()
	if err == nil && !ok {
		err = refuse(shelf.Folder, "run setup", "there is no sealed keyring of %s", ringID(project, hostname))
	}
	return c, err
}
