-- what a training takes and leaves: sources, id and rating types, transactions, versions
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE train_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i + u % 3) % 5 AS rating
FROM generate_series(1, 30) u, generate_series(1, 25) i WHERE (u * 7 + i * 3) % 5 <> 1;
-- the bits of a model's current version, whatever the type of its ids
CREATE FUNCTION train_bits(model text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	bits text;
BEGIN
	EXECUTE format('SELECT md5(string_agg(concat(side, id, n, n_ratings, float4send(bias), factors), '','' ORDER BY side, n))
		FROM (SELECT ''u'' AS side, id::text, n, f.n_ratings, bias, factors FROM %1$I JOIN %1$s_users f USING (version) WHERE is_current
			UNION ALL SELECT ''i'', id::text, n, f.n_ratings, bias, factors FROM %1$I JOIN %1$s_items f USING (version) WHERE is_current) f',
		model) INTO bits;
	RETURN bits;
END $$;

-- a table
SELECT version, is_current, algorithm, options, source, n_users, n_items, n_ratings, users, items
FROM lepton_train('train_table', 'train_ratings', '{"algorithm": "als", "factors": 4}');
SELECT count(*), count(DISTINCT user_id), count(DISTINCT item_id) FROM train_ratings;
SELECT details -> 'rows' AS rows, details ->> 'feedback' AS feedback, details -> 'serving' ->> 'n_factors' AS n_factors
FROM train_table;
-- the metrics are there, and say what was held out
SELECT (metrics ->> 'n_test')::int AS n_test, (metrics ->> 'rmse')::float8 > 0 AS rmse, (metrics ->> 'mae')::float8 > 0 AS mae,
	(metrics ->> 'mean_rmse')::float8 > 0 AS mean_rmse, (metrics ->> 'baseline_rmse')::float8 > 0 AS baseline_rmse,
	jsonb_array_length(details -> 'curve') > 0 AS curve, details -> 'seconds' ?& ARRAY['read', 'sort', 'fit', 'refit', 'write'] AS seconds
FROM train_table;

-- the same set from other sources gives the same bits
CREATE TABLE train_parted (user_id bigint, item_id smallint, rating real) PARTITION BY HASH (item_id);
CREATE TABLE train_parted_0 PARTITION OF train_parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE train_parted_1 PARTITION OF train_parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO train_parted SELECT * FROM train_ratings;
CREATE VIEW train_view AS SELECT item_id, rating::numeric AS rating, user_id FROM train_ratings ORDER BY md5(user_id || ' ' || item_id);
CREATE MATERIALIZED VIEW train_matview AS SELECT rating::float8 AS rating, user_id, item_id FROM train_ratings;
CREATE TABLE train_named AS SELECT item_id AS "Product", user_id AS customer, rating::smallint AS stars FROM train_ratings;
CREATE FUNCTION train_other(source text, options jsonb, OUT version bigint, OUT n_ratings bigint, OUT same boolean) LANGUAGE plpgsql AS $$
BEGIN
	SELECT t.version, t.n_ratings FROM lepton_train('train_other', source, options || '{"algorithm": "als", "factors": 4}') t INTO version, n_ratings;
	same := train_bits('train_other') = train_bits('train_table');
END $$;
SELECT s.name, t.* FROM (VALUES ('train_parted', '{}'), ('train_view', '{}'), ('public.train_matview', '{}'),
	('train_named', '{"user_column": "customer", "item_column": "Product", "rating_column": "stars"}'),
	('SELECT user_id, item_id, rating FROM train_ratings ORDER BY rating, item_id DESC', '{}'),
	('SELECT customer AS user_id, "Product" AS item_id, stars AS rating FROM train_named', '{}'),
	('WITH r AS (SELECT * FROM train_ratings) SELECT * FROM r UNION ALL SELECT * FROM r WHERE false', '{}'),
	('TABLE train_ratings', '{}')) s(name, options),
	LATERAL train_other(s.name, s.options::jsonb) t;
-- and another set gives others
SELECT * FROM train_other('SELECT user_id, item_id, CASE WHEN user_id = 3 AND item_id = 3 THEN 6 - rating ELSE rating END AS rating FROM train_ratings', '{}');
-- options as text, and by name
SELECT version FROM lepton_train(model => 'train_other', source => 'train_ratings', options => '{"algorithm": "als", "factors": 4}'::text);
SELECT train_bits('train_other') = train_bits('train_table') AS same;
DROP TABLE train_other;

-- rows that count 1 each
SELECT algorithm, n_ratings, details ->> 'feedback' AS feedback
FROM lepton_train('train_other', 'SELECT user_id, item_id FROM train_ratings', '{"feedback": "explicit", "algorithm": "baseline"}');
DROP TABLE train_other;

-- all kinds of ids, mixed
CREATE TABLE train_ids AS
SELECT user_id::smallint AS a_smallint, user_id::bigint * 1000000000000 - 5 AS a_bigint, 'user ' || user_id AS a_text,
	('vü' || user_id)::varchar(20) AS a_varchar, md5(user_id::text)::uuid AS a_uuid,
	item_id::smallint AS b_smallint, (item_id - 10)::bigint AS b_bigint, CASE item_id WHEN 7 THEN '' ELSE 'item' || item_id END AS b_text,
	item_id::varchar AS b_varchar, md5('i' || item_id)::uuid AS b_uuid, rating
FROM train_ratings;
SELECT u.c AS user_column, i.c AS item_column, t.users, t.n_users, t.n_items, t.n_ratings
FROM unnest(ARRAY['a_smallint', 'a_bigint', 'a_text', 'a_varchar', 'a_uuid']) WITH ORDINALITY u(c, n),
	unnest(ARRAY['b_smallint', 'b_bigint', 'b_text', 'b_varchar', 'b_uuid']) WITH ORDINALITY i(c, n),
	LATERAL lepton_train('train_ids_' || u.n || i.n, 'train_ids',
		jsonb_build_object('algorithm', 'baseline', 'user_column', u.c, 'item_column', i.c)) t
WHERE u.n <= 2 OR i.n IN (1, 6 - u.n, 5)
ORDER BY u.n, i.n;
SELECT m.model, format_type(u.atttypid, -1) AS users, uc.collname, format_type(i.atttypid, -1) AS items, ic.collname
FROM lepton_models m JOIN pg_attribute u ON u.attrelid = (m.model || '_users')::regclass AND u.attname = 'id'
	JOIN pg_attribute i ON i.attrelid = (m.model || '_items')::regclass AND i.attname = 'id'
	LEFT JOIN pg_collation uc ON uc.oid = u.attcollation LEFT JOIN pg_collation ic ON ic.oid = i.attcollation
WHERE m.model::text LIKE 'train\_ids\_%' ORDER BY m.model::text COLLATE "C";
-- the same ratings under other ids predict alike
SELECT count(*) FILTER (WHERE abs(lepton_predict('train_ids_11', a_smallint, b_smallint) - lepton_predict('train_ids_45', a_varchar, b_uuid)) > 0.001) AS differences,
	count(*) FROM train_ids;
SELECT lepton_train('train_ids_11', 'train_ids', '{"user_column": "a_text", "item_column": "b_smallint"}');
SELECT count(lepton_drop(model::text)) FROM lepton_models WHERE model::text LIKE 'train\_ids\_%';
DROP TABLE train_ids;

-- a transaction that is rolled back leaves nothing
BEGIN;
SELECT version FROM lepton_train('train_gone', 'train_ratings', '{"algorithm": "baseline"}');
SELECT version FROM lepton_train('train_gone', 'train_ratings', '{"algorithm": "als", "factors": 2}');
SELECT version, is_current, algorithm FROM train_gone ORDER BY version;
ROLLBACK;
SELECT to_regclass('train_gone'), to_regclass('train_gone_users'), to_regclass('train_gone_items');
BEGIN;
SAVEPOINT s;
SELECT version FROM lepton_train('train_table', 'train_ratings', '{"algorithm": "baseline"}');
ROLLBACK TO s;
SELECT version FROM lepton_train('train_table', 'train_ratings', '{"algorithm": "sgd", "factors": 3}');
COMMIT;
SELECT version, is_current, algorithm FROM train_table ORDER BY version;
SELECT version, count(*) FROM train_table_users GROUP BY version ORDER BY version;

-- an exception handler takes a failed and a successful training back, and the next one works
DO $$
BEGIN
	BEGIN
		PERFORM lepton_train('train_table', 'train_ratings', '{"factors": 0}');
	EXCEPTION WHEN invalid_parameter_value THEN
		RAISE WARNING '%: %', sqlstate, sqlerrm;
	END;
	BEGIN
		PERFORM lepton_train('train_table', 'train_ratings', '{"algorithm": "baseline"}');
		RAISE EXCEPTION 'changed my mind';
	EXCEPTION WHEN raise_exception THEN
		RAISE WARNING '%: %', sqlstate, sqlerrm;
	END;
	PERFORM lepton_train('train_table', 'train_ratings', '{"algorithm": "baseline"}');
END $$;
SELECT version, is_current, algorithm FROM train_table ORDER BY version;
SELECT version, count(*) FROM train_table_items GROUP BY version ORDER BY version;

-- keep: old versions leave with their rows
SELECT version FROM lepton_train('train_table', 'train_ratings', '{"algorithm": "baseline", "keep": 3}');
SELECT version FROM lepton_train('train_table', 'train_ratings', '{"algorithm": "baseline", "keep": 1}');
SELECT version, is_current FROM train_table ORDER BY version;
SELECT version, count(*) FROM train_table_users GROUP BY version ORDER BY version;
SELECT version, relation, n_rows FROM lepton_check('train_table');

-- not where nothing may be written
BEGIN READ ONLY;
SELECT lepton_train('train_table', 'train_ratings');
ROLLBACK;
SELECT version FROM train_table;

-- counts, as bigint: implicit feedback, said in a NOTICE
SET client_min_messages = notice;
SELECT algorithm, details ->> 'feedback' AS feedback FROM lepton_train('train_counts', 'SELECT user_id, item_id, CASE rating WHEN 1 THEN 7 * item_id ELSE 1 END::bigint AS rating FROM train_ratings', '{"algorithm": "popular"}');
SET client_min_messages = warning;
SELECT lepton_drop('train_counts');

SELECT lepton_drop('train_table');
DROP MATERIALIZED VIEW train_matview;
DROP VIEW train_view;
DROP TABLE train_ratings, train_parted, train_named;
DROP FUNCTION train_other(text, jsonb), train_bits(text);
