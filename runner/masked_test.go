package runner

import "testing"

// TestHideLines: what stood where a secret stands now is as secret; where it is
// not known what did, nothing that goes is shown.
func TestHideLines(t *testing.T) {
	for name, c := range map[string]struct{ before, after, want string }{
		"the line is known":        {"a=1\npw=old\nb=2\n", "a=3\npw=********\nb=2\n", "a=1\npw=********\nb=2\n"},
		"two secrets in one":       {"u:p@h/x\n", "********:********@h/x\n", "********:********@h/x\n"},
		"the line was another":     {"pass old\nb=2\nc=3\n", "pw=********\nb=2\n", "********\nb=2\n********\n"},
		"nothing but the secret":   {"old\nb=2\n", "********\nb=2\n", "********\nb=2\n"},
		"lines of a secret":        {"-k-\nAAA\nBBB\n-e-\nb=2\n", "********\n********\n********\n********\nb=2\n", "********\n********\n********\n********\nb=2\n"},
		"patterns are text":        {"a.c=old\nabc=1\n", "a.c=********\n", "a.c=********\nabc=1\n"},
		"nothing was there":        {"", "pw=********\n", ""},
		"no line break at the end": {"pw=old", "pw=********", "pw=********"},
	} {
		if got := hideLines(c.before, c.after); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
