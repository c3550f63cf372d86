-- what the code in a model's source tries while a superuser has the model trained, read or changed: it runs with
-- the rights of the model's owner, read only, and leaves nothing behind in the session
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_lepton_evil;
CREATE ROLE regress_lepton_victim;
CREATE SCHEMA evil AUTHORIZATION regress_lepton_evil;
CREATE TABLE evil.secret AS SELECT 1 AS a;
SET ROLE regress_lepton_evil;
CREATE TABLE evil.ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating FROM generate_series(1, 20) u, generate_series(1, 15) i WHERE (u + i * 3) % 4 > 0;
CREATE INDEX ON evil.ratings (user_id);
CREATE TABLE evil.log (entry text);
-- a statement as whoever runs it; what becomes of it is a WARNING, so that all of them are tried
CREATE FUNCTION evil.try(statement text) RETURNS int VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RAISE WARNING '%: done', statement;
	RETURN 0;
EXCEPTION WHEN OTHERS THEN
	-- which versions of PostgreSQL say in other words
	RAISE WARNING '%: %', statement, regexp_replace(sqlerrm, '^.* to COPY to or from an external program$', 'permission denied to COPY to or from an external program');
	RETURN 0;
END $$;
CREATE TABLE evil.attempts (n int, statement text);
INSERT INTO evil.attempts
SELECT row_number() OVER (), statement FROM unnest(ARRAY[
	'RESET ROLE', 'SET ROLE NONE', 'SET LOCAL ROLE regress_lepton_victim', 'RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION DEFAULT',
	'SELECT set_config(''role'', ''none'', false)', 'SELECT set_config(''session_authorization'', ''regress_lepton_victim'', true)',
	'ALTER ROLE regress_lepton_evil SUPERUSER', 'GRANT regress_lepton_victim TO regress_lepton_evil',
	'SELECT a FROM evil.secret', 'SELECT rolpassword FROM pg_authid', 'COPY evil.log TO PROGRAM ''true''', 'SELECT pg_read_file(''PG_VERSION'')', 'LOAD ''lepton''',
	'SET transaction_read_only = off', 'SET TRANSACTION READ WRITE', 'SELECT set_config(''transaction_read_only'', ''off'', true)',
	'INSERT INTO evil.log VALUES (current_user)', 'CREATE TABLE evil.made (a int)', 'CREATE TEMP TABLE made (a int)', 'CREATE TEMP VIEW made AS SELECT 1', 'SELECT nextval(''evil.s'')',
	'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'PREPARE p AS SELECT 1', 'LISTEN l', 'DISCARD ALL', 'DISCARD TEMP', 'COMMIT', 'ROLLBACK',
	'UPDATE evil.m SET source = ''SELECT 1''', 'DELETE FROM evil.m', 'ALTER TABLE evil.m RENAME TO n', 'DROP TABLE evil.m', 'TRUNCATE evil.m_users',
	'ALTER TABLE evil.m OWNER TO regress_lepton_victim', 'GRANT SELECT ON evil.m TO PUBLIC',
	'SELECT lepton_drop(''evil.m'')', 'SELECT lepton_train(''evil.m'', ''evil.ratings'')', 'SELECT lepton_forget(''evil.m'', 1, true)', 'SELECT lepton_rollback(''evil.m'')',
	'SELECT lepton_set_owner(''evil.m'', ''regress_lepton_evil'')', 'CALL lepton_retrain(''evil.m'')', 'SELECT lepton_import(''evil.n'', ''x'')',
	'SET lepton.max_training_memory = 0', 'SET session_replication_role = replica', 'SET log_statement = ''none''']) statement;
CREATE SEQUENCE evil.s;
CREATE FUNCTION evil.attack() RETURNS int VOLATILE LANGUAGE plpgsql AS $$
DECLARE
	attempt text;
BEGIN
	RAISE WARNING 'runs as %', current_user;
	FOR attempt IN SELECT statement FROM evil.attempts ORDER BY n LOOP
		PERFORM evil.try(attempt);
	END LOOP;
	-- these are anybody's to set, and must be what they were when the call is over
	PERFORM set_config('search_path', 'evil', false), set_config('work_mem', '64kB', false), set_config('lepton.live', 'off', false), set_config('DateStyle', 'German', false);
	RETURN 0;
END $$;
-- the same in short: who runs it, and whether anything can be written or become another
CREATE FUNCTION evil.look() RETURNS int VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING 'runs as %', current_user;
	RETURN evil.try('RESET ROLE') + evil.try('INSERT INTO evil.log VALUES (1)') + evil.try('CREATE TEMP TABLE made (a int)') + evil.try('SELECT set_config(''transaction_read_only'', ''off'', true)');
END $$;
SELECT version FROM lepton_train('evil.m', 'SELECT user_id, item_id, rating FROM evil.ratings', '{"algorithm": "baseline", "keep": 10}');
-- a model whose current version's source is the attack: a row can be changed by its owner
UPDATE evil.m SET source = 'SELECT user_id, item_id, rating + (SELECT evil.attack()) AS rating FROM evil.ratings';
RESET ROLE;

-- the nightly job
CREATE TABLE settings_before AS SELECT name, setting FROM pg_settings;
CALL lepton_retrain('evil.m', '{"guard": false}');
SELECT current_user = session_user AS same, current_setting('transaction_read_only') AS read_only;
SELECT b.name, b.setting, s.setting AS now FROM settings_before b JOIN pg_settings s USING (name) WHERE s.setting <> b.setting;
-- and within a transaction
BEGIN;
SET LOCAL client_min_messages = error;
CALL lepton_retrain('evil.m', '{"guard": false}');
SELECT current_user = session_user AS same, current_setting('transaction_read_only') AS read_only;
SELECT b.name, b.setting, s.setting AS now FROM settings_before b JOIN pg_settings s USING (name) WHERE s.setting <> b.setting AND name <> 'client_min_messages';
COMMIT;
SELECT count(*) AS logged FROM evil.log;
SELECT to_regclass('evil.made') AS made, to_regclass('pg_temp.made') AS temporary, (SELECT count(*) FROM pg_cursors WHERE name = 'c') AS cursors, (SELECT count(*) FROM pg_prepared_statements WHERE name = 'p') AS prepared, (SELECT count(*) FROM pg_listening_channels()) AS channels;

-- a call that fails in the middle gives the session back, too
UPDATE evil.m SET source = 'SELECT user_id, item_id, rating / (SELECT evil.look()) AS rating FROM evil.ratings';
CALL lepton_retrain('evil.m');
SELECT current_user = session_user AS same, current_setting('transaction_read_only') AS read_only, current_setting('search_path') AS search_path;
DO $$ BEGIN CALL lepton_retrain('evil.m'); EXCEPTION WHEN division_by_zero THEN RAISE WARNING 'caught as session user: %', current_user = session_user; END $$;

-- views with row security on what they read, an operator, a domain's CHECK, a column's type: each runs code
SET ROLE regress_lepton_evil;
CREATE FUNCTION evil.add(a int, b int) RETURNS int VOLATILE LANGUAGE plpgsql AS $$ BEGIN IF a = 1 AND b = 1 THEN RAISE WARNING 'operator runs as %', current_user; END IF; RETURN a; END $$;
CREATE OPERATOR evil.+ (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.add);
CREATE FUNCTION evil.is_good(a int) RETURNS boolean VOLATILE LANGUAGE plpgsql AS $$ BEGIN IF a = 1 THEN RAISE WARNING 'CHECK runs as %', current_user; END IF; RETURN true; END $$;
CREATE DOMAIN evil.id AS int CHECK (evil.is_good(VALUE));
CREATE FUNCTION evil.may(a int) RETURNS boolean VOLATILE LANGUAGE plpgsql AS $$ BEGIN IF a = 1 THEN RAISE WARNING 'policy runs as %', current_user; END IF; RETURN true; END $$;
CREATE TABLE evil.few AS SELECT user_id, max(item_id) AS item_id, 1 AS rating FROM evil.ratings GROUP BY user_id UNION SELECT 1, 1, 1;
ALTER TABLE evil.few ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON evil.few USING (user_id > 1 OR evil.may(item_id));
CREATE VIEW evil.view AS SELECT user_id, item_id::evil.id AS item_id, user_id OPERATOR(evil.+) item_id AS rating FROM evil.few;
UPDATE evil.m SET source = 'evil.view';
RESET ROLE;
CALL lepton_retrain('evil.m', '{"guard": false}');

-- live reading, by whoever may read the model; trained in a session of the owner's, since hers can become another by RESET ROLE
SET SESSION AUTHORIZATION regress_lepton_evil;
CREATE VIEW evil.looks AS SELECT user_id, item_id, rating + (SELECT evil.look()) AS rating FROM evil.ratings;
SET client_min_messages = error;
SELECT version FROM lepton_train('evil.live', 'evil.looks', '{"algorithm": "als", "factors": 2, "epochs": 1, "live": true}');
SELECT version FROM lepton_train('evil.eligible', 'evil.ratings', '{"algorithm": "als", "factors": 2, "epochs": 1, "live": false, "eligible": "SELECT item_id + (SELECT evil.look()) FROM evil.ratings WHERE item_id < 2"}');
GRANT USAGE ON SCHEMA evil TO regress_lepton_victim;
GRANT SELECT ON evil.live, evil.eligible TO regress_lepton_victim;
RESET SESSION AUTHORIZATION;
SET client_min_messages = warning;
SELECT count(*) FROM lepton_topn('evil.live', 1, 3);
SELECT lepton_predict('evil.live', 2, 3) IS NOT NULL AS predicted;
SELECT count(*) FROM lepton_topn('evil.eligible', 1, 3);
SET ROLE regress_lepton_victim;
SELECT count(*) FROM lepton_topn('evil.live', 1, 3);
SELECT count(*) FROM lepton_topn('evil.eligible', 1, 3);
RESET ROLE;
-- she who forgets a user for somebody
SELECT what, count FROM lepton_forget('evil.live', 1);
SELECT what, count FROM lepton_forget('evil.live', 999) WHERE count IS NOT NULL;
SELECT current_user = session_user AS same, current_setting('transaction_read_only') AS read_only, current_setting('search_path') AS search_path;

-- a superuser who trains another's model herself
SELECT version FROM lepton_train('evil.m', 'evil.ratings', '{"algorithm": "baseline"}');
-- the search path that a row has is read as names, and pg_temp comes last whatever it says
UPDATE evil.m SET details = jsonb_set(details, '{search_path}', '"pg_temp, evil, \"a\\\", b\""');
CALL lepton_retrain('evil.m', '{"guard": false}');
UPDATE evil.m SET details = jsonb_set(details, '{search_path}', '"evil, ; DROP TABLE evil.log"');
CALL lepton_retrain('evil.m', '{"guard": false}');
UPDATE evil.m SET details = jsonb_set(details, '{search_path}', '7');
CALL lepton_retrain('evil.m', '{"guard": false}');

-- options of a row are the owner's words, too
UPDATE evil.m SET details = jsonb_set(details, '{search_path}', '"evil"'), source = 'evil.ratings', options = '{"algorithm": "baseline", "eligible": "SELECT 1 + evil.look()"}';
CALL lepton_retrain('evil.m', '{"guard": false}');
UPDATE evil.m SET options = '{"eligible": "DELETE FROM evil.log RETURNING 1"}';
CALL lepton_retrain('evil.m', '{"guard": false}');
UPDATE evil.m SET options = '[]';
CALL lepton_retrain('evil.m', '{"guard": false}');

-- plans are kept for a few models, and others' take all places while one is made (evil.at 1 and 2) or run (3, after a call that
-- failed): no owner runs what another's plan was
RESET ROLE;
CREATE SCHEMA victim AUTHORIZATION regress_lepton_victim;
SET ROLE regress_lepton_victim;
GRANT USAGE ON SCHEMA victim TO regress_lepton_evil;
CREATE TABLE victim.ratings AS SELECT u AS user_id, i AS item_id, 1 + (u + i) % 5 AS rating FROM generate_series(1, 8) u, generate_series(1, 8) i WHERE (u + i) % 4 > 0;
CREATE TABLE victim.secret AS SELECT 4711 AS code;
DO $$
BEGIN
	FOR i IN 1 .. 16 LOOP
		PERFORM lepton_train('victim.m' || i, 'victim.ratings', '{"algorithm": "baseline", "live": false, "eligible": "SELECT item_id FROM victim.ratings"}');
		EXECUTE format('GRANT SELECT ON victim.m%s TO regress_lepton_evil', i);
	END LOOP;
END $$;
SET ROLE regress_lepton_evil;
CREATE FUNCTION evil.crowd(at int) RETURNS int VOLATILE LANGUAGE plpgsql AS $$
DECLARE
	calls int = 1 + coalesce(nullif(current_setting('evil.calls', true), ''), '0')::int;
BEGIN
	PERFORM set_config('evil.calls', calls::text, true);
	IF at = 3 AND calls = 1 THEN
		PERFORM evil.try('SELECT lepton_topn(''evil.crowded'', 1, 1)');
	END IF;
	IF at = calls OR (at = 3 AND calls = 1) THEN
		PERFORM count(*) FROM generate_series(1, 16) i, LATERAL lepton_topn('victim.m' || i, 1, 1);
	END IF;
	RETURN 0;
END $$;
CREATE FUNCTION evil.planned() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN current_setting('evil.at') <> '3' THEN evil.crowd(current_setting('evil.at')::int) ELSE 0 END;
END $$;
CREATE FUNCTION evil.takes(id bigint) RETURNS boolean VOLATILE COST 1000 LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> 'regress_lepton_evil' THEN
		RAISE WARNING 'runs as %', current_user;
		PERFORM evil.try('SELECT code FROM victim.secret');
	ELSIF current_setting('evil.at') = '3' THEN
		PERFORM evil.crowd(3);
	END IF;
	RETURN id > 0;
END $$;
CREATE TABLE evil.goods AS SELECT id FROM generate_series(1::bigint, 2000) id;
ALTER TABLE evil.goods ADD PRIMARY KEY (id);
ANALYZE evil.goods;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
GRANT SELECT ON evil.goods TO PUBLIC;
SET evil.at = 0;
SELECT version FROM lepton_train('evil.crowded', 'evil.ratings', '{"algorithm": "als", "factors": 2, "epochs": 1, "live": false, "eligible": "SELECT id FROM evil.goods WHERE id > evil.planned() AND evil.takes(id)"}');
-- sessions that have no plan yet
\c -
SET client_min_messages = warning;
SET evil.at = 1;
SET ROLE regress_lepton_evil;
SELECT count(*) FROM lepton_topn('evil.crowded', 1, 1);
SELECT count(*) FROM generate_series(1, 16) i, LATERAL lepton_topn('victim.m' || i, 1, 1);
\c -
SET client_min_messages = warning;
SET evil.at = 2;
SET ROLE regress_lepton_evil;
SELECT count(*) FROM lepton_topn('evil.crowded', 1, 1);
SELECT count(*) FROM generate_series(1, 16) i, LATERAL lepton_topn('victim.m' || i, 1, 1);
\c -
SET client_min_messages = warning;
SET evil.at = 3;
SET ROLE regress_lepton_evil;
SELECT count(*) FROM lepton_topn('evil.crowded', 1, 1);
SELECT count(*) FROM generate_series(1, 16) i, LATERAL lepton_topn('victim.m' || i, 1, 1);
RESET ROLE;

SELECT lepton_drop(m) FROM unnest(ARRAY['evil.m', 'evil.live', 'evil.eligible', 'evil.crowded']) m;
DROP TABLE settings_before;
SET client_min_messages = error;
DROP SCHEMA evil, victim CASCADE;
DROP ROLE regress_lepton_evil, regress_lepton_victim;
