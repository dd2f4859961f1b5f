package framed

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// Client opens and keeps the shells of one connection. It is the Shell and
// Exec half of a host.Conn.
type Client struct {
	name     string
	start    Start
	password Password
	// Within is how long the host may take for anything that is not a command's
	// own time; set before the first use.
	Within time.Duration
	// Silence lowers how long a question may do nothing (sh.Cmd.Silent), 0 = as it
	// says; set before the first use.
	Silence time.Duration

	mu     sync.Mutex
	shells map[host.As]*slot
	uid    int // of the login user, -1 until known
}

// slot lets several callers wait for one shell that is being opened.
type slot struct {
	once  sync.Once
	shell *Shell
	err   error
}

// patience is a Client's Within: sudo that asks a directory service may need
// tens of seconds.
const patience = time.Minute

// New returns a client; name is the host's, for messages. password may be nil:
// then a prompt is an error.
func New(name string, start Start, password Password) *Client {
	return &Client{name: name, start: start, password: password, Within: patience, shells: map[host.As]*slot{}, uid: -1}
}

// Shell returns the identity's shell, opened at the first call. A login as root
// needs no become program to become root.
func (c *Client) Shell(ctx context.Context, as host.As) (host.Shell, error) {
	return c.shell(ctx, as)
}

func (c *Client) shell(ctx context.Context, as host.As) (*Shell, error) {
	as, err := c.settle(ctx, as)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	s, ok := c.shells[as]
	if !ok {
		s = &slot{}
		c.shells[as] = s
	}
	c.mu.Unlock()
	s.once.Do(func() { s.shell, s.err = c.openShell(ctx, as) })
	if s.err != nil {
		c.forget(as, s)
	}
	return s.shell, s.err
}

// settle turns an identity into the one that is opened.
func (c *Client) settle(ctx context.Context, as host.As) (host.As, error) {
	if as.Login() {
		return host.As{}, nil
	}
	if as.Method == "" {
		as.Method = "sudo"
	}
	login, err := c.shell(ctx, host.As{})
	if err != nil {
		return as, err
	}
	if login.uid == 0 {
		if as.User == "root" {
			return host.As{}, nil
		}
		if as.Method == "sudo" && !login.hasSudo(ctx) {
			as.Method = "su"
		}
	}
	return as, nil
}

func (c *Client) openShell(ctx context.Context, as host.As) (*Shell, error) {
	o, err := c.open(ctx, as, sh.Loop())
	if err != nil {
		return nil, err
	}
	return newShell(c, as, o), nil
}

// forget drops a shell that failed to open or died, so that the next call opens
// a new one.
func (c *Client) forget(as host.As, s *slot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shells[as] == s {
		delete(c.shells, as)
	}
}

func (c *Client) drop(sh *Shell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.shells[sh.as]; s != nil && s.shell == sh {
		delete(c.shells, sh.as)
	}
}

// Leave ends the shells that are kept open as a user: the next one who needs one opens
// it anew.
func (c *Client) Leave(user string) error {
	c.mu.Lock()
	var left []*slot
	for as, s := range c.shells {
		if !as.Login() && as.User == user {
			left = append(left, s)
			delete(c.shells, as)
		}
	}
	c.mu.Unlock()
	var errs []error
	for _, s := range left {
		if s.shell != nil {
			errs = append(errs, s.shell.close())
		}
	}
	return errors.Join(errs...)
}

// Close ends every shell.
func (c *Client) Close() error {
	c.mu.Lock()
	shells := c.shells
	c.shells = map[host.As]*slot{}
	c.mu.Unlock()
	var errs []error
	for _, s := range shells {
		if s.shell != nil {
			errs = append(errs, s.shell.close())
		}
	}
	return errors.Join(errs...)
}

// Exec runs one command over a channel of its own: its stdin is a stream, and
// no other process stands between the channel and the command.
func (c *Client) Exec(ctx context.Context, as host.As, cmd sh.Cmd) (host.Output, error) {
	if err := cmd.Check(); err != nil {
		return host.Output{}, err
	}
	as, err := c.settle(ctx, as)
	if err != nil {
		return host.Output{}, err
	}
	o, err := c.open(ctx, as, sh.Once())
	if err != nil {
		return host.Output{}, err
	}
	defer o.Close()
	nonce := sh.NewNonce()
	header, body := sh.OnceScript(nonce, cmd)
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if cmd.Stdout != nil {
		o.out.pour(cmd.Stdout)
		defer o.out.dry()
	}
	go func() {
		if c.send(o.Stdin, header+body, cancel) == nil {
			c.feed(run, cancel, o, cmd, nonce)
		}
	}()
	out, err := c.await(run, as, o)
	var own *ownError
	if err != nil && (ctx.Err() != nil || errors.As(err, &own)) {
		c.end(as, o.pid)
	}
	if own != nil && ctx.Err() == nil {
		return host.Output{Status: 1, Stderr: []byte(own.Error())}, nil
	}
	if cmd.Gated {
		out.Stdout = cutGate(out.Stdout, nonce)
	}
	return out, err
}

// feed sends stdin, for a gated command once it has asked for it. When it cannot be
// read to its end, the command is not told of an end: failed is called.
func (c *Client) feed(ctx context.Context, failed func(error), o *opened, cmd sh.Cmd, nonce string) {
	whole := true
	defer func() {
		if whole {
			_ = o.Stdin.Close()
		}
	}()
	if cmd.Gated {
		gate := line(sh.Gate(nonce))
		// -1 leaves the bytes where they are: they are part of the output.
		seen := false
		_, _ = o.out.until(ctx, func(b []byte) int {
			if gate(b) >= 0 {
				seen = true
				return 0
			}
			return -1
		})
		if !seen {
			return
		}
	}
	if cmd.Stdin == nil {
		return
	}
	r, err := cmd.Stdin.Open()
	if err == nil {
		defer r.Close()
		err = pump(o.Stdin, r)
	}
	if err != nil {
		whole = false
		failed(&ownError{err})
	}
}

// pump copies r to a command's stdin and returns what went wrong at r: a command may
// end without reading, which is no error of the link. What can write itself does:
// a sealed secret must not pass through a buffer that nobody wipes.
func pump(stdin io.Writer, r io.Reader) error {
	to := &sink{Writer: stdin}
	_, err := io.Copy(to, r)
	if to.failed {
		return nil
	}
	return err
}

// sink tells an error of writing from one of reading.
type sink struct {
	io.Writer
	failed bool
}

// Write writes on.
func (s *sink) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	s.failed = s.failed || err != nil
	return n, err
}

// broken keeps the context's cause and our own errors apart from the link's.
func (c *Client) broken(err error) error {
	if own := new(ownError); errors.As(err, &own) {
		return err
	}
	if errors.Is(err, errTooMuch) || errors.Is(err, host.ErrTransport) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &host.TransportError{Host: c.name, During: "run a command", Begun: true, Err: err}
}

func cutGate(out []byte, nonce string) []byte {
	if n := line(sh.Gate(nonce))(out); n >= 0 {
		return out[n:]
	}
	return out
}
