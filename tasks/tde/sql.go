package tde

import (
	"fmt"
	"sort"
	"strconv"
	"time"

	"remoterun/runner/host"
	"remoterun/tasks/pg"
)

// serverView is what one query tells of the whole server.
type serverView struct {
	version    string // 17.2
	major      int
	preload    string
	walEncrypt string // on, off, "" = no such setting
	pending    bool   // wal_encrypt was changed and waits for a restart
	ciphers    string // the extension's settings of ciphers, "name=value name=value"
	defaultAM  string // default_table_access_method
	dataDir    string
	tempCrypt  string // encrypt_temp_files of the fork, "" = not there
	installed  bool   // the extension is in the database that was asked
	system     string // system identifier
	archive    string // archive_mode
}

// serverQuery asks for it in the database postgres.
func serverQuery(to pg.Target, e ext) pg.Query {
	return pg.Query{To: to, SQL: `SELECT current_setting('server_version'), current_setting('server_version_num'),
 current_setting('shared_preload_libraries'), current_setting($1 || '.wal_encrypt', true),
 coalesce((SELECT pending_restart FROM pg_settings WHERE name = $1 || '.wal_encrypt'), false)::text,
 (SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name LIKE $1 || '.%cipher'), current_setting('default_table_access_method'), current_setting('data_directory'),
 current_setting('encrypt_temp_files', true),
 EXISTS (SELECT 1 FROM pg_extension WHERE extname = $1)::text,
 (SELECT system_identifier::text FROM pg_control_system()), current_setting('archive_mode')`, Args: pg.Text(string(e))}
}

func readServer(s host.Seen, to pg.Target, e ext) (serverView, error) {
	r, err := pg.One(s, serverQuery(to, e))
	if err != nil {
		return serverView{}, err
	}
	num, _ := strconv.Atoi(r[1])
	return serverView{
		version: r[0], major: num / 10000, preload: r[2], walEncrypt: r[3], pending: r[4] == "true", ciphers: r[5],
		defaultAM: r[6], dataDir: r[7], tempCrypt: r[8], installed: r[9] == "true", system: r[10], archive: r[11],
	}, nil
}

// keyView is one scope's key: the default, the server's (WAL), or a database's.
type keyView struct {
	scope    string // "default", "server", or the database's name
	key      string // "" = none is set
	provider string
	age      int64 // seconds since it was set
	verified bool
	problem  string // why it was not
}

// keysQuery asks for the default's and the server's key.
func keysQuery(to pg.Target, e ext) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT s, key_name, provider_name, extract(epoch FROM now() - key_creation_time)::bigint::text
FROM (SELECT 'default' AS s, * FROM %s() UNION ALL SELECT 'server', * FROM %s()) k ORDER BY s`, e.fn("default_key_info"), e.fn("server_key_info"))}
}

// databaseKeyQuery asks for the key of the database that to names.
func databaseKeyQuery(to pg.Target, e ext) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT current_database(), key_name, provider_name, extract(epoch FROM now() - key_creation_time)::bigint::text FROM %s()`, e.fn("key_info"))}
}

// verifyQuery proves a scope's key: an error of the server says what is wrong.
func verifyQuery(to pg.Target, e ext, scope string) pg.Query {
	fn := map[string]string{"default": "verify_default_key", "server": "verify_server_key"}[scope]
	if fn == "" {
		fn = "verify_key"
	}
	return pg.Query{To: to, SQL: "SELECT " + e.fn(fn) + "()"}
}

// databasesQuery lists what can be connected to, and whether it is a template.
func databasesQuery(to pg.Target) pg.Query {
	return pg.Query{To: to, SQL: `SELECT datname, datistemplate::text FROM pg_database WHERE datallowconn ORDER BY datname`}
}

// databases lists them into a new keyState.
func databases(s host.Seen, to pg.Target) (keyState, error) {
	st := keyState{templates: map[string]bool{}}
	rows, err := pg.Rows(s, databasesQuery(to))
	for _, r := range rows {
		st.names = append(st.names, deref(r[0]))
		st.templates[deref(r[0])] = deref(r[1]) == "true"
	}
	return st, err
}

// hasExtension asks whether the extension is in the database that to names.
func hasExtension(to pg.Target, e ext) pg.Query {
	return pg.Query{To: to, SQL: "SELECT extversion FROM pg_extension WHERE extname = $1", Args: pg.Text(string(e))}
}

// keyState is every scope's key with its proof.
type keyState struct {
	keys []keyView
	// without lists databases that lack the extension: nothing in them can be
	// encrypted.
	without []string
	// names are the databases that were asked.
	names     []string
	templates map[string]bool
}

// manyDatabases is from how many on no session is held per database: a server
// has a hundred sessions by default, and they are the apps'.
const manyDatabases = 12

// lingerTime is how long a session in somebody's database is kept unused.
const lingerTime = time.Second

// in is the way to one of the databases. No session is left standing in it: an
// app could not drop it, and from a template nobody can make a database.
func (k keyState) in(to pg.Target, name string) pg.Target {
	if name == to.Database {
		return to
	}
	to = to.In(name)
	to.Linger = lingerTime
	to.Brief = k.templates[name] || len(k.names) > manyDatabases
	return to
}

// readKeys asks for every key and has the server prove each. Questions that are
// missing are asked together, so that many databases cost few rounds.
func readKeys(s host.Seen, to pg.Target, e ext) (keyState, error) {
	st, err := databases(s, to)
	if err != nil {
		return st, err
	}
	var scopes gather
	rows, err := pg.Rows(s, keysQuery(to, e))
	if scopes.add(err) {
		for _, r := range rows {
			st.keys = append(st.keys, proveKey(s, to, e, keyOf(r), &scopes))
		}
	}
	for _, name := range st.names {
		in := st.in(to, name)
		got, err := pg.Rows(s, hasExtension(in, e))
		if !scopes.add(err) {
			continue
		}
		if len(got) == 0 {
			st.without = append(st.without, name)
			continue
		}
		rows, err := pg.Rows(s, databaseKeyQuery(in, e))
		if scopes.add(err) && len(rows) == 1 {
			st.keys = append(st.keys, proveKey(s, in, e, keyOf(rows[0]), &scopes))
		}
	}
	return st, scopes.err()
}

func keyOf(r []*string) keyView {
	k := keyView{scope: deref(r[0]), key: deref(r[1]), provider: deref(r[2])}
	k.age, _ = strconv.ParseInt(deref(r[3]), 10, 64)
	return k
}

func proveKey(s host.Seen, to pg.Target, e ext, k keyView, need *gather) keyView {
	if k.key == "" {
		return k // a database that has used none yet: it takes the default's
	}
	res, err := host.Get(s, verifyQuery(to, e, k.scope).Fact())
	if !need.add(err) {
		return k
	}
	k.verified = res.Err == nil
	if res.Err != nil {
		k.problem = res.Err.Error()
	}
	return k
}

func deref(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// gather joins what several answers lack into one *host.ErrNeed.
type gather struct {
	need  []host.Question
	first error
}

// add notes an error and reports whether there was none.
func (g *gather) add(err error) bool {
	if err == nil {
		return true
	}
	if n, ok := needOf(err); ok {
		g.need = append(g.need, n...)
	} else if g.first == nil {
		g.first = err
	}
	return false
}

func (g *gather) err() error {
	if len(g.need) > 0 {
		return host.Need(g.need...)
	}
	return g.first
}

// plainQuery lists relations with storage that are not encrypted, in the
// database that to names.
func plainQuery(to pg.Target, e ext) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT c.oid::regclass::text, c.relkind::text, pg_relation_size(c.oid)::text FROM pg_class c
WHERE c.relkind IN ('r','m','i','t','S') AND c.oid >= 16384 AND c.relpersistence <> 't' AND %s(c.oid) IS DISTINCT FROM true
ORDER BY 1 LIMIT 1000`, e.fn("is_encrypted"))}
}

// countQuery counts relations with storage.
func countQuery(to pg.Target, e ext) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT count(*)::text, count(*) FILTER (WHERE %s(c.oid))::text FROM pg_class c
WHERE c.relkind IN ('r','m','i','t','S') AND c.oid >= 16384 AND c.relpersistence <> 't'`, e.fn("is_encrypted"))}
}

// plainRelation is one that lies on disk unencrypted.
type plainRelation struct {
	database, name, kind string
	bytes                int64
}

// relations is what all databases hold.
type relations struct {
	total, encrypted int64
	plain            []plainRelation
}

// readRelations counts relations in every database; in one without the
// extension all of them are plain.
func readRelations(s host.Seen, to pg.Target, e ext, keys keyState) (relations, error) {
	var all relations
	var need gather
	without := map[string]bool{}
	for _, n := range keys.without {
		without[n] = true
	}
	for _, name := range keys.names {
		in := keys.in(to, name)
		if without[name] {
			all.takePlain(name, s, pg.Query{To: in, SQL: `SELECT c.oid::regclass::text, c.relkind::text, pg_relation_size(c.oid)::text FROM pg_class c
WHERE c.relkind IN ('r','m','i','t','S') AND c.oid >= 16384 AND c.relpersistence <> 't' ORDER BY 1 LIMIT 1000`}, &need, true)
			continue
		}
		row, err := pg.One(s, countQuery(in, e))
		if need.add(err) {
			all.total += number(row[0])
			all.encrypted += number(row[1])
		}
		all.takePlain(name, s, plainQuery(in, e), &need, false)
	}
	sort.Slice(all.plain, func(i, j int) bool {
		a, b := all.plain[i], all.plain[j]
		return a.database < b.database || a.database == b.database && a.name < b.name
	})
	return all, need.err()
}

func (r *relations) takePlain(database string, s host.Seen, q pg.Query, need *gather, count bool) {
	rows, err := pg.Rows(s, q)
	if !need.add(err) {
		return
	}
	for _, row := range rows {
		r.plain = append(r.plain, plainRelation{database, deref(row[0]), deref(row[1]), number(deref(row[2]))})
	}
	if count {
		r.total += int64(len(rows))
	}
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// unowned reports sequences that belong to no column: they stay plain by
// pg_tde's nature, and hold one number.
func (p plainRelation) sequence() bool { return p.kind == "S" }

// providerView is one key provider.
type providerView struct {
	scope, name, kind, path string
	id                      int64
}

// providersQuery lists the global ones.
func providersQuery(to pg.Target, e ext) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT id::text, name, type, options->>'path' FROM %s() ORDER BY name`, e.fn("list_all_global_key_providers"))}
}

// databaseProvidersQuery lists those of the database that to names.
func databaseProvidersQuery(to pg.Target, e ext) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT id::text, name, type, options->>'path' FROM %s() ORDER BY name`, e.fn("list_all_database_key_providers"))}
}

func providersOf(scope string, rows [][]*string) []providerView {
	var out []providerView
	for _, r := range rows {
		out = append(out, providerView{scope: scope, id: number(deref(r[0])), name: deref(r[1]), kind: deref(r[2]), path: deref(r[3])})
	}
	return out
}
