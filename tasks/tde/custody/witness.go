package custody

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"

	"remoterun/runner/disk"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/seal"
)

// A witness remembers on this laptop, outside the keys folder, the newest
// generation of each keyring that was opened here. Whoever can write the keys
// folder can put older files and an older HEAD back, all of them genuine; the
// witness notices.

var witnessText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]{1,6}) ([0-9a-f]{64})\n$`) })

// witness compares what was opened with what was opened before, and remembers it.
// Only what a passphrase has opened is believed: nobody else's words raise an alarm.
func (d Deps) witness(shelf Shelf, tips []seal.StoredCopy) error {
	if d.WitnessDir == "" || len(tips) == 0 {
		return nil
	}
	newest := tips[len(tips)-1]
	file := filepath.Join(d.WitnessDir, newest.Manifest.KeyringID)
	before, link, err := readWitness(file)
	if err != nil {
		return err
	}
	now := newest.Manifest.Generation
	switch {
	case now < before:
		return guard.Refuse(shelf.Folder, shelf.backWayOut(), "rollback: this laptop has opened generation %d before, and the newest here is %d", before, now)
	case now == before && !onShelf(shelf, link):
		return guard.Refuse(shelf.Folder, shelf.backWayOut(), "generation %d is another one than this laptop has opened before, which is not here any more", now)
	case now == before:
		return nil
	}
	if err := os.MkdirAll(d.WitnessDir, 0o700); err != nil {
		return err
	}
	return disk.Write(file, fmt.Appendf(nil, "%d %s\n", now, newest.Link()), 0o600)
}

func onShelf(s Shelf, link string) bool {
	for _, c := range s.Copies {
		if c.Link() == link {
			return true
		}
	}
	return false
}

// readWitness answers 0 where nothing was opened yet.
func readWitness(file string) (generation int, link string, err error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "", nil
	}
	if err != nil {
		return 0, "", err
	}
	m := witnessText().FindSubmatch(b)
	if m == nil {
		return 0, "", guard.Refuse(file, "remove it, if you know why", "it is not one line of a generation and a hash")
	}
	generation, _ = strconv.Atoi(string(m[1]))
	return generation, string(m[2]), nil
}

// HeadLost refuses a folder without HEAD: nothing says whether what it holds is the
// newest.
func (s Shelf) HeadLost(hostname string) error {
	if s.Head.Name != "" || len(s.Copies) == 0 {
		return nil
	}
	return guard.Refuse(s.Folder, "next: remoterun setup "+hostname+", which compares it with the server's copy and writes HEAD anew", "HEAD is gone, so nothing says whether %s is the newest", s.Copies[len(s.Copies)-1].Name)
}
