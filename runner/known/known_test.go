package known

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/hosttest/fake"
	"remoterun/runner/reach"
	"remoterun/runner/sh"
)

// world is a house of one host, and what was told and locked.
type world struct {
	house fake.House
	said  []string
	locks []string
	held  error
}

func (w *world) Connect(_ context.Context, e reach.Endpoint) (host.Conn, error) {
	return w.house.Host(e.Name).Dial()
}

func (w *world) Hold(_ context.Context, c host.Conn, name string, h reach.LockHolder) (host.Conn, func() error, error) {
	if w.held != nil {
		return nil, nil, w.held
	}
	w.locks = append(w.locks, "take "+name+" for "+h.Doing)
	return c, func() error { w.locks = append(w.locks, "give "+name); return nil }, nil
}

func (w *world) tell(e event.Event) {
	if e, ok := e.(event.Waiting); ok {
		w.said = append(w.said, e.Text)
	}
}

func (w *world) machine(name string) *Machine {
	return New(reach.Endpoint{Name: name}, new(atomic.Int64), World{Connector: w, Locker: w, Tell: w.tell})
}

func ask(t *testing.T, m *Machine, probes ...host.Probe) {
	t.Helper()
	var qs []host.Question
	var cmds []sh.Cmd
	for _, p := range probes {
		qs, cmds = append(qs, p), append(cmds, p.Cmd())
	}
	asked := m.Now()
	res, err := m.Batch(t.Context(), host.As{}, sh.Batch{Ask: cmds})
	if err != nil {
		t.Fatal(err)
	}
	m.Know(host.As{}, qs, AnswersOf(res.Asked), asked)
}

// TestAnswersGrowOld: a step makes every answer old, drops those that no guard can
// ask again, and what the host did elsewhere makes old without dropping.
func TestAnswersGrowOld(t *testing.T) {
	w := &world{}
	w.house.Host("h1").Texts["a"] = "1"
	m := w.machine("h1")
	a, gone := fake.Get("a"), fake.Get("none")
	if m.Fresh(host.As{}, []host.Question{a}, time.Time{}) {
		t.Error("what nobody asked is fresh")
	}
	ask(t, m, a, gone)
	both := []host.Question{a, gone}
	if !m.Fresh(host.As{}, both, time.Time{}) || string(m.Answers(host.As{})[a.Key()].Stdout) != "1" || m.Answers(host.As{})[gone.Key()].Status != 1 {
		t.Errorf("%v", m.Answers(host.As{}))
	}
	if m.Fresh(host.As{}, both, time.Now()) {
		t.Error("fresh, though asked before something happened elsewhere")
	}
	if m.Fresh(host.As{User: "root"}, both, time.Time{}) {
		t.Error("answers of one identity count for another")
	}
	other := question("sql")
	m.Know(host.As{}, []host.Question{other}, []host.Answer{{}}, m.Now())
	before := m.Stamps(host.As{}, both)
	m.Stepped()
	if _, kept := m.Answers(host.As{})[other.Key()]; kept || m.Fresh(host.As{}, both, time.Time{}) || len(m.Answers(host.As{})) != 2 {
		t.Errorf("behind a step: %v", m.Answers(host.As{}))
	}
	if after := m.Stamps(host.As{}, both); after[0] != before[0] {
		t.Error("a step changes when an answer came")
	}
	ask(t, m, a)
	did := Acted{Host: "h1", Own: m, All: &Rounds{}}
	did.Did(nil)
	if !did.Fresh(m, host.As{}, []host.Question{a}) {
		t.Error("old behind a step on the laptop")
	}
	did.Did(w.machine("h2"))
	if did.Fresh(m, host.As{}, []host.Question{a}) || len(m.Answers(host.As{})) != 2 {
		t.Error("fresh behind somebody else's step")
	}
	m.Forget()
	if len(m.Answers(host.As{})) != 0 {
		t.Error("forgotten answers are there")
	}
}

// TestRounds: what another host did counts from the end of its round on, one's own
// never.
func TestRounds(t *testing.T) {
	var r Rounds
	if r.Settle(); !r.besides("a").IsZero() {
		t.Error("nobody did anything")
	}
	r.did("a")
	if !r.besides("b").IsZero() {
		t.Error("it counts before its round has ended")
	}
	r.Settle()
	first := r.besides("b")
	if first.IsZero() || !r.besides("a").IsZero() {
		t.Errorf("behind a's: a %v, b %v", r.besides("a"), first)
	}
	r.did("b")
	r.Settle()
	second := r.besides("a")
	if !second.After(first) || r.besides("b") != first || r.besides("c") != second {
		t.Errorf("behind b's: a %v, b %v, c %v", second, r.besides("b"), r.besides("c"))
	}
	r.did("a")
	r.did("b")
	r.Settle()
	if third := r.besides("a"); !third.After(second) || r.besides("b") != third {
		t.Errorf("behind both: a %v, b %v", third, r.besides("b"))
	}
}

// question is one that no shell can be asked.
type question string

func (q question) Key() string                                         { return string(q) }
func (question) Ask(context.Context, host.Reader) (host.Answer, error) { return host.Answer{}, nil }

// TestTwoNamesOfOneMachine share what may have changed it.
func TestTwoNamesOfOneMachine(t *testing.T) {
	w, epoch := &world{}, new(atomic.Int64)
	one := New(reach.Endpoint{Name: "a"}, epoch, World{Connector: w, Tell: w.tell})
	two := New(reach.Endpoint{Name: "b"}, epoch, World{Connector: w, Tell: w.tell})
	ask(t, one, fake.Get("x"))
	two.Stepped()
	if one.Fresh(host.As{}, []host.Question{fake.Get("x")}, time.Time{}) {
		t.Error("a step under the other name left the answer fresh")
	}
}

// TestConnects once, at the first use; takes the play's lock then, and gives it
// back without hanging up.
func TestConnects(t *testing.T) {
	w := &world{}
	m := w.machine("h1")
	m.For("sync", reach.LockHolder{Doing: "a play"})
	if w.house.Host("h1").Dials() != 0 {
		t.Error("connected before it was needed")
	}
	m.Waits(event.Waiting{Host: "h1", Text: "a task"})
	ask(t, m, fake.Get("x"))
	ask(t, m, fake.Get("y"))
	if err := m.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := m.Unlock(); err != nil {
		t.Error("given back twice: ", err)
	}
	ask(t, m, fake.Get("z"))
	if got := strings.Join(w.locks, ", "); got != "take sync for a play, give sync, take sync for a play" {
		t.Error(got)
	}
	if got := strings.Join(w.said, ", "); got != "a task, connecting, a task" {
		t.Error(got)
	}
	if n := w.house.Host("h1").Dials(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestUnreachable: a host that was not reached is not dialled again until somebody
// says so; a connection that broke is made anew; a lock that is held is no failure
// of the connection.
func TestUnreachable(t *testing.T) {
	w := &world{}
	h := w.house.Host("h1")
	h.Down = errors.New("no route")
	m := w.machine("h1")
	for range 3 {
		if _, err := m.Connect(t.Context()); !errors.Is(err, host.ErrTransport) {
			t.Errorf("%v", err)
		}
	}
	if h.Dials() != 1 {
		t.Errorf("dialled %d times", h.Dials())
	}
	h.Down = nil
	m.Retry()
	ask(t, m, fake.Get("x"))
	m.HangUp()
	ask(t, m, fake.Get("x"))
	if h.Dials() != 3 {
		t.Errorf("dialled %d times, want one that failed, one, and one anew", h.Dials())
	}
	m.GiveUp(errors.New("enough"))
	if _, err := m.Connect(t.Context()); err == nil || err.Error() != "enough" {
		t.Errorf("%v", err)
	}
	held := w.machine("h2")
	held.For("sync", reach.LockHolder{})
	w.held = errors.New("somebody has it")
	for range 2 {
		if _, err := held.Connect(t.Context()); err == nil || err.Error() != "somebody has it" {
			t.Errorf("%v", err)
		}
	}
	w.held = nil
	if _, err := held.Connect(t.Context()); err != nil || w.house.Host("h2").Dials() != 1 {
		t.Errorf("%v, dialled %d times", err, w.house.Host("h2").Dials())
	}
}

// TestTold to stop: a connection that was not made because the run ends can be made
// later.
func TestConnectToldToStop(t *testing.T) {
	w := &world{}
	w.house.Host("h1").Down = errors.New("no route")
	m := w.machine("h1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = m.Connect(ctx)
	w.house.Host("h1").Down = nil
	if _, err := m.Connect(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLazy connections are made by what needs one, and Close of none does nothing.
func TestLazy(t *testing.T) {
	w := &world{}
	m := w.machine("h1")
	c := lazyConn{m}
	if err := c.Close(); err != nil || w.house.Host("h1").Dials() != 0 {
		t.Errorf("%v", err)
	}
	for name, use := range map[string]func() error{
		"shell": func() error { _, err := c.Shell(t.Context(), host.As{}); return err },
		"exec":  func() error { _, _ = c.Exec(t.Context(), host.As{}, sh.Exec("x")); return nil },
		"files": func() error { _, _ = c.Files(t.Context()); return nil },
		"dial":  func() error { _, _ = c.Dial(t.Context(), "tcp", "x:1"); return nil },
	} {
		before := w.house.Host("h1").Dials()
		if err := use(); err != nil || w.house.Host("h1").Dials() != before+1 {
			t.Errorf("%s: %v, %d connections", name, err, w.house.Host("h1").Dials()-before)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if !m.Guards() {
		t.Error("a new machine cannot guard")
	}
	if m.CannotGuard(); m.Guards() {
		t.Error("a machine that cannot guard can")
	}
}
