package tde

import (
	"context"
	"errors"
	"fmt"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// Refusal is a guard's no: nothing was changed, and it says how to go on.
type Refusal struct {
	Object  string // "server copy of sync@web1"
	Problem string // what was tried and why it is refused
	WayOut  string // one next step
}

func (r *Refusal) Error() string { return r.Object + ": " + r.Problem + "; " + r.WayOut }

// refuse makes a Refusal.
func refuse(object, wayOut, problem string, a ...any) *Refusal {
	return &Refusal{Object: object, Problem: fmt.Sprintf(problem, a...), WayOut: wayOut}
}

// Result data keys by which the exit code is chosen, and the statuses by which
// steps and laptop questions carry them from where I/O happens to a pure Finish.
const (
	keyRefused         = "refused"          // exit 11
	keyWrongPassphrase = "wrong_passphrase" // exit 1

	statusFailed     = 1
	statusRefused    = 11
	statusPassphrase = 12
)

// statusOf is the status that stands for err.
func statusOf(err error) int {
	var r *Refusal
	switch {
	case errors.As(err, &r):
		return statusRefused
	case errors.Is(err, ErrPassphrase):
		return statusPassphrase
	}
	return statusFailed
}

// failed is the result of an error.
func failed(err error) play.Result { return failedAs(statusOf(err), err.Error()) }

func failedAs(status int, msg string) play.Result {
	r := play.Failure(msg)
	r.Data = value.NewMap()
	switch status {
	case statusRefused:
		r.Data.Put(keyRefused, value.Bool(true))
	case statusPassphrase:
		r.Data.Put(keyWrongPassphrase, value.Bool(true))
	}
	return r
}

// failedPlan is a plan that does nothing and says why.
func failedPlan(err error) play.Plan { return play.Plan{Result: failed(err)} }

// later is a plan whose only step says no. It stands where an earlier task of
// this run was to bring what is missing: with --check it has not, and what would
// be done is shown; without, the refusal is the same as at once.
func later(no error, what string, res play.Result) play.Plan {
	return play.Plan{
		Steps:  []host.Step{act{what, func(context.Context, host.Writer) ([]byte, error) { return nil, no }}},
		Result: res, Finish: finish(func(host.Output) (play.Result, error) { return res, nil }),
	}
}

// act is a step of ours: it never rides a chain. An error of do that is not the
// link's or the context's becomes a status, so that finish can tell refusals
// apart.
type act struct {
	what string
	do   func(ctx context.Context, w host.Writer) ([]byte, error)
}

// Describe says what the step does.
func (a act) Describe() string { return a.what }

// Do runs the step; its stdout is what do answered.
func (a act) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	out, err := a.do(ctx, w)
	if err == nil {
		return host.Output{Stdout: out}, nil
	}
	var become *host.BecomeError
	if errors.Is(err, host.ErrTransport) || errors.As(err, &become) || ctx.Err() != nil {
		return host.Output{Stdout: out}, err
	}
	return host.Output{Stdout: out, Stderr: []byte(err.Error()), Status: statusOf(err)}, nil
}

// finish makes the result of what steps gave: the first that failed, or ok's.
func finish(ok func(last host.Output) (play.Result, error)) func([]host.Output) (play.Result, error) {
	return func(ran []host.Output) (play.Result, error) {
		for _, o := range ran {
			if o.Status != 0 {
				return failedAs(o.Status, string(o.Stderr)), nil
			}
		}
		var last host.Output
		if len(ran) > 0 {
			last = ran[len(ran)-1]
		}
		return ok(last)
	}
}

// answered turns what a laptop question did into an answer: errors are
// statuses, except the context's.
func answered(ctx context.Context, text []byte, err error) (host.Answer, error) {
	switch {
	case err == nil:
		return host.Answer{Stdout: text}, nil
	case ctx.Err() != nil:
		return host.Answer{}, context.Cause(ctx)
	}
	return host.Answer{Stdout: []byte(err.Error()), Status: statusOf(err)}, nil
}

// ErrAnswer is an answer of a laptop question that is an error; it keeps apart
// refusals and wrong passphrases.
type ErrAnswer struct {
	Status int
	Msg    string
}

func (e *ErrAnswer) Error() string { return e.Msg }

// Result is the failed result that stands for the error.
func (e *ErrAnswer) Result() play.Result { return failedAs(e.Status, e.Msg) }

// planOf turns an *ErrAnswer or a *Refusal into a failed plan; other errors
// (*host.ErrNeed first of all) go on to the engine.
func planOf(err error) (play.Plan, error) {
	var a *ErrAnswer
	if errors.As(err, &a) {
		return play.Plan{Result: a.Result()}, nil
	}
	var r *Refusal
	if errors.As(err, &r) {
		return failedPlan(err), nil
	}
	return play.Plan{}, err
}
