-- lists against a brute-force join over the factor tables, and every argument
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE topn_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * i + u % 3) % 9) / 2.0 AS rating
FROM generate_series(1, 200) u, generate_series(1, 70) i WHERE (u * 7 + i * 3 + u * i) % 5 = 1;
-- what the factor tables say; lists are ranked by the score before it is clipped, then by item id
CREATE FUNCTION topn_brute(model text, topn_ratings regclass, OUT user_id bigint, OUT item_id bigint, OUT raw real, OUT score real, OUT seen boolean)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT user_id, item_id, raw, greatest(low, least(high, raw)),
			EXISTS (SELECT FROM %2$s r WHERE (r.user_id, r.item_id) = (s.user_id, s.item_id))
		FROM (SELECT u.id AS user_id, i.id AS item_id, (details #>> ''{serving,min}'')::real AS low, (details #>> ''{serving,max}'')::real AS high,
				((details #>> ''{serving,mean}'')::float8 + u.bias::float8 + i.bias::float8 + coalesce((SELECT sum(a::float8 * b::float8)
					FROM unnest(lepton_vector(u.factors), lepton_vector(i.factors)) x(a, b)), 0))::real AS raw
			FROM %1$I m JOIN %1$s_users u USING (version) JOIN %1$s_items i USING (version) WHERE is_current) s', model, topn_ratings);
END $$;
-- users whose list differs from the brute-force one in an id, in the order or in a bit of a score
CREATE FUNCTION topn_differences(model text, n int, with_seen boolean, OUT users bigint, OUT rows bigint, OUT differences bigint) LANGUAGE sql AS $$
	WITH users AS (SELECT DISTINCT user_id FROM topn_ratings),
	lists AS MATERIALIZED (SELECT u.user_id, r.rank, r.item_id, r.score FROM users u, LATERAL lepton_topn(model, u.user_id, n, exclude_seen => NOT with_seen) r),
	brute AS MATERIALIZED (SELECT user_id, item_id, score, row_number() OVER (PARTITION BY user_id ORDER BY raw DESC, item_id) AS rank
		FROM topn_brute(model, 'topn_ratings') WHERE with_seen OR NOT seen)
	SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM lists), (SELECT count(*) FROM lists l
		FULL JOIN (SELECT * FROM brute WHERE rank <= n) b USING (user_id, rank)
		WHERE l.item_id IS DISTINCT FROM b.item_id OR float4send(l.score) IS DISTINCT FROM float4send(b.score))
$$;
SELECT count(lepton_train('topn_' || o.algorithm, 'topn_ratings', to_jsonb(o))) FROM (VALUES
	('als', 5), ('sgd', 33)) o(algorithm, factors);
SELECT version FROM lepton_train('topn_baseline', 'topn_ratings', '{"algorithm": "baseline"}');
SELECT m, n, s, d.* FROM (VALUES ('topn_als', 1, false), ('topn_als', 10, false), ('topn_als', 100, false), ('topn_als', 12, true),
	('topn_sgd', 10, false), ('topn_sgd', 100, true), ('topn_baseline', 10, false)) c(m, n, s), LATERAL topn_differences(m, n, s) d;

-- ranks count from 1, the origin is the factors', the score is the prediction
SELECT rank, origin, float4send(score) = float4send(lepton_predict('topn_als', 18, item_id)) AS same FROM lepton_topn('topn_als', 18, 3);

-- exclude_seen: the model's default, unless the call says so
SELECT version FROM lepton_train('topn_again', 'topn_ratings', '{"algorithm": "als", "factors": 5, "exclude_seen": false}');
SELECT (SELECT count(*) FROM topn_ratings WHERE user_id = 18) AS seen, (SELECT count(*) FROM lepton_topn('topn_als', 18, 1000)) AS by_default,
	(SELECT count(*) FROM lepton_topn('topn_als', 18, 1000, false)) AS all_items, (SELECT count(*) FROM lepton_topn('topn_again', 18, 1000)) AS again,
	(SELECT count(*) FROM lepton_topn('topn_again', 18, 1000, true)) AS again_unseen, (SELECT count(*) FROM lepton_topn('topn_again', 18, 1000, NULL::boolean)) AS again_null;

-- exclude: what is left keeps its order; NULL, duplicates and ids that are not there exclude nothing more
SELECT ARRAY(SELECT item_id FROM lepton_topn('topn_als', 18, 5, exclude => ARRAY[(l.ids)[1], (l.ids)[3], (l.ids)[3], NULL, 12345])) = ARRAY[l.ids[2], l.ids[4], l.ids[5], l.ids[6], l.ids[7]] AS same
FROM (SELECT ARRAY(SELECT item_id FROM lepton_topn('topn_als', 18, 7)) AS ids) l;
SELECT count(*) FROM lepton_topn('topn_als', 18, 5, exclude => ARRAY(SELECT id FROM topn_als_items));
SELECT count(*) FROM lepton_topn('topn_als', 18, 5, exclude => '{{1,2},{3,4}}');

-- candidates: the best of them, those that are new last and by id, seen ones only if asked for
SELECT (SELECT array_agg(item_id ORDER BY rank) FROM lepton_topn('topn_als', 18, 3, candidates => l.ids[4:7])) = l.ids[4:6] AS same
FROM (SELECT ARRAY(SELECT item_id FROM lepton_topn('topn_als', 18, 7)) AS ids) l;
CREATE VIEW topn_seen AS SELECT min(item_id) AS a, max(item_id) AS b FROM topn_ratings WHERE user_id = 18;
SELECT r.rank, item_id IN (a, b) AS seen, CASE WHEN item_id > 70 THEN item_id END AS new, origin
FROM topn_seen, lepton_topn('topn_als', 18, 10, ARRAY[900, a, 71, b, 900, NULL, a, 71], false) r;
SELECT r.rank, item_id, origin FROM topn_seen, lepton_topn('topn_als', 18, 10, ARRAY[900, a, 71, b, 900, NULL, a, 71]) r;
SELECT r.rank, item_id, origin FROM lepton_topn('topn_als', 18, 1, ARRAY[900, 71]) r;
SELECT r.rank, item_id, origin FROM lepton_topn('topn_als', 18, 10, ARRAY[900, 71, 80], exclude => ARRAY[71, 900]) r;
SELECT count(DISTINCT score) = 1 AND min(score) = lepton_predict('topn_als', 18, 900) AS as_predicted FROM lepton_topn('topn_als', 18, 5, ARRAY[900, 71]);
SELECT count(*) FROM lepton_topn('topn_als', 18, 10, candidates => NULL);
SELECT count(*) FROM lepton_topn('topn_als', 18, 10, candidates => '{}');
SELECT count(*) FROM lepton_topn('topn_als', 18, 10, candidates => ARRAY[NULL, NULL]::bigint[]);

-- n
SELECT count(*) FROM lepton_topn('topn_als', 18, 0);
SELECT count(*) FROM lepton_topn('topn_als', 18, 9223372036854775807, false);
SELECT count(*) FROM lepton_topn('topn_als', 18, 9223372036854775807, ARRAY[1, 900], false);
SELECT lepton_topn('topn_als', 18, -1);
SELECT lepton_topn('topn_als', 18, NULL);
SELECT lepton_topn(NULL, 18);

-- a user whom the model does not know, or none: best without her
SELECT ARRAY(SELECT item_id FROM lepton_topn('topn_als', 4711, 5)) = ARRAY(SELECT id FROM topn_als_items ORDER BY bias DESC, id LIMIT 5) AS best,
	ARRAY(SELECT item_id FROM lepton_topn('topn_als', NULL, 5)) = ARRAY(SELECT item_id FROM lepton_topn('topn_als', 4711, 5)) AS same;
SELECT DISTINCT origin FROM lepton_topn('topn_als', 4711, 5) UNION ALL SELECT DISTINCT origin FROM lepton_topn('topn_baseline', 18, 5);
SELECT count(*) FILTER (WHERE float4send(score) <> float4send(lepton_predict('topn_als', 4711, item_id))) AS differences FROM lepton_topn('topn_als', 4711, 1000);

-- wherever a function in FROM or in a select list can stand
SELECT count(*), count(DISTINCT user_id), max(rank) FROM (SELECT DISTINCT user_id FROM topn_ratings) u, LATERAL lepton_topn('topn_als', u.user_id, 3);
SELECT count(*) FROM (SELECT user_id, lepton_topn('topn_als', user_id, 2) FROM (SELECT DISTINCT user_id FROM topn_ratings WHERE user_id < 11) u) s;
SELECT m, count(*) FROM (VALUES ('topn_als'), ('topn_baseline'), ('topn_als')) v(m), LATERAL lepton_topn(v.m, 18, 4) GROUP BY m ORDER BY m;
CREATE VIEW topn_lists AS SELECT u.user_id, r.rank, r.item_id FROM (SELECT DISTINCT user_id FROM topn_ratings) u, LATERAL lepton_topn('topn_als', u.user_id, 5) r;
SELECT count(*) FROM topn_lists WHERE user_id IN (18, 19);
SELECT item_id = (SELECT item_id FROM topn_lists WHERE user_id = 18 AND rank = 1) AS same FROM lepton_topn('topn_als', 18, 1);
-- the planner is told how many rows will come
CREATE FUNCTION topn_plan_rows(call text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) SELECT * FROM ' || call INTO plan;
	RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;
SELECT topn_plan_rows('lepton_topn(''topn_als'', 18)') AS by_default, topn_plan_rows('lepton_topn(''topn_als'', 18, 4)') AS four,
	topn_plan_rows('lepton_topn(''topn_als'', 18, 7 * 100, ARRAY[1, 2])') AS candidates;
DROP FUNCTION topn_plan_rows(text);

-- cursors, read only and repeatable read
BEGIN READ ONLY;
DECLARE c SCROLL CURSOR FOR SELECT rank FROM lepton_topn('topn_als', 18, 5);
FETCH 2 FROM c;
FETCH LAST FROM c;
FETCH PRIOR FROM c;
MOVE ABSOLUTE 0 IN c;
FETCH c;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM lepton_topn('topn_again', 18, 1000);
DECLARE c CURSOR WITH HOLD FOR SELECT rank, origin FROM lepton_topn('topn_again', 18, 3);
COMMIT;
SELECT version FROM lepton_train('topn_again', 'SELECT * FROM topn_ratings WHERE item_id <= 2', '{"algorithm": "baseline", "keep": 1}');
FETCH ALL FROM c;
CLOSE c;
SELECT count(*) FROM lepton_topn('topn_again', 18, 1000, false);

DROP VIEW topn_lists, topn_seen;
DROP TABLE topn_als, topn_sgd, topn_baseline, topn_again, topn_ratings;
DROP FUNCTION topn_differences(text, int, boolean), topn_brute(text, regclass);
