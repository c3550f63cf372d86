-- lepton_train(user_id, item_id, rating [, options]): a model of each group, as a value
CREATE TABLE aggregate_ratings (shop integer, user_id integer, item_id integer, rating float8);
INSERT INTO aggregate_ratings
SELECT g % 4, (g / 4 * 7 + g / 90) % 30, (g * 13 + g / 100) % 40, 1 + (g * g / 3) % 5 + (g % 3) / 2.0
FROM generate_series(1, 2400) g;
-- one large group, whose rows are in dictionaries; one of two rows
INSERT INTO aggregate_ratings SELECT 4, g % 50, (g * 7 + g / 50) % 70, g % 5 FROM generate_series(1, 3000) g;
INSERT INTO aggregate_ratings VALUES (5, 1, 1, 3), (5, 1, 2, 4);
ANALYZE aggregate_ratings;

-- what a query gives under a plan that it shows
CREATE FUNCTION aggregate_nodes(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Aggregate|Gather|Append' THEN
			RETURN NEXT trim(leading ' ->' FROM line);
		END IF;
	END LOOP;
END $$;

CREATE VIEW aggregate_models AS
SELECT shop, lepton_train(user_id, item_id, rating, '{"algorithm": "als", "factors": 4, "epochs": 3}') AS model
FROM aggregate_ratings GROUP BY shop;

-- one model a group; a group of one user is too small
SET enable_sort = off;
SELECT * FROM aggregate_nodes('TABLE aggregate_models');
CREATE TABLE aggregate_hashed AS TABLE aggregate_models;
RESET enable_sort;
SELECT shop, substr(model, 1, 4) AS begins, count(*) OVER (PARTITION BY model) AS alike FROM aggregate_hashed ORDER BY shop;

-- the same bits: sorted groups
SET enable_hashagg = off;
SELECT * FROM aggregate_nodes('TABLE aggregate_models');
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
SELECT * FROM aggregate_nodes('TABLE aggregate_models');
SELECT count(*) AS different FROM (TABLE aggregate_models EXCEPT TABLE aggregate_hashed) d;
SET enable_hashagg = off;
SELECT * FROM aggregate_nodes('TABLE aggregate_models');
SELECT count(*) AS different FROM (TABLE aggregate_models EXCEPT TABLE aggregate_hashed) d;
RESET enable_hashagg;
SELECT * FROM aggregate_nodes('SELECT lepton_train(user_id, item_id, rating) FROM aggregate_ratings');
CREATE TABLE aggregate_whole AS SELECT lepton_train(user_id, item_id, rating, '{"algorithm": "als"}') AS model FROM aggregate_ratings;
SET max_parallel_workers_per_gather = 0;
SELECT * FROM aggregate_nodes('SELECT lepton_train(user_id, item_id, rating) FROM aggregate_ratings');
SELECT model = (SELECT lepton_train(user_id, item_id, rating, '{"algorithm": "als"}') FROM aggregate_ratings) AS same FROM aggregate_whole;

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
SELECT * FROM aggregate_nodes('SELECT shop, lepton_train(user_id, item_id, rating) FROM aggregate_parts GROUP BY shop');
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

-- FILTER, DISTINCT and NULLs are as other rows: not there
CREATE FUNCTION aggregate_same(a text, b text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	first bytea;
	second bytea;
BEGIN
	EXECUTE 'SELECT lepton_train' || a INTO STRICT first;
	EXECUTE 'SELECT lepton_train' || b INTO STRICT second;
	RETURN first = second;
END $$;
SELECT aggregate_same('(user_id, item_id, rating) FILTER (WHERE shop = 1) FROM aggregate_ratings',
	'(user_id, item_id, rating) FROM aggregate_ratings WHERE shop = 1') AS filter;
SELECT aggregate_same('(DISTINCT user_id, item_id, 1) FROM aggregate_ratings',
	'(user_id, item_id, 1) FROM (SELECT DISTINCT user_id, item_id FROM aggregate_ratings) d') AS distinct;
SELECT aggregate_same('(user_id, item_id, rating) FROM aggregate_ratings WHERE shop = 1',
	'(user_id, item_id, rating) FROM aggregate_ratings WHERE shop = 2') AS another;

-- kinds of ids: smallint to bigint, domains, text and uuid, also mixed, below and beyond what is kept as it comes
CREATE DOMAIN aggregate_key AS smallint;
CREATE TABLE aggregate_kinds AS
SELECT shop, user_type, item_type,
	aggregate_same(format('(user_id::%s, item_id::%s, rating) FROM aggregate_ratings WHERE shop = %s', user_type, item_type, shop),
		format('(user_id::%s, item_id::%s, rating) FROM aggregate_ratings WHERE shop = %s', user_stored, item_stored, shop)) AS same
FROM (VALUES ('smallint', 'bigint'), ('integer', 'bigint'), ('aggregate_key', 'bigint'), ('varchar', 'text')) AS u(user_type, user_stored),
	(VALUES ('smallint', 'bigint'), ('aggregate_key', 'bigint'), ('varchar', 'text')) AS i(item_type, item_stored),
	(VALUES (1), (4)) AS s(shop);
SELECT count(*), bool_and(same) FROM aggregate_kinds;
CREATE FUNCTION aggregate_parallel(query text) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
	model bytea;
BEGIN
	IF NOT EXISTS (SELECT FROM aggregate_nodes(query) node WHERE node = 'Partial Aggregate') THEN
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
	format('SELECT lepton_train(%s, %s, rating) FROM aggregate_ratings WHERE %s',
		CASE user_kind WHEN 'uuid' THEN 'md5(user_id::text)::uuid' ELSE 'user_id::' || user_kind END,
		CASE item_kind WHEN 'uuid' THEN 'md5(item_id::text)::uuid' ELSE 'item_id::' || item_kind END, filter) AS query
GROUP BY user_kind, item_kind ORDER BY user_kind, item_kind;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

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
SELECT lepton_train(user_id, item_id, rating, CASE user_id % 2 WHEN 0 THEN jsonb '{"seed": 1}' ELSE '{"seed": 1.0}' END) IS NOT NULL AS same FROM aggregate_ratings;
-- a NULL without a type is taken as options of the named function
SELECT lepton_train(user_id::text, item_id::text, NULL) FROM aggregate_ratings;
SELECT lepton_train('m', 'aggregate_ratings', '{"on_small": "null"}');

-- memory: the rows of all groups count, and of one alone
SET lepton.max_training_memory = '1MB';
SELECT lepton_train(user_id, item_id, rating, '{"algorithm": "als", "factors": 1024}') FROM aggregate_ratings WHERE shop = 4;
SET enable_sort = off;
DO $$
BEGIN
	PERFORM g / 20, lepton_train(g % 7, g % 3, g % 5, '{"algorithm": "als", "factors": 2}') FROM generate_series(1, 20000) g GROUP BY 1;
EXCEPTION WHEN configuration_limit_exceeded THEN
	RAISE NOTICE '%', regexp_replace(SQLERRM, '[0-9.]+ MB', '# MB', 'g');
END $$;
RESET enable_sort;
SET lepton.max_training_memory = '16MB';
SELECT lepton_train(g, g % 9, 1) FROM generate_series(1, 500000) g;
RESET lepton.max_training_memory;
-- a model of more than 256 MB is refused before it is trained
SELECT lepton_train(g, g % 1000, g % 5, '{"algorithm": "als", "factors": 1024, "epochs": 10000}') FROM generate_series(1, 70000) g;

-- a cancel gets through to the engine, and leaves nothing behind
SET statement_timeout = '200ms';
SELECT lepton_train(g % 2000, g % 1999, g % 5, '{"algorithm": "als", "factors": 256, "epochs": 10000, "patience": 10000}') FROM generate_series(1, 100000) g;
RESET statement_timeout;
SELECT substr(lepton_train(user_id, item_id, rating), 1, 4) AS begins FROM aggregate_ratings;

-- the functions behind it cannot be called
SELECT lepton_train_final(NULL);
SELECT lepton_train_add(NULL, 1, 1, 1);
SELECT lepton_train_deserialize('\x', NULL);
CREATE AGGREGATE aggregate_forged (bytea) (SFUNC = lepton_train_deserialize, STYPE = internal);

DROP VIEW aggregate_models;
DROP TABLE aggregate_ratings, aggregate_hashed, aggregate_whole, aggregate_parts, aggregate_kinds;
DROP DOMAIN aggregate_key;
DROP FUNCTION aggregate_nodes, aggregate_batches, aggregate_loops, aggregate_same, aggregate_parallel, aggregate_serial;
