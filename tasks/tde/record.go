package tde

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
)

// initRecord is what the host's state folder says about the making of the
// cluster. It names one volume by name and time of creation: a volume is wiped
// only when it is that very one, begun and not done.
type initRecord struct {
	volume, created, state string
}

func (r *initRecord) names(volume, created string) bool {
	return r != nil && r.volume == volume && r.created == created
}

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
		case "created":
			r.created = rest
		case "state":
			r.state = rest
		}
	}
	if r.volume == "" || r.created == "" || r.state != "begun" && r.state != "done" {
		return nil, fmt.Errorf("record %s/init is damaged: nothing is wiped on its word", dir)
	}
	return r, nil
}
