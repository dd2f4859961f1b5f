package runner

import (
	"context"
	"errors"

	"remoterun/runner/host"
	"remoterun/runner/known"
	"remoterun/runner/reach"
	"remoterun/runner/vars"
)

// promise notes that a play gathers a host's facts, and how it is reached: other
// hosts may ask for them, in this play and behind it.
func (r *Runner) promise(m *known.Machine) {
	r.mu.Lock()
	r.facts[m.Name] = m
	r.mu.Unlock()
	r.store.Due(m.Name)
}

// gather asks what variables are made of (facts); the answers are frozen.
func (h *hostRun) gather(ctx context.Context, qs []host.Question) error {
	h.fly.land()
	for _, q := range qs {
		of, other := q.(vars.Facts)
		var err error
		if other {
			err = h.gatherOf(ctx, of)
		} else {
			err = h.fly.with(h.m, func() error { return h.p.r.askFacts(ctx, h.m, q) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// with does something on a machine that nobody else works on meanwhile.
func (cr *carrier) with(m *known.Machine, do func() error) error {
	if cr.holding != m {
		if held := cr.holding; held != nil { // never two: another host may want them the other way round
			held.Give()
			defer held.Take()
		}
		m.Take()
		defer m.Give()
	}
	return do()
}

// gatherOf asks another host for its facts. One that cannot be reached has none,
// as if its play had not gathered: that is told at its own tasks.
func (h *hostRun) gatherOf(ctx context.Context, q vars.Facts) error {
	r := h.p.r
	r.mu.Lock()
	m := r.facts[q.Of]
	r.mu.Unlock()
	if m == nil {
		r.store.Mute(q.Of)
		return nil
	}
	return h.fly.with(m, func() error {
		if !r.store.Lacks(q.Of) {
			return nil // somebody else has asked it meanwhile
		}
		h.p.unlocked(m)
		if err := r.askFacts(ctx, m, q.Question); err != nil && ctx.Err() == nil {
			r.store.Mute(q.Of)
			return nil
		}
		return context.Cause(ctx)
	})
}

// unlocked lets a host that is not of this play be asked without the lock of the
// play that it was in.
func (pr *playRun) unlocked(m *known.Machine) {
	pr.mu.Lock()
	_, here := pr.plain[m.Name]
	pr.mu.Unlock()
	if !here {
		m.For("", reach.LockHolder{})
	}
}

// askFacts asks a question on a machine; a gatherer's answer is kept as its facts.
func (r *Runner) askFacts(ctx context.Context, m *known.Machine, q host.Question) error {
	a, err := q.Ask(ctx, m.Worker(host.As{}, nil))
	if err != nil {
		if errors.Is(err, host.ErrTransport) && ctx.Err() == nil {
			m.HangUp()
		}
		return err
	}
	if g := r.world.Gatherer; g != nil && q.Key() == g.Question().Key() {
		return r.store.Gathered(m.Name, a)
	}
	return nil
}
