package containers

import (
	"testing"

	"remoterun/tasks/tasktest"
)

func TestNothingIsLeft(t *testing.T) {
	tasktest.NothingIsLeft(t, tasktest.Struck{Text: string(dryText), Args: []string{"DIR", "up"}})
}
