package runner

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/program"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// turn brings the host's current task to its end. Where chains may run through,
// tasks behind it may have been done with it: they are delivered by the next
// calls without another round trip.
func (h *hostRun) turn(ctx context.Context, o *program.Op) error {
	h.ctx = ctx
	if err := h.take(ctx, o); err != nil {
		return err
	}
	tr := h.queue.tasks[0]
	if tr.fatal != nil {
		return h.finish(ctx, tr)
	}
	h.begin(tr)
	for tr.done < len(tr.units) {
		if err := tr.ripe(ctx); err != nil {
			return err
		}
		u := tr.units[tr.done]
		if u.out == nil {
			h.work(ctx, u)
		}
		if ctx.Err() != nil && (u.out.dead != nil || u.out.res.Failed) {
			u.out.cut = true
			return context.Cause(ctx) // neither done nor failed: it was told to stop
		}
		if err := h.deliver(ctx, u); err != nil {
			return err
		}
		if err := tr.broke(ctx, u); err != nil {
			return err
		}
	}
	return h.finish(ctx, tr)
}

// take makes sure that the queue begins with the current task.
func (h *hostRun) take(ctx context.Context, o *program.Op) error {
	if len(h.queue.tasks) > 0 && h.queue.tasks[0].o == o {
		h.queue.tasks[0].catchUp(ctx)
		return nil
	}
	h.queue.tasks = nil
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
		h.queue.tasks = []*taskRun{tr}
		return nil
	}
}

// catchUp tells a task that was looked at ahead what has become known since:
// the hosts that are left, and what its own name needs.
func (tr *taskRun) catchUp(ctx context.Context) {
	now := tr.h.p.frame(nil, nil).Magic
	tr.scope = tr.scope.WithMagic(now)
	for _, u := range tr.units {
		if u.state != unitWaits {
			u.scope = u.scope.WithMagic(now)
		}
	}
	if value.HasTemplate(tr.task.Name) {
		_ = tr.h.knowing(ctx, func() (err error) { tr.info, err = tr.described(ctx); return err }) // unknown: the name stays as written
	}
}

// work brings one unit to its outcome, and perhaps others behind it.
func (h *hostRun) work(ctx context.Context, u *unit) {
	if h.fly.flight != nil && h.fly.rides(ctx, u) {
		return
	}
	most, wrong := u.tr.throttle(ctx, u.scope)
	defer takeTurn(ctx, h.p, u.tr.task, most)() // before a machine is held, which others of the queue may need
	h.fly.hold(u.m)
	defer h.fly.letGo(u.m)
	timed, cancel, err := u.timeout(ctx)
	defer cancel()
	switch err = errors.Join(err, wrong); {
	case err != nil:
		u.out = failure(err)
	case u.act != nil:
		u.out = h.action(timed, u)
	case u.tr.task.Until != nil:
		u.out = h.until(timed, u)
	default:
		u.out = h.attempt(timed, u)
	}
	if u.out.dead != nil && ctx.Err() == nil {
		u.m.HangUp() // while nobody else can work on it
	}
}

func (u *unit) timeout(ctx context.Context) (context.Context, context.CancelFunc, error) {
	h := u.tr.h
	k := h.reader(ctx, u.tr.words, u.scope)
	s, err := k.Text(keyword.Timeout, "0")
	if err != nil {
		return ctx, func() {}, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 {
		return ctx, func() {}, fmt.Errorf("timeout: %q is not a number of seconds", s)
	}
	if n == 0 {
		return ctx, func() {}, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(n)*time.Second, fmt.Errorf("the task did not end within %d s", n))
	return ctx, cancel, nil
}

// gate is a task that no more hosts than that may work on at once.
type gate struct {
	task *play.Task
	most int
}

// takeTurn waits until the host may work on a task with a throttle (0 = none), and
// returns what lets the next one in.
func takeTurn(ctx context.Context, pr *playRun, t *play.Task, most int) (leave func()) {
	if most <= 0 {
		return func() {}
	}
	pr.mu.Lock()
	g := gate{t, most}
	if pr.gates[g] == nil {
		if pr.gates == nil {
			pr.gates = map[gate]chan struct{}{}
		}
		pr.gates[g] = make(chan struct{}, most)
	}
	room := pr.gates[g]
	pr.mu.Unlock()
	select {
	case room <- struct{}{}:
		return func() { <-room }
	case <-ctx.Done():
		return func() {}
	}
}

// throttle is how many hosts may work on the task at once, 0 = as many as there are.
func (tr *taskRun) throttle(ctx context.Context, s *vars.Scope) (int, error) {
	text, err := tr.h.reader(ctx, tr.words, s).Text(keyword.Throttle, "0")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("throttle: %q is not a number of hosts", text)
	}
	return n, nil
}

// once runs a unit: questions, plan, then nothing, a chain, or its steps alone.
func (h *hostRun) once(ctx context.Context, u *unit) *outcome {
	if !h.queue.looks() {
		u.m.Forget()
	}
	if err := h.planned(ctx, u); err != nil {
		return broken(err)
	}
	if u.out != nil {
		return u.out // it could not be planned
	}
	known := len(u.rests) == 0 || h.acted.Fresh(u.m, u.as, u.rests)
	if chains := u.chains() && u.m.Guards() && h.queue.looks(); !known && chains {
		return h.chain(ctx, u)
	}
	if !known && (u.idle() || u.withheld()) {
		// Stale answers that no guard can prove: ask again.
		if err := h.askAgain(ctx, u); err != nil {
			return broken(err)
		}
	}
	switch {
	case u.out != nil:
		return u.out
	case u.idle(), u.withheld():
		return u.predicted()
	case u.chains() && u.m.Guards() && h.queue.looks():
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

// chain sends the unit and what may ride with it. It answers the unit's
// outcome; the others keep theirs until their turn.
func (h *hostRun) chain(ctx context.Context, u *unit) *outcome {
	if u.tr == h.queue.tasks[0] {
		if len(h.queue.tasks) < 2*maxLinks {
			h.queue.ahead(ctx, u)
		}
		h.queue.replan(h.queue.behind(u))
	}
	h.waits(u, u.tr.info.Name)
	h.fly.launch(ctx, h.fly.links(u))
	h.fly.await(0)
	switch {
	case u.out != nil:
		return u.out
	case !u.m.Guards():
		return h.alone(ctx, u)
	}
	return h.once(ctx, u) // the host changed between question and step: planned on the fresh answers
}
