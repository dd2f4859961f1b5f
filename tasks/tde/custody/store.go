package custody

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"remoterun/runner/disk"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
)

// Store is the laptop's folder of sealed keyrings (tde_keys_dir): one folder
// PROJECT@HOST each, with HEAD and three files per generation. It holds sealed
// files only and may be committed to git.
type Store struct{ Dir string }

// Folder is where the keyrings of one host's project are.
func (s Store) Folder(project, hostname string) string {
	return filepath.Join(s.Dir, project+"@"+hostname)
}

// HeadFile names the newest generation and its link in the chain.
const HeadFile = "HEAD"

// Shelf is what a folder holds, oldest generation first.
type Shelf struct {
	Folder string
	Copies []seal.StoredCopy
	Head   Head // zero when there is no HEAD
	// Damaged are copies that are not among Copies; only LoadLoose lists them.
	Damaged []Damaged
}

// Head is the newest generation that this laptop knows to be committed.
type Head struct {
	Name string
	Link string // SHA-256 of its manifest
}

var headText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]{6}-[0-9a-f]{8}) ([0-9a-f]{64})\n$`) })

// Generation is the number in the name, 0 for the zero Head.
func (h Head) Generation() int {
	digits, _, _ := strings.Cut(h.Name, "-")
	n, _ := strconv.Atoi(digits)
	return n
}

// Load reads a folder; a folder that is not there is an empty shelf. Files of a
// commit that was cut short are left out. Errors are *Refusal when a file is
// damaged, missing, or another host's.
func (s Store) Load(sealer seal.Sealer, project, hostname string) (Shelf, error) {
	shelf, err := s.LoadLoose(sealer, project, hostname)
	if err != nil || len(shelf.Damaged) == 0 {
		return shelf, err
	}
	bad := shelf.Damaged[0]
	return shelf, guard.Refuse(filepath.Join(shelf.Folder, bad.Name), shelf.backWayOut(), "%v", bad.Why)
}

// LoadLoose is Load for who mends: copies that are damaged are listed.
func (s Store) LoadLoose(sealer seal.Sealer, project, hostname string) (Shelf, error) {
	shelf := Shelf{Folder: s.Folder(project, hostname)}
	list, err := os.ReadDir(shelf.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return shelf, nil
	}
	if err != nil {
		return shelf, err
	}
	for _, e := range list {
		base, isManifest := strings.CutSuffix(e.Name(), ".json")
		if !isManifest || !seal.CopyFile().MatchString(e.Name()) {
			continue
		}
		c, err := seal.ReadCopy(sealer, shelf.Folder, base)
		if err == nil {
			err = c.Manifest.Belongs(project, hostname)
		}
		if err != nil {
			shelf.Damaged = append(shelf.Damaged, Damaged{base, err})
			continue
		}
		shelf.Copies = append(shelf.Copies, c)
	}
	sort.SliceStable(shelf.Copies, func(i, j int) bool { return shelf.Copies[i].Name < shelf.Copies[j].Name })
	if err := shelf.readHead(); err != nil {
		return shelf, err
	}
	shelf.Copies = slices.DeleteFunc(shelf.Copies, func(c seal.StoredCopy) bool {
		changed := c.Name == shelf.Head.Name && c.Link() != shelf.Head.Link
		if changed {
			shelf.Damaged = append(shelf.Damaged, Damaged{c.Name, errors.New("it was changed: HEAD names another hash of it")})
		}
		return changed
	})
	return shelf, nil
}

// Damaged is a copy whose files are not what its manifest says, or not all there.
type Damaged struct {
	Name string
	Why  error
}

// backWayOut is how files come back that are damaged or gone.
func (s Shelf) backWayOut() string {
	_, hostname, _ := strings.Cut(filepath.Base(s.Folder), "@")
	return "next: remoterun key import " + hostname + ", which brings the server's copy; or restore the files from git or a backup"
}

// SetAside keeps a copy's files under other names (*.bad): the right ones are to
// take their place.
func (s Store) SetAside(project, hostname, name string) error {
	for _, suffix := range []string{".json", ".enc", ".tag"} {
		file := filepath.Join(s.Folder(project, hostname), name+suffix)
		if err := os.Rename(file, file+".bad"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return disk.Sync(s.Folder(project, hostname))
}

func (s *Shelf) readHead() error {
	b, err := os.ReadFile(filepath.Join(s.Folder, HeadFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	m := headText().FindSubmatch(b)
	if m == nil {
		return guard.Refuse(filepath.Join(s.Folder, HeadFile), "restore it, or write the line of the newer side of a git merge", "it is not one line of a generation and a hash")
	}
	s.Head = Head{Name: string(m[1]), Link: string(m[2])}
	return nil
}

// Tips are the copies that no other one follows: one normally, several when two
// laptops went on from the same generation. A shelf whose tips are older than
// HEAD, or from which HEAD's own copy is gone, is a rollback: *Refusal.
func (s Shelf) Tips() ([]seal.StoredCopy, error) {
	if len(s.Copies) == 0 && s.Head.Name == "" {
		return nil, nil
	}
	if err := s.rollback(); err != nil {
		return nil, err
	}
	followed := map[string]bool{}
	for _, c := range s.Copies {
		if id := s.Copies[0].Manifest.KeyringID; c.Manifest.KeyringID != id {
			return nil, guard.Refuse(s.Folder, "move the files of the foreign one away", "%s has keyring id %s and %s has %s", s.Copies[0].Name, id, c.Name, c.Manifest.KeyringID)
		}
		for _, p := range c.Manifest.Previous {
			followed[p] = true
		}
	}
	var tips []seal.StoredCopy
	for _, c := range s.Copies {
		if !followed[c.Link()] {
			tips = append(tips, c)
		}
	}
	return tips, nil
}

func (s Shelf) rollback() error {
	wayOut := s.backWayOut()
	if s.Head.Name == "" {
		if newest := s.Copies[len(s.Copies)-1].Manifest; newest.Generation > 1 {
			return guard.Refuse(s.Folder, wayOut, "HEAD is gone, so nothing says whether generation %d is the newest", newest.Generation)
		}
		return nil
	}
	for _, c := range s.Copies {
		if c.Name == s.Head.Name {
			if c.Link() == s.Head.Link {
				return nil
			}
			return guard.Refuse(filepath.Join(s.Folder, c.Name+".json"), wayOut, "it was changed: HEAD names another hash of it")
		}
	}
	newest := 0
	if len(s.Copies) > 0 {
		newest = s.Copies[len(s.Copies)-1].Manifest.Generation
	}
	return guard.Refuse(s.Folder, wayOut, "rollback: HEAD is generation %d (%s), which is not here; the newest here is %d", s.Head.Generation(), s.Head.Name, newest)
}

// Newest is the one tip of a shelf: a refusal when there are several.
func (s Shelf) Newest() (seal.StoredCopy, bool, error) {
	tips, err := s.Tips()
	if err != nil || len(tips) == 0 {
		return seal.StoredCopy{}, false, err
	}
	if len(tips) > 1 {
		return seal.StoredCopy{}, false, guard.Refuse(s.Folder, "run setup: it merges them into a new generation", "%d generations stand side by side (%s)", len(tips), strings.Join(seal.Names(tips), ", "))
	}
	return tips[0], true, nil
}

// Commit stores a sealed keyring: .enc and .tag first, the .json's rename is
// the commit, HEAD follows. Every file is on the disk before the next one is
// named, so that a cut at any point leaves the old state or the new one. The
// same copy twice is no error; a file is never overwritten with other bytes.
func (s Store) Commit(c seal.Copy, m seal.Manifest) (seal.StoredCopy, error) {
	out := seal.StoredCopy{Copy: c, Manifest: m, Name: c.Name(m)}
	folder := s.Folder(m.Project, m.Host)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return out, err
	}
	_ = disk.Sweep(folder) // what a killed run left
	for _, f := range []struct {
		suffix string
		data   []byte
	}{{".enc", c.Enc}, {".tag", c.Tag}, {".json", c.Manifest}} {
		if err := writeOnce(filepath.Join(folder, out.Name+f.suffix), f.data); err != nil {
			return out, err
		}
	}
	if err := disk.Sync(s.Dir); err != nil {
		return out, err
	}
	return out, s.Advance(out)
}

// Advance moves HEAD forward to c, never backward.
func (s Store) Advance(c seal.StoredCopy) error {
	shelf := Shelf{Folder: s.Folder(c.Manifest.Project, c.Manifest.Host)}
	if err := shelf.readHead(); err != nil {
		return err
	}
	want := Head{Name: c.Name, Link: c.Link()}
	if shelf.Head == want || shelf.Head.Generation() > c.Manifest.Generation {
		return nil
	}
	return disk.Write(filepath.Join(shelf.Folder, HeadFile), fmt.Appendf(nil, "%s %s\n", want.Name, want.Link), 0o600)
}

func writeOnce(path string, data []byte) error {
	old, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(old, data):
		return nil
	case err == nil:
		return guard.Refuse(path, "look at who wrote it; sealed files are never overwritten", "it exists with other bytes")
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return disk.Write(path, data, 0o600)
}
