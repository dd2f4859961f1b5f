package move

import (
	"encoding/json"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/job"
)

// Going is a move that has not come to its end, as its host tells it.
type Going struct {
	Verb, By, Began string
	State           State
	// Working says that the copy is at work now; Progress is how far it is.
	Working  bool
	Progress Progress
}

// String is one line.
func (g Going) String() string {
	text := fmt.Sprintf("%s by %s since %s: %s", g.Verb, g.By, g.Began, g.State)
	if g.Working && g.Progress.Phase != "" {
		text += ", " + g.Progress.Line(0, 0)
	}
	return text
}

const goingText = `j=${1%/*}/jobs/move
cat -- "$1/record.json" 2>/dev/null || echo '{}'
echo
echo --
[ -d "$j" ] && p=$(cat "$j/pid" 2>/dev/null) && [ -n "$p" ] && [ "/proc/$p/fd/8" -ef "$j/mark" ] && echo running
echo --
cat -- "$j/status" 2>/dev/null
exit 0`

// GoingAt asks for a move of the project whose folder on the host this is; nil =
// there is none under way.
func GoingAt(state string) host.Fact[*Going] {
	return host.Fact[*Going]{Q: host.NewProbe(goingText, state+"/move"), Parse: func(a host.Answer) (*Going, error) {
		head, rest, _ := strings.Cut(string(a.Stdout), "\n--\n")
		running, told, _ := strings.Cut(rest, "--\n")
		var r Record
		if json.Unmarshal([]byte(head), &r) != nil || r.State == None || r.State == Rolled || r.State == Done {
			return nil, nil
		}
		return &Going{Verb: r.Verb, By: r.By, Began: r.Began, State: r.State, Working: strings.TrimSpace(running) == string(job.Running), Progress: readProgress(strings.TrimRight(told, "\n"))}, nil
	}}
}
