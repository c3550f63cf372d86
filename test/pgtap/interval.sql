-- MovieLens 100K: intervals hold as many ratings as they promise, of a fifth that
-- the training never saw, also where the user or the item is unknown; medians have
-- the smaller absolute error.  Skipped where LEPTON_DATA has no ml-100k.
BEGIN;
SET LOCAL client_min_messages = warning;
\set ratings `cat "$LEPTON_DATA/ml-100k/u.data" 2>/dev/null`
SELECT :'ratings' = '' AS absent \gset
\if :absent
SELECT plan(1);
SELECT skip('MovieLens 100K is not there (LEPTON_DATA)', 1);
\else
SELECT plan(14);

CREATE TABLE movielens AS
SELECT r[1]::int AS user_id, r[2]::int AS item_id, r[3]::real AS rating, ('x' || left(md5(r[1] || '/' || r[2]), 7))::bit(28)::int % 5 = 0 AS test
FROM (SELECT string_to_array(line, E'\t') AS r FROM regexp_split_to_table(:'ratings', E'\n') line) x;

CREATE FUNCTION coverage(model text, level float8, known_user boolean, known_item boolean) RETURNS float8 LANGUAGE sql AS $$
	SELECT avg((rating BETWEEN low AND high)::int) FROM movielens,
		LATERAL lepton_predict_interval(model, CASE WHEN known_user THEN user_id ELSE -1 END, CASE WHEN known_item THEN item_id ELSE -1 END, level)
	WHERE test
$$;
CREATE TABLE trained AS
SELECT a AS algorithm, (lepton_train('films_' || a, 'SELECT user_id, item_id, rating FROM movielens WHERE NOT test',
	jsonb_build_object('algorithm', a, 'point', 'median'))).metrics FROM unnest('{auto,als}'::text[]) a;
SELECT ok(abs(coverage('films_' || algorithm, level, true, true) - level) <= tolerance, format('%s: %s of ratings are inside', algorithm, level))
FROM trained, (VALUES (0.5::float8, 0.02), (0.8, 0.02), (0.95, 0.01)) l(level, tolerance);
SELECT ok(abs(coverage('films_' || algorithm, 0.8, false, true) - 0.8) <= 0.03, format('%s: also for users that are unknown', algorithm)) FROM trained;
-- five values, and no item to move the middle between them: coarser
SELECT ok(abs(coverage('films_' || algorithm, 0.8, true, false) - 0.8) <= 0.06, format('%s: also for items that are unknown', algorithm)) FROM trained;
SELECT cmp_ok((metrics ->> 'median_mae')::float8, '<', (metrics ->> 'mae')::float8 - 0.02, format('%s: medians have the smaller MAE', algorithm)) FROM trained;
SELECT ok(abs((SELECT avg(abs(rating - lepton_predict('films_' || algorithm, user_id, item_id))) FROM movielens WHERE test) - (metrics ->> 'median_mae')::float8) < 0.02,
	format('%s: as on the fifth that it never saw', algorithm)) FROM trained;
\endif
SELECT * FROM finish();
ROLLBACK;
