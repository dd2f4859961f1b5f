package containers

import (
	"testing"

	"remoterun/runner/host"
	"remoterun/tasks/tasktest"
)

// FuzzAnswers feeds what a hostile or broken host may say to every reader of
// answers: none may panic.
func FuzzAnswers(f *testing.F) {
	tasktest.AddAnswers(f)
	f.Fuzz(func(t *testing.T, s string) {
		readEvents(s)
		readContainers(host.Answer{Stdout: []byte(s)})
	})
}
