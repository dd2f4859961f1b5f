package runner

import (
	"strings"
	"testing"
)

// TestSelected is Ansible's rule for --tags and --skip-tags.
func TestSelected(t *testing.T) {
	for _, c := range []struct {
		tags, only, skip string
		want             bool
	}{
		{"", "", "", true}, {"a", "", "", true}, {"never", "", "", false}, {"never a", "", "", false}, {"always never", "", "", true},
		{"", "a", "", false}, {"a", "a", "", true}, {"a b", "b", "", true}, {"always", "a", "", true}, {"never a", "a", "", true}, {"never", "never", "", true},
		{"a", "tagged", "", true}, {"", "tagged", "", false}, {"never a", "tagged", "", false}, {"always", "tagged", "", true},
		{"", "untagged", "", true}, {"a", "untagged", "", false}, {"always", "untagged", "", true},
		{"a", "all", "", true}, {"never", "all", "", false}, {"", "all", "", true},
		{"a", "", "a", false}, {"a b", "", "a", false}, {"", "", "a", true}, {"always a", "", "a", false}, {"always", "", "always", false},
		{"a", "", "tagged", false}, {"", "", "tagged", true}, {"always", "", "tagged", false},
		{"", "", "untagged", false}, {"a", "", "untagged", true},
		{"a", "", "all", false}, {"always", "", "all", true}, {"always", "", "all always", false},
		{"a b", "a", "b", false}, {"a", "a", "b", true}, {"always b", "a", "b", false},
	} {
		if got := Selected(strings.Fields(c.tags), strings.Fields(c.only), strings.Fields(c.skip)); got != c.want {
			t.Errorf("tags %q, --tags %q, --skip-tags %q: %v", c.tags, c.only, c.skip, got)
		}
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want int
	}{{"3", 10, 3}, {"30%", 10, 3}, {"1%", 10, 1}, {"0", 10, 10}, {"100%", 7, 7}, {" 50% ", 3, 1}, {"20", 3, 20}} {
		if got, err := share(c.text, c.n); got != c.want || err != nil {
			t.Errorf("%q of %d: %d %v, want %d", c.text, c.n, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "x", "-1", "5 %%"} {
		if _, err := share(bad, 10); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
