package system

import (
	"testing"

	"remoterun/tasks/tasktest"
)

func TestNothingIsLeft(t *testing.T) {
	tasktest.NothingIsLeft(t, tasktest.Struck{Text: string(scriptText), Args: []string{"00", "", ""}})
}
