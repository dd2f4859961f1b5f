package runner

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/detach"
	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// defaultPoll is how often a job is looked at where poll is not set, in seconds.
const defaultPoll = 15

// wishOf reads async and poll; nil = the task runs as usual.
func wishOf(u *unit, k keyword.Reader) (*detach.Wish, error) {
	t := u.tr.task
	limit, err := seconds(k, "async", t.Async, 0)
	if err != nil || limit <= 0 {
		return nil, err
	}
	switch {
	case u.act != nil, t.Use != nil && t.Use.Spec().Waited:
		return nil, errors.New(play.NotDetached)
	case u.check:
		return nil, errors.New("check mode and async cannot be used on same task.")
	}
	poll, err := seconds(k, "poll", t.Poll, defaultPoll)
	if err != nil {
		return nil, err
	}
	module := t.Module
	if t.Use != nil && t.Use.Spec().Kept != "" {
		module = t.Use.Spec().Kept
	}
	return &detach.Wish{ID: detach.NewID(), Dir: detach.Dir, Module: module, Limit: time.Duration(limit) * time.Second, Poll: time.Duration(max(poll, 0)) * time.Second}, nil
}

func seconds(k keyword.Reader, name string, v value.Value, otherwise int64) (int64, error) {
	if v.IsNull() {
		return otherwise, nil
	}
	v, err := k.Expr.Render(k.Ctx, v, k.Scope)
	if err != nil || v.IsOmit() {
		return otherwise, err
	}
	if n, ok := v.AsInt(); ok {
		return n, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(value.Str(v)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %s is not a whole number of seconds", name, value.Show(v))
	}
	return n, nil
}

// jobsDir is the host's folder of jobs: a variable, the task's environment, or
// Ansible's own.
func jobsDir(k keyword.Reader, env []sh.Var) (string, error) {
	for _, e := range env {
		if e.Name == "ANSIBLE_ASYNC_DIR" && e.Value != "" {
			return e.Value, nil
		}
	}
	v, ok, err := k.Variable("ansible_async_dir")
	if err != nil || !ok || value.Str(v) == "" {
		return detach.Dir, err
	}
	return value.Str(v), nil
}

// tellJobs tells a module that looks after jobs where they are.
func tellJobs(k keyword.Reader, env []sh.Var, spec play.Spec, args *value.Map) error {
	for _, a := range spec.Args {
		if _, given := args.Lookup(a.Name); a.Name == play.JobsDir && !given {
			dir, err := jobsDir(k, env)
			if err != nil {
				return err
			}
			args.Put(play.JobsDir, value.String(dir))
		}
	}
	return nil
}

// attempt runs a unit once, as a job where it is meant to be one. A plan that
// cannot be a job has run in the foreground: then what came of it is kept on the
// host, where async_status finds it.
func (h *hostRun) attempt(ctx context.Context, u *unit) *outcome {
	out := h.once(ctx, u)
	if u.later == nil || u.bound == nil || out.dead != nil || out.cause != nil || detach.Detached(u.plan) {
		return out
	}
	w := *u.later
	j, _ := detach.Job(w.Dir, w.ID)
	if w.Poll > 0 {
		out.res = w.Done(j.Dir, out.res)
		return out
	}
	h.p.r.warn(h.name, fmt.Sprintf("async: %s works in several stages that are planned on the laptop: it has been waited for", u.tr.task.Action))
	ran, err := u.m.Worker(u.as, nil).Run(ctx, j.Keep(detach.Keep(out.res)))
	if err == nil {
		err = ran.Err("keep the result of " + u.tr.task.Action)
	}
	if err != nil {
		return broken(err)
	}
	return &outcome{res: w.Started(string(ran.Stdout)), diff: out.diff}
}
