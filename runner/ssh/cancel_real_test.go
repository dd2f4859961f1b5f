package ssh_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"remoterun/runner/host"
	"remoterun/runner/hosttest"
	"remoterun/runner/hosttest/real"
	"remoterun/runner/sh"
)

// TestRealCancelledUnderSudo: what is cancelled has ended when that is said, also
// where sudo stands between: as root, as another user, in a frame and in a channel.
func TestRealCancelledUnderSudo(t *testing.T) {
	t.Parallel()
	m := real.NewOperator(t).Start(t, real.Options{Name: "cancelled", Share: []string{os.TempDir()}})
	marks, err := os.MkdirTemp("", "marks") // where every user of the machine writes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(marks) })
	if err := os.Chmod(marks, 0o777); err != nil {
		t.Fatal(err)
	}
	root, out := host.As{User: "root", Method: "sudo"}, host.As{User: real.UserOut, Method: "sudo"}
	for login, as := range map[string]host.As{real.UserFree: root, "root": out, real.UserFree + " as another": out} {
		login, _, _ = strings.Cut(login, " ")
		c := m.Connect(t, login, nil)
		for _, own := range []bool{false, true} {
			for what, text := range map[string]sh.Constant{
				"deaf child": `sh -c 'trap "" TERM; echo $$ >"$1.t"; mv "$1.t" "$1"; while :; do sleep 0.1; done' sh "$1"; :`,
				"child":      `sh -c 'echo $$ >"$1.t"; mv "$1.t" "$1"; while :; do sleep 0.1; done' sh "$1"; :`,
			} {
				mark := strings.ReplaceAll(fmt.Sprintf("%s/%s-%s-%v-%s", marks, login, as.User, own, what), " ", "-")
				if err := hosttest.Cancelled(t.Context(), c, as, own, sh.Script(text, mark), mark); err != nil {
					t.Errorf("%s as %s, %s, channel of its own: %v: %v", login, as.User, what, own, err)
				}
			}
		}
	}
}
