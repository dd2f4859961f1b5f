package movetest

import "testing"

// StartBoth is Start with the target seeded, too: two clusters that are equal.
func StartBoth(t testing.TB) Pair {
	t.Helper()
	p := Start(t)
	PSQL(t, p.Target, "postgres", Seed())
	return p
}
