package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/action"
	"remoterun/runner/event"
	"remoterun/runner/host"
	"remoterun/runner/keyword"
	"remoterun/runner/laptop"
	"remoterun/runner/play"
	"remoterun/runner/program"
	"remoterun/runner/reach"
	"remoterun/runner/secret"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// prepare makes the units of a task. Ahead of its turn (ahead not nil) errors
// only mean that the look ahead stops. *host.ErrNeed passes through.
func (h *hostRun) prepare(ctx context.Context, o *program.Op, ahead *vars.Ahead) (*taskRun, error) {
	tr := &taskRun{h: h, o: o, task: o.Task, words: h.wordsOf(o)}
	tr.scope = h.scopeOf(ctx, o, tr.words)
	if ahead != nil {
		tr.scope = tr.scope.Ahead(ahead)
		if err := tr.ahead(tr.read()...); err != nil {
			return tr, err
		}
	}
	var err error
	if err = tr.named(ctx, ahead != nil); err != nil {
		return tr.unneeded(ctx, err, ahead != nil)
	}
	if tr.info, err = tr.described(ctx); err != nil && ahead == nil {
		return tr, err
	}
	if o.Task.Loop == nil {
		u, err := h.unit(ctx, tr, tr.scope, value.Null(), ahead != nil)
		tr.units = []*unit{u}
		return tr, err
	}
	tr.loop = true
	items, err := tr.listed(ctx, ahead != nil)
	if err != nil {
		return tr.unneeded(ctx, err, ahead != nil)
	}
	tr.items = items
	if err := tr.controlled(ctx, ahead != nil); err != nil {
		return tr, err
	}
	if tr.pause, err = tr.pauseOf(ctx); err != nil {
		return tr, err
	}
	stepwise := len(items) > 1 && tr.stepwise()
	if stepwise && ahead != nil {
		return tr, vars.ErrPending
	}
	for i, it := range items {
		if i > 0 && stepwise {
			tr.units = append(tr.units, &unit{tr: tr, index: i, item: it, m: h.m, state: unitWaits})
			continue
		}
		u, err := tr.itemUnit(ctx, i, nil, ahead != nil)
		if err != nil {
			return tr, err
		}
		tr.units = append(tr.units, u)
	}
	return tr, nil
}

// unneeded is a task that cannot be worked out: left out where its condition says so.
func (tr *taskRun) unneeded(ctx context.Context, err error, ahead bool) (*taskRun, error) {
	if ahead || !tr.unwanted(ctx, err) {
		return tr, err
	}
	tr.loop = false
	tr.units = []*unit{{tr: tr, scope: tr.scope, m: tr.h.m, out: leftOut()}}
	return tr, nil
}

// named finds the module of a task that names it by a template.
func (tr *taskRun) named(ctx context.Context, ahead bool) error {
	t := tr.task
	if !value.Templated(t.Module) {
		return nil
	}
	if ahead {
		return vars.ErrPending
	}
	tr.info, _ = tr.described(ctx)
	w := &tr.h.p.r.world
	v, err := w.Expr.Render(ctx, value.String(t.Module).From(&value.Origin{Pos: t.ArgsPos}), tr.scope)
	if err != nil {
		return err
	}
	bound, err := w.Loader.Named(t, strings.TrimSpace(value.Str(v)))
	if err == nil {
		tr.task = bound
	}
	return err
}

// read are the keywords that are rendered before the task runs. Variables are not
// among them: they are judged when one is read.
func (tr *taskRun) read() []value.Value {
	out := []value.Value{tr.task.Name}
	for _, w := range tr.words {
		out = append(out, keyword.All(w)[1:]...)
	}
	if l := tr.task.Loop; l != nil {
		out = append(out, l.Label, l.Pause)
	}
	return out
}

// listed works out a loop's list.
func (tr *taskRun) listed(ctx context.Context, ahead bool) ([]value.Value, error) {
	h := tr.h
	l := tr.task.Loop
	expr := h.p.r.world.Expr
	if ahead {
		if l.With != "" && l.With != "items" && l.With != "dict" && l.With != "indexed_items" && l.With != "nested" && l.With != "together" && l.With != "sequence" && l.With != "list" {
			return nil, vars.ErrPending
		}
		if err := tr.ahead(l.Items); err != nil {
			return nil, err
		}
	}
	var v value.Value
	var err error
	if l.With == "" {
		v, err = expr.Render(ctx, l.Items, tr.scope)
	} else {
		v, err = expr.Lookup(ctx, l.With, l.Items, tr.scope.LookingIn(foundIn(tr.task.Module)))
	}
	if err != nil {
		return nil, err
	}
	if v.IsUndefined() {
		m, _ := v.AsMissing()
		return nil, errors.New(m.Message())
	}
	s, ok := v.AsSeq()
	if !ok {
		//lint:ignore ST1005 Ansible's own words, that people search for
		return nil, fmt.Errorf("%s: Invalid data passed to 'loop', it requires a list, got this instead: %s. Hint: If you passed a list/dict of just one element, try adding wantlist=True to your lookup invocation or use q/query instead of lookup.", tr.task.Loop.Pos, value.Show(v))
	}
	return s.Items, nil
}

// foundIn is the kind of folders in which with_first_found looks for a module.
func foundIn(module string) string {
	switch {
	case strings.Contains(module, "template"):
		return "templates"
	case strings.Contains(module, "var"):
		return "vars"
	}
	return "files"
}

// ahead reports whether what a task is made of may be rendered ahead of its turn:
// its answer is the same then. Not what changes from call to call; nor, where the
// play's own tasks change the laptop, what reads its files.
func (tr *taskRun) ahead(vs ...value.Value) error { return tr.foreseeable(false, vs...) }

func (tr *taskRun) foreseeable(bare bool, vs ...value.Value) error {
	for _, v := range vs {
		u, err := tr.h.p.r.world.Expr.Inspect(v, bare)
		if err != nil || u.Impure || u.Laptop && tr.h.p.onLaptop() {
			return vars.ErrPending
		}
	}
	return nil
}

// loopVars are the names that item i brings.
func (tr *taskRun) loopVars(i int) *value.Map {
	l, items := tr.looping, tr.items
	m := value.MapOf(l.name, items[i], "ansible_loop_var", value.String(l.name))
	if l.index != "" {
		m.Put(l.index, value.Int(int64(i)))
		m.Put("ansible_index_var", value.String(l.index))
	}
	if l.extended {
		info := loopInfo(items, i)
		if !l.all {
			info.Delete(value.String("allitems"))
		}
		m.Put("ansible_loop", value.FromMap(info))
	}
	return m
}

func loopInfo(items []value.Value, i int) *value.Map {
	n := len(items)
	m := value.MapOf(
		"allitems", value.List(items...), "index", value.Int(int64(i+1)), "index0", value.Int(int64(i)),
		"first", value.Bool(i == 0), "last", value.Bool(i == n-1), "length", value.Int(int64(n)),
		"revindex", value.Int(int64(n-i)), "revindex0", value.Int(int64(n-i-1)))
	if i > 0 {
		m.Put("previtem", items[i-1])
	}
	if i < n-1 {
		m.Put("nextitem", items[i+1])
	}
	return m
}

func (u *unit) labelled(ctx context.Context) (string, error) {
	h := u.tr.h
	l := u.tr.task.Loop
	if l.Label.IsNull() {
		if _, isTuple := u.item.AsSeq(); isTuple && u.item.Kind() == value.KindTuple {
			return value.Show(value.List(u.item.Items()...)), nil
		}
		return value.Show(u.item), nil
	}
	v, err := h.p.r.world.Expr.Render(ctx, l.Label, u.scope)
	return value.Show(v), err
}

// unit makes one unit: condition, keywords, arguments, module.
func (h *hostRun) unit(ctx context.Context, tr *taskRun, s *vars.Scope, item value.Value, ahead bool) (*unit, error) {
	u := &unit{tr: tr, scope: s, item: item}
	u.noLog, u.unread = tr.hidden(ctx, s)
	ok, err := u.when(ctx, ahead)
	if err != nil {
		return u, u.mistake(ahead, fmt.Errorf("the conditional check failed: %w", err))
	}
	if !ok {
		u.out = leftOut()
		return u, nil
	}
	if err := u.fill(ctx, ahead); err != nil {
		return u, u.mistake(ahead, err)
	}
	return u, nil
}

// hides says whether no_log covers what is told of a task.
func (tr *taskRun) hides(ctx context.Context, s *vars.Scope) bool {
	is, _ := tr.hidden(ctx, s)
	return is
}

// hidden is the one place where no_log is worked out. What cannot be told is hidden:
// a label or an error's words could be a secret; err says why it cannot.
func (tr *taskRun) hidden(ctx context.Context, s *vars.Scope) (is bool, err error) {
	is, err = tr.h.reader(ctx, tr.words, s).Flag("no_log", keyword.NoLog, tr.h.p.r.want.NoLog)
	return is || err != nil, err
}

// mistake makes a failed outcome of a mistake, except of what somebody else
// must hear: answers that are needed first, and a look ahead that must stop.
func (u *unit) mistake(ahead bool, err error) error {
	if need := new(host.ErrNeed); errors.As(err, &need) || ahead || errors.Is(err, vars.ErrPending) {
		return err
	}
	u.out = failure(err)
	return nil
}

// when tests the conditions of blocks and task.
func (u *unit) when(ctx context.Context, ahead bool) (bool, error) {
	h := u.tr.h
	for _, w := range u.tr.words {
		for _, c := range w.When {
			if ahead {
				if err := u.tr.foreseeable(true, c); err != nil {
					return false, err
				}
			}
			ok, err := h.p.r.world.Expr.Test(ctx, c, u.scope)
			if err != nil {
				return false, &play.Unjudged{Condition: c, Err: err}
			}
			if !ok {
				return false, nil
			}
		}
	}
	return true, nil
}

// fill reads keywords and arguments.
func (u *unit) fill(ctx context.Context, ahead bool) error {
	h := u.tr.h
	k := h.reader(ctx, u.tr.words, u.scope)
	if err := u.flags(k); err != nil {
		return err
	}
	if err := u.target(ctx, k, ahead); err != nil {
		return err
	}
	u.act = action.Of(u.tr.task)
	var err error
	if u.later, err = wishOf(u, k); err != nil {
		return err
	}
	if u.act != nil {
		u.raw = u.tr.task.Args
		return nil
	}
	if u.as, err = reach.Identity(k, h.p.r.want.Defaults); err != nil {
		return err
	}
	if u.env, err = k.Environment(); err != nil {
		return err
	}
	return u.bind(ctx, ahead)
}

func (u *unit) flags(k keyword.Reader) error {
	h := u.tr.h
	want := h.p.r.want
	var errs [2]error
	u.check, errs[0] = k.Flag("check_mode", keyword.CheckMode, want.Check)
	u.diff, errs[1] = k.Flag("diff", keyword.Diff, want.Diff)
	return errors.Join(append(errs[:], u.unread)...)
}

// target is the machine that the unit works on.
func (u *unit) target(ctx context.Context, k keyword.Reader, ahead bool) error {
	h := u.tr.h
	u.m = h.m
	to, err := k.Text(keyword.Delegate, "")
	if err != nil || to == "" {
		return err
	}
	if ahead {
		return vars.ErrPending
	}
	u.on = to
	h.p.r.store.Admit(to)
	if u.m, err = h.p.machine(ctx, to); err == nil {
		u.scope = u.scope.Reached(delegatedTo(u.m.At))
	}
	return err
}

// bind renders the arguments and hands them to the module.
func (u *unit) bind(ctx context.Context, ahead bool) error {
	h := u.tr.h
	mod := u.tr.task.Use
	if why := u.tr.task.Lacks; why != "" {
		return errors.New(why)
	}
	if mod == nil {
		return fmt.Errorf("there is no module %s", u.tr.task.Module)
	}
	raw := u.tr.task.Args
	if ahead {
		if mod.Spec().Local {
			return vars.ErrPending
		}
		if err := u.tr.ahead(value.FromMap(raw)); err != nil {
			return err
		}
	}
	v, err := h.p.r.world.Expr.Render(ctx, value.FromMap(raw), u.scope)
	if err != nil {
		return err
	}
	args, err := given(v)
	if err != nil {
		return err
	}
	learn(h.p.r.world.Redactor, v)
	if err := sealedIn(args, mod.Spec()); err != nil {
		return err
	}
	if err := tellJobs(h.reader(ctx, u.tr.words, u.scope), u.env, mod.Spec(), args); err != nil {
		return err
	}
	u.local = mod.Spec().Local
	u.bound, err = mod.Bind(ctx, args, u.inputs(ahead))
	if l, ok := u.bound.(play.LaptopBound); ok && l.Laptop() {
		u.local = true
	}
	if ahead && u.local {
		return vars.ErrPending
	}
	if err != nil || u.later == nil || u.local {
		return err
	}
	u.later.Args = args
	u.later.Dir, err = jobsDir(h.reader(ctx, u.tr.words, u.scope), u.env)
	u.bound = u.later.Bound(u.bound)
	return err
}

func (u *unit) inputs(ahead bool) *laptop.Inputs {
	h := u.tr.h
	return &laptop.Inputs{Files: h.p.r.files, Expr: h.p.r.world.Expr, Scope: u.scope, Dirs: h.p.dirs(u.tr.task), PlayDir: h.p.p.Dir, For: h.name, Ahead: ahead, Changing: h.p.onLaptop(), Diff: u.diff}
}

// given drops arguments that are omitted.
func given(v value.Value) (*value.Map, error) {
	m, ok := v.AsMap()
	if !ok {
		return nil, fmt.Errorf("arguments are %s, expected a mapping", value.Show(v))
	}
	out := value.NewMap()
	out.Pos = m.Pos
	if whole, ok := m.Lookup(play.WholeArgs); ok && !whole.IsOmit() {
		if m, ok = whole.AsMap(); !ok {
			return nil, fmt.Errorf("the arguments are %s, expected a mapping", value.Show(whole))
		}
		take(out, m)
		m, _ = v.AsMap() // what is written beside them wins
	}
	take(out, m)
	out.Delete(value.String(play.WholeArgs))
	return out, nil
}

func take(into, from *value.Map) {
	for k, a := range from.All() {
		if !a.IsOmit() {
			into.Set(k, a)
		}
	}
}

// sealedIn refuses a sealed secret in an argument that is not made for one: it
// could end in an argv or on a disk.
func sealedIn(args *value.Map, spec play.Spec) error {
	for k, v := range args.All() {
		if value.DeepMarks(v)&value.Sealed == 0 {
			continue
		}
		name := value.Str(k)
		for _, a := range spec.Args {
			if a.Secret && (a.Name == name || slices.Contains(a.Aliases, name)) {
				name = ""
			}
		}
		if name != "" {
			return fmt.Errorf("%s: the argument holds a sealed secret (a private prompt), which never goes into a command or a file", name)
		}
	}
	return nil
}

func (u *unit) loopItem() event.LoopItem { return event.LoopItem{Item: u.item, Label: u.label} }

// learn teaches the redactor every secret text in v.
func learn(r *secret.Redactor, v value.Value) {
	if value.DeepMarks(v)&(value.Masked|value.Sealed) == 0 {
		return
	}
	switch v.Kind() {
	case value.KindString:
		s, _ := v.AsString()
		r.Add([]byte(s))
	case value.KindList, value.KindTuple:
		for _, it := range v.Items() {
			learn(r, it)
		}
	case value.KindMap:
		m, _ := v.AsMap()
		for key, it := range m.All() {
			learn(r, key)
			learn(r, it)
		}
	}
}
