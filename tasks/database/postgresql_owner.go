package database

import (
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// pgOwnerArgs are the arguments of postgresql_owner.
type pgOwnerArgs struct {
	Owner    string   `arg:"new_owner" need:"yes" help:"the role that becomes the owner"`
	Name     string   `arg:"obj_name" help:"the object: name, or schema.name; of a function also with the types of its arguments"`
	Type     string   `arg:"obj_type,type" choices:"database,function,matview,sequence,schema,table,tablespace,view" help:"what obj_name is"`
	Reassign []string `arg:"reassign_owned_by" help:"all that these roles own in the database, and databases and tablespaces of theirs"`
	Fail     *bool    `arg:"fail_on_role" help:"fail when one of reassign_owned_by is not there; default yes; no: a warning"`
	DB       string   `arg:"db,login_db" help:"the database; default: as psql finds it"`
	pgLogin
}

// PostgresqlOwner keeps owners of objects.
func PostgresqlOwner() play.Module {
	return kit.Define(kit.Doc{Name: "postgresql_owner", Short: "owners of what is in a PostgreSQL database"}, pgOwner{})
}

type pgOwner struct{}

func (pgOwner) Validate(a pgOwnerArgs) *play.ArgError {
	exclusive := func(arg string) *play.ArgError {
		return &play.ArgError{Msg: "parameters are mutually exclusive: " + arg}
	}
	switch {
	case a.Name != "" && a.Reassign != nil:
		return exclusive("obj_name|reassign_owned_by")
	case a.Type != "" && a.Reassign != nil:
		return exclusive("obj_type|reassign_owned_by")
	case a.Name != "" && a.Fail != nil:
		return exclusive("obj_name|fail_on_role")
	case a.Type != "" && a.Fail != nil:
		return exclusive("obj_type|fail_on_role")
	case (a.Name == "") != (a.Type == ""):
		return &play.ArgError{Msg: "parameters are required together: obj_name, obj_type"}
	}
	if _, err := pgNames(a.Name); err != nil && a.Type != "function" {
		return &play.ArgError{Arg: "obj_name", Msg: err.Error()}
	}
	return nil
}

// roles is the statement that lists which of the roles that are named are there.
func (a pgOwnerArgs) roles() string {
	names := []string{pg.Literal(a.Owner)}
	for _, r := range a.Reassign {
		names = append(names, pg.Literal(r))
	}
	return "SELECT rolname FROM pg_roles WHERE rolname IN (" + strings.Join(names, ", ") + ")"
}

// object is the statement that gives the object's owner and how SQL names it; no row
// means that it is not there.
func (a pgOwnerArgs) object() string {
	by := func(table, name, owner string) string {
		return "SELECT pg_get_userbyid(" + owner + "), quote_ident(" + name + ") FROM " + table + " WHERE " + name + " = " + pg.Literal(a.Name)
	}
	names, _ := pgNames(a.Name)
	switch a.Type {
	case "database":
		return by("pg_database", "datname", "datdba")
	case "schema":
		return strings.Replace(by("pg_namespace", "nspname", "nspowner"), pg.Literal(a.Name), pg.Literal(strings.Join(names, ".")), 1)
	case "tablespace":
		return by("pg_tablespace", "spcname", "spcowner")
	case "function":
		to := "to_regproc"
		if strings.Contains(a.Name, "(") {
			to = "to_regprocedure"
		}
		return "SELECT pg_get_userbyid(p.proowner), format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = " +
			to + "(" + pg.Literal(a.Name) + ")::oid"
	}
	kinds := map[string]string{"table": "'r', 'p', 'f'", "sequence": "'S'", "view": "'v'", "matview": "'m'"}[a.Type]
	return "SELECT pg_get_userbyid(c.relowner), format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN (" + kinds + ") AND c.oid = to_regclass(" +
		pg.Literal(pgJoin(names)) + ")::oid"
}

// pgNames are the parts of a name with dots: what is in double quotes is one part.
func pgNames(s string) ([]string, error) {
	var out []string
	for rest := s; ; {
		part := rest
		if strings.HasPrefix(rest, `"`) {
			end := closing(rest)
			if end < 0 {
				return nil, hbaErr("%s holds an open quote", s)
			}
			part, rest = strings.ReplaceAll(rest[1:end], `""`, `"`), rest[end+1:]
			if rest != "" && rest[0] != '.' {
				return nil, hbaErr("User escaped identifiers must escape extra quotes")
			}
			out = append(out, part)
			if rest == "" {
				break
			}
			rest = rest[1:]
			continue
		}
		dot := strings.IndexByte(rest, '.')
		if dot <= 0 || dot == len(rest)-1 {
			out = append(out, rest)
			break
		}
		out, rest = append(out, rest[:dot]), rest[dot+1:]
	}
	if len(out) > 3 {
		return nil, hbaErr("PostgreSQL does not support table with more than 3 dots")
	}
	return out, nil
}

// closing is where the quote ends that s begins with, -1 = nowhere.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] != '"' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			i++
			continue
		}
		return i
	}
	return -1
}

func pgJoin(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = pg.Ident(n)
	}
	return strings.Join(out, ".")
}

func (a pgOwnerArgs) questions() []host.Question {
	d := a.to(a.DB)
	qs := []host.Question{d.ask(statement{sql: a.roles()}).Q}
	if a.Name != "" {
		qs = append(qs, d.ask(statement{sql: a.object()}).Q)
	}
	return qs
}

func (pgOwner) Facts(a pgOwnerArgs) []host.Question { return a.questions() }

func (pgOwner) Plan(a pgOwnerArgs, s host.Seen) (play.Plan, error) {
	if err := host.All(s, a.questions()...); err != nil {
		return play.Plan{}, err
	}
	d := a.to(a.DB)
	rows, stop, err := d.rows(s, a.roles(), 1)
	if stop != nil || err != nil {
		return kit.Stopped(stop, err)
	}
	has := map[string]bool{}
	for _, r := range rows {
		has[r[0]] = true
	}
	switch {
	case !has[a.Owner]:
		return kit.Failure("Role '%s' does not exist", a.Owner), nil
	case a.Name != "":
		return a.object1(d, s)
	}
	return a.reassign(d, has), nil
}

// object1 gives one object its owner.
func (a pgOwnerArgs) object1(d database, s host.Seen) (play.Plan, error) {
	rows, stop, err := d.rows(s, a.object(), 2)
	if stop != nil || err != nil {
		return kit.Stopped(stop, err)
	}
	words := map[string]string{"matview": "MATERIALIZED VIEW"}[a.Type]
	if words == "" {
		words = strings.ToUpper(a.Type)
	}
	names, _ := pgNames(a.Name)
	shown := pgJoin(names)
	switch a.Type {
	case "function":
		shown = a.Name
	case "database", "tablespace":
		shown = pg.Ident(a.Name)
	}
	tail := " OWNER TO " + pg.Ident(a.Owner)
	shown = "ALTER " + words + " " + shown + tail
	data := value.MapOf("queries", value.List())
	switch {
	case len(rows) == 0:
		kind := a.Type
		if slices.Contains([]string{"table", "view", "matview", "sequence"}, kind) {
			kind = "relation"
		}
		return kit.Failure("Cannot execute SQL '%s': %s %q does not exist\n", shown, kind, a.Name), nil
	case rows[0][0] == a.Owner:
		return kit.Unchanged(a.Owner+" owns the "+a.Type+" "+a.Name, data), nil
	}
	return a.one(d, "ALTER "+words+" "+rows[0][1]+tail, shown, nil), nil
}

// one is the plan of one statement.
func (a pgOwnerArgs) one(d database, sql, shown string, warnings []string) play.Plan {
	p := play.Plan{Result: play.Result{Changed: true, Data: value.MapOf("queries", value.Strings(shown)), Warnings: warnings}}
	p.Steps = []host.Step{d.do(sql, shown)}
	p.Finish = d.finish(p.Result, func(_ int, e *pg.Error) string {
		return "Cannot execute SQL '" + shown + "': " + libpqText(e)
	})
	return p
}

// reassign gives the owner all that other roles own.
func (a pgOwnerArgs) reassign(d database, has map[string]bool) play.Plan {
	var from, warnings []string
	for _, r := range a.Reassign {
		switch {
		case has[r]:
			from = append(from, pg.Ident(r))
		case a.Fail == nil || *a.Fail:
			return kit.Failure("Role '%s' does not exist", r)
		default:
			warnings = append(warnings, "Role '"+r+"' does not exist, pass")
		}
	}
	if from == nil {
		p := kit.Unchanged("there is nothing to give", value.MapOf("queries", value.List()))
		p.Result.Warnings = warnings
		return p
	}
	q := "REASSIGN OWNED BY " + strings.Join(from, ",") + " TO " + pg.Ident(a.Owner)
	p := a.one(d, q, q, warnings)
	p.Repeats = true
	return p
}
