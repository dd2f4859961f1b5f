package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"remoterun/runner/reach"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"remoterun/playbooks/jinja"
	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/local"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
)

// bench is an engine over modules of a test's own, on hosts that are all this
// machine.
type bench struct {
	hosts   []string
	modules map[string]func(args *value.Map) play.Bound
	// cut is asked before every message to a host; an error cuts the link there.
	cut func(host string, b sh.Batch) error

	mu     sync.Mutex
	trips  int // messages that were sent, those on which the link was cut too
	dials  int
	events []event.Event
}

// Event keeps what is told.
func (b *bench) Event(_ time.Time, e event.Event) { b.events = append(b.events, e) }

// told lists the results as "host task status", items with their label.
func (b *bench) told() []string {
	var out []string
	for _, e := range b.events {
		switch e := e.(type) {
		case event.ItemResult:
			out = append(out, fmt.Sprintf("%s %s (%s) %s", e.Host, e.Task.Name, e.Label, e.Status))
		case event.HostResult:
			out = append(out, fmt.Sprintf("%s %s %s", e.Host, e.Task.Name, e.Status))
		}
	}
	return out
}

// bind gives tasks the test's own modules, as the binder does.
func (b *bench) bind(items []play.Item) {
	for _, it := range items {
		switch it := it.(type) {
		case *play.Task:
			if make, ok := b.modules[it.Module]; ok {
				it.Use = benchModule{it.Module, make}
			}
			it.Action = it.Module
		case *play.Block:
			b.bind(slices.Concat(it.Body, it.Rescue, it.Always))
		}
	}
}

// bound is a playbook of plays whose tasks have their modules.
func (b *bench) bound(plays ...*play.Play) *play.Playbook {
	for _, p := range plays {
		b.bind(slices.Concat(p.Pre, p.Tasks, p.Post, p.Handlers))
	}
	return &play.Playbook{Plays: plays}
}

type benchModule struct {
	name string
	make func(args *value.Map) play.Bound
}

func (m benchModule) Spec() play.Spec                   { return play.Spec{Name: m.name} }
func (m benchModule) Check(*value.Map) []*play.ArgError { return nil }
func (m benchModule) Bind(_ context.Context, args *value.Map, _ play.Inputs) (play.Bound, error) {
	return m.make(args), nil
}

// planFunc is a bound module that is only its plan.
type planFunc func(s host.Seen) (play.Plan, error)

func (planFunc) Facts() []host.Question                { return nil }
func (f planFunc) Plan(s host.Seen) (play.Plan, error) { return f(s) }
func (b *bench) Hosts(pattern string) ([]string, error) {
	if slices.Contains(b.hosts, pattern) {
		return []string{pattern}, nil
	}
	return b.hosts, nil
}
func (b *bench) Groups() *value.Map                  { return value.NewMap() }
func (b *bench) GroupsOf(string) []string            { return nil }
func (b *bench) Layers(string) ([]play.Layer, error) { return nil, nil }
func (b *bench) Dir() string                         { return "" }
func (b *bench) Sources() []string                   { return nil }
func (b *bench) AddHost(string, []string, *value.Map) (play.Added, error) {
	return play.Added{}, nil
}
func (b *bench) AddGroup(string, string, []string) (bool, error) {
	return false, nil
}
func (b *bench) Refresh(context.Context) error { return nil }

// Connect opens a shell of this machine.
func (b *bench) Connect(_ context.Context, e reach.Endpoint) (host.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dials++
	return &benchConn{Conn: local.New(e.Name, nil, local.Options{}), b: b, name: e.Name}, nil
}

type benchConn struct {
	host.Conn
	b    *bench
	name string
}

func (c *benchConn) Shell(ctx context.Context, as host.As) (host.Shell, error) {
	s, err := c.Conn.Shell(ctx, as)
	return benchShell{s, c}, err
}

type benchShell struct {
	host.Shell
	c *benchConn
}

func (s benchShell) Batch(ctx context.Context, batch sh.Batch) (sh.BatchResult, error) {
	b := s.c.b
	b.mu.Lock()
	b.trips++
	var err error
	if b.cut != nil {
		err = b.cut(s.c.name, batch)
	}
	b.mu.Unlock()
	if err != nil {
		return sh.BatchResult{}, &host.TransportError{Host: s.c.name, During: "run a command", Begun: true, Err: err}
	}
	return s.Shell.Batch(ctx, batch)
}

// run runs one play of tasks on the bench's hosts.
func (b *bench) run(t *testing.T, items ...play.Item) *event.Stats {
	t.Helper()
	st, err := b.runWith(t.Context(), &play.Play{Hosts: value.String("all"), GatherFacts: value.Bool(false), Tasks: items})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func engine() play.Expr { return jinja.New(jinja.Options{}) }

func (b *bench) runWith(ctx context.Context, plays ...*play.Play) (*event.Stats, error) {
	r := New(World{Inventory: b, Expr: engine(), Connector: b, Sink: b}, Wishes{})
	return r.Run(ctx, b.bound(plays...))
}

// taskOf is a task of a module.
func taskOf(name, module string, args ...any) *play.Task {
	t := &play.Task{Module: module, Args: value.MapOf(args...)}
	t.Name = value.String(name)
	return t
}

// there is a question whether a file exists.
func there(path string) host.Fact[bool] {
	return host.Fact[bool]{
		Q:     host.NewProbe(`[ -e "$1" ]`, path),
		Parse: func(a host.Answer) (bool, error) { return a.Status == 0, nil },
	}
}

// touch makes the file of its argument path when it is not there.
func touch(args *value.Map) play.Bound {
	v, _ := args.Lookup("path")
	path := value.Str(v)
	return planFunc(func(s host.Seen) (play.Plan, error) {
		ok, err := host.Get(s, there(path))
		if err != nil || ok {
			return play.Plan{}, err
		}
		return play.Plan{Result: play.Result{Changed: true}, Steps: []host.Step{host.Run{Cmd: sh.Exec("touch", path), What: "touch " + path}}}, nil
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A loop whose link is lost ends there: the other items are not tried, unless a
// lost link is forgiven.
func TestLoopEndsWithItsLink(t *testing.T) {
	for _, c := range []struct {
		name    string
		hosts   string
		ignored bool
		pause   bool
		want    string
	}{
		{"one host", "h1", false, false, "h1 make (b) unreachable, h1 make unreachable"},
		{"two hosts", "h1 h2", false, false, "h1 make (b) unreachable, h1 make unreachable, h2 make (b) changed, h2 make (c) changed, h2 make (d) changed, h2 make changed, h2 next ok"},
		{"a pause between items", "h1", false, true, "h1 make (b) unreachable, h1 make unreachable"},
		{"forgiven", "h1", true, false, "h1 make (b) unreachable, h1 make (c) changed, h1 make (d) changed, h1 make unreachable, h1 next ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			b := &bench{hosts: strings.Fields(c.hosts), modules: map[string]func(*value.Map) play.Bound{"touch": touch}}
			cuts, after := 0, 0
			b.cut = func(name string, batch sh.Batch) error {
				if name != "h1" {
					return nil
				}
				if cuts > 0 {
					after++
				}
				if len(batch.Chain) > 0 && cuts == 0 {
					cuts++
					return errors.New("cut")
				}
				return nil
			}
			make := taskOf("make", "touch", "path", value.String(dir+"/{{ inventory_hostname }}-{{ item }}"))
			make.Loop = &play.Loop{Items: value.Strings("b", "c", "d")}
			make.IgnoreUnreachable = value.Bool(c.ignored)
			if c.pause {
				make.Loop.Pause = value.Int(3600)
			}
			next := taskOf("next", "debug", "msg", value.String("x"))
			st := b.run(t, make, next)
			got := b.told()
			slices.SortStableFunc(got, func(x, y string) int { return strings.Compare(x[:2], y[:2]) })
			if text := strings.Join(got, ", "); text != c.want {
				t.Errorf("told: %s\nwant: %s", text, c.want)
			}
			if !c.ignored && (after > 0 || exists(filepath.Join(dir, "h1-c")) || st.Hosts["h1"].Unreachable != 1) {
				t.Errorf("%d messages after the cut, %+v", after, st.Hosts["h1"])
			}
			for _, e := range b.events {
				if e, ok := e.(event.ItemResult); ok && e.Host == "h1" && e.Status == event.Unreachable && !strings.Contains(e.Err.Error(), "outcome unknown") {
					t.Errorf("the item says %v", e.Err)
				}
			}
		})
	}
}

// A link that was lost while it worked for another host is made anew for the
// next task that needs it; the host for which it worked keeps its own.
func TestLostDelegate(t *testing.T) {
	dir := t.TempDir()
	b := &bench{hosts: []string{"h1"}, modules: map[string]func(*value.Map) play.Bound{"touch": touch}}
	cuts := 0
	b.cut = func(name string, batch sh.Batch) error {
		if name == "db" && cuts == 0 {
			cuts++
			return errors.New("cut")
		}
		return nil
	}
	var items []play.Item
	for _, n := range []string{"first", "second", "own"} {
		make := taskOf(n, "touch", "path", value.String(dir+"/"+n))
		make.IgnoreUnreachable = value.Bool(true)
		if n != "own" {
			make.Delegate = value.String("db")
		}
		items = append(items, make)
	}
	b.run(t, items...)
	if got := strings.Join(b.told(), ", "); got != "h1 first unreachable, h1 second changed, h1 own changed" || b.dials != 3 {
		t.Errorf("%s; %d connections", got, b.dials)
	}
}

// What a host waits for is told by name, also behind the connecting that comes
// between.
func TestWaits(t *testing.T) {
	b := &bench{hosts: []string{"h1"}, modules: map[string]func(*value.Map) play.Bound{"touch": touch}}
	b.modules["run"] = func(*value.Map) play.Bound {
		return planFunc(func(host.Seen) (play.Plan, error) {
			return play.Plan{Steps: []host.Step{host.Run{Cmd: sh.Exec("true"), What: "true"}}}, nil
		})
	}
	b.run(t, taskOf("long", "run"), taskOf("next", "run"), taskOf("make", "touch", "path", value.String(t.TempDir()+"/x")))
	var waits []string
	for _, e := range b.events {
		if e, ok := e.(event.Waiting); ok {
			waits = append(waits, e.Text)
		}
	}
	if got := strings.Join(waits, " | "); !strings.HasPrefix(got, "long") || !strings.Contains(got, "connecting | long | next | ") {
		t.Errorf("told: %s", got)
	}
}

// makeBoth makes two files in one step; it asks only for the second.
func makeBoth(one, two string) play.Bound {
	return planFunc(func(s host.Seen) (play.Plan, error) {
		if ok, err := host.Get(s, there(two)); err != nil || ok {
			return play.Plan{}, err
		}
		return play.Plan{Result: play.Result{Changed: true}, Steps: []host.Step{host.Run{Cmd: sh.Exec("touch", one, two), What: "make both"}}}, nil
	})
}

// A plan that was made of fresh answers may read others, which an earlier task
// asked before it changed them: those are asked again, too.
func TestPlanOfFreshAnswersRestsOnNoOldOnes(t *testing.T) {
	one, two := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	wide := host.Fact[bool]{Q: host.NewProbe(":").Wide(), Parse: func(host.Answer) (bool, error) { return true, nil }}
	b := &bench{hosts: []string{"h1"}, modules: map[string]func(*value.Map) play.Bound{
		"both": func(*value.Map) play.Bound { return makeBoth(one, two) },
		"look": func(*value.Map) play.Bound {
			return planFunc(func(s host.Seen) (play.Plan, error) {
				first, err := host.Get(s, there(one))
				if err != nil {
					return play.Plan{}, err
				}
				if _, err := host.Get(s, wide); err != nil { // so that no guard can prove it
					return play.Plan{}, err
				}
				if !first {
					return play.Plan{Result: play.Failure("one is not there")}, nil
				}
				if second, err := host.Get(s, there(two)); err != nil || !second {
					return play.Plan{Result: play.Failure("two is not there")}, err
				}
				return play.Plan{}, nil
			})
		},
	}}
	b.run(t, taskOf("make", "both"), taskOf("look", "look"))
	if got := strings.Join(b.told(), ", "); got != "h1 make changed, h1 look ok" {
		t.Error(got)
	}
}

// A stage behind a step does not rest on what was answered before the step.
func TestStageBehindAStepSeesIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	b := &bench{hosts: []string{"h1"}, modules: map[string]func(*value.Map) play.Bound{
		"stages": func(*value.Map) play.Bound {
			return planFunc(func(s host.Seen) (play.Plan, error) {
				plan, err := makeBoth(file, file).Plan(s)
				plan.Then = func([]host.Output) (play.Bound, error) {
					return planFunc(func(s host.Seen) (play.Plan, error) {
						if ok, err := host.Get(s, there(file)); err != nil || !ok {
							return play.Plan{Result: play.Failure("what the step made is not there")}, err
						}
						return play.Plan{Result: play.Result{Changed: true, Msg: "made"}}, nil
					}), nil
				}
				return plan, err
			})
		},
	}}
	b.run(t, taskOf("make", "stages"))
	if got := strings.Join(b.told(), ", "); got != "h1 make changed" {
		t.Error(got)
	}
}

// until is heard wherever its task stands: behind another one whose chain it
// could ride, and each try plans anew.
func TestUntilIsHeardInAChain(t *testing.T) {
	dir := t.TempDir()
	b := &bench{hosts: []string{"h1"}, modules: map[string]func(*value.Map) play.Bound{"touch": touch}}
	second := taskOf("second", "touch", "path", value.String(dir+"/second"))
	second.Register, second.Retries, second.Delay = "r", value.Int(2), value.Int(0)
	second.Until = []value.Value{value.String("r is not changed")}
	b.run(t, taskOf("first", "touch", "path", value.String(dir+"/first")), second, taskOf("third", "touch", "path", value.String(dir+"/third")))
	tries := 0
	for _, e := range b.events {
		if _, ok := e.(event.Retry); ok {
			tries++
		}
	}
	if got := strings.Join(b.told(), ", "); got != "h1 first changed, h1 second ok, h1 third changed" || tries != 1 {
		t.Errorf("%s; tried again %d times", got, tries)
	}
}

// Under the strategy free every host runs a task of run_once, and that is said.
func TestOnceUnderFree(t *testing.T) {
	b := &bench{hosts: []string{"h1", "h2"}}
	once := say("once")
	once.RunOnce = value.Bool(true)
	if _, err := b.runWith(t.Context(), &play.Play{Hosts: value.String("all"), Strategy: "free", Tasks: []play.Item{once, say("each")}}); err != nil {
		t.Fatal(err)
	}
	warned := slices.ContainsFunc(b.events, func(e event.Event) bool {
		w, ok := e.(event.Warning)
		return ok && strings.Contains(w.Text, "run_once has no effect")
	})
	if got := len(b.told()); got != 4 || !warned {
		t.Errorf("%d results, warned %v", got, warned)
	}
}
