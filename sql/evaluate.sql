-- lepton_evaluate and lepton_cross_validate: against the same figures in plain SQL
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE evaluate_ratings AS
SELECT u AS user_id, i AS item_id, (3 + 1.3 * sin(u * 1.7) * cos(i * 2.3) + 0.6 * sin(u) + 0.5 * cos(i * 1.1))::real AS rating,
	timestamptz '2025-01-01 00:00+00' + make_interval(hours => (u * 41 + i) * 7919 % 10007) AS rated_at
FROM generate_series(1, 60) u, generate_series(1, 40) i WHERE (u * 31 + i * 17 + u * i * 7) % 5 < 3;
CREATE TABLE evaluate_train AS SELECT * FROM evaluate_ratings WHERE (user_id * 13 + item_id * 7) % 4 <> 0 AND user_id <= 55;
-- held out: rows of the rest, five users and two items that the model does not know, and eight rows that it was trained on
CREATE TABLE evaluate_test AS
SELECT user_id, item_id, rating FROM evaluate_ratings WHERE (user_id * 13 + item_id * 7) % 4 = 0 OR user_id > 55
UNION ALL SELECT u, 100 + u % 2, 4.5 FROM generate_series(1, 60, 7) u
UNION ALL (SELECT user_id, item_id, rating FROM evaluate_train ORDER BY user_id * 37 % 61, item_id LIMIT 8);
-- predictions are not to be clipped, so that lists can be made from them
SELECT n_users, n_items, n_ratings FROM lepton_train('evaluate_m', 'evaluate_train',
	'{"algorithm": "als", "factors": 4, "rating_scale": [-1000, 1000], "test_fraction": 0}');

-- every pair that a list could have, best first; score: of the model, of its biases alone, of popularity
CREATE FUNCTION evaluate_mean() RETURNS float8 LANGUAGE sql AS $$SELECT (details -> 'serving' ->> 'mean')::float8 FROM evaluate_m$$;
CREATE TABLE evaluate_scores AS
SELECT t.user_id, i.id AS item_id, r.rating, coalesce(r.rating >= evaluate_mean(), false) AS relevant,
	lepton_predict('evaluate_m', t.user_id, i.id) AS model,
	(evaluate_mean() + coalesce(u.bias::float8, 0) + i.bias::float8)::real AS baseline, i.n_ratings::real AS popular
FROM (SELECT DISTINCT user_id FROM evaluate_test) t CROSS JOIN evaluate_m_items i LEFT JOIN evaluate_m_users u ON u.id = t.user_id
	LEFT JOIN evaluate_test r ON (r.user_id, r.item_id) = (t.user_id, i.id)
	LEFT JOIN evaluate_train s ON (s.user_id, s.item_id) = (t.user_id, i.id)
WHERE r.user_id IS NOT NULL OR s.user_id IS NULL;
CREATE FUNCTION evaluate_lists(by text, k int) RETURNS TABLE (user_id int, item_id bigint, relevant boolean, rank bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT * FROM (SELECT user_id, item_id, relevant,
		row_number() OVER (PARTITION BY user_id ORDER BY %I DESC, item_id) AS rank FROM evaluate_scores) x WHERE rank <= $1', by) USING k;
END $$;
-- relevant rows of each user, those of unknown items too, which no list can have
CREATE VIEW evaluate_relevant AS
SELECT user_id, count(*) AS n FROM evaluate_test WHERE rating >= evaluate_mean() GROUP BY 1;
CREATE FUNCTION evaluate_by_user(by text, k int) RETURNS TABLE (metric text, user_id int, value float8) LANGUAGE sql AS $$
	WITH lists AS MATERIALIZED (SELECT * FROM evaluate_lists(by, k)),
	hits AS (SELECT user_id, rank, row_number() OVER (PARTITION BY user_id ORDER BY rank) AS nth FROM lists WHERE relevant),
	u AS (SELECT r.user_id, r.n, count(h.rank) AS hits, min(h.rank) AS first, coalesce(sum(h.nth::float8 / h.rank), 0) AS precisions,
			coalesce(sum(1 / log(2, h.rank + 1)::float8), 0) AS gain,
			(SELECT sum(1 / log(2, p + 1)::float8) FROM generate_series(1, least(r.n, k)) p) AS ideal
		FROM evaluate_relevant r LEFT JOIN hits h USING (user_id) GROUP BY 1, 2)
	SELECT x.metric, u.user_id, x.value FROM u, LATERAL (VALUES
		('precision', hits::float8 / k), ('recall', hits::float8 / n), ('hit_rate', (hits > 0)::int),
		('f1', CASE WHEN hits > 0 THEN 2 * (hits::float8 / k) * (hits::float8 / n) / (hits::float8 / k + hits::float8 / n) ELSE 0 END),
		('map', precisions / least(n, k)), ('mrr', coalesce(1.0 / first, 0)), ('ndcg', gain / ideal)) x(metric, value)
	UNION ALL
	SELECT 'novelty', l.user_id, avg(-ln(i.n_ratings::float8 / (SELECT n_users FROM evaluate_m)) / ln(2.0::float8))
	FROM lists l JOIN evaluate_m_items i ON i.id = l.item_id JOIN evaluate_relevant r ON r.user_id = l.user_id GROUP BY 2
$$;
CREATE FUNCTION evaluate_auc(by text) RETURNS TABLE (metric text, user_id int, value float8) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT ''auc'', a.user_id, avg(CASE WHEN a.%1$I > b.%1$I THEN 1 WHEN a.%1$I = b.%1$I THEN 0.5 ELSE 0 END)::float8
		FROM evaluate_scores a JOIN evaluate_scores b ON b.user_id = a.user_id AND NOT b.relevant WHERE a.relevant GROUP BY 2', by);
END $$;
CREATE FUNCTION evaluate_in_sql(by text, k int) RETURNS TABLE (metric text, value float8, std_error float8, n bigint) LANGUAGE sql AS $$
	SELECT metric, avg(value), stddev_samp(value) / sqrt(count(*)), count(*)
	FROM (SELECT * FROM evaluate_by_user(by, k) UNION ALL SELECT * FROM evaluate_auc(by)) x GROUP BY 1
	UNION ALL
	-- how many of all items are on a list, and how evenly (Gini: sum over i of (2 i - n - 1) x_i / (n sum x), x ascending)
	SELECT x.metric, x.value, NULL, (SELECT count(*) FROM evaluate_relevant) FROM (
		SELECT avg((listed > 0)::int), sum((2 * nth - n_items - 1) * listed)::float8 / (max(n_items) * sum(listed)) FROM (
			SELECT count(l.item_id) AS listed, row_number() OVER (ORDER BY count(l.item_id)) AS nth, count(*) OVER () AS n_items
			FROM evaluate_m_items i LEFT JOIN (SELECT l.* FROM evaluate_lists(by, k) l JOIN evaluate_relevant USING (user_id)) l ON l.item_id = i.id
			GROUP BY i.id) c) s(coverage, gini), LATERAL (VALUES ('catalogue_coverage', coverage), ('gini', gini)) x(metric, value)
$$;
-- errors: all rows; what the model does not know has the known side's bias
CREATE FUNCTION evaluate_errors() RETURNS TABLE (metric text, value float8, n bigint) LANGUAGE sql AS $$
	SELECT x.metric, x.value, n FROM (
		SELECT sqrt(avg((p - rating) ^ 2)), avg(abs(p - rating)), avg((i.id IS NOT NULL AND u.id IS NOT NULL)::int), count(*)
		FROM evaluate_test t LEFT JOIN evaluate_m_items i ON i.id = item_id LEFT JOIN evaluate_m_users u ON u.id = user_id,
			LATERAL (SELECT lepton_predict('evaluate_m', user_id, item_id)::float8 AS p) p) e(rmse, mae, coverage, n),
		LATERAL (VALUES ('rmse', rmse), ('mae', mae), ('coverage', coverage)) x(metric, value)
$$;

-- the figures themselves, and each the same as in SQL to nine digits
CREATE TABLE evaluate_result AS SELECT * FROM lepton_evaluate('evaluate_m', 'evaluate_test', 5);
SELECT metric, round(value::numeric, 4) AS value, round(std_error::numeric, 4) AS std_error, n, round(baseline::numeric, 4) AS baseline,
	round(popular::numeric, 4) AS popular FROM evaluate_result;
SELECT metric, abs(r.value - s.value) < 1e-9 AS value, abs(r.std_error - s.std_error) < 1e-9 AS std_error, r.n = s.n AS n,
	abs(r.baseline - b.value) < 1e-9 AS baseline, abs(r.popular - p.value) < 1e-9 AS popular
FROM evaluate_result r JOIN evaluate_in_sql('model', 5) s USING (metric) JOIN evaluate_in_sql('baseline', 5) b USING (metric)
	JOIN evaluate_in_sql('popular', 5) p USING (metric) ORDER BY 1;
SELECT metric, abs(r.value - e.value) < 1e-9 AS value, r.n = e.n AS n FROM evaluate_result r JOIN evaluate_errors() e USING (metric) ORDER BY 1;
-- diversity: 1 - cosine over all pairs of a list, factors of the model
WITH lists AS MATERIALIZED (SELECT l.* FROM evaluate_lists('model', 5) l JOIN evaluate_relevant USING (user_id)),
pairs AS (SELECT a.user_id, 1 - (SELECT sum(x::float8 * y) / sqrt(sum(x::float8 * x) * sum(y::float8 * y))
		FROM unnest(lepton_vector(i.factors), lepton_vector(j.factors)) f(x, y)) AS distance
	FROM lists a JOIN lists b ON a.user_id = b.user_id AND a.rank < b.rank JOIN evaluate_m_items i ON i.id = a.item_id JOIN evaluate_m_items j ON j.id = b.item_id)
SELECT abs(avg(d) - (SELECT value FROM evaluate_result WHERE metric = 'diversity')) < 1e-6 AS diversity FROM (SELECT avg(distance) AS d FROM pairs GROUP BY user_id) x;

-- what is relevant, and longer lists than there are items
SELECT metric, round(value::numeric, 4) AS value, n FROM lepton_evaluate('evaluate_m', 'evaluate_test', 1000, relevant => 4.4) WHERE metric IN ('recall', 'precision', 'hit_rate', 'rmse');
SELECT r.n = count(DISTINCT user_id) AS n FROM evaluate_test, lepton_evaluate('evaluate_m', 'evaluate_test', 3, relevant => '-infinity') r WHERE metric = 'ndcg' GROUP BY r.n;
SELECT count(value), max(n) FROM lepton_evaluate('evaluate_m', 'evaluate_test', 3, relevant => 'infinity') WHERE metric NOT IN ('overlap', 'unknown_users', 'unknown_items', 'rmse', 'mae', 'coverage');

-- overlap: first, and said aloud
SET client_min_messages = notice;
SELECT metric, value, n FROM lepton_evaluate('evaluate_m', 'evaluate_train') LIMIT 3;
SELECT metric, round(value::numeric, 4) AS value, n FROM lepton_evaluate('evaluate_m', 'evaluate_test') LIMIT 1;
SELECT metric, value, n FROM lepton_evaluate('evaluate_m', 'SELECT t.* FROM evaluate_test t LEFT JOIN evaluate_train s USING (user_id, item_id) WHERE s.user_id IS NULL') LIMIT 1;
SET client_min_messages = warning;
-- a pair that is there twice is one; one user, one item; nobody that the model knows
SELECT metric, round(value::numeric, 4) AS value, n FROM lepton_evaluate('evaluate_m', 'SELECT * FROM evaluate_test UNION ALL SELECT * FROM evaluate_test') WHERE metric IN ('overlap', 'rmse');
SELECT metric, value, n FROM lepton_evaluate('evaluate_m', 'SELECT 1 AS user_id, 3 AS item_id, 4 AS rating') WHERE metric IN ('unknown_users', 'coverage', 'hit_rate');
SELECT metric, round(value::numeric, 4) AS value, std_error, n, round(baseline::numeric, 4) AS baseline FROM lepton_evaluate('evaluate_m', 'SELECT u AS user_id, -u AS item_id, 4 AS rating FROM generate_series(1001, 1004) u')
WHERE metric IN ('unknown_users', 'unknown_items', 'coverage', 'mae', 'recall');
SELECT abs(value - abs(4 - evaluate_mean())) < 1e-6 AS mae FROM lepton_evaluate('evaluate_m', 'SELECT u AS user_id, -u AS item_id, 4 AS rating FROM generate_series(1001, 1004) u') WHERE metric = 'mae';

-- rows without a rating: lists alone, every row relevant
SELECT string_agg(metric, ' ') AS metrics, max(n) FILTER (WHERE metric = 'ndcg') AS users FROM lepton_evaluate('evaluate_m', 'SELECT user_id, item_id FROM evaluate_test');
-- columns as the model was trained, or as the call says
SELECT version FROM lepton_train('evaluate_named', 'SELECT user_id AS who, item_id AS what, rating AS stars FROM evaluate_train',
	'{"algorithm": "als", "factors": 4, "rating_scale": [-1000, 1000], "test_fraction": 0, "user_column": "who", "item_column": "what", "rating_column": "stars"}');
SELECT n.value = r.value AS same FROM evaluate_result r JOIN lepton_evaluate('evaluate_named', 'SELECT user_id AS who, item_id AS what, rating AS stars FROM evaluate_test', 5) n USING (metric) WHERE metric = 'rmse';
SELECT n.value = r.value AS same FROM evaluate_result r JOIN lepton_evaluate('evaluate_named', 'evaluate_test', 5,
	options => '{"user_column": "user_id", "item_column": "item_id", "rating_column": "rating"}') n USING (metric) WHERE metric = 'rmse';
SELECT * FROM lepton_evaluate('evaluate_named', 'evaluate_test');
-- ids of other kinds
SELECT version FROM lepton_train('evaluate_text', 'SELECT ''u'' || user_id AS user_id, md5(item_id::text)::uuid AS item_id, rating FROM evaluate_train', '{"algorithm": "als", "factors": 4}');
SELECT metric, round(value::numeric, 4) AS value, n FROM lepton_evaluate('evaluate_text', 'SELECT ''u'' || user_id AS user_id, md5(item_id::text)::uuid AS item_id, rating FROM evaluate_test') WHERE metric IN ('overlap', 'unknown_users', 'unknown_items');
SELECT lepton_evaluate('evaluate_text', 'evaluate_test');
SELECT lepton_evaluate('evaluate_text', 'SELECT ''u'' || user_id AS user_id, item_id, rating FROM evaluate_test');
-- implicit feedback: the model is popularity, and says so
SELECT algorithm FROM lepton_train('evaluate_implicit', 'SELECT user_id, item_id FROM evaluate_train', '{"algorithm": "popular"}');
SELECT metric, round(value::numeric, 4) AS value, baseline, value = popular AS same FROM lepton_evaluate('evaluate_implicit', 'SELECT user_id, item_id FROM evaluate_test') WHERE metric IN ('rmse', 'coverage', 'precision', 'auc');

-- nothing is written, and nothing can be
BEGIN READ ONLY;
SELECT value > 0 AS rmse FROM lepton_evaluate('evaluate_m', 'evaluate_test') WHERE metric = 'rmse';
SELECT value > 0 AS rmse FROM lepton_cross_validate('evaluate_ratings', '{"algorithm": "baseline"}') WHERE metric = 'rmse' AND fold IS NULL;
COMMIT;
CREATE FUNCTION evaluate_write() RETURNS int LANGUAGE plpgsql AS $$BEGIN INSERT INTO evaluate_test VALUES (1, 1, 1); RETURN 1; END$$;
SELECT lepton_evaluate('evaluate_m', 'SELECT evaluate_write() AS user_id, 1 AS item_id, 1 AS rating');
SELECT lepton_cross_validate('SELECT evaluate_write() AS user_id, 1 AS item_id, 1 AS rating');
SELECT count(*) FROM evaluate_m;

-- cross-validation: the folds of leave_last, in SQL, and what popularity gets of them
CREATE FUNCTION evaluate_leave_last(f int, k int) RETURNS TABLE (metric text, value float8, n bigint) LANGUAGE sql AS $$
	WITH r AS (SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY rated_at DESC, item_id DESC) AS nth FROM evaluate_ratings),
	train AS (SELECT * FROM r WHERE nth > f), test AS (SELECT * FROM r WHERE nth = f),
	counts AS (SELECT i.item_id, count(t.item_id) AS n FROM (SELECT DISTINCT item_id FROM r) i LEFT JOIN train t USING (item_id) GROUP BY 1),
	lists AS (SELECT u.user_id, c.item_id, row_number() OVER (PARTITION BY u.user_id ORDER BY c.n DESC, c.item_id) AS rank
		FROM test u CROSS JOIN counts c LEFT JOIN train t ON (t.user_id, t.item_id) = (u.user_id, c.item_id) WHERE t.user_id IS NULL),
	hits AS (SELECT t.user_id, l.rank FROM test t LEFT JOIN lists l ON (l.user_id, l.item_id) = (t.user_id, t.item_id) AND l.rank <= k)
	SELECT x.metric, x.value, n FROM (SELECT avg((rank IS NOT NULL)::int), avg(coalesce(1.0 / rank, 0)), count(*) FROM hits) h(hit_rate, mrr, n),
		LATERAL (VALUES ('hit_rate', hit_rate), ('mrr', mrr)) x(metric, value)
$$;
SELECT c.fold, c.metric, round(c.value::numeric, 4) AS value, c.n, abs(c.value - s.value) < 1e-9 AS same, c.n = s.n AS same_n, c.value = c.popular AS popular
FROM lepton_cross_validate('SELECT user_id, item_id, rated_at FROM evaluate_ratings', '{"algorithm": "popular", "split": "leave_last", "validation_fraction": 0}', 3, 4) c,
	LATERAL evaluate_leave_last(c.fold, 4) s WHERE s.metric = c.metric AND c.fold IS NOT NULL ORDER BY 1, 2;
-- the mean over folds and its standard error; folds of explicit ratings, each pair in one
CREATE TABLE evaluate_folds AS SELECT * FROM lepton_cross_validate('evaluate_ratings', '{"algorithm": "als", "factors": 4}', 4);
SELECT abs(m.value - avg(f.value)) < 1e-12 AS mean, abs(m.std_error - stddev_samp(f.value) / 2) < 1e-12 AS std_error, m.n, count(f.*) AS folds,
	abs(m.baseline - avg(f.baseline)) < 1e-12 AS baseline, m.value < m.baseline AS better, sum(f.n) = (SELECT count(*) FROM evaluate_ratings) AS each_once
FROM evaluate_folds m JOIN evaluate_folds f USING (metric) WHERE m.fold IS NULL AND f.fold IS NOT NULL AND metric = 'rmse' GROUP BY m.value, m.std_error, m.n, m.baseline;
SELECT count(DISTINCT metric) AS metrics, count(*), count(DISTINCT fold) AS folds, min(algorithm) AS algorithm FROM evaluate_folds;
-- time: fold f tests the f-th newest tenth, to the nearest whole rating, and knows nothing newer
CREATE FUNCTION evaluate_time(f int, k int) RETURNS TABLE (metric text, value float8, n bigint) LANGUAGE sql AS $$
	WITH r AS (SELECT *, row_number() OVER (ORDER BY rated_at DESC) AS nth, count(*) OVER () / 10.0 AS slice FROM evaluate_ratings),
	train AS (SELECT * FROM r WHERE nth > round(f * slice)), test AS (SELECT * FROM r WHERE nth > round((f - 1) * slice) AND nth <= round(f * slice)),
	counts AS (SELECT i.item_id, count(t.item_id) AS n FROM (SELECT DISTINCT item_id FROM r) i LEFT JOIN train t USING (item_id) GROUP BY 1),
	lists AS (SELECT u.user_id, c.item_id, row_number() OVER (PARTITION BY u.user_id ORDER BY c.n DESC, c.item_id) AS rank
		FROM (SELECT DISTINCT user_id FROM test) u CROSS JOIN counts c LEFT JOIN train t ON (t.user_id, t.item_id) = (u.user_id, c.item_id) WHERE t.user_id IS NULL),
	users AS (SELECT t.user_id, count(*) AS n, count(l.rank) AS hits FROM test t LEFT JOIN lists l ON (l.user_id, l.item_id) = (t.user_id, t.item_id) AND l.rank <= k GROUP BY 1)
	SELECT x.metric, x.value, h.n FROM (SELECT avg(hits::float8 / k), avg(hits::float8 / n), count(*) FROM users) h(precision, recall, n),
		LATERAL (VALUES ('precision', precision), ('recall', recall)) x(metric, value)
$$;
SELECT c.fold, c.metric, round(c.value::numeric, 4) AS value, c.n, abs(c.value - s.value) < 1e-9 AS same, c.n = s.n AS same_n
FROM lepton_cross_validate('SELECT user_id, item_id, rated_at FROM evaluate_ratings', '{"algorithm": "popular", "split": "time", "validation_fraction": 0}', 4, 6) c,
	LATERAL evaluate_time(c.fold, 6) s WHERE s.metric = c.metric AND c.fold IS NOT NULL ORDER BY 1, 2;
SELECT fold, n FROM lepton_cross_validate('evaluate_ratings', '{"algorithm": "baseline", "split": "time"}', 3) WHERE metric = 'rmse';
-- again: the same bits
SELECT count(*) AS differ FROM (SELECT * FROM evaluate_folds EXCEPT SELECT * FROM lepton_cross_validate('evaluate_ratings', '{"algorithm": "als", "factors": 4}', 4)) x;

-- what is refused
SELECT lepton_evaluate(NULL, 'evaluate_test');
SELECT lepton_evaluate('evaluate_m', NULL);
SELECT lepton_evaluate('evaluate_m', 'evaluate_test', NULL);
SELECT lepton_evaluate('evaluate_m', 'evaluate_test', 0);
SELECT lepton_evaluate('evaluate_m', 'evaluate_test', 10001);
SELECT lepton_cross_validate('evaluate_test', '{"algorithm": "baseline"}', 2, 10001);
SELECT lepton_tune('evaluate_test', '{"algorithm": ["baseline"]}', metric => 'ndcg', k => 10001);
SELECT count(*) > 0 AS the_longest FROM lepton_evaluate('evaluate_m', 'evaluate_test', 10000);
-- columns that the model's training named may be missing, those of the call not
CREATE TABLE evaluate_trained AS SELECT version FROM lepton_train('evaluate_n', 'SELECT user_id, item_id, rating AS stars, now() AS ts FROM evaluate_test', '{"algorithm": "baseline", "rating_column": "stars", "time_column": "ts"}');
SELECT count(*) FILTER (WHERE metric = 'rmse') AS errors, count(*) FILTER (WHERE metric = 'ndcg') AS lists FROM lepton_evaluate('evaluate_n', 'SELECT user_id, item_id FROM evaluate_test');
SELECT count(*) FILTER (WHERE metric = 'rmse') AS errors FROM lepton_evaluate('evaluate_n', 'SELECT user_id, item_id, rating AS stars FROM evaluate_test');
SELECT lepton_evaluate('evaluate_n', 'evaluate_test', options => '{"time_column": "ts"}');
DROP TABLE evaluate_trained, evaluate_n;
SELECT lepton_evaluate('evaluate_m', 'evaluate_test', relevant => 'NaN');
SELECT lepton_evaluate('evaluate_m', 'evaluate_test', options => NULL);
SELECT lepton_evaluate('evaluate_m', 'evaluate_test', options => '{"factors": 3}');
SELECT lepton_evaluate('evaluate_m', 'evaluate_test', options => '{"user_colum": "a"}');
SELECT lepton_evaluate('nosuch', 'evaluate_test');
SELECT lepton_evaluate('evaluate_m', 'nosuch');
SELECT lepton_evaluate('evaluate_m', 'SELECT * FROM evaluate_test WHERE false');
SELECT lepton_evaluate('evaluate_m', 'SELECT user_id, item_id, ''NaN''::real AS rating FROM evaluate_test');
SELECT lepton_cross_validate(NULL);
SELECT lepton_cross_validate('evaluate_ratings', NULL);
SELECT lepton_cross_validate('evaluate_ratings', folds => NULL);
SELECT lepton_cross_validate('evaluate_ratings', folds => 1);
SELECT lepton_cross_validate('evaluate_ratings', folds => 101);
SELECT lepton_cross_validate('evaluate_ratings', k => 0);
SELECT lepton_cross_validate('evaluate_ratings', '{"factor": 3}');
SELECT lepton_cross_validate('evaluate_ratings', '{"algorithm": "popular", "feedback": "explicit"}');
SELECT lepton_cross_validate('SELECT user_id, item_id, rating FROM evaluate_ratings', '{"split": "time"}');
SELECT lepton_cross_validate('SELECT * FROM evaluate_ratings WHERE user_id = 1');
SET lepton.max_training_memory = '1MB';
\set VERBOSITY sqlstate
SELECT lepton_cross_validate('SELECT u AS user_id, i AS item_id, u * i % 7 AS rating FROM generate_series(1, 300) u, generate_series(1, 300) i', '{"algorithm": "als", "factors": 64}');
\set VERBOSITY default
RESET lepton.max_training_memory;

-- rights: those of a reader of the model, and of the source
CREATE ROLE regress_evaluate_reader;
SET ROLE regress_evaluate_reader;
SELECT lepton_evaluate('evaluate_m', 'SELECT 1 AS user_id, 3 AS item_id, 4 AS rating');
RESET ROLE;
GRANT SELECT ON evaluate_m TO regress_evaluate_reader;
SET ROLE regress_evaluate_reader;
SELECT metric, value FROM lepton_evaluate('evaluate_m', 'SELECT 1 AS user_id, 3 AS item_id, 4 AS rating') LIMIT 1;
SELECT lepton_evaluate('evaluate_m', 'evaluate_test');
RESET ROLE;
DROP OWNED BY regress_evaluate_reader;
DROP ROLE regress_evaluate_reader;

-- tables changed by hand
BEGIN;
DELETE FROM evaluate_m_items WHERE id = 5;
SELECT lepton_evaluate('evaluate_m', 'evaluate_test');
ROLLBACK;
BEGIN;
UPDATE evaluate_m_items SET n = n + 1 WHERE id = 5;
SELECT lepton_evaluate('evaluate_m', 'evaluate_test');
ROLLBACK;
BEGIN;
UPDATE evaluate_m_items a SET n = b.n FROM evaluate_m_items b WHERE (a.id, b.id) IN ((5, 6), (6, 5));
SELECT lepton_evaluate('evaluate_m', 'evaluate_test');
ROLLBACK;
BEGIN;
UPDATE evaluate_m_users SET seen = '\x00' WHERE id = 5;
SELECT lepton_evaluate('evaluate_m', 'evaluate_test');
ROLLBACK;

DROP FUNCTION evaluate_mean() CASCADE;
DROP FUNCTION evaluate_lists(text, int), evaluate_by_user(text, int), evaluate_auc(text), evaluate_in_sql(text, int), evaluate_errors(),
	evaluate_leave_last(int, int), evaluate_time(int, int), evaluate_write();
DROP TABLE evaluate_scores, evaluate_m, evaluate_named, evaluate_text, evaluate_implicit, evaluate_result, evaluate_folds, evaluate_ratings, evaluate_train, evaluate_test;
