package runner

import (
	"context"
	"fmt"
	"slices"

	"remoterun/runner/action"
	"remoterun/runner/event"
	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/program"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// begin tells that the task starts, once per task of hosts in step.
func (h *hostRun) begin(tr *taskRun) {
	if tr.began {
		return
	}
	tr.began = true
	if a := action.Of(tr.task); a != nil && a.Quiet {
		tr.quiet = true
		return
	}
	h.p.announce(tr.info, h)
}

// deliver judges a unit's outcome and tells it.
func (h *hostRun) deliver(ctx context.Context, u *unit) error {
	tr := u.tr
	tr.done++
	if u.out.dead == nil && tr.task.Until == nil {
		u.judge(ctx, u.out)
	}
	if f := u.out.res.Facts; f.Len() > 0 {
		if err := u.found(ctx, func(to string) {
			h.p.r.store.AddFacts(to, untemplated(f))
			if a := tr.task.Action; a != "setup" && a != "gather_facts" {
				h.p.r.store.Inject(to, untemplated(f))
			}
		}); err != nil {
			return err
		}
		h.queue.tasks = h.queue.tasks[:1]
	}
	if !u.noLog {
		for _, w := range u.out.res.Warnings {
			h.p.r.warn(h.name, w)
		}
	}
	if tr.loop && !tr.quiet {
		h.p.r.emit(event.ItemResult{Outcome: u.told(u.out), LoopItem: u.loopItem()})
	}
	if u.out.dead != nil {
		if on, err := tr.ignores(ctx, u.out); err != nil || !on {
			tr.units = tr.units[:tr.done] // the host is given up: no other item is tried
		}
	}
	if tr.loop && !tr.task.Loop.Pause.IsNull() && tr.done < len(tr.units) {
		return tr.wait(ctx)
	}
	return nil
}

// told is what is told of a unit's outcome.
func (u *unit) told(out *outcome) event.Outcome {
	h := u.tr.h
	e := event.Outcome{Host: h.name, Delegated: u.on, Task: u.tr.info, Status: event.StatusOf(out.res), Result: placed(u.reported(out), out.cause), NoLog: u.noLog, Unread: u.unread != nil, Diff: out.diff, Tries: out.tries, Err: out.cause, Quiet: out.res.Quiet}
	if out.dead != nil {
		e.Status = event.Unreachable
	}
	return e
}

// judge applies changed_when and failed_when; an empty list is as none. Where a
// condition cannot be judged the task has failed, and its result says why.
func (u *unit) judge(ctx context.Context, out *outcome) {
	h := u.tr.h
	t := u.tr.task
	if out.res.Skipped || len(t.ChangedWhen) == 0 && len(t.FailedWhen) == 0 {
		return
	}
	if len(t.ChangedWhen) > 0 {
		changed, err := h.holds(ctx, t.ChangedWhen, u.withResult(out))
		if err != nil {
			out.mistaken("changed_when", err)
			return
		}
		out.res.Changed = changed
	}
	if len(t.FailedWhen) > 0 {
		bad, err := h.holds(ctx, t.FailedWhen, u.withResult(out))
		if err != nil {
			out.mistaken("failed_when", err)
			return
		}
		out.res.Failed = bad
		out.res.Data = merge(out.res.Data, value.MapOf("failed_when_result", value.Bool(bad)))
	}
}

// holds reports whether all conditions hold.
func (h *hostRun) holds(ctx context.Context, conds []value.Value, s *vars.Scope) (bool, error) {
	for _, c := range conds {
		var ok bool
		if err := h.knowing(ctx, func() (err error) { ok, err = h.p.r.world.Expr.Test(ctx, c, s); return err }); err != nil {
			return false, &play.Unjudged{Condition: c, Err: err}
		}
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// finish ends the current task: register, recap, notify, and where the host
// goes next.
func (h *hostRun) finish(ctx context.Context, tr *taskRun) error {
	h.begin(tr)
	res, m, out := tr.combined()
	if tr.task.Register != "" {
		for _, name := range append([]string{h.name}, h.also...) {
			h.p.r.store.Register(name, tr.task.Register, value.FromMap(m))
		}
	}
	h.p.r.tally(h.name, res)
	ignored := false
	if res.Failed || out.dead != nil {
		var err error
		if ignored, err = tr.ignores(ctx, out); err != nil {
			return err
		}
	}
	tr.giveUp(ignored)
	e := event.Outcome{Host: h.name, Task: tr.info, Status: event.StatusOf(res), Result: placed(m, out.cause), Err: out.cause, Ignored: ignored}
	if len(tr.units) == 1 && !tr.loop {
		e = tr.units[0].told(out)
		e.Ignored = ignored
	}
	if out.dead != nil {
		e.Status = event.Unreachable
	}
	e.Rescued = e.Status == event.Failed && !ignored && h.cur.Rescues()
	for _, u := range tr.units {
		e.NoLog = e.NoLog || u.noLog
	}
	if !tr.loop || tr.fatal != nil {
		e.NoLog = e.NoLog || tr.hides(ctx, tr.scope)
	}
	h.tell(tr, e)
	for _, f := range tr.included {
		h.p.r.emit(f)
	}
	return h.move(ctx, tr, e, m)
}

// ignores says whether a bad outcome is forgiven: a lost link by
// ignore_unreachable, any other failure by ignore_errors.
func (tr *taskRun) ignores(ctx context.Context, out *outcome) (bool, error) {
	h := tr.h
	k := h.reader(ctx, tr.words, tr.scope)
	if out.dead != nil {
		return k.Flag("ignore_unreachable", keyword.IgnoreUnreachable, false)
	}
	return k.Flag("ignore_errors", keyword.IgnoreErrors, false)
}

// giveUp makes the host unreachable that was found dead, unless that is forgiven:
// then it is dialled again when something needs it. So is one that the task was
// delegated to and whose link broke.
func (tr *taskRun) giveUp(ignored bool) {
	for _, u := range tr.units {
		switch {
		case u.out == nil || u.out.dead == nil:
		case ignored:
			u.m.Retry()
		case u.m == tr.h.m:
			u.m.GiveUp(u.out.dead)
		}
	}
}

// tell reports a task's outcome. Of a meta action only what is not as it should
// be is shown, and only a failure is counted.
func (h *hostRun) tell(tr *taskRun, e event.Outcome) {
	if tr.quiet {
		if e.Status == event.OK || e.Status == event.Changed {
			return
		}
		h.p.announce(tr.info, h)
	}
	h.p.r.emit(event.HostResult{Outcome: e})
	a := action.Of(tr.task)
	switch {
	case e.Status != event.OK:
	case a != nil && a.Silent: // its tasks are counted
		return
	case tr.nothing && len(tr.pushes) == 0:
		return
	}
	if !tr.quiet || e.Status != event.Skipped {
		h.p.r.count(h.name, func(c *event.Counts) { c.Add(e, len(tr.pushes)) })
	}
}

// tally notes what the exit code needs to know.
func (r *Runner) tally(name string, res play.Result) {
	if res.Verdict == play.NoVerdict {
		return
	}
	r.count(name, func(c *event.Counts) {
		switch res.Verdict {
		case play.Refused:
			c.Refused = true
		case play.Held:
			c.Held = true
		case play.Locked:
			c.Locked = true
		case play.WrongPassphrase:
			c.Mistyped = true
		}
	})
}

// move sends the host on; res is what the task's result says to playbooks.
func (h *hostRun) move(ctx context.Context, tr *taskRun, e event.Outcome, res *value.Map) error {
	if r := tr.task.Role; r != nil && e.Status != event.Skipped && e.Status != event.Unreachable {
		h.cur.Begin(r)
	}
	bad := (e.Status == event.Failed || e.Status == event.Unreachable) && !e.Ignored
	h.jumped = false
	keep := !bad && len(tr.pushes) == 0 && tr.after == nil
	if e.Status == event.Unreachable && !e.Ignored {
		h.queue.tasks = nil
		h.over = unreachable
		return nil
	}
	if bad {
		h.queue.tasks = nil
		h.p.r.store.SetFacts(h.name, value.MapOf("ansible_failed_task", value.FromMap(tr.failedTask(ctx)), "ansible_failed_result", value.FromMap(res)))
		handling := h.cur.Handling()
		if h.jumped = h.cur.Fail(); !h.jumped {
			h.lose(failed, handling)
		}
		return nil
	}
	if e.Status == event.Changed {
		if err := h.notify(ctx, tr); err != nil {
			return err
		}
	}
	switch {
	case len(tr.pushes) > 0:
		h.cur.Push(tr.pushes...)
	default:
		h.cur.Next()
	}
	if tr.after != nil {
		tr.after()
	}
	if keep && len(h.queue.tasks) > 0 {
		h.queue.tasks = h.queue.tasks[1:]
	} else {
		h.queue.tasks = nil
	}
	return nil
}

// lose ends the play for this host; handlers run all the same when they are
// forced to, unless it was one of them that failed.
func (h *hostRun) lose(why overReason, handling bool) {
	force := h.p.r.want.Force
	if v := h.p.p.ForceHandler; !v.IsNull() { // what the play says wins
		force, _ = keyword.Truth(v)
	}
	if force && why == failed && !handling && h.cur.Force(h.p.handlers()) {
		return
	}
	h.over = why
}

// notify marks the handlers that a changed task names: those of every item that
// was tried, also of one that changed nothing itself.
func (h *hostRun) notify(ctx context.Context, tr *taskRun) error {
	for _, u := range tr.units {
		if u.out.res.Skipped {
			continue
		}
		if err := h.notifyOf(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

func (h *hostRun) notifyOf(ctx context.Context, u *unit) error {
	for _, n := range u.tr.task.Notify {
		var v value.Value
		if err := h.knowing(ctx, func() (err error) { v, err = h.p.r.world.Expr.Render(ctx, n, u.scope); return err }); err != nil {
			return fmt.Errorf("notify: %w", err)
		}
		names := []value.Value{v}
		if s, ok := v.AsSeq(); ok {
			names = s.Items
		}
		for _, name := range names {
			if !h.mark(ctx, value.Str(name)) {
				return fmt.Errorf("%s: the handler %q that is notified does not exist in this play", u.tr.info.Pos, value.Str(name))
			}
		}
	}
	return nil
}

// mark notifies the handler of a name, and every one that listens to it. Of
// several with one name it is the first of those that were read last.
func (h *hostRun) mark(ctx context.Context, name string) bool {
	var named *program.Op
	found := false
	for o := range h.p.handlers().Tasks() {
		if h.isCalled(ctx, o.Task, name) && (named == nil || !program.SameList(named, o)) {
			named = o
		}
		if o.Task.Listens(name) {
			h.cur.Notify(o.Task)
			found = true
		}
	}
	if named != nil {
		h.cur.Notify(named.Task)
		found = true
	}
	return found
}

// isCalled reports a handler that has a name, with its role before it or without.
func (h *hostRun) isCalled(ctx context.Context, t *play.Task, name string) bool {
	if t.Name.IsNull() {
		return false
	}
	own := value.Str(t.Name)
	if value.HasTemplate(t.Name) {
		fr := h.p.frame(nil, nil)
		h.p.inRole(&fr, t)
		if v, err := h.p.r.world.Expr.Render(ctx, t.Name, h.p.r.store.Scope(ctx, h.name, fr, false)); err == nil {
			own = value.Str(v)
		}
	}
	return slices.Contains(t.Names(own), name)
}

// withResult is the unit's scope with its own result in it.
func (u *unit) withResult(out *outcome) *vars.Scope {
	if u.tr.task.Register == "" {
		return u.scope
	}
	return u.scope.WithLocal(value.MapOf(u.tr.task.Register, value.FromMap(registered(u, out))))
}
