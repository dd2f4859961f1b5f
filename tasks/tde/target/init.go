package target

import (
	"context"
	"errors"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/kit"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/memory"
	"remoterun/tasks/tde/stack"
)

// initArgs are the arguments of tde_init.
type initArgs struct {
	stack.Stack
	Image  string `arg:"image" default:"percona/percona-distribution-postgresql:17" help:"image of the encrypted server; it has to be on the host already"`
	Key    string `arg:"key" help:"name of the key to begin with; by default the last one of the keyring that is open"`
	Cipher string `arg:"cipher" default:"aes_128" choices:"aes_128,aes_256" help:"cipher of tables and WAL"`
	Locale string `arg:"locale" help:"locale of the cluster; by default the image's own"`
	Look   bool   `arg:"look" default:"no" help:"only refuse what would be refused, before a key is sent; nothing is made"`

	host string
}

// initModule makes the encrypted cluster of an empty volume.
type initModule struct{ d custody.Deps }

func New(d custody.Deps) play.Module {
	return kit.Define(kit.Doc{Name: "tde_init", Short: "makes an encrypted cluster on an empty volume, and the compose overlay that runs it"}, initModule{d})
}

func (initModule) Validate(a initArgs) *play.ArgError { return a.Stack.Validate() }

// Resolve notes which host's keyring is meant.
func (initModule) Resolve(_ context.Context, a *initArgs, in play.Inputs) error {
	a.host = in.Host()
	return nil
}

func (initModule) Facts(a initArgs) []host.Question {
	return []host.Question{
		a.Compose().Config().Q, stack.RecordAt(a.StateDir()).Q, compose.VolumeNamed(a.Volume()).Q,
		compose.ImageNamed(a.Image).Q, a.Override().Q,
	}
}

// oldestCompose is the first that replaces lists by !override.
const oldestCompose = "2.24.4"

// fresh is what a plan of init rests on.
type fresh struct {
	stack.Site
	args     initArgs
	record   *stack.InitRecord
	volume   *compose.DiskVolume // nil: it is not there yet
	disk     stack.Disk          // of that volume
	image    *compose.Image
	override stack.OverrideFile
	key      string
	bits     int  // of that key, 0 = not known here
	yes      bool // what the user's override says gives way
}

func (m initModule) Plan(a initArgs, s host.Seen) (play.Plan, error) {
	p, err := m.decide(a, s)
	if err != nil || p.Result.Failed || !a.Look {
		return p, err
	}
	return play.Plan{Note: "nothing is in the way", Result: play.Result{Data: p.Result.Data}}, nil
}

func (m initModule) decide(a initArgs, s host.Seen) (play.Plan, error) {
	f, err := m.find(a, s)
	if err != nil {
		return guard.PlanOf(err)
	}
	switch {
	case f.disk.Initialised() && f.disk.Keys != "" && !f.halfMade():
		return f.alreadyThere()
	case f.volume != nil && f.disk.Exists && !f.disk.Empty && !f.halfMade():
		return guard.FailedPlan(f.notOurs()), nil
	case f.record.Done():
		return guard.FailedPlan(guard.Refuse("volume "+f.record.Volume, "restore a backup; or remove "+a.StateDir()+"/init, if nothing was in it",
			"a cluster was made in it before, and it is not there")), nil
	}
	if err := f.checkOld(s); err != nil {
		return guard.PlanOf(err)
	}
	version, err := host.Get(s, compose.Version())
	if err != nil {
		return guard.PlanOf(err)
	}
	if compose.OlderThan(version, oldestCompose) {
		return guard.FailedPlan(guard.Refuse("docker compose "+version, "install a newer one on the host", "the overlay needs at least %s (!override)", oldestCompose)), nil
	}
	ram, err := host.Get(s, memory.ViewAt(a.RAMDir(), 0))
	if err != nil {
		return guard.PlanOf(err)
	}
	p, err := f.plan(m.d)
	if err != nil || ram.Present() {
		return p, err
	}
	no := guard.Refuse("keyring of "+a.Project, "run remoterun unlock "+a.host, "there is none in RAM (%s)", a.RAMDir())
	open, err := m.d.IsOpen(s, a.Project, a.host)
	switch {
	case err != nil:
		return guard.PlanOf(err)
	case !open:
		return guard.FailedPlan(no), nil
	}
	return guard.Later(no, "make the encrypted cluster", p.Result), nil
}

// find asks for everything that says whether a cluster may be made.
func (m initModule) find(a initArgs, s host.Seen) (fresh, error) {
	f := fresh{args: a, yes: m.d.Yes}
	qs := []host.Question{a.Compose().Containers().Q, memory.ViewAt(a.RAMDir(), 0).Q}
	if err := host.All(s, append(qs, m.Facts(a)...)...); err != nil {
		return f, err
	}
	var err error
	if f.Site, err = a.Find(s); err != nil {
		return f, err
	}
	if f.record, err = host.Get(s, stack.RecordAt(a.StateDir())); err != nil {
		return f, err
	}
	if f.override, err = host.Get(s, a.Override()); err != nil {
		return f, err
	}
	if f.image, err = host.Get(s, compose.ImageNamed(a.Image)); err != nil {
		return f, err
	}
	if f.volume, err = host.Get(s, compose.VolumeNamed(a.Stack.Volume())); err != nil {
		return f, err
	}
	if f.volume != nil {
		if f.disk, err = host.Get(s, stack.DiskAt(f.volume.Mountpoint)); err != nil {
			return f, err
		}
	}
	return f, f.findKey(m.d, s)
}

// findKey takes the last one of the keyring that is open, where no other is
// named; an initialised cluster needs none.
func (f *fresh) findKey(d custody.Deps, s host.Seen) error {
	if f.key = f.args.Key; f.key != "" {
		return nil
	}
	info, err := host.Get(s, d.OpenFact(f.args.Project, f.args.host))
	var none *guard.ErrAnswer
	if errors.As(err, &none) {
		return nil
	}
	if err != nil {
		return err
	}
	f.key, f.bits = info.Wanted().Name, info.Wanted().Bits
	return nil
}

// halfMade reports that our record names this very volume as begun.
func (f fresh) halfMade() bool {
	return f.record.Names(f.volume) && f.record.State == "begun"
}

// alreadyThere looks only after the overlay.
func (f fresh) alreadyThere() (play.Plan, error) {
	p := play.Plan{Note: "the cluster is there already", Result: play.Result{Data: f.data()}}
	if err := f.Misfit(f.disk); err != nil {
		return guard.PlanOf(err)
	}
	switch {
	case f.usesVolume():
		return p, nil
	case f.override.Overlaid():
		return guard.FailedPlan(f.notRead()), nil
	}
	if f.image == nil {
		return guard.FailedPlan(f.noImage()), nil
	}
	p.Note, p.Result.Changed = "", true
	text, err := f.override.With(f.overlay(), f.yes)
	if err != nil {
		return guard.PlanOf(err)
	}
	p.Steps = append(f.pin(), f.writeOverlay(text))
	p.Result.Warnings = f.override.GaveWay(text)
	p.Finish = guard.Finish(func(host.Output) (play.Result, error) { return p.Result, nil })
	p.Then = f.inEffect(&p.Result)
	return p, nil
}

// inEffect has compose itself say that the overlay is read: a COMPOSE_FILE in
// .env leaves it out, and would start the old database.
func (f fresh) inEffect(res *play.Result) func([]host.Output) (play.Bound, error) {
	return func([]host.Output) (play.Bound, error) {
		return kit.Stage(func(s host.Seen) (play.Plan, error) {
			cfg, err := host.Get(s, f.Compose().Config())
			if err != nil {
				return play.Plan{}, err
			}
			now := f
			now.Config = cfg
			if now.Spec, err = cfg.Service(f.Service); err != nil {
				return play.Plan{}, err
			}
			if now.usesVolume() {
				return play.Plan{Result: *res}, nil
			}
			return guard.FailedPlan(f.notRead()), nil
		}), nil
	}
}

func (f fresh) notRead() *guard.Refusal {
	return guard.Refuse(f.override.Path, "list the compose files in tde_compose_files, and add "+stack.OwnFile+" as the last of COMPOSE_FILE",
		"compose does not read it (is COMPOSE_FILE set in %s/.env?)", f.Dir)
}

// usesVolume reports that the service has the encrypted volume as its data.
func (f fresh) usesVolume() bool {
	for _, m := range f.Spec.Volumes {
		if m.Type == "volume" && f.Config.VolumeName(m) == f.Stack.Volume() {
			return true
		}
	}
	return false
}

func (f fresh) data() *value.Map {
	return guard.Data(guard.Text("volume", f.Stack.Volume()), guard.FromHost("pgdata", f.Pgdata))
}
