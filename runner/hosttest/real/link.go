//go:build linux

package real

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Link carries connections from a port of this machine's loopback to a
// machine's sshd, and makes the faults that a wire can have.
type Link struct {
	m     *Machine
	addr  string
	ln    net.Listener // nil while nobody listens
	mu    sync.Mutex
	up    bool
	delay time.Duration
	still chan struct{} // closed while bytes flow
	conns map[net.Conn]bool
	count int
	wg    sync.WaitGroup
}

func newLink(t testing.TB, m *Machine) *Link {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return carry(m, ln)
}

func carry(m *Machine, ln net.Listener) *Link {
	flowing := make(chan struct{})
	close(flowing)
	l := &Link{m: m, addr: ln.Addr().String(), ln: ln, still: flowing, conns: map[net.Conn]bool{}}
	l.wg.Go(func() { l.accept(ln) })
	return l
}

// Addr is the address to connect to, 127.0.0.1:port.
func (l *Link) Addr() string { return l.addr }

// Port is the port on 127.0.0.1.
func (l *Link) Port() int {
	_, port, _ := net.SplitHostPort(l.addr)
	n, _ := strconv.Atoi(port)
	return n
}

// Count is how many connections reached the machine so far.
func (l *Link) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// Delay adds half of a round trip's time to what passes from now on, each way.
func (l *Link) Delay(roundTrip time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = roundTrip / 2
}

// Freeze stops every byte without a word, as a cable that was pulled: neither
// side learns of it, nor of the other's end.
func (l *Link) Freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.still = make(chan struct{})
}

// Thaw lets bytes flow again.
func (l *Link) Thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.still:
	default:
		close(l.still)
	}
}

// Cut resets the connections that there are.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if tc, ok := c.(*net.TCPConn); ok {
			_ = tc.SetLinger(0)
		}
		_ = c.Close()
	}
}

// open lets connections in; nobody listens before, nor after shut.
func (l *Link) open(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = true
	if l.ln != nil {
		return
	}
	ln, err := net.Listen("tcp", l.addr)
	if err != nil {
		t.Fatalf("%s: listen again: %v", l.m.Name, err)
	}
	l.ln = ln
	l.wg.Go(func() { l.accept(ln) })
}

func (l *Link) shut() {
	l.mu.Lock()
	l.up = false
	if l.ln != nil {
		_ = l.ln.Close()
		l.ln = nil
	}
	l.mu.Unlock()
	l.Thaw()
	l.Cut()
}

func (l *Link) close() {
	l.shut()
	l.wg.Wait()
}

func (l *Link) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		l.wg.Go(func() { l.join(c) })
	}
}

func (l *Link) join(c net.Conn) {
	defer l.forget(c)
	if !l.keep(c) {
		return
	}
	s, err := l.m.dial("127.0.0.1:22")
	if err != nil {
		return
	}
	defer l.forget(s)
	if !l.keep(s) {
		return
	}
	l.mu.Lock()
	l.count++
	l.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { l.pass(s, c) })
	wg.Go(func() { l.pass(c, s) })
	wg.Wait()
}

// keep remembers a connection, but none of a link that is shut.
func (l *Link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.up {
		return false
	}
	l.conns[c] = true
	return true
}

func (l *Link) forget(c net.Conn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
	_ = c.Close()
}

// packet is bytes on their way; no bytes is the end.
type packet struct {
	data []byte
	due  time.Time
}

// pass copies one direction. Reading goes on while earlier bytes wait, so that
// a delay is a delay and no limit of throughput.
func (l *Link) pass(to, from net.Conn) {
	way := make(chan packet, 4096)
	go func() {
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			l.mu.Lock()
			delay := l.delay
			l.mu.Unlock()
			if n > 0 {
				way <- packet{b[:n], time.Now().Add(delay)}
			}
			if err != nil {
				close(way)
				return
			}
		}
	}()
	for p := range way {
		time.Sleep(time.Until(p.due))
		l.flowing()
		if _, err := to.Write(p.data); err != nil {
			_ = from.Close()
			break
		}
	}
	l.flowing()
	if tc, ok := to.(*net.TCPConn); ok {
		_ = tc.CloseWrite()
	}
	for range way { // lets the reader end
		continue
	}
}

func (l *Link) flowing() {
	l.mu.Lock()
	still := l.still
	l.mu.Unlock()
	<-still
}

// dial opens a connection inside the machine.
func (m *Machine) dial(addr string) (net.Conn, error) {
	var c net.Conn
	err := m.within(func() error {
		var err error
		c, err = net.DialTimeout("tcp4", addr, 5*time.Second)
		return err
	})
	return c, err
}

// within runs f on a thread inside the machine's network; a socket stays in
// the network it was made in.
func (m *Machine) within(f func() error) error {
	cmd := m.init
	if cmd == nil {
		return fmt.Errorf("%s is off", m.Name)
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid))
	if err != nil {
		return err
	}
	defer ns.Close()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// Reach gives the machine a way to another one: addr, inside it, leads to the
// other's sshd. It makes jump hosts. The way ends when either reboots.
func (m *Machine) Reach(t testing.TB, other *Machine, addr string) *Link {
	t.Helper()
	var ln net.Listener
	err := m.within(func() error {
		var err error
		ln, err = net.Listen("tcp4", addr)
		return err
	})
	if err != nil {
		t.Fatalf("%s: listen on %s: %v", m.Name, addr, err)
	}
	l := carry(other, ln)
	l.open(t)
	t.Cleanup(l.close)
	return l
}
