package unlock

import (
	"context"
	"fmt"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/stack"
)

// What steps print for the stages behind them.
const (
	saidSQL    = "SQL answers"
	saidMended = "SQL answers; the login was made anew"
	saidKept   = "kept "
)

// waitForSQL waits until the service's database answers, and mends a lost login.
// A container that ends, or is restarted by the engine meanwhile, ends the wait
// with its last log lines.
func (u unlocking) waitForSQL(within time.Duration) guard.Act {
	return guard.Do("wait until SQL answers", func(ctx context.Context, w host.Writer) ([]byte, error) {
		deadline, restarts, last, said := time.Now().Add(within), -1, "nothing yet", saidSQL
		for {
			v, err := guard.Resolve(ctx, w, u.Find)
			if err != nil {
				return nil, err
			}
			if v.Container == nil {
				return nil, fmt.Errorf("failed: service %s has no container", u.Service)
			}
			if restarts < 0 {
				restarts = v.Container.RestartCount
			}
			if ended(v.Container, restarts) {
				return nil, exited(ctx, w, v.Container)
			}
			answer, code, err := stack.SQLAnswers(ctx, w, v)
			switch {
			case err != nil:
				return nil, err
			case answer == "":
				mended, err := u.mendLogin(ctx, w, v, false)
				if err != nil {
					return nil, err
				}
				if mended {
					said = saidMended
				}
				w.Say("SQL answered")
				return []byte(said), nil
			case strings.HasPrefix(code, "3D"):
				return nil, fmt.Errorf("failed: %s; modules log in there; next: CREATE DATABASE postgres", answer)
			case stack.RefusedLogin(code) && said == saidMended:
				return nil, fmt.Errorf("failed: the database refuses the login of role %s, also with a new password: %s; next: %s", stack.SQLRole, answer, v.LetIn())
			case stack.RefusedLogin(code):
				if _, err := u.mendLogin(ctx, w, v, true); err != nil {
					return nil, err
				}
				said = saidMended
				continue
			}
			last = answer
			if time.Now().After(deadline) {
				return nil, fmt.Errorf("failed: no SQL answer within %s: %s; next: docker logs %s", within, last, v.Container.Short())
			}
			if err := guard.Pause(ctx); err != nil {
				return nil, err
			}
		}
	})
}

func ended(c *compose.Container, restarts int) bool {
	return c.State.Status == "exited" || c.State.Status == "dead" || c.State.Restarting || c.RestartCount > restarts
}

// logLines is how much of a container's log is shown.
const logLines = "12"

// exited tells why a container ended, with the end of its log.
func exited(ctx context.Context, w host.Writer, c *compose.Container) error {
	out, err := w.Run(ctx, sh.Script(`docker logs --tail "$2" "$1" 2>&1`, c.ID, logLines))
	if err != nil {
		return err
	}
	log := strings.TrimSpace(string(out.Stdout))
	state, next := "failed", "docker logs "+c.Short()
	if strings.Contains(log, "not found in key provider") {
		state, next = "locked", "remoterun key verify: the keyring in RAM lacks a key that this cluster needs"
	}
	msg := fmt.Sprintf("%s: container %s ended with status %d", state, c.Short(), c.State.ExitCode)
	if c.State.Error != "" {
		msg += " (" + c.State.Error + ")"
	}
	return fmt.Errorf("%s; next: %s; its last lines:\n%s", msg, next, log)
}

// renewLogin makes the login anew where only new sessions are refused.
func (u unlocking) renewLogin() guard.Act {
	return guard.Do("make the login anew", func(ctx context.Context, w host.Writer) ([]byte, error) {
		v, err := guard.Resolve(ctx, w, u.Find)
		if err != nil {
			return nil, err
		}
		_, err = u.mendLogin(ctx, w, v, true)
		return []byte(saidMended), err
	})
}

// mendLogin makes the login anew when the server refuses it, or when the password
// is lost: root's way into the container answers then, but not for ever.
func (u unlocking) mendLogin(ctx context.Context, w host.Writer, v stack.Site, refused bool) (mended bool, err error) {
	if !refused {
		if kept, err := guard.Ask(ctx, w, u.LoginKept()); kept || err != nil {
			return false, err
		}
	}
	return true, stack.RenewLogin(ctx, w, u.d.Random, v)
}
