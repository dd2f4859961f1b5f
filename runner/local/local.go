// Package local is the transport to the laptop itself (connection: local): the
// same framed protocol over pipes to /bin/sh.
package local

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"syscall"

	"remoterun/runner/framed"
	"remoterun/runner/host"
)

// Conn works on this machine.
type Conn struct{ *framed.Client }

// Options tune a local connection.
type Options struct {
	// Shell is the program that plays the login shell, /bin/sh when empty.
	Shell []string
	// Env replaces the environment when not nil.
	Env []string
	// Dir is the working directory, empty for the process's own.
	Dir string
}

// New returns a connection to this machine; name is the inventory's.
func New(name string, password framed.Password, opt Options) *Conn {
	if len(opt.Shell) == 0 {
		opt.Shell = []string{"/bin/sh"}
	}
	return &Conn{framed.New(name, opt.start, password)}
}

func (opt Options) start(_ context.Context, command string) (framed.Stream, error) {
	argv := append(append([]string{}, opt.Shell...), "-c", command)
	cmd := exec.Command(argv[0], argv[1:]...) // #nosec G204: the shell is the program's own choice
	cmd.Env, cmd.Dir = opt.Env, opt.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return framed.Stream{}, err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return framed.Stream{}, err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		return framed.Stream{}, err
	}
	cmd.Stdout, cmd.Stderr = outW, errW
	err = cmd.Start()
	_, _ = outW.Close(), errW.Close()
	if err != nil {
		_, _ = outR.Close(), errR.Close()
		return framed.Stream{}, err
	}
	done := make(chan struct{})
	var state *os.ProcessState
	go func() { state, _ = cmd.Process.Wait(); close(done) }()
	return framed.Stream{
		Stdin: in, Stdout: outR, Stderr: errR,
		Wait: func() (host.Output, error) { <-done; return output(state), nil },
		Close: func() error {
			_ = in.Close()
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
			<-done
			return errors.Join(outR.Close(), errR.Close())
		},
	}, nil
}

func output(st *os.ProcessState) host.Output {
	ws, ok := st.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return host.Output{Status: 128 + int(ws.Signal()), Signal: framed.SignalName(int(ws.Signal()))}
	}
	return host.Output{Status: st.ExitCode()}
}

// Dial connects from this machine.
func (c *Conn) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

// Files works on this machine's file system.
func (c *Conn) Files(context.Context) (host.Files, error) { return files{}, nil }

type files struct{}

func (files) Open(p string) (io.ReadCloser, error) { return os.Open(p) }
func (files) Create(p string, perm fs.FileMode) (io.WriteCloser, error) {
	return os.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
}
func (files) Stat(p string) (fs.FileInfo, error) { return os.Lstat(p) }
func (files) Rename(a, b string) error           { return os.Rename(a, b) }
func (files) Remove(p string) error              { return os.Remove(p) }
func (files) Close() error                       { return nil }
