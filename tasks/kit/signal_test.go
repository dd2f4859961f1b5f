package kit

import (
	"testing"

	"remoterun/tasks/tasktest"
)

func TestSignalWhileCleaningUp(t *testing.T) {
	for name, c := range map[string]tasktest.Struck{
		"write": {Text: string(putText), Calm: `trap 'rm -f "$t"' 0`, Args: []string{"DIR/file", "0", "", "", "", "", "", ""}},
	} {
		t.Run(name, func(t *testing.T) { tasktest.SignalWhileCleaningUp(t, c) })
	}
}
