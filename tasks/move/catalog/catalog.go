// Package catalog asks a PostgreSQL cluster, in SQL that servers of 12 to 18
// take, what is in it: every kind of object with its definition, as text that is
// equal on two clusters when the objects are. It makes statements and reads their
// lines; it never connects.
package catalog

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Object is one thing in a cluster: a role, a table's column, a grant.
type Object struct {
	Kind string `json:"k"`
	Name string `json:"n"`
	// Def is the definition as JSON whose keys are in one order.
	Def json.RawMessage `json:"d"`
}

// Session are the settings that make output equal on both sides (custody.md
// section 7); path is the search path, "" for none.
func Session(path string) string {
	return `SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex'; ` +
		`SET lc_monetary = 'C'; SET xmloption = 'content'; SET row_security = off; SET jit = off; SET ` + NoMerge + `; SET statement_timeout = 0; SET search_path = ` + quoted(path) + `;
`
}

// quoted is a search path as it is written into SET.
func quoted(path string) string {
	if path == "" {
		return "''"
	}
	return path
}

// NoMerge keeps a server from merge joins. Since 16 there are merge right anti joins,
// and releases of 16 lose rows in them (seen with 16.2): where the inner side is
// unique and the outer side has duplicates, as pg_depend has, a row is passed over.
// "NOT EXISTS (a dependency)" so lost a user's cast, once statistics made it the plan.
const NoMerge = "enable_mergejoin=off"

// query is one kind: SQL with the columns name (text) and def (jsonb).
type query struct {
	kind string
	// since is the first major version that has it, 0 for all.
	since int
	sql   string
}

// SharedSQL prints the objects that belong to no database, one JSON line each.
func SharedSQL(major int) string { return statements(shared(), major) }

// LocalSQL prints the objects of the database that it is run in.
func LocalSQL(major int) string {
	return statements(append(append(append(relations(), routines()...), types()...), others()...), major)
}

func statements(qs []query, major int) string {
	var b strings.Builder
	b.WriteString(Session(""))
	for _, q := range qs {
		if q.since > major {
			continue
		}
		fmt.Fprintf(&b, "SELECT jsonb_build_object('k', '%s', 'n', q.name, 'd', q.def)::text FROM (\n%s\n) q(name, def) ORDER BY q.name COLLATE \"C\", q.def::text COLLATE \"C\";\n", q.kind, q.sql)
	}
	return b.String()
}

// Parse reads the lines.
func Parse(text []byte) ([]Object, error) {
	var out []Object
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		var o Object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			return nil, fmt.Errorf("catalog of the database: line %.80q: %w", line, err)
		}
		out = append(out, o)
	}
	return out, nil
}

// acl prints privileges in one order.
func acl(column string) string {
	return `array_to_string(ARRAY(SELECT a::text FROM unnest(` + column + `) a ORDER BY a::text COLLATE "C"), ' ')`
}

// list prints an array of text in one order.
func list(column string) string {
	return `array_to_string(ARRAY(SELECT a::text FROM unnest(` + column + `) a ORDER BY a::text COLLATE "C"), ', ')`
}

// collation is a collation's name: servers of 12 have no type regcollation.
func collation(oid string) string {
	return `(SELECT format('%I.%I', cn.nspname, cl.collname) FROM pg_collation cl JOIN pg_namespace cn ON cn.oid = cl.collnamespace WHERE cl.oid = ` + oid + `)`
}

// own leaves out what an extension brought.
func own(class, oid string) string {
	return `NOT EXISTS (SELECT FROM pg_depend own WHERE own.classid = '` + class + `'::regclass AND own.objid = ` + oid + ` AND own.deptype = 'e')`
}

// users are schemas that hold users' objects.
const users = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`

// shared are roles, databases and what belongs to them. Roles named pg_* are the
// server's own: newer ones have more of them.
func shared() []query {
	return []query{
		{kind: "role", sql: `SELECT r.rolname, to_jsonb(r) - 'oid' - 'rolname' - 'rolpassword' || jsonb_build_object('password', md5(r.rolpassword), 'comment', shobj_description(r.oid, 'pg_authid'))
FROM pg_authid r WHERE r.rolname !~ '^pg_'`},
		{kind: "membership", sql: `SELECT m.rolname || ' in ' || r.rolname, jsonb_build_object('admin', bool_or(a.admin_option), 'inherit', bool_or(coalesce((to_jsonb(a)->>'inherit_option')::boolean, m.rolinherit)), 'set', bool_or(coalesce((to_jsonb(a)->>'set_option')::boolean, true)))
FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member WHERE m.rolname !~ '^pg_' GROUP BY m.rolname, r.rolname`},
		{kind: "database", sql: `SELECT d.datname, jsonb_build_object('owner', pg_get_userbyid(d.datdba), 'encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,
'provider', coalesce(to_jsonb(d)->>'datlocprovider', 'c'), 'locale', coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale'), 'rules', to_jsonb(d)->>'daticurules', 'template', d.datistemplate, 'connections', d.datconnlimit, 'acl', ` + acl("d.datacl") + `, 'comment', shobj_description(d.oid, 'pg_database'))
FROM pg_database d WHERE d.datname NOT IN ('template0', 'template1')`},
		{kind: "setting", sql: `SELECT coalesce('database ' || d.datname, 'all databases') || ', ' || coalesce('role ' || r.rolname, 'all roles'), jsonb_build_object('settings', ` + list("ARRAY(SELECT c FROM unnest(s.setconfig) c WHERE c NOT LIKE 'remoterun.%')") + `)
FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE EXISTS (SELECT FROM unnest(s.setconfig) c WHERE c NOT LIKE 'remoterun.%')`},
		{kind: "parameter grant", since: 15, sql: `SELECT p.parname, jsonb_build_object('acl', ` + acl("p.paracl") + `) FROM pg_parameter_acl p`},
		{kind: "tablespace", sql: `SELECT t.spcname, jsonb_build_object('owner', pg_get_userbyid(t.spcowner), 'location', pg_tablespace_location(t.oid), 'acl', ` + acl("t.spcacl") + `) FROM pg_tablespace t WHERE t.spcname !~ '^pg_'`},
	}
}
