-- what is refused, where no other file comes to it: data, forged rows, tables that were changed
\set SHOW_CONTEXT never
\set VERBOSITY default
SET client_min_messages = warning;
CREATE TABLE refusals_ratings (user_id int, item_id int, rating real, PRIMARY KEY (user_id, item_id));
INSERT INTO refusals_ratings
SELECT u, i, 1 + (u * 7 + i * 13) % 5 FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * 31 + i * 17) % 3 = 0;
SELECT version FROM lepton_train('refusals', 'refusals_ratings', '{"algorithm": "als", "factors": 4, "epochs": 2, "live": false}');

-- everything is held out
SELECT lepton_train('refusals_new', 'SELECT u AS user_id, i AS item_id, u + i AS rating FROM generate_series(1, 2) u, generate_series(1, 2) i',
	'{"algorithm": "als", "test_fraction": 0.9, "validation_fraction": 0.9}');
-- steps that are too long, however often they are made shorter
SELECT lepton_train('refusals_new', 'refusals_ratings',
	'{"algorithm": "sgd", "factors": 4, "learning_rate": 1, "learning_rate_decay": 1, "regularization": 1000000}');
-- a relation without rows of its own
SELECT lepton_train('refusals_new', 'refusals_ratings_pkey');
SELECT to_regclass('refusals_new');

-- a transition function in an aggregate of somebody else's, over a window
CREATE AGGREGATE refusals_window ("any", "any", float8) (
	SFUNC = lepton_train_add, STYPE = internal, FINALFUNC = lepton_train_serialize);
SELECT refusals_window(user_id, item_id, rating::float8) OVER (ORDER BY user_id) FROM refusals_ratings;
DROP AGGREGATE refusals_window("any", "any", float8);
SELECT lepton_train(user_id, item_id, rating::float8, NULL::jsonb) FROM refusals_ratings;

-- a search path that somebody has written into the model's row
BEGIN;
UPDATE refusals SET details = jsonb_set(details, '{search_path}', '"public, , x"');
CALL lepton_retrain('refusals');
ROLLBACK;

-- tables that a model needs, and that were changed beside it
BEGIN;
DELETE FROM refusals_items WHERE id = 3;
SELECT lepton_export('refusals');
ROLLBACK;
BEGIN;
ALTER TABLE refusals_users DROP CONSTRAINT refusals_users_pkey;
SELECT lepton_predict('refusals', 3, 4);
ROLLBACK;
BEGIN;
ALTER TABLE refusals_items DROP CONSTRAINT refusals_items_pkey;
SELECT lepton_predict('refusals', 3, 4);
ROLLBACK;
-- the detail has a number that differs from run to run
\set VERBOSITY terse
BEGIN;
DROP TABLE refusals_users;
SELECT lepton_predict('refusals', 3, 4);
ROLLBACK;
BEGIN;
DROP TABLE refusals_items;
SELECT * FROM lepton_topn('refusals', 3, 4);
ROLLBACK;
\set VERBOSITY default
SELECT lepton_predict('refusals', 3, 4) IS NOT NULL AS answers;

-- live models whose sources ask other live models, one after the other: up to a depth
CREATE TABLE refusals_chain (user_id int, item_id int, rating real);
INSERT INTO refusals_chain SELECT * FROM refusals_ratings WHERE user_id <= 5;
CREATE VIEW refusals_0 AS SELECT * FROM refusals_chain;
DO $$
BEGIN
	FOR n IN 1 .. 17 LOOP
		PERFORM lepton_train('refusals_live_' || n, 'refusals_' || n - 1, '{"algorithm": "als", "factors": 2, "epochs": 1, "live": true}');
		EXECUTE format('CREATE VIEW refusals_%s AS SELECT user_id, item_id, (rating + 0 * lepton_predict(%L, 1, 1))::real AS rating FROM refusals_chain',
			n, 'refusals_live_' || n);
	END LOOP;
END $$;
UPDATE refusals_chain SET rating = 6 - rating;
SELECT lepton_predict('refusals_live_16', 2, 2) IS NOT NULL AS answers;
SELECT lepton_predict('refusals_live_17', 2, 2);
SELECT lepton_predict('refusals_live_16', 2, 2) IS NOT NULL AS answers;
DO $$
BEGIN
	FOR n IN REVERSE 17 .. 1 LOOP
		PERFORM lepton_drop('refusals_live_' || n);
		EXECUTE format('DROP VIEW refusals_%s', n);
	END LOOP;
END $$;
DROP VIEW refusals_0;
DROP TABLE refusals_chain;

-- ids in an encoding that this database has not
CREATE DATABASE regress_refusals ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;
\set here :DBNAME
\c regress_refusals
SET client_min_messages = warning;
CREATE EXTENSION lepton;
SELECT lepton_train('recs', $$SELECT 'user ' || u AS user_id, chr(233) || i AS item_id, 1 + (u * 7 + i) % 5 AS rating
	FROM generate_series(1, 5) u, generate_series(1, 5) i$$, '{"algorithm": "als", "factors": 2, "epochs": 1}') IS NOT NULL AS trained;
SELECT lepton_export('recs') AS latin1 \gset
SELECT lepton_predict(:'latin1'::bytea, 'user 1', chr(233) || 1) IS NOT NULL AS answers;
\c :here
DROP DATABASE regress_refusals;
\set SHOW_CONTEXT never
SELECT lepton_predict(:'latin1'::bytea, 'user 1', 'x');
SELECT lepton_import('refusals_import', :'latin1'::bytea);
SELECT to_regclass('refusals_import');

-- values that are too large for a session's memory of items, and for a dump
SELECT lepton_train(u, i, 1 + (u * 7 + i) % 5, '{"algorithm": "sgd", "factors": 1024, "epochs": 1}') AS large
FROM generate_series(1, 5) u, generate_series(1, 500) i \gset
SET lepton.cache_size = '1MB';
SELECT * FROM lepton_topn(:'large'::bytea, 3, 5);
RESET lepton.cache_size;
SELECT lepton_info(convert_to(repeat('x', 268435457), 'UTF8'));

SELECT lepton_drop('refusals');
DROP TABLE refusals_ratings;
