package runner

import (
	"testing"

	"remoterun/runner/value"
)

// TestCounts holds how ansible-playbook 2.14 counts outcomes in its recap.
func TestCounts(t *testing.T) {
	changed := value.MapOf("changed", value.Bool(true))
	for name, c := range map[string]struct {
		e     Event
		files int
		want  Counts
	}{
		"ok":                    {Event{Status: OK}, 0, Counts{OK: 1}},
		"changed":               {Event{Status: Changed, Result: changed}, 0, Counts{OK: 1, Changed: 1}},
		"skipped":               {Event{Status: Skipped}, 0, Counts{Skipped: 1}},
		"failed":                {Event{Status: Failed, Result: changed}, 0, Counts{Failed: 1}},
		"rescued":               {Event{Status: Failed, Rescued: true, Result: changed}, 0, Counts{Rescued: 1}},
		"ignored":               {Event{Status: Failed, Ignored: true}, 0, Counts{OK: 1, Ignored: 1}},
		"ignored after changes": {Event{Status: Failed, Ignored: true, Result: changed}, 0, Counts{OK: 1, Changed: 1, Ignored: 1}},
		"unreachable":           {Event{Status: Unreachable}, 0, Counts{Unreachable: 1}},
		"unreachable, ignored":  {Event{Status: Unreachable, Ignored: true}, 0, Counts{OK: 1, Ignored: 1}},
		"two files":             {Event{Status: OK}, 2, Counts{OK: 2}},
	} {
		var got Counts
		if got.count(c.e, c.files); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
