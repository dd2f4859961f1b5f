package catalog

// routines are functions and what is made of them.
func routines() []query {
	// Servers since 14 tell the arguments of procedures in other words.
	const name = `format('%I.%I(%s)', n.nspname, p.proname, array_to_string(ARRAY(SELECT format_type(a.t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY a(t, o) ORDER BY a.o), ', '))`
	const from = ` FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace`
	// What makes the values of a range comes with its type.
	mine := ` AND ` + users + ` AND ` + own("pg_proc", "p.oid") + ` AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid AND i.refclassid = 'pg_type'::regclass AND i.deptype = 'i')`
	return []query{
		{kind: "function", sql: `SELECT ` + name + `, jsonb_build_object('definition', pg_get_functiondef(p.oid), 'owner', pg_get_userbyid(p.proowner), 'acl', ` + acl("p.proacl") + `)` + from + ` WHERE p.prokind <> 'a'` + mine},
		{kind: "aggregate", sql: `SELECT ` + name + `, jsonb_build_object('owner', pg_get_userbyid(p.proowner), 'acl', ` + acl("p.proacl") + `, 'kind', a.aggkind, 'transition', a.aggtransfn::regprocedure::text, 'final', a.aggfinalfn::regprocedure::text, 'combine', a.aggcombinefn::regprocedure::text,
'state', a.aggtranstype::regtype::text, 'initial', a.agginitval, 'moving', a.aggmtransfn::regprocedure::text, 'sort', CASE WHEN a.aggsortop <> 0 THEN a.aggsortop::regoperator::text END, 'result', pg_get_function_result(p.oid), 'parallel', p.proparallel)` + from + ` JOIN pg_aggregate a ON a.aggfnoid = p.oid WHERE p.prokind = 'a'` + mine},
		{kind: "operator", sql: `SELECT o.oid::regoperator::text, jsonb_build_object('owner', pg_get_userbyid(o.oprowner), 'function', o.oprcode::regprocedure::text, 'commutator', CASE WHEN o.oprcom <> 0 THEN o.oprcom::regoperator::text END, 'negator', CASE WHEN o.oprnegate <> 0 THEN o.oprnegate::regoperator::text END,
'restrict', o.oprrest::regproc::text, 'join', o.oprjoin::regproc::text, 'merges', o.oprcanmerge, 'hashes', o.oprcanhash) FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE ` + users + ` AND ` + own("pg_operator", "o.oid")},
		{kind: "operator family", sql: `SELECT format('%I.%I %s', n.nspname, f.opfname, m.amname), jsonb_build_object('owner', pg_get_userbyid(f.opfowner),
'operators', (SELECT string_agg(a.amopstrategy || ' ' || a.amopopr::regoperator::text || ' ' || a.amoppurpose::text, ', ' ORDER BY a.amopstrategy, a.amopopr::regoperator::text COLLATE "C") FROM pg_amop a WHERE a.amopfamily = f.oid),
'functions', (SELECT string_agg(a.amprocnum || ' ' || a.amproc::regprocedure::text, ', ' ORDER BY a.amprocnum, a.amproc::regprocedure::text COLLATE "C") FROM pg_amproc a WHERE a.amprocfamily = f.oid)) FROM pg_opfamily f JOIN pg_am m ON m.oid = f.opfmethod JOIN pg_namespace n ON n.oid = f.opfnamespace WHERE ` + users + ` AND ` + own("pg_opfamily", "f.oid")},
		{kind: "operator class", sql: `SELECT format('%I.%I %s', n.nspname, f.opcname, m.amname), jsonb_build_object('owner', pg_get_userbyid(f.opcowner), 'type', f.opcintype::regtype::text, 'default', f.opcdefault, 'storage', CASE WHEN f.opckeytype <> 0 THEN f.opckeytype::regtype::text END,
'family', (SELECT y.opfname FROM pg_opfamily y WHERE y.oid = f.opcfamily)) FROM pg_opclass f JOIN pg_am m ON m.oid = f.opcmethod JOIN pg_namespace n ON n.oid = f.opcnamespace WHERE ` + users + ` AND ` + own("pg_opclass", "f.oid")},
		{kind: "cast", sql: `SELECT c.castsource::regtype::text || ' as ' || c.casttarget::regtype::text, jsonb_build_object('function', c.castfunc::regprocedure::text, 'context', c.castcontext, 'method', c.castmethod) FROM pg_cast c WHERE c.oid >= 16384 AND ` + own("pg_cast", "c.oid") + ` AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_cast'::regclass AND i.objid = c.oid AND i.deptype = 'i')`},
		{kind: "event trigger", sql: `SELECT quote_ident(e.evtname), jsonb_build_object('event', e.evtevent, 'function', e.evtfoid::regprocedure::text, 'enabled', e.evtenabled, 'tags', ` + list("e.evttags") + `, 'owner', pg_get_userbyid(e.evtowner)) FROM pg_event_trigger e WHERE ` + own("pg_event_trigger", "e.oid")},
		{kind: "language", sql: `SELECT quote_ident(l.lanname), jsonb_build_object('owner', pg_get_userbyid(l.lanowner), 'trusted', l.lanpltrusted, 'acl', ` + acl("l.lanacl") + `) FROM pg_language l WHERE l.oid >= 16384 AND ` + own("pg_language", "l.oid")},
		{kind: "transform", sql: `SELECT t.trftype::regtype::text || ' ' || l.lanname, jsonb_build_object('from', t.trffromsql::regprocedure::text, 'to', t.trftosql::regprocedure::text) FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang WHERE ` + own("pg_transform", "t.oid")},
	}
}

// types are types and what orders or converts them.
func types() []query {
	mine := users + ` AND ` + own("pg_type", "t.oid")
	return []query{
		{kind: "type", sql: `SELECT format('%I.%I', n.nspname, t.typname), jsonb_build_object('kind', t.typtype, 'owner', pg_get_userbyid(t.typowner), 'acl', ` + acl("t.typacl") + `,
'labels', (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
'base', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END, 'notnull', t.typnotnull, 'default', t.typdefault, 'collation', CASE WHEN t.typtype = 'd' AND t.typcollation <> 0 THEN ` + collation("t.typcollation") + ` END,
'checks', (SELECT string_agg(quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid) || ' ' || k.convalidated, ', ' ORDER BY k.conname COLLATE "C") FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'),
'range', (SELECT r.rngsubtype::regtype::text || coalesce(' ' || ` + collation("r.rngcollation") + `, '') || ' ' || r.rngsubdiff::regproc::text FROM pg_range r WHERE r.rngtypid = t.oid),
'input', CASE WHEN t.typtype = 'b' THEN t.typinput::regprocedure::text END, 'output', CASE WHEN t.typtype = 'b' THEN t.typoutput::regprocedure::text END, 'length', CASE WHEN t.typtype = 'b' THEN t.typlen END)
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE (t.typrelid = 0 OR c.relkind = 'c') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) AND ` + mine},
		{kind: "collation", sql: `SELECT format('%I.%I', n.nspname, c.collname), jsonb_strip_nulls(to_jsonb(c)) - CASE c.collprovider WHEN 'i' THEN ARRAY['collcollate', 'collctype'] ELSE ARRAY[]::text[] END - 'oid' - 'collname' - 'collnamespace' - 'collowner' - 'collversion' - 'colllocale' - 'colliculocale' || jsonb_build_object('owner', pg_get_userbyid(c.collowner),
'locale', coalesce(to_jsonb(c)->>'colllocale', to_jsonb(c)->>'colliculocale', CASE c.collprovider WHEN 'i' THEN c.collcollate END)) FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE ` + users + ` AND ` + own("pg_collation", "c.oid")},
		{kind: "conversion", sql: `SELECT format('%I.%I', n.nspname, c.conname), jsonb_build_object('from', pg_encoding_to_char(c.conforencoding), 'to', pg_encoding_to_char(c.contoencoding), 'function', c.conproc::regproc::text, 'default', c.condefault) FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace WHERE ` + users + ` AND ` + own("pg_conversion", "c.oid")},
		{kind: "text search configuration", sql: `SELECT format('%I.%I', n.nspname, c.cfgname), jsonb_build_object('owner', pg_get_userbyid(c.cfgowner), 'parser', (SELECT prsname FROM pg_ts_parser WHERE oid = c.cfgparser),
'map', (SELECT string_agg(m.maptokentype || ' ' || m.mapseqno || ' ' || m.mapdict::regdictionary::text, ', ' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = c.oid)) FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace WHERE ` + users + ` AND ` + own("pg_ts_config", "c.oid")},
		{kind: "text search dictionary", sql: `SELECT format('%I.%I', n.nspname, d.dictname), jsonb_build_object('owner', pg_get_userbyid(d.dictowner), 'options', d.dictinitoption, 'template', (SELECT tmplname FROM pg_ts_template WHERE oid = d.dicttemplate)) FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace WHERE ` + users + ` AND ` + own("pg_ts_dict", "d.oid")},
	}
}

// others are what is left: schemas, extensions, replication, foreign servers,
// comments, large objects.
func others() []query {
	return []query{
		{kind: "schema", sql: `SELECT quote_ident(n.nspname), jsonb_build_object('owner', pg_get_userbyid(n.nspowner), 'acl', ` + acl("n.nspacl") + `) FROM pg_namespace n WHERE ` + users + ` AND ` + own("pg_namespace", "n.oid")},
		{kind: "extension", sql: `SELECT quote_ident(e.extname), jsonb_build_object('schema', n.nspname, 'version', e.extversion, 'owner', pg_get_userbyid(e.extowner)) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace`},
		{kind: "default grant", sql: `SELECT pg_get_userbyid(a.defaclrole) || ' ' || a.defaclobjtype::text || ' ' || coalesce(n.nspname, ''), jsonb_build_object('acl', ` + acl("a.defaclacl") + `) FROM pg_default_acl a LEFT JOIN pg_namespace n ON n.oid = a.defaclnamespace`},
		{kind: "publication", sql: `SELECT quote_ident(p.pubname), jsonb_build_object('owner', pg_get_userbyid(p.pubowner), 'all', p.puballtables, 'insert', p.pubinsert, 'update', p.pubupdate, 'delete', p.pubdelete, 'truncate', p.pubtruncate, 'root', coalesce(to_jsonb(p)->>'pubviaroot', 'false'),
'tables', (SELECT string_agg(r.prrelid::regclass::text, ', ' ORDER BY r.prrelid::regclass::text COLLATE "C") FROM pg_publication_rel r WHERE r.prpubid = p.oid)) FROM pg_publication p`},
		{kind: "subscription", sql: `SELECT quote_ident(s.subname), jsonb_build_object('enabled', s.subenabled, 'publications', ` + list("s.subpublications") + `) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database()`},
		{kind: "foreign data wrapper", sql: `SELECT quote_ident(w.fdwname), jsonb_build_object('owner', pg_get_userbyid(w.fdwowner), 'options', ` + list("w.fdwoptions") + `, 'acl', ` + acl("w.fdwacl") + `) FROM pg_foreign_data_wrapper w WHERE ` + own("pg_foreign_data_wrapper", "w.oid")},
		{kind: "foreign server", sql: `SELECT quote_ident(s.srvname), jsonb_build_object('owner', pg_get_userbyid(s.srvowner), 'type', s.srvtype, 'version', s.srvversion, 'options', ` + list("s.srvoptions") + `, 'acl', ` + acl("s.srvacl") + `, 'wrapper', (SELECT fdwname FROM pg_foreign_data_wrapper WHERE oid = s.srvfdw)) FROM pg_foreign_server s WHERE ` + own("pg_foreign_server", "s.oid")},
		{kind: "user mapping", sql: `SELECT s.srvname || ' ' || CASE m.umuser WHEN 0 THEN 'public' ELSE pg_get_userbyid(m.umuser) END, jsonb_build_object('options', md5(` + list("m.umoptions") + `)) FROM pg_user_mapping m JOIN pg_foreign_server s ON s.oid = m.umserver`},
		{kind: "access method", sql: `SELECT quote_ident(a.amname), jsonb_build_object('handler', a.amhandler::regproc::text, 'type', a.amtype) FROM pg_am a WHERE a.oid >= 16384 AND ` + own("pg_am", "a.oid")},
		{kind: "comment", sql: `SELECT i.type || ' ' || i.identity, jsonb_build_object('text', d.description) FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) i
WHERE (d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass AND i.identity = 'public') AND d.classoid <> 'pg_extension'::regclass AND i.identity IS NOT NULL AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')
AND NOT (d.classoid = 'pg_namespace'::regclass AND i.identity = 'public' AND d.description = 'standard public schema')`},
		{kind: "security label", sql: `SELECT l.provider || ' ' || i.type || ' ' || i.identity, jsonb_build_object('label', l.label) FROM pg_seclabel l, pg_identify_object(l.classoid, l.objoid, l.objsubid) i`},
		{kind: "large object", sql: `SELECT l.oid::text, jsonb_build_object('owner', pg_get_userbyid(l.lomowner), 'acl', ` + acl("l.lomacl") + `, 'bytes', length(lo_get(l.oid)), 'hash', md5(lo_get(l.oid))) FROM pg_largeobject_metadata l`},
	}
}
