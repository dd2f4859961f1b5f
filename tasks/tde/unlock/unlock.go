package unlock

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/seal"
	"remoterun/tasks/tde/stack"
)

// unlockArgs are the arguments of tde_unlock.
type unlockArgs struct {
	stack.Stack
	Timeout     int      `arg:"timeout" default:"120" help:"seconds to wait for the database, and again for each app service"`
	Key         string   `arg:"key" help:"name of the wanted key; by default the last one of the keyring that is open, if one is"`
	AppServices []string `arg:"app_services" help:"services that must be up afterwards (tde_app_services); by default those are restarted that are not healthy"`
	HealthURL   string   `arg:"health_url" help:"address that must answer, as reached from the host (tde_health_url)"`

	host string
}

// unlockModule starts the database once the keyring is in RAM. It never pulls,
// builds or recreates a container that is there.
type unlockModule struct{ d custody.Deps }

func New(d custody.Deps) play.Module {
	return kit.Define(kit.Doc{Name: "tde_unlock", Short: "starts the encrypted database, waits for SQL, and has every key verified"}, unlockModule{d})
}

func (unlockModule) Validate(a unlockArgs) *play.ArgError {
	if e := a.Stack.Validate(); e != nil {
		return e
	}
	if u, err := url.Parse(a.HealthURL); a.HealthURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return &play.ArgError{Arg: "health_url", Msg: "is an address that begins with http:// or https://"}
	}
	return nil
}

// Resolve notes which host's keyring is meant.
func (unlockModule) Resolve(_ context.Context, a *unlockArgs, in play.Inputs) error {
	a.host = in.Host()
	return nil
}

func (unlockModule) Facts(a unlockArgs) []host.Question {
	return []host.Question{a.Compose().Config().Q, a.Compose().Containers().Q}
}

// unlocking is what a run of the module works with; it never changes. What its
// stages have done is handed on as a past.
type unlocking struct {
	unlockArgs
	d custody.Deps
}

// past is what earlier stages of a run did.
type past struct {
	started   bool
	restarted bool // the one restart that a stale mount is worth is spent
	mended    bool // the login was made anew
	kept      []string
}

// with is the past after a start: what its steps printed says the rest.
func (p past) with(ran []host.Output) past {
	for _, o := range ran {
		text := string(o.Stdout)
		p.mended = p.mended || text == saidMended
		if kept, ok := strings.CutPrefix(text, saidKept); ok {
			p.kept = append(slices.Clone(p.kept), strings.TrimSpace(kept))
		}
	}
	return p
}

// changed reports that something was done.
func (p past) changed() bool { return p.started || p.mended }

func (m unlockModule) Plan(a unlockArgs, s host.Seen) (play.Plan, error) {
	p, err := unlocking{a, m.d}.begin(s)
	if err != nil {
		return guard.PlanOf(err)
	}
	return p, nil
}

// begin decides whether the database has to be started.
func (u unlocking) begin(s host.Seen) (play.Plan, error) {
	v, ram, err := u.view(s)
	if err != nil {
		return play.Plan{}, err
	}
	t, err := u.Truth(s)
	if err != nil {
		return play.Plan{}, err
	}
	if err := v.Ready(s, t, ram, u.host); err != nil {
		return u.notReady(s, ram, err)
	}
	if v.Container == nil || !v.Serves(t) || !v.Overlaid() || !v.Running() || !ram.Same() {
		if err := v.Alone(s, t, u.host); err != nil {
			return play.Plan{}, err
		}
	}
	switch {
	case v.Container == nil:
		return u.start(past{}, guard.Command("create and start service "+u.Service, u.upCommand())), nil
	case !v.Serves(t) || !v.Overlaid():
		return u.recreate(s, v, t)
	case !v.Running() || !ram.Same():
		return u.start(past{restarted: true}, u.restart(v.Container)), nil
	}
	answer, err := v.Answers(s)
	if err != nil {
		return play.Plan{}, err
	}
	kept, err := host.Get(s, u.LoginKept())
	if err != nil {
		return play.Plan{}, err
	}
	if answer != nil || !kept {
		return u.start(past{}), nil
	}
	return u.check(s, past{})
}

// notReady refuses, at once or, when the keyring is open and only not in RAM
// yet, where the database would be started.
func (u unlocking) notReady(s host.Seen, ram memory.View, no error) (play.Plan, error) {
	if _, need := guard.NeedOf(no); need || ram.Present() {
		return play.Plan{}, no
	}
	open, err := u.d.IsOpen(s, u.Project, u.host)
	switch {
	case err != nil:
		return play.Plan{}, err
	case !open:
		return play.Plan{}, no
	}
	return guard.Later(no, "start the database", play.Result{Changed: true, Data: guard.Data(guard.Text("state", "starting"))}), nil
}

// view is the stack and its keyring folder as they are now.
func (u unlocking) view(s host.Seen) (stack.Site, memory.View, error) {
	v, err := u.Find(s)
	if err != nil {
		return v, memory.View{}, err
	}
	ram, err := host.Get(s, memory.ViewAt(u.RAMDir(), v.Pid()))
	return v, ram, err
}

// upCommand makes what is missing and recreates nothing.
func (u unlocking) upCommand() sh.Cmd {
	return u.Compose().Command("up", "-d", "--no-deps", "--no-build", "--no-recreate", "--pull", "never", "--", u.Service)
}

const restartText sh.Constant = `id=$1
shift
err=$(docker restart "$id" 2>&1) && exit 0
echo "docker restart: $err" >&2
` + compose.Text

// restart ends a back-off at once, which docker start and compose up do not; a
// container that cannot be restarted is left to compose.
func (u unlocking) restart(c *compose.Container) guard.Act {
	return guard.Command("restart container "+c.Short(), sh.Script(restartText, append([]string{c.ID}, u.upCommand().Args...)...))
}

// start runs steps, waits for SQL, and goes on to the check.
func (u unlocking) start(p past, steps ...guard.Act) play.Plan {
	p.started = p.started || len(steps) > 0
	var all []host.Step
	for _, st := range steps {
		all = append(all, saying("starting "+u.Service, st))
	}
	return u.afterSteps(p, append(all, u.waitForSQL(time.Duration(u.Timeout)*time.Second))...)
}

// afterSteps runs steps and goes on to the check.
func (u unlocking) afterSteps(p past, steps ...host.Step) play.Plan {
	res := func(p past) play.Result {
		return play.Result{Changed: p.changed(), Data: guard.Data(guard.Text("state", "starting"))}
	}
	plan := play.Plan{Steps: steps, Result: res(p)}
	plan.Finish = func(ran []host.Output) (play.Result, error) {
		return guard.Finish(func(host.Output) (play.Result, error) { return res(p.with(ran)), nil })(ran)
	}
	plan.Then = func(ran []host.Output) (play.Bound, error) {
		return kit.Stage(func(s host.Seen) (play.Plan, error) {
			next, err := u.check(s, p.with(ran))
			if err != nil {
				return guard.PlanOf(err)
			}
			return next, nil
		}), nil
	}
	return plan
}

// saying is a step that tells the operator what begins.
func saying(text string, a guard.Act) guard.Act {
	return guard.Do(a.What, func(ctx context.Context, w host.Writer) ([]byte, error) {
		w.Say(text)
		return a.Run(ctx, w)
	})
}

// check proves that the container sees the mount that is there now, and that
// the server can use every key.
func (u unlocking) check(s host.Seen, p past) (play.Plan, error) {
	v, ram, err := u.view(s)
	if err != nil {
		return play.Plan{}, err
	}
	switch {
	case v.Container == nil || !v.Running():
		return play.Plan{Result: play.Failure("failed: the container of " + u.Service + " does not run any more; next: docker logs " + v.Name())}, nil
	case !ram.Same() && !p.restarted:
		p.restarted = true
		return u.start(p, u.restart(v.Container)), nil
	case !ram.Same():
		return play.Plan{Result: play.Failure(fmt.Sprintf("stale: container %s does not see the RAM that is mounted at %s (outside %s, inside %s), not even after a restart; next: docker inspect %s",
			v.Container.Short(), u.RAMDir(), ram.Outside, cmp.Or(ram.Inside, "nothing"), v.Container.Short()))}, nil
	}
	to, err := v.SQL("postgres")
	if err != nil {
		return play.Plan{}, err
	}
	keys, err := pgtde.ReadKeys(s, to, pgtde.Extension(u.Extension))
	if e, ok := pg.AsError(err); ok && stack.RefusedLogin(e.Code) && !p.mended {
		return u.afterSteps(p, u.renewLogin()), nil // a session that was open before still answered
	}
	if err != nil {
		return play.Plan{}, err
	}
	server, err := pgtde.ReadServer(s, to, pgtde.Extension(u.Extension))
	if err != nil {
		return play.Plan{}, err
	}
	wanted, err := u.wanted(s)
	if err != nil {
		return play.Plan{}, err
	}
	drifted, err := u.Compose().Drifted(s, u.Service, v.Container.ConfigHash())
	if err != nil {
		return play.Plan{}, err
	}
	res := play.Result{Changed: p.changed(), Warnings: slices.Clone(p.kept)}
	res.Data = guard.Data(guard.Text("state", "unlocked"), guard.Bool("restarted", p.started), guard.FromHost("container", v.Container.Short()),
		guard.FromHost("version", server.Version), guard.Val("keys", pgtde.KeysValue(keys)))
	if drifted && v.Lacks() == nil {
		res.Data.Put("drift", value.Bool(true))
		res.Warnings = append(res.Warnings, "container "+v.Container.Short()+" was made from other compose files than there are now; unlock leaves it as it is, docker compose up -d "+u.Service+" applies them")
	}
	if msg := keyProblems(keys, wanted, &res); msg != "" {
		res.Failed, res.Msg = true, msg
		return play.Plan{Result: res}, nil
	}
	return u.others(s, v, res)
}

// wanted is the key that the cluster should be on, "" when no keyring is open.
func (u unlocking) wanted(s host.Seen) (string, error) {
	return custody.WantedKey(s, u.d, u.Key, u.Project, u.host)
}

// keyProblems says which keys the server cannot use; keys other than the wanted
// one are a warning: an unfinished rotation.
func keyProblems(keys pgtde.KeyState, wanted string, res *play.Result) string {
	var bad []string
	for _, k := range keys.Keys {
		switch {
		case k.Key != "" && !k.Verified:
			bad = append(bad, "key of "+k.Scope+": "+k.Problem)
		case k.Key != "" && wanted != "" && seal.FoldName(k.Key) != seal.FoldName(wanted):
			res.Warnings = append(res.Warnings, fmt.Sprintf("%s is on key %s, not on %s: a rotation was not finished", k.Scope, k.Key, wanted))
		}
	}
	if bad == nil {
		return ""
	}
	return "failed: the server cannot use its keys: " + strings.Join(bad, "; ") + "; next: remoterun key verify"
}
