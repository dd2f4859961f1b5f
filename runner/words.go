package runner

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

func abs(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// words are the keywords that count for a task: the play's, the enclosing
// blocks', its own, outermost first.
type words []*play.Keywords

// inner returns the innermost value that is set.
func (w words) inner(get func(*play.Keywords) value.Value) value.Value {
	for i := len(w) - 1; i >= 0; i-- {
		if v := get(w[i]); !v.IsNull() {
			return v
		}
	}
	return value.Null()
}

// reader renders keywords for one host and task.
type reader struct {
	ctx context.Context
	pr  *playRun
	w   words
	s   *vars.Scope
}

func (k reader) value(get func(*play.Keywords) value.Value) (value.Value, error) {
	v := k.w.inner(get)
	if v.IsNull() {
		return v, nil
	}
	return k.pr.r.opt.Expr.Render(k.ctx, v, k.s)
}

func (k reader) text(get func(*play.Keywords) value.Value, otherwise string) (string, error) {
	v, err := k.value(get)
	if err != nil || v.IsNull() || v.IsOmit() {
		return otherwise, err
	}
	return value.Str(v), nil
}

// flag reads a boolean keyword; text of templates counts as Ansible's booleans.
func (k reader) flag(name string, get func(*play.Keywords) value.Value, otherwise bool) (bool, error) {
	v, err := k.value(get)
	if err != nil || v.IsNull() || v.IsOmit() {
		return otherwise, err
	}
	b, ok := truth(v)
	if !ok {
		return false, fmt.Errorf("%s: %s is no boolean", name, value.Show(v))
	}
	return b, nil
}

func truth(v value.Value) (b, ok bool) {
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

// variable reads a setting that a variable overrides (ansible_become …).
func (k reader) variable(name string) (value.Value, bool, error) {
	v, ok, err := k.s.Var(name)
	if err != nil || !ok {
		return value.Null(), false, err
	}
	v, err = k.pr.r.opt.Expr.Render(k.ctx, v, k.s)
	return v, true, err
}

// identity is the become identity of a task.
func (k reader) identity() (host.As, error) {
	opt := k.pr.r.opt
	become, err := k.flag("become", func(w *play.Keywords) value.Value { return w.Become }, opt.Become)
	if err != nil {
		return host.As{}, err
	}
	if v, ok, err := k.variable("ansible_become"); err != nil {
		return host.As{}, err
	} else if ok && !v.IsNull() {
		raw, _, _ := k.s.Var("ansible_become")
		if become, err = flagOf("ansible_become", raw, v); err != nil {
			return host.As{}, err
		}
	}
	if !become {
		return host.As{}, nil
	}
	as := host.As{}
	if as.User, err = k.setting("ansible_become_user", func(w *play.Keywords) value.Value { return w.BecomeUser }, cmp.Or(opt.BecomeUser, "root")); err != nil {
		return as, err
	}
	as.Method, err = k.setting("ansible_become_method", func(w *play.Keywords) value.Value { return w.BecomeMethod }, cmp.Or(opt.BecomeMethod, "sudo"))
	if err == nil && as.Method != "sudo" && as.Method != "su" && as.Method != "doas" {
		err = fmt.Errorf("become_method: %q is not one of sudo, su, doas", as.Method)
	}
	return as, err
}

func (k reader) setting(variable string, get func(*play.Keywords) value.Value, otherwise string) (string, error) {
	if v, ok, err := k.variable(variable); ok || err != nil {
		return value.Str(v), err
	}
	return k.text(get, otherwise)
}

// environment merges environment: of play, blocks and task; inner ones win.
// A sealed secret in it is an error: an environment can be read by others.
func (k reader) environment() ([]sh.Var, error) {
	m := value.NewMap()
	for _, w := range k.w {
		for _, e := range w.Env {
			v, err := k.pr.r.opt.Expr.Render(k.ctx, e, k.s)
			if err != nil {
				return nil, fmt.Errorf("environment: %w", err)
			}
			src, _ := v.AsMap()
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

// learn teaches the redactor every secret text in v.
func learn(r *secret.Redactor, v value.Value) {
	if value.DeepMarks(v)&(value.Masked|value.Sealed) == 0 {
		return
	}
	switch v.Kind() {
	case value.KindString:
		s, _ := v.AsString()
		r.Add([]byte(s))
	case value.KindList, value.KindTuple:
		for _, it := range v.Items() {
			learn(r, it)
		}
	case value.KindMap:
		m, _ := v.AsMap()
		for key, it := range m.All() {
			learn(r, key)
			learn(r, it)
		}
	}
}
