-- Option live: lists and predictions by a user's rows of the moment.
\set SHOW_CONTEXT never
SET extra_float_digits = 0;
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/outcome.sql'
\i :include
CREATE TABLE live_ratings (user_id int, item_id int, rating real, PRIMARY KEY (user_id, item_id));
INSERT INTO live_ratings
SELECT u, i, 1 + (u * 7 + i * 13 + (u * i) % 11) % 5 FROM generate_series(1, 60) u, generate_series(1, 40) i
WHERE (u * 31 + i * 17) % 3 = 0;

-- on by an index that begins with the user column, said in a NOTICE; off without one, and off where it is said
SELECT version, details -> 'live' AS live, details -> 'options' -> 'live' AS option
  FROM lepton_train('live_als', 'live_ratings', '{"algorithm": "als", "factors": 4, "epochs": 3}');
CREATE TABLE live_items_first (user_id int, item_id int, rating real, PRIMARY KEY (item_id, user_id));
INSERT INTO live_items_first TABLE live_ratings;
CREATE INDEX ON live_items_first (user_id) WHERE rating > 3;
CREATE INDEX ON live_items_first ((user_id + 0));
SELECT details ? 'live' AS live, details -> 'options' -> 'live' AS option
  FROM lepton_train('live_off', 'live_items_first', '{"algorithm": "als", "factors": 4, "epochs": 3}');
CREATE INDEX ON live_items_first USING hash (user_id);
SELECT details ? 'live' AS live
  FROM lepton_train('live_off', 'live_items_first', '{"algorithm": "als", "factors": 4, "epochs": 3}');
SELECT details ? 'live' AS live, details -> 'options' -> 'live' AS option
  FROM lepton_train('live_off', 'live_ratings', '{"algorithm": "als", "factors": 4, "epochs": 3, "live": false}');

-- memory to train, but none to learn what users are folded in by: not live, which is said to who has asked for it
SET lepton.max_training_memory = '400kB';
SELECT details ? 'live' AS live, details -> 'options' -> 'live' AS option
  FROM lepton_train('live_poor', 'live_ratings', '{"algorithm": "sgd", "factors": 64, "epochs": 1, "live": true}');
SELECT details ? 'live' AS live, details -> 'options' -> 'live' AS option
  FROM lepton_train('live_poor', 'live_ratings', '{"algorithm": "sgd", "factors": 64, "epochs": 1}');
RESET lepton.max_training_memory;
SELECT count(*) FROM lepton_topn('live_poor', 7, 40);
SELECT lepton_drop('live_poor');

-- both have the same rows, so the same lists, bit by bit; and the setting makes no difference to unchanged users
CREATE FUNCTION live_lists(model text) RETURNS TABLE (u int, item_id bigint, score real, origin text) LANGUAGE sql AS
  $$SELECT u, r.item_id, r.score, r.origin FROM generate_series(1, 60) u, LATERAL lepton_topn(model, u, 40) r$$;
CREATE TABLE live_before AS SELECT * FROM live_lists('live_off');
SELECT count(*) FROM live_before;
(TABLE live_before EXCEPT SELECT * FROM live_lists('live_als')) UNION ALL (SELECT * FROM live_lists('live_als') EXCEPT TABLE live_before);

-- a rating of this transaction is excluded and folded in: as the same basket in anybody's hands
CREATE FUNCTION live_basket(model text, who int, n int) RETURNS TABLE (rank int, item_id bigint, score real) LANGUAGE sql STABLE AS $$
  SELECT r.rank, r.item_id, r.score
    FROM (SELECT array_agg(item_id ORDER BY item_id) AS items, array_agg(rating::float8 ORDER BY item_id) AS ratings
            FROM live_ratings WHERE user_id = who) b, lepton_topn_for(model, b.items, b.ratings, n) r$$;
BEGIN;
INSERT INTO live_ratings SELECT 7, item_id, 5 FROM lepton_topn('live_als', 7, 1);
SELECT count(*) FROM lepton_topn('live_als', 7, 40);
SELECT count(*) FROM lepton_topn('live_off', 7, 40);
SELECT count(*) FROM lepton_topn('live_als', 7, 40) r JOIN live_ratings USING (item_id) WHERE user_id = 7;
(SELECT rank, item_id, score FROM lepton_topn('live_als', 7, 40) EXCEPT SELECT * FROM live_basket('live_als', 7, 40))
UNION ALL (SELECT * FROM live_basket('live_als', 7, 40) EXCEPT SELECT rank, item_id, score FROM lepton_topn('live_als', 7, 40));
-- predict says what the list says
SELECT bool_and(lepton_predict('live_als', 7, item_id) = score) FROM lepton_topn('live_als', 7, 40);
SELECT lepton_predict('live_als', 7, 1) <> lepton_predict('live_off', 7, 1) AS differs;
-- so do explanations
SELECT abs(sum(contribution) - lepton_predict('live_als', 7, 2)) < 1e-6 FROM lepton_explain('live_als', 7, 2);
-- candidates that the model does not know, too
INSERT INTO live_ratings VALUES (7, 1001, 2);
SELECT item_id, origin FROM lepton_topn('live_als', 7, 5, ARRAY[1000, 1001]);
SELECT item_id, origin FROM lepton_topn('live_als', 7, 5, ARRAY[1000, 1001], false);
-- a part of the transaction that is taken back does not count
SAVEPOINT before_more;
INSERT INTO live_ratings SELECT 7, item_id, 1 FROM lepton_topn('live_als', 7, 3);
SELECT count(*) FROM lepton_topn('live_als', 7, 40);
ROLLBACK TO before_more;
SELECT count(*) FROM lepton_topn('live_als', 7, 40);
ROLLBACK;
(SELECT item_id, score, origin FROM live_before WHERE u = 7) EXCEPT SELECT item_id, score, origin FROM lepton_topn('live_als', 7, 40);

-- a changed rating counts, and back again it is as it was
UPDATE live_ratings SET rating = rating - 0.5 WHERE user_id = 7 AND item_id = (SELECT min(item_id) FROM live_ratings WHERE user_id = 7);
SELECT count(*) > 0 AS differs FROM (SELECT item_id, score FROM live_before WHERE u = 7 EXCEPT SELECT item_id, score FROM lepton_topn('live_als', 7, 40)) d;
UPDATE live_ratings SET rating = rating + 0.5 WHERE user_id = 7 AND item_id = (SELECT min(item_id) FROM live_ratings WHERE user_id = 7);
SELECT count(*) > 0 AS differs FROM (SELECT item_id, score FROM live_before WHERE u = 7 EXCEPT SELECT item_id, score FROM lepton_topn('live_als', 7, 40)) d;

-- a deleted rating may be listed again; without any she is nobody that the model knows
SELECT min(item_id) AS first FROM live_ratings WHERE user_id = 8 \gset
BEGIN;
DELETE FROM live_ratings WHERE user_id = 8 AND item_id = :first;
SELECT count(*) FROM lepton_topn('live_als', 8, 40) WHERE item_id = :first;
DELETE FROM live_ratings WHERE user_id = 8;
SELECT DISTINCT origin FROM lepton_topn('live_als', 8, 40);
(SELECT * FROM lepton_topn('live_als', 8, 40) EXCEPT SELECT * FROM lepton_topn('live_als', 999, 40));
ROLLBACK;

-- a user of today has a list of her own
INSERT INTO live_ratings VALUES (500, 1, 5), (500, 2, 1), (500, 3, 5);
SELECT DISTINCT origin FROM lepton_topn('live_als', 500, 40);
SELECT DISTINCT origin FROM lepton_topn('live_off', 500, 40);
SELECT count(*) FROM lepton_topn('live_als', 500, 40);
(SELECT rank, item_id, score FROM lepton_topn('live_als', 500, 40) EXCEPT SELECT * FROM live_basket('live_als', 500, 40));
-- her ratings are not what an interval was measured with
SELECT p.std_error = q.std_error AS as_new FROM lepton_predict_interval('live_als', 500, 9) p, lepton_predict_interval('live_als', -1, 9) q;
-- NULLs say nothing, whatever else stands in her rows; an unknown item is only excluded
ALTER TABLE live_ratings DROP CONSTRAINT live_ratings_pkey;
ALTER TABLE live_ratings ALTER item_id DROP NOT NULL, ALTER user_id DROP NOT NULL;
CREATE INDEX ON live_ratings (user_id);
CREATE TABLE live_500 AS SELECT * FROM lepton_topn('live_als', 500, 40);
INSERT INTO live_ratings VALUES (500, 4, NULL), (500, NULL, 3), (NULL, 5, 3), (500, 2000, 3);
TABLE live_500 EXCEPT SELECT * FROM lepton_topn('live_als', 500, 40);
-- the same item twice is as in a training: explicit ratings without times are averaged
INSERT INTO live_ratings VALUES (500, 1, 3);
CREATE TABLE live_twice AS SELECT * FROM lepton_topn('live_als', 500, 40);
DELETE FROM live_ratings WHERE user_id = 500 AND item_id = 1;
INSERT INTO live_ratings VALUES (500, 1, 4);
TABLE live_twice EXCEPT SELECT * FROM lepton_topn('live_als', 500, 40);
-- what a training would refuse is refused
INSERT INTO live_ratings VALUES (500, 6, 'NaN');
SELECT * FROM lepton_topn('live_als', 500, 3);
SELECT count(*) FROM lepton_topn('live_als', 7, 3);
DELETE FROM live_ratings WHERE user_id = 500;

-- all kinds of models: neighbours, implicit factors, both; ids of all kinds
CREATE TABLE live_views (who uuid, what text, n int, seen_at timestamptz);
CREATE INDEX ON live_views (who);
INSERT INTO live_views
SELECT md5(u::text)::uuid, 'film ' || i, 1 + (u * i) % 4, '2026-01-01'::timestamptz + u * interval '1 hour'
  FROM generate_series(1, 80) u, generate_series(1, 30) i WHERE (u + i * i) % 7 < 3;
CREATE TABLE live_kinds (algorithm text, options jsonb);
INSERT INTO live_kinds VALUES ('popular', '{}'), ('walk', '{}'), ('slim', '{}'), ('ials', '{"factors": 4, "epochs": 2}'), ('blend', '{}');
CREATE FUNCTION live_train(algorithm text, options jsonb, name text) RETURNS text LANGUAGE sql AS $$
  SELECT algorithm FROM lepton_train(name, 'live_views', options || jsonb_build_object('algorithm', algorithm, 'feedback', 'implicit',
    'user_column', 'who', 'item_column', 'what', 'rating_column', 'n', 'live', true))$$;
SELECT algorithm, live_train(algorithm, options, 'live_' || algorithm) FROM live_kinds;
CREATE VIEW live_text_lists AS
  SELECT algorithm, u, r.* FROM live_kinds, generate_series(1, 80) u, LATERAL lepton_topn_text('live_' || algorithm, md5(u::text)::uuid, 30) r;
SET lepton.live = off;
CREATE TABLE live_text_before AS TABLE live_text_lists;
RESET lepton.live;
SELECT count(*) FROM live_text_before;
(TABLE live_text_before EXCEPT TABLE live_text_lists) UNION ALL (TABLE live_text_lists EXCEPT TABLE live_text_before);
INSERT INTO live_views VALUES (md5('new')::uuid, 'film 1', 3, now()), (md5('new')::uuid, 'film 1', 2, now()), (md5('new')::uuid, 'film 7', 1, now());
-- walk and slim learn of an item once, however often it was seen; factors weigh it
SELECT algorithm, count(*), count(*) FILTER (WHERE item_id IN ('film 1', 'film 7')) AS seen, count(*) FILTER (WHERE origin = 'popular') AS popular
  FROM live_kinds, LATERAL lepton_topn_text('live_' || algorithm, md5('new')::uuid, 30) GROUP BY algorithm ORDER BY 1;
SELECT algorithm, count(*) FROM live_kinds, LATERAL (
  SELECT item_id, score FROM lepton_topn_text('live_' || algorithm, md5('new')::uuid, 30)
  EXCEPT SELECT item_id, score FROM lepton_topn_for_text('live_' || algorithm, ARRAY['film 1', 'film 7'], 30)) d
 WHERE algorithm IN ('walk', 'slim', 'popular') GROUP BY 1;
SELECT item_id, score FROM lepton_topn_text('live_ials', md5('new')::uuid, 30)
EXCEPT SELECT item_id, score FROM lepton_topn_for_text('live_ials', ARRAY['film 1', 'film 7'], ARRAY[5, 1], 30);
-- predictions are those of the lists
SELECT algorithm, bool_and(lepton_predict('live_' || algorithm, md5('new')::uuid, item_id) = score)
  FROM live_kinds, LATERAL lepton_topn_text('live_' || algorithm, md5('new')::uuid, 30) GROUP BY algorithm ORDER BY 1;

-- a film that no model knows, rated just now: not new to her
INSERT INTO live_views VALUES (md5('new')::uuid, 'film 999', 1, now());
SELECT algorithm, string_agg(item_id, ', ') AS news FROM live_kinds, LATERAL lepton_topn_text('live_' || algorithm, md5('new')::uuid, 5, ARRAY['film 998', 'film 999']) GROUP BY algorithm ORDER BY 1;
-- a row that does not say where the rows are, or by which path: an error
BEGIN;
SELECT path, answer(format('UPDATE live_als SET details = details #- %L, generation = generation + 1 WHERE is_current RETURNING is_current', path)) AS changed, answer('SELECT count(*) FROM lepton_topn(''live_als'', 7, 3)') AS list
  FROM unnest(ARRAY['{live,source}', '{live}', '{search_path}']) path;
ROLLBACK;

-- views and queries are live where it is said; a query may end in a comment and a semicolon
CREATE VIEW live_view AS SELECT * FROM live_ratings WHERE rating IS NOT NULL;
SELECT details -> 'live' ->> 'source' FROM lepton_train('live_by_view', 'live_view', '{"algorithm": "als", "factors": 4, "epochs": 3, "live": true}');
SELECT details -> 'live' ->> 'source' FROM lepton_train('live_by_query',
  'SELECT user_id, item_id, max(rating) AS rating FROM live_ratings GROUP BY 1, 2 ; -- one each',
  '{"algorithm": "als", "factors": 4, "epochs": 3, "live": true}');
SELECT details ? 'live' FROM lepton_train('live_by_nothing', 'live_view', '{"algorithm": "als", "factors": 4, "epochs": 3}');
INSERT INTO live_ratings VALUES (501, 1, 5), (501, 2, 1), (501, 3, 5);
SELECT m, count(*) FROM unnest('{live_als,live_by_view,live_by_query}'::text[]) m, LATERAL lepton_topn(m, 501, 40) GROUP BY 1 ORDER BY 1;
CREATE TEMP TABLE live_temp AS TABLE live_ratings;
CREATE INDEX ON live_temp (user_id);
SELECT details ? 'live' FROM lepton_train('live_by_temp', 'live_temp', '{"algorithm": "als", "factors": 4, "epochs": 3}');
SELECT details ? 'live' FROM lepton_train('live_by_temp', 'live_temp', '{"algorithm": "als", "factors": 4, "epochs": 3, "live": true}');

-- where nothing may be written, as on a standby
BEGIN READ ONLY;
SELECT count(*), min(origin) FROM lepton_topn('live_als', 501, 40);
COMMIT;

-- nothing of the caller's session gets in: search path, temporary tables; nothing can be written
CREATE FUNCTION live_writes(int) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN
  IF $1 = 42 THEN INSERT INTO live_ratings VALUES (0, 0, 0); END IF; RETURN true; END$$;
CREATE VIEW live_writing AS SELECT * FROM live_ratings WHERE rating IS NOT NULL AND live_writes(user_id + 0);
DELETE FROM live_ratings WHERE user_id = 42;
SELECT details -> 'live' ->> 'source' FROM lepton_train('live_by_writing', 'live_writing', '{"algorithm": "als", "factors": 4, "epochs": 3, "live": true}');
INSERT INTO live_ratings VALUES (42, 1, 3);
SELECT * FROM lepton_topn('live_by_writing', 42, 3);
CREATE TEMP TABLE live_ratings AS SELECT 1 AS user_id, 1 AS item_id, 1 AS rating LIMIT 0;
SET search_path = pg_temp, public;
SELECT count(*) FROM lepton_topn('live_als', 501, 40);
SELECT count(*) FROM lepton_topn('live_by_query', 501, 40);
RESET search_path;
DROP TABLE pg_temp.live_ratings;

-- a source that asks the model itself
CREATE VIEW live_recursive AS SELECT user_id, item_id, rating FROM live_ratings
  WHERE rating IS NOT NULL AND (user_id <> 13 OR to_regclass('live_loop') IS NULL OR lepton_predict('live_loop', 13, 1) > 0);
SELECT details ? 'live' FROM lepton_train('live_loop', 'live_recursive', '{"algorithm": "als", "factors": 4, "epochs": 3, "live": true}');
SELECT count(*) FROM lepton_topn('live_loop', 12, 3);
SELECT * FROM lepton_topn('live_loop', 13, 3);
SELECT * FROM lepton_topn('live_loop', 13, 3);

-- the rights are the owner's: the caller needs SELECT on the model, and nothing on the source
CREATE ROLE live_owner;
CREATE ROLE live_caller;
GRANT CREATE ON SCHEMA public TO live_owner;
SET ROLE live_owner;
CREATE TABLE live_owned (user_id int, item_id int, rating real, PRIMARY KEY (user_id, item_id));
INSERT INTO live_owned SELECT u, i, 1 + (u * 7 + i * 13) % 5 FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * 31 + i * 17) % 3 = 0;
SELECT version FROM lepton_train('live_own', 'live_owned', '{"algorithm": "als", "factors": 4, "epochs": 3}');
GRANT SELECT ON live_own TO live_caller;
INSERT INTO live_owned VALUES (700, 1, 5);
SET ROLE live_caller;
SELECT count(*), min(origin) FROM lepton_topn('live_own', 700, 40);
SELECT count(*) FROM live_owned;
SELECT current_user, current_setting('transaction_read_only');
RESET ROLE;
-- under her row security
ALTER TABLE live_owned ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY live_policy ON live_owned USING (item_id <> 2);
INSERT INTO live_owned VALUES (700, 2, 5);
SET ROLE live_caller;
SELECT count(*), count(*) FILTER (WHERE item_id = 2) AS hidden FROM lepton_topn('live_own', 700, 40);
RESET ROLE;
-- who may write the model's rows could have the owner run what she likes: nobody's source is run then
GRANT UPDATE (source) ON live_own TO live_caller;
\c
\set SHOW_CONTEXT never
SELECT * FROM lepton_topn('live_own', 700, 3);
REVOKE UPDATE (source) ON live_own FROM live_caller;
GRANT INSERT ON live_own TO PUBLIC;
SELECT * FROM lepton_topn('live_own', 700, 3);
REVOKE INSERT ON live_own FROM PUBLIC;
SELECT count(*) FROM lepton_topn('live_own', 700, 40);

-- the source gone, forbidden or another: an error that says how to go on, and the setting
ALTER TABLE live_owned OWNER TO CURRENT_USER;
SELECT * FROM lepton_topn('live_own', 700, 3);
ALTER TABLE live_owned OWNER TO live_owner;
ALTER TABLE live_owned RENAME user_id TO customer;
SELECT * FROM lepton_predict('live_own', 700, 3);
SET lepton.live = off;
SELECT count(*) FROM lepton_topn('live_own', 700, 40);
RESET lepton.live;
ALTER TABLE live_owned RENAME customer TO user_id;
SELECT count(*) FROM lepton_topn('live_own', 700, 40);
DROP POLICY live_policy ON live_owned;
ALTER TABLE live_owned ALTER item_id TYPE text;
SELECT * FROM lepton_topn('live_own', 700, 3);
DROP TABLE live_owned;
SELECT * FROM lepton_topn('live_own', 700, 3);

SELECT lepton_drop(relation) FROM unnest('{live_als,live_off,live_by_view,live_by_query,live_by_nothing,live_by_temp,live_by_writing,live_loop,live_own,live_popular,live_walk,live_slim,live_ials,live_blend}'::text[]) relation;
DROP VIEW live_view, live_writing, live_recursive, live_text_lists;
DROP TABLE live_ratings, live_items_first, live_before, live_500, live_twice, live_views, live_kinds, live_text_before;
DROP FUNCTION outcome, answer, live_lists, live_basket, live_train, live_writes;
REVOKE CREATE ON SCHEMA public FROM live_owner;
DROP ROLE live_owner, live_caller;
