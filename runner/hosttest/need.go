package hosttest

import (
	"fmt"
	"os"
	"testing"
)

// SkipsEnv names the file to which every skip adds its line; make test shows
// them with their count.
const SkipsEnv = "REMOTERUN_SKIPS"

// Missing ends a test for want of a real part of the machine: a failure where
// CI=true, elsewhere a skip that is written down and counted.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("MISSING PART, and CI=true: %s", what)
	}
	Skip(t, what)
}

// Skip is Missing for a part that no package registry holds: it is skipped on
// CI, too, written down and counted.
func Skip(t testing.TB, what string) {
	t.Helper()
	if name := os.Getenv(SkipsEnv); name != "" {
		if err := note(name, t.Name(), what); err != nil {
			t.Fatalf("a skip must be written down: %v", err)
		}
	}
	t.Skipf("MISSING PART: %s", what)
}

func note(file, test, what string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s: %s\n", test, what)
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return err
}
