package packages

import (
	"strings"
	"testing"

	"remoterun/tasks/tasktest"
)

// TestPolicyComesBack: a policy-rc.d of the user's is back, and none of ours stays,
// however the script ends.
func TestPolicyComesBack(t *testing.T) {
	text := strings.ReplaceAll(string(aptText), "/usr/sbin", "DIR")
	tasktest.ComesBack(t, tasktest.Struck{Text: text, Args: []string{"101", "install", "x"}}, "policy-rc.d", "apt-get")
}

func TestNothingIsLeft(t *testing.T) {
	tasktest.NothingIsLeft(t, tasktest.Struck{Text: string(debURLText), Args: []string{"file:///nowhere"}})
}
