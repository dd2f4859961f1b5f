package host

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrTransport is what every broken link is (errors.Is). A broken link says
// nothing about the host's files or the command's outcome.
var ErrTransport = errors.New("connection lost")

// ErrProtocol is a host that answers, but not as its protocol has it: garbage,
// marks that are forged, cut or out of order, requests that it never answers.
// It comes inside a *TransportError: nothing such a host says can be believed.
var ErrProtocol = errors.New("the host does not keep to the protocol")

// TransportError is a link that could not be made or that broke.
type TransportError struct {
	Host string
	// During says what was tried: "dial 10.0.0.1:22", "run command".
	During string
	// Begun is set when a command may have begun: its outcome is unknown.
	Begun bool
	Err   error
}

func (e *TransportError) Error() string {
	if e.Begun {
		return fmt.Sprintf("%s: %s: %v (outcome unknown)", e.Host, e.During, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.Host, e.During, e.Err)
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrTransport) true.
func (e *TransportError) Is(target error) bool { return target == ErrTransport }

// ExitError is a command that ran and did not succeed.
type ExitError struct {
	What   string
	Output Output
}

func (e *ExitError) Error() string {
	msg := fmt.Sprintf("%s: exit status %d", e.What, e.Output.Status)
	if e.Output.Signal != "" {
		msg = fmt.Sprintf("%s: killed by SIG%s", e.What, e.Output.Signal)
	}
	if line := lastLine(string(e.Output.Stderr)); line != "" {
		msg += ": " + line
	}
	return msg
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	return strings.TrimSpace(s)
}

// Err returns nil for status 0, else an *ExitError that names what.
func (o Output) Err(what string) error {
	if o.Status == 0 {
		return nil
	}
	return &ExitError{What: what, Output: o}
}

// StuckError is a question that was ended because what it asks does not answer. The
// link is whole, and nothing was changed.
type StuckError struct {
	Host   string
	Silent time.Duration // how long nothing came
	Runs   []string      // what ran on the host then, as far as it tells
}

func (e *StuckError) Error() string {
	msg := fmt.Sprintf("%s: no answer within %s", e.Host, e.Silent)
	if len(e.Runs) > 0 {
		return msg + "; what hangs there: " + strings.Join(e.Runs, "; ")
	}
	return msg
}

// BecomeCause tells apart why an identity was refused.
type BecomeCause string

const (
	BecomeWrongPassword BecomeCause = "wrong password"
	BecomeNeedsPassword BecomeCause = "a password is required"
	BecomeNotAllowed    BecomeCause = "not in sudoers"
	BecomeNeedsTTY      BecomeCause = "a tty is required"
	BecomeNoSuchUser    BecomeCause = "unknown user"
	BecomeNoProgram     BecomeCause = "program not found"
	BecomeOther         BecomeCause = "refused"
)

// BecomeError is an identity that the host refused.
type BecomeError struct {
	Host   string
	As     As
	Cause  BecomeCause
	Stderr string // what the program said
}

func (e *BecomeError) Error() string {
	msg := fmt.Sprintf("%s: %s to %s: %s", e.Host, e.As.Method, e.As.User, e.Cause)
	if line := lastLine(e.Stderr); line != "" {
		msg += " (" + line + ")"
	}
	return msg
}

// ShellError is a login shell that did not start /bin/sh (nologin, a broken
// profile, a restricted account).
type ShellError struct {
	Host   string
	Status int
	// Waited is how long it was waited for; 0 = it ended.
	Waited time.Duration
	// Chatter is how much it printed instead, in bytes; 0 = that was not why.
	Chatter int
	Said    string
}

func (e *ShellError) Error() string {
	msg := fmt.Sprintf("%s: the login shell ended with status %d before /bin/sh was ready", e.Host, e.Status)
	if e.Waited > 0 {
		msg = fmt.Sprintf("%s: the login shell did not start /bin/sh within %s", e.Host, e.Waited)
	}
	if e.Chatter > 0 {
		msg = fmt.Sprintf("%s: the login shell printed more than %d KiB before /bin/sh was ready", e.Host, e.Chatter>>10)
	}
	if e.Said != "" {
		msg += ": " + lastLine(e.Said)
	}
	return msg
}

// ForwardError is a connection from the host that it did not make.
type ForwardError struct {
	Host, Addr string
	// Refused is set when the server forbids forwarding altogether.
	Refused bool
	Err     error
}

func (e *ForwardError) Error() string {
	return fmt.Sprintf("%s: cannot reach %s from the host: %v", e.Host, e.Addr, e.Err)
}

// Unwrap returns the cause.
func (e *ForwardError) Unwrap() error { return e.Err }
