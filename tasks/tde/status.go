package tde

import (
	"context"
	"errors"
	"fmt"

	"remoterun/runner/host"
	"remoterun/runner/lock"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// statusArgs are the arguments of tde_status.
type statusArgs struct {
	Stack
	KeysDir     string `arg:"keys_dir" default:"./keys" help:"the laptop's folder of sealed keyrings, from the inventory's folder (tde_keys_dir)"`
	ServerCopy  bool   `arg:"server_copy" default:"yes" help:"a sealed copy is kept on the host, too (tde_server_copy)"`
	Database    bool   `arg:"database" default:"yes" help:"no = there is no database on this host (yet): only the key's custody is looked at, and nothing of a database is called proved (tde_database)"`
	RotateAfter int    `arg:"rotate_after" default:"365" help:"days after which a key is due for rotation"`

	host string
}

// statusModule says how things are. It changes nothing and asks for no
// passphrase.
type statusModule struct{ d Deps }

func newStatus(d Deps) play.Module {
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
		return []host.Question{Mount(a.ramDir()).Q}
	}
	return []host.Question{a.compose().Config().Q, a.compose().Containers().Q, Mount(a.ramDir()).Q}
}

// The states of a database, in one word each.
const (
	stateEmpty    = "empty"    // no cluster was made yet
	stateBegun    = "begun"    // init was cut off: unlock finishes it
	statePlain    = "plain"    // a cluster without encryption
	stateLocked   = "locked"   // no keyring in RAM
	stateStopped  = "stopped"  // the keyring is there, the container does not run
	stateStarting = "starting" // it runs and does not answer yet
	stateUnlocked = "unlocked"
	stateFailed   = "failed" // it runs with the keyring and cannot use it
	stateGone     = "gone"   // a cluster was made, and its volume is not there any more
	stateLoaded   = "loaded" // the keyring is in RAM, and no database is here to use it
)

func (m statusModule) Plan(a statusArgs, s host.Seen) (play.Plan, error) {
	if err := host.All(s, m.Facts(a)...); err != nil {
		return play.Plan{}, err
	}
	v, err := site{Stack: a.Stack}, error(nil)
	if a.Database {
		v, err = a.look(s)
	}
	if err != nil {
		return planOf(err)
	}
	ram, err := host.Get(s, ramAt(a.ramDir(), v.pid()))
	if err != nil {
		return planOf(err)
	}
	st := status{args: a, site: v, ram: ram}
	if err := st.find(m.d, s); err != nil {
		return planOf(err)
	}
	return play.Plan{Result: st.result()}, nil
}

// status is what was found.
type status struct {
	args   statusArgs
	site   site
	ram    ramView
	mem    MountState
	volume *compose.DiskVolume
	disk   disk
	record *initRecord
	state  string
	why    string // what the server says when it does not answer
	fix    string // what to type, where it is not the state's usual word
	server *serverView
	keys   keyState
	rels   relations
	copy   CopyState
	copies string
	held   *lock.HeldError // who works on the project, nil = nobody
	drift  bool            // the container was made from other compose files
}

func (st *status) find(d Deps, s host.Seen) error {
	var err error
	if st.mem, err = host.Get(s, Mount(st.args.ramDir())); err != nil {
		return err
	}
	if !st.args.Database {
		return st.custody(d, s)
	}
	if st.volume, err = host.Get(s, compose.VolumeNamed(st.args.Stack.volume())); err != nil {
		return err
	}
	if st.record, err = host.Get(s, recordAt(st.args.stateDir())); err != nil {
		return err
	}
	dir := st.site.hostData
	if st.volume != nil && (dir == "" || !st.site.keyringTarget()) {
		dir = st.volume.Mountpoint // the overlay is not in effect yet
	}
	if dir != "" {
		if st.disk, err = host.Get(s, diskAt(dir)); err != nil {
			return err
		}
	}
	if err := st.sealed(d, s); err != nil {
		return err
	}
	if err := st.beside(s); err != nil {
		return err
	}
	return st.findState(s)
}

// beside is who works on the project, and whether the container is of the files.
func (st *status) beside(s host.Seen) error {
	var err error
	if st.held, err = host.Get(s, lock.Seen(st.args.stateDir()+"/lock")); err != nil || st.site.db == nil {
		return err
	}
	st.drift, err = st.args.compose().Drifted(s, st.args.Service, st.site.db.ConfigHash())
	return err
}

// custody is all that there is to find without a database.
func (st *status) custody(d Deps, s host.Seen) error {
	st.state, st.why = stateLocked, noDatabase
	if st.ram.present() {
		st.state, st.why = stateLoaded, "the key is in RAM; "+noDatabase
	}
	return st.sealed(d, s)
}

// keyringTarget reports that the service has the keyring's mount: the overlay is
// in effect.
func (v site) keyringTarget() bool {
	_, ok := v.svc.MountAt(v.ramDir())
	return ok
}

func (st *status) sealed(d Deps, s host.Seen) error {
	p := proof{args: verifyArgs{Stack: st.args.Stack, KeysDir: st.args.KeysDir, ServerCopy: st.args.ServerCopy, host: st.args.host}}
	err := p.askCopies(d, s)
	st.copy, st.copies = p.copy, p.copies
	var no *Refusal
	if errors.As(err, &no) { // not root: the rest can still be told
		st.copies = no.Error()
		return nil
	}
	return err
}

func (st *status) findState(s host.Seen) error {
	half := st.record.names(st.volume) && st.record.state == "begun"
	switch {
	case half:
		st.state = stateBegun
	case !st.disk.initialised() && st.record.done():
		st.state, st.why = stateGone, "a cluster was made in volume "+st.record.volume+", and it is not there"
	case !st.disk.initialised():
		st.state = stateEmpty
	case st.disk.keys == "":
		st.state = statePlain
	case st.site.misfit(st.disk) != nil:
		st.state, st.why = stateFailed, st.site.misfit(st.disk).Error()
	case !st.ram.present() && !st.site.running():
		st.state = stateLocked
	case !st.site.running():
		st.state = stateStopped
	default:
		return st.askServer(s)
	}
	if st.site.db == nil && (st.state == stateStopped || st.state == stateLocked) {
		st.why = "there is no container"
	}
	return nil
}

func (st *status) askServer(s host.Seen) error {
	answer, err := st.site.answers(s)
	if err != nil {
		return err
	}
	if answer != nil {
		st.why, st.state = answer.Error(), stateStarting
		switch {
		case refusedLogin(answer.Code):
			st.state, st.fix = stateFailed, "remoterun unlock "+st.args.host+", which makes the login anew"
		case !st.ram.present():
			st.state = stateLocked
		}
		return nil
	}
	to, err := st.site.sql("postgres")
	if err != nil {
		return err
	}
	var need gather
	view, err := readServer(s, to, ext(st.args.Extension))
	if need.add(err) {
		st.server = &view
	}
	st.keys, err = readKeys(s, to, ext(st.args.Extension))
	if need.add(err) {
		st.rels, err = readRelations(s, to, ext(st.args.Extension), st.keys)
		need.add(err)
	}
	st.state = stateUnlocked
	for _, k := range st.keys.keys {
		if k.key != "" && !k.verified {
			st.state, st.why, st.fix = stateFailed, "key of "+k.scope+": "+k.problem, "remoterun unlock "+st.args.host+", which sends the sealed keyring where another one is in RAM"
		}
	}
	if err := need.err(); err != nil {
		if e, ok := pg.AsError(err); ok {
			st.state, st.why = stateFailed, e.Error()
			return nil
		}
		return err
	}
	return nil
}

// next is what to type now.
func (st *status) next() string {
	h := st.args.host
	if st.fix != "" {
		return st.fix
	}
	return map[string]string{
		stateEmpty: "remoterun unlock " + h, stateBegun: "remoterun unlock " + h, statePlain: "remoterun migrate " + h,
		stateLocked: "remoterun unlock " + h, stateStopped: "remoterun unlock " + h,
		stateGone:     "restore a backup; or, if nothing was in it, remove " + st.args.stateDir() + "/init",
		stateStarting: "docker logs " + st.site.name(), stateFailed: "remoterun verify --quick " + h,
	}[st.state]
}

// name is the container's, or the service's when there is none.
func (v site) name() string {
	if v.db == nil {
		return v.Service
	}
	return v.db.Short()
}

const day = 24 * 60 * 60

// result tells it. A locked database is no failure, but has an exit code of its
// own; one that should run and cannot is a failure.
func (st *status) result() play.Result {
	r := play.Result{Data: dataOf(
		textPair("state", st.state), boolPair("locked", st.state == stateLocked), textPair("next", st.next()),
		hostPair("container", st.site.name()), boolPair("running", st.site.running()), hostPair("memory", string(st.mem.Class())),
		boolPair("keyring_in_ram", st.ram.present()), textPair("sealed_copies", string(st.copy)), hostPair("sealed_copy", st.copies),
	)}
	if st.disk.exists {
		r.Data.Put("uid", value.Int(int64(st.disk.uid)))
	}
	r.Msg = st.state
	if st.why != "" {
		r.Data.Put("reason", hostText(st.why))
		r.Msg += ": " + st.why
	}
	if next := st.next(); next != "" {
		r.Msg += "; next: " + next
	}
	r.Failed = st.state == stateFailed || st.state == stateGone
	st.unlockedData(&r)
	st.warnings(&r)
	return r
}

// unlockedData adds what only a server that answers can tell.
func (st *status) unlockedData(r *play.Result) {
	if st.server == nil {
		return
	}
	plain := make([]string, 0, len(st.rels.plain))
	for _, p := range st.rels.plain {
		if !p.sequence() {
			plain = append(plain, p.database+"."+p.name)
		}
	}
	age := st.oldestKey()
	due := age >= int64(st.args.RotateAfter)
	for _, p := range []pair{
		hostPair("version", st.server.version), boolPair("wal_encrypted", st.server.walEncrypt == "on"),
		intPair("relations", st.rels.total), intPair("plain", int64(len(plain))), listPair("plain_relations", plain...),
		{"keys", keysValue(st.keys)}, intPair("key_age_days", age), boolPair("rotation_due", due),
	} {
		r.Data.Put(p.name, p.v)
	}
	if st.state == stateUnlocked {
		r.Msg = fmt.Sprintf("unlocked: PostgreSQL %s, %d relations, %d plain, key %d days old", st.server.version, st.rels.total, len(plain), age)
	}
	warn := func(on bool, text string) {
		if on {
			r.Warnings = append(r.Warnings, text)
		}
	}
	warn(!st.ram.present(), "the keyring is not in RAM any more: a restart of the database would fail; next: remoterun unlock "+st.args.host)
	warn(st.ram.present() && !st.ram.same(), "the container does not see the mount that is there now: a new key would not reach it; next: remoterun unlock "+st.args.host)
	warn(len(plain) > 0, fmt.Sprintf("%d relations are not encrypted; next: remoterun verify %s", len(plain), st.args.host))
	warn(st.server.walEncrypt != "on", "WAL is not encrypted; next: remoterun verify "+st.args.host)
	warn(due, fmt.Sprintf("the key is %d days old; next: remoterun rotate %s", age, st.args.host))
}

// oldestKey is the age of the key in use, in days.
func (st *status) oldestKey() int64 {
	var age int64
	for _, k := range st.keys.keys {
		age = max(age, k.age)
	}
	return age / day
}
