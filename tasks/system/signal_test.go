package system

import (
	"testing"

	"remoterun/tasks/tasktest"
)

func TestSignalWhileCleaningUp(t *testing.T) {
	for name, c := range map[string]tasktest.Struck{
		"script": {Text: string(scriptText), Calm: `trap 'rm -f "$t"' 0`, Args: []string{"0", "", ""}},
	} {
		t.Run(name, func(t *testing.T) { tasktest.SignalWhileCleaningUp(t, c) })
	}
}
