package custody

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"remoterun/runner/disk"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
)

// A witness remembers on this laptop, outside the keys folder, the newest
// generation of each keyring that was opened or made here, and which keyring it was
// for each host's project. Whoever can write the keys folder can put older files and
// an older HEAD back, all of them genuine; the witness notices.

var (
	witnessText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]{1,6}) ([0-9a-f]{64})\n$`) })
	ringText    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{32})\n$`) })
)

// witnessed is what this laptop has seen of a host's project.
type witnessed struct {
	id         string // of the keyring; "" = none yet
	generation int
	link       string
	ring       bool // noted for the project, and not only for the keyring
}

// witness compares what was opened with what was opened before, and remembers it.
// Only what a passphrase has opened is believed: nobody else's words raise an alarm.
// unnoted says that it could not be remembered: keys have to open all the same.
func (d Deps) witness(shelf Shelf, tips []seal.StoredCopy) (unnoted string, err error) {
	if d.WitnessDir == "" || len(tips) == 0 {
		return "", nil
	}
	newest := tips[len(tips)-1]
	if err := d.notBack(shelf, tips, newest.Manifest.Project, newest.Manifest.Host); err != nil {
		return "", err
	}
	return d.noted(newest), nil
}

// notBack refuses tips that are a step back from what this laptop has seen.
func (d Deps) notBack(shelf Shelf, tips []seal.StoredCopy, project, hostname string) error {
	back, err := d.stepBack(shelfInfo(shelf, tips), project, hostname)
	if err == nil && back != "" {
		err = guard.Refuse(shelf.Folder, shelf.backWayOut(), "%s", back)
	}
	return err
}

// noted remembers, and says so where it could not.
func (d Deps) noted(c seal.StoredCopy) (unnoted string) {
	if err := d.remember(c); err != nil {
		return fmt.Sprintf("this laptop could not note that it has opened generation %d, so it would not notice a step back: %v", c.Manifest.Generation, err)
	}
	return ""
}

// remember notes what was opened or made here.
func (d Deps) remember(c seal.StoredCopy) error {
	if d.WitnessDir == "" {
		return nil
	}
	m := c.Manifest
	before, err := d.witnessed(m.Project, m.Host, m.KeyringID)
	known := before.id == m.KeyringID
	if err != nil || known && before.ring && before.generation >= m.Generation {
		return err
	}
	if err := os.MkdirAll(d.WitnessDir, 0o700); err != nil {
		return err
	}
	if !known || before.generation < m.Generation {
		if err := disk.Write(filepath.Join(d.WitnessDir, m.KeyringID), fmt.Appendf(nil, "%d %s\n", m.Generation, c.Link()), 0o600); err != nil {
			return err
		}
	}
	return disk.Write(d.ringFile(m.Project, m.Host), []byte(m.KeyringID+"\n"), 0o600)
}

// forget makes this laptop believe what it is shown next: the operator has said that
// what it has seen is lost for good.
func (d Deps) forget(project, hostname string) error {
	if d.WitnessDir == "" {
		return nil
	}
	w, err := d.witnessed(project, hostname, "")
	for _, name := range []string{w.id, seal.RingID(project, hostname)} {
		if name == "" {
			continue
		}
		if gone := os.Remove(filepath.Join(d.WitnessDir, name)); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

func (d Deps) ringFile(project, hostname string) string {
	return filepath.Join(d.WitnessDir, seal.RingID(project, hostname))
}

// witnessed reads what is remembered of a host's project; id is the keyring to look
// for where nothing says which one it was.
func (d Deps) witnessed(project, hostname, id string) (witnessed, error) {
	if d.WitnessDir == "" {
		return witnessed{}, nil
	}
	ring, err := note(d.ringFile(project, hostname), ringText())
	if err != nil {
		return witnessed{}, err
	}
	w := witnessed{}
	if ring != nil {
		w.id, w.ring, id = ring[1], true, ring[1]
	}
	if id == "" {
		return w, nil
	}
	seen, err := note(filepath.Join(d.WitnessDir, id), witnessText())
	if err == nil && seen != nil {
		w.id, w.link = id, seen[2]
		w.generation, _ = strconv.Atoi(seen[1])
	}
	return w, err
}

// note reads one line of the witness's; nil where nothing was noted yet.
func note(file string, text *regexp.Regexp) ([]string, error) {
	b, err := seal.ReadPlain(file, maxHead)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := text.FindStringSubmatch(string(b))
	if m == nil {
		return nil, guard.Refuse(file, "remove it, if you know why", "it is not the one line that belongs there")
	}
	return m, nil
}

// withSeen adds what this laptop remembers.
func (d Deps) withSeen(i ShelfInfo, project, hostname string) (ShelfInfo, error) {
	id := ""
	if n := len(i.Tips); n > 0 {
		id = i.Tips[n-1].KeyringID
	}
	w, err := d.witnessed(project, hostname, id)
	if err == nil {
		i.Seen = w.generation
		i.Back, err = d.stepBack(i, project, hostname)
	}
	return i, err
}

// stepBack says why what is on a shelf is older or other than what this laptop has
// seen before; "" = it is not. An empty shelf is no step back: it opens nothing.
func (d Deps) stepBack(i ShelfInfo, project, hostname string) (string, error) {
	if len(i.Tips) == 0 {
		return "", nil
	}
	newest := i.Tips[len(i.Tips)-1]
	w, err := d.witnessed(project, hostname, newest.KeyringID)
	switch {
	case err != nil || w.id == "":
		return "", err
	case w.id != newest.KeyringID:
		return fmt.Sprintf("it is another keyring (%.8s) than this laptop has opened before (%.8s, generation %d)", newest.KeyringID, w.id, w.generation), nil
	case newest.Generation < w.generation:
		return fmt.Sprintf("rollback: this laptop has opened generation %d before, and the newest here is %d", w.generation, newest.Generation), nil
	case newest.Generation > w.generation || i.links()[w.link]:
		return "", nil
	}
	return fmt.Sprintf("generation %d is another one than this laptop has opened before, which is not here any more", newest.Generation), nil
}

// links are the hashes of the tips' manifests. The witness's own generation is a tip
// whenever it is the newest.
func (i ShelfInfo) links() map[string]bool {
	out := map[string]bool{}
	for _, t := range i.Tips {
		out[t.Sums[".json"]] = true
	}
	return out
}

// HeadLost refuses a folder without a HEAD that can be read: nothing says whether what
// it holds is the newest.
func (s Shelf) HeadLost(hostname string) error {
	if s.Head.Name != "" || len(s.Copies) == 0 {
		return nil
	}
	return guard.Refuse(s.Folder, "next: remoterun setup "+hostname+", which compares it with the server's copy and writes HEAD anew", "%s, so nothing says whether %s is the newest", s.headGone(), s.Copies[len(s.Copies)-1].Name)
}

// HeadBehind says that HEAD names an older generation than there is; "" = it does not.
func (s Shelf) HeadBehind(tips []seal.StoredCopy) string {
	if s.Head.Name == "" || len(tips) == 0 || s.Head.Generation() >= tips[len(tips)-1].Manifest.Generation {
		return ""
	}
	return fmt.Sprintf("%s: HEAD is generation %d, and %s is here: sealing was cut off, or somebody has set HEAD back", s.Folder, s.Head.Generation(), strings.Join(seal.Names(tips), " and "))
}
