package lock

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Conn is a connection whose commands run under a lock: what finds the lock in
// other hands does nothing and answers ErrLost.
type Conn struct {
	inner host.Conn
	held  *Held

	mu    sync.Mutex
	locks map[host.As]*sh.Lock
}

var _ host.Conn = (*Conn)(nil)

// Guard returns c under a lock. The lock covers every identity: work of other
// users is under root's holder where root has one, else under a holder of their
// own, taken when they are first needed.
func Guard(c host.Conn, h *Held) *Conn {
	return &Conn{inner: c, held: h, locks: map[host.As]*sh.Lock{h.as: &h.Lock}}
}

// lockFor is what an identity's commands check and hold.
func (c *Conn) lockFor(ctx context.Context, as host.As) (*sh.Lock, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l, ok := c.locks[as]; ok {
		return l, nil
	}
	l, err := c.cover(ctx, as)
	if err == nil {
		c.locks[as] = l
	}
	return l, err
}

// coverText lets the user $1 work under the lock whose folder is $2.
const coverText sh.Constant = `f=$2/w.$1; [ -e "$f" ] || { : >"$f" && chmod 600 "$f" && chown "$1" "$f"; }`

func (c *Conn) cover(ctx context.Context, as host.As) (*sh.Lock, error) {
	s, err := c.inner.Shell(ctx, as)
	if err != nil {
		return nil, err
	}
	out, err := s.Run(ctx, sh.Script("id -u"))
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(strings.TrimSpace(string(out.Stdout)))
	if err != nil {
		return nil, out.Err("ask for the user id")
	}
	root := c.holderOf(0)
	switch own := c.holderOf(uid); {
	case own != nil:
		return &own.Lock, nil
	case root == nil:
		sub, err := c.held.again(ctx, as)
		if err != nil {
			return nil, err
		}
		c.held.add(sub)
		return &sub.Lock, nil
	}
	under, err := c.inner.Shell(ctx, root.as)
	if err != nil {
		return nil, err
	}
	made := sh.Script(coverText, strconv.Itoa(uid), root.at.pub)
	made.Lock = &root.Lock
	if out, err = under.Run(ctx, made); err == nil {
		err = out.Err("let the user " + strconv.Itoa(uid) + " work under the lock")
	}
	return &sh.Lock{Dir: root.at.pub, Token: root.Lock.Token, Work: "w." + strconv.Itoa(uid)}, lost(out, err)
}

// holderOf is the holder that runs as a user; nil = there is none.
func (c *Conn) holderOf(uid int) *Held {
	c.held.mu.Lock()
	defer c.held.mu.Unlock()
	for _, h := range append([]*Held{c.held}, c.held.subs...) {
		if h.at.uid == uid {
			return h
		}
	}
	return nil
}

// Shell returns the identity's shell under the lock.
func (c *Conn) Shell(ctx context.Context, as host.As) (host.Shell, error) {
	if err := c.held.gone(); err != nil {
		return nil, err
	}
	s, err := c.inner.Shell(ctx, as)
	if err != nil {
		return nil, err
	}
	l, err := c.lockFor(ctx, as)
	if err != nil {
		return nil, err
	}
	return &shell{s, c, as, l}, nil
}

// Leave ends the shells of a user; the holder of the lock is none of them.
func (c *Conn) Leave(user string) error {
	if l, ok := c.inner.(host.Leaver); ok {
		return l.Leave(user)
	}
	return nil
}

// Exec runs a command under the lock.
func (c *Conn) Exec(ctx context.Context, as host.As, cmd sh.Cmd) (host.Output, error) {
	if err := c.held.gone(); err != nil {
		return host.Output{}, err
	}
	var err error
	if cmd.Lock, err = c.lockFor(ctx, as); err != nil {
		return host.Output{}, err
	}
	out, err := c.inner.Exec(ctx, as, cmd)
	return out, c.after(ctx, as, out, err)
}

// Files speaks sftp; it is not under the lock.
func (c *Conn) Files(ctx context.Context) (host.Files, error) {
	if err := c.held.gone(); err != nil {
		return nil, err
	}
	return c.inner.Files(ctx)
}

// Dial opens a connection from the host.
func (c *Conn) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := c.held.gone(); err != nil {
		return nil, err
	}
	return c.inner.Dial(ctx, network, addr)
}

// Close ends the connection; the lock goes with it.
func (c *Conn) Close() error { return c.inner.Close() }

type shell struct {
	host.Shell
	c    *Conn
	as   host.As
	lock *sh.Lock
}

// Run runs one command under the lock.
func (s *shell) Run(ctx context.Context, cmd sh.Cmd) (host.Output, error) {
	if err := s.c.held.gone(); err != nil {
		return host.Output{}, err
	}
	cmd.Lock = s.lock
	out, err := s.Shell.Run(ctx, cmd)
	return out, s.c.after(ctx, s.as, out, err)
}

// Batch runs a chain under the lock.
func (s *shell) Batch(ctx context.Context, b sh.Batch) (sh.BatchResult, error) {
	if err := s.c.held.gone(); err != nil {
		return sh.BatchResult{}, err
	}
	b.Lock = s.lock
	res, err := s.Shell.Batch(ctx, b)
	if errors.Is(err, sh.ErrLockLost) || s.c.ended(ctx, s.as, 0, err) {
		err = ErrLost
	}
	return res, err
}

// asking is how long a host may take to say whether the lock is still ours.
const asking = 5 * time.Second

// after is the error of a command that has come back.
func (c *Conn) after(ctx context.Context, as host.As, out host.Output, err error) error {
	if err := lost(out, err); errors.Is(err, ErrLost) || c.ended(ctx, as, out.Status, err) {
		return ErrLost
	}
	return err
}

// ended reports that work was ended because the lock is gone. Who takes a lock
// removes its token before he ends the work by signals: what a signal ended and
// what broke off is asked after.
func (c *Conn) ended(ctx context.Context, as host.As, status int, err error) bool {
	broke := errors.Is(err, host.ErrTransport)
	if err != nil && !isExit(err) && !broke {
		return false
	}
	if errors.Is(c.held.gone(), ErrLost) {
		return true
	}
	if !broke && status < 128 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	ask := sh.Script(":")
	if ask.Lock, err = c.lockFor(ctx, as); err != nil {
		return false
	}
	out, err := c.inner.Exec(ctx, as, ask)
	return errors.Is(lost(out, err), ErrLost)
}

func lost(out host.Output, err error) error {
	if (err == nil || isExit(err)) && out.Status == sh.LockLost && bytes.Contains(out.Stderr, []byte(sh.LostText)) {
		return ErrLost
	}
	return err
}

func isExit(err error) bool {
	var exit *host.ExitError
	return errors.As(err, &exit)
}
