package move

import (
	"context"
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/move/catalog"
	"remoterun/tasks/move/copy"
	"remoterun/tasks/move/proof"
	"remoterun/tasks/pg"
)

// prove compares both sides as the copy read them, and has the report written on
// the laptop. A difference that nobody knows a reason for ends here.
func (m *mover) prove(ctx context.Context, w host.Writer) error {
	r := m.record
	if err := m.bothUp(ctx, w); err != nil {
		return err
	}
	source, target, err := m.sides(ctx, w)
	if err != nil {
		return err
	}
	locales := map[string]string{}
	for d, l := range r.Locales {
		locales[d] = l
	}
	known := proof.Expected{From: r.Cluster.Major(), To: r.New.Major, Roles: m.to.Keep(), Extensions: m.to.Extensions(), Locales: locales}
	report := proof.Compare(source, target, known.Explain)
	if err := retold(known, &report, func(database, text string) (string, error) { return m.sql(ctx, w, true, database, text) }); err != nil {
		return err
	}
	r.Proof = &report
	r.Sums = map[string][]proof.Sum{}
	for name, d := range target.Databases {
		r.Sums[name] = d.Sums
	}
	// The target's own part comes into the report, too.
	if err := m.to.Check(ctx, r, func(database, text string) (string, error) { return m.sql(ctx, w, true, database, text) }); err != nil {
		return err
	}
	report = *r.Proof
	file, err := m.report(ctx, w)
	if err != nil {
		return err
	}
	if !report.Equal() {
		var names []string
		for _, d := range report.Unknown() {
			names = append(names, strings.TrimSpace(d.Database+" "+d.Kind+" "+d.Name))
		}
		n, out := len(names), "read "+file+"; remoterun rollback goes back to the old database"
		if m.rehearsal {
			out = "read " + file + "; nothing was changed"
		}
		return refuse("proof of "+m.Project, out, "%s: %s", value.Count(n, "difference"), strings.Join(names[:min(n, 5)], ", "))
	}
	w.Say(fmt.Sprintf("%s, %s and %s are equal; %s; report %s", value.Count(report.Tables, "table"), value.Count(report.Rows, "row"), value.Count(report.Objects, "other object"), value.Count(len(report.Differences), "known difference"), file))
	r.State = Proved
	return m.keep(ctx, w, r)
}

// retoldSQL makes a view of the source's text, for a moment, and has the server
// print it beside the one that arrived.
const retoldSQL = `BEGIN;
SET LOCAL search_path = '';
SET LOCAL session_replication_role = replica;
CREATE TEMPORARY VIEW remoterun_view AS %s
SELECT pg_get_viewdef('pg_temp.remoterun_view'::regclass) = pg_get_viewdef(%s::regclass);
ROLLBACK;
`

// retoldFunctionSQL has the source's text take the function's place, for a moment.
const retoldFunctionSQL = `BEGIN;
SET LOCAL search_path = '';
SET LOCAL check_function_bodies = off;
SET LOCAL session_replication_role = replica;
SELECT pg_get_functiondef(%[2]s::regprocedure) AS arrived \gset
%[1]s;
SELECT pg_get_functiondef(%[2]s::regprocedure) = :'arrived';
ROLLBACK;
`

// retold finds the views and functions that the new server tells in other words than
// the old one: the old one's text, read by the new server, has to be the very one
// that arrived.
func retold(known proof.Expected, r *proof.Report, sql func(database, text string) (string, error)) error {
	for i, d := range r.Differences {
		ask := ""
		if text := known.Retold(d); text != "" {
			ask = fmt.Sprintf(retoldSQL, strings.TrimSuffix(strings.TrimSpace(text), ";")+";", pg.Literal(d.Name))
		} else if text := known.RetoldFunction(d); text != "" {
			ask = fmt.Sprintf(retoldFunctionSQL, text, pg.Literal(d.Name))
		}
		if d.Known != "" || ask == "" {
			continue
		}
		said, err := sql(d.Database, ask)
		if err := linkOnly(err); err != nil {
			return err
		}
		if err == nil && strings.TrimSpace(said) == "t" {
			r.Differences[i].Known = "the same query in the new server's words: it reads the old one's as this"
		}
	}
	return nil
}

// bothUp starts what of the two servers was killed, and copies again what was lost
// with it.
func (m *mover) bothUp(ctx context.Context, w host.Writer) error {
	if err := run(ctx, w, "start both servers", sh.Script(bothText, m.dir())); err != nil {
		return err
	}
	again, err := output(ctx, w, "look at what was done", sh.Script(againText, m.dir()))
	if err != nil || strings.TrimSpace(again) != "again" {
		return err
	}
	m.record.State = Made
	if err := m.keep(ctx, w, m.record); err != nil {
		return err
	}
	w.Say("a server was killed, which empties unlogged tables: they are copied again")
	return m.copy(ctx, w)
}

// catText prints the files after $1 that are in it, each behind a line with its
// name and size in bytes.
const catText = `cd "$1" || exit 1
shift
for f; do
	n=$(wc -c <"$f") || exit 1
	printf '%s %s\n' "$f" "$n"
	cat "$f"
done
echo end`

// batch is how many files are read at once.
const batch = 200

// sides reads what the steps kept.
func (m *mover) sides(ctx context.Context, w host.Writer) (source, target proof.Side, err error) {
	plan := m.steps()
	files := map[string][]byte{}
	var names []string
	for i, s := range plan.Steps {
		if s.Keep == "sum" || s.Keep == "objects" {
			names = append(names, plan.Out(i))
		}
	}
	for len(names) > 0 {
		some := names[:min(batch, len(names))]
		names = names[len(some):]
		text, err := output(ctx, w, "read what was compared", sh.Script(catText, append([]string{m.dir()}, some...)...))
		if err != nil {
			return source, target, err
		}
		if err := split(text, files); err != nil {
			return source, target, err
		}
	}
	read := func(file string) ([]byte, error) {
		text, ok := files[file]
		if !ok {
			return nil, fmt.Errorf("%s is not on the host", file)
		}
		return text, nil
	}
	if source, err = plan.Side(copy.KindSource, m.record.Cluster.Major(), read); err == nil {
		target, err = plan.Side(copy.KindTarget, m.record.New.Major, read)
	}
	return source, target, err
}

// split takes catText's output apart.
func split(text string, into map[string][]byte) error {
	l := kit.Lines{Rest: text}
	for {
		head := l.Next()
		if head == "end" {
			return nil
		}
		words := strings.Fields(head)
		if len(words) != 2 {
			return fmt.Errorf("what was compared came in part: %.60q", head)
		}
		kept, ok := l.Sized(words[1])
		if !ok {
			return fmt.Errorf("what was compared came in part: %.60q", head)
		}
		into[words[0]] = []byte(kept)
	}
}

// Laptop writes reports where the operator keeps them: name to text; it answers
// the path.
type Laptop interface {
	Report(host, name string, text []byte) (string, error)
}

// rowsNow counts and sums a database's tables again, for rollback: what was
// written since.
func rowsNow(tables []catalog.Table, path string) string {
	var b strings.Builder
	for _, t := range tables {
		b.WriteString(proof.SumSQL(t, path))
	}
	return b.String()
}
