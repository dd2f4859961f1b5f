package runner

import (
	"context"

	"remoterun/runner/action"
	"remoterun/runner/host"
	"remoterun/runner/keyword"
	"remoterun/runner/program"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// prepareAhead is prepare, where even a panic only stops the look ahead: it comes
// again at the task's turn.
func (q *queue) prepareAhead(ctx context.Context, o *program.Op, a *vars.Ahead) (tr *taskRun, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = mistake(p, o.Task)
		}
	}()
	return q.h.prepare(ctx, o, a)
}

// foreseen reports whether a task that was looked at ahead may stay in the
// queue; set_fact's variables are noted for those behind it.
func (q *queue) foreseen(ctx context.Context, tr *taskRun, a *vars.Ahead, first *unit) bool {
	if !tr.task.Words().RunOnce.IsNull() {
		return false
	}
	for _, u := range tr.units {
		switch {
		case u.out != nil && u.out.res.Failed:
			return false
		case u.out != nil:
		case u.act != nil:
			sure, err := u.passes(ctx, a)
			if err != nil {
				return false
			}
			if sure {
				u.state = unitProven
			}
		case u.as != first.as || u.m != first.m || u.local:
			return false
		}
	}
	return true
}

// stopsAhead reports tasks behind which nothing can be foreseen although they
// may be looked at themselves.
func stopsAhead(tr *taskRun) bool {
	t := tr.task
	if t.Until != nil || !alwaysFalse(t.FailedWhen) || tr.changesLaptop() {
		return true
	}
	for _, u := range tr.units {
		if u.act != nil && u.act.Ahead == action.Stops || u.local || u.on != "" {
			return true
		}
	}
	return false
}

// changesLaptop reports tasks that may write files of the laptop, here or, where
// this host is left out, on another host: what is read behind them is read at its
// turn.
func (tr *taskRun) changesLaptop() bool {
	if !tr.words.Inner(keyword.Delegate).IsNull() {
		return true
	}
	mod := tr.task.Use
	return mod != nil && (mod.Spec().Local || mod.Spec().ToLaptop)
}

// alwaysFalse reports conditions that need no result: none, or a plain False.
func alwaysFalse(conds []value.Value) bool {
	for _, c := range conds {
		if b, ok := c.AsBool(); !ok || b {
			return false
		}
	}
	return true
}

// replan plans what is in the queue with what is known and returns the
// questions that are missing, those of the first unit first.
func (q *queue) replan(units []*unit) []host.Question {
	var missing []host.Question
	seen := map[string]bool{}
	for _, u := range units {
		for _, q := range u.think() {
			if k := q.Key(); !seen[k] {
				seen[k] = true
				missing = append(missing, q)
			}
		}
	}
	return missing
}

// ahead looks at the tasks behind the queue as far as their questions can be
// foreseen: at most window units, of the same machine and identity.
func (q *queue) ahead(ctx context.Context, first *unit) {
	const window = 160
	a := &vars.Ahead{Pending: map[string]bool{}, Set: value.NewMap(), Laptop: q.h.p.onLaptop()}
	n := 0
	for _, tr := range q.tasks {
		n += len(tr.units)
		if tr.task.Register != "" {
			a.Pending[tr.task.Register] = true
		}
		if stopsAhead(tr) || tr.limited() {
			return
		}
	}
	ops := q.h.cur.Upcoming(window)
	if len(ops) < len(q.tasks)-1 {
		return
	}
	for _, o := range ops[len(q.tasks)-1:] {
		if n >= window {
			return
		}
		tr, err := q.prepareAhead(ctx, o, a)
		if err != nil || tr.limited() || !q.foreseen(ctx, tr, a, first) {
			return
		}
		tr.atItsTurn()
		q.tasks = append(q.tasks, tr)
		n += len(tr.units)
		if tr.task.Register != "" {
			a.Pending[tr.task.Register] = true
		}
		if stopsAhead(tr) {
			return
		}
	}
}

// atItsTurn gives a task that was looked at ahead every name again: what it does
// at its turn (changed_when, a debug's message) may read what was pending.
func (tr *taskRun) atItsTurn() {
	tr.scope = tr.scope.Ahead(nil)
	for _, u := range tr.units {
		u.scope = u.scope.Ahead(nil)
	}
}
