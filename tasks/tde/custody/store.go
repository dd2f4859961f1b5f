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
	"syscall"

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
	Head   Head // the newest that HEAD names; zero when there is none, or none that can be read
	// Heads are all that HEAD names: two in a merge of git that nobody has resolved.
	Heads []Head
	// HeadWrong is why HEAD is not one plain line; "" when it is, or is gone.
	HeadWrong string
	// Damaged are copies that are not among Copies; only LoadLoose lists them.
	Damaged []Damaged
}

// Head is the newest generation that this laptop knows to be committed.
type Head struct {
	Name string
	Link string // SHA-256 of its manifest
}

var headText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]{6}-[0-9a-f]{8}) ([0-9a-f]{64})$`) })

// conflictMark begins the lines that git puts between the sides of a merge.
var conflictMark = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(<<<<<<<|=======|>>>>>>>|\|\|\|\|\|\|\|)( .*)?$`) })

// maxHead is the length of a HEAD file that is read, in bytes.
const maxHead = 4096

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
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return shelf, s.noFolder(shelf.Folder, hostname)
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
		changed := slices.ContainsFunc(shelf.Heads, func(h Head) bool { return c.Name == h.Name && c.Link() != h.Link })
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

// hostname is the host that the folder is for.
func (s Shelf) hostname() string {
	_, name, _ := strings.Cut(filepath.Base(s.Folder), "@")
	return name
}

// lastWayOut is what is left when an import did not help.
func (s Shelf) lastWayOut() string {
	return LastWayOut + "; where it is lost for good: remoterun key import " + s.hostname() + " --yes, which goes on with what is there"
}

// LastWayOut is where a sealed copy may be that neither laptop nor server has.
const LastWayOut = "restore it from git, a backup of the laptop, or a recovery sheet: remoterun key import SHEET"

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

// noFolder is an empty shelf's error: what stands in the folder's place, if anything.
func (s Store) noFolder(folder, hostname string) error {
	for _, path := range []string{s.Dir, folder} {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		st, err := os.Stat(path)
		if err == nil && st.IsDir() {
			continue
		}
		what := "it is a link that leads nowhere"
		if err == nil {
			what = "it is not a folder"
		}
		return guard.Refuse(path, "next: mv "+path+" "+path+".bad; then: remoterun key import "+hostname, "%s", what)
	}
	return nil
}

// readHead reads HEAD. Lines that a merge of git left side by side are all heads;
// of a HEAD that cannot be read nothing is believed, as if it were gone.
func (s *Shelf) readHead() error {
	b, err := seal.ReadPlain(filepath.Join(s.Folder, HeadFile), maxHead)
	var failed *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(filepath.Join(s.Folder, HeadFile)); err == nil {
			s.HeadWrong = "it is a link that leads nowhere"
		}
		return nil
	case errors.Is(err, syscall.ELOOP):
		s.HeadWrong = "it is a link in a circle"
		return nil
	case errors.As(err, &failed):
		return err
	case err != nil:
		s.HeadWrong = strings.TrimPrefix(err.Error(), filepath.Join(s.Folder, HeadFile)+": ")
		return nil
	}
	var heads []Head
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		m := headText().FindStringSubmatch(line)
		switch {
		case m != nil:
			heads = append(heads, Head{Name: m[1], Link: m[2]})
		case line != "" && !conflictMark().MatchString(line):
			s.HeadWrong = "it is not one line of a generation and a hash"
			return nil
		}
	}
	if len(heads) == 0 {
		s.HeadWrong = "it names no generation"
		return nil
	}
	s.Heads = heads
	s.Head = slices.MaxFunc(heads, func(a, b Head) int { return strings.Compare(a.Name, b.Name) })
	if string(b) != s.Head.line() {
		s.HeadWrong = "it is not one plain line"
	}
	return nil
}

// line is what HEAD holds.
func (h Head) line() string { return h.Name + " " + h.Link + "\n" }

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
	if text := mixed(s.Copies); text != "" {
		return nil, guard.Refuse(s.Folder, "next: remoterun key import "+s.hostname()+", which keeps the one that this laptop knows", "%s", text)
	}
	followed := map[string]bool{}
	for _, c := range s.Copies {
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

// mixed says that copies are of two keyrings; "" = they are of one.
func mixed(copies []seal.StoredCopy) string {
	for _, c := range copies {
		if first := copies[0]; c.Manifest.KeyringID != first.Manifest.KeyringID {
			return fmt.Sprintf("%s has keyring id %s and %s has %s", first.Name, first.Manifest.KeyringID, c.Name, c.Manifest.KeyringID)
		}
	}
	return ""
}

func (s Shelf) rollback() error {
	wayOut := s.backWayOut()
	if s.Head.Name == "" {
		if newest := s.Copies[len(s.Copies)-1].Manifest; newest.Generation > 1 {
			return guard.Refuse(s.Folder, wayOut, "%s, so nothing says whether generation %d is the newest", s.headGone(), newest.Generation)
		}
		return nil
	}
	newest := 0
	if len(s.Copies) > 0 {
		newest = s.Copies[len(s.Copies)-1].Manifest.Generation
	}
	for _, h := range s.Heads {
		i := slices.IndexFunc(s.Copies, func(c seal.StoredCopy) bool { return c.Name == h.Name })
		switch {
		case i < 0:
			return guard.Refuse(s.Folder, wayOut, "rollback: HEAD is generation %d (%s), which is not here; the newest here is %d", h.Generation(), h.Name, newest)
		case s.Copies[i].Link() != h.Link:
			return guard.Refuse(filepath.Join(s.Folder, h.Name+".json"), wayOut, "it was changed: HEAD names another hash of it")
		}
	}
	return nil
}

// headGone says that HEAD is gone, or why nothing of it is believed.
func (s Shelf) headGone() string {
	if s.HeadWrong == "" {
		return "HEAD is gone"
	}
	return "HEAD cannot be read (" + s.HeadWrong + ")"
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
	switch {
	case shelf.Head.Generation() > c.Manifest.Generation:
		return nil
	case shelf.Head == want && shelf.HeadWrong == "":
		return nil
	}
	return shelf.writeHead(want)
}

func (s Shelf) writeHead(h Head) error {
	file := filepath.Join(s.Folder, HeadFile)
	if st, err := os.Lstat(file); err == nil && st.IsDir() { // no file replaces a folder
		if err := os.Rename(file, file+".bad"); err != nil {
			return err
		}
	}
	return disk.Write(file, []byte(h.line()), 0o600)
}

func writeOnce(path string, data []byte) error {
	old, err := seal.ReadPlain(path, int64(len(data))*2)
	switch {
	case err == nil && (bytes.Equal(old, data) || filepath.Ext(path) != ".enc" && bytes.Equal(seal.UnixLines(old), data)):
		return nil
	case err == nil:
		return guard.Refuse(path, "look at who wrote it; sealed files are never overwritten", "it exists with other bytes")
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return disk.Write(path, data, 0o600)
}
