package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"remoterun/runner/sh"
)

// Kept holds what is worth keeping for a whole run of a host (database
// sessions), by key. The zero Kept is ready. Safe for concurrent use.
type Kept struct {
	mu   sync.Mutex
	held map[string]io.Closer
}

// Get returns what key stands for, making it at the first call.
func (k *Kept) Get(key string, make func() (io.Closer, error)) (io.Closer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c, ok := k.held[key]; ok {
		return c, nil
	}
	c, err := make()
	if err != nil {
		return nil, err
	}
	if k.held == nil {
		k.held = map[string]io.Closer{}
	}
	k.held[key] = c
	return c, nil
}

// Drop closes and forgets what key stands for.
func (k *Kept) Drop(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c, ok := k.held[key]; ok {
		delete(k.held, key)
		_ = c.Close()
	}
}

// Close closes everything.
func (k *Kept) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for _, c := range k.held {
		errs = append(errs, c.Close())
	}
	k.held = nil
	return errors.Join(errs...)
}

// Worker is the Writer of one task on one host: a connection under an
// identity. Its Reader half is what questions see.
type Worker struct {
	Host string
	As   As
	Conn Conn
	Kept *Kept // shared by all tasks of the host's run
	// Dialing makes a new connection (Redial); nil = not possible here.
	Dialing func(ctx context.Context) (Conn, error)
	// Told is called by Progress; may be nil.
	Told func(done, total int64)
	// Said is called by Say; may be nil.
	Said func(text string)
}

var _ Writer = (*Worker)(nil)

// Name is the inventory's name of the host.
func (w *Worker) Name() string { return w.Host }

// Leave ends the shells that are kept open as a user other than the task's own.
func (w *Worker) Leave(user string) error {
	if l, ok := w.Conn.(Leaver); ok && user != w.As.User {
		return l.Leave(user)
	}
	return nil
}

// Probe asks the identity's framed shell.
func (w *Worker) Probe(ctx context.Context, p Probe) (Answer, error) {
	s, err := w.Conn.Shell(ctx, w.As)
	if err != nil {
		return Answer{}, err
	}
	out, err := s.Run(ctx, p.Cmd())
	if err != nil {
		return Answer{}, err
	}
	return Answer{Stdout: out.Stdout, Status: out.Status}, nil
}

// Dial opens a connection from the host.
func (w *Worker) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return w.Conn.Dial(ctx, network, addr)
}

// Keep returns what key stands for during this run of the host.
func (w *Worker) Keep(key string, make func() (io.Closer, error)) (io.Closer, error) {
	return w.Kept.Get(key, make)
}

// Forget closes what key stands for: its connection broke.
func (w *Worker) Forget(key string) { w.Kept.Drop(key) }

// maxFramed is the most stdin in bytes that goes through the framed shell.
const maxFramed = 1 << 20

// Run runs a command under the task's identity: small ones through the framed
// shell, secrets and streams over a channel of their own.
func (w *Worker) Run(ctx context.Context, c sh.Cmd) (Output, error) {
	stream := c.Stdin != nil && (c.Stdin.Size() < 0 || c.Stdin.Size() > maxFramed)
	if stream && w.Told != nil {
		c.Stdin = counted{c.Stdin, w.Told}
	}
	if c.Secret || c.Gated || stream || c.Stdout != nil {
		return w.Conn.Exec(ctx, w.As, c)
	}
	s, err := w.Conn.Shell(ctx, w.As)
	if err != nil {
		return Output{}, err
	}
	return s.Run(ctx, c)
}

// Files speaks sftp as the login user.
func (w *Worker) Files(ctx context.Context) (Files, error) { return w.Conn.Files(ctx) }

// redialEvery is how often Redial tries.
const redialEvery = 2 * time.Second

// oneRedial is how long one try may take: a host that goes down may fall silent in
// the middle of an answer.
const oneRedial = 60 * time.Second

// ErrNoRedial is what Redial returns where no connection can be made anew: the host
// is the laptop.
var ErrNoRedial = errors.New("this connection cannot be made anew")

// Redial closes the connection and dials until the host answers again and
// until's answer has status 0. within = 0 only asks whether that is possible.
func (w *Worker) Redial(ctx context.Context, until Question, within time.Duration) error {
	if w.Dialing == nil {
		return ErrNoRedial
	}
	if within <= 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("%s did not come back within %s", w.Host, within))
	defer cancel()
	_ = w.Kept.Close()
	_ = w.Conn.Close()
	for {
		if err := w.redialOnce(ctx, until); err == nil {
			return nil
		}
		select {
		case <-time.After(redialEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (w *Worker) redialOnce(ctx context.Context, until Question) error {
	ctx, cancel := context.WithTimeout(ctx, oneRedial)
	defer cancel()
	c, err := w.Dialing(ctx)
	if err != nil {
		return err
	}
	w.Conn = c
	if until == nil {
		return nil
	}
	a, err := until.Ask(ctx, w)
	if err == nil && a.Status != 0 {
		err = errors.New("not there yet")
	}
	if err != nil {
		_ = c.Close()
	}
	return err
}

// Progress tells how far a long step is.
func (w *Worker) Progress(done, total int64) {
	if w.Told != nil {
		w.Told(done, total)
	}
}

// Say tells the operator what was reached.
func (w *Worker) Say(text string) {
	if w.Said != nil {
		w.Said(text)
	}
}
