package status

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"remoterun/runner/host"
	"remoterun/runner/lock"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/kit"
	"remoterun/tasks/move"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/stack"
)

// statusArgs are the arguments of tde_status.
type statusArgs struct {
	stack.Stack
	KeysDir     string `arg:"keys_dir" default:"./keys" help:"the laptop's folder of sealed keyrings, from the inventory's folder (tde_keys_dir)"`
	ServerCopy  bool   `arg:"server_copy" default:"yes" help:"a sealed copy is kept on the host, too (tde_server_copy)"`
	Database    bool   `arg:"database" default:"yes" help:"no = there is no database on this host (yet): only the key's custody is looked at, and nothing of a database is called proved (tde_database)"`
	Swap        string `arg:"swap" default:"refuse" choices:"refuse,accept" help:"whether swap that reaches a disk is accepted (tde_swap)"`
	RotateAfter int    `arg:"rotate_after" default:"365" help:"days after which a key is due for rotation"`

	host string
}

// statusModule says how things are. It changes nothing and asks for no
// passphrase.
type statusModule struct{ d custody.Deps }

func New(d custody.Deps) play.Module {
	return kit.Define(kit.Doc{Name: "tde_status", Short: "says whether the database is locked, encrypted, and what is due"}, statusModule{d})
}

func (statusModule) Validate(a statusArgs) *play.ArgError { return a.Stack.Validate() }

// Resolve notes whose sealed copies are meant.
func (statusModule) Resolve(_ context.Context, a *statusArgs, in play.Inputs) error {
	a.host = in.Host()
	return nil
}

func (statusModule) Facts(a statusArgs) []host.Question {
	if !a.Database {
		return []host.Question{memory.Mount(a.RAMDir()).Q}
	}
	return []host.Question{a.Compose().Config().Q, a.Compose().Containers().Q, memory.Mount(a.RAMDir()).Q}
}

// The states of a database, in one word each.
const (
	stateEmpty    = "empty"    // no cluster was made yet
	StateBegun    = "begun"    // init was cut off: unlock finishes it
	StatePlain    = "plain"    // a cluster without encryption
	StateAstray   = "astray"   // the container serves something else than the encrypted cluster
	StateLocked   = "locked"   // no keyring in RAM
	StateStopped  = "stopped"  // the keyring is there, the container does not run
	stateStarting = "starting" // it runs and does not answer yet
	StateUnlocked = "unlocked"
	stateFailed   = "failed" // it runs with the keyring and cannot use it
	stateGone     = "gone"   // a cluster was made, and the place that the record names is not there
	stateMoving   = "moving" // a migration into it is under way
	stateLoaded   = "loaded" // the keyring is in RAM, and no database is here to use it
)

func (m statusModule) Plan(a statusArgs, s host.Seen) (play.Plan, error) {
	if err := host.All(s, m.Facts(a)...); err != nil {
		return play.Plan{}, err
	}
	v, err := stack.Site{Stack: a.Stack}, error(nil)
	if a.Database {
		v, err = a.Find(s)
	}
	if err != nil {
		return guard.PlanOf(err)
	}
	ram, err := host.Get(s, memory.ViewAt(a.RAMDir(), v.Pid()))
	if err != nil {
		return guard.PlanOf(err)
	}
	st := status{args: a, site: v, ram: ram}
	if err := st.find(m.d, s); err != nil {
		return guard.PlanOf(err)
	}
	return play.Plan{Result: st.result()}, nil
}

// status is what was found.
type status struct {
	args   statusArgs
	site   stack.Site
	ram    memory.View
	mem    memory.MountState
	truth  stack.Truth
	disk   stack.Disk // of the encrypted cluster; else what the service has
	astray stack.Astray
	state  string
	why    string // what the server says when it does not answer
	fix    string // what to type, where it is not the state's usual word
	server *pgtde.ServerView
	keys   pgtde.KeyState
	rels   pgtde.Relations
	copies custody.CopiesView
	held   *lock.HeldError // who works on the project, nil = nobody
	drift  bool            // the container was made from other compose files
	// providers are key providers of the server that are not the keyring in RAM,
	// rings files in the data folder that are keyrings by their shape.
	providers, rings []string
	callers          []compose.Caller // who starts the project without the overlay
	overlay          string           // the overlay's file
}

func (st *status) find(d custody.Deps, s host.Seen) error {
	var err error
	if st.mem, err = host.Get(s, memory.Mount(st.args.RAMDir())); err != nil {
		return err
	}
	if !st.args.Database {
		return st.custody(d, s)
	}
	if st.truth, err = st.args.Truth(s); err != nil {
		return err
	}
	if st.disk = st.truth.Disk; !st.disk.Exists && st.site.HostData != "" {
		if st.disk, err = host.Get(s, stack.DiskAt(st.site.HostData)); err != nil {
			return err
		}
	}
	if err := st.sealed(d, s); err != nil {
		return err
	}
	if st.disk.Keys != "" {
		if st.rings, err = host.Get(s, stack.KeyringsIn(cmp.Or(st.truth.Folder, st.site.HostData), st.args.Project, st.site.Beside()...)); err != nil {
			return err
		}
	}
	if err := st.beside(s); err != nil {
		return err
	}
	if st.truth.There() {
		f, err := host.Get(s, st.args.Override())
		if err != nil {
			return err
		}
		st.overlay = path.Base(f.Path)
		if !f.Overlaid() { // it is in the user's own file, or nowhere
			sources, err := host.Get(s, st.args.Compose().Sources())
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(sources, compose.Source.Overlaid); i >= 0 {
				st.overlay = path.Base(sources[i].Path)
			}
		}
		if st.callers, err = host.Get(s, st.args.Compose().Callers(st.overlay)); err != nil {
			return err
		}
	}
	if err := st.findState(s); err != nil {
		return err
	}
	return st.findMove(s)
}

// findMove looks for a move under way, where nothing serves the encrypted cluster.
func (st *status) findMove(s host.Seen) error {
	if r := st.truth.Record; (r == nil || r.Moving == "") && !slices.Contains([]string{StatePlain, stateEmpty, StateBegun}, st.state) {
		return nil
	}
	g, err := host.Get(s, move.GoingAt(st.args.StateDir()))
	if err != nil || g == nil || g.State == move.Cut {
		return err
	}
	st.state, st.why = stateMoving, g.String()
	st.fix = "remoterun " + g.Verb + " " + st.args.host + " goes on with it, remoterun rollback " + st.args.host + " goes back"
	return nil
}

// beside is who works on the project, and whether the container is of the files.
func (st *status) beside(s host.Seen) error {
	var err error
	if st.held, err = host.Get(s, lock.Seen(st.args.StateDir())); err != nil || st.site.Container == nil {
		return err
	}
	st.drift, err = st.args.Compose().Drifted(s, st.args.Service, st.site.Container.ConfigHash())
	return err
}

// custody is all that there is to find without a database.
func (st *status) custody(d custody.Deps, s host.Seen) error {
	st.state, st.why = StateLocked, stack.NoDatabase
	if st.ram.Present() {
		st.state, st.why = stateLoaded, "the key is in RAM; "+stack.NoDatabase
		if !st.mem.InRAM() {
			st.why = "the key is on " + cmp.Or(st.mem.FS, st.mem.OnFS) + ", and not in RAM; " + stack.NoDatabase
		}
	}
	return st.sealed(d, s)
}

func (st *status) sealed(d custody.Deps, s host.Seen) error {
	v, err := d.CopiesOf(s, st.args.KeysDir, st.args.Project, st.args.host, st.args.ServerCopy)
	st.copies = v
	var no *guard.Refusal
	if errors.As(err, &no) { // not root: the rest can still be told
		st.copies = custody.CopiesView{Said: no.Error(), Advises: true}
		return nil
	}
	return err
}

func (st *status) findState(s host.Seen) error {
	t := st.truth
	switch {
	case t.Half():
		st.state = StateBegun
	case t.Gone():
		st.state, st.why, st.fix = stateGone, "a cluster was made in volume "+t.Record.Volume+", and it is not there", stack.GoneWayOut(t, st.args.host)
	case t.Damaged():
		st.state, st.why, st.fix = stateFailed, t.Damage(), stack.DamagedWayOut(t)
	case !st.disk.Initialised():
		st.state = stateEmpty
	case st.disk.Keys == "":
		st.state = StatePlain
	case st.site.Misfit(st.disk) != nil:
		st.state, st.why, st.fix = stateFailed, st.site.Misfit(st.disk).Error(), "remoterun status "+st.args.host+", with that extension"
	case !st.site.Serves(t):
		return st.lost(s)
	case !st.ram.Present() && !st.site.Running():
		st.state = StateLocked
	case !st.site.Running():
		st.state = StateStopped
	default:
		return st.askServer(s)
	}
	if st.state != StateStopped && st.state != StateLocked {
		return nil
	}
	if st.site.Container == nil {
		st.why = "there is no container"
	}
	return st.alone(s)
}

// alone says where the server is that unlock would refuse to start a second one
// beside.
func (st *status) alone(s host.Seen) error {
	err := st.site.Alone(s, st.truth, st.args.host)
	if no := new(guard.Refusal); errors.As(err, &no) {
		st.state, st.why, st.fix = stateFailed, no.Problem, no.WayOut
		return nil
	}
	return err
}

// lost says what is served in place of the encrypted cluster.
func (st *status) lost(s host.Seen) error {
	var err error
	if st.astray, err = st.site.Astray(s); err != nil {
		return err
	}
	st.state = StateAstray
	what := "container " + st.site.Name() + " was made without the overlay: "
	switch {
	case st.astray.Plain():
		what += "it has a database in the clear in " + st.astray.Place
	case st.astray.Tomb:
		what += "it has the tomb in " + st.astray.Place + ", on which no server starts; nothing was written"
	case st.astray.Place == "":
		what += "it has no volume for its data"
	default:
		what += "it has " + st.astray.Place + " as its data folder, with no database in it"
	}
	st.why = what + ", and not the encrypted one in " + st.truth.Folder
	return nil
}

func (st *status) askServer(s host.Seen) error {
	answer, err := st.site.Answers(s)
	if err != nil {
		return err
	}
	if answer != nil {
		st.why, st.state = answer.Error(), stateStarting
		switch {
		case stack.RefusedLogin(answer.Code):
			st.state, st.fix = stateFailed, st.newLogin()
		case !st.ram.Present():
			st.state = StateLocked
		}
		return nil
	}
	to, err := st.site.SQL("postgres")
	if err != nil {
		return err
	}
	var need guard.Gather
	view, err := pgtde.ReadServer(s, to, pgtde.Extension(st.args.Extension))
	if need.Add(err) {
		st.server = &view
	}
	st.keys, err = pgtde.ReadKeys(s, to, pgtde.Extension(st.args.Extension))
	if need.Add(err) {
		st.rels, err = pgtde.ReadRelations(s, to, pgtde.Extension(st.args.Extension), st.keys)
		need.Add(err)
	}
	rows, err := pg.Rows(s, pgtde.ProvidersQuery(to, pgtde.Extension(st.args.Extension)))
	if need.Add(err) {
		st.astrayProviders("global", rows)
	}
	for _, name := range st.keys.Names { // each database may have providers of its own
		if slices.Contains(st.keys.Without, name) {
			continue
		}
		rows, err := pg.Rows(s, pgtde.DatabaseProvidersQuery(st.keys.In(to, name), pgtde.Extension(st.args.Extension)))
		if need.Add(err) {
			st.astrayProviders(name, rows)
		}
	}
	st.state = StateUnlocked
	for _, k := range st.keys.Keys {
		if k.Key != "" && !k.Verified {
			st.state, st.why, st.fix = stateFailed, "key of "+k.Scope+": "+k.Problem, "remoterun unlock "+st.args.host+", which sends the sealed keyring where another one is in RAM"
		}
	}
	if err := need.Err(); err != nil {
		if e, ok := pg.AsError(err); ok {
			st.state, st.why = stateFailed, e.Error()
			if !st.site.Overlaid() {
				st.fix = "remoterun unlock " + st.args.host + ", which makes the container anew with the overlay"
			}
			if stack.RefusedLogin(e.Code) { // a session that was open before still answered
				st.fix = st.newLogin()
			}
			return nil
		}
		return err
	}
	return nil
}

// astrayProviders notes those that are not the keyring in RAM.
func (st *status) astrayProviders(scope string, rows [][]*string) {
	for _, p := range pgtde.ProvidersOf(scope, rows) {
		if p.Kind == "file" && path.Clean(p.Path) == st.args.KeyringPath() {
			continue
		}
		name := p.Name
		if scope != "global" {
			name += " of database " + scope
		}
		st.providers = append(st.providers, name+" ("+p.Kind+" "+p.Path+")")
	}
}

// next is what to type now.
func (st *status) next() string {
	h := st.args.host
	if st.fix != "" {
		return st.fix
	}
	return map[string]string{
		stateEmpty: st.first(), StateAstray: "remoterun unlock " + h, StateBegun: "remoterun unlock " + h, StatePlain: "remoterun migrate " + h,
		StateLocked: "remoterun unlock " + h, StateStopped: "remoterun unlock " + h,
		stateStarting: "docker logs " + st.site.Name(), stateFailed: "remoterun verify --quick " + h,
	}[st.state]
}

// first is what begins: unlock makes the database, once there are keys.
func (st *status) first() string {
	if st.copies.State == custody.CopiesNone {
		return "remoterun setup " + st.args.host + ", then: remoterun unlock " + st.args.host
	}
	return "remoterun unlock " + st.args.host
}

// newLogin is what helps where the server lets our role in no more.
func (st *status) newLogin() string {
	return "remoterun unlock " + st.args.host + ", which makes the login anew"
}

const day = 24 * 60 * 60

// result tells it. A locked database is not a failure, but has an exit code of its
// own; one that should run and cannot is a failure.
func (st *status) result() play.Result {
	r := play.Result{Data: guard.Data(
		guard.Text("state", st.state), guard.Bool("locked", st.state == StateLocked), guard.Text("next", st.next()),
		guard.FromHost("container", st.site.Name()), guard.Bool("running", st.site.Running()), guard.FromHost("memory", string(st.mem.Class())),
		guard.Bool("keyring_in_ram", st.ram.Present()), guard.Text("sealed_copies", string(st.copies.State)), guard.FromHost("sealed_copy", st.copies.Said),
	)}
	if st.state == StateLocked {
		r.Verdict = play.Locked
	}
	if st.disk.Exists {
		r.Data.Put("uid", value.Int(int64(st.disk.UID)))
	}
	r.Msg = st.state
	if st.why != "" {
		r.Data.Put("reason", guard.HostText(st.why))
		r.Msg += ": " + st.why
	}
	if next := st.next(); next != "" {
		r.Msg += "; next: " + next
	}
	r.Failed = st.state == stateFailed || st.state == stateGone || st.state == StateAstray
	st.unlockedData(&r)
	st.warnings(&r)
	return r
}

// unlockedData adds what only a server that answers can tell.
func (st *status) unlockedData(r *play.Result) {
	if st.server == nil {
		return
	}
	plain := make([]string, 0, len(st.rels.Plain))
	for _, p := range st.rels.Plain {
		if !p.ByNature() {
			plain = append(plain, p.Database+"."+p.Name)
		}
	}
	age := st.oldestKey()
	due := age >= int64(st.args.RotateAfter)
	for _, p := range []guard.Entry{
		guard.FromHost("version", st.server.Version), guard.Bool("wal_encrypted", st.server.WalEncrypt == "on"),
		guard.Int("relations", st.rels.Total), guard.Int("plain", int64(len(plain))), guard.List("plain_relations", plain...),
		guard.Val("keys", pgtde.KeysValue(st.keys)), guard.Int("key_age_days", age), guard.Bool("rotation_due", due),
	} {
		r.Data.Put(p.Name, p.Value)
	}
	if st.state == StateUnlocked {
		r.Msg = fmt.Sprintf("unlocked: PostgreSQL %s, %s, %d plain, key %s old", st.server.Version, value.Count(st.rels.Total, "relation"), len(plain), value.Count(age, "day"))
	}
	warn := func(on bool, text string) {
		if on {
			r.Warnings = append(r.Warnings, text)
		}
	}
	warn(!st.ram.Present(), "the keyring is not in RAM any more: a restart of the database would fail; next: remoterun unlock "+st.args.host)
	warn(st.ram.Present() && !st.ram.Same(), "the container does not see the mount that is there now: a new key would not reach it; next: remoterun unlock "+st.args.host)
	warn(len(plain) > 0, fmt.Sprintf("%s not encrypted; next: remoterun verify %s", value.Count(len(plain), "relation is", "relations are"), st.args.host))
	warn(st.server.WalEncrypt != "on", "WAL is not encrypted; next: remoterun verify "+st.args.host)
	warn(due, "the key is "+value.Count(age, "day")+" old, and due for rotation")
}

// oldestKey is the age of the key in use, in days.
func (st *status) oldestKey() int64 {
	var age int64
	for _, k := range st.keys.Keys {
		age = max(age, k.Age)
	}
	return age / day
}
