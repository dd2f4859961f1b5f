package move

import (
	"context"
	"errors"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
)

// The ways in which an overlay comes into effect, beside the override file.
const (
	applyEdit  = "edit"
	applyPrint = "print"
)

// how is the way of this move: one that has begun to cut over keeps its own.
func (m *mover) how() string {
	if m.record != nil && m.record.Overlay != "" {
		return m.record.Apply
	}
	return m.args.Apply
}

// serves reports that the service has the new cluster, as compose reads its files.
func (m *mover) serves(cfg compose.Config) bool {
	svc := cfg.Services[m.Service]
	return m.record.New.Volume != "" && slices.ContainsFunc(svc.Volumes, func(mt compose.ServiceMount) bool {
		return mt.Type == "volume" && cfg.VolumeName(mt) == m.record.New.Volume
	})
}

// edited makes the overlay of what the user's own files say now, for the file that
// has the service.
func (m cutting) edited(ctx context.Context, w host.Writer) (overlay, error) {
	var o overlay
	p := m.Stack.compose()
	sources, err := ask(ctx, w, p.Sources())
	if err != nil {
		return o, err
	}
	at := slices.IndexFunc(sources, compose.Source.Overlaid) // behind a cut
	if at < 0 {
		if at = 0; len(sources) == 0 {
			return o, refuse("compose files in "+m.Dir, "list them in compose_files", "none can be read")
		}
	}
	text, err := output(ctx, w, "read the compose files", p.PreviewOf(sources, sources[at].Path, compose.StripOurs(sources[at].Text), "json"))
	if err == nil {
		o.before, err = compose.ParseConfig(text)
	}
	if err != nil {
		return o, err
	}
	a, err := m.addition(ctx, w, o.before)
	if err != nil {
		return o, err
	}
	c, err := a.Change(sources)
	if err != nil {
		return o, refusedClash(err)
	}
	if len(c.Stale) > 0 {
		return o, refuse(c.Stale[0].Path, "leave apply (pg_apply) as it was: override", "it has the overlay that is in force, and apply is edit")
	}
	o.file, o.text, o.change = compose.OverrideFile{Path: c.Path, Text: c.Before}, c.After, &c
	o.preview = func(text, format string) sh.Cmd { return p.PreviewOf(sources, c.Path, text, format) }
	return o, nil
}

// addition is what the files get.
func (m cutting) addition(ctx context.Context, w host.Writer, before compose.Config) (compose.Addition, error) {
	base, err := before.Service(m.Service)
	if err != nil {
		return compose.Addition{}, err
	}
	written, err := ask(ctx, w, m.Stack.compose().Written(m.Service))
	if err != nil {
		return compose.Addition{}, err
	}
	lines, err := m.to.Overlay(m.Stack, base, written, m.record)
	return compose.Addition{Service: m.Service, Lines: lines, Volumes: []string{m.record.New.volume()}}, err
}

func refusedClash(err error) error {
	var no *compose.Clash
	if errors.As(err, &no) {
		return refuse(no.Object, no.WayOut, "%s", no.Problem)
	}
	return err
}

// land has the overlay come into effect: it is written, or shown to who writes it.
func (m cutting) land(ctx context.Context, w host.Writer, o overlay) error {
	p := m.Stack.compose()
	switch {
	case m.how() == applyPrint:
		cfg, err := ask(ctx, w, p.Config())
		if err != nil || m.serves(cfg) {
			return err
		}
		w.Say("the overlay, for " + o.file.Path + ":\n" + o.text)
		return refuse("compose files in "+m.Dir, "save the lines that are shown as "+o.file.Path+", or as a file that is listed behind the others, then the same command goes on; or remoterun rollback",
			"all is copied and proved, the service has still the old cluster, and apply is print")
	case o.change == nil:
		return run(ctx, w, "write "+o.file.Path, p.Write(m.state(), o.file.Path, o.text))
	case o.change.Nothing():
		return nil
	}
	return refusedClash(p.Make(ctx, w, m.state(), *o.change, func(cfg compose.Config) string {
		if m.serves(cfg) {
			return ""
		}
		return "service " + m.Service + " does not get the new cluster"
	}))
}

// takeBack takes what the move wrote out of the compose files: what stood there
// comes back when that was ours, too; else the user's lines stay as they are now.
func (m undoing) takeBack(ctx context.Context, w host.Writer) error {
	r, p := m.record, m.Stack.compose()
	sources, err := ask(ctx, w, p.Sources())
	if err != nil {
		return err
	}
	was := text(r.Before)
	i := slices.IndexFunc(sources, func(s compose.Source) bool { return s.Path == r.Overlay })
	switch {
	case r.Apply == applyPrint || r.Apply == applyEdit && (i < 0 || !sources[i].Overlaid()):
	case r.Apply == applyEdit:
		if !strings.Contains(was, compose.Mark) {
			was = compose.StripOurs(sources[i].Text)
		}
		if err := p.TakeBack(ctx, w, m.state(), sources[i], was); err != nil {
			return err
		}
	default:
		if err := m.takeOverride(ctx, w, was); err != nil {
			return err
		}
	}
	return m.left(ctx, w)
}

// takeOverride does so with the override file.
func (m undoing) takeOverride(ctx context.Context, w host.Writer, was string) error {
	r, p := m.record, m.Stack.compose()
	file, err := ask(ctx, w, p.Override())
	if err != nil {
		return err
	}
	if !strings.Contains(was, compose.Mark) && file.Path == r.Overlay && !file.Ours() {
		was = file.Without()
	}
	if strings.TrimSpace(was) == "" {
		return run(ctx, w, "remove "+r.Overlay, sh.Script(`rm -f -- "$1"`, r.Overlay))
	}
	return run(ctx, w, "take "+r.Overlay+" back", p.Write(m.state(), r.Overlay, was))
}

// left has compose itself say that the service has the new cluster no more: lines
// that somebody put in by hand are shown as the patch that takes them out.
func (m undoing) left(ctx context.Context, w host.Writer) error {
	p := m.Stack.compose()
	cfg, err := ask(ctx, w, p.Config())
	if err != nil || !m.serves(cfg) {
		return err
	}
	sources, err := ask(ctx, w, p.Sources())
	if err != nil {
		return err
	}
	place := "the compose files in " + m.Dir
	for _, s := range sources {
		if s.Overlaid() {
			place = s.Path
			w.Say("what takes the overlay out of " + s.Path + ", by patch -p0 in its folder:\n" + compose.Shown(s.Removal()))
		}
	}
	return refuse("service "+m.Service, "take the lines of the overlay out of "+place+" (volume "+m.record.New.Volume+"), then the same command goes on", "it has the new cluster still, by lines that this move did not write")
}
