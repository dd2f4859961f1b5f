package lock

import (
	"bytes"
	"context"
	"errors"
	"net"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Conn is a connection whose commands run under a lock: what finds the lock in
// other hands does nothing and answers ErrLost.
type Conn struct {
	inner host.Conn
	held  *Held
}

var _ host.Conn = (*Conn)(nil)

// Guard returns c under a lock. Commands of another identity than the lock's
// own cannot read its token: they only run while the lock is held.
func Guard(c host.Conn, h *Held) *Conn { return &Conn{c, h} }

func (c *Conn) alive() error {
	select {
	case <-c.held.done:
		return ErrLost
	default:
		return nil
	}
}

// Shell returns the identity's shell under the lock.
func (c *Conn) Shell(ctx context.Context, as host.As) (host.Shell, error) {
	if err := c.alive(); err != nil {
		return nil, err
	}
	s, err := c.inner.Shell(ctx, as)
	if err != nil {
		return nil, err
	}
	if as != c.held.as {
		return s, nil
	}
	return &shell{s, c}, nil
}

// Exec runs a command under the lock.
func (c *Conn) Exec(ctx context.Context, as host.As, cmd sh.Cmd) (host.Output, error) {
	if err := c.alive(); err != nil {
		return host.Output{}, err
	}
	if as == c.held.as {
		cmd.Lock = &c.held.Lock
	}
	out, err := c.inner.Exec(ctx, as, cmd)
	return out, lost(out, err)
}

// Files speaks sftp; it is not under the lock.
func (c *Conn) Files(ctx context.Context) (host.Files, error) {
	if err := c.alive(); err != nil {
		return nil, err
	}
	return c.inner.Files(ctx)
}

// Dial opens a connection from the host.
func (c *Conn) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := c.alive(); err != nil {
		return nil, err
	}
	return c.inner.Dial(ctx, network, addr)
}

// Close ends the connection; the lock goes with it.
func (c *Conn) Close() error { return c.inner.Close() }

type shell struct {
	host.Shell
	c *Conn
}

// Run runs one command under the lock.
func (s *shell) Run(ctx context.Context, cmd sh.Cmd) (host.Output, error) {
	if err := s.c.alive(); err != nil {
		return host.Output{}, err
	}
	cmd.Lock = &s.c.held.Lock
	out, err := s.Shell.Run(ctx, cmd)
	return out, lost(out, err)
}

// Batch runs a chain under the lock.
func (s *shell) Batch(ctx context.Context, b sh.Batch) (sh.BatchResult, error) {
	if err := s.c.alive(); err != nil {
		return sh.BatchResult{}, err
	}
	b.Lock = &s.c.held.Lock
	res, err := s.Shell.Batch(ctx, b)
	if errors.Is(err, sh.ErrLockLost) {
		err = ErrLost
	}
	return res, err
}

func lost(out host.Output, err error) error {
	if err == nil && out.Status == sh.LockLost && bytes.Contains(out.Stderr, []byte(sh.LostText)) {
		return ErrLost
	}
	return err
}
