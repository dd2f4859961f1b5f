package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/hosttest/fake"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// TestJudgedOnStage: changed_when and failed_when decide, in loops for each item,
// and what they read may be the task's own register.
func TestJudgedOnStage(t *testing.T) {
	for _, c := range []struct {
		name            string
		changed, failed string
		told            string
	}{
		{"neither", "", "", "h1 a changed, h1 z changed"},
		{"not changed", "false", "", "h1 a ok, h1 z changed"},
		{"failed by its register", "", "r is changed", "h1 a failed"},
		{"changed by its register", "r.changed and r.nothing is undefined", "", "h1 a changed, h1 z changed"},
		{"a mistake in it", "r.nothing.more", "", "h1 a failed"},
	} {
		s := newStage("h1")
		a := put("a")
		a.Register = "r"
		if c.changed != "" {
			a.ChangedWhen = []value.Value{value.String(c.changed)}
		}
		if c.failed != "" {
			a.FailedWhen = []value.Value{value.String(c.failed)}
		}
		s.on(t, nil, a, put("z"))
		if got := strings.Join(s.told(), ", "); got != c.told {
			t.Errorf("%s: %s, want %s", c.name, got, c.told)
		}
	}
}

// TestNamesOnStage: what a task registers, sets or brings along is seen behind it,
// by its own host.
func TestNamesOnStage(t *testing.T) {
	s := newStage("h1 h2")
	me := taskOf("me", "tell", "name", value.String("me"))
	me.Register = "r"
	set := taskOf("set", "set_fact", "twice", value.String("{{ r.now }}{{ r.now }}"))
	own := taskOf("own", "thing", "name", value.String("own"), "is", value.String("{{ twice }} {{ mine }} {{ outer }}"))
	own.Vars = value.MapOf("mine", value.String("{{ inventory_hostname }}!"))
	b := block([]play.Item{me, set, own}, nil, nil)
	b.Vars = value.MapOf("outer", value.Int(1))
	s.on(t, nil, b)
	for _, h := range s.hosts {
		if got, want := s.house.Host(h).Texts["own"], h+h+" "+h+"! 1"; got != want {
			t.Errorf("%s has %q, want %q", h, got, want)
		}
	}
}

// TestConditionsOnStage: blocks' conditions and the task's own must hold; what is
// left out asks nothing.
func TestConditionsOnStage(t *testing.T) {
	s := newStage("h1 h2")
	only := func(name string, conds ...string) *play.Task {
		p := put(name)
		p.When = value.Strings(conds...).Items()
		return p
	}
	b := block([]play.Item{only("a", "true", "inventory_hostname == 'h1'"), only("b", "false")}, nil, nil)
	b.When = value.Strings("inventory_hostname != 'h2'").Items()
	st := s.on(t, nil, b, only("c", "inventory_hostname == 'h2'"))
	steps := s.house.Steps()
	slices.Sort(steps)
	if got := strings.Join(steps, ", "); got != "h1 a=a, h2 c=c" || st.Hosts["h1"].Skipped != 2 || st.Hosts["h2"].Skipped != 2 {
		t.Errorf("%s; h1 %+v, h2 %+v", got, *st.Hosts["h1"], *st.Hosts["h2"])
	}
	if n := s.house.Host("h2").Trips(); n > 2 {
		t.Errorf("what was left out asked: %d messages", n)
	}
	wrong := newStage("h1")
	wrong.on(t, nil, only("a", "nothing == 1"), put("z"))
	wrong.check(t, "h1 a failed", "", -1)
}

// TestThrottleAndOrder: hosts take their turns as the play orders them, no more at
// once than throttle allows.
func TestThrottleAndOrder(t *testing.T) {
	for order, want := range map[string]string{"": "h2 h3 h1", "sorted": "h1 h2 h3", "reverse_sorted": "h3 h2 h1", "reverse_inventory": "h1 h3 h2"} {
		s := newStage("h2 h3 h1")
		a := put("a")
		a.Throttle = value.Int(1)
		s.on(t, &play.Play{Order: order}, a)
		var got []string
		for _, st := range s.house.Steps() {
			got = append(got, strings.Fields(st)[0])
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%q: %s, want %s", order, text, want)
		}
	}
}

// TestThrottleThatIsWrong: it fails its task, and the tasks before it are done.
func TestThrottleThatIsWrong(t *testing.T) {
	for _, text := range []string{"{{ nothing }}", "{{ 'two' }}", "{{ -1 }}"} {
		s := newStage("h1")
		a := put("b")
		a.Throttle = value.String(text)
		s.on(t, nil, put("a"), a, put("c"))
		if got := s.house.Host("h1").Texts; got["a"] != "a" || got["b"] != "" || got["c"] != "" {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestPlaysOnStage: a host that failed takes no part in later plays, unless its
// errors are cleared; the answers of one play serve the next.
func TestPlaysOnStage(t *testing.T) {
	p := func(items ...play.Item) *play.Play {
		return &play.Play{Hosts: value.String("all"), GatherFacts: value.Bool(false), Tasks: items}
	}
	onlyH1 := func(task *play.Task) *play.Task {
		task.When = value.Strings("inventory_hostname == 'h1'").Items()
		return task
	}
	s := newStage("h1 h2")
	s.plays(t, p(onlyH1(breaks("x")), put("a")), p(put("b")))
	if h := s.house.Host("h1"); h.Texts["b"] != "" || s.house.Host("h2").Texts["b"] != "b" {
		t.Errorf("h1 %v", h.Texts)
	}
	c := newStage("h1 h2")
	c.plays(t, p(onlyH1(breaks("x")), taskOf("m", "meta", "_raw_params", value.String("clear_host_errors"))), p(put("b")))
	if h := c.house.Host("h1"); h.Texts["b"] != "b" {
		t.Errorf("errors were cleared, h1 has %v", h.Texts)
	}
	k := newStage("h1")
	k.house.Host("h1").Texts["a"] = "a"
	k.plays(t, p(put("a")), p(put("a")), p(put("a")))
	k.check(t, "h1 a ok, h1 a ok, h1 a ok", "", 1)
}

// TestWishesOnStage: tags, the first task to begin with, --step and one task at a
// time choose which tasks run, and nothing else.
func TestWishesOnStage(t *testing.T) {
	tagged := func(name string, tags ...string) *play.Task {
		p := put(name)
		p.Tags = tags
		return p
	}
	items := func() []play.Item {
		return []play.Item{tagged("a", "x"), tagged("b", "y"), tagged("c", "never"), tagged("d", "always"), put("e")}
	}
	for _, c := range []struct {
		name  string
		want  Wishes
		steps string
	}{
		{"all", Wishes{}, "a b d e"},
		{"tags", Wishes{Tags: []string{"x"}}, "a d"},
		{"skipped tags", Wishes{SkipTags: []string{"x"}}, "b d e"},
		{"never is asked for", Wishes{Tags: []string{"never"}}, "c d"},
		{"begins at", Wishes{StartAt: "d"}, "d e"},
		{"begins at a pattern", Wishes{StartAt: "[b]*"}, ""},
		{"one at a time", Wishes{NoAhead: true}, "a b d e"},
	} {
		s := newStage("h1")
		s.want = c.want
		for _, h := range s.hosts {
			s.house.Host(h)
		}
		_, err := New(World{Inventory: s, Expr: engine(), Connector: s, Sink: s}, s.want).Run(t.Context(), s.bound(&play.Play{Hosts: value.String("all"), GatherFacts: value.Bool(false), Tasks: items()}))
		var got []string
		for _, st := range s.house.Steps() {
			got = append(got, st[len("h1 "):len("h1 ")+1])
		}
		if text := strings.Join(got, " "); text != c.steps || (err != nil) != (c.steps == "") {
			t.Errorf("%s: %s %v, want %s", c.name, text, err, c.steps)
		}
	}
}

// TestStepOnStage: each task is asked for once for all hosts, meta actions are not,
// and "all the rest" asks no more; the wish itself stays as it was.
func TestStepOnStage(t *testing.T) {
	s := newStage("h1 h2")
	var asked []string
	world := World{Inventory: s, Expr: engine(), Connector: s, Sink: s, Step: func(_ context.Context, task string) (bool, bool) {
		asked = append(asked, task)
		return task != "b", task == "c"
	}}
	noop := taskOf("m", "meta", "_raw_params", value.String("noop"))
	r := New(world, Wishes{})
	if _, err := r.Run(t.Context(), s.bound(&play.Play{Hosts: value.String("all"), GatherFacts: value.Bool(false), Tasks: append([]play.Item{noop}, puts("a b c d")...)})); err != nil {
		t.Fatal(err)
	}
	steps := s.house.Steps()
	if got := strings.Join(asked, " "); got != "a b c" || len(steps) != 6 || r.world.Step == nil {
		t.Errorf("asked %s; %q", got, steps)
	}
}

// TestStagesOnStage: later stages of a module plan on what the stage before left,
// and a wide question is asked at its turn alone.
func TestStagesOnStage(t *testing.T) {
	s := newStage("h1")
	s.modules["stages"] = func(*value.Map) play.Bound {
		return planFunc(func(host.Seen) (play.Plan, error) {
			return play.Plan{Result: play.Result{Changed: true}, Steps: []host.Step{host.Run{Cmd: fake.Put("x", "1"), What: "first"}}, Then: func([]host.Output) (play.Bound, error) {
				return planFunc(func(seen host.Seen) (play.Plan, error) {
					now, err := host.Get(seen, text("x"))
					if err != nil {
						return play.Plan{}, err
					}
					return play.Plan{Result: play.Result{Changed: true}, Steps: []host.Step{host.Run{Cmd: fake.Put("y", now+now), What: "second"}}}, nil
				}), nil
			}}, nil
		})
	}
	s.on(t, nil, put("a"), taskOf("s", "stages"), put("z"))
	s.check(t, "h1 a changed, h1 s changed, h1 z changed", "h1 a=a, h1 x=1, h1 y=11, h1 z=z", -1)
}

// TestJournalOnStage: what is about to run is noted before it is sent, each step
// with its outcome; a step that no_log covers shows no text.
func TestJournalOnStage(t *testing.T) {
	s, j := newStage("h1"), &notes{}
	hidden := put("b")
	hidden.NoLog = value.Bool(true)
	never := put("never")
	_, err := New(World{Inventory: s, Expr: engine(), Connector: s, Sink: s, Journal: j}, Wishes{}).Run(t.Context(), s.bound(&play.Play{Hosts: value.String("all"), GatherFacts: value.Bool(false), Tasks: []play.Item{put("a"), hidden, breaks("x"), never}}))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(j.said, "; ")
	for _, want := range []string{"a (put a): done", "b (a step of thing, whose text is hidden (no_log)): done", "x (fail): failed: status 3"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %q", got, want)
		}
	}
	if strings.Contains(got, "never (put never): done") {
		t.Error(got)
	}
}

// TestChecksOfOthers: two hosts in step each ask for themselves; a guard that stops
// on one does not stop the other.
func TestGuardsOfTwoHosts(t *testing.T) {
	s := newStage("h1 h2")
	h := s.house.Host("h1")
	done := false
	h.Before = func(_ int, b sh.Batch) error {
		if len(b.Chain) > 0 && !done {
			h.Texts["a"], done = "somebody's", true
		}
		return nil
	}
	st := s.on(t, nil, puts("a b")...)
	if st.Hosts["h1"].Changed != 2 || st.Hosts["h2"].Changed != 2 || h.Texts["a"] != "a" {
		t.Errorf("h1 %+v, h2 %+v, %v", *st.Hosts["h1"], *st.Hosts["h2"], h.Texts)
	}
	if a, b := h.Trips(), s.house.Host("h2").Trips(); a != b+1 {
		t.Errorf("h1 took %d messages, h2 %d", a, b)
	}
}

// TestQuestionThatHangs: a question that is never answered fails its own task, with
// what hangs; the tasks before it are done, also when it was asked ahead or was the
// guard of a link, and other hosts go on.
func TestQuestionThatHangs(t *testing.T) {
	for name, c := range map[string]struct {
		before map[string]string // texts that are there already
		tasks  string
		done   int
	}{
		"at its own turn":         {nil, "hang b", 0},
		"ahead of a task":         {nil, "a b hang c", 2},
		"ahead of what is done":   {map[string]string{"a": "a", "b": "b"}, "a b hang c", 2},
		"ahead of one to do":      {map[string]string{"a": "a"}, "a b hang c", 2},
		"far behind":              {nil, "a b c d e f g hang", 7},
		"behind a task that ends": {map[string]string{"a": "a"}, "a hang", 1},
	} {
		for _, free := range []string{"linear", "free"} {
			t.Run(name+"/"+free, func(t *testing.T) {
				s := newStage("h1 h2")
				h := s.house.Host("h1")
				h.Hangs = "hang"
				for k, v := range c.before {
					h.Texts[k] = v
				}
				st := s.on(t, &play.Play{Strategy: free}, puts(c.tasks)...)
				if got := st.Hosts["h1"]; got.OK != c.done || got.Failed != 1 || got.Unreachable != 0 {
					t.Errorf("h1 %+v: %v", *got, s.told())
				}
				if got, all := st.Hosts["h2"], len(strings.Fields(c.tasks)); got.OK != all || got.Failed != 0 {
					t.Errorf("h2 %+v", *got)
				}
				for _, e := range s.events {
					if r, ok := e.(event.HostResult); ok && r.Status == event.Failed && (r.Task.Name != "hang" || !strings.Contains(r.Err.Error(), "no answer within 1m0s; what hangs there: get hang")) {
						t.Errorf("%s: %v", r.Task.Name, r.Err)
					}
				}
			})
		}
	}
}

// TestManyHosts: a hundred hosts in step, of which every tenth fails, end as they
// must, and each is told once per task.
func TestManyHosts(t *testing.T) {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("h%02d", i))
	}
	s := newStage(strings.Join(names, " "))
	bad := breaks("x")
	bad.When = value.Strings("inventory_hostname[-1] == '0'").Items()
	st := s.on(t, nil, put("a"), bad, put("b"))
	for _, n := range names {
		want := event.Counts{OK: 2, Changed: 2, Skipped: 1}
		if strings.HasSuffix(n, "0") {
			want = event.Counts{OK: 1, Changed: 1, Failed: 1}
		}
		if *st.Hosts[n] != want {
			t.Errorf("%s: %+v, want %+v", n, *st.Hosts[n], want)
		}
	}
	if got := len(s.told()); got != 100+100+90 {
		t.Errorf("%d results", got)
	}
}

// TestLimitsOfTimeAreATasksOwn: the clock of a task with a timeout runs for its own
// questions and steps. Those of the tasks behind it, of its other items and of those
// before it are in other messages, whatever that costs in round trips.
func TestLimitsOfTimeAreATasksOwn(t *testing.T) {
	timed := func(name string) play.Item {
		p := put(name)
		p.Timeout = value.Int(20)
		return p
	}
	loop := put("{{ item }}")
	loop.Timeout, loop.Loop = value.Int(20), &play.Loop{Items: value.Strings("x", "y", "z")}
	for name, c := range map[string]struct {
		tasks []play.Item
		steps string
		trips int
	}{
		"first":         {[]play.Item{timed("a"), put("b"), put("c")}, "h1 a=a, h1 b=b, h1 c=c", 4},
		"in the middle": {[]play.Item{put("a"), timed("b"), put("c")}, "h1 a=a, h1 b=b, h1 c=c", 6},
		"all":           {[]play.Item{timed("a"), timed("b"), timed("c")}, "h1 a=a, h1 b=b, h1 c=c", 6},
		"items":         {[]play.Item{loop}, "h1 x=x, h1 y=y, h1 z=z", 6},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage("h1")
			s.on(t, nil, c.tasks...)
			s.check(t, "", c.steps, c.trips)
		})
	}
}
