package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// maxLinks is the longest chain.
const maxLinks = 32

// turn brings the host's current task to its end. Where chains may run through,
// tasks behind it may have been done with it: they are delivered by the next
// calls without another round trip.
func (h *hostRun) turn(ctx context.Context, o *op) error {
	if err := h.take(ctx, o); err != nil {
		return err
	}
	tr := h.queue[0]
	if tr.fatal != nil {
		return h.finish(ctx, tr)
	}
	h.begin(tr)
	for tr.done < len(tr.units) {
		if err := h.ripe(ctx, tr); err != nil {
			return err
		}
		u := tr.units[tr.done]
		if u.out == nil {
			h.work(ctx, u)
		}
		if ctx.Err() != nil && (u.out.dead != nil || u.out.res.Failed) {
			return context.Cause(ctx) // neither done nor failed: it was told to stop
		}
		if err := h.deliver(ctx, u); err != nil {
			return err
		}
	}
	return h.finish(ctx, tr)
}

// take makes sure that the queue begins with the current task.
func (h *hostRun) take(ctx context.Context, o *op) error {
	if len(h.queue) > 0 && h.queue[0].o == o {
		h.queue[0].refresh(ctx)
		return nil
	}
	h.queue = nil
	for {
		tr, err := h.prepare(ctx, o, nil)
		need := new(host.ErrNeed)
		switch {
		case errors.As(err, &need):
			if err = h.gather(ctx, need.Questions); err == nil {
				continue
			}
			if tr.units = nil; ctx.Err() != nil {
				return context.Cause(ctx)
			}
			tr.units = []*unit{{tr: tr, scope: tr.scope, m: h.m, out: broken(err)}}
			tr.loop = false
		case err != nil:
			tr.units, tr.fatal = nil, err
		}
		h.queue = []*taskRun{tr}
		return nil
	}
}

// refresh tells a task that was looked at ahead what has become known since:
// the hosts that are left, and what its own name needs.
func (tr *taskRun) refresh(ctx context.Context) {
	now := tr.h.p.frame(nil, nil).Magic
	tr.scope = tr.scope.WithMagic(now)
	for _, u := range tr.units {
		if !u.later {
			u.scope = u.scope.WithMagic(now)
		}
	}
	if value.HasTemplate(tr.task.Name) {
		_ = tr.h.asked(ctx, func() (err error) { tr.info, err = tr.h.info(ctx, tr); return err }) // unknown: the name stays as written
	}
}

// asked does what reads variables; what they are made of and nobody has asked
// yet is asked, and it is done again.
func (h *hostRun) asked(ctx context.Context, do func() error) error {
	for {
		err := do()
		need := new(host.ErrNeed)
		if !errors.As(err, &need) {
			return err
		}
		if err := h.gather(ctx, need.Questions); err != nil {
			return err
		}
	}
}

// waits tells what the host waits for from now on.
func (h *hostRun) waits(u *unit, text string) {
	e := Event{Kind: Waiting, Host: h.name, Text: text, Task: u.tr.info}
	u.m.waits.Store(&e)
	h.p.r.emit(e)
}

// gather asks what variables are made of (facts); the answers are frozen.
func (h *hostRun) gather(ctx context.Context, qs []host.Question) error {
	if h.holding != h.m {
		if other := h.holding; other != nil { // never two: another host may want them the other way round
			other.work.Unlock()
			defer other.work.Lock()
		}
		h.m.work.Lock()
		defer h.m.work.Unlock()
	}
	w := h.m.worker(host.As{}, nil)
	for _, q := range qs {
		a, err := q.Ask(ctx, w)
		if err != nil {
			return err
		}
		if g := h.p.r.opt.Gatherer; g != nil && q.Key() == g.Question().Key() {
			if err := h.p.r.store.Gathered(h.name, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// work brings one unit to its outcome, and perhaps others behind it.
func (h *hostRun) work(ctx context.Context, u *unit) {
	u.m.work.Lock()
	h.holding = u.m
	defer func() { h.holding = nil; u.m.work.Unlock() }()
	ctx, cancel, err := h.timeout(ctx, u)
	defer cancel()
	switch {
	case err != nil:
		u.out = failure(err)
	case u.act != nil:
		u.out = h.action(ctx, u)
	case u.tr.task.Until != nil:
		u.out = h.until(ctx, u)
	default:
		u.out = h.once(ctx, u)
	}
}

func (h *hostRun) timeout(ctx context.Context, u *unit) (context.Context, context.CancelFunc, error) {
	k := reader{ctx, h.p, u.tr.words, u.scope}
	s, err := k.text(func(w *play.Keywords) value.Value { return w.Timeout }, "0")
	if err != nil {
		return ctx, func() {}, err
	}
	var n int
	if _, err := fmt.Sscanf(s, "%d", &n); err != nil {
		return ctx, func() {}, fmt.Errorf("timeout: %q is no number of seconds", s)
	}
	if n == 0 {
		return ctx, func() {}, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(n)*time.Second, fmt.Errorf("the task did not end within %d s", n))
	return ctx, cancel, nil
}

// once runs a unit: questions, plan, then nothing, a chain, or its steps alone.
func (h *hostRun) once(ctx context.Context, u *unit) *outcome {
	if h.p.r.opt.NoAhead {
		u.m.drop()
	}
	if err := h.settlePlan(ctx, u); err != nil {
		return broken(err)
	}
	known := len(u.rests) == 0 || u.m.fresh(u.as, u.rests)
	if chains := u.chains() && !u.m.unable && !h.p.r.opt.NoAhead; !known && chains {
		return h.chain(ctx, u)
	}
	if !known && (u.idle() || u.withheld()) {
		// Stale answers that no guard can prove: ask again.
		if err := h.refresh(ctx, u); err != nil {
			return broken(err)
		}
	}
	switch {
	case u.idle(), u.withheld():
		return u.predicted()
	case u.chains() && !u.m.unable && !h.p.r.opt.NoAhead:
		return h.chain(ctx, u)
	}
	return h.alone(ctx, u)
}

// idle reports a plan with nothing to do.
func (u *unit) idle() bool { return len(u.plan.Steps) == 0 && u.plan.Then == nil }

// withheld reports a plan whose steps check mode holds back. What works on the
// laptop alone and plans no step has done its work already.
func (u *unit) withheld() bool { return u.check && (!u.local || len(u.plan.Steps) > 0) }

// predicted is the outcome of a plan whose steps do not run.
func (u *unit) predicted() *outcome {
	return &outcome{res: u.plan.Result, diff: u.diffs()}
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
	}
	return out
}

// settlePlan asks until the unit can be planned. The questions of what is
// foreseen behind it travel along.
func (h *hostRun) settlePlan(ctx context.Context, u *unit) error {
	for range 50 {
		missing := u.think()
		if len(missing) == 0 {
			return nil
		}
		own := len(missing)
		if u.tr == h.queue[0] && !u.local && !h.p.r.opt.NoAhead {
			if len(h.queue) == 1 {
				h.ahead(ctx, u)
			}
			missing = append(missing, h.replan(h.behind(u))...)
		}
		if err := h.ask(ctx, u, missing, own); err != nil {
			return err
		}
		u.ready = false
	}
	return fmt.Errorf("%s: the plan asks for ever more", u.tr.task.Module)
}

// behind lists the queue's units after u that are of the same machine and
// identity and still open.
func (h *hostRun) behind(u *unit) []*unit {
	return slices.DeleteFunc(h.rest(u), func(v *unit) bool {
		return v.out != nil || v.bound == nil || v.m != u.m || v.as != u.as
	})
}

// ask gets answers: probes of the shell in one round trip, other questions one
// by one. The first own of them are the unit's; of the rest only probes that
// may be asked ahead are asked.
func (h *hostRun) ask(ctx context.Context, u *unit, qs []host.Question, own int) error {
	var probes []host.Question
	var cmds []sh.Cmd
	seen := map[string]bool{}
	for i, q := range qs {
		p, ok := q.(host.Probe)
		switch {
		case seen[q.Key()]:
		case ok && (i < own || !p.IsWide()):
			probes, cmds = append(probes, q), append(cmds, p.Cmd())
		case i < own:
			epoch := u.m.epoch.Load()
			a, err := q.Ask(ctx, u.m.worker(u.as, nil))
			if err != nil {
				return err
			}
			u.m.know(u.as, []host.Question{q}, []host.Answer{a}, epoch)
		}
		seen[q.Key()] = true
	}
	if len(cmds) == 0 {
		return nil
	}
	h.waits(u, "looking")
	epoch := u.m.epoch.Load()
	res, err := u.m.batch(ctx, u.as, sh.Batch{Ask: cmds})
	if err != nil {
		return err
	}
	u.m.know(u.as, probes, answersOf(res.Asked), epoch)
	return nil
}

// refresh asks again what the plan rests on and plans anew.
func (h *hostRun) refresh(ctx context.Context, u *unit) error {
	for range refreshes {
		if err := h.ask(ctx, u, u.rests, len(u.rests)); err != nil {
			return err
		}
		u.ready = false
		if err := h.settlePlan(ctx, u); err != nil {
			return err
		}
		if u.m.fresh(u.as, u.rests) {
			return nil
		}
	}
	return nil
}

// refreshes is how often answers are asked again until none that the plan rests
// on is old: a plan made of new answers may read others, which an earlier task
// asked before it changed them. More is a host that others change meanwhile.
const refreshes = 10

// alone runs the unit's steps one by one on fresh answers, stage after stage.
func (h *hostRun) alone(ctx context.Context, u *unit) *outcome {
	var diff []DiffText
	changed := false
	for {
		// The first stage, and every one behind a step, rests on answers of now.
		if !u.m.fresh(u.as, u.rests) {
			if err := h.refresh(ctx, u); err != nil {
				return broken(err)
			}
		}
		diff = append(diff, u.diffs()...)
		ran, err := h.steps(ctx, u)
		if err != nil {
			o := broken(err)
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
		u.ready = false
		if err := h.settlePlan(ctx, u); err != nil {
			return broken(err)
		}
	}
}

// steps runs a plan's steps up to the first that fails.
func (h *hostRun) steps(ctx context.Context, u *unit) (ran []host.Output, err error) {
	if len(u.plan.Steps) == 0 {
		return nil, nil
	}
	end := h.journal(u, u.plan.Steps)
	defer func() { end(outcomeText(ran, err)) }()
	worker := u.m.worker(u.as, h.progress(u))
	worker.Said = func(text string) {
		h.p.r.emit(Event{Kind: Note, Host: h.name, Task: u.tr.info, Text: text})
	}
	w := envWriter{worker, u.env}
	for _, st := range u.plan.Steps {
		h.waits(u, st.Describe())
		out, err := st.Do(ctx, w)
		if !u.plan.Local {
			u.m.stepped()
			h.m.epoch.Add(1) // what another machine did may have reached this one
		}
		if exit := new(host.ExitError); errors.As(err, &exit) {
			out, err = exit.Output, nil
			if out.Status == 0 {
				out.Status = 1
			}
		}
		if err != nil {
			if errors.Is(err, host.ErrTransport) {
				u.m.drop()
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

func (h *hostRun) progress(u *unit) func(done, total int64) {
	return func(done, total int64) {
		h.p.r.emit(Event{Kind: Waiting, Host: h.name, Task: u.tr.info, Text: u.tr.info.Name, Done: done, Total: total})
	}
}

func outcomeText(ran []host.Output, err error) string {
	switch {
	case errors.Is(err, host.ErrTransport):
		return "unknown: " + err.Error()
	case err != nil:
		return "failed: " + err.Error()
	case len(ran) > 0 && ran[len(ran)-1].Status != 0:
		return fmt.Sprintf("failed: status %d", ran[len(ran)-1].Status)
	}
	return "done"
}

// finished makes the result of what the steps gave; bad says that one failed.
func (u *unit) finished(ran []host.Output) (res play.Result, bad bool) {
	bad = len(ran) > 0 && ran[len(ran)-1].Status != 0
	res = u.plan.Result
	if u.plan.Finish != nil {
		var err error
		if res, err = u.plan.Finish(ran); err != nil {
			res = play.Failure(err.Error())
		}
	}
	if bad {
		last := ran[len(ran)-1]
		res.Failed = true
		what := u.plan.Steps[min(len(ran), len(u.plan.Steps))-1].Describe()
		switch said := strings.TrimSpace(string(last.Stderr)); {
		case u.plan.Finish == nil || res.Msg == "":
			res.Msg = cmp.Or(res.Msg, last.Err(what).Error())
		case res.Msg == said && !strings.HasPrefix(said, what): // a program's words name no object
			res.Msg = what + ": " + said
		}
		if u.plan.Finish == nil {
			res.Changed = len(ran) > 1
		}
	}
	return res, bad || res.Failed
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

// until tries a unit until its condition holds.
func (h *hostRun) until(ctx context.Context, u *unit) *outcome {
	k := reader{ctx, h.p, u.tr.words, u.scope}
	retries, delay := 3, 5
	for v, to := range map[*value.Value]*int{&u.tr.task.Retries: &retries, &u.tr.task.Delay: &delay} {
		if v.IsNull() {
			continue
		}
		r, err := k.pr.r.opt.Expr.Render(ctx, *v, u.scope)
		if err == nil {
			_, err = fmt.Sscanf(value.Str(r), "%d", to)
		}
		if err != nil {
			return failure(fmt.Errorf("retries and delay are whole numbers, not %s", value.Show(*v)))
		}
	}
	bound := u.bound
	for n := 1; ; n++ {
		out := h.once(ctx, u)
		out.tries = n
		if out.dead != nil {
			return out
		}
		if retries <= 0 { // once, whatever until says
			if err := h.judge(ctx, u, out); err != nil {
				mistaken(out, err)
			}
			return out
		}
		met, err := h.met(ctx, u, out)
		if err != nil {
			return failure(fmt.Errorf("until: %w", err))
		}
		if met {
			return out
		}
		if n > retries {
			out.res.Failed = true
			out.tries = retries // what Ansible says, although there was one try more
			return out
		}
		h.p.r.emit(Event{Kind: Retry, Host: h.name, Task: u.tr.info, Tries: n, Left: retries - n + 1, Result: h.registered(u, out), Item: u.item, Label: u.label})
		select {
		case <-time.After(time.Duration(delay) * time.Second):
		case <-ctx.Done():
			return broken(context.Cause(ctx))
		}
		u.m.drop()
		u.bound, u.ready, u.out = bound, false, nil // a chain has left its outcome in the unit
	}
}

// met evaluates until with the result under its register name.
func (h *hostRun) met(ctx context.Context, u *unit, out *outcome) (bool, error) {
	if err := h.judge(ctx, u, out); err != nil {
		return false, err
	}
	if out.res.Failed && len(u.tr.task.Until) == 0 {
		return false, nil
	}
	return h.holds(ctx, u.tr.task.Until, h.withResult(u, out))
}

// withResult is the unit's scope with its own result in it.
func (h *hostRun) withResult(u *unit, out *outcome) *vars.Scope {
	if u.tr.task.Register == "" {
		return u.scope
	}
	return u.scope.WithLocal(value.MapOf(u.tr.task.Register, value.FromMap(h.registered(u, out))))
}
