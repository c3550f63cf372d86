-- whom to tell about an item: users by their scores for it, against a brute force in SQL
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE tell_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * i + u % 3) % 9) / 2.0 AS rating
FROM generate_series(1, 90) u, generate_series(1, 70) i WHERE (u * u * 31 + i * i * 17 + u * i) % 7 < 3 AND (u * 3 + i * i * 5 + u % 5) % 4 > 0;
SELECT version FROM lepton_train('tell_m', 'tell_ratings', '{"algorithm": "als", "factors": 5}');
SELECT version FROM lepton_train('tell_ials', 'SELECT user_id, item_id FROM tell_ratings', '{"algorithm": "ials", "factors": 5}');
SELECT version FROM lepton_train('tell_walk', 'SELECT user_id, item_id FROM tell_ratings', '{"algorithm": "walk", "neighbors": 30}');
SELECT version FROM lepton_train('tell_blend', 'SELECT user_id, item_id FROM tell_ratings', '{"algorithm": "blend", "weights": [1, 1]}');
SELECT version FROM lepton_train('tell_seen', 'tell_ratings', '{"algorithm": "baseline", "exclude_seen": false}');

-- of all pairs that are not rated: the score from the tables, users by it for each item
CREATE TABLE tell_scores AS
SELECT item_id, user_id, score, row_number() OVER (PARTITION BY item_id ORDER BY score DESC, user_id) AS rank FROM (
	SELECT u.id AS user_id, i.id AS item_id,
		(SELECT (details #>> '{serving,mean}')::float8 FROM tell_m WHERE is_current) + u.bias + i.bias
		+ (SELECT sum(p::float8 * q) FROM unnest(lepton_vector(u.factors), lepton_vector(i.factors)) w(p, q)) AS score
	FROM tell_m_users u CROSS JOIN tell_m_items i WHERE NOT EXISTS (SELECT FROM tell_ratings r WHERE (r.user_id, r.item_id) = (u.id, i.id))) s;
SELECT wanted, count(*) AS rows, count(*) FILTER (WHERE s.user_id IS NULL) AS has_it, count(*) FILTER (WHERE abs(least(greatest(s.score, 0.5), 5) - t.score) > 1e-5) AS wrong,
	count(*) FILTER (WHERE (SELECT count(*) FROM tell_scores o WHERE o.item_id = i.id AND o.score > s.score + 1e-5) >= t.rank) AS too_high
FROM unnest('{1,10,1000}'::int[]) w(wanted) CROSS JOIN tell_m_items i CROSS JOIN LATERAL lepton_topn_users('tell_m', i.id, wanted) t LEFT JOIN tell_scores s ON (s.item_id, s.user_id) = (i.id, t.user_id) GROUP BY wanted ORDER BY wanted;
SELECT count(*) AS unrated FROM tell_scores;

-- other models: the same as all pairs sorted by prediction, which no model of implicit feedback clips; origins are those of lists
SELECT m, count(*) AS rows, count(*) FILTER (WHERE t.rank <> b.rank OR t.score <> b.score OR b.rank IS NULL) AS wrong FROM unnest('{tell_ials,tell_walk,tell_blend}'::text[]) m,
	LATERAL (SELECT i, l.* FROM generate_series(1, 70) i, LATERAL lepton_topn_users(m, i, 1000) l) t
	LEFT JOIN LATERAL (SELECT * FROM (SELECT i, u, p.score, row_number() OVER (PARTITION BY i ORDER BY p.score DESC, u) AS rank
			FROM generate_series(1, 70) i, generate_series(1, 90) u, LATERAL lepton_predict(m, u, i) p(score)
			WHERE NOT EXISTS (SELECT FROM tell_ratings r WHERE (r.user_id, r.item_id) = (u, i))) s WHERE (s.i, s.u) = (t.i, t.user_id)) b ON true
GROUP BY m ORDER BY m;
SELECT m, count(*) AS rows, count(*) FILTER (WHERE l.origin IS DISTINCT FROM t.origin OR l.score <> t.score) AS differ, string_agg(DISTINCT t.origin, ' ') AS origins
FROM unnest('{tell_ials,tell_walk,tell_blend}'::text[]) m, generate_series(1, 70, 9) i, LATERAL lepton_topn_users(m, i, 1000) t,
	LATERAL (SELECT * FROM lepton_topn(m, t.user_id, 1000) l WHERE l.item_id = i) l GROUP BY m ORDER BY m;

-- who has it: left out unless the call or the model says otherwise
SELECT count(*) FROM lepton_topn_users('tell_m', 7, 1000, exclude_seen => false);
SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM tell_ratings r WHERE (r.user_id, r.item_id) = (t.user_id, 7))) AS has_it FROM lepton_topn_users('tell_seen', 7, 1000) t;
SELECT count(*) FROM lepton_topn_users('tell_seen', 7, 1000, exclude_seen => true) t WHERE EXISTS (SELECT FROM tell_ratings r WHERE (r.user_id, r.item_id) = (t.user_id, 7));

-- ties go by user id
UPDATE tell_m_users SET (factors, bias, seen) = (SELECT factors, bias, seen FROM tell_m_users WHERE id = 3) WHERE id IN (20, 4, 60);
UPDATE tell_m SET generation = generation + 1;
SELECT array_agg(user_id ORDER BY rank) FROM lepton_topn_users('tell_m', 7, 1000, exclude_seen => false) WHERE user_id IN (3, 4, 20, 60);

-- what the model does not know has nobody
SELECT count(*) FROM lepton_topn_users('tell_m', 1000);
SELECT count(*) FROM lepton_topn_users('tell_m', NULL::bigint);
SELECT count(*) FROM lepton_topn_users('tell_m', 7, 0);
SELECT * FROM lepton_topn_users('tell_m', 7, -1);
SELECT * FROM lepton_topn_users('tell_m', 7, NULL);
SELECT * FROM lepton_topn_users(NULL, 7);
SELECT * FROM lepton_topn_users('tell_m', 7, version => 2);

-- an item that may not be listed has nobody either
SELECT version FROM lepton_train('tell_eligible', 'tell_ratings', '{"algorithm": "als", "factors": 3, "epochs": 2, "refit": false, "eligible": "SELECT item_id FROM tell_ratings WHERE item_id <= 40"}');
SELECT i, count(t.user_id) FROM unnest('{40,41}'::int[]) i LEFT JOIN LATERAL lepton_topn_users('tell_eligible', i) t ON true GROUP BY i ORDER BY i;

-- kinds: the users' in the name, the items' by the argument
SELECT version FROM lepton_train('tell_text', 'SELECT ''u'' || user_id AS user_id, md5(item_id::text)::uuid AS item_id, rating FROM tell_ratings', '{"algorithm": "als", "factors": 3, "epochs": 2, "refit": false}');
SELECT version FROM lepton_train('tell_uuid', 'SELECT md5(user_id::text)::uuid AS user_id, ''i'' || item_id AS item_id, rating FROM tell_ratings', '{"algorithm": "als", "factors": 3, "epochs": 2, "refit": false}');
SELECT pg_typeof(user_id), count(*) FROM lepton_topn_users_text('tell_text', md5('7')::uuid, 4) GROUP BY 1;
SELECT pg_typeof(user_id), count(*) FROM lepton_topn_users_text('tell_text', md5('7'), 4) GROUP BY 1;
SELECT pg_typeof(user_id), count(*) FROM lepton_topn_users_uuid('tell_uuid', 'i7', 4) GROUP BY 1;
SELECT pg_typeof(user_id), count(*) FROM lepton_topn_users('tell_m', '7', 4) GROUP BY 1;
SELECT pg_typeof(user_id), count(*) FROM lepton_topn_users('tell_m', 7::smallint) GROUP BY 1;
PREPARE tell_call AS SELECT count(*) FROM lepton_topn_users($1, $2, $3);
EXECUTE tell_call('tell_m', '7', 4);
SELECT * FROM lepton_topn_users('tell_text', md5('7')::uuid);
SELECT * FROM lepton_topn_users_uuid('tell_m', 7);
SELECT * FROM lepton_topn_users_uuid('tell_uuid', 7);

-- the planner knows how many rows come
CREATE FUNCTION tell_planned(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan #>> '{0,Plan,Plan Rows}';
END $$;
SELECT tell_planned('SELECT * FROM lepton_topn_users(''tell_m'', 7, 4)'), tell_planned('SELECT * FROM lepton_topn_users(''tell_m'', 7, 1000)');

DROP FUNCTION tell_planned;
SELECT lepton_drop(m) FROM unnest('{tell_m,tell_ials,tell_walk,tell_blend,tell_seen,tell_text,tell_uuid,tell_eligible}'::text[]) m;
DROP TABLE tell_ratings, tell_scores;
