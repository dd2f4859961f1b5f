package database

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// pgUserArgs are the arguments of postgresql_user.
type pgUserArgs struct {
	Name       string   `arg:"name,user" need:"yes" help:"the role"`
	Secret     kit.Text `arg:"password" secret:"yes" help:"its password, or the hash of it as the server keeps it"`
	State      string   `arg:"state" default:"present" choices:"absent,present" help:"whether it shall be there"`
	Flags      []string `arg:"role_attr_flags" help:"SUPERUSER, CREATEROLE, CREATEDB, INHERIT, LOGIN, REPLICATION, BYPASSRLS, or with NO before"`
	ConnLimit  *int     `arg:"conn_limit" help:"how many sessions it may have; -1 is all"`
	Expires    string   `arg:"expires" help:"until when its password is valid; infinity"`
	NoPassword bool     `arg:"no_password_changes" default:"no" help:"the password of a role that is there stays"`
	Encrypted  bool     `arg:"encrypted" default:"yes" help:"without meaning: a password is always hashed before it is sent"`
	Fail       bool     `arg:"fail_on_user,fail_on_role" default:"yes" help:"with absent: fail when it owns something"`
	Comment    string   `arg:"comment" help:"a comment on it"`
	Priv       string   `arg:"priv" help:"privileges: CONNECT,CREATE of the database, TABLE:SELECT,INSERT of a table, with / between them; postgresql_privs knows more"`
	Groups     []string `arg:"groups" help:"roles that it is to be a member of"`
	DB         string   `arg:"login_db,db" default:"postgres" help:"the database that is connected to"`
	pgLogin
}

// PostgresqlUser keeps roles.
func PostgresqlUser() play.Module {
	return kit.Define(kit.Doc{Name: "postgresql_user", Short: "roles of PostgreSQL"}, pgUser{})
}

type pgUser struct{}

// roleFlags are the columns of pg_roles by flag.
func roleFlags() []string {
	return []string{"SUPERUSER", "CREATEROLE", "CREATEDB", "INHERIT", "LOGIN", "REPLICATION", "BYPASSRLS"}
}

func (pgUser) Validate(a pgUserArgs) *play.ArgError {
	switch {
	case a.Name == "":
		return &play.ArgError{Arg: "name", Msg: "is empty"}
	case a.Name == "PUBLIC" && a.Secret.S != "":
		return &play.ArgError{Msg: "cannot change the password for PUBLIC user"}
	case a.Name == "PUBLIC" && len(a.Flags) > 0:
		return &play.ArgError{Msg: "cannot change the role_attr_flags for PUBLIC user"}
	}
	if err := a.grantable(); err != nil {
		return err
	}
	for _, f := range a.Flags {
		f = strings.ToUpper(strings.TrimSpace(f))
		if !slices.Contains(roleFlags(), strings.TrimPrefix(f, "NO")) && !slices.Contains(roleFlags(), f) && f != "" {
			return &play.ArgError{Arg: "role_attr_flags", Msg: "Invalid role_attr_flags specified: " + f}
		}
	}
	return nil
}

func (a pgUserArgs) sql(passwords bool) string {
	kept := "''"
	if passwords {
		kept = "(SELECT rolpassword FROM pg_authid a WHERE a.oid = r.oid)"
	}
	return "SELECT rolsuper, rolcreaterole, rolcreatedb, rolinherit, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit, coalesce(rolvaliduntil::text, ''), coalesce(rolvaliduntil = " +
		pg.Literal(orDefault(a.Expires, "infinity")) + "::timestamptz, false), coalesce(shobj_description(r.oid, 'pg_authid'), ''), " + kept + " FROM pg_roles r WHERE rolname = " + pg.Literal(a.Name)
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

func (a pgUserArgs) asksPassword() bool { return a.Secret.S != "" && !a.NoPassword }

func (pgUser) Facts(a pgUserArgs) []host.Question {
	return []host.Question{a.to(a.DB).ask(statement{sql: a.sql(a.asksPassword())}).Q}
}

func (pgUser) Plan(a pgUserArgs, s host.Seen) (play.Plan, error) {
	d := a.to(a.DB)
	rows, said, err := d.tried(s, a.sql(a.asksPassword()), 12)
	if said != nil && a.asksPassword() && said.Code == "42501" { // who may not read hashes
		rows, said, err = d.tried(s, a.sql(false), 12)
	}
	switch {
	case err != nil:
		return play.Plan{}, err
	case said != nil:
		return play.Plan{Result: d.refused(statement{shown: kit.OneLine(a.sql(false))}, said)}, nil
	}
	data := value.MapOf("user", value.String(a.Name), "queries", value.List())
	p := play.Plan{Result: play.Result{Changed: true, Data: data}}
	name := pg.Ident(a.Name)
	switch {
	case a.State == "absent" && len(rows) == 0:
		return kit.Unchanged("there is no role "+a.Name, data), nil
	case a.State == "absent":
		data.Put("user_removed", value.Bool(true))
		data.Put("queries", value.Strings("DROP USER "+name))
		sqls, stop, err := a.grants(d, s)
		if stop != nil || err != nil {
			return kit.Stopped(stop, err)
		}
		return a.drop(d, p, sqls), nil
	}
	words, pw := a.differs(rows)
	verb := "ALTER ROLE "
	if len(rows) == 0 {
		verb = "CREATE ROLE "
	}
	if len(words) > 0 || pw || len(rows) == 0 {
		p.Steps = append(p.Steps, roleStep{d: d, sql: verb + name + with(words), pw: a.password(pw), user: a.Name})
	}
	if a.Comment != "" && (len(rows) == 0 || rows[0][10] != a.Comment) {
		q := "COMMENT ON ROLE " + name + " IS " + pg.Literal(a.Comment)
		p.Steps = append(p.Steps, d.do(q, q))
	}
	sqls, stop, err := a.grants(d, s)
	if stop != nil || err != nil {
		return kit.Stopped(stop, err)
	}
	for _, q := range sqls {
		p.Steps = append(p.Steps, d.do(q, q))
	}
	if len(p.Steps) == 0 {
		return kit.Unchanged("the role "+a.Name+" is as it shall be", data), nil
	}
	list := []string{}
	for _, st := range p.Steps {
		q := strings.TrimPrefix(st.Describe(), "sql: ")
		if r, ok := st.(roleStep); ok {
			q = a.shown(r, words)
		}
		list = append(list, q)
	}
	data.Put("queries", value.Strings(list...))
	p.Finish = d.done(p.Result)
	return p, nil
}

// shown is the statement of a role in the words of Ansible's module: without values.
func (a pgUserArgs) shown(r roleStep, words []string) string {
	verb, _, _ := strings.Cut(r.sql, " ")
	out := verb + " USER " + pg.Ident(a.Name)
	if r.pw != "" {
		out += " WITH ENCRYPTED PASSWORD %(password)s"
	}
	flags, limit := []string{}, ""
	for _, w := range words {
		switch {
		case strings.HasPrefix(w, "VALID UNTIL "):
			out += " VALID UNTIL %(expires)s"
		case strings.HasPrefix(w, "CONNECTION LIMIT "):
			limit = " " + w
		case w != "LOGIN" || slices.ContainsFunc(a.Flags, func(f string) bool { return strings.EqualFold(strings.TrimSpace(f), "LOGIN") }):
			flags = append(flags, w)
		}
	}
	out += limit
	if len(flags) > 0 || limit == "" && !strings.Contains(out, " VALID UNTIL ") || verb == "CREATE" {
		out += " " + strings.Join(flags, " ")
	}
	return out
}

// drop removes the role; one that owns something may stay, and is asked for again.
func (a pgUserArgs) drop(d database, p play.Plan, before []string) play.Plan {
	for _, q := range before {
		p.Steps = append(p.Steps, d.do(q, q))
	}
	sql := "DROP ROLE " + pg.Ident(a.Name)
	if a.Fail {
		p.Steps = append(p.Steps, d.do(sql, sql))
		p.Finish = d.finish(p.Result, func(_ int, e *pg.Error) string { return "Unable to remove user: " + libpqText(e) })
		return p
	}
	p.Steps = append(p.Steps, d.do("DO "+pg.Literal("BEGIN "+sql+"; EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END"), sql))
	p.Finish, p.Repeats = d.done(p.Result), true
	p.Then = func([]host.Output) (play.Bound, error) {
		return kit.Stage(func(s host.Seen) (play.Plan, error) {
			rows, stop, err := d.rows(s, a.sql(false), 12)
			if stop != nil || err != nil {
				return kit.Stopped(stop, err)
			}
			gone := len(rows) == 0
			r := play.Result{Changed: gone, Data: value.MapOf("user", value.String(a.Name), "user_removed", value.Bool(gone), "queries", value.Strings("DROP USER "+pg.Ident(a.Name)))}
			return play.Plan{Result: r, Note: "it was asked for again"}, nil
		}), nil
	}
	return p
}

func with(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " WITH " + strings.Join(words, " ")
}

func (a pgUserArgs) password(set bool) string {
	if !set {
		return ""
	}
	return a.Secret.S
}

// differs are the words of what has to change, and whether the password has to.
func (a pgUserArgs) differs(rows [][]string) (words []string, pw bool) {
	var is []string
	if len(rows) > 0 {
		is = rows[0]
	}
	on := func(i int) bool { return is != nil && (is[i] == "t" || is[i] == "true") }
	given := map[string]bool{}
	for _, f := range a.Flags {
		f = strings.ToUpper(strings.TrimSpace(f))
		i := slices.Index(roleFlags(), f)
		want := i >= 0
		if !want {
			i = slices.Index(roleFlags(), strings.TrimPrefix(f, "NO"))
		}
		if i < 0 {
			continue
		}
		given[roleFlags()[i]] = true
		if is == nil || on(i) != want {
			words = append(words, f)
		}
	}
	if is == nil && !given["LOGIN"] {
		words = append(words, "LOGIN") // CREATE USER, as Ansible's module has it
	}
	if a.ConnLimit != nil && (is == nil || is[7] != fmt.Sprint(*a.ConnLimit)) {
		words = append(words, fmt.Sprintf("CONNECTION LIMIT %d", *a.ConnLimit))
	}
	if a.Expires != "" && (is == nil || !on(9)) {
		words = append(words, "VALID UNTIL "+pg.Literal(a.Expires))
	}
	pw = a.Secret.S != "" && (is == nil || !a.NoPassword && !samePassword(is[11], a.Name, a.Secret.S))
	return words, pw
}

// roleStep makes or changes a role. A password is hashed here, with a salt of its
// own, so that neither the server's log nor its list of sessions ever shows it.
type roleStep struct {
	d       database
	sql, pw string
	user    string
}

// Describe shows no password.
func (r roleStep) Describe() string {
	if r.pw == "" {
		return "sql: " + r.sql
	}
	return "sql: " + r.sql + orDefault(map[bool]string{true: " WITH"}[!strings.Contains(r.sql, " WITH ")], "") + " PASSWORD ********"
}

// Do runs the statement.
func (r roleStep) Do(ctx context.Context, w host.Writer) (host.Output, error) {
	sql := r.sql
	if r.pw != "" {
		hash := r.pw
		if !hashed(hash) {
			var err error
			if hash, err = newScram(r.pw); err != nil {
				return host.Output{}, err
			}
		}
		if !strings.Contains(sql, " WITH ") {
			sql += " WITH"
		}
		sql += " PASSWORD " + pg.Literal(hash)
	}
	return r.d.do(sql, "role "+r.user).Do(ctx, w)
}
