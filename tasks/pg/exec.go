package pg

import (
	"context"
	"fmt"
	"time"

	"remoterun/runner/host"
)

// Exec is one statement that may write: a step. Its output's Stdout is the
// Result as JSON (ParseOutput). A refused statement is an error that is both a
// *host.ExitError and an *Error.
type Exec struct {
	To   Target
	SQL  string
	Args []*string
	// What is what Describe shows; empty = the statement, shortened, without
	// its arguments.
	What string
	// Within bounds the statement; 0 = none but the task's own.
	Within time.Duration
}

var _ host.Step = Exec{}

// Describe shows no argument: one of them may be a password.
func (e Exec) Describe() string {
	if e.What != "" {
		return e.What
	}
	return "sql in " + e.To.Database + ": " + oneLine(e.SQL)
}

// Do runs the statement in a transaction of its own.
func (e Exec) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	res, err := e.Result(ctx, w)
	if err != nil {
		return host.Output{}, err
	}
	a := res.Answer()
	out := host.Output{Stdout: a.Stdout, Status: a.Status}
	if res.Err != nil {
		out.Stderr = []byte(res.Err.Error())
		return out, &refusedError{exit: &host.ExitError{What: e.Describe(), Output: out}, said: res.Err}
	}
	return out, nil
}

// refusedError is a statement that the server refused: for the engine a command
// that ran and failed, for callers the server's own *Error.
type refusedError struct {
	exit *host.ExitError
	said *Error
}

func (e *refusedError) Error() string   { return e.exit.What + ": " + e.said.Error() }
func (e *refusedError) Unwrap() []error { return []error{e.exit, e.said} }

// Result runs the statement for other steps that need its rows.
func (e Exec) Result(ctx context.Context, w host.Writer) (Result, error) {
	if e.Within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, e.Within, fmt.Errorf("%s: no answer within %s: %s", w.Name(), e.Within, e.Describe()))
		defer cancel()
	}
	return run(ctx, w, e.To, work{sql: e.SQL, args: e.Args, write: true}, psqlByRun(w))
}

// ParseOutput reads what Exec.Do left.
func ParseOutput(o host.Output) (Result, error) {
	return ParseAnswer(host.Answer{Stdout: o.Stdout, Status: o.Status})
}
