package jmes

import (
	"errors"
	"strings"
	"testing"

	"remoterun/runner/value"
)

// fewSteps ends a query after some work.
type fewSteps struct{ left int }

func (s *fewSteps) Step(n int) error {
	if s.left -= n; s.left < 0 {
		return errors.New("too many steps")
	}
	return nil
}
func (*fewSteps) Defined(value.Value) error { return nil }

// FuzzQuery reads queries and runs them over data with marks: what comes out of
// a host's data keeps them.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"a[?b==`1`].{x: y, z: *}", "sort_by(@, &a)[::-1]", "a.*[] | [0] || 'x'", "max_by(@, &`1`)", "\"a\\u0062\".b[*][0:1:2]", "[9223372036854775807:-9223372036854775808:-1]", "`[[[[`", "sum(a)", "to_number('1e999')", "avg(`[]`)", strings.Repeat("a|", 300) + "a", "`\"\\ud800\"`", "\"\\u", "`{\"a\": 1}`.a"} {
		f.Add(s)
	}
	data, err := value.ParseJSON([]byte(`{"a": [{"b": 9223372036854775807, "c": [1, "x", null]}, {"b": -9223372036854775808}], "d": {"e": {"f": "g"}}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, err := Parse(query)
		if err == nil {
			_, _ = q.Search(&fewSteps{10_000}, data)
		}
	})
}
