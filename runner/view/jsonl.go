package view

import (
	"time"

	"remoterun/runner"
	"remoterun/runner/value"
)

// jsonLines writes one JSON object per event and line. Names are those of the
// events; what an event does not set is left out.
type jsonLines struct{ out output }

// Event writes one line.
func (j *jsonLines) Event(e runner.Event) {
	m := eventMap(e)
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

func eventMap(e runner.Event) *value.Map {
	f := fields{value.NewMap()}
	f.text("event", string(e.Kind))
	if !e.At.IsZero() {
		f.text("at", e.At.UTC().Format(time.RFC3339Nano))
	}
	f.text("play", e.Play)
	if e.Hosts != nil {
		f.m.Put("hosts", value.Strings(e.Hosts...))
	}
	if e.Task != nil {
		f.m.Put("task", value.FromMap(taskMap(e.Task)))
	}
	f.text("host", e.Host)
	f.text("delegated_to", e.Delegated)
	f.text("status", string(e.Status))
	f.yes("ignored", e.Ignored)
	f.yes("rescued", e.Rescued)
	if e.Label != "" {
		f.text("label", itemLabel(e))
	}
	if e.Result != nil {
		f.m.Put("result", value.FromMap(plainResult(e)))
	}
	if len(e.Diff) > 0 && !e.NoLog {
		f.m.Put("diff", diffList(e.Diff))
	}
	f.number("tries", int64(e.Tries))
	f.number("left", int64(e.Left))
	f.number("done", e.Done)
	f.number("total", e.Total)
	f.text("text", e.Text)
	if e.Stats != nil {
		f.m.Put("stats", value.FromMap(statsMap(e.Stats)))
		f.interrupted(e.Stats)
	}
	return f.m
}

// interrupted tells what an interruption left undone.
func (f fields) interrupted(st *runner.Stats) {
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
func plainResult(e runner.Event) *value.Map {
	if e.NoLog {
		return shownResult(e, 0)
	}
	return e.Result
}

func taskMap(t *runner.TaskInfo) *value.Map {
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

func diffList(list []runner.DiffText) value.Value {
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

func statsMap(st *runner.Stats) *value.Map {
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
