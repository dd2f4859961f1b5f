package memory

import (
	"strings"
	"testing"
)

// outcome compares an error with a vector's expect: "ok" or part of the text.
func outcome(t *testing.T, expect string, err error) {
	t.Helper()
	switch {
	case expect == "ok" && err != nil:
		t.Errorf("error %v, expected none", err)
	case expect != "ok" && err == nil:
		t.Errorf("no error, expected %q", expect)
	case expect != "ok" && !strings.Contains(err.Error(), expect):
		t.Errorf("error %q, expected %q", err, expect)
	}
}
