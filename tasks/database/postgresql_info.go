package database

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"remoterun/runner/host"
	"remoterun/runner/play"
	"remoterun/runner/value"
	"remoterun/tasks/kit"
)

// pgInfoArgs are the arguments of postgresql_info.
type pgInfoArgs struct {
	Filter []string `arg:"filter" help:"which parts: databases, in_recovery, repl_slots, replications, roles, settings, tablespaces, version; with wildcards; !part: all but it"`
	DB     string   `arg:"db,login_db" help:"the database that is connected to first; default: as psql finds it"`
	pgLogin
}

// PostgresqlInfo says what a server is and has.
func PostgresqlInfo() play.Module {
	return kit.Define(kit.Doc{Name: "postgresql_info", Short: "what a PostgreSQL server is and has"}, pgInfo{})
}

type pgInfo struct{}

// pgParts are the parts of the result, in the order of the result.
func pgParts() []string {
	return []string{"version", "in_recovery", "tablespaces", "databases", "replications", "repl_slots", "settings", "roles"}
}

// parts are those that the filter lets through. As in Ansible's module names that are
// asked for count before names that are left out.
func (a pgInfoArgs) parts() []string {
	var with, without []string
	for _, f := range a.Filter {
		if strings.HasPrefix(f, "!") {
			without = append(without, strings.TrimLeft(f, "!"))
		} else {
			with = append(with, f)
		}
	}
	fits := func(list []string, part string) bool {
		return slices.ContainsFunc(list, func(f string) bool { return kit.Fnmatch(f).MatchString(part) })
	}
	return slices.DeleteFunc(pgParts(), func(p string) bool {
		return with != nil && !fits(with, p) || with == nil && fits(without, p)
	})
}

// asJSON makes one row with the rows of a statement as a list of mappings.
func asJSON(sql string) string {
	return "SELECT coalesce(json_agg(q), '[]')::text FROM (" + sql + ") q"
}

// pgPartSQL is what each part asks of the server.
func pgPartSQL(part string) string {
	switch part {
	case "version":
		return asJSON("SELECT version() AS raw")
	case "in_recovery":
		return asJSON("SELECT pg_is_in_recovery() AS is")
	case "tablespaces":
		return asJSON("SELECT spcname AS key, pg_get_userbyid(spcowner) AS spcowner, coalesce(spcacl::text, '') AS spcacl, coalesce(spcoptions, '{}') AS spcoptions FROM pg_tablespace")
	case "databases":
		return asJSON(`SELECT d.datname AS key, pg_get_userbyid(d.datdba) AS owner, pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype,
coalesce(array_to_string(d.datacl, E'\n'), '') AS access_priv, CASE WHEN has_database_privilege(d.datname, 'CONNECT') THEN pg_database_size(d.datname)::text ELSE 'No Access' END AS size
FROM pg_database d WHERE d.datname <> 'template0'`)
	case "replications":
		return asJSON("SELECT pid::text AS key, pg_get_userbyid(usesysid) AS usename, coalesce(application_name, '') AS app_name, host(client_addr) AS client_addr, coalesce(client_hostname, '') AS client_hostname, backend_start::text AS backend_start, state FROM pg_stat_replication")
	case "repl_slots":
		return asJSON("SELECT slot_name AS key, plugin, slot_type, database, active FROM pg_replication_slots")
	case "settings":
		return asJSON(`SELECT name AS key, CASE name WHEN 'transaction_read_only' THEN current_setting('default_transaction_read_only') ELSE setting END AS setting, coalesce(unit, '') AS unit, context, vartype, coalesce(boot_val, '') AS boot_val, coalesce(min_val, '') AS min_val, coalesce(max_val, '') AS max_val,
coalesce(sourcefile, '') AS sourcefile, current_setting(CASE name WHEN 'transaction_read_only' THEN 'default_transaction_read_only' ELSE name END) AS pretty_val, pending_restart FROM pg_settings`)
	}
	return asJSON(`SELECT r.rolname AS key, r.rolsuper AS superuser, r.rolcanlogin AS canlogin, coalesce(to_json(r.rolvaliduntil) #>> '{}', '') AS valid_until,
ARRAY(SELECT b.rolname FROM pg_auth_members m JOIN pg_roles b ON m.roleid = b.oid WHERE m.member = r.oid) AS member_of FROM pg_roles r WHERE r.rolname !~ '^pg_'`)
}

// subscriptionsSQL lists those of every database that who asks may see.
const subscriptionsSQL = `SELECT coalesce(json_agg(q), '[]')::text FROM (SELECT d.datname AS dbname, s.subname AS key, r.rolname AS ownername, s.subdbid::int8 AS subdbid, s.subowner::int8 AS subowner, s.subenabled, s.subslotname, s.subsynccommit, s.subpublications
FROM pg_subscription s JOIN pg_database d ON s.subdbid = d.oid JOIN pg_roles r ON s.subowner = r.oid) q`

// inDatabaseSQL is what is asked in each database: schemas, extensions, languages and
// publications, as one mapping.
const inDatabaseSQL = `SELECT json_build_object(
'namespaces', (SELECT coalesce(json_agg(q), '[]') FROM (SELECT nspname AS key, pg_get_userbyid(nspowner) AS nspowner, coalesce(nspacl::text, '') AS nspacl FROM pg_namespace) q),
'extensions', (SELECT coalesce(json_agg(q), '[]') FROM (SELECT e.extname AS key, e.extversion, n.nspname, obj_description(e.oid, 'pg_extension') AS description FROM pg_extension e LEFT JOIN pg_namespace n ON n.oid = e.extnamespace) q),
'languages', (SELECT coalesce(json_agg(q), '[]') FROM (SELECT lanname AS key, pg_get_userbyid(lanowner) AS lanowner, coalesce(lanacl::text, '') AS lanacl FROM pg_language) q),
'publications', (SELECT coalesce(json_agg(q), '[]') FROM (SELECT p.pubname AS key, p.*, r.rolname AS ownername FROM pg_publication p JOIN pg_roles r ON p.pubowner = r.oid) q))::text`

func (pgInfo) Facts(a pgInfoArgs) []host.Question {
	var qs []host.Question
	for _, p := range a.parts() {
		qs = append(qs, a.to(a.DB).plain().ask(statement{sql: pgPartSQL(p)}).Q)
	}
	return qs
}

func (m pgInfo) Plan(a pgInfoArgs, s host.Seen) (play.Plan, error) {
	if err := host.All(s, m.Facts(a)...); err != nil {
		return play.Plan{}, err
	}
	empty := func() value.Value { return value.FromMap(nil) }
	data := value.MapOf("version", empty(), "in_recovery", value.Null(), "tablespaces", empty(), "databases", empty(), "replications", empty(), "repl_slots", empty(),
		"settings", empty(), "roles", empty(), "pending_restart_settings", value.List())
	for _, part := range a.parts() {
		list, stop, err := a.json(s, a.DB, pgPartSQL(part))
		if stop != nil || err != nil {
			return kit.Stopped(stop, err)
		}
		switch part {
		case "version":
			data.Put(part, versionOf(value.Str(field1(list, "raw"))))
		case "in_recovery":
			data.Put(part, field1(list, "is"))
		case "databases":
			dbs, stop, err := a.databases(s, byKey(list))
			if stop != nil || err != nil {
				return kit.Stopped(stop, err)
			}
			data.Put(part, value.FromMap(dbs))
		case "settings":
			settings, pending := settingsOf(byKey(list))
			data.Put(part, value.FromMap(settings))
			data.Put("pending_restart_settings", pending)
		default:
			data.Put(part, value.FromMap(byKey(list)))
		}
	}
	return kit.Unchanged("it is only looked", data), nil
}

// json asks a statement that gives one text of JSON.
func (a pgInfoArgs) json(s host.Seen, db, sql string) (value.Value, *play.Plan, error) {
	rows, stop, err := a.to(db).plain().rows(s, sql, 1)
	if stop != nil || err != nil || len(rows) == 0 {
		return value.List(), stop, err
	}
	v, err := value.ParseJSON([]byte(rows[0][0]))
	return v.With(value.Unsafe), nil, err
}

// byKey makes a mapping of a list of mappings that have a key.
func byKey(list value.Value) *value.Map {
	out := value.NewMap()
	for _, v := range list.Items() {
		m, _ := v.AsMap()
		k, _ := m.Lookup("key")
		m = m.Clone()
		m.Delete(value.String("key"))
		out.Put(value.Str(k), value.FromMap(m).With(value.Unsafe))
	}
	return out
}

// field1 is a field of the first of a list.
func field1(list value.Value, name string) value.Value {
	for _, v := range list.Items() {
		m, _ := v.AsMap()
		f, _ := m.Lookup(name)
		return f
	}
	return value.Null()
}

// versionOf reads "PostgreSQL 16.2 (Debian …) on …".
func versionOf(raw string) value.Value {
	full := ""
	if w := strings.Fields(raw); len(w) > 1 {
		full = w[1]
	}
	m := value.MapOf("raw", kit.HostText(raw), "full", kit.HostText(full))
	for i, w := range regexp.MustCompile(`[0-9]+`).FindAllString(full, 3) {
		m.Put([]string{"major", "minor", "patch"}[i], number(w))
	}
	return value.FromMap(m)
}

// settingsOf adds the bytes to settings of memory, and collects those that wait for a
// restart.
func settingsOf(all *value.Map) (*value.Map, value.Value) {
	out, pending := value.NewMap(), []value.Value{}
	for k, v := range all.All() {
		m, _ := v.AsMap()
		m = m.Clone()
		unit, _ := m.Lookup("unit")
		setting, _ := m.Lookup("setting")
		if factor := map[string]int64{"kB": 1 << 10, "8kB": 8 << 10, "MB": 1 << 20}[value.Str(unit)]; factor > 0 {
			if n, err := strconv.ParseInt(value.Str(setting), 10, 64); err == nil {
				m.Put("val_in_bytes", value.Int(max(n*factor, 0)))
			}
		}
		if p, _ := m.Lookup("pending_restart"); value.Truth(p) {
			pending = append(pending, k)
		}
		out.Set(k, value.FromMap(m))
	}
	return out, value.List(pending...)
}

// databases adds what is in each. One that cannot be entered says so.
func (a pgInfoArgs) databases(s host.Seen, dbs *value.Map) (*value.Map, *play.Plan, error) {
	qs := []host.Question{a.to(a.DB).ask(statement{sql: subscriptionsSQL}).Q}
	for k := range dbs.All() {
		qs = append(qs, a.to(value.Str(k)).ask(statement{sql: inDatabaseSQL}).Q)
	}
	if err := host.All(s, qs...); err != nil {
		return nil, nil, err
	}
	subs, said, err := a.to(a.DB).tried(s, subscriptionsSQL, 1)
	if err != nil {
		return nil, nil, err
	}
	all := value.List()
	if said == nil && len(subs) > 0 { // who is no superuser may not read them
		if all, err = value.ParseJSON([]byte(subs[0][0])); err != nil {
			return nil, nil, err
		}
	}
	out := value.NewMap()
	for k, v := range dbs.All() {
		m, _ := v.AsMap()
		m = m.Clone()
		if stop, err := a.inside(s, value.Str(k), m, all); stop != nil || err != nil {
			return nil, stop, err
		}
		out.Set(k, value.FromMap(m))
	}
	return out, nil, nil
}

// inside adds what is in one database to its mapping.
func (a pgInfoArgs) inside(s host.Seen, name string, m *value.Map, subs value.Value) (*play.Plan, error) {
	rows, said, err := a.to(name).tried(s, inDatabaseSQL, 1)
	switch {
	case err != nil:
		return nil, err
	case said != nil && !said.Connect:
		return &play.Plan{Result: a.to(name).refused(statement{shown: kit.OneLine(inDatabaseSQL)}, said)}, nil
	case said != nil || len(rows) == 0:
		for _, k := range []string{"namespaces", "extensions", "languages"} {
			m.Put(k, value.FromMap(nil))
		}
		m.Put("error", value.String("Could not connect to the database."))
		return nil, nil
	}
	v, err := value.ParseJSON([]byte(rows[0][0]))
	if err != nil {
		return nil, err
	}
	in, _ := v.AsMap()
	for k, list := range in.All() {
		entries := byKey(list)
		switch value.Str(k) {
		case "extensions":
			entries = extensionsOf(entries)
		case "publications":
			entries = publicationsOf(entries)
		}
		m.Set(k, value.FromMap(entries).With(value.Unsafe))
	}
	own := value.List(slices.DeleteFunc(slices.Clone(subs.Items()), func(v value.Value) bool { return value.Str(field1(value.List(v), "dbname")) != name })...)
	list := byKey(own)
	for _, v := range list.All() {
		sub, _ := v.AsMap()
		sub.Delete(value.String("dbname"))
	}
	m.Put("subscriptions", value.FromMap(list).With(value.Unsafe))
	return nil, nil
}

// extensionsOf writes versions in parts.
func extensionsOf(all *value.Map) *value.Map {
	out := value.NewMap()
	for k, v := range all.All() {
		m, _ := v.AsMap()
		m = m.Clone()
		raw, _ := m.Lookup("extversion")
		parts := value.MapOf("major", value.Null(), "minor", value.Null(), "raw", raw)
		if text := value.Str(raw); regexp.MustCompile(`^([0-9]+(-*[0-9]+)?\.)*[0-9]+(-*[0-9]+)?$`).MatchString(text) {
			for i, n := range regexp.MustCompile(`[0-9]+`).FindAllString(text, 2) {
				parts.Put([]string{"major", "minor"}[i], number(n))
			}
		}
		m.Put("extversion", value.FromMap(parts))
		out.Set(k, value.FromMap(m))
	}
	return out
}

// publicationsOf makes numbers of what JSON has as text.
func publicationsOf(all *value.Map) *value.Map {
	out := value.NewMap()
	for k, v := range all.All() {
		m, _ := v.AsMap()
		m = m.Clone()
		m.Delete(value.String("pubname"))
		for _, n := range []string{"oid", "pubowner"} {
			if id, ok := m.Lookup(n); ok {
				m.Put(n, number(value.Str(id)))
			}
		}
		out.Set(k, value.FromMap(m))
	}
	return out
}
