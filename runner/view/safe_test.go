package view_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"remoterun/runner/event"
	"remoterun/runner/value"
	"remoterun/runner/view"
)

// TestNothingSteersTheTerminal puts control characters everywhere that a host's
// words get to.
func TestNothingSteersTheTerminal(t *testing.T) {
	const evil = "x\x1b]0;title\x07\x1b[2J\u009b31m\r\u202ey\x7f\x00"
	for _, format := range []string{"human", "quiet"} {
		var out, errs bytes.Buffer
		v, err := view.New(format, view.Options{Out: &out, Err: &errs, Verbosity: 3})
		if err != nil {
			t.Fatal(err)
		}
		task := &event.Task{ID: "1", Name: evil, Module: "command", Action: "command"}
		data := value.MapOf("msg", value.String(evil), "stdout", value.String(evil), evil, value.String(evil))
		for _, e := range []event.Event{
			event.PlayStart{Play: evil}, event.TaskStart{Task: task},
			event.Warning{Text: evil}, event.Note{Host: "h", Text: evil, Task: task},
			event.ItemResult{Outcome: event.Outcome{Host: "h", Task: task, Status: event.Failed, Result: data}, LoopItem: event.LoopItem{Label: evil, Item: value.String(evil)}},
			event.Included{Host: "h", Task: task, Path: evil, LoopItem: event.LoopItem{Label: evil}},
			event.HostResult{Outcome: event.Outcome{Host: "h", Task: task, Status: event.Failed, Result: data, Diff: []event.Diff{
				{Before: evil + "\n", After: "z\n" + evil, BeforeHeader: evil, AfterHeader: evil}, {Prepared: evil}}}},
			event.HostResult{Outcome: event.Outcome{Host: "h", Task: task, Status: event.Unreachable, Result: data}},
		} {
			v.Event(time.Time{}, e)
		}
		_ = v.Close()
		for name, text := range map[string]string{"stdout": out.String(), "stderr": errs.String()} {
			if i := strings.IndexAny(text, "\x1b\x07\u009b\r\u202e\x7f\x00"); i >= 0 {
				t.Errorf("%s, %s: %q", format, name, text[max(0, i-30):i+10])
			}
		}
		if !strings.Contains(out.String(), `]0;title`) {
			t.Errorf("%s: the text itself is gone", format)
		}
	}
}
