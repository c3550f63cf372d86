-- what is refused, with SQLSTATE, value and hint
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE TABLE errors_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * i) % 5)::real AS rating
FROM generate_series(1, 60) u, generate_series(1, 40) i WHERE (u * 7 + i * 3) % 4 <> 1;
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/outcome.sql'
\i :include
-- names
SELECT lepton_predict('nope', 1, 2);
SELECT lepton_train('errors_ratings', 'errors_ratings');
SELECT lepton_train('a.b.c.d', 'errors_ratings');
SELECT lepton_train('pg_temp.m', 'errors_ratings');
-- sources
SELECT lepton_train('r', 'SELECT 1; SELECT 2');
SELECT lepton_train('r', 'DELETE FROM errors_ratings');
SELECT lepton_train('r', 'WITH d AS (DELETE FROM errors_ratings RETURNING *) SELECT * FROM d');
SELECT lepton_train('r', 'SELECT * INTO foo FROM errors_ratings');
SELECT lepton_train('r', 'SELEC x');
SELECT lepton_train('r', 'nosuch');
SELECT lepton_train('r', 'SELECT user_id FROM errors_ratings');
SELECT lepton_train('r', 'SELECT user_id, item_id, ''x''::text AS rating FROM errors_ratings');
SELECT lepton_train('r', 'errors_ratings', '{"time_column": "at"}');
SELECT count(*) FROM errors_ratings;
-- data
SELECT outcome($$SELECT lepton_train('r', 'SELECT user_id, item_id, ''NaN''::numeric AS rating FROM errors_ratings')$$);
SELECT outcome($$SELECT lepton_train('r', 'SELECT * FROM (VALUES (1, 1, NULL), (1, 2, 3), (2, 2, ''NaN''::real)) v(user_id, item_id, rating)')$$);
SELECT outcome($$SELECT lepton_train('r', 'SELECT user_id, item_id, ''-Infinity''::float8 AS rating FROM errors_ratings')$$);
SELECT outcome($$SELECT lepton_train('r', 'SELECT user_id, item_id, 1e39::float8 AS rating FROM errors_ratings')$$);
SELECT outcome($$SELECT lepton_train('r', 'SELECT * FROM errors_ratings WHERE false')$$);
SELECT outcome($$SELECT lepton_train('r', 'SELECT 1 AS user_id, item_id, rating FROM errors_ratings')$$);
SELECT outcome($$SELECT lepton_train('r', 'SELECT * FROM errors_ratings UNION ALL SELECT 1, 1, 1', '{"duplicates": "error"}')$$);
SELECT outcome($$SELECT lepton_train('r', 'errors_ratings', '{"split": "time"}')$$);
-- options
SELECT lepton_train('r', 'errors_ratings', '{"factor": 3}');
SELECT lepton_train('r', 'errors_ratings', '{"factors": 0}');
SELECT outcome(format('SELECT lepton_train(''r'', ''errors_ratings'', %L)', o)) FROM unnest(ARRAY[
	'{"factors": 3.5}', '{"factors": 1e400}', '{"factors": null}', '{"factors": [1, 2]}', '{"factors": "8"}',
	'{"rating_scale": [5, 1]}', '{"rating_scale": 5}', '{"refit": 1}', '{"algorithm": 1}', '{"user_column": ""}',
	'[1]', '{"algorithm": "als", "learning_rate": 0.1}', '{"algorithm": "popular"}', '{"keep": 0}',
	'{"seed": 9223372036854775807}', '{"test_fraction": -0.1}']) o;
SELECT lepton_train('r', 'errors_ratings', '{"algorithm": "svd"}');
SELECT lepton_train('r', 'errors_ratings', NULL::jsonb);
-- memory
SET lepton.max_training_memory = '1MB';
SELECT outcome($$SELECT lepton_train('r', 'errors_ratings', '{"algorithm": "als", "factors": 1024}')$$) LIKE '53400: training would take %';
RESET lepton.max_training_memory;
-- nothing was left
SELECT to_regclass('r'), to_regclass('r_users');
DROP FUNCTION outcome, answer;
DROP TABLE errors_ratings;
