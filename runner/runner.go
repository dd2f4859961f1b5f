// Package runner is the engine: plays times hosts times tasks, facts and
// questions ahead of their turn, guarded chains, controller actions. It knows
// no transport, no module, no expression syntax and no YAML: they are handed in
// behind the faces of runner/play and this file. It never prints: it emits events.
package runner

import (
	"context"
	"errors"
	"fmt"
	"remoterun/runner/keyword"
	"remoterun/runner/known"
	"remoterun/runner/laptop"
	"remoterun/runner/program"
	"remoterun/runner/reach"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/play"
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
	Sink      event.Sink
	Redactor  *secret.Redactor
	// Step asks before each task (--step); nil = run all.
	Step func(ctx context.Context, task string) (run, rest bool)
}

// Wishes are what the user wished of a run.
type Wishes struct {
	Extra    *value.Map
	Limit    string // -l
	Forks    int    // 0 = 50
	Check    bool
	Diff     bool
	Force    bool // --force-handlers
	Tags     []string
	SkipTags []string
	StartAt  string // --start-at-task
	reach.Defaults
	Verbosity int
	// NoAhead does one task at a time: nothing is asked ahead, nothing is
	// chained, nothing is remembered. What chains must be equal to.
	NoAhead bool
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
	facts    map[string]*known.Machine // of hosts whose facts a play gathers
	epochs   map[string]*atomic.Int64
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
	return &Runner{
		world: world, want: want, begun: want.StartAt == "", stepping: world.Step != nil,
		store: vars.New(world.Inventory, world.Expr, world.Gatherer, want.Extra), stats: event.NewStats(),
		files: laptop.NewFiles(world.Loader), warned: map[string]bool{}, gone: map[string]bool{}, machines: map[string]*known.Machine{}, facts: map[string]*known.Machine{}, epochs: map[string]*atomic.Int64{},
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

// Run runs playbooks in order. The error is a mistake that ended the run (a
// pattern, a variable of a play); failures of hosts are in the stats.
func (r *Runner) Run(ctx context.Context, books ...*play.Playbook) (*event.Stats, error) {
	defer r.close()
	var plays []*play.Play
	for _, b := range books {
		plays = append(plays, b.Plays...)
	}
	if err := r.startable(plays); err != nil {
		return r.stats, err
	}
	var err error
	r.overrides(plays)
	for on := true; on && len(plays) > 0; {
		if on, err = r.play(ctx, plays[0]); err == nil {
			plays = plays[1:]
		}
	}
	if ctx.Err() != nil {
		r.stats.Interrupted = true
		for _, p := range plays {
			r.stats.NotBegun = append(r.stats.NotBegun, nameOf(p))
		}
	}
	r.emit(event.Recap{Stats: r.stats})
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return r.stats, err
}

func (r *Runner) close() {
	for _, m := range r.machines {
		_ = m.Close()
	}
}

// play runs one play, batch after batch (serial). It answers whether the run
// goes on: a batch that was lost as a whole ends it, as in Ansible.
func (r *Runner) play(ctx context.Context, p *play.Play) (on bool, err error) {
	defer func() {
		if p := recover(); p != nil { // in what is done for all hosts at once
			on, err = false, mistake(p, nil)
		}
	}()
	pr := &playRun{r: r, p: p}
	if err := pr.prepare(ctx); err != nil {
		return false, err
	}
	batches, err := pr.batches(ctx)
	if err != nil {
		return false, err
	}
	if len(batches) == 0 {
		r.emit(event.PlayStart{Play: pr.name})
		r.emit(event.PlayNoHosts{Play: pr.name})
	}
	for i, hosts := range batches {
		r.emit(event.PlayStart{Play: pr.name, Hosts: slices.DeleteFunc(slices.Clone(hosts), r.isLost)})
		if !pr.batch(ctx, hosts) || ctx.Err() != nil {
			pr.notBegun(ctx, batches[i+1:])
			return false, nil
		}
		if pr.ending.Load() == endPlay {
			break
		}
	}
	return ctx.Err() == nil, nil
}

// nameOf is a play's name as it is written, its pattern when it has none.
func nameOf(p *play.Play) string {
	if p.Name.IsNull() {
		return value.Show(p.Hosts)
	}
	return value.Str(p.Name)
}

// notBegun notes the hosts whose turn an interruption came before.
func (pr *playRun) notBegun(ctx context.Context, batches [][]string) {
	if ctx.Err() == nil {
		return
	}
	for _, h := range slices.Concat(batches...) {
		if !pr.r.isLost(h) {
			pr.r.stats.Undone = append(pr.r.stats.Undone, event.Undone{Host: h, Tasks: pr.todo(program.NewCursor(pr.main))})
		}
	}
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
