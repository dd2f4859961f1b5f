package framed

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// A command may take as long as it likes; everything else that a host is waited
// for has a limit, Client.Within: that the shell is there, that it takes a
// script, that a stream which has said its last word ends.

// transport is a failure of the link or of who is at its other end.
func (c *Client) transport(during string, begun bool, err error) error {
	return &host.TransportError{Host: c.name, During: during, Begun: begun, Err: err}
}

// overdue is a host that did not do what its protocol has next.
func (c *Client) overdue(during, what string) error {
	return c.transport(during, true, fmt.Errorf("%w: %s within %s", host.ErrProtocol, what, c.Within))
}

// chunk is how much of a script is sent at once: each must be taken in time, and
// SSH keeps room for the largest with every shell.
const chunk = 8 << 10

// send writes a script. The reader on the host takes it at once, whatever the
// command does later: when it does not, stalled is called.
func (c *Client) send(w io.Writer, text string, stalled func(error)) error {
	watch := time.AfterFunc(c.Within, func() { stalled(c.overdue("send a script", "it did not take it")) })
	defer watch.Stop()
	for len(text) > 0 {
		n := min(len(text), chunk)
		if _, err := io.WriteString(w, text[:n]); err != nil {
			return err
		}
		text = text[n:]
		watch.Reset(c.Within)
	}
	return nil
}

// exit is how a command's channel ended.
type exit struct {
	out host.Output
	err error
}

func (o *opened) exit() <-chan exit {
	ch := make(chan exit, 1)
	go func() { out, err := o.Wait(); ch <- exit{out, err} }()
	return ch
}

// exited waits for the end of a shell whose streams have ended.
func (c *Client) exited(ctx context.Context, o *opened) (host.Output, error) {
	late := time.NewTimer(c.Within)
	defer late.Stop()
	select {
	case e := <-o.exit():
		return e.out, e.err
	case <-late.C:
		return host.Output{}, c.overdue("end a shell", "its streams ended, but no status came")
	case <-ctx.Done():
		return host.Output{}, context.Cause(ctx)
	}
}

// await waits for a command over a channel of its own: its streams and its end.
// A command may close its streams and go on, or end and leave them to a daemon:
// the first is asked after, the second is not waited for.
func (c *Client) await(ctx context.Context, as host.As, o *opened) (host.Output, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	streams := make(chan error, 1)
	go func() {
		_, err := o.out.rest(ctx)
		if err == nil { // else there may be no end of the other one
			_, err = o.err.rest(ctx)
		}
		streams <- err
	}()
	exits := o.exit()
	late := time.NewTimer(c.Within)
	defer late.Stop()
	late.Stop()
	var ended *exit
	open := true
	for ended == nil || open {
		select {
		case err := <-streams:
			if open = false; err != nil {
				return c.soFar(o, host.Output{}), c.broken(err)
			}
			late.Reset(c.Within)
		case e := <-exits:
			if ended = &e; e.err != nil {
				return c.soFar(o, e.out), e.err
			}
			late.Reset(c.Within)
		case <-late.C:
			if ended == nil && !c.lives(ctx, as, o.pid) {
				return c.soFar(o, host.Output{}), c.overdue("run a command", "its streams ended, but no status came")
			}
			open = open && ended == nil
			late.Reset(c.Within)
		}
	}
	return c.soFar(o, ended.out), nil
}

// soFar adds what has come on both streams.
func (c *Client) soFar(o *opened, out host.Output) host.Output {
	out.Stdout, out.Stderr = o.out.peek(), o.err.peek()
	return out
}

// lives asks whether a command that has closed its streams is still there.
func (c *Client) lives(ctx context.Context, as host.As, pid int) bool {
	if pid == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	out, err := c.aside(ctx, as, sh.Script(`kill -0 "$1" 2>/dev/null && echo lives`, strconv.Itoa(pid)))
	return err == nil && string(out) == "lives\n"
}

// aside runs a short command of ours over a channel of its own, within ctx.
func (c *Client) aside(ctx context.Context, as host.As, cmd sh.Cmd) ([]byte, error) {
	o, err := c.open(ctx, as, sh.Once())
	if err != nil {
		return nil, err
	}
	defer o.Close()
	header, body := sh.OnceScript(sh.NewNonce(), cmd)
	go func() { _, _ = io.WriteString(o.Stdin, header+body) }()
	return o.out.rest(ctx)
}
