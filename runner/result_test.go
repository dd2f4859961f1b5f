package runner

import (
	"testing"

	"remoterun/runner/value"
)

// TestResultsAreHostText: every text of a result is marked, also one that is no
// template by itself: two such can be joined to one, or decoded.
func TestResultsAreHostText(t *testing.T) {
	got := untemplated(value.MapOf("stdout", value.String("{"), "lines", value.Strings("{ lookup('pipe', 'id') }}"), "content", value.String("e3sgeCB9fQ==")))
	var each func(v value.Value)
	each = func(v value.Value) {
		if v.IsString() && v.Marks()&value.Unsafe == 0 {
			t.Errorf("%s is not marked", value.Repr(v))
		}
		for _, it := range v.Items() {
			each(it)
		}
	}
	for k, v := range got.All() {
		each(k)
		each(v)
	}
}
