package view

import (
	"strings"

	"remoterun/runner/event"
	"remoterun/runner/value"
)

// censored is what stands for the result of a no_log task.
const censored = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"

// unread stands for one whose no_log could not be worked out: the reason may hold
// what no_log was to hide.
const unread = "the output has been hidden because the task's own 'no_log' could not be worked out: look at its expression, or set it to true or false"

// actionOf is what a task runs, by its short name; empty when it is no task.
func actionOf(t *event.Task) string {
	if t == nil {
		return ""
	}
	return t.Action
}

// shownResult is the part of a result that people see. Text in it keeps its
// marks.
func shownResult(e event.Outcome, verbosity int) *value.Map {
	out := value.NewMap()
	if e.NoLog {
		why := censored
		if e.Unread {
			why = unread
		}
		out.Put("censored", value.String(why))
		for _, name := range []string{"attempts", "changed", "retries"} {
			if v, ok := e.Result.Lookup(name); ok {
				out.Put(name, v)
			}
		}
		return out
	}
	for k, v := range e.Result.All() {
		if name := value.Str(k); !hidden(name, verbosity) {
			out.Set(k, v)
		}
	}
	if actionOf(e.Task) == "debug" {
		return debugResult(out)
	}
	return out
}

// hidden are entries that are for the engine, or shown in a way of their own.
func hidden(name string, verbosity int) bool {
	switch name {
	case "failed", "skipped", "exception", "warnings", "deprecations":
		return true
	case "invocation", "diff":
		return verbosity < 3
	}
	return strings.HasPrefix(name, "_ansible_")
}

// debugResult leaves only what debug was asked to show.
func debugResult(m *value.Map) *value.Map {
	if msg, ok := m.Lookup("msg"); ok {
		return value.MapOf("msg", msg)
	}
	for _, name := range []string{"changed", "skip_reason", "invocation"} {
		m.Delete(value.String(name))
	}
	return m
}

// dump is a result as JSON with sorted keys, secrets masked: on one line, or
// indented for -vvv and for what is there to be read (debug, assert).
func dump(e event.Outcome, verbosity int) string {
	st := value.JSONStyle{SortKeys: true, KeepUTF8: true, MaskSecret: true}
	if verbosity > 2 || always(e) && !e.NoLog {
		st.Indent = 4
	}
	m := shownResult(e, verbosity)
	text, err := value.JSON(value.FromMap(m), st)
	if err != nil {
		return value.Show(value.FromMap(m))
	}
	return text
}

// always reports tasks whose results are shown without -v.
func always(e event.Outcome) bool {
	switch actionOf(e.Task) {
	case "debug":
		return true
	case "assert":
		return !e.Quiet
	}
	return false
}

// verbose reports whether the result of a task that went well is shown.
func verbose(e event.Outcome, verbosity int) bool {
	if a := actionOf(e.Task); a == "setup" || a == "gather_facts" {
		return verbosity > 2
	}
	return verbosity > 0 || always(e) && e.Status != event.Skipped
}

// itemLabel is what stands for a loop's item.
func itemLabel(i event.LoopItem, noLog bool) string {
	if noLog {
		return "None"
	}
	if i.Label != "" {
		return i.Label
	}
	return value.Show(i.Item)
}

// hostLabel is the host, and who did its work when that was another machine.
func hostLabel(e event.Outcome) string {
	if e.Delegated != "" && e.Delegated != e.Host {
		return e.Host + " -> " + e.Delegated
	}
	return e.Host
}
