-- lepton_progress: what a training is doing, seen while it does it
CREATE TABLE progress_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating FROM generate_series(1, 40) u, generate_series(1, 30) i WHERE (u + i * 3) % 4 > 0;
SELECT count(*) FROM lepton_progress;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'lepton_progress'::regclass AND attnum > 0 ORDER BY attnum;

-- the view as a statement of the training's own sees it
CREATE FUNCTION progress_show(place text) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	p record;
BEGIN
	PERFORM pg_stat_clear_snapshot();
	FOR p IN SELECT * FROM lepton_progress LOOP
		RAISE NOTICE '%: database %, schema %, model %, relation %, phase %, epoch %, loss %, rows %, memory %, begun %, end %, own %', place,
			p.datname = current_database(), p.schema, p.model, p.relid::regclass, p.phase, p.epoch, round(p.loss::numeric, 3), p.rows_read, p.memory > 0 AND p.memory_peak >= p.memory,
			p.started_at BETWEEN transaction_timestamp() AND clock_timestamp(), p.estimated_end, p.pid = pg_backend_pid();
	END LOOP;
	RETURN 1;
END $$;
-- while the source is read; the model is not there yet, and its name is odd
SELECT version FROM lepton_train('"Progress ''m"', 'SELECT user_id, item_id, rating FROM progress_ratings CROSS JOIN (SELECT progress_show(''source'')) x', '{"algorithm": "baseline"}');
SELECT version FROM lepton_train('"Progress ''m"', 'SELECT user_id, item_id, rating FROM progress_ratings CROSS JOIN (SELECT progress_show(''again'')) x', '{"algorithm": "baseline"}');
SELECT count(*) FROM lepton_progress;

-- an index that is made takes the place of the training's entry, which comes back
CREATE FUNCTION progress_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM progress_show(lower(tg_tag)); END $$;
CREATE EVENT TRIGGER progress_ddl ON ddl_command_start EXECUTE FUNCTION progress_ddl();
SELECT version FROM lepton_train('progress_m', 'progress_ratings', '{"algorithm": "baseline"}');
DROP EVENT TRIGGER progress_ddl;
DROP FUNCTION progress_ddl;

-- a training that fails, caught or not, leaves no entry
DO $$ BEGIN PERFORM lepton_train('progress_m', 'SELECT user_id, item_id, 1 / 0 AS rating FROM progress_ratings');
EXCEPTION WHEN division_by_zero THEN PERFORM progress_show('caught'); END $$;
SELECT lepton_train('progress_m', 'SELECT user_id, item_id, 1 / 0 AS rating FROM progress_ratings');
SELECT count(*) FROM lepton_progress;

-- without track_activities there is nothing to see
SET track_activities = off;
SELECT version FROM lepton_train('progress_m', 'SELECT user_id, item_id, rating FROM progress_ratings CROSS JOIN (SELECT progress_show(''untracked'')) x', '{"algorithm": "baseline"}');
RESET track_activities;

-- of another role's training: that there is one; pg_read_all_stats shows it all
CREATE ROLE regress_lepton_watcher;
CREATE FUNCTION progress_columns() RETURNS int LANGUAGE plpgsql VOLATILE SET ROLE regress_lepton_watcher AS $$
BEGIN
	PERFORM pg_stat_clear_snapshot();
	RAISE NOTICE 'the watcher sees %', (SELECT array_agg(key ORDER BY key) FROM lepton_progress p, jsonb_each(to_jsonb(p)) WHERE value <> 'null');
	RETURN 1;
END $$;
SELECT version FROM lepton_train('progress_m', 'SELECT user_id, item_id, rating FROM progress_ratings CROSS JOIN (SELECT progress_columns()) x', '{"algorithm": "baseline"}');
GRANT pg_read_all_stats TO regress_lepton_watcher;
SELECT version FROM lepton_train('progress_m', 'SELECT user_id, item_id, rating FROM progress_ratings CROSS JOIN (SELECT progress_columns()) x', '{"algorithm": "baseline"}');

-- for the session itself: a line when a phase begins, and one for each epoch
SET lepton.log_progress = on;
SELECT version FROM lepton_train('progress_m', 'progress_ratings', '{"algorithm": "als", "epochs": 2, "factors": 2}');
RESET lepton.log_progress;
-- what the server's log has of it is not sent to the client
SET client_min_messages = log;
SELECT version FROM lepton_train('progress_m', 'progress_ratings', '{"algorithm": "baseline"}');
RESET client_min_messages;

-- trainings of models without a name: of folds, of trials, of groups
SELECT count(*) > 0 AS judged FROM lepton_cross_validate('SELECT user_id, item_id, rating FROM progress_ratings CROSS JOIN (SELECT progress_show(''folds'')) x', '{"algorithm": "baseline"}', 2);
SELECT count(*) > 0 AS judged FROM lepton_tune('SELECT user_id, item_id, rating FROM progress_ratings CROSS JOIN (SELECT progress_show(''trials'')) x', '{"factors": [2]}', '{"algorithm": "als", "epochs": 2}', 1);
SELECT count(*) FROM lepton_progress;
SET lepton.log_progress = on;
SELECT count(*) > 0 AS judged FROM lepton_cross_validate('progress_ratings', '{"algorithm": "als", "epochs": 1, "factors": 2}', 2);
SELECT user_id % 2 AS part, length(lepton_train(user_id, item_id, rating, '{"algorithm": "als", "epochs": 1, "factors": 2}')) > 0 AS trained FROM progress_ratings GROUP BY 1 ORDER BY 1;
RESET lepton.log_progress;
SELECT count(*) FROM lepton_progress;
-- a group that is trained while a source is read does not end what is told of the model
SELECT version FROM lepton_train('progress_m', 'WITH g AS MATERIALIZED (SELECT lepton_train(user_id, item_id, rating, ''{"algorithm": "baseline"}'') AS model FROM progress_ratings)
  SELECT user_id, item_id, rating FROM progress_ratings, g WHERE model IS NOT NULL', '{"algorithm": "baseline"}');

SELECT lepton_drop('"Progress ''m"'), lepton_drop('progress_m');
DROP FUNCTION progress_show, progress_columns;
DROP TABLE progress_ratings;
DROP ROLE regress_lepton_watcher;
