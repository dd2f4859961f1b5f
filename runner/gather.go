package runner

import (
	"context"
	"errors"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/keyword"
	"remoterun/runner/known"
	"remoterun/runner/play"
	"remoterun/runner/reach"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// gathering is how a play gathers a host's facts.
type gathering struct {
	m  *known.Machine
	as host.As
	by play.Gatherer
	// changes is what the machine's count of changes was when it was asked last.
	changes int64
}

// promise notes that a play gathers a host's facts, and how: other hosts may ask
// for them, in this play and behind it. They are asked anew where the host may
// have changed since, or this play asks otherwise.
func promise(ctx context.Context, h *hostRun) {
	r := h.p.r
	if r.world.Gatherer == nil {
		return
	}
	now := gathering{m: h.m, by: r.world.Gatherer.For(gatherWish(h.p.p, h.p.reader(ctx, h.name))), changes: h.m.Changes()}
	// Who needs facts to know who he is asks for them as the login user.
	now.as, _ = reach.Identity(h.p.reader(ctx, h.name), r.want.Defaults)
	r.mu.Lock()
	before, known := r.facts[h.name]
	if known && r.want.Smart {
		r.mu.Unlock()
		return
	}
	same := known && before.as == now.as && before.by.Question().Key() == now.by.Question().Key() && before.by.Same(now.by) && before.changes == now.changes && before.m == now.m
	if same {
		now.changes = before.changes
	}
	r.facts[h.name] = now
	r.mu.Unlock()
	r.store.Due(h.name, now.by, known && !same)
}

// gatherWish is what the play says about its facts. What cannot be worked out yet
// is told at the tasks.
func gatherWish(p *play.Play, k keyword.Reader) play.GatherWish {
	var w play.GatherWish
	for _, s := range p.GatherSubset {
		v, err := k.Expr.Render(k.Ctx, s, k.Scope)
		if list, ok := v.AsSeq(); ok && err == nil {
			for _, part := range list.Items {
				w.Subset = append(w.Subset, value.Str(part))
			}
		} else if err == nil {
			for part := range strings.SplitSeq(value.Str(v), ",") {
				w.Subset = append(w.Subset, strings.TrimSpace(part))
			}
		}
	}
	if v, err := k.Expr.Render(k.Ctx, p.FactPath, k.Scope); err == nil && !v.IsNull() && !v.IsOmit() {
		w.FactPath = value.Str(v)
	}
	env, _ := k.KnownEnvironment()
	for _, e := range env {
		w.Env = append(w.Env, e.Name+"="+e.Value)
	}
	return w
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
	m := r.facts[q.Of].m
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
	r.mu.Lock()
	how := r.facts[m.Name]
	r.mu.Unlock()
	if how.by == nil {
		how.by = r.world.Gatherer
	}
	facts := how.by != nil && q.Key() == how.by.Question().Key()
	var as host.As
	if facts {
		as = how.as
	}
	changes := m.Changes()
	a, err := q.Ask(ctx, m.Worker(as, nil))
	if err != nil {
		if errors.Is(err, host.ErrTransport) && ctx.Err() == nil {
			m.HangUp()
		}
		return err
	}
	if !facts {
		return nil
	}
	r.mu.Lock()
	if now, ok := r.facts[m.Name]; ok {
		now.changes = changes
		r.facts[m.Name] = now
	}
	r.mu.Unlock()
	return r.store.Gathered(m.Name, a)
}
