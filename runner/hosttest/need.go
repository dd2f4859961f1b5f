package hosttest

import (
	"os"
	"testing"
)

// Missing ends a test for want of a real part of the machine: a failure where
// CI=true, elsewhere a skip that says so and is counted by the test report.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("MISSING PART: %s", what)
	}
	t.Skipf("MISSING PART: %s", what)
}
