package near_test

import (
	"strings"
	"testing"

	"remoterun/runner/near"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"tsks", "tasks", 1}, {"unlok", "unlock", 1}, {"recieve", "receive", 1}, {"kitten", "sitting", 3},
		{"A", "a", 1}, {"ö", "o", 1}, {strings.Repeat("x", 65), "x", near.Far},
	} {
		if got := near.Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := near.Distance(c.b, c.a); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
