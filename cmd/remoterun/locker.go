package main

import (
	"context"
	"os"
	"os/user"
	"remoterun/runner/reach"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/lock"
)

// locker takes projects' locks for the operator at this laptop.
type locker struct {
	who      string
	takeOver bool
	// within is how long taking one may take; zero is the lock's own limit.
	within time.Duration
}

var _ reach.Locker = locker{}

// operator names who works here: user@laptop.
func operator() string {
	name, laptop := "somebody", "a laptop"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		laptop = h
	}
	return name + "@" + laptop
}

// Hold takes the lock and returns the connection under it.
func (l locker) Hold(ctx context.Context, c host.Conn, name string, h reach.LockHolder) (host.Conn, func() error, error) {
	held, err := lock.Take(ctx, c, h.As, h.Host, name, h.Doing, lock.Options{Who: l.who, TakeOver: l.takeOver, Within: l.within})
	if err != nil {
		return nil, nil, err
	}
	return lock.Guard(c, held), held.Release, nil
}
