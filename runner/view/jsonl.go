package view

import (
	"time"

	"remoterun/runner/event"
	"remoterun/runner/value"
)

// jsonLines writes one JSON object per event and line. Names are those of the
// events; what an event does not set is left out.
type jsonLines struct{ out output }

// Event writes one line.
func (j *jsonLines) Event(at time.Time, e event.Event) {
	m := eventMap(at, e)
	text, err := value.JSON(value.FromMap(m), value.JSONStyle{KeepUTF8: true, Compact: true, MaskSecret: true})
	if err != nil {
		m.Put("result", value.String("cannot be shown: "+err.Error()))
		text, _ = value.JSON(value.FromMap(m), value.JSONStyle{KeepUTF8: true, Compact: true, MaskSecret: true})
	}
	j.out.write(text + "\n")
}

// Close answers the first error of writing.
func (j *jsonLines) Close() error { return j.out.err }

// fields builds a mapping of what is set.
type fields struct{ m *value.Map }

func (f fields) text(name, s string) {
	if s != "" {
		f.m.Put(name, value.String(s))
	}
}

func (f fields) number(name string, n int64) {
	if n != 0 {
		f.m.Put(name, value.Int(n))
	}
}

func (f fields) yes(name string, b bool) {
	if b {
		f.m.Put(name, value.Bool(true))
	}
}

func eventMap(at time.Time, e event.Event) *value.Map {
	f := fields{value.NewMap()}
	f.text("event", e.Kind())
	if !at.IsZero() {
		f.text("at", at.UTC().Format(time.RFC3339Nano))
	}
	switch e := e.(type) {
	case event.PlayStart:
		f.text("play", e.Play)
		if e.Hosts != nil {
			f.m.Put("hosts", value.Strings(e.Hosts...))
		}
	case event.PlayNoHosts:
		f.text("play", e.Play)
	case event.TaskStart:
		f.text("play", e.Play)
		f.where(e.Task, e.Host)
	case event.ItemResult:
		f.outcome(e.Outcome, e.LoopItem)
	case event.HostResult:
		f.outcome(e.Outcome, event.LoopItem{})
	case event.Retry:
		f.outcome(e.Outcome, e.LoopItem)
		f.number("left", int64(e.Left))
	case event.Included:
		f.where(e.Task, e.Host)
		f.label(e.LoopItem, e.NoLog)
		f.text("text", e.Path)
	case event.Waiting:
		f.where(e.Task, e.Host)
		f.number("done", e.Done)
		f.number("total", e.Total)
		f.text("text", e.Text)
	case event.Note:
		f.where(e.Task, e.Host)
		f.text("text", e.Text)
	case event.Warning:
		f.where(nil, e.Host)
		f.text("text", e.Text)
	case event.CheckOverride:
		f.where(e.Task, "")
	case event.Recap:
		if e.Stats != nil {
			f.m.Put("stats", value.FromMap(statsMap(e.Stats)))
			f.interrupted(e.Stats)
		}
	}
	return f.m
}

// where is the task and the host that an event is of.
func (f fields) where(t *event.Task, host string) {
	if t != nil {
		f.m.Put("task", value.FromMap(taskMap(t)))
	}
	f.text("host", host)
}

func (f fields) label(i event.LoopItem, noLog bool) {
	if i.Label != "" {
		f.text("label", itemLabel(i, noLog))
	}
}

func (f fields) outcome(e event.Outcome, i event.LoopItem) {
	f.where(e.Task, e.Host)
	f.text("delegated_to", e.Delegated)
	f.text("status", string(e.Status))
	f.yes("ignored", e.Ignored)
	f.yes("rescued", e.Rescued)
	f.label(i, e.NoLog)
	if e.Result != nil {
		f.m.Put("result", value.FromMap(plainResult(e)))
	}
	if len(e.Diff) > 0 && !e.NoLog {
		f.m.Put("diff", diffList(e.Diff))
	}
	f.number("tries", int64(e.Tries))
}

// interrupted tells what an interruption left undone.
func (f fields) interrupted(st *event.Stats) {
	f.yes("interrupted", st.Interrupted)
	if len(st.Undone) > 0 {
		var out []value.Value
		for _, u := range st.Undone {
			one := fields{value.MapOf("host", value.String(u.Host))}
			one.text("at", u.At)
			if len(u.Unknown) > 0 {
				one.m.Put("unknown", value.Strings(u.Unknown...))
			}
			one.m.Put("tasks", value.Strings(u.Tasks...))
			out = append(out, value.FromMap(one.m))
		}
		f.m.Put("undone", value.List(out...))
	}
	if len(st.NotBegun) > 0 {
		f.m.Put("not_begun", value.Strings(st.NotBegun...))
	}
}

// plainResult is a result for programs: whole, but no_log stays hidden.
func plainResult(e event.Outcome) *value.Map {
	if e.NoLog {
		return shownResult(e, 0)
	}
	return e.Result
}

func taskMap(t *event.Task) *value.Map {
	f := fields{value.NewMap()}
	f.text("name", t.Name)
	f.text("module", t.Module)
	f.text("path", t.Pos.String())
	f.yes("handler", t.Handler)
	if len(t.Tags) > 0 {
		f.m.Put("tags", value.Strings(t.Tags...))
	}
	return f.m
}

func diffList(list []event.Diff) value.Value {
	var out []value.Value
	for _, d := range list {
		f := fields{value.NewMap()}
		if d.Secret {
			f.yes("secret", true)
			out = append(out, value.FromMap(f.m))
			continue
		}
		f.text("before_header", d.BeforeHeader)
		f.text("after_header", d.AfterHeader)
		if d.Prepared != "" {
			f.text("prepared", d.Prepared)
		} else {
			f.m.Put("before", value.String(d.Before))
			f.m.Put("after", value.String(d.After))
		}
		out = append(out, value.FromMap(f.m))
	}
	return value.List(out...)
}

func statsMap(st *event.Stats) *value.Map {
	out := value.NewMap()
	for _, host := range st.Order {
		c := st.Hosts[host]
		m := value.NewMap()
		for _, n := range []struct {
			name string
			n    int
		}{{"ok", c.OK}, {"changed", c.Changed}, {"unreachable", c.Unreachable}, {"failures", c.Failed}, {"skipped", c.Skipped}, {"rescued", c.Rescued}, {"ignored", c.Ignored}} {
			m.Put(n.name, value.Int(int64(n.n)))
		}
		f := fields{m}
		f.yes("refused", c.Refused)
		f.yes("held", c.Held)
		f.yes("locked", c.Locked)
		out.Put(host, value.FromMap(m))
	}
	return out
}

// Hold does nothing: a machine's format shares no terminal with questions.
func (*jsonLines) Hold() (release func()) { return func() {} }
