package known

import (
	"context"
	"net"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// lazyConn connects at its first use: laptop-side steps never do.
type lazyConn struct{ m *Machine }

var _ host.Conn = lazyConn{}

// Shell connects and opens an identity's shell.
func (l lazyConn) Shell(ctx context.Context, as host.As) (host.Shell, error) {
	c, err := l.m.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return c.Shell(ctx, as)
}

// Leave ends the shells of a user, where there is a connection.
func (l lazyConn) Leave(user string) error {
	l.m.mu.Lock()
	c, ok := l.m.conn.(host.Leaver)
	l.m.mu.Unlock()
	if !ok {
		return nil
	}
	return c.Leave(user)
}

// Exec connects and runs a command.
func (l lazyConn) Exec(ctx context.Context, as host.As, c sh.Cmd) (host.Output, error) {
	conn, err := l.m.Connect(ctx)
	if err != nil {
		return host.Output{}, err
	}
	return conn.Exec(ctx, as, c)
}

// Files connects and opens sftp.
func (l lazyConn) Files(ctx context.Context) (host.Files, error) {
	c, err := l.m.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return c.Files(ctx)
}

// Dial connects and dials from the host.
func (l lazyConn) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := l.m.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return c.Dial(ctx, network, addr)
}

// Close ends the connection when there is one.
func (l lazyConn) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.m.raw == nil {
		return nil
	}
	err := l.m.raw.Close()
	l.m.raw, l.m.conn = nil, nil
	return err
}
