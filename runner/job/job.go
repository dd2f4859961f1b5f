// Package job holds long work that runs detached on a host: it survives the
// laptop, a cut link and the lock's holder; the same command attaches to it
// again, and it can be stopped. What runs is a plain sh script in a folder of
// root's (or of the login user's) own; nothing but sh and coreutils or busybox
// is needed. The package makes commands and reads answers; it never prints.
package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Job is a piece of work by the folder that it has on its host. One folder
// holds one job at a time; the folder of an ended one is used again.
// Dir may begin with "~/", the home of the identity, for Start, Ran, Keep and
// Clean.
type Job struct{ Dir string }

// In is the job of a name among those of a project's state folder. A lock of
// that project finds it there: as long as it runs only who joins it by name gets
// the lock.
func In(state, name string) Job { return Job{path.Join(state, "jobs", name)} }

// Name is the job's own name: the last part of its folder.
func (j Job) Name() string { return path.Base(j.Dir) }

// What says who began a job, and what for: one line each.
type What struct{ Who, Since, Doing string }

// Phase is where a job is in its life.
type Phase string

const (
	// Never has begun, or was cleaned away.
	Never Phase = "none"
	// Running is at work.
	Running Phase = "running"
	// Ended came to its end with State.Status.
	Ended Phase = "ended"
	// Stopped was ended by Stop or by another operator's --take-over.
	Stopped Phase = "stopped"
	// Died vanished without a word: killed, or the host was booted again.
	Died Phase = "died"
)

// State is what a job's folder says.
type State struct {
	Phase  Phase
	Status int // exit status, when Ended
	What
	// Told is the job's own file status, which it writes by rename: whatever it
	// wants to be seen.
	Told string
	// Out is what it printed behind the offset that was asked for, Size how much it
	// has printed in all (bytes).
	Out  []byte
	Size int64
	// Err is the end of what it complained about.
	Err string
}

// Start is the command that begins the job: c's script with /dev/null as its
// stdin, and the job's folder as $JOB. It does nothing when the job runs
// already. Its status is 0 in both cases; it prints "started" or "running".
func (j Job) Start(c sh.Cmd, w What) sh.Cmd { return j.start(start, c, w) }

// Begin is Start of a new job; behind "started" it prints the folder, absolute.
func (j Job) Begin(c sh.Cmd, w What) sh.Cmd { return j.start(start+told, c, w) }

// Awaited is Begin of a job that a task waits for: under a host lock it is work as
// that of any task, which ends before another operator has the lock.
func (j Job) Awaited(c sh.Cmd, w What) sh.Cmd { return j.start("_waited=y\n"+start+told, c, w) }

const told = `
printf "%s\n" "$d"`

func (j Job) start(text sh.Constant, c sh.Cmd, w What) sh.Cmd {
	start := sh.Script(text, j.Dir, driver, oneLine(w.Who), oneLine(w.Since), oneLine(w.Doing)).With(sh.Bytes(c.Render()))
	start.Secret = c.Secret
	return start
}

// Stop is the command that ends the job and all that it began; status 1 when
// something of it cannot be ended.
func (j Job) Stop() sh.Cmd { return sh.Script(stopFunction+stopText, j.Dir) }

// Clean is the command that removes the folder of a job that does not run.
func (j Job) Clean() sh.Cmd {
	return sh.Script(alive+place+`d=$(place "$1")
alive "$d" && { echo "it runs" >&2; exit 1; }
rm -rf -- "$d"`, j.Dir)
}

// State asks how the job is, and for what it printed from the offset on (at
// most 64 KiB of it).
func (j Job) State(offset int64) host.Fact[State] {
	q := host.NewProbe(stateText, j.Dir, strconv.FormatInt(offset+1, 10)).Wide()
	return host.Fact[State]{Q: q, Parse: parse}
}

func parse(a host.Answer) (State, error) {
	head, rest, ok := bytes.Cut(a.Stdout, []byte("\n--\n"))
	if a.Status != 0 || !ok {
		return State{}, errors.New("the job's folder cannot be read (are you root?)")
	}
	var s State
	for i, line := range strings.Split(string(head), "\n") {
		switch i {
		case 0:
			word, n, _ := strings.Cut(line, " ")
			s.Phase = Phase(word)
			s.Status, _ = strconv.Atoi(n)
		case 1:
			s.Size, _ = strconv.ParseInt(line, 10, 64)
		case 2:
			s.Who = line
		case 3:
			s.Since = line
		case 4:
			s.Doing = line
		}
	}
	told, rest, ok := bytes.Cut(rest, []byte("\n--\n"))
	complaint, out, ok2 := bytes.Cut(rest, []byte("\n--\n"))
	if !ok || !ok2 {
		return State{}, errors.New("the job's state came in part")
	}
	s.Told, s.Err, s.Out = strings.TrimRight(string(told), "\n"), strings.TrimSpace(string(complaint)), out
	return s, nil
}

// Look asks for the state at once (steps).
func (j Job) Look(ctx context.Context, r host.Reader, offset int64) (State, error) {
	f := j.State(offset)
	a, err := f.Q.Ask(ctx, r)
	if err != nil {
		return State{}, err
	}
	return f.Parse(a)
}

// Follow attaches to the job until it does not run any more: tell gets each new
// state with what was printed since the last one. It begins behind the first
// from bytes. A broken link is the error and means nothing for the job, which
// goes on.
func (j Job) Follow(ctx context.Context, r host.Reader, from int64, every time.Duration, tell func(State)) (State, error) {
	for {
		s, err := j.Look(ctx, r, from)
		if err != nil {
			return s, err
		}
		from += int64(len(s.Out))
		tell(s)
		if s.Phase != Running && from >= s.Size {
			return s, nil
		}
		if from < s.Size {
			continue
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return s, context.Cause(ctx)
		}
	}
}

// Held is what a verb says that finds the job of another one at work.
func (s State) Held(hostName string) error {
	return fmt.Errorf("%s: %s is at work on it since %s (%s)", hostName, s.Who, s.Since, s.Doing)
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}
