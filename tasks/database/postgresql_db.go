package database

import (
	"fmt"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/sh"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// pgDBArgs are the arguments of postgresql_db.
type pgDBArgs struct {
	Name       string `arg:"name,db" need:"yes" help:"the database"`
	Owner      string `arg:"owner" help:"its owner"`
	Template   string `arg:"template" help:"the template of a new one"`
	Encoding   string `arg:"encoding" help:"the encoding of a new one"`
	Collate    string `arg:"lc_collate" help:"LC_COLLATE of a new one"`
	CType      string `arg:"lc_ctype" help:"LC_CTYPE of a new one"`
	ConnLimit  string `arg:"conn_limit" help:"how many may connect; -1 is all"`
	Tablespace string `arg:"tablespace" help:"its tablespace"`
	State      string `arg:"state" default:"present" choices:"absent,dump,present,rename,restore" help:"whether it shall be there; rename: to target; dump writes target, restore reads it, each time"`
	Target     string `arg:"target" type:"path" help:"with rename: the new name; with dump and restore: the file of the host, default NAME.sql: .sql, .tar, .pgc (custom) or .dir (a folder); .gz, .bz2 and .xz are packed"`
	Opts       string `arg:"target_opts" help:"with dump and restore: more options for pg_dump, psql or pg_restore"`
	Extra      string `arg:"dump_extra_args" help:"with dump: more options for pg_dump"`
	Force      bool   `arg:"force" default:"no" help:"with absent: end the sessions in it"`
	Comment    string `arg:"comment" help:"a comment on it"`
	Maint      string `arg:"maintenance_db" default:"postgres" help:"the database that is connected to"`
	pgLogin
}

// PostgresqlDB keeps databases.
func PostgresqlDB() play.Module {
	return kit.Define(kit.Doc{Name: "postgresql_db", Short: "databases of PostgreSQL"}, pgDB{})
}

type pgDB struct{}

func (pgDB) Validate(a pgDBArgs) *play.ArgError {
	_, ok := sh.Split(a.Opts)
	_, ok2 := sh.Split(a.Extra)
	switch {
	case !ok:
		return &play.ArgError{Arg: "target_opts", Msg: "holds an open quote"}
	case !ok2:
		return &play.ArgError{Arg: "dump_extra_args", Msg: "holds an open quote"}
	case (a.State == "dump" || a.State == "restore") && strings.ContainsAny(a.Password+a.Params.m["password"], "\n\r"):
		return &play.ArgError{Arg: "login_password", Msg: "holds no line break"}
	case a.Name == "":
		return &play.ArgError{Arg: "name", Msg: "is empty"}
	case a.State == "rename" && a.Target == "":
		return &play.ArgError{Arg: "target", Msg: `The "target" option must be defined when the "rename" option is used.`}
	case a.State == "rename" && a.Name == a.Target:
		return &play.ArgError{Arg: "target", Msg: `The "name/db" option and the "target" option cannot be the same.`}
	case a.State == "rename" && a.Name == a.Maint:
		return &play.ArgError{Arg: "name", Msg: `The "maintenance_db" option and the "name/db" option cannot be the same.`}
	case a.ConnLimit != "" && strings.Trim(a.ConnLimit, "-0123456789") != "":
		return &play.ArgError{Arg: "conn_limit", Msg: fmt.Sprintf("%q is not an integer", a.ConnLimit)}
	}
	return nil
}

func (a pgDBArgs) sql() string {
	return `SELECT d.datname, pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, d.datconnlimit, t.spcname, shobj_description(d.oid, 'pg_database')
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname IN (` + pg.Literal(a.Name) + `, ` + pg.Literal(a.Target) + `)`
}

func (pgDB) Facts(a pgDBArgs) []host.Question {
	if a.State == "dump" || a.State == "restore" {
		return nil
	}
	return []host.Question{a.to(a.Maint).ask(statement{sql: a.sql()}).Q}
}

func (pgDB) Plan(a pgDBArgs, s host.Seen) (play.Plan, error) {
	if a.State == "dump" || a.State == "restore" {
		return a.transfer(s)
	}
	d := a.to(a.Maint)
	rows, stop, err := d.rows(s, a.sql(), 8)
	if stop != nil || err != nil {
		return kit.Stopped(stop, err)
	}
	is := map[string][]string{}
	for _, r := range rows {
		is[r[0]] = r
	}
	if r := is[a.Name]; r != nil && a.State == "present" {
		for _, c := range []struct{ what, want, have string }{{"encoding", a.Encoding, r[2]}, {"LC_COLLATE", a.Collate, r[3]}, {"LC_CTYPE", a.CType, r[4]}} {
			if c.want != "" && !strings.EqualFold(strings.ReplaceAll(c.want, "-", ""), strings.ReplaceAll(c.have, "-", "")) {
				return kit.Failure("Changing %s is not supported. Current: %s", c.what, c.have), nil
			}
		}
	}
	switch old, other := is[a.Name] != nil, is[a.Target] != nil; {
	case a.State == "rename" && old && other:
		return kit.Failure("Both the source and the target databases exist."), nil
	case a.State == "rename" && !old && !other:
		return kit.Failure("The source and the target databases do not exist."), nil
	}
	sqls := a.statements(is)
	// What would be run is not told ahead, as in Ansible's check mode.
	data := value.MapOf("db", value.String(a.Name), "executed_commands", value.List())
	if len(sqls) == 0 {
		return kit.Unchanged("the database "+a.Name+" is as it shall be", data), nil
	}
	p := play.Plan{Result: play.Result{Changed: true, Data: data}}
	for _, q := range sqls {
		p.Steps = append(p.Steps, d.do(q, q))
	}
	p.Finish = d.done(play.Result{Changed: true, Data: value.MapOf("db", value.String(a.Name), "executed_commands", value.Strings(sqls...))})
	return p, nil
}

// statements are those that have to run.
func (a pgDBArgs) statements(is map[string][]string) []string {
	r, name := is[a.Name], pg.Ident(a.Name)
	switch a.State {
	case "absent":
		if r == nil {
			return nil
		}
		if a.Force {
			return []string{"DROP DATABASE " + name + " WITH (FORCE)"}
		}
		return []string{"DROP DATABASE " + name}
	case "rename":
		if r == nil {
			return nil
		}
		return []string{"ALTER DATABASE " + name + " RENAME TO " + pg.Ident(a.Target)}
	}
	var out []string
	if r == nil {
		q := "CREATE DATABASE " + name
		for _, c := range []struct{ word, v string }{{" OWNER ", quoted(a.Owner)}, {" TEMPLATE ", quoted(a.Template)}, {" ENCODING ", literal(a.Encoding)}, {" LC_COLLATE ", literal(a.Collate)},
			{" LC_CTYPE ", literal(a.CType)}, {" TABLESPACE ", quoted(a.Tablespace)}, {" CONNECTION LIMIT ", a.ConnLimit}} {
			if c.v != "" {
				q += c.word + c.v
			}
		}
		out = append(out, q)
		r = []string{a.Name, a.Owner, "", "", "", a.ConnLimit, a.Tablespace, ""}
	}
	alter := func(want, have, text string) {
		if want != "" && want != have {
			out = append(out, "ALTER DATABASE "+name+text)
		}
	}
	alter(a.Owner, r[1], " OWNER TO "+quoted(a.Owner))
	alter(a.ConnLimit, r[5], " CONNECTION LIMIT "+a.ConnLimit)
	alter(a.Tablespace, r[6], " SET TABLESPACE "+quoted(a.Tablespace))
	if a.Comment != "" && a.Comment != r[7] {
		out = append(out, "COMMENT ON DATABASE "+name+" IS "+pg.Literal(a.Comment))
	}
	return out
}

// quoted and literal are empty for what is empty.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	return pg.Ident(s)
}

func literal(s string) string {
	if s == "" {
		return ""
	}
	return pg.Literal(s)
}
