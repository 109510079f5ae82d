-- A database that is hard to back up: everything here must come back equal. Plain SQL for PostgreSQL 15 and newer,
-- run by a superuser into an empty database.
SET client_min_messages = warning;

DO $$ BEGIN
	CREATE ROLE "cofre nasty ""reader""" NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN
	CREATE ROLE cofre_nasty_owner NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

-- Extensions: one relocated, one with data types, one whose configuration table is dumped.
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION pgcrypto SCHEMA ext;
CREATE EXTENSION btree_gist SCHEMA ext;
COMMENT ON SCHEMA ext IS 'extensions; with a ''quote'' and a
line break';

-- Names: quotes, line breaks, spaces, Unicode, 63 bytes, reserved words, things that look like options or psql.
CREATE SCHEMA "select";
CREATE SCHEMA "Sché ma ""q""
n";
CREATE TABLE "select"."table" ("order" int PRIMARY KEY, "user" text, "from" text DEFAULT current_user, "a""b" text, "new
line" text, "日本語" text, "--" text, "\." text, "$$" text, "%s%n" text);
INSERT INTO "select"."table" SELECT i, 'u' || i, 'f', E'tab\there', E'nl\nhere', '寿司 🍣', '--', '\.', '$$', '%d' FROM generate_series(1, 50) i;
CREATE TABLE "Sché ma ""q""
n"."tábla 'x' ; DROP TABLE students; --" (id int GENERATED ALWAYS AS IDENTITY, v text);
INSERT INTO "Sché ma ""q""
n"."tábla 'x' ; DROP TABLE students; --" (v) VALUES (E'\\.'), (E'\\N'), (NULL), (''), (E'\\'), (E'a\\tb'), (E'\r\n'), (E'\x08\x0c\x0b\x01\x7f');
CREATE TABLE "sixty_three_bytes_is_the_longest_name_that_postgresql_can_hold__" (id int);
CREATE TABLE "éééééééééééééééééééééééééééééé_x" ("ééééééééééééééééééééééééééééééé" int);
CREATE TABLE "-t" ("--help" int);
CREATE TABLE "\connect" (v text);
INSERT INTO "\connect" VALUES (E'\\! touch /tmp/cofre-nasty'), (E'\n\\.\n'), (E'COPY x FROM stdin;\n1\n\\.\n'), ('-- PostgreSQL database dump complete');
CREATE TABLE "SET transaction_timeout = 0;" (v text);
INSERT INTO "SET transaction_timeout = 0;" VALUES (E'\nSET transaction_timeout = 0;\n'), ('SET transaction_timeout = 0;');
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE empty_table (id bigint PRIMARY KEY, at timestamptz DEFAULT now());

-- Every sort of value.
CREATE TYPE mood AS ENUM ('sad', 'o''k', 'hap,py', 'très bien');
ALTER TYPE mood ADD VALUE 'between' BEFORE 'hap,py';
CREATE TYPE pair AS (a int, b text, c mood[]);
CREATE DOMAIN positive AS numeric(20, 5) DEFAULT 1 NOT NULL CONSTRAINT above_zero CHECK (VALUE > 0);
CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TABLE every_type (
	id serial PRIMARY KEY, b boolean, i2 smallint, i8 bigint, n numeric, f4 real, f8 double precision, m money, t text COLLATE "C", v varchar(10), c char(5),
	n1 name, by bytea, ts timestamp, tz timestamptz, d date, tm time, tmz timetz, iv interval, u uuid, j json, jb jsonb, x xml, inet inet, cidr cidr, mac macaddr,
	bits bit(5), vb bit varying, pt point, ln line, ls lseg, bx box, pa path, pg polygon, ci circle, tsv tsvector, tsq tsquery, r4 int4range, rts tstzrange,
	mr int8multirange, sp span, mo mood, pr pair, po positive, a int[], aa text[][], hs ext.hstore, ct ext.citext, lsn pg_lsn, rc regclass, o oid, pa2 pair[]);
INSERT INTO every_type (b, i2, i8, n, f4, f8, m, t, v, c, n1, by, ts, tz, d, tm, tmz, iv, u, j, jb, x, inet, cidr, mac, bits, vb, pt, ln, ls, bx, pa, pg, ci, tsv, tsq,
	r4, rts, mr, sp, mo, pr, po, a, aa, hs, ct, lsn, rc, o, pa2) VALUES
	(true, -32768, 9223372036854775807, 'NaN', 'Infinity', 1e-300, '-12.34', E'\\x00 not bytes', 'äöü', 'a', 'name', '\x00ff5c0a0d27', 'infinity', '-infinity',
	'4713-01-01 BC', '24:00', '23:59:59.999999-15:59', '-178000000 years', '00000000-0000-0000-0000-000000000000', '{"a" : 1, "a": 2}', '{"b": "\u00e9", "a": [1e1000]}',
	'<a b="c">&amp;</a>', '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03', B'10101', B'', '(1.1,-0)', '{1,2,3}', '[(0,0),(1,1)]', '(2,2),(0,0)', '[(0,0),(1,1),(2,0)]',
	'((0,0),(1,1),(2,0))', '<(0,0),1>', 'a:1A fat:2B', 'a & !b', '[1,10)', '[-infinity,)', '{[1,3),[5,7)}', '[0.1,0.3]', 'o''k', '(1,"x ""y"" (z)","{sad,\"hap,py\"}")', 0.00001,
	'[-2:0]={1,NULL,3}', '{{"a","NULL"},{NULL,"b,c"}}', 'a=>NULL,"b c"=>"d\"e"', 'MiXeD', '16/B374D848', 'pg_class', 4294967295, ARRAY[ROW(1, NULL, NULL)::pair, NULL]),
	(false, NULL, NULL, '123456789012345678901234567890.123456789012345678901234567890', 'NaN', '-0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
	'null', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO every_type (f4, f8, po) SELECT random()::real, random(), 1 + i FROM generate_series(1, 500) i;
ALTER TABLE every_type ALTER t SET STATISTICS 500, ALTER jb SET STORAGE EXTERNAL, ALTER by SET COMPRESSION pglz;
ALTER TABLE every_type DROP COLUMN v;

-- Keys, checks, exclusion, circular and deferred references, data that a restore in another order would refuse.
CREATE TABLE chicken (id int PRIMARY KEY, egg int NOT NULL);
CREATE TABLE egg (id int PRIMARY KEY, chicken int NOT NULL REFERENCES chicken DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE chicken ADD FOREIGN KEY (egg) REFERENCES egg DEFERRABLE INITIALLY DEFERRED;
BEGIN; INSERT INTO chicken SELECT i, i FROM generate_series(1, 100) i; INSERT INTO egg SELECT i, i FROM generate_series(1, 100) i; COMMIT;
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree ON DELETE CASCADE, CONSTRAINT "no ""loop""" CHECK (id <> parent));
INSERT INTO tree SELECT i, CASE WHEN i < 500 THEN i + 1 END FROM generate_series(1, 500) i;
CREATE TABLE booking (room int, during tstzrange, EXCLUDE USING gist (room WITH =, during WITH &&));
INSERT INTO booking VALUES (1, '[2025-01-01,2025-01-02)'), (1, '[2025-01-02,2025-01-03)');
ALTER TABLE tree ADD CONSTRAINT not_validated CHECK (id > 1) NOT VALID;
CREATE UNIQUE INDEX "index ""q""" ON tree ((id % 1000), lower('X' || id)) INCLUDE (parent) WHERE id > 0;
CREATE INDEX brin_i ON every_type USING brin (i8) WITH (pages_per_range = 8);
CREATE INDEX gin_i ON every_type USING gin (jb jsonb_path_ops);
CREATE INDEX hash_i ON every_type USING hash (u);
CLUSTER tree USING tree_pkey;
ALTER TABLE chicken REPLICA IDENTITY FULL;
CREATE STATISTICS "some stats" (dependencies, ndistinct) ON i2, i8 FROM every_type;

-- Generated and identity columns, sequences in odd states.
CREATE TABLE made (id bigint GENERATED BY DEFAULT AS IDENTITY (START 1000 INCREMENT -7 MINVALUE -100000 MAXVALUE 1000 CACHE 3 CYCLE), a int, b int GENERATED ALWAYS AS (a * 2) STORED,
	c text GENERATED ALWAYS AS ('x' || a::text) STORED);
INSERT INTO made (a) SELECT generate_series(1, 300);
CREATE SEQUENCE never_called START 42;
CREATE SEQUENCE "called ""once""" AS smallint; SELECT nextval('"called ""once"""');
CREATE SEQUENCE far START 1; SELECT setval('far', 9223372036854775807);
CREATE SEQUENCE reset; SELECT setval('reset', 7, false);
CREATE UNLOGGED SEQUENCE unlogged_seq;

-- Partitions (list of ranges, hash, default, with other column order), inheritance, unlogged.
CREATE TABLE event (id int, kind text, at date, note text, PRIMARY KEY (id, kind, at)) PARTITION BY LIST (kind);
CREATE TABLE event_a PARTITION OF event FOR VALUES IN ('a', 'q''q') PARTITION BY RANGE (at);
CREATE TABLE event_a1 PARTITION OF event_a FOR VALUES FROM (MINVALUE) TO ('2025-01-01');
CREATE TABLE event_a2 (dropped int, note text, at date NOT NULL, kind text NOT NULL, id int NOT NULL);
ALTER TABLE event_a2 DROP COLUMN dropped;
ALTER TABLE event_a ATTACH PARTITION event_a2 FOR VALUES FROM ('2025-01-01') TO (MAXVALUE);
CREATE TABLE event_rest PARTITION OF event DEFAULT PARTITION BY HASH (id);
CREATE TABLE event_rest0 PARTITION OF event_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE UNLOGGED TABLE event_rest1 PARTITION OF event_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO event SELECT i, (ARRAY['a', 'b', 'q''q', 'z'])[1 + i % 4], date '2024-06-01' + i, 'note ' || i FROM generate_series(1, 1000) i;
CREATE INDEX event_note ON event (note);
CREATE TABLE by_mood (m mood, v int) PARTITION BY HASH (m);
CREATE TABLE by_mood0 PARTITION OF by_mood FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_mood1 PARTITION OF by_mood FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_mood SELECT (ARRAY['sad', 'o''k', 'between'])[1 + i % 3]::mood, i FROM generate_series(1, 90) i;
CREATE TABLE parent (id int, a text);
CREATE TABLE child (own int) INHERITS (parent);
ALTER TABLE parent ADD COLUMN late int DEFAULT 5;
INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c', 20);
CREATE UNLOGGED TABLE unlogged_t AS SELECT i FROM generate_series(1, 77) i;
CREATE TABLE with_options (id int, t text) WITH (fillfactor = 50, autovacuum_enabled = off, toast.autovacuum_enabled = off);
CREATE TABLE typed OF pair (PRIMARY KEY (a));

-- Views, rules, materialized views (one on another, one not filled), functions that other objects need.
CREATE FUNCTION double_it(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x * 2';
CREATE FUNCTION "fn ""q""
"(IN a text DEFAULT E'x''y\n$$', VARIADIC r int[] DEFAULT '{}') RETURNS TABLE (k int, "v v" text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = 'pg_catalog' AS $f$
BEGIN RETURN QUERY SELECT 1, a || '$$ $body$ \.'; END $f$;
CREATE PROCEDURE do_nothing(INOUT x int) LANGUAGE sql BEGIN ATOMIC SELECT x; END;
CREATE AGGREGATE add_up(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE TABLE uses_function (a int DEFAULT double_it(21), CHECK (double_it(a) > 0));
INSERT INTO uses_function DEFAULT VALUES;
CREATE INDEX uses_function_i ON uses_function (double_it(a));
CREATE VIEW "view ""q""" WITH (security_barrier = true) AS SELECT e.id, e.kind AS "the kind", e.at FROM event e WHERE e.id < 10 WITH CASCADED CHECK OPTION;
CREATE VIEW counting AS SELECT kind, count(*) AS n, sum(id) FILTER (WHERE id > 5) OVER w AS s FROM event GROUP BY kind, id WINDOW w AS (PARTITION BY kind);
CREATE RECURSIVE VIEW up (id, parent, depth) AS SELECT id, parent, 0 FROM tree WHERE parent IS NULL UNION ALL SELECT t.id, t.parent, up.depth + 1 FROM tree t JOIN up ON t.parent = up.id;
CREATE VIEW needs_key AS SELECT id, parent FROM tree GROUP BY id; -- depends on the primary key
CREATE VIEW will_change AS SELECT id FROM tree;
CREATE VIEW on_view AS SELECT * FROM will_change;
CREATE TABLE logged (v text);
CREATE RULE "rule ""q""" AS ON INSERT TO will_change DO INSTEAD INSERT INTO logged VALUES (NEW.id::text);
CREATE RULE also AS ON DELETE TO logged DO ALSO NOTIFY logged;
ALTER TABLE logged DISABLE RULE also;
CREATE MATERIALIZED VIEW monthly AS SELECT date_trunc('month', at) AS month, count(*) AS n FROM event GROUP BY 1;
CREATE UNIQUE INDEX monthly_key ON monthly (month);
CREATE MATERIALIZED VIEW "of monthly" AS SELECT sum(n) AS total FROM monthly;
CREATE MATERIALIZED VIEW a_first AS SELECT total FROM "of monthly"; -- by name before what it reads
CREATE MATERIALIZED VIEW not_filled AS SELECT 1 AS x WITH NO DATA;

-- Triggers: on tables, partitions, views, disabled, always, for constraints, with arguments; they must not fire while
-- data is restored.
CREATE TABLE audit (id serial, what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.audit (what) VALUES (TG_TABLE_NAME || coalesce(TG_ARGV[0], '')); RETURN NEW; END $$;
CREATE TRIGGER "trg ""q""" BEFORE INSERT OR UPDATE OF v ON by_mood FOR EACH ROW WHEN (NEW.v > 0) EXECUTE FUNCTION note(E'it''s\n\\', 'x');
CREATE TRIGGER off AFTER INSERT ON egg FOR EACH STATEMENT EXECUTE FUNCTION note();
ALTER TABLE egg DISABLE TRIGGER off;
CREATE TRIGGER always AFTER INSERT ON tree REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note();
ALTER TABLE tree ENABLE ALWAYS TRIGGER always;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON logged DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER instead INSTEAD OF INSERT ON counting FOR EACH ROW EXECUTE FUNCTION note();
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM 1; END';
CREATE EVENT TRIGGER "watch ddl" ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION on_ddl();
ALTER EVENT TRIGGER "watch ddl" DISABLE;

-- Row-level security, owners, privileges, defaults of them.
CREATE TABLE secret (id int PRIMARY KEY, owner name DEFAULT current_user, v text);
INSERT INTO secret (id, v) SELECT i, md5(i::text) FROM generate_series(1, 200) i;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY; ALTER TABLE secret FORCE ROW LEVEL SECURITY;
CREATE POLICY "own ""rows""" ON secret AS PERMISSIVE FOR SELECT TO "cofre nasty ""reader""" USING (owner = current_user AND id < 100);
CREATE POLICY strict ON secret AS RESTRICTIVE USING (true) WITH CHECK (id > 0);
ALTER TABLE secret OWNER TO cofre_nasty_owner;
ALTER SCHEMA "select" OWNER TO cofre_nasty_owner;
GRANT USAGE ON SCHEMA "select" TO "cofre nasty ""reader""";
GRANT SELECT, UPDATE ON secret TO "cofre nasty ""reader""" WITH GRANT OPTION;
GRANT SELECT (id), INSERT (id, v) ON secret TO PUBLIC;
REVOKE ALL ON FUNCTION double_it(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION double_it(int) TO "cofre nasty ""reader""";
GRANT USAGE ON SEQUENCE far TO "cofre nasty ""reader""";
REVOKE ALL ON TABLE logged FROM CURRENT_USER;
ALTER DEFAULT PRIVILEGES IN SCHEMA "select" GRANT SELECT ON TABLES TO "cofre nasty ""reader""";
ALTER DEFAULT PRIVILEGES FOR ROLE cofre_nasty_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Rarer objects.
CREATE COLLATION "coll ""q""" (provider = libc, locale = 'C');
CREATE TABLE collated (t text COLLATE "coll ""q""");
CREATE FUNCTION pair_to_text(pair) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.b';
CREATE CAST (pair AS text) WITH FUNCTION pair_to_text(pair) AS ASSIGNMENT;
CREATE FUNCTION near(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs($1 - $2) < 2';
CREATE OPERATOR <~> (LEFTARG = int, RIGHTARG = int, FUNCTION = near, COMMUTATOR = <~>);
CREATE TEXT SEARCH CONFIGURATION "my english" (COPY = english);
CREATE TEXT SEARCH DICTIONARY plain_dict (TEMPLATE = simple, STOPWORDS = english);
ALTER TEXT SEARCH CONFIGURATION "my english" ALTER MAPPING FOR asciiword WITH plain_dict, english_stem;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER "far away" FOREIGN DATA WRAPPER nothing OPTIONS (host 'it''s', port '1');
CREATE USER MAPPING FOR PUBLIC SERVER "far away" OPTIONS ("user" 'u');
CREATE FOREIGN TABLE elsewhere (id int OPTIONS (a 'b'), v text) SERVER "far away" OPTIONS (x 'y');
CREATE PUBLICATION "pub ""q""" FOR TABLE tree, egg;
CREATE TYPE shell;
CREATE OPERATOR CLASS odd_ops FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);

-- Comments on all sorts.
COMMENT ON TABLE event IS E'table: it''s \\ "x"\nline 2';
COMMENT ON COLUMN event.note IS 'column';
COMMENT ON CONSTRAINT "no ""loop""" ON tree IS 'constraint';
COMMENT ON INDEX event_note IS 'index';
COMMENT ON FUNCTION double_it(int) IS '$$';
COMMENT ON TRIGGER "trg ""q""" ON by_mood IS 'trigger';
COMMENT ON TYPE mood IS 'type'; COMMENT ON DOMAIN positive IS 'domain'; COMMENT ON VIEW counting IS 'view';
COMMENT ON POLICY strict ON secret IS 'policy'; COMMENT ON SEQUENCE far IS 'sequence';

-- Large objects: empty, of one byte, of several pages with a hole, of somebody else, commented, readable by others.
SELECT lo_create(420001);
SELECT lo_from_bytea(420002, '\x00');
SELECT lo_from_bytea(420003, decode(repeat('00ff5c27', 5000), 'hex'));
SELECT lo_put(420003, 1100000, '\xdeadbeef');
SELECT lo_from_bytea(420004, 'readable');
ALTER LARGE OBJECT 420004 OWNER TO cofre_nasty_owner;
GRANT SELECT ON LARGE OBJECT 420004 TO "cofre nasty ""reader""";
COMMENT ON LARGE OBJECT 420004 IS 'large object';
SELECT lo_from_bytea((420100 + i)::oid, convert_to(repeat(md5(i::text), i), 'UTF8')) FROM generate_series(1, 1200) i WHERE i < 40 OR i % 100 = 0;
CREATE TABLE has_large (id int, content oid);
INSERT INTO has_large VALUES (1, 420003), (2, 420004);
