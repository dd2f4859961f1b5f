package files

import (
	"testing"

	"remoterun/tasks/tasktest"
)

func TestSignalWhileCleaningUp(t *testing.T) {
	for name, c := range map[string]tasktest.Struck{
		"tar": {Text: string(untarText), Calm: `trap 'rm -rf "$t"' 0`, Args: []string{"DIR", "", "", "755"}},
	} {
		t.Run(name, func(t *testing.T) { tasktest.SignalWhileCleaningUp(t, c) })
	}
}
