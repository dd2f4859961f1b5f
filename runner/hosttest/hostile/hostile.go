// Package hostile is an SSH server that misbehaves, for tests: every way in
// which a server can fail to keep to SSH's protocol or to ours is a Mode.
package hostile

import (
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"remoterun/runner/hosttest/sshd"
)

// Class is what a run must call a host.
type Class string

const (
	Unreachable Class = "unreachable"
	Failed      Class = "failed"
)

// Mode is one way to misbehave.
type Mode struct {
	Name  string
	Class Class
	// Says is part of what the operator must read.
	Says string
	// Tries is how many connections one login may make at most; 0 = one.
	Tries int32

	// raw has the whole conversation, instead of an SSH server.
	raw func(*talk)
	// login changes how the server lets somebody in.
	login func(*ssh.ServerConfig, *talk)
	// wrap stands between the network and the server.
	wrap func(net.Conn) net.Conn
	// deaf leaves global requests (keepalives) without an answer.
	deaf bool
	// conn works beside an open connection.
	conn func(*talk, ssh.Conn)
	// channel has a channel that the client wants to open; nil = shells run.
	channel func(*talk, ssh.NewChannel)
	// exec has a session that wants to run a command; nil = it runs in a shell.
	exec func(*talk, ssh.Channel, *ssh.Request)
	// out and errs change what each frame prints.
	out, errs func(nonce, text string) string
	// then is done after the first changed frame was sent.
	then func(ssh.Channel)
}

// LetsIn reports a server that lets its user log in and misbehaves then.
func (m Mode) LetsIn() bool { return m.raw == nil && m.wrap == nil && m.login == nil }

// Server plays one mode on loopback.
type Server struct {
	mode     Mode
	cfg      ssh.ServerConfig
	key      ssh.Signer
	ln       net.Listener
	accepted atomic.Int32
	wg       sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
	end      chan struct{}
}

// talk is one conversation.
type talk struct {
	net.Conn
	end  <-chan struct{} // closed when the server ends
	key  ssh.Signer
	mode Mode
	wg   *sync.WaitGroup
}

// Listen starts a server that lets the key's owner in under any name.
func Listen(mode Mode, key ssh.PublicKey) (*Server, error) {
	s := &Server{mode: mode, open: map[net.Conn]bool{}, end: make(chan struct{})}
	var err error
	if s.key, _, err = sshd.NewSigner(); err != nil {
		return nil, err
	}
	s.cfg.PublicKeyCallback = func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
		if string(offered.Marshal()) == string(key.Marshal()) {
			return nil, nil
		}
		return nil, errDenied
	}
	s.cfg.AddHostKey(s.key)
	if s.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	s.wg.Go(s.accept)
	return s, nil
}

// Addr is the server's address, host:port.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Port is the server's port.
func (s *Server) Port() int { return s.ln.Addr().(*net.TCPAddr).Port }

// HostKey is the server's public key.
func (s *Server) HostKey() ssh.PublicKey { return s.key.PublicKey() }

// Accepted counts connections.
func (s *Server) Accepted() int32 { return s.accepted.Load() }

// Close ends everything that the server does, and waits for it.
func (s *Server) Close() error {
	close(s.end)
	err := s.ln.Close()
	s.mu.Lock()
	for c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

func (s *Server) accept() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.accepted.Add(1)
		s.mu.Lock()
		s.open[c] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			s.serve(c)
			_ = c.Close()
			s.mu.Lock()
			delete(s.open, c)
			s.mu.Unlock()
		})
	}
}

func (s *Server) serve(c net.Conn) {
	if s.mode.wrap != nil {
		c = s.mode.wrap(c)
	}
	t := &talk{Conn: c, end: s.end, key: s.key, mode: s.mode, wg: &s.wg}
	if s.mode.raw != nil {
		s.mode.raw(t)
		return
	}
	cfg := s.cfg // a copy: modes change it
	cfg.AddHostKey(s.key)
	if s.mode.login != nil {
		s.mode.login(&cfg, t)
	}
	conn, chans, reqs, err := ssh.NewServerConn(c, &cfg)
	if err != nil {
		return
	}
	defer conn.Close()
	s.wg.Go(func() { t.globals(reqs) })
	if s.mode.conn != nil {
		s.wg.Go(func() { s.mode.conn(t, conn) })
	}
	for ch := range chans {
		s.wg.Go(func() { t.channel(ch) })
	}
}

func (t *talk) globals(reqs <-chan *ssh.Request) {
	for r := range reqs {
		if r.WantReply && !t.mode.deaf {
			_ = r.Reply(true, nil)
		}
	}
}
