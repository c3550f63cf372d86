-- who may do what with a model: each function that the extension has, as six roles
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE ROLE regress_lepton_m_owner;
CREATE ROLE regress_lepton_m_reader;
CREATE ROLE regress_lepton_m_writer;
CREATE ROLE regress_lepton_m_stranger;
CREATE ROLE regress_lepton_m_forger;
GRANT CREATE ON SCHEMA public TO regress_lepton_m_owner, regress_lepton_m_reader, regress_lepton_m_writer, regress_lepton_m_stranger, regress_lepton_m_forger;
CREATE TABLE matrix_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating, timestamptz '2025-01-01' + u * interval '1 hour' AS rated_at FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u + i * 3) % 4 > 0;
GRANT SELECT ON matrix_ratings TO PUBLIC;
SET ROLE regress_lepton_m_owner;
SELECT count(*) FROM lepton_train('matrix_m', 'matrix_ratings', '{"algorithm": "als", "factors": 2, "epochs": 2, "live": false}');
SELECT count(*) FROM lepton_train('matrix_m', 'matrix_ratings', '{"algorithm": "als", "factors": 2, "epochs": 2, "live": false}');
GRANT SELECT ON matrix_m TO regress_lepton_m_reader;
GRANT INSERT, UPDATE, DELETE ON matrix_m TO regress_lepton_m_writer;
-- a table of the right type whose row leads to another's factors
SET ROLE regress_lepton_m_forger;
CREATE TABLE matrix_forged OF lepton_model;
RESET ROLE;
INSERT INTO matrix_forged SELECT * FROM matrix_m;

-- One row for each function, whatever ids are in its name (_text, _uuid, _of_text, _of_uuid count as the name without).
-- asks: what the function asks for. SELECT or ownership of the model; with neither, rows of what may be read, or nothing, since no model is named.
CREATE TABLE matrix (name text PRIMARY KEY, asks text CHECK (asks IN ('SELECT', 'ownership', 'shows', 'nothing')), call text);
INSERT INTO matrix VALUES
	('lepton_check', 'SELECT', $$SELECT count(*) FROM lepton_check(%L)$$),
	('lepton_drift', 'SELECT', $$SELECT count(*) FROM lepton_drift(%L, 'matrix_ratings')$$),
	('lepton_evaluate', 'SELECT', $$SELECT count(*) FROM lepton_evaluate(%L, 'matrix_ratings')$$),
	('lepton_explain', 'SELECT', $$SELECT count(*) FROM lepton_explain(%L, 1, 2)$$),
	('lepton_export', 'SELECT', $$SELECT lepton_export(%L) IS NULL$$),
	('lepton_predict', 'SELECT', $$SELECT lepton_predict(%L, 1, 2)$$),
	('lepton_predict_interval', 'SELECT', $$SELECT count(*) FROM lepton_predict_interval(%L, 1, 2)$$),
	('lepton_report', 'SELECT', $$SELECT length(lepton_report(%L))$$),
	('lepton_similar', 'SELECT', $$SELECT count(*) FROM lepton_similar(%L, 1)$$),
	('lepton_similar_users', 'SELECT', $$SELECT count(*) FROM lepton_similar_users(%L, 1)$$),
	('lepton_topn', 'SELECT', $$SELECT count(*) FROM lepton_topn(%L, 1, 5)$$),
	('lepton_topn_all', 'SELECT', $$SELECT count(*) FROM lepton_topn_all(%L, 5)$$),
	('lepton_topn_at', 'SELECT', $$SELECT count(*) FROM lepton_topn_at(%L, 1, now(), 5)$$),
	('lepton_topn_for', 'SELECT', $$SELECT count(*) FROM lepton_topn_for(%L, ARRAY[1, 2], weights => ARRAY[3, 4], n => 5)$$),
	('lepton_topn_users', 'SELECT', $$SELECT count(*) FROM lepton_topn_users(%L, 1, 5)$$),
	('lepton_drop', 'ownership', $$SELECT lepton_drop(%L)$$),
	('lepton_forget', 'ownership', $$SELECT count(*) FROM lepton_forget(%L, 1, true)$$),
	('lepton_pin', 'ownership', $$SELECT lepton_pin(%L, 2)$$),
	('lepton_publish', 'ownership', $$SELECT lepton_publish(%L, 2)$$),
	('lepton_retrain', 'ownership', $$CALL lepton_retrain(%L)$$),
	('lepton_rollback', 'ownership', $$SELECT lepton_rollback(%L, 1)$$),
	('lepton_set_owner', 'ownership', $$SELECT lepton_set_owner(%L, current_user)$$),
	('lepton_train', 'ownership', $$SELECT count(*) FROM lepton_train(%L, 'matrix_ratings', '{"algorithm": "baseline"}')$$),
	('lepton_versions', 'shows', $$SELECT 1 / count(*) FROM lepton_versions(%L)$$),
	('lepton_cache', 'nothing', NULL), ('lepton_changes', 'nothing', NULL), ('lepton_cross_validate', 'nothing', NULL), ('lepton_import', 'nothing', NULL),
	('lepton_info', 'nothing', NULL), ('lepton_inspect', 'nothing', NULL), ('lepton_options', 'nothing', NULL), ('lepton_trainings', 'nothing', NULL),
	('lepton_tune', 'nothing', NULL), ('lepton_vector', 'nothing', NULL),
	('lepton_topn_agg', 'nothing', NULL), ('lepton_topn_agg_add', 'nothing', NULL), ('lepton_topn_agg_combine', 'nothing', NULL), ('lepton_topn_agg_list', 'nothing', NULL),
	('lepton_train_add', 'nothing', NULL), ('lepton_train_combine', 'nothing', NULL), ('lepton_train_deserialize', 'nothing', NULL), ('lepton_train_final', 'nothing', NULL), ('lepton_train_serialize', 'nothing', NULL),
	('lepton_predict_support', 'nothing', NULL), ('lepton_topn_support', 'nothing', NULL), ('lepton_topn_all_support', 'nothing', NULL), ('lepton_topn_users_support', 'nothing', NULL);
CREATE VIEW matrix_functions AS
SELECT DISTINCT regexp_replace(p.proname, '(_text|_uuid)?(_of_text|_of_uuid)?$', '') AS name FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lepton');
-- every function has its row, every row its function
SELECT name, 'add a row to the table matrix in sql/matrix.sql: what it asks for, and a call with %L for the name of a model' AS missing FROM matrix_functions WHERE name NOT IN (SELECT name FROM matrix) ORDER BY 1;
SELECT name, 'there is no such function' AS surplus FROM matrix WHERE name NOT IN (SELECT name FROM matrix_functions) ORDER BY 1;

-- is the model as it was trained?
CREATE FUNCTION matrix_is_whole() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT count(*) FROM pg_class WHERE relname IN ('matrix_m', 'matrix_m_users', 'matrix_m_items') AND relowner = 'regress_lepton_m_owner'::regrole) = 3
		AND (SELECT count(*) FROM matrix_m_users) = 60 AND (SELECT count(*) FROM matrix_m_items) = 40 AND (SELECT count(*) FROM matrix_m) = 2;
END $$;
-- what becomes of a call, which is undone
CREATE FUNCTION matrix_try(who text, statement text, model text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	outcome text;
BEGIN
	IF statement IS NULL THEN
		RETURN NULL;
	END IF;
	BEGIN
		PERFORM set_config('role', who, true);
		EXECUTE format(statement, model);
		PERFORM set_config('role', 'none', true);
		RAISE EXCEPTION USING ERRCODE = 'ZZZZZ', MESSAGE = CASE WHEN model = 'matrix_m' OR matrix_is_whole() THEN 'yes' ELSE 'yes, to another''s model' END;
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN outcome := SQLERRM;
		WHEN insufficient_privilege THEN outcome := 'no';
		WHEN division_by_zero THEN outcome := 'no row';
		WHEN OTHERS THEN outcome := SQLSTATE || ' ' || SQLERRM;
	END;
	RETURN outcome;
END $$;
-- lepton_retrain runs the source that the row names as the owner: not while others may write the row
SELECT m.asks, m.name, matrix_try('none', call, 'matrix_m') AS superuser, matrix_try('regress_lepton_m_owner', call, 'matrix_m') AS owner, matrix_try('regress_lepton_m_reader', call, 'matrix_m') AS reader,
	matrix_try('regress_lepton_m_writer', call, 'matrix_m') AS writer, matrix_try('regress_lepton_m_stranger', call, 'matrix_m') AS stranger
FROM matrix m WHERE asks <> 'nothing' ORDER BY m.asks DESC, m.name COLLATE "C";
REVOKE INSERT, UPDATE, DELETE ON matrix_m FROM regress_lepton_m_writer;
SELECT matrix_try('none', call, 'matrix_m') AS superuser, matrix_try('regress_lepton_m_owner', call, 'matrix_m') AS owner, matrix_try('regress_lepton_m_reader', call, 'matrix_m') AS reader FROM matrix WHERE name = 'lepton_retrain';
-- the forger owns the table, but what its row names is another's: none gets at factors, not even a superuser by mistake;
-- what is done to the forged table is no harm to the model
SELECT m.name, matrix_try('regress_lepton_m_forger', call, 'matrix_forged') AS forger, matrix_try('none', call, 'matrix_forged') AS superuser
FROM matrix m WHERE asks <> 'nothing' ORDER BY m.asks DESC, m.name COLLATE "C";
-- what a function that names no model can do without rights: nothing to the model
SET ROLE regress_lepton_m_stranger;
SELECT count(*) FROM lepton_models WHERE model = 'matrix_m'::regclass;
SELECT count(*) FROM lepton_stat WHERE model = 'matrix_m'::regclass;
SELECT count(*) FROM lepton_cache() WHERE model = 'matrix_m'::regclass;
SELECT count(*) FROM lepton_cross_validate('SELECT id AS user_id, n AS item_id FROM matrix_m_users');
RESET ROLE;

DROP FUNCTION matrix_try, matrix_is_whole;
DROP VIEW matrix_functions;
DROP TABLE matrix, matrix_forged;
SELECT lepton_drop('matrix_m');
DROP TABLE matrix_ratings;
REVOKE CREATE ON SCHEMA public FROM regress_lepton_m_owner, regress_lepton_m_reader, regress_lepton_m_writer, regress_lepton_m_stranger, regress_lepton_m_forger;
DROP ROLE regress_lepton_m_owner, regress_lepton_m_reader, regress_lepton_m_writer, regress_lepton_m_stranger, regress_lepton_m_forger;
