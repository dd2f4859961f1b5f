package tasks_test

import (
	"testing"

	"remoterun/tasks"
	"remoterun/tasks/tasktest"
)

func TestDataCases(t *testing.T) {
	for _, m := range tasks.All() {
		t.Run(m.Spec().Name, func(t *testing.T) { tasktest.Cases(t, m) })
	}
}
