package runner

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/secret"
	"remoterun/runner/sh"
)

// Endpoint is where and how to reach a host, from its variables and keywords.
// What is empty comes from the user's ssh configuration.
type Endpoint struct {
	Name       string // inventory_hostname
	Connection string // ssh (default) or local
	Addr       string
	Port       int
	User       string
	KeyFile    string
	Password   secret.Sealed
	// BecomePassword answers the become program; zero = the operator is asked
	// when a prompt is seen.
	BecomePassword secret.Sealed
}

// onLaptop reports a host that is the laptop. An address of loopback is not: it may
// be the end of a tunnel.
func (e Endpoint) onLaptop() bool { return e.Connection == "local" }

// Connector makes connections; cmd joins it with the transports.
type Connector interface {
	Connect(ctx context.Context, e Endpoint) (host.Conn, error)
}

// Locker takes a project's lock on a host. The connection that it answers runs
// everything under the lock; release gives it back.
type Locker interface {
	Hold(ctx context.Context, c host.Conn, name string, h LockHolder) (guarded host.Conn, release func() error, err error)
}

// LockHolder says under which identity the lock is taken, and what for.
type LockHolder struct {
	Host  string
	As    host.As
	Doing string
}

// machine is one host that is worked on: its connection, what was learnt of it
// and when. Plays of one run share it.
type machine struct {
	name  string
	at    Endpoint
	r     *Runner
	lock  string // name of the host lock to hold, empty = none
	doing string
	// lockAs is the identity that takes the lock: the play's own.
	lockAs host.As

	mu      sync.Mutex
	raw     host.Conn // the connection
	conn    host.Conn // what works: raw, or raw under the lock
	release func() error
	err     error // why it is unreachable for good

	// waits is what it was told to be waiting for last: connecting comes between.
	waits atomic.Pointer[event.Waiting]
	kept  host.Kept
	work  sync.Mutex // guards facts; one task at a time uses a machine
	facts map[host.As]*facts
	// epoch counts what may have changed the host. Several names of one address
	// share it: they may be one machine.
	epoch *atomic.Int64
	// unable is set when the host cannot compare digests: nothing is chained.
	unable bool
}

// facts are answers under one identity.
type facts struct {
	answers map[string]host.Answer
	when    map[string]stamp
}

type stamp struct {
	epoch   int64
	at      time.Time
	guarded bool // of a probe: a guard can ask it again
}

// freshFor is how long an answer counts without being asked again.
const freshFor = 20 * time.Second

// connect dials at the first call and takes the play's lock.
func (m *machine) connect(ctx context.Context) (host.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	if m.raw == nil {
		m.r.emit(event.Waiting{Host: m.name, Text: "connecting"})
		c, err := m.r.opt.Connector.Connect(ctx, m.at)
		if err != nil {
			if ctx.Err() == nil {
				m.err = err
			}
			return nil, err
		}
		m.raw = c
		if e := m.waits.Load(); e != nil {
			m.r.emit(*e)
		}
	}
	if m.conn == nil {
		m.conn = m.raw
		if m.lock != "" && m.r.opt.Locker != nil {
			guarded, release, err := m.r.opt.Locker.Hold(ctx, m.raw, m.lock, LockHolder{Host: m.name, As: m.lockAs, Doing: m.doing})
			if err != nil {
				m.conn = nil
				return nil, err
			}
			m.conn, m.release = guarded, release
		}
	}
	return m.conn, nil
}

// worker is the Writer of a task on this machine; it connects at its first use.
func (m *machine) worker(as host.As, told func(done, total int64)) *host.Worker {
	w := &host.Worker{Host: m.name, As: as, Conn: lazyConn{m}, Kept: &m.kept, Dialing: m.redial, Told: told}
	if m.at.onLaptop() {
		w.Dialing = nil
	}
	return w
}

func (m *machine) redial(ctx context.Context) (host.Conn, error) {
	m.mu.Lock()
	m.raw, m.conn, m.release, m.err = nil, nil, nil, nil
	m.mu.Unlock()
	return m.connect(ctx)
}

// giveUp makes the machine unreachable for good.
func (m *machine) giveUp(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// hangUp closes a connection that broke: the next use dials again. The work lock
// is held.
func (m *machine) hangUp() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release = nil
	if m.raw != nil {
		_ = m.kept.Close()
		_ = m.raw.Close()
	}
	m.raw, m.conn = nil, nil
}

// retry lets a machine that was given up be dialled again (clear_host_errors,
// ignore_unreachable).
func (m *machine) retry() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = nil
}

// unlock gives the host lock back, at the end of a play; the connection stays.
func (m *machine) unlock() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	release := m.release
	m.release, m.conn = nil, nil
	if release == nil {
		return nil
	}
	return release()
}

func (m *machine) close() error {
	err := m.unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.raw != nil {
		err = errors.Join(err, m.kept.Close(), m.raw.Close())
		m.raw = nil
	}
	return err
}

func (m *machine) of(as host.As) *facts {
	f, ok := m.facts[as]
	if !ok {
		f = &facts{answers: map[string]host.Answer{}, when: map[string]stamp{}}
		if m.facts == nil {
			m.facts = map[host.As]*facts{}
		}
		m.facts[as] = f
	}
	return f
}

// know keeps answers, in the order of the questions; epoch is that of the time
// before they were asked.
func (m *machine) know(as host.As, qs []host.Question, answers []host.Answer, epoch int64) {
	f := m.of(as)
	now := time.Now()
	for i, a := range answers {
		if i < len(qs) {
			_, guarded := qs[i].(host.Probe)
			f.answers[qs[i].Key()] = a
			f.when[qs[i].Key()] = stamp{epoch, now, guarded}
		}
	}
}

// stamps are those of the answers, zero where there is none.
func (m *machine) stamps(as host.As, qs []host.Question) []stamp {
	f, out := m.of(as), make([]stamp, len(qs))
	for i, q := range qs {
		out[i] = f.when[q.Key()]
	}
	return out
}

// fresh reports whether every answer is of now: nothing ran on the machine since.
func (m *machine) fresh(as host.As, qs []host.Question) bool {
	f, now := m.of(as), m.epoch.Load()
	for _, q := range qs {
		w, ok := f.when[q.Key()]
		if !ok || w.epoch != now || time.Since(w.at) > freshFor {
			return false
		}
	}
	return true
}

// stepped says that something may have changed on the machine: answers may
// still serve guarded steps, but prove nothing any more. Answers of questions
// that no guard can ask again are dropped. It answers the new epoch.
func (m *machine) stepped() int64 {
	epoch := m.epoch.Add(1)
	for _, f := range m.facts {
		for k := range f.answers {
			if !f.when[k].guarded {
				delete(f.answers, k)
				delete(f.when, k)
			}
		}
	}
	return epoch
}

// drop forgets every answer.
func (m *machine) drop() {
	m.facts = nil
}

// ask asks the host's shell in one round trip, after running a chain.
func (m *machine) batch(ctx context.Context, as host.As, b sh.Batch) (sh.BatchResult, error) {
	c, err := m.connect(ctx)
	if err != nil {
		return sh.BatchResult{}, err
	}
	s, err := c.Shell(ctx, as)
	if err != nil {
		return sh.BatchResult{}, err
	}
	return s.Batch(ctx, b)
}

func answersOf(asked []sh.Asked) []host.Answer {
	out := make([]host.Answer, len(asked))
	for i, a := range asked {
		out[i] = host.Answer{Stdout: a.Stdout, Status: a.Status}
	}
	return out
}
