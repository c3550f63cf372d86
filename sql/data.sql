-- what becomes of odd data
\set SHOW_CONTEXT never
SET client_min_messages = notice;
CREATE TABLE data_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * i + u % 3) % 5)::float8 AS rating
FROM generate_series(1, 30) u, generate_series(1, 25) i WHERE (u * 7 + i * 3) % 5 <> 1;
CREATE VIEW data_odd AS
SELECT * FROM data_ratings
UNION ALL SELECT * FROM (VALUES (NULL, 1, 3), (NULL, NULL, NULL), (1, NULL, 3), (1, NULL, 'NaN'), (2, 1, NULL), (3, 1, NULL::float8)) v;

-- a NULL drops the row, which is counted by the first cause; NaN beside a NULL is no error
SELECT n_ratings, details -> 'rows' ->> 'read' AS read, details -> 'rows' ->> 'null_user' AS null_user,
	details -> 'rows' ->> 'null_item' AS null_item, details -> 'rows' ->> 'null_rating' AS null_rating
FROM lepton_train('data', 'data_odd', '{"algorithm": "baseline"}');
SELECT n_ratings, details -> 'rows' ->> 'null_time' AS null_time
FROM lepton_train('data', 'SELECT *, CASE WHEN user_id > 1 THEN date ''2020-01-01'' + item_id END AS rated_at FROM data_ratings', '{"algorithm": "baseline"}');

-- no number
SELECT lepton_train('data', 'SELECT * FROM data_odd UNION ALL SELECT 1, 1, ''NaN''');
SELECT lepton_train('data', 'SELECT * FROM data_odd UNION ALL SELECT 1, 1, ''Infinity''');
SELECT lepton_train('data', 'SELECT user_id, item_id, ''-Infinity''::numeric AS rating FROM data_ratings');
SELECT lepton_train('data', 'SELECT user_id, item_id, ''NaN''::real AS rating FROM data_ratings');
SELECT lepton_train('data', 'SELECT user_id, item_id, 1e300::float8 AS rating FROM data_ratings');

-- types that are no ids, ratings or times
SELECT lepton_train('data', 'SELECT user_id::numeric AS user_id, item_id, rating FROM data_ratings');
SELECT lepton_train('data', 'SELECT user_id, item_id::float8 AS item_id, rating FROM data_ratings');
SELECT lepton_train('data', 'SELECT user_id, item_id, rating > 3 AS rating FROM data_ratings');
SELECT lepton_train('data', 'SELECT *, ''monday''::text AS rated_at FROM data_ratings');
SELECT lepton_train('data', 'SELECT *, 1 AS user_id FROM data_ratings');
SELECT lepton_train('data', 'SELECT user_id AS customer, item_id, rating FROM data_ratings');
SELECT lepton_train('data', 'data_ratings', '{"rating_column": "stars"}');

-- duplicates: what is left of a pair is what the mean and the biases are made of
CREATE TABLE data_twice AS
SELECT user_id, item_id, r AS rating, t AS rated_at FROM generate_series(1, 4) user_id, generate_series(1, 4) item_id, (VALUES (2, 20), (6, 30), (1, 10)) v(r, t);
SELECT d AS duplicates, n_ratings, details -> 'rows' ->> 'merged_duplicates' AS merged, details ->> 'duplicates' AS rule,
	round((details -> 'serving' ->> 'mean')::numeric, 3) AS mean, details -> 'serving' ->> 'max' AS max
FROM unnest(ARRAY['auto', 'last', 'mean', 'sum', 'max']) WITH ORDINALITY x(d, n),
	LATERAL lepton_train('data', 'data_twice', jsonb_build_object('algorithm', 'baseline', 'feedback', 'explicit', 'duplicates', d)) ORDER BY n;
SELECT details ->> 'duplicates' AS rule, round((details -> 'serving' ->> 'mean')::numeric, 3) AS mean
FROM lepton_train('data', 'SELECT user_id, item_id, rating FROM data_twice', '{"algorithm": "baseline", "feedback": "explicit"}');
SELECT lepton_train('data', 'data_twice', '{"duplicates": "error"}');
SELECT lepton_train('data', 'SELECT user_id, item_id, rating FROM data_twice', '{"duplicates": "last"}');
SELECT n_ratings FROM lepton_train('data', 'SELECT * FROM data_twice WHERE rating = 2', '{"duplicates": "error", "algorithm": "baseline", "feedback": "explicit"}');
DROP TABLE data_twice;

-- absent and constant ratings are implicit feedback, which is said
SELECT algorithm, n_ratings, details ->> 'feedback' AS feedback FROM lepton_train('data', 'SELECT user_id, item_id FROM data_ratings');
SELECT algorithm, n_ratings, details ->> 'feedback' AS feedback FROM lepton_train('data', 'SELECT user_id, item_id, 4 AS rating FROM data_ratings');
SELECT algorithm, n_ratings, details ->> 'feedback' AS feedback FROM lepton_train('data', 'SELECT user_id, item_id FROM data_ratings', '{"feedback": "implicit"}');
SELECT lepton_train('data', 'data_ratings', '{"feedback": "implicit", "algorithm": "als"}');
-- constant, but said to be ratings: each prediction is that rating
SELECT algorithm, details ->> 'feedback' AS feedback
FROM lepton_train('data', 'SELECT user_id, item_id, 4 AS rating FROM data_ratings', '{"feedback": "explicit", "algorithm": "sgd", "factors": 4}');
SELECT min(p), max(p) FROM (SELECT lepton_predict('data', user_id, item_id) AS p FROM data_ratings) x;

-- any scale trains alike
SELECT s AS times, version, algorithm
FROM unnest(ARRAY[1, 20, 1000000]) WITH ORDINALITY x(s, n),
	LATERAL lepton_train('data_' || s, format('SELECT user_id, item_id, rating * %s AS rating FROM data_ratings', s), '{"algorithm": "als", "factors": 4}') t
ORDER BY n;
SELECT s AS times, count(*) FILTER (WHERE abs(lepton_predict('data_' || s, user_id, item_id) / s - lepton_predict('data_1', user_id, item_id)) > 0.001) AS differences
FROM unnest(ARRAY[1, 20, 1000000]) s, data_ratings GROUP BY s ORDER BY s;
SELECT count(lepton_drop(model::text)) FROM lepton_models WHERE model::text LIKE 'data\_%';

-- nothing, and next to nothing
SELECT lepton_train('data', 'SELECT * FROM data_ratings WHERE false');
SELECT lepton_train('data', 'SELECT user_id, item_id, NULL::int AS rating FROM data_ratings');
SELECT lepton_train('data', 'SELECT * FROM data_ratings WHERE user_id = 3');
SELECT lepton_train('data', 'SELECT * FROM data_ratings WHERE item_id = 3');
SELECT lepton_train('data', 'data_ratings', '{"min_user_ratings": 1000}');
SELECT n_users, n_items, n_ratings FROM lepton_train('data', 'SELECT * FROM data_ratings WHERE user_id <= 2 AND item_id <= 4', '{"algorithm": "baseline"}');
-- users with few ratings are left out, and then items
SELECT n_users, n_items, n_ratings, details -> 'rows' ->> 'cold' AS cold
FROM lepton_train('data', 'SELECT * FROM data_ratings UNION ALL SELECT 1000 + g, 2000, g FROM generate_series(1, 4) g',
	'{"algorithm": "baseline", "min_user_ratings": 2, "min_item_ratings": 2}');

-- memory is asked for beforehand
SET client_min_messages = warning;
SET lepton.max_training_memory = '1MB';
DO $$
BEGIN
	PERFORM lepton_train('data', 'data_ratings', '{"algorithm": "als", "factors": 1024}');
EXCEPTION WHEN configuration_limit_exceeded THEN
	RAISE WARNING '%', regexp_replace(sqlerrm, '[0-9.]+ MB of', 'N MB of');
END $$;
RESET lepton.max_training_memory;

-- what was taken at the most is what was said, within a tenth, factors and ids included
SET client_min_messages = warning;
CREATE TABLE data_memory AS SELECT u AS user_id, (u * 79 + k * 131) % 1009 AS item_id, (u * k) % 5 + 1 AS rating,
	timestamptz '2024-01-01' + u * k * interval '1 min' AS rated_at
FROM generate_series(1, 1000) u, generate_series(1, 150) k;
SELECT name, algorithm, peak / estimate BETWEEN 0.9 AND 1.1 AS as_said, peak / n_ratings <= 24 AS within_24
FROM (VALUES
	('plain', 'SELECT user_id, item_id, rating FROM data_memory'),
	('times', 'SELECT * FROM data_memory'),
	('alike', 'SELECT user_id, item_id FROM data_memory'),
	('text', 'SELECT ''user '' || user_id AS user_id, ''item '' || item_id AS item_id, rating, rated_at FROM data_memory'),
	('uuid', 'SELECT md5(user_id::text)::uuid AS user_id, md5(item_id::text)::uuid AS item_id, rating, rated_at FROM data_memory'),
	('many ids', 'SELECT n AS user_id, n % 40000 AS item_id, n % 5 AS rating FROM generate_series(1, 60000) n')) s(name, source),
	(VALUES ('sgd', 'explicit'), ('als', 'explicit'), ('bayes', 'explicit'), ('ials', 'implicit'), ('walk', 'implicit')) a(wanted, feedback),
	LATERAL lepton_train('data_' || translate(name, ' ', '_'), source, jsonb_build_object('algorithm', wanted, 'feedback', feedback) ||
		CASE WHEN wanted <> 'walk' THEN '{"factors": 1, "epochs": 2}' ELSE '{}' END::jsonb) t,
	LATERAL (SELECT (details ->> 'memory_peak')::float8 AS peak, (details ->> 'memory_estimate')::float8 AS estimate) m
WHERE name = 'plain' OR (name, wanted) IN (('alike', 'ials'), ('times', 'sgd'), ('times', 'bayes'), ('text', 'sgd'), ('uuid', 'sgd'), ('many ids', 'sgd'))
ORDER BY name, algorithm;
SELECT count(lepton_drop(model::text)) FROM lepton_models WHERE model::text LIKE 'data\_%';
DROP TABLE data_memory;
RESET client_min_messages;

-- a column of ids is not that of ratings or times for its name alone
CREATE TABLE data_named AS SELECT u AS rating, i AS rated_at, 1 + (u * i) % 5 AS stars FROM generate_series(1, 20) u, generate_series(1, 10) i WHERE (u + i) % 3 > 0;
SELECT algorithm, n_users, n_items, details -> 'newest' AS newest FROM lepton_train('data_named_m', 'data_named', '{"user_column": "rating", "item_column": "rated_at", "algorithm": "popular"}');
SELECT algorithm, n_users, n_items FROM lepton_train('data_named_m', 'SELECT * FROM data_named', '{"user_column": "rating", "item_column": "rated_at", "rating_column": "stars", "algorithm": "baseline"}');
SELECT lepton_drop('data_named_m');
DROP TABLE data_named;

SELECT lepton_drop('data');
DROP VIEW data_odd;
DROP TABLE data_ratings;
