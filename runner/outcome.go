package runner

import (
	"errors"
	"fmt"
	"strings"

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
	out := &outcome{cause: err, res: play.Failure(theirs(err))}
	if more := new(play.TellingError); errors.As(err, &more) {
		out.res.Data = merge(out.res.Data, more.Data)
	}
	if wrong := new(play.ArgError); errors.As(err, &wrong) && wrong.RC != 0 {
		out.res.Data = merge(out.res.Data, value.MapOf("rc", value.Int(wrong.RC)))
	}
	return out
}

// theirs is an error as a result holds it: without the file's place, which views are
// told, and in Ansible's words, on which playbooks match.
func theirs(err error) string {
	undefined := interface{ Undefined() bool }(nil)
	missing := errors.As(err, &undefined)
	if c := new(play.Unjudged); errors.As(err, &c) {
		text, why := value.Str(c.Condition), placeless(c.Err)
		if missing {
			why = "error while evaluating conditional (" + text + "): " + why
		}
		return "The conditional check '" + text + "' failed. The error was: " + why
	}
	if words := interface{ Theirs() string }(nil); errors.As(err, &words) {
		return words.Theirs()
	}
	if missing {
		return "The task includes an option with an undefined variable. The error was: " + placeless(err)
	}
	return placeless(err)
}

// placeless is an error's text without the file's place in it, and without a
// lookup's name.
func placeless(err error) string {
	text := err.Error()
	if at := placeOf(err); at != "" {
		text = strings.Replace(text, at+": ", "", 1)
	}
	if adds := interface{ Prefix() string }(nil); errors.As(err, &adds) {
		text = strings.Replace(text, adds.Prefix(), "", 1)
	}
	return text
}

func placeOf(err error) string {
	if placed := interface{ Place() value.Pos }(nil); errors.As(err, &placed) {
		return placed.Place().String()
	}
	return ""
}

// placed returns a result as views are told it: a mistake in our words, with its place.
func placed(m *value.Map, err error) *value.Map {
	if err == nil || errors.Is(err, host.ErrTransport) {
		return m
	}
	msg, ok := m.Lookup("msg")
	if text := value.Str(msg); !ok || text != theirs(err) && text != placeless(err) {
		return m
	}
	out := merge(nil, m)
	out.Put("msg", value.MarkedString(err.Error(), msg.Marks()|value.Unsafe))
	return out
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

// mistaken makes a failure of an outcome that could not be judged by a keyword
// (changed_when, failed_when), under whose name the result says why. What was done
// stays done.
func (o *outcome) mistaken(keyword string, err error) {
	o.cause = fmt.Errorf("%s: %w", keyword, err)
	o.res.Failed, o.res.Msg = true, theirs(o.cause)
	o.res.Data = merge(o.res.Data, value.MapOf("msg", value.MarkedString(o.res.Msg, value.Unsafe), keyword+"_result", value.MarkedString(theirs(err), value.Unsafe)))
}
