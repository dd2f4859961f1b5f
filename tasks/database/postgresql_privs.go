package database

import (
	"fmt"
	"slices"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
	"remoterun/tasks/pg"
)

// pgPrivsArgs are the arguments of postgresql_privs.
type pgPrivsArgs struct {
	DB     string   `arg:"login_db,database,db" need:"yes" help:"the database"`
	State  string   `arg:"state" default:"present" choices:"absent,present" help:"granted or revoked"`
	Privs  []string `arg:"privs,priv" help:"SELECT, INSERT … or ALL; not with group"`
	Type   string   `arg:"type" default:"table" choices:"database,default_privs,foreign_data_wrapper,foreign_server,function,group,language,schema,sequence,table,tablespace,type" help:"what objs are"`
	Objs   []string `arg:"objs,obj" help:"names; ALL_IN_SCHEMA; TABLES, SEQUENCES, FUNCTIONS or TYPES with default_privs; the groups with group"`
	Schema string   `arg:"schema" default:"public" help:"where tables, sequences, functions and types are"`
	Roles  []string `arg:"roles,role" need:"yes" help:"who; PUBLIC is everybody"`
	Grant  *bool    `arg:"grant_option,admin_option" help:"they may grant it on; no: only that is taken away"`
	Target []string `arg:"target_roles" help:"with default_privs: whose objects"`
	Usage  bool     `arg:"usage_on_types" default:"yes" help:"with default_privs: grant USAGE on TYPES, too, as Ansible does it"`
	Fail   bool     `arg:"fail_on_role" default:"yes" help:"fail when a role is not there"`
	pgLogin
}

// PostgresqlPrivs keeps privileges.
func PostgresqlPrivs() play.Module {
	return kit.Define(kit.Doc{Name: "postgresql_privs", Short: "privileges in a PostgreSQL database"}, pgPrivs{})
}

type pgPrivs struct{}

// allPrivs are what ALL means, by type.
func allPrivs(kind string) []string {
	return map[string][]string{
		"table":    {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"},
		"sequence": {"USAGE", "SELECT", "UPDATE"}, "database": {"CREATE", "CONNECT", "TEMPORARY"}, "schema": {"CREATE", "USAGE"},
		"function": {"EXECUTE"}, "language": {"USAGE"}, "tablespace": {"CREATE"}, "type": {"USAGE"},
		"foreign_data_wrapper": {"USAGE"}, "foreign_server": {"USAGE"},
	}[kind]
}

// kind is the type whose privileges these are: of default_privs, that of its
// objects.
func (a pgPrivsArgs) kind(obj string) string {
	if a.Type != "default_privs" {
		return a.Type
	}
	return map[string]string{"TABLES": "table", "SEQUENCES": "sequence", "FUNCTIONS": "function", "TYPES": "type"}[strings.ToUpper(obj)]
}

func (pgPrivs) Validate(a pgPrivsArgs) *play.ArgError {
	switch {
	case len(a.objs()) == 0 && a.Type != "database":
		return &play.ArgError{Arg: "objs", Msg: "Argument \"objs\" is required for type \"" + a.Type + "\"."}
	case len(a.Privs) == 0 && a.Type != "group":
		return &play.ArgError{Arg: "privs", Msg: "Argument \"privs\" is required for type \"" + a.Type + "\"."}
	case len(a.Privs) > 0 && a.Type == "group":
		return &play.ArgError{Arg: "privs", Msg: "Argument \"privs\" is not allowed for type \"group\"."}
	}
	for _, o := range a.objs() {
		if a.Type == "default_privs" && a.kind(o) == "" {
			return &play.ArgError{Arg: "objs", Msg: "with default_privs these are TABLES, SEQUENCES, FUNCTIONS or TYPES"}
		}
		if a.Type == "function" && o != "ALL_IN_SCHEMA" && !strings.Contains(o, "(") {
			return &play.ArgError{Arg: "objs", Msg: "Illegal function / procedure signature: \"" + o + "\"."}
		}
		for _, p := range a.wanted(o) {
			if a.Type != "group" && !slices.Contains(append(allPrivs(a.kind(o)), "MAINTAIN"), p) {
				return &play.ArgError{Arg: "privs", Msg: "Invalid privileges specified: " + p}
			}
		}
	}
	return nil
}

func (a pgPrivsArgs) objs() []string {
	switch {
	case len(a.Objs) == 0 && a.Type == "database":
		return []string{a.DB}
	case a.Type == "default_privs" && len(a.Objs) == 1 && a.Objs[0] == "ALL_DEFAULT":
		return []string{"TABLES", "FUNCTIONS", "SEQUENCES", "TYPES"}
	}
	return a.Objs
}

// wanted are the privileges by their whole names.
func (a pgPrivsArgs) wanted(obj string) []string {
	var out []string
	for _, p := range a.Privs {
		switch p = strings.ToUpper(strings.TrimSpace(p)); p {
		case "ALL", "ALL PRIVILEGES":
			return allPrivs(a.kind(obj))
		case "TEMP":
			p = "TEMPORARY"
		}
		out = append(out, p)
	}
	return out
}

// acl is the statement that lists who has what: object, role, privilege, whether
// it may be granted on.
func (a pgPrivsArgs) acl() string {
	in := func(list []string) string {
		out := make([]string, len(list))
		for i, s := range list {
			out[i] = pg.Literal(s)
		}
		return "(" + strings.Join(out, ", ") + ")"
	}
	list := func(name, acl, deflt, from, where string) string {
		return "SELECT " + name + ", CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type, x.is_grantable FROM " + from +
			" LEFT JOIN LATERAL aclexplode(coalesce(" + acl + ", acldefault('" + deflt + "', " + strings.Split(acl, ".")[0] + "." + ownerOf(acl) + "))) x ON true WHERE " + where
	}
	all := slices.Contains(a.Objs, "ALL_IN_SCHEMA")
	inSchema := "n.nspname = " + pg.Literal(a.Schema)
	named := func(col string) string {
		if all {
			return inSchema
		}
		return inSchema + " AND " + col + " IN " + in(a.objs())
	}
	switch a.Type {
	case "group":
		return "SELECT g.rolname, m.rolname, 'MEMBER', a.admin_option FROM pg_roles g LEFT JOIN pg_auth_members a ON a.roleid = g.oid LEFT JOIN pg_roles m ON m.oid = a.member WHERE g.rolname IN " + in(a.objs())
	case "table":
		return list("c.relname", "c.relacl", "r", "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace", "c.relkind IN ('r','v','m','p','f') AND "+named("c.relname"))
	case "sequence":
		return list("c.relname", "c.relacl", "s", "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace", "c.relkind = 'S' AND "+named("c.relname"))
	case "function":
		if !all {
			return list("v.name", "p.proacl", "f", a.functions()+" JOIN pg_proc p ON p.oid = v.id", "true")
		}
		return list("p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'", "p.proacl", "f", "pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace", inSchema)
	case "type":
		return list("t.typname", "t.typacl", "T", "pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace", named("t.typname"))
	case "database":
		return list("d.datname", "d.datacl", "d", "pg_database d", "d.datname IN "+in(a.objs()))
	case "schema":
		return list("n.nspname", "n.nspacl", "n", "pg_namespace n", "n.nspname IN "+in(a.objs()))
	case "language":
		return list("l.lanname", "l.lanacl", "l", "pg_language l", "l.lanname IN "+in(a.objs()))
	case "foreign_data_wrapper":
		return list("f.fdwname", "f.fdwacl", "F", "pg_foreign_data_wrapper f", "f.fdwname IN "+in(a.objs()))
	case "foreign_server":
		return list("s.srvname", "s.srvacl", "S", "pg_foreign_server s", "s.srvname IN "+in(a.objs()))
	case "tablespace":
		return list("t.spcname", "t.spcacl", "t", "pg_tablespace t", "t.spcname IN "+in(a.objs()))
	}
	// default_privs
	return "SELECT CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' ELSE 'TYPES' END || ' of ' || pg_get_userbyid(d.defaclrole), CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type, x.is_grantable FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, LATERAL aclexplode(d.defaclacl) x WHERE coalesce(n.nspname, '') = " + pg.Literal(a.defaultSchema())
}

// functions are the names as they are given, and what the server makes of each with
// its types: int is integer there, and names of arguments do not count.
func (a pgPrivsArgs) functions() string {
	var out []string
	for _, o := range a.objs() {
		name, args, _ := strings.Cut(a.key(o), "(")
		out = append(out, "("+pg.Literal(a.key(o))+", to_regprocedure("+pg.Literal(pg.Ident(a.Schema)+"."+pg.Ident(name)+"("+args)+"))")
	}
	return "(VALUES " + strings.Join(out, ", ") + ") v(name, id)"
}

func (a pgPrivsArgs) defaultSchema() string {
	if a.Schema == "not-specified" {
		return ""
	}
	return a.Schema
}

// ownerOf is the column of the owner beside one of privileges.
func ownerOf(acl string) string {
	_, col, _ := strings.Cut(acl, ".")
	return strings.TrimSuffix(col, "acl") + map[string]string{"dat": "dba"}[strings.TrimSuffix(col, "acl")] + map[bool]string{true: "owner"}[col != "datacl"]
}

func (pgPrivs) Facts(a pgPrivsArgs) []host.Question {
	return []host.Question{a.to(a.DB).ask(statement{sql: a.acl()}).Q}
}

func (pgPrivs) Plan(a pgPrivsArgs, s host.Seen) (play.Plan, error) {
	d := a.to(a.DB)
	if _, stop, err := d.rows(s, a.acl(), 4); stop != nil || err != nil {
		return kit.Stopped(stop, err)
	}
	names, stop, err := d.rows(s, a.who(), 1)
	if stop != nil || err != nil || len(names) == 0 {
		return kit.Stopped(stop, err)
	}
	me := names[0][0]
	warnings, stop := a.known(names[1:])
	if stop != nil {
		return *stop, nil
	}
	a.Roles = slices.DeleteFunc(slices.Clone(a.Roles), func(r string) bool { return !a.has(names[1:], r) })
	sqls, stop, err := a.due(d, s, me)
	if stop != nil || err != nil {
		return kit.Stopped(stop, err)
	}
	p, err := d.statements(sqls, "every privilege", value.NewMap())
	p.Result.Warnings = warnings
	if len(p.Steps) > 0 {
		p.Finish = d.done(p.Result)
	}
	return p, err
}

// due are the statements that have to run; me is the user of the session.
func (a pgPrivsArgs) due(d database, s host.Seen, me string) (sqls []string, stop *play.Plan, err error) {
	rows, stop, err := d.rows(s, a.acl(), 4)
	if stop != nil || err != nil {
		return nil, stop, err
	}
	has, objs := map[string]bool{}, map[string]bool{}
	var order []string
	for _, r := range rows {
		if !objs[r[0]] {
			order = append(order, r[0])
		}
		objs[r[0]] = true
		has[r[0]+"\x00"+r[1]+"\x00"+r[2]] = true
		if r[3] == "t" || r[3] == "true" {
			has[r[0]+"\x00"+r[1]+"\x00"+r[2]+"\x00g"] = true
		}
	}
	list := a.objs()
	if slices.Contains(a.Objs, "ALL_IN_SCHEMA") {
		list = order
	}
	for _, o := range list {
		if a.Type != "default_privs" && !objs[a.key(o)] {
			p := kit.Failure("%s does not exist\n", a.named(o))
			return nil, &p, nil
		}
		sqls = append(sqls, a.statements(o, me, has)...)
	}
	if a.Type == "default_privs" && a.State == "present" && a.Usage && !slices.ContainsFunc(list, func(o string) bool { return strings.EqualFold(o, "TYPES") }) {
		a.Privs = []string{"USAGE"}
		a.Roles = slices.DeleteFunc(slices.Clone(a.Roles), func(r string) bool { return strings.EqualFold(r, "public") }) // it has that anyway
		sqls = append(sqls, a.statements("TYPES", me, has)...)
	}
	return sqls, nil, nil
}

// who is the statement that gives the user of the session, then which roles are there.
func (a pgPrivsArgs) who() string {
	var list []string
	for _, r := range a.Roles {
		list = append(list, pg.Literal(strings.TrimSpace(r)))
	}
	return "SELECT r FROM (SELECT 0 AS n, current_user::text AS r UNION ALL SELECT 1, rolname::text FROM pg_roles WHERE rolname IN (" + strings.Join(list, ", ") + ")) q ORDER BY n"
}

func (pgPrivsArgs) has(names [][]string, role string) bool {
	return strings.EqualFold(role, "public") || slices.ContainsFunc(names, func(n []string) bool { return n[0] == strings.TrimSpace(role) })
}

// known warns of roles that are not there, or ends the task.
func (a pgPrivsArgs) known(names [][]string) (warnings []string, stop *play.Plan) {
	for _, r := range a.Roles {
		switch {
		case a.has(names, r):
		case a.Fail:
			p := kit.Failure("Role '%s' does not exist", strings.TrimSpace(r))
			return nil, &p
		case len(a.Roles) == 1:
			p := kit.Unchanged("there is nobody to give it to", value.MapOf("queries", value.List()))
			p.Result.Warnings = []string{"Role '" + r + "' does not exist, nothing to do"}
			return nil, &p
		default:
			warnings = append(warnings, "Role '"+r+"' does not exist, pass it")
		}
	}
	return warnings, nil
}

// named is an object as the server says it when it is not there.
func (a pgPrivsArgs) named(o string) string {
	switch a.Type {
	case "table", "sequence":
		return "relation \"" + a.Schema + "." + o + "\""
	case "type":
		return "type \"" + a.Schema + "." + o + "\""
	case "function":
		return "function " + a.Schema + "." + a.key(o)
	case "group":
		return "role \"" + o + "\""
	case "foreign_data_wrapper":
		return "foreign-data wrapper \"" + o + "\""
	case "foreign_server":
		return "server \"" + o + "\""
	}
	return a.Type + " \"" + o + "\""
}

// key is an object as acl names it; a function is written with a colon between the
// types of its arguments.
func (a pgPrivsArgs) key(o string) string {
	if a.Type == "function" {
		return strings.ReplaceAll(strings.ReplaceAll(o, ", ", ":"), ":", ", ")
	}
	return o
}

// statements are those for one object.
func (a pgPrivsArgs) statements(o, me string, has map[string]bool) []string {
	var out []string
	targets := []string{""}
	if a.Type == "default_privs" {
		targets = a.Target
		if len(targets) == 0 {
			targets = []string{me}
		}
	}
	grant := a.Grant != nil && *a.Grant
	for _, t := range targets {
		obj := a.key(o)
		if t != "" {
			obj = strings.ToUpper(o) + " of " + t
		}
		for _, r := range a.Roles {
			role := r
			if strings.EqualFold(r, "public") {
				role = "PUBLIC"
			}
			privs := a.wanted(o)
			if a.Type == "group" {
				privs = []string{"MEMBER"}
			}
			var todo []string
			for _, p := range privs {
				k := obj + "\x00" + role + "\x00" + p
				need := a.State == "present" && (!has[k] || grant && !has[k+"\x00g"] || a.Grant != nil && !*a.Grant && has[k+"\x00g"]) || a.State == "absent" && has[k]
				if need {
					todo = append(todo, p)
				}
			}
			if len(todo) > 0 {
				out = append(out, a.statement(o, t, role, todo))
			}
		}
	}
	return out
}

// statement grants or revokes.
func (a pgPrivsArgs) statement(o, target, role string, privs []string) string {
	who := role
	if role != "PUBLIC" {
		who = pg.Ident(role)
	}
	option := map[bool]string{true: "ADMIN", false: "GRANT"}[a.Type == "group"]
	what := strings.Join(privs, ", ") + " ON " + a.object(o)
	if a.Type == "group" {
		what = pg.Ident(o)
	}
	before := ""
	if target != "" {
		before = "ALTER DEFAULT PRIVILEGES FOR ROLE " + pg.Ident(target)
		if n := a.defaultSchema(); n != "" {
			before += " IN SCHEMA " + pg.Ident(n)
		}
		before += " "
	}
	switch {
	case a.State == "absent":
		return before + "REVOKE " + what + " FROM " + who
	case a.Grant != nil && !*a.Grant:
		return before + "GRANT " + what + " TO " + who + "; " + before + "REVOKE " + option + " OPTION FOR " + what + " FROM " + who
	case a.Grant != nil:
		return before + "GRANT " + what + " TO " + who + " WITH " + option + " OPTION"
	}
	return before + "GRANT " + what + " TO " + who
}

// object is an object as SQL names it.
func (a pgPrivsArgs) object(o string) string {
	inSchema := pg.Ident(a.Schema) + "." + pg.Ident(o)
	switch a.Type {
	case "default_privs":
		return strings.ToUpper(o)
	case "table", "sequence":
		return strings.ToUpper(a.Type) + " " + inSchema
	case "type":
		return "TYPE " + inSchema
	case "function":
		name, args, _ := strings.Cut(a.key(o), "(")
		return fmt.Sprintf("FUNCTION %s.%s(%s", pg.Ident(a.Schema), pg.Ident(name), args)
	}
	return strings.ToUpper(strings.ReplaceAll(a.Type, "_", " ")) + " " + pg.Ident(o)
}
