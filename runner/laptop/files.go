// Package laptop gives the laptop's files: found along a task's folders, read,
// decrypted and hashed once per run for all hosts. It contacts no host.
package laptop

import (
	"crypto/sha1" // #nosec G505: what Ansible calls checksum
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"remoterun/runner/play"
)

// Files reads and hashes each of the laptop's files once per run.
type Files struct {
	loader play.Loader
	mu     sync.Mutex
	held   map[string]cached
	// kept are the hashes of runs before, nil = none.
	kept *Hashes
	// pulled are the files and folders that this run brings from hosts.
	pulled map[string]bool
	// names are those of users by their number.
	names map[string]string
	// room is how many bytes may still be kept in memory.
	room int64
}

// cached is a file as it was when it was read: one that has changed is read anew.
type cached struct {
	in   play.Input
	size int64
	at   time.Time
}

// NewFiles returns the files that a loader reads; kept may be nil.
func NewFiles(l play.Loader, kept *Hashes) *Files {
	return &Files{loader: l, kept: kept, held: map[string]cached{}, room: maxAllHeld}
}

func input(name, path string, data []byte) play.Input {
	s1, s256 := sha1.Sum(data), sha256.Sum256(data) // #nosec G401
	return play.Input{Name: name, Path: path, Mode: 0o644, Kind: 'f', SHA1: hex.EncodeToString(s1[:]), SHA256: hex.EncodeToString(s256[:]), Data: play.Memory(data)}
}

func (c *Files) get(name, path string) (play.Input, error) { return c.one(name, path, false) }

// owner is the name of who owns a file, else the number; c.mu is held.
func (c *Files) owner(st os.FileInfo) string {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	id := strconv.FormatUint(uint64(sys.Uid), 10)
	if name, known := c.names[id]; known {
		return name
	}
	name := id
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	if c.names == nil {
		c.names = map[string]string{}
	}
	c.names[id] = name
	return name
}

// one reads and hashes a file; one of many is never kept in memory.
func (c *Files) one(name, path string, ofMany bool) (play.Input, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := cached{size: -1}
	st, failed := os.Stat(path)
	if failed == nil {
		now.size, now.at = st.Size(), st.ModTime()
	}
	if was, ok := c.held[path]; ok && was.size == now.size && was.at.Equal(now.at) {
		was.in.Name = name
		return was.in, nil
	}
	in, err := c.read(name, path, st, ofMany)
	if err != nil {
		return play.Input{}, err
	}
	if failed == nil {
		in.Mode, in.Time, in.Owner = uint32(st.Mode().Perm()), st.ModTime().Unix(), c.owner(st)
	}
	now.in = in
	c.held[path] = now
	return in, nil
}

// read hashes a file, and keeps what is small; st is nil where the disk has none.
func (c *Files) read(name, path string, st os.FileInfo, ofMany bool) (play.Input, error) {
	if st != nil && st.Mode().IsRegular() && (ofMany || st.Size() > maxHeld || st.Size() > c.room) {
		if in, ok, err := c.onDisk(name, path, st); ok || err != nil {
			return in, err
		}
	}
	data, vaulted, err := c.loader.Read(path)
	if err != nil {
		return play.Input{}, err
	}
	c.room -= int64(len(data))
	in := input(name, path, data)
	in.Secret = vaulted
	return in, nil
}

// Find looks for a file: DIR/kind/name, then DIR/name, for each folder.
func Find(dirs []string, kind, name string) (string, error) {
	if filepath.IsAbs(name) {
		_, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", &NotFoundError{name, []string{name}}
		case err != nil:
			return "", fmt.Errorf("%s: %w", name, notThere(err))
		}
		return name, nil
	}
	var tried []string
	for _, d := range dirs {
		if d == "" {
			continue
		}
		for _, p := range []string{filepath.Join(d, kind, name), filepath.Join(d, name)} {
			if _, err := os.Stat(p); err == nil {
				return p, nil
			}
			if !slices.Contains(tried, p) {
				tried = append(tried, p)
			}
		}
	}
	return "", &NotFoundError{name, tried}
}

// NotFoundError is a file that is nowhere where it was looked for.
type NotFoundError struct {
	Name  string
	Tried []string
}

func (e *NotFoundError) Error() string {
	if filepath.IsAbs(e.Name) {
		return e.Name + ": there is no such file on the laptop"
	}
	return fmt.Sprintf("there is no file %s on the laptop (looked for %s)", e.Name, strings.Join(e.Tried, ", "))
}

// Theirs is the error in Ansible's words, on which playbooks match.
func (e *NotFoundError) Theirs() string {
	return "Could not find or access '" + e.Name + "'\nSearched in:\n\t" + strings.Join(e.Tried, "\n\t") +
		" on the Ansible Controller.\nIf you are using a module and expect the file to exist on the remote, see the remote_src option"
}

// Abs is a path of the laptop, relative ones in a folder.
func Abs(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func notThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no such file on the laptop")
	}
	return err
}
