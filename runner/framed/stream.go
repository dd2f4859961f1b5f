// Package framed speaks the framed protocol of runner/sh over any transport
// that can start a command: it opens one long-lived shell per identity, answers
// sudo's password prompt, keeps marks and strays apart, kills what a cancelled
// context leaves running, and tells "the shell died" from "the link is lost".
package framed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"remoterun/runner/host"
	"remoterun/runner/secret"
)

// Stream is one started command. Stdout and Stderr are drained by this package
// from start to end. Wait answers after both ended; its error is a
// *host.TransportError when the link broke, nil when the command ended.
type Stream struct {
	Stdin          io.WriteCloser
	Stdout, Stderr io.Reader
	Wait           func() (host.Output, error)
	Close          func() error
}

// Start starts a command line under the login user's login shell.
type Start func(ctx context.Context, command string) (Stream, error)

// Password gives the password of an identity's become program. It is called
// when a prompt was seen; wrong is how many passwords the program has refused
// before. An error ends the attempt: no password and nobody to ask, or none but
// the one that was wrong.
type Password func(ctx context.Context, as host.As, wrong int) (secret.Sealed, error)

// passwordTries is how often an identity's password is asked for.
const passwordTries = 3

// maxOutput is the most bytes that one command may print on one stream: more is
// an error that names the limit, never a silent cut.
const maxOutput = 64 << 20

// maxChatter is the most that a login shell may print before /bin/sh is there.
const maxChatter = 1 << 20

// errTooMuch is output beyond the limit.
var errTooMuch = fmt.Errorf("the command printed more than %d MiB", maxOutput>>20)

// collector takes bytes from one stream and lets a reader wait for what it
// looks for.
type collector struct {
	// pouring is held while to takes bytes, outside of mu.
	pouring sync.Mutex
	mu      sync.Mutex
	buf     []byte
	// taken counts the bytes that were taken out of buf.
	taken int
	max   int           // in bytes
	to    io.Writer     // what takes the bytes instead of buf, nil = nothing
	end   error         // set when the stream ended: io.EOF or what broke it
	wake  chan struct{} // closed and made anew at every change: wakes all who wait
}

// Buffers of reading: a quiet shell holds the small one only.
const (
	smallChunk = 1 << 10
	largeChunk = 64 << 10
)

// collect begins with room for a login shell's chatter; open raises it.
func collect(r io.Reader) *collector {
	c := &collector{max: maxChatter, wake: make(chan struct{})}
	go func() {
		chunk := make([]byte, smallChunk)
		for {
			n, err := r.Read(chunk)
			if c.took(chunk[:n], err) {
				_, _ = io.Copy(io.Discard, r) // the other stream shares the window
				return
			}
			switch {
			case n == len(chunk) && n < largeChunk:
				chunk = make([]byte, min(4*n, largeChunk))
			case n < smallChunk && len(chunk) > smallChunk:
				chunk = make([]byte, smallChunk)
			}
		}
	}()
	return c
}

// took adds what was read, and reports whether that was the last of it.
func (c *collector) took(b []byte, err error) bool {
	c.pouring.Lock()
	c.mu.Lock()
	to := c.to
	c.mu.Unlock()
	if to != nil { // may take its time: whoever waits looks at what there is meanwhile
		if _, werr := to.Write(b); werr != nil {
			err = &ownError{werr}
		}
		b = nil
	}
	c.pouring.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf = append(c.buf, b...)
	if len(c.buf) > c.max && err == nil {
		err = errTooMuch
	}
	c.end = err
	close(c.wake)
	c.wake = make(chan struct{})
	return err != nil
}

// pour hands on what comes from now on. It is called while nothing comes.
func (c *collector) pour(to io.Writer) {
	c.mu.Lock()
	c.to = to
	c.mu.Unlock()
}

// dry ends it: when it returns, whoever took the bytes has the last of them. What
// still comes behind a cut is not his any more.
func (c *collector) dry() {
	c.pouring.Lock()
	defer c.pouring.Unlock()
	c.pour(io.Discard)
}

// ownError is a fault of the laptop's end of a stream: what is sent cannot be read,
// or what comes cannot be kept. The host and the link had no part in it.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *ownError) Unwrap() error { return e.err }

// upTo sets how much may be kept from now on.
func (c *collector) upTo(most int) {
	c.mu.Lock()
	c.max = most
	c.mu.Unlock()
}

// until waits until find answers a length other than -1 and takes that many
// bytes. The error is the stream's end or the context's cause.
func (c *collector) until(ctx context.Context, find func([]byte) int) ([]byte, error) {
	for {
		c.mu.Lock()
		if n := find(c.buf); n >= 0 {
			out := c.take(n)
			c.mu.Unlock()
			return out, nil
		}
		end, wake := c.end, c.wake
		c.mu.Unlock()
		if end != nil {
			return nil, end
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// take cuts the first n bytes off. The room of a large output goes with it.
func (c *collector) take(n int) []byte {
	if n == 0 {
		return nil
	}
	out := c.buf[:n:n]
	c.buf = bytes.Clone(c.buf[n:])
	c.taken += n
	return out
}

// now is what has come and was not taken; ok is false when something was taken
// since, ended true when nothing more will come. The bytes may be read without the lock: they never change.
func (c *collector) now(taken int) (buf []byte, wake chan struct{}, ended, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf, c.wake, c.end != nil, c.taken == taken
}

func (c *collector) at() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken
}

// came is how many bytes have come, taken or not.
func (c *collector) came() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken + len(c.buf)
}

// peek returns what has come so far.
func (c *collector) peek() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.buf)
}

// rest waits for the stream's end and returns what is left.
func (c *collector) rest(ctx context.Context) ([]byte, error) {
	_, err := c.until(ctx, func([]byte) int { return -1 })
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return c.peek(), err
}

// line finds the end of the first line that begins with prefix; what stands
// before it (a login shell's chatter) is taken along. The answered function is
// for one wait: it remembers how far it has looked.
func line(prefix string) func([]byte) int {
	key := []byte(prefix)
	from := 0
	return func(b []byte) int {
		for {
			i := bytes.Index(b[from:], key)
			if i < 0 {
				from = max(from, len(b)-len(key))
				return -1
			}
			i += from
			if i == 0 || b[i-1] == '\n' {
				end := bytes.IndexByte(b[i:], '\n')
				if end < 0 {
					return -1
				}
				return i + end + 1
			}
			from = i + 1
		}
	}
}

// ready is what the READY line tells.
type ready struct {
	uid    int
	groups bool // process groups can be killed
	pid    int  // of Once only
}

func parseReady(text []byte) (ready, error) {
	text = bytes.TrimSuffix(text, []byte("\n"))
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	words := strings.Fields(string(text))
	if len(words) < 2 {
		return ready{}, fmt.Errorf("%w: the shell answered %.80q instead of READY and a user id", host.ErrProtocol, text)
	}
	uid, err := strconv.ParseUint(words[1], 10, 32)
	if err != nil {
		return ready{}, fmt.Errorf("%w: the shell answered %.80q instead of READY and a user id", host.ErrProtocol, text)
	}
	r := ready{uid: int(uid)}
	if len(words) > 2 {
		r.groups = words[2] == "setsid"
		r.pid = pidOf(words[2])
	}
	return r, nil
}

// pidOf reads a process id as a host printed it; 0 = there is none. No signal
// ever goes to 1 or to what is not positive: those mean all processes.
func pidOf(text string) int {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n <= 1 {
		return 0
	}
	return int(n)
}
