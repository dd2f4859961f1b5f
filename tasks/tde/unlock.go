package tde

import (
	"cmp"
	"context"
	"errors"
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
	"remoterun/tasks/pg"
)

// unlockArgs are the arguments of tde_unlock.
type unlockArgs struct {
	Stack
	Timeout     int      `arg:"timeout" default:"120" help:"seconds to wait for the database, and again for each app service"`
	Key         string   `arg:"key" help:"name of the wanted key; by default the last one of the keyring that is open, if one is"`
	AppServices []string `arg:"app_services" help:"services that must be up afterwards (tde_app_services); by default those are restarted that are not healthy"`
	HealthURL   string   `arg:"health_url" help:"address that must answer, as reached from the host (tde_health_url)"`

	host string
}

// unlockModule starts the database once the keyring is in RAM. It never pulls,
// builds or recreates a container that is there.
type unlockModule struct{ d Deps }

func newUnlock(d Deps) play.Module {
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
	return []host.Question{a.compose().Config().Q, a.compose().Containers().Q}
}

// unlocking is one run of the module, stage after stage.
type unlocking struct {
	unlockArgs
	d         Deps
	restarted bool // the one restart that a stale mount is worth is spent
	started   bool
	mended    bool // the login was made anew
	apps      []string
}

func (m unlockModule) Plan(a unlockArgs, s host.Seen) (play.Plan, error) {
	u := &unlocking{unlockArgs: a, d: m.d}
	p, err := u.begin(s)
	if err != nil {
		return planOf(err)
	}
	return p, nil
}

// begin decides whether the database has to be started.
func (u *unlocking) begin(s host.Seen) (play.Plan, error) {
	v, ram, err := u.view(s)
	if err != nil {
		return play.Plan{}, err
	}
	if err := v.ready(s, ram, u.host); err != nil {
		return u.notReady(s, ram, err)
	}
	switch {
	case v.db == nil:
		return u.start(v, command("create and start service "+u.Service, u.upCommand())), nil
	case !v.keyringMounted():
		return play.Plan{}, refuse(u.object(), "run docker compose up -d "+u.Service+" in "+u.Dir+", which puts the overlay into effect",
			"stale: container %s does not mount %s, it was made without the overlay", v.db.Short(), u.ramDir())
	case !v.running() || !ram.same():
		u.restarted = true
		return u.start(v, u.restart(v.db)), nil
	}
	answer, err := v.answers(s)
	if err != nil {
		return play.Plan{}, err
	}
	kept, err := host.Get(s, u.loginKept())
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
func (u *unlocking) notReady(s host.Seen, ram ramView, no error) (play.Plan, error) {
	if _, need := needOf(no); need || ram.present() {
		return play.Plan{}, no
	}
	open, err := u.d.isOpen(s, u.Project, u.host)
	switch {
	case err != nil:
		return play.Plan{}, err
	case !open:
		return play.Plan{}, no
	}
	return later(no, "start the database", play.Result{Changed: true, Data: dataOf(textPair("state", "starting"))}), nil
}

// view is the stack and its keyring folder as they are now.
func (u *unlocking) view(s host.Seen) (site, ramView, error) {
	v, err := u.look(s)
	if err != nil {
		return v, ramView{}, err
	}
	ram, err := host.Get(s, ramAt(u.ramDir(), v.pid()))
	return v, ram, err
}

// pid is the server's process on the host, 0 when it does not run.
func (v site) pid() int {
	if v.running() {
		return v.db.State.Pid
	}
	return 0
}

// keyringMounted reports that the container was made with the overlay.
func (v site) keyringMounted() bool {
	for _, m := range v.db.Mounts {
		if m.Destination == v.ramDir() {
			return true
		}
	}
	return false
}

// ready refuses to start anything but an encrypted cluster with its keyring in
// RAM. Its messages begin with the state in one word.
func (v site) ready(s host.Seen, ram ramView, hostname string) error {
	if v.hostData == "" {
		return refuse(v.object(), "put a task tde_init before this one", "empty: the service has no volume at a data folder, no cluster was made")
	}
	d, err := host.Get(s, diskAt(v.hostData))
	switch {
	case err != nil:
		return err
	case !d.initialised():
		return refuse(v.object(), "put a task tde_init before this one: remoterun unlock "+hostname+" has it", "empty: there is no cluster in %s", v.hostData)
	case d.keys == "":
		r := plainRefusal(v.object(), hostname)
		r.Problem = "plain: " + r.Problem
		return r
	case v.misfit(d) != nil:
		return v.misfit(d)
	case !ram.present():
		return refuse(v.object(), "run remoterun unlock "+hostname, "locked: there is no keyring in RAM (%s)", v.ramDir())
	}
	return nil
}

// answers asks for one row; the error is why there is none, nil = SQL answers.
func (v site) answers(s host.Seen) (*pg.Error, error) {
	to, err := v.sql("postgres")
	if err != nil {
		return &pg.Error{Message: err.Error()}, nil
	}
	r, err := host.Get(s, pingQuery(to).Fact())
	return r.Err, err
}

// upCommand makes what is missing and recreates nothing.
func (u *unlocking) upCommand() sh.Cmd {
	return u.compose().Command("up", "-d", "--no-deps", "--no-build", "--no-recreate", "--pull", "never", "--", u.Service)
}

const restartText sh.Constant = `id=$1
shift
err=$(docker restart "$id" 2>&1) && exit 0
echo "docker restart: $err" >&2
` + compose.Text

// restart ends a back-off at once, which docker start and compose up do not; a
// container that cannot be restarted is left to compose.
func (u *unlocking) restart(c *compose.Container) act {
	return command("restart container "+c.Short(), sh.Script(restartText, append([]string{c.ID}, u.upCommand().Args...)...))
}

// start runs steps, waits for SQL, and goes on to the check.
func (u *unlocking) start(v site, steps ...act) play.Plan {
	res := play.Result{Changed: len(steps) > 0, Data: dataOf(textPair("state", "starting"))}
	u.started = u.started || len(steps) > 0
	p := play.Plan{Result: res}
	for _, st := range steps {
		p.Steps = append(p.Steps, saying("starting "+u.Service, st))
	}
	p.Steps = append(p.Steps, u.waitForSQL(time.Duration(u.Timeout)*time.Second))
	p.Finish = finish(func(host.Output) (play.Result, error) {
		res.Changed = res.Changed || u.mended
		return res, nil
	})
	p.Then = u.then(u.check)
	return p
}

// saying is a step that tells the operator what begins.
func saying(text string, a act) act {
	return act{a.what, func(ctx context.Context, w host.Writer) ([]byte, error) {
		w.Say(text)
		return a.do(ctx, w)
	}}
}

// then makes a stage of a method; refusals become failed plans.
func (u *unlocking) then(stage func(host.Seen) (play.Plan, error)) func([]host.Output) (play.Bound, error) {
	return func([]host.Output) (play.Bound, error) {
		return kit.Stage(func(s host.Seen) (play.Plan, error) {
			p, err := stage(s)
			if err != nil {
				return planOf(err)
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
	case v.db == nil || !v.running():
		return play.Plan{Result: play.Failure("failed: the container of " + u.Service + " does not run any more; look at docker logs")}, nil
	case !ram.same() && !u.restarted:
		u.restarted = true
		return u.start(v, u.restart(v.db)), nil
	case !ram.same():
		return play.Plan{Result: play.Failure(fmt.Sprintf("stale: container %s does not see the RAM that is mounted at %s (outside %s, inside %s), not even after a restart; next: docker inspect %s",
			v.db.Short(), u.ramDir(), ram.outside, cmp.Or(ram.inside, "nothing"), v.db.Short()))}, nil
	}
	to, err := v.sql("postgres")
	if err != nil {
		return play.Plan{}, err
	}
	keys, err := readKeys(s, to, ext(u.Extension))
	if err != nil {
		return play.Plan{}, err
	}
	server, err := readServer(s, to, ext(u.Extension))
	if err != nil {
		return play.Plan{}, err
	}
	wanted, err := u.wanted(s)
	if err != nil {
		return play.Plan{}, err
	}
	drifted, err := u.compose().Drifted(s, u.Service, v.db.ConfigHash())
	if err != nil {
		return play.Plan{}, err
	}
	res := play.Result{Changed: u.started || u.mended}
	res.Data = dataOf(textPair("state", "unlocked"), boolPair("restarted", u.started), hostPair("container", v.db.Short()),
		hostPair("version", server.version), pair{"keys", keysValue(keys)})
	if drifted {
		res.Data.Put("drift", value.Bool(true))
		res.Warnings = append(res.Warnings, "container "+v.db.Short()+" was made from other compose files than there are now; unlock leaves it as it is, docker compose up -d "+u.Service+" applies them")
	}
	if msg := keyProblems(keys, wanted, &res); msg != "" {
		res.Failed, res.Msg = true, msg
		return play.Plan{Result: res}, nil
	}
	return u.others(s, v, res)
}

// wanted is the key that the cluster should be on, "" when no keyring is open.
func (u *unlocking) wanted(s host.Seen) (string, error) {
	return wantedKey(s, u.d, u.Key, u.Project, u.host)
}

func wantedKey(s host.Seen, d Deps, given, project, hostname string) (string, error) {
	if given != "" {
		return given, nil
	}
	info, err := host.Get(s, d.OpenFact(project, hostname))
	var none *ErrAnswer
	if errors.As(err, &none) {
		return "", nil
	}
	return info.Wanted().Name, err
}

// keyProblems says which keys the server cannot use; keys other than the wanted
// one are a warning: an unfinished rotation.
func keyProblems(keys keyState, wanted string, res *play.Result) string {
	var bad []string
	for _, k := range keys.keys {
		switch {
		case k.key != "" && !k.verified:
			bad = append(bad, "key of "+k.scope+": "+k.problem)
		case k.key != "" && wanted != "" && foldName(k.key) != foldName(wanted):
			res.Warnings = append(res.Warnings, fmt.Sprintf("%s is on key %s, not on %s: a rotation was not finished; next: remoterun rotate", k.scope, k.key, wanted))
		}
	}
	if bad == nil {
		return ""
	}
	return "failed: the server cannot use its keys: " + strings.Join(bad, "; ") + "; next: remoterun key verify"
}

func keysValue(keys keyState) value.Value {
	items := make([]value.Value, len(keys.keys))
	for i, k := range keys.keys {
		m := dataOf(hostPair("scope", k.scope), hostPair("key", k.key), hostPair("provider", k.provider), boolPair("verified", k.verified))
		if k.key != "" {
			m.Put("age", value.Int(k.age))
		}
		if k.problem != "" {
			m.Put("problem", hostText(k.problem))
		}
		items[i] = value.FromMap(m)
	}
	return value.List(items...)
}
