-- versions of a model: read by number
\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE TABLE versions_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i + u % 3 + i % 2) % 5 AS rating, timestamptz '2026-01-01' + make_interval(hours => u * 31 + i) AS rated_at
FROM generate_series(1, 40) u, generate_series(1, 30) i WHERE (u * 7 + i * 3) % 5 <> 1;
SELECT version FROM lepton_train('versions_m', 'versions_ratings', '{"algorithm": "als", "factors": 3, "keep": 10}');
-- what version 1 says while it is the current one
CREATE TABLE versions_answers AS
SELECT 1 AS version, lepton_predict('versions_m', 5, 7) AS predict, lepton_predict('versions_m', 5, 7, '2026-01-02') AS predict_at, lepton_predict_interval('versions_m', 5, 7)::text AS interval,
	ARRAY(SELECT r::text FROM lepton_topn('versions_m', 5, 4) r) AS topn, ARRAY(SELECT r::text FROM lepton_topn('versions_m', 5, 4, ARRAY[3, 6, 99], false) r) AS candidates,
	ARRAY(SELECT r::text FROM lepton_topn_at('versions_m', 5, now(), 4) r) AS topn_at, ARRAY(SELECT r::text FROM lepton_topn_at('versions_m', 5, now(), 4, ARRAY[3, 6, 99]) r) AS candidates_at,
	ARRAY(SELECT r::text FROM lepton_topn_for('versions_m', ARRAY[3, 6], ARRAY[1, 5], 4) r) AS weights,
	ARRAY(SELECT r::text FROM lepton_similar('versions_m', 3, 4) r) AS alike, ARRAY(SELECT r::text FROM lepton_similar_users('versions_m', 3, 4) r) AS alike_users,
	ARRAY(SELECT r::text FROM lepton_explain('versions_m', 5, 7) r) AS explain, ARRAY(SELECT r::text FROM lepton_evaluate('versions_m', 'versions_ratings') r) AS evaluate;
SELECT version FROM lepton_train('versions_m', 'SELECT user_id, item_id, (user_id + 2 * item_id) % 5 AS rating, rated_at FROM versions_ratings WHERE item_id < 29', '{"algorithm": "als", "factors": 5, "keep": 10}');

-- version 1 still says it, by number, in every function that reads a model
CREATE VIEW versions_says AS
SELECT v AS version, lepton_predict('versions_m', 5, 7, version => v) AS predict, lepton_predict('versions_m', 5, 7, '2026-01-02', v) AS predict_at, lepton_predict_interval('versions_m', 5, 7, version => v)::text AS interval,
	ARRAY(SELECT r::text FROM lepton_topn('versions_m', 5, 4, version => v) r) AS topn, ARRAY(SELECT r::text FROM lepton_topn('versions_m', 5, 4, ARRAY[3, 6, 99], false, version => v) r) AS candidates,
	ARRAY(SELECT r::text FROM lepton_topn_at('versions_m', 5, now(), 4, version => v) r) AS topn_at, ARRAY(SELECT r::text FROM lepton_topn_at('versions_m', 5, now(), 4, ARRAY[3, 6, 99], version => v) r) AS candidates_at,
	ARRAY(SELECT r::text FROM lepton_topn_for('versions_m', ARRAY[3, 6], ARRAY[1, 5], 4, version => v) r) AS weights,
	ARRAY(SELECT r::text FROM lepton_similar('versions_m', 3, 4, v) r) AS alike, ARRAY(SELECT r::text FROM lepton_similar_users('versions_m', 3, 4, v) r) AS alike_users,
	ARRAY(SELECT r::text FROM lepton_explain('versions_m', 5, 7, v) r) AS explain, ARRAY(SELECT r::text FROM lepton_evaluate('versions_m', 'versions_ratings', version => v) r) AS evaluate
FROM (VALUES (1), (2), (NULL)) n(v);
SELECT s.version, p.key, p.value = a.value AS as_version_1 FROM versions_says s, jsonb_each_text(to_jsonb(s)) p
	JOIN (SELECT j.* FROM versions_answers, jsonb_each_text(to_jsonb(versions_answers)) j) a USING (key) WHERE key <> 'version' AND s.version IN (1, 2) ORDER BY key, version;
-- NULL is the current one
SELECT (to_jsonb(n) - 'version') = (to_jsonb(c) - 'version') AS same FROM versions_says n, versions_says c WHERE n.version IS NULL AND c.version = 2;
-- two in one query, in one call site, in turn
SELECT count(DISTINCT p) FROM (SELECT i, lepton_predict('versions_m', 5, 7, version => 1 + i % 2) AS p FROM generate_series(1, 10) i) s;
-- an A/B test: half of the users see one, half the other
SELECT u % 2 AS arm, bool_and(p = lepton_predict('versions_m', u, 7, version => 1 + u % 2)) AS same FROM (SELECT u, lepton_predict('versions_m', u, 7, version => CASE WHEN u % 2 = 0 THEN 1 ELSE 2 END) AS p FROM generate_series(1, 40) u) s GROUP BY 1 ORDER BY 1;
-- there is no such version
SELECT lepton_predict('versions_m', 5, 7, version => 3);
SELECT * FROM lepton_topn('versions_m', 5, version => 0);
SELECT * FROM lepton_similar('versions_m', 5, version => -1);
SELECT lepton_predict('versions_none', 5, 7, version => 1);
-- untyped parameters
PREPARE versions_predict AS SELECT lepton_predict($1, $2, $3, version => $4) = (SELECT predict FROM versions_answers) AS same;
EXECUTE versions_predict('versions_m', '5', '7', '1');
PREPARE versions_topn AS SELECT count(*) FROM lepton_topn($1, $2, $3, version => $4);
EXECUTE versions_topn('versions_m', '5', '4', NULL);
DEALLOCATE ALL;


-- a version kept beside: readers get the current one, and it by its number
CREATE VIEW versions_state AS SELECT version, is_current, details -> 'pinned' AS pinned, details ->> 'unpublished' AS unpublished FROM versions_m ORDER BY version;
SELECT version, is_current, details ->> 'unpublished' AS unpublished FROM lepton_train('versions_m', 'versions_ratings', '{"algorithm": "baseline", "publish": false, "keep": 10}');
SELECT lepton_predict('versions_m', 5, 7) = lepton_predict('versions_m', 5, 7, version => 2) AS as_2, lepton_predict('versions_m', 5, 7) = lepton_predict('versions_m', 5, 7, version => 3) AS as_3;
SELECT version, is_current, details ->> 'unpublished' AS unpublished FROM lepton_publish('versions_m', 3);
SELECT lepton_predict('versions_m', 5, 7) = lepton_predict('versions_m', 5, 7, version => 3) AS as_3;
-- back to the one before, and to the one before that, which then is the one that published versions are counted back from
SELECT version, is_current FROM lepton_rollback('versions_m');
SELECT version, is_current FROM lepton_rollback('versions_m');
SELECT * FROM versions_state;
SELECT lepton_predict('versions_m', 5, 7) = (SELECT predict FROM versions_answers) AS as_1;
SELECT lepton_rollback('versions_m');
-- forth again, to a given one, to the current one
SELECT version, is_current FROM lepton_publish('versions_m', 3);
SELECT version FROM lepton_rollback('versions_m', 1);
SELECT version FROM lepton_rollback('versions_m', 1);
SELECT version FROM lepton_publish('versions_m', 2);
SELECT * FROM versions_state;
-- at most one is current, and none is lost on the way back
BEGIN; SELECT version FROM lepton_rollback('versions_m', 1); SELECT count(*) FROM versions_m WHERE is_current; ROLLBACK;
SELECT version FROM versions_m WHERE is_current;

-- keep: of published versions so many, of others as many; the current one and pinned ones besides
SELECT lepton_pin('versions_m', 1);
SELECT version FROM lepton_train('versions_m', 'versions_ratings', '{"algorithm": "baseline", "keep": 1, "publish": false}');
SELECT * FROM versions_state;
SELECT version FROM lepton_train('versions_m', 'versions_ratings', '{"algorithm": "baseline", "keep": 1}');
SELECT * FROM versions_state;
SELECT (SELECT count(DISTINCT version) FROM versions_m_users) AS in_users, (SELECT count(DISTINCT version) FROM versions_m_items) AS in_items, (SELECT count(DISTINCT version) FROM lepton_check('versions_m')) AS checked;
SELECT lepton_predict('versions_m', 5, 7, version => 1) = (SELECT predict FROM versions_answers) AS as_1;
SELECT lepton_pin('versions_m', 1, false);
SELECT version FROM lepton_train('versions_m', 'versions_ratings', '{"algorithm": "baseline", "keep": 1}');
SELECT * FROM versions_state;
-- the current one stays even where all newer ones are beside it
SELECT version FROM lepton_train('versions_m', 'versions_ratings', '{"algorithm": "baseline", "keep": 1, "publish": false}');
SELECT version FROM lepton_train('versions_m', 'versions_ratings', '{"algorithm": "baseline", "keep": 1, "publish": false}');
SELECT * FROM versions_state;
SELECT lepton_predict('versions_m', 5, 7, version => 1);

-- a model that has unpublished versions only
SELECT version FROM lepton_train('versions_beside', 'versions_ratings', '{"algorithm": "baseline", "publish": false}');
SELECT lepton_predict('versions_beside', 5, 7);
SELECT lepton_predict('versions_beside', 5, 7, version => 1) IS NOT NULL AS predicted;
SELECT lepton_rollback('versions_beside');
SELECT version FROM lepton_publish('versions_beside', 1);
SELECT lepton_predict('versions_beside', 5, 7) IS NOT NULL AS predicted;

-- what is not there, what is not hers, what cannot be written
SELECT lepton_rollback('versions_m', 99);
SELECT lepton_publish('versions_m', 0);
SELECT lepton_pin('versions_m', 99);
SELECT lepton_publish('versions_m', NULL);
SELECT lepton_rollback(NULL);
SELECT lepton_pin('versions_m', 7, NULL);
SELECT lepton_rollback('versions_none');
SELECT lepton_rollback('versions_ratings');
CREATE ROLE regress_lepton_reader;
GRANT SELECT, INSERT, UPDATE ON versions_m TO regress_lepton_reader;
SET ROLE regress_lepton_reader;
SELECT lepton_rollback('versions_m');
SELECT lepton_publish('versions_m', 7);
SELECT lepton_pin('versions_m', 7);
SELECT lepton_topn('versions_m', 5, 1, version => 8) IS NOT NULL AS listed;
RESET ROLE;
BEGIN READ ONLY; SELECT lepton_rollback('versions_m'); ROLLBACK;
-- code on the model's table does not run
CREATE FUNCTION versions_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''ran''; RETURN NEW; END';
CREATE TRIGGER t BEFORE UPDATE ON versions_m FOR EACH ROW EXECUTE FUNCTION versions_trigger();
SELECT lepton_rollback('versions_m', 7);
DROP TRIGGER t ON versions_m;

DROP VIEW versions_says, versions_state;
DROP TABLE versions_m, versions_beside, versions_ratings, versions_answers;
DROP FUNCTION versions_trigger();
DROP ROLE regress_lepton_reader;
