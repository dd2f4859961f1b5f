package target

import (
	"cmp"
	"context"
	"path"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/custody"
	"remoterun/tasks/tde/guard"
	"remoterun/tasks/tde/pgtde"
	"remoterun/tasks/tde/stack"
)

// overlay is the one that fits what was found.
func (f fresh) overlay() stack.Overlay {
	image, own := f.pinned()
	return stack.Overlay{
		Project: f.Project, Service: f.Service, Image: image, OwnTag: own, Pgdata: path.Clean(f.image.Env("PGDATA")),
		Extension: pgtde.Extension(f.Extension), Cipher: f.args.Cipher, RAMDir: f.RAMDir(), Volume: f.Stack.Volume(), Base: f.Spec, Written: f.written,
	}
}

// pinned is the image's digest where a registry gave it one, else a tag of ours
// for its id.
func (f fresh) pinned() (name string, own bool) {
	if f.pinName != "" {
		return f.pinName, strings.HasPrefix(f.pinName, ownTags)
	}
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
	return ownTags + f.Project + ":" + id[:min(12, len(id))], true
}

// ownTags are names of images that are tags of ours.
const ownTags = "remoterun/"

// pin makes the tag of ours.
func (f fresh) pin() []host.Step {
	name, own := f.pinned()
	if !own {
		return nil
	}
	return []host.Step{guard.Command("tag the image "+name, compose.Docker("tag", f.image.ID, name))}
}

// plan makes the cluster. Each step can run twice, and a cut between any two of
// them is picked up by the next run.
func (f fresh) plan(d custody.Deps) (play.Plan, error) {
	o := f.overlay()
	to, err := f.landing()
	switch {
	case err != nil:
		return guard.PlanOf(err)
	case to.No != nil:
		return to.Told(f.notEdited(to)), nil
	}
	password, err := f.passwordSource()
	if err != nil {
		return guard.PlanOf(err)
	}
	steps := f.lookFirst()
	made, m := len(steps)+1, f.making(o)
	steps = append(steps,
		m.Begin(),
		guard.Do("make the encrypted cluster in "+cmp.Or(f.folder, o.Volume), func(ctx context.Context, w host.Writer) ([]byte, error) {
			return m.Make(ctx, w, func(ctx context.Context, w host.Writer) (string, error) { return f.secrets(ctx, w, d, password) })
		}),
		m.Done(),
	)
	if f.args.Apply != stack.ApplyPrint {
		steps = append(steps, to.Step(f.Site))
	}
	if len(f.graves) > 0 {
		steps = append(steps, f.LayTombs(f.graves))
	}
	res := func(ran []host.Output) play.Result {
		told := ""
		if len(ran) > made {
			told = string(ran[made].Stdout)
		}
		return f.result(o, to, told)
	}
	return play.Plan{Steps: steps, Result: res(nil), Diff: to.Diffs(), Then: f.inEffect(to, res), Finish: func(ran []host.Output) (play.Result, error) {
		return guard.Finish(func(host.Output) (play.Result, error) { return res(ran), nil })(ran)
	}}, nil
}

// lookFirst are the steps that refuse before anything is made.
func (f fresh) lookFirst() []host.Step {
	var steps []host.Step
	if u := userNumber(f.Spec.User); u != "" {
		steps = append(steps, f.lookForUser(u))
	}
	return append(append(steps, f.lookInside()), f.pin()...)
}

// result is what was made; told is what the making printed, "" before.
func (f fresh) result(o stack.Overlay, to stack.Landing, told string) play.Result {
	res := play.Result{Changed: true, Data: f.data(), Warnings: f.overlayWarnings(to)}
	if f.Spec.Builds() {
		res.Warnings = append(res.Warnings, "service "+f.Service+" builds its own image, and the encrypted server's takes its place: what the build adds (extensions, scripts) is not in it")
	}
	if len(f.graves) == 0 {
		res.Warnings = append(res.Warnings, "the compose files give service "+f.Service+" no volume for its data: nothing stops a docker compose -f without the overlay from making a database in the clear")
	}
	res.Data.Put("pgdata", value.String(o.Pgdata))
	res.Data.Put("key", value.String(f.key))
	if f.folder != "" {
		res.Data.Put("folder", guard.HostText(f.folder))
	}
	if told == "" {
		return res
	}
	made := parseMade(told)
	res.Data.Put("cluster", value.FromMap(made))
	plain, _ := made.Lookup("plain")
	if n, _ := strconv.Atoi(value.Str(plain)); n > 0 {
		res.Warnings = append(res.Warnings, "scripts in docker-entrypoint-initdb.d made "+value.Count(n, "relation that is", "relations that are")+" not encrypted")
	}
	return res
}

// overlayWarnings are what the overlay takes from the user's files.
func (f fresh) overlayWarnings(to stack.Landing) []string {
	out := to.Warnings(f.Site)
	if to.Edit == nil {
		out = f.override.GaveWay(to.Text)
	}
	frozen, unread := f.overlay().Frozen()
	if len(frozen) > 0 {
		out = append(out, "service "+f.Service+" keeps the value that "+strings.Join(frozen, ", ")+" has now: after a change of it, edit "+to.Path)
	}
	if len(unread) > 0 {
		out = append(out, "service "+f.Service+" is also in "+strings.Join(unread, ", ")+": variables in its command and volumes there keep the values that they have now; after a change of one, edit "+to.Path)
	}
	return out
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
