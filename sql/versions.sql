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

DROP VIEW versions_says;
DROP TABLE versions_m, versions_ratings, versions_answers;
