-- option storage: what is stored takes less room, and every reader has the same numbers
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE storage_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * i + u % 3) % 5)::real AS rating
FROM generate_series(1, 80) u, generate_series(1, 50) i WHERE (u * 7 + i * 3) % 4 <> 1;
SELECT version, options ->> 'storage' AS storage FROM lepton_train('storage_32', 'storage_ratings', '{"algorithm": "als", "factors": 24, "storage": "float32"}');
SELECT version, options ->> 'storage' AS storage FROM lepton_train('storage_16', 'storage_ratings', '{"algorithm": "als", "factors": 24, "storage": "float16"}');
SELECT version, options ->> 'storage' AS storage FROM lepton_train('storage_8', 'storage_ratings', '{"algorithm": "als", "factors": 24, "storage": "int8"}');
SELECT lepton_train('storage_8', 'storage_ratings', '{"storage": "float8"}');

-- bytes of a row: 8 and 4, 2 or 1 for each factor, and what a row has in common
SELECT min(length(a.factors)), max(length(a.factors)), min(length(b.factors)), max(length(b.factors)), min(length(c.factors)), max(length(c.factors))
FROM storage_32_users a JOIN storage_16_users b USING (id) JOIN storage_8_users c USING (id);

-- the same factors but for rounding: half of the last of 11 bits; half a scale
SELECT count(*) > 1000 AS many, max(abs(x - y) / abs(x)) <= 1.0 / 2048 AS near16, bool_or(x <> y) AS rounded16,
	max(abs(x - z) / m) <= 0.5 / 127 * 1.0001 AS near8
FROM (SELECT lepton_vector(a.factors) AS a, lepton_vector(b.factors) AS b, lepton_vector(c.factors) AS c,
		(SELECT max(abs(v)) FROM unnest(lepton_vector(a.factors)) v) AS m
	FROM storage_32_items a JOIN storage_16_items b USING (id) JOIN storage_8_items c USING (id)) s,
	LATERAL unnest(a, b, c) t(x, y, z) WHERE abs(x) > 1e-6;

-- predict, lists, explanations, and the sum by hand of what lepton_vector shows, agree
CREATE FUNCTION storage_agrees(model text) RETURNS TABLE (pairs bigint, topn boolean, explain boolean, by_hand boolean) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		WITH p AS MATERIALIZED (SELECT u.id AS u, i.id AS i, lepton_predict(%1$L, u.id, i.id) AS p,
				(SELECT sum(x::float8 * y) FROM unnest(lepton_vector(u.factors), lepton_vector(i.factors)) d(x, y))
					+ u.bias + i.bias + (SELECT (details #>> '{serving,mean}')::float8 FROM %1$I WHERE is_current) AS by_hand
			FROM (SELECT * FROM %2$I WHERE id %% 9 = 0) u, %3$I i)
		SELECT count(*), bool_and(p = t.score), bool_and(abs(p - (SELECT sum(contribution) FROM lepton_explain(%1$L, u, i))) < 1e-5),
			bool_and(abs(p - least(greatest(by_hand, 1), 5)) < 1e-5)
		FROM p LEFT JOIN LATERAL lepton_topn(%1$L, u, 1000, exclude_seen => false) t ON t.item_id = i$q$,
		model, model || '_users', model || '_items');
END $$;
SELECT m, a.* FROM unnest(ARRAY['storage_32', 'storage_16', 'storage_8']) m, storage_agrees(m) a;
SELECT m, (SELECT count(*) FROM lepton_similar(m, 7, 100)) AS similar, (SELECT count(*) FROM lepton_similar_users(m, 7, 100)) AS users,
	(SELECT count(*) FROM lepton_topn_for(m, ARRAY[7, 12], weights => ARRAY[5, 1], n => 100)) AS basket,
	(SELECT count(*) FROM lepton_check(m)) AS checked
FROM unnest(ARRAY['storage_16', 'storage_8']) m;
-- a row of another precision is read as well
BEGIN;
UPDATE storage_16_users SET factors = (SELECT factors FROM storage_8_users WHERE id = 9) WHERE id = 9;
SELECT a.*, (SELECT count(*) FROM lepton_check('storage_16')) AS checked FROM storage_agrees('storage_16') a;
ROLLBACK;

-- neighbours
SELECT version FROM lepton_train('storage_walk', 'SELECT user_id, item_id FROM storage_ratings WHERE rating > 3', '{"algorithm": "walk", "neighbors": 20, "storage": "float16"}');
SELECT version FROM lepton_train('storage_blend', 'SELECT user_id, item_id FROM storage_ratings WHERE rating > 3',
	'{"algorithm": "blend", "weights": [1, 1], "parts": [{"algorithm": "walk", "neighbors": 20}, {"algorithm": "ials", "factors": 8}], "storage": "int8"}');
SELECT m, (SELECT bool_and(lepton_predict(m, u, item_id) = score) FROM generate_series(1, 80, 7) u, lepton_topn(m, u, 100)) AS agrees,
	(SELECT count(*) FROM lepton_check(m)) AS checked FROM unnest(ARRAY['storage_walk', 'storage_blend']) m;

-- damaged: a scale, an exponent, a number that the writer would not have written
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/outcome.sql'
\i :include
SELECT lepton_vector('\x4c45504601020300f2007400f80068'), lepton_vector('\x4c455046010303000003813c3f8108');
SELECT outcome(format('SELECT lepton_vector(%L)', b)) FROM unnest(ARRAY['\x4c45504601020300f2007400700068', '\x4c45504601020300f2007c00f80068',
	'\x4c455046010303000103813c3f8108', '\x4c455046010303000003813c3f8008', '\x4c455046010303000003813c3f81', '\x4c45504601040300']::bytea[]) b;

SELECT lepton_drop(m) FROM unnest(ARRAY['storage_32', 'storage_16', 'storage_8', 'storage_walk', 'storage_blend']) m;
DROP TABLE storage_ratings;
DROP FUNCTION storage_agrees, outcome, answer;
