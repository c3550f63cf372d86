-- lists for every user: the rows of lepton_topn for each, and those of a brute force over the factor tables
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE all_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * i + u % 3) % 9) / 2.0 AS rating
FROM generate_series(1, 90) u, generate_series(1, 70) i WHERE (u * u * 31 + i * i * 17 + u * i) % 7 < 3 AND (u * 3 + i * i * 5 + u % 5) % 4 > 0;
SELECT version FROM lepton_train('all_m', 'all_ratings', '{"algorithm": "als", "factors": 5}');
SELECT version FROM lepton_train('all_ials', 'SELECT user_id, item_id FROM all_ratings', '{"algorithm": "ials", "factors": 5}');
SELECT version FROM lepton_train('all_walk', 'SELECT user_id, item_id FROM all_ratings', '{"algorithm": "walk", "neighbors": 30}');
SELECT version FROM lepton_train('all_blend', 'SELECT user_id, item_id FROM all_ratings', '{"algorithm": "blend", "weights": [1, 1]}');
SELECT version FROM lepton_train('all_popular', 'SELECT user_id, item_id FROM all_ratings', '{"algorithm": "popular", "exclude_seen": false}');
SELECT version FROM lepton_train('all_point', 'all_ratings', '{"algorithm": "baseline", "point": "median"}');

-- how many rows there are, and how many only one of the two has, bit by bit
CREATE FUNCTION all_differences(model text, arguments text, OUT rows bigint, OUT users bigint, OUT differ bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TEMP TABLE all_bulk AS SELECT * FROM lepton_topn_all(%L%s)', model, arguments);
	EXECUTE format('CREATE TEMP TABLE all_single AS SELECT u.id AS user_id, t.* FROM %s_users u, LATERAL lepton_topn(%L, u.id%s) t', model, model, arguments);
	SELECT count(*), count(DISTINCT user_id) INTO rows, users FROM all_bulk;
	SELECT count(*) INTO differ FROM ((TABLE all_bulk EXCEPT ALL TABLE all_single) UNION ALL (TABLE all_single EXCEPT ALL TABLE all_bulk)) d;
	DROP TABLE all_bulk, all_single;
END $$;
SELECT m, a, d.* FROM unnest('{all_m,all_ials,all_walk,all_blend,all_popular,all_point}'::text[]) WITH ORDINALITY t(m, o),
	unnest(ARRAY['', ', 3', ', 1000', ', 7, exclude_seen => false', ', 7, exclude => ''{3,4,5,99}''', ', 7, exclude_seen => false, exclude => ''{3,70}''',
		', 7, candidates => ''{1,2,3,40,41,70,1000,-5}''', ', 7, candidates => ''{9,8,7,9,1000,-5}'', exclude_seen => false, exclude => ''{8,-5}''',
		', 0', ', 5, candidates => NULL', ', 5, candidates => ''{}''', ', 2, candidates => ''{1000,1001}''']) WITH ORDINALITY v(a, p),
	LATERAL all_differences(m, a) d ORDER BY o, p;

-- scores from the tables in plain SQL, what she has rated from the ratings
CREATE TABLE all_scores AS
SELECT u.id AS user_id, i.id AS item_id,
	(SELECT (details #>> '{serving,mean}')::float8 FROM all_m WHERE is_current) + u.bias + i.bias
	+ (SELECT sum(p::float8 * q) FROM unnest(lepton_vector(u.factors), lepton_vector(i.factors)) w(p, q)) AS score
FROM all_m_users u CROSS JOIN all_m_items i WHERE NOT EXISTS (SELECT FROM all_ratings r WHERE (r.user_id, r.item_id) = (u.id, i.id));
SELECT count(*) AS rows, count(*) FILTER (WHERE s.score IS NULL) AS seen, count(*) FILTER (WHERE abs(least(greatest(s.score, 0.5), 5) - t.score) > 1e-5) AS wrong,
	count(*) FILTER (WHERE (SELECT count(*) FROM all_scores o WHERE o.user_id = t.user_id AND o.score > s.score + 1e-5) >= t.rank) AS too_high
FROM lepton_topn_all('all_m', 6) t LEFT JOIN all_scores s USING (user_id, item_id);
-- ranks of a user come in their order
SELECT bool_and(rank = before + 1 OR rank = 1 AND other) FROM (SELECT rank, lag(rank, 1, 0) OVER () AS before,
	user_id IS DISTINCT FROM lag(user_id) OVER () AS other FROM lepton_topn_all('all_ials', 4)) s;

-- users as they are at the moment: one has rated more, one of it new to the model, one nothing any more
CREATE TABLE all_now AS TABLE all_ratings;
CREATE INDEX ON all_now (user_id);
SELECT version FROM lepton_train('all_live', 'all_now', '{"algorithm": "als", "factors": 5}');
INSERT INTO all_now SELECT 5, i, 4 FROM unnest('{1,2,3,4,5,6,1000}'::int[]) i WHERE NOT EXISTS (SELECT FROM all_now WHERE (user_id, item_id) = (5, i));
DELETE FROM all_now WHERE user_id = 7;
SELECT a, d.* FROM unnest(ARRAY[', 7', ', 7, candidates => ''{1,2,3,40,1000,1001}''', ', 7, exclude_seen => false, exclude => ''{3,1000}''']) WITH ORDINALITY v(a, p), LATERAL all_differences('all_live', a) d ORDER BY p;
SELECT count(*) AS again FROM lepton_topn_all('all_live', 1000) t JOIN all_now r USING (user_id, item_id);
SELECT origin, count(*) FROM lepton_topn_all('all_live', 7, candidates => '{1000,1001}') GROUP BY 1;
SET lepton.live = off;
SELECT * FROM all_differences('all_live', ', 7');
RESET lepton.live;

-- more users than a batch has, any number of threads, any kernels, little memory
SELECT version FROM lepton_train('all_many', 'SELECT u AS user_id, (u * 7 + i * i) % 50 AS item_id FROM generate_series(1, 2500) u, generate_series(1, 1 + u % 6) i', '{"algorithm": "ials", "factors": 4, "epochs": 2, "refit": false}');
CREATE TABLE all_filled (LIKE all_scores INCLUDING ALL);
INSERT INTO all_filled SELECT user_id, item_id, score FROM lepton_topn_all('all_many', 5);
SELECT count(*), count(DISTINCT user_id) FROM all_filled;
SELECT * FROM all_differences('all_many', ', 5');
SET lepton.threads = 1;
SET lepton.kernel = 'portable';
SET work_mem = '64kB';
SELECT count(*) AS differ FROM (SELECT user_id, item_id, score::float8 FROM lepton_topn_all('all_many', 5) EXCEPT ALL TABLE all_filled) d;
RESET work_mem;
RESET lepton.kernel;
SET lepton.threads = 2;
SELECT count(*) AS differ FROM (SELECT user_id, item_id, score::float8 FROM lepton_topn_all('all_many', 5) EXCEPT ALL TABLE all_filled) d;
RESET lepton.threads;
-- lists of everything are long: few users a batch
SELECT count(*), count(DISTINCT user_id), max(rank) FROM lepton_topn_all('all_many', 9223372036854775807, exclude_seen => false);

-- a cancel ends it, with no thread left
SET statement_timeout = 1;
SELECT count(*) FROM lepton_topn_all('all_many', 50, exclude_seen => false) a, lepton_topn_all('all_many', 1) b;
RESET statement_timeout;
SELECT count(*) FROM lepton_topn_all('all_many', 1);

-- kinds: the items' in the name, then the users'
CREATE TABLE all_kinds AS SELECT user_id::int AS bigints, 'u' || user_id AS texts, md5(user_id::text)::uuid AS uuids, item_id, 'i' || item_id AS item_text, md5(item_id::text)::uuid AS item_uuid, rating FROM all_ratings;
SELECT u, i, version FROM unnest('{bigints,texts,uuids}'::text[]) u, unnest('{item_id,item_text,item_uuid}'::text[]) i,
	LATERAL lepton_train('all_' || u || '_' || i, format('SELECT %I AS user_id, %I AS item_id, rating FROM all_kinds', u, i), '{"algorithm": "als", "factors": 3, "epochs": 2, "refit": false}'::jsonb);
SELECT pg_typeof(user_id), pg_typeof(item_id), count(*), md5(string_agg(rank || ' ' || score, ',' ORDER BY score DESC, rank)) = min(m) AS same FROM lepton_topn_all('all_bigints_item_id', 3),
	(SELECT md5(string_agg(rank || ' ' || score, ',' ORDER BY score DESC, rank)) AS m FROM all_bigints_item_id_users u, LATERAL lepton_topn('all_bigints_item_id', u.id, 3)) x GROUP BY 1, 2;
SELECT pg_typeof(user_id), pg_typeof(item_id), count(*) FROM lepton_topn_all_text('all_bigints_item_text', 3) GROUP BY 1, 2;
SELECT pg_typeof(user_id), pg_typeof(item_id), count(*) FROM lepton_topn_all_uuid('all_bigints_item_uuid', 3) GROUP BY 1, 2;
SELECT pg_typeof(user_id), pg_typeof(item_id), count(*) FROM lepton_topn_all_of_text('all_texts_item_id', 3) GROUP BY 1, 2;
SELECT pg_typeof(user_id), pg_typeof(item_id), count(*) FROM lepton_topn_all_text_of_text('all_texts_item_text', 3) GROUP BY 1, 2;
SELECT pg_typeof(user_id), pg_typeof(item_id), count(*) FROM lepton_topn_all_uuid_of_text('all_texts_item_uuid', 3) GROUP BY 1, 2;
SELECT pg_typeof(user_id), pg_typeof(item_id), count(*) FROM lepton_topn_all_of_uuid('all_uuids_item_id', 3) GROUP BY 1, 2;
SELECT pg_typeof(user_id), pg_typeof(item_id), count(*) FROM lepton_topn_all_text_of_uuid('all_uuids_item_text', 3) GROUP BY 1, 2;
SELECT pg_typeof(user_id), pg_typeof(item_id), count(*) FROM lepton_topn_all_uuid_of_uuid('all_uuids_item_uuid', 3) GROUP BY 1, 2;
SELECT count(*) AS differ FROM (SELECT u.id, t.* FROM all_texts_item_text_users u, LATERAL lepton_topn_text('all_texts_item_text', u.id, 3, candidates => '{i1,i2,new,i9}') t
	EXCEPT ALL SELECT * FROM lepton_topn_all_text_of_text('all_texts_item_text', 3, candidates => '{i1,i2,new,i9}')) d;
SELECT * FROM lepton_topn_all('all_texts_item_uuid');
SELECT * FROM lepton_topn_all_uuid('all_texts_item_uuid');
SELECT * FROM lepton_topn_all_of_text('all_m');
SELECT * FROM lepton_topn_all_text_of_uuid('all_m');

-- calls as they are written, and as drivers send them
SELECT count(*) FROM lepton_topn_all('all_m', 2::smallint);
SELECT count(*) FROM lepton_topn_all(model => 'all_m', n => 2, version => 1);
PREPARE all_call AS SELECT count(*) FROM lepton_topn_all($1, $2, exclude_seen => $3);
EXECUTE all_call('all_m', 2, NULL);
PREPARE all_candidates AS SELECT count(*) FROM lepton_topn_all($1, $2, candidates => $3);
EXECUTE all_candidates('all_m', 2, '{1,2}');
SELECT count(*) FROM (SELECT lepton_topn_all('all_m', 2)) s;
SELECT * FROM lepton_topn_all('all_m', NULL);
SELECT * FROM lepton_topn_all('all_m', -1);
SELECT * FROM lepton_topn_all(NULL);
SELECT * FROM lepton_topn_all('all_m', 2, version => 7);
SELECT * FROM lepton_topn_all('all_ratings');
BEGIN READ ONLY;
SELECT count(*) FROM lepton_topn_all('all_m', 2);
COMMIT;

-- a damaged row is found, and no thread is left
UPDATE all_many_users SET factors = '\x00' WHERE id = 2499;
SELECT count(*) FROM lepton_topn_all('all_many', 5);
SELECT count(*) FROM lepton_topn_all('all_m', 2);

-- access as for lists
CREATE ROLE regress_lepton_all;
SET ROLE regress_lepton_all;
SELECT count(*) FROM lepton_topn_all('all_m', 2);
RESET ROLE;
GRANT SELECT ON all_m TO regress_lepton_all;
SET ROLE regress_lepton_all;
SELECT count(*) FROM lepton_topn_all('all_m', 2);
RESET ROLE;

-- the planner knows how many rows come
CREATE FUNCTION all_planned(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;
SELECT all_planned('SELECT * FROM lepton_topn_all(''all_m'', 4)'), all_planned('SELECT * FROM lepton_topn_all(''all_m'', 1000000)'),
	all_planned('SELECT * FROM lepton_topn_all(''all_m'', 4, candidates => ''{1,2,3}'')'), all_planned('SELECT * FROM lepton_topn_all(''all_m'')');

-- memory does not grow with users times candidates: each of these users has rated one of 20,000 that the model does not know
CREATE TABLE all_wide (user_id int, item_id int, rating real, PRIMARY KEY (user_id, item_id));
INSERT INTO all_wide SELECT u, i, 1 + (u * i) % 5 FROM generate_series(1, 1000) u, generate_series(1, 4) i WHERE (u + i) % 4 > 0;
SELECT version FROM lepton_train('all_wide_m', 'all_wide', '{"algorithm": "als", "factors": 2, "epochs": 1}');
INSERT INTO all_wide SELECT u, 1000, 5 FROM generate_series(1, 1000) u;
CREATE FUNCTION all_memory() RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT substring(pg_read_file('/proc/self/status'), 'VmHWM:\s*(\d+)')::int / 1024 $$;
SELECT all_memory() AS before \gset
SELECT count(*), count(*) FILTER (WHERE item_id = 1000) AS rated FROM lepton_topn_all('all_wide_m', 3, candidates => ARRAY(SELECT * FROM generate_series(1000, 20999)));
SELECT all_memory() - :before < 200 AS little;

REVOKE ALL ON all_m FROM regress_lepton_all;
DROP ROLE regress_lepton_all;
DROP FUNCTION all_differences, all_planned, all_memory;
SELECT lepton_drop(m) FROM unnest('{all_m,all_ials,all_walk,all_blend,all_popular,all_point,all_many,all_live,all_wide_m}'::text[]) m;
SELECT count(lepton_drop('all_' || u || '_' || i)) FROM unnest('{bigints,texts,uuids}'::text[]) u, unnest('{item_id,item_text,item_uuid}'::text[]) i;
DROP TABLE all_ratings, all_now, all_scores, all_filled, all_kinds, all_wide;
