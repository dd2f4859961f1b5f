package tde

import (
	"testing"

	"remoterun/tasks/tasktest"
)

func TestDataCases(t *testing.T) {
	for _, m := range All(testDeps(t, &typist{})) {
		if name := m.Spec().Name; name == "memory_mount" || name == "tde_keyring" {
			t.Run(name, func(t *testing.T) { tasktest.Cases(t, m) })
		}
	}
}
