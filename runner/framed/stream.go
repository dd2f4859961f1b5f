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
// when a prompt was seen, at most once per opened shell; an error ends the
// attempt (no password and nobody to ask).
type Password func(ctx context.Context, as host.As) (secret.Sealed, error)

// maxOutput is the most bytes that one command may print on one stream: more is
// an error that names the limit, never a silent cut.
const maxOutput = 64 << 20

// errTooMuch is output beyond the limit.
var errTooMuch = fmt.Errorf("the command printed more than %d MiB", maxOutput>>20)

// collector takes bytes from one stream and lets a reader wait for what it
// looks for.
type collector struct {
	mu   sync.Mutex
	buf  []byte
	end  error         // set when the stream ended: io.EOF or what broke it
	wake chan struct{} // closed and made anew at every change: wakes all who wait
}

func collect(r io.Reader) *collector {
	c := &collector{wake: make(chan struct{})}
	go func() {
		chunk := make([]byte, 64<<10)
		for {
			n, err := r.Read(chunk)
			c.mu.Lock()
			c.buf = append(c.buf, chunk[:n]...)
			if len(c.buf) > maxOutput && err == nil {
				err = errTooMuch
			}
			c.end = err
			close(c.wake)
			c.wake = make(chan struct{})
			c.mu.Unlock()
			if err != nil {
				_, _ = io.Copy(io.Discard, r) // the other stream shares the window
				return
			}
		}
	}()
	return c
}

// until waits until find answers a length other than -1 and takes that many
// bytes. The error is the stream's end or the context's cause.
func (c *collector) until(ctx context.Context, find func([]byte) int) ([]byte, error) {
	for {
		c.mu.Lock()
		if n := find(c.buf); n >= 0 {
			out := bytes.Clone(c.buf[:n])
			c.buf = c.buf[n:]
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
// before it (a login shell's chatter) is taken along.
func line(prefix string) func([]byte) int {
	key := []byte(prefix)
	return func(b []byte) int {
		for at := 0; ; {
			i := bytes.Index(b[at:], key)
			if i < 0 {
				return -1
			}
			i += at
			if end := bytes.IndexByte(b[i:], '\n'); end < 0 {
				return -1
			} else if i == 0 || b[i-1] == '\n' {
				return i + end + 1
			}
			at = i + 1
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
		return ready{}, fmt.Errorf("the shell answered %q instead of READY and a user id", text)
	}
	uid, err := strconv.Atoi(words[1])
	if err != nil {
		return ready{}, fmt.Errorf("the shell answered %q instead of READY and a user id", text)
	}
	r := ready{uid: uid}
	if len(words) > 2 {
		r.groups = words[2] == "setsid"
		r.pid, _ = strconv.Atoi(words[2])
	}
	return r, nil
}
