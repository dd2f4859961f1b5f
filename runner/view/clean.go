package view

import (
	"remoterun/runner"
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
func (c cleaned) Event(e runner.Event) {
	e.Text, e.Label, e.Play = c.red.Redact(e.Text), c.red.Redact(e.Label), c.red.Redact(e.Play)
	e.Item = c.value(e.Item)
	if e.Result != nil {
		e.Result, _ = c.value(value.FromMap(e.Result)).AsMap()
	}
	if e.Task != nil {
		t := *e.Task
		t.Name = c.red.Redact(t.Name)
		e.Task = &t
	}
	diffs := make([]runner.DiffText, len(e.Diff))
	for i, d := range e.Diff {
		d.Before, d.After, d.Prepared = c.red.Redact(d.Before), c.red.Redact(d.After), c.red.Redact(d.Prepared)
		diffs[i] = d
	}
	e.Diff = diffs
	c.View.Event(e)
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
