package runner

import (
	"context"
	"fmt"
	"slices"

	"remoterun/runner/action"
	"remoterun/runner/event"
	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/program"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// action runs one of the engine's own.
func (h *hostRun) action(ctx context.Context, u *unit) *outcome {
	if u.act.Forgets {
		h.m.Forget()
	}
	var did action.Did
	err := h.knowing(ctx, func() (err error) { did, err = u.perform(ctx); return err })
	if err == nil {
		err = u.carryOut(ctx, did)
	}
	if err != nil {
		return broken(err)
	}
	return &outcome{res: did.Result}
}

func (u *unit) perform(ctx context.Context) (action.Did, error) {
	h := u.tr.h
	args := u.raw
	if whole, ok := args.Lookup(play.WholeArgs); ok && u.act.Raw {
		v, err := h.p.r.world.Expr.Render(ctx, value.FromMap(value.MapOf(play.WholeArgs, whole)), u.scope)
		if err != nil {
			return action.Did{}, err
		}
		if args, err = given(v); err != nil {
			return action.Did{}, err
		}
		args = merge(args, u.raw)
		args.Delete(value.String(play.WholeArgs))
	}
	if !u.act.Raw {
		v, err := h.p.r.world.Expr.Render(ctx, value.FromMap(u.raw), u.scope)
		if err != nil {
			return action.Did{}, err
		}
		learn(h.p.r.world.Redactor, v)
		if args, err = given(v); err != nil {
			return action.Did{}, err
		}
	}
	return u.act.Do(ctx, turnOf(u), args)
}

func turnOf(u *unit) *action.Turn {
	h := u.tr.h
	w := &h.p.r.world
	return &action.Turn{
		Task: u.tr.task, ID: u.tr.info.ID, Host: h.name, Scope: u.scope, PlayDir: h.p.p.Dir, Dirs: h.p.dirs(u.tr.task), Locals: u.loopLocals(), Verbosity: h.p.r.want.Verbosity,
		Expr: w.Expr, Inventory: w.Inventory, Loader: w.Loader, Prompter: w.Prompter, Redactor: w.Redactor, Operator: &h.p.r.operator,
		Warn:  func(text string) { h.p.r.warn(h.name, text) },
		Waits: func(text string) { h.p.r.emit(event.Waiting{Host: h.name, Task: u.tr.info, Text: text}) },
	}
}

// carryOut does to the run what an action says.
func (u *unit) carryOut(ctx context.Context, did action.Did) error {
	h := u.tr.h
	store := h.p.r.store
	err := u.found(ctx, func(to string) {
		if did.Facts != nil {
			store.SetFacts(to, did.Facts)
		}
		if did.Cached {
			store.AddFacts(to, did.Facts)
		}
		if did.Vars != nil {
			store.IncludeVars(to, did.Vars)
		}
	})
	if err != nil {
		return err
	}
	if did.Regrouped != "" {
		store.Drop(did.Regrouped)
	}
	if did.Steer == action.RefreshInventory {
		if err := h.p.r.world.Inventory.Refresh(ctx); err != nil {
			return err
		}
		store.Refresh()
	}
	u.steer(did.Steer)
	switch {
	case did.File != "":
		return u.include(did.File)
	case did.Role != nil:
		return u.includeRole(*did.Role, did.Public)
	}
	return nil
}

// steer does what a meta action says, now or when its task has ended.
func (u *unit) steer(s action.Steer) {
	h := u.tr.h
	switch s {
	case action.FlushHandlers:
		if h.cur.Notified() > 0 {
			u.tr.pushes = append(u.tr.pushes, program.Handlers(h.p.handlers()))
		}
	case action.EndHost:
		u.tr.after = func() { h.over, h.away = ended, true }
	case action.EndRole:
		u.tr.after = func() { h.cur.EndRole(u.tr.task.Role) }
	case action.EndPlay:
		h.p.ending.Store(endPlay)
	case action.EndBatch:
		h.p.ending.Store(endBatch)
	case action.ClearFacts:
		for _, n := range h.p.all {
			h.p.r.store.ClearFacts(n)
		}
	case action.ClearHostErrors:
		h.p.r.forgive()
	case action.ResetConnection:
		u.tr.after = func() { _ = h.m.Close() }
	}
}

// passes lets a look ahead pass an action, or stops it with an error; sure says
// that the action is certain to succeed at its turn: only then may steps of the
// tasks behind it be sent before it.
func (u *unit) passes(ctx context.Context, a *vars.Ahead) (sure bool, err error) {
	known := u.tr.ahead(value.FromMap(u.raw))
	switch u.act.Ahead {
	case action.Passes:
		if known != nil {
			return false, nil
		}
		_, err := u.perform(ctx)
		return err == nil, nil
	case action.Sets:
		if known != nil {
			return false, known
		}
		did, err := u.perform(ctx)
		if err != nil {
			return false, err
		}
		for k, v := range did.Facts.All() {
			a.Set.Set(k, v)
		}
		return u.tr.words.Inner(keyword.DelegateFacts).IsNull(), nil
	}
	return false, vars.ErrPending
}

// found hands on what the unit found out to those for whom it counts: its host,
// with run_once the others too, or with delegate_facts the one that it was
// delegated to.
func (u *unit) found(ctx context.Context, tell func(host string)) error {
	h := u.tr.h
	k := h.reader(ctx, u.tr.words, u.scope)
	over, err := k.Flag("delegate_facts", keyword.DelegateFacts, false)
	switch {
	case err != nil:
		return err
	case over && u.on != "":
		tell(u.on)
		return nil
	}
	for _, name := range append([]string{h.name}, h.also...) {
		tell(name)
	}
	return nil
}

// loopLocals are the loop variables of the unit's item, as an included file sees
// them.
func (u *unit) loopLocals() *value.Map {
	if !u.tr.loop {
		return nil
	}
	m := u.tr.loopVars(u.index)
	m.Delete(value.String("ansible_loop_var"))
	m.Delete(value.String("ansible_index_var"))
	return m
}

// include takes in a file of tasks: the host enters it when the task has ended.
func (u *unit) include(path string) error {
	h := u.tr.h
	prog, err := h.p.included(path, u.tr.task, u.tr.words[1:len(u.tr.words)-1])
	if err != nil {
		return err
	}
	if prog == nil { // as in Ansible it is neither told nor counted
		u.tr.nothing = true
		return nil
	}
	u.tr.pushes = append(u.tr.pushes, program.Included(prog, merge(u.tr.task.Vars, u.loopLocals())))
	u.tr.included = append(u.tr.included, event.Included{Host: h.name, Task: u.tr.info, Path: path, LoopItem: u.loopItem(), NoLog: u.noLog})
	return nil
}

// included loads a file once per play and task: hosts that take it in stand in
// the same program and run in step. Its tasks have the tags of the blocks around
// the include, but not the include's own.
func (pr *playRun) included(path string, from *play.Task, around keyword.Words) (*program.Program, error) {
	return pr.taken(fmt.Sprintf("%p %s", from, path), around, false, func() (*play.Included, error) { return pr.r.world.Loader.Tasks(path, from) })
}

// taken compiles what load gives, once for all hosts that ask by the same key; nil
// is a file with nothing in it.
func (pr *playRun) taken(key string, around keyword.Words, public bool, load func() (*play.Included, error)) (*program.Program, error) {
	pr.incMu.Lock()
	defer pr.incMu.Unlock()
	if p, ok := pr.inc[key]; ok {
		return p, nil
	}
	in, err := load()
	if err != nil {
		return nil, err
	}
	if in.Nothing {
		return nil, nil
	}
	pr.adopt(in, public)
	if pr.inc == nil {
		pr.inc = map[string]*program.Program{}
	}
	p := program.Compile(func(t *play.Task, inner []*play.Keywords) bool {
		return pr.keep(t, slices.Concat(around, inner))
	}, in.Items)
	if pr.r.want.Check {
		pr.override(p)
	}
	pr.inc[key] = p
	return p, nil
}
