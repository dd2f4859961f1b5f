// Package disk puts the laptop's own files down whole: a reader finds the old text
// or the new one, also after a crash. It knows nothing of hosts.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// temp begins the names of files that are not whole yet.
const temp = ".tmp-"

// Write puts data at path with the permissions mode: a file beside it is written,
// brought to the disk and renamed, then the folder is brought to the disk. A link
// at path is replaced, not followed. On an error path is as it was.
func Write(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), temp+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return Sync(filepath.Dir(path))
}

// Sync brings a folder's names to the disk.
func Sync(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Sweep removes from folder what killed writers left. Nobody may be writing there.
func Sweep(folder string) error {
	left, err := filepath.Glob(filepath.Join(folder, temp+"*"))
	for _, f := range left {
		err = errors.Join(err, os.Remove(f))
	}
	return err
}
