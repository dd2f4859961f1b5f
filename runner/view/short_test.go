package view

import (
	"fmt"
	"strings"
	"testing"

	"remoterun/runner/event"
	"remoterun/runner/value"
)

// TestFailureIsBounded: however much a task printed before it failed, the screen
// shows its beginning and its end, what was left out, and what shows all of it.
func TestFailureIsBounded(t *testing.T) {
	var lines []string
	for i := range 100_000 {
		lines = append(lines, fmt.Sprintf("line %d ü", i))
	}
	deep := value.List(value.Strings(lines...))
	for range 3 {
		deep = value.List(deep, deep)
	}
	many := value.NewMap()
	for _, l := range lines {
		many.Put(l, value.Strings(l, l))
	}
	big := strings.Join(lines, "\n")
	for name, m := range map[string]*value.Map{
		"output":         value.MapOf("msg", value.String("non-zero return code"), "stdout", value.String(big), "stdout_lines", value.Strings(lines...), "rc", value.Int(3)),
		"one line":       value.MapOf("msg", value.String("non-zero return code"), "stderr", value.String(strings.Repeat("x", 5<<20))),
		"not UTF-8":      value.MapOf("msg", value.String("non-zero return code"), "stderr", value.String(strings.Repeat("\xff\xc3", 5<<20))),
		"a long message": value.MapOf("msg", value.String("non-zero return code "+big)),
		"deep":           value.MapOf("msg", value.String("non-zero return code"), "x", deep),
		"wide":           value.MapOf("msg", value.String("non-zero return code"), "x", value.FromMap(many)),
	} {
		e := event.Outcome{Host: "h", Status: event.Failed, Result: m, Task: &event.Task{Action: "shell"}}
		for _, action := range []string{"debug", "assert"} { // shown line by line
			shown := e
			shown.Task = &event.Task{Action: action}
			if text := failure(shown, 0); len(text) > maxDump+200 {
				t.Errorf("%s, %s: %d bytes are shown", action, name, len(text))
			}
		}
		text := failure(e, 0)
		if len(text) > maxDump+200 {
			t.Errorf("%s: %d bytes are shown", name, len(text))
		}
		if !strings.Contains(text, "more; -v shows everything") || !strings.Contains(text, "non-zero return code") {
			t.Errorf("%s: it does not say what was cut: %.300s ... %s", name, text, text[max(0, len(text)-300):])
		}
		if all := failure(e, 1); len(all) < 1<<20 {
			t.Errorf("%s: -v shows %d bytes only", name, len(all))
		}
	}
	short := event.Outcome{Host: "h", Status: event.Failed, Result: value.MapOf("msg", value.String(strings.Repeat("x", 30<<10))), Task: &event.Task{Action: "shell"}}
	if got := failure(short, 0); strings.Contains(got, "-v shows") || len(got) < 30<<10 {
		t.Errorf("a text that fits is cut: %d bytes", len(got))
	}
	if text := failure(event.Outcome{Status: event.Failed, Task: &event.Task{}, Result: value.MapOf("stdout", value.String(big))}, 0); !strings.Contains(text, "line 99999") || !strings.Contains(text, "line 0 ") {
		t.Errorf("beginning and end are not both shown: %.200s", text)
	}
}

// TestLabelIsBounded: so is what an item is called, whether it failed or not.
func TestLabelIsBounded(t *testing.T) {
	for name, i := range map[string]event.LoopItem{
		"an item": {Item: value.FromMap(value.MapOf("content", value.String(strings.Repeat("ü", 100_000))))},
		"a label": {Label: strings.Repeat("\xff", 100_000)},
	} {
		e := event.ItemResult{LoopItem: i}
		if got := label(e, 0); len(got) > maxLabel+100 || !strings.HasSuffix(got, " bytes more; -v shows everything)") {
			t.Errorf("%s: %d bytes: %.100s", name, len(got), got)
		}
		if got := label(e, 1); len(got) < 100_000 {
			t.Errorf("%s: -v shows %d bytes", name, len(got))
		}
	}
}
