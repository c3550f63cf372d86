-- settings: who may set what
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_lepton_nobody;
GRANT CREATE ON SCHEMA public TO regress_lepton_nobody;
CREATE TABLE settings_ratings AS SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating FROM generate_series(1, 20) u, generate_series(1, 15) i WHERE (u + i * 3) % 4 > 0;
GRANT SELECT ON settings_ratings TO PUBLIC;
-- user: anybody, for her session; superuser: or who was granted it; sighup: the server's configuration
SELECT lepton_info() IS NOT NULL AS loaded LIMIT 1;
SELECT name, context, min_val, max_val, unit, enumvals FROM pg_settings WHERE name LIKE 'lepton.%' ORDER BY name COLLATE "C";
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/outcome.sql'
\i :include
SET ROLE regress_lepton_nobody;
SELECT name, outcome(format('SET LOCAL %s = %L', name, setting)) AS by_set, outcome(format('SELECT set_config(%L, %L, true)', name, setting)) AS by_set_config, outcome(format('ALTER ROLE regress_lepton_nobody SET %s = %L', name, setting)) AS for_the_role,
	outcome(format('CREATE FUNCTION settings_f() RETURNS int LANGUAGE sql SET %s = %L AS ''SELECT 1''; SELECT settings_f(); DROP FUNCTION settings_f()', name, setting)) AS by_a_function
FROM pg_settings WHERE name LIKE 'lepton.%' ORDER BY name COLLATE "C";
ALTER SYSTEM SET lepton.threads = 1;
SET lepton.nosuch = 1;
-- at their limits and beyond
SELECT name, v, replace(outcome(format('SET LOCAL %s = %L', name, v)), ' kB', '') AS outcome FROM pg_settings, unnest(ARRAY[min_val, max_val, (min_val::numeric - 1)::text, (max_val::numeric + 1)::text, '9223372036854775808', 'NaN', '']) v WHERE name LIKE 'lepton.%' AND context = 'user' AND vartype = 'integer' ORDER BY name COLLATE "C", v::text COLLATE "C";
-- no machine has the kernels of all others
SELECT count(*) > 0 AS refused FROM unnest(ARRAY['neon', 'avx2', 'avx512']) v WHERE outcome(format('SET LOCAL lepton.kernel = %L', v)) = format('22023: invalid value for parameter "lepton.kernel": "%s"', v);
SELECT v, outcome(format('SET LOCAL lepton.kernel = %L', v)) FROM unnest(ARRAY['auto', 'portable', 'avx1024', '', '0']) v;
SET lepton.threads = 1024;
SET lepton.cache_size = 1024;
SET lepton.log_progress = off;
SELECT version FROM lepton_train('settings_m', 'settings_ratings', '{"algorithm": "als", "factors": 2, "epochs": 1}');
SELECT count(*) FROM lepton_topn('settings_m', 1, 3);
RESET lepton.threads;
RESET lepton.cache_size;
-- what a training may take is not hers to raise
RESET ROLE;
SET lepton.max_training_memory = '1MB';
SET ROLE regress_lepton_nobody;
SELECT outcome($$SELECT lepton_train('settings_m', 'settings_ratings', '{"algorithm": "als", "factors": 1024}')$$) ~ '^53400: ' AS refused;
SET lepton.max_training_memory = 0;
RESET lepton.max_training_memory;
RESET ROLE;
GRANT SET ON PARAMETER lepton.max_training_memory TO regress_lepton_nobody;
SET ROLE regress_lepton_nobody;
SET lepton.max_training_memory = '2MB';
SHOW lepton.max_training_memory;
RESET ROLE;
REVOKE SET ON PARAMETER lepton.max_training_memory FROM regress_lepton_nobody;
RESET lepton.max_training_memory;
-- a training for somebody has the limit of who calls it, not what the source's code says
CREATE FUNCTION settings_raise() RETURNS int VOLATILE LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('lepton.threads', '7', false); BEGIN PERFORM set_config('lepton.max_training_memory', '0', false); EXCEPTION WHEN insufficient_privilege THEN NULL; END; RETURN 0; END $$;
SET ROLE regress_lepton_nobody;
SELECT version FROM lepton_train('settings_m', 'SELECT user_id, item_id, rating + (SELECT settings_raise()) AS rating FROM settings_ratings', '{"algorithm": "als", "factors": 2, "epochs": 1}');
-- in a session of hers she may
SHOW lepton.threads;
RESET lepton.threads;
RESET ROLE;
CALL lepton_retrain('settings_m', '{"guard": false}');
SHOW lepton.threads;
SHOW lepton.max_training_memory;
SELECT lepton_drop('settings_m');
ALTER ROLE regress_lepton_nobody RESET ALL;
DROP FUNCTION outcome, answer, settings_raise;
DROP TABLE settings_ratings;
REVOKE CREATE ON SCHEMA public FROM regress_lepton_nobody;
DROP ROLE regress_lepton_nobody;
