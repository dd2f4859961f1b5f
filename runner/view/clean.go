package view

import (
	"time"

	"remoterun/runner/event"
	"remoterun/runner/secret"
	"remoterun/runner/value"
)

// cleaned masks known secrets in events before a view makes text of them:
// escaping for JSON or XML and the marks of a diff could hide one from the
// redactor that stands at the end.
type cleaned struct {
	View
	red *secret.Redactor
}

// Event masks and hands on.
func (c cleaned) Event(at time.Time, e event.Event) { c.View.Event(at, c.event(e)) }

func (c cleaned) event(e event.Event) event.Event {
	switch e := e.(type) {
	case event.PlayStart:
		e.Play = c.red.Redact(e.Play)
		return e
	case event.PlayNoHosts:
		e.Play = c.red.Redact(e.Play)
		return e
	case event.TaskStart:
		e.Play, e.Task = c.red.Redact(e.Play), c.task(e.Task)
		return e
	case event.ItemResult:
		e.Outcome, e.LoopItem = c.outcome(e.Outcome), c.item(e.LoopItem)
		return e
	case event.HostResult:
		e.Outcome = c.outcome(e.Outcome)
		return e
	case event.Retry:
		e.Outcome, e.LoopItem = c.outcome(e.Outcome), c.item(e.LoopItem)
		return e
	case event.Included:
		e.Task, e.Path, e.LoopItem = c.task(e.Task), c.red.Redact(e.Path), c.item(e.LoopItem)
		return e
	case event.Waiting:
		e.Task, e.Text = c.task(e.Task), c.red.Redact(e.Text)
		return e
	case event.Note:
		e.Task, e.Text = c.task(e.Task), c.red.Redact(e.Text)
		return e
	case event.Warning:
		e.Text = c.red.Redact(e.Text)
		return e
	case event.CheckOverride:
		e.Task = c.task(e.Task)
		return e
	}
	return e
}

func (c cleaned) task(t *event.Task) *event.Task {
	if t == nil {
		return nil
	}
	clean := *t
	clean.Name = c.red.Redact(t.Name)
	return &clean
}

func (c cleaned) item(i event.LoopItem) event.LoopItem {
	return event.LoopItem{Item: c.value(i.Item), Label: c.red.Redact(i.Label)}
}

func (c cleaned) outcome(e event.Outcome) event.Outcome {
	e.Task = c.task(e.Task)
	if e.Result != nil {
		e.Result, _ = c.value(value.FromMap(e.Result)).AsMap()
	}
	diffs := make([]event.Diff, len(e.Diff))
	for i, d := range e.Diff {
		d.Before, d.After, d.Prepared = c.red.Redact(d.Before), c.red.Redact(d.After), c.red.Redact(d.Prepared)
		diffs[i] = d
	}
	e.Diff = diffs
	return e
}

// value masks every text in v, keys too. Text with a secret mark is left to
// whoever shows it.
func (c cleaned) value(v value.Value) value.Value {
	switch v.Kind() {
	case value.KindString:
		s, _ := v.AsString()
		if r := c.red.Redact(s); r != s {
			return value.MarkedString(r, v.Marks())
		}
	case value.KindList, value.KindTuple:
		items := make([]value.Value, len(v.Items()))
		for i, it := range v.Items() {
			items[i] = c.value(it)
		}
		if v.Kind() == value.KindTuple {
			return value.Tuple(items...).With(v.Marks())
		}
		return value.List(items...).With(v.Marks())
	case value.KindMap:
		src, _ := v.AsMap()
		out := value.NewMap()
		for k, it := range src.All() {
			out.Set(c.value(k), c.value(it))
		}
		return value.FromMap(out).With(v.Marks())
	}
	return v
}
