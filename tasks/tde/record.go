package tde

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/tasks/compose"
)

// initRecord is what the host's state folder says about the making of the
// cluster. It names one volume by name and by the random id that is its label: a
// volume is wiped only when it is that very one, begun and not done.
type initRecord struct {
	volume, id, state string
}

// volumeID is the label that holds a volume's id.
const volumeID = "remoterun.id"

func (r *initRecord) names(v *compose.DiskVolume) bool {
	return r != nil && v != nil && r.id != "" && r.volume == v.Name && r.id == v.Labels[volumeID]
}

// done reports that a cluster was made.
func (r *initRecord) done() bool { return r != nil && r.state == "done" }

// recordAt asks for the record; nil = there is none.
func recordAt(dir string) host.Fact[*initRecord] {
	q := host.NewProbe(`[ -e "$1" ] || [ -L "$1" ] || { [ -d "${1%/*}" ] && [ ! -x "${1%/*}" ] && exit 5; echo none; exit 0; }
cat -- "$1" && echo end`, dir+"/init")
	return host.Fact[*initRecord]{Q: q, Parse: func(a host.Answer) (*initRecord, error) {
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

func parseRecordText(dir, body string) (*initRecord, error) {
	r := &initRecord{}
	for line := range strings.Lines(body) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "volume":
			r.volume = rest
		case "id":
			r.id = rest
		case "state":
			r.state = rest
		}
	}
	if r.volume == "" || r.id == "" || r.state != "begun" && r.state != "done" {
		return nil, fmt.Errorf("record %s/init is damaged: nothing is wiped on its word", dir)
	}
	return r, nil
}
