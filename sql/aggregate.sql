-- lepton_train(user_id, item_id, rating [, options]): a model of each group, as a value
SET client_min_messages = warning;
CREATE TABLE aggregate_ratings (shop integer, user_id integer, item_id integer, rating float8);
INSERT INTO aggregate_ratings
SELECT g % 4, (g / 4 * 7 + g / 90) % 30, (g * 13 + g / 100) % 40, 1 + (g * g / 3) % 5 + (g % 3) / 2.0
FROM generate_series(1, 2400) g;
-- one large group, whose rows are in dictionaries; one of two rows
INSERT INTO aggregate_ratings SELECT 4, g % 50, (g * 7 + g / 50) % 70, g % 5 FROM generate_series(1, 3000) g;
INSERT INTO aggregate_ratings VALUES (5, 1, 1, 3), (5, 1, 2, 4);
ANALYZE aggregate_ratings;

-- what a query gives under a plan that it shows
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/plan.sql'
\i :include

CREATE VIEW aggregate_models AS
SELECT shop, lepton_train(user_id, item_id, rating, '{"algorithm": "als", "factors": 4, "epochs": 3}') AS model
FROM aggregate_ratings GROUP BY shop;

-- one model a group; a group of one user is too small
SET enable_sort = off;
SELECT * FROM plan_lines('TABLE aggregate_models');
CREATE TABLE aggregate_hashed AS TABLE aggregate_models;
RESET enable_sort;
SELECT shop, substr(model, 1, 4) AS begins, count(*) OVER (PARTITION BY model) AS alike FROM aggregate_hashed ORDER BY shop;

-- the same bits: sorted groups
SET enable_hashagg = off;
SELECT * FROM plan_lines('TABLE aggregate_models');
SELECT count(*) AS different FROM (TABLE aggregate_models EXCEPT TABLE aggregate_hashed) d;
RESET enable_hashagg;

-- groups that do not fit into memory at once
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SET enable_sort = off;
CREATE FUNCTION aggregate_batches(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ 'Batches: [0-9]+' THEN
			RETURN (regexp_match(line, 'Batches: ([0-9]+)'))[1]::integer > 1;
		END IF;
	END LOOP;
END $$;
SELECT aggregate_batches('TABLE aggregate_models') AS spilled;
SELECT count(*) AS different FROM (TABLE aggregate_models EXCEPT TABLE aggregate_hashed) d;
RESET work_mem;
RESET hash_mem_multiplier;
RESET enable_sort;

-- several processes, whose states are sent: groups found by hashing and by sorting, and one group of all
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT * FROM plan_lines('TABLE aggregate_models');
SELECT count(*) AS different FROM (TABLE aggregate_models EXCEPT TABLE aggregate_hashed) d;
SET enable_hashagg = off;
SELECT * FROM plan_lines('TABLE aggregate_models');
SELECT count(*) AS different FROM (TABLE aggregate_models EXCEPT TABLE aggregate_hashed) d;
RESET enable_hashagg;
SELECT * FROM plan_lines('SELECT lepton_train(user_id, item_id, rating) FROM aggregate_ratings');
CREATE TABLE aggregate_whole AS SELECT lepton_train(user_id, item_id, rating, '{"algorithm": "als", "factors": 8, "epochs": 2}') AS model FROM aggregate_ratings;
SET max_parallel_workers_per_gather = 0;
SELECT * FROM plan_lines('SELECT lepton_train(user_id, item_id, rating) FROM aggregate_ratings');
SELECT model = (SELECT lepton_train(user_id, item_id, rating, '{"algorithm": "als", "factors": 8, "epochs": 2}') FROM aggregate_ratings) AS same FROM aggregate_whole;

-- rows in another order, and of a table in parts
SELECT count(*) AS different FROM
	(SELECT shop, lepton_train(user_id, item_id, rating, '{"algorithm": "als", "factors": 4, "epochs": 3}' ORDER BY md5(user_id * 1000 + item_id || 'x'))
	 FROM aggregate_ratings GROUP BY shop EXCEPT TABLE aggregate_hashed) d;
CREATE TABLE aggregate_parts (LIKE aggregate_ratings) PARTITION BY HASH (user_id);
CREATE TABLE aggregate_part_0 PARTITION OF aggregate_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE aggregate_part_1 PARTITION OF aggregate_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO aggregate_parts TABLE aggregate_ratings;
ANALYZE aggregate_parts;
SET enable_partitionwise_aggregate = on;
SELECT * FROM plan_lines('SELECT shop, lepton_train(user_id, item_id, rating) FROM aggregate_parts GROUP BY shop');
SELECT count(*) AS different FROM
	(SELECT shop, lepton_train(user_id, item_id, rating, '{"algorithm": "als", "factors": 4, "epochs": 3}')
	 FROM aggregate_parts GROUP BY shop EXCEPT TABLE aggregate_hashed) d;
RESET enable_partitionwise_aggregate;
RESET max_parallel_workers_per_gather;
RESET min_parallel_table_scan_size;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;

-- a hash aggregate whose groups are asked for again
SET enable_sort = off;
SET enable_material = off;
CREATE FUNCTION aggregate_loops(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ 'HashAggregate|Seq Scan' THEN
			RETURN NEXT substring(line FROM '(HashAggregate|Seq Scan)') || ' ' || substring(line FROM 'loops=[0-9]+');
		END IF;
	END LOOP;
END $$;
SELECT * FROM aggregate_loops('SELECT FROM generate_series(1, 3) n LEFT JOIN aggregate_models m ON n > 0');
SELECT n, count(*), bool_and(model IS NOT DISTINCT FROM (SELECT h.model FROM aggregate_hashed h WHERE h.shop = r.shop)) AS same
FROM (SELECT n, m.* FROM generate_series(1, 3) n LEFT JOIN aggregate_models m ON n > 0 OFFSET 0) r GROUP BY n ORDER BY n;
RESET enable_sort;
RESET enable_material;

-- FILTER and DISTINCT choose among rows; * stands for options that take little time
CREATE FUNCTION aggregate_same(a text, b text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	first bytea;
	second bytea;
BEGIN
	EXECUTE 'SELECT lepton_train' || replace(a, '*', '''{"algorithm": "als", "factors": 2, "epochs": 1}''') INTO STRICT first;
	EXECUTE 'SELECT lepton_train' || replace(b, '*', '''{"algorithm": "als", "factors": 2, "epochs": 1}''') INTO STRICT second;
	RETURN first = second;
END $$;
SELECT aggregate_same('(user_id, item_id, rating, *) FILTER (WHERE shop = 1) FROM aggregate_ratings',
	'(user_id, item_id, rating, *) FROM aggregate_ratings WHERE shop = 1') AS filter;
SELECT aggregate_same('(DISTINCT user_id, item_id, rating, *) FROM aggregate_ratings',
	'(user_id, item_id, rating, *) FROM (SELECT DISTINCT user_id, item_id, rating FROM aggregate_ratings) d') AS distinct;
SELECT aggregate_same('(user_id, item_id, rating, *) FROM aggregate_ratings WHERE shop = 1',
	'(user_id, item_id, rating, *) FROM aggregate_ratings WHERE shop = 2') AS another;

-- kinds of ids: smallint to bigint, domains, text and uuid, also mixed, below and beyond what is kept as it comes
CREATE DOMAIN aggregate_key AS smallint;
CREATE TABLE aggregate_kinds AS
SELECT shop, user_type, item_type,
	aggregate_same(format('(user_id::%s, item_id::%s, rating, *) FROM aggregate_ratings WHERE shop = %s', user_type, item_type, shop),
		format('(user_id::%s, item_id::%s, rating, *) FROM aggregate_ratings WHERE shop = %s', user_stored, item_stored, shop)) AS same
FROM (VALUES ('smallint', 'bigint'), ('integer', 'bigint'), ('aggregate_key', 'bigint'), ('varchar', 'text')) AS u(user_type, user_stored),
	(VALUES ('smallint', 'bigint'), ('aggregate_key', 'bigint'), ('varchar', 'text')) AS i(item_type, item_stored),
	(VALUES (1), (4)) AS s(shop);
SELECT count(*), bool_and(same) FROM aggregate_kinds;
CREATE FUNCTION aggregate_parallel(query text) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	model bytea;
BEGIN
	IF NOT EXISTS (SELECT FROM plan_lines(query) node WHERE node = 'Partial Aggregate') THEN
		RAISE EXCEPTION 'the plan is not parallel';
	END IF;
	EXECUTE query INTO STRICT model;
	RETURN model;
END $$;
CREATE FUNCTION aggregate_serial(query text) RETURNS bytea LANGUAGE plpgsql SET max_parallel_workers_per_gather = 0 AS $$
DECLARE
	model bytea;
BEGIN
	EXECUTE query INTO STRICT model;
	RETURN model;
END $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT user_kind, item_kind, bool_and(aggregate_parallel(query) = aggregate_serial(query)) AS same
FROM (VALUES ('bigint', 'text'), ('text', 'uuid'), ('uuid', 'bigint'), ('uuid', 'uuid'), ('text', 'text')) k(user_kind, item_kind),
	(VALUES ('shop = 1 AND user_id < 8'), ('true')) f(filter),
	format('SELECT lepton_train(%s, %s, rating, ''{"algorithm": "als", "factors": 2, "epochs": 1}'') FROM aggregate_ratings WHERE %s',
		CASE user_kind WHEN 'uuid' THEN 'md5(user_id::text)::uuid' ELSE 'user_id::' || user_kind END,
		CASE item_kind WHEN 'uuid' THEN 'md5(item_id::text)::uuid' ELSE 'item_id::' || item_kind END, filter) AS query
GROUP BY user_kind, item_kind ORDER BY user_kind, item_kind;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- the model is the one that a named training of the same rows and options makes
CREATE TABLE aggregate_named (name text, source text, options jsonb, model bytea);
INSERT INTO aggregate_named VALUES
	('factors', 'SELECT user_id, item_id, rating FROM aggregate_ratings', '{"algorithm": "als", "factors": 4, "epochs": 5, "point": "median"}'),
	('sgd', 'SELECT user_id::text, item_id, NULLIF(rating, 4) AS rating FROM aggregate_ratings', '{"algorithm": "sgd", "factors": 4, "epochs": 5, "storage": "int8"}'),
	('bayes', 'SELECT user_id, item_id, rating FROM aggregate_ratings', '{"algorithm": "bayes", "factors": 3, "epochs": 5}'),
	('implicit', 'SELECT user_id, item_id, 1 AS rating FROM aggregate_ratings', '{"algorithm": "ials", "factors": 4}'),
	('walk', 'SELECT user_id, item_id, 1 AS rating FROM aggregate_ratings', '{"algorithm": "walk"}');
DO $$
DECLARE
	n aggregate_named;
BEGIN
	FOR n IN SELECT * FROM aggregate_named LOOP
		PERFORM lepton_train('aggregate_' || n.name, n.source, n.options);
		EXECUTE format('UPDATE aggregate_named SET model = (SELECT lepton_train(user_id, item_id, rating, $1) FROM (%s) s) WHERE name = $2', n.source)
			USING n.options, n.name;
	END LOOP;
END $$;
SELECT name, count(*), count(*) FILTER (WHERE lepton_predict(model, u::text, i) IS DISTINCT FROM lepton_predict('aggregate_' || name, u::text, i)) AS different
FROM aggregate_named, generate_series(0, 50) u, generate_series(0, 70) i GROUP BY name ORDER BY name;
SELECT name, count(*), count(*) FILTER (WHERE v IS DISTINCT FROM t) AS different
FROM aggregate_named, generate_series(0, 50) u, LATERAL lepton_topn(model, u::text, 5) v
	LEFT JOIN LATERAL (SELECT * FROM lepton_topn('aggregate_' || name, u::text, 5)) t ON t.rank = v.rank GROUP BY name ORDER BY name;
-- and knows how new users are folded in
SELECT name, count(*), count(*) FILTER (WHERE v IS DISTINCT FROM t) AS different
FROM aggregate_named, LATERAL lepton_topn_for(model, ARRAY[1, 2, 3], ARRAY[1, 1, 1.5], 5) v
	LEFT JOIN LATERAL (SELECT * FROM lepton_topn_for('aggregate_' || name, ARRAY[1, 2, 3], ARRAY[1, 1, 1.5], 5)) t ON t.rank = v.rank GROUP BY name ORDER BY name;
-- what is said of it, too, but for what differs between two trainings
CREATE TABLE aggregate_rows (name text, model lepton_model);
DO $$
DECLARE
	n text;
BEGIN
	FOR n IN SELECT name FROM aggregate_named LOOP
		EXECUTE format('INSERT INTO aggregate_rows SELECT %1$L, m FROM %2$I m', n, 'aggregate_' || n);
	END LOOP;
END $$;
SELECT name, r.key, r.value = v.value AS same
FROM aggregate_rows t JOIN aggregate_named n USING (name), jsonb_each(to_jsonb(t.model)) r, jsonb_each(to_jsonb(lepton_info(n.model))) v
WHERE r.key = v.key AND r.key IN ('algorithm', 'options', 'n_users', 'n_items', 'n_ratings', 'metrics') AND r.value <> v.value;
SELECT name, string_agg(COALESCE(r.key, v.key), ', ' ORDER BY COALESCE(r.key, v.key)) AS different
FROM (SELECT name, k.* FROM aggregate_rows t, jsonb_each((t.model).details) k) r
	FULL JOIN (SELECT name, k.* FROM aggregate_named n, jsonb_each((lepton_info(n.model)).details) k) v USING (name, key)
WHERE r.value IS DISTINCT FROM v.value GROUP BY name ORDER BY name;
SELECT rows -> 'read' AS read, rows -> 'null_rating' AS nulls FROM aggregate_named, LATERAL (SELECT (lepton_info(model)).details -> 'rows' AS rows) d WHERE name = 'sgd';
SELECT lepton_drop('aggregate_' || name) FROM aggregate_named;

-- untyped parameters, and ratings of other types
PREPARE aggregate_options AS SELECT substr(lepton_train(user_id, item_id, rating, $1), 1, 4) AS begins FROM aggregate_ratings;
EXECUTE aggregate_options('{"algorithm": "baseline"}');
PREPARE aggregate_rating AS SELECT substr(lepton_train(user_id, item_id, $1, $2), 1, 4) AS begins FROM aggregate_ratings;
EXECUTE aggregate_rating(1, '{"algorithm": "popular"}');
SELECT pg_typeof(lepton_train(user_id, item_id::text, rating::numeric, '{"algorithm": "baseline"}')), pg_typeof(lepton_train(user_id::text, item_id::text, rating::real, '{"algorithm": "baseline"}'))
FROM aggregate_ratings;
DEALLOCATE ALL;

-- nothing, nothing but NULLs, and groups that are too small
SELECT lepton_train(user_id, item_id, rating) IS NULL AS empty FROM aggregate_ratings WHERE false;
SELECT lepton_train(user_id, item_id, NULL) IS NULL AS nulls FROM aggregate_ratings;
SELECT lepton_train(user_id, item_id, rating, '{"on_small": "null"}') IS NULL AS small FROM aggregate_ratings WHERE shop = 5;
SELECT lepton_train(user_id, item_id, rating, '{"on_small": "error"}') FROM aggregate_ratings WHERE shop = 5;
SELECT lepton_train(user_id, item_id, NULL, '{"on_small": "error"}') FROM aggregate_ratings;
SELECT lepton_train(user_id, item_id, rating, '{"on_small": "error"}') IS NULL AS empty FROM aggregate_ratings WHERE false;

-- errors
SELECT lepton_train(user_id, item_id, 'NaN') FROM aggregate_ratings;
SELECT lepton_train(user_id::text, item_id, -'Infinity'::float8) FROM aggregate_ratings;
SELECT lepton_train(user_id, item_id, 1e13) FROM aggregate_ratings;
SELECT lepton_train(repeat('x', 2000), item_id, 1) FROM aggregate_ratings;
SELECT lepton_train(user_id::numeric, item_id, 1) FROM aggregate_ratings;
SELECT lepton_train(user_id, 'book', 1) FROM aggregate_ratings;
SELECT lepton_train(user_id, item_id, 1, jsonb_build_object('factors', 1 + user_id % 2)) FROM aggregate_ratings;
SELECT lepton_train(user_id, item_id, 1, CASE WHEN user_id = 7 THEN NULL ELSE jsonb '{}' END) FROM aggregate_ratings;
SELECT lepton_train(user_id, item_id, 1, '[]') FROM aggregate_ratings;
SELECT lepton_train(user_id, item_id, 1, '{"factor": 3}') FROM aggregate_ratings;
SELECT lepton_train(user_id, item_id, 1, '{"keep": 3}') FROM aggregate_ratings;
SELECT lepton_train(user_id, item_id, rating, '{"split": "time"}') FROM aggregate_ratings;
SELECT lepton_train(user_id, item_id, 1, '{"duplicates": "error"}') FROM aggregate_ratings;
SELECT lepton_train(user_id, item_id, rating) OVER (PARTITION BY shop) FROM aggregate_ratings;
-- 1 and 1.0 are the same option
SELECT lepton_train(user_id, item_id, rating, CASE user_id % 2 WHEN 0 THEN jsonb '{"algorithm": "baseline", "seed": 1}' ELSE '{"algorithm": "baseline", "seed": 1.0}' END) IS NOT NULL AS same FROM aggregate_ratings;
-- a NULL without a type is taken as options of the named function
SELECT lepton_train(user_id::text, item_id::text, NULL) FROM aggregate_ratings;
SELECT lepton_train('m', 'aggregate_ratings', '{"on_small": "null"}');

-- memory: the rows of all groups count, and of one alone
CREATE FUNCTION aggregate_error(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE query;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ': ' || regexp_replace(concat_ws(' ', SQLERRM || '.', NULLIF(detail, '')), '[0-9.]+ [kM]B', '#', 'g');
END $$;
SET lepton.max_training_memory = '1MB';
SELECT aggregate_error($$SELECT lepton_train(user_id, item_id, rating, '{"algorithm": "als", "factors": 1024}') FROM aggregate_ratings WHERE shop = 4$$);
SET enable_sort = off;
SELECT aggregate_error($$SELECT g / 20, lepton_train(g % 7, g % 3, g % 5, '{"algorithm": "als", "factors": 2}') FROM generate_series(1, 20000) g GROUP BY 1$$);
RESET enable_sort;
-- the same groups one by one
SET enable_hashagg = off;
SELECT aggregate_error($$SELECT g / 20, lepton_train(g % 7, g % 3, g % 5, '{"algorithm": "als", "factors": 2, "epochs": 1}') FROM generate_series(1, 20000) g GROUP BY 1$$);
RESET enable_hashagg;
SET lepton.max_training_memory = '16MB';
SELECT aggregate_error('SELECT lepton_train(g, g % 9, 1) FROM generate_series(1, 500000) g');
RESET lepton.max_training_memory;
-- a model of more than 256 MB is refused before it is trained
SELECT aggregate_error($$SELECT lepton_train(g, g % 1000, g % 5, '{"algorithm": "als", "factors": 1024, "epochs": 10000}') FROM generate_series(1, 70000) g$$);

-- a cancel gets through to the engine, and leaves nothing behind
SET statement_timeout = '200ms';
SELECT lepton_train(g % 2000, g % 1999, g % 5, '{"algorithm": "als", "factors": 256, "epochs": 10000, "patience": 10000}') FROM generate_series(1, 100000) g;
RESET statement_timeout;
SELECT substr(lepton_train(user_id, item_id, rating, '{"algorithm": "baseline"}'), 1, 4) AS begins FROM aggregate_ratings;

-- parts that are put together in one process, of which one is empty: the same bytes
CREATE TABLE aggregate_split (LIKE aggregate_ratings) PARTITION BY LIST (user_id);
CREATE TABLE aggregate_split_0 PARTITION OF aggregate_split FOR VALUES IN (-1);
CREATE TABLE aggregate_split_1 PARTITION OF aggregate_split FOR VALUES IN (3, 5, 7);
CREATE TABLE aggregate_split_2 PARTITION OF aggregate_split DEFAULT;
INSERT INTO aggregate_split TABLE aggregate_ratings;
ANALYZE aggregate_split;
SET enable_partitionwise_aggregate = on;
SELECT node, count(*) FROM plan_lines('SELECT lepton_train(user_id, item_id, rating) FROM aggregate_split') node GROUP BY node ORDER BY node;
SELECT (SELECT lepton_train(user_id, item_id, rating, '{"algorithm": "baseline"}') FROM aggregate_split) = (SELECT lepton_train(user_id, item_id, rating, '{"algorithm": "baseline"}') FROM aggregate_ratings) AS same;
SELECT lepton_train(user_id, item_id, rating) IS NULL AS nothing FROM aggregate_split WHERE user_id IN (-1, -2);
RESET enable_partitionwise_aggregate;
DROP TABLE aggregate_split;
-- all is held out
SELECT aggregate_error($$SELECT lepton_train(u, i, u + i, '{"on_small": "error", "test_fraction": 0.9, "validation_fraction": 0.9, "algorithm": "baseline"}') FROM generate_series(1, 2) u, generate_series(1, 2) i$$);

-- the functions behind it cannot be called
\set include :srcdir '/sql/include/outcome.sql'
\i :include
SELECT outcome('SELECT lepton_train_final(NULL)');
SELECT outcome('SELECT lepton_train_add(NULL, 1, 1, 1)');
SELECT outcome($$SELECT lepton_train_deserialize('\x', NULL)$$);
CREATE AGGREGATE aggregate_forged (bytea) (SFUNC = lepton_train_deserialize, STYPE = internal);

DROP VIEW aggregate_models;
DROP TABLE aggregate_ratings, aggregate_named, aggregate_rows, aggregate_hashed, aggregate_whole, aggregate_parts, aggregate_kinds;
DROP DOMAIN aggregate_key;
DROP FUNCTION plan_lines, outcome, answer, aggregate_batches, aggregate_loops, aggregate_same, aggregate_parallel, aggregate_serial, aggregate_error;
