-- a model as a value: it answers like the named model that it came from, bit for bit
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE value_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i + u % 3) % 5 AS rating, timestamptz '2024-01-01 UTC' + (u * 40 + i) * interval '1 hour' AS rated_at
FROM generate_series(1, 40) u, generate_series(1, 30) i WHERE (u * 7 + i * 3) % 5 <> 1;
CREATE VIEW value_seen AS SELECT user_id, item_id FROM value_ratings WHERE rating > 3;
CREATE VIEW value_named AS SELECT 'Käufer ' || user_id AS user_id, 'i' || item_id AS item_id, rating FROM value_ratings;
CREATE VIEW value_keys AS SELECT md5(user_id::text)::uuid AS user_id, item_id, rating FROM value_ratings;
CREATE VIEW value_codes AS SELECT user_id, md5(item_id::text)::uuid AS item_id, rating FROM value_ratings;
-- one of each family, kind of id and storage
CREATE TABLE value_kinds (name text, source text, options jsonb, suffix text);
INSERT INTO value_kinds VALUES
	('factors', 'value_ratings', '{"algorithm": "als", "factors": 5}', ''),
	('half', 'value_named', '{"algorithm": "als", "factors": 20, "storage": "float16"}', '_text'),
	('eighth', 'value_keys', '{"algorithm": "als", "factors": 8, "storage": "int8", "unknown": "null"}', ''),
	('codes', 'value_codes', '{"algorithm": "sgd", "factors": 8, "time_column": null}', '_uuid'),
	('bayes', 'value_ratings', '{"algorithm": "bayes", "factors": 4, "epochs": 10, "point": "median"}', ''),
	('baseline', 'value_ratings', '{"algorithm": "baseline"}', ''),
	('implicit', 'value_seen', '{"algorithm": "ials", "factors": 8}', ''),
	('walk', 'value_seen', '{"algorithm": "walk", "storage": "float16"}', ''),
	('slim', 'value_seen', '{"algorithm": "slim", "exclude_seen": false}', ''),
	('blend', 'value_seen', '{"algorithm": "blend"}', ''),
	('popular', 'value_seen', '{"algorithm": "popular"}', '');
UPDATE value_kinds SET options = options - 'time_column';
CREATE TABLE value_models (name text PRIMARY KEY, model bytea);
DO $$
DECLARE k value_kinds;
BEGIN
	FOR k IN SELECT * FROM value_kinds LOOP
		PERFORM lepton_train('value_' || k.name, k.source, k.options);
		INSERT INTO value_models SELECT k.name, lepton_export('value_' || k.name);
	END LOOP;
END $$;

-- every answer of every function, of a name and of its value; ids as text fit every overload
CREATE FUNCTION value_differences(name text, suffix text, source text, call text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; n_rows bigint;
BEGIN
	EXECUTE format('WITH named AS MATERIALIZED (SELECT s.user_id, s.item_id, r::text FROM (SELECT DISTINCT user_id::text, item_id::text FROM %1$s
			UNION ALL SELECT user_id::text, NULL FROM %1$s UNION ALL SELECT NULL, item_id::text FROM %1$s) s, LATERAL %2$s r),
		valued AS MATERIALIZED (SELECT s.user_id, s.item_id, r::text FROM value_models v, (SELECT DISTINCT user_id::text, item_id::text FROM %1$s
			UNION ALL SELECT user_id::text, NULL FROM %1$s UNION ALL SELECT NULL, item_id::text FROM %1$s) s, LATERAL %3$s r WHERE v.name = %4$L)
		SELECT count(*), (SELECT count(*) FROM named) FROM ((TABLE named EXCEPT ALL TABLE valued) UNION ALL (TABLE valued EXCEPT ALL TABLE named)) d',
		source, format(call, quote_literal('value_' || name), suffix), format(call, 'v.model', suffix), name) INTO n, n_rows;
	RETURN CASE WHEN n_rows = 0 THEN -1 ELSE n END;
END $$;
SELECT name, value_differences(name, suffix, source, 'lepton_predict(%s, s.user_id, s.item_id)') AS predict FROM value_kinds ORDER BY name;
SELECT name, value_differences(name, suffix, source, 'lepton_topn%2$s(%1$s, s.user_id, 5)') AS topn,
	value_differences(name, suffix, source, 'lepton_topn%2$s(%1$s, s.user_id, 4, exclude_seen => false, popularity_penalty => 0.5)') AS penalty,
	value_differences(name, suffix, source, 'lepton_explain%2$s(%1$s, s.user_id, s.item_id)') AS explain FROM value_kinds ORDER BY name;
