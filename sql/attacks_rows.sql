-- what row security and rights hide stays hidden: sources are read as the caller, live ones as the model's owner
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_lepton_owner;
CREATE ROLE regress_lepton_tenant;
CREATE ROLE regress_lepton_group;
CREATE SCHEMA rows;
GRANT USAGE, CREATE ON SCHEMA rows TO regress_lepton_owner, regress_lepton_tenant;
CREATE TABLE rows.ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * 3 + i * 5) % 5)::float8 AS rating, timestamptz '2025-01-01' + (u + i) * interval '1 day' AS rated_at, CASE WHEN u > 20 THEN 'secret' ELSE 'open' END AS tenant
FROM generate_series(1, 40) u, generate_series(1, 15) i WHERE (u + i * 3) % 4 > 0;
CREATE INDEX ON rows.ratings (user_id);
-- a row that is hidden, and would make whoever reads it fail
INSERT INTO rows.ratings VALUES (77, 1, 'NaN', 'infinity', 'secret'), (NULL, 1, 1, now(), 'secret');
ALTER TABLE rows.ratings ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON rows.ratings TO regress_lepton_tenant USING (tenant = 'open');
GRANT SELECT ON rows.ratings TO regress_lepton_tenant, regress_lepton_owner;
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/outcome.sql'
\i :include

-- a tenant: everything that reads a source counts the rows that she sees
SET ROLE regress_lepton_tenant;
SELECT n_users, n_ratings = (SELECT count(*) FROM rows.ratings) AS as_she_sees FROM lepton_train('rows.mine', 'rows.ratings', '{"algorithm": "als", "factors": 2, "epochs": 1, "live": false}');
SELECT topic, value FROM lepton_inspect('rows.ratings') WHERE topic IN ('rows', 'users', 'ratings', 'NULL in user_id');
SELECT (SELECT max(n) < 460 FROM lepton_evaluate('rows.mine', 'rows.ratings')) AS evaluated, (SELECT max(n) < 460 FROM lepton_cross_validate('rows.ratings', '{"algorithm": "baseline"}', 2)) AS validated, (SELECT max(n) < 460 FROM lepton_tune('rows.ratings', '{"factors": [2, 3]}', '{"algorithm": "als", "epochs": 1}', 2)) AS tuned,
	(SELECT count(*) > 0 FROM lepton_drift('rows.mine', 'rows.ratings')) AS drift;
SELECT lepton_report('rows.mine') ~ 'secret|NaN' AS says_more;
-- an error in her query is that of rows that she sees
SELECT answer($$SELECT lepton_train('rows.other', 'SELECT user_id, item_id, 1 / (rating - 3) AS rating FROM rows.ratings')$$);
RESET ROLE;
SELECT answer($$SELECT lepton_train('rows.all', 'rows.ratings')$$);
-- with row security off she is refused, not shown
SET ROLE regress_lepton_tenant;
SET row_security = off;
SELECT answer($$SELECT lepton_train('rows.mine', 'rows.ratings')$$), answer($$SELECT count(*) FROM lepton_inspect('rows.ratings')$$);
RESET row_security;
-- no policy for the owner: she has no row
SET ROLE regress_lepton_owner;
SELECT answer($$SELECT lepton_train('rows.none', 'rows.ratings')$$);
RESET ROLE;

-- functions that look at each row they are given, in a query over a view that is a barrier: they are given what it shows
CREATE VIEW rows.barrier WITH (security_barrier) AS SELECT * FROM rows.ratings WHERE tenant = 'open';
GRANT SELECT ON rows.barrier TO regress_lepton_owner;
SET ROLE regress_lepton_owner;
CREATE FUNCTION rows.leak(tenant text) RETURNS boolean COST 0.0001 LANGUAGE plpgsql AS $$ BEGIN IF tenant = 'secret' THEN RAISE WARNING 'leaked'; END IF; RETURN true; END $$;
SELECT n_users FROM lepton_train('rows.barred', 'SELECT user_id, item_id, rating FROM rows.barrier WHERE rows.leak(tenant)', '{"algorithm": "als", "factors": 2, "epochs": 1, "live": true}');
SELECT count(*) FROM lepton_topn('rows.barred', 30, 3);
SELECT item_id FROM lepton_topn('rows.barred', 30, 3) EXCEPT SELECT item_id FROM lepton_topn('rows.barred', -1, 3);
SELECT lepton_predict('rows.barred', 30, 1) = lepton_predict('rows.barred', -1, 1) AS nobody;
SELECT count FROM lepton_forget('rows.barred', 30) LIMIT 1;
RESET ROLE;

-- live: by the rights of the model's owner, who may see less or more than who asks
CREATE POLICY owner ON rows.ratings TO regress_lepton_owner USING (tenant = 'open' AND user_id < 10);
SET ROLE regress_lepton_owner;
SELECT n_users FROM lepton_train('rows.live', 'rows.ratings', '{"algorithm": "als", "factors": 2, "epochs": 1, "live": true}');
SELECT lepton_predict('rows.live', 30, 1) = lepton_predict('rows.live', -1, 1) AS nobody;
RESET ROLE;
SELECT lepton_predict('rows.live', 30, 1) = lepton_predict('rows.live', -1, 1) AS nobody_for_a_superuser, lepton_predict('rows.live', 77, 1) IS NOT NULL AS hidden_is_not_read;
SET ROLE regress_lepton_tenant;
SELECT answer($$SELECT lepton_predict('rows.live', 1, 1)$$);
RESET ROLE;
-- the owner may see all the hidden rows: what is wrong with one is told to who may read the model, as by a view of hers
DROP POLICY owner ON rows.ratings;
CREATE POLICY owner ON rows.ratings TO regress_lepton_owner USING (true);
GRANT SELECT ON rows.live TO regress_lepton_tenant;
SET ROLE regress_lepton_tenant;
SELECT answer($$SELECT lepton_predict('rows.live', 77, 1)$$), answer($$SELECT lepton_predict('rows.live', 30, 1) IS NOT NULL$$);
-- SELECT on the model is what counts: not on the columns, not on the tables beside it
RESET ROLE;
REVOKE SELECT ON rows.live FROM regress_lepton_tenant;
GRANT SELECT (version, is_current, details) ON rows.live TO regress_lepton_tenant;
GRANT ALL ON rows.live_users, rows.live_items TO regress_lepton_tenant;
SET ROLE regress_lepton_tenant;
SELECT answer($$SELECT lepton_predict('rows.live', 1, 1)$$), (SELECT count(*) FROM lepton_models WHERE model = 'rows.live'::regclass), (SELECT count(*) FROM lepton_versions('rows.live')), (SELECT count(*) FROM lepton_cache() WHERE model = 'rows.live'::regclass);
RESET ROLE;
REVOKE ALL ON rows.live_users, rows.live_items FROM regress_lepton_tenant;

-- what gives and takes rights, while a call site has answered before: each counts for the next call
CREATE FUNCTION rows.ask() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN lepton_predict('rows.live', 1, 1) IS NOT NULL; EXCEPTION WHEN OTHERS THEN RETURN sqlerrm; END $$;
CREATE FUNCTION rows.list() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM lepton_topn('rows.live', 1, 2)); EXCEPTION WHEN OTHERS THEN RETURN sqlerrm; END $$;
-- since PostgreSQL 16 a membership keeps what it was granted with
CREATE FUNCTION rows.inheriting(how text) RETURNS text LANGUAGE sql AS $$ SELECT format('REVOKE regress_lepton_group FROM regress_lepton_tenant; ALTER ROLE regress_lepton_tenant %s; GRANT regress_lepton_group TO regress_lepton_tenant', how) $$;
DO $$
DECLARE
	change text;
BEGIN
	FOREACH change IN ARRAY ARRAY['GRANT SELECT ON rows.live TO regress_lepton_tenant', 'REVOKE USAGE ON SCHEMA rows FROM regress_lepton_tenant', 'GRANT USAGE ON SCHEMA rows TO regress_lepton_tenant', 'REVOKE SELECT ON rows.live FROM regress_lepton_tenant',
		'GRANT SELECT ON rows.live TO regress_lepton_group', 'GRANT regress_lepton_group TO regress_lepton_tenant', rows.inheriting('NOINHERIT'), rows.inheriting('INHERIT'), 'REVOKE regress_lepton_group FROM regress_lepton_tenant',
		'GRANT SELECT ON ALL TABLES IN SCHEMA rows TO PUBLIC', 'REVOKE SELECT ON ALL TABLES IN SCHEMA rows FROM PUBLIC', 'GRANT pg_read_all_data TO regress_lepton_tenant', 'REVOKE pg_read_all_data FROM regress_lepton_tenant', 'ALTER ROLE regress_lepton_tenant SUPERUSER', 'ALTER ROLE regress_lepton_tenant NOSUPERUSER',
		'ALTER TABLE rows.live OWNER TO regress_lepton_tenant', 'ALTER TABLE rows.live OWNER TO regress_lepton_owner', 'GRANT SELECT ON rows.live TO regress_lepton_tenant', 'ALTER TABLE rows.live ENABLE ROW LEVEL SECURITY', 'ALTER TABLE rows.live DISABLE ROW LEVEL SECURITY', 'ALTER TABLE rows.live_items ENABLE ROW LEVEL SECURITY', 'ALTER TABLE rows.live_items DISABLE ROW LEVEL SECURITY',
		'ALTER TABLE rows.live RENAME TO moved', 'ALTER TABLE rows.moved RENAME TO live'] LOOP
		EXECUTE change;
		SET LOCAL ROLE regress_lepton_tenant;
		IF has_schema_privilege('rows', 'USAGE') THEN
			RAISE WARNING '%: %, %', change, rows.ask(), rows.list();
		ELSE
			RAISE WARNING '%: no schema', change;
		END IF;
		RESET ROLE;
	END LOOP;
END $$;
-- undone changes of rights are undone for a call site, too
BEGIN;
SAVEPOINT s;
REVOKE SELECT ON rows.live FROM regress_lepton_tenant;
SET LOCAL ROLE regress_lepton_tenant;
SELECT rows.ask(), rows.list();
ROLLBACK TO s;
SET LOCAL ROLE regress_lepton_tenant;
SELECT rows.ask(), rows.list();
COMMIT;

-- what is done to the tables by hand: what was, or an error, never a crash and nothing of others
CREATE FUNCTION rows.answers() RETURNS text LANGUAGE sql AS $$ SELECT rows.ask() || ', ' || rows.list() || ', ' || answer('SELECT count(*) FROM lepton_check(''rows.live'')') $$;
SET lepton.live = off;
SELECT rows.answers();
DO $$
DECLARE
	change text;
BEGIN
	FOREACH change IN ARRAY ARRAY['TRUNCATE rows.live_items', 'TRUNCATE rows.live_users', 'TRUNCATE rows.live', 'DELETE FROM rows.live_items WHERE n = 3', 'DELETE FROM rows.live_users', 'UPDATE rows.live_items SET n = n + 1', 'UPDATE rows.live_items SET id = -id', 'UPDATE rows.live SET is_current = false', 'UPDATE rows.live SET version = 7', 'UPDATE rows.live SET generation = 7',
		'UPDATE rows.live SET users = items', 'UPDATE rows.live SET n_items = 2147483646', 'UPDATE rows.live SET n_users = 2147483646', 'UPDATE rows.live SET n_items = 9223372036854775807', 'UPDATE rows.live SET n_items = -1', 'UPDATE rows.live SET details = NULL', 'UPDATE rows.live SET details = ''[]''', 'CLUSTER rows.live_items USING live_items_pkey'] LOOP
		BEGIN
			EXECUTE change;
			RAISE WARNING '%: %', change, rows.answers();
			RAISE EXCEPTION USING ERRCODE = 'ZZZZZ';
		EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN NULL;
		END;
	END LOOP;
END $$;
SELECT rows.answers();
-- another model of the same name, at once
DO $$
BEGIN
	FOR n IN 1..3 LOOP
		PERFORM lepton_drop('rows.live');
		PERFORM lepton_train('rows.live', format('SELECT user_id, item_id + %s AS item_id, rating FROM rows.ratings WHERE user_id < 20', n * 1000), '{"algorithm": "als", "factors": 2, "epochs": 1}');
		RAISE WARNING '%: %', n, (SELECT min(item_id) / 1000 FROM lepton_topn('rows.live', 1, 5));
	END LOOP;
END $$;
SELECT lepton_drop(m) FROM unnest(ARRAY['rows.mine', 'rows.barred', 'rows.live']) m;
RESET lepton.live;
SET client_min_messages = error;
DROP SCHEMA rows CASCADE;
DROP ROLE regress_lepton_owner, regress_lepton_tenant, regress_lepton_group;
DROP FUNCTION outcome, answer;
