package stack

import (
	"context"
	"errors"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/compose"
	"remoterun/tasks/tde/guard"
)

// The ways in which an overlay comes into effect (tde_apply).
const (
	ApplyOverride = "override" // it has the override file
	ApplyEdit     = "edit"     // the file that has the service is edited
	ApplyPrint    = "print"    // it is told, and no file is touched
)

// Landing is an overlay with where it goes. Text is what the override file would
// be in any case: what is told where no file is touched.
type Landing struct {
	Path, Text string
	Edit       *compose.Change // nil = Text goes to Path
	// No is why the file is not edited that has the service; Text is the way out.
	No *guard.Refusal
}

// Landing decides where the overlay goes.
func (v Site) Landing(how string, o Overlay, f OverrideFile, sources []compose.Source, yes bool) (Landing, error) {
	if how != ApplyEdit {
		text, err := f.With(o, yes)
		return Landing{Path: f.Path, Text: text}, err
	}
	l := Landing{Path: f.Path}
	a, err := o.addition()
	if err != nil {
		return l, err
	}
	if l.Text, err = f.With(o, true); err != nil {
		l.Text, _ = OverrideFile{}.With(o, true)
	}
	c, err := a.Change(sources)
	l.No = clashed(err, " (tde_apply: override)")
	switch {
	case l.No != nil:
	case err != nil:
		return l, err
	default:
		l.Path, l.Edit = c.Path, &c
	}
	return l, nil
}

// clashed is a clash in the compose files as a refusal, with more behind its way out;
// nil = the error is no clash.
func clashed(err error, more string) *guard.Refusal {
	var no *compose.Clash
	if !errors.As(err, &no) {
		return nil
	}
	return guard.Refuse(no.Object, no.WayOut+more, "%s", no.Problem)
}

// Step makes it so.
func (l Landing) Step(v Site) guard.Act {
	if l.Edit == nil {
		return guard.Command("write the overlay "+l.Path, v.Compose().Write(v.StateDir(), l.Path, l.Text))
	}
	return guard.Do("put the overlay into "+l.Path, func(ctx context.Context, w host.Writer) ([]byte, error) {
		err := v.Compose().Make(ctx, w, v.StateDir(), *l.Edit, func(cfg compose.Config) string {
			if lacks := v.LacksIn(cfg); lacks != nil {
				return "it lacks " + strings.Join(lacks, ", ")
			}
			return ""
		})
		if no := clashed(err, " (tde_apply: override)"); no != nil {
			return nil, no
		}
		return nil, err
	})
}

// Told is a plan that shows the lines for whoever puts them in, and ends with why.
func (l Landing) Told(no *guard.Refusal) play.Plan {
	res := guard.FailedPlan(no).Result
	res.Data.Put("overlay", value.String(l.Text))
	return play.Plan{
		Steps: []host.Step{guard.Do("show the overlay", func(_ context.Context, w host.Writer) ([]byte, error) {
			w.Say("the overlay, for " + l.Path + ":\n" + l.Text)
			return nil, no
		})},
		Result: res, Finish: func([]host.Output) (play.Result, error) { return res, nil },
	}
}

// Warnings are what an edit of the user's own file has to say.
func (l Landing) Warnings(v Site) []string {
	if l.Edit == nil {
		return nil
	}
	out := []string{l.Path + " is edited, " + l.Edit.Why + ": commit the change where the file comes from, or the next deploy takes it out again; as it was, it is in " + l.Edit.Kept(v.StateDir()) + " on the host"}
	for _, s := range l.Edit.Stale {
		out = append(out, s.Path+" had the overlay, and has it no more")
	}
	return out
}

// Diffs are for --diff.
func (l Landing) Diffs() []play.Diff {
	if l.Edit == nil {
		return nil
	}
	return []play.Diff{{BeforeHeader: l.Path, AfterHeader: l.Path, BeforeText: l.Edit.Before, AfterText: l.Edit.After}}
}

// LacksIn is Lacks of another configuration of the same project.
func (v Site) LacksIn(cfg compose.Config) []string {
	spec, err := cfg.Service(v.Service)
	if err != nil {
		return []string{err.Error()}
	}
	v.Config, v.Spec = cfg, spec
	return v.Lacks()
}
