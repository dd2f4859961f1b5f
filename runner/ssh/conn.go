package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"remoterun/runner/framed"
	"remoterun/runner/host"
)

// Conn is one host over one connection.
type Conn struct {
	*framed.Client
	name   string
	client *ssh.Client
	// limit is how long the server may leave a request without an answer: as
	// long as the keepalive's.
	limit time.Duration
	once  sync.Once

	mu   sync.Mutex
	sftp *sftp.Client
}

var _ host.Conn = (*Conn)(nil)

func newConn(name string, client *ssh.Client, s settings, become framed.Password) *Conn {
	c := &Conn{name: name, client: client, limit: s.limit()}
	c.Client = framed.New(name, c.start, become)
	c.Client.Within = c.limit
	go keepalive(client, s)
	return c
}

// keepalive finds a half-dead link: a server that does not answer aliveCount
// requests in a row is cut, so that everything that waits ends with an error.
func keepalive(client *ssh.Client, s settings) {
	ended := make(chan struct{})
	go func() { _ = client.Wait(); close(ended) }()
	missed := 0
	tick := time.NewTicker(s.aliveInterval)
	defer tick.Stop()
	answers := make(chan error, 1)
	waiting := false
	for {
		select {
		case <-ended:
			return
		case <-answers:
			missed, waiting = 0, false
		case <-tick.C:
			if missed++; missed > s.aliveCount {
				_ = client.Close()
				return
			}
			if !waiting {
				waiting = true
				go func() {
					_, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
					answers <- err
				}()
			}
		}
	}
}

func (c *Conn) transport(during string, begun bool, err error) error {
	return &host.TransportError{Host: c.name, During: during, Begun: begun, Err: err}
}

// start opens a channel and starts a command on it.
func (c *Conn) start(ctx context.Context, command string) (framed.Stream, error) {
	if err := context.Cause(ctx); err != nil {
		return framed.Stream{}, err
	}
	ch, err := c.session(ctx)
	if err != nil {
		return framed.Stream{}, err
	}
	exit := make(chan result, 1)
	go func() { exit <- awaitExit(ch.reqs) }()
	if err := c.request(ctx, ch, "exec", command); err != nil {
		return framed.Stream{}, err
	}
	return framed.Stream{
		Stdin: stdin{ch}, Stdout: ch, Stderr: ch.Stderr(),
		Wait: func() (host.Output, error) {
			r := <-exit
			exit <- r
			if !r.ended {
				return host.Output{}, c.transport("run a command", true, errors.New("the connection ended before the command did"))
			}
			return r.out, nil
		},
		Close: ch.Close,
	}, nil
}

// session opens a channel.
func (c *Conn) session(ctx context.Context) (channel, error) {
	const during = "open a channel"
	ch, err := within(ctx, c.limit, func() (channel, error) {
		ch, reqs, err := c.client.OpenChannel("session", nil)
		return channel{ch, reqs}, err
	}, func(ch channel) { go ssh.DiscardRequests(ch.reqs); _ = ch.Close() })
	if err == nil || context.Cause(ctx) != nil && errors.Is(err, context.Cause(ctx)) {
		return ch, err
	}
	return ch, c.transport(during, false, c.mute(channelsUsed(err)))
}

// request starts a command or a subsystem on a channel.
func (c *Conn) request(ctx context.Context, ch channel, kind, what string) error {
	ok, err := within(ctx, c.limit, func() (bool, error) {
		return ch.SendRequest(kind, true, ssh.Marshal(struct{ What string }{what}))
	}, nil)
	if err == nil && ok {
		return nil
	}
	go func() { _ = ch.Close() }()
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		return cause
	}
	if err == nil {
		err = errors.New("the server refuses to run commands for this user")
	}
	return c.transport("start a shell", false, c.mute(err))
}

// mute makes a connection's end of a request that was never answered: who leaves
// one without an answer will not answer the next one either.
func (c *Conn) mute(err error) error {
	if !errors.Is(err, errNoAnswer) {
		return err
	}
	go func() { _ = c.client.Close() }()
	return fmt.Errorf("%w: no answer within %s", host.ErrProtocol, c.limit)
}

// stdin closes only the sending half.
type stdin struct{ ssh.Channel }

func (s stdin) Close() error { return s.CloseWrite() }

func channelsUsed(err error) error {
	var oce *ssh.OpenChannelError
	if errors.As(err, &oce) && oce.Reason == ssh.ConnectionFailed {
		return fmt.Errorf("%w (are all of the server's MaxSessions in use?)", err)
	}
	return err
}

type result struct {
	out   host.Output
	ended bool
}

// awaitExit reads a channel's requests to their end: a status, a signal, or
// nothing when the link broke.
func awaitExit(reqs <-chan *ssh.Request) result {
	var r result
	for req := range reqs {
		switch req.Type {
		case "exit-status":
			var m struct{ Status uint32 }
			if ssh.Unmarshal(req.Payload, &m) == nil {
				r = result{out: host.Output{Status: int(m.Status)}, ended: true}
			}
		case "exit-signal":
			var m struct {
				Signal string
				Core   bool
				Msg    string
				Lang   string
			}
			if ssh.Unmarshal(req.Payload, &m) == nil {
				r = result{out: host.Output{Status: 128 + int(signals[m.Signal]), Signal: m.Signal}, ended: true}
			}
		}
		if req.WantReply {
			_ = req.Reply(false, nil)
		}
	}
	return r
}

var signals = map[string]byte{"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9, "SEGV": 11, "PIPE": 13, "ALRM": 14, "TERM": 15}

// Dial opens a connection from the server.
func (c *Conn) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.limit, fmt.Errorf("no answer within %s", c.limit))
	defer cancel()
	nc, err := c.client.DialContext(ctx, network, addr)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, &host.ForwardError{Host: c.name, Addr: addr, Err: cause}
	}
	var oce *ssh.OpenChannelError
	if errors.As(err, &oce) {
		return nil, &host.ForwardError{Host: c.name, Addr: addr, Refused: oce.Reason == ssh.Prohibited, Err: err}
	}
	if err != nil {
		return nil, c.transport("dial "+addr, false, err)
	}
	return nc, nil
}

// Files opens sftp, once per connection.
func (c *Conn) Files(ctx context.Context) (host.Files, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sftp != nil {
		return files{c}, nil
	}
	ch, err := c.session(ctx)
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(ch.reqs)
	if err := c.request(ctx, ch, "subsystem", "sftp"); err != nil {
		return nil, err
	}
	c.sftp, err = within(ctx, c.limit, func() (*sftp.Client, error) {
		return sftp.NewClientPipe(ch, ch, sftp.UseConcurrentWrites(true))
	}, nil)
	if err != nil {
		c.sftp = nil
		_ = ch.Close()
		return nil, c.transport("start sftp", false, c.mute(err))
	}
	return files{c}, nil
}

// goodbye is how long the shells may take to hear that they are not needed.
const goodbye = time.Second

// Close ends the connection.
func (c *Conn) Close() error {
	var err error
	c.once.Do(func() {
		// A server that reads nothing any more would hold up the run's end.
		_, _ = within(context.Background(), goodbye, func() (any, error) { return nil, c.Client.Close() }, nil)
		err = c.client.Close()
	})
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

type files struct{ c *Conn }

// wrap keeps a broken link from being read as an answer.
func (f files) wrap(err error) error {
	var status *sftp.StatusError
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrExist), errors.As(err, &status):
		return err
	}
	return f.c.transport("sftp", true, err)
}

// do waits for one act of sftp within the limit.
func do[T any](f files, act func() (T, error), undo func(T)) (T, error) {
	v, err := within(context.Background(), f.c.limit, act, undo)
	if errors.Is(err, errNoAnswer) {
		err = f.c.mute(err)
	}
	return v, f.wrap(err)
}

func act(f files, g func() error) error {
	_, err := do(f, func() (any, error) { return nil, g() }, nil)
	return err
}

func (f files) Open(p string) (io.ReadCloser, error) {
	r, err := do(f, func() (*sftp.File, error) { return f.c.sftp.Open(p) }, closeFile)
	if err != nil {
		return nil, err
	}
	return file{r, f}, nil
}

func (f files) Create(p string, perm fs.FileMode) (io.WriteCloser, error) {
	w, err := do(f, func() (*sftp.File, error) { return f.c.sftp.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_TRUNC) }, closeFile)
	if err != nil {
		return nil, err
	}
	if err := act(f, func() error { return w.Chmod(perm) }); err != nil {
		_ = file{w, f}.Close()
		return nil, err
	}
	return file{w, f}, nil
}

func closeFile(f *sftp.File) { _ = f.Close() }

func (f files) Stat(p string) (fs.FileInfo, error) {
	return do(f, func() (fs.FileInfo, error) { return f.c.sftp.Lstat(p) }, nil)
}
func (f files) Rename(a, b string) error {
	return act(f, func() error { return f.c.sftp.PosixRename(a, b) })
}
func (f files) Remove(p string) error { return act(f, func() error { return f.c.sftp.Remove(p) }) }
func (f files) Close() error          { return nil }

// file is one open file.
type file struct {
	*sftp.File
	f files
}

// Read reads at most what fits into p. A read that comes too late writes into
// memory of its own.
func (o file) Read(p []byte) (int, error) {
	mine := make([]byte, min(len(p), 256<<10))
	n, err := within(context.Background(), o.f.c.limit, func() (int, error) { return o.File.Read(mine) }, nil)
	if errors.Is(err, errNoAnswer) {
		return 0, o.f.wrap(o.f.c.mute(err))
	}
	return copy(p, mine[:n]), err
}

// Write writes all of p.
func (o file) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		part := bytes.Clone(p[sent:min(len(p), sent+256<<10)])
		n, err := do(o.f, func() (int, error) { return o.File.Write(part) }, nil)
		if sent += n; err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// Close ends it.
func (o file) Close() error { return act(o.f, o.File.Close) }
