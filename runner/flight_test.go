package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// runs is a module whose step is its argument cmd.
func runs(args *value.Map) play.Bound {
	v, _ := args.Lookup("cmd")
	return planFunc(func(host.Seen) (play.Plan, error) {
		return play.Plan{Result: play.Result{Changed: true}, Steps: []host.Step{host.Run{Cmd: sh.User(value.Str(v)), What: "run " + value.Str(v)}}}, nil
	})
}

func runTask(name, cmd string) *play.Task { return taskOf(name, "run", "cmd", value.String(cmd)) }

// notes is a journal in memory.
type notes struct {
	mu   sync.Mutex
	said []string
}

func (n *notes) Begin(host string, work []Noted) func(int, string) {
	return func(i int, outcome string) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.said = append(n.said, work[i].Task+" ("+strings.Join(work[i].Steps, "; ")+"): "+outcome)
	}
}

// stopper ends the run when a result is told.
type stopper struct {
	*bench
	at   string
	stop func()
}

func (s stopper) Event(at time.Time, e event.Event) {
	s.bench.Event(at, e)
	if e, ok := e.(event.HostResult); ok && e.Task.Name == s.at {
		s.stop()
	}
}

// TestInterruptedChain: what a chain had done when the run was told to stop is told
// and noted as done, what ran is unknown, what stood behind did not run.
func TestInterruptedChain(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	b := &bench{hosts: []string{"h1"}, modules: map[string]func(*value.Map) play.Bound{"run": runs}}
	j, never := &notes{}, t.TempDir()+"/never"
	r := New(World{Inventory: b, Expr: engine(), Connector: b, Journal: j, Sink: stopper{b, "two", func() { cancel(ErrInterrupted) }}}, Wishes{})
	hidden := runTask("one", "true the secret")
	hidden.NoLog = value.Bool(true)
	p := &play.Play{Hosts: value.String("all"), GatherFacts: value.Bool(false), Tasks: []play.Item{
		hidden, say("said"), runTask("two", "echo two"), runTask("long", "sleep 60"), runTask("never", "touch "+never),
	}}
	st, _ := r.Run(ctx, b.bound(p))
	if got := strings.Join(b.told(), ", "); got != "h1 one changed, h1 said ok, h1 two changed" || exists(never) {
		t.Errorf("told: %s; never: %v", got, exists(never))
	}
	if len(st.Undone) != 1 || fmt.Sprintf("%+v", st.Undone[0]) != "{Host:h1 At:long Unknown:[long] Tasks:[never]}" {
		t.Errorf("undone: %+v", st.Undone)
	}
	want := []string{"one (a step of run, whose text is hidden (no_log)): done", "two (run echo two): done", "long (run sleep 60): unknown: interrupted", "never (run touch " + never + "): not run: the chain was ended before it"}
	if !slices.Equal(j.said, want) {
		t.Errorf("noted:\n%s", strings.Join(j.said, "\n"))
	}
}

// TestOutcomesAreNoted: what nobody saw the end of did not fail.
func TestOutcomesAreNoted(t *testing.T) {
	for _, c := range []struct {
		ran  []host.Output
		err  error
		want string
	}{
		{nil, nil, "done"},
		{[]host.Output{{}, {Status: 3}}, nil, "failed: status 3"},
		{nil, errors.New("no such user"), "failed: no such user"},
		{nil, fmt.Errorf("wait for it: %w", ErrInterrupted), "unknown: wait for it: interrupted"},
		{nil, &host.TransportError{Host: "h", During: "run a command", Begun: true, Err: errors.New("cut")}, "unknown: "},
	} {
		if got := outcomeText(c.ran, c.err); got != c.want && (c.want != "unknown: " || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%v, %v: %s, want %s", c.ran, c.err, got, c.want)
		}
	}
}

// TestLinksAreToldAsTheyEnd: the result of a chain's first task is told while its
// second one still runs, and the footer names that one.
func TestLinksAreToldAsTheyEnd(t *testing.T) {
	dir := t.TempDir()
	b := &bench{hosts: []string{"h1"}, modules: map[string]func(*value.Map) play.Bound{"run": runs}}
	go1 := runTask("one", "true")
	wait := runTask("two", "until [ -e "+dir+"/go ]; do sleep 0.05; done") // which the first result makes
	r := New(World{Inventory: b, Expr: engine(), Connector: b, Sink: stopper{b, "one", func() { _ = os.WriteFile(dir+"/go", nil, 0o600) }}}, Wishes{})
	st, err := r.Run(t.Context(), b.bound(&play.Play{Hosts: value.String("all"), GatherFacts: value.Bool(false), Tasks: []play.Item{go1, wait}}))
	if err != nil || st.Hosts["h1"].Changed != 2 {
		t.Errorf("%v %+v", err, st.Hosts["h1"])
	}
	if b.trips != 1 {
		t.Errorf("%d messages, want one chain", b.trips)
	}
}

// TestPanicFailsItsHost: a mistake of ours in one host's work ends as that host's
// failure, wherever it is.
func TestPanicFailsItsHost(t *testing.T) {
	var nothing *value.Map
	for name, bad := range map[string]play.Plan{
		"plan":   {Note: "panic"},
		"finish": {Steps: []host.Step{host.Run{Cmd: sh.User("true"), What: "true"}}, Finish: func([]host.Output) (play.Result, error) { panic("boom") }},
		"chain":  {ByStatus: true, Steps: []host.Step{host.Run{Cmd: sh.User("true"), What: "true"}}, Finish: func([]host.Output) (play.Result, error) { nothing.Put("x", value.Null()); panic("boom") }},
	} {
		for _, strategy := range []string{"linear", "free"} {
			t.Run(name+" "+strategy, func(t *testing.T) {
				b := &bench{hosts: []string{"h1", "h2"}, modules: map[string]func(*value.Map) play.Bound{"run": runs}}
				b.modules["bad"] = func(args *value.Map) play.Bound {
					return planFunc(func(host.Seen) (play.Plan, error) {
						if v, _ := args.Lookup("on"); value.Str(v) != "h1" {
							return play.Plan{}, nil
						}
						if bad.Note == "panic" {
							panic("boom")
						}
						return bad, nil
					})
				}
				p := &play.Play{Hosts: value.String("all"), GatherFacts: value.Bool(false), Strategy: strategy, Tasks: []play.Item{
					runTask("ok", "true"), taskOf("breaks", "bad", "on", value.String("{{ inventory_hostname }}")), runTask("last", "true"),
				}}
				st, err := b.runWith(t.Context(), p)
				if err != nil || st.Hosts["h1"].Failed != 1 || st.Hosts["h2"].Failed != 0 || st.Hosts["h2"].OK != 3 {
					t.Fatalf("%v: h1 %+v, h2 %+v", err, *st.Hosts["h1"], *st.Hosts["h2"])
				}
				var said string
				for _, e := range b.events {
					if e, ok := e.(event.HostResult); ok && e.Status == event.Failed {
						msg, _ := e.Result.Lookup("msg")
						said = value.Str(msg)
					}
				}
				for _, word := range []string{"internal error: ", "breaks", ".go:", "report it"} {
					if !strings.Contains(said, word) {
						t.Errorf("the report lacks %q: %s", word, said)
					}
				}
			})
		}
	}
}
