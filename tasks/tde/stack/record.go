package stack

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
)

// InitRecord is what the host's state folder says about the making of the
// cluster. It names one volume by name and by the random id that is its label: a
// volume is wiped only when it is that very one, begun and not done.
type InitRecord struct {
	Volume, id, State string
}

// volumeID is the label that holds a volume's id.
const volumeID = "remoterun.id"

func (r *InitRecord) Names(v *compose.DiskVolume) bool {
	return r != nil && v != nil && r.id != "" && r.Volume == v.Name && r.id == v.Labels[volumeID]
}

// Done reports that a cluster was made.
func (r *InitRecord) Done() bool { return r != nil && r.State == "done" }

// RecordAt asks for the record; nil = there is none.
func RecordAt(dir string) host.Fact[*InitRecord] {
	q := host.NewProbe(`[ -e "$1" ] || [ -L "$1" ] || { [ -d "${1%/*}" ] && [ ! -x "${1%/*}" ] && exit 5; echo none; exit 0; }
cat -- "$1" && echo end`, dir+"/init")
	return host.Fact[*InitRecord]{Q: q, Parse: func(a host.Answer) (*InitRecord, error) {
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

func parseRecordText(dir, body string) (*InitRecord, error) {
	r := &InitRecord{}
	for line := range strings.Lines(body) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "volume":
			r.Volume = rest
		case "id":
			r.id = rest
		case "state":
			r.State = rest
		}
	}
	if r.Volume == "" || r.id == "" || r.State != "begun" && r.State != "done" {
		return nil, fmt.Errorf("record %s/init is damaged: nothing is wiped on its word", dir)
	}
	return r, nil
}
