package unlock

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/kit"
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

// unlocking is one run of the module, stage after stage.
type unlocking struct {
	unlockArgs
	d         custody.Deps
	restarted bool // the one restart that a stale mount is worth is spent
	started   bool
	mended    bool // the login was made anew
	apps      []string
}

func (m unlockModule) Plan(a unlockArgs, s host.Seen) (play.Plan, error) {
	u := &unlocking{unlockArgs: a, d: m.d}
	p, err := u.begin(s)
	if err != nil {
		return guard.PlanOf(err)
	}
	return p, nil
}

// begin decides whether the database has to be started.
func (u *unlocking) begin(s host.Seen) (play.Plan, error) {
	v, ram, err := u.view(s)
	if err != nil {
		return play.Plan{}, err
	}
	if err := v.Ready(s, ram, u.host); err != nil {
		return u.notReady(s, ram, err)
	}
	switch {
	case v.Container == nil:
		return u.start(v, guard.Command("create and start service "+u.Service, u.upCommand())), nil
	case !v.KeyringMounted():
		return play.Plan{}, guard.Refuse(u.Object(), "run docker compose up -d "+u.Service+" in "+u.Dir+", which puts the overlay into effect",
			"stale: container %s does not mount %s, it was made without the overlay", v.Container.Short(), u.RAMDir())
	case !v.Running() || !ram.Same():
		u.restarted = true
		return u.start(v, u.restart(v.Container)), nil
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
		return u.start(v), nil
	}
	return u.check(s)
}

// notReady refuses, at once or, when the keyring is open and only not in RAM
// yet, where the database would be started.
func (u *unlocking) notReady(s host.Seen, ram memory.View, no error) (play.Plan, error) {
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
func (u *unlocking) view(s host.Seen) (stack.Site, memory.View, error) {
	v, err := u.Find(s)
	if err != nil {
		return v, memory.View{}, err
	}
	ram, err := host.Get(s, memory.ViewAt(u.RAMDir(), v.Pid()))
	return v, ram, err
}

// upCommand makes what is missing and recreates nothing.
func (u *unlocking) upCommand() sh.Cmd {
	return u.Compose().Command("up", "-d", "--no-deps", "--no-build", "--no-recreate", "--pull", "never", "--", u.Service)
}

const restartText sh.Constant = `id=$1
shift
err=$(docker restart "$id" 2>&1) && exit 0
echo "docker restart: $err" >&2
` + compose.Text

// restart ends a back-off at once, which docker start and compose up do not; a
// container that cannot be restarted is left to compose.
func (u *unlocking) restart(c *compose.Container) guard.Act {
	return guard.Command("restart container "+c.Short(), sh.Script(restartText, append([]string{c.ID}, u.upCommand().Args...)...))
}

// start runs steps, waits for SQL, and goes on to the check.
func (u *unlocking) start(v stack.Site, steps ...guard.Act) play.Plan {
	res := play.Result{Changed: len(steps) > 0, Data: guard.Data(guard.Text("state", "starting"))}
	u.started = u.started || len(steps) > 0
	p := play.Plan{Result: res}
	for _, st := range steps {
		p.Steps = append(p.Steps, saying("starting "+u.Service, st))
	}
	p.Steps = append(p.Steps, u.waitForSQL(time.Duration(u.Timeout)*time.Second))
	p.Finish = guard.Finish(func(host.Output) (play.Result, error) {
		res.Changed = res.Changed || u.mended
		return res, nil
	})
	p.Then = u.then(u.check)
	return p
}

// saying is a step that tells the operator what begins.
func saying(text string, a guard.Act) guard.Act {
	return guard.Do(a.What, func(ctx context.Context, w host.Writer) ([]byte, error) {
		w.Say(text)
		return a.Run(ctx, w)
	})
}

// then makes a stage of a method; refusals become failed plans.
func (u *unlocking) then(stage func(host.Seen) (play.Plan, error)) func([]host.Output) (play.Bound, error) {
	return func([]host.Output) (play.Bound, error) {
		return kit.Stage(func(s host.Seen) (play.Plan, error) {
			p, err := stage(s)
			if err != nil {
				return guard.PlanOf(err)
			}
			return p, nil
		}), nil
	}
}

// check proves that the container sees the mount that is there now, and that
// the server can use every key.
func (u *unlocking) check(s host.Seen) (play.Plan, error) {
	v, ram, err := u.view(s)
	if err != nil {
		return play.Plan{}, err
	}
	switch {
	case v.Container == nil || !v.Running():
		return play.Plan{Result: play.Failure("failed: the container of " + u.Service + " does not run any more; look at docker logs")}, nil
	case !ram.Same() && !u.restarted:
		u.restarted = true
		return u.start(v, u.restart(v.Container)), nil
	case !ram.Same():
		return play.Plan{Result: play.Failure(fmt.Sprintf("stale: container %s does not see the RAM that is mounted at %s (outside %s, inside %s), not even after a restart; next: docker inspect %s",
			v.Container.Short(), u.RAMDir(), ram.Outside, cmp.Or(ram.Inside, "nothing"), v.Container.Short()))}, nil
	}
	to, err := v.SQL("postgres")
	if err != nil {
		return play.Plan{}, err
	}
	keys, err := pgtde.ReadKeys(s, to, pgtde.Extension(u.Extension))
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
	res := play.Result{Changed: u.started || u.mended}
	res.Data = guard.Data(guard.Text("state", "unlocked"), guard.Bool("restarted", u.started), guard.FromHost("container", v.Container.Short()),
		guard.FromHost("version", server.Version), guard.Val("keys", pgtde.KeysValue(keys)))
	if drifted {
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
func (u *unlocking) wanted(s host.Seen) (string, error) {
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
			res.Warnings = append(res.Warnings, fmt.Sprintf("%s is on key %s, not on %s: a rotation was not finished; next: remoterun rotate", k.Scope, k.Key, wanted))
		}
	}
	if bad == nil {
		return ""
	}
	return "failed: the server cannot use its keys: " + strings.Join(bad, "; ") + "; next: remoterun key verify"
}
