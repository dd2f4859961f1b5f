// Package runner is the engine: plays times hosts times tasks, facts and
// questions ahead of their turn, guarded chains, controller actions. It knows
// no transport, no module, no expression syntax and no YAML: they are handed in
// behind the faces of runner/play and this file. It never prints: it emits events.
package runner

import (
	"context"
	"errors"
	"fmt"
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

// Options is everything that a run is made of.
type Options struct {
	Inventory play.Inventory
	Expr      play.Expr
	Loader    play.Loader
	Prompter  play.Prompter
	Gatherer  play.Gatherer // nil = no lazy facts
	Connector Connector
	Locker    Locker  // nil = plays with lock: run without
	Journal   Journal // nil = none
	Sink      event.Sink
	Redactor  *secret.Redactor

	Extra    *value.Map
	Limit    string // -l
	Forks    int    // 0 = min(hosts, 50)
	Check    bool
	Diff     bool
	Force    bool // --force-handlers
	Tags     []string
	SkipTags []string
	StartAt  string // --start-at-task
	// Step asks before each task (--step); nil = run all.
	Step func(ctx context.Context, task string) (run, rest bool)
	// Defaults of keywords, from the command line and ansible.cfg.
	Become                                           bool
	BecomeUser, BecomeMethod, RemoteUser, Connection string
	PrivateKey                                       string
	Verbosity                                        int
	// NoAhead does one task at a time: nothing is asked ahead, nothing is
	// chained, nothing is remembered. What chains must be equal to.
	NoAhead bool
}

// ErrInterrupted is the cause with which callers cancel a run on Ctrl-C.
var ErrInterrupted = errors.New("interrupted")

// Runner runs playbooks. One Runner is one run.
type Runner struct {
	opt    Options
	store  *vars.Store
	stats  *event.Stats
	files  *fileCache
	warned map[string]bool
	gone   map[string]bool // hosts that failed in an earlier play

	mu       sync.Mutex // guards machines, stats, warned, gone
	machines map[string]*machine
	epochs   map[string]*atomic.Int64
	sink     sync.Mutex
	dumb     bool       // an event could not be shown; guarded by sink
	ops      sync.Mutex // run_once-like actions and operators' answers
}

// New returns a runner.
func New(opt Options) *Runner {
	if opt.Forks == 0 {
		opt.Forks = 50
	}
	if opt.Redactor == nil {
		opt.Redactor = secret.NewRedactor()
	}
	return &Runner{
		opt: opt, store: vars.New(opt.Inventory, opt.Expr, opt.Gatherer, opt.Extra), stats: event.NewStats(),
		files: newFileCache(opt.Loader), warned: map[string]bool{}, gone: map[string]bool{}, machines: map[string]*machine{}, epochs: map[string]*atomic.Int64{},
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
	r.opt.Sink.Event(at, e)
}

// unshown tells that an event could not be shown, once; the run goes on.
func (r *Runner) unshown(at time.Time, e event.Event, err error) {
	defer func() { _ = recover() }() // a view that cannot even show this is left alone
	if !r.dumb {
		r.dumb = true
		r.opt.Sink.Event(at, event.Warning{Host: event.HostOf(e), Text: fmt.Sprintf("a result (%s) could not be shown: %v", e.Kind(), err)})
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
		_ = m.close()
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
			pr.r.stats.Undone = append(pr.r.stats.Undone, event.Undone{Host: h, Tasks: pr.todo(newCursor(pr.main))})
		}
	}
}

// machine returns a host's machine, reached as this play's variables say.
func (pr *playRun) machine(ctx context.Context, name string) (*machine, error) {
	pr.mu.Lock()
	m, ok := pr.plain[name]
	pr.mu.Unlock()
	if ok {
		return m, nil
	}
	at, err := pr.endpoint(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("where to reach %s: %w", name, err)
	}
	lock, err := pr.lockName(ctx, name)
	if err != nil {
		return nil, err
	}
	r := pr.r
	key := fmt.Sprintf("%s\x00%s\x00%s\x00%d\x00%s", name, at.Connection, at.Addr, at.Port, at.User)
	r.mu.Lock()
	if m, ok = r.machines[key]; !ok {
		m = &machine{name: name, at: at, r: r, epoch: r.epoch(at)}
		r.machines[key] = m
	}
	r.mu.Unlock()
	var lockAs host.As
	if lock != "" {
		k := reader{ctx, pr, words{&pr.p.Keywords}, pr.scope(ctx, name)}
		if lockAs, err = k.identity(); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	m.lock, m.doing, m.lockAs = lock, pr.name, lockAs
	m.mu.Unlock()
	pr.mu.Lock()
	pr.plain[name] = m
	pr.mu.Unlock()
	return m, nil
}

// epoch is what all names of one address share. The lock is held.
func (r *Runner) epoch(at Endpoint) *atomic.Int64 {
	where := at.Addr
	if at.Connection == "local" {
		where = "\x00local"
	}
	e, ok := r.epochs[where]
	if !ok {
		e = new(atomic.Int64)
		r.epochs[where] = e
	}
	return e
}

// lockName renders the play's lock for a host; empty = none.
func (pr *playRun) lockName(ctx context.Context, name string) (string, error) {
	if pr.p.Lock.IsNull() || pr.r.opt.Check {
		return "", nil
	}
	v, err := pr.r.opt.Expr.Render(ctx, pr.p.Lock, pr.scope(ctx, name))
	return value.Str(v), err
}

// endpoint reads where to reach a host.
func (pr *playRun) endpoint(ctx context.Context, name string) (Endpoint, error) {
	s := pr.r.store.Scope(ctx, name, pr.frame(nil, nil), false)
	// get answers a setting, as it was written and rendered, and its name.
	get := func(keyword value.Value, otherwise string, names ...string) (name string, raw, v value.Value, err error) {
		name, raw = names[0], value.MarkedString(otherwise, value.Unsafe)
		if !keyword.IsNull() {
			raw = keyword
		}
		for _, n := range names {
			v, ok, err := s.Var(n)
			if err != nil {
				return n, v, v, err
			}
			if ok && !v.IsNull() {
				name, raw = n, v
				break
			}
		}
		v, err = pr.r.opt.Expr.Render(ctx, raw, s)
		return name, raw, v, err
	}
	e := Endpoint{Name: name}
	var errs []error
	text := func(to *string, read func(string, value.Value, value.Value) (string, error), keyword value.Value, otherwise string, names ...string) {
		name, raw, v, err := get(keyword, otherwise, names...)
		if err == nil {
			*to, err = read(name, raw, v)
		}
		errs = append(errs, err)
	}
	text(&e.Connection, wordOf, pr.p.Connection, pr.r.opt.Connection, "ansible_connection")
	text(&e.Addr, wordOf, value.Null(), name, "ansible_host", "ansible_ssh_host")
	text(&e.User, wordOf, pr.p.RemoteUser, pr.r.opt.RemoteUser, "ansible_user", "ansible_ssh_user")
	text(&e.KeyFile, pathOf, value.Null(), pr.r.opt.PrivateKey, "ansible_ssh_private_key_file", "ansible_private_key_file")
	portName, raw, port, err := get(pr.p.Port, "", "ansible_port", "ansible_ssh_port")
	if err == nil {
		e.Port, err = portOf(portName, raw, port)
	}
	errs = append(errs, err)
	for names, to := range map[string]*secret.Sealed{"ansible_password": &e.Password, "ansible_become_password": &e.BecomePassword} {
		_, _, v, err := get(value.Null(), "", names, map[string]string{"ansible_password": "ansible_ssh_pass", "ansible_become_password": "ansible_become_pass"}[names])
		errs = append(errs, err)
		if s := value.Str(v); s != "" && err == nil {
			pr.r.opt.Redactor.Add([]byte(s))
			*to = secret.New([]byte(s))
		}
	}
	if e.Connection == "" {
		e.Connection = "ssh"
	}
	return e, errors.Join(errs...)
}
