package pgtde

import (
	"fmt"
	"sort"
	"time"

	"remoterun/runner/host"
	"remoterun/runner/value"
	"remoterun/tasks/pg"
	"remoterun/tasks/tde/guard"
)

// ServerView is what one query tells of the whole server.
type ServerView struct {
	Version    string // 17.2
	Major      int
	Preload    string
	WalEncrypt string // on, off, "" = no such setting
	Pending    bool   // wal_encrypt was changed and waits for a restart
	Ciphers    string // the extension's settings of ciphers, "name=value name=value"
	defaultAM  string // default_table_access_method
	DataDir    string
	TempCrypt  string // encrypt_temp_files of the fork, "" = not there
	Installed  bool   // the extension is in the database that was asked
	System     string // system identifier
	archive    string // archive_mode
}

// serverQuery asks for it in the database postgres.
func serverQuery(to pg.Target, e Extension) pg.Query {
	return pg.Query{To: to, SQL: `SELECT current_setting('server_version'), current_setting('server_version_num'),
 current_setting('shared_preload_libraries'), current_setting($1 || '.wal_encrypt', true),
 coalesce((SELECT pending_restart FROM pg_settings WHERE name = $1 || '.wal_encrypt'), false)::text,
 (SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name LIKE $1 || '.%cipher'), current_setting('default_table_access_method'), current_setting('data_directory'),
 current_setting('encrypt_temp_files', true),
 EXISTS (SELECT 1 FROM pg_extension WHERE extname = $1)::text,
 (SELECT system_identifier::text FROM pg_control_system()), current_setting('archive_mode')`, Args: pg.Text(string(e))}
}

func ReadServer(s host.Seen, to pg.Target, e Extension) (ServerView, error) {
	r, err := pg.One(s, serverQuery(to, e))
	if err != nil {
		return ServerView{}, err
	}
	num := int(guard.Number(r[1]))
	return ServerView{
		Version: r[0], Major: num / 10000, Preload: r[2], WalEncrypt: r[3], Pending: r[4] == "true", Ciphers: r[5],
		defaultAM: r[6], DataDir: r[7], TempCrypt: r[8], Installed: r[9] == "true", System: r[10], archive: r[11],
	}, nil
}

// KeyView is one scope's key: the default, the server's (WAL), or a database's.
type KeyView struct {
	Scope    string // "default", "server", or the database's name
	Key      string // "" = none is set
	Provider string
	Age      int64 // seconds since it was set
	Verified bool
	Problem  string // why it was not
}

// KeysQuery asks for the default's and the server's key.
func KeysQuery(to pg.Target, e Extension) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT s, key_name, provider_name, extract(epoch FROM now() - key_creation_time)::bigint::text
FROM (SELECT 'default' AS s, * FROM %s() UNION ALL SELECT 'server', * FROM %s()) k ORDER BY s`, e.Fn("default_key_info"), e.Fn("server_key_info"))}
}

// DatabaseKeyQuery asks for the key of the database that to names.
func DatabaseKeyQuery(to pg.Target, e Extension) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT current_database(), key_name, provider_name, extract(epoch FROM now() - key_creation_time)::bigint::text FROM %s()`, e.Fn("key_info"))}
}

// VerifyQuery proves a scope's key: an error of the server says what is wrong.
func VerifyQuery(to pg.Target, e Extension, scope string) pg.Query {
	fn := map[string]string{"default": "verify_default_key", "server": "verify_server_key"}[scope]
	if fn == "" {
		fn = "verify_key"
	}
	return pg.Query{To: to, SQL: "SELECT " + e.Fn(fn) + "()"}
}

// databasesQuery lists what can be connected to, and whether it is a template.
func databasesQuery(to pg.Target) pg.Query {
	return pg.Query{To: to, SQL: `SELECT datname, datistemplate::text FROM pg_database WHERE datallowconn ORDER BY datname`}
}

// databases lists them into a new KeyState.
func databases(s host.Seen, to pg.Target) (KeyState, error) {
	st := KeyState{templates: map[string]bool{}}
	rows, err := pg.Rows(s, databasesQuery(to))
	for _, r := range rows {
		st.Names = append(st.Names, guard.Deref(r[0]))
		st.templates[guard.Deref(r[0])] = guard.Deref(r[1]) == "true"
	}
	return st, err
}

// hasExtension asks whether the extension is in the database that to names.
func hasExtension(to pg.Target, e Extension) pg.Query {
	return pg.Query{To: to, SQL: "SELECT extversion FROM pg_extension WHERE extname = $1", Args: pg.Text(string(e))}
}

// KeyState is every scope's key with its proof.
type KeyState struct {
	Keys []KeyView
	// Without lists databases that lack the extension: nothing in them can be
	// encrypted.
	Without []string
	// Names are the databases that were asked.
	Names     []string
	templates map[string]bool
}

// ManyDatabases is from how many on no session is held per database: a server
// has a hundred sessions by default, and they are the apps'.
const ManyDatabases = 12

// lingerTime is how long a session in somebody's database is kept unused.
const lingerTime = time.Second

// In is the way to one of the databases. No session is left standing in it: an
// app could not drop it, and from a template nobody can make a database.
func (k KeyState) In(to pg.Target, name string) pg.Target {
	if name == to.Database {
		return to
	}
	to = to.In(name)
	to.Linger = lingerTime
	to.Brief = k.templates[name] || len(k.Names) > ManyDatabases
	return to
}

// ReadKeys asks for every key and has the server prove each. Questions that are
// missing are asked together, so that many databases cost few rounds.
func ReadKeys(s host.Seen, to pg.Target, e Extension) (KeyState, error) {
	st, err := databases(s, to)
	if err != nil {
		return st, err
	}
	var scopes guard.Gather
	rows, err := pg.Rows(s, KeysQuery(to, e))
	if scopes.Add(err) {
		for _, r := range rows {
			st.Keys = append(st.Keys, proveKey(s, to, e, KeyOf(r), &scopes))
		}
	}
	for _, name := range st.Names {
		in := st.In(to, name)
		got, err := pg.Rows(s, hasExtension(in, e))
		if !scopes.Add(err) {
			continue
		}
		if len(got) == 0 {
			st.Without = append(st.Without, name)
			continue
		}
		rows, err := pg.Rows(s, DatabaseKeyQuery(in, e))
		if scopes.Add(err) && len(rows) == 1 {
			st.Keys = append(st.Keys, proveKey(s, in, e, KeyOf(rows[0]), &scopes))
		}
	}
	return st, scopes.Err()
}

func KeyOf(r []*string) KeyView {
	k := KeyView{Scope: guard.Deref(r[0]), Key: guard.Deref(r[1]), Provider: guard.Deref(r[2])}
	k.Age = guard.Number(guard.Deref(r[3]))
	return k
}

func proveKey(s host.Seen, to pg.Target, e Extension, k KeyView, need *guard.Gather) KeyView {
	if k.Key == "" {
		return k // a database that has used none yet: it takes the default's
	}
	res, err := host.Get(s, VerifyQuery(to, e, k.Scope).Fact())
	if !need.Add(err) {
		return k
	}
	k.Verified = res.Err == nil
	if res.Err != nil {
		k.Problem = res.Err.Error()
	}
	return k
}

// plainQuery lists relations with storage that are not encrypted, in the
// database that to names, and what makes each of them anew. That must be a command
// that the extension's event triggers see, and that does not take the table for what
// its access method says: SET ACCESS METHOD to the one that it has does nothing, and
// REINDEX, CLUSTER and VACUUM FULL leave a plain index plain. A table that is
// encrypted itself is not taken back to heap: its rows would come to the disk.
func plainQuery(to pg.Target, e Extension) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT c.oid::regclass::text, CASE WHEN c.relkind = 'i' AND m.relkind = 'm' AND h.relkind = 't' THEN '`+viewChunks+`' ELSE c.relkind::text END, pg_relation_size(c.oid)::text,
CASE WHEN m.oid IS NULL THEN NULL
WHEN m.relam <> a.oid THEN format('ALTER %%s %%I.%%I SET ACCESS METHOD tde_heap;', k.word, n.nspname, m.relname)
WHEN m.relkind = 'r' AND %[1]s(m.oid) THEN (SELECT format('ALTER TABLE %%1$I.%%2$I ADD COLUMN remoterun_rewrite float8 DEFAULT random(); ALTER TABLE %%1$I.%%2$I DROP COLUMN remoterun_rewrite;', rn.nspname, r.relname) FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace WHERE r.oid = coalesce(pg_partition_root(m.oid), m.oid))
ELSE format('ALTER %%1$s %%2$I.%%3$I SET ACCESS METHOD heap; ALTER %%1$s %%2$I.%%3$I SET ACCESS METHOD tde_heap;', k.word, n.nspname, m.relname) END
FROM pg_class c
`+ownerJoins+`
WHERE c.relkind IN ('r','m','i','t','S') AND c.oid >= 16384 AND c.relpersistence <> 't' AND %[1]s(c.oid) IS DISTINCT FROM true
ORDER BY 1 LIMIT 1000`, e.Fn("is_encrypted"))}
}

// ownerJoins joins the table m (its schema n) that a relation c with storage belongs
// to: itself, or that of an index, of TOAST and of an index of TOAST.
const ownerJoins = `LEFT JOIN pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_class h ON h.oid = coalesce(i.indrelid, c.oid)
LEFT JOIN pg_class m ON m.relkind IN ('r','m') AND (m.oid = h.oid OR h.relkind = 't' AND m.reltoastrelid = h.oid)
LEFT JOIN pg_namespace n ON n.oid = m.relnamespace
LEFT JOIN pg_am a ON a.amname = 'tde_heap'
CROSS JOIN LATERAL (SELECT CASE m.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS word) k`

// bareQuery lists relations with storage in a database that lacks the extension.
func bareQuery(to pg.Target, e Extension) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT c.oid::regclass::text, c.relkind::text, pg_relation_size(c.oid)::text,
CASE WHEN m.oid IS NULL THEN NULL ELSE format('CREATE EXTENSION IF NOT EXISTS %s; ALTER %%s %%I.%%I SET ACCESS METHOD tde_heap;', k.word, n.nspname, m.relname) END
FROM pg_class c
`+ownerJoins+`
WHERE c.relkind IN ('r','m','i','t','S') AND c.oid >= 16384 AND c.relpersistence <> 't' ORDER BY 1 LIMIT 1000`, e)}
}

// countQuery counts relations with storage.
func countQuery(to pg.Target, e Extension) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT count(*)::text, count(*) FILTER (WHERE %s(c.oid))::text FROM pg_class c
WHERE c.relkind IN ('r','m','i','t','S') AND c.oid >= 16384 AND c.relpersistence <> 't'`, e.Fn("is_encrypted"))}
}

// PlainRelation is one that lies on disk unencrypted.
type PlainRelation struct {
	Database, Name, Kind string
	Bytes                int64
	// Mend is the SQL that makes it anew, encrypted; empty = not known.
	Mend string
}

// Relations is what all databases hold.
type Relations struct {
	Total, Encrypted int64
	Plain            []PlainRelation
}

// ReadRelations counts relations in every database; in one without the
// extension all of them are plain.
func ReadRelations(s host.Seen, to pg.Target, e Extension, keys KeyState) (Relations, error) {
	var all Relations
	var need guard.Gather
	without := map[string]bool{}
	for _, n := range keys.Without {
		without[n] = true
	}
	for _, name := range keys.Names {
		in := keys.In(to, name)
		if without[name] {
			all.takePlain(name, s, bareQuery(in, e), &need, true)
			continue
		}
		row, err := pg.One(s, countQuery(in, e))
		if need.Add(err) {
			all.Total += guard.Number(row[0])
			all.Encrypted += guard.Number(row[1])
		}
		all.takePlain(name, s, plainQuery(in, e), &need, false)
	}
	sort.Slice(all.Plain, func(i, j int) bool {
		a, b := all.Plain[i], all.Plain[j]
		return a.Database < b.Database || a.Database == b.Database && a.Name < b.Name
	})
	return all, need.Err()
}

func (r *Relations) takePlain(database string, s host.Seen, q pg.Query, need *guard.Gather, count bool) {
	rows, err := pg.Rows(s, q)
	if !need.Add(err) {
		return
	}
	for _, row := range rows {
		p := PlainRelation{Database: database, Name: guard.Deref(row[0]), Kind: guard.Deref(row[1]), Bytes: guard.Number(guard.Deref(row[2]))}
		if len(row) > 3 {
			p.Mend = guard.Deref(row[3])
		}
		r.Plain = append(r.Plain, p)
	}
	if count {
		r.Total += int64(len(rows))
	}
}

// unowned reports sequences that belong to no column: they stay plain by
// pg_tde's nature, and hold one number.
func (p PlainRelation) Sequence() bool { return p.Kind == "S" }

// viewChunks is the Kind of the index of a materialized view's TOAST table: every
// REFRESH makes it anew, in the clear. It holds numbers of chunks, and no row.
const viewChunks = "chunks"

// ByNature reports what stays plain by the extension's nature and holds no row.
func (p PlainRelation) ByNature() bool { return p.Sequence() || p.Kind == viewChunks }

// ProviderView is one key provider.
type ProviderView struct {
	Scope, Name, Kind, Path string
	id                      int64
}

// ProvidersQuery lists the global ones.
func ProvidersQuery(to pg.Target, e Extension) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT id::text, name, type, options->>'path' FROM %s() ORDER BY name`, e.Fn("list_all_global_key_providers"))}
}

// DatabaseProvidersQuery lists those of the database that to names.
func DatabaseProvidersQuery(to pg.Target, e Extension) pg.Query {
	return pg.Query{To: to, SQL: fmt.Sprintf(`SELECT id::text, name, type, options->>'path' FROM %s() ORDER BY name`, e.Fn("list_all_database_key_providers"))}
}

func ProvidersOf(scope string, rows [][]*string) []ProviderView {
	var out []ProviderView
	for _, r := range rows {
		out = append(out, ProviderView{Scope: scope, id: guard.Number(guard.Deref(r[0])), Name: guard.Deref(r[1]), Kind: guard.Deref(r[2]), Path: guard.Deref(r[3])})
	}
	return out
}

func KeysValue(keys KeyState) value.Value {
	items := make([]value.Value, len(keys.Keys))
	for i, k := range keys.Keys {
		m := guard.Data(guard.FromHost("scope", k.Scope), guard.FromHost("key", k.Key), guard.FromHost("provider", k.Provider), guard.Bool("verified", k.Verified))
		if k.Key != "" {
			m.Put("age", value.Int(k.Age))
		}
		if k.Problem != "" {
			m.Put("problem", guard.HostText(k.Problem))
		}
		items[i] = value.FromMap(m)
	}
	return value.List(items...)
}

// PingQuery is the least that a server can be asked.
func PingQuery(to pg.Target) pg.Query {
	return pg.Query{To: to, SQL: "SELECT 1", Within: 10 * time.Second}
}
