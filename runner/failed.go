package runner

import (
	"context"
	"remoterun/runner/keyword"

	"remoterun/runner/play"
	"remoterun/runner/value"
)

// failedTask is what ansible_failed_task shows of a task: its keywords, templates
// as rendered as they can be told once.
func (tr *taskRun) failedTask(ctx context.Context) *value.Map {
	t := tr.task
	name := value.String("")
	if !t.Name.IsNull() {
		name = value.String(tr.info.Name)
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
	if tr.loop || tr.settled(false, raw) != nil {
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
