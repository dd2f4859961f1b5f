package catalog

// Stamp is an option of columns that servers of minor releases since November 2026
// write by themselves: the place in their log where the column was made. It is no
// one's setting, differs on every server, and older ones refuse it.
const Stamp = "pg_attver"

// relations are tables, views, sequences and what hangs on them. Access methods
// are left out (which one is the target's affair), and so is a column's number:
// a dropped column leaves a hole that a new table has not.
func relations() []query {
	const rel = `format('%I.%I', n.nspname, c.relname)`
	const from = ` FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace`
	const of = ` JOIN pg_class c ON c.oid = `
	const ns = ` JOIN pg_namespace n ON n.oid = c.relnamespace`
	mine := ` AND ` + users + ` AND ` + own("pg_class", "c.oid")
	return []query{
		{kind: "relation", sql: `SELECT ` + rel + `, jsonb_build_object('kind', c.relkind, 'owner', pg_get_userbyid(c.relowner), 'persistence', c.relpersistence, 'options', ` + list("c.reloptions") + `,
'rls', c.relrowsecurity, 'forced', c.relforcerowsecurity, 'identity', c.relreplident, 'acl', ` + acl("c.relacl") + `,
'bound', pg_get_expr(c.relpartbound, c.oid), 'key', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
'parents', array_to_string(ARRAY(SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = c.oid ORDER BY i.inhseqno), ', '), 'type', CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype::text END,
'view', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END, 'populated', CASE WHEN c.relkind = 'm' THEN c.relispopulated END)` + from + ` WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')` + mine},
		{kind: "column", sql: `SELECT ` + rel + ` || '.' || quote_ident(a.attname), jsonb_build_object('place', row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), 'type', format_type(a.atttypid, a.atttypmod), 'notnull', a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid),
'identity', a.attidentity, 'generated', a.attgenerated, 'collation', CASE WHEN a.attcollation <> t.typcollation THEN ` + collation("a.attcollation") + ` END, 'storage', CASE WHEN c.relkind IN ('r', 'p', 'm', 'f') THEN a.attstorage END, 'compression', nullif(coalesce(to_jsonb(a)->>'attcompression', ''), ''),
'statistics', nullif(a.attstattarget, -1), 'options', ` + list("ARRAY(SELECT o FROM unnest(a.attoptions) o WHERE o NOT LIKE '"+Stamp+"=%')") + `, 'foreign', ` + list("a.attfdwoptions") + `, 'acl', ` + acl("a.attacl") + `, 'local', a.attislocal)
FROM pg_attribute a` + of + `a.attrelid` + ns + ` JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')` + mine},
		{kind: "constraint", sql: `SELECT ` + rel + ` || ' ' || quote_ident(k.conname), jsonb_build_object('definition', pg_get_constraintdef(k.oid), 'valid', k.convalidated, 'local', k.conislocal)
FROM pg_constraint k` + of + `k.conrelid` + ns + ` WHERE k.contype IN ('c', 'f', 'p', 'u', 'x')` + mine},
		{kind: "index", sql: `SELECT ` + rel + ` || ' ' || quote_ident(x.relname), jsonb_build_object('definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid, 'clustered', i.indisclustered, 'identity', i.indisreplident, 'options', ` + list("x.reloptions") + `,
'statistics', (SELECT string_agg(a.attnum || '=' || a.attstattarget, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0))
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid` + of + `i.indrelid` + ns + ` WHERE c.relkind <> 't'` + mine},
		{kind: "sequence", sql: `SELECT ` + rel + `, jsonb_build_object('type', s.seqtypid::regtype::text, 'start', s.seqstart, 'increment', s.seqincrement, 'max', s.seqmax, 'min', s.seqmin, 'cache', s.seqcache, 'cycle', s.seqcycle,
'owned', (SELECT d.refobjid::regclass::text || '.' || d.refobjsubid - (SELECT count(*) FROM pg_attribute h WHERE h.attrelid = d.refobjid AND h.attnum BETWEEN 1 AND d.refobjsubid AND h.attisdropped) || ' ' || d.deptype::text FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
FROM pg_sequence s` + of + `s.seqrelid` + ns + ` WHERE true` + mine},
		{kind: "trigger", sql: `SELECT ` + rel + ` || ' ' || quote_ident(t.tgname), jsonb_build_object('definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled)
FROM pg_trigger t` + of + `t.tgrelid` + ns + ` WHERE NOT t.tgisinternal` + mine},
		{kind: "rule", sql: `SELECT ` + rel + ` || ' ' || quote_ident(r.rulename), jsonb_build_object('definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled)
FROM pg_rewrite r` + of + `r.ev_class` + ns + ` WHERE r.rulename <> '_RETURN'` + mine},
		{kind: "policy", sql: `SELECT ` + rel + ` || ' ' || quote_ident(p.polname), jsonb_build_object('command', p.polcmd, 'permissive', p.polpermissive, 'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
'roles', array_to_string(ARRAY(SELECT CASE o WHEN 0 THEN 'public' ELSE pg_get_userbyid(o) END FROM unnest(p.polroles) o ORDER BY 1), ', ')) FROM pg_policy p` + of + `p.polrelid` + ns + ` WHERE true` + mine},
		{kind: "statistics", sql: `SELECT format('%I.%I', n.nspname, s.stxname), jsonb_build_object('definition', pg_get_statisticsobjdef(s.oid), 'owner', pg_get_userbyid(s.stxowner), 'target', nullif(to_jsonb(s)->>'stxstattarget', '-1')) FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE ` + users},
		{kind: "foreign table", sql: `SELECT ` + rel + `, jsonb_build_object('server', v.srvname, 'options', ` + list("f.ftoptions") + `) FROM pg_foreign_table f JOIN pg_foreign_server v ON v.oid = f.ftserver` + of + `f.ftrelid` + ns + ` WHERE true` + mine},
	}
}
