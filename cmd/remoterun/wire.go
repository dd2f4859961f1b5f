package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"remoterun/runner/action"
	"remoterun/runner/reach"
	"slices"
	"strings"
	"time"

	"remoterun/inventory"
	"remoterun/inventory/config"
	"remoterun/playbooks/ast"
	"remoterun/playbooks/jinja"
	"remoterun/runner"
	"remoterun/runner/event"
	"remoterun/runner/journal"
	"remoterun/runner/laptop"
	"remoterun/runner/play"
	"remoterun/runner/secret"
	"remoterun/runner/ssh"
	"remoterun/runner/value"
	"remoterun/runner/view"
	"remoterun/tasks"
	"remoterun/tasks/door"
	"remoterun/tasks/facts"
	"remoterun/tasks/move"
	"remoterun/tasks/tde"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/seal"
)

// session is everything that one run of playbooks is made of: the one place
// where transports, language, modules and engine meet.
type session struct {
	a        *app
	f        *runFlags
	redactor *secret.Redactor
	inv      *inventory.Inventory
	vaults   *opener
	// names are the variables of the inventory, once they were asked for.
	names         map[string]bool
	namesComplete bool
	expr          *jinja.Engine
	prompts       *prompts
	modules       *tasks.Registry
	loader        *ast.Loader
	extra         *value.Map
	dialer        *ssh.Dialer
	sink          event.Sink // the view, or what tests put there
	view          view.View
	journal       *journal.Journal
	hashes        *laptop.Hashes
	steps         int              // questions of --step
	keys          *custody.Session // sealed keyrings that were opened in this run
	// memory holds files that are made, not read (ad hoc tasks).
	memory map[string][]byte
}

// open joins the parts for one run.
func (a *app) open(ctx context.Context, f *runFlags) (*session, error) {
	s := &session{a: a, f: f, redactor: secret.NewRedactor(), memory: map[string][]byte{}, hashes: laptop.OpenHashes(a.stateDir("hashes"))}
	a.redactor = s.redactor
	s.prompts = newPrompts(f.passphraseFD, f.yes, s.redactor)
	if a.terminal != nil {
		s.prompts.open = a.terminal
	}
	var err error
	if s.vaults, err = a.newOpener(ctx, &f.projectFlags, s.prompts, s.redactor); err != nil {
		return nil, err
	}
	if s.extra, err = allExtraVars(f.extra, s.vaults); err != nil {
		return nil, err
	}
	if s.inv, err = a.loadInventory(ctx, &f.projectFlags, "", s.vaults); err != nil {
		return nil, err
	}
	if err := s.inv.ReadLimit(f.limit); err != nil {
		return nil, &codedError{exitUsage, err}
	}
	if err := s.narrow(); err != nil {
		return nil, err
	}
	s.expr = a.engine(s.vaults)
	if err := s.ssh(); err != nil {
		return nil, err
	}
	s.modules = tasks.NewRegistry(append(tasks.All(), s.custody()...)...)
	cfg := a.cfg
	if cfg == nil {
		cfg = &config.Config{}
	}
	s.loader = ast.New(ast.Env{
		RolesPath: rolesPath(cfg, a.home()), CollectionsPath: collectionsPath(cfg, a.home()),
		File: s.readFile, Decrypt: s.vaults.decrypt, Exists: s.exists, Modules: s.modules, Own: &door.Library{Further: cfg.Library}, Actions: action.Specs(), Expr: s.expr, Extra: s.extra, Names: s.wishes().Names(), Defines: s.defines,
	})
	return s, nil
}

// custody are the modules that keep databases encrypted, and those that move them.
func (s *session) custody() []play.Module {
	s.keys = custody.NewSession()
	return append(tde.All(custody.Deps{Prompter: s.prompts, Session: s.keys, Sealer: s.a.lowered.sealer, Dir: s.dir, By: operator(), Yes: s.f.yes, WitnessDir: s.a.stateDir("keys")}),
		move.All(move.Deps{Prompter: s.prompts, Dir: s.dir, By: operator(), Yes: s.f.yes})...)
}

// narrow makes of a verb's pattern and a limit one limit. It lists hosts: no
// pattern says "of these groups, and of those" (a:b:&c:d is c or d of a).
func (s *session) narrow() error {
	f := s.f
	if f.pattern == "" {
		return nil
	}
	if f.limit == "" {
		f.limit = f.pattern
		return nil
	}
	var both [2][]string
	for i, p := range []string{f.pattern, f.limit} {
		if err := s.somebody(p); err != nil {
			return err
		}
		var err error
		if both[i], err = s.inv.Hosts(p); err != nil {
			return &codedError{exitUsage, err}
		}
	}
	names := slices.DeleteFunc(both[0], func(h string) bool { return !slices.Contains(both[1], h) })
	if len(names) == 0 {
		return usage("no host is in both %q and -l %q", f.pattern, f.limit)
	}
	f.limit = strings.Join(names, ",")
	return nil
}

// lowered is what tests make cheaper: the work of sealing, how long taking a lock
// may take, and how long a question may be silent; zero values are the program's own.
type lowered struct {
	sealer        seal.Sealer
	lock, silence time.Duration
}

// allModules are the modules as docs show them: nothing runs with these.
func allModules() []play.Module {
	return append(append(tasks.All(), tde.All(custody.Deps{})...), move.All(move.Deps{})...)
}

// defines reports names that inventory or the command line gives a value. With
// a vault that stays closed every name may be one.
func (s *session) defines(name string) bool {
	if _, ok := s.extra.Lookup(name); ok {
		return true
	}
	if s.names == nil {
		s.names, s.namesComplete = s.inv.Names()
	}
	return s.names[name] || !s.namesComplete
}

func (s *session) ssh() error {
	env := func(n string) string { v, _ := s.a.env(n); return v }
	cfg, err := ssh.LoadConfig(s.f.sshConfig, s.a.home(), env)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	s.dialer = &ssh.Dialer{Config: cfg, Warn: func(text string) { fmt.Fprintf(s.a.err, "[WARNING]: %s\n", text) }}
	s.dialer.Ask = func(ctx context.Context, key, text string) (secret.Sealed, error) {
		return s.prompts.Secret(ctx, play.Ask{Key: key, Text: text, Sealed: true})
	}
	s.dialer.Accept = func(ctx context.Context, k ssh.NewKey) (bool, error) {
		ok, _ := s.hostKeyQuestion(ctx, k)
		return ok, nil // nobody to ask: the key stays unknown, and the hint says what to do
	}
	return nil
}

// hostKeyQuestion asks the operator about an unknown key.
func (s *session) hostKeyQuestion(ctx context.Context, k ssh.NewKey) (bool, error) {
	answer, err := s.prompts.Ask(ctx, play.Ask{Key: hostKey + k.Host + k.Fingerprint, YesNo: true,
		Text: fmt.Sprintf("The host key of %s is not known yet.\n%s key, fingerprint %s\nCompare it with the server's own. Accept and write it to %s? (yes/no)", k.Host, k.Type, k.Fingerprint, k.File)})
	return answer == "yes", err
}

// first returns the first word that is not empty.
// readFile reads a project's file, or one of the shipped playbooks.
func (s *session) readFile(path string) ([]byte, bool, error) {
	if data, ok := s.memory[path]; ok {
		return data, false, nil
	}
	if data, ok := builtin(path); ok {
		return data, false, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, false, err
	}
	return s.vaults.file(data)
}

// world is what the engine needs of the world.
func (s *session) world() runner.World {
	f := s.f
	w := runner.World{
		Inventory: s.inv, Expr: s.expr, Loader: s.loader, Prompter: s.prompts, Gatherer: facts.Gatherer(),
		Connector: &connector{dialer: s.dialer, prompts: s.prompts, redactor: s.redactor, askPassword: f.askPass, timeout: time.Duration(f.timeout) * time.Second, silence: s.a.lowered.silence},
		Locker:    locker{who: operator(), takeOver: f.takeOver, within: s.a.lowered.lock}, Sink: s.sink, Redactor: s.redactor,
		Hashes: s.hashes,
	}
	if f.step {
		w.Step = s.step
	}
	if s.journal != nil {
		w.Journal = noting{s.journal}
	}
	return w
}

// presets are the project's own, for its own playbooks: one that ships says
// all that it needs.
func (s *session) presets(books []*play.Playbook) runner.Presets {
	if s.a.cfg == nil || slices.ContainsFunc(books, func(b *play.Playbook) bool { return strings.HasPrefix(b.Path, builtinDir) }) {
		return runner.Presets{}
	}
	return runner.Presets{NoLog: s.a.cfg.NoLog, AnyErrorsFatal: s.a.cfg.AnyErrorsFatal, Explicit: s.a.cfg.ExplicitGathering, Smart: s.a.cfg.SmartGathering, Strategy: s.a.cfg.Strategy}
}

// defaults are how hosts are reached where nothing else says so.
func (s *session) defaults() reach.Defaults {
	f := s.f
	d := reach.Defaults{Become: f.become, BecomeUser: f.becomeUser, BecomeMethod: f.becomeMethod, RemoteUser: f.user, Connection: f.connection, PrivateKey: f.privateKey}
	if s.a.cfg != nil {
		d.Port, d.BecomeFlags = s.a.cfg.RemotePort, s.a.cfg.BecomeFlags
	}
	return d
}

// wishes are what the flags say.
func (s *session) wishes(books ...*play.Playbook) runner.Wishes {
	f := s.f
	return runner.Wishes{
		Extra: s.extra, Limit: f.limit, Forks: f.forks, Check: f.check, Diff: f.diff, Force: f.forceHandlers,
		Tags: f.tags, SkipTags: f.skipTags, StartAt: f.startAt, Verbosity: f.verbose,
		Defaults: s.defaults(), Presets: s.presets(books),
	}
}

// step asks before a task, in Ansible's words; what is not yes leaves it out.
func (s *session) step(ctx context.Context, task string) (run, rest bool) {
	s.steps++
	answer, err := s.prompts.Ask(ctx, play.Ask{Key: fmt.Sprintf("step %d", s.steps), Text: "Perform task: TASK: " + task + " (N)o/(y)es/(c)ontinue"})
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "c", "continue":
		return err == nil, err == nil
	case "y", "yes":
		return err == nil, false
	}
	return false, false
}

// dir is a folder that a project's relative paths are in.
func (s *session) dir() string {
	if d := s.inv.Dir(); d != "" {
		return d
	}
	d, err := filepath.Abs(".")
	if err != nil {
		return "."
	}
	return d
}

// noting gives the engine the run's journal.
type noting struct{ j *journal.Journal }

// Begin notes what is about to be sent.
func (n noting) Begin(host string, work []runner.Noted) func(i int, outcome string) {
	lines := make([]journal.Work, len(work))
	for i, w := range work {
		lines[i] = journal.Work(w)
	}
	return n.j.Begin(host, lines)
}
