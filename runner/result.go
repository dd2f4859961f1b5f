package runner

import (
	"cmp"
	"context"

	"remoterun/runner/event"
	"remoterun/runner/keyword"
	"remoterun/runner/play"
	"remoterun/runner/value"
)

func merge(a, b *value.Map) *value.Map {
	out := value.NewMap()
	for _, m := range []*value.Map{a, b} {
		for k, v := range m.All() {
			out.Set(k, v)
		}
	}
	return out
}

// registered is the mapping that register keeps for one unit.
func registered(u *unit, out *outcome) *value.Map {
	m := u.reported(out)
	if d := differs(m, out.diff); !d.IsNull() {
		m.Put("diff", d)
	}
	return m
}

// differs is the diff of a result with the texts that --diff shows: Ansible's modules
// return them in their results. Null = as the result has it.
func differs(m *value.Map, diffs []event.Diff) value.Value {
	own, has := m.Lookup("diff")
	if _, whole := own.AsMap(); whole {
		return value.Null()
	}
	var out []value.Value
	for _, d := range diffs {
		if !d.Secret {
			out = append(out, value.FromMap(diffOf(d)))
		}
	}
	if len(out) == 0 {
		return value.Null()
	}
	if !has {
		return out[0]
	}
	list := own.Items()
	if len(list) > 0 { // the first one is of the content, those behind it of attributes
		first, _ := list[0].AsMap()
		texts, _ := out[0].AsMap()
		first = merge(first, nil)
		for _, k := range []string{"before", "after"} {
			if v, ok := texts.Lookup(k); ok {
				first.Put(k, v)
			}
		}
		return value.List(append([]value.Value{value.FromMap(first)}, list[1:]...)...)
	}
	return value.List(out...)
}

func diffOf(d event.Diff) *value.Map {
	text := func(s string) value.Value { return value.MarkedString(s, value.Unsafe) }
	m := value.NewMap()
	if d.BeforeHeader != "" {
		m.Put("before_header", text(d.BeforeHeader))
	}
	if d.AfterHeader != "" {
		m.Put("after_header", text(d.AfterHeader))
	}
	if d.Prepared != "" {
		m.Put("prepared", text(d.Prepared))
		return m
	}
	m.Put("before", text(d.Before))
	m.Put("after", text(d.After))
	return m
}

// reported is a unit's result as views are told it, who have the diff apart.
func (u *unit) reported(out *outcome) *value.Map {
	r := out.res
	m := merge(nil, r.Data)
	m.Put("changed", value.Bool(r.Changed))
	m.Put("failed", value.Bool((r.Failed || out.missed) && out.dead == nil)) // "is failed" is false of what was not reached
	if out.dead != nil {
		m.Put("unreachable", value.Bool(true))
	}
	if r.Skipped {
		m.Put("skipped", value.Bool(true))
	}
	if r.Msg != "" {
		if own, ok := m.Lookup("msg"); !ok || value.Str(own) == "" {
			m.Put("msg", value.MarkedString(r.Msg, value.Unsafe))
		}
	}
	if r.Facts != nil {
		m.Put("ansible_facts", value.FromMap(asVariables(u.tr.task, r.Facts)))
	}
	if len(r.Warnings) > 0 {
		m.Put("warnings", value.Strings(r.Warnings...))
	}
	if out.tries > 0 {
		m.Put("attempts", value.Int(int64(out.tries)))
	}
	if u.tr.loop {
		m = merge(m, u.tr.loopVars(u.index))
	}
	return untemplated(m)
}

// untemplated marks what a task gave so that it is never read as a template: a
// result repeats what a host or an argument said. All of it is marked, for two
// texts that are no templates can be one when they are joined or decoded.
func untemplated(m *value.Map) *value.Map {
	m, _ = value.FromMap(m).With(value.Unsafe).AsMap()
	return m
}

// asVariables names facts as register shows them: those of setup as variables,
// with ansible_ before them, as Ansible does.
func asVariables(t *play.Task, facts *value.Map) *value.Map {
	if t.Action != "setup" && t.Action != "gather_facts" {
		return facts
	}
	out := value.NewMap()
	for k, v := range facts.All() {
		out.Put("ansible_"+value.Str(k), v)
	}
	return out
}

// combined is what register keeps for a whole task.
func (tr *taskRun) combined() (play.Result, *value.Map, *outcome) {
	h := tr.h
	if tr.fatal != nil {
		out := failure(tr.fatal)
		out.res.Msg = placeless(tr.fatal)
		u := &unit{tr: &taskRun{h: h, task: tr.task, info: tr.info}, m: h.m}
		return out.res, registered(u, out), out
	}
	if !tr.loop {
		out := tr.units[0].out
		return out.res, registered(tr.units[0], out), out
	}
	res := play.Result{Skipped: true, Msg: "All items completed"}
	all := &outcome{}
	var items []value.Value
	for _, u := range tr.units {
		items = append(items, value.FromMap(registered(u, u.out)))
		res.Changed = res.Changed || u.out.res.Changed
		res.Failed = res.Failed || u.out.res.Failed
		all.missed = all.missed || u.out.missed
		res.Skipped = res.Skipped && u.out.res.Skipped
		res.Verdict = cmp.Or(res.Verdict, u.out.res.Verdict)
		if u.out.dead != nil {
			all.dead, all.cause = u.out.dead, u.out.dead
		}
	}
	switch {
	case len(items) == 0:
		res.Data = value.MapOf("skipped_reason", value.String("No items in the list"))
		res.Msg = ""
	case res.Failed, all.missed:
		res.Msg = "One or more items failed"
	case res.Skipped:
		res.Msg = "All items skipped"
	}
	m := value.MapOf("results", value.List(items...), "changed", value.Bool(res.Changed), "skipped", value.Bool(res.Skipped), "failed", value.Bool(res.Failed || all.missed))
	if res.Msg != "" {
		m.Put("msg", value.String(res.Msg))
	}
	for k, v := range res.Data.All() {
		m.Set(k, v)
	}
	all.res = res
	return res, m, all
}

// failedTask is what ansible_failed_task shows of a task: its keywords, templates
// as rendered as they can be told once.
func (tr *taskRun) failedTask(ctx context.Context) *value.Map {
	t := tr.task
	name := value.String("")
	if !t.Name.IsNull() {
		name = value.String(tr.info.Own)
	}
	or := func(v value.Value, otherwise int64) value.Value {
		if v.IsNull() {
			return value.Int(otherwise)
		}
		return v
	}
	words := func(get func(*play.Keywords) value.Value) value.Value { return tr.words.Inner(get) }
	m := value.MapOf(
		"name", name, "action", value.String(t.Module), "args", tr.failedArgs(ctx), "register", textOrNull(t.Register),
		"tags", value.Strings(tr.info.Tags...), "vars", value.FromMap(t.Vars.Clone()), "environment", value.List(t.Env...),
		"when", value.List(t.When...), "changed_when", value.List(t.ChangedWhen...), "failed_when", value.List(t.FailedWhen...),
		"until", value.List(t.Until...), "retries", or(t.Retries, 3), "delay", or(t.Delay, 5), "loop", loopShown(t.Loop),
		"ignore_errors", words(keyword.IgnoreErrors),
		"ignore_unreachable", words(keyword.IgnoreUnreachable),
		"run_once", words(keyword.RunOnce),
		"become", words(keyword.Become),
		"timeout", or(words(keyword.Timeout), 0),
		"delegate_to", value.Null(), "delegate_facts", t.DelegateFacts, "no_log", value.Bool(false), "notify", value.Null(),
	)
	if len(t.Notify) > 0 {
		m.Put("notify", value.List(t.Notify...))
	}
	for _, u := range tr.units {
		if u.on != "" {
			m.Put("delegate_to", value.String(u.on))
		}
		if u.noLog {
			m.Put("no_log", value.Bool(true))
		}
	}
	return untemplated(m)
}

// failedArgs are the task's arguments: rendered, unless each item of a loop has
// its own or a second rendering could give something else.
func (tr *taskRun) failedArgs(ctx context.Context) value.Value {
	h := tr.h
	raw := value.FromMap(tr.task.Args)
	if tr.loop || tr.foreseeable(false, raw) != nil {
		return raw
	}
	if v, err := h.p.r.world.Expr.Render(ctx, raw, tr.scope); err == nil {
		return v
	}
	return raw
}

func textOrNull(s string) value.Value {
	if s == "" {
		return value.Null()
	}
	return value.String(s)
}

func loopShown(l *play.Loop) value.Value {
	if l == nil {
		return value.Null()
	}
	return l.Items
}
