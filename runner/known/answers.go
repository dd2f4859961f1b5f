package known

import (
	"context"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
)

// facts are answers under one identity.
type facts struct {
	answers map[string]host.Answer
	when    map[string]Stamp
}

// Stamp says when an answer came, by what had run on the machine.
type Stamp struct {
	epoch   int64
	at      time.Time
	guarded bool // of a probe: a guard can ask it again
}

// freshFor is how long an answer counts without being asked again.
const freshFor = 20 * time.Second

// Answers are those under an identity, by question. They are read only.
func (m *Machine) Answers(as host.As) map[string]host.Answer { return m.of(as).answers }

// Moment is when something was asked: behind which steps on the machine, and at
// which time.
type Moment struct {
	epoch int64
	at    time.Time
}

// Now is the moment before a question is asked.
func (m *Machine) Now() Moment { return Moment{m.epoch.Load(), time.Now()} }

// Changes counts what may have changed the machine.
func (m *Machine) Changes() int64 { return m.epoch.Load() }

// Behind is the moment of what was asked behind steps of one's own: epoch is what
// Stepped returned. Where others changed the machine meanwhile, it stays as it was.
func (t Moment) Behind(epoch int64) Moment {
	if epoch == t.epoch+1 {
		t.epoch = epoch
	}
	return t
}

// CannotGuard says that the host has no way to compare answers.
func (m *Machine) CannotGuard() { m.unable = true }

// Guards reports whether steps can ride guarded chains on this machine.
func (m *Machine) Guards() bool { return !m.unable }

func (m *Machine) of(as host.As) *facts {
	f, ok := m.facts[as]
	if !ok {
		f = &facts{answers: map[string]host.Answer{}, when: map[string]Stamp{}}
		if m.facts == nil {
			m.facts = map[host.As]*facts{}
		}
		m.facts[as] = f
	}
	return f
}

// Know keeps answers, in the order of the questions; asked is the moment before
// they were asked.
func (m *Machine) Know(as host.As, qs []host.Question, answers []host.Answer, asked Moment) {
	f := m.of(as)
	for i, a := range answers {
		if i < len(qs) {
			_, guarded := qs[i].(host.Probe)
			f.answers[qs[i].Key()] = a
			f.when[qs[i].Key()] = Stamp{asked.epoch, asked.at, guarded}
		}
	}
}

// Stamps are those of the answers, zero where there is none.
func (m *Machine) Stamps(as host.As, qs []host.Question) []Stamp {
	f, out := m.of(as), make([]Stamp, len(qs))
	for i, q := range qs {
		out[i] = f.when[q.Key()]
	}
	return out
}

// Fresh reports whether every answer is of now: nothing ran on the machine since,
// and none was asked before since, zero = any time.
func (m *Machine) Fresh(as host.As, qs []host.Question, since time.Time) bool {
	f, now := m.of(as), m.epoch.Load()
	for _, q := range qs {
		w, ok := f.when[q.Key()]
		if !ok || w.epoch != now || w.at.Before(since) || time.Since(w.at) > freshFor {
			return false
		}
	}
	return true
}

// Stepped says that something may have changed on the machine: answers may
// still serve guarded steps, but prove nothing any more. Answers of questions
// that no guard can ask again are dropped. It returns the new epoch.
func (m *Machine) Stepped() int64 {
	epoch := m.epoch.Add(1)
	for _, f := range m.facts {
		for k := range f.answers {
			if !f.when[k].guarded {
				delete(f.answers, k)
				delete(f.when, k)
			}
		}
	}
	return epoch
}

// Forget forgets every answer.
func (m *Machine) Forget() {
	m.facts = nil
}

// Batch asks the host's shell in one round trip, after running a chain.
func (m *Machine) Batch(ctx context.Context, as host.As, b sh.Batch) (sh.BatchResult, error) {
	c, err := m.Connect(ctx)
	if err != nil {
		return sh.BatchResult{}, err
	}
	s, err := c.Shell(ctx, as)
	if err != nil {
		return sh.BatchResult{}, err
	}
	return s.Batch(ctx, b)
}

// AnswersOf are the answers of a round trip, in its order.
func AnswersOf(asked []sh.Asked) []host.Answer {
	out := make([]host.Answer, len(asked))
	for i, a := range asked {
		out[i] = host.Answer{Stdout: a.Stdout, Status: a.Status}
	}
	return out
}
