package move

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/kit"
)

// Deps are what the modules need of the laptop. The composition root fills them
// in.
type Deps struct {
	// Prompter asks the operator.
	Prompter play.Prompter
	// Dir answers the folder that relative folders of arguments (reports) are in.
	Dir func() string
	// Clock is the time; nil = time.Now.
	Clock func() time.Time
	// Yes is the operator's --yes: nothing is asked.
	Yes bool
	// By is who works here: "anna@laptop".
	By string
}

// Filled has defaults for what is left out.
func (d Deps) Filled() Deps {
	if d.Dir == nil {
		d.Dir = func() string { return "." }
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	return d
}

// All lists the modules of this package.
func All(d Deps) []play.Module {
	d = d.Filled()
	return []play.Module{moveDatabase(d), pgDoctor(d)}
}

// Args are the arguments of move_database, and of a module like it.
type Args struct {
	Stack
	Image   string   `arg:"image" help:"image of the new server, on the host already; needed by all phases but rollback"`
	Phase   string   `arg:"phase" need:"yes" choices:"look,preflight,rehearse,backup,freeze,target,copy,proof,cut_over,smoke,done,rollback,scrub" help:"what is done; each is done once, and again only where it was cut; look refuses what preflight refuses and writes nothing"`
	Verb    string   `arg:"verb" default:"upgrade" choices:"upgrade,migrate" help:"what the report and other operators read"`
	Jobs    int      `arg:"jobs" default:"0" help:"how much is copied side by side; 0: as many as the host has cores"`
	NoStats []string `arg:"nostats" help:"columns (schema.table.column) of which no values are kept in statistics"`
	Reports string   `arg:"reports_dir" default:"./reports" help:"folder on the laptop that reports are written to"`
	Health  string   `arg:"health_url" help:"what answers 200 when the application is well, asked from the host"`
	Backup  string   `arg:"backup" default:"laptop" choices:"laptop,server,recent,no" help:"the backup before the freeze: laptop = it is made now and comes to the laptop, encrypted; server = it is encrypted in the laptop's memory and kept on the host; recent = one of the last 24 hours that is there counts; no = you have your own"`
	Backups string   `arg:"backups_dir" default:"./backups" help:"folder on the laptop that backups are kept in"`

	Recipients []string `arg:"backup_recipients" help:"whom the backup is encrypted for (age1...), at least two are wise; without any a passphrase is asked for"`

	Outside string   `arg:"outside" default:"refuse" choices:"refuse,accept" help:"what to do about applications that connect from elsewhere than the containers of this host"`
	Data    string   `arg:"data" help:"folder of the host for the new cluster, or the word volume; by default beside the old one's folder, where that is one of the user's, else a volume of the engine's"`
	Apply   string   `arg:"apply" default:"override" choices:"override,edit,print" help:"override = the overlay is written beside the compose file; edit = it is put into the compose file that has the service, all else of which stays as it is; print = the cut-over shows it and waits for it, and no file is touched"`
	Smoke   []string `arg:"smoke" help:"commands on the host that show that the application works, in the folder of the compose file"`
}

// moveDatabase moves a plain cluster into a plain one.
func moveDatabase(d Deps) play.Module {
	return kit.Define(kit.Doc{Name: "move_database", Short: "moves the database of a compose stack into a new cluster, by copy and with proof"}, module{d})
}

type module struct{ d Deps }

func (module) Validate(a Args) *play.ArgError { return a.Validate() }

// Validate refuses what cannot be meant.
func (a Args) Validate() *play.ArgError {
	if a.Image == "" && a.Phase != "rollback" && a.Phase != "scrub" {
		return &play.ArgError{Arg: "image", Msg: "is needed: the image of the new server"}
	}
	if msg := compose.CheckData(a.Data); msg != "" {
		return &play.ArgError{Arg: "data", Msg: msg}
	}
	return a.Stack.Validate()
}

func (module) Facts(a Args) []host.Question { return a.Facts() }

// Facts are what every phase asks first.
func (a Args) Facts() []host.Question {
	return []host.Question{a.compose().Config().Q, a.compose().Containers().Q, a.recordAt().Q}
}

// Plan plans one phase.
func (m module) Plan(a Args, s host.Seen) (play.Plan, error) {
	return Phases{Deps: m.d, Args: a, To: Plain{a.Image}}.Plan(s)
}

// Phases plans phases of one move into a target.
type Phases struct {
	Deps Deps
	Args Args
	To   Target
}

// Plan plans the phase that the arguments name.
func (p Phases) Plan(s host.Seen) (play.Plan, error) {
	v, err := p.Args.find(s)
	if err != nil {
		return planOf(err)
	}
	switch p.Args.Phase {
	case "look", "preflight", "rehearse":
		return p.preflight(s, v)
	case "rollback":
		return p.rollback(s, v)
	}
	if v.record == nil || v.at() == Rolled {
		if p.Args.Phase == "scrub" {
			return play.Plan{Note: "no move of it has come to its end: there is no old cluster to scrub"}, nil
		}
		return failed(refuse(v.object(), "put the phase preflight before this one", "no move of it was begun")), nil
	}
	return p.phase(s, v)
}

// phase is everything between preflight and the end.
func (p Phases) phase(s host.Seen, v site) (play.Plan, error) {
	if v.record.Verb != p.Args.Verb && p.Args.Phase != "scrub" {
		return failed(refuse(v.object(), "put the phase preflight before this one", "its last move is another one: %s (%s)", v.record.Verb, v.at())), nil
	}
	m, err := p.mover(s, v)
	if err != nil {
		return planOf(err)
	}
	switch {
	case p.Args.Phase == "backup":
		return p.backup(m, v), nil
	case p.Args.Phase == "scrub" && v.record.Verb != p.Args.Verb:
		return play.Plan{Note: "that move is another one: " + v.record.Verb}, nil
	case p.Args.Phase == "scrub":
		return p.scrubbing(m, v, s)
	}
	if p.Args.Phase == "cut_over" && v.at() == Cut && !v.running() {
		return play.Plan{Steps: []host.Step{act{"start the stack on the new cluster again", cutting{m}.upAgain}}, Result: play.Result{Changed: true}}, nil
	}
	for _, ph := range []struct {
		name, what string
		reaches    State
		do         func(context.Context, host.Writer) error
	}{
		{"freeze", "stop the application, and put the old cluster aside", Frozen, m.freeze},
		{"target", "make the new cluster", Made, m.makeTarget},
		{"copy", "copy roles, schemas, rows, indexes", Copied, m.copy},
		{"proof", "prove that all arrived", Proved, m.prove},
		{"cut_over", "put the stack onto the new cluster", Cut, cutting{m}.cutOver},
		{"smoke", "see that the application works", Done, cutting{m}.smoke},
	} {
		if ph.name != p.Args.Phase {
			continue
		}
		if v.at().reached(ph.reaches) {
			return play.Plan{Note: "done before", Result: p.result(m, false)}, nil
		}
		return play.Plan{Steps: []host.Step{act{ph.what, ph.do}}, Result: play.Result{Changed: true}, Finish: func([]host.Output) (play.Result, error) { return p.result(m, true), nil }}, nil
	}
	return play.Plan{Note: "the move has ended", Result: p.result(m, false)}, nil
}

// backup plans the backup, which is made while nothing is changed yet.
func (p Phases) backup(m *mover, v site) play.Plan {
	if v.record.Backup != "" && v.record.Agreed != "" || v.at().reached(Frozen) || v.record.Frozen != "" {
		return play.Plan{Note: "done before: " + v.record.Backup}
	}
	if v.db == nil {
		return failed(refuse(v.object(), "start it: docker compose up -d "+v.Service, "service %s has no container", v.Service))
	}
	step := act{"make a backup, and read it back", func(ctx context.Context, w host.Writer) error { return archiving{m}.backup(ctx, w, v.db.ID) }}
	return play.Plan{Steps: []host.Step{step}, Result: play.Result{Changed: true}, Finish: func([]host.Output) (play.Result, error) {
		return play.Result{Changed: true, Msg: "backup: " + m.record.Backup}, nil
	}}
}

// result is what register keeps.
func (p Phases) result(m *mover, changed bool) play.Result {
	r := m.record
	data := value.MapOf("state", value.String(string(r.State)), "volume", value.String(r.New.Volume), "old_data", kit.HostText(r.Source.Data))
	if d := downtime(r); d > 0 {
		data.Put("downtime_seconds", value.Int(int64(d.Seconds())))
	}
	return play.Result{Changed: changed, Data: data, Msg: m.summary()}
}

// summary is one line about the state.
func (m *mover) summary() string {
	r := m.record
	if r.State == Done {
		return fmt.Sprintf("%s runs on %s; downtime %s; the old cluster is whole in %s/%s", m.Project, m.to.Image(), downtime(r).Round(time.Second), r.Source.Data, kept)
	}
	return ""
}

// downtime is from the first stop to the first healthy answer.
func downtime(r *Record) time.Duration {
	from, err := time.Parse(time.RFC3339, r.Frozen)
	to, err2 := time.Parse(time.RFC3339, r.Cut)
	if err != nil || err2 != nil {
		return 0
	}
	return to.Sub(from)
}

// mover joins the record with what is known now. The record is a copy: steps
// change it, plans do not.
func (p Phases) mover(s host.Seen, v site) (*mover, error) {
	means, err := host.Get(s, meansFact())
	if err != nil {
		return nil, err
	}
	m := &mover{Stack: p.Args.Stack, to: p.To, args: p.Args, by: p.Deps.By, now: p.Deps.Clock, laptop: reports{p.Deps.Dir(), p.Args.Reports}, prompter: p.Deps.Prompter, yes: p.Deps.Yes, dirs: p.Deps.Dir()}
	m.jobs, m.memory = means.share(p.Args.Jobs)
	if v.record != nil {
		r := *v.record
		m.record = &r
	}
	return m, nil
}

// rollback goes back, from wherever the move is.
func (p Phases) rollback(s host.Seen, v site) (play.Plan, error) {
	switch v.at() {
	case None:
		return play.Plan{Note: "it was never moved", Result: play.Result{Msg: v.object() + " was never moved: it is on the cluster that it always had"}}, nil
	case Rolled:
		return play.Plan{Note: "it was rolled back before"}, nil
	}
	if v.record.Verb != p.Args.Verb {
		return play.Plan{Note: "that move is another one: " + v.record.Verb}, nil
	}
	if v.record.Scrub != "" {
		return failed(refuse(v.object(), "restore a backup", "its old cluster was scrubbed at %s: nothing leads back", v.record.Scrub)), nil
	}
	m, err := p.mover(s, v)
	if err != nil {
		return planOf(err)
	}
	steps := []host.Step{act{"go back to the old cluster", undoing{m}.rollback}}
	if v.at().reached(Cut) {
		steps = append([]host.Step{act{"count what was written since", func(ctx context.Context, w host.Writer) error { return p.confirm(ctx, w, m) }}}, steps...)
	}
	return play.Plan{Steps: steps, Result: play.Result{Changed: true}}, nil
}

// confirm tells what a rollback leaves behind, and asks.
func (p Phases) confirm(ctx context.Context, w host.Writer, m *mover) error {
	lines, err := undoing{m}.written(ctx, w)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		w.Say("nothing was written since the cut-over")
		return nil
	}
	for _, l := range lines {
		w.Say("written since: " + l)
	}
	if p.Deps.Yes || p.Deps.Prompter == nil {
		return nil
	}
	if err := (undoing{m}).offer(ctx, w); err != nil {
		return err
	}
	answer, err := p.Deps.Prompter.Ask(ctx, play.Ask{Key: "rollback " + w.Name() + m.Project, YesNo: true,
		Text: fmt.Sprintf("%s of %s on %s were written to since the cut-over. The old database does not have that; the new one stays in volume %s. Go back? (yes/no)", value.Count(len(lines), "table"), m.Project, w.Name(), m.record.New.Volume)})
	if err == nil && answer != "yes" {
		err = refuse(m.object(), "the same command asks again; --yes asks nothing", "it stays on the new cluster")
	}
	return err
}

// planOf makes a failed plan of what is wrong; a missing answer stays an error.
func planOf(err error) (play.Plan, error) {
	if r, ok := asRefusal(err); ok {
		return failed(r), nil
	}
	return play.Plan{}, err
}

func failed(r *Refusal) play.Plan {
	res := play.Failure(r.Error())
	res.Data = value.MapOf("refused", value.Bool(true))
	res.Verdict = play.Refused
	return play.Plan{Result: res}
}

// reports is a folder of the laptop.
type reports struct{ dir, sub string }

// Report writes a file, readable by its owner alone.
func (r reports) Report(hostName, name string, text []byte) (string, error) {
	dir := r.sub
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(r.dir, dir)
	}
	dir = filepath.Join(dir, filepath.Base(hostName))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, name)
	return file, os.WriteFile(file, text, 0o600)
}

var _ Laptop = reports{}

// image asks for the new server's image.
func (p Phases) image(s host.Seen) (*compose.Image, error) {
	img, err := host.Get(s, compose.ImageNamed(p.To.Image()))
	if err == nil && img == nil {
		return nil, refuse("image "+p.To.Image(), "docker pull "+p.To.Image()+" on the host", "it is not on this host")
	}
	return img, err
}
