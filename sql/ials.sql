-- implicit feedback by factors: users of five groups buy what their group buys, and now and then something else
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE ials_orders AS
SELECT u AS user_id, i AS item_id, 1 + (u * i) % 4 AS rating
FROM generate_series(1, 300) u, generate_series(1, 200) i
WHERE ('x' || substr(md5(u || ' ' || i), 1, 4))::bit(16)::int < CASE WHEN u % 5 = i % 5 THEN 24000 ELSE 1000 END;

-- far better than popularity, which knows no groups
SELECT algorithm, n_ratings, details -> 'options' -> 'unobserved_weight' AS weight, (metrics ->> 'ndcg')::float8 > 3 * (metrics ->> 'popular_ndcg')::float8 AS better
FROM lepton_train('ials', 'SELECT user_id, item_id FROM ials_orders', '{"feedback": "implicit", "algorithm": "ials"}');

-- lists are of the user's own group, of what she has not; scores are the predictions, not clipped to ratings
SELECT count(*) AS n, count(*) FILTER (WHERE r.item_id % 5 = u % 5) AS own_group, count(o.item_id) AS seen,
	count(*) FILTER (WHERE r.score = lepton_predict('ials', u, r.item_id)) AS predicted, min(origin) AS origin, max(score) < 0.9 AS is_low
FROM generate_series(1, 50) u CROSS JOIN LATERAL lepton_topn('ials', u, 10) r
	LEFT JOIN ials_orders o ON o.user_id = u AND o.item_id = r.item_id;

-- few items are learned from as well
SELECT (metrics ->> 'ndcg')::float8 > 2 * (metrics ->> 'popular_ndcg')::float8 AS better, (SELECT max(score) > 0.1 FROM lepton_topn('ials', 7, 1)) AS large
FROM lepton_train('ials', 'SELECT user_id, item_id FROM ials_orders WHERE item_id <= 40', '{"feedback": "implicit", "algorithm": "ials"}');

-- counts as confidence, each form; the same twice
SELECT confidence, version, (metrics ->> 'ndcg')::float8 > 3 * (metrics ->> 'popular_ndcg')::float8 AS better
FROM unnest(ARRAY['linear', 'log', 'none']) confidence,
	LATERAL lepton_train('ials_' || confidence, 'ials_orders', jsonb_build_object('feedback', 'implicit', 'algorithm', 'ials', 'factors', 16, 'alpha', 2, 'confidence', confidence));
SELECT version FROM lepton_train('ials_log', 'ials_orders', '{"feedback": "implicit", "algorithm": "ials", "factors": 16, "alpha": 2, "confidence": "log"}');
SELECT count(*) AS n, count(DISTINCT (id, factors)) AS different FROM ials_log_items;

-- the largest ratings by the largest alpha, and no regularization at all: still folded in
SELECT version FROM lepton_train('ials', 'SELECT user_id, item_id, 1e12::float8 - row_number() OVER () AS rating FROM ials_orders GROUP BY 1, 2',
	'{"feedback": "implicit", "algorithm": "ials", "factors": 64, "alpha": 1000000, "confidence": "linear", "regularization": 0}');
SELECT count(*) > 0 AS listed FROM lepton_topn_for('ials', ARRAY(SELECT id FROM ials_items ORDER BY id LIMIT 3), n => 5);

-- what it does not take
SELECT lepton_train('ials', 'ials_orders', '{"feedback": "explicit", "algorithm": "ials"}');
SELECT lepton_train('ials', 'ials_orders', '{"feedback": "implicit", "algorithm": "ials", "learning_rate": 0.1}');
SELECT lepton_train('ials', 'ials_orders', '{"feedback": "implicit", "algorithm": "ials", "unobserved_weight": -1}');
SELECT lepton_train('ials', 'ials_orders', '{"feedback": "implicit", "algorithm": "ials", "confidence": "square"}');

DROP TABLE ials, ials_linear, ials_log, ials_none, ials_orders;
