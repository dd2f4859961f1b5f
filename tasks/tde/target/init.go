package target

import (
	"context"
	"errors"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
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
	Image   string `arg:"image" default:"percona/percona-distribution-postgresql:17" help:"image of the encrypted server; it has to be on the host already"`
	Key     string `arg:"key" help:"name of the key to begin with; by default the last one of the keyring that is open"`
	Cipher  string `arg:"cipher" default:"aes_128" choices:"aes_128,aes_256" help:"cipher of tables and WAL"`
	Locale  string `arg:"locale" help:"locale of the cluster; by default the image's own"`
	DataDir string `arg:"data" help:"folder of the host for the cluster (tde_data), or the word volume; by default beside the service's own data folder, else a volume of the engine's"`
	Apply   string `arg:"apply" default:"override" choices:"override,edit,print" help:"override = the overlay is written beside the compose file; edit = it is put into the compose file that has the service, all else of which stays as it is; print = it is told, for compose files that are kept elsewhere, and no file is touched (tde_apply)"`
	Look    bool   `arg:"look" default:"no" help:"only refuse what would be refused, before a key is sent; nothing is made"`

	host string
}

// initModule makes the encrypted cluster of an empty volume.
type initModule struct{ d custody.Deps }

func New(d custody.Deps) play.Module {
	return kit.Define(kit.Doc{Name: "tde_init", Short: "makes an encrypted cluster on an empty volume, and the compose overlay that runs it"}, initModule{d})
}

func (initModule) Validate(a initArgs) *play.ArgError {
	if msg := compose.CheckData(a.DataDir); msg != "" {
		return &play.ArgError{Arg: "data", Msg: msg}
	}
	return a.Stack.Validate()
}

// Resolve notes which host's keyring is meant.
func (initModule) Resolve(_ context.Context, a *initArgs, in play.Inputs) error {
	a.host = in.Host()
	return nil
}

func (initModule) Facts(a initArgs) []host.Question {
	return []host.Question{
		a.Compose().Config().Q, stack.RecordAt(a.StateDir()).Q, compose.VolumeNamed(a.Stack.Volume()).Q,
		compose.ImageNamed(a.Image).Q, a.Override().Q,
	}
}

// oldestCompose is the first that replaces lists by !override.
const oldestCompose = "2.24.4"

// fresh is what a plan of init rests on.
type fresh struct {
	stack.Site
	args     initArgs
	truth    stack.Truth
	pinName  string // the image as the record names it, "" = image is pinned anew
	folder   string // of the host, for the cluster; "" = the volume has one of the engine's
	graves   []stack.Grave
	image    *compose.Image
	override stack.OverrideFile
	written  compose.Written // the service as the files have it, with its variables
	sources  []compose.Source
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
	case f.truth.Record != nil && f.truth.Record.Moving != "":
		return guard.FailedPlan(guard.Refuse(a.Object(), "remoterun migrate "+a.host+" goes on with it, remoterun rollback "+a.host+" goes back",
			"it is being moved into the encrypted cluster, which is not whole yet (%s)", f.truth.Record.Moving)), nil
	case f.truth.There():
		return f.alreadyThere(s)
	case f.truth.Disk.Exists && !f.truth.Disk.Empty && !f.truth.Half():
		return guard.FailedPlan(f.notOurs()), nil
	case f.truth.Gone():
		return guard.FailedPlan(stack.GoneRefusal(f.truth, a.host)), nil
	}
	if err := f.checkOld(s); err != nil {
		return guard.PlanOf(err)
	}
	if f.graves, err = f.Graves(s); err != nil {
		return guard.PlanOf(err)
	}
	if f.folder, err = f.place(s); err != nil {
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
	if f.truth, err = a.Truth(s); err != nil {
		return f, err
	}
	if f.override, err = host.Get(s, a.Override()); err != nil {
		return f, err
	}
	if f.written, err = host.Get(s, a.Compose().Written(a.Service)); err != nil {
		return f, err
	}
	if a.Apply == stack.ApplyEdit {
		if f.sources, err = host.Get(s, a.Compose().Sources()); err != nil {
			return f, err
		}
	}
	if f.image, err = host.Get(s, compose.ImageNamed(a.Image)); err != nil {
		return f, err
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

// alreadyThere looks only after the overlay and the tombs.
func (f fresh) alreadyThere(s host.Seen) (play.Plan, error) {
	if err := f.Misfit(f.truth.Disk); err != nil {
		return guard.PlanOf(err)
	}
	steps, err := f.missingTombs(s)
	if err != nil {
		return guard.PlanOf(err)
	}
	if f.truth.Volume == nil {
		steps = append(steps, guard.Command("make the volume "+f.Stack.Volume()+" again, over "+f.truth.Folder, sh.Script(volumeAgain, f.Project, f.Stack.Volume(), f.truth.Folder, f.truth.Record.ID)))
	}
	if f.Lacks() == nil && !f.elsewhere() {
		return f.look(steps), nil
	}
	if err := f.recordedImage(s); err != nil {
		return guard.PlanOf(err)
	}
	if f.image == nil {
		return guard.FailedPlan(f.noImage()), nil
	}
	to, err := f.landing()
	switch {
	case err != nil:
		return guard.PlanOf(err)
	case to.No != nil && f.Lacks() == nil:
		return f.look(steps), nil // it is in force where it is
	case to.No != nil:
		return to.Told(f.notEdited(to)), nil
	case f.args.Apply == stack.ApplyPrint:
		return to.Told(f.printed(to)), nil
	case to.Edit == nil && f.override.Is(to.Text):
		return guard.FailedPlan(f.notRead()), nil
	}
	res := func() play.Result {
		return play.Result{Changed: true, Data: f.data(), Warnings: f.overlayWarnings(to)}
	}
	return play.Plan{
		Steps: append(append(f.pin(), to.Step(f.Site)), steps...), Result: res(), Diff: to.Diffs(),
		Finish: guard.Finish(func(host.Output) (play.Result, error) { return res(), nil }),
		Then:   f.inEffect(to, func([]host.Output) play.Result { return res() }),
	}, nil
}

// elsewhere reports an overlay that is in another file than it is to be in: one
// that was written beside the compose file, and is to go into it.
func (f fresh) elsewhere() bool {
	if f.args.Apply != stack.ApplyEdit || !slices.ContainsFunc(f.sources, compose.Source.Overlaid) {
		return false
	}
	to, err := stack.Landing{}, error(nil)
	if f.image != nil {
		to, err = f.landing()
	}
	return err == nil && to.Edit != nil && len(to.Edit.Stale) > 0
}

// landing is where the overlay goes.
func (f fresh) landing() (stack.Landing, error) {
	return f.Landing(f.args.Apply, f.overlay(), f.override, f.sources, f.yes)
}

// look is the plan where the overlay is in order.
func (f fresh) look(steps []host.Step) play.Plan {
	if len(steps) == 0 {
		return play.Plan{Note: "the cluster is there already", Result: play.Result{Data: f.data()}}
	}
	return play.Plan{Steps: steps, Result: play.Result{Changed: true, Data: f.data()},
		Finish: guard.Finish(func(host.Output) (play.Result, error) { return play.Result{Changed: true, Data: f.data()}, nil })}
}

// missingTombs are steps for places without one. They are looked for where the
// record knows of none, where one is missing, and where the overlay has to be
// written: the compose files may be others than they were.
func (f fresh) missingTombs(s host.Seen) ([]host.Step, error) {
	whole := map[string]bool{}
	for _, t := range f.truth.Tombs {
		whole[t.Folder] = t.State != stack.TombMissing
	}
	asked := len(whole) > 0 && f.Lacks() == nil
	for _, ok := range whole {
		asked = asked && ok
	}
	if asked || f.truth.Record == nil {
		return nil, nil
	}
	graves, err := f.Graves(s)
	if err != nil {
		return nil, err
	}
	graves = slices.DeleteFunc(graves, func(g stack.Grave) bool { return g.Path() != "" && whole[g.Path()] })
	if len(graves) == 0 {
		return nil, nil
	}
	return []host.Step{f.LayTombs(graves)}, nil
}

// recordedImage takes the image that the cluster was made with, where it is there.
func (f *fresh) recordedImage(s host.Seen) error {
	if f.truth.Record == nil || f.truth.Record.Image == "" {
		return nil
	}
	image, err := host.Get(s, compose.ImageNamed(f.truth.Record.Image))
	if err == nil && image != nil {
		f.image, f.pinName = image, f.truth.Record.Image
	}
	return err
}

// inEffect has compose itself say that the overlay is read: a COMPOSE_FILE in
// .env leaves it out, and would start the old database.
func (f fresh) inEffect(to stack.Landing, res func([]host.Output) play.Result) func([]host.Output) (play.Bound, error) {
	return func(ran []host.Output) (play.Bound, error) {
		return kit.Stage(func(s host.Seen) (play.Plan, error) {
			cfg, err := host.Get(s, f.Compose().Config())
			if err != nil {
				return play.Plan{}, err
			}
			switch {
			case f.LacksIn(cfg) == nil:
				return play.Plan{Result: res(ran)}, nil
			case f.args.Apply == stack.ApplyPrint:
				return to.Told(f.printed(to)), nil
			}
			return guard.FailedPlan(f.notRead()), nil
		}), nil
	}
}

// printed says what to do with the overlay that is told.
func (f fresh) printed(to stack.Landing) *guard.Refusal {
	return guard.Refuse("compose files in "+f.Dir, "save the lines that are shown (overlay) as "+to.Path+", or as a file that is listed behind them, then: remoterun unlock "+f.args.host+"; remoterun setup "+f.args.host+" --print-overlay shows them again, and as a patch of the compose file",
		"they lack %s, and tde_apply is print", strings.Join(f.Lacks(), ", "))
}

// notEdited says why the file is not edited, and what to do with the lines.
func (f fresh) notEdited(to stack.Landing) *guard.Refusal {
	return guard.Refuse(to.No.Object, "set tde_apply: override, or save the lines that are shown (overlay) as "+to.Path+", then: remoterun unlock "+f.args.host,
		"tde_apply is edit, and the file is left alone: %s", to.No.Problem)
}

func (f fresh) notRead() *guard.Refusal {
	return guard.Refuse(f.override.Path, "list the compose files in tde_compose_files, and add "+stack.OwnFile+" as the last of COMPOSE_FILE",
		"compose does not read it (is COMPOSE_FILE set in %s/.env?)", f.Dir)
}

func (f fresh) data() *value.Map {
	return guard.Data(guard.Text("volume", f.Stack.Volume()), guard.FromHost("pgdata", f.Pgdata))
}
