-- lists, predictions and explanations by item neighbours, against sums in plain SQL
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE neighbors_ratings AS
SELECT u AS user_id, i AS item_id FROM generate_series(1, 60) u, generate_series(101, 140) i WHERE (u % 4 = i % 4 AND (u * 7 + i * 3) % 5 <> 0) OR (u * 31 + i * 17) % 19 = 0;
SELECT version FROM lepton_train('neighbors_m', 'neighbors_ratings', '{"algorithm": "popular"}');
-- neighbours of our own in place of a training's: item j speaks for i with this weight; one item for none, some below 0, some alike
CREATE TABLE neighbors_weights AS
SELECT j.id AS source, i.id AS target, j.n AS source_n, i.n AS target_n, (((j.n * 7 + i.n * 13) % 23 - 3) / 16.0)::float4 AS weight
FROM neighbors_m_items j, neighbors_m_items i WHERE j.n <> i.n AND (j.n * 5 + i.n * 3) % 11 < 3 AND j.n <> 7 AND i.n NOT IN (9, 10);
-- docs/format.md: LEPN, version 1, float32, how many, gaps as varints (here below 128), weights; numbers with their low bytes first
CREATE FUNCTION neighbors_low_first(b bytea) RETURNS bytea LANGUAGE sql AS $$
	SELECT string_agg(substring(b, s, 1), '' ORDER BY s DESC) FROM generate_series(1, length(b)) s
$$;
CREATE FUNCTION neighbors_encode(items int[], weights float4[]) RETURNS bytea LANGUAGE sql AS $$
	SELECT '\x4c45504e0101'::bytea || neighbors_low_first(int4send(cardinality(items)))
		|| coalesce((SELECT string_agg(set_byte('\x00', 0, item - before - 1), '' ORDER BY item) FROM (SELECT item, lag(item, 1, -1) OVER (ORDER BY item) AS before FROM unnest(items) item) g), '')
		|| coalesce((SELECT string_agg(neighbors_low_first(float4send(w)), '' ORDER BY o) FROM unnest(weights) WITH ORDINALITY x(w, o)), '')
$$;
UPDATE neighbors_m_items SET bias = bias / 1048576, neighbors = neighbors_encode(
	ARRAY(SELECT target_n FROM neighbors_weights WHERE source_n = n ORDER BY target_n), ARRAY(SELECT weight FROM neighbors_weights WHERE source_n = n ORDER BY target_n));
UPDATE neighbors_m SET generation = generation + 1, details = jsonb_set(details, '{serving,n_neighbors}', (SELECT to_jsonb(count(*)) FROM neighbors_weights));
SELECT version, relation, n_rows FROM lepton_check('neighbors_m') ORDER BY 2;

-- the score: bias, and what her items say; an item is reached if any of them has it
CREATE FUNCTION neighbors_brute(basket bigint[], weights float8[]) RETURNS TABLE (item_id bigint, score real, reached boolean) LANGUAGE sql AS $$
	SELECT i.id, (i.bias::float8 + coalesce(sum(b.w::float4::float8 * n.weight::float8), 0))::real, count(n.*) > 0
	FROM neighbors_m_items i LEFT JOIN (SELECT * FROM unnest(basket, weights) u(id, w)) b ON true LEFT JOIN neighbors_weights n ON (n.source, n.target) = (b.id, i.id) GROUP BY i.id, i.bias
$$;
CREATE FUNCTION neighbors_basket(u int) RETURNS bigint[] LANGUAGE sql AS 'SELECT array_agg(item_id) FROM neighbors_ratings WHERE user_id = u';
CREATE FUNCTION neighbors_ones(u int) RETURNS float8[] LANGUAGE sql AS 'SELECT array_agg(1) FROM neighbors_ratings WHERE user_id = u';
-- lists of all users: same items, order, bits, origins
SELECT n, seen, count(*), count(*) FILTER (WHERE (l.item_id, l.score, l.origin) IS DISTINCT FROM (b.item_id, b.score, b.origin)) AS differences, count(*) FILTER (WHERE l.origin = 'popular') > 0 AS filled
FROM (VALUES (1, false), (7, false), (100, false), (100, true)) c(n, seen), generate_series(1, 60) u, LATERAL (
	SELECT * FROM (SELECT l.* FROM lepton_topn('neighbors_m', u, n, NOT seen) l) l FULL JOIN
		(SELECT item_id, score, CASE WHEN reached THEN 'neighbors' ELSE 'popular' END AS origin, row_number() OVER (ORDER BY score DESC, item_id) AS rank FROM neighbors_brute(neighbors_basket(u), neighbors_ones(u)) b
			WHERE seen OR NOT EXISTS (SELECT FROM neighbors_ratings r WHERE (r.user_id, r.item_id) = (u, b.item_id))) b USING (rank) WHERE rank <= n) x(rank, item_id, score, origin, item, s, o),
	LATERAL (SELECT x.item_id, x.score, x.origin) l, LATERAL (SELECT x.item AS item_id, x.s AS score, x.o AS origin) b GROUP BY n, seen ORDER BY 2, 1;
-- predictions, and the order of another's list of candidates
SELECT count(*), count(*) FILTER (WHERE float4send(lepton_predict('neighbors_m', u, item_id)) <> float4send(score)) AS differences FROM generate_series(1, 60) u, LATERAL neighbors_brute(neighbors_basket(u), neighbors_ones(u));
SELECT ARRAY(SELECT item_id FROM lepton_topn('neighbors_m', 5, 9, ARRAY[104, 999, 130, 120, 111, 104, 998])) = ARRAY(SELECT item_id FROM neighbors_brute(neighbors_basket(5), neighbors_ones(5)) b
	WHERE item_id IN (104, 130, 120, 111) AND item_id <> ALL (neighbors_basket(5)) ORDER BY score DESC, item_id) || ARRAY[998, 999]::bigint[] AS same;
-- exclude; nobody's list is what is popular, and so is that of somebody whose items speak for nothing
SELECT count(*) FILTER (WHERE item_id IN (101, 102)) AS excluded, count(*) FROM lepton_topn('neighbors_m', 3, 100, false, ARRAY[101, 102]);
SELECT ARRAY(SELECT item_id FROM lepton_topn('neighbors_m', 4711, 5)) = ARRAY(SELECT id FROM neighbors_m_items ORDER BY bias DESC, id LIMIT 5) AS popular, (SELECT DISTINCT origin FROM lepton_topn('neighbors_m', NULL, 5));
SELECT DISTINCT origin FROM lepton_topn_for('neighbors_m', ARRAY(SELECT id FROM neighbors_m_items WHERE n = 7), 5);
SELECT lepton_predict('neighbors_m', 4711, 101) = (SELECT bias FROM neighbors_m_items WHERE id = 101) AS bias, lepton_predict('neighbors_m', 3, 4711) AS unknown_item;

-- a basket, with weights and without: repeated items have both weights, unknown ones none
SELECT count(*), count(*) FILTER (WHERE abs(l.score - b.score) > 1e-6 OR (l.origin = 'neighbors') <> b.reached) AS differences FROM lepton_topn_for('neighbors_m', ARRAY[101, 115, 133], 100, false) l FULL JOIN neighbors_brute(ARRAY[101, 115, 133], ARRAY[1, 1, 1]) b USING (item_id);
SELECT count(*), count(*) FILTER (WHERE abs(l.score - b.score) > 1e-6 OR (l.origin = 'neighbors') <> b.reached) AS differences FROM lepton_topn_for('neighbors_m', ARRAY[115, 101, 4711, 115], ARRAY[0.5, 2, 9, 0.25], 100, false) l
	FULL JOIN neighbors_brute(ARRAY[101, 115], ARRAY[2, 0.75]) b USING (item_id);

-- explanations: the terms, and their sum
SELECT count(*), count(*) FILTER (WHERE abs(sum - p) > 1e-5 * abs(p) + 1e-7) AS wrong FROM generate_series(1, 60) u, generate_series(101, 140) i, LATERAL (SELECT sum(contribution), lepton_predict('neighbors_m', u, i) AS p FROM lepton_explain('neighbors_m', u, i)) s;
SELECT count(*), count(*) FILTER (WHERE e.contribution IS DISTINCT FROM n.weight::float8) AS wrong FROM
	(SELECT u AS user_id, i AS target, e.* FROM generate_series(1, 60) u, generate_series(101, 140) i, LATERAL lepton_explain('neighbors_m', u, i) e WHERE reason = 'item') e
	FULL JOIN (SELECT * FROM neighbors_ratings r JOIN neighbors_weights n ON n.source = r.item_id AND n.weight <> 0) n USING (user_id, item_id, target);
SELECT reason, item_id FROM lepton_explain('neighbors_m', 4711, 103);
-- what counts nothing speaks for nothing
SELECT DISTINCT origin FROM lepton_topn_for('neighbors_m', ARRAY[101, 115], ARRAY[0, 0], 100);
-- rows of the table may lie in any order
CREATE TABLE neighbors_before AS SELECT u, t.* FROM generate_series(1, 60) u, LATERAL lepton_topn('neighbors_m', u, 100, false) t;
UPDATE neighbors_m_items SET n_ratings = n_ratings WHERE n % 3 = 1;
UPDATE neighbors_m_items SET n_ratings = n_ratings WHERE n % 5 = 2;
UPDATE neighbors_m SET generation = generation + 1;
SELECT bool_or(n < before) AS shuffled FROM (SELECT n, lag(n) OVER (ORDER BY ctid) AS before FROM neighbors_m_items) r;
SELECT count(*), count(*) FILTER (WHERE float4send(a.score) IS DISTINCT FROM float4send(b.score)) AS differences
FROM neighbors_before b FULL JOIN (SELECT u, t.* FROM generate_series(1, 60) u, LATERAL lepton_topn('neighbors_m', u, 100, false) t) a USING (u, rank, item_id, origin);
DROP TABLE neighbors_before;

-- similar items are an item's neighbours
SELECT count(*), count(*) FILTER (WHERE (s.item_id, s.score, s.origin) IS DISTINCT FROM (n.target, n.weight, 'neighbors')) AS differences FROM (SELECT i.id AS source, s.* FROM neighbors_m_items i, LATERAL lepton_similar('neighbors_m', i.id, 4) s) s
	FULL JOIN (SELECT * FROM (SELECT source, target::bigint, weight, row_number() OVER (PARTITION BY source ORDER BY weight DESC, target) AS rank FROM neighbors_weights WHERE weight <> 0) w WHERE rank <= 4) n USING (source, rank);
SELECT count(*) FROM lepton_similar('neighbors_m', 4711);
SELECT lepton_similar_users('neighbors_m', 3);

-- a model is judged as it lists
CREATE TABLE neighbors_new AS SELECT u AS user_id, i AS item_id FROM generate_series(1, 60) u, generate_series(101, 140) i WHERE u % 4 = i % 4 EXCEPT SELECT * FROM neighbors_ratings;
SELECT abs(e.value - hits / 5.0 / (SELECT count(DISTINCT user_id) FROM neighbors_new)) < 1e-9 AS precision_as_counted FROM lepton_evaluate('neighbors_m', 'neighbors_new', 5) e,
	(SELECT count(*) AS hits FROM (SELECT DISTINCT user_id FROM neighbors_new) u, LATERAL lepton_topn('neighbors_m', u.user_id, 5) l JOIN neighbors_new n USING (item_id) WHERE n.user_id = u.user_id) h WHERE metric = 'precision';

-- rows in another order are the same; what does not fit is an error
CREATE TABLE neighbors_before AS SELECT u, l.* FROM generate_series(1, 60) u, LATERAL lepton_topn('neighbors_m', u, 10) l;
UPDATE neighbors_m_items SET n_ratings = n_ratings WHERE n % 3 = 0;
UPDATE neighbors_m SET generation = generation + 1;
SELECT count(*) FROM (SELECT u, l.* FROM generate_series(1, 60) u, LATERAL lepton_topn('neighbors_m', u, 10) l EXCEPT SELECT * FROM neighbors_before) d;
CREATE FUNCTION neighbors_try(bytes bytea, total int DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	BEGIN
		UPDATE neighbors_m_items SET neighbors = bytes WHERE n = 5 AND total IS NULL;
		UPDATE neighbors_m SET generation = generation + 1, details = CASE WHEN total IS NULL THEN details ELSE jsonb_set(details, '{serving,n_neighbors}', to_jsonb(total)) END;
		BEGIN
			PERFORM lepton_check('neighbors_m');
			result := 'check: nothing; ';
		EXCEPTION WHEN OTHERS THEN result := 'check: ' || sqlerrm || '; ';
		END;
		BEGIN
			PERFORM lepton_topn('neighbors_m', 3);
			result := result || 'topn: nothing';
		EXCEPTION WHEN OTHERS THEN result := result || 'topn: ' || sqlerrm;
		END;
		RAISE EXCEPTION USING ERRCODE = 'P0099';
	EXCEPTION WHEN SQLSTATE 'P0099' THEN
		RETURN result;
	END;
END $$;
SELECT what, neighbors_try(bytes) FROM (SELECT neighbors AS own, * FROM neighbors_m_items WHERE n = 5) i, LATERAL (VALUES (1, 'as it is', own), (2, 'none', NULL), (3, 'empty', '\x'), (4, 'a byte less', substring(own, 1, length(own) - 1)),
	(5, 'other magic', '\x4c455046'::bytea || substring(own, 5)), (6, 'newer', set_byte(own, 4, 2)), (7, 'itself', neighbors_encode(ARRAY[5], ARRAY[1])), (8, 'beyond the items', neighbors_encode(ARRAY[120], ARRAY[1])),
	(9, 'not a number', neighbors_encode(ARRAY[1], ARRAY['NaN'::float4])), (10, 'one less than there are', neighbors_encode(ARRAY[1], ARRAY[1])), (11, 'far too many', set_byte(own, 9, 255))) v(o, what, bytes) ORDER BY o;
SELECT neighbors_try(NULL, 1), neighbors_try(NULL, 1000);
-- and a cache that they do not fit into
UPDATE neighbors_m SET details = jsonb_set(details, '{serving,n_neighbors}', '1000000000');
SELECT lepton_topn('neighbors_m', 3);
UPDATE neighbors_m SET details = jsonb_set(details, '{serving,n_neighbors}', '-1');
SELECT lepton_topn('neighbors_m', 3);

DROP TABLE neighbors_m, neighbors_ratings, neighbors_weights, neighbors_new, neighbors_before;
DROP FUNCTION neighbors_try(bytea, int), neighbors_encode(int[], float4[]), neighbors_low_first(bytea), neighbors_brute(bigint[], float8[]), neighbors_basket(int), neighbors_ones(int);
