package known

import (
	"sync"
	"time"

	"remoterun/runner/host"
)

// Acted is what a host's tasks changed last, and when. What runs on one machine
// may reach another: a file on a shared disk, a name that leads to the same host,
// a balancer that no longer sends requests.
type Acted struct {
	Host string
	Own  *Machine
	All  *Rounds
	last map[*Machine]time.Time // nil is the laptop
}

// Did notes that a task ran something on m just now, nil = the laptop.
func (a *Acted) Did(m *Machine) {
	if a.last == nil {
		a.last = map[*Machine]time.Time{}
	}
	a.last[m] = time.Now()
	a.All.did(a.Host)
}

// Fresh reports whether answers of m that the host wants to use are of now: no
// task before, of this host or of others, ran anything since they were asked.
func (a *Acted) Fresh(m *Machine, as host.As, qs []host.Question) bool {
	since := a.All.besides(a.Host)
	for at, when := range a.last {
		// What runs on m is counted by m; what a task writes on the laptop is no
		// business of the host's own machine.
		if at != m && (at != nil || m != a.Own) && when.After(since) {
			since = when
		}
	}
	return m.Fresh(as, qs, since)
}

// Rounds is what the hosts of a run did to each other, as of the last time that
// all of them stood together: what one does in a task that others are at, too,
// has no order, and what it did in a task before has.
type Rounds struct {
	mu    sync.Mutex
	now   map[string]bool // hosts that changed something since
	by    string          // who did last, empty = several
	at    time.Time       // when that was settled
	other time.Time       // when another one than by did
}

func (r *Rounds) did(host string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		r.now = map[string]bool{}
	}
	r.now[host] = true
}

// Settle ends a round.
func (r *Rounds) Settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.now) == 0 {
		return
	}
	by, at := "", time.Now()
	for h := range r.now {
		by = h
	}
	switch {
	case len(r.now) > 1:
		by, r.other = "", at
	case by != r.by:
		r.other = r.at
	}
	r.by, r.at, r.now = by, at, nil
}

// besides is when another host than this one changed something in a round before,
// zero = never.
func (r *Rounds) besides(host string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if host == r.by {
		return r.other
	}
	return r.at
}
