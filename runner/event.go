package runner

import (
	"time"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Kind is what an event tells.
type Kind string

const (
	// PlayStart begins a play: Play and Hosts are set.
	PlayStart Kind = "play_start"
	// PlayNoHosts is a play whose pattern matched nothing.
	PlayNoHosts Kind = "play_no_hosts"
	// TaskStart begins a task or handler: Task is set. Under the free strategy
	// tasks of several hosts interleave and Host is set, too.
	TaskStart Kind = "task_start"
	// ItemResult is one item of a loop on one host.
	ItemResult Kind = "item_result"
	// HostResult is a task's outcome on one host.
	HostResult Kind = "host_result"
	// Retry is a task that will be tried again (until).
	Retry Kind = "retry"
	// Included is a file that hosts take in.
	Included Kind = "included"
	// Waiting says what a host is doing right now, for a footer; Text is set,
	// empty when it waits no longer.
	Waiting Kind = "waiting"
	// Note is a line of progress that stays (key sent, SQL answered …).
	Note Kind = "note"
	// Warning is shown once per text.
	Warning Kind = "warning"
	// CheckOverride lists a task that runs although --check was given.
	CheckOverride Kind = "check_override"
	// Recap ends a run: Stats is set.
	Recap Kind = "recap"
)

// Status is a task's outcome on one host.
type Status string

const (
	OK          Status = "ok"
	Changed     Status = "changed"
	Skipped     Status = "skipped"
	Failed      Status = "failed"
	Unreachable Status = "unreachable"
)

// TaskInfo names a task for events.
type TaskInfo struct {
	// ID is the same for all hosts that run the same task of the same file.
	ID      string
	Name    string // as shown: rendered, "module" when it has none
	Module  string
	Pos     value.Pos
	Handler bool
	Tags    []string
}

// DiffText is a difference, ready to be shown: both texts or a prepared one.
type DiffText struct {
	BeforeHeader, AfterHeader string
	Before, After             string
	Prepared                  string
	// Secret content is never shown: only that it differs.
	Secret bool
}

// Event is one thing that happened. What its Kind does not set is zero.
type Event struct {
	Kind  Kind
	At    time.Time
	Play  string
	Hosts []string
	Task  *TaskInfo
	Host  string
	// Delegated is the machine that did the work when it is not Host.
	Delegated string
	Status    Status
	// Result is what register gets; secret text in it carries marks.
	Result *value.Map
	// Ignored is a failure that ignore_errors forgave, Rescued one that a block
	// takes on.
	Ignored, Rescued bool
	NoLog            bool
	// Quiet results are shown with -v only (assert's quiet).
	Quiet bool
	// Err is the failure itself when it was none of the module's words: a link, an
	// identity that was refused, a lock that another operator holds.
	Err error
	// Item is the loop's item and Label what is shown of it.
	Item  value.Value
	Label string
	// Diff is set under --diff, also in check mode.
	Diff []DiffText
	// Tries and Left count attempts of a Retry.
	Tries, Left int
	Text        string
	Stats       *Stats
	// Done and Total are a long step's progress (Waiting), in its own unit.
	Done, Total int64
}

// Sink takes events, one at a time.
type Sink interface{ Event(Event) }

// Counts is one host's line of the recap.
type Counts struct {
	OK, Changed, Unreachable, Failed, Skipped, Rescued, Ignored int
	// Refused says that a guard refused (swap, a tampered file); Held that
	// another operator holds the project; Locked that a database is locked.
	Refused, Held, Locked bool
	// Mistyped says that it failed for a wrong passphrase, which is an error of
	// the operator's and not the host's.
	Mistyped bool
}

// Stats is the recap.
type Stats struct {
	Hosts       map[string]*Counts
	Order       []string
	Interrupted bool
	// Undone tells, after an interruption, of the hosts that did not finish their
	// play, and NotBegun names the plays behind it.
	Undone   []Undone
	NotBegun []string
}

// Undone is what one host did not come to in the play that was interrupted.
type Undone struct {
	Host string
	// At names the task at which it was stopped, empty when none had begun.
	At string
	// Unknown names the tasks that had been sent, and of which no end was heard: At
	// alone, where the host's processes are known to have ended.
	Unknown []string
	// Tasks name, as written, those behind it as long as nothing had failed, and
	// the handlers that were notified.
	Tasks []string
}

func newStats() *Stats { return &Stats{Hosts: map[string]*Counts{}} }

func (s *Stats) of(host string) *Counts {
	c, ok := s.Hosts[host]
	if !ok {
		c = &Counts{}
		s.Hosts[host] = c
		s.Order = append(s.Order, host)
	}
	return c
}

// count adds one task's outcome as Ansible counts it: what is forgiven is ok,
// and changed when it changed something before it failed. A task that takes
// files in counts once per file.
func (c *Counts) count(e Event, files int) {
	switch e.Status {
	case OK:
		c.OK += max(1, files)
	case Changed:
		c.OK++
		c.Changed++
	case Skipped:
		c.Skipped++
	default:
		c.countBad(e)
	}
}

func (c *Counts) countBad(e Event) {
	switch {
	case e.Ignored:
		c.OK++
		c.Ignored++
		if v, _ := e.Result.Lookup("changed"); e.Status == Failed && value.Truth(v) {
			c.Changed++
		}
	case e.Status == Unreachable:
		c.Unreachable++
	case e.Rescued:
		c.Rescued++
	default:
		c.Failed++
	}
}

// statusOf reads a result's outcome.
func statusOf(r play.Result) Status {
	switch {
	case r.Failed:
		return Failed
	case r.Skipped:
		return Skipped
	case r.Changed:
		return Changed
	}
	return OK
}
