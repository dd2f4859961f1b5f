package guard

import (
	"context"
	"errors"

	"remoterun/runner/host"
	"remoterun/runner/play"
)

// Answered turns what a laptop question did into an answer: errors are
// statuses, except the context's.
func Answered(ctx context.Context, text []byte, err error) (host.Answer, error) {
	switch {
	case err == nil:
		return host.Answer{Stdout: text}, nil
	case ctx.Err() != nil:
		return host.Answer{}, context.Cause(ctx)
	}
	return host.Answer{Stdout: []byte(err.Error()), Status: StatusOf(err)}, nil
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

// PlanOf turns an *ErrAnswer or a *Refusal into a failed plan; other errors
// (*host.ErrNeed first of all) go on to the engine.
func PlanOf(err error) (play.Plan, error) {
	var a *ErrAnswer
	if errors.As(err, &a) {
		return play.Plan{Result: a.Result()}, nil
	}
	var r *Refusal
	if errors.As(err, &r) {
		return FailedPlan(err), nil
	}
	return play.Plan{}, err
}
