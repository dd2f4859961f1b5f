// Package known holds what is known of a machine while a run goes on: its
// connection, the answers that came from it, and how old they are. It plans nothing
// and tells nobody but through World.Tell.
package known

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/reach"
)

// World is what machines need of the world.
type World struct {
	Connector reach.Connector
	Locker    reach.Locker // nil = plays with lock: run without
	Tell      func(event.Event)
}

// Machine is one host that is worked on. Plays of one run share it.
type Machine struct {
	Name  string
	At    reach.Endpoint
	world World

	mu      sync.Mutex
	lock    string // name of the host lock to hold, empty = none
	holder  reach.LockHolder
	raw     host.Conn // the connection
	conn    host.Conn // what works: raw, or raw under the lock
	release func() error
	err     error // why it is unreachable for good

	// waits is what it was told to be waiting for last: connecting comes between.
	waits atomic.Pointer[event.Waiting]
	kept  host.Kept
	work  sync.Mutex // guards facts and unable; one task at a time uses a machine
	facts map[host.As]*facts
	// epoch counts what may have changed the host. Several names of one address
	// share it: they may be one machine.
	epoch *atomic.Int64
	// unable is set when the host cannot compare digests: nothing is chained.
	unable bool
}

// New returns a machine that is not connected yet; epoch is shared by all names of
// one address.
func New(at reach.Endpoint, epoch *atomic.Int64, w World) *Machine {
	return &Machine{Name: at.Name, At: at, epoch: epoch, world: w}
}

// For says which lock the play that uses the machine now holds, empty = none.
func (m *Machine) For(lock string, holder reach.LockHolder) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lock, m.holder = lock, holder
}

// Waits tells what the host waits for from now on.
func (m *Machine) Waits(e event.Waiting) {
	m.waits.Store(&e)
	m.world.Tell(e)
}

// Take gives the machine to one task; Give gives it back.
func (m *Machine) Take() { m.work.Lock() }

// Give lets the next task work on the machine.
func (m *Machine) Give() { m.work.Unlock() }

// Connect dials at the first call and takes the play's lock.
func (m *Machine) Connect(ctx context.Context) (host.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	if m.raw == nil {
		m.world.Tell(event.Waiting{Host: m.Name, Text: "connecting"})
		c, err := m.world.Connector.Connect(ctx, m.At)
		if err != nil {
			if ctx.Err() == nil {
				m.err = err
			}
			return nil, err
		}
		m.raw = c
		if e := m.waits.Load(); e != nil {
			m.world.Tell(*e)
		}
	}
	if m.conn == nil {
		m.conn = m.raw
		if m.lock != "" && m.world.Locker != nil {
			guarded, release, err := m.world.Locker.Hold(ctx, m.raw, m.lock, m.holder)
			if err != nil {
				m.conn = nil
				return nil, err
			}
			m.conn, m.release = guarded, release
		}
	}
	return m.conn, nil
}

// Worker is the Writer of a task on this machine; it connects at its first use.
func (m *Machine) Worker(as host.As, told func(done, total int64)) *host.Worker {
	w := &host.Worker{Host: m.Name, As: as, Conn: lazyConn{m}, Kept: &m.kept, Dialing: m.redial, Told: told}
	if m.At.OnLaptop() {
		w.Dialing = nil
	}
	return w
}

func (m *Machine) redial(ctx context.Context) (host.Conn, error) {
	m.mu.Lock()
	m.raw, m.conn, m.release, m.err = nil, nil, nil, nil
	m.mu.Unlock()
	return m.Connect(ctx)
}

// GiveUp makes the machine unreachable for good.
func (m *Machine) GiveUp(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// HangUp closes a connection that broke: the next use dials again. The work lock
// is held.
func (m *Machine) HangUp() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release = nil
	if m.raw != nil {
		_ = m.kept.Close()
		_ = m.raw.Close()
	}
	m.raw, m.conn = nil, nil
}

// Retry lets a machine that was given up be dialled again (clear_host_errors,
// ignore_unreachable).
func (m *Machine) Retry() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = nil
}

// Unlock gives the host lock back, at the end of a play; the connection stays.
func (m *Machine) Unlock() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	release := m.release
	m.release, m.conn = nil, nil
	if release == nil {
		return nil
	}
	return release()
}

// Close ends the connection for good.
func (m *Machine) Close() error {
	err := m.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.raw != nil {
		err = errors.Join(err, m.kept.Close(), m.raw.Close())
		m.raw = nil
	}
	return err
}
