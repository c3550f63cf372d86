-- algorithm bayes as its users see it: earlier times, intervals of users, what the row says, errors
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- items 1 to 15 rise and the others fall through 2020; users of even id answer steadily, the others do not
CREATE TABLE bayes_ratings AS
SELECT u AS user_id, i AS item_id, '2020-01-01'::timestamptz + day * '1 day'::interval AS rated_at,
	3 + (u % 5 - 2) / 4.0 + (CASE WHEN i <= 15 THEN 2 ELSE -2 END) * (day / 364.0 - 0.5)
		+ (CASE WHEN u % 2 = 0 THEN 0.1 ELSE 1 END) * ((u * 7919 + i * 104729) % 101 - 50) / 50.0 AS rating
FROM generate_series(1, 80) u, generate_series(1, 30) i, LATERAL (SELECT (u * 31 + i * 17 + u * i) % 365 AS day) d WHERE (u * 7 + i * 3) % 4 <> 1;
SELECT version, algorithm, options, n_users, n_items FROM lepton_train('bayes', 'bayes_ratings', '{"algorithm": "bayes", "epochs": 40, "time_bins": 6, "factors": 4}');
-- what the row says
SELECT details #>> '{options,implicit}' AS implicit, details #>> '{options,epochs}' AS epochs, details #>> '{options,time_bins}' AS time_bins, details ->> 'feedback' AS feedback,
	details #>> '{times,unit}' AS unit, jsonb_array_length(details #> '{times,first}') AS bins, jsonb_array_length(details -> 'curve') AS curve FROM bayes;
SELECT t ->> 'algorithm' AS algorithm, t #>> '{options,implicit}' AS implicit, t #>> '{options,factors}' AS factors, t ->> 'epochs' AS epochs, t ->> 'ran' AS ran, t ->> 'chosen' AS chosen,
	(t ->> 'estimated_seconds')::float8 > 0 AS estimated, (t ->> 'validation_rmse')::float8 = (metrics ->> 'validation_rmse')::float8 AS validated
FROM bayes, jsonb_array_elements(details -> 'trials') t;
SELECT (metrics ->> 'rmse')::float8 < 0.9 * (metrics ->> 'baseline_rmse')::float8 AS better_than_biases, (metrics ->> 'rmse')::float8 < 0.8 * (metrics ->> 'mean_rmse')::float8 AS better_than_mean,
	(metrics ->> 'mae')::float8 < (metrics ->> 'rmse')::float8 AS mae, (metrics ->> 'n_test')::int > 100 AS n_test FROM bayes;
-- the ratings are judged at their times: without an effect of time they are told worse
SELECT (SELECT (metrics ->> 'rmse')::float8 FROM bayes) < 0.9 * (metrics ->> 'rmse')::float8 AS time_helps, details ? 'times' AS has_times
FROM lepton_train('bayes_timeless', 'bayes_ratings', '{"algorithm": "bayes", "epochs": 40, "factors": 4}');

-- earlier times: risen, fallen; the newest is now, as is what comes after it, and what has no time
SELECT i <= 15 AS rises, count(*), count(*) FILTER (WHERE lepton_predict('bayes', u, i) > lepton_predict('bayes', u, i, at => '2020-01-02')) AS higher_now,
	count(*) FILTER (WHERE abs(lepton_predict('bayes', u, i) - lepton_predict('bayes', u, i, at => '2020-01-02')) > 0.8) AS much
FROM generate_series(3, 80, 7) u, generate_series(1, 30, 2) i GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE float4send(lepton_predict('bayes', user_id, item_id)) <> float4send(lepton_predict('bayes', user_id, item_id, (SELECT max(rated_at) FROM bayes_ratings)))) AS newest,
	count(*) FILTER (WHERE float4send(lepton_predict('bayes', user_id, item_id)) <> float4send(lepton_predict('bayes', user_id, item_id, now()))) AS now,
	count(*) FILTER (WHERE float4send(lepton_predict('bayes', user_id, item_id)) <> float4send(lepton_predict('bayes', user_id, item_id, NULL::timestamptz))) AS no_time,
	count(*) FILTER (WHERE float4send(lepton_predict('bayes', user_id, item_id, '-infinity')) <> float4send(lepton_predict('bayes', user_id, item_id, '2020-01-02'))) AS oldest
FROM bayes_ratings;
SELECT count(*) AS timeless_differences FROM bayes_ratings WHERE float4send(lepton_predict('bayes_timeless', user_id, item_id)) <> float4send(lepton_predict('bayes_timeless', user_id, item_id, rated_at));
-- lists of a time are of what was liked then, with the scores of then
SELECT at < '2020-06-01' AS early, count(*) FILTER (WHERE item_id <= 15) AS rising, count(*) FILTER (WHERE float4send(score) <> float4send(lepton_predict('bayes', u, item_id, at))) AS other_scores
FROM (VALUES ('2020-01-02'::timestamptz), ('2020-12-30')) t(at), generate_series(5, 80, 15) u, LATERAL lepton_topn_at('bayes', u, at, 5, false) GROUP BY 1 ORDER BY 1;
SELECT count(*) AS tops, bool_and(score = (SELECT max(lepton_predict('bayes', u, i.id, '2020-01-02')) FROM bayes_items i WHERE i.version = 1)) AS best
FROM generate_series(5, 80, 15) u, LATERAL lepton_topn_at('bayes', u, '2020-01-02', 1, false);
-- a user nobody knows is told what the time likes, too
SELECT lepton_predict('bayes', 4711, 3) > lepton_predict('bayes', 4711, 3, '2020-01-02') AS rises, lepton_predict('bayes', 4711, 18) < lepton_predict('bayes', 4711, 18, '2020-01-02') AS falls;

-- an evaluation judges ratings for when they were given; times of another type say nothing, and that is said
CREATE TABLE bayes_early AS SELECT * FROM bayes_ratings WHERE rated_at < '2020-03-01' AND user_id <= 40;
SELECT abs(e.value - (SELECT sqrt(avg((lepton_predict('bayes', user_id, item_id, rated_at) - rating::real) ^ 2)) FROM bayes_early)) < 1e-5 AS at_their_times,
	e.value < 0.8 * (SELECT sqrt(avg((lepton_predict('bayes', user_id, item_id) - rating::real) ^ 2)) FROM bayes_early) AS better_than_now
FROM lepton_evaluate('bayes', 'bayes_early') e WHERE metric = 'rmse';
SET client_min_messages = notice;
SELECT abs(e.value - (SELECT sqrt(avg((lepton_predict('bayes', user_id, item_id) - rating::real) ^ 2)) FROM bayes_early)) < 1e-5 AS for_the_newest
FROM lepton_evaluate('bayes', 'SELECT user_id, item_id, rating, rated_at::date FROM bayes_early') e WHERE metric = 'rmse';
SET client_min_messages = warning;

-- intervals: as wide as a user's ratings are spread
SELECT count(DISTINCT std_error) > 70 AS own_widths, avg(std_error) FILTER (WHERE u % 2 = 1) > 1.3 * avg(std_error) FILTER (WHERE u % 2 = 0) AS by_user,
	min(std_error) FILTER (WHERE u % 2 = 1) > max(std_error) FILTER (WHERE u % 2 = 0) AS apart, bool_and(low <= prediction AND prediction <= high) AS inside
FROM generate_series(1, 80) u, LATERAL lepton_predict_interval('bayes', u, 7);
SELECT (SELECT count(*) FROM bayes_users WHERE variance >= 0), (SELECT count(*) FROM bayes_items WHERE variance >= 0) AS items, (details #>> '{interval,noise}')::float8 > 0 AS noise FROM bayes;
SELECT u.std_error > s.std_error AS unknown_is_wider FROM lepton_predict_interval('bayes', 4711, 7) u, lepton_predict_interval('bayes', 2, 7) s;

-- all is readable, and the same again from the same rows in another order
SELECT count(*) > 0 AS checked, sum(n_rows) AS n_rows FROM lepton_check('bayes');
SELECT version FROM lepton_train('bayes', 'SELECT * FROM bayes_ratings ORDER BY md5(user_id || '' '' || item_id)', '{"algorithm": "bayes", "epochs": 40, "time_bins": 6, "factors": 4}');
SELECT count(*), count(*) FILTER (WHERE a.factors <> b.factors OR float4send(a.bias) <> float4send(b.bias) OR float4send(a.variance) <> float4send(b.variance)) AS differences
FROM (TABLE bayes_users UNION ALL TABLE bayes_items) a JOIN (TABLE bayes_users UNION ALL TABLE bayes_items) b ON (a.n, a.id, a.n_ratings) = (b.n, b.id, b.n_ratings) WHERE a.version = 1 AND b.version = 2;
SELECT count(DISTINCT details -> 'times') AS times, count(DISTINCT metrics) AS metrics, count(*) AS versions FROM bayes;

-- without times in the source there is no effect of time to learn; one instant makes one bin
SELECT details ? 'times' AS has_times FROM lepton_train('bayes_timeless', 'SELECT user_id, item_id, rating FROM bayes_ratings', '{"algorithm": "bayes", "epochs": 5, "time_bins": 6}');
SELECT jsonb_array_length(details #> '{times,first}') AS bins FROM lepton_train('bayes_timeless', 'SELECT user_id, item_id, rating, ''2020-01-01''::date AS rated_at FROM bayes_ratings', '{"algorithm": "bayes", "epochs": 5, "time_bins": 6}');
SELECT float4send(lepton_predict('bayes_timeless', 3, 7)) = float4send(lepton_predict('bayes_timeless', 3, 7, '2019-01-01')) AS same;
SELECT details #>> '{options,implicit}' AS implicit, (SELECT count(*) FROM bayes_timeless_users f WHERE f.version = t.version AND variance IS NULL) AS without_variance
FROM lepton_train('bayes_timeless', 'bayes_ratings', '{"algorithm": "bayes", "epochs": 5, "implicit": "none"}') t;
SELECT version IS NOT NULL AS users_only FROM lepton_train('bayes_timeless', 'bayes_ratings', '{"algorithm": "bayes", "epochs": 5, "implicit": "users"}');

-- options out of range, of another kind, of another algorithm
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "bayes", "factors": 200}');
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "bayes", "factors": 129}');
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "bayes", "epochs": 0}');
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "bayes", "time_bins": -1}');
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "bayes", "time_bins": 4097}');
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "bayes", "time_bins": "many"}');
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "bayes", "implicit": "all"}');
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "bayes", "implicit": true}');
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "bayes", "learning_rate": 0.1}');
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "bayes", "feedback": "implicit"}');
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "als", "implicit": "both"}');
SELECT lepton_train('bayes', 'bayes_ratings', '{"algorithm": "sgd", "time_bins": 4}');
-- none of which left a version
SELECT max(version) AS version FROM bayes;
DROP TABLE bayes, bayes_timeless, bayes_ratings, bayes_early;
