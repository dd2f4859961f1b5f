package event

import (
	"remoterun/runner/value"
)

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

// NewStats returns an empty recap.
func NewStats() *Stats { return &Stats{Hosts: map[string]*Counts{}} }

// Of is a host's line, made at the first call.
func (s *Stats) Of(host string) *Counts {
	c, ok := s.Hosts[host]
	if !ok {
		c = &Counts{}
		s.Hosts[host] = c
		s.Order = append(s.Order, host)
	}
	return c
}

// Add counts one task's outcome as Ansible counts it: what is forgiven is ok,
// and changed when it changed something before it failed. A task that takes
// files in counts once per file.
func (c *Counts) Add(e Outcome, files int) {
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

func (c *Counts) countBad(e Outcome) {
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
