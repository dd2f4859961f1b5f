package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// SlowError is a server that did not come to the end of a login in time.
type SlowError struct {
	Within time.Duration
	After  string // what was reached
}

func (e *SlowError) Error() string {
	return fmt.Sprintf("the login did not end within %s: %s", e.Within, e.After)
}

// clock bounds a login as a whole. It runs while the server is waited for, and
// stands while the operator types or the agent waits for a touch.
type clock struct {
	mu    sync.Mutex
	left  time.Duration
	since time.Time // zero while it stands
	timer *time.Timer
	over  bool
	end   func()
}

func startClock(left time.Duration, end func()) *clock {
	c := &clock{left: left, end: end}
	c.start()
	return c
}

func (c *clock) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || !c.since.IsZero() {
		return
	}
	c.since = time.Now()
	c.timer = time.AfterFunc(c.left, c.fire)
}

func (c *clock) fire() {
	c.mu.Lock()
	running := !c.since.IsZero()
	c.over = c.over || running
	c.mu.Unlock()
	if running {
		c.end()
	}
}

// stop makes the clock stand.
func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return
	}
	c.timer.Stop()
	c.left -= time.Since(c.since)
	c.since = time.Time{}
}

func (c *clock) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// agentPatience is how long ssh-agent may take for one answer: somebody may
// have to find the key that is to be touched.
const agentPatience = time.Minute

// agentConn lets the clock stand while the agent works.
type agentConn struct {
	net.Conn
	clock *clock
}

// Write sends a request.
func (a agentConn) Write(p []byte) (int, error) {
	a.clock.stop()
	_ = a.SetDeadline(time.Now().Add(agentPatience))
	return a.Conn.Write(p)
}

// Read takes an answer.
func (a agentConn) Read(p []byte) (int, error) {
	n, err := a.Conn.Read(p)
	a.clock.start()
	return n, err
}

// errNoAnswer is a request that the server left without any answer.
var errNoAnswer = errors.New("no answer")

// within waits for f, at most as long as limit; undo takes back what comes too
// late. Errors: f's own, errNoAnswer, the context's cause.
func within[T any](ctx context.Context, limit time.Duration, f func() (T, error), undo func(T)) (T, error) {
	type got struct {
		v   T
		err error
	}
	ch := make(chan got)
	gone := make(chan struct{})
	go func() {
		v, err := f()
		select {
		case ch <- got{v, err}:
		case <-gone:
			if err == nil && undo != nil {
				undo(v)
			}
		}
	}()
	late := time.NewTimer(limit)
	defer late.Stop()
	var none T
	select {
	case g := <-ch:
		return g.v, g.err
	case <-late.C:
		close(gone)
		return none, errNoAnswer
	case <-ctx.Done():
		close(gone)
		return none, context.Cause(ctx)
	}
}

// channel is an open channel and its requests.
type channel struct {
	ssh.Channel
	reqs <-chan *ssh.Request
}
