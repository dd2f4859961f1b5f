package move

import (
	"context"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/tasks/compose"
	"remoterun/tasks/move/catalog"
	"remoterun/tasks/move/proof"
)

// undoing goes back to the old cluster.
type undoing struct{ *mover }

// rollback puts the stack back onto the old cluster, from wherever the move is.
// The new cluster's volume stays, with what was written since the cut-over.
func (m undoing) rollback(ctx context.Context, w host.Writer) error {
	r := m.record
	if err := run(ctx, w, "end the copy", m.job().Stop()); err != nil {
		return err
	}
	if r.Frozen != "" { // else nothing was changed
		if err := m.unwind(ctx, w); err != nil {
			return err
		}
	}
	if r.New.Volume != "" {
		r.New.Old = strings.TrimSpace(r.New.Old + " " + r.New.Volume + "=" + r.New.Label)
	}
	r.State, r.Ended = Rolled, m.time()
	return m.keep(ctx, w, r)
}

func (m undoing) unwind(ctx context.Context, w host.Writer) error {
	r := m.record
	var stop []string
	for _, o := range r.Others {
		stop = append(stop, o.Name)
	}
	if r.State.reached(Cut) || r.Overlay != "" {
		if err := run(ctx, w, "stop the containers that can reach the database", sh.Script(stopText, append([]string{"30"}, stop...)...)); err != nil {
			return err
		}
	}
	for _, c := range []string{m.target(), m.source()} {
		if err := run(ctx, w, "stop "+c, sh.Script(stopServerText, c)); err != nil {
			return err
		}
	}
	aside, err := output(ctx, w, "look where the old cluster is", sh.Script(`[ -d "$1/`+kept+`" ] && echo aside || echo there`, r.Source.Data))
	if err != nil {
		return err
	}
	if r.Overlay != "" || strings.TrimSpace(aside) == "aside" {
		if err := m.stopOld(ctx, w); err != nil {
			return err
		}
	}
	if err := m.to.Leave(ctx, w, m.Stack, r); err != nil {
		return err
	}
	if r.Overlay != "" {
		if err := m.takeBack(ctx, w); err != nil {
			return err
		}
		r.Apply, r.Overlay, r.Before = "", "", nil
	}
	if err := run(ctx, w, "bring the old cluster back to "+r.Source.Data, sh.Script(bringBackText, r.Source.Data)); err != nil {
		return err
	}
	if err := (cutting{m.mover}).up(ctx, w, ""); err != nil {
		return err
	}
	return cutting{m.mover}.startOthers(ctx, w)
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// written compares the new cluster with the proof: which tables were written to
// since, and by how many rows they grew.
func (m undoing) written(ctx context.Context, w host.Writer) ([]string, error) {
	r := m.record
	all, err := ask(ctx, w, m.Stack.compose().Containers())
	if err != nil {
		return nil, err
	}
	dbs := compose.Of(all, m.Service)
	if len(dbs) == 0 || !dbs[0].State.Running {
		return []string{"the new database does not run: what was written since cannot be counted"}, nil
	}
	var out []string
	for _, d := range r.Cluster.Databases {
		c := sh.Script(insideText, dbs[0].ID, d.Name, r.Source.Super).With(sh.Bytes(rowsNow(d.Container.Units(), d.Container.Path)))
		text, err := output(ctx, w, "count the rows of "+d.Name, c)
		if err != nil {
			return nil, err
		}
		now, err := proof.ParseSums([]byte(text))
		if err != nil {
			return nil, err
		}
		was := map[string]proof.Sum{}
		for _, s := range r.Sums[d.Name] {
			was[s.Name] = s
		}
		for _, s := range now {
			if s != was[s.Name] {
				out = append(out, fmt.Sprintf("%s %s: %+d rows, %d in all", d.Name, s.Name, s.Rows-was[s.Name].Rows, s.Rows))
			}
		}
	}
	return out, nil
}

// offer makes a backup of the new database before it is left, if that is wanted.
func (m undoing) offer(ctx context.Context, w host.Writer) error {
	all, err := ask(ctx, w, m.Stack.compose().Containers())
	if err != nil {
		return err
	}
	dbs := compose.Of(all, m.Service)
	if len(dbs) == 0 || !dbs[0].State.Running {
		return nil
	}
	answer, err := m.prompter.Ask(ctx, play.Ask{Key: "backup before rollback " + w.Name() + " " + m.Project, YesNo: true,
		Text: fmt.Sprintf("Make a backup of the new database of %s on %s first? (yes/no)", m.Project, w.Name())})
	if err != nil || answer != "yes" {
		return err
	}
	now, rec := *m.mover, *m.record
	if rec.Cluster, err = live(ctx, w, dbs[0].ID, rec.Source.Super); err != nil {
		return err
	}
	now.record = &rec
	dir, err := archiving{&now}.save(ctx, w, dbs[0].ID)
	if err == nil {
		w.Say("backup: " + dir)
	}
	return err
}

// insideText runs SQL from stdin inside the service's container $1.
const insideText sh.Constant = `exec docker exec -i -e PGDATABASE="$2" -e PGAPPNAME=remoterun/look -e PGOPTIONS='-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=on -c ` + catalog.NoMerge + `' "$1" psql -X -q -A -t -w -v ON_ERROR_STOP=1 -U "$3" -f -`
