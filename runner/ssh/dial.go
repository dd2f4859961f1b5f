package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"remoterun/runner/framed"
	"remoterun/runner/host"
)

// Dialer makes connections.
type Dialer struct {
	Config *Config
	// Ask is nil without a terminal.
	Ask Prompt
	// Accept is asked about unknown host keys; nil refuses them.
	Accept func(context.Context, NewKey) (bool, error)
	Warn   func(string)

	mu    sync.Mutex
	jumps map[string]*jump
}

// jump is one connection to a jump host, shared by all that go through it.
type jump struct {
	once   sync.Once
	client *ssh.Client
	err    error
}

// Dial connects to a target and logs in. Errors are *host.TransportError that
// wrap *HostKeyError, *AuthError or the network's error.
func (d *Dialer) Dial(ctx context.Context, t Target, become framed.Password) (*Conn, error) {
	s, err := d.Config.settle(t)
	if err != nil {
		return nil, err
	}
	client, err := d.connect(ctx, t, s, 0)
	if err != nil {
		return nil, &host.TransportError{Host: t.Name, During: "connect to " + s.user + "@" + s.host + ":" + strconv.Itoa(s.port), Err: err}
	}
	return newConn(t.Name, client, s, become), nil
}

// maxJumps ends a chain of jump hosts that leads to itself.
const maxJumps = 8

// retries is how often a connection that was cut before the server's version
// line is tried again: sshd does that when too many are logging in (MaxStartups).
const retries = 8

func (d *Dialer) connect(ctx context.Context, t Target, s settings, depth int) (*ssh.Client, error) {
	via, err := d.via(ctx, s, depth)
	if err != nil {
		return nil, err
	}
	wait := 100 * time.Millisecond
	for try := 0; ; try++ {
		client, early, err := d.attempt(ctx, t, s, via)
		if err == nil || !early || try >= retries {
			return client, err
		}
		select {
		case <-time.After(time.Duration(rand.Int64N(int64(wait)))):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		wait *= 2
	}
}

// via is how the first byte reaches the server: straight, or through the last
// of its jump hosts.
func (d *Dialer) via(ctx context.Context, s settings, depth int) (func(context.Context, string, string) (net.Conn, error), error) {
	if len(s.jumps) == 0 {
		return (&net.Dialer{Timeout: s.timeout}).DialContext, nil
	}
	if depth >= maxJumps {
		return nil, fmt.Errorf("more than %d jump hosts: does ProxyJump lead to itself?", maxJumps)
	}
	key := strings.Join(s.jumps, ",")
	d.mu.Lock()
	if d.jumps == nil {
		d.jumps = map[string]*jump{}
	}
	j, ok := d.jumps[key]
	if !ok {
		j = &jump{}
		d.jumps[key] = j
	}
	d.mu.Unlock()
	j.once.Do(func() { j.client, j.err = d.dialJump(ctx, s.jumps, depth) })
	if j.err != nil {
		return nil, fmt.Errorf("jump host %s: %w", key, j.err)
	}
	return j.client.DialContext, nil
}

func (d *Dialer) dialJump(ctx context.Context, chain []string, depth int) (*ssh.Client, error) {
	last := strings.TrimPrefix(strings.TrimSpace(chain[len(chain)-1]), "ssh://")
	t := Target{Name: last}
	t.User, t.Addr, _ = strings.Cut(last, "@")
	if t.Addr == "" {
		t.User, t.Addr = "", last
	}
	if h, p, err := net.SplitHostPort(t.Addr); err == nil {
		t.Addr = h
		if t.Port, err = strconv.Atoi(p); err != nil {
			return nil, fmt.Errorf("ProxyJump %s: %q is no port", last, p)
		}
	}
	s, err := d.Config.settle(t)
	if err != nil {
		return nil, err
	}
	if len(chain) > 1 {
		s.jumps = chain[:len(chain)-1]
	}
	client, err := d.connect(ctx, t, s, depth+1)
	if err == nil {
		go keepalive(client, s)
	}
	return client, err
}

// attempt tries once; early says that the server cut before its version line.
func (d *Dialer) attempt(ctx context.Context, t Target, s settings, via func(context.Context, string, string) (net.Conn, error)) (client *ssh.Client, early bool, err error) {
	warn := d.Warn
	if warn == nil {
		warn = func(string) {}
	}
	k, err := loadKnown(s, warn)
	if err != nil {
		return nil, false, err
	}
	addr := net.JoinHostPort(s.host, strconv.Itoa(s.port))
	dialCtx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("no answer within %s", s.timeout))
	defer cancel()
	nc, err := via(dialCtx, "tcp", addr)
	if err != nil {
		if cause := context.Cause(dialCtx); cause != nil {
			err = cause
		}
		return nil, false, err
	}
	sniff := &sniffer{Conn: nc}
	l := &login{ctx: ctx, s: s, t: t, ask: d.Ask}
	cfg := &ssh.ClientConfig{User: s.user, Auth: l.methods(), HostKeyCallback: k.callback(ctx, s.known, d.Accept), HostKeyAlgorithms: k.algorithms()}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	// The operator may be typing a passphrase: only a silent server is cut.
	watch := time.AfterFunc(s.timeout, func() {
		if !sniff.spoke() {
			_ = nc.Close()
		}
	})
	defer watch.Stop()
	conn, chans, reqs, err := ssh.NewClientConn(sniff, addr, cfg)
	if l.agent != nil {
		_ = l.agent.Close()
	}
	if err != nil {
		_ = nc.Close()
		return nil, sniff.early(), l.explain(ctx, addr, sniff, err)
	}
	return ssh.NewClient(conn, chans, reqs), false, nil
}

// explain makes a telling error of the library's.
func (l *login) explain(ctx context.Context, addr string, sniff *sniffer, err error) error {
	var hk *HostKeyError
	switch said := sniff.said(); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &hk):
		return hk
	case strings.Contains(err.Error(), "unable to authenticate"), strings.Contains(err.Error(), "Too many authentication failures"):
		return &AuthError{User: l.s.user, Addr: addr, Tried: l.tried, Skipped: l.skipped, Err: err}
	case !strings.HasPrefix(said, "SSH-"):
		if said == "" {
			return fmt.Errorf("the server closed the connection without a word (is it sshd? too many logins at once?): %w", err)
		}
		return &NotSSHError{Said: said}
	}
	return err
}

// NotSSHError is something else than an SSH server that answered.
type NotSSHError struct{ Said string }

func (e *NotSSHError) Error() string { return fmt.Sprintf("this is no SSH server, it says %q", e.Said) }

// sniffer keeps the first bytes that a server sends: what it says instead of
// its version line is the only explanation there is.
type sniffer struct {
	net.Conn
	mu    sync.Mutex
	first []byte
}

func (s *sniffer) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.mu.Lock()
	if len(s.first) < 64 {
		s.first = append(s.first, p[:min(n, 64-len(s.first))]...)
	}
	s.mu.Unlock()
	return n, err
}

func (s *sniffer) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	line, _, _ := bytes.Cut(s.first, []byte("\n"))
	return strings.TrimSpace(string(line))
}

func (s *sniffer) spoke() bool { return s.said() != "" }

func (s *sniffer) early() bool {
	said := s.said()
	return said == "" || strings.Contains(said, "MaxStartups")
}

// Close ends the jump hosts' connections.
func (d *Dialer) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, j := range d.jumps {
		if j.client != nil {
			errs = append(errs, j.client.Close())
		}
	}
	d.jumps = nil
	return errors.Join(errs...)
}

// Home is the user's home folder, for LoadConfig.
func Home() string {
	if h, err := os.UserHomeDir(); err == nil {
		return h
	}
	return "/"
}

var _ io.Closer = (*Dialer)(nil)
