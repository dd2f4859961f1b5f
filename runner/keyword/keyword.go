// Package keyword reads the keywords of plays, blocks and tasks: which of them
// counts, and what it says for one host. It decides nothing about the run.
package keyword

import (
	"context"
	"fmt"

	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// Words are the keywords that count for a task: the play's, the enclosing
// blocks', its own, outermost first.
type Words []*play.Keywords

// Get takes one keyword, as it is written.
type Get func(*play.Keywords) value.Value

// Inner returns the innermost value that is set; null = none is.
func (w Words) Inner(get Get) value.Value {
	for i := len(w) - 1; i >= 0; i-- {
		if v := get(w[i]); !v.IsNull() {
			return v
		}
	}
	return value.Null()
}

// Reader renders keywords for one host and task. Errors pass through from Expr
// (*host.ErrNeed: a fact that must be asked for first).
type Reader struct {
	Ctx   context.Context
	Expr  play.Expr
	Words Words
	Scope play.Scope
}

// Value is a keyword, rendered; null = it is not set. One that is omitted is what the
// block, the play around it says.
func (k Reader) Value(get Get) (value.Value, error) {
	for i := len(k.Words) - 1; i >= 0; i-- {
		v := get(k.Words[i])
		if v.IsNull() {
			continue
		}
		v, err := k.Expr.Render(k.Ctx, v, k.Scope)
		if err != nil || !v.IsOmit() {
			return v, err
		}
	}
	return value.Null(), nil
}

// Text is a keyword's text.
func (k Reader) Text(get Get, otherwise string) (string, error) {
	v, err := k.Value(get)
	if err != nil || v.IsNull() || v.IsOmit() {
		return otherwise, err
	}
	return value.Str(v), nil
}

// Flag reads a boolean keyword; text of templates counts as Ansible's booleans.
func (k Reader) Flag(name string, get Get, otherwise bool) (bool, error) {
	v, err := k.Value(get)
	if err != nil || v.IsNull() || v.IsOmit() {
		return otherwise, err
	}
	b, ok := Truth(v)
	if !ok {
		return false, fmt.Errorf("%s: %s is not a boolean", name, value.Show(v))
	}
	return b, nil
}

// Truth reads Ansible's booleans; ok = it is one.
func Truth(v value.Value) (b, ok bool) {
	if b, ok := v.AsBool(); ok {
		return b, true
	}
	switch value.Str(v) {
	case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "1", "y", "t":
		return true, true
	case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", "0", "n", "f", "":
		return false, true
	}
	return false, false
}

// Variable reads a setting that a variable overrides (ansible_become …).
func (k Reader) Variable(name string) (value.Value, bool, error) {
	v, ok, err := k.Scope.Var(name)
	if err != nil || !ok {
		return value.Null(), false, err
	}
	v, err = k.Expr.Render(k.Ctx, v, k.Scope)
	return v, true, err
}

// Environment merges environment: of play, blocks and task; inner ones win.
// A sealed secret in it is an error: an environment can be read by others.
func (k Reader) Environment() ([]sh.Var, error) { return k.environment(false) }

// variables renders one mapping of an environment; known leaves out what fails.
func (k Reader) variables(e value.Value, known bool) (*value.Map, error) {
	out := value.NewMap()
	written, ok := e.AsMap()
	if !ok || !known {
		v, err := k.Expr.Render(k.Ctx, e, k.Scope)
		if err != nil && !known {
			return nil, err
		}
		src, _ := v.AsMap()
		return src, nil
	}
	for key, val := range written.All() {
		if v, err := k.Expr.Render(k.Ctx, value.FromMap(value.MapOf(value.Str(key), val)), k.Scope); err == nil {
			src, _ := v.AsMap()
			for key, val := range src.All() {
				out.Set(key, val)
			}
		}
	}
	return out, nil
}

// KnownEnvironment is the environment without what cannot be worked out: facts are
// gathered in it before there are any (PATH: "{{ ansible_env.PATH }}:/opt/bin").
func (k Reader) KnownEnvironment() ([]sh.Var, error) { return k.environment(true) }

func (k Reader) environment(known bool) ([]sh.Var, error) {
	m := value.NewMap()
	for _, w := range k.Words {
		for _, e := range w.Env {
			src, err := k.variables(e, known)
			if err != nil {
				return nil, fmt.Errorf("environment: %w", err)
			}
			for key, val := range src.All() {
				m.Set(key, val)
			}
		}
	}
	var out []sh.Var
	for key, val := range m.All() {
		if val.Marks()&value.Sealed != 0 {
			return nil, fmt.Errorf("environment: %s holds a sealed secret, which never goes into an environment: give it on stdin", value.Str(key))
		}
		if !val.IsOmit() {
			out = append(out, sh.Var{Name: value.Str(key), Value: value.Str(val)})
		}
	}
	return out, nil
}

// All are the values that a unit's keywords are rendered of, vars first.
func All(w *play.Keywords) []value.Value {
	return append([]value.Value{value.FromMap(w.Vars), w.Delegate, w.Become, w.BecomeUser, w.BecomeMethod, w.BecomeFlags, w.BecomeExe, w.NoLog, w.CheckMode, w.Diff}, w.Env...)
}

// NoLog, CheckMode and the others are the keywords that the engine reads.
func NoLog(w *play.Keywords) value.Value { return w.NoLog }

// CheckMode is check_mode.
func CheckMode(w *play.Keywords) value.Value { return w.CheckMode }

// Diff is diff.
func Diff(w *play.Keywords) value.Value { return w.Diff }

// Delegate is delegate_to.
func Delegate(w *play.Keywords) value.Value { return w.Delegate }

// DelegateFacts is delegate_facts.
func DelegateFacts(w *play.Keywords) value.Value { return w.DelegateFacts }

// Timeout is timeout, in seconds.
func Timeout(w *play.Keywords) value.Value { return w.Timeout }

// Throttle is throttle.
func Throttle(w *play.Keywords) value.Value { return w.Throttle }

// RunOnce is run_once.
func RunOnce(w *play.Keywords) value.Value { return w.RunOnce }

// IgnoreErrors is ignore_errors.
func IgnoreErrors(w *play.Keywords) value.Value { return w.IgnoreErrors }

// IgnoreUnreachable is ignore_unreachable.
func IgnoreUnreachable(w *play.Keywords) value.Value { return w.IgnoreUnreachable }

// AnyErrorsFatal is any_errors_fatal.
func AnyErrorsFatal(w *play.Keywords) value.Value { return w.AnyErrorsFatal }

// Become is become.
func Become(w *play.Keywords) value.Value { return w.Become }

// BecomeUser is become_user.
func BecomeUser(w *play.Keywords) value.Value { return w.BecomeUser }

// BecomeMethod is become_method.
func BecomeMethod(w *play.Keywords) value.Value { return w.BecomeMethod }

// BecomeFlags is become_flags.
func BecomeFlags(w *play.Keywords) value.Value { return w.BecomeFlags }

// BecomeExe is become_exe.
func BecomeExe(w *play.Keywords) value.Value { return w.BecomeExe }
