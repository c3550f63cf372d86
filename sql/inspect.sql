-- what the data look like before a training, and what is advised
\set SHOW_CONTEXT never
\pset null -
SET client_min_messages = warning;
-- how the tests below show an inspection: all but plans, which are of the machine and the algorithms
CREATE FUNCTION inspect_rows(source text, options jsonb DEFAULT '{}') RETURNS TABLE (topic text, value text, advice text) LANGUAGE sql
AS $$SELECT * FROM lepton_inspect(source, options) i WHERE i.topic NOT IN ('algorithm', 'training time', 'training memory')$$;
CREATE FUNCTION inspect_value(source text, topic text, options jsonb DEFAULT '{}') RETURNS text LANGUAGE sql
AS $$SELECT i.value || coalesce(' | ' || i.advice, '') FROM lepton_inspect(source, options) i WHERE i.topic = $2$$;

-- clean data: no advice but to test on the newest
CREATE TABLE inspect_clean AS
SELECT u AS user_id, i AS item_id, 1 + (u * 7 + i * i) % 5 AS rating,
	timestamptz '2020-01-01 00:00:00+00' + (u * 40 + i) % 500 * interval '1 hour' AS rated_at
FROM generate_series(1, 50) u, generate_series(1, 40) i WHERE (u * 3 + i * 5) % 4 < 2;
SELECT * FROM inspect_rows('inspect_clean');
SELECT topic, advice FROM lepton_inspect('inspect_clean') WHERE advice IS NOT NULL;
-- plans: something of each, and the options at the end are what lepton_train takes
SELECT topic, value ~ CASE topic WHEN 'algorithm' THEN '^[a-z]+ \(.* s\)' WHEN 'training time' THEN '^(less than )?[0-9.e+]+ s of one core$' ELSE '^[0-9]+ (bytes|kB|MB)$' END AS as_expected
FROM lepton_inspect('inspect_clean') WHERE topic IN ('algorithm', 'training time', 'training memory');
SELECT value ~ '^als \(' AS asked_for FROM lepton_inspect('inspect_clean', '{"algorithm": "als"}') WHERE topic = 'algorithm';
SELECT version, options FROM lepton_train('inspect_recs', 'inspect_clean',
	(SELECT value::jsonb || '{"algorithm": "baseline"}' FROM lepton_inspect('inspect_clean') WHERE topic = 'options'));
SELECT lepton_drop('inspect_recs');

-- the figures are those of plain SQL
WITH per_user AS (SELECT count(*) AS n FROM inspect_clean GROUP BY user_id)
SELECT format('min %s, quartiles %s, %s, %s, 90 %% %s, 99 %% %s, max %s', min(n), q[1], q[2], q[3], q[4], q[5], max(n))
	= inspect_value('inspect_clean', 'ratings per user') AS same
FROM per_user, (SELECT percentile_disc(ARRAY[0.25, 0.5, 0.75, 0.9, 0.99]) WITHIN GROUP (ORDER BY n) AS q FROM per_user) p GROUP BY q;
SELECT format('%s to %s, mean %s, sd %s, %s distinct values in steps of 1', min(rating), max(rating), trim_scale(round(avg(rating), 3)),
	trim_scale(round(stddev_pop(rating), 3)), count(DISTINCT rating)) = inspect_value('inspect_clean', 'rating scale') AS same FROM inspect_clean;
SELECT (count(*) * 100.0 / 2000)::real || ' %' = inspect_value('inspect_clean', 'density') AS same FROM inspect_clean;

-- reads only, from a table, a view or a SELECT, with any names of columns, by who may read it
BEGIN READ ONLY;
SELECT count(*) > 20 AS reads FROM lepton_inspect('inspect_clean');
COMMIT;
CREATE VIEW inspect_view AS SELECT user_id AS who, item_id AS what, rating AS stars, rated_at AS at FROM inspect_clean;
SELECT (SELECT array_agg(i) FROM inspect_rows('inspect_view', '{"user_column": "who", "item_column": "what", "rating_column": "stars", "time_column": "at"}') i WHERE topic !~ 'NULL')
	= (SELECT array_agg(i) FROM inspect_rows('SELECT * FROM inspect_clean') i WHERE topic !~ 'NULL') AS same;
SELECT topic FROM lepton_inspect('inspect_view', '{"user_column": "who", "item_column": "what", "time_column": "at"}') WHERE topic ~ 'NULL';
CREATE ROLE regress_inspect;
SET ROLE regress_inspect;
SELECT * FROM lepton_inspect('inspect_clean');
SELECT value FROM lepton_inspect('SELECT 1 + i / 2 AS user_id, i % 3 AS item_id FROM generate_series(1, 9) i') WHERE topic = 'ratings';
RESET ROLE;
DROP ROLE regress_inspect;
SELECT * FROM lepton_inspect('SELECT user_id, item_id FROM inspect_clean; SELECT 1');
SELECT * FROM lepton_inspect('inspect_clean', '{"user_column": "who"}');
SELECT * FROM lepton_inspect('inspect_clean', '{"fators": 3}');
SELECT * FROM lepton_inspect('SELECT user_id, item_id FROM inspect_clean', '{"duplicates": "last"}');
SELECT * FROM lepton_inspect('inspect_clean', '{"algorithm": "popular"}');
SELECT * FROM lepton_inspect(NULL);
SELECT * FROM lepton_inspect('inspect_clean', NULL);
SELECT count(*) > 20 AS untyped FROM lepton_inspect('inspect_clean', '{}');

-- nothing, or too little, to train on: rows, no error
SELECT * FROM lepton_inspect('SELECT user_id, item_id, rating FROM inspect_clean WHERE false');
SELECT * FROM lepton_inspect('SELECT NULL::text AS user_id, item_id, rating FROM inspect_clean WHERE item_id = 1');
SELECT * FROM lepton_inspect('SELECT user_id, item_id, rating FROM inspect_clean WHERE item_id = 1');
SELECT * FROM lepton_inspect('inspect_clean', '{"min_user_ratings": 1000}') WHERE advice IS NOT NULL;

-- NULLs: each row counted once, at the first of user, item, rating, time
CREATE TABLE inspect_nulls (user_id text, item_id uuid, rating numeric, rated_at date);
INSERT INTO inspect_nulls SELECT 'user ' || u, md5(i::text)::uuid, 0.5 * (1 + (u + i) % 10), date '2021-02-03' + u FROM generate_series(1, 12) u, generate_series(1, 12) i;
INSERT INTO inspect_nulls VALUES (NULL, NULL, NULL, NULL), ('a', NULL, 1, NULL), ('a', NULL, 1, NULL), ('a', md5('1')::uuid, NULL, NULL), ('a', md5('1')::uuid, 2, NULL);
SELECT * FROM inspect_rows('inspect_nulls');
DROP TABLE inspect_nulls;

-- what a training refuses is counted, and the first of it named
CREATE TABLE inspect_refused (user_id text, item_id text, rating float8, rated_at float8);
INSERT INTO inspect_refused SELECT u, i, (u + i) % 3, 1600000000 + u * 1000 + i FROM generate_series(1, 6) u, generate_series(1, 6) i;
INSERT INTO inspect_refused VALUES (NULL, 'a', 1, 1), ('a', 'a', 'NaN', 1), ('a', 'b', 'Infinity', 1), ('a', 'c', -1.1e12, 'NaN'), ('a', 'd', 1, 'NaN'), ('a', repeat('x', 1025), 1, 1);
SELECT * FROM inspect_rows('inspect_refused') WHERE topic IN ('rows', 'impossible values', 'times');
SELECT lepton_train('inspect_recs', 'inspect_refused');
DROP TABLE inspect_refused;

-- duplicates, and what becomes of them
CREATE VIEW inspect_duplicates AS SELECT user_id, item_id, rating FROM inspect_clean UNION ALL SELECT user_id, item_id, 6 - rating FROM inspect_clean WHERE user_id <= 5;
SELECT inspect_value('inspect_duplicates', 'duplicates'), inspect_value('inspect_duplicates', 'duplicates', '{"duplicates": "max"}');
SELECT inspect_value('SELECT *, date ''2020-01-01'' AS rated_at FROM inspect_duplicates', 'duplicates'), inspect_value('SELECT user_id, item_id FROM inspect_duplicates', 'duplicates');
SELECT inspect_value('inspect_duplicates', 'duplicates', '{"duplicates": "error"}'), inspect_value('inspect_clean', 'duplicates', '{"duplicates": "error"}');
SELECT inspect_value('inspect_duplicates', 'ratings') = count(*)::text AS same FROM inspect_clean;

-- feedback: no rating column, all the same, counts, as told
SELECT topic, value, advice FROM inspect_rows('SELECT user_id, item_id FROM inspect_clean') WHERE topic IN ('rating scale', 'feedback');
SELECT topic, value, advice FROM inspect_rows('SELECT user_id, item_id, 3 AS rating FROM inspect_clean') WHERE topic IN ('rating scale', 'feedback');
SELECT topic, value, advice FROM inspect_rows('SELECT user_id, item_id, CASE WHEN rating > 1 THEN 1 ELSE user_id END AS rating FROM inspect_clean') WHERE topic IN ('rating scale', 'feedback');
SELECT inspect_value('inspect_clean', 'feedback', '{"feedback": "implicit"}');

-- scales: half stars, and none at all
SELECT inspect_value('SELECT user_id, item_id, rating / 2.0 AS rating FROM inspect_clean', 'rating scale');
SELECT inspect_value('SELECT user_id, item_id, sqrt(rating) * 1e6 AS rating FROM inspect_clean', 'rating scale');

-- users and items with one rating; their options, given, are honoured
CREATE VIEW inspect_single AS SELECT user_id, item_id, rating FROM inspect_clean
UNION ALL SELECT 1000 + u, 1000 + u, 3 FROM generate_series(1, 20) u;
SELECT topic, value, advice FROM inspect_rows('inspect_single') WHERE topic ~ 'with one rating|^options$';
SELECT topic, value, advice FROM inspect_rows('inspect_single', '{"min_user_ratings": 2}') WHERE topic ~ 'with one rating|^users$|^ratings$|^options$';

-- outliers: a rating far out, a user who rates all the same, a robot
CREATE VIEW inspect_outliers AS SELECT u AS user_id, (u + i) % 50 AS item_id, 1 + (u * i) % 5 AS rating FROM generate_series(1, 149) u, generate_series(1, 4) i
UNION ALL SELECT 0, i, 4 FROM generate_series(1, 51) i UNION ALL SELECT 1, 49, 30;
SELECT topic, value, advice FROM inspect_rows('inspect_outliers') WHERE topic ~ '^ratings beyond|^users who|^users with very|^density';

-- popularity: one item has most ratings
SELECT topic, value, advice FROM inspect_rows('SELECT u AS user_id, CASE WHEN u % 3 > 0 THEN 0 ELSE u END AS item_id, u % 5 AS rating FROM generate_series(1, 90) u') WHERE topic IN ('popularity', 'density');

-- times: of the future, of one instant, of one instant each, unknown ones, in every unit
SELECT topic, value, advice FROM inspect_rows('SELECT user_id, item_id, rating, CASE WHEN user_id + item_id < 5 THEN ''infinity'' WHEN user_id = 7 THEN ''2999-12-31 23:59:59.5'' ELSE rated_at END::timestamp AS rated_at FROM inspect_clean') WHERE topic IN ('impossible values', 'times', 'times in the future');
SELECT topic, value, advice FROM inspect_rows('SELECT user_id, item_id, rating, date ''2020-02-29'' AS rated_at FROM inspect_clean') WHERE topic ~ 'time|split';
SELECT topic, value, advice FROM inspect_rows('SELECT user_id, item_id, rating, date ''2020-02-29'' + user_id AS rated_at FROM inspect_clean') WHERE topic ~ 'time|split';
SELECT topic, value, advice FROM inspect_rows('SELECT user_id, item_id, rating, CASE WHEN item_id = 1 THEN 0 ELSE 1500000000 + user_id * 100 + item_id END AS rated_at FROM inspect_clean') WHERE topic ~ 'time|split';
SELECT topic, value, advice FROM inspect_rows('SELECT user_id, item_id, rating, user_id * 100 + item_id AS rated_at FROM inspect_clean') WHERE topic ~ '^times';
SELECT n, inspect_value(format('SELECT user_id, item_id, rating, (1500000000.25 + user_id) * %s::%s AS rated_at FROM inspect_clean', n, t), 'times')
FROM (VALUES (1, 'float8'), (1000, 'numeric'), (1000000, 'numeric')) v(n, t);
SELECT n, inspect_value(format('SELECT user_id, item_id, rating, (1500000000.25 + user_id) * %s::%s AS rated_at FROM inspect_clean', n, t), 'times in the future')
FROM (VALUES (1, 'float8'), (2, 'float8'), (1000, 'numeric'), (2000, 'numeric'), (1000000, 'numeric')) v(n, t);
SELECT n, inspect_value(format('SELECT user_id, item_id, rating, (1500000000 + user_id) * %s::bigint AS rated_at FROM inspect_clean', n), 'times'),
	inspect_value(format('SELECT user_id, item_id, rating, (1500000000 + user_id) * %s::bigint AS rated_at FROM inspect_clean', 2 * n), 'times in the future')
FROM (VALUES (1), (1000), (1000000)) v(n);
-- and the same text whatever the session shows times as
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'German';
SELECT inspect_value('inspect_clean', 'times');
RESET TimeZone;
RESET DateStyle;
-- before Christ, as PostgreSQL reads it
SELECT t, times, split_part(split_part(times, ' to ', 2), ' (', 1)::timestamptz = '0044-03-15 00:00 BC' AS reads FROM unnest('{timestamptz,timestamp,date}'::text[]) t,
	inspect_value(format('SELECT user_id, item_id, rating, (timestamp ''0044-03-15 BC'' - user_id / 40 * interval ''1 day'')::%s AS rated_at FROM inspect_clean WHERE user_id <= 40', t), 'times') times;
-- a split that was asked for
SELECT inspect_value('inspect_clean', 'split', '{"split": "leave_last"}'), inspect_value('SELECT user_id, item_id, rating FROM inspect_clean', 'split', '{"split": "time"}');

-- options that would leave nothing are not advised, and what is advised trains
SELECT topic, value, advice FROM lepton_inspect('SELECT u AS user_id, u % 7 AS item_id, u % 5 AS rating FROM generate_series(1, 100) u') WHERE topic ~ 'with one rating|^options$';
SELECT topic, value, advice FROM lepton_inspect('SELECT u AS user_id, i AS item_id, (u + i) % 5 AS rating FROM generate_series(1, 40) u, generate_series(1, 40) i WHERE i = u OR (u, i) IN ((1, 2), (1, 3), (2, 3), (4, 5))') WHERE topic ~ 'with one rating|^options$';
SELECT version FROM lepton_train('inspect_sparse', 'SELECT u AS user_id, i AS item_id, (u + i) % 5 AS rating FROM generate_series(1, 40) u, generate_series(1, 40) i WHERE i = u OR (u, i) IN ((1, 2), (1, 3), (2, 3), (4, 5))', '{"min_user_ratings": 2, "algorithm": "baseline"}');
DROP TABLE inspect_sparse;
-- what is too large when it is summed up is a row here, an error there
SELECT topic, value, advice FROM lepton_inspect('SELECT 1 AS user_id, i % 2 AS item_id, 9e11 AS rating FROM generate_series(1, 4) i', '{"duplicates": "sum"}') WHERE topic = 'ratings';
SELECT lepton_train('inspect_sparse', 'SELECT 1 AS user_id, i % 2 AS item_id, 9e11 AS rating FROM generate_series(1, 4) i', '{"duplicates": "sum", "feedback": "explicit"}');
-- over the memory limit an inspection is named
SET lepton.max_training_memory = '1MB';
SELECT lepton_inspect('SELECT u AS user_id, i AS item_id, 1 AS rating FROM generate_series(1, 3000) u, generate_series(1, 100) i');
RESET lepton.max_training_memory;

-- more than may be used of memory or time is said, not refused
SELECT topic, advice FROM lepton_inspect('inspect_clean', '{"algorithm": "als", "factors": 64, "epochs": 10000, "time_limit": 0.001}') WHERE topic = 'training time';
SET lepton.max_training_memory = '4MB';
SELECT topic, advice FROM lepton_inspect('inspect_clean', '{"algorithm": "als", "factors": 1024}') WHERE topic = 'training memory';
RESET lepton.max_training_memory;

DROP VIEW inspect_view, inspect_duplicates, inspect_single, inspect_outliers;
DROP TABLE inspect_clean;
DROP FUNCTION inspect_rows, inspect_value;
