package files

import (
	"encoding/base64"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// slurpArgs are the arguments of slurp.
type slurpArgs struct {
	Src string `arg:"src,path" need:"yes" type:"path" help:"the file"`
}

// Slurp reads a file into a variable.
func Slurp() play.Module {
	return kit.Define(kit.Doc{Name: "slurp", Short: "a file's content as a variable"}, slurp{})
}

type slurp struct{}

// maxSlurp is how large a file may be in bytes: a variable is no place for more.
const maxSlurp = 48 << 20

// slurpText prints a file of up to $2 bytes; 3 = missing, 4 = a folder, 5 = not
// readable, 6 = larger, with its size, 7 = below what is no folder.
const slurpText = `if [ -d "$1" ]; then exit 4; fi
if [ ! -e "$1" ]; then p=${1%/*}; if [ -n "$p" ] && [ -e "$p" ] && [ ! -d "$p" ]; then exit 7; fi
while :; do case $p in ?*/?*) ;; *) break ;; esac; if [ -d "$p" ]; then break; fi; p=${p%/*}; done
if [ -d "$p" ] && [ ! -x "$p" ]; then exit 5; fi; exit 3; fi
if [ ! -r "$1" ]; then exit 5; fi
if [ -f "$1" ]; then n=$(wc -c <"$1"); [ "$n" -le "$2" ] || { echo "$n"; exit 6; }; fi
exec cat "$1"`

func slurpQuestion(p string) host.Probe {
	return host.NewProbe(slurpText, kit.Safe(p), strconv.Itoa(maxSlurp))
}

func (slurp) Facts(a slurpArgs) []host.Question {
	return kit.Hint(a.Src, slurpQuestion(a.Src))
}

func (slurp) Plan(a slurpArgs, s host.Seen) (play.Plan, error) {
	p, err := kit.Place(s, a.Src)
	if err != nil {
		return play.Plan{}, err
	}
	got, err := s.Answer(slurpQuestion(p))
	if err != nil {
		return play.Plan{}, err
	}
	switch got.Status {
	case 0:
	case 3:
		return kit.Failure("file not found: %s", p), nil
	case 4:
		return kit.Failure("source is a directory and must be a file: %s", p), nil
	case 5:
		return kit.Failure("file is not readable: %s", p), nil
	case 7:
		return kit.Failure("unable to slurp file: [Errno 20] Not a directory: '%s'", p), nil
	case 6:
		return kit.Failure("%s has %s bytes, and a variable holds up to %d MiB: fetch brings files of any size to the laptop", p, strings.TrimSpace(string(got.Stdout)), maxSlurp>>20), nil
	default:
		return kit.Failure("unable to slurp file: %s", p), nil
	}
	return kit.Unchanged(p+" was read", value.MapOf("content", kit.HostText(base64.StdEncoding.EncodeToString(got.Stdout)),
		"encoding", value.String("base64"), "source", value.String(p))), nil
}
