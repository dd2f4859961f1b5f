-- The small seed: every kind of object that a database can hold and a move has to
-- carry. For psql, as a superuser, in the database postgres; it makes roles and
-- three databases.
\set ON_ERROR_STOP on
SET password_encryption = 'md5';
CREATE ROLE old_login LOGIN PASSWORD 'md5 password' CONNECTION LIMIT 20;
SET password_encryption = 'scram-sha-256';
CREATE ROLE writer LOGIN PASSWORD 'scram password' VALID UNTIL '2040-01-01';
CREATE ROLE reader NOLOGIN;
CREATE ROLE "Odd ""Name""" LOGIN CREATEDB;
GRANT reader TO writer WITH ADMIN OPTION;
GRANT pg_read_all_data TO reader;
COMMENT ON ROLE reader IS 'may look';
ALTER ROLE writer SET statement_timeout = '5min';
ALTER ROLE ALL SET lock_timeout = '1min';
CREATE DATABASE app OWNER writer ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE "it's a ""db""" OWNER "Odd ""Name""" TEMPLATE template0;
CREATE DATABASE plain LOCALE 'C' TEMPLATE template0 CONNECTION LIMIT 7;
COMMENT ON DATABASE app IS 'the application''s';
ALTER DATABASE app SET search_path = public, "Odd schema", extra;
ALTER DATABASE app SET work_mem = '8MB';
ALTER ROLE writer IN DATABASE app SET enable_seqscan = off;
REVOKE CONNECT ON DATABASE app FROM PUBLIC;
GRANT CONNECT ON DATABASE app TO writer, reader;

\connect "it's a ""db"""
CREATE TABLE "t t" (a int, b text);
INSERT INTO "t t" VALUES (1, 'x'), (2, NULL);
\connect app
CREATE EXTENSION pgcrypto;
CREATE EXTENSION citext;
CREATE EXTENSION hstore;
CREATE EXTENSION pg_trgm;
CREATE SCHEMA "Odd schema" AUTHORIZATION writer;
CREATE SCHEMA extra CREATE TABLE made_with_it (id int PRIMARY KEY, v text) CREATE VIEW over_it AS SELECT v FROM made_with_it;
INSERT INTO extra.made_with_it VALUES (1, 'x');
GRANT USAGE ON SCHEMA extra TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA extra GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE writer GRANT EXECUTE ON FUNCTIONS TO reader;

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'so so' AFTER 'sad';
CREATE DOMAIN positive AS int DEFAULT 1 CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE SEQUENCE alone START 7 INCREMENT 3 CACHE 2;
SELECT nextval('alone'), nextval('alone');
CREATE SEQUENCE never_called START 42;

CREATE TABLE every_type (
	id bigint GENERATED ALWAYS AS IDENTITY (START 100) PRIMARY KEY,
	c_bool bool, c_int2 int2, c_int4 int4, c_int8 int8, c_oid oid, c_float4 float4, c_float8 float8, c_numeric numeric, c_numeric2 numeric(12,4), c_money money,
	c_text text, c_varchar varchar(40), c_char char(7), c_name name, c_bytea bytea, c_uuid uuid,
	c_date date, c_time time, c_timetz timetz, c_ts timestamp, c_tstz timestamptz, c_interval interval,
	c_json json, c_jsonb jsonb, c_jsonpath jsonpath, c_xml xml, c_hstore hstore, c_citext citext,
	c_inet inet, c_cidr cidr, c_mac macaddr, c_mac8 macaddr8, c_bit bit(5), c_varbit varbit,
	c_tsvector tsvector, c_tsquery tsquery, c_point point, c_box box, c_path path, c_poly polygon, c_circle circle,
	c_int_array int[], c_text_array text[], c_enum mood, c_enums mood[], c_domain positive, c_pair pair, c_pairs pair[], c_range int4range, c_multi nummultirange, c_span span,
	c_regclass regclass, c_lsn pg_lsn, c_xid8 xid8, c_acl aclitem
);
INSERT INTO every_type (c_bool, c_int2, c_int4, c_int8, c_oid, c_float4, c_float8, c_numeric, c_numeric2, c_money, c_text, c_varchar, c_char, c_name, c_bytea, c_uuid, c_date, c_time, c_timetz, c_ts, c_tstz, c_interval, c_json, c_jsonb, c_jsonpath, c_xml, c_hstore, c_citext, c_inet, c_cidr, c_mac, c_mac8, c_bit, c_varbit, c_tsvector, c_tsquery, c_point, c_box, c_path, c_poly, c_circle, c_int_array, c_text_array, c_enum, c_enums, c_domain, c_pair, c_pairs, c_range, c_multi, c_span, c_regclass, c_lsn, c_xid8, c_acl)
SELECT g % 2 = 0, g, g * 1000, g::bigint << 40, g, CASE g WHEN 1 THEN 'NaN' WHEN 2 THEN '-0' ELSE g / 3.0 END, CASE g WHEN 1 THEN 'Infinity' WHEN 2 THEN 1e308 ELSE g / 7.0 END, CASE g WHEN 1 THEN 'NaN' WHEN 2 THEN 1e300 ELSE g / 11.0 END, g / 13.0, g::numeric::money,
	CASE g WHEN 1 THEN '' WHEN 2 THEN E'tab\t nl\n back\\ quote\' ü 漢 \\N \\.' WHEN 3 THEN repeat(md5('x'), 20000) ELSE 'text ' || g END, 'v' || g, 'c' || g, 'n' || g, decode(md5(g::text), 'hex'), md5(g::text)::uuid,
	CASE g WHEN 1 THEN 'infinity' WHEN 2 THEN '4000-01-01 BC' ELSE DATE '2020-01-01' + g END, TIME '10:00' + g * INTERVAL '1 s', '10:00:00.123456+05:30', CASE g WHEN 1 THEN '-infinity' ELSE TIMESTAMP '2020-01-01 00:00:00.000001' + g * INTERVAL '1 day' END, TIMESTAMPTZ '2020-03-29 01:30:00+01' + g * INTERVAL '1 hour', make_interval(years => g, days => -g, secs => 0.5),
	'{"b": 1,  "a": [null, "x"], "b": 2}', jsonb_build_object('k', g, 'n', 1e20), '$.a[*] ? (@ > 1)', '<a>ü</a>', hstore('k', g::text), 'CaSe' || g,
	'10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', B'10101', B'110',
	to_tsvector('simple', 'a fat cat ' || g), to_tsquery('simple', 'fat & cat'), point(g, -g), box(point(0, 0), point(g, g)), '((0,0),(1,1),(2,0))', '((0,0),(1,1),(2,0))', circle(point(1, 1), g),
	ARRAY[g, NULL, -g], ARRAY['a', NULL, 'NULL', '', 'q"'], (ARRAY['sad', 'so so', 'ok', 'happy'])[1 + g % 4]::mood, ARRAY['happy', 'sad']::mood[], g, ROW(g, 'x,"y')::pair, ARRAY[ROW(1, NULL)::pair], int4range(g, g + 5), nummultirange(numrange(1, 2), numrange(5, NULL)), span(0.5, g + 1), 'extra.made_with_it', ('0/' || to_hex(g))::pg_lsn, '12345678901'::xid8, 'reader=r/writer'
FROM generate_series(1, 40) g;
INSERT INTO every_type DEFAULT VALUES;

-- the same kinds by themselves: what makes every_type go over as text must not
-- hide what the binary form does to the numbers in them, which differ between clusters
CREATE TABLE by_numbers_enum (id int PRIMARY KEY, m mood, ms mood[]);
INSERT INTO by_numbers_enum SELECT g, (ARRAY['sad', 'so so', 'ok', 'happy'])[1 + g % 4]::mood, ARRAY['happy', 'sad']::mood[] FROM generate_series(1, 40) g;
CREATE TYPE mixed AS (m mood, p pair, ps positive[]);
CREATE DOMAIN moods AS mood[] CHECK (cardinality(VALUE) > 0);
CREATE DOMAIN pairing AS pair;
CREATE TABLE by_numbers_pair (p pair, ps pair[], x mixed, d moods, c pairing);
INSERT INTO by_numbers_pair VALUES (ROW(1, 'a'), ARRAY[ROW(2, 'b')::pair], ROW('ok', ROW(3, 'c'), ARRAY[4]), ARRAY['ok']::mood[], ROW(5, 'e')), (NULL, NULL, NULL, NULL, NULL);
CREATE TABLE by_numbers_span (s span, ss span[], i int4range[]);
INSERT INTO by_numbers_span VALUES (span(0.5, 1), ARRAY[span(1, 2)], ARRAY[int4range(1, 5)]), ('empty', '{}', NULL);
CREATE DOMAIN relation AS regclass;
CREATE TYPE watched AS (what regclass, since date);
CREATE TABLE by_numbers_reg (c regclass, cs regclass[], d relation, w watched, p regprocedure, t regtype, r regrole, n regnamespace, o regoperator, f regconfig, k regdictionary, l regcollation);
INSERT INTO by_numbers_reg VALUES ('extra.made_with_it', ARRAY['extra.made_with_it'::regclass, 'every_type'], 'every_type', ROW('every_type', '2020-01-01'), 'lower(text)', 'mood', 'writer', 'extra', '+(int,int)', 'simple', 'simple', 'nocase');
CREATE TABLE "odd columns" ("a b" mood[], "ctid " int, "user" text);
INSERT INTO "odd columns" VALUES ('{ok}', 1, E'x\ty');

CREATE TABLE people (
	id serial PRIMARY KEY, name text NOT NULL COLLATE "C", mail citext UNIQUE, born date, boss int, note text DEFAULT 'none',
	full_name text GENERATED ALWAYS AS (name || '!') STORED, gone int, CONSTRAINT named CHECK (name <> '')
);
ALTER TABLE people DROP COLUMN gone;
INSERT INTO people (name, mail, born) SELECT 'p' || g, 'P' || g || '@x', DATE '1980-01-01' + g FROM generate_series(1, 3000) g;
DELETE FROM people WHERE id % 10 = 0;
CREATE TABLE teams (id int PRIMARY KEY, lead int REFERENCES people DEFERRABLE INITIALLY DEFERRED, title varchar(30));
ALTER TABLE people ADD team int REFERENCES teams ON DELETE SET NULL;
ALTER TABLE people ADD CONSTRAINT boss_is_one FOREIGN KEY (boss) REFERENCES people NOT VALID;
ALTER TABLE people ADD CONSTRAINT late CHECK (born > '1900-01-01') NOT VALID;
INSERT INTO teams SELECT g, g, 't' || g FROM generate_series(1, 9) g;
UPDATE people SET team = 1 + id % 9, boss = 1 WHERE id > 1;
ALTER TABLE people ALTER COLUMN note SET STORAGE EXTERNAL, ALTER COLUMN name SET STATISTICS 300, ALTER COLUMN born SET (n_distinct = -0.5);
ALTER TABLE people SET (fillfactor = 90, autovacuum_enabled = false);
ALTER TABLE people CLUSTER ON people_pkey;
ALTER TABLE people REPLICA IDENTITY FULL;
CREATE INDEX people_trgm ON people USING gin (name gin_trgm_ops);
CREATE INDEX people_some ON people (lower(name) DESC NULLS LAST, id) INCLUDE (born) WHERE id > 5;
CREATE STATISTICS people_stat (dependencies) ON name, born FROM people;
COMMENT ON TABLE people IS 'who''s who';
COMMENT ON COLUMN people.mail IS 'any case';
COMMENT ON CONSTRAINT named ON people IS 'not empty';
COMMENT ON INDEX people_trgm IS 'search';
GRANT SELECT, UPDATE (note) ON people TO reader;
GRANT ALL ON teams TO writer WITH GRANT OPTION;
GRANT USAGE ON SEQUENCE alone TO writer;
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON people FOR SELECT TO reader, writer USING (name = current_user);

-- an index expression that needs the database's search path
CREATE FUNCTION extra.fold(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(t)';
CREATE FUNCTION needs_path(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = public, extra AS $$ BEGIN RETURN fold(t); END $$;
CREATE TABLE folded (t text);
INSERT INTO folded SELECT 'T' || g FROM generate_series(1, 100) g;
CREATE INDEX folded_path ON folded (needs_path(t));

CREATE TABLE by_mood (m mood, n int, CONSTRAINT by_mood_key PRIMARY KEY (m, n)) PARTITION BY HASH (m);
CREATE TABLE by_mood_0 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE by_mood_1 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE by_mood_2 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO by_mood SELECT (ARRAY['sad', 'so so', 'ok', 'happy'])[1 + g % 4]::mood, g FROM generate_series(1, 400) g;
CREATE TABLE by_text (t text, n int) PARTITION BY RANGE (t);
CREATE TABLE by_text_am PARTITION OF by_text FOR VALUES FROM (MINVALUE) TO ('m') PARTITION BY LIST (n);
CREATE TABLE by_text_am_1 PARTITION OF by_text_am FOR VALUES IN (1, 2);
CREATE TABLE by_text_am_rest PARTITION OF by_text_am DEFAULT;
CREATE TABLE by_text_mz PARTITION OF by_text FOR VALUES FROM ('m') TO (MAXVALUE);
CREATE INDEX by_text_n ON by_text (n);
INSERT INTO by_text SELECT chr(97 + g % 26) || g, g % 5 FROM generate_series(1, 500) g;
CREATE TABLE by_day (d date NOT NULL, v int) PARTITION BY RANGE (d);
CREATE TABLE by_day_2020 PARTITION OF by_day FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE by_day_rest PARTITION OF by_day DEFAULT;
INSERT INTO by_day SELECT DATE '2020-12-01' + g, g FROM generate_series(1, 60) g;
CREATE TABLE parent (a int);
CREATE TABLE child (b int) INHERITS (parent);
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (3, 4), (5, NULL);
CREATE UNLOGGED TABLE hasty (a int);
INSERT INTO hasty VALUES (1);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE "Odd schema"."it's a ""table""" ("a ""column""" int, "SELECT" text, "ü" pair);
INSERT INTO "Odd schema"."it's a ""table""" VALUES (1, 'x', ROW(1, 'y'));
ALTER TABLE "Odd schema"."it's a ""table""" OWNER TO writer;

CREATE VIEW working AS SELECT id, name FROM people WHERE team IS NOT NULL WITH LOCAL CHECK OPTION;
CREATE VIEW grouped AS SELECT p.*, count(*) OVER () AS n FROM people p;
CREATE VIEW needs_key AS SELECT id, name, max(born) AS last FROM people GROUP BY id;
CREATE MATERIALIZED VIEW counted AS SELECT team, count(*) AS n FROM people GROUP BY team;
CREATE UNIQUE INDEX counted_key ON counted (team);
CREATE VIEW between_them AS SELECT n FROM counted;
CREATE MATERIALIZED VIEW a_summed AS SELECT sum(n) AS n FROM between_them;
CREATE MATERIALIZED VIEW empty_one AS SELECT 1 AS a WITH NO DATA;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 'stamped'; RETURN NEW; END $$;
CREATE TRIGGER stamping BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER stamping_always BEFORE UPDATE OF name ON people FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION stamp();
ALTER TABLE people ENABLE ALWAYS TRIGGER stamping_always;
ALTER TABLE people DISABLE TRIGGER stamping;
CREATE RULE no_delete AS ON DELETE TO teams DO INSTEAD NOTHING;
CREATE PROCEDURE act(IN x int, INOUT y int) LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN y := x; END $$;
REVOKE EXECUTE ON PROCEDURE act FROM PUBLIC;
CREATE FUNCTION standard(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC SELECT a + b; END;
CREATE AGGREGATE product(int) (SFUNC = int4mul, STYPE = int, INITCOND = '1');
CREATE FUNCTION near(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT abs($1 - $2) < 2';
CREATE OPERATOR ~~~ (LEFTARG = int, RIGHTARG = int, FUNCTION = near, COMMUTATOR = ~~~);
CREATE CAST (pair AS text) WITH INOUT AS ASSIGNMENT;
CREATE OPERATOR CLASS backwards FOR TYPE int4 USING btree AS OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 btint4cmp(int4, int4);
CREATE TEXT SEARCH DICTIONARY plainly (TEMPLATE = simple, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION mine (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION mine ALTER MAPPING FOR asciiword WITH plainly;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing OPTIONS (host 'h');
CREATE USER MAPPING FOR writer SERVER elsewhere OPTIONS (password 'secret');
CREATE FOREIGN TABLE far (a int) SERVER elsewhere OPTIONS (name 'x');
CREATE PUBLICATION pub FOR TABLE people, teams WITH (publish = 'insert');
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER watching ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION watch();
ALTER EVENT TRIGGER watching ENABLE ALWAYS;
SELECT lo_from_bytea(90001, 'large object one'), lo_from_bytea(90002, decode(repeat('00ff', 30000), 'hex')), lo_create(90003);
ALTER LARGE OBJECT 90001 OWNER TO writer;
GRANT SELECT ON LARGE OBJECT 90001 TO reader;
COMMENT ON LARGE OBJECT 90002 IS 'zeros and ones';
REFRESH MATERIALIZED VIEW counted;
REFRESH MATERIALIZED VIEW a_summed;

\connect plain
CREATE TABLE t (a int PRIMARY KEY, b text);
INSERT INTO t SELECT g, 'b' || g FROM generate_series(1, 100) g;
\connect postgres
CREATE TABLE beside (a int);
INSERT INTO beside VALUES (1);
