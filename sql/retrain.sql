-- CALL lepton_retrain: from the recorded source, as the owner, guarded
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE retrain_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i + u % 3 + i % 2) % 5 AS rating FROM generate_series(1, 60) u, generate_series(1, 40) i WHERE (u * 7 + i * 3) % 5 <> 1;
-- what two groups of users like differs: something to learn beside biases
UPDATE retrain_ratings SET rating = CASE WHEN (user_id + item_id) % 2 = 0 THEN 5 ELSE 1 END;
SELECT version FROM lepton_train('retrain_m', 'SELECT user_id, item_id, rating FROM retrain_ratings', '{"algorithm": "als", "factors": 4, "keep": 3}');
CREATE VIEW retrain_state AS SELECT version, is_current, algorithm, options, n_ratings, details -> 'guard' ->> 'passed' AS passed, details -> 'retrained' AS retrained, details ->> 'unpublished' AS unpublished FROM retrain_m ORDER BY version;

-- new ratings, the same source and options
INSERT INTO retrain_ratings SELECT 61, i, CASE WHEN (61 + i) % 2 = 0 THEN 5 ELSE 1 END FROM generate_series(1, 20) i;
CALL lepton_retrain('retrain_m');
SELECT * FROM retrain_state;
SELECT lepton_predict('retrain_m', 61, 31) > 3 AS knows_the_new_user;
-- options of the call on top: they are recorded
CALL lepton_retrain('retrain_m', '{"factors": 3, "tolerance": 0.5}');
SELECT * FROM retrain_state;

-- worse data: the version is kept beside, the call fails
CREATE TABLE retrain_good AS SELECT * FROM retrain_ratings;
UPDATE retrain_ratings SET rating = 1 + hashint4(user_id * 1000 + item_id) & 3;
CALL lepton_retrain('retrain_m', '{"tolerance": 0.05}');
SELECT version, is_current, passed, unpublished IS NOT NULL AS unpublished FROM retrain_state;
SELECT lepton_predict('retrain_m', 61, 31) > 3 AS still_knows;
SELECT (details -> 'guard' ->> 'value')::float8 > (details -> 'guard' ->> 'current')::float8 * 1.05 OR (details -> 'guard' ->> 'value')::float8 > (details -> 'guard' ->> 'baseline')::float8 AS is_worse,
	details -> 'guard' ->> 'metric' AS metric, details -> 'guard' -> 'current_version' AS compared_with FROM retrain_m ORDER BY version DESC LIMIT 1;
-- in a transaction block nothing is kept
BEGIN;
CALL lepton_retrain('retrain_m', '{"tolerance": 0.05}');
ROLLBACK;
SELECT max(version) FROM retrain_m;
-- unless the guard is told to go
CALL lepton_retrain('retrain_m', '{"guard": false}');
SELECT version, is_current, passed, unpublished FROM retrain_state ORDER BY version DESC LIMIT 1;
SELECT version FROM lepton_rollback('retrain_m');
-- that was for one call
CALL lepton_retrain('retrain_m', '{"tolerance": 0.05}');
SELECT version, is_current FROM retrain_state WHERE is_current;
TRUNCATE retrain_ratings;
INSERT INTO retrain_ratings SELECT * FROM retrain_good;
-- in a transaction block
BEGIN;
CALL lepton_retrain('retrain_m');
SELECT is_current FROM retrain_state ORDER BY version DESC LIMIT 1;
ROLLBACK;
-- in a block of PL/pgSQL, with and without an exception clause
DO $$ BEGIN CALL lepton_retrain('retrain_m'); END $$;
DO $$ BEGIN CALL lepton_retrain('retrain_m'); EXCEPTION WHEN lock_not_available THEN NULL; END $$;
SELECT count(*) FROM retrain_m WHERE is_current;
-- held-out ratings that were not held out by the same rule are not compared, and said so
CALL lepton_retrain('retrain_m', '{"test_fraction": 0.2}');
SELECT details -> 'guard' -> 'not_compared' AS not_compared, is_current FROM retrain_m ORDER BY version DESC LIMIT 1;
CALL lepton_retrain('retrain_m', '{"test_fraction": 0}');

-- auto chooses once; again where it is told to
SELECT version FROM lepton_train('retrain_auto', 'retrain_ratings', '{"time_limit": 1, "epochs": 8}');
CALL lepton_retrain('retrain_auto');
SELECT count(DISTINCT algorithm) AS algorithms, count(DISTINCT details -> 'options') AS options, min(options::text) = max(options::text) AS recorded_as_given,
	min(jsonb_array_length(details -> 'trials')) AS of_one, max(jsonb_array_length(details -> 'trials')) > 1 AS of_many FROM retrain_auto;
CALL lepton_retrain('retrain_auto', '{"algorithm": "auto", "tolerance": 1}');
SELECT jsonb_array_length(details -> 'trials') > 1 AS of_many FROM retrain_auto WHERE is_current;

-- implicit feedback, by NDCG and what is popular
SELECT version FROM lepton_train('retrain_orders', 'SELECT user_id, item_id FROM retrain_ratings WHERE rating = 5', '{"algorithm": "ials", "factors": 4}');
CALL lepton_retrain('retrain_orders');
SELECT details -> 'guard' ->> 'metric' AS metric, (details -> 'guard' ->> 'value')::float8 > (details -> 'guard' ->> 'baseline')::float8 AS beats_popular, details -> 'guard' ->> 'current_version' AS compared_with FROM retrain_orders WHERE is_current;

-- arguments
CALL lepton_retrain(NULL);
CALL lepton_retrain('retrain_m', NULL);
CALL lepton_retrain('retrain_m', '{"factor": 3}');
CALL lepton_retrain('retrain_m', '[]');
CALL lepton_retrain('retrain_none');
CALL lepton_retrain('retrain_ratings');
BEGIN READ ONLY; CALL lepton_retrain('retrain_m'); ROLLBACK;
CREATE TABLE retrain_empty OF lepton_model;
CALL lepton_retrain('retrain_empty');
UPDATE retrain_orders SET source = NULL;
CALL lepton_retrain('retrain_orders');
UPDATE retrain_orders SET source = 'retrain_good', details = details - 'search_path';
CALL lepton_retrain('retrain_orders');
UPDATE retrain_orders SET details = details || '{"search_path": "public, pg_temp"}', source = 'DELETE FROM retrain_good';
CALL lepton_retrain('retrain_orders');
-- nothing is locked by what failed
SELECT count(*) FROM pg_locks WHERE locktype = 'userlock';
DROP VIEW retrain_state;
DROP TABLE retrain_m, retrain_auto, retrain_orders, retrain_empty, retrain_ratings, retrain_good;
