package movetest

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Passed reports a pass of a long test that ended well before: the file that
// REMOTERUN_FAULTS_DONE names lists those, a name a line, so that make faults can go
// in pieces. This one is added when it ends well.
func Passed(t *testing.T) bool {
	t.Helper()
	file := os.Getenv("REMOTERUN_FAULTS_DONE")
	if file == "" {
		return false
	}
	text, _ := os.ReadFile(file)
	if slices.Contains(strings.Split(string(text), "\n"), t.Name()) {
		t.Log("it ended well before: " + file)
		return true
	}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err == nil {
			_, err = f.WriteString(t.Name() + "\n")
			_ = f.Close()
		}
		if err != nil {
			t.Error(err)
		}
	})
	return false
}
