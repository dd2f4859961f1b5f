package tde

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sort"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks"
	"remoterun/tasks/compose"
)

// initArgs are the arguments of tde_init.
type initArgs struct {
	Stack
	Image  string `arg:"image" default:"percona/percona-distribution-postgresql:17" help:"image of the encrypted server; it has to be on the host already"`
	Key    string `arg:"key" help:"name of the key to begin with; by default the last one of the keyring that is open"`
	Cipher string `arg:"cipher" default:"aes_128" choices:"aes_128,aes_256" help:"cipher of tables and WAL"`
	Locale string `arg:"locale" help:"locale of the cluster; by default the image's own"`

	host string
}

// initModule makes the encrypted cluster of an empty volume.
type initModule struct{ d Deps }

func newInit(d Deps) play.Module {
	return tasks.Define(tasks.Doc{Name: "tde_init", Short: "makes an encrypted cluster on an empty volume, and the compose overlay that runs it"}, initModule{d})
}

func (initModule) Validate(a initArgs) *play.ArgError { return a.Stack.Validate() }

// Resolve notes which host's keyring is meant.
func (initModule) Resolve(_ context.Context, a *initArgs, in play.Inputs) error {
	a.host = in.Host()
	return nil
}

func (initModule) Facts(a initArgs) []host.Question {
	return []host.Question{
		a.compose().Config().Q, recordAt(a.stateDir()).Q, compose.VolumeNamed(a.volume()).Q,
		compose.ImageNamed(a.Image).Q, a.override().Q,
	}
}

// oldestCompose is the first that replaces lists by !override.
const oldestCompose = "2.24.4"

// fresh is what a plan of init rests on.
type fresh struct {
	site
	args     initArgs
	record   *initRecord
	volume   *compose.DiskVolume // nil: it is not there yet
	disk     disk                // of that volume
	image    *compose.Image
	override overrideFile
	key      string
}

func (m initModule) Plan(a initArgs, s host.Seen) (play.Plan, error) {
	f, err := m.find(a, s)
	if err != nil {
		return planOf(err)
	}
	switch {
	case f.disk.initialised() && f.disk.keys && !f.halfMade():
		return f.alreadyThere()
	case f.volume != nil && f.disk.exists && !f.disk.empty && !f.halfMade():
		return failedPlan(f.notOurs()), nil
	case f.record.names(f.volume) && f.record.state == "done":
		return failedPlan(refuse("volume "+f.volume.Name, "restore a backup; or remove "+a.stateDir()+"/init, if nothing was in it",
			"it is empty, but a cluster was made in it before")), nil
	}
	if err := f.checkOld(s); err != nil {
		return planOf(err)
	}
	version, err := host.Get(s, compose.Version())
	if err != nil {
		return planOf(err)
	}
	if compose.OlderThan(version, oldestCompose) {
		return failedPlan(refuse("docker compose "+version, "install a newer one on the host", "the overlay needs at least %s (!override)", oldestCompose)), nil
	}
	ram, err := host.Get(s, ramAt(a.ramDir(), 0))
	if err != nil {
		return planOf(err)
	}
	p, err := f.plan(m.d)
	if err != nil || ram.present() {
		return p, err
	}
	no := refuse("keyring of "+a.Project, "run remoterun unlock "+a.host, "there is none in RAM (%s)", a.ramDir())
	open, err := m.d.isOpen(s, a.Project, a.host)
	switch {
	case err != nil:
		return planOf(err)
	case !open:
		return failedPlan(no), nil
	}
	return later(no, "make the encrypted cluster", p.Result), nil
}

// find asks for everything that says whether a cluster may be made.
func (m initModule) find(a initArgs, s host.Seen) (fresh, error) {
	f := fresh{args: a}
	qs := []host.Question{a.compose().Containers().Q, ramAt(a.ramDir(), 0).Q}
	if err := host.All(s, append(qs, m.Facts(a)...)...); err != nil {
		return f, err
	}
	var err error
	if f.site, err = a.look(s); err != nil {
		return f, err
	}
	if f.record, err = host.Get(s, recordAt(a.stateDir())); err != nil {
		return f, err
	}
	if f.override, err = host.Get(s, a.override()); err != nil {
		return f, err
	}
	if f.image, err = host.Get(s, compose.ImageNamed(a.Image)); err != nil {
		return f, err
	}
	if f.volume, err = host.Get(s, compose.VolumeNamed(a.Stack.volume())); err != nil {
		return f, err
	}
	if f.volume != nil {
		if f.disk, err = host.Get(s, diskAt(f.volume.Mountpoint)); err != nil {
			return f, err
		}
	}
	f.key = a.Key
	if f.key == "" {
		info, err := host.Get(s, m.d.OpenFact(a.Project, a.host))
		var none *ErrAnswer
		if errors.As(err, &none) {
			return f, nil // an initialised cluster needs no key here
		}
		if err != nil {
			return f, err
		}
		f.key = info.Wanted().Name
	}
	return f, nil
}

// halfMade reports that our record names this very volume as begun.
func (f fresh) halfMade() bool {
	return f.record.names(f.volume) && f.record.state == "begun"
}

// alreadyThere looks only after the overlay.
func (f fresh) alreadyThere() (play.Plan, error) {
	p := play.Plan{Note: "the cluster is there already", Result: play.Result{Data: f.data()}}
	switch {
	case f.usesVolume():
		return p, nil
	case f.override.overlaid():
		return failedPlan(f.notRead()), nil
	}
	if f.image == nil {
		return failedPlan(f.noImage()), nil
	}
	p.Note, p.Result.Changed = "", true
	text, err := f.override.with(f.overlay())
	if err != nil {
		return planOf(err)
	}
	p.Steps = append(f.pin(), f.writeOverlay(text))
	p.Finish = finish(func(host.Output) (play.Result, error) { return p.Result, nil })
	p.Then = f.inEffect(&p.Result)
	return p, nil
}

// inEffect has compose itself say that the overlay is read: a COMPOSE_FILE in
// .env leaves it out, and would start the old database.
func (f fresh) inEffect(res *play.Result) func([]host.Output) (play.Bound, error) {
	return func([]host.Output) (play.Bound, error) {
		return tasks.Stage(func(s host.Seen) (play.Plan, error) {
			cfg, err := host.Get(s, f.compose().Config())
			if err != nil {
				return play.Plan{}, err
			}
			now := f
			now.cfg = cfg
			if now.svc, err = cfg.Service(f.Service); err != nil {
				return play.Plan{}, err
			}
			if now.usesVolume() {
				return play.Plan{Result: *res}, nil
			}
			return failedPlan(f.notRead()), nil
		}), nil
	}
}

func (f fresh) notRead() *Refusal {
	return refuse(f.override.path, "list the compose files in tde_compose_files, and add "+ownFile+" as the last of COMPOSE_FILE",
		"compose does not read it (is COMPOSE_FILE set in %s/.env?)", f.Dir)
}

// usesVolume reports that the service has the encrypted volume as its data.
func (f fresh) usesVolume() bool {
	for _, m := range f.svc.Volumes {
		if m.Type == "volume" && f.cfg.VolumeName(m) == f.Stack.volume() {
			return true
		}
	}
	return false
}

func (f fresh) data() *value.Map {
	return dataOf(textPair("volume", f.Stack.volume()), hostPair("pgdata", f.pgdata))
}

// notOurs explains a volume that is not empty and that no record of ours calls
// half-made. A lost state folder beside a live volume must never look like an
// unfinished init.
func (f fresh) notOurs() *Refusal {
	object := "volume " + f.volume.Name
	if f.disk.initialised() && !f.disk.keys {
		return plainRefusal(object, f.args.host)
	}
	return refuse(object, "look what is in "+f.volume.Mountpoint, "it is not empty, and no record of ours says that it was made here and not finished")
}

func plainRefusal(object, hostname string) *Refusal {
	return refuse(object, "next: remoterun migrate "+hostname, "this database is not encrypted: use migrate")
}

func (f fresh) noImage() *Refusal {
	return refuse("image "+f.args.Image, "run remoterun setup "+f.args.host+", which pulls it, or docker pull "+f.args.Image, "it is not on this host, and a start never pulls")
}

// checkOld refuses a service that has a plain cluster already.
func (f fresh) checkOld(s host.Seen) error {
	if f.image == nil {
		return f.noImage()
	}
	if f.image.Env("PGDATA") == "" {
		return refuse("image "+f.args.Image, "set tde_image to an image of PostgreSQL with pg_tde", "it does not say where its data folder is (PGDATA)")
	}
	if f.key == "" {
		return refuse("keyring of "+f.Project, "put a task tde_keyring with action: open before this one", "it is not open, so the key to begin with is not known")
	}
	for _, dir := range f.oldFolders(s) {
		old, err := host.Get(s, oldCluster(dir))
		if err != nil {
			return err
		}
		if old != "" {
			return plainRefusal(old, f.args.host)
		}
	}
	return f.missing(s)
}

// missing asks for the volumes behind the service's mounts, if not known yet.
func (f fresh) missing(s host.Seen) error {
	for _, m := range f.svc.Volumes {
		if m.Type != "volume" || f.cfg.VolumeName(m) == f.Stack.volume() {
			continue
		}
		if _, err := host.Get(s, compose.VolumeNamed(f.cfg.VolumeName(m))); err != nil {
			return err
		}
	}
	return nil
}

// oldFolders are the host's folders behind every mount of the service, in the
// file as it is and in the container that there is, but our own.
func (f fresh) oldFolders(s host.Seen) []string {
	found := map[string]bool{}
	for _, m := range f.svc.Volumes {
		name := f.cfg.VolumeName(m)
		switch {
		case m.Type == "bind" && m.Source != f.ramDir():
			found[m.Source] = true
		case m.Type == "volume" && name != f.Stack.volume():
			if v, err := host.Get(s, compose.VolumeNamed(name)); err == nil && v != nil {
				found[v.Mountpoint] = true
			}
		}
	}
	if f.db != nil {
		for _, m := range f.db.Mounts {
			if m.Source != "" && m.Source != f.ramDir() && m.Name != f.Stack.volume() {
				found[m.Source] = true
			}
		}
	}
	out := make([]string, 0, len(found))
	for d := range found {
		out = append(out, d)
	}
	sort.Strings(out)
	return out
}

// oldCluster asks whether a folder, or one up to three levels below it, is a
// cluster's data folder: its path, "" for none.
func oldCluster(dir string) host.Fact[string] {
	q := host.NewProbe(`for f in "$1"/PG_VERSION "$1"/*/PG_VERSION "$1"/*/*/PG_VERSION "$1"/*/*/*/PG_VERSION; do [ -f "$f" ] && { echo "${f%/PG_VERSION}"; break; }; done; echo end`, dir)
	return host.Fact[string]{Q: q, Parse: func(a host.Answer) (string, error) {
		text, whole := strings.CutSuffix(string(a.Stdout), "end\n")
		if !whole {
			return "", fmt.Errorf("folder %s cannot be read", dir)
		}
		return strings.TrimSpace(text), nil
	}}
}

// overlay is the one that fits what was found.
func (f fresh) overlay() overlay {
	image, own := f.pinned()
	return overlay{
		project: f.Project, service: f.Service, image: image, ownTag: own, pgdata: path.Clean(f.image.Env("PGDATA")),
		extension: f.Extension, cipher: f.args.Cipher, ramDir: f.ramDir(), volume: f.Stack.volume(), base: f.svc,
	}
}

// pinned is the image's digest where a registry gave it one, else a tag of ours
// for its id.
func (f fresh) pinned() (name string, own bool) {
	repo := f.args.Image
	if i := strings.LastIndexByte(repo, ':'); i > strings.LastIndexByte(repo, '/') {
		repo = repo[:i]
	}
	repo, _, _ = strings.Cut(repo, "@")
	for _, d := range f.image.RepoDigests {
		if at := strings.LastIndexByte(d, '@'); at > 0 && d[:at] == repo {
			return d, false
		}
	}
	if len(f.image.RepoDigests) > 0 {
		return f.image.RepoDigests[0], false
	}
	id := strings.TrimPrefix(f.image.ID, "sha256:")
	return "remoterun/" + f.Project + ":" + id[:min(12, len(id))], true
}

// pin makes the tag of ours.
func (f fresh) pin() []host.Step {
	name, own := f.pinned()
	if !own {
		return nil
	}
	return []host.Step{command("tag the image "+name, compose.Docker("tag", f.image.ID, name))}
}

// plan makes the cluster. Each step can run twice, and a cut between any two of
// them is picked up by the next run.
func (f fresh) plan(d Deps) (play.Plan, error) {
	o := f.overlay()
	text, err := f.override.with(o)
	if err != nil {
		return planOf(err)
	}
	password, err := f.passwordSource()
	if err != nil {
		return planOf(err)
	}
	var told string
	steps := f.pin()
	steps = append(steps,
		command("record the beginning of "+o.volume, sh.Script(beginRecord, f.Project, o.volume, f.stateDir())),
		act{"make the encrypted cluster in " + o.volume, func(ctx context.Context, w host.Writer) ([]byte, error) {
			out, err := f.make(ctx, w, d, o, password)
			told = string(out)
			return out, err
		}},
		command("record that it is done", sh.Script(endRecord, f.stateDir(), f.ramDir())),
		f.writeOverlay(text),
	)
	res := play.Result{Changed: true, Data: f.data()}
	res.Data.Put("pgdata", value.String(o.pgdata))
	res.Data.Put("key", value.String(f.key))
	return play.Plan{Steps: steps, Result: res, Then: f.inEffect(&res), Finish: finish(func(host.Output) (play.Result, error) {
		res.Data.Put("cluster", value.FromMap(parseMade(told)))
		if n, ok := parseMade(told).Lookup("plain"); ok && value.Str(n) != "0" {
			res.Warnings = append(res.Warnings, "scripts in docker-entrypoint-initdb.d made "+value.Str(n)+" relations that are not encrypted")
		}
		return res, nil
	})}, nil
}

func parseMade(text string) *value.Map {
	m := value.NewMap()
	for line := range strings.Lines(text) {
		if word, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			m.Put(word, value.MarkedString(rest, value.Unsafe))
		}
	}
	return m
}

// command is a step whose failure is told with the command's own words.
func command(what string, c sh.Cmd) act {
	return act{what, func(ctx context.Context, w host.Writer) ([]byte, error) {
		out, err := w.Run(ctx, c)
		if err != nil {
			return nil, err
		}
		return out.Stdout, spoken(what, out)
	}}
}

// spoken is the error of a command with the last lines that it printed.
func spoken(what string, out host.Output) error {
	switch {
	case out.Status == 0:
		return nil
	case out.Status == statusRefused:
		return refuse(what, "look at it on the host", "%s", tail(out.Stderr, 2))
	}
	return compose.Fail(what, out.Status, string(out.Stderr))
}

func tail(text []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "; ")
}

func (f fresh) writeOverlay(text string) host.Step {
	check := f.compose().Command("config", "-q")
	c := sh.Script(writeOverride, append([]string{f.stateDir(), f.override.path}, check.Args...)...).With(sh.Bytes(text))
	return command("write the overlay "+f.override.path, c)
}
