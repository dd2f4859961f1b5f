package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"remoterun/runner/action"
	"remoterun/runner/host"
	"remoterun/runner/keyword"
	"remoterun/runner/value"
	"remoterun/runner/vars"
)

// itemUnit makes the unit of one item. seen is what the item before it gave,
// under the task's register name; nil = not to be seen.
func (tr *taskRun) itemUnit(ctx context.Context, i int, seen *value.Map, ahead bool) (*unit, error) {
	h := tr.h
	local := tr.loopVars(i)
	if seen != nil && tr.task.Register != "" {
		local.Put(tr.task.Register, value.FromMap(seen))
	}
	u, err := h.unit(ctx, tr, tr.scope.WithLocal(local), tr.items[i], ahead)
	if err != nil {
		return nil, err
	}
	u.index = i
	if u.label, err = u.labelled(ctx); err != nil {
		u.label = value.Show(u.item)
		return u, u.mistake(ahead, err)
	}
	return u, nil
}

// stepwise reports a loop whose items depend on the ones before: they set
// variables, or something reads the register that each of them fills.
func (tr *taskRun) stepwise() bool {
	h := tr.h
	if act := action.Of(tr.task); act != nil && act.Stepwise || len(tr.task.Loop.Break) > 0 {
		return true
	}
	name := tr.task.Register
	if name == "" {
		return false
	}
	reads := func(v value.Value, bare bool) bool {
		u, err := h.p.r.world.Expr.Inspect(v, bare)
		return err != nil || slices.Contains(u.Names, name)
	}
	if reads(value.FromMap(tr.task.Args), false) {
		return true
	}
	for _, w := range tr.words {
		for _, c := range w.When {
			if reads(c, true) {
				return true
			}
		}
		for _, v := range keyword.All(w) {
			if reads(v, false) {
				return true
			}
		}
	}
	return false
}

// ripe makes the item ready that comes next, when it had to wait for those
// before it.
func (tr *taskRun) ripe(ctx context.Context) error {
	h := tr.h
	i := tr.done
	if tr.units[i].state != unitWaits {
		return nil
	}
	before := registered(tr.units[i-1], tr.units[i-1].out)
	for {
		u, err := tr.itemUnit(ctx, i, before, false)
		need := new(host.ErrNeed)
		switch {
		case errors.As(err, &need):
			if err = h.gather(ctx, need.Questions); err == nil {
				continue
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			tr.units[i].out = broken(err)
		case err != nil:
			tr.units[i].out = failure(err)
		default:
			tr.units[i] = u
		}
		return nil
	}
}

// broke ends the loop behind an item of which break_when says so. A condition that
// cannot be worked out is the failure of the item behind.
func (tr *taskRun) broke(ctx context.Context, u *unit) error {
	if tr.task.Loop == nil || len(tr.task.Loop.Break) == 0 || tr.done >= len(tr.units) {
		return nil
	}
	local := tr.loopVars(u.index)
	if tr.task.Register != "" {
		local.Put(tr.task.Register, value.FromMap(registered(u, u.out)))
	}
	var yes bool
	err := tr.h.knowing(ctx, func() (err error) {
		yes, err = tr.h.holds(ctx, tr.task.Loop.Break, tr.scope.WithLocal(local))
		return err
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		tr.units = tr.units[:tr.done+1]
		tr.units[tr.done].out = failure(fmt.Errorf("break_when: %w", err))
		tr.units[tr.done].state = unitMade
	case yes:
		tr.units = tr.units[:tr.done]
	}
	return nil
}

// unwanted reports a task whose loop cannot be worked out but whose condition
// says that it is not wanted anyway.
func (tr *taskRun) unwanted(ctx context.Context, err error) bool {
	if need := new(host.ErrNeed); errors.As(err, &need) || errors.Is(err, vars.ErrPending) {
		return false
	}
	ok, err := (&unit{tr: tr, scope: tr.scope}).when(ctx, false)
	return err == nil && !ok
}

// looping is what loop_control says, rendered.
type looping struct {
	name, index   string
	extended, all bool
}

// controlled renders the names that a loop brings, and whether ansible_loop is there.
func (tr *taskRun) controlled(ctx context.Context, ahead bool) error {
	l := tr.task.Loop
	tr.looping = looping{all: true}
	for _, one := range []struct {
		word string
		v    value.Value
		to   func(value.Value)
	}{
		{"loop_var", value.String(cmp.Or(l.Var, "item")), func(v value.Value) { tr.looping.name = value.Str(v) }},
		{"index_var", value.String(l.IndexVar), func(v value.Value) { tr.looping.index = value.Str(v) }},
		{"extended", l.Extended, func(v value.Value) { tr.looping.extended, _ = keyword.Truth(v) }},
		{"extended_allitems", l.AllItems, func(v value.Value) { b, ok := keyword.Truth(v); tr.looping.all = b || !ok }},
	} {
		v := one.v
		if value.HasTemplate(v) {
			if ahead {
				return vars.ErrPending
			}
			var err error
			if v, err = tr.h.p.r.world.Expr.Render(ctx, v.From(&value.Origin{Pos: l.Pos}), tr.scope); err != nil {
				return fmt.Errorf("loop_control: %s: %w", one.word, err)
			}
		}
		one.to(v)
	}
	if n := tr.looping; !variable(n.name) || n.index != "" && !variable(n.index) {
		return fmt.Errorf("loop_control: %q and %q must be names of variables (letters, digits and _, no digit first)", n.name, n.index)
	}
	return nil
}

// variable reports whether a variable can have a name.
func variable(name string) bool {
	for i, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// pauseOf is how long a loop waits between its items.
func (tr *taskRun) pauseOf(ctx context.Context) (time.Duration, error) {
	h := tr.h
	v := tr.task.Loop.Pause
	if v.IsNull() {
		return 0, nil
	}
	r, err := h.p.r.world.Expr.Render(ctx, v, tr.scope)
	if err != nil {
		return 0, fmt.Errorf("loop_control: pause: %w", err)
	}
	f, ok := r.AsFloat()
	if !ok {
		return 0, fmt.Errorf("loop_control: pause: %s is not a number of seconds", value.Show(r))
	}
	return time.Duration(f * float64(time.Second)), nil
}

// wait waits between the items of a loop: what was asked ahead is of before.
func (tr *taskRun) wait(ctx context.Context) error {
	tr.h.m.Forget()
	return action.Sleep(ctx, tr.pause)
}
