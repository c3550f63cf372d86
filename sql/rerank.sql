-- lists in another order than that of scores, against plain SQL
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE rerank_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * i + u % 3) % 9) / 2.0 AS rating
FROM generate_series(1, 90) u, generate_series(1, 80) i WHERE (u % 4 = i % 4 AND (u * 7 + i * 3) % 5 <> 0) OR (u * 31 + i * 17) % (3 + i / 2) = 0;
CREATE TABLE rerank_brands AS SELECT i::smallint AS id, 'brand ' || i % 4 AS brand FROM generate_series(1, 120) i WHERE i % 7 <> 0;
SELECT version FROM lepton_train('rerank_als', 'rerank_ratings', '{"algorithm": "als", "factors": 6}');
SELECT version FROM lepton_train('rerank_walk', 'SELECT user_id, item_id FROM rerank_ratings', '{"algorithm": "walk", "neighbors": 12}');
SELECT version FROM lepton_train('rerank_ials', 'SELECT user_id, item_id FROM rerank_ratings', '{"algorithm": "ials", "factors": 6}');
SELECT version FROM lepton_train('rerank_popular', 'SELECT user_id, item_id FROM rerank_ratings', '{"algorithm": "popular"}');
CREATE TABLE rerank_counts AS SELECT item_id, count(*) AS n FROM rerank_ratings GROUP BY 1;

/*
 * What is left out changes nothing, and neither do zeros.
 */
SELECT m, count(*) AS different FROM unnest('{rerank_als,rerank_walk,rerank_ials}'::text[]) m, generate_series(1, 90, 7) u,
	LATERAL (SELECT * FROM lepton_topn(m, u, 10) EXCEPT SELECT * FROM lepton_topn(m, u, 10, popularity_penalty => 0, diversity => 0, max_per_group => NULL, groups => NULL)) d GROUP BY 1;

/*
 * Popularity: of the whole list, score - penalty * stddev_pop(score) * ln(1 + n), by which the head of a list is that of all.  (Scores of als are
 * clipped, so that plain SQL has not what they go by.)
 */
CREATE FUNCTION rerank_penalized(m text, u bigint, penalty float8) RETURNS TABLE (place bigint, item_id bigint, score real) LANGUAGE sql AS $$
	WITH l AS (SELECT * FROM lepton_topn(m, u, 1000)), s AS (SELECT stddev_pop(score::float8) AS sd FROM l)
	SELECT row_number() OVER (ORDER BY (l.score - penalty * sd * ln(1 + n))::real DESC, l.item_id), l.item_id, l.score FROM l JOIN rerank_counts USING (item_id), s
$$;
SELECT m, penalty, count(*), count(*) FILTER (WHERE p.score IS DISTINCT FROM l.score) AS different, max(p.before) > 8 AS from_further_down
FROM unnest('{rerank_walk,rerank_ials}'::text[]) m, unnest('{0.05,0.5,4}'::float8[]) penalty, generate_series(1, 90, 13) u,
	LATERAL (SELECT * FROM lepton_topn(m, u, 8, popularity_penalty => penalty)) l
	LEFT JOIN LATERAL (SELECT p.*, (SELECT b.place FROM rerank_penalized(m, u, 0) b WHERE b.item_id = p.item_id) AS before FROM rerank_penalized(m, u, penalty) p) p ON p.item_id = l.item_id AND p.place = l.rank
GROUP BY 1, 2 ORDER BY 1, 2;
-- more of it brings rarer items; scores are lepton_predict's
SELECT m, bool_and(mean <= before) AS rarer FROM (SELECT m, avg(n) AS mean, lag(avg(n)) OVER (PARTITION BY m ORDER BY penalty) AS before
	FROM unnest('{rerank_als,rerank_walk,rerank_ials}'::text[]) m, unnest('{0,0.1,0.5,2,100}'::float8[]) penalty, generate_series(1, 90) u, LATERAL lepton_topn(m, u, 8, popularity_penalty => penalty) JOIN rerank_counts USING (item_id) GROUP BY m, penalty) s GROUP BY m ORDER BY 1;
SELECT m, count(*), max(abs(score - lepton_predict(m, u, item_id))) AS difference
FROM unnest('{rerank_als,rerank_walk,rerank_ials}'::text[]) m, generate_series(1, 90) u, LATERAL lepton_topn(m, u, 8, popularity_penalty => 0.5, diversity => 0.3) GROUP BY 1 ORDER BY 1;
-- somebody unknown: by popularity, less of it, down to the rarest
SELECT m, count(*) FILTER (WHERE item_id IN (SELECT item_id FROM rerank_counts ORDER BY n, item_id LIMIT 8)) AS rarest, min(origin) FROM unnest('{rerank_walk,rerank_ials,rerank_popular}'::text[]) m, lepton_topn(m, 1000, 8, popularity_penalty => 1000) GROUP BY 1 ORDER BY 1;

/*
 * Groups: down the list, an item enters if fewer than so many of its group are above it.
 */
SELECT m, most, count(*), count(*) FILTER (WHERE l.item_id IS DISTINCT FROM w.item_id) AS different
FROM unnest('{rerank_als,rerank_walk}'::text[]) m, generate_series(1, 3) most, generate_series(1, 90, 13) u,
	LATERAL (SELECT * FROM lepton_topn(m, u, 1000, max_per_group => most, groups => 'rerank_brands')) l
	FULL JOIN LATERAL (SELECT item_id, row_number() OVER (ORDER BY rank) AS place FROM (SELECT a.rank, a.item_id, b.brand, row_number() OVER (PARTITION BY b.brand ORDER BY a.rank) AS of_brand
		FROM lepton_topn(m, u, 1000) a LEFT JOIN rerank_brands b ON b.id = a.item_id) a WHERE brand IS NULL OR of_brand <= most) w ON w.place = l.rank
GROUP BY 1, 2 ORDER BY 1, 2;
-- with candidates, some of them unknown to the model: those are in groups, too
SELECT rank, item_id, origin, brand FROM lepton_topn('rerank_als', 3, 20, candidates => ARRAY[1, 2, 5, 9, 13, 81, 85, 91, 97, 98, 105], exclude_seen => false, max_per_group => 2, groups => 'SELECT id, brand FROM rerank_brands') l
	LEFT JOIN rerank_brands b ON b.id = l.item_id ORDER BY rank;
SELECT count(*) FROM lepton_topn('rerank_als', 3, 20, candidates => NULL, max_per_group => 2, groups => 'rerank_brands');
-- groups of any type; NULLs and items elsewhere say nothing
SELECT count(*) FROM lepton_topn('rerank_als', 3, 1000, exclude_seen => false, max_per_group => 1, groups => 'SELECT i, CASE WHEN i > 20 THEN i % 5 END FROM generate_series(1, 200) i UNION ALL SELECT NULL, 4');

/*
 * Diversity: the first is the best, the more of it the less alike; all of it is what is least like what is there.
 */
CREATE FUNCTION rerank_cosine(a bigint, b bigint) RETURNS float8 LANGUAGE sql AS $$
	SELECT sum(x.v::float8 * y.v) / sqrt(sum(x.v::float8 * x.v) * sum(y.v::float8 * y.v)) FROM rerank_als_items p, rerank_als_items q,
		LATERAL unnest(lepton_vector(p.factors)) WITH ORDINALITY x(v, k), LATERAL unnest(lepton_vector(q.factors)) WITH ORDINALITY y(v, k)
	WHERE x.k = y.k AND p.id = a AND q.id = b AND p.version = 1 AND q.version = 1
$$;
CREATE TABLE rerank_diverse AS SELECT u, d, l.* FROM generate_series(1, 90, 9) u, unnest('{0,0.2,0.5,0.8,1}'::float8[]) d, LATERAL lepton_topn('rerank_als', u, 5, diversity => d) l;
SELECT bool_and(a.item_id = b.item_id) AS first_is_the_best FROM rerank_diverse a JOIN rerank_diverse b USING (u, rank) WHERE rank = 1 AND b.d = 0;
SELECT d, mean < lag(mean) OVER (ORDER BY d) AS less_alike FROM (SELECT a.d, avg(rerank_cosine(a.item_id, b.item_id)) AS mean FROM rerank_diverse a JOIN rerank_diverse b USING (u, d) WHERE a.rank < b.rank GROUP BY 1) s ORDER BY 1;
-- at 1 the second is the item least like the first of all 80
SELECT count(*), count(*) FILTER (WHERE b.item_id <> (SELECT l.item_id FROM lepton_topn('rerank_als', a.u, 1000) l WHERE l.item_id <> a.item_id ORDER BY rerank_cosine(a.item_id, l.item_id) LIMIT 1)) AS different
FROM rerank_diverse a JOIN rerank_diverse b USING (u, d) WHERE d = 1 AND a.rank = 1 AND b.rank = 2;
-- all at once: the limit holds, and all that there is is found
SELECT m, count(DISTINCT u), max(n) AS of_a_brand, min(total), max(total) FROM (SELECT m, u, brand, count(*) AS n, sum(count(*)) OVER (PARTITION BY m, u) AS total
	FROM unnest('{rerank_als,rerank_walk,rerank_ials}'::text[]) m, generate_series(1, 90, 3) u, LATERAL lepton_topn(m, u, 7, popularity_penalty => 0.2, diversity => 0.4, max_per_group => 2, groups => 'rerank_brands') l
	JOIN rerank_brands b ON b.id = l.item_id GROUP BY 1, 2, 3) s GROUP BY 1 ORDER BY 1;

-- items of text and uuid, users of other kinds
SELECT version FROM lepton_train('rerank_text', 'SELECT ''u'' || user_id AS user_id, ''i'' || item_id AS item_id, rating FROM rerank_ratings', '{"algorithm": "als", "factors": 4}');
SELECT version FROM lepton_train('rerank_uuid', 'SELECT user_id, md5(item_id::text)::uuid AS item_id, rating FROM rerank_ratings', '{"algorithm": "als", "factors": 4}');
SELECT count(*) FROM lepton_topn_text('rerank_text', 'u3', 1000, exclude_seen => false, max_per_group => 1, groups => 'SELECT ''i'' || id, brand FROM rerank_brands');
SELECT count(*) FROM lepton_topn_uuid('rerank_uuid', '3', 1000, exclude_seen => false, max_per_group => 1, groups => 'SELECT md5(id::text)::uuid, brand FROM rerank_brands', diversity => 1);

-- parameters without a type, by name and past the sixth execution; groups that change are read again
PREPARE rerank_named AS SELECT count(*) FROM lepton_topn($1, $2, $3, max_per_group => $4, groups => $5, diversity => $6, popularity_penalty => $7);
EXECUTE rerank_named('rerank_als', '3', '1000', '1', 'rerank_brands', '0.1', '0.2');
UPDATE rerank_brands SET brand = 'one' WHERE id < 40;
EXECUTE rerank_named('rerank_als', '3', '1000', '1', 'rerank_brands', '0.1', '0.2');
DEALLOCATE rerank_named;
CREATE FUNCTION rerank_before_and_after() RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..2 LOOP
		RETURN NEXT (SELECT count(*) FROM lepton_topn('rerank_als', 3, 1000, max_per_group => 1, groups => 'rerank_brands'));
		UPDATE rerank_brands SET brand = 'two';
	END LOOP;
END $$;
SELECT rerank_before_and_after();
-- two queries of groups and two models in one statement
SELECT g, m, count(*) FROM unnest('{rerank_als,rerank_walk}'::text[]) m, unnest('{rerank_brands,"SELECT id, id FROM rerank_brands","SELECT id, id % 9 FROM rerank_brands"}'::text[]) g, LATERAL lepton_topn(m, 3, 1000, max_per_group => 1, groups => g) GROUP BY 1, 2 ORDER BY 1, 2;

-- what is refused
SELECT lepton_topn('rerank_als', 3, popularity_penalty => NULL);
SELECT lepton_topn('rerank_als', 3, popularity_penalty => -0.1);
SELECT lepton_topn('rerank_als', 3, popularity_penalty => 'NaN');
SELECT lepton_topn('rerank_als', 3, popularity_penalty => 'Infinity');
SELECT lepton_topn('rerank_als', 3, popularity_penalty => 1000001);
SELECT lepton_topn('rerank_als', 3, diversity => NULL);
SELECT lepton_topn('rerank_als', 3, diversity => -1);
SELECT lepton_topn('rerank_als', 3, diversity => 1.01);
SELECT lepton_topn('rerank_als', 3, diversity => 'NaN');
SELECT lepton_topn('rerank_popular', 3, diversity => 0.1);
SELECT lepton_topn('rerank_als', 3, max_per_group => 1);
SELECT lepton_topn('rerank_als', 3, groups => 'rerank_brands');
SELECT lepton_topn('rerank_als', 3, max_per_group => 0, groups => 'rerank_brands');
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'rerank_nothing');
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'rerank_ratings');
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'SELECT brand, id FROM rerank_brands');
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'SELECT 1, 2; SELECT 3, 4');
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'SELECT 1,, 2');
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'DELETE FROM rerank_brands RETURNING id, brand');
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'VALUES (1, ''a''), (1, ''b'')');
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'SELECT 1, repeat(''x'', 2000)');
-- the query can write nothing, whatever it calls
CREATE FUNCTION rerank_write() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN DELETE FROM rerank_brands; RETURN 1; END $$;
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'SELECT rerank_write(), ''x''');
-- it is run with the caller's rights, whoever owns the model
CREATE ROLE rerank_reader;
GRANT SELECT ON rerank_als TO rerank_reader;
SET ROLE rerank_reader;
SELECT count(*) FROM lepton_topn('rerank_als', 3, 5, diversity => 0.5);
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'rerank_brands');
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'SELECT id, brand FROM rerank_brands');
SELECT count(*) FROM lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'SELECT i, current_user FROM generate_series(1, 1000) i');
RESET ROLE;
-- an interrupted call leaves all as it was
SET statement_timeout = '200ms';
SELECT lepton_topn('rerank_als', 3, max_per_group => 1, groups => 'SELECT i, pg_sleep(1) FROM generate_series(1, 1000) i');
RESET statement_timeout;
SHOW transaction_read_only;

-- groups of more items than the model has, the same as of its own
SELECT count(*) AS listed, count(b.rank) AS same FROM lepton_topn('rerank_als', 3, 10, max_per_group => 2, groups => 'SELECT i, i % 4 FROM generate_series(3000, 1, -1) i') a
	LEFT JOIN lepton_topn('rerank_als', 3, 10, max_per_group => 2, groups => 'SELECT i, i % 4 FROM generate_series(1, 80) i') b USING (rank, item_id, score);

DROP TABLE rerank_als, rerank_walk, rerank_ials, rerank_popular, rerank_text, rerank_uuid, rerank_ratings, rerank_brands, rerank_counts, rerank_diverse;
DROP FUNCTION rerank_penalized, rerank_cosine, rerank_before_and_after, rerank_write;
DROP ROLE rerank_reader;
