package runner

import (
	"context"
	"errors"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
)

// alone runs the unit's steps one by one on fresh answers, stage after stage.
func (h *hostRun) alone(ctx context.Context, u *unit) *outcome {
	var diff []event.Diff
	changed := false
	for {
		// The first stage, and every one behind a step, rests on answers of now.
		if !h.acted.Fresh(u.m, u.as, u.rests) {
			if err := h.askAgain(ctx, u); err != nil {
				return broken(err)
			}
		}
		if u.out != nil {
			return u.out // it could not be planned
		}
		diff = append(diff, u.diffs()...)
		ran, err := h.steps(ctx, u)
		if err != nil {
			o := broken(err)
			if len(u.plan.Steps) > 0 && ctx.Err() != nil {
				o.cut, h.fly.unknown = true, []string{u.tr.info.Name}
			}
			o.res.Changed = changed || len(ran) > 0
			return o
		}
		res, bad := u.finished(ran)
		changed = changed || res.Changed
		if bad || u.plan.Then == nil {
			res.Changed = res.Changed || bad && changed
			return &outcome{res: res, diff: diff}
		}
		if u.bound, err = u.plan.Then(ran); err != nil {
			return failure(err)
		}
		if u.bound == nil {
			return &outcome{res: res, diff: diff}
		}
		u.replan()
		if err := h.planned(ctx, u); err != nil {
			return broken(err)
		}
		if u.out != nil {
			return u.out
		}
	}
}

// steps runs a plan's steps up to the first that fails.
func (h *hostRun) steps(ctx context.Context, u *unit) (ran []host.Output, err error) {
	if len(u.plan.Steps) == 0 {
		return nil, nil
	}
	end := u.journal()
	defer func() { end(outcomeText(ran, err)) }()
	worker := u.m.Worker(u.as, u.progress())
	worker.Said = func(text string) {
		if !u.noLog {
			h.p.r.emit(event.Note{Host: h.name, Task: u.tr.info, Text: text})
		}
	}
	w := envWriter{worker, u.env}
	for _, st := range u.plan.Steps {
		if u.noLog {
			h.waits(u, hiddenStep(u.tr.task))
		} else {
			h.waits(u, st.Describe())
		}
		out, err := st.Do(ctx, w)
		if u.plan.Local {
			h.acted.Did(nil)
		} else {
			h.acted.Did(u.m)
			u.m.Stepped()
		}
		if exit := new(host.ExitError); errors.As(err, &exit) {
			out, err = exit.Output, nil
			if out.Status == 0 {
				out.Status = 1
			}
		}
		if err != nil {
			if errors.Is(err, host.ErrTransport) {
				u.m.Forget()
			}
			return ran, err
		}
		ran = append(ran, out)
		if out.Status != 0 {
			return ran, nil
		}
	}
	return ran, nil
}

func (u *unit) progress() func(done, total int64) {
	h := u.tr.h
	return func(done, total int64) {
		h.p.r.emit(event.Waiting{Host: h.name, Task: u.tr.info, Text: u.tr.info.Name, Done: done, Total: total})
	}
}

// outcomeDone is how the journal calls what was done.
const outcomeDone = "done"

// finished makes the result of what the steps gave; bad says that one failed.
func (u *unit) finished(ran []host.Output) (res play.Result, bad bool) {
	defer func() {
		if p := recover(); p != nil {
			res, bad = play.Failure(mistake(p, u.tr.task).Error()), true
		}
	}()
	return u.plan.Finished(ran)
}

// envWriter runs a step's commands with the task's environment.
type envWriter struct {
	host.Writer
	env []sh.Var
}

// Run adds the environment to the command.
func (w envWriter) Run(ctx context.Context, c sh.Cmd) (host.Output, error) {
	c.Env = append(append([]sh.Var{}, w.env...), c.Env...)
	return w.Writer.Run(ctx, c)
}
