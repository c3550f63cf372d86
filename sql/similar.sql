-- items and users that are alike, against cosines over the factor tables in plain SQL
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE similar_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * i + u % 3) % 9) / 2.0 AS rating
FROM generate_series(1, 90) u, generate_series(1, 70) i WHERE (u * u * 31 + i * i * 17 + u * i) % 7 < 3;
SELECT version FROM lepton_train('similar_m', 'similar_ratings', '{"algorithm": "als", "factors": 5}');
SELECT version FROM lepton_train('similar_text', 'SELECT md5(user_id::text)::uuid AS user_id, ''i'' || item_id AS item_id, rating FROM similar_ratings', '{"algorithm": "als", "factors": 5}');
SELECT version FROM lepton_train('similar_uuid', 'SELECT ''u'' || user_id AS user_id, md5(item_id::text)::uuid AS item_id, rating FROM similar_ratings', '{"algorithm": "als", "factors": 5}');

-- cosines of all pairs of rows of one table, in double precision
CREATE FUNCTION similar_brute(factor_table regclass) RETURNS TABLE (a text, b text, cosine float8) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('
		WITH f AS (SELECT id::text AS id, lepton_vector(factors) AS v FROM %s)
		SELECT x.id, y.id, (SELECT sum(p::float8 * q) / (sqrt(sum(p::float8 * p)) * sqrt(sum(q::float8 * q))) FROM unnest(x.v, y.v) w(p, q))
		FROM f x JOIN f y ON x.id <> y.id', factor_table);
END $$;
-- lists of all items, of one length: how many rows, how far scores are from the cosines, and whether any that is not
-- listed is nearer than the last that is
CREATE FUNCTION similar_differences(lists text, factor_table regclass, n int, OUT rows bigint, OUT wrong bigint, OUT missed bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TEMP TABLE similar_lists AS %s', format(lists, n));
	CREATE TEMP TABLE similar_all AS SELECT * FROM similar_brute(factor_table);
	SELECT count(*), count(*) FILTER (WHERE abs(l.score - s.cosine) > 1e-6 OR s.cosine IS NULL) INTO rows, wrong
	FROM similar_lists l LEFT JOIN similar_all s USING (a, b);
	SELECT count(*) INTO missed FROM similar_all s JOIN (SELECT l.a, min(l.score) AS last FROM similar_lists l GROUP BY l.a) m USING (a)
		LEFT JOIN similar_lists l USING (a, b) WHERE l.b IS NULL AND s.cosine > last + 1e-6;
	DROP TABLE similar_lists, similar_all;
END $$;
SELECT n, d.* FROM (VALUES (1), (10), (69), (1000)) v(n), LATERAL similar_differences(
	'SELECT i.id::text AS a, r.item_id::text AS b, r.rank, r.score FROM similar_m_items i, LATERAL lepton_similar(''similar_m'', i.id, %s) r', 'similar_m_items', n) d;
SELECT n, d.* FROM (VALUES (3), (1000)) v(n), LATERAL similar_differences(
	'SELECT u.id::text AS a, r.user_id::text AS b, r.rank, r.score FROM similar_m_users u, LATERAL lepton_similar_users(''similar_m'', u.id, %s) r', 'similar_m_users', n) d;
SELECT d.* FROM similar_differences('SELECT i.id AS a, r.item_id AS b, r.score FROM similar_text_items i, LATERAL lepton_similar_text(''similar_text'', i.id, %s) r', 'similar_text_items', 7) d;
SELECT d.* FROM similar_differences('SELECT i.id::text AS a, r.item_id::text AS b, r.score FROM similar_uuid_items i, LATERAL lepton_similar_uuid(''similar_uuid'', i.id, %s) r', 'similar_uuid_items', 7) d;
SELECT d.* FROM similar_differences('SELECT u.id AS a, r.user_id AS b, r.score FROM similar_uuid_users u, LATERAL lepton_similar_users_text(''similar_uuid'', u.id, %s) r', 'similar_uuid_users', 7) d;
SELECT d.* FROM similar_differences('SELECT u.id::text AS a, r.user_id::text AS b, r.score FROM similar_text_users u, LATERAL lepton_similar_users_uuid(''similar_text'', u.id, %s) r', 'similar_text_users', 7) d;

-- order: ranks from 1, scores fall, the item itself is not there
SELECT count(*), bool_and(rank = row), bool_and(score <= before), bool_or(item_id = 7) AS itself, min(origin), max(origin)
FROM (SELECT *, row_number() OVER () AS row, coalesce(lag(score) OVER (), 1) AS before FROM lepton_similar('similar_m', 7, 100)) s;
SELECT count(*), bool_and(rank = row), bool_and(score <= before), bool_or(user_id = 7) AS herself
FROM (SELECT *, row_number() OVER () AS row, coalesce(lag(score) OVER (), 1) AS before FROM lepton_similar_users('similar_m', 7, 100)) s;

-- ties go by id, in the order of text "C"; rows of zeros are like nothing
UPDATE similar_m_items SET factors = (SELECT factors FROM similar_m_items WHERE id = 3) WHERE id IN (20, 4, 60);
UPDATE similar_m_items SET factors = substring(factors, 1, 8) || '\x0000000000000000000000000000000000000000' WHERE id IN (5, 6);
UPDATE similar_m_users SET factors = (SELECT factors FROM similar_m_users WHERE id = 3) WHERE id IN (20, 4, 60);
UPDATE similar_m_users SET factors = substring(factors, 1, 8) || '\x0000000000000000000000000000000000000000' WHERE id IN (5, 6);
UPDATE similar_text_items SET factors = (SELECT factors FROM similar_text_items WHERE id = 'i3') WHERE id IN ('i20', 'i4', 'i60');
UPDATE similar_m SET generation = generation + 1;
UPDATE similar_text SET generation = generation + 1;
SELECT rank, item_id, score FROM lepton_similar('similar_m', 20, 3);
SELECT count(*) AS items, count(*) FILTER (WHERE item_id IN (5, 6)) AS zeros FROM lepton_similar('similar_m', 20, 100);
SELECT count(*) FROM lepton_similar('similar_m', 5);
SELECT rank, user_id, score FROM lepton_similar_users('similar_m', 20, 3);
SELECT count(*) AS users, count(*) FILTER (WHERE user_id IN (5, 6)) AS zeros FROM lepton_similar_users('similar_m', 20, 100);
SELECT count(*) FROM lepton_similar_users('similar_m', 5);
SELECT rank, item_id, score FROM lepton_similar_text('similar_text', 'i4', 3);

-- what the model does not know, NULL, and n
SELECT (SELECT count(*) FROM lepton_similar('similar_m', 4711)) AS item, (SELECT count(*) FROM lepton_similar('similar_m', NULL)) AS no_item,
	(SELECT count(*) FROM lepton_similar_users('similar_m', 4711)) AS user, (SELECT count(*) FROM lepton_similar_users('similar_m', NULL)) AS no_user,
	(SELECT count(*) FROM lepton_similar('similar_m', 7, 0)) AS none, (SELECT count(*) FROM lepton_similar_users('similar_m', 7, 0)) AS no_users,
	(SELECT count(*) FROM lepton_similar('similar_m', 7)) AS items, (SELECT count(*) FROM lepton_similar_users('similar_m', 7)) AS users,
	(SELECT count(*) FROM lepton_similar('similar_m', 7, 9223372036854775807)) AS all_items, (SELECT count(*) FROM lepton_similar_users('similar_m', 7, 9223372036854775807)) AS all_users;
SELECT lepton_similar('similar_m', 7, -1);
SELECT lepton_similar('similar_m', 7, NULL);
SELECT lepton_similar_users('similar_m', 7, -1);
SELECT lepton_similar_users('similar_m', 7, NULL);
SELECT lepton_similar(NULL, 7);
SELECT lepton_similar_users(NULL, 7);

-- the wrong function names the right one; models without factors say so
SELECT lepton_similar('similar_text', 7);
SELECT lepton_similar_text('similar_uuid', 'i7');
SELECT lepton_similar_uuid('similar_m', md5('7')::uuid);
SELECT lepton_similar_users('similar_uuid', 7);
SELECT lepton_similar_users_text('similar_text', 'u7');
SELECT version FROM lepton_train('similar_m', 'similar_ratings', '{"algorithm": "baseline"}');
SELECT lepton_similar('similar_m', 7);
SELECT lepton_similar_users('similar_m', 7);
-- damaged bytes are an error, where they are read
UPDATE similar_text_users SET factors = '\x00' WHERE id = md5('9')::uuid;
SELECT count(*) FROM lepton_similar_users_uuid('similar_text', md5('7')::uuid);

DROP TABLE similar_m, similar_text, similar_uuid, similar_ratings;
DROP FUNCTION similar_differences(text, regclass, int), similar_brute(regclass);
