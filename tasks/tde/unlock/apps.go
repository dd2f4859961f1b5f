package unlock

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/stack"
)

// others restarts app services that are not healthy: they met a database that
// was not there. Where an address has to answer and nothing of the project was
// ever started, its services are.
func (u unlocking) others(v stack.Site, res play.Result) (play.Plan, error) {
	var steps []host.Step
	var apps []string
	for _, c := range v.All {
		if c.Service() == u.Service || !u.sick(c) {
			continue
		}
		steps = append(steps, guard.Command("restart app container "+c.Short(), compose.Docker("restart", c.ID)),
			u.waitHealthy(c))
		apps = append(apps, c.Service())
	}
	for _, name := range append(slices.Clone(u.AppServices), u.neverStarted(v)...) {
		if len(compose.Of(v.All, name)) > 0 {
			continue
		}
		if _, err := v.Config.Service(name); err != nil {
			return play.Plan{Result: play.Failure("the database is unlocked, but: " + err.Error())}, nil
		}
		steps = append(steps, u.startApp(name))
		apps = append(apps, name)
	}
	if u.HealthURL != "" {
		steps = append(steps, u.waitURL())
	}
	done := func() play.Result {
		r := res
		r.Changed, r.Warnings, r.Data = res.Changed || len(apps) > 0, slices.Clone(res.Warnings), res.Data.Clone()
		r.Data.Put("apps_restarted", value.Strings(apps...))
		return r
	}
	p := play.Plan{Steps: steps, Result: done(), Finish: func(ran []host.Output) (play.Result, error) { return finishApps(done(), ran), nil }}
	if len(steps) == 0 && !res.Changed {
		p.Note = "unlocked already"
	}
	return p, nil
}

// neverStarted are the project's services beside the database, where an address
// has to answer and none of them has a container: a first start is the whole
// project's. Those of profiles are the operator's affair.
func (u unlocking) neverStarted(v stack.Site) []string {
	if u.HealthURL == "" || len(u.AppServices) > 0 || len(compose.Of(v.All, u.Service)) < len(v.All) {
		return nil
	}
	var out []string
	for name, s := range v.Config.Services {
		if name != u.Service && len(s.Profiles) == 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// startApp starts a service with what is on the host already.
func (u unlocking) startApp(name string) guard.Act {
	return guard.Command("start app service "+name,
		u.Compose().Command("up", "-d", "--no-deps", "--no-build", "--no-recreate", "--pull", "never", "--", name))
}

// finishApps: the database is unlocked whatever its apps do. A service that was
// asked for, or an address that has to answer, fails the task; others warn.
func finishApps(res play.Result, ran []host.Output) play.Result {
	for _, o := range ran {
		if o.Status != 0 {
			res.Failed, res.Msg = true, "the database is unlocked, but: "+string(o.Stderr)
		} else if len(o.Stdout) > 0 && o.Stdout[0] == '!' {
			res.Warnings = append(res.Warnings, string(o.Stdout[1:]))
		}
	}
	return res
}

// sick reports an app container that wants a restart: in a restart loop,
// unhealthy, never started because something was missing, or given up after its
// retries. One that the operator stopped is left alone, unless it was asked for:
// the engine keeps trying those that always run, so one that is at rest was
// stopped.
func (u unlocking) sick(c compose.Container) bool {
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
func (u unlocking) waitHealthy(c compose.Container) guard.Act {
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
func (u unlocking) waitURL() guard.Act {
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
				return nil, fmt.Errorf("%s does not answer within %s: %s%s", u.HealthURL, within, said, u.atRest(ctx, w))
			}
			if err := guard.Pause(ctx); err != nil {
				return nil, err
			}
		}
	})
}

// atRest names services of the project that do not run: why an address may not
// answer. What cannot be asked is left out.
func (u unlocking) atRest(ctx context.Context, w host.Writer) string {
	v, err := guard.Resolve(ctx, w, u.Find)
	if err != nil {
		return ""
	}
	var out []string
	for name := range v.Config.Services {
		list := compose.Of(v.All, name)
		switch {
		case name == u.Service:
		case len(list) == 0:
			out = append(out, name+" (no container)")
		case !list[0].State.Running:
			out = append(out, fmt.Sprintf("%s (%s, status %d)", name, list[0].State.Status, list[0].State.ExitCode))
		}
	}
	if out == nil {
		return ""
	}
	slices.Sort(out)
	return "; services that do not run: " + strings.Join(out, ", ") + "; next: docker compose up -d in " + u.Dir
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
