package move

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/move/catalog"
	"remoterun/tasks/move/proof"
)

// State is how far a move is. Each is reached only when all before it is true.
type State string

// The states in order. Rolled is the end that rollback makes.
const (
	None   State = ""
	Begun  State = "begun"  // the stack is as it was, or partly stopped
	Frozen State = "frozen" // nothing writes to the old cluster any more
	Made   State = "made"   // the new cluster is there, empty
	Copied State = "copied" // everything is in it
	Proved State = "proved" // and equal
	Cut    State = "cut"    // the stack runs on it
	Done   State = "done"   // and answers
	Rolled State = "rolled" // the stack is back on the old cluster
)

// order says which of two states is further.
var order = []State{None, Begun, Frozen, Made, Copied, Proved, Cut, Done}

func (s State) reached(what State) bool {
	return index(s) >= index(what) && s != Rolled
}

func index(s State) int {
	for i, o := range order {
		if o == s {
			return i
		}
	}
	return 0
}

// Record is what the host keeps of a move: the truth about it, whatever runs.
type Record struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	Verb   string `json:"verb"` // upgrade, migrate
	State  State  `json:"state"`
	By     string `json:"by"`
	Began  string `json:"began"`  // UTC, RFC 3339; the others too
	Frozen string `json:"frozen"` // the first stop
	Cut    string `json:"cut"`    // the first healthy answer
	Ended  string `json:"ended"`
	Source Source `json:"source"`
	// Others are the containers that can reach the database, as they were.
	Others []Other `json:"others"`
	New    New     `json:"new"`
	// Cluster is the source as it was when it was frozen.
	Cluster catalog.Cluster `json:"cluster"`
	// Proof is what was compared; Sums the target's tables then.
	Proof   *proof.Report          `json:"proof,omitempty"`
	Sums    map[string][]proof.Sum `json:"sums,omitempty"`
	Locales map[string]string      `json:"locales,omitempty"`
	// Disk is a folder on the disk that the copy goes to; Used are the bytes that were
	// used there when it was begun.
	Disk string `json:"disk,omitempty"`
	Used int64  `json:"used,omitempty"`
	// Making are the seconds that the new, empty cluster took.
	Making int64 `json:"making,omitempty"`
	// Backup is where the one before the freeze is.
	Backup string `json:"backup,omitempty"`
	// Scrub is when the old cluster began to be overwritten, Scrubbed when it was gone.
	Scrub    string `json:"scrub,omitempty"`
	Scrubbed string `json:"scrubbed,omitempty"`
	// Agreed is when the operator said yes to what would be stopped and written.
	Agreed string `json:"agreed,omitempty"`
	// Overlay is the file that the cut-over wrote, Before what it held, Apply how:
	// "" = it is the override file.
	Apply   string  `json:"apply,omitempty"`
	Overlay string  `json:"overlay,omitempty"`
	Before  *string `json:"before,omitempty"`
}

// Source is the old cluster's server.
type Source struct {
	Image   string   `json:"image"` // its id
	Name    string   `json:"name"`  // as the compose file calls it
	User    string   `json:"user"`
	Env     []string `json:"env"`
	Cmd     []string `json:"cmd"`
	Entry   []string `json:"entry"`
	PGData  string   `json:"pgdata"`
	Data    string   `json:"data"` // the same on the host
	Mounts  []Mount  `json:"mounts"`
	Shm     int64    `json:"shm"`
	Super   string   `json:"super"` // a role to log in with
	Version string   `json:"version"`
}

// Mount is one of a container's.
type Mount struct {
	Type, Source, Target string
	ReadOnly             bool
}

// Other is a container that can reach the database.
type Other struct {
	Name    string `json:"name"`
	Policy  string `json:"policy"`
	Running bool   `json:"running"`
	Ours    bool   `json:"ours"` // of this compose project
}

// New is the new cluster.
type New struct {
	Image  string `json:"image"` // what the overlay says
	ID     string `json:"id"`    // of the image
	Own    bool   `json:"own"`   // the image is a tag of ours
	Volume string `json:"volume"`
	Label  string `json:"label"` // the volume's own id
	At     string `json:"at"`    // where the volume is mounted
	PGData string `json:"pgdata"`
	Major  int    `json:"major"`
	// User is the number that the server runs as, "" = the image's own user.
	User string `json:"user,omitempty"`
	Old  string `json:"old,omitempty"` // volumes of moves that were rolled back
	// Name is what the volume is to be called, Folder the host's folder that it is to
	// stand for, "" = it is one of the engine's own.
	Name   string `json:"name,omitempty"`
	Folder string `json:"folder,omitempty"`
}

// volume is what it is called, or will be.
func (n New) volume() string { return cmp.Or(n.Volume, n.Name) }

func (s Stack) recordFile() string { return s.dir() + "/record.json" }

// recordAt asks for the record; nil = there is none.
func (s Stack) recordAt() host.Fact[*Record] {
	q := host.NewProbe(`[ -e "$1" ] || [ -L "$1" ] || { [ -d "${1%/*}" ] && [ ! -x "${1%/*}" ] && exit 5; echo none; exit 0; }
cat -- "$1"`, s.recordFile())
	return host.Fact[*Record]{Q: q, Parse: func(a host.Answer) (*Record, error) {
		if string(a.Stdout) == "none\n" {
			return nil, nil
		}
		var r Record
		if err := json.Unmarshal(a.Stdout, &r); a.Status != 0 || err != nil {
			return nil, fmt.Errorf("record %s cannot be read (are you root?)", s.recordFile())
		}
		if r.Format != 1 {
			return nil, fmt.Errorf("record %s is of format %d: a newer remoterun wrote it", s.recordFile(), r.Format)
		}
		return &r, nil
	}}
}

const keepText sh.Constant = `set -u
umask 077
d=${1%/*}
mkdir -p "$d" && chmod 700 "$d" || exit 1
cat >"$1.new" && [ -s "$1.new" ] && [ "$(tail -c 2 "$1.new")" = "}" ] || { rm -f "$1.new"; echo "$1 cannot be written: is the disk full?" >&2; exit 1; }
{ sync "$1.new" 2>/dev/null || sync; } && mv "$1.new" "$1" && { sync "$d" 2>/dev/null || sync; }`

// keep writes the record by rename.
func (s Stack) keep(ctx context.Context, w host.Writer, r *Record) error {
	return s.keepAt(ctx, w, s.recordFile(), r)
}

func (s Stack) keepAt(ctx context.Context, w host.Writer, file string, r *Record) error {
	r.Format = 1
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return run(ctx, w, "keep the record of the move", sh.Script(keepText, file).With(sh.Bytes(append(text, '\n'))))
}

// run runs a command and tells its failure in its own words.
func run(ctx context.Context, w host.Writer, what string, c sh.Cmd) error {
	_, err := output(ctx, w, what, c)
	return err
}

func output(ctx context.Context, w host.Writer, what string, c sh.Cmd) (string, error) {
	out, err := w.Run(ctx, c)
	if err != nil {
		return "", err
	}
	if out.Status != 0 {
		said := strings.TrimSpace(string(out.Stderr))
		if lines := strings.Split(said, "\n"); len(lines) > 4 {
			said = strings.Join(lines[len(lines)-4:], "; ")
		}
		return string(out.Stdout), &host.ExitError{What: what, Output: host.Output{Status: out.Status, Stderr: []byte(strings.ReplaceAll(said, "\n", "; "))}}
	}
	return string(out.Stdout), nil
}
