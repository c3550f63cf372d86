-- models as a whole: names, lepton_models, lepton_check, lepton_vector, lepton_drop
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE models_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i + u % 3) % 5 AS rating
FROM generate_series(1, 30) u, generate_series(1, 25) i WHERE (u * 7 + i * 3) % 5 <> 1;
SELECT count(*) FROM lepton_models WHERE model::text ~* 'models';

-- names are parsed as regclass parses
CREATE SCHEMA "Models shop";
SELECT users, items FROM lepton_train('"Models shop"."My ""Recs"""', 'models_ratings', '{"algorithm": "baseline"}');
SELECT users, items FROM lepton_train('MODELS', 'models_ratings', '{"algorithm": "baseline"}');
SELECT users, items FROM lepton_train(current_database() || '.public.models', 'models_ratings', '{"algorithm": "als", "factors": 2}');
SET search_path = "Models shop", public;
SELECT users, items FROM lepton_train('recs', 'models_ratings', '{"algorithm": "baseline"}');
RESET search_path;
SELECT model, owner = current_user AS mine, version, algorithm, source, n_users, n_items, n_ratings, metrics ? 'rmse' AS metrics, n_versions
FROM lepton_models WHERE model::text ~* 'models' ORDER BY model::text COLLATE "C";
SELECT lepton_predict('"Models shop"."My ""Recs"""', 3, 3) = lepton_predict('"Models shop".recs', 3, 3) AS same;

-- 63 bytes: the factor tables' names are cut, and do not collide
SELECT length(users::text), length(items::text), users::text <> items::text AS differ
FROM lepton_train(repeat('m', 63), 'models_ratings', '{"algorithm": "baseline"}');
SELECT length(users::text), length(items::text)
FROM lepton_train(repeat('m', 62) || 'n', 'models_ratings', '{"algorithm": "baseline"}');
SELECT lepton_predict(repeat('m', 63), 3, 3) = lepton_predict(repeat('m', 62) || 'n', 3, 3) AS same;
SELECT count(*) FROM pg_class WHERE relname LIKE 'mmmm%' AND relkind = 'r';
SELECT lepton_drop(repeat('m', 63)), lepton_drop(repeat('m', 62) || 'n');
SELECT count(*) FROM pg_class WHERE relname LIKE 'mmmm%';
-- names that are taken already
CREATE TABLE models_b_users ();
SELECT users, items FROM lepton_train('models_b', 'models_ratings', '{"algorithm": "baseline"}');
SELECT lepton_predict('models_b', 3, 3) IS NULL AS lost;
DROP TABLE models_b;
SELECT to_regclass('models_b_users'), to_regclass('models_b_users1'), to_regclass('models_b_items');
DROP TABLE models_b_users;

-- no names of models
SELECT lepton_train('', 'models_ratings');
SELECT lepton_train('my recs', 'models_ratings');
SELECT lepton_train('a.b.c.d', 'models_ratings');
SELECT lepton_train('nosuch.recs', 'models_ratings');
SELECT lepton_train('otherdb.public.recs', 'models_ratings');
SELECT lepton_train('pg_temp.recs', 'models_ratings');
SELECT lepton_predict('nosuch', 1, 1);
SELECT lepton_predict('nosuch.recs', 1, 1);
SELECT lepton_predict('a b', 1, 1);
SELECT lepton_topn('models_ratings', 1, 1);
SELECT lepton_check('nosuch');
-- a relation that is no model
SELECT lepton_train('models_ratings', 'models_ratings');
SELECT lepton_train('lepton_models', 'models_ratings');
SELECT lepton_train('pg_class', 'models_ratings');
SELECT lepton_drop('models_ratings');
SELECT lepton_check('pg_class');
SELECT count(*) FROM models_ratings;
-- a model without a version
CREATE TABLE models_empty OF lepton_model;
SELECT lepton_predict('models_empty', 1, 1);
SELECT model, version, n_versions FROM lepton_models WHERE model::text = 'models_empty';
SELECT count(*) FROM lepton_check('models_empty');
DROP TABLE models_empty;

-- versions and their tables
SELECT version, is_current, algorithm FROM lepton_versions('models') ORDER BY version;
SELECT count(*) FROM lepton_versions('models_ratings');
SELECT version, relation, n_rows, n_bytes > 0 AS n_bytes FROM lepton_check('models') ORDER BY 1, 2;
SELECT c.relname, c.reloptions, t.reloptions AS toast FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.relname IN ('models', 'models_users', 'models_items') ORDER BY 1;
SELECT indexrelid::regclass, indisprimary, indisunique FROM pg_index WHERE indrelid IN ('models_users'::regclass, 'models'::regclass) ORDER BY 1::text;
INSERT INTO models SELECT * FROM models WHERE is_current;
UPDATE models SET is_current = true;

-- factors as an array
SELECT array_length(lepton_vector(factors), 1), count(*) FROM models_users WHERE version = 2 GROUP BY 1;
SELECT pg_typeof(lepton_vector(factors)), NOT 'NaN' = ANY (lepton_vector(factors)) AS finite FROM models_items WHERE version = 2 AND id = 3;
SELECT lepton_vector(NULL);
SELECT lepton_vector('');
SELECT lepton_vector('\x00');
SELECT lepton_vector(factors || '\x00') FROM models_items WHERE version = 2 AND id = 3;
SELECT lepton_vector(substr(factors, 1, length(factors) - 1)) FROM models_items WHERE version = 2 AND id = 3;

-- damage is found
BEGIN;
DELETE FROM models_items WHERE version = 2 AND id = 3;
SELECT lepton_check('models');
ROLLBACK;
BEGIN;
UPDATE models_users SET factors = substr(factors, 2) WHERE version = 2 AND id = 3;
SELECT lepton_check('models');
ROLLBACK;
BEGIN;
UPDATE models_users SET n = 5 WHERE version = 2 AND id = 3;
SELECT lepton_check('models');
ROLLBACK;
BEGIN;
UPDATE models_items SET bias = 'NaN' WHERE version = 2 AND id = 3;
SELECT lepton_predict('models', 3, 3);
ROLLBACK;
BEGIN;
UPDATE models SET details = details - 'serving';
SELECT lepton_predict('models', 3, 3);
ROLLBACK;
SELECT count(*) FROM lepton_check('models');

-- dropped with their tables, by either command
SELECT lepton_drop('"Models shop"."My ""Recs"""');
SELECT lepton_drop('nosuch');
SELECT lepton_drop('nosuch', if_exists => true);
DROP TABLE models;
SELECT to_regclass('models'), to_regclass('models_users'), to_regclass('models_items');
DROP SCHEMA "Models shop" CASCADE;
SELECT count(*) FROM lepton_models WHERE model::text ~* 'models';
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname ~ '(users|items)' AND relname ~ 'models';

-- each object of the extension has a comment
SELECT count(*) > 25 AS many, count(*) FILTER (WHERE coalesce(obj_description(objid, classid::regclass::name), '') = '') AS without_comment
FROM pg_depend WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lepton')
	-- which come with a relation or a type, and are the extension's own in PostgreSQL 17
	AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid WHERE t.oid = objid AND (t.typcategory = 'A' OR c.relkind <> 'c')));
-- functions are invoker's, with the volatility and safety that they promise
\pset footer off
SELECT proname, provolatile, proparallel, prosecdef, count(*) FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND classid = 'pg_proc'::regclass AND d.deptype = 'e'
WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lepton') GROUP BY 1, 2, 3, 4 ORDER BY 1;
\pset footer on
DROP TABLE models_ratings;
