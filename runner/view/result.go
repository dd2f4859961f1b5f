package view

import (
	"strings"

	"remoterun/runner"
	"remoterun/runner/value"
)

// censored is what stands for the result of a no_log task.
const censored = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"

// moduleName is a module's name without its collection.
func moduleName(t *runner.TaskInfo) string {
	if t == nil {
		return ""
	}
	return t.Module[strings.LastIndexByte(t.Module, '.')+1:]
}

// shownResult is the part of a result that people see. Text in it keeps its
// marks.
func shownResult(e runner.Event, verbosity int) *value.Map {
	out := value.NewMap()
	if e.NoLog {
		out.Put("censored", value.String(censored))
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
	if moduleName(e.Task) == "debug" {
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
func dump(e runner.Event, verbosity int) string {
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
func always(e runner.Event) bool {
	switch moduleName(e.Task) {
	case "debug":
		return true
	case "assert":
		return !e.Quiet
	}
	return false
}

// verbose reports whether the result of a task that went well is shown.
func verbose(e runner.Event, verbosity int) bool {
	if moduleName(e.Task) == "setup" {
		return verbosity > 2
	}
	return verbosity > 0 || always(e) && e.Status != runner.Skipped
}

// itemLabel is what stands for a loop's item.
func itemLabel(e runner.Event) string {
	if e.NoLog {
		return "None"
	}
	if e.Label != "" {
		return e.Label
	}
	return value.Show(e.Item)
}

// hostLabel is the host, and who did its work when that was another machine.
func hostLabel(e runner.Event) string {
	if e.Delegated != "" && e.Delegated != e.Host {
		return e.Host + " -> " + e.Delegated
	}
	return e.Host
}
