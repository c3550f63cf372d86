-- lepton_drift: a week's figures are those that lepton_evaluate has on the week's rows
\set SHOW_CONTEXT never
CREATE TABLE drift_ratings AS
SELECT u AS user_id, i AS item_id, (3 + 1.3 * sin(u * 1.7) * cos(i * 2.3) + 0.6 * sin(u) + 0.5 * cos(i * 1.1))::real AS rating,
	timestamptz '2025-03-01 00:00+00' + make_interval(mins => (u * 41 + i) * 7919 % 100801) AS rated_at
FROM generate_series(1, 60) u, generate_series(1, 40) i WHERE (u * 31 + i * 17 + u * i * 7) % 5 < 3;
-- trained on the first 42 of 70 days: four weeks are left, of which the third has no row
DELETE FROM drift_ratings WHERE rated_at > timestamptz '2025-04-12 00:00+00' + interval '14 days' AND rated_at <= timestamptz '2025-04-12 00:00+00' + interval '21 days';
INSERT INTO drift_ratings VALUES (1, 1, 3, '2025-04-12 00:00+00');
CREATE TABLE drift_trained AS SELECT * FROM drift_ratings WHERE rated_at <= '2025-04-12 00:00+00';
SELECT version, details -> 'newest' AS newest FROM lepton_train('drift_m', 'drift_trained', '{"algorithm": "als", "factors": 4}');
CREATE TABLE drift_result AS SELECT * FROM lepton_drift('drift_m', 'drift_ratings', 5);
SELECT week, since AT TIME ZONE 'UTC' AS since, metric, round(value::numeric, 3) AS value, n, round(baseline::numeric, 3) AS baseline, round(popular::numeric, 3) AS popular
FROM drift_result WHERE metric IN ('rmse', 'ndcg', 'overlap') ORDER BY 1, 3;
SET client_min_messages = error;
SELECT w AS week, (SELECT count(*) FROM drift_result WHERE week = w) AS n_figures,
	(SELECT count(*) FROM (SELECT metric, value, std_error, n, baseline, popular FROM drift_result WHERE week = w
		EXCEPT SELECT * FROM lepton_evaluate('drift_m', format('SELECT user_id, item_id, rating FROM drift_ratings WHERE rated_at > timestamptz %L AND rated_at <= timestamptz %L',
			timestamptz '2025-04-12 00:00+00' + w * interval '7 days' - interval '7 days', timestamptz '2025-04-12 00:00+00' + w * interval '7 days'), 5)) x) AS n_differ
FROM unnest(ARRAY[1, 2, 4]) w;
RESET client_min_messages;
-- nothing is newer, no row
SELECT count(*) FROM lepton_drift('drift_m', 'drift_trained');
SELECT count(*) FROM lepton_drift('drift_m', 'SELECT * FROM drift_ratings WHERE false');
-- an earlier version has more weeks before it
SELECT version FROM lepton_train('drift_m', 'drift_ratings', '{"algorithm": "als", "factors": 4}');
SELECT (SELECT count(*) FROM lepton_drift('drift_m', 'drift_ratings')) AS current, count(DISTINCT week) AS first FROM lepton_drift('drift_m', 'drift_ratings', version => 1);

-- dates, numbers, and implicit feedback
SELECT version FROM lepton_train('drift_dates', 'SELECT user_id, item_id, rated_at::date AS day FROM drift_trained', '{"algorithm": "popular", "feedback": "implicit", "time_column": "day"}');
SELECT week, metric, n FROM lepton_drift('drift_dates', 'SELECT user_id, item_id, rated_at::date AS day FROM drift_ratings') WHERE metric IN ('rmse', 'recall') ORDER BY 1, 2;
SELECT version FROM lepton_train('drift_numbers', 'SELECT user_id, item_id, rating, extract(epoch FROM rated_at)::bigint AS rated_at FROM drift_trained', '{"algorithm": "baseline"}');
SELECT DISTINCT week, since AT TIME ZONE 'UTC' AS since FROM lepton_drift('drift_numbers', 'SELECT user_id, item_id, rating, extract(epoch FROM rated_at)::bigint AS rated_at FROM drift_ratings') ORDER BY 1;
-- timestamps without a zone, which are of the session's, and seconds with a fraction
SET TimeZone = 'UTC';
SELECT version FROM lepton_train('drift_plain', 'SELECT user_id, item_id, rating, rated_at AT TIME ZONE ''UTC'' AS rated_at FROM drift_trained', '{"algorithm": "baseline"}');
SELECT version FROM lepton_train('drift_seconds', 'SELECT user_id, item_id, rating, extract(epoch FROM rated_at)::float8 + 0.25 AS rated_at FROM drift_trained', '{"algorithm": "baseline"}');
SELECT DISTINCT week, since FROM lepton_drift('drift_plain', 'SELECT user_id, item_id, rating, rated_at AT TIME ZONE ''UTC'' AS rated_at FROM drift_ratings') ORDER BY 1;
SELECT DISTINCT week, since FROM lepton_drift('drift_seconds', 'SELECT user_id, item_id, rating, extract(epoch FROM rated_at)::float8 + 0.25 AS rated_at FROM drift_ratings') ORDER BY 1;
SET TimeZone = 'Asia/Kolkata';
SELECT DISTINCT week, since AT TIME ZONE 'UTC' AS since FROM lepton_drift('drift_plain', 'SELECT user_id, item_id, rating, rated_at AT TIME ZONE ''UTC'' AS rated_at FROM drift_ratings') ORDER BY 1;
RESET TimeZone;

-- what cannot be
SELECT * FROM lepton_drift('drift_m', 'SELECT user_id, item_id, rating FROM drift_ratings');
SELECT * FROM lepton_drift('drift_m', 'SELECT user_id, item_id, rating, rated_at::date AS rated_at FROM drift_ratings');
SELECT * FROM lepton_drift('drift_m', 'SELECT user_id, item_id, rating, timestamptz ''2099-01-01'' AS rated_at FROM drift_ratings');
SELECT * FROM lepton_drift('drift_m', 'drift_ratings', version => 3);
SELECT version FROM lepton_train('drift_timeless', 'SELECT user_id, item_id, rating FROM drift_ratings', '{"algorithm": "baseline"}');
SELECT * FROM lepton_drift('drift_timeless', 'drift_ratings');
SELECT * FROM lepton_drift(NULL, 'drift_ratings');
SELECT * FROM lepton_drift('drift_m', NULL);
SELECT * FROM lepton_drift('drift_m', 'drift_ratings', 0);

SELECT lepton_drop(m) FROM unnest(ARRAY['drift_m', 'drift_dates', 'drift_numbers', 'drift_plain', 'drift_seconds', 'drift_timeless']) m;
DROP TABLE drift_ratings, drift_trained, drift_result;
