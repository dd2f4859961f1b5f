// Package compose is a client of the docker and docker compose programs on a
// host. It asks them for JSON and reads it: the same compose that will apply a
// file says what is in it. It uses no Docker socket and brings no library of
// its own, and its questions write nothing.
package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Project is a compose project as it lies on a host.
type Project struct {
	// Dir is its folder; Files are the -f files, none for compose's own choice
	// (compose.yaml with compose.override.yaml).
	Dir   string
	Files []string
	// Last is one more file behind Files that is read when it is there.
	Last string
}

// words prints the wrapper's arguments: the folder, then those of docker.
func (p Project) words(args ...string) []string {
	out := []string{p.Dir, "compose"}
	for _, f := range p.Files {
		out = append(out, "-f", f)
	}
	if p.Last != "" {
		out = append(out, maybe, p.Last)
	}
	return append(out, args...)
}

// maybe stands for -f before a file that need not be there; chooseFile, with the
// folder as the working directory, turns it into -f or takes both words out.
const maybe = "-f?"

const chooseFile = `n=$#
while [ "$n" -gt 0 ]; do
	w=$1; shift; n=$((n - 1))
	if [ "$w" = "-f?" ]; then
		w=$1; shift; n=$((n - 1))
		[ -f "$w" ] || continue
		set -- "$@" -f
	fi
	set -- "$@" "$w"
done
`

// said runs docker in the folder $1 and prints, when it failed, what it
// complained about instead of what it had printed so far. A missing folder is
// status 90. Services of every profile are looked at: which are on is the
// operator's affair at a start.
const said = `cd -- "$1" 2>/dev/null || { echo "there is no folder $1"; exit 90; }
shift
export COMPOSE_PROFILES='*'
` + chooseFile + `{ err=$(docker "$@" 2>&1 >&3); r=$?; } 3>&1
[ $r -eq 0 ] || printf '\n%s\n' "$err"
exit $r`

func ask(dir string, args ...string) host.Probe {
	return host.NewProbe(said, append([]string{dir}, args...)...)
}

// Failure is what docker or compose refused, with its own words.
type Failure struct {
	What   string
	Status int
	Said   string // the last lines, without warnings about obsolete keys
	Hint   string
}

func (e *Failure) Error() string {
	msg := e.What + ": " + e.Said
	if e.Said == "" {
		msg = fmt.Sprintf("%s: exit status %d", e.What, e.Status)
	}
	if e.Hint != "" {
		msg += " (" + e.Hint + ")"
	}
	return msg
}

// Fail makes a *Failure of what docker printed.
func Fail(what string, status int, text string) *Failure {
	f := &Failure{What: what, Status: status, Said: lastLines(text, 3)}
	for _, k := range known {
		if strings.Contains(text, k.says) {
			f.Hint = k.hint
			break
		}
	}
	if status == 127 {
		f.Hint = "docker is not installed on this host, or not on the PATH of this user"
	}
	return f
}

// known are complaints that need a word of explanation.
var known = []struct{ says, hint string }{
	{"is not a docker command", "docker compose v2 is not installed on this host"},
	{"unknown command: docker compose", "docker compose v2 is not installed on this host"},
	{"Usage:  docker [OPTIONS] COMMAND", "docker compose v2 is not installed on this host"},
	{"unknown flag:", "is docker compose older than 2.24.4?"},
	{"Cannot connect to the Docker daemon", "the Docker daemon does not run: systemctl start docker"},
	{"failed to connect to the docker API", "the Docker daemon does not run: systemctl start docker"},
	{"permission denied while trying to connect", "this user may not use Docker: become root"},
	{"no configuration file provided", "is that the folder that holds the compose file?"},
	{"no such service", "is that the service's name in the compose file?"},
	{"No space left on device", "the disk is full"},
	{"no space left on device", "the disk is full"},
	{"read-only file system", "the file system is read-only"},
}

// lastLines keeps the last n lines that are no warnings.
func lastLines(text string, n int) string {
	var keep []string
	for _, l := range strings.Split(text, "\n") {
		l = strings.TrimSpace(l)
		if l == "" || strings.Contains(l, "level=warning") {
			continue
		}
		keep = append(keep, l)
	}
	if len(keep) > n {
		keep = keep[len(keep)-n:]
	}
	return strings.Join(keep, "; ")
}

// parse reads JSON of a question that succeeded.
func parse(what string, a host.Answer, into any) error {
	if a.Status != 0 {
		return Fail(what, a.Status, string(a.Stdout))
	}
	if err := json.Unmarshal(bytes.TrimSpace(a.Stdout), into); err != nil {
		return fmt.Errorf("%s: the answer is not JSON: %w", what, err)
	}
	return nil
}

// Text runs docker with a project's words; Command's arguments fit it.
const Text = `cd -- "$1" || exit 90
shift
` + chooseFile + `exec docker "$@"`

// Command is docker compose with the project's files, for a step.
func (p Project) Command(args ...string) sh.Cmd {
	return sh.Script(Text, p.words(args...)...)
}

// Docker is the docker program, for a step.
func Docker(args ...string) sh.Cmd { return sh.Exec(append([]string{"docker"}, args...)...) }

// Up starts services and what they are made of: nothing is pulled, built, or
// started beside them.
func (p Project) Up(services ...string) host.Step {
	args := append([]string{"up", "-d", "--no-deps", "--no-build", "--pull", "never", "--"}, services...)
	return host.Run{Cmd: p.Command(args...), What: "docker compose up -d " + strings.Join(services, " ")}
}
