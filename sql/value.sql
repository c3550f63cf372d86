-- a model as a value: it answers like the named model that it came from, bit for bit
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE value_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i + u % 3) % 5 AS rating, timestamptz '2024-01-01 UTC' + (u * 40 + i) * interval '1 hour' AS rated_at
FROM generate_series(1, 40) u, generate_series(1, 30) i WHERE (u * 7 + i * 3) % 5 <> 1;
CREATE VIEW value_seen AS SELECT user_id, item_id FROM value_ratings WHERE rating > 3;
CREATE VIEW value_named AS SELECT 'Käufer ' || user_id AS user_id, 'i' || item_id AS item_id, rating FROM value_ratings;
CREATE VIEW value_keys AS SELECT md5(user_id::text)::uuid AS user_id, item_id, rating FROM value_ratings;
CREATE VIEW value_hashes AS SELECT user_id, md5(item_id::text)::uuid AS item_id, rating FROM value_ratings;
-- one of each family, kind of id and storage
CREATE TABLE value_kinds (name text, source text, options jsonb, suffix text);
INSERT INTO value_kinds VALUES
	('factors', 'value_ratings', '{"algorithm": "als", "factors": 5}', ''),
	('half', 'value_named', '{"algorithm": "als", "factors": 20, "storage": "float16"}', '_text'),
	('eighth', 'value_keys', '{"algorithm": "als", "factors": 8, "storage": "int8", "unknown": "null"}', ''),
	('codes', 'value_hashes', '{"algorithm": "sgd", "factors": 8}', '_uuid'),
	('bayes', 'value_ratings', '{"algorithm": "bayes", "factors": 4, "epochs": 10, "point": "median", "time_bins": 3}', ''),
	('baseline', 'value_ratings', '{"algorithm": "baseline"}', ''),
	('implicit', 'value_seen', '{"algorithm": "ials", "factors": 8}', ''),
	('walk', 'value_seen', '{"algorithm": "walk", "storage": "float16"}', ''),
	('slim', 'value_seen', '{"algorithm": "slim", "exclude_seen": false}', ''),
	('blend', 'value_seen', '{"algorithm": "blend"}', ''),
	('popular', 'value_seen', '{"algorithm": "popular"}', '');
CREATE TABLE value_models (name text PRIMARY KEY, model bytea);
DO $$
DECLARE k value_kinds;
BEGIN
	FOR k IN SELECT * FROM value_kinds LOOP
		PERFORM lepton_train('value_' || k.name, k.source, k.options);
		INSERT INTO value_models SELECT k.name, lepton_export('value_' || k.name);
	END LOOP;
END $$;

-- all answers to a call, of a name and of its value: rows that only one of them gives, -1 where there is none
CREATE FUNCTION value_differences(name text, suffix text, source text, call text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
	n_rows bigint;
	pairs text := format('(SELECT DISTINCT user_id::text, item_id FROM %1$s UNION ALL SELECT DISTINCT user_id::text, NULLIF(item_id, item_id) FROM %1$s UNION ALL SELECT DISTINCT NULL, item_id FROM %1$s) s', source);
BEGIN
	EXECUTE format('WITH named AS MATERIALIZED (SELECT s.user_id, s.item_id, r::text FROM %1$s, LATERAL %2$s r),
		valued AS MATERIALIZED (SELECT s.user_id, s.item_id, r::text FROM value_models v, %1$s, LATERAL %3$s r WHERE v.name = %4$L)
		SELECT count(*), (SELECT count(*) FROM named) FROM ((TABLE named EXCEPT ALL TABLE valued) UNION ALL (TABLE valued EXCEPT ALL TABLE named)) d',
		pairs, format(call, quote_literal('value_' || name), suffix), format(call, 'v.model', suffix), name) INTO n, n_rows;
	RETURN CASE WHEN n_rows = 0 THEN -1 ELSE n END;
END $$;
SELECT name, value_differences(name, suffix, source, 'lepton_predict(%s, s.user_id, s.item_id)') AS predict,
	value_differences(name, suffix, source, 'lepton_explain%2$s(%1$s, s.user_id, s.item_id)') AS explain,
	value_differences(name, suffix, source, 'lepton_topn%2$s(%1$s, s.user_id, 5)') AS topn,
	value_differences(name, suffix, source, 'lepton_topn%2$s(%1$s, s.user_id, 4, exclude_seen => false, popularity_penalty => 0.5)') AS penalty,
	value_differences(name, suffix, source, 'lepton_topn%2$s(%1$s, s.user_id, 4, candidates => (SELECT array_agg(DISTINCT item_id) FROM ' || source || '), exclude => ARRAY[s.item_id])') AS candidates,
	value_differences(name, suffix, source, 'lepton_topn%2$s(%1$s, s.user_id, 5, ''false'', ''{}'', 0.1)') AS literals
FROM value_kinds ORDER BY name;
SELECT name, value_differences(name, suffix, source, 'lepton_similar%2$s(%1$s, s.item_id, 3)') AS similar,
	CASE WHEN options ->> 'algorithm' NOT IN ('walk', 'slim') THEN value_differences(name, suffix, source, 'lepton_topn%2$s(%1$s, s.user_id, 4, diversity => 0.5)') END AS diversity
FROM value_kinds WHERE options ->> 'algorithm' NOT IN ('baseline', 'popular') ORDER BY name;
SELECT name, value_differences(name, suffix, source, 'lepton_similar_users' || CASE name WHEN 'eighth' THEN '_uuid' WHEN 'half' THEN '_text' ELSE '' END ||
	'(%1$s, s.user_id' || CASE name WHEN 'eighth' THEN '::uuid' WHEN 'half' THEN '' ELSE '::bigint' END || ', 3)') AS similar_users
FROM value_kinds WHERE options ->> 'algorithm' IN ('als', 'sgd', 'bayes', 'ials') ORDER BY name;
SELECT name, value_differences(name, suffix, source, CASE WHEN source = 'value_seen' THEN 'lepton_topn_for%2$s(%1$s, ARRAY[s.item_id], 4)' ELSE 'lepton_topn_for%2$s(%1$s, ARRAY[s.item_id], ARRAY[4], 4)' END) AS topn_for
FROM value_kinds WHERE options ->> 'algorithm' <> 'baseline' ORDER BY name;
SELECT name, value_differences(name, suffix, source, 'lepton_predict(%1$s, s.user_id, s.item_id, timestamptz ''2024-02-01 UTC'')') AS predict_at,
	value_differences(name, suffix, source, 'lepton_topn_at%2$s(%1$s, s.user_id, timestamptz ''2024-02-01 UTC'', 4)') AS topn_at,
	value_differences(name, suffix, source, 'lepton_topn_at%2$s(%1$s, s.user_id, timestamptz ''2024-02-01 UTC'', 4, candidates => ARRAY[s.item_id])') AS candidates_at,
	value_differences(name, suffix, source, 'lepton_predict_interval(%1$s, s.user_id, s.item_id, 0.7)') AS interval
FROM value_kinds WHERE name IN ('factors', 'bayes', 'baseline', 'eighth') ORDER BY name;
SELECT name, value_differences(name, suffix, source, 'lepton_evaluate(%1$s, ' || quote_literal(source) || ')') AS evaluate FROM value_kinds WHERE name IN ('bayes', 'half', 'blend') ORDER BY name;

-- a value becomes a model, and the model the same value; a name that is there gets one version more
SELECT v.name, i.version, i.is_current, i.source, (i.algorithm, i.options, i.n_users, i.n_items, i.n_ratings, i.metrics, i.details, i.created_at)
	= (n.algorithm, n.options, n.n_users, n.n_items, n.n_ratings, n.metrics, n.details, n.created_at) AS same_row
FROM value_models v, LATERAL lepton_import('imported_' || v.name, v.model) i, LATERAL lepton_info(v.model) n ORDER BY name;
SELECT name, lepton_export('imported_' || name) = model AS same_value FROM value_models ORDER BY name;
SELECT version, n_users, n_items FROM lepton_import('imported_factors', (SELECT model FROM value_models WHERE name = 'bayes'));
SELECT lepton_predict('imported_factors', 5, 7) = lepton_predict('value_bayes', 5, 7) AS newest, lepton_predict('imported_factors', 5, 7, version => 1) = lepton_predict('value_factors', 5, 7) AS first,
	lepton_export('imported_factors', 1) = (SELECT model FROM value_models WHERE name = 'factors') AS exported;
SELECT * FROM lepton_check('imported_blend');
SELECT lepton_import('imported_factors', model) FROM value_models WHERE name = 'half';
SELECT lepton_import('value_ratings', model) FROM value_models WHERE name = 'half';
SELECT lepton_import('imported_of_nothing', NULL);
SELECT lepton_import(NULL, model) FROM value_models WHERE name = 'half';
SELECT lepton_export('value_nobody');
SELECT lepton_export('value_factors', 7);
BEGIN READ ONLY;
SELECT length(lepton_export('value_factors')) > 1000 AS exported;
SELECT lepton_import('imported_read_only', model) FROM value_models WHERE name = 'half';
ROLLBACK;
-- what would be too large is refused before its rows are read
BEGIN;
UPDATE value_factors SET n_ratings = 300000000;
SELECT lepton_export('value_factors');
ROLLBACK;

-- what it says of itself
SELECT v.name, i.version, i.algorithm, i.n_users, i.n_items, i.n_ratings, i.options, i.metrics ? 'n_test' AS measured, i.details -> 'options' ->> 'storage' AS storage, i.users
FROM value_models v, LATERAL lepton_info(v.model) i ORDER BY name;

-- several values in one query, stored outside of their rows, and made on the way
CREATE TABLE value_shops AS SELECT shop, v.name, v.model FROM value_models v, generate_series(1, 3) shop WHERE v.name IN ('factors', 'bayes', 'baseline');
SELECT count(*), count(DISTINCT lepton_predict(model, 5, 7)) AS answers FROM value_shops;
SELECT count(*) FROM (SELECT name, lepton_predict(model, 5, 7) AS p FROM value_shops ORDER BY shop, name) s WHERE p <> lepton_predict('value_' || name, 5, 7);
SELECT count(*) FROM (SELECT name, lepton_predict(model || ''::bytea, 5, 7) AS p FROM value_shops ORDER BY shop, name OFFSET 0) s WHERE p <> lepton_predict('value_' || name, 5, 7);
-- a function keeps what it has read for longer than a statement: another value in its variable is another model
CREATE FUNCTION value_each() RETURNS TABLE (name text, same boolean) LANGUAGE plpgsql AS $$
DECLARE v value_models; p real;
BEGIN
	FOR v IN SELECT * FROM value_models m WHERE m.name IN ('factors', 'bayes', 'baseline') ORDER BY m.name LOOP
		p := lepton_predict(v.model, 5, 7);
		name := v.name;
		same := p = lepton_predict('value_' || v.name, 5, 7);
		RETURN NEXT;
	END LOOP;
END $$;
SELECT * FROM value_each();
-- and the same stored one, in a later statement, is looked at again: its head tells whether it still is what was read
CREATE FUNCTION value_first(wanted text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v bytea; p real;
BEGIN
	SELECT m.model INTO v FROM value_shops m WHERE m.name = wanted AND m.shop = 1;
	p := lepton_predict(v, 5, 7);
	RETURN p = lepton_predict('value_' || wanted, 5, 7);
END $$;
BEGIN;
SELECT value_first('factors');
INSERT INTO value_shops SELECT 4, m.name, m.model FROM value_shops m WHERE m.shop = 1;
SELECT value_first('factors');
UPDATE value_shops SET model = (SELECT m.model FROM value_models m WHERE m.name = 'bayes') WHERE shop = 1 AND name = 'factors';
SELECT value_first('factors');
ROLLBACK;
SELECT value_first('factors');
PREPARE value_call(bytea) AS SELECT lepton_predict($1, 5, 7);
CREATE FUNCTION value_generic() RETURNS TABLE (name text, same boolean) LANGUAGE plpgsql AS $$
DECLARE v value_models; p real;
BEGIN
	FOR v IN SELECT * FROM value_models m WHERE m.name IN ('factors', 'bayes') ORDER BY m.name LOOP
		EXECUTE format('EXECUTE value_call(%L)', v.model) INTO p;
		name := v.name;
		same := p = lepton_predict('value_' || v.name, 5, 7);
		RETURN NEXT;
	END LOOP;
END $$;
SET plan_cache_mode = force_generic_plan;
SELECT * FROM value_generic();
RESET plan_cache_mode;
-- immutable: in an index; safe: in a parallel worker
CREATE INDEX value_index ON value_models (lepton_predict(model, '5', '7')) WHERE name IN ('factors', 'bayes');
SET enable_seqscan = off;
SELECT name FROM value_models WHERE lepton_predict(model, '5', '7') = lepton_predict('value_bayes', 5, 7) AND name IN ('factors', 'bayes');
RESET enable_seqscan;
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/plan.sql'
\i :include
CREATE TABLE value_pairs AS SELECT u AS user_id, i AS item_id FROM generate_series(1, 60) u, generate_series(1, 40) i;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
SELECT * FROM plan_lines('SELECT count(*) FROM value_pairs WHERE lepton_predict((SELECT model FROM value_models WHERE name = ''factors''), user_id, item_id) > 3', 'Gather|value_pairs|lepton');
SELECT count(*) FROM value_pairs WHERE lepton_predict((SELECT model FROM value_models WHERE name = 'factors'), user_id, item_id) > 3 \gset parallel_
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather; 
SELECT count(*) = :parallel_count AND count(*) > 100 AS same FROM value_pairs WHERE lepton_predict('value_factors', user_id, item_id) > 3;

-- calls that must resolve
SELECT count(DISTINCT p) AS one FROM value_models v, LATERAL (VALUES (lepton_predict(v.model, 5, 7)), (lepton_predict(v.model, '5', '7')), (lepton_predict(v.model, 5::smallint, 7::bigint)), (lepton_predict(v.model, '5'::text, 7)),
	(lepton_predict(item_id => 7, user_id => 5, model => v.model)), (lepton_predict(v.model, 5, 7, NULL)), (lepton_predict(v.model, '5'::varchar, '7', now()))) c(p) WHERE v.name = 'factors';
PREPARE value_list AS SELECT count(*) FROM lepton_topn((SELECT model FROM value_models WHERE name = 'factors'), $1, $2, $3, $4, $5);
EXECUTE value_list('5', '10', '{1,2,3}', 'false', '{3}');
PREPARE value_typed(bytea) AS SELECT lepton_predict($1, $2, $3);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'value_typed';
SELECT lepton_topn_text(model, 5) FROM value_models WHERE name = 'factors';
SELECT lepton_topn(model, 'Käufer 5') FROM value_models WHERE name = 'half';
SELECT lepton_predict(model, 'x', 7) FROM value_models WHERE name = 'factors';
SELECT lepton_predict(model, md5('5')::uuid, 7) FROM value_models WHERE name = 'factors';
SELECT lepton_evaluate(model, 'value_named') FROM value_models WHERE name = 'factors';
-- no model gives no answer; a value that says nothing of what is asked for is an error
SELECT lepton_predict(NULL::bytea, 5, 7) IS NULL AS none, lepton_predict_interval(NULL::bytea, 5, 7) IS NULL AS none, lepton_info(NULL) IS NULL AS none;
SELECT count(*) FROM (VALUES (NULL::bytea), ((SELECT model FROM value_models WHERE name = 'factors')), (NULL)) v(model), LATERAL lepton_topn(v.model, 5, 3);
SELECT lepton_topn(NULL::bytea, 5), lepton_similar(NULL::bytea, 5), lepton_similar_users(NULL::bytea, 5), lepton_explain(NULL::bytea, 5, 7), lepton_topn_for(NULL::bytea, '{1}');
SELECT count(*) FROM lepton_topn(NULL::bytea, 5) a, lepton_topn_at(NULL::bytea, 5, now()) b;
SELECT lepton_evaluate(NULL::bytea, 'value_ratings');
SELECT lepton_similar(model, 3) FROM value_models WHERE name = 'baseline';
SELECT lepton_predict_interval(model, 5, 7) FROM value_models WHERE name = 'implicit';

-- bytes that are no model, or damaged, or of a later version
SELECT lepton_predict(''::bytea, 5, 7);
SELECT lepton_predict('\x00'::bytea, 5, 7);
SELECT lepton_predict('\x4c45504d'::bytea, 5, 7);
SELECT lepton_predict('\x4c45504d01'::bytea, 5, 7);
SELECT lepton_predict(factors, 5, 7) FROM value_factors_users LIMIT 1;
SELECT lepton_predict(set_byte(model, 4, 2), 5, 7) FROM value_models WHERE name = 'factors';
SELECT lepton_predict(set_byte(model, 5, 4), 5, 7) FROM value_models WHERE name = 'factors';
\set VERBOSITY terse
SELECT lepton_predict(substring(model FOR 2000), 5, 7) FROM value_models WHERE name = 'factors';
\set VERBOSITY default
SELECT lepton_predict(overlay(model PLACING '\xff'::bytea FROM 149), 5, 7) FROM value_models WHERE name = 'factors';
-- any byte that is changed is noticed, also where the value before was good
CREATE FUNCTION value_refuses(model bytea, at integer) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM lepton_predict(set_byte(model, at, get_byte(model, at) # 1), 5, 7);
	RETURN 'accepted';
EXCEPTION WHEN data_corrupted OR feature_not_supported OR invalid_parameter_value THEN
	RETURN 'refused';
END $$;
SELECT value_refuses(model, at) AS answer, count(*) > 500 AS many FROM value_models, LATERAL (SELECT at FROM generate_series(0, length(model) - 1, 7) at UNION SELECT generate_series(0, 151)) a WHERE name = 'factors' GROUP BY 1;
SELECT lepton_predict(CASE n WHEN 3 THEN set_byte(model, 2000, 77) ELSE model || ''::bytea END, 5, 7) > 0 AS answer FROM value_models, generate_series(1, 4) n WHERE name = 'factors';
SELECT lepton_import('imported_damaged', set_byte(model, 2000, 77)) FROM value_models WHERE name = 'factors';
SELECT lepton_info(set_byte(model, 2000, 77)) FROM value_models WHERE name = 'factors';
SELECT to_regclass('imported_damaged') AS nothing;

-- whoever may read the model may export it; whoever may train a model of that name may import one
CREATE ROLE regress_lepton_value;
CREATE SCHEMA value_theirs AUTHORIZATION regress_lepton_value;
GRANT SELECT ON value_models TO regress_lepton_value;
SET ROLE regress_lepton_value;
SELECT lepton_export('value_factors');
SELECT lepton_import('imported_factors', model) FROM value_models WHERE name = 'factors';
SELECT lepton_import('value_not_here.m', model) FROM value_models WHERE name = 'factors';
SELECT version FROM value_models, LATERAL lepton_import('value_theirs.m', model) WHERE name = 'factors';
SELECT lepton_predict(model, 5, 7) = lepton_predict('value_theirs.m', 5, 7) AS same FROM value_models WHERE name = 'factors';
RESET ROLE;
GRANT SELECT ON value_factors TO regress_lepton_value;
SET ROLE regress_lepton_value;
SELECT lepton_export('value_factors') = model AS same FROM value_models WHERE name = 'factors';
RESET ROLE;
-- what a version is to its model and its database stays there: where live rows are, what is pinned, what would be run
UPDATE value_factors SET details = details || '{"live": {"source": "value_ratings"}, "pinned": true, "search_path": "value_theirs"}', source = 'value_ratings';
UPDATE value_factors SET details = jsonb_set(details, '{serving,live}', 'true');
SELECT i.source, i.details ?| ARRAY['live', 'pinned', 'unpublished', 'search_path'] AS marks, i.details -> 'serving' ? 'live' AS live FROM lepton_info(lepton_export('value_factors')) i;

-- as many versions are kept where it comes to as the options say
SELECT version FROM lepton_train('value_keeps', 'value_ratings', '{"algorithm": "baseline", "keep": 3}');
SELECT (lepton_import('imported_keeps', lepton_export('value_keeps'))).version FROM generate_series(1, 5);
SELECT count(*), min(version) FROM imported_keeps;
SELECT lepton_drop('value_keeps'), lepton_drop('imported_keeps');

DEALLOCATE ALL;
DROP TABLE value_models, value_shops, value_pairs;
SELECT lepton_drop('value_theirs.m');
DROP SCHEMA value_theirs;
SELECT lepton_drop('value_' || name), lepton_drop('imported_' || name) FROM value_kinds ORDER BY name;
DROP FUNCTION plan_lines, value_first, value_differences, value_each, value_generic, value_refuses;
DROP VIEW value_seen, value_named, value_keys, value_hashes;
DROP TABLE value_kinds, value_ratings;
DROP ROLE regress_lepton_value;
