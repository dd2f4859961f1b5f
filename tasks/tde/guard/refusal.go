package guard

import (
	"errors"
	"fmt"

	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/tde/seal"
)

// Refusal is a guard's no: nothing was changed, and it says how to go on.
type Refusal struct {
	Object  string // "server copy of sync@web1"
	Problem string // what was tried and why it is refused
	WayOut  string // one next step
}

func (r *Refusal) Error() string { return r.Object + ": " + r.Problem + "; " + r.WayOut }

// Refuse makes a Refusal.
func Refuse(object, wayOut, problem string, a ...any) *Refusal {
	return &Refusal{Object: object, Problem: fmt.Sprintf(problem, a...), WayOut: wayOut}
}

// Result data keys that say of what kind a failure is, and the statuses by which
// steps and laptop questions carry them from where I/O happens to a pure Finish.
const (
	KeyRefused         = "refused"          // with play.Refused
	KeyWrongPassphrase = "wrong_passphrase" // with play.WrongPassphrase

	statusFailed     = 1
	StatusRefused    = 11
	statusPassphrase = 12
)

// StatusOf is the status that stands for err.
func StatusOf(err error) int {
	var r *Refusal
	switch {
	case errors.As(err, &r):
		return StatusRefused
	case errors.Is(err, seal.ErrPassphrase):
		return statusPassphrase
	}
	return statusFailed
}

// failed is the result of an error.
func failed(err error) play.Result { return failedAs(StatusOf(err), err.Error()) }

func failedAs(status int, msg string) play.Result {
	r := play.Failure(msg)
	r.Data = value.NewMap()
	switch status {
	case StatusRefused:
		r.Data.Put(KeyRefused, value.Bool(true))
		r.Verdict = play.Refused
	case statusPassphrase:
		r.Data.Put(KeyWrongPassphrase, value.Bool(true))
		r.Verdict = play.WrongPassphrase
	}
	return r
}

// FailedPlan is a plan that does nothing and says why.
func FailedPlan(err error) play.Plan { return play.Plan{Result: failed(err)} }
