package stack

import (
	"fmt"
	"path"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
)

// Record is what the host's state folder says about the encrypted cluster: it is
// the truth that containers and compose files are held against. It names one
// volume by name and by the random id that is its label: a volume is wiped only
// when it is that very one, begun and not done.
type Record struct {
	Volume, ID, State string
	// Folder is the host's folder that the volume stands for, "" = one of the
	// engine's own.
	Folder string
	// Image is the server's pinned image, Service what it was made for; both are ""
	// in records of the first version.
	Image, Service string
	// Tombs are the data folders on the host that the compose files would use
	// without the overlay, and in which nothing may come to be.
	Tombs []string
	// Moving says how far a migration into it is that has not come to its end; "" =
	// there is none. Its cluster is not whole before.
	Moving string
}

// VolumeID is the label that holds a volume's id.
const VolumeID = "remoterun.id"

// Names reports that the record is about this very volume.
func (r *Record) Names(v *compose.DiskVolume) bool {
	return r != nil && v != nil && r.ID != "" && r.Volume == v.Name && r.ID == v.Labels[VolumeID]
}

// Done reports that a cluster was made.
func (r *Record) Done() bool { return r != nil && r.State == "done" }

// Begun reports that the making of a cluster was cut off.
func (r *Record) Begun() bool { return r != nil && r.State == "begun" }

// Left reports a cluster that a rollback went away from: the stack's database is
// the plain one, and the volume is there for people alone.
func (r *Record) Left() bool { return r != nil && r.State == "left" }

// RecordAt asks for the record; nil = there is none.
func RecordAt(dir string) host.Fact[*Record] {
	q := host.NewProbe(`[ -e "$1" ] || [ -L "$1" ] || { [ -d "${1%/*}" ] && [ ! -x "${1%/*}" ] && exit 5; echo none; exit 0; }
cat -- "$1" && { sed -n 's/^ "state": "\(begun\|frozen\|made\|copied\|proved\)",$/moving \1/p' "${1%/*}/move/record.json" 2>/dev/null; echo end; }`, dir+"/init")
	return host.Fact[*Record]{Q: q, Parse: func(a host.Answer) (*Record, error) {
		text := string(a.Stdout)
		if text == "none\n" {
			return nil, nil
		}
		body, whole := strings.CutSuffix(text, "end\n")
		if a.Status != 0 || !whole {
			return nil, fmt.Errorf("record %s/init cannot be read (are you root?)", dir)
		}
		return parseRecordText(dir, body)
	}}
}

func parseRecordText(dir, body string) (*Record, error) {
	r := &Record{}
	for line := range strings.Lines(body) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "volume":
			r.Volume = rest
		case "id":
			r.ID = rest
		case "state":
			r.State = rest
		case "folder":
			r.Folder = rest
		case "image":
			r.Image = rest
		case "service":
			r.Service = rest
		case "moving":
			r.Moving = rest
		case "tomb":
			r.Tombs = append(r.Tombs, rest)
		}
	}
	if r.Volume == "" || r.ID == "" || !r.Begun() && !r.Done() && !r.Left() || !cleanFolders(append(r.Tombs, r.Folder)) {
		return nil, fmt.Errorf("record %s/init is damaged: nothing is wiped on its word", dir)
	}
	return r, nil
}

// cleanFolders reports absolute clean paths; "" is none.
func cleanFolders(list []string) bool {
	for _, p := range list {
		if p != "" && (!path.IsAbs(p) || path.Clean(p) != p || p == "/") {
			return false
		}
	}
	return true
}
