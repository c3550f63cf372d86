-- what a prediction is the sum of, against the factor tables in plain SQL
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE explain_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * i + u % 3) % 9) / 2.0 AS rating, 1 + (u * i) % 4 AS bought
FROM generate_series(1, 90) u, generate_series(1, 40) i WHERE (u % 4 = i % 4 AND (u * 7 + i * 3) % 5 <> 0) OR (u * 31 + i * 17) % 9 = 0;
SELECT version FROM lepton_train('explain_e', 'explain_ratings', '{"algorithm": "als", "factors": 5, "rating_scale": [2, 3]}');
SELECT version FROM lepton_train('explain_median', 'explain_ratings', '{"algorithm": "als", "factors": 5, "point": "median"}');
SELECT version FROM lepton_train('explain_b', 'explain_ratings', '{"algorithm": "baseline"}');
SELECT version FROM lepton_train('explain_i', 'SELECT user_id, item_id, bought AS rating FROM explain_ratings',
	'{"algorithm": "ials", "factors": 6, "feedback": "implicit", "unobserved_weight": 0.05, "regularization": 0.002, "epochs": 30, "validation_fraction": 0}');
SELECT version FROM lepton_train('explain_one', 'SELECT user_id, item_id FROM explain_ratings',
	'{"algorithm": "ials", "factors": 1, "unobserved_weight": 0.05, "regularization": 0.002, "epochs": 200, "validation_fraction": 0}');
SELECT version FROM lepton_train('explain_p', 'SELECT user_id, item_id FROM explain_ratings', '{"algorithm": "popular"}');

-- for every user and item, one of each unknown, the contributions add up to the prediction, and the shares to 1
SELECT m, count(*) AS pairs, count(*) FILTER (WHERE s.sum IS NULL) AS without, count(*) FILTER (WHERE abs(s.sum - p) > 1e-5 * abs(p)) AS wrong,
	count(*) FILTER (WHERE abs(s.shares - 1) > 1e-5) AS wrong_shares
FROM unnest(ARRAY['explain_e', 'explain_median', 'explain_b', 'explain_i', 'explain_one', 'explain_p']) m, generate_series(1, 91) u, generate_series(1, 41) i,
	LATERAL (SELECT lepton_predict(m, u, i) AS p) p, LATERAL (SELECT sum(contribution), sum(share) AS shares FROM lepton_explain(m, u, i)) s GROUP BY m ORDER BY m;
-- the reasons that there are
SELECT m, reason, count(*) > 0 AS there, count(item_id) > 0 AS items, count(contribution) = count(*) AS contributes, count(similarity) > 0 AS similarities
FROM unnest(ARRAY['explain_e', 'explain_median', 'explain_b', 'explain_i', 'explain_p']) m, generate_series(1, 90) u, generate_series(1, 40) i, LATERAL lepton_explain(m, u, i) GROUP BY m, reason ORDER BY 1, 2;

-- explicit feedback: the parts are what the tables say
SELECT count(*), count(*) FILTER (WHERE abs(e.contribution - x.value) > 1e-6) AS wrong FROM explain_e m, explain_e_users u, explain_e_items i,
	LATERAL (VALUES ('mean', (details #>> '{serving,mean}')::float8), ('user bias', u.bias), ('item bias', i.bias),
		('factors', (SELECT sum(a::float8 * b) FROM unnest(lepton_vector(u.factors), lepton_vector(i.factors)) v(a, b)))) x(reason, value)
	LEFT JOIN LATERAL lepton_explain('explain_e', u.id, i.id) e USING (reason) WHERE u.id < 10;
-- the rated items beside them are the nearest ones: as lepton_similar among those that she has rated
SELECT count(*), count(*) FILTER (WHERE e IS DISTINCT FROM s) AS wrong FROM generate_series(1, 20) u, generate_series(1, 40, 3) i,
	LATERAL (SELECT ARRAY(SELECT item_id FROM lepton_explain('explain_e', u, i) WHERE reason = 'rated item') AS e) e,
	LATERAL (SELECT ARRAY(SELECT item_id FROM lepton_similar('explain_e', i, 100) JOIN explain_ratings r USING (item_id) WHERE r.user_id = u ORDER BY rank LIMIT 10) AS s) s;

/*
 * Implicit feedback, one factor q, all confidences 1: item j brings into the score of i
 *	q_i q_j / (w sum of q^2 over all items + regularization (n + w n_items) + sum of q^2 over her n items)
 */
WITH f AS (SELECT id, (lepton_vector(factors))[1]::float8 AS q FROM explain_one_items)
SELECT count(*), count(*) FILTER (WHERE abs(e.contribution - x.term) > 1e-6 OR e.contribution IS NULL) AS wrong, max(x.term) > 0.01 AS large,
	count(*) FILTER (WHERE x.user_id IS NULL) AS others FROM
	(SELECT r.user_id, i.id AS target, j.id AS item_id, i.q * j.q / (0.05 * (SELECT sum(q * q) FROM f) + 0.002 * (count(*) OVER w + 0.05 * (SELECT count(*) FROM f)) + sum(j.q * j.q) OVER w) AS term
	FROM f i, explain_ratings r JOIN f j ON j.id = r.item_id
	WHERE r.user_id < 20 WINDOW w AS (PARTITION BY r.user_id, i.id)) x
	FULL JOIN (SELECT u AS user_id, i.id AS target, e.item_id, e.contribution FROM generate_series(1, 19) u, explain_one_items i, LATERAL lepton_explain('explain_one', u, i.id) e WHERE reason = 'item') e USING (user_id, target, item_id);
-- largest first, and each item that she has
SELECT count(*) = (SELECT count(*) FROM explain_ratings WHERE user_id = 7) AS each, bool_and(contribution <= before) AS falling
FROM (SELECT *, coalesce(lag(contribution) OVER (), 'infinity') AS before FROM lepton_explain('explain_i', 7, 5) WHERE reason = 'item') e;
-- where all her items count alike in training too, the rest is rounding
SELECT max(abs(o.contribution)) < 1e-5 AND max(abs(lepton_predict('explain_one', u, i))) > 0.1 AS small FROM generate_series(1, 90) u, generate_series(1, 40) i, LATERAL lepton_explain('explain_one', u, i) o WHERE reason = 'other';

-- ids that the model does not know, and NULL
SELECT reason, round(contribution::numeric, 4) = round(lepton_predict('explain_b', 4711, 3)::numeric - CASE reason WHEN 'mean' THEN bias ELSE 0 END::numeric - CASE reason WHEN 'item bias' THEN (details #>> '{serving,mean}')::numeric ELSE 0 END, 4) AS as_expected
FROM explain_b, explain_b_items i, lepton_explain('explain_b', 4711, 3) WHERE i.id = 3;
SELECT reason FROM lepton_explain('explain_b', 3, 4711);
SELECT reason FROM lepton_explain('explain_b', NULL, NULL);
SELECT count(*) FROM lepton_explain('explain_i', 4711, 3);
SELECT count(*) FROM lepton_explain('explain_i', 3, NULL);
-- popularity is one part; an unknown item is none, whatever the algorithm
SELECT reason, contribution::real = lepton_predict('explain_p', 3, 3) AS all FROM lepton_explain('explain_p', 3, 3);
SELECT (SELECT count(*) FROM lepton_explain('explain_p', 3, 4711)) AS unknown_item, (SELECT count(*) FROM lepton_explain('explain_p', 4711, 3)) AS unknown_user;
SELECT version FROM lepton_train('explain_b', 'explain_ratings', '{"algorithm": "als", "factors": 2, "unknown": "null"}');
SELECT (SELECT count(*) FROM lepton_explain('explain_b', 4711, 3)) AS unknown_user, (SELECT count(*) FROM lepton_explain('explain_b', 3, 4711)) AS unknown_item, (SELECT count(*) > 0 FROM lepton_explain('explain_b', 3, 3)) AS known;
SELECT lepton_explain(NULL, 3, 3);
SELECT lepton_explain_text('explain_b', 3, '3');

DROP TABLE explain_e, explain_median, explain_b, explain_i, explain_one, explain_p, explain_ratings;
