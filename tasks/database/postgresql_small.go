package database

import (
	"errors"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// pgExtArgs are the arguments of postgresql_ext.
type pgExtArgs struct {
	Name    string `arg:"name,ext" need:"yes" help:"the extension"`
	DB      string `arg:"login_db,db" need:"yes" help:"the database"`
	Schema  string `arg:"schema" help:"where a new one's objects go"`
	State   string `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Cascade bool   `arg:"cascade" default:"no" help:"with what it needs; with absent: with what needs it"`
	Version string `arg:"version" help:"the version, or latest"`
	Comment string `arg:"comment" help:"a comment on it"`
	pgLogin
}

// PostgresqlExt keeps extensions.
func PostgresqlExt() play.Module {
	return kit.Define(kit.Doc{Name: "postgresql_ext", Short: "extensions in a PostgreSQL database"}, pgExt{})
}

type pgExt struct{}

func (a pgExtArgs) sql() string {
	return "SELECT a.default_version, coalesce(e.extversion, ''), coalesce(n.nspname, ''), coalesce(obj_description(e.oid, 'pg_extension'), '') FROM pg_available_extensions a LEFT JOIN pg_extension e ON e.extname = a.name LEFT JOIN pg_namespace n ON n.oid = e.extnamespace WHERE a.name = " + pg.Literal(a.Name)
}

func (pgExt) Facts(a pgExtArgs) []host.Question {
	return []host.Question{a.to(a.DB).ask(statement{sql: a.sql()}).Q}
}

func (pgExt) Plan(a pgExtArgs, s host.Seen) (play.Plan, error) {
	d := a.to(a.DB)
	rows, stop, err := d.rows(s, a.sql(), 4)
	if stop != nil || err != nil {
		return kit.Stopped(stop, err)
	}
	if len(rows) == 0 && a.State == "present" {
		return kit.Failure("Extension %s is not available", a.Name), nil
	}
	is := []string{"", "", "", ""}
	if len(rows) > 0 {
		is = rows[0]
	}
	p, err := d.statements(a.statements(is), "the extension "+a.Name, value.MapOf("db", value.String(a.DB), "ext", value.String(a.Name), "prev_version", value.String(is[1])))
	if len(p.Steps) > 0 {
		p.Finish = d.finish(p.Result, func(_ int, e *pg.Error) string {
			if strings.Contains(e.Message, "has no update path from version") {
				return "Passed version '" + a.Version + "' has no valid update path from the currently installed version '" + is[1] + "' or the passed version is not available"
			}
			return "Management of PostgreSQL extension failed: " + libpqText(e)
		})
	}
	return p, err
}

func (a pgExtArgs) statements(is []string) []string {
	var out []string
	name, cascade := pg.Ident(a.Name), ""
	if a.Cascade {
		cascade = " CASCADE"
	}
	want := a.Version
	if want == "latest" {
		want = is[0]
	}
	switch {
	case a.State == "absent" && is[1] == "":
		return nil
	case a.State == "absent":
		return []string{"DROP EXTENSION " + name + cascade}
	case is[1] == "":
		q := "CREATE EXTENSION " + name
		if a.Schema != "" {
			q += " WITH SCHEMA " + pg.Ident(a.Schema)
		}
		if want != "" && want != is[0] {
			q += " VERSION " + pg.Literal(want)
		}
		out = append(out, q+cascade)
	default:
		if want != "" && want != is[1] {
			out = append(out, "ALTER EXTENSION "+name+" UPDATE TO "+pg.Literal(want))
		}
		if a.Schema != "" && a.Schema != is[2] {
			out = append(out, "ALTER EXTENSION "+name+" SET SCHEMA "+pg.Ident(a.Schema))
		}
	}
	if a.Comment != "" && a.Comment != is[3] {
		out = append(out, "COMMENT ON EXTENSION "+name+" IS "+pg.Literal(a.Comment))
	}
	return out
}

// statements is the plan that runs them in order; none is "as it shall be".
func (d database) statements(sqls []string, subject string, data *value.Map) (play.Plan, error) {
	data.Put("queries", value.Strings(sqls...))
	if len(sqls) == 0 {
		return kit.Unchanged(subject+" is as it shall be", data), nil
	}
	p := play.Plan{Result: play.Result{Changed: true, Data: data}}
	for _, q := range sqls {
		p.Steps = append(p.Steps, d.do(q, q))
	}
	p.Finish = d.done(p.Result)
	return p, nil
}

// pgSchemaArgs are the arguments of postgresql_schema.
type pgSchemaArgs struct {
	Name    string `arg:"name,schema" need:"yes" help:"the schema"`
	DB      string `arg:"login_db,database,db" default:"postgres" help:"the database"`
	Owner   string `arg:"owner" help:"its owner"`
	State   string `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Cascade bool   `arg:"cascade_drop" default:"no" help:"with absent: with all that is in it"`
	Comment string `arg:"comment" help:"a comment on it"`
	pgLogin
}

// PostgresqlSchema keeps schemas.
func PostgresqlSchema() play.Module {
	return kit.Define(kit.Doc{Name: "postgresql_schema", Short: "schemas in a PostgreSQL database"}, pgSchema{})
}

type pgSchema struct{}

func (a pgSchemaArgs) sql() string {
	return "SELECT pg_get_userbyid(nspowner), coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = " + pg.Literal(a.Name)
}

func (pgSchema) Facts(a pgSchemaArgs) []host.Question {
	return []host.Question{a.to(a.DB).ask(statement{sql: a.sql()}).Q}
}

func (pgSchema) Plan(a pgSchemaArgs, s host.Seen) (play.Plan, error) {
	d := a.to(a.DB)
	rows, stop, err := d.rows(s, a.sql(), 2)
	if stop != nil || err != nil {
		return kit.Stopped(stop, err)
	}
	var out []string
	name := pg.Ident(a.Name)
	there := len(rows) > 0
	switch {
	case a.State == "absent" && there:
		out = []string{"DROP SCHEMA " + name + map[bool]string{true: " CASCADE"}[a.Cascade]}
	case a.State == "present" && !there:
		q := "CREATE SCHEMA " + name
		if a.Owner != "" {
			q += " AUTHORIZATION " + pg.Ident(a.Owner)
		}
		out = []string{q}
	case a.State == "present" && a.Owner != "" && rows[0][0] != a.Owner:
		out = []string{"ALTER SCHEMA " + name + " OWNER TO " + pg.Ident(a.Owner)}
	}
	if a.State == "present" && a.Comment != "" && (!there || rows[0][1] != a.Comment) {
		out = append(out, "COMMENT ON SCHEMA "+name+" IS "+pg.Literal(a.Comment))
	}
	return d.statements(out, "the schema "+a.Name, value.MapOf("schema", value.String(a.Name)))
}

// pgPingArgs are the arguments of postgresql_ping.
type pgPingArgs struct {
	DB string `arg:"login_db,db" default:"postgres" help:"the database"`
	pgLogin
}

// PostgresqlPing asks whether a server answers.
func PostgresqlPing() play.Module {
	return kit.Define(kit.Doc{Name: "postgresql_ping", Short: "whether a PostgreSQL server answers"}, pgPing{})
}

type pgPing struct{}

func (pgPing) Facts(pgPingArgs) []host.Question { return nil }

func (pgPing) Plan(a pgPingArgs, s host.Seen) (play.Plan, error) {
	d := a.to(a.DB)
	rows, said, err := d.tried(s, "SELECT version()", 1)
	if err != nil {
		return play.Plan{}, err
	}
	data := value.MapOf("is_available", value.Bool(said == nil), "server_version", value.FromMap(nil), "conn_err_msg", value.String(""))
	if said != nil {
		msg := strings.TrimPrefix(d.unreached(said), "unable to connect to database: ")
		if strings.HasPrefix(msg, "Could not switch role: ") {
			return play.Plan{Result: d.refused(statement{}, said)}, nil
		}
		data.Put("conn_err_msg", kit.HostText(msg))
		p := kit.Unchanged("the server does not answer", data)
		p.Result.Warnings = []string{"PostgreSQL server is unavailable: " + msg}
		return p, nil
	}
	if len(rows) == 0 {
		return play.Plan{}, errors.New("the server says nothing of its version")
	}
	data.Put("server_version", versionOf(rows[0][0]))
	return kit.Unchanged("the server answers", data), nil
}

func number(s string) value.Value {
	n := int64(0)
	for _, r := range s {
		if r < '0' || r > '9' {
			return kit.HostText(s)
		}
		n = n*10 + int64(r-'0')
	}
	return value.Int(n)
}
