-- lists and predictions against what the factor tables say
SET client_min_messages = warning;
CREATE TABLE serving_ratings AS
SELECT u AS user_id, i * 10 AS item_id,
	(1 + (u * 3 + i * 5 + (u % 7) * (i % 11)) % 9)::numeric / 2 AS rating
FROM generate_series(1, 200) u, generate_series(1, 120) i WHERE (u * u + i * 13) % 5 < 2;
SELECT version, n_users, n_items, n_ratings, (metrics ->> 'rmse')::float8 < (metrics ->> 'mean_rmse')::float8 AS learned
FROM lepton_train('serving', 'serving_ratings', '{"algorithm": "sgd", "factors": 20}');

-- every user's list is the brute-force one: the same ids, order and bits of score
CREATE TABLE serving_brute AS
SELECT user_id, item_id, score, row_number() OVER (PARTITION BY user_id ORDER BY score DESC, item_id) AS rank
FROM (SELECT u.id AS user_id, i.id AS item_id,
		((m.details #>> '{serving,mean}')::float8 + u.bias::float8 + i.bias::float8
		 + (SELECT sum(a::float8 * b::float8) FROM unnest(lepton_vector(u.factors), lepton_vector(i.factors)) x(a, b)))::real
			AS score
	FROM serving m JOIN serving_users u USING (version) JOIN serving_items i USING (version)
	WHERE m.is_current
		AND NOT EXISTS (SELECT FROM serving_ratings r WHERE r.user_id = u.id AND r.item_id = i.id)) s;
CREATE TABLE serving_lists AS
SELECT u.user_id, r.* FROM (SELECT DISTINCT user_id FROM serving_ratings) u, LATERAL lepton_topn('serving', u.user_id, 15) r;
SELECT count(*), count(DISTINCT user_id) FROM serving_lists;
SELECT count(*) AS differences FROM serving_lists l
FULL JOIN (SELECT * FROM serving_brute WHERE rank <= 15) b USING (user_id, rank)
WHERE l.item_id IS DISTINCT FROM b.item_id
	OR float4send(l.score) IS DISTINCT FROM float4send(greatest(0.5, least(5, b.score))::real);
-- a prediction is the list's score
SELECT count(*) AS differences FROM serving_lists
WHERE float4send(score) <> float4send(lepton_predict('serving', user_id, item_id));

-- exclude_seen, exclude, candidates
SELECT count(*) FROM lepton_topn('serving', 1, 1000);
SELECT count(*) FROM lepton_topn('serving', 1, 1000, exclude_seen => false);
SELECT count(*) FROM lepton_topn('serving', 1, 1000, exclude_seen => false, exclude => ARRAY[20, 30, 30, NULL, 7]);
SELECT array_agg(item_id ORDER BY rank) = (SELECT array_agg(item_id ORDER BY rank) FROM lepton_topn('serving', 1, 3)) AS same
FROM lepton_topn('serving', 1, 3, candidates => (SELECT array_agg(item_id) FROM lepton_topn('serving', 1, 50)));
SELECT item_id, origin FROM lepton_topn('serving', 1, 9, ARRAY[999, 20, 998, NULL, 999, 30], false);
SELECT item_id, origin FROM lepton_topn('serving', 1, 9, ARRAY[999, 20, 998], false, ARRAY[999, 20]);
SELECT count(*) FROM lepton_topn('serving', 1, 10, candidates => NULL);
SELECT count(*) FROM lepton_topn('serving', 1, 10, candidates => '{}');
SELECT count(*) FROM lepton_topn('serving', 1, 0);
SELECT count(*) FROM lepton_topn('serving', 1, 9223372036854775807, exclude_seen => false);
SELECT lepton_topn('serving', 1, -1);
SELECT lepton_topn('serving', 1, NULL);
SELECT lepton_topn(NULL, 1, 1);

-- unknown and NULL ids
SELECT DISTINCT origin FROM lepton_topn('serving', 4711, 5);
SELECT (SELECT array_agg(item_id ORDER BY rank) FROM lepton_topn('serving', 4711, 5))
	= (SELECT array_agg(id) FROM (SELECT id FROM serving_items ORDER BY bias DESC, id LIMIT 5) b) AS best_without_her;
SELECT (SELECT array_agg(item_id ORDER BY rank) FROM lepton_topn('serving', NULL, 5))
	= (SELECT array_agg(item_id ORDER BY rank) FROM lepton_topn('serving', 4711, 5)) AS same;
SELECT lepton_predict('serving', 4711, 4711) = (details #>> '{serving,mean}')::real AS mean FROM serving;

-- calls that must resolve, past the sixth execution too
SELECT count(*) FROM lepton_topn('serving', 1::smallint) a, lepton_topn('serving', 1::bigint, 1::smallint) b, lepton_topn('serving', '1') c;
SELECT lepton_predict('serving', '1', '20') = lepton_predict('serving', 1, 20::bigint) AS same;
CREATE TABLE serving_products AS SELECT DISTINCT item_id AS id, 'item ' || item_id AS name FROM serving_ratings;
PREPARE list AS SELECT r.rank, p.name FROM lepton_topn('serving', $1, 2) r JOIN serving_products p ON p.id = r.item_id ORDER BY rank;
EXECUTE list('1'); EXECUTE list('1'); EXECUTE list('1'); EXECUTE list('1'); EXECUTE list('1'); EXECUTE list('1');
EXECUTE list('2');
SELECT lepton_topn_text('serving', 1, 1);
SELECT lepton_predict('serving', 'x', '10');
SELECT lepton_predict('serving', gen_random_uuid(), 10);

-- the best few of a filtered catalogue
SELECT count(*) FROM (SELECT id FROM serving_products WHERE id > 500 ORDER BY lepton_predict('serving', 42, id) DESC LIMIT 10) x;

-- text users, uuid items
SELECT version FROM lepton_train('serving_mixed',
	'SELECT user_id::varchar, md5(item_id::text)::uuid AS item_id, rating FROM serving_ratings', '{"algorithm": "als", "factors": 8}');
SELECT count(*), count(DISTINCT item_id) FROM lepton_topn_uuid('serving_mixed', '7', 5);
SELECT lepton_topn('serving_mixed', '7', 5);
SELECT lepton_topn_uuid('serving_mixed', 7, 5);
SELECT lepton_predict('serving_mixed', '7', md5('20')::uuid) BETWEEN 0.5 AND 5 AS in_scale;

-- option unknown
SELECT version FROM lepton_train('serving_mixed', 'SELECT user_id::text, md5(item_id::text)::uuid AS item_id, rating FROM serving_ratings', '{"algorithm": "baseline", "unknown": "null"}');
SELECT lepton_predict('serving_mixed', 'x', md5('20')::uuid) IS NULL AS is_null;
SELECT version FROM lepton_train('serving_mixed', 'SELECT user_id::text, md5(item_id::text)::uuid AS item_id, rating FROM serving_ratings', '{"algorithm": "baseline", "unknown": "error", "rating_scale": [2, 3]}');
SELECT lepton_predict('serving_mixed', 'x', md5('20')::uuid);
SELECT min(p), max(p) FROM (SELECT lepton_predict('serving_mixed', user_id::text, md5(item_id::text)::uuid) p FROM serving_ratings) x;

-- versions: two are kept; PL/pgSQL sees the new one in the same session
CREATE FUNCTION serving_best(u int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN RETURN (SELECT item_id FROM lepton_topn('serving', u, 1)); END $$;
SELECT serving_best(1) = (SELECT item_id FROM serving_lists WHERE user_id = 1 AND rank = 1) AS old;
SELECT version FROM lepton_train('serving', 'SELECT * FROM serving_ratings WHERE item_id <= 30', '{"algorithm": "baseline"}');
SELECT serving_best(1) <= 30 AS new;
SELECT version FROM lepton_train('serving', 'serving_ratings', '{"algorithm": "als"}');
SELECT version, is_current, algorithm FROM serving ORDER BY version;
SELECT version, count(*) FROM serving_items GROUP BY version ORDER BY version;
SELECT version, relation, n_rows FROM lepton_check('serving') ORDER BY 1, 2;

-- a training taken back leaves nothing, in a transaction and in an exception handler
BEGIN;
SELECT version FROM lepton_train('serving_gone', 'serving_ratings', '{"algorithm": "baseline"}');
SELECT count(*) FROM lepton_topn('serving_gone', 1, 3);
ROLLBACK;
SELECT to_regclass('serving_gone'), to_regclass('serving_gone_users');
DO $$ BEGIN PERFORM lepton_train('serving', 'serving_ratings', '{"algorithm": "baseline"}'); PERFORM 1 / 0;
EXCEPTION WHEN division_by_zero THEN RAISE WARNING 'taken back'; END $$;
SELECT version FROM serving WHERE is_current;

-- damaged bytes are found, not followed
BEGIN;
UPDATE serving_users SET n_ratings = n_ratings + 1 WHERE id = 7 AND version = 3;
SELECT count(*) FROM lepton_check('serving');
ROLLBACK;
UPDATE serving_items SET factors = '\x00' WHERE id = 20;
SELECT count(*) FROM lepton_check('serving');
UPDATE serving_items SET factors = decode(repeat('ff', 8 + 32 * 4), 'hex') WHERE id = 20;
SELECT lepton_predict('serving', 1, 20);

SELECT lepton_drop('serving');
SELECT to_regclass('serving'), to_regclass('serving_users'), to_regclass('serving_items');
SELECT lepton_drop('serving');
SELECT lepton_drop('serving', if_exists => true);
DROP TABLE serving_mixed;
SELECT to_regclass('serving_mixed_users');
DROP TABLE serving_ratings, serving_brute, serving_lists, serving_products;
DROP FUNCTION serving_best(int);
