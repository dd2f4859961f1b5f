package ssh

import (
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
	done   chan struct{}
	once   sync.Once

	mu   sync.Mutex
	sftp *sftp.Client
}

var _ host.Conn = (*Conn)(nil)

func newConn(name string, client *ssh.Client, s settings, become framed.Password) *Conn {
	c := &Conn{name: name, client: client, done: make(chan struct{})}
	c.Client = framed.New(name, c.start, become)
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
	ch, reqs, err := c.client.OpenChannel("session", nil)
	if err != nil {
		return framed.Stream{}, c.transport("open a channel", false, channelsUsed(err))
	}
	exit := make(chan result, 1)
	go func() { exit <- awaitExit(reqs) }()
	ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{command}))
	if err == nil && !ok {
		err = errors.New("the server refuses to run commands for this user")
	}
	if err != nil {
		_ = ch.Close()
		return framed.Stream{}, c.transport("start a shell", false, err)
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
	nc, err := c.client.DialContext(ctx, network, addr)
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
func (c *Conn) Files(context.Context) (host.Files, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sftp == nil {
		cl, err := sftp.NewClient(c.client, sftp.UseConcurrentWrites(true))
		if err != nil {
			return nil, c.transport("start sftp", false, err)
		}
		c.sftp = cl
	}
	return files{c}, nil
}

// Close ends the connection.
func (c *Conn) Close() error {
	var err error
	c.once.Do(func() {
		close(c.done)
		_ = c.Client.Close()
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

func (f files) Open(p string) (io.ReadCloser, error) {
	r, err := f.c.sftp.Open(p)
	if err != nil {
		return nil, f.wrap(err)
	}
	return r, nil
}

func (f files) Create(p string, perm fs.FileMode) (io.WriteCloser, error) {
	w, err := f.c.sftp.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, f.wrap(err)
	}
	if err := w.Chmod(perm); err != nil {
		_ = w.Close()
		return nil, f.wrap(err)
	}
	return w, nil
}

func (f files) Stat(p string) (fs.FileInfo, error) {
	i, err := f.c.sftp.Lstat(p)
	return i, f.wrap(err)
}
func (f files) Rename(a, b string) error { return f.wrap(f.c.sftp.PosixRename(a, b)) }
func (f files) Remove(p string) error    { return f.wrap(f.c.sftp.Remove(p)) }
func (f files) Close() error             { return nil }
