package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/hosttest/fake"
	"remoterun/runner/play"
	"remoterun/runner/reach"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// stage is an engine over hosts that are played: no process runs, and every test
// on it takes milliseconds.
type stage struct {
	*bench
	house *fake.House
	want  Wishes
	files loader
}

func newStage(hosts string) *stage {
	s := &stage{bench: &bench{hosts: strings.Fields(hosts)}, house: &fake.House{}}
	s.modules = map[string]func(*value.Map) play.Bound{"thing": thing, "fails": fails, "tell": tell}
	return s
}

func (s *stage) Connect(_ context.Context, e reach.Endpoint) (host.Conn, error) {
	return s.house.Host(e.Name).Dial()
}

func argOf(args *value.Map, name string) string {
	if v, ok := args.Lookup(name); ok {
		return value.Str(v)
	}
	return ""
}

// text is what a host has under a name.
func text(name string) host.Fact[string] {
	return host.Fact[string]{Q: fake.Get(name), Parse: func(a host.Answer) (string, error) { return string(a.Stdout), nil }}
}

// thing makes the host have a text.
func thing(args *value.Map) play.Bound {
	name, is := argOf(args, "name"), argOf(args, "is")
	return planFunc(func(s host.Seen) (play.Plan, error) {
		now, err := host.Get(s, text(name))
		if err != nil || now == is {
			return play.Plan{}, err
		}
		return play.Plan{Result: play.Result{Changed: true}, Steps: []host.Step{host.Run{Cmd: fake.Put(name, is), What: "put " + name}}}, nil
	})
}

// fails fails in its step, where its argument on names the host's text "me".
func fails(args *value.Map) play.Bound {
	return planFunc(func(s host.Seen) (play.Plan, error) {
		me, err := host.Get(s, text("me"))
		if on := argOf(args, "on"); err != nil || on != "" && on != me {
			return play.Plan{}, err
		}
		return play.Plan{Steps: []host.Step{host.Run{Cmd: fake.Fail("3", "no"), What: "fail"}}}, nil
	})
}

// tell returns what the host has, and changes nothing.
func tell(args *value.Map) play.Bound {
	return planFunc(func(s host.Seen) (play.Plan, error) {
		now, err := host.Get(s, text(argOf(args, "name")))
		return play.Plan{Result: play.Result{Data: value.MapOf("now", value.String(now))}}, err
	})
}

// put is a task that makes the host have name=name.
func put(name string) *play.Task {
	return taskOf(name, "thing", "name", value.String(name), "is", value.String(name))
}

func puts(names string) []play.Item {
	var out []play.Item
	for _, n := range strings.Fields(names) {
		out = append(out, put(n))
	}
	return out
}

func breaks(name string) *play.Task { return taskOf(name, "fails") }

// on plays tasks on the stage's hosts.
func (s *stage) on(t *testing.T, p *play.Play, items ...play.Item) *event.Stats {
	t.Helper()
	if p == nil {
		p = &play.Play{}
	}
	p.Hosts, p.GatherFacts, p.Tasks = value.String("all"), value.Bool(false), items
	return s.plays(t, p)
}

func (s *stage) plays(t *testing.T, plays ...*play.Play) *event.Stats {
	t.Helper()
	for _, h := range s.hosts {
		s.house.Host(h).Texts["me"] = h
	}
	for _, items := range s.files {
		s.bind(items)
	}
	st, err := New(World{Inventory: s, Expr: engine(), Connector: s, Sink: s, Loader: s.files}, s.want).Run(t.Context(), s.bound(plays...))
	if err != nil {
		t.Fatal(err)
	}
	if odd := s.house.Refused(); odd != nil {
		t.Fatalf("commands that no host knows: %q", odd)
	}
	return st
}

// check holds what was told, what steps did and how many messages it took, each
// "" or -1 when it is not looked at.
func (s *stage) check(t *testing.T, told, steps string, trips int) {
	t.Helper()
	if got := strings.Join(s.told(), ", "); told != "" && got != told {
		t.Errorf("told:\n%s\nwant:\n%s", got, told)
	}
	if got := strings.Join(s.house.Steps(), ", "); got != steps {
		t.Errorf("steps:\n%s\nwant:\n%s", got, steps)
	}
	n := 0
	for _, h := range s.hosts {
		n += s.house.Host(h).Trips()
	}
	if trips >= 0 && n != trips {
		t.Errorf("%d round trips, want %d", n, trips)
	}
}

// TestChainsOnStage: however many tasks, one host needs one message when nothing is
// to do, and two when all is: the questions, and one chain.
func TestChainsOnStage(t *testing.T) {
	s := newStage("h1")
	s.on(t, nil, puts("a b c d e")...)
	s.check(t, "h1 a changed, h1 b changed, h1 c changed, h1 d changed, h1 e changed", "h1 a=a, h1 b=b, h1 c=c, h1 d=d, h1 e=e", 2)
	again := newStage("h1")
	again.house = s.house
	before := s.house.Host("h1").Trips()
	again.on(t, nil, puts("a b c d e")...)
	if n := again.house.Host("h1").Trips() - before; n != 1 {
		t.Errorf("nothing to do took %d messages", n)
	}
	again.check(t, "h1 a ok, h1 b ok, h1 c ok, h1 d ok, h1 e ok", "h1 a=a, h1 b=b, h1 c=c, h1 d=d, h1 e=e", -1)
}

// TestLongChains are cut into messages of 32 links.
func TestLongChains(t *testing.T) {
	s := newStage("h1")
	var items []play.Item
	for i := range 100 {
		items = append(items, put(fmt.Sprint("t", i)))
	}
	s.on(t, nil, items...)
	if n := len(s.house.Steps()); n != 100 {
		t.Errorf("%d steps", n)
	}
	if n := s.house.Host("h1").Trips(); n > 6 {
		t.Errorf("%d round trips", n)
	}
}

// TestGuardStops: what somebody else changes between question and step stops the
// chain right there; the step that was planned on the old answer never runs.
func TestGuardStops(t *testing.T) {
	for _, c := range []struct{ name, is, told, steps string }{
		{"done by somebody", "b", "h1 a changed, h1 b ok, h1 c changed", "h1 a=a, h1 c=c"},
		{"changed by somebody", "x", "h1 a changed, h1 b changed, h1 c changed", "h1 a=a, h1 b=b, h1 c=c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage("h1")
			h := s.house.Host("h1")
			h.Before = func(_ int, b sh.Batch) error {
				if len(b.Chain) == 3 {
					h.Texts["b"] = c.is
				}
				return nil
			}
			s.on(t, nil, puts("a b c")...)
			s.check(t, c.told, c.steps, 3)
			if h.Texts["b"] != "b" {
				t.Errorf("b is %s", h.Texts["b"])
			}
		})
	}
}

// TestFailureOnStage: what stands behind a failure does not run, wherever the
// failure is found, and a block takes it on.
func TestFailureOnStage(t *testing.T) {
	rescued := func(body ...play.Item) *play.Block { return block(body, puts("r"), puts("z")) }
	judged := put("j")
	judged.FailedWhen = []value.Value{value.String("true")}
	forgiven := breaks("x")
	forgiven.IgnoreErrors = value.Bool(true)
	wrong := put("w")
	wrong.Args.Put("is", value.String("{{ nothing }}"))
	for _, c := range []struct {
		name  string
		items []play.Item
		told  string
		steps string
		trips int
	}{
		{"a step", []play.Item{put("a"), breaks("x"), put("b")}, "h1 a changed, h1 x failed", "h1 a=a, h1 failed", 2},
		{"failed_when", []play.Item{put("a"), judged, put("b")}, "h1 a changed, h1 j failed", "h1 a=a, h1 j=j", 2},
		{"forgiven", []play.Item{put("a"), forgiven, put("b")}, "h1 a changed, h1 x failed, h1 b changed", "h1 a=a, h1 failed, h1 b=b", 3},
		{"an argument", []play.Item{put("a"), wrong, put("b")}, "h1 a changed, h1 w failed", "h1 a=a", 2},
		{"rescued", []play.Item{rescued(put("a"), breaks("x"), put("b")), put("e")}, "h1 a changed, h1 x failed, h1 r changed, h1 z changed, h1 e changed", "h1 a=a, h1 failed, h1 r=r, h1 z=z, h1 e=e", 4},
		{"nothing to rescue", []play.Item{rescued(put("a")), put("e")}, "h1 a changed, h1 z changed, h1 e changed", "h1 a=a, h1 z=z, h1 e=e", 2},
		{"always only", []play.Item{block([]play.Item{breaks("x")}, nil, puts("z")), put("e")}, "h1 x failed, h1 z changed", "h1 failed, h1 z=z", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage("h1")
			s.on(t, nil, c.items...)
			s.check(t, c.told, c.steps, c.trips)
		})
	}
}

// TestLinearIsABarrier: no host begins a task before every host has ended the one
// before it; free hosts do not wait.
func TestLinearIsABarrier(t *testing.T) {
	s := newStage("h1 h2 h3")
	s.on(t, nil, puts("a b")...)
	steps := s.house.Steps()
	for i, st := range steps {
		if first := i < 3; strings.HasSuffix(st, "a=a") != first {
			t.Errorf("a step passed the barrier: %q", steps)
		}
	}
	if len(steps) != 6 {
		t.Errorf("%d steps", len(steps))
	}
	f := newStage("h1 h2 h3")
	f.on(t, &play.Play{Strategy: "free"}, puts("a b c")...)
	for _, h := range f.hosts {
		if n := f.house.Host(h).Trips(); n != 2 {
			t.Errorf("free: %s took %d messages, want the questions and one chain", h, n)
		}
	}
	if n := len(f.house.Steps()); n != 9 {
		t.Errorf("free: %d steps", n)
	}
}

// TestFailureOfOneHost: the others go on without it, in step and free.
func TestFailureOfOneHost(t *testing.T) {
	for _, strategy := range []string{"", "free"} {
		s := newStage("h1 h2")
		st := s.on(t, &play.Play{Strategy: strategy}, put("a"), taskOf("x", "fails", "on", value.String("h1")), put("b"))
		h1, h2 := st.Hosts["h1"], st.Hosts["h2"]
		if h1.Failed != 1 || h1.Changed != 1 || h2.Failed != 0 || h2.Changed != 2 || s.house.Host("h1").Texts["b"] != "" || s.house.Host("h2").Texts["b"] != "b" {
			t.Errorf("%q: h1 %+v, h2 %+v", strategy, *h1, *h2)
		}
	}
}

// TestSerialOnStage: batches run one after the other; one that is lost as a whole
// ends the run.
func TestSerialOnStage(t *testing.T) {
	s := newStage("h1 h2 h3")
	s.on(t, &play.Play{Serial: []value.Value{value.Int(1), value.String("100%")}}, puts("a b")...)
	steps := s.house.Steps()
	if len(steps) != 6 || strings.Join(steps[:2], ", ") != "h1 a=a, h1 b=b" {
		t.Errorf("%q", steps)
	}
	lost := newStage("h1 h2 h3")
	st := lost.on(t, &play.Play{Serial: []value.Value{value.Int(1)}}, put("a"), taskOf("x", "fails", "on", value.String("h2")), put("b"))
	lost.check(t, "", "h1 a=a, h1 b=b, h2 a=a, h2 failed", -1)
	if st.Hosts["h3"] != nil {
		t.Error("the batch behind a lost one ran")
	}
}

// TestRunOnceOnStage: the step runs on the first host, what came of it counts for
// all, and so does a failure.
func TestRunOnceOnStage(t *testing.T) {
	s := newStage("h1 h2")
	once := taskOf("once", "tell", "name", value.String("me"))
	once.RunOnce, once.Register = value.Bool(true), "r"
	s.on(t, nil, once, taskOf("use", "thing", "name", value.String("seen"), "is", value.String("{{ r.now }}")))
	if a, b := s.house.Host("h1").Texts["seen"], s.house.Host("h2").Texts["seen"]; a != "h1" || b != "h1" {
		t.Errorf("h1 saw %q, h2 %q", a, b)
	}
	bad := newStage("h1 h2")
	x := breaks("x")
	x.RunOnce = value.Bool(true)
	st := bad.on(t, nil, x, put("a"))
	bad.check(t, "h1 x failed", "h1 failed", -1)
	if st.Hosts["h1"].Failed != 1 {
		t.Errorf("%+v", *st.Hosts["h1"])
	}
}

// TestPlayEndsForAll: any_errors_fatal and max_fail_percentage end it, and that is
// told as an event of its own.
func TestPlayEndsForAll(t *testing.T) {
	for _, c := range []struct {
		name string
		p    play.Play
		ends bool
	}{
		{"neither", play.Play{}, false},
		{"any_errors_fatal", play.Play{Keywords: play.Keywords{AnyErrorsFatal: value.Bool(true)}}, true},
		{"any_errors_fatal of a variable", play.Play{Keywords: play.Keywords{AnyErrorsFatal: value.String("{{ strict }}"), Vars: value.MapOf("strict", value.Bool(true))}}, true},
		{"any_errors_fatal that is not", play.Play{Keywords: play.Keywords{AnyErrorsFatal: value.String("{{ inventory_hostname == 'h2' }}")}}, false},
		{"any_errors_fatal that cannot be told", play.Play{Keywords: play.Keywords{AnyErrorsFatal: value.String("{{ nothing }}")}}, true},
		{"more than may fail", play.Play{MaxFail: value.Int(30)}, true},
		{"as many as may fail", play.Play{MaxFail: value.Int(50)}, false},
	} {
		s := newStage("h1 h2")
		s.on(t, &c.p, taskOf("x", "fails", "on", value.String("h1")), put("a"))
		told := slices.ContainsFunc(s.events, func(e event.Event) bool { _, ok := e.(event.NoHostsLeft); return ok })
		if ran := s.house.Host("h2").Texts["a"] == "a"; ran == c.ends || told != c.ends {
			t.Errorf("%s: went on %v, told %v", c.name, ran, told)
		}
	}
}

// TestWrongShares: numbers for all hosts that are none end the run before a host is
// worked on.
func TestWrongShares(t *testing.T) {
	for _, p := range []play.Play{
		{MaxFail: value.String("{{ nothing }}")}, {MaxFail: value.String("{{ 'most' }}")}, {MaxFail: value.String("{{ 'nan' }}")},
		{Serial: value.Strings("nan").Items()}, {Serial: value.Strings("1e30").Items()}, {Serial: value.Strings("-1").Items()},
	} {
		s := newStage("h1")
		p.Hosts, p.GatherFacts, p.Tasks = value.String("all"), value.Bool(false), []play.Item{put("a")}
		_, err := New(World{Inventory: s, Expr: engine(), Connector: s, Sink: s, Loader: s.files}, s.want).Run(t.Context(), s.bound(&p))
		var wrong *Mistake
		if err == nil || errors.As(err, &wrong) || s.house.Host("h1").Texts["a"] != "" {
			t.Errorf("%v %v: %v, %v", p.MaxFail, p.Serial, err, s.house.Host("h1").Texts)
		}
	}
}

// TestLoopsOnStage: items ride one chain; one that fails leaves the others to run,
// and one that reads what the one before it gave waits for it.
func TestLoopsOnStage(t *testing.T) {
	loop := func(module string, args ...any) *play.Task {
		l := taskOf("l", module, args...)
		l.Loop = &play.Loop{Items: value.Strings("a", "b", "c")}
		return l
	}
	s := newStage("h1")
	s.on(t, nil, loop("thing", "name", value.String("{{ item }}"), "is", value.String("1")), put("z"))
	s.check(t, "h1 l (a) changed, h1 l (b) changed, h1 l (c) changed, h1 l changed, h1 z changed", "h1 a=1, h1 b=1, h1 c=1, h1 z=z", 2)

	f := newStage("h1")
	bad := loop("thing", "name", value.String("{{ item }}"), "is", value.String("{{ '1' if item != 'b' else nothing }}"))
	f.on(t, nil, bad, put("z"))
	f.check(t, "h1 l (a) changed, h1 l (b) failed, h1 l (c) changed, h1 l failed", "h1 a=1, h1 c=1", -1)

	w := newStage("h1")
	step := loop("thing", "name", value.String("{{ item }}"), "is", value.String("{{ (r.item | default('0')) }}"))
	step.Register = "r"
	w.on(t, nil, step)
	w.check(t, "", "h1 a=0, h1 b=a, h1 c=b", -1)

	when := newStage("h1")
	some := loop("thing", "name", value.String("{{ item }}"), "is", value.String("1"))
	some.When = []value.Value{value.String("item != 'b'")}
	when.on(t, nil, some)
	when.check(t, "h1 l (a) changed, h1 l (b) skipped, h1 l (c) changed, h1 l changed", "h1 a=1, h1 c=1", 2)
}

// TestHandlersOnStage: a handler runs once behind all that notified it, in its own
// order, not when nothing changed; and behind a failure only where it is forced.
func TestHandlersOnStage(t *testing.T) {
	hand := func(names string) (out []play.Item) {
		for _, it := range puts(names) {
			it.(*play.Task).Handler = true
			out = append(out, it)
		}
		return out
	}
	notes := func(name, what string) *play.Task {
		n := put(name)
		n.Notify = []value.Value{value.String(what)}
		return n
	}
	flush := taskOf("flush", "meta", "_raw_params", value.String("flush_handlers"))
	for _, c := range []struct {
		name  string
		force bool
		items []play.Item
		steps string
	}{
		{"in their order", false, []play.Item{notes("a", "two"), notes("b", "one"), notes("c", "two"), put("d")}, "h1 a=a, h1 b=b, h1 c=c, h1 d=d, h1 one=one, h1 two=two"},
		{"flushed", false, []play.Item{notes("a", "two"), flush, put("d")}, "h1 a=a, h1 two=two, h1 d=d"},
		{"not behind a failure", false, []play.Item{notes("a", "one"), breaks("x")}, "h1 a=a, h1 failed"},
		{"forced", true, []play.Item{notes("a", "one"), breaks("x")}, "h1 a=a, h1 failed, h1 one=one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage("h1")
			s.want.Force = c.force
			s.on(t, &play.Play{Handlers: hand("one two")}, c.items...)
			s.check(t, "", c.steps, -1)
		})
	}
	s := newStage("h1")
	s.house.Host("h1").Texts["a"] = "a"
	s.on(t, &play.Play{Handlers: hand("one")}, notes("a", "one"))
	s.check(t, "h1 a ok", "", 1)
}

// TestUntilOnStage tries again on fresh answers; what somebody else does meanwhile
// ends it, and without that it fails after its tries.
func TestUntilOnStage(t *testing.T) {
	for _, c := range []struct {
		name  string
		after int
		told  string
		trips int
	}{{"comes true", 3, "h1 w ok", 3}, {"never", 99, "h1 w failed", 4}} {
		s := newStage("h1")
		h := s.house.Host("h1")
		h.Before = func(n int, _ sh.Batch) error {
			if n >= c.after {
				h.Texts["x"] = "up"
			}
			return nil
		}
		w := taskOf("w", "tell", "name", value.String("x"))
		w.Register, w.Retries, w.Delay, w.Until = "r", value.Int(3), value.Int(0), []value.Value{value.String("r.now == 'up'")}
		s.on(t, nil, w)
		s.check(t, c.told, "", c.trips)
	}
}

// TestFilesOnStage: files that a loop takes in run one after the other, hosts in
// step, with the item as their variable; a failure in one is the block's.
func TestFilesOnStage(t *testing.T) {
	s := newStage("h1")
	s.files = loader{"/one": {taskOf("in", "thing", "name", value.String("{{ item }}"), "is", value.String("1")), put("one")}, "/two": {put("two")}}
	take := taskOf("take", "include_tasks", "file", value.String("/{{ item }}"))
	take.Loop = &play.Loop{Items: value.Strings("one", "two")}
	s.on(t, nil, put("a"), take, put("z"))
	s.check(t, "", "h1 a=a, h1 one=1, h1 one=one, h1 two=two, h1 z=z", -1)
	bad := newStage("h1")
	bad.files = loader{"/one": {breaks("x"), put("no")}}
	bad.on(t, nil, block([]play.Item{taskOf("take", "include_tasks", "file", value.String("/one"))}, puts("r"), nil), put("z"))
	bad.check(t, "", "h1 failed, h1 r=r, h1 z=z", -1)
}

// TestDelegatedOnStage: the work is done on the other machine, told for this one,
// and answers of both are of before then.
func TestDelegatedOnStage(t *testing.T) {
	s := newStage("h1")
	there := put("a")
	there.Delegate = value.String("db")
	s.on(t, nil, put("b"), there, put("c"))
	s.check(t, "h1 b changed, h1 a changed, h1 c changed", "h1 b=b, db a=a, h1 c=c", -1)
	if s.house.Host("db").Dials() != 1 || s.house.Host("h1").Texts["a"] != "" {
		t.Errorf("db was dialled %d times", s.house.Host("db").Dials())
	}
}

// TestCheckOnStage: no step runs, what would is told, one message asks all.
func TestCheckOnStage(t *testing.T) {
	s := newStage("h1")
	s.want.Check = true
	s.house.Host("h1").Texts["b"] = "b"
	s.on(t, nil, puts("a b c")...)
	s.check(t, "h1 a changed, h1 b ok, h1 c changed", "", 1)
	own := newStage("h1")
	own.want.Check = true
	runs := put("a")
	runs.CheckMode = value.Bool(false)
	own.on(t, nil, runs, put("b"))
	own.check(t, "", "h1 a=a", -1)
}

// TestSteerOnStage: end_host takes one host out without a failure, end_play all.
func TestSteerOnStage(t *testing.T) {
	for word, want := range map[string]string{"end_host": "h2 a=a", "end_play": "", "noop": "h1 a=a, h2 a=a"} {
		s := newStage("h1 h2")
		end := taskOf("end", "meta", "_raw_params", value.String(word))
		end.When = []value.Value{value.String("inventory_hostname == 'h1'")}
		st := s.on(t, nil, end, put("a"))
		steps := s.house.Steps()
		slices.Sort(steps)
		if got := strings.Join(steps, ", "); got != want || st.Hosts["h1"] != nil && st.Hosts["h1"].Failed > 0 {
			t.Errorf("%s: %s", word, got)
		}
	}
}

// TestLinksLostOnStage: a link that is cut in a chain leaves the outcome unknown,
// the host does no more, and a host that cannot be reached is asked once.
func TestLinksLostOnStage(t *testing.T) {
	s := newStage("h1 h2")
	s.house.Host("h1").Before = func(_ int, b sh.Batch) error {
		if len(b.Chain) > 0 {
			return fmt.Errorf("cut")
		}
		return nil
	}
	s.house.Host("h2").Down = fmt.Errorf("no route")
	st := s.on(t, nil, puts("a b")...)
	if st.Hosts["h1"].Unreachable != 1 || st.Hosts["h2"].Unreachable != 1 || s.house.Host("h2").Dials() != 1 {
		t.Errorf("h1 %+v, h2 %+v", *st.Hosts["h1"], *st.Hosts["h2"])
	}
	s.check(t, "", "", -1)
	for _, e := range s.events {
		if r, ok := e.(event.HostResult); ok && r.Host == "h1" && !strings.Contains(r.Err.Error(), "outcome unknown") {
			t.Errorf("%v", r.Err)
		}
	}
}

// TestAheadEqualsOneByOne: what is asked ahead and chained ends as one task at a
// time does, over every order of a few kinds of tasks; and never takes more
// messages.
func TestAheadEqualsOneByOne(t *testing.T) {
	kinds := []func(i int) play.Item{
		func(i int) play.Item { return put(fmt.Sprint("p", i)) },
		func(i int) play.Item { return put("same") },
		func(i int) play.Item {
			f := breaks(fmt.Sprint("x", i))
			f.IgnoreErrors = value.Bool(true)
			return f
		},
		func(i int) play.Item {
			r := taskOf(fmt.Sprint("t", i), "tell", "name", value.String("same"))
			r.Register = "r"
			return r
		},
		func(i int) play.Item {
			u := taskOf(fmt.Sprint("u", i), "thing", "name", value.String(fmt.Sprint("u", i)), "is", value.String("got {{ r.now | default('none') }}"))
			return u
		},
		func(i int) play.Item {
			c := put(fmt.Sprint("c", i))
			c.ChangedWhen = []value.Value{value.String("false")}
			return c
		},
		func(i int) play.Item {
			return block([]play.Item{put(fmt.Sprint("b", i)), breaks("x")}, puts(fmt.Sprint("r", i)), puts(fmt.Sprint("z", i)))
		},
		func(i int) play.Item {
			return taskOf(fmt.Sprint("s", i), "set_fact", "r", value.FromMap(value.MapOf("now", value.String(fmt.Sprint("set", i)))))
		},
	}
	run := func(noAhead bool, order []int) (told, steps string, trips int) {
		s := newStage("h1")
		s.want.NoAhead = noAhead
		var items []play.Item
		for i, k := range order {
			items = append(items, kinds[k](i))
		}
		s.on(t, nil, items...)
		return strings.Join(s.told(), ", "), strings.Join(s.house.Steps(), ", "), s.house.Host("h1").Trips()
	}
	for n := range len(kinds) * len(kinds) * len(kinds) {
		order := []int{n % len(kinds), n / len(kinds) % len(kinds), n / len(kinds) / len(kinds), 0}
		told, steps, trips := run(false, order)
		oneTold, oneSteps, oneTrips := run(true, order)
		if told != oneTold || steps != oneSteps || trips > oneTrips {
			t.Fatalf("order %v:\n%s\n%s\n%d messages; one by one:\n%s\n%s\n%d messages", order, told, steps, trips, oneTold, oneSteps, oneTrips)
		}
	}
}
