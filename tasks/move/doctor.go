package move

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/kit"
	"remoterun/tasks/move/catalog"
)

// Finding is one thing that the doctor saw.
type Finding struct {
	// Level says how bad it is: "stops" a move, "bites" later, "know" of it.
	Level string `json:"level"`
	What  string `json:"what"`
	Why   string `json:"why"`
	// Mend is the one command or edit that mends it, "" = nothing is to do.
	Mend string `json:"mend,omitempty"`
}

// Levels, worst first.
const (
	Stops = "stops"
	Bites = "bites"
	Know  = "know"
)

// line is a finding as it is shown.
func (f Finding) line() string {
	text := fmt.Sprintf("%-6s %s: %s", f.Level, f.What, f.Why)
	if f.Mend != "" {
		text += "; " + f.Mend
	}
	return text
}

// doctorArgs are the arguments of pg_doctor.
type doctorArgs struct {
	Stack
	Image string `arg:"image" help:"image that the database would be moved to; without it only what is there is looked at"`
}

type doctorModule struct{ d Deps }

func pgDoctor(d Deps) play.Module {
	return kit.Define(kit.Doc{Name: "pg_doctor", Short: "looks for what would stop or bite a move of a compose stack's database; changes nothing"}, doctorModule{d})
}

func (doctorModule) Validate(a doctorArgs) *play.ArgError { return a.Stack.Validate() }

func (doctorModule) Facts(a doctorArgs) []host.Question {
	return []host.Question{a.compose().Config().Q, a.compose().Containers().Q, a.recordAt().Q}
}

// Plan looks with a step: an image can only be asked by running it.
func (m doctorModule) Plan(a doctorArgs, s host.Seen) (play.Plan, error) {
	v, err := a.find(s)
	if err != nil {
		if r, ok := asRefusal(err); ok {
			return diagnosis([]Finding{{Stops, r.Object, r.Problem, r.Out}}), nil
		}
		return play.Plan{}, err
	}
	d := &doctor{site: v, image: a.Image}
	plan := play.Plan{Steps: []host.Step{act{"look at the database, its image and its host", d.look}}, Repeats: true}
	plan.Result = play.Result{Msg: "the doctor looks at " + v.object()}
	plan.Finish = func([]host.Output) (play.Result, error) { return diagnosis(d.sorted()).Result, nil }
	return plan, nil
}

// diagnosis is the result: a failure when something would stop a move.
func diagnosis(found []Finding) play.Plan {
	var lines []value.Value
	stops := 0
	for _, f := range found {
		lines = append(lines, kit.HostText(f.line()))
		if f.Level == Stops {
			stops++
		}
	}
	text, _ := json.Marshal(found)
	data := value.MapOf("lines", value.List(lines...), "findings", kit.HostText(string(text)), "stops", value.Int(int64(stops)))
	msg := value.Count(len(found), "finding, which does not stop a move", "findings, none of which stops a move")
	if stops > 0 {
		msg = fmt.Sprintf("%d of %s would stop a move", stops, value.Count(len(found), "finding"))
	}
	return play.Plan{Result: play.Result{Failed: stops > 0, Msg: msg, Data: data}}
}

// doctor gathers findings of one stack.
type doctor struct {
	site
	image string
	found []Finding
}

func (d *doctor) find(level, what, why, mend string) {
	d.found = append(d.found, Finding{level, what, why, mend})
}

func (d *doctor) sorted() []Finding {
	rank := map[string]int{Stops: 0, Bites: 1, Know: 2}
	sort.SliceStable(d.found, func(i, j int) bool { return rank[d.found[i].Level] < rank[d.found[j].Level] })
	return d.found
}

// refused notes a refusal of the move's own checks.
func (d *doctor) refused(err error) error {
	if err == nil {
		return nil
	}
	if r, ok := asRefusal(err); ok {
		d.find(Stops, r.Object, r.Problem, r.Out)
		return nil
	}
	return err
}

// look runs every check; only a broken link ends it.
func (d *doctor) look(ctx context.Context, w host.Writer) error {
	d.found = nil
	d.composeFiles()
	if err := d.machine(ctx, w); err != nil {
		return err
	}
	if err := d.callers(ctx, w); err != nil {
		return err
	}
	if err := d.movable(); err != nil {
		return d.refused(err)
	}
	src, err := d.sourceOf()
	if err == nil {
		err = src.lies(ctx, w)
	}
	if err != nil {
		return d.refused(err)
	}
	if err := d.volumes(ctx, w, src); err != nil {
		return err
	}
	m := &mover{Stack: d.Stack, to: Plain{d.image}}
	c, err := live(ctx, w, d.db.ID, src.Super)
	if err != nil {
		if _, exit := err.(*host.ExitError); exit {
			if r, ok := asRefusal(sleeping(err, d.object())); ok {
				return d.refused(r)
			}
			d.find(Stops, d.object(), "it does not let "+src.Super+" in by its socket: "+err.Error(), "set POSTGRES_USER to its superuser, or allow the socket in pg_hba.conf (local all all peer or trust)")
			return nil
		}
		return err
	}
	d.cluster(c)
	if err := d.inside(ctx, w, c, src.Super); err != nil {
		return err
	}
	for _, check := range []func() error{
		func() error { return preflight{m}.engine(ctx, w) },
		func() error { return dumpable(ctx, w, c, d.db.ID) },
		func() error { return preflight{m}.outside(ctx, w, d.db.ID, c.Super) },
		func() error { return preflight{m}.room(ctx, w, c) },
	} {
		if err := d.refused(check()); err != nil {
			return err
		}
	}
	return d.target(ctx, w, m, c)
}

// target asks the image that the database would be moved to.
func (d *doctor) target(ctx context.Context, w host.Writer, m *mover, c catalog.Cluster) error {
	if d.image == "" {
		return d.refused(preflight{m}.refuseCluster(c, 99))
	}
	img, err := ask(ctx, w, compose.ImageNamed(d.image))
	if err != nil {
		return err
	}
	if img == nil {
		d.find(Stops, "image "+d.image, "it is not on this host", "docker pull "+d.image)
		return d.refused(preflight{m}.refuseCluster(c, 99))
	}
	major, err := imageMajor(ctx, w, img.ID)
	if err != nil {
		return d.refused(err)
	}
	if err := d.refused((preflight{m}).refuseCluster(c, major)); err != nil {
		return err
	}
	if err := d.refused((preflight{m}).extensions(ctx, w, c, img)); err != nil {
		return err
	}
	return d.library(ctx, w, c, img)
}

// libraryText prints musl or glibc for the image $1, then which of the settings
// after it its server does not know. (--describe-config leaves some out.)
const libraryText sh.Constant = `image=$1
shift
exec docker run --rm --pull never --network none --user nobody --entrypoint /bin/sh "$image" -c '
ls /lib/ld-musl* >/dev/null 2>&1 && echo musl || echo glibc
PATH=$PATH:/usr/local/bin; for d in /usr/pgsql-*/bin /usr/lib/postgresql/*/bin; do [ -d "$d" ] && PATH=$PATH:$d; done
for n; do
	case $(LC_ALL=C postgres --config-file=/dev/null -D /tmp -C "$n" 2>&1) in *"unrecognized configuration parameter"*) echo "$n";; esac
done' sh "$@" </dev/null`

// library compares the C library and the settings of both images.
func (d *doctor) library(ctx context.Context, w host.Writer, c catalog.Cluster, img *compose.Image) error {
	names := plainSettings(commandSettings(d.db.Config.Cmd))
	was, err := output(ctx, w, "ask the old image", sh.Script(libraryText, d.db.Image))
	if err != nil {
		return linkOnly(err)
	}
	is, err := output(ctx, w, "ask the new image", sh.Script(libraryText, append([]string{img.ID}, names...)...))
	if err != nil {
		return linkOnly(err)
	}
	from, _, _ := strings.Cut(was, "\n")
	to, unknown, _ := strings.Cut(is, "\n")
	if from != to {
		for _, db := range c.Databases {
			if db.Provider == "c" && db.Collate != "C" && db.Collate != "POSIX" {
				d.find(Know, "database "+db.Name, "text is ordered by "+from+" today and by "+to+" after a move: ORDER BY gives another order; indexes are made anew and are right", "")
			}
		}
	}
	for _, name := range strings.Fields(unknown) {
		d.find(Stops, "service "+d.Service, "its command sets "+name+", which the new server does not know: it would not start", "take it out of the command, and docker compose up -d "+d.Service)
	}
	return nil
}

// linkOnly keeps the errors of the link: an image that cannot be asked is told by
// other checks.
func linkOnly(err error) error {
	if _, exit := err.(*host.ExitError); exit {
		return nil
	}
	return err
}
