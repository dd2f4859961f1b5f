package runner

import (
	"bytes"
	"slices"

	"remoterun/runner/host"
	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// maxLinks is the longest chain.
const maxLinks = 32

// againWindow is how many units from a stopped link on are asked afresh with it,
// those behind the chain too: what stops a chain (a folder that came to be) has
// often changed the answers of all that is planned.
const againWindow = 4 * maxLinks

// chains reports whether the unit may ride a guarded chain: every step is a
// small command, and everything that the plan rests on can be asked again by
// the host's shell.
func (u *unit) chains() bool {
	if u.out != nil || !u.planned() || u.check || u.plan.Then != nil || u.plan.Local || u.local {
		return false
	}
	for _, s := range u.plan.Steps {
		f, ok := s.(host.Framer)
		if !ok {
			return false
		}
		if _, ok := f.Frame(); !ok {
			return false
		}
	}
	return guardable(u.rests)
}

func guardable(qs []host.Question) bool {
	for _, q := range qs {
		if p, ok := q.(host.Probe); !ok || p.IsWide() {
			return false
		}
	}
	return true
}

// links lists the units that one chain may take: u and those behind it, all
// planned. Of other tasks only where chains run through, and only behind tasks
// that have not failed and can fail by their steps' status alone: a step that
// fails ends the chain, nothing else does.
func (cr *carrier) links(u *unit) []*unit {
	out := []*unit{u}
	sent := map[*unit]bool{u: true}
	if u.tr.task.Until != nil || u.tr.timed() {
		return out
	}
	at := u.tr
	for _, v := range cr.h.queue.rest(u) {
		if v.tr != at {
			if !cr.h.through || !cr.sure(at, sent) {
				break
			}
			at = v.tr
		}
		if len(out) >= maxLinks || v.tr.paced() && len(v.tr.units) > 1 {
			break
		}
		if v.out != nil || v.act != nil {
			continue // whether its task lets another one pass is asked at the task's end
		}
		if v.m != u.m || v.as != u.as || !v.chains() || v.tr.timed() || v.tr.task.Until != nil || len(v.diffQuestions()) > 0 {
			break
		}
		out = append(out, v)
		sent[v] = true
	}
	return out
}

// sure reports a task of which it is certain, before it runs, that it fails only
// if a step of the links that are sent does: nothing that the engine works out
// when the host has answered can fail it.
func (cr *carrier) sure(tr *taskRun, sent map[*unit]bool) bool {
	t := tr.task
	if tr.fatal != nil || t.Until != nil || tr.timed() || tr.paced() || !alwaysFalse(t.FailedWhen) || !constant(t.ChangedWhen) || !cr.knowsHandlers(t) {
		return false
	}
	for _, u := range tr.units {
		if !u.sure(sent) {
			return false
		}
	}
	return true
}

// paced reports a loop that waits between its items: they are sent one by one.
func (tr *taskRun) paced() bool { return tr.loop && !tr.task.Loop.Pause.IsNull() }

// sure reports a unit that has not failed, or can by a sent step's status alone.
func (u *unit) sure(sent map[*unit]bool) bool {
	switch {
	case u.out != nil:
		return u.out.dead == nil && !u.out.res.Failed && u.out.res.Facts.Len() == 0
	case u.act != nil:
		return u.state == unitProven
	case !sent[u]:
		return false
	}
	r := u.plan.Result
	return !r.Failed && r.Facts.Len() == 0 && (u.plan.Finish == nil || u.plan.ByStatus)
}

// constant reports conditions whose answer stands as written.
func constant(conds []value.Value) bool {
	for _, c := range conds {
		if _, ok := c.AsBool(); !ok {
			return false
		}
	}
	return true
}

// knowsHandlers reports a task whose notify names handlers as they are written.
func (cr *carrier) knowsHandlers(t *play.Task) bool {
	for _, n := range t.Notify {
		names := []value.Value{n}
		if s, ok := n.AsSeq(); ok {
			names = s.Items
		}
		for _, name := range names {
			if value.HasTemplate(name) || !cr.h.p.handles(value.Str(name)) {
				return false
			}
		}
	}
	return true
}

// handles reports a handler whose written name or topic this is.
func (pr *playRun) handles(name string) bool {
	for o := range pr.hand.Tasks() {
		if value.Str(o.Task.Name) == name && !value.HasTemplate(o.Task.Name) || o.Task.Listens(name) {
			return true
		}
	}
	return false
}

// timed reports a task with a limit of time: the clock would run for every link
// of its chain; or with a throttle: hosts that wait for their turn would wait for the
// whole chain.
func (tr *taskRun) timed() bool {
	return tr.limited() || !tr.words.Inner(keyword.Throttle).IsNull()
}

// limited reports a task with a limit of time. Its questions are asked alone: those
// of others would use up its time, and one of its own that hangs, theirs.
func (tr *taskRun) limited() bool { return !tr.words.Inner(keyword.Timeout).IsNull() }

func stopText(res sh.BatchResult) string {
	switch res.Stopped {
	case sh.StopGuard:
		return "stopped: the host changed meanwhile"
	case sh.StopStep:
		return "stopped: a step failed"
	case sh.StopUnable:
		return "not run: the host has no sha256sum"
	}
	return "done"
}

// render makes the batch of links, and per link the questions that are asked
// again when the chain stops there.
func (cr *carrier) render(links []*unit) (sh.Batch, [][]host.Question) {
	var b sh.Batch
	again := make([][]host.Question, len(links))
	all := slices.Concat(links, cr.h.queue.askable(links[len(links)-1]))
	for i, u := range links {
		var l sh.Link
		l.Want, l.Text = u.expects()
		for _, q := range u.rests {
			l.Guard = append(l.Guard, q.(host.Probe).Cmd())
		}
		for _, s := range u.plan.Steps {
			c, _ := s.(host.Framer).Frame()
			c.Env = append(append([]sh.Var{}, u.env...), c.Env...)
			l.Steps = append(l.Steps, c)
		}
		seen := map[string]bool{}
		for _, v := range all[i:min(len(all), i+againWindow)] {
			for _, q := range v.rests {
				if !seen[q.Key()] {
					seen[q.Key()] = true
					again[i] = append(again[i], q)
					l.Again = append(l.Again, q.(host.Probe).Cmd())
				}
			}
		}
		b.Chain = append(b.Chain, l)
	}
	return b, again
}

// askable are the units behind one that rest on what the same shell can be asked.
func (q *queue) askable(last *unit) []*unit {
	var out []*unit
	for _, v := range q.rest(last) {
		if v.out == nil && v.bound != nil && v.m == last.m && v.as == last.as && guardable(v.rests) {
			out = append(out, v)
		}
	}
	return out
}

// maxText is the longest answer in bytes that a guard carries whole.
const maxText = 2048

// expects are the answers that the unit's plan rests on: their digest, and
// themselves where they are short text.
func (u *unit) expects() (want [32]byte, text string) {
	answers := make([]host.Answer, len(u.rests))
	there := u.m.Answers(u.as)
	plain := true
	for k, q := range u.rests {
		answers[k] = there[q.Key()]
		plain = plain && q.(host.Probe).IsPlain()
	}
	if all := host.Canonical(answers); plain && len(all) <= maxText && bytes.IndexByte(all, 0) < 0 {
		text = string(all)
	}
	return host.Digest(answers), text
}

// later are the questions of what stands behind the chain: asked in the same
// message, after it. Behind the next unit that will run a step, answers would
// be old again before their turn.
func (q *queue) later(links []*unit) []host.Question {
	var out []host.Question
	seen := map[string]bool{}
	last := links[len(links)-1]
	for _, v := range q.askable(last) {
		if len(out) >= 2*maxLinks {
			break
		}
		stale := v.state == unitPlanned && len(v.plan.Steps) > 0
		for _, q := range v.rests {
			if !seen[q.Key()] {
				seen[q.Key()] = true
				out = append(out, q)
			}
		}
		if stale {
			break
		}
	}
	return out
}
