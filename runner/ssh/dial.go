package ssh

import (
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
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

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
	client, err := d.connect(ctx, t, s, 0, nil)
	if err != nil {
		return nil, &host.TransportError{Host: t.Name, During: "connect to " + s.user + "@" + s.host + ":" + strconv.Itoa(s.port), Err: err}
	}
	return newConn(t.Name, client, s, become), nil
}

// maxJumps ends a chain of jump hosts that leads to itself.
const maxJumps = 8

// How often a refusal before the server's version line is tried again. sshd
// refuses so when too many are logging in (MaxStartups): in words that get lost
// where the client had spoken already, then it is a reset. An end without a word
// may be that or a list of who may come (tcp wrappers).
const (
	retries    = 8
	retriesEOF = 2
)

func (d *Dialer) connect(ctx context.Context, t Target, s settings, depth int, look *Shown) (*ssh.Client, error) {
	via, err := d.via(ctx, s, depth)
	if err != nil {
		return nil, err
	}
	wait, begun := 100*time.Millisecond, time.Now()
	for try := 0; ; try++ {
		client, again, err := d.attempt(ctx, t, s, via, look)
		if err == nil || try >= again || time.Since(begun) > 2*s.timeout {
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
		return s.straight(), nil
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

// straight dials from the address and by the family of addresses that are configured.
func (s settings) straight() func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		from := &net.Dialer{Timeout: s.timeout}
		if s.bind != "" {
			a, err := net.ResolveTCPAddr(s.network, net.JoinHostPort(s.bind, "0"))
			if err != nil {
				return nil, fmt.Errorf("BindAddress %s: %w", s.bind, err)
			}
			from.LocalAddr = a
		}
		return from.DialContext(ctx, s.network, addr)
	}
}

func (d *Dialer) dialJump(ctx context.Context, chain []string, depth int) (*ssh.Client, error) {
	last := chain[len(chain)-1]
	t := Target{Name: last, Addr: last}
	if i := strings.LastIndexByte(last, '@'); i >= 0 {
		t.User, t.Addr = last[:i], last[i+1:]
	}
	if h, p, err := net.SplitHostPort(t.Addr); err == nil {
		t.Addr = h
		if t.Port, err = strconv.Atoi(p); err != nil {
			return nil, fmt.Errorf("ProxyJump %s: %q is not a valid port", last, p)
		}
	}
	t.Addr = strings.TrimSuffix(strings.TrimPrefix(t.Addr, "["), "]")
	s, err := d.Config.settle(t)
	if err != nil {
		return nil, err
	}
	if len(chain) > 1 {
		s.jumps = chain[:len(chain)-1]
	}
	client, err := d.connect(ctx, t, s, depth+1, nil)
	if err == nil {
		go keepalive(client, s)
	}
	return client, err
}

// attempt tries once; again is how many tries such a failure is worth at most.
func (d *Dialer) attempt(ctx context.Context, t Target, s settings, via func(context.Context, string, string) (net.Conn, error), look *Shown) (client *ssh.Client, again int, err error) {
	k, err := loadKnown(s, d.warn)
	if err != nil {
		return nil, 0, err
	}
	begun := time.Now()
	addr := net.JoinHostPort(s.host, strconv.Itoa(s.port))
	dialCtx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("no answer within %s", s.timeout))
	defer cancel()
	nc, err := via(dialCtx, "tcp", addr)
	if err != nil {
		if cause := context.Cause(dialCtx); cause != nil {
			err = cause
		}
		return nil, 0, err
	}
	sniff := &sniffer{Conn: nc}
	clock := startClock(s.timeout-time.Since(begun), func() { _ = nc.Close() })
	defer clock.stop()
	l := &login{ctx: ctx, s: s, t: t, ask: d.Ask, clock: clock}
	check, algorithms := k.callback(ctx, s.known, d.Accept), k.algorithms()
	if look != nil {
		check, algorithms = look.take(k, s), k.allAlgorithms()
	}
	cfg := &ssh.ClientConfig{User: s.user, Auth: l.methods(), AuthCallback: l.next, HostKeyAlgorithms: algorithms, HostKeyCallback: func(name string, remote net.Addr, key ssh.PublicKey) error {
		clock.stop()
		defer clock.start()
		err := check(name, remote, key)
		l.reached(keysExchanged)
		return err
	}}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	conn, chans, reqs, err := ssh.NewClientConn(sniff, addr, cfg)
	l.close()
	if err == nil && clock.ended() {
		_ = conn.Close()
		err = net.ErrClosed
	}
	if err != nil {
		_ = nc.Close()
		return nil, l.again(sniff, err), l.explain(ctx, addr, sniff, k, err)
	}
	return ssh.NewClient(conn, chans, reqs), 0, nil
}

func (d *Dialer) warn(text string) {
	if d.Warn != nil {
		d.Warn(text)
	}
}

// again is how many tries a failure is worth: those alone that may be sshd's way
// to say that too many are logging in.
func (l *login) again(sniff *sniffer, err error) int {
	switch said := sniff.said(); {
	case l.clock.ended() || l.ctx.Err() != nil || sniff.version() != "":
		return 0
	case strings.Contains(said, "MaxStartups"), said == "" && errors.Is(err, syscall.ECONNRESET):
		return retries
	case said == "" && errors.Is(err, io.EOF):
		return retriesEOF
	}
	return 0
}

// explain makes a telling error of the library's.
func (l *login) explain(ctx context.Context, addr string, sniff *sniffer, k *known, err error) error {
	var hk *HostKeyError
	var algorithms *ssh.AlgorithmNegotiationError
	version := sniff.version()
	switch said := sniff.said(); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case l.clock.ended():
		return &SlowError{Within: l.s.timeout, After: l.stage(sniff)}
	case errors.As(err, &hk):
		return hk
	case l.turnedDown(err):
		return &AuthError{User: l.s.user, Addr: addr, Tried: l.tried, Skipped: l.skipped, Cut: !l.spent, Err: err}
	case strings.HasPrefix(version, "SSH-1.") && !strings.HasPrefix(version, "SSH-1.99"):
		return &NotSSHError{Said: version, Old: true}
	case version == "" && said == "":
		return fmt.Errorf("the server closed the connection without a word (is it sshd? too many logins at once?): %w", err)
	case version == "":
		return &NotSSHError{Said: said}
	case errors.As(err, &algorithms) && len(k.stored) > 0 && algorithms.What == "host key":
		return &HostKeyError{Problem: KeyOtherType, Host: knownhosts.Normalize(k.addr), Type: strings.Join(hostKeyTypes(algorithms.RequestedAlgorithms), ", "), Stored: k.storedPlaces(), Err: err}
	}
	if version != "" && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed)) {
		return fmt.Errorf("the server ended the connection during the login (it says %q): %w", version, err)
	}
	return err
}

// stage says how far a login has come, for who wonders what the server lacks.
func (l *login) stage(sniff *sniffer) string {
	switch version := sniff.version(); {
	case l.far.Load() == int32(keysExchanged):
		return "its key is checked, but it does not answer the login of " + l.s.user
	case version != "":
		return fmt.Sprintf("it says %q and then nothing of use", version)
	case sniff.said() != "":
		return fmt.Sprintf("it says %q and no SSH version", sniff.said())
	}
	return "it takes the connection and says nothing"
}

// NotSSHError is something else than an SSH server that answered.
type NotSSHError struct {
	Said string
	Old  bool // it is one, of the protocol's first version
}

func (e *NotSSHError) Error() string {
	if e.Old {
		return fmt.Sprintf("this server speaks SSH protocol 1 only (%q), which protects nothing", e.Said)
	}
	return fmt.Sprintf("this is not an SSH server, it says %q", e.Said)
}

// sniffer keeps the first words of a server: what it says instead of its version
// line is the only explanation there is.
type sniffer struct {
	net.Conn
	mu    sync.Mutex
	line  []byte // the line that is being read
	first string // the first line, or what has come of it
	ver   string // the version line
	over  bool
}

// longestLine is how much of a line is kept.
const longestLine = 200

func (s *sniffer) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range p[:n] {
		if s.over {
			break
		}
		s.take(b)
	}
	if strings.HasPrefix(s.ver, "SSH-1.") && !strings.HasPrefix(s.ver, "SSH-1.99") {
		return 0, errOld
	}
	return n, err
}

var errOld = errors.New("SSH protocol 1")

func (s *sniffer) take(b byte) {
	if b != '\n' {
		if len(s.line) < longestLine {
			s.line = append(s.line, b)
		}
		return
	}
	line := strings.TrimSpace(string(s.line))
	s.line = s.line[:0]
	if s.first == "" {
		s.first = line
	}
	if strings.HasPrefix(line, "SSH-") {
		s.ver, s.over = line, true
	}
}

// said is the first line.
func (s *sniffer) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == "" {
		return strings.TrimSpace(string(s.line))
	}
	return s.first
}

// version is the version line, empty as long as it has not come whole.
func (s *sniffer) version() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ver
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
