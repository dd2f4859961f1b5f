package laptop

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"remoterun/runner/disk"
)

// Hashes keeps what the laptop's files hashed to from run to run, in a file of the
// user's state: a line for each, "SHA256 SHA1 SIZE MTIME CTIME DEVICE INODE PATH",
// times in nanoseconds. A hash counts only for a file that is the same in all of it:
// what was written to has another ctime, whatever its mtime says. A nil Hashes keeps
// nothing.
type Hashes struct {
	path string
	once sync.Once
	// was is what the file says, now what this run has seen.
	was, now map[string]hashed
	added    bool
	clock    func() time.Time
}

type hashed struct {
	sha256, sha1 string
	at           identity
}

// identity is what a file is as long as nobody writes to it.
type identity struct {
	size, mtime, ctime int64
	dev, ino           uint64
}

const (
	// hashesHead is the file's first line.
	hashesHead = "hashes of laptop files, 1"
	// maxHashes is how many files are remembered.
	maxHashes = 20000
	// settled is how old a change must be: a file that is written to twice within
	// one tick of the file system's clock looks the same.
	settled = 2 * time.Second
)

// OpenHashes returns what is kept at a path; it is read when it is needed first.
func OpenHashes(path string) *Hashes {
	return &Hashes{path: path, was: map[string]hashed{}, now: map[string]hashed{}, clock: time.Now}
}

// get answers what a file hashed to when it was as it is now.
func (h *Hashes) get(path string, st os.FileInfo) (hashed, bool) {
	at, ok := identityOf(st)
	if h == nil || !ok {
		return hashed{}, false
	}
	h.once.Do(h.load)
	if path, ok = whole(path); !ok {
		return hashed{}, false
	}
	k, there := h.now[path]
	if !there {
		k, there = h.was[path]
	}
	if !there || k.at != at {
		return hashed{}, false
	}
	h.now[path] = k
	return k, true
}

// put notes what a file hashed to; st is what it was before it was read.
func (h *Hashes) put(path string, st os.FileInfo, sha256, sha1 string) {
	at, ok := identityOf(st)
	if h == nil || !ok || h.clock().Sub(time.Unix(0, max(at.ctime, at.mtime))) < settled {
		return
	}
	if path, ok = whole(path); ok {
		h.now[path], h.added = hashed{sha256, sha1, at}, true
	}
}

// whole is a path from the root that fits into a line.
func whole(path string) (string, bool) {
	path, err := filepath.Abs(path)
	return path, err == nil && !strings.ContainsAny(path, "\n\r")
}

// load reads the file, unless somebody else can have written it. What it cannot
// read it does not know.
func (h *Hashes) load() {
	f, err := os.OpenFile(h.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !ownedAlone(st) {
		return
	}
	lines := bufio.NewScanner(f)
	if !lines.Scan() || lines.Text() != hashesHead {
		return
	}
	for len(h.was) < maxHashes && lines.Scan() {
		var k hashed
		head, path, ok := strings.Cut(lines.Text(), " /")
		n, err := fmt.Sscanf(head, "%64s %40s %d %d %d %d %d", &k.sha256, &k.sha1, &k.at.size, &k.at.mtime, &k.at.ctime, &k.at.dev, &k.at.ino)
		if ok && err == nil && n == 7 && len(k.sha256) == 64 && len(k.sha1) == 40 {
			h.was["/"+path] = k
		}
	}
}

// ownedAlone reports a plain file of ours that nobody else can write to.
func ownedAlone(st os.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && st.Mode().IsRegular() && st.Mode().Perm()&0o022 == 0 && int(sys.Uid) == os.Geteuid()
}

// Save writes what this run has seen, and of the rest what there is room for.
func (h *Hashes) Save() error {
	if h == nil || !h.added {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	return disk.Write(h.path, h.text(), 0o600)
}

func (h *Hashes) text() []byte {
	var w bytes.Buffer
	fmt.Fprintln(&w, hashesHead)
	left := maxHashes
	for i, from := range []map[string]hashed{h.now, h.was} {
		for path, k := range from {
			if _, again := h.now[path]; again && i == 1 || left == 0 {
				continue
			}
			left--
			fmt.Fprintln(&w, k.sha256, k.sha1, k.at.size, k.at.mtime, k.at.ctime, k.at.dev, k.at.ino, path)
		}
	}
	return w.Bytes()
}
