package files

import (
	"strings"
	"testing"

	"remoterun/runner/host"
)

// TestSlurpOfALargeFile says what holds files of any size.
func TestSlurpOfALargeFile(t *testing.T) {
	a := slurpArgs{Src: "/var/big"}
	seen := host.NewSeen(map[string]host.Answer{slurpQuestion("/var/big").Key(): {Status: 6, Stdout: []byte("209715200\n")}})
	plan, err := slurp{}.Plan(a, seen)
	if err != nil {
		t.Fatal(err)
	}
	if want := "/var/big has 209715200 bytes, and a variable holds up to 48 MiB: fetch brings files of any size to the laptop"; !plan.Result.Failed || !strings.Contains(plan.Result.Msg, want) {
		t.Errorf("%v %s", plan.Result.Failed, plan.Result.Msg)
	}
}
