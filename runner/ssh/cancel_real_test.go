package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/hosttest/real"
	"remoterun/runner/sh"
)

// TestRealCancelledUnderSudo: what is cancelled has ended when that is said, also
// where sudo stands between: as root, as another user, in a frame and in a channel.
func TestRealCancelledUnderSudo(t *testing.T) {
	t.Parallel()
	m := real.NewOperator(t).Start(t, real.Options{Name: "cancelled"})
	root, out := host.As{User: "root", Method: "sudo"}, host.As{User: real.UserOut, Method: "sudo"}
	for login, as := range map[string]host.As{real.UserFree: root, "root": out, real.UserFree + " as another": out} {
		login, _, _ = strings.Cut(login, " ")
		c := m.Connect(t, login, nil)
		for _, own := range []bool{false, true} {
			for what, text := range map[string]sh.Constant{
				"deaf child": `sh -c 'trap "" TERM; echo $$ >"$1.t"; mv "$1.t" "$1"; while :; do sleep 0.1; done' sh "$1"; :`,
				"child":      `sh -c 'echo $$ >"$1.t"; mv "$1.t" "$1"; while :; do sleep 0.1; done' sh "$1"; :`,
			} {
				mark := strings.ReplaceAll(fmt.Sprintf("/tmp/%s-%s-%v-%s", login, as.User, own, what), " ", "-")
				if err := cancelledThere(t, m, c, as, own, sh.Script(text, mark), mark); err != nil {
					t.Errorf("%s as %s, %s, channel of its own: %v: %v", login, as.User, what, own, err)
				}
			}
		}
	}
}

func cancelledThere(t *testing.T, m *real.Machine, c host.Conn, as host.As, own bool, cmd sh.Cmd, mark string) error {
	run, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for _, err := m.Try(t, `test -e "$1"`, mark); err != nil && run.Err() == nil; _, err = m.Try(t, `test -e "$1"`, mark) {
			time.Sleep(20 * time.Millisecond)
		}
		cancel()
	}()
	s, err := c.Shell(t.Context(), as)
	if err != nil {
		return err
	}
	if own {
		_, err = c.Exec(run, as, cmd)
	} else {
		_, err = s.Run(run, cmd)
	}
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("error %w", err)
	}
	text, _ := m.Try(t, `cat "/proc/$(cat "$1")/stat" 2>/dev/null`, mark)
	if text != "" && !strings.Contains(text, ") Z ") {
		return fmt.Errorf("it lives: %s", text)
	}
	return nil
}
