package runner

import (
	"time"

	"remoterun/runner/known"
)

// acted is when a host's tasks changed something last, by machine; nil is the
// laptop. What runs on one machine may reach another: a file on a shared disk, a
// name that leads to the same host, a balancer that no longer sends requests.
type acted map[*known.Machine]time.Time

// note says that something ran on a machine just now.
func (a *acted) note(m *known.Machine) {
	if *a == nil {
		*a = acted{}
	}
	(*a)[m] = time.Now()
}

// beside is when something ran anywhere but on m, zero = never.
func (a acted) beside(m *known.Machine) time.Time {
	var last time.Time
	for at, when := range a {
		if at != m && when.After(last) {
			last = when
		}
	}
	return last
}

// fresh reports whether the answers that a unit's plan rests on are of now. On a
// machine that is delegated to, others of the run may have asked before this
// host's earlier tasks ended; its own machine is told by Touched.
func (u *unit) fresh(h *hostRun) bool {
	var since time.Time
	if u.m != h.m {
		since = h.acted.beside(u.m)
	}
	return u.m.Fresh(u.as, u.rests, since)
}
