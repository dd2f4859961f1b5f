package view

import (
	"testing"

	"remoterun/runner/event"
	"remoterun/runner/value"
)

// TestJUnitSaysWhyACaseWasSkipped: whatever the module's results are shown without.
func TestJUnitSaysWhyACaseWasSkipped(t *testing.T) {
	reason := value.MapOf("skip_reason", value.String("Conditional result was False"))
	for _, c := range []struct {
		module string
		result *value.Map
		noLog  bool
		want   string
	}{
		{"debug", reason, false, "Conditional result was False"},
		{"command", reason, false, "Conditional result was False"},
		{"debug", value.NewMap(), false, "skipped"},
		{"command", value.MapOf("skip_reason", value.Null()), false, "skipped"},
		{"debug", nil, false, "skipped"},
		{"command", reason, true, censored},
	} {
		e := event.Outcome{Task: &event.Task{Module: c.module}, Status: event.Skipped, Result: c.result, NoLog: c.noLog}
		if c.result == nil {
			e.Result = value.NewMap()
		}
		if got := skipReason(e, message(shownResult(e, 0))); got != c.want {
			t.Errorf("%s: %q, want %q", c.module, got, c.want)
		}
	}
}
