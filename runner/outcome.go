package runner

import (
	"errors"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// outcome is what came of a unit.
type outcome struct {
	res  play.Result
	diff []event.Diff
	// cause is why it could not be tried.
	cause error
	// cut says that the run was told to stop while it was under way.
	cut bool
	// dead is a link that was lost or could not be made.
	dead  error
	tries int
	// missed says that until ran out of tries although failed_when says that the
	// task has not failed: its result is failed, the task is not.
	missed bool
}

func failure(err error) *outcome {
	return &outcome{cause: err, res: play.Failure(err.Error())}
}

// leftOut is the outcome of a condition that does not hold.
func leftOut() *outcome {
	return &outcome{res: play.Result{Skipped: true, Data: value.MapOf("skip_reason", value.String("Conditional result was False"))}}
}

// broken tells a lost link from a failure.
func broken(err error) *outcome {
	if errors.Is(err, host.ErrTransport) {
		return &outcome{cause: err, dead: err, res: play.Failure(err.Error())}
	}
	out := failure(err)
	out.cause = err
	if heldError(err) {
		out.res.Data = value.MapOf("held", value.Bool(true))
		out.res.Verdict = play.Held
	}
	return out
}

// heldError is a lock that somebody else has: its host is refused, not failed.
func heldError(err error) bool {
	var held interface{ Held() bool }
	return errors.As(err, &held) && held.Held()
}

// mistaken makes a failure of an outcome that could not be judged. What was done
// stays done.
func mistaken(out *outcome, err error) {
	out.res.Failed, out.res.Msg = true, err.Error()
	out.res.Data = merge(out.res.Data, value.MapOf("msg", value.MarkedString(err.Error(), value.Unsafe)))
}
