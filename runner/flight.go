package runner

import (
	"context"
	"errors"
	"slices"

	"remoterun/runner/host"
	"remoterun/runner/known"
	"remoterun/runner/sh"
)

// launch sends links; the host's work lock is held and stays so until land.
func (cr *carrier) launch(ctx context.Context, links []*unit) {
	b, again := cr.render(links)
	f := &flight{links: links, again: again, asks: cr.h.queue.later(links), news: make(chan struct{}), end: make(chan struct{})}
	for _, q := range f.asks {
		b.Ask = append(b.Ask, q.(host.Probe).Cmd())
	}
	for _, u := range links {
		f.diffs = append(f.diffs, u.diffs())
	}
	u := links[0]
	noted := cr.journalChain(links)
	b.Passed = func(link int, steps []sh.Ran) {
		noted(link, outcomeDone)
		f.passed(outputs(steps))
	}
	f.asked = u.m.Now()
	cr.flight = f
	go func() {
		defer close(f.end)
		defer func() {
			if p := recover(); p != nil {
				f.err = mistake(p, u.tr.task)
			}
			f.note(noted)
		}()
		f.res, f.err = u.m.Batch(ctx, u.as, b)
	}()
}

func outputs(steps []sh.Ran) []host.Output {
	var out []host.Output
	for _, r := range steps {
		out = append(out, host.Output{Stdout: r.Stdout, Stderr: r.Stderr, Status: r.Status})
	}
	return out
}

func (f *flight) passed(ran []host.Output) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ran = append(f.ran, ran)
	close(f.news)
	f.news = make(chan struct{})
}

// come is how many links have passed, and what tells of the next one.
func (f *flight) come() (n int, news chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.ran), f.news
}

// note writes down how the links ended that did not pass.
func (f *flight) note(noted func(link int, outcome string)) {
	n, _ := f.come()
	for i := n; i < len(f.links); i++ {
		switch {
		case f.err != nil && i == n:
			noted(i, "unknown: "+f.err.Error())
		case f.err != nil && f.res.Ended:
			noted(i, "not run: the chain was ended before it")
		case f.err != nil:
			noted(i, "unknown: "+f.err.Error())
		case i < f.res.Done:
			noted(i, outcomeDone)
		case i == f.res.Done && f.res.Stopped == sh.StopStep:
			noted(i, outcomeText(outputs(f.res.Steps[i]), nil))
		default:
			noted(i, "not run: "+stopText(f.res))
		}
	}
}

// await waits until a link of the flight has passed, or the flight is at its end;
// the unit then has its outcome, unless its chain stopped before it.
func (cr *carrier) await(i int) {
	f := cr.flight
	for last := len(f.links) - 1; i < last; {
		n, news := f.come()
		if n > i {
			cr.bring(f, i)
			return
		}
		select {
		case <-news:
		case <-f.end:
			cr.land()
			return
		}
	}
	cr.land()
}

// bring gives a link that passed its outcome.
func (cr *carrier) bring(f *flight, i int) {
	u := f.links[i]
	if u.out != nil {
		return
	}
	f.mu.Lock()
	ran := f.ran[i]
	f.mu.Unlock()
	res, _ := u.finished(ran)
	u.out = &outcome{res: res, diff: f.diffs[i]}
}

// rides brings a unit to its outcome that a flight carries, or that needs no
// machine; false = it has to be worked on. A flight that is in the way has landed.
func (cr *carrier) rides(ctx context.Context, u *unit) bool {
	if i := slices.Index(cr.flight.links, u); i >= 0 {
		cr.h.waits(u, u.tr.info.Name)
		cr.await(i)
		return u.out != nil
	}
	if u.act != nil && u.state == unitProven {
		u.out = cr.h.action(ctx, u)
		return true
	}
	cr.land()
	return false
}

// land waits for the flight's end: outcomes of what passed and of what failed,
// the answers that came with it, and the machine given back.
func (cr *carrier) land() {
	f := cr.flight
	if f == nil {
		return
	}
	<-f.end
	cr.flight = nil
	m := f.links[0].m
	if !cr.working {
		defer cr.letGo(m)
	}
	n, _ := f.come()
	for i := range n {
		cr.bring(f, i)
	}
	if stuck := new(host.StuckError); errors.As(f.err, &stuck) {
		cr.h.queue.own = true
		if n == len(f.links) { // only what was asked ahead did not answer
			f.passedOnly()
		}
	}
	for _, u := range f.links[n:] {
		u.replan()
	}
	for _, v := range cr.h.queue.rest(f.links[len(f.links)-1]) {
		v.replan()
	}
	if f.err != nil {
		m.Forget()
		u := f.links[min(n, len(f.links)-1)]
		u.out = broken(f.err)
		u.out.cut = cr.h.ctx.Err() != nil
		cr.unknown = []string{u.tr.info.Name}
		for _, v := range f.links[min(n+1, len(f.links)):] {
			if name := v.tr.info.Name; !f.res.Ended && !slices.Contains(cr.unknown, name) {
				cr.unknown = append(cr.unknown, name)
			}
		}
		if u.out.dead != nil && !u.out.cut {
			m.HangUp()
		}
		return
	}
	cr.landed(f)
}

// passedOnly makes a flight of which all links passed one that asked nothing more.
func (f *flight) passedOnly() {
	f.err, f.asks = nil, nil
	f.res = sh.BatchResult{Done: len(f.links), Steps: make([][]sh.Ran, len(f.links))}
	for i, u := range f.links {
		f.res.Steps[i] = make([]sh.Ran, len(u.plan.Steps))
	}
}

// landed keeps what a flight without a fault found out.
func (cr *carrier) landed(f *flight) {
	m, as, res := f.links[0].m, f.links[0].as, f.res
	if slices.ContainsFunc(res.Steps, func(s []sh.Ran) bool { return len(s) > 0 }) {
		f.asked = f.asked.Behind(m.Stepped())
		cr.h.acted.Did(m)
	}
	if res.Stopped == sh.StopStep {
		u := f.links[res.Done]
		r, _ := u.finished(outputs(res.Steps[res.Done]))
		u.out = &outcome{res: r, diff: f.diffs[res.Done]}
	}
	if (res.Stopped == sh.StopGuard || res.Stopped == sh.StopStep) && res.Done < len(f.again) {
		m.Know(as, f.again[res.Done], known.AnswersOf(res.Again), f.asked)
	}
	m.Know(as, f.asks, known.AnswersOf(res.Asked), f.asked)
	if res.Stopped == sh.StopUnable {
		m.CannotGuard()
	}
}

// hold takes a machine for one unit's work.
func (cr *carrier) hold(m *known.Machine) {
	m.Take()
	cr.holding, cr.working = m, true
}

// letGo ends a unit's work; a flight that goes on keeps the machine.
func (cr *carrier) letGo(m *known.Machine) {
	cr.working = false
	if cr.flight == nil {
		cr.holding = nil
		m.Give()
	}
}

// drain tells of what had passed when the run was told to stop: it is done.
func (h *hostRun) drain(ctx context.Context) {
	h.fly.land()
	for h.over == working && len(h.queue.tasks) > 0 {
		tr := h.queue.tasks[0]
		for _, u := range tr.units[min(tr.done, len(tr.units)):] {
			if (u.out == nil || u.out.cut) && u.state != unitProven {
				return
			}
		}
		o := h.stand()
		if o != tr.o || tr.fatal != nil {
			return
		}
		h.step(context.WithoutCancel(ctx), o)
	}
}
