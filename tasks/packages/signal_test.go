package packages

import (
	"strings"
	"testing"

	"remoterun/tasks/tasktest"
)

func TestSignalWhileCleaningUp(t *testing.T) {
	for name, c := range map[string]tasktest.Struck{
		"policy": {Text: strings.ReplaceAll(strings.ReplaceAll(string(aptText), "/usr/sbin", "DIR"), "apt-get", "false"), Calm: "trap _back 0", Args: []string{"101"}},
	} {
		t.Run(name, func(t *testing.T) { tasktest.SignalWhileCleaningUp(t, c) })
	}
}

func TestNothingIsLeft(t *testing.T) {
	tasktest.NothingIsLeft(t, tasktest.Struck{Text: string(debURLText), Args: []string{"file:///nowhere"}})
}
