package unlock

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/stack"
)

// others restarts app services that are not healthy: they met a database that
// was not there.
func (u *unlocking) others(s host.Seen, v stack.Site, res play.Result) (play.Plan, error) {
	var steps []host.Step
	for _, c := range v.All {
		if c.Service() == u.Service || !u.sick(c) {
			continue
		}
		steps = append(steps, guard.Command("restart app container "+c.Short(), compose.Docker("restart", c.ID)),
			u.waitHealthy(c))
		u.apps = append(u.apps, c.Service())
	}
	for _, name := range u.AppServices {
		if len(compose.Of(v.All, name)) > 0 {
			continue
		}
		if _, err := v.Config.Service(name); err != nil {
			return play.Plan{Result: play.Failure("the database is unlocked, but: " + err.Error())}, nil
		}
		steps = append(steps, guard.Command("start app service "+name,
			u.Compose().Command("up", "-d", "--no-deps", "--no-build", "--no-recreate", "--pull", "never", "--", name)))
		u.apps = append(u.apps, name)
	}
	if u.HealthURL != "" {
		steps = append(steps, u.waitURL())
	}
	res.Changed = res.Changed || len(u.apps) > 0
	res.Data.Put("apps_restarted", value.Strings(u.apps...))
	p := play.Plan{Steps: steps, Result: res}
	if len(steps) == 0 && !res.Changed {
		p.Note = "unlocked already"
	}
	p.Finish = u.finishApps(res)
	return p, nil
}

// finishApps: the database is unlocked whatever its apps do. A service that was
// asked for, or an address that has to answer, fails the task; others warn.
func (u *unlocking) finishApps(res play.Result) func([]host.Output) (play.Result, error) {
	return func(ran []host.Output) (play.Result, error) {
		for _, o := range ran {
			if o.Status != 0 {
				res.Failed, res.Msg = true, "the database is unlocked, but: "+string(o.Stderr)
			} else if len(o.Stdout) > 0 && o.Stdout[0] == '!' {
				res.Warnings = append(res.Warnings, string(o.Stdout[1:]))
			}
		}
		return res, nil
	}
}

// sick reports an app container that wants a restart: in a restart loop,
// unhealthy, never started because something was missing, or given up after its
// retries. One that the operator stopped is left alone, unless it was asked for:
// the engine keeps trying those that always run, so one that is at rest was
// stopped.
func (u *unlocking) sick(c compose.Container) bool {
	asked := slices.Contains(u.AppServices, c.Service())
	if len(u.AppServices) > 0 && !asked {
		return false
	}
	switch {
	case c.State.Restarting, c.Health() == "unhealthy":
		return true
	case c.State.Running:
		return false
	case asked, c.State.Status == "created":
		return true
	}
	switch c.HostConfig.RestartPolicy.Name {
	case "always", "unless-stopped":
		return c.State.Error != ""
	case "on-failure":
		return c.State.ExitCode != 0 && !stopSignal(c.State.ExitCode)
	}
	return false
}

// stopSignal reports the status of a program that docker stop ended.
func stopSignal(status int) bool { return status == 128+9 || status == 128+15 }

// waitHealthy waits until a container runs and its check, if it has one, says
// healthy. What does not come up is told, and fails only when it was asked for.
func (u *unlocking) waitHealthy(c compose.Container) guard.Act {
	within := time.Duration(u.Timeout) * time.Second
	asked := slices.Contains(u.AppServices, c.Service())
	return guard.Do("wait until "+c.Service()+" is healthy", func(ctx context.Context, w host.Writer) ([]byte, error) {
		deadline := time.Now().Add(within)
		for {
			all, err := guard.Ask(ctx, w, u.Compose().Containers())
			if err != nil {
				return nil, err
			}
			state := "gone"
			for _, x := range all {
				if x.ID == c.ID {
					state = appState(x)
				}
			}
			switch {
			case state == "healthy":
				w.Say(c.Service() + " healthy")
				return []byte(c.Service() + " is healthy"), nil
			case time.Now().After(deadline) || state == "unhealthy":
				err := fmt.Errorf("app service %s is %s; next: docker logs %s", c.Service(), state, c.Short())
				if asked {
					return nil, err
				}
				return []byte("!" + err.Error()), nil
			}
			if err := guard.Pause(ctx); err != nil {
				return nil, err
			}
		}
	})
}

func appState(c compose.Container) string {
	switch {
	case !c.State.Running || c.State.Restarting:
		return c.State.Status
	case c.Health() == "none":
		return "healthy"
	}
	return c.Health()
}

// waitURL asks for the address through the host, as its own programs would.
func (u *unlocking) waitURL() guard.Act {
	within := time.Duration(u.Timeout) * time.Second
	return guard.Do("wait until "+u.HealthURL+" answers", func(ctx context.Context, w host.Writer) ([]byte, error) {
		tr := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) { return w.Dial(ctx, "tcp", addr) }}
		defer tr.CloseIdleConnections()
		client := &http.Client{Transport: tr, Timeout: 10 * time.Second}
		deadline := time.Now().Add(within)
		for {
			said := getURL(ctx, client, u.HealthURL)
			if said == "" {
				w.Say(u.HealthURL + " answers")
				return []byte(u.HealthURL + " answers"), nil
			}
			if time.Now().After(deadline) {
				return nil, fmt.Errorf("%s does not answer within %s: %s", u.HealthURL, within, said)
			}
			if err := guard.Pause(ctx); err != nil {
				return nil, err
			}
		}
	})
}

// getURL answers what is wrong, "" for an answer below 400.
func getURL(ctx context.Context, c *http.Client, address string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := c.Do(req)
	if err != nil {
		return err.Error()
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return resp.Status
	}
	return ""
}
