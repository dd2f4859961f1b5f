// Package runner is the engine: plays times hosts times tasks, facts and
// questions ahead of their turn, guarded chains, controller actions. It knows
// no transport, no module, no expression syntax and no YAML: they are handed in
// behind the faces of runner/play and this file. It never prints: it emits events.
package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/keyword"
	"remoterun/runner/known"
	"remoterun/runner/laptop"
	"remoterun/runner/play"
	"remoterun/runner/reach"
	"remoterun/runner/secret"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// Journal keeps what is about to run on hosts and how it ended. Describe lines
// hold no secret.
type Journal interface {
	// Begin is called before anything is sent, with all that is sent at once; what
	// it returns is called with the outcome of each, from any goroutine.
	Begin(host string, work []Noted) (end func(i int, outcome string))
}

// Noted is what the journal keeps of one task's steps.
type Noted struct {
	Task  string
	Steps []string
}

// World is what the world gives a run.
type World struct {
	Inventory play.Inventory
	Expr      play.Expr
	Loader    play.Loader
	Prompter  play.Prompter
	Gatherer  play.Gatherer // nil = no lazy facts
	Connector reach.Connector
	Locker    reach.Locker // nil = plays with lock: run without
	Journal   Journal      // nil = none
	// Hashes are those of the laptop's files, nil = each is read in every run.
	Hashes   *laptop.Hashes
	Sink     event.Sink
	Redactor *secret.Redactor
	// Step asks before each task (--step); nil = run all.
	Step func(ctx context.Context, task string) (run, rest bool)
}

// Wishes are what the user wished of a run.
type Wishes struct {
	Extra *value.Map
	Limit string // -l
	Forks int    // 0 = 50
	Check bool
	Diff  bool
	Force bool // --force-handlers
	Presets
	Tags     []string
	SkipTags []string
	StartAt  string // --start-at-task
	reach.Defaults
	Verbosity int
	// NoAhead does one task at a time: nothing is asked ahead, nothing is
	// chained, nothing is remembered. What chains must be equal to.
	NoAhead bool
}

// Presets are a project's own defaults of keywords that a playbook leaves out.
type Presets struct {
	NoLog          bool
	AnyErrorsFatal bool
	// Explicit has a play gather facts only if it says so.
	Explicit bool
	// Smart has no play gather facts that an earlier one has.
	Smart    bool
	Strategy string // linear, free; empty = linear
}

// ErrInterrupted is the cause with which callers cancel a run on Ctrl-C.
var ErrInterrupted = errors.New("interrupted")

// Runner runs playbooks. One Runner is one run.
type Runner struct {
	world  World  // never changed
	want   Wishes // never changed
	store  *vars.Store
	stats  *event.Stats
	files  *laptop.Files
	warned map[string]bool
	gone   map[string]bool // hosts that failed in an earlier play

	mu       sync.Mutex // guards machines, stats, warned, gone
	machines map[string]*known.Machine
	facts    map[string]gathering // of hosts whose facts a play gathers
	epochs   map[string]*atomic.Int64
	rounds   known.Rounds
	sink     sync.Mutex
	dumb     bool // an event could not be shown; guarded by sink
	// operator is held while the operator is asked.
	operator sync.Mutex
	// begun says that the task of --start-at-task was come to, stepping that --step
	// still asks. Only what is done for all hosts at once reads and changes them.
	begun, stepping bool
}

// New returns a runner.
func New(world World, want Wishes) *Runner {
	if want.Forks == 0 {
		want.Forks = 50
	}
	if world.Redactor == nil {
		world.Redactor = secret.NewRedactor()
	}
	files := laptop.NewFiles(world.Loader, world.Hashes)
	world.Loader = laptop.Guarded{Loader: world.Loader, Files: files}
	store := vars.New(world.Inventory, world.Expr, world.Gatherer, want.Extra)
	store.FromHost = files.FromHost
	return &Runner{
		world: world, want: want, begun: want.StartAt == "", stepping: world.Step != nil,
		store: store, stats: event.NewStats(),
		files: files, warned: map[string]bool{}, gone: map[string]bool{}, machines: map[string]*known.Machine{}, facts: map[string]gathering{}, epochs: map[string]*atomic.Int64{},
	}
}

// Store is the run's variables (eval, inventory).
func (r *Runner) Store() *vars.Store { return r.store }

func (r *Runner) emit(e event.Event) {
	at := time.Now()
	r.sink.Lock()
	defer r.sink.Unlock()
	defer func() {
		if p := recover(); p != nil {
			r.unshown(at, e, mistake(p, nil))
		}
	}()
	r.world.Sink.Event(at, e)
}

// unshown tells that an event could not be shown, once; the run goes on.
func (r *Runner) unshown(at time.Time, e event.Event, err error) {
	defer func() { _ = recover() }() // a view that cannot even show this is left alone
	if !r.dumb {
		r.dumb = true
		r.world.Sink.Event(at, event.Warning{Host: event.HostOf(e), Text: fmt.Sprintf("a result (%s) could not be shown: %v", e.Kind(), err)})
	}
}

func (r *Runner) warn(host, text string) {
	r.mu.Lock()
	seen := r.warned[text]
	r.warned[text] = true
	r.mu.Unlock()
	if !seen {
		r.emit(event.Warning{Host: host, Text: text})
	}
}

func (r *Runner) count(host string, f func(*event.Counts)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.stats.Of(host))
}

// reader reads the play's own keywords for a host.
func (pr *playRun) reader(ctx context.Context, host string) keyword.Reader {
	return keyword.Reader{Ctx: ctx, Expr: pr.r.world.Expr, Words: keyword.Words{&pr.p.Keywords}, Scope: pr.scope(ctx, host)}
}

// machine returns a host's machine, reached as this play's variables say.
func (pr *playRun) machine(ctx context.Context, name string) (*known.Machine, error) {
	pr.mu.Lock()
	m, ok := pr.plain[name]
	pr.mu.Unlock()
	if ok {
		return m, nil
	}
	at, err := reach.Find(name, pr.reader(ctx, name), pr.r.want.Defaults, pr.r.world.Redactor)
	if err != nil {
		return nil, fmt.Errorf("where to reach %s: %w", name, err)
	}
	lock, err := pr.lockName(ctx, name)
	if err != nil {
		return nil, err
	}
	if !at.OnLaptop() {
		for _, w := range reach.Unread(pr.reader(ctx, name)) {
			pr.r.warn(name, w)
		}
	}
	r := pr.r
	key := at.Key()
	r.mu.Lock()
	if m, ok = r.machines[key]; !ok {
		m = known.New(at, r.epoch(at), known.World{Connector: r.world.Connector, Locker: r.world.Locker, Tell: r.emit})
		r.machines[key] = m
	}
	r.mu.Unlock()
	var lockAs host.As
	if lock != "" {
		if lockAs, err = reach.Identity(pr.reader(ctx, name), pr.r.want.Defaults); err != nil {
			return nil, err
		}
	}
	m.For(lock, reach.LockHolder{Host: name, As: lockAs, Doing: pr.name})
	pr.mu.Lock()
	pr.plain[name] = m
	pr.mu.Unlock()
	return m, nil
}

// epoch is what all names of one address share. The lock is held.
func (r *Runner) epoch(at reach.Endpoint) *atomic.Int64 {
	where := at.Machine()
	e, ok := r.epochs[where]
	if !ok {
		e = new(atomic.Int64)
		r.epochs[where] = e
	}
	return e
}

// lockName renders the play's lock for a host; empty = none.
func (pr *playRun) lockName(ctx context.Context, name string) (string, error) {
	if pr.p.Lock.IsNull() || pr.r.want.Check {
		return "", nil
	}
	v, err := pr.r.world.Expr.Render(ctx, pr.p.Lock, pr.scope(ctx, name))
	return value.Str(v), err
}

// forgive lets hosts that were lost take part in the plays that follow
// (clear_host_errors).
func (r *Runner) forgive() {
	r.mu.Lock()
	r.gone = map[string]bool{}
	machines := slices.Collect(maps.Values(r.machines))
	r.mu.Unlock()
	for _, m := range machines {
		m.Retry()
	}
}

func (r *Runner) isLost(host string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone[host]
}

func (r *Runner) lose(host string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone[host] = true
}
