// Package copy plans how one cluster is copied into another, empty one: phases
// and steps as data, each of which can be done again, and the shell text that
// does them detached on the host. The unit of a resumed copy is one step: a table
// is emptied first, a schema is made anew with its database.
//
// Rows go by COPY FROM PROGRAM, run by the target's server: a source that dies is
// an error there and leaves no row, whereas psql | psql would commit the part
// that came. No dump is ever a file at rest; schemas lie in RAM.
package copy

import (
	"fmt"
	"sort"
	"strings"

	"remoterun/runner/sh"
	"remoterun/tasks/move/catalog"
	"remoterun/tasks/move/proof"
	"remoterun/tasks/pg"
)

// Phase is a stretch of steps, as it is shown, in their order.
type Phase string

// The phases of a copy. Those before (preflight, backup, freeze, target) and
// behind it (cut-over, smoke, done) are of package move.
const (
	Globals Phase = "globals"
	Schema  Phase = "schema"
	Data    Phase = "data"
	Indexes Phase = "indexes"
	Refresh Phase = "refresh"
	Proof   Phase = "proof"
)

// Phases lists them in order.
func Phases() []Phase { return []Phase{Globals, Schema, Data, Indexes, Refresh, Proof} }

// Kind is what the host does for a step; each is a function of the runtime.
type Kind string

const (
	// KindGlobals makes roles, memberships and their settings.
	KindGlobals Kind = "globals"
	// KindDatabase makes a database anew by the step's SQL and restores what stands
	// before its data.
	KindDatabase Kind = "database"
	// KindTarget and KindSource run the step's SQL on one of the two; what it prints
	// is kept when Keep is set.
	KindTarget Kind = "target"
	KindSource Kind = "source"
	// KindLarge copies large objects, KindIndex makes indexes and keys, KindPost
	// everything else that stands behind the data.
	KindLarge Kind = "large"
	KindIndex Kind = "index"
	KindPost  Kind = "post"
)

// Step is one unit of work.
type Step struct {
	Phase    Phase
	Kind     Kind
	Name     string // shown: "rows of app: public.events"
	Database string
	SQL      string
	// Within is SQL that is run in a new database before its schema.
	Within string
	// Keep names the file that the output is kept in, "" = it is not.
	Keep string
	// Bytes is about how much it moves.
	Bytes int64
	// Group orders: steps of one group may run side by side, where Beside is set.
	Group  int
	Beside bool
	// Volatile steps are done again when one of the two servers had to be started
	// anew: they are about unlogged tables, which a killed server empties.
	Volatile bool
	// Shared marks objects that belong to no database.
	Shared bool
}

// Plan is the whole copy.
type Plan struct{ Steps []Step }

// Options say how the target differs from the source.
type Options struct {
	Source catalog.Cluster
	// Super is the role that both clusters were made with.
	Super string
	// TargetMajor is the target's major version.
	TargetMajor int
	// KeepRoles are the target's own, which stay.
	KeepRoles []string
	// Program prints the words that run psql against the source, on the target's
	// side, without the database: COPY FROM PROGRAM's command.
	Program []string
	// Prepare is SQL for each new database before its schema.
	Prepare string
	// Locale maps a database to the options of its locale; nil = the source's own.
	Locale func(catalog.Database) string
	// NoStats are columns (schema.table.column) of which no values are kept in
	// statistics.
	NoStats []string
}

// Make plans. It is pure: the same contents give the same plan.
func Make(o Options) Plan {
	p := &planner{o: o}
	p.add(Step{Phase: Globals, Kind: KindGlobals, Name: "roles", Database: "postgres", SQL: p.reset()})
	p.next()
	p.add(Step{Phase: Globals, Kind: KindSource, Name: "settings of all roles", Database: "postgres", SQL: allRoles, Keep: keepRun})
	p.next()
	dbs := p.databases()
	for _, d := range dbs {
		p.add(Step{Phase: Schema, Kind: KindDatabase, Name: "schema of " + d.Name, Database: d.Name, SQL: p.create(d), Within: p.o.Prepare})
		p.next()
		if sql := p.nostats(d); sql != "" {
			p.add(Step{Phase: Schema, Kind: KindTarget, Name: "columns of " + d.Name + " without statistics", Database: d.Name, SQL: sql})
			p.next()
		}
	}
	p.data(dbs)
	for _, d := range dbs {
		p.next()
		p.add(Step{Phase: Indexes, Kind: KindIndex, Name: "indexes and keys of " + d.Name, Database: d.Name, SQL: dropIndexes, Bytes: d.Bytes / 4})
		p.next()
		p.add(Step{Phase: Indexes, Kind: KindPost, Name: "references, triggers and rules of " + d.Name, Database: d.Name})
	}
	p.refresh(dbs)
	p.proof(dbs)
	return Plan{p.steps}
}

type planner struct {
	o     Options
	steps []Step
	group int
}

func (p *planner) add(s Step) { s.Group = p.group; p.steps = append(p.steps, s) }
func (p *planner) next()      { p.group++ }

// databases are those that are made: template1 only when somebody put something
// into it.
func (p *planner) databases() []catalog.Database {
	out := append([]catalog.Database{}, p.o.Source.Databases...)
	if t := p.o.Source.Template; t.Container.Own > 0 {
		out = append(out, t)
	}
	return out
}

// reset empties the target of what an earlier try left: databases first, since
// roles may own something in them.
func (p *planner) reset() string {
	var b strings.Builder
	for _, d := range p.o.Source.Databases {
		if d.Name != "postgres" {
			fmt.Fprintf(&b, "DROP DATABASE IF EXISTS %s WITH (FORCE);\n", pg.Ident(d.Name))
		}
	}
	keep := append([]string{p.o.Super}, p.o.KeepRoles...)
	for i, k := range keep {
		keep[i] = pg.Literal(k)
	}
	fmt.Fprintf(&b, `SELECT format('DROP ROLE %%I', rolname) FROM pg_roles WHERE rolname !~ '^pg_' AND rolname NOT IN (%s) \gexec
`, strings.Join(keep, ", "))
	return b.String()
}

// create makes a database anew. template1 cannot be dropped as it is.
func (p *planner) create(d catalog.Database) string {
	var b strings.Builder
	name := pg.Ident(d.Name)
	if d.Name == "template1" {
		b.WriteString("ALTER DATABASE template1 IS_TEMPLATE false;\n")
	}
	fmt.Fprintf(&b, "DROP DATABASE IF EXISTS %s WITH (FORCE);\n", name)
	locale := Locale(d)
	if p.o.Locale != nil {
		locale = p.o.Locale(d)
	}
	fmt.Fprintf(&b, "CREATE DATABASE %s OWNER %s TEMPLATE template0 ENCODING %s %s;\n", name, pg.Ident(d.Owner), pg.Literal(d.Encoding), locale)
	if d.Name == "template1" {
		b.WriteString("ALTER DATABASE template1 IS_TEMPLATE true;\n")
	}
	return b.String()
}

// conninfo quotes a value of a connection string.
func conninfo(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// Locale are the source's own options of a database's locale.
func Locale(d catalog.Database) string {
	out := "LC_COLLATE " + pg.Literal(d.Collate) + " LC_CTYPE " + pg.Literal(d.Ctype)
	switch d.Provider {
	case "c":
		out += " LOCALE_PROVIDER libc"
	case "i":
		out += " LOCALE_PROVIDER icu ICU_LOCALE " + pg.Literal(d.Locale)
		if d.Rules != "" {
			out += " ICU_RULES " + pg.Literal(d.Rules)
		}
	case "b":
		out += " LOCALE_PROVIDER builtin BUILTIN_LOCALE " + pg.Literal(d.Locale)
	}
	return out
}

func (p *planner) nostats(d catalog.Database) string {
	var b strings.Builder
	for _, n := range p.o.NoStats {
		parts := strings.Split(n, ".")
		if len(parts) == 2 {
			parts = append([]string{"public"}, parts...)
		}
		if len(parts) != 3 || !has(d.Container.Tables, parts[0], parts[1]) {
			continue
		}
		fmt.Fprintf(&b, "ALTER TABLE %s.%s ALTER COLUMN %s SET STATISTICS 0;\n", pg.Ident(parts[0]), pg.Ident(parts[1]), pg.Ident(parts[2]))
	}
	return b.String()
}

func has(all []catalog.Table, schema, name string) bool {
	for _, t := range all {
		if t.Schema == schema && t.Name == name {
			return true
		}
	}
	return false
}

// data copies rows, the largest tables first; the source is hashed meanwhile,
// where a core is free for it.
func (p *planner) data(dbs []catalog.Database) {
	var steps []Step
	for _, d := range dbs {
		for _, t := range d.Container.Units() {
			what := d.Name + ": " + t.Schema + "." + t.Name
			steps = append(steps,
				Step{Phase: Data, Kind: KindTarget, Name: "rows of " + what, Database: d.Name, SQL: p.copyRows(d, t), Bytes: t.Bytes, Beside: true, Volatile: t.Unlogged},
				Step{Phase: Data, Kind: KindSource, Name: "sums of the source, " + what, Database: d.Name, SQL: proof.SumSQL(t, d.Container.Path), Bytes: t.Bytes / 2, Beside: true, Volatile: t.Unlogged, Keep: "sum"})
		}
	}
	sort.SliceStable(steps, func(i, j int) bool { return steps[i].Bytes > steps[j].Bytes })
	for _, s := range steps {
		p.add(s)
	}
	for _, d := range dbs {
		if d.Container.Large > 0 {
			p.next()
			p.add(Step{Phase: Data, Kind: KindLarge, Name: "large objects of " + d.Name, Database: d.Name, SQL: "SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata;\n"})
		}
		if len(d.Container.Sequences) > 0 {
			p.next()
			p.add(Step{Phase: Data, Kind: KindSource, Name: "values of sequences of " + d.Name, Database: d.Name, SQL: sequenceSQL(d.Container.Sequences), Keep: keepRun})
		}
	}
	p.next()
}

// keepRun is the Keep of statements that the source prints for the target.
const keepRun = "run"

// allRoles prints ALTER ROLE ALL, which pg_dumpall leaves out. Lists come quoted.
const allRoles = `SELECT format('ALTER ROLE ALL SET %I TO %s;', n, CASE WHEN n IN ('local_preload_libraries', 'search_path', 'session_preload_libraries', 'temp_tablespaces') THEN v ELSE quote_literal(v) END)
FROM (SELECT split_part(c, '=', 1) AS n, substr(c, strpos(c, '=') + 1) AS v FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setdatabase = 0 AND s.setrole = 0) x;
`

// sequenceSQL prints, on the source, the statements that set the values on the target.
func sequenceSQL(all []catalog.Sequence) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "SELECT format('SELECT pg_catalog.setval(%%L, %%s, %%L);', %s, last_value, is_called) FROM %s;\n", pg.Literal(s.Full()), s.Full())
	}
	return b.String()
}

// copyRows empties the table and fills it, in one transaction. FREEZE needs the
// table itself to be emptied in it, which a tree's root isn't.
func (p *planner) copyRows(d catalog.Database, t catalog.Table) string {
	cols := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		cols[i] = pg.Ident(c)
	}
	list := ""
	if len(cols) > 0 {
		list = " (" + strings.Join(cols, ", ") + ")"
	}
	from, empty, freeze := t.Full()+list, "TRUNCATE ONLY "+t.Full(), ", FREEZE"
	switch {
	case t.Kind == "p":
		from, empty, freeze = "(SELECT "+strings.Join(cols, ", ")+" FROM "+t.Full()+")", "TRUNCATE "+t.Full(), ""
	case t.Extension:
		// The extension's own rows stay.
		from, empty, freeze = "(SELECT "+strings.Join(cols, ", ")+" FROM "+t.Full()+" "+t.Where+")", "DELETE FROM "+t.Full()+" "+t.Where, ""
	}
	format := "binary"
	if t.Text {
		format = "text"
	}
	encoding := ", ENCODING " + pg.Literal(d.Encoding)
	out := "COPY " + from + " TO STDOUT (FORMAT " + format + encoding + ")"
	path := ""
	if t.Kind == "p" && t.Path {
		path = d.Container.Path
	}
	program := "PGDATABASE=" + sh.Quote(d.Name) + " PGOPTIONS=" + sh.Quote(settings+" -c search_path="+option(path)) + " " + sh.Join(append(append([]string{}, p.o.Program...), "-c", out)...)
	return "BEGIN;\nSET LOCAL search_path = " + setPath(path) + ";\n" + empty + ";\nCOPY " + t.Full() + list + " FROM PROGRAM " + pg.Literal(program) + " (FORMAT " + format + encoding + freeze + ");\nCOMMIT;\n"
}

// dropIndexes takes back what a stopped try made.
const dropIndexes = `SELECT format('ALTER TABLE ONLY %I.%I DROP CONSTRAINT %I CASCADE', n.nspname, c.relname, k.conname) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype IN ('p', 'u', 'x') AND k.coninhcount = 0 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') \gexec
SELECT format('DROP INDEX IF EXISTS %I.%I CASCADE', n.nspname, c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e') \gexec
`

// marker is a setting of a database that says, in the same transaction, that what
// stands behind its indexes was made; it is taken back before the proof.
const marker = "remoterun.post"

// settings of every session, stronger than those of databases and roles: nothing
// times out, and text means the same on both sides.
const settings = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 -c datestyle=ISO -c intervalstyle=postgres -c lc_monetary=C -c extra_float_digits=3 -c xmloption=content -c row_security=off -c client_min_messages=warning"

// option quotes a value in PGOPTIONS.
func option(s string) string { return strings.NewReplacer(`\`, `\\`, " ", `\ `).Replace(s) }

func setPath(path string) string {
	if path == "" {
		return "''"
	}
	return path
}

// refresh fills materialized views in the order in which they read each other,
// and has the planner know its tables.
func (p *planner) refresh(dbs []catalog.Database) {
	for _, d := range dbs {
		for _, v := range d.Container.Refresh() {
			p.next()
			p.add(Step{Phase: Refresh, Kind: KindTarget, Name: "materialized view of " + d.Name + ": " + v.Full, Database: d.Name, SQL: "REFRESH MATERIALIZED VIEW " + v.Full + ";\n", Bytes: v.Bytes})
		}
	}
	p.next()
	for _, d := range dbs {
		p.add(Step{Phase: Refresh, Kind: KindTarget, Name: "statistics of " + d.Name, Database: d.Name, SQL: "ANALYZE;\nALTER DATABASE " + pg.Ident(d.Name) + " RESET " + marker + ";\n", Beside: true})
	}
	p.next()
}

// proof reads both sides: sums of the target, then every object of both.
func (p *planner) proof(dbs []catalog.Database) {
	for _, d := range dbs {
		for _, t := range d.Container.Units() {
			p.add(Step{Phase: Proof, Kind: KindTarget, Name: "sums of the target, " + d.Name + ": " + t.Schema + "." + t.Name, Database: d.Name, SQL: proof.SumSQL(t, d.Container.Path), Bytes: t.Bytes / 2, Beside: true, Volatile: t.Unlogged, Keep: "sum"})
		}
	}
	from, to := p.o.Source.Major(), p.o.TargetMajor
	for _, d := range dbs {
		p.add(Step{Phase: Proof, Kind: KindSource, Name: "objects of the source, " + d.Name, Database: d.Name, SQL: catalog.LocalSQL(from) + proof.SequencesSQL(d.Container.Sequences), Beside: true, Keep: "objects"})
		p.add(Step{Phase: Proof, Kind: KindTarget, Name: "objects of the target, " + d.Name, Database: d.Name, SQL: catalog.LocalSQL(to) + proof.SequencesSQL(d.Container.Sequences), Beside: true, Keep: "objects"})
	}
	p.add(Step{Phase: Proof, Kind: KindSource, Name: "roles and databases of the source", Database: "postgres", SQL: catalog.SharedSQL(from), Shared: true, Beside: true, Keep: "objects"})
	p.add(Step{Phase: Proof, Kind: KindTarget, Name: "roles and databases of the target", Database: "postgres", SQL: catalog.SharedSQL(to), Shared: true, Beside: true, Keep: "objects"})
}
