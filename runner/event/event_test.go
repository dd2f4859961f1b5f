package event

import (
	"os"
	"strings"
	"testing"

	"remoterun/runner/value"
)

// TestCounts holds how ansible-playbook 2.14 counts outcomes in its recap.
func TestCounts(t *testing.T) {
	changed := value.MapOf("changed", value.Bool(true))
	for name, c := range map[string]struct {
		e     Outcome
		files int
		want  Counts
	}{
		"ok":                    {Outcome{Status: OK}, 0, Counts{OK: 1}},
		"changed":               {Outcome{Status: Changed, Result: changed}, 0, Counts{OK: 1, Changed: 1}},
		"skipped":               {Outcome{Status: Skipped}, 0, Counts{Skipped: 1}},
		"failed":                {Outcome{Status: Failed, Result: changed}, 0, Counts{Failed: 1}},
		"rescued":               {Outcome{Status: Failed, Rescued: true, Result: changed}, 0, Counts{Rescued: 1}},
		"ignored":               {Outcome{Status: Failed, Ignored: true}, 0, Counts{OK: 1, Ignored: 1}},
		"ignored after changes": {Outcome{Status: Failed, Ignored: true, Result: changed}, 0, Counts{OK: 1, Changed: 1, Ignored: 1}},
		"unreachable":           {Outcome{Status: Unreachable}, 0, Counts{Unreachable: 1}},
		"unreachable, ignored":  {Outcome{Status: Unreachable, Ignored: true}, 0, Counts{OK: 1, Ignored: 1}},
		"two files":             {Outcome{Status: OK}, 2, Counts{OK: 2}},
	} {
		var got Counts
		if got.Add(c.e, c.files); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestExtendingShowsThis: the event that docs/extending.md shows is the one here.
func TestExtendingShowsThis(t *testing.T) {
	page, err := os.ReadFile("../../docs/extending.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("event.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, begin := range []string{"// Note is a line", "func (Note) Kind()"} {
		i := strings.Index(string(source), begin)
		part, _, _ := strings.Cut(string(source)[i:], "\n\n")
		if !strings.Contains(string(page), part) {
			t.Errorf("the page does not show this:\n%s", part)
		}
	}
}

// TestHostOf: every event that has a host says so.
func TestHostOf(t *testing.T) {
	of := Outcome{Host: "h"}
	for _, e := range []Event{TaskStart{Host: "h"}, ItemResult{Outcome: of}, HostResult{of}, Retry{Outcome: of}, Included{Host: "h"}, Waiting{Host: "h"}, Note{Host: "h"}, Warning{Host: "h"}} {
		if HostOf(e) != "h" {
			t.Errorf("%s has no host", e.Kind())
		}
	}
	for _, e := range []Event{PlayStart{}, PlayNoHosts{}, NoHostsLeft{}, CheckOverride{}, Recap{}} {
		if HostOf(e) != "" {
			t.Errorf("%s has a host", e.Kind())
		}
	}
}
