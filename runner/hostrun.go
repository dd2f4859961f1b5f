package runner

import (
	"context"
	"errors"
	"fmt"
	"remoterun/runner/action"
	"remoterun/runner/keyword"
	"remoterun/runner/known"
	"remoterun/runner/program"
	"slices"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// hostRun is one host in one play: where it stands, and why it goes no further.
// What it looks at ahead is its queue, what it has sent is with its carrier.
type hostRun struct {
	p     *playRun
	name  string
	m     *known.Machine
	cur   *program.Cursor
	ctx   context.Context // of the turn that is being taken
	queue queue
	fly   carrier
	// also are the other hosts for which the task counts that runs here once.
	also []string
	// jumped says that the last task failed and a block took that on.
	jumped bool
	// over says why the host does no more of this play.
	over overReason
	// away says that it was sent away before the end (end_host), parted that the
	// play has noted that it is gone.
	away, parted bool
	// through lets chains run over several tasks: one host, or free.
	through bool
}

// queue holds tasks that were looked at ahead, the current one first.
type queue struct {
	h     *hostRun
	tasks []*taskRun
}

// carrier has what a host sends: a chain under way, and the machine that it works
// on meanwhile.
type carrier struct {
	h      *hostRun
	flight *flight
	// working says that a unit is being worked on.
	working bool
	// holding is the machine whose work lock this host has.
	holding *known.Machine
	// unknown names the tasks of which it is not known what came of them: their
	// steps had been sent when the run was told to stop.
	unknown []string
}

type overReason uint8

const (
	working overReason = iota
	ended              // end_host, end_play, or all done
	failed
	unreachable
)

func (pr *playRun) newHost(ctx context.Context, name string, through bool) (h *hostRun, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = mistake(p, nil)
		}
	}()
	m, err := pr.machine(ctx, name)
	if err != nil {
		return nil, err
	}
	h = &hostRun{p: pr, name: name, m: m, cur: program.NewCursor(pr.main), through: through}
	h.queue.h, h.fly.h = h, h
	return h, nil
}

func (h *hostRun) wordsOf(o *program.Op) keyword.Words {
	w := keyword.Words{&h.p.p.Keywords}
	w = append(w, h.cur.Around()...)
	w = append(w, o.Around...)
	return append(w, &o.Task.Keywords)
}

// scopeOf is what a task's place gives its names.
func (h *hostRun) scopeOf(ctx context.Context, o *program.Op, w keyword.Words) *vars.Scope {
	var blocks []*value.Map
	params, act := h.cur.Params(), action.Of(o.Task)
	for _, k := range w[1:] {
		switch {
		case k.Vars.Len() == 0:
		case k == &o.Task.Keywords && act != nil && act.TakesFiles:
			params = append(params, k.Vars) // they count for its own when, too
		default:
			blocks = append(blocks, k.Vars)
		}
	}
	fr := h.p.frame(blocks, params)
	h.p.inRole(&fr, o.Task)
	return h.p.r.store.Scope(ctx, h.name, fr, h.p.gathers()).Asking()
}

// reader reads keywords for this host.
func (h *hostRun) reader(ctx context.Context, w keyword.Words, s *vars.Scope) keyword.Reader {
	return keyword.Reader{Ctx: ctx, Expr: h.p.r.world.Expr, Words: w, Scope: s}
}

// gathers says whether the play allows facts to be gathered.
func (pr *playRun) gathers() bool {
	b, ok := keyword.Truth(pr.p.GatherFacts)
	return pr.p.GatherFacts.IsNull() || !ok || b
}

// described is what is told of a task; the error are facts that its name needs first.
func (tr *taskRun) described(ctx context.Context) (*event.Task, error) {
	h := tr.h
	t := tr.task
	info := &event.Task{ID: fmt.Sprintf("%p", t), Module: t.Module, Action: t.Action, Pos: t.Pos, Handler: t.Handler}
	name := t.Name
	var need *host.ErrNeed
	if !name.IsNull() {
		v, err := h.p.r.world.Expr.Render(ctx, name, tr.scope)
		if err == nil {
			name = v
		}
		errors.As(err, &need)
		info.Name = value.Show(name)
	}
	info.Name = t.Titled(info.Name)
	for _, w := range tr.words {
		info.Tags = append(info.Tags, w.Tags...)
	}
	if need != nil {
		return info, need
	}
	return info, nil
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
		if stopsAhead(tr) {
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
		if err != nil || !q.foreseen(ctx, tr, a, first) {
			return
		}
		tr.settle()
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

// settle gives a task that was looked at ahead every name again: what it does
// at its turn (changed_when, a debug's message) may read what was pending.
func (tr *taskRun) settle() {
	tr.scope = tr.scope.Ahead(nil)
	for _, u := range tr.units {
		u.scope = u.scope.Ahead(nil)
	}
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
			var err error
			if u.proven, err = u.passes(ctx, a); err != nil {
				return false
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

// think plans a unit on the answers that are there; it returns the questions
// that are missing.
func (u *unit) think() (missing []host.Question) {
	if u.out != nil || u.bound == nil || u.planned() {
		return nil
	}
	defer func() {
		if p := recover(); p != nil { // it may be planned ahead: the failure is its own
			u.out, missing = failure(mistake(p, u.tr.task)), nil
		}
	}()
	seen := host.NewSeen(u.m.Answers(u.as))
	plan, err := u.bound.Plan(seen)
	if need := new(host.ErrNeed); errors.As(err, &need) {
		missing := need.Questions
		for _, q := range u.bound.Facts() {
			if _, err := seen.Answer(q); err != nil {
				missing = append(missing, q)
			}
		}
		return missing
	}
	u.rests, u.ready = seen.Rests(), true
	u.made = u.m.Stamps(u.as, u.rests)
	if err != nil {
		u.plan = play.Plan{Result: play.Failure(err.Error())}
		return nil
	}
	u.plan = plan
	return u.diffQuestions()
}

// planned reports a plan that was made of the answers that are there. A task
// before this one may have asked the same questions anew since.
func (u *unit) planned() bool {
	return u.ready && slices.Equal(u.made, u.m.Stamps(u.as, u.rests))
}

// diffQuestions are what --diff wants to show and nobody has answered.
func (u *unit) diffQuestions() []host.Question {
	if !u.diff {
		return nil
	}
	var out []host.Question
	answers := u.m.Answers(u.as)
	for _, d := range u.plan.Diff {
		if d.Before != nil && !d.Secret {
			if _, ok := answers[d.Before.Key()]; !ok {
				out = append(out, d.Before)
			}
		}
	}
	return out
}

// diffs makes the texts to show.
func (u *unit) diffs() []event.Diff {
	if !u.diff {
		return nil
	}
	var out []event.Diff
	answers := u.m.Answers(u.as)
	for _, d := range u.plan.Diff {
		t := event.Diff{BeforeHeader: d.BeforeHeader, AfterHeader: d.AfterHeader, Before: d.BeforeText, After: d.AfterText, Prepared: d.Prepared, Secret: d.Secret || u.noLog}
		if d.Before != nil {
			t.Before = string(answers[d.Before.Key()].Stdout)
		}
		if t.Secret {
			t.Before, t.After, t.Prepared = "", "", ""
		}
		out = append(out, t)
	}
	return out
}
