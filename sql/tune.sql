-- lepton_tune: which options are best
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- taste of rank 2 with little noise, and what a training would hold out
CREATE TABLE tune_ratings AS
SELECT u AS user_id, i AS item_id, (3 + 1.3 * sin(u * 1.7) * cos(i * 2.3) + 1.1 * cos(u * 0.9) * sin(i * 3.1) + 0.2 * sin(u * 12.9 + i * 78.2))::real AS rating,
	timestamptz '2025-01-01 00:00+00' + make_interval(hours => (u * 41 + i) * 7919 % 10007) AS rated_at
FROM generate_series(1, 120) u, generate_series(1, 40) i WHERE (u * 31 + i * 17 + u * i * 7) % 5 < 3;
-- the planted best: two factors, a small pull; everything else is far off
CREATE TABLE tune_result AS SELECT * FROM lepton_tune('tune_ratings', '{"factors": [1, 2], "regularization": [0.01, 0.5, 5]}', '{"algorithm": "als"}');
SELECT trial, rung, options, metric, round(value::numeric, 2) AS value, std_error > 0 AS std_error, n, round(baseline::numeric, 2) AS baseline, popular, cost > 0 AS cost, best, note
FROM tune_result WHERE best;
SELECT count(*), count(*) FILTER (WHERE best) AS best, min(value) = (SELECT value FROM tune_result LIMIT 1) AS best_first, count(DISTINCT options) AS options, max(rung) AS rungs FROM tune_result;
SELECT value >= lag(value) OVER () AS in_order FROM tune_result OFFSET 1;
-- the options go straight into a training, which is as good on rows that the tuning did not look at
SELECT m.algorithm, m.options = r.options AS options, (m.metrics ->> 'rmse')::float8 < (m.metrics ->> 'baseline_rmse')::float8 / 2 AS good
FROM tune_result r, LATERAL lepton_train('tune_m', 'tune_ratings', r.options) m WHERE best;
-- the same again; the order of the grid says which trial is which, not which is best
SELECT count(*) FROM (SELECT * FROM tune_result EXCEPT SELECT * FROM lepton_tune('tune_ratings', '{"factors": [1, 2], "regularization": [0.01, 0.5, 5]}', '{"algorithm": "als"}')) x;
SELECT trial, options FROM lepton_tune('tune_ratings', '{"regularization": [5, 0.5, 0.01], "factors": [2, 1]}', '{"algorithm": "als"}') ORDER BY trial;
SELECT r.value = t.value AS same FROM tune_result r JOIN lepton_tune('tune_ratings', '{"regularization": [5, 0.5, 0.01], "factors": [2, 1]}', '{"algorithm": "als"}') t USING (options);

-- by lists; by time; the algorithm as an option, which leaves out what it does not take
SELECT metric, options, best, value > baseline AS better, value > popular AS beats_popular FROM lepton_tune('tune_ratings', '{"factors": [2]}', '{"algorithm": "als", "regularization": 0.01}', metric => 'recall', k => 5, relevant => 3.5);
SELECT options, n FROM lepton_tune('tune_ratings', '{"factors": [2]}', '{"algorithm": "als", "split": "leave_last"}');
SELECT options, rung FROM lepton_tune('tune_ratings', '{"algorithm": ["als", "sgd", "baseline"], "learning_rate": [0.01, 0.03], "factors": [2, 3], "bias_regularization": [1]}') ORDER BY trial;
SELECT trial, options FROM lepton_tune('tune_ratings', '{"algorithm": ["auto"]}', '{"factors": 2}');

-- ranges: drawn with the seed, inside, no two the same
CREATE TABLE tune_drawn AS SELECT * FROM lepton_tune('tune_ratings',
	'{"factors": {"min": 1, "max": 3}, "regularization": {"min": 0.001, "max": 1, "scale": "log"}, "bias_regularization": [3, 4]}', '{"algorithm": "als"}', trials => 9);
SELECT count(*) AS trials, count(DISTINCT options) AS options, min((options ->> 'factors')::int) AS min, max((options ->> 'factors')::int) AS max,
	bool_and((options ->> 'regularization')::float8 BETWEEN 0.001 AND 1) AS inside, count(DISTINCT options -> 'bias_regularization') AS listed,
	bool_or((options ->> 'regularization')::float8 < 0.03) AS small, bool_or((options ->> 'regularization')::float8 > 0.03) AS large FROM tune_drawn;
SELECT count(*) FROM (SELECT trial, options FROM tune_drawn EXCEPT SELECT trial, options FROM lepton_tune('tune_ratings',
	'{"factors": {"min": 1, "max": 3}, "regularization": {"min": 0.001, "max": 1, "scale": "log"}, "bias_regularization": [3, 4]}', '{"algorithm": "als"}', trials => 9)) x;
SELECT count(*) > 0 AS others FROM (SELECT trial, options FROM tune_drawn EXCEPT SELECT trial, options FROM lepton_tune('tune_ratings',
	'{"factors": {"min": 1, "max": 3}, "regularization": {"min": 0.001, "max": 1, "scale": "log"}, "bias_regularization": [3, 4]}', '{"algorithm": "als"}', trials => 9, seed => 43)) x;
-- more wanted than there are
SELECT count(*), count(DISTINCT options) AS options FROM lepton_tune('tune_ratings', '{"factors": {"min": 1, "max": 3}}', '{"algorithm": "als"}', trials => 9);
SELECT count(*), count(DISTINCT options) AS options FROM lepton_tune('tune_ratings', '{"bias_regularization": [1, 2, 3, 4, 5, 6, 7]}', '{"algorithm": "baseline"}', trials => 5);

-- rungs: all trials on a ninth of the users, the best third on a third, the best third of those on all
CREATE TABLE tune_large AS
SELECT u AS user_id, i AS item_id, (3 + sin(u * 1.7) + cos(i * 2.3) + sin(u * 12.9 + i * 78.2))::real AS rating FROM generate_series(1, 1200) u, generate_series(1, 125) i WHERE (u * 31 + i * 17 + u * i * 7) % 5 < 4;
CREATE TABLE tune_rungs AS SELECT * FROM lepton_tune('tune_large', '{"bias_regularization": [0, 1, 2, 3, 5, 10, 100, 1000, 10000, 100000]}', '{"algorithm": "baseline"}');
SELECT rung, count(*), count(*) FILTER (WHERE best) AS best, round(avg(n) / 1000) AS thousands FROM tune_rungs GROUP BY 1 ORDER BY 1;
SELECT count(*) AS survivors_that_were_not_best FROM tune_rungs a WHERE rung < 3 AND EXISTS (SELECT FROM tune_rungs b WHERE b.rung = a.rung + 1 AND b.trial = a.trial)
	AND EXISTS (SELECT FROM tune_rungs c WHERE c.rung = a.rung AND c.value < a.value AND NOT EXISTS (SELECT FROM tune_rungs d WHERE d.rung = a.rung + 1 AND d.trial = c.trial));
SELECT (SELECT (options ->> 'bias_regularization')::float8 FROM tune_rungs WHERE best) <= 10 AS small_pull;

-- few users with many ratings each: a part of them would be nobody
SELECT trial, rung, n BETWEEN 8000 AND 8800 AS on_all, note FROM lepton_tune('SELECT u AS user_id, i AS item_id, u + i % 4 AS rating FROM generate_series(1, 3) u, generate_series(1, 31000) i',
	'{"bias_regularization": [1, 2, 3, 4, 5, 6, 7, 8, 9]}', '{"algorithm": "baseline"}') ORDER BY trial;

-- time: by formulas; what does not fit is shown, and one trial runs whatever it costs
SELECT trial, rung, options, value IS NOT NULL AS ran, best, note FROM lepton_tune('tune_ratings', '{"factors": [8, 4, 6]}', '{"algorithm": "als"}', time_limit => 0.000001);
SELECT count(*) FILTER (WHERE note IS NULL) BETWEEN 1 AND 5 AS some_ran, count(*) AS shown, sum(cost) FILTER (WHERE note IS NULL) <= (SELECT sum(cost) / 2 FROM tune_result) AS fits,
	max(trial) FILTER (WHERE note IS NULL) < min(trial) FILTER (WHERE note IS NOT NULL) AS in_order
FROM lepton_tune('tune_ratings', '{"factors": [1, 2], "regularization": [0.01, 0.5, 5]}', '{"algorithm": "als"}', time_limit => (SELECT sum(cost) / 2 FROM tune_result));
-- memory, trial by trial
SET lepton.max_training_memory = '2MB';
SELECT trial, options, value IS NOT NULL AS ran, best, note FROM lepton_tune('tune_ratings', '{"factors": [1024, 2]}', '{"algorithm": "als", "epochs": 2}');
\set VERBOSITY sqlstate
SELECT lepton_tune('tune_ratings', '{"factors": [1024]}', '{"algorithm": "als"}');
\set VERBOSITY default
RESET lepton.max_training_memory;
-- a trial that diverges loses
SELECT options, note FROM lepton_tune('tune_ratings', '{"regularization": [0.02, 1000000]}', '{"algorithm": "sgd", "factors": 2, "epochs": 5}') ORDER BY trial;

-- implicit feedback, read only; and a NOTICE where nothing is better than no learning
SET client_min_messages = notice;
BEGIN READ ONLY;
SELECT trial, options, metric, value = popular AS same, baseline, best FROM lepton_tune('SELECT user_id, item_id FROM tune_ratings', '{"algorithm": ["popular"]}');
COMMIT;

-- what is refused
SELECT lepton_tune(NULL, '{"factors": [1]}');
SELECT lepton_tune('tune_ratings', NULL);
SELECT lepton_tune('tune_ratings', '{"factors": [1]}', NULL);
SELECT lepton_tune('tune_ratings', '{}');
SELECT lepton_tune('tune_ratings', '[1]');
SELECT lepton_tune('tune_ratings', '{"factor": [1]}');
SELECT lepton_tune('tune_ratings', '{"factors": []}');
SELECT lepton_tune('tune_ratings', '{"factors": 3}');
SELECT lepton_tune('tune_ratings', jsonb_build_object('factors', (SELECT jsonb_agg(f) FROM generate_series(1, 1001) f)));
SELECT count(*) FROM lepton_tune('tune_ratings', jsonb_build_object('bias_regularization', (SELECT jsonb_agg(f) FROM generate_series(1, 1000) f)), '{"algorithm": "baseline"}', trials => 2);
SELECT lepton_tune('tune_ratings', '{"factors": ["many"]}');
SELECT lepton_tune('tune_ratings', '{"factors": [1, 0]}');
SELECT lepton_tune('tune_ratings', '{"factors": [1.5]}');
SELECT lepton_tune('tune_ratings', '{"factors": [null]}');
SELECT lepton_tune('tune_ratings', '{"algorithm": ["als", "magic"]}');
SELECT lepton_tune('tune_ratings', '{"algorithm": {"min": 1, "max": 2}}');
SELECT lepton_tune('tune_ratings', '{"factors": {"min": 1}}');
SELECT lepton_tune('tune_ratings', '{"factors": {"min": 5, "max": 2}}');
SELECT lepton_tune('tune_ratings', '{"factors": {"min": 1, "max": 5000}}');
SELECT lepton_tune('tune_ratings', '{"factors": {"min": 1, "max": "a lot"}}');
SELECT lepton_tune('tune_ratings', '{"factors": {"min": 1, "max": 5, "step": 2}}');
SELECT lepton_tune('tune_ratings', '{"factors": {"min": 1, "max": 5, "scale": "square"}}');
SELECT lepton_tune('tune_ratings', '{"regularization": {"min": 0, "max": 5, "scale": "log"}}');
SELECT lepton_tune('tune_ratings', '{"split": ["time"]}');
SELECT lepton_tune('tune_ratings', '{"factors": [1, 2]}', '{"factors": 3}');
SELECT lepton_tune('tune_ratings', '{"learning_rate": [0.1]}', '{"algorithm": "als"}');
SELECT lepton_tune('tune_ratings', '{"factors": [1]}', '{"validation_fraction": 0}');
SELECT lepton_tune('tune_ratings', '{"factors": [1]}', trials => 0);
SELECT lepton_tune('tune_ratings', '{"factors": [1]}', trials => NULL);
SELECT lepton_tune('tune_ratings', '{"factors": [1]}', seed => NULL);
SELECT lepton_tune('tune_ratings', '{"factors": [1]}', time_limit => 0);
SELECT lepton_tune('tune_ratings', '{"factors": [1]}', time_limit => 'NaN');
SELECT lepton_tune('tune_ratings', '{"factors": [1]}', metric => 'accuracy');
SELECT lepton_tune('SELECT user_id, item_id FROM tune_ratings', '{"algorithm": ["popular"]}', metric => 'rmse');
SELECT lepton_tune('tune_ratings', '{"factors": [1]}', k => 0);
SELECT lepton_tune('SELECT * FROM tune_ratings WHERE false', '{"factors": [1]}');
SELECT lepton_tune('SELECT user_id, item_id, rating FROM tune_ratings', '{"factors": [1]}', '{"split": "time"}');
SELECT lepton_tune('tune_ratings', '{"factors": [1]}', '{"algorithm": "als"}', metric => 'recall', relevant => 100);

DROP TABLE tune_m, tune_ratings, tune_result, tune_drawn, tune_large, tune_rungs;
