-- lepton_forget: a user out of every version of a model
\set SHOW_CONTEXT never
SET extra_float_digits = 0;
CREATE TABLE forget_ratings (user_id int, item_id int, rating real);
INSERT INTO forget_ratings
SELECT u, i, 1 + (u * 7 + i * 13 + (u * i) % 11) % 5 FROM generate_series(1, 50) u, generate_series(1, 30) i WHERE (u * 31 + i * 17) % 3 = 0;
-- version 1 has users 1 to 50, version 2 has 101 besides
SELECT version FROM lepton_train('forget_als', 'forget_ratings', '{"algorithm": "als", "factors": 4, "epochs": 3, "keep": 3}');
INSERT INTO forget_ratings VALUES (101, 1, 5), (101, 2, 3), (101, 7, 1);
SELECT version FROM lepton_train('forget_als', 'forget_ratings', '{"algorithm": "als", "factors": 4, "epochs": 3, "keep": 3}');
CREATE TABLE forget_before AS
  SELECT v, u, r.* FROM generate_series(1, 2) v, generate_series(1, 50) u, LATERAL lepton_topn('forget_als', u, 30, version => v) r;
CREATE TABLE forget_versions AS SELECT version, generation, n_users, n_ratings, metrics FROM forget_als;

-- not while the source has her, and nothing is done by halves
SELECT * FROM lepton_forget('forget_als', 101);
SELECT count(*) FROM forget_als_users WHERE id = 101;
DELETE FROM forget_ratings WHERE user_id = 101;
SELECT * FROM lepton_forget('forget_als', 101);
-- she is nobody that the model knows; who else is in it stays as she was, bit by bit
SELECT lepton_predict('forget_als', 101, 5) = lepton_predict('forget_als', NULL, 5) AS unknown;
SELECT DISTINCT origin FROM lepton_topn('forget_als', 101, 5);
SELECT count(*) FROM forget_als_users WHERE id = 101;
SELECT count(*) FROM (TABLE forget_before EXCEPT
  SELECT v, u, r.* FROM generate_series(1, 2) v, generate_series(1, 50) u, LATERAL lepton_topn('forget_als', u, 30, version => v) r) d;
-- only the version that had her is another now
SELECT version, a.generation <> b.generation AS new_generation, (a.n_users, a.n_ratings, a.metrics) = (b.n_users, b.n_ratings, b.metrics) AS same, details -> 'forgotten' AS forgotten
  FROM forget_als a JOIN forget_versions b USING (version) ORDER BY 1;
SELECT version, relation, n_rows FROM lepton_check('forget_als') ORDER BY 1, 2;
-- again, and whom no version has
SELECT * FROM lepton_forget('forget_als', 101);
-- of every version that had her
DELETE FROM forget_ratings WHERE user_id = 50;
SELECT what, count, substr(note, 1, 60) AS note FROM lepton_forget('forget_als', 50);
SELECT version, details -> 'forgotten' AS forgotten FROM forget_als ORDER BY 1;
SELECT version, relation, n_rows FROM lepton_check('forget_als') ORDER BY 1, 2;
-- what an aborted transaction has forgotten is not forgotten
BEGIN;
SELECT count(*) FROM lepton_forget('forget_als', 49, true);
SELECT DISTINCT origin FROM lepton_topn('forget_als', 49, 5);
ROLLBACK;
SELECT DISTINCT origin FROM lepton_topn('forget_als', 49, 5);
SELECT count(*) FROM (SELECT * FROM forget_before WHERE u = 49 EXCEPT
  SELECT v, 49, r.* FROM generate_series(1, 2) v, LATERAL lepton_topn('forget_als', 49, 30, version => v) r) d;

-- a model that is live brings back whom its source has: that is what even_if_in_source is about
CREATE INDEX ON forget_ratings (user_id);
SELECT version FROM lepton_train('forget_als', 'forget_ratings', '{"algorithm": "als", "factors": 4, "epochs": 3, "keep": 3, "live": true}');
SELECT * FROM lepton_forget('forget_als', 48);
SELECT what, count FROM lepton_forget('forget_als', 48, even_if_in_source => true);
SELECT DISTINCT origin FROM lepton_topn('forget_als', 48, 5);
DELETE FROM forget_ratings WHERE user_id = 48;
SELECT DISTINCT origin FROM lepton_topn('forget_als', 48, 5);

-- a source that is not there
ALTER TABLE forget_ratings RENAME TO forget_renamed;
SELECT * FROM lepton_forget('forget_als', 47);
SELECT what, count FROM lepton_forget('forget_als', 47, true);
ALTER TABLE forget_renamed RENAME TO forget_ratings;

-- ids of all kinds; text is read as the model's kind
CREATE TABLE forget_text AS SELECT 'user ' || user_id AS who, md5(user_id::text)::uuid AS uid, item_id AS what FROM forget_ratings WHERE user_id <= 20;
SELECT version FROM lepton_train('forget_words', 'SELECT who, what FROM forget_text', '{"algorithm": "walk", "user_column": "who", "item_column": "what", "feedback": "implicit"}');
SELECT version FROM lepton_train('forget_uids', 'SELECT uid, what FROM forget_text', '{"algorithm": "walk", "user_column": "uid", "item_column": "what", "feedback": "implicit"}');
SELECT * FROM lepton_forget('forget_words', 'user 3');
DELETE FROM forget_text WHERE who = 'user 3';
SELECT what, count FROM lepton_forget('forget_words', 'user 3');
SELECT what, count FROM lepton_forget('forget_uids', md5('3')::uuid) LIMIT 2;
SELECT what, count FROM lepton_forget('forget_uids', md5('3')) LIMIT 2;
SELECT what, count FROM lepton_forget('forget_als', '46', true) LIMIT 2;
SELECT * FROM lepton_forget('forget_words', 3);

-- arguments and rights
SELECT * FROM lepton_forget(NULL, 1);
SELECT * FROM lepton_forget('forget_als', NULL::bigint);
SELECT * FROM lepton_forget('forget_als', 1, NULL);
SELECT * FROM lepton_forget('forget_nothing', 1);
SELECT * FROM lepton_forget('forget_ratings', 1);
BEGIN READ ONLY;
SELECT * FROM lepton_forget('forget_als', 1);
ROLLBACK;
CREATE ROLE forget_reader;
GRANT SELECT ON forget_als TO forget_reader;
SET ROLE forget_reader;
SELECT * FROM lepton_forget('forget_als', 1);
RESET ROLE;
DROP OWNED BY forget_reader;
DROP ROLE forget_reader;

SELECT lepton_drop(m) FROM unnest('{forget_als,forget_words,forget_uids}'::text[]) m;
DROP TABLE forget_ratings, forget_text, forget_before, forget_versions;
