// Package host is the seam between the engine and the machines it works on:
// connections, questions, steps, and the three ways in which a machine can fail
// to answer. It holds no transport and never prints.
package host

import (
	"context"
	"io"
	"io/fs"
	"net"
	"time"

	"remoterun/runner/sh"
)

// As is the identity that a command runs under. The zero As is the login user.
type As struct {
	User   string // root, postgres …
	Method string // sudo (default when User is set), su, doas
	Exe    string // the become program, empty = the method's name
	Flags  string // more of its words, between it and ours
}

// Login reports the login user's own identity.
func (a As) Login() bool { return a.User == "" }

// Output is what a finished command left behind. A status other than 0 is no
// error of the connection: callers that want one use Output.Err.
type Output struct {
	Stdout, Stderr []byte
	// Status is the exit status; 128+n after death by signal n.
	Status int
	// Signal is the signal's name without SIG when the command died by one.
	Signal string
}

// Conn is one host, reached. Every transport implements it and passes
// hosttest.Suite. Errors are *TransportError (the link), *BecomeError (the
// identity was refused), or the context's cause; a command's own failure is a
// status, never an error. All methods are safe for concurrent use.
type Conn interface {
	// Shell returns the long-lived framed shell of an identity, opened at the
	// first call and shared afterwards. Frames of one shell run one at a time.
	Shell(ctx context.Context, as As) (Shell, error)
	// Exec runs one command over a channel of its own: secrets, streams, jobs.
	// Output beyond max bytes per stream is an error, not silently cut.
	Exec(ctx context.Context, as As, c sh.Cmd) (Output, error)
	// Files speaks sftp as the login user.
	Files(ctx context.Context) (Files, error)
	// Dial opens a connection from the host (tcp or unix).
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
	Close() error
}

// Leaver is a Conn, or a Writer, that can end the shells that it keeps open as a user:
// one who is removed must have no process left.
type Leaver interface{ Leave(user string) error }

// Shell is a long-lived sh on a host that takes framed commands.
type Shell interface {
	// Run runs one command; cancelling ctx kills its process group.
	Run(ctx context.Context, c sh.Cmd) (Output, error)
	// Batch runs a guarded chain and asks questions in one round trip.
	Batch(ctx context.Context, b sh.Batch) (sh.BatchResult, error)
}

// Files is the part of sftp that is used. Only a host that answered may make
// an error that errors.Is fs.ErrNotExist.
type Files interface {
	Open(path string) (io.ReadCloser, error)
	Create(path string, perm fs.FileMode) (io.WriteCloser, error)
	Stat(path string) (fs.FileInfo, error)
	Rename(old, new string) error
	Remove(path string) error
	Close() error
}

// Reader answers questions. It has no way to change the host.
type Reader interface {
	// Name is the inventory's name of the host.
	Name() string
	// Probe asks the host's shell under the task's identity.
	Probe(ctx context.Context, p Probe) (Answer, error)
	// Dial opens a connection from the host, for questions that are not shell.
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
	// Keep returns what key stands for during this run of the host, making it
	// at the first call; the engine closes it with the host. For connections
	// that are worth keeping (a database session).
	Keep(key string, make func() (io.Closer, error)) (io.Closer, error)
	// Forget closes what key stands for: it broke, the next Keep makes it anew.
	Forget(key string)
}

// Writer is what a step works with.
type Writer interface {
	Reader
	// Run runs a command under the task's identity. A secret or streaming
	// stdin goes over a channel of its own.
	Run(ctx context.Context, c sh.Cmd) (Output, error)
	Files(ctx context.Context) (Files, error)
	// Redial waits until the host answers again and until says so.
	Redial(ctx context.Context, until Question, within time.Duration) error
	// Progress tells how far a long step is, in bytes; total is 0 when it is not
	// known.
	Progress(done, total int64)
	// Say tells the operator that something was reached which he waits for ("SQL
	// answered"): one short line, no secret. Lines that he asked for, to be copied,
	// may follow it.
	Say(text string)
}

// Step is one act on a host, as data. It can run twice.
type Step interface {
	// Describe fits on one line and shows no secret.
	Describe() string
	Do(ctx context.Context, w Writer) (Output, error)
}

// Framer is a Step that may ride a guarded chain: small, no secret, no stream.
type Framer interface {
	Step
	// Frame returns the command, or false when this one may not ride.
	Frame() (sh.Cmd, bool)
}

// Run is the step of one command.
type Run struct {
	Cmd sh.Cmd
	// What is what Describe shows.
	What string
}

// Describe returns What.
func (r Run) Describe() string { return r.What }

// Do runs the command.
func (r Run) Do(ctx context.Context, w Writer) (Output, error) { return w.Run(ctx, r.Cmd) }

// maxFrameStdin is the most data in bytes that rides a chain; above it a
// stream of its own is faster and keeps the framed shell free.
const maxFrameStdin = 256 << 10

// Frame lets small commands without secrets ride a chain.
func (r Run) Frame() (sh.Cmd, bool) {
	if r.Cmd.Secret {
		return sh.Cmd{}, false
	}
	if in := r.Cmd.Stdin; in != nil && (in.Size() < 0 || in.Size() > maxFrameStdin) {
		return sh.Cmd{}, false
	}
	return r.Cmd, true
}

var _ Framer = Run{}
