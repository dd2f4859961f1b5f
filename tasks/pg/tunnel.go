package pg

import (
	"net"
	"os"
	"sync"
	"time"
)

// tunnel is a connection through an SSH channel as a database driver needs it.
// A channel ignores deadlines, and cancelling a query is a deadline to the
// driver: without this a stuck server hangs the run. And a channel's remote
// address is 0.0.0.0, which the driver dials when it wants to cancel a query.
//
// An expired deadline closes the channel: there is no gentler way to wake a
// reader. The driver sets one only when it has given the connection up.
type tunnel struct {
	conn        net.Conn
	remote      net.Addr
	read, write deadline
}

// address is where a tunnel leads, as seen from the host.
type address struct{ network, addr string }

func (a address) Network() string { return a.network }
func (a address) String() string  { return a.addr }

func newTunnel(c net.Conn, network, addr string) *tunnel {
	return &tunnel{conn: c, remote: address{network, addr}}
}

var _ net.Conn = (*tunnel)(nil)

func (t *tunnel) Read(p []byte) (int, error) {
	n, err := t.conn.Read(p)
	return n, t.read.explain(err)
}

func (t *tunnel) Write(p []byte) (int, error) {
	n, err := t.conn.Write(p)
	return n, t.write.explain(err)
}

func (t *tunnel) Close() error {
	t.read.stop()
	t.write.stop()
	return t.conn.Close()
}

func (t *tunnel) LocalAddr() net.Addr  { return t.conn.LocalAddr() }
func (t *tunnel) RemoteAddr() net.Addr { return t.remote }

func (t *tunnel) SetDeadline(at time.Time) error {
	_ = t.SetReadDeadline(at)
	return t.SetWriteDeadline(at)
}

func (t *tunnel) SetReadDeadline(at time.Time) error {
	t.read.set(at, t.conn)
	return nil
}

func (t *tunnel) SetWriteDeadline(at time.Time) error {
	t.write.set(at, t.conn)
	return nil
}

// deadline closes a connection at its time. The zero deadline is none.
type deadline struct {
	mu      sync.Mutex
	timer   *time.Timer
	expired bool
}

func (d *deadline) set(at time.Time, c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if at.IsZero() {
		return
	}
	var mine *time.Timer
	mine = time.AfterFunc(time.Until(at), func() { d.fire(mine, c) })
	d.timer = mine
}

// fire ends the connection unless another deadline was set meanwhile.
func (d *deadline) fire(mine *time.Timer, c net.Conn) {
	d.mu.Lock()
	current := d.timer == mine
	d.expired = d.expired || current
	d.mu.Unlock()
	if current {
		_ = c.Close()
	}
}

func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// explain turns the error of a connection that a deadline closed into a
// time-out, which is what net.Conn promises.
func (d *deadline) explain(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && d.expired {
		return os.ErrDeadlineExceeded
	}
	return err
}
