-- What lepton_evaluate, lepton_cross_validate and lepton_tune say, as a user would
-- check it: on taste that can be learned, and on noise that cannot.
BEGIN;
SET LOCAL client_min_messages = error;
SELECT plan(24);

CREATE TABLE taste AS
SELECT u AS user_id, i AS item_id, (CASE WHEN u % 2 = i % 2 THEN 4.5 ELSE 1.5 END + sin(u * 12.9 + i * 78.2) / 2)::real AS rating,
	timestamptz '2025-01-01' + make_interval(mins => (u * 61 + i) * 7919 % 20011) AS rated_at
FROM generate_series(1, 120) u, generate_series(1, 60) i WHERE md5(u || ' ' || i) < '99';
CREATE TABLE old AS SELECT * FROM taste WHERE md5('held out' || user_id || ' ' || item_id) >= '33';
CREATE TABLE new AS SELECT * FROM taste EXCEPT SELECT * FROM old;
SELECT lepton_train('shop', 'old', '{"algorithm": "als", "factors": 2, "test_fraction": 0}') \g /dev/null

-- a model on rows that are new to it
CREATE TABLE judged AS SELECT * FROM lepton_evaluate('shop', 'new', 5);
SELECT is((SELECT metric FROM judged LIMIT 1), 'overlap', 'overlap comes first');
SELECT is((SELECT value FROM judged WHERE metric = 'overlap'), 0::float8, 'the model was trained on none of them');
SELECT cmp_ok(value, '<', baseline / 2, 'the error is less than half of that of the biases') FROM judged WHERE metric = 'rmse';
SELECT cmp_ok(abs(value - s.rmse), '<', 1e-6::float8, 'it is that of lepton_predict')
FROM judged, (SELECT sqrt(avg((lepton_predict('shop', user_id, item_id)::float8 - rating) ^ 2)) AS rmse FROM new) s WHERE metric = 'rmse';
SELECT cmp_ok(value, '>', 1.5 * popular, 'lists find half as much again as popularity') FROM judged WHERE metric = 'precision';
-- lists are those of lepton_topn: what is new is a candidate
SELECT cmp_ok(abs(value - s.precision), '<', 1e-9::float8, 'lists are those of lepton_topn')
FROM judged, (SELECT avg(hits / 5.0) AS precision FROM (SELECT u.user_id, (SELECT count(*) FROM lepton_topn('shop', u.user_id, 5) l JOIN new n ON (n.user_id, n.item_id) = (u.user_id, l.item_id)
		WHERE n.rating >= (SELECT (details -> 'serving' ->> 'mean')::float8 FROM shop)) AS hits
	FROM (SELECT DISTINCT user_id FROM new WHERE rating >= (SELECT (details -> 'serving' ->> 'mean')::float8 FROM shop)) u) x) s WHERE metric = 'precision';
SELECT is((SELECT string_agg(metric, ' ' ORDER BY metric) FROM judged WHERE std_error > 0), 'auc diversity f1 hit_rate mae map mrr ndcg novelty precision recall rmse',
	'what is a mean over users has a standard error');
SELECT is((SELECT string_agg(metric, ' ' ORDER BY metric) FROM judged WHERE std_error IS NULL), 'catalogue_coverage coverage gini overlap unknown_items unknown_users',
	'and what is of all of them together has none');
SELECT is((SELECT n FROM judged WHERE metric = 'mae'), (SELECT count(*) FROM new), 'every row is judged');

-- a model that answers with medians is judged by them
SELECT lepton_train('steps', 'SELECT user_id, item_id, round(rating) AS rating FROM old', '{"algorithm": "als", "factors": 2, "point": "median"}') \g /dev/null
CREATE TABLE medians AS SELECT (lepton_predict('steps', user_id, item_id) - round(rating))::float8 AS error FROM new;
SELECT is((SELECT count(*) FROM medians WHERE error <> round(error)), 0::bigint, 'medians are values that ratings have');
SELECT cmp_ok(abs(value - s.mae), '<', 1e-6::float8, 'the mean absolute error is theirs')
FROM lepton_evaluate('steps', 'SELECT user_id, item_id, round(rating) AS rating FROM new'), (SELECT avg(abs(error)) AS mae FROM medians) s WHERE metric = 'mae';
SELECT cmp_ok(abs(value - s.rmse), '<', 1e-6::float8, 'and so is the root of the mean squared one')
FROM lepton_evaluate('steps', 'SELECT user_id, item_id, round(rating) AS rating FROM new'), (SELECT sqrt(avg(error ^ 2)) AS rmse FROM medians) s WHERE metric = 'rmse';

-- on what it was trained on, and on half of that
SELECT is((SELECT value FROM lepton_evaluate('shop', 'old') WHERE metric = 'overlap'), 1::float8, 'all of it was seen');
SELECT is((SELECT value FROM lepton_evaluate('shop', 'TABLE taste') WHERE metric = 'overlap'),
	(SELECT count(*) FROM old)::float8 / (SELECT count(*) FROM taste), 'the share that was seen');
SELECT cmp_ok((SELECT value FROM lepton_evaluate('shop', 'old') WHERE metric = 'rmse'), '<', (SELECT value FROM judged WHERE metric = 'rmse'),
	'what was seen is predicted better');

-- folds
CREATE TABLE folds AS SELECT * FROM lepton_cross_validate('taste', '{"algorithm": "als", "factors": 2}', 4);
SELECT is((SELECT sum(n) FROM folds WHERE metric = 'rmse' AND fold IS NOT NULL)::bigint, (SELECT count(*) FROM taste), 'each pair is tested once');
SELECT cmp_ok(abs(f.value - j.value), '<', 3 * (f.std_error + j.std_error), 'what a cross-validation promised is what the new rows show')
FROM folds f JOIN judged j USING (metric) WHERE fold IS NULL AND metric = 'rmse';
SELECT is((SELECT n FROM lepton_cross_validate('taste', '{"algorithm": "baseline", "split": "leave_last"}', 2) WHERE metric = 'rmse' AND fold = 2), 120::bigint,
	'leave_last tests one rating of each user');

-- noise: no better than the biases, and it shows
CREATE TABLE noise AS SELECT user_id, item_id, ('x' || substr(md5('noise' || user_id || ' ' || item_id), 1, 2))::bit(8)::int % 5 AS rating FROM taste;
SELECT cmp_ok(abs(value - baseline), '<', 0.1::float8, 'noise: a model is no better than the biases')
FROM lepton_cross_validate('noise', '{"algorithm": "als", "factors": 2}', 3) WHERE fold IS NULL AND metric = 'rmse';

-- tuning finds the pull that does not kill the factors, and a training with it keeps the promise
CREATE TABLE trials AS SELECT * FROM lepton_tune('taste', '{"regularization": [100, 30, 0.02, 10]}', '{"algorithm": "als", "factors": 2}');
SELECT is((SELECT (options ->> 'regularization')::float8 FROM trials WHERE best), 0.02::float8, 'the planted best wins');
SELECT cmp_ok(value, '<', baseline / 2, 'it beats the biases') FROM trials WHERE best;
SELECT cmp_ok(abs((t.metrics ->> 'rmse')::float8 - r.value), '<', 4 * r.std_error, 'its options train as well as was said')
FROM trials r, LATERAL lepton_train('tuned', 'taste', r.options) t WHERE best;
SELECT set_eq('SELECT trial, options, value FROM trials', $$SELECT trial, options, value FROM lepton_tune('taste', '{"regularization": [100, 30, 0.02, 10]}', '{"algorithm": "als", "factors": 2}')$$,
	'the same table again');
SET TRANSACTION READ ONLY;
SELECT lives_ok($$SELECT lepton_evaluate('shop', 'new'), lepton_cross_validate('new', '{"algorithm": "baseline"}', 2), lepton_tune('new', '{"factors": [1]}', '{"algorithm": "als"}')$$,
	'all of it in a transaction that may not write');
SELECT * FROM finish();
ROLLBACK;
