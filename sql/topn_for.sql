-- lists for a basket of items, against the closed forms in plain SQL
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE topn_for_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * i + u % 3) % 9) / 2.0 AS rating, 1 + (u * i) % 4 AS bought
FROM generate_series(1, 90) u, generate_series(1, 40) i WHERE (u % 4 = i % 4 AND (u * 7 + i * 3) % 5 <> 0) OR (u * 31 + i * 17) % 9 = 0;
SELECT version FROM lepton_train('topn_for_e', 'topn_for_ratings', '{"algorithm": "als", "factors": 1}');
SELECT version FROM lepton_train('topn_for_i', 'SELECT user_id, item_id, bought AS rating FROM topn_for_ratings',
	'{"algorithm": "ials", "factors": 1, "feedback": "implicit", "unobserved_weight": 0.05, "regularization": 0.002, "epochs": 30, "validation_fraction": 0, "alpha": 2}');

/*
 * Explicit feedback, one factor, two unknowns x = (factor, bias): with the stored prior N(m, C), C = S T S, of a version and
 * ratings y_j of items with factor q_j and bias b_j, a_j = (q_j, 1), x solves
 *
 *	(C^-1 + sum of a a' / noise) x = C^-1 m + sum of a (y - mean - b) / noise
 *
 * written out for the 2 x 2 system; triangle is T11, T21, T22.
 */
CREATE FUNCTION topn_for_explicit(items bigint[], ratings float8[]) RETURNS TABLE (item_id bigint, score float8) LANGUAGE sql AS $$
	WITH p AS (SELECT (details #>> '{serving,mean}')::float8 AS mean, (f ->> 'noise')::float8 AS noise, (f #>> '{mean,0}')::float8 AS m1, (f #>> '{mean,1}')::float8 AS m2,
			(f #>> '{scale,0}')::float8 ^ 2 * (f #>> '{triangle,0}')::float8 AS c11, (f #>> '{scale,0}')::float8 * (f #>> '{scale,1}')::float8 * (f #>> '{triangle,1}')::float8 AS c21,
			(f #>> '{scale,1}')::float8 ^ 2 * (f #>> '{triangle,2}')::float8 AS c22, (details #>> '{serving,min}')::float8 AS low, (details #>> '{serving,max}')::float8 AS high
		FROM (SELECT details, details -> 'foldin' AS f FROM topn_for_e WHERE is_current) v),
	i AS (SELECT id, bias::float8 AS b, (lepton_vector(factors))[1]::float8 AS q FROM topn_for_e_items WHERE version = (SELECT version FROM topn_for_e WHERE is_current)),
	s AS (SELECT c22 / (c11 * c22 - c21 * c21) + q2 / noise AS a11, -c21 / (c11 * c22 - c21 * c21) + q1 / noise AS a21, c11 / (c11 * c22 - c21 * c21) + n / noise AS a22,
			(c22 * m1 - c21 * m2) / (c11 * c22 - c21 * c21) + qr / noise AS b1, (-c21 * m1 + c11 * m2) / (c11 * c22 - c21 * c21) + r / noise AS b2
		FROM p, (SELECT sum(q * q) AS q2, sum(q) AS q1, count(*) AS n, sum(q * (y - mean - b)) AS qr, sum(y - mean - b) AS r
			FROM p, unnest(items, ratings) u(id, y) JOIN i USING (id)) t)
	SELECT id, greatest(low, least(high, mean + b + (a11 * b2 - a21 * b1) / (a11 * a22 - a21 * a21) + q * (a22 * b1 - a21 * b2) / (a11 * a22 - a21 * a21)))
	FROM p, i, s WHERE id <> ALL (items)
$$;
SELECT count(*), max(abs(l.score - b.score)) < 1e-5 AS same FROM lepton_topn_for('topn_for_e', ARRAY[3, 8, 21], ARRAY[4.5, 1, 2], 100) l FULL JOIN topn_for_explicit(ARRAY[3, 8, 21], ARRAY[4.5, 1, 2]) b USING (item_id);
SELECT count(*), max(abs(l.score - b.score)) < 1e-5 AS same FROM lepton_topn_for('topn_for_e', ARRAY[7], ARRAY[0.5], 100) l FULL JOIN topn_for_explicit(ARRAY[7], ARRAY[0.5]) b USING (item_id);

/*
 * Implicit feedback, one factor: with c = (1 + alpha ln(1 + r)) / their mean over the source, her factor is
 *	p = sum of c q / (w sum of q^2 over all items + regularization (sum of c + w n_items) + sum of c q^2)
 */
CREATE FUNCTION topn_for_implicit(items bigint[], counts float8[]) RETURNS TABLE (item_id bigint, score float8) LANGUAGE sql AS $$
	WITH m AS (SELECT avg(1 + 2 * ln(1 + bought::float8)) AS mean FROM topn_for_ratings),
	i AS (SELECT id, (lepton_vector(factors))[1]::float8 AS q FROM topn_for_i_items WHERE version = (SELECT version FROM topn_for_i WHERE is_current)),
	h AS (SELECT q, (1 + 2 * ln(1 + r)) / mean AS c FROM m, unnest(items, counts) u(id, r) JOIN i USING (id))
	SELECT id, q * (SELECT sum(c * q) / ((SELECT 0.05 * sum(q * q) FROM i) + 0.002 * (sum(c) + 0.05 * (SELECT count(*) FROM i)) + sum(c * q * q)) FROM h)
	FROM i WHERE id <> ALL (items)
$$;
SELECT count(*), max(abs(l.score - b.score)) < 1e-5 AS same, max(l.score) > 0.02 AS large FROM lepton_topn_for('topn_for_i', ARRAY[3, 8, 21], ARRAY[4, 1, 2], 100) l FULL JOIN topn_for_implicit(ARRAY[3, 8, 21], ARRAY[4, 1, 2]) b USING (item_id);
SELECT count(*), max(abs(l.score - b.score)) < 1e-5 AS same FROM lepton_topn_for('topn_for_i', ARRAY[3, 8, 21], 100) l FULL JOIN topn_for_implicit(ARRAY[3, 8, 21], ARRAY[1, 1, 1]) b USING (item_id);
-- the same item twice has both counts
SELECT count(*), max(abs(l.score - b.score)) < 1e-5 AS same FROM lepton_topn_for('topn_for_i', ARRAY[3, 8, 3], ARRAY[1, 2, 5], 100) l FULL JOIN topn_for_implicit(ARRAY[3, 8], ARRAY[6, 2]) b USING (item_id);

-- many factors: the order of the items does not matter, the list is ranked, ties by id
SELECT version FROM lepton_train('topn_for_e', 'topn_for_ratings', '{"algorithm": "als", "factors": 9}');
SELECT version FROM lepton_train('topn_for_i', 'SELECT user_id, item_id, bought AS rating FROM topn_for_ratings',
	'{"algorithm": "ials", "factors": 9, "feedback": "implicit", "unobserved_weight": 0.05, "regularization": 0.002, "epochs": 30, "validation_fraction": 0}');
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differences, count(*) FROM (SELECT lepton_topn_for('topn_for_e', ARRAY[3, 8, 21], ARRAY[4.5, 1, 2], 100) AS a, lepton_topn_for('topn_for_e', ARRAY[21, 3, 8], ARRAY[2, 4.5, 1], 100) AS b) l;
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differences, count(*) FROM (SELECT lepton_topn_for('topn_for_i', ARRAY[3, 8, 21], 100) AS a, lepton_topn_for('topn_for_i', ARRAY[21, 3, 8], 100) AS b) l;
SELECT bool_and(rank = row), bool_and(score <= before), min(origin), max(origin) FROM (SELECT *, row_number() OVER () AS row, coalesce(lag(score) OVER (), 'infinity') AS before
	FROM lepton_topn_for('topn_for_i', ARRAY[3, 8, 21], 100)) s;
-- a user's own items give about her own list
SELECT avg((SELECT count(*) FROM lepton_topn('topn_for_i', user_id, 5) a JOIN lepton_topn_for('topn_for_i', (SELECT array_agg(r.item_id) FROM topn_for_ratings r WHERE r.user_id = u.user_id),
	(SELECT array_agg(r.bought) FROM topn_for_ratings r WHERE r.user_id = u.user_id), 5) b USING (item_id))) > 4 AS alike FROM (SELECT DISTINCT user_id FROM topn_for_ratings) u;

-- exclude_seen and exclude; items that are not known are passed over, without any it is the popular list
SELECT count(*), count(*) FILTER (WHERE item_id IN (3, 8)) AS own, count(*) FILTER (WHERE item_id = 5) AS five FROM lepton_topn_for('topn_for_i', ARRAY[3, 8], 100);
SELECT count(*), count(*) FILTER (WHERE item_id IN (3, 8)) AS own, count(*) FILTER (WHERE item_id = 5) AS five FROM lepton_topn_for('topn_for_i', ARRAY[3, 8], 100, exclude_seen => false, exclude => ARRAY[5, 999]);
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differences FROM (SELECT lepton_topn_for('topn_for_e', ARRAY[3, 999, NULL], ARRAY[4, 1, 1], 9) AS a, lepton_topn_for('topn_for_e', ARRAY[3], ARRAY[4], 9) AS b) l;
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differences, count(*) FROM (SELECT lepton_topn_for('topn_for_e', ARRAY[999], 9) AS a, lepton_topn('topn_for_e', NULL, 9) AS b) l;
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differences, count(*) FROM (SELECT lepton_topn_for('topn_for_i', NULL, 9) AS a, lepton_topn('topn_for_i', NULL, 9) AS b) l;
SELECT count(*) FROM lepton_topn_for('topn_for_i', ARRAY[3], 0);
-- nobody's list goes by how many have an item, where scores do not differ
SELECT ARRAY(SELECT item_id FROM lepton_topn('topn_for_i', 4711, 40)) = ARRAY(SELECT item_id::bigint FROM topn_for_ratings GROUP BY 1 ORDER BY count(*) DESC, item_id) AS popular;
SELECT DISTINCT origin, score FROM lepton_topn('topn_for_i', 4711, 40);
SELECT ARRAY(SELECT item_id FROM lepton_topn('topn_for_i', 4711, 2, ARRAY[30, 7, 11, 999])) = ARRAY(SELECT item_id::bigint FROM topn_for_ratings WHERE item_id IN (30, 7, 11) GROUP BY 1 ORDER BY count(*) DESC, item_id LIMIT 2) AS popular;

-- what is refused
SELECT lepton_topn_for('topn_for_e', ARRAY[3, 8]);
SELECT lepton_topn_for('topn_for_e', ARRAY[3, 8], ARRAY[1], 5);
SELECT lepton_topn_for('topn_for_e', ARRAY[3, 8], ARRAY[1, NULL], 5);
SELECT lepton_topn_for('topn_for_e', ARRAY[3, 8], ARRAY[1, 'NaN'::float8], 5);
SELECT lepton_topn_for('topn_for_e', ARRAY[3, 8], ARRAY[1, 1e13], 5);
SELECT lepton_topn_for('topn_for_i', ARRAY[3, 8], ARRAY[1, -1], 5);
SELECT lepton_topn_for('topn_for_i', ARRAY[3, 8], -1);
SELECT lepton_topn_for('topn_for_i', ARRAY[3, 8], NULL::bigint);
SELECT lepton_topn_for_text('topn_for_i', ARRAY['3']);
-- what is stored for it is checked
UPDATE topn_for_e SET details = jsonb_set(details, '{foldin,noise}', '-1'), generation = generation + 1;
SELECT lepton_topn_for('topn_for_e', ARRAY[3], ARRAY[1], 5);
SELECT lepton_check('topn_for_e');
UPDATE topn_for_e SET details = details - 'foldin', generation = generation + 1;
SELECT lepton_topn_for('topn_for_e', ARRAY[3], ARRAY[1], 5);
UPDATE topn_for_i SET details = jsonb_set(details, '{foldin,confidence}', '1.5'), generation = generation + 1;
SELECT lepton_topn_for('topn_for_i', ARRAY[3]);
UPDATE topn_for_i SET details = jsonb_set(details, '{foldin,confidence}', '1'), generation = generation + 1;
SELECT count(*) FROM lepton_topn_for('topn_for_i', ARRAY[3]);
UPDATE topn_for_i SET details = jsonb_set(details, '{foldin,exponent}', '7'), generation = generation + 1;
SELECT lepton_topn_for('topn_for_i', ARRAY[3]);

-- ratings may be below 0 whatever learned from them: biases alone make nothing of them
SELECT version FROM lepton_train('topn_for_e', 'SELECT user_id, item_id, rating - 3 AS rating FROM topn_for_ratings', '{"algorithm": "baseline"}');
SELECT count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differences, count(*) FROM (SELECT lepton_topn_for('topn_for_e', ARRAY[3], ARRAY[-2], 9) AS a, lepton_topn('topn_for_e', NULL, 9, exclude => ARRAY[3]) AS b) l;

DROP TABLE topn_for_e, topn_for_i, topn_for_ratings;
DROP FUNCTION topn_for_explicit(bigint[], float8[]), topn_for_implicit(bigint[], float8[]);
