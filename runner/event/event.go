// Package event is what a run tells: a type per kind, made by the engine and
// taken by views, hints and tests, which import this and not the engine. It shows
// nothing and decides nothing.
package event

import (
	"time"

	"remoterun/runner/value"
)

// Event is one thing that happened: one of the types of this file. Kind is its
// name in machine formats.
type Event interface{ Kind() string }

// Sink takes events, one at a time, with the time at which each happened.
type Sink interface{ Event(at time.Time, e Event) }

// Kinds is one empty event of every kind there is, in the order of this file.
func Kinds() []Event {
	return []Event{
		PlayStart{}, PlayNoHosts{}, TaskStart{}, ItemResult{}, HostResult{}, Retry{}, Included{},
		Waiting{}, Note{}, NoHostsLeft{}, Warning{}, CheckOverride{}, Recap{},
	}
}

// PlayStart begins a play, or a batch of its hosts (serial).
type PlayStart struct {
	Play  string
	Hosts []string
}

// PlayNoHosts is a play whose pattern matched nothing.
type PlayNoHosts struct{ Play string }

// TaskStart begins a task or handler. Under the free strategy tasks of several
// hosts interleave and Host is set.
type TaskStart struct {
	Play string
	Task *Task
	Host string
}

// Outcome is what came of a task, or of one item of its loop, on one host.
type Outcome struct {
	Host string
	// Delegated is the machine that did the work when it is not Host.
	Delegated string
	Task      *Task
	Status    Status
	// Result is what register gets; secret text in it carries marks.
	Result *value.Map
	// Ignored is a failure that ignore_errors forgave, Rescued one that a block
	// takes on.
	Ignored, Rescued bool
	NoLog            bool
	// Unread says that no_log itself could not be worked out: NoLog is set for that.
	Unread bool
	// Quiet results are shown with -v only (assert's quiet).
	Quiet bool
	// Err is the failure itself when it was none of the module's words: a link, an
	// identity that was refused, a lock that another operator holds.
	Err error
	// Diff is set under --diff, also in check mode.
	Diff []Diff
	// Tries counts attempts (until), 0 = the task has no until.
	Tries int
}

// LoopItem is the item of a loop and what is shown of it.
type LoopItem struct {
	Item  value.Value
	Label string
}

// ItemResult is one item of a loop on one host.
type ItemResult struct {
	Outcome
	LoopItem
}

// HostResult is a task's outcome on one host.
type HostResult struct{ Outcome }

// Retry is a task that will be tried again (until); Left is how often it may be.
type Retry struct {
	Outcome
	LoopItem
	Left int
}

// Included is a file that a host takes in.
type Included struct {
	Host  string
	Task  *Task
	Path  string
	NoLog bool
	LoopItem
}

// Waiting says what a host is doing right now, for a footer; Text is empty when
// it waits no longer.
type Waiting struct {
	Host string
	Task *Task
	Text string
	// Done and Total are a long step's progress in bytes; Total is 0 when it is not
	// known.
	Done, Total int64
}

// Note is a line of progress that stays (key sent, SQL answered …).
type Note struct {
	Host string
	Task *Task
	Text string
}

// NoHostsLeft says that the play ends for all its hosts (any_errors_fatal,
// max_fail_percentage).
type NoHostsLeft struct{}

// Warning is shown once per text; Host is empty when it is of no host.
type Warning struct{ Host, Text string }

// CheckOverride lists a task that runs although --check was given.
type CheckOverride struct{ Task *Task }

// Recap ends a run.
type Recap struct{ Stats *Stats }

// HostOf is the host that an event is of; empty = the whole run's.
func HostOf(e Event) string {
	switch e := e.(type) {
	case TaskStart:
		return e.Host
	case ItemResult:
		return e.Host
	case HostResult:
		return e.Host
	case Retry:
		return e.Host
	case Included:
		return e.Host
	case Waiting:
		return e.Host
	case Note:
		return e.Host
	case Warning:
		return e.Host
	}
	return ""
}

// Kind is the event's name.
func (PlayStart) Kind() string { return "play_start" }

// Kind is the event's name.
func (PlayNoHosts) Kind() string { return "play_no_hosts" }

// Kind is the event's name.
func (TaskStart) Kind() string { return "task_start" }

// Kind is the event's name.
func (ItemResult) Kind() string { return "item_result" }

// Kind is the event's name.
func (HostResult) Kind() string { return "host_result" }

// Kind is the event's name.
func (Retry) Kind() string { return "retry" }

// Kind is the event's name.
func (Included) Kind() string { return "included" }

// Kind is the event's name.
func (Waiting) Kind() string { return "waiting" }

// Kind is the event's name.
func (Note) Kind() string { return "note" }

// Kind is the event's name.
func (NoHostsLeft) Kind() string { return "no_hosts_left" }

// Kind is the event's name.
func (Warning) Kind() string { return "warning" }

// Kind is the event's name.
func (CheckOverride) Kind() string { return "check_override" }

// Kind is the event's name.
func (Recap) Kind() string { return "recap" }
