package kit

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

// FailedStep answers the result of a step that ended with a status other than
// 0: the last of ran. ok is false when every step succeeded.
func FailedStep(ran []host.Output) (r play.Result, ok bool) {
	if len(ran) == 0 || ran[len(ran)-1].Status == 0 {
		return play.Result{}, false
	}
	out := ran[len(ran)-1]
	msg := strings.TrimSpace(string(out.Stderr))
	if msg == "" {
		msg = strings.TrimSpace(string(out.Stdout))
	}
	if msg == "" {
		msg = fmt.Sprintf("exit status %d", out.Status)
	}
	r = play.Failure(msg)
	// What names its object is said as Ansible says it.
	for _, whole := range []string{"failed to validate: ", "Destination directory ", "The checksum for ", "Invalid archive "} {
		r.Complete = r.Complete || strings.HasPrefix(msg, whole)
	}
	r.Changed = len(ran) > 1
	r.Data = value.MapOf("rc", value.Int(int64(out.Status)), "stderr", HostText(string(out.Stderr)), "stdout", HostText(string(out.Stdout)))
	return r, true
}

// After makes a Finish: failures are answered the common way, success by f.
func After(f func(ran []host.Output) (play.Result, error)) func([]host.Output) (play.Result, error) {
	return func(ran []host.Output) (play.Result, error) {
		if r, bad := FailedStep(ran); bad {
			return r, nil
		}
		return f(ran)
	}
}

// Failure is a plan that does nothing but fail.
func Failure(format string, args ...any) play.Plan {
	return play.Plan{Result: play.Failure(fmt.Sprintf(format, args...))}
}

// Stopped is how a task ends that found something to stop at: with that plan, or,
// where there is none, with the error.
func Stopped(stop *play.Plan, err error) (play.Plan, error) {
	if stop == nil {
		return play.Plan{}, err
	}
	return *stop, err
}

// Unchanged is a plan without steps.
func Unchanged(note string, data *value.Map) play.Plan {
	return play.Plan{Note: note, Result: play.Result{Data: data}}
}

// JSONDiff is how Ansible shows a difference of things that are no files: both
// sides as sorted JSON.
func JSONDiff(before, after *value.Map) play.Diff {
	st := value.JSONStyle{Indent: 4, SortKeys: true, KeepUTF8: true, MaskSecret: true}
	b, _ := value.JSON(value.FromMap(before), st)
	a, _ := value.JSON(value.FromMap(after), st)
	return play.Diff{BeforeText: b + "\n", AfterText: a + "\n"}
}

// Warned returns the plan with a warning in its results.
func Warned(p play.Plan, text string) play.Plan {
	p.Result.Warnings = append(slices.Clone(p.Result.Warnings), text)
	if finish := p.Finish; finish != nil {
		p.Finish = func(ran []host.Output) (play.Result, error) {
			r, err := finish(ran)
			r.Warnings = append(slices.Clone(r.Warnings), text)
			return r, err
		}
	}
	return p
}
