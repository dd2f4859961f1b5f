package runner

import (
	"context"
	"errors"
	"fmt"
	"remoterun/runner/known"
	"slices"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// planned asks until the unit can be planned. The questions of what is
// foreseen behind it travel along.
func (h *hostRun) planned(ctx context.Context, u *unit) error {
	for range 50 {
		missing := u.think()
		if len(missing) == 0 {
			return nil
		}
		own := len(missing)
		if u.tr == h.queue.tasks[0] && !u.local && h.queue.looks() && !u.tr.limited() {
			if len(h.queue.tasks) == 1 {
				h.queue.ahead(ctx, u)
			}
			missing = append(missing, h.queue.replan(h.queue.behind(u))...)
		}
		if err := h.ask(ctx, u, missing, own); err != nil {
			return err
		}
		u.replan()
	}
	return fmt.Errorf("%s: the plan asks for ever more", u.tr.task.Module)
}

// behind lists the queue's units after u that are of the same machine and
// identity and still open.
func (q *queue) behind(u *unit) []*unit {
	return slices.DeleteFunc(q.rest(u), func(v *unit) bool {
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
			asked := u.m.Now()
			a, err := q.Ask(ctx, u.m.Worker(u.as, nil))
			if err != nil {
				return err
			}
			u.m.Know(u.as, []host.Question{q}, []host.Answer{a}, asked)
		}
		seen[q.Key()] = true
	}
	if len(cmds) == 0 {
		return nil
	}
	h.waits(u, "looking")
	asked := u.m.Now()
	res, err := u.m.Batch(ctx, u.as, sh.Batch{Ask: cmds})
	if stuck := new(host.StuckError); errors.As(err, &stuck) && own < len(qs) {
		h.queue.own = true // it may be the question of a task behind: that one's turn tells
		return h.ask(ctx, u, qs[:own], own)
	}
	if err != nil {
		return err
	}
	u.m.Know(u.as, probes, known.AnswersOf(res.Asked), asked)
	return nil
}

// askAgain asks again what the plan rests on and plans anew.
func (h *hostRun) askAgain(ctx context.Context, u *unit) error {
	for range refreshes {
		if err := h.ask(ctx, u, u.rests, len(u.rests)); err != nil {
			return err
		}
		u.replan()
		if err := h.planned(ctx, u); err != nil {
			return err
		}
		if h.acted.Fresh(u.m, u.as, u.rests) {
			return nil
		}
	}
	return nil
}

// refreshes is how often answers are asked again until none that the plan rests
// on is old: a plan made of new answers may read others, which an earlier task
// asked before it changed them. More is a host that others change meanwhile.
const refreshes = 10
