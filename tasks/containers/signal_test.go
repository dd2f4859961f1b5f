package containers

import (
	"testing"

	"remoterun/tasks/tasktest"
)

func TestSignalWhileCleaningUp(t *testing.T) {
	for name, c := range map[string]tasktest.Struck{
		"dry run": {Text: string(dryText), Calm: `trap 'rm -rf "$w"' 0`, Args: []string{"DIR", "no such command"}},
	} {
		t.Run(name, func(t *testing.T) { tasktest.SignalWhileCleaningUp(t, c) })
	}
}
