// Package sshd is a small SSH server inside the process, over a real shell: for
// tests that need faults on the wire, and for the demo's throw-away host. It
// serves exec requests, sftp and forwarding, to one user, on loopback.
package sshd

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// Config says whom the server lets in and what it runs.
type Config struct {
	// User is the only login name.
	User string
	// Keys are public keys that may log in; Password may, when not empty.
	Keys     []ssh.PublicKey
	Password string
	// HostKey is made fresh when nil.
	HostKey ssh.Signer
	// More are host keys of other types that the server also shows.
	More []ssh.Signer
	// Shell plays the login shell, /bin/sh when empty; Env and Dir are its own.
	Shell []string
	Env   []string
	Dir   string
	// Attr starts each shell in namespaces of its own when not nil.
	Attr *syscall.SysProcAttr
	// Wrap stands between the network and the server: faults and delays.
	Wrap func(net.Conn) net.Conn
	// NoForward refuses direct-tcpip, as AllowTcpForwarding no does.
	NoForward bool
	// MaxTries is after how many refusals the server ends a login; 0 = six.
	MaxTries int
}

// Server listens on 127.0.0.1.
type Server struct {
	cfg    Config
	ssh    *ssh.ServerConfig
	ln     net.Listener
	mu     sync.Mutex
	conns  map[net.Conn]bool
	logins int
	wg     sync.WaitGroup
}

// NewSigner makes an ed25519 key.
func NewSigner() (ssh.Signer, ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	s, err := ssh.NewSignerFromKey(key)
	return s, key, err
}

// Listen starts a server on a free port.
func Listen(cfg Config) (*Server, error) {
	if cfg.HostKey == nil {
		var err error
		if cfg.HostKey, _, err = NewSigner(); err != nil {
			return nil, err
		}
	}
	if len(cfg.Shell) == 0 {
		cfg.Shell = []string{"/bin/sh"}
	}
	s := &Server{cfg: cfg, conns: map[net.Conn]bool{}}
	s.ssh = &ssh.ServerConfig{MaxAuthTries: cfg.MaxTries, PublicKeyCallback: s.publicKey}
	if cfg.Password != "" {
		s.ssh.PasswordCallback = s.password
	}
	for _, k := range append(cfg.More, cfg.HostKey) {
		s.ssh.AddHostKey(k)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.ln = ln
	s.wg.Add(1)
	go s.accept()
	return s, nil
}

var errDenied = errors.New("denied")

func (s *Server) publicKey(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	for _, k := range s.cfg.Keys {
		if m.User() == s.cfg.User && string(k.Marshal()) == string(key.Marshal()) {
			return nil, nil
		}
	}
	return nil, errDenied
}

func (s *Server) password(m ssh.ConnMetadata, pw []byte) (*ssh.Permissions, error) {
	if m.User() == s.cfg.User && string(pw) == s.cfg.Password {
		return nil, nil
	}
	return nil, errDenied
}

// Addr is the server's address, host:port.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Port is the server's port.
func (s *Server) Port() int { return s.ln.Addr().(*net.TCPAddr).Port }

// HostKey is the server's public key.
func (s *Server) HostKey() ssh.PublicKey { return s.cfg.HostKey.PublicKey() }

// Logins counts connections that authenticated.
func (s *Server) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Cut breaks every connection without a word.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// Close stops listening, cuts, and waits for what it started.
func (s *Server) Close() error {
	err := s.ln.Close()
	s.Cut()
	s.wg.Wait()
	return err
}

func (s *Server) accept() {
	defer s.wg.Done()
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		if s.cfg.Wrap != nil {
			c = s.cfg.Wrap(c)
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			s.serve(c)
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		}()
	}
}

func (s *Server) serve(nc net.Conn) {
	defer nc.Close()
	conn, chans, reqs, err := ssh.NewServerConn(nc, s.ssh)
	if err != nil {
		return
	}
	defer conn.Close()
	s.mu.Lock()
	s.logins++
	s.mu.Unlock()
	go answerGlobal(reqs)
	var wg sync.WaitGroup
	for ch := range chans {
		wg.Add(1)
		go func() { defer wg.Done(); s.channel(ch) }()
	}
	wg.Wait()
}

func answerGlobal(reqs <-chan *ssh.Request) {
	for r := range reqs {
		if r.WantReply {
			_ = r.Reply(r.Type == "keepalive@openssh.com", nil)
		}
	}
}

func (s *Server) channel(ch ssh.NewChannel) {
	switch ch.ChannelType() {
	case "session":
		s.session(ch)
	case "direct-tcpip":
		var m struct {
			Addr   string
			Port   uint32
			Origin string
			OPort  uint32
		}
		if err := ssh.Unmarshal(ch.ExtraData(), &m); err != nil {
			_ = ch.Reject(ssh.ConnectionFailed, "bad request")
			return
		}
		s.forward(ch, "tcp", net.JoinHostPort(m.Addr, strconv.Itoa(int(m.Port))))
	case "direct-streamlocal@openssh.com":
		var m struct {
			Path, Reserved string
			N              uint32
		}
		if err := ssh.Unmarshal(ch.ExtraData(), &m); err != nil {
			_ = ch.Reject(ssh.ConnectionFailed, "bad request")
			return
		}
		s.forward(ch, "unix", m.Path)
	default:
		_ = ch.Reject(ssh.UnknownChannelType, "unknown")
	}
}

func (s *Server) forward(ch ssh.NewChannel, network, addr string) {
	if s.cfg.NoForward {
		_ = ch.Reject(ssh.Prohibited, "administratively prohibited")
		return
	}
	target, err := (&net.Dialer{}).DialContext(context.Background(), network, addr)
	if err != nil {
		_ = ch.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	c, reqs, err := ch.Accept()
	if err != nil {
		_ = target.Close()
		return
	}
	go ssh.DiscardRequests(reqs)
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(target, c); _ = target.Close(); done <- struct{}{} }()
	go func() { _, _ = io.Copy(c, target); _ = c.Close(); done <- struct{}{} }()
	<-done
	<-done
}

func (s *Server) session(ch ssh.NewChannel) {
	c, reqs, err := ch.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	for r := range reqs {
		var m struct{ Text string }
		_ = ssh.Unmarshal(r.Payload, &m)
		switch {
		case r.Type == "exec":
			_ = r.Reply(true, nil)
			go ssh.DiscardRequests(reqs)
			s.exec(c, m.Text)
			return
		case r.Type == "subsystem" && m.Text == "sftp":
			_ = r.Reply(true, nil)
			go ssh.DiscardRequests(reqs)
			if srv, err := sftp.NewServer(c); err == nil {
				_ = srv.Serve()
			}
			return
		case r.WantReply:
			_ = r.Reply(false, nil)
		}
	}
}

// exec runs a command as sshd does: under the login shell, nothing signalled
// when the connection goes, stdin at its end then.
func (s *Server) exec(c ssh.Channel, command string) {
	argv := append(append([]string{}, s.cfg.Shell...), "-c", command)
	cmd := exec.Command(argv[0], argv[1:]...) // #nosec G204: that is what a login shell is for
	cmd.Env, cmd.Dir = s.cfg.Env, s.cfg.Dir
	attr := syscall.SysProcAttr{}
	if s.cfg.Attr != nil {
		attr = *s.cfg.Attr
	}
	attr.Setsid = true
	cmd.SysProcAttr = &attr
	in, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	go func() { _, _ = io.Copy(in, c); _ = in.Close() }()
	outR, outW, _ := os.Pipe()
	errR, errW, _ := os.Pipe()
	cmd.Stdout, cmd.Stderr = outW, errW
	err = cmd.Start()
	_, _ = outW.Close(), errW.Close()
	if err != nil {
		_, _ = outR.Close(), errR.Close()
		return
	}
	var wg sync.WaitGroup
	wg.Add(2)
	go func() { defer wg.Done(); _, _ = io.Copy(c, outR); _ = outR.Close() }()
	go func() { defer wg.Done(); _, _ = io.Copy(c.Stderr(), errR); _ = errR.Close() }()
	st, _ := cmd.Process.Wait()
	wg.Wait()
	sendStatus(c, st)
}

func sendStatus(c ssh.Channel, st *os.ProcessState) {
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		m := struct {
			Signal string
			Core   bool
			Msg    string
			Lang   string
		}{Signal: map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGKILL: "KILL", syscall.SIGINT: "INT", syscall.SIGHUP: "HUP"}[ws.Signal()]}
		_, _ = c.SendRequest("exit-signal", false, ssh.Marshal(m))
		return
	}
	_, _ = c.SendRequest("exit-status", false, ssh.Marshal(struct{ N uint32 }{uint32(st.ExitCode())}))
}
