package laptop

import (
	"bytes"
	"crypto/md5"  // #nosec G501: a result key of Ansible's
	"crypto/sha1" // #nosec G505: what Ansible calls checksum
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"remoterun/runner/disk"
	"remoterun/runner/play"
)

// maxHeld is the largest file in bytes that is kept in memory, maxAllHeld how much
// of all files together: what is more stays on the disk and is read again when it
// is sent.
const (
	maxHeld    = 64 << 10
	maxAllHeld = 8 << 20
)

// vaultHeader begins a file that only the loader can open.
const vaultHeader = "$ANSIBLE_VAULT"

// stored is a Source that stays where it is. It is only ever read as it was when it
// was hashed.
type stored struct {
	path string
	size int64
	at   time.Time
	md5  func() (string, error) // reads the file once, whoever asks
}

// MD5 is the hash of the file, worked out once for all hosts.
func (d stored) MD5() (string, error) { return d.md5() }

// newStored is the file that st tells of.
func newStored(path string, st os.FileInfo) stored {
	d := stored{path: path, size: st.Size(), at: st.ModTime()}
	d.md5 = sync.OnceValues(func() (string, error) {
		r, err := d.Open()
		if err != nil {
			return "", err
		}
		defer r.Close()
		sum := md5.New() // #nosec G401
		_, err = io.Copy(sum, struct{ io.Reader }{r})
		return hex.EncodeToString(sum.Sum(nil)), err
	})
	return d
}

// worthBeside is the size in bytes from which on hashes work beside each other.
const worthBeside = 4 << 20

// hashAll reads all of r, about size bytes, into all hashes.
func hashAll(r io.Reader, size int64, hashes ...io.Writer) (int64, error) {
	if size < worthBeside {
		return io.Copy(io.MultiWriter(hashes...), r)
	}
	all := disk.NewBeside(hashes...)
	n, err := io.Copy(all, r)
	return n, errors.Join(err, all.Flush())
}

// Size is in bytes.
func (d stored) Size() int64 { return d.size }

// Open opens the file, unless it has changed since.
func (d stored) Open() (io.ReadCloser, error) {
	f, err := os.Open(d.path)
	if err != nil {
		return nil, err
	}
	if err := d.same(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return &diskReader{File: f, d: d}, nil
}

// same fails where the file is another one than was hashed.
func (d stored) same(f *os.File) error {
	st, err := f.Stat()
	if err == nil && (st.Size() != d.size || !st.ModTime().Equal(d.at)) {
		err = fmt.Errorf("%s changed since it was hashed: run it again", d.path)
	}
	return err
}

// Bytes reads all of it.
func (d stored) Bytes() ([]byte, error) {
	r, err := d.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// diskReader finds out at the end whether the file was written to meanwhile.
type diskReader struct {
	*os.File
	d stored
}

// Read reads on; at the end it fails where the file has changed.
func (r *diskReader) Read(p []byte) (int, error) {
	n, err := r.File.Read(p)
	if err == io.EOF {
		if changed := r.d.same(r.File); changed != nil {
			err = changed
		}
	}
	return n, err
}

// WriteTo is the same for who copies all of it: the kernel's own copying would not
// come back here at the end.
func (r *diskReader) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{r})
}

// onDisk hashes a large file without keeping it; ok is false for one that only the
// loader can read.
func (c *Files) onDisk(name, path string, st os.FileInfo) (in play.Input, ok bool, err error) {
	in = play.Input{Name: name, Path: path, Kind: 'f', Data: newStored(path, st)}
	if k, ok := c.kept.get(path, st); ok {
		in.SHA256, in.SHA1 = k.sha256, k.sha1
		return in, true, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return in, false, nil // the loader says why
	}
	defer f.Close()
	head := make([]byte, len(vaultHeader))
	got, err := io.ReadFull(f, head)
	if head = head[:got]; err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || string(head) == vaultHeader {
		return in, false, nil
	}
	s1, s256 := sha1.New(), sha256.New() // #nosec G401
	n, err := hashAll(io.MultiReader(bytes.NewReader(head), f), st.Size(), s256, s1)
	if err != nil {
		return in, false, fmt.Errorf("read %s: %w", path, err)
	}
	if n != st.Size() {
		return in, false, fmt.Errorf("%s changed while it was hashed: run it again", path)
	}
	in.SHA1, in.SHA256 = hex.EncodeToString(s1.Sum(nil)), hex.EncodeToString(s256.Sum(nil))
	c.kept.put(path, st, in.SHA256, in.SHA1)
	return in, true, nil
}
