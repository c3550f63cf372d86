-- rows that name what is no factor table of the model, and code that an owner has put on tables: nothing is read or
-- changed but what is the model's, and nothing of the owner's runs, not even for a superuser
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_lepton_forger;
CREATE ROLE regress_lepton_alice;
CREATE SCHEMA forged AUTHORIZATION regress_lepton_forger;
CREATE SCHEMA alice AUTHORIZATION regress_lepton_alice;
GRANT USAGE ON SCHEMA forged TO PUBLIC;
CREATE FOREIGN DATA WRAPPER regress_lepton_fdw;
CREATE SERVER regress_lepton_server FOREIGN DATA WRAPPER regress_lepton_fdw;
GRANT USAGE ON FOREIGN SERVER regress_lepton_server TO regress_lepton_forger;
CREATE TABLE forged_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating FROM generate_series(1, 20) u, generate_series(1, 15) i WHERE (u + i * 3) % 4 > 0;
GRANT SELECT ON forged_ratings TO PUBLIC;
SET ROLE regress_lepton_alice;
SELECT version FROM lepton_train('alice.m', 'forged_ratings', '{"algorithm": "als", "factors": 2, "epochs": 1}');
SET ROLE regress_lepton_forger;
SELECT version FROM lepton_train('forged.m', 'forged_ratings', '{"algorithm": "als", "factors": 2, "epochs": 1}');
SELECT version FROM lepton_train('forged.m', 'forged_ratings', '{"algorithm": "als", "factors": 2, "epochs": 1}');

-- everything that a row can name, all of it with the columns of a factor table where it can have columns
CREATE FUNCTION forged.spy(id bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'ran as %', current_user; RETURN id; END $$;
CREATE FUNCTION forged.is_true(id bigint) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'ran as %', current_user; RETURN true; END $$;
CREATE FUNCTION forged.trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'ran as %', current_user; RETURN NEW; END $$;
CREATE VIEW forged.view AS SELECT version, forged.spy(id) AS id, n, n_ratings, bias, variance, factors, neighbors FROM forged.m_items;
CREATE MATERIALIZED VIEW forged.matview AS SELECT * FROM forged.m_items;
CREATE TABLE forged.partitioned (LIKE forged.m_items) PARTITION BY LIST (version);
CREATE TABLE forged.partition PARTITION OF forged.partitioned DEFAULT;
CREATE FOREIGN TABLE forged.foreign (version bigint, id bigint, n int, n_ratings int, bias real, variance real, factors bytea, neighbors bytea) SERVER regress_lepton_server;
CREATE TEMP TABLE forged_temp (LIKE forged.m_items INCLUDING ALL);
CREATE SEQUENCE forged.sequence;
CREATE TYPE forged.type AS (version bigint, id bigint, n int, n_ratings int, bias real, variance real, factors bytea, neighbors bytea);
CREATE TABLE forged.columns (version bigint, id bigint, n int, n_ratings int, bias real, factors bytea, variance real, neighbors bytea);
CREATE TABLE forged.types (version bigint, id bigint, n int, n_ratings int, bias float8, variance real, factors bytea, neighbors bytea);
CREATE TABLE forged.dropped (version bigint, x int, id bigint, n int, n_ratings int, bias real, variance real, factors bytea, neighbors bytea);
ALTER TABLE forged.dropped DROP x;
CREATE TABLE forged.collated (version bigint, id text COLLATE "POSIX", n int, n_ratings int, bias real, variance real, factors bytea, neighbors bytea);
CREATE TABLE forged.without_key (LIKE forged.m_items);
CREATE TABLE forged.empty (LIKE forged.m_items INCLUDING ALL);
CREATE TABLE forged.f OF lepton_model;
CREATE TABLE forged.relations (kind text, relation oid);
INSERT INTO forged.relations SELECT replace(r, 'forged_temp', 'temporary'), r::regclass FROM unnest(ARRAY['forged.view', 'forged.matview', 'forged.partitioned', 'forged.partition', 'forged.foreign', 'forged_temp',
	'forged.sequence', 'forged.type', 'forged.columns', 'forged.types', 'forged.dropped', 'forged.collated', 'forged.without_key', 'forged.empty', 'forged.f', 'forged.m_items', 'forged.m_items_pkey', 'pg_catalog.pg_class', 'pg_catalog.pg_authid', 'pg_catalog.pg_authid_oid_index', 'public.forged_ratings', 'information_schema.tables']) r;
RESET ROLE;
INSERT INTO forged.relations SELECT 'another''s', 'alice.m_items'::regclass UNION ALL SELECT 'toast', reltoastrelid FROM pg_class WHERE oid = 'forged.m_items'::regclass;
INSERT INTO forged.relations VALUES ('nothing', 0), ('none', 4294967295);

-- what becomes of a call about a row that names this as its items, users being right; all is undone
CREATE TABLE forged_calls (name text, call text);
INSERT INTO forged_calls VALUES ('lepton_predict', 'SELECT lepton_predict(%L, 1, 2)'), ('lepton_topn', 'SELECT * FROM lepton_topn(%L, 1, 3)'), ('lepton_topn_all', 'SELECT * FROM lepton_topn_all(%L, 3)'),
	('lepton_topn_users', 'SELECT * FROM lepton_topn_users(%L, 1)'), ('lepton_topn_for', 'SELECT * FROM lepton_topn_for(%L, ARRAY[1], ARRAY[5], 3)'), ('lepton_similar', 'SELECT * FROM lepton_similar(%L, 1)'),
	('lepton_explain', 'SELECT * FROM lepton_explain(%L, 1, 2)'), ('lepton_check', 'SELECT * FROM lepton_check(%L)'), ('lepton_export', 'SELECT lepton_export(%L)'), ('lepton_report', 'SELECT lepton_report(%L)'),
	('lepton_evaluate', 'SELECT * FROM lepton_evaluate(%L, ''forged_ratings'')'), ('lepton_forget', 'SELECT lepton_forget(%L, 1, true)'), ('lepton_train', 'SELECT lepton_train(%L, ''forged_ratings'', ''{"algorithm": "baseline", "keep": 1}'')'),
	('lepton_retrain', 'CALL lepton_retrain(%L, ''{"guard": false}'')'), ('lepton_import', 'SELECT lepton_import(%1$L, lepton_export(''alice.m''))'),
	('lepton_rollback', 'SELECT lepton_rollback(%L, 1)'), ('lepton_publish', 'SELECT lepton_publish(%L, 1)'), ('lepton_pin', 'SELECT lepton_pin(%L, 1)'), ('lepton_set_owner', 'SELECT lepton_set_owner(%L, ''regress_lepton_alice'')'),
	('lepton_models', 'SELECT * FROM lepton_models WHERE %L <> '''''), ('lepton_stat', 'SELECT * FROM lepton_stat WHERE %L <> '''''), ('lepton_versions', 'SELECT * FROM lepton_versions(%L)'), ('lepton_cache', 'SELECT * FROM lepton_cache() WHERE %L <> '''''),
	('lepton_drop', 'SELECT lepton_drop(%L)');
CREATE FUNCTION forged_try(change text, statement text, model text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	outcome text;
BEGIN
	BEGIN
		-- by the forger herself, and what runs for her meanwhile is not said
		PERFORM set_config('role', 'regress_lepton_forger', true), set_config('client_min_messages', 'error', true);
		EXECUTE change;
		PERFORM set_config('role', 'none', true), set_config('client_min_messages', 'warning', true);
		EXECUTE format(statement, model);
		RAISE EXCEPTION USING ERRCODE = 'ZZZZZ', MESSAGE = 'yes' || CASE
			WHEN (SELECT count(*) FROM alice.m_items) <> 15 OR (SELECT count(*) FROM pg_class WHERE relname IN ('m', 'm_users', 'm_items') AND relowner = 'regress_lepton_alice'::regrole AND relnamespace = 'alice'::regnamespace) <> 3
			THEN ', to another''s model' ELSE '' END;
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN outcome := SQLERRM;
		WHEN OTHERS THEN outcome := SQLSTATE || ': ' || SQLERRM;
	END;
	RETURN outcome;
END $$;
-- as after a restore, when no table is tied to a model
DELETE FROM pg_depend WHERE objid IN ('forged.m_users'::regclass, 'forged.m_items'::regclass, 'alice.m_items'::regclass) AND refclassid = 'pg_class'::regclass AND deptype = 'a';
\pset format unaligned
\pset fieldsep ' | '
-- a superuser's calls: what comes of them, and the relations for which it does
SELECT string_agg(function, ', ' ORDER BY function COLLATE "C") AS functions, outcome, kinds
FROM (SELECT replace(c.name, 'lepton_', '') AS function, o.outcome, string_agg(r.kind, ', ' ORDER BY r.kind COLLATE "C") AS kinds
	FROM forged.relations r, forged_calls c,
		LATERAL (SELECT forged_try(format('INSERT INTO forged.f SELECT version, created_at, is_current, algorithm, options, source, n_users, n_items, n_ratings, metrics, details, users, %s::oid::regclass, generation FROM forged.m WHERE is_current', r.relation), c.call, 'forged.f') AS o) t,
		LATERAL (SELECT regexp_replace(regexp_replace(t.o, 'table "\S+"', 'table "x"'), '^(23505|42601): .*', '\1') AS outcome) o
	GROUP BY 1, 2) f
GROUP BY outcome, kinds ORDER BY min(function COLLATE "C"), outcome COLLATE "C", kinds COLLATE "C";
SELECT count(*) FROM forged.f;

-- code on the model's own tables
DROP VIEW forged.view;
DROP MATERIALIZED VIEW forged.matview;
CREATE TABLE forged_code (n int, change text);
INSERT INTO forged_code
SELECT row_number() OVER (), replace(change, '@', t) FROM unnest(ARRAY['forged.m', 'forged.m_users', 'forged.m_items']) WITH ORDINALITY x(t, o), unnest(ARRAY[
	'CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON @ FOR EACH ROW EXECUTE FUNCTION forged.trigger()',
	'CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON @ FOR EACH STATEMENT EXECUTE FUNCTION forged.trigger()',
	'CREATE TRIGGER t BEFORE TRUNCATE ON @ EXECUTE FUNCTION forged.trigger()',
	'CREATE CONSTRAINT TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON @ DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION forged.trigger()',
	'CREATE TRIGGER t BEFORE INSERT ON @ FOR EACH ROW EXECUTE FUNCTION forged.trigger(); ALTER TABLE @ ENABLE ALWAYS TRIGGER t',
	'CREATE RULE r AS ON INSERT TO @ DO ALSO SELECT forged.spy(1)', 'CREATE RULE r AS ON DELETE TO @ DO INSTEAD SELECT forged.spy(1)', 'CREATE RULE r AS ON UPDATE TO @ DO ALSO NOTIFY x',
	'ALTER TABLE @ ADD CHECK (forged.is_true(version)) NOT VALID', 'ALTER TABLE @ ADD CHECK (version > 0)',
	'CREATE INDEX ON @ ((version + 1))', 'CREATE INDEX ON @ (version) WHERE version > 0', 'CREATE UNIQUE INDEX ON @ (version) WHERE forged.is_true(version)', 'CREATE STATISTICS forged.s ON (forged.spy(version)), (version + 1) FROM @',
	'ALTER TABLE @ ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON @ USING (forged.is_true(version))', 'ALTER TABLE @ FORCE ROW LEVEL SECURITY', 'CREATE POLICY p ON @ USING (forged.is_true(version))']) WITH ORDINALITY y(change, p)
WHERE t <> 'forged.m' OR change !~ 'UNIQUE|CHECK .version >'
UNION ALL
SELECT 100 + row_number() OVER (), change FROM unnest(ARRAY[
	'ALTER TABLE forged.m_items ADD extra bigint DEFAULT forged.spy(0)', 'ALTER TABLE forged.m_items ADD extra bigint GENERATED ALWAYS AS (forged.spy(version)) STORED', 'ALTER TABLE forged.m_items ADD extra bigint GENERATED ALWAYS AS IDENTITY',
	'CREATE DOMAIN forged.d AS bigint DEFAULT 1 CHECK (forged.is_true(VALUE)); ALTER TABLE forged.m_items ADD extra forged.d', 'ALTER TABLE forged.m_items ALTER n_ratings SET DEFAULT forged.spy(1)',
	'ALTER TABLE forged.m_items DROP CONSTRAINT m_items_pkey', 'ALTER TABLE forged.m_items DROP CONSTRAINT m_items_pkey, ADD PRIMARY KEY (id, version)', 'ALTER TABLE forged.m_items DROP CONSTRAINT m_items_pkey, ADD PRIMARY KEY (version, id) DEFERRABLE INITIALLY DEFERRED',
	'ALTER TABLE forged.m_items DROP CONSTRAINT m_items_pkey, ADD PRIMARY KEY (version, id) INCLUDE (n)', 'ALTER TABLE forged.m_items ADD EXCLUDE USING btree (version WITH =, n WITH =)',
	'CREATE TABLE forged.child () INHERITS (forged.m_items)', 'CREATE TABLE forged.reference (v bigint, i bigint, FOREIGN KEY (v, i) REFERENCES forged.m_items DEFERRABLE)', 'ALTER TABLE forged.m_items ADD FOREIGN KEY (version) REFERENCES forged.m',
	'CREATE TABLE forged.parent (LIKE forged.m_items) PARTITION BY RANGE (forged.spy(n)); ALTER TABLE forged.parent ATTACH PARTITION forged.m_items DEFAULT',
	'ALTER TABLE forged.m_items SET UNLOGGED', 'ALTER TABLE forged.m_items ALTER factors SET STORAGE MAIN, ALTER neighbors SET STORAGE PLAIN', 'ALTER TABLE forged.m_items CLUSTER ON m_items_pkey', 'ALTER TABLE forged.m_items RENAME TO x', 'ALTER TABLE forged.m_items SET SCHEMA public',
	'ALTER TABLE forged.m_items RENAME id TO x', 'ALTER TABLE forged.m_items ALTER n TYPE bigint', 'ALTER TABLE forged.m_items DROP neighbors', 'ALTER TABLE forged.m_items ALTER id TYPE text COLLATE "C"',
	'ALTER TABLE forged.m NOT OF', 'ALTER TABLE forged.m SET UNLOGGED', 'ALTER TABLE forged.m RENAME TO x', 'CREATE INDEX ON forged.m USING gin (details)', 'CREATE UNIQUE INDEX ON forged.m (algorithm)',
	'CREATE TABLE forged.reference (v bigint REFERENCES forged.m ON DELETE CASCADE)', 'DROP TABLE forged.m_items', 'TRUNCATE forged.m_items', 'DELETE FROM forged.m_users']) change;
-- what still answers, by what was put there; a WARNING would say that something ran
SELECT c.change, o.outcome, string_agg(replace(f.name, 'lepton_', ''), ', ' ORDER BY f.name COLLATE "C") AS functions
FROM forged_code c, forged_calls f, LATERAL (SELECT forged_try(c.change, f.call, 'forged.m') AS outcome) o
WHERE f.name NOT IN ('lepton_cache', 'lepton_topn', 'lepton_similar', 'lepton_topn_all', 'lepton_topn_users', 'lepton_topn_for', 'lepton_explain', 'lepton_evaluate', 'lepton_set_owner', 'lepton_publish', 'lepton_models', 'lepton_versions')
GROUP BY c.n, 1, 2 ORDER BY c.n, o.outcome COLLATE "C";
\pset format aligned

DROP FUNCTION forged_try;
DROP TABLE forged_calls, forged_code;
SELECT lepton_drop(m) FROM unnest(ARRAY['forged.m', 'alice.m', 'forged.f']) m;
DROP TABLE forged_temp;
SET client_min_messages = error;
DROP SCHEMA forged, alice CASCADE;
DROP TABLE forged_ratings;
DROP SERVER regress_lepton_server;
DROP FOREIGN DATA WRAPPER regress_lepton_fdw;
DROP ROLE regress_lepton_forger, regress_lepton_alice;
