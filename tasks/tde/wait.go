package tde

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/pg"
)

// pingQuery is the least that a server can be asked.
func pingQuery(to pg.Target) pg.Query {
	return pg.Query{To: to, SQL: "SELECT 1", Within: 10 * time.Second}
}

// waitForSQL waits until the service's database answers, and mends a lost login.
// A container that ends, or is restarted by the engine meanwhile, ends the wait
// with its last log lines.
func (u *unlocking) waitForSQL(within time.Duration) act {
	return act{"wait until SQL answers", func(ctx context.Context, w host.Writer) ([]byte, error) {
		deadline, restarts, last := time.Now().Add(within), -1, "nothing yet"
		for {
			v, err := resolve(ctx, w, u.look)
			if err != nil {
				return nil, err
			}
			if v.db == nil {
				return nil, fmt.Errorf("failed: service %s has no container", u.Service)
			}
			if restarts < 0 {
				restarts = v.db.RestartCount
			}
			if ended(v.db, restarts) {
				return nil, exited(ctx, w, v.db)
			}
			answer, code, err := sqlAnswers(ctx, w, v)
			switch {
			case err != nil:
				return nil, err
			case answer == "":
				if err := u.mendLogin(ctx, w, v, false); err != nil {
					return nil, err
				}
				w.Say("SQL answered")
				return []byte("SQL answers"), nil
			case strings.HasPrefix(code, "3D"):
				return nil, fmt.Errorf("failed: %s; modules log in there; next: CREATE DATABASE postgres", answer)
			case refusedLogin(code) && u.mended:
				return nil, fmt.Errorf("failed: the database refuses the login of role %s, also with a new password: %s", sqlRole, answer)
			case refusedLogin(code):
				if err := u.mendLogin(ctx, w, v, true); err != nil {
					return nil, err
				}
				continue
			}
			last = answer
			if time.Now().After(deadline) {
				return nil, fmt.Errorf("failed: no SQL answer within %s: %s; next: docker logs %s", within, last, v.db.Short())
			}
			if err := pause(ctx); err != nil {
				return nil, err
			}
		}
	}}
}

func ended(c *compose.Container, restarts int) bool {
	return c.State.Status == "exited" || c.State.Status == "dead" || c.State.Restarting || c.RestartCount > restarts
}

// sqlAnswers answers "" when it does, else what came back, with the
// server's code.
func sqlAnswers(ctx context.Context, w host.Writer, v site) (said, code string, err error) {
	to, err := v.sql("postgres")
	if err != nil {
		return err.Error(), "", nil
	}
	a, err := pingQuery(to).Ask(ctx, w)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, host.ErrTransport) {
			return err.Error(), "", nil // this try took too long
		}
		return "", "", err
	}
	r, err := pg.ParseAnswer(a)
	if err != nil || r.Err == nil {
		return "", "", err
	}
	return r.Err.Error(), r.Err.Code, nil
}

// refusedLogin reports a server that is up and does not let the role in: waiting
// cures nothing.
func refusedLogin(code string) bool { return strings.HasPrefix(code, "28") }

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

// resolve runs a reading of answers inside a step: what it lacks is asked.
func resolve[T any](ctx context.Context, r host.Reader, read func(host.Seen) (T, error)) (T, error) {
	answers := map[string]host.Answer{}
	for {
		v, err := read(host.NewSeen(answers))
		need, ok := needOf(err)
		if !ok {
			return v, err
		}
		for _, q := range need {
			a, err := q.Ask(ctx, r)
			if err != nil {
				return v, err
			}
			answers[q.Key()] = a
		}
	}
}
