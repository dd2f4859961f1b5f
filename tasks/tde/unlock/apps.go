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
// was not there. Where an address has to answer, services of the project that were
// never started are.
func (u unlocking) others(s host.Seen, v stack.Site, res play.Result) (play.Plan, error) {
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
	for _, name := range u.AppServices {
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
		missing, err := u.neverStarted(s, v)
		if err != nil {
			return play.Plan{}, err
		}
		if len(missing) > 0 {
			steps = append(steps, u.startMissing(missing, len(compose.Of(v.All, u.Service)) == len(v.All)))
		}
		steps = append(steps, u.waitURL())
	}
	done := func(ran []host.Output) play.Result {
		started := slices.Clone(apps)
		for _, o := range ran {
			if names, ok := strings.CutPrefix(string(o.Stdout), saidStarted); ok {
				started = append(started, strings.Fields(names)...)
			}
		}
		r := res
		r.Changed, r.Warnings, r.Data = res.Changed || len(started) > 0, slices.Clone(res.Warnings), res.Data.Clone()
		r.Data.Put("apps_restarted", value.Strings(started...))
		return r
	}
	p := play.Plan{Steps: steps, Result: done(nil), Finish: func(ran []host.Output) (play.Result, error) { return finishApps(done(ran), ran), nil }}
	if len(steps) == 0 && !res.Changed {
		p.Note = "unlocked already"
	}
	return p, nil
}

// neverStarted are the services that docker compose up would start and that have no
// container at all. One with a container that is at rest was stopped by somebody,
// and one of a profile that is off is the operator's affair.
func (u unlocking) neverStarted(s host.Seen, v stack.Site) ([]string, error) {
	active, err := host.Get(s, u.Compose().Active())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(active), func(name string) bool {
		return name == u.Service || len(compose.Of(v.All, name)) > 0 || slices.Contains(u.AppServices, name)
	}), nil
}

// saidStarted is what startMissing prints in front of the services that it started.
const saidStarted = "started "

// startMissing starts services with what is on the host already, and what they
// depend on, in compose's order. Where others of the project were started before,
// it does so only when the address does not answer.
func (u unlocking) startMissing(names []string, first bool) guard.Act {
	return guard.Do("start services that have no container: "+strings.Join(names, ", "), func(ctx context.Context, w host.Writer) ([]byte, error) {
		if !first && u.answers(ctx, w) == "" {
			return nil, nil
		}
		w.Say("starting " + strings.Join(names, ", "))
		out, err := w.Run(ctx, u.Compose().Command(append([]string{"up", "-d", "--no-build", "--no-recreate", "--pull", "never", "--"}, names...)...))
		if err != nil {
			return nil, err
		}
		if err := guard.Spoken("start services "+strings.Join(names, ", "), out); err != nil {
			if strings.Contains(strings.ToLower(string(out.Stderr)), "no such image") {
				err = fmt.Errorf("%w; unlock never pulls: docker compose pull in %s, then the same command again", err, u.Dir)
			}
			return nil, err
		}
		return []byte(saidStarted + strings.Join(names, " ")), nil
	})
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

// waitURL asks for the address through the host, as its own programs would. What
// does not run is told at once: it may be why nothing answers.
func (u unlocking) waitURL() guard.Act {
	within := time.Duration(u.Timeout) * time.Second
	return guard.Do("wait until "+u.HealthURL+" answers", func(ctx context.Context, w host.Writer) ([]byte, error) {
		deadline, told := time.Now().Add(within), false
		for {
			said := u.answers(ctx, w)
			if said == "" {
				w.Say(u.HealthURL + " answers")
				return []byte(u.HealthURL + " answers"), nil
			}
			rest := ""
			if late := time.Now().After(deadline); late || !told {
				rest = u.atRest(ctx, w)
				if late {
					return nil, fmt.Errorf("%s does not answer within %s: %s%s", u.HealthURL, within, said, rest)
				}
			}
			if told = true; rest != "" {
				w.Say("waiting for " + u.HealthURL + rest)
			}
			if err := guard.Pause(ctx); err != nil {
				return nil, err
			}
		}
	})
}

// answers asks once: what is wrong, "" where the address answers.
func (u unlocking) answers(ctx context.Context, w host.Writer) string {
	tr := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) { return w.Dial(ctx, "tcp", addr) }}
	defer tr.CloseIdleConnections()
	return getURL(ctx, &http.Client{Transport: tr, Timeout: 10 * time.Second}, u.HealthURL)
}

// atRest names services of the project that do not run: why an address may not
// answer. What cannot be asked is left out.
func (u unlocking) atRest(ctx context.Context, w host.Writer) string {
	v, err := guard.Resolve(ctx, w, u.Find)
	if err != nil {
		return ""
	}
	var out []string
	for name, svc := range v.Config.Services {
		list := compose.Of(v.All, name)
		switch {
		case name == u.Service:
		case len(list) == 0 && len(svc.Profiles) > 0:
			out = append(out, name+" (no container, profile "+strings.Join(svc.Profiles, ", ")+")")
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
	return "; services that do not run: " + strings.Join(out, ", ") + "; next: name the one that answers in tde_app_services, or start it: docker compose up -d in " + u.Dir
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
