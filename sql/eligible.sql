-- Option eligible: which items may be listed at all.
\set SHOW_CONTEXT never
SET extra_float_digits = 0;
CREATE TABLE eligible_ratings (user_id int, item_id int, rating real);
INSERT INTO eligible_ratings
SELECT u, i, 1 + (u * 7 + i * 13 + (u * i) % 11) % 5 FROM generate_series(1, 40) u, generate_series(1, 90) i WHERE (u * 31 + i * 17) % 5 = 0;
CREATE TABLE eligible_products (item_id int PRIMARY KEY, name text, in_stock boolean NOT NULL);
INSERT INTO eligible_products SELECT i, 'product ' || i, true FROM generate_series(1, 100) i;

-- every kind of model, twice: with the option, and without, as the oracle
CREATE TABLE eligible_kinds (algorithm text, options jsonb);
INSERT INTO eligible_kinds VALUES ('als', '{"factors": 4, "epochs": 3}'), ('baseline', '{}'), ('popular', '{"feedback": "implicit"}'), ('walk', '{"feedback": "implicit", "neighbors": 20}'),
  ('ials', '{"feedback": "implicit", "factors": 4, "epochs": 2}'), ('blend', '{"feedback": "implicit"}');
CREATE FUNCTION eligible_train(model text, options jsonb) RETURNS text LANGUAGE sql AS
  $$SELECT algorithm FROM lepton_train(model, 'eligible_ratings', options)$$;
SELECT eligible_train('eligible_' || algorithm, options || jsonb_build_object('algorithm', algorithm, 'eligible', 'SELECT item_id FROM eligible_products WHERE in_stock')),
       eligible_train('eligible_not_' || algorithm, options || jsonb_build_object('algorithm', algorithm)) FROM eligible_kinds;
SELECT details -> 'eligible' AS eligible, details -> 'serving' -> 'eligible' AS serving FROM eligible_als;

-- lists are those of all items without what is not in stock, whatever part that is
CREATE VIEW eligible_wrong AS
  SELECT 'topn' AS function, k.algorithm, n, u FROM eligible_kinds k, generate_series(1, 40, 9) u, (VALUES (3), (1000)) v (n)
   WHERE ARRAY(SELECT (item_id, score, origin)::text FROM lepton_topn('eligible_' || algorithm, u, n) ORDER BY rank)
      IS DISTINCT FROM ARRAY(SELECT (item_id, score, origin)::text FROM lepton_topn('eligible_not_' || algorithm, u, 1000) JOIN eligible_products USING (item_id) WHERE in_stock ORDER BY rank LIMIT n)
  UNION ALL
  SELECT 'candidates', k.algorithm, n, u FROM eligible_kinds k, generate_series(1, 40, 13) u, (VALUES (3), (1000)) v (n)
   WHERE ARRAY(SELECT (item_id, score, origin)::text FROM lepton_topn('eligible_' || algorithm, u, n, ARRAY(SELECT generate_series(1, 110, 2))) ORDER BY rank)
      IS DISTINCT FROM ARRAY(SELECT (item_id, score, origin)::text FROM lepton_topn('eligible_not_' || algorithm, u, 1000, ARRAY(SELECT generate_series(1, 110, 2))) JOIN eligible_products USING (item_id) WHERE in_stock ORDER BY rank LIMIT n)
  UNION ALL
  SELECT 'topn_for', k.algorithm, 5, i FROM eligible_kinds k, generate_series(1, 90, 29) i
   WHERE ARRAY(SELECT (item_id, score, origin)::text FROM lepton_topn_for('eligible_' || algorithm, ARRAY[i, i + 3], ARRAY[4, 5], 5) ORDER BY rank)
      IS DISTINCT FROM ARRAY(SELECT (item_id, score, origin)::text FROM lepton_topn_for('eligible_not_' || algorithm, ARRAY[i, i + 3], ARRAY[4, 5], 1000) JOIN eligible_products USING (item_id) WHERE in_stock ORDER BY rank LIMIT 5)
  UNION ALL
  SELECT 'similar', k.algorithm, 5, i FROM eligible_kinds k, generate_series(1, 90, 29) i
   WHERE algorithm NOT IN ('baseline', 'popular') AND ARRAY(SELECT (item_id, score, origin)::text FROM lepton_similar('eligible_' || algorithm, i, 5) ORDER BY rank)
      IS DISTINCT FROM ARRAY(SELECT (item_id, score, origin)::text FROM lepton_similar('eligible_not_' || algorithm, i, 1000) JOIN eligible_products USING (item_id) WHERE in_stock ORDER BY rank LIMIT 5);
SELECT function, algorithm, count(*) FROM eligible_wrong GROUP BY 1, 2;
UPDATE eligible_products SET in_stock = false WHERE item_id % 3 = 0;
SELECT function, algorithm, count(*) FROM eligible_wrong GROUP BY 1, 2;
SELECT count(*) FILTER (WHERE item_id % 3 = 0) AS sold_out, count(*) > 0 AS others FROM lepton_topn('eligible_als', 1, 1000);
UPDATE eligible_products SET in_stock = false WHERE item_id % 10 <> 1;
SELECT function, algorithm, count(*) FROM eligible_wrong GROUP BY 1, 2;
SELECT algorithm, count(*) FROM eligible_kinds, lepton_topn('eligible_' || algorithm, -1, 1000) GROUP BY 1 ORDER BY 1;
-- all users at once
SELECT algorithm, count(*) FROM eligible_kinds k,
  LATERAL (SELECT * FROM lepton_topn_all('eligible_' || algorithm, 3) EXCEPT SELECT u, r.* FROM generate_series(1, 40) u, LATERAL lepton_topn('eligible_' || k.algorithm, u, 3) r) d GROUP BY 1;
SELECT algorithm, count(*) > 0 AS some FROM eligible_kinds k, lepton_topn_all('eligible_' || algorithm, 3) GROUP BY 1 ORDER BY 1;
-- in another order, too
SELECT count(*) FROM lepton_topn('eligible_als', 1, 5, popularity_penalty => 1) WHERE item_id % 10 <> 1;
SELECT count(*) FROM lepton_topn('eligible_walk', 1, 5, diversity => 0.3) WHERE item_id % 10 <> 1;
-- none at all, and of this very transaction
BEGIN;
UPDATE eligible_products SET in_stock = false;
SELECT algorithm, count(*) FROM eligible_kinds, lepton_topn('eligible_' || algorithm, 1, 1000) GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM lepton_similar('eligible_als', 1, 10);
ROLLBACK;
-- candidates that the model does not know must be eligible, too
SELECT item_id, origin FROM lepton_topn('eligible_als', 1, 5, ARRAY[91, 92, 101]);
-- predictions do not ask
SELECT lepton_predict('eligible_als', 1, 12) = lepton_predict('eligible_not_als', 1, 12) AS same;

-- a list or two ask for the items that they would list, not for all that there are
INSERT INTO eligible_products SELECT i, 'product ' || i, true FROM generate_series(1001, 10000) i;
UPDATE eligible_products SET in_stock = item_id % 3 <> 0 WHERE item_id <= 100;
VACUUM ANALYZE eligible_products;
SET random_page_cost = 1.1;
CREATE FUNCTION eligible_rows(list text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE before bigint; after bigint;
BEGIN
  SELECT seq_tup_read + idx_tup_fetch INTO before FROM pg_stat_xact_user_tables WHERE relname = 'eligible_products';
  EXECUTE 'SELECT count(*) FROM ' || list;
  SELECT seq_tup_read + idx_tup_fetch INTO after FROM pg_stat_xact_user_tables WHERE relname = 'eligible_products';
  RETURN after - before;
END$$;
SELECT algorithm, eligible_rows(format('lepton_topn(''eligible_%s'', 1, 5)', algorithm)) BETWEEN 5 AND 500 AS list,
       eligible_rows(format('lepton_topn(''eligible_%s'', 1, 5, ARRAY(SELECT generate_series(1, 2000, 50)))', algorithm)) BETWEEN 5 AND 500 AS candidates,
       eligible_rows(format('lepton_topn_for(''eligible_%s'', ARRAY[1, 2], ARRAY[4, 5], 5)', algorithm)) BETWEEN 5 AND 500 AS basket,
       eligible_rows(format('generate_series(1, 2000) u, lepton_topn(''eligible_%s'', u %% 40, 5)', algorithm)) BETWEEN 9000 AND 20000 AS many
  FROM eligible_kinds;
SELECT function, algorithm, count(*) FROM eligible_wrong GROUP BY 1, 2;
-- few of those that would be listed, or none
UPDATE eligible_products SET in_stock = item_id > 1000 OR item_id % 30 = 1;
SELECT function, algorithm, count(*) FROM eligible_wrong GROUP BY 1, 2;
SELECT item_id, origin FROM lepton_topn('eligible_als', 1, 5, ARRAY[1001, 91, 92, 2]);
UPDATE eligible_products SET in_stock = item_id > 1000;
SELECT algorithm, count(*) FROM eligible_kinds, lepton_topn('eligible_' || algorithm, 1, 5) GROUP BY 1 ORDER BY 1;
RESET random_page_cost;
DELETE FROM eligible_products WHERE item_id > 100;
UPDATE eligible_products SET in_stock = item_id % 10 = 1 AND item_id % 3 <> 0;

-- a table: its column of item ids, or its only one; a version keeps what it was trained with
CREATE TABLE eligible_ids (id int);
INSERT INTO eligible_ids VALUES (5), (NULL), (7), (5), (1000);
SELECT details -> 'eligible' FROM lepton_train('eligible_als', 'eligible_ratings', '{"algorithm": "als", "factors": 4, "epochs": 3, "eligible": "eligible_ids"}');
SELECT item_id FROM lepton_topn('eligible_als', -1, 1000) ORDER BY 1;
SELECT count(*) FROM lepton_topn('eligible_als', -1, 1000, version => 1);
SELECT details -> 'eligible' FROM lepton_train('eligible_als', 'eligible_ratings', '{"algorithm": "als", "factors": 4, "epochs": 3, "eligible": "eligible_products"}');
ALTER TABLE eligible_products RENAME item_id TO sku;
SELECT count(*) FROM lepton_topn('eligible_als', 1, 3);
SELECT version FROM lepton_train('eligible_als', 'eligible_ratings', '{"algorithm": "als", "eligible": "eligible_products"}');
-- what is none
SELECT version FROM lepton_train('eligible_als', 'eligible_ratings', '{"algorithm": "als", "eligible": "SELECT sku, name FROM eligible_products"}');
SELECT version FROM lepton_train('eligible_als', 'eligible_ratings', '{"algorithm": "als", "eligible": "SELECT name FROM eligible_products"}');
SELECT version FROM lepton_train('eligible_als', 'eligible_ratings', '{"algorithm": "als", "eligible": "DELETE FROM eligible_ids RETURNING id"}');
SELECT version FROM lepton_train('eligible_als', 'eligible_ratings', '{"algorithm": "als", "eligible": "no_such_table"}');
SELECT version FROM lepton_train('eligible_als', 'eligible_ratings', '{"algorithm": "als", "eligible": 7}');
SELECT count(*) FROM eligible_als;
DELETE FROM eligible_ids WHERE id < 1000;
SELECT version FROM lepton_train('eligible_als', 'eligible_ratings', '{"algorithm": "als", "factors": 4, "epochs": 3, "eligible": "eligible_ids"}');
SELECT count(*) FROM lepton_topn('eligible_als', 1, 3);
-- a retraining keeps the option; a training without it says that it is gone, once
CALL lepton_retrain('eligible_als', '{"guard": false}');
SELECT details ? 'eligible' AS is_eligible FROM eligible_als WHERE is_current;
SELECT details ? 'eligible' AS is_eligible FROM lepton_train('eligible_als', 'eligible_ratings', '{"algorithm": "baseline"}');
SELECT details ? 'eligible' AS is_eligible FROM lepton_train('eligible_als', 'eligible_ratings', '{"algorithm": "baseline"}');

-- the rights are the owner's, and nobody else may say what she runs
CREATE ROLE eligible_owner;
CREATE ROLE eligible_caller;
GRANT CREATE ON SCHEMA public TO eligible_owner;
GRANT SELECT ON eligible_ratings TO eligible_owner;
SET ROLE eligible_owner;
CREATE TABLE eligible_owned AS SELECT generate_series(1, 20) AS item_id;
SELECT version FROM lepton_train('eligible_own', 'eligible_ratings', '{"algorithm": "als", "factors": 4, "epochs": 3, "eligible": "eligible_owned"}');
GRANT SELECT ON eligible_own TO eligible_caller;
SET ROLE eligible_caller;
SELECT count(*), max(item_id) <= 20 FROM lepton_topn('eligible_own', 1, 3);
SELECT * FROM eligible_owned;
RESET ROLE;
GRANT UPDATE ON eligible_own TO eligible_caller;
SELECT * FROM lepton_topn('eligible_own', 1, 3);
REVOKE UPDATE ON eligible_own FROM eligible_caller;
-- a query that asks the model itself
SET ROLE eligible_owner;
CREATE FUNCTION eligible_asks() RETURNS SETOF bigint LANGUAGE plpgsql STABLE AS
  $$BEGIN IF to_regclass('eligible_own') IS NOT NULL THEN RETURN QUERY SELECT item_id FROM lepton_topn('eligible_own', 1, 3); END IF; END$$;
SELECT version FROM lepton_train('eligible_own', 'eligible_ratings', '{"algorithm": "als", "factors": 4, "epochs": 3, "eligible": "SELECT * FROM eligible_asks()"}');
RESET ROLE;
SELECT * FROM lepton_topn('eligible_own', 1, 3);
SELECT * FROM lepton_topn('eligible_own', 1, 3);

SELECT lepton_drop('eligible_' || algorithm), lepton_drop('eligible_not_' || algorithm) FROM eligible_kinds;
SELECT lepton_drop('eligible_own');
DROP VIEW eligible_wrong;
DROP TABLE eligible_ratings, eligible_products, eligible_kinds, eligible_ids, eligible_owned;
DROP FUNCTION eligible_train, eligible_asks, eligible_rows;
REVOKE CREATE ON SCHEMA public FROM eligible_owner;
DROP ROLE eligible_owner, eligible_caller;
