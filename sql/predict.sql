-- predictions: what they are, unknown ids, clipping, and where they can stand
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE predict_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i + u % 3) % 5 AS rating
FROM generate_series(1, 30) u, generate_series(1, 25) i WHERE (u * 7 + i * 3) % 5 <> 1;
SELECT version FROM lepton_train('predict', 'predict_ratings', '{"algorithm": "als", "factors": 6}');

-- every pair, to the bit, from the factor tables
SELECT count(*), count(*) FILTER (WHERE float4send(p) <> float4send(lepton_predict('predict', u, i))) AS differences
FROM (SELECT u.id AS u, i.id AS i, greatest(1, least(5, ((details #>> '{serving,mean}')::float8 + u.bias::float8 + i.bias::float8
		+ (SELECT sum(a::float8 * b::float8) FROM unnest(lepton_vector(u.factors), lepton_vector(i.factors)) x(a, b)))::real))::real AS p
	FROM predict JOIN predict_users u USING (version) JOIN predict_items i USING (version)) x;

-- three of four ratings, 1 3 / 5 and one missing, are fitted by biases exactly: the fourth is 3 + 5 - 1
SELECT version FROM lepton_train('predict_hand', 'SELECT * FROM (VALUES (1, 1, 1), (1, 2, 3), (2, 1, 5)) v(user_id, item_id, rating)',
	'{"algorithm": "baseline", "test_fraction": 0, "validation_fraction": 0, "bias_regularization": 0, "feedback": "explicit", "rating_scale": [0, 10]}');
SELECT user_id, item_id, round(lepton_predict('predict_hand', user_id, item_id)::numeric, 2) AS prediction
FROM generate_series(1, 2) user_id, generate_series(1, 2) item_id ORDER BY 1, 2;
DROP TABLE predict_hand;

-- unknown ids: the known side's bias (the default), NULL, or an error
SELECT lepton_predict('predict', 999, 3) = ((details #>> '{serving,mean}')::float8 + bias)::real AS item_bias FROM predict, predict_items WHERE id = 3;
SELECT lepton_predict('predict', 3, 999) = ((details #>> '{serving,mean}')::float8 + bias)::real AS user_bias FROM predict, predict_users WHERE id = 3;
SELECT lepton_predict('predict', 999, 999) = (details #>> '{serving,mean}')::real AS mean FROM predict;
SELECT version FROM lepton_train('predict_null', 'predict_ratings', '{"algorithm": "baseline", "unknown": "null"}');
SELECT lepton_predict('predict_null', 999, 3) IS NULL AS no_user, lepton_predict('predict_null', 3, 999) IS NULL AS no_item,
	lepton_predict('predict_null', NULL, 3) IS NULL AS null_user, lepton_predict('predict_null', 3, 3) IS NULL AS known;
SELECT version FROM lepton_train('predict_error', 'SELECT ''u'' || user_id AS user_id, item_id, rating FROM predict_ratings', '{"algorithm": "baseline", "unknown": "error"}');
SELECT lepton_predict('predict_error', 'u3', 3) IS NULL AS known;
SELECT lepton_predict('predict_error', 'u''x', 3);
SELECT lepton_predict('predict_error', 'u3', 999);
SELECT lepton_predict('predict_error', NULL, 3);
SELECT lepton_predict('predict_error', 'u3', NULL);
SELECT lepton_predict(NULL, 3, 3);
DROP TABLE predict_null, predict_error;

-- clipped to what was seen, or to rating_scale
SELECT min(p) >= 1 AND max(p) <= 5 AS seen_scale FROM (SELECT lepton_predict('predict', u, i) AS p FROM generate_series(1, 30) u, generate_series(1, 25) i) x;
SELECT version FROM lepton_train('predict_scale', 'predict_ratings', '{"algorithm": "als", "factors": 6, "rating_scale": [2.5, 3.25]}');
SELECT min(p), max(p), count(DISTINCT p) > 2 AS between FROM (SELECT lepton_predict('predict_scale', u, i) AS p FROM generate_series(1, 30) u, generate_series(1, 25) i) x;
DROP TABLE predict_scale;

-- in WHERE, ORDER BY, aggregates and joins
CREATE TABLE predict_products AS SELECT i AS id, i % 2 = 0 AS in_stock FROM generate_series(1, 25) i;
SELECT ARRAY(SELECT id FROM predict_products WHERE in_stock ORDER BY lepton_predict('predict', 7, id) DESC, id LIMIT 5)
	= ARRAY(SELECT item_id::int FROM lepton_topn('predict', 7, 5, ARRAY(SELECT id FROM predict_products WHERE in_stock), exclude_seen => false)) AS same;
SELECT count(*) FILTER (WHERE lepton_predict('predict', 7, id) > 3) = (SELECT count(*) FROM predict_products WHERE lepton_predict('predict', 7, id) > 3) AS same FROM predict_products;
-- items are looked up singly at first and loaded later: no difference
SELECT count(*), count(DISTINCT p) FROM (SELECT lepton_predict('predict', 7, 3) AS p FROM generate_series(1, 500)) x;
SELECT count(*) FILTER (WHERE a <> b) AS differences FROM (SELECT lepton_predict('predict', user_id, item_id) AS a, lepton_predict('predict', user_id::text, item_id) AS b
	FROM predict_ratings ORDER BY md5(user_id || ' ' || item_id)) x;
-- users who were looked up are remembered, until a quarter of the cache is full of them: no difference, whatever they are known by
CREATE TABLE predict_pairs AS SELECT u AS user_id, (u * 7 + i * 13) % 40 AS item_id, (1 + (u * i + u % 3) % 5)::real AS rating
FROM generate_series(1, 2500) u, generate_series(1, 4) i;
SELECT version FROM lepton_train('predict_many', 'predict_pairs', '{"algorithm": "als", "factors": 16}');
SELECT version FROM lepton_train('predict_many_text', 'SELECT ''u'' || user_id AS user_id, item_id, rating FROM predict_pairs', '{"algorithm": "als", "factors": 16}');
SELECT version FROM lepton_train('predict_many_uuid', 'SELECT md5(user_id::text)::uuid AS user_id, item_id, rating FROM predict_pairs', '{"algorithm": "als", "factors": 16}');
SELECT version FROM lepton_train('predict_many_walk', 'SELECT user_id, item_id FROM predict_pairs', '{"algorithm": "walk"}');
SET lepton.cache_size = '1MB';
CREATE TABLE predict_lists AS
SELECT p.user_id, p.item_id, a.score AS a, b.score AS b, c.score AS c, d.score AS d FROM predict_pairs p,
	lepton_topn('predict_many', p.user_id, 1, ARRAY[p.item_id], false) a, lepton_topn('predict_many_text', 'u' || p.user_id, 1, ARRAY[p.item_id], false) b,
	lepton_topn('predict_many_uuid', md5(p.user_id::text)::uuid, 1, ARRAY[p.item_id], false) c, lepton_topn('predict_many_walk', p.user_id, 1, ARRAY[p.item_id], false) d;
SELECT count(*), count(DISTINCT a) > 100 AS differ, count(*) FILTER (WHERE a <> pa) AS bigint, count(*) FILTER (WHERE b <> pb) AS text, count(*) FILTER (WHERE c <> pc) AS uuid,
	count(*) FILTER (WHERE d <> pd) AS neighbors
FROM (SELECT a, b, c, d, lepton_predict('predict_many', user_id, item_id) AS pa, lepton_predict('predict_many_text', 'u' || user_id, item_id) AS pb,
		lepton_predict('predict_many_uuid', md5(user_id::text)::uuid, item_id) AS pc, lepton_predict('predict_many_walk', user_id, item_id) AS pd
	FROM predict_lists ORDER BY md5(user_id || ' ' || item_id)) x;
RESET lepton.cache_size;
-- where all fit, all are read once many were looked up: no difference, and who is unknown stays so
SELECT count(*), count(DISTINCT a) > 100 AS differ, count(*) FILTER (WHERE a <> pa) AS bigint, count(*) FILTER (WHERE b <> pb) AS text, count(*) FILTER (WHERE c <> pc) AS uuid,
	count(*) FILTER (WHERE d <> pd) AS neighbors
FROM (SELECT a, b, c, d, lepton_predict('predict_many', user_id, item_id) AS pa, lepton_predict('predict_many_text', 'u' || user_id, item_id) AS pb,
		lepton_predict('predict_many_uuid', md5(user_id::text)::uuid, item_id) AS pc, lepton_predict('predict_many_walk', user_id, item_id) AS pd
	FROM predict_lists ORDER BY md5(user_id || ' ' || item_id)) x;
SELECT count(*), count(*) FILTER (WHERE p <> n) AS bigint, count(*) FILTER (WHERE pt <> nt) AS text, count(*) FILTER (WHERE pu <> nu) AS uuid, count(*) FILTER (WHERE pw <> nw) AS neighbors
FROM (SELECT u > 5000 AS is_new, lepton_predict('predict_many', u, u % 40) AS p, lepton_predict('predict_many', NULL::bigint, u % 40) AS n,
		lepton_predict('predict_many_text', 'u' || u, u % 40) AS pt, lepton_predict('predict_many_text', NULL::text, u % 40) AS nt,
		lepton_predict('predict_many_uuid', md5(u::text)::uuid, u % 40) AS pu, lepton_predict('predict_many_uuid', NULL::uuid, u % 40) AS nu,
		lepton_predict('predict_many_walk', u, u % 40) AS pw, lepton_predict('predict_many_walk', NULL::bigint, u % 40) AS nw
	FROM (SELECT CASE WHEN g % 3 = 0 THEN g + 5000 ELSE g END AS u FROM generate_series(1, 2500) g) g OFFSET 0) x WHERE is_new;
-- one user asked for again and again, with nobody in between: with item neighbours all items are looked at once; no difference
SELECT version FROM lepton_train('predict_many_blend', 'SELECT user_id, item_id FROM predict_pairs', '{"algorithm": "blend", "weights": [1, 1]}');
CREATE TABLE predict_rows AS
SELECT u, i, lepton_predict('predict_many_walk', u, i) AS walk, lepton_predict('predict_many_blend', u, i) AS blend
FROM (SELECT CASE WHEN i % 10 < 9 THEN v END AS u, i FROM generate_series(2440, 2505) v, generate_series(0, 45) i ORDER BY v, i OFFSET 0) p;
SELECT count(*), count(DISTINCT walk) > 20 AS walk_differs, count(DISTINCT blend) > 500 AS blend_differs, count(*) FILTER (WHERE walk <> w) AS walk, count(*) FILTER (WHERE blend <> b) AS blend
FROM (SELECT walk, blend, lepton_predict('predict_many_walk', u, i) AS w, lepton_predict('predict_many_blend', u, i) AS b FROM (SELECT * FROM predict_rows ORDER BY i, u OFFSET 0) p) x;
DROP TABLE predict_many_blend, predict_rows;
DROP TABLE predict_many, predict_many_text, predict_many_uuid, predict_many_walk, predict_lists, predict_pairs;

-- a model's name that changes from row to row
SELECT version FROM lepton_train('predict_b', 'predict_ratings', '{"algorithm": "baseline"}');
SELECT m, count(DISTINCT p) FROM (SELECT m, lepton_predict(m, 7, 3) AS p FROM generate_series(1, 20) g, (VALUES ('predict'), ('predict_b')) v(m) ORDER BY g) x GROUP BY m ORDER BY m;

-- a function that has answered gives the new version after a training, the old one after its ROLLBACK
CREATE FUNCTION predict_mean() RETURNS numeric LANGUAGE plpgsql AS 'BEGIN RETURN round(lepton_predict(''predict_b'', 999, 999)::numeric, 2); END';
CREATE FUNCTION predict_first() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM lepton_topn(''predict_b'', 999, 1000)); END';
SELECT round(avg(rating), 2) AS mean, predict_mean(), predict_first() FROM predict_ratings;
SELECT version FROM lepton_train('predict_b', 'SELECT user_id, item_id, rating + 10 AS rating FROM predict_ratings WHERE item_id < 20', '{"algorithm": "baseline"}');
SELECT round(avg(rating), 2) + 10 AS mean, predict_mean(), predict_first() FROM predict_ratings WHERE item_id < 20;
BEGIN;
SELECT version FROM lepton_train('predict_b', 'SELECT user_id, item_id, rating + 20 AS rating FROM predict_ratings WHERE item_id < 10', '{"algorithm": "baseline"}');
SELECT round(avg(rating), 2) + 20 AS mean, predict_mean(), predict_first() FROM predict_ratings WHERE item_id < 10;
ROLLBACK;
SELECT predict_mean(), predict_first();
-- in one DO block, too
DO $$
BEGIN
	RAISE WARNING '%', predict_mean();
	PERFORM lepton_train('predict_b', 'SELECT user_id, item_id, rating + 30 AS rating FROM predict_ratings', '{"algorithm": "baseline"}');
	RAISE WARNING '%', predict_mean();
END $$;
-- dropped and made anew
DROP TABLE predict_b;
SELECT predict_mean();
SELECT version FROM lepton_train('predict_b', 'SELECT user_id, item_id, rating + 40 AS rating FROM predict_ratings', '{"algorithm": "baseline"}');
SELECT predict_mean();

DROP TABLE predict, predict_b, predict_ratings, predict_products;
DROP FUNCTION predict_mean(), predict_first();
