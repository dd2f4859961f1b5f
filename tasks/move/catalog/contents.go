package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
)

// Cluster is what has to be known of a cluster to copy it.
type Cluster struct {
	// Version is server_version_num; System its identifier; NextXID the next
	// transaction: it stands still as long as nothing is written, whereas the WAL's
	// position moves with every start of a server.
	Version int    `json:"version"`
	System  string `json:"system"`
	NextXID string `json:"xid"`
	// Super is the role that initdb made, whatever it is called.
	Super     string   `json:"super"`
	Checksums bool     `json:"checksums"`
	Spaces    []string `json:"tablespaces"`
	Prepared  int      `json:"prepared"`
	// Recovery says that it is a standby, which takes no writes.
	Recovery bool `json:"recovery,omitempty"`
	// Trusted are roles without a password that pg_hba.conf lets in from the network
	// without one. Only the running server's own file says it.
	Trusted   []string   `json:"trusted,omitempty"`
	Databases []Database `json:"databases"`
	// Template is template1's row; its Contents say whether somebody put something
	// into it.
	Template Database `json:"template1"`
}

// Major is the server's major version.
func (c Cluster) Major() int { return c.Version / 10000 }

// Database is one database; Contents are asked in it.
type Database struct {
	Name      string `json:"name"`
	Owner     string `json:"owner"`
	Encoding  string `json:"encoding"`
	Collate   string `json:"collate"`
	Ctype     string `json:"ctype"`
	Provider  string `json:"provider"` // c, i, b
	Locale    string `json:"locale"`
	Rules     string `json:"rules"`
	Allows    bool   `json:"allows"`
	Bytes     int64  `json:"bytes"`
	Version   string `json:"collversion"`
	Container Contents
}

// Contents are the things in a database that are copied one by one.
type Contents struct {
	Tables    []Table    `json:"tables"`
	Sequences []Sequence `json:"sequences"`
	Views     []View     `json:"views"`
	Large     int64      `json:"large"` // large objects
	Own       int64      `json:"own"`   // objects that no extension brought
	// Methods are access methods of its tables besides heap.
	Methods []string `json:"methods"`
	// Path is the database's own search path, for tables whose index expressions
	// need one.
	Path       string      `json:"path"`
	Extensions []Extension `json:"extensions"`
}

// Extension is one that a database has.
type Extension struct{ Name, Version string }

// Table is a relation with rows of its own.
type Table struct {
	Schema string `json:"s"`
	Name   string `json:"n"`
	Kind   string `json:"k"` // r, p
	Bytes  int64  `json:"bytes"`
	// Columns are those that are copied, Hashed the same ordered by name.
	Columns []string `json:"cols"`
	// Text says that a column's type has no binary form, or one that is a number of
	// this cluster's alone (regclass), be it within an array, a row, a domain, a range.
	Text bool `json:"text"`
	// Root is the topmost partitioned table, "" for none; its key decides by
	// numbers or an order that another server need not have: rows go through it.
	Root    string `json:"root"`
	Through bool   `json:"through"`
	// Where limits the rows of an extension's own table to those that are the
	// user's (pg_extension_config_dump).
	Extension bool   `json:"ext"`
	Where     string `json:"where"`
	// Unlogged rows are gone when a server ends out of order.
	Unlogged bool `json:"unlogged"`
	// Path is set where an index of it calls a function of the user's.
	Path bool `json:"path"`
}

// Full is the quoted name.
func (t Table) Full() string { return ident(t.Schema) + "." + ident(t.Name) }

// Sequence is one with its value.
type Sequence struct {
	Schema string `json:"s"`
	Name   string `json:"n"`
}

// Full is the quoted name.
func (s Sequence) Full() string { return ident(s.Schema) + "." + ident(s.Name) }

// View is a view or a materialized one, and what it reads.
type View struct {
	Full      string   `json:"n"`
	Stored    bool     `json:"m"`
	Populated bool     `json:"p"`
	Reads     []string `json:"reads"`
	Bytes     int64    `json:"bytes"`
}

func ident(s string) string {
	return `"` + string(bytes.ReplaceAll([]byte(s), []byte(`"`), []byte(`""`))) + `"`
}

// ClusterSQL prints the cluster as one line of JSON.
const ClusterSQL = `SELECT jsonb_build_object('version', current_setting('server_version_num')::int, 'system', (SELECT system_identifier::text FROM pg_control_system()), 'xid', txid_snapshot_xmax(txid_current_snapshot())::text,
'super', (SELECT rolname FROM pg_roles WHERE oid = 10), 'checksums', current_setting('data_checksums') = 'on', 'prepared', (SELECT count(*) FROM pg_prepared_xacts),
'recovery', pg_is_in_recovery(),
'trusted', (SELECT jsonb_agg(rolname ORDER BY rolname) FROM pg_authid r WHERE rolcanlogin AND rolpassword IS NULL AND EXISTS (SELECT FROM pg_hba_file_rules h WHERE h.error IS NULL AND h.type LIKE 'host%' AND h.auth_method = 'trust' AND coalesce(h.address, '') NOT IN ('127.0.0.1', '::1', 'localhost', 'samehost') AND (r.rolname = ANY (h.user_name) OR 'all' = ANY (h.user_name)))),
'tablespaces', coalesce((SELECT jsonb_agg(spcname) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')), '[]'),
'databases', coalesce((SELECT jsonb_agg(` + databaseJSON + ` ORDER BY datname COLLATE "C") FROM pg_database d WHERE datname NOT IN ('template0', 'template1')), '[]'),
'template1', (SELECT ` + databaseJSON + ` FROM pg_database d WHERE datname = 'template1'))::text;
`

const databaseJSON = `jsonb_build_object('name', datname, 'owner', pg_get_userbyid(datdba), 'encoding', pg_encoding_to_char(encoding), 'collate', datcollate, 'ctype', datctype,
'provider', coalesce(to_jsonb(d)->>'datlocprovider', 'c'), 'locale', coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale'), 'rules', to_jsonb(d)->>'daticurules', 'allows', datallowconn, 'bytes', pg_database_size(d.oid), 'collversion', to_jsonb(d)->>'datcollversion')`

// ParseCluster reads ClusterSQL's line.
func ParseCluster(text []byte) (Cluster, error) {
	var c Cluster
	if err := json.Unmarshal(bytes.TrimSpace(text), &c); err != nil {
		return c, fmt.Errorf("what the database server says of itself: %w", err)
	}
	return c, nil
}

// ContentsSQL prints a database's contents as one line of JSON. Rows go through
// the root of a tree of partitions where one of its keys is hashed (numbers of
// enums and others differ between clusters) or orders text (another C library
// orders otherwise). parts are the types that a column's type is made of.
const ContentsSQL = `SET search_path = ''; SET ` + NoMerge + `;
WITH RECURSIVE users AS (SELECT c.*, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'),
ext AS (SELECT d.objid, e.extconfig, e.extcondition FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'),
roots AS (SELECT inhrelid AS oid, inhparent AS up, 1 AS n FROM pg_inherits UNION ALL SELECT r.oid, i.inhparent, r.n + 1 FROM roots r JOIN pg_inherits i ON i.inhrelid = r.up),
tree AS (SELECT c.oid, (SELECT r.up FROM roots r JOIN pg_class p ON p.oid = r.up WHERE r.oid = c.oid AND p.relkind = 'p' ORDER BY r.n DESC LIMIT 1) AS root FROM users c WHERE c.relkind IN ('r', 'p') AND (c.relispartition OR c.relkind = 'p')),
odd AS (SELECT DISTINCT coalesce(t.root, t.oid) AS oid FROM tree t JOIN pg_partitioned_table p ON p.partrelid = t.oid WHERE p.partstrat = 'h' OR (p.partstrat = 'r' AND EXISTS (SELECT FROM unnest(p.partcollation::oid[]) c WHERE c <> 0))),
through AS (SELECT oid FROM odd UNION SELECT t.oid FROM tree t JOIN odd ON odd.oid = t.root),
parts AS (SELECT DISTINCT a.atttypid AS root, a.atttypid AS typ FROM users c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
 UNION SELECT p.root, x.typ FROM parts p CROSS JOIN LATERAL (SELECT t.typbasetype FROM pg_type t WHERE t.oid = p.typ AND t.typtype = 'd' UNION ALL SELECT t.typelem FROM pg_type t WHERE t.oid = p.typ AND t.typlen = -1 AND t.typelem <> 0
 UNION ALL SELECT a.atttypid FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid WHERE t.oid = p.typ AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped
 UNION ALL SELECT CASE g.rngtypid WHEN p.typ THEN g.rngsubtype ELSE g.rngtypid END FROM pg_range g WHERE g.rngtypid = p.typ OR (to_jsonb(g)->>'rngmultitypid')::oid = p.typ) x(typ)),
texts AS (SELECT DISTINCT root FROM parts JOIN pg_type y ON y.oid = parts.typ WHERE y.typsend = 0 OR y.typreceive = 0 OR y.typnamespace = 'pg_catalog'::regnamespace AND y.typname ~ '^reg' AND y.typlen = 4),
tables AS (SELECT jsonb_build_object('s', c.nspname, 'n', c.relname, 'k', c.relkind, 'unlogged', c.relpersistence = 'u', 'bytes', CASE c.relkind WHEN 'p' THEN (SELECT coalesce(sum(pg_table_size(t.oid)), 0) FROM tree t WHERE t.root = c.oid) ELSE pg_table_size(c.oid) END,
'cols', (SELECT coalesce(jsonb_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
'text', EXISTS (SELECT FROM pg_attribute a JOIN texts ON texts.root = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
'root', coalesce((SELECT t.root::regclass::text FROM tree t WHERE t.oid = c.oid), ''), 'through', c.oid IN (SELECT oid FROM through),
'ext', x.objid IS NOT NULL, 'where', coalesce((SELECT x.extcondition[k] FROM generate_subscripts(x.extconfig, 1) k WHERE x.extconfig[k] = c.oid), ''),
'path', EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))) AS j, c.nspname, c.relname
FROM users c LEFT JOIN ext x ON x.objid = c.oid
WHERE (c.relkind = 'r' OR c.relkind = 'p' AND c.oid IN (SELECT oid FROM odd)) AND (x.objid IS NULL OR c.oid = ANY (x.extconfig)))
SELECT jsonb_build_object('tables', (SELECT coalesce(jsonb_agg(j ORDER BY nspname COLLATE "C", relname COLLATE "C"), '[]') FROM tables),
'sequences', (SELECT coalesce(jsonb_agg(jsonb_build_object('s', c.nspname, 'n', c.relname) ORDER BY c.nspname COLLATE "C", c.relname COLLATE "C"), '[]') FROM users c WHERE c.relkind = 'S' AND c.oid NOT IN (SELECT objid FROM ext)),
'views', (SELECT coalesce(jsonb_agg(jsonb_build_object('n', format('%I.%I', c.nspname, c.relname), 'm', c.relkind = 'm', 'p', c.relispopulated, 'bytes', pg_relation_size(c.oid),
 'reads', (SELECT coalesce(jsonb_agg(DISTINCT format('%I.%I', n2.nspname, c2.relname)), '[]') FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass JOIN pg_class c2 ON c2.oid = d.refobjid JOIN pg_namespace n2 ON n2.oid = c2.relnamespace WHERE w.ev_class = c.oid AND c2.oid <> c.oid AND c2.relkind IN ('v', 'm')))
 ORDER BY c.nspname COLLATE "C", c.relname COLLATE "C"), '[]') FROM users c WHERE c.relkind IN ('v', 'm') AND c.oid NOT IN (SELECT objid FROM ext)),
'large', (SELECT count(*) FROM pg_largeobject_metadata), 'own', (SELECT count(*) FROM users c WHERE c.oid NOT IN (SELECT objid FROM ext)) + (SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')),
'methods', (SELECT coalesce(jsonb_agg(DISTINCT m.amname), '[]') FROM users c JOIN pg_am m ON m.oid = c.relam WHERE c.relkind IN ('r', 'm') AND m.amname <> 'heap'),
'path', (SELECT reset_val FROM pg_settings WHERE name = 'search_path'),
'extensions', (SELECT coalesce(jsonb_agg(jsonb_build_object('Name', extname, 'Version', extversion) ORDER BY extname), '[]') FROM pg_extension))::text;
`

// ParseContents reads ContentsSQL's line.
func ParseContents(text []byte) (Contents, error) {
	var c Contents
	if err := json.Unmarshal(bytes.TrimSpace(text), &c); err != nil {
		return c, fmt.Errorf("contents of the database: %w", err)
	}
	return c, nil
}

// Units are the tables that are copied and compared one by one: those below a
// root that rows go through are left out. The largest come first.
func (c Contents) Units() []Table {
	var out []Table
	for _, t := range c.Tables {
		if t.Through && t.Root != "" {
			continue
		}
		out = append(out, t)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Bytes > out[j].Bytes })
	return out
}

// Refresh are the materialized views that held rows, each behind what it reads.
func (c Contents) Refresh() []View {
	byName := map[string]View{}
	for _, v := range c.Views {
		byName[v.Full] = v
	}
	var out []View
	done := map[string]bool{}
	var visit func(View)
	visit = func(v View) {
		if done[v.Full] {
			return
		}
		done[v.Full] = true
		for _, r := range v.Reads {
			if w, ok := byName[r]; ok {
				visit(w)
			}
		}
		if v.Stored && v.Populated {
			out = append(out, v)
		}
	}
	for _, v := range c.Views {
		visit(v)
	}
	return out
}
