-- the planner's estimates of lists and predictions, and the plans that follow
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE planner_ratings AS
SELECT u AS user_id, (u * 31 + i * 17) % 3000 AS item_id, (1 + (u * i + u % 3) % 5)::real AS rating FROM generate_series(1, 500) u, generate_series(1, 20) i;
CREATE TABLE planner_users AS SELECT u AS id, u % 10 AS shop FROM generate_series(1, 500) u;
CREATE TABLE planner_products AS SELECT i AS id, i % 2 = 0 AS in_stock, 'product ' || i AS name FROM generate_series(1, 20000) i;
ALTER TABLE planner_products ADD PRIMARY KEY (id);
VACUUM ANALYZE planner_users, planner_products;
SELECT version FROM lepton_train('planner', 'planner_ratings', '{"algorithm": "als", "factors": 16}');
SELECT version FROM lepton_train('planner_few', 'SELECT user_id, item_id % 40 AS item_id, rating FROM planner_ratings', '{"algorithm": "als", "factors": 16}');
SELECT version FROM lepton_train('planner_wide', 'planner_ratings', '{"algorithm": "als", "factors": 64, "epochs": 1}');
SELECT version FROM lepton_train('planner_walk', 'SELECT user_id, item_id FROM planner_ratings', '{"algorithm": "walk"}');
SET max_parallel_workers_per_gather = 0;

-- all users, one scan of them
EXPLAIN (COSTS OFF) SELECT u.id, r.* FROM planner_users u, LATERAL lepton_topn('planner', u.id, 10) r;
-- the best of a catalogue by prediction: what is cheap is asked first, and few rows are sorted
EXPLAIN (COSTS OFF) SELECT * FROM planner_products WHERE lepton_predict('planner', 42, id) > 3 AND in_stock;
EXPLAIN (COSTS OFF) SELECT * FROM planner_products WHERE in_stock ORDER BY lepton_predict('planner', 42, id) DESC LIMIT 10;
-- a list's rows are looked up by index, not found by a scan of all products
EXPLAIN (COSTS OFF) SELECT * FROM planner_products WHERE id IN (SELECT item_id FROM lepton_topn('planner', 42, 10));
EXPLAIN (COSTS OFF) SELECT p.name, r.score FROM lepton_topn('planner', 42, 10) r JOIN planner_products p ON p.id = r.item_id ORDER BY r.rank;
-- long lists are not
EXPLAIN (COSTS OFF) SELECT p.name, r.score FROM lepton_topn('planner', 42, 3000) r JOIN planner_products p ON p.id = r.item_id;
-- users are chosen before their lists are made
EXPLAIN (COSTS OFF) SELECT u.id, r.item_id FROM planner_users u, LATERAL lepton_topn('planner', u.id, 3) r WHERE u.shop = 7;

-- rows: n, no more than there are candidates or items, whether n is written there or a parameter of a custom plan
CREATE FUNCTION planner_top(query text, what text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan #>> ARRAY['0', 'Plan', what];
END $$;
SELECT call, planner_top('SELECT * FROM ' || call, 'Plan Rows') AS rows FROM (VALUES
	(1, 'lepton_topn(''planner'', 42)'), (2, 'lepton_topn(''planner'', 42, 4)'), (3, 'lepton_topn(''planner'', 42, 7 * 100)'), (4, 'lepton_topn(''planner'', 42, 0)'),
	(5, 'lepton_topn(''planner'', 42, 1000000)'), (6, 'lepton_topn(''planner_few'', 42, 1000000)'), (7, 'lepton_topn(''nobody'', 42, 1000000)'),
	(8, 'lepton_topn(''planner'', 42, 10, ARRAY[1, 2])'), (9, 'lepton_topn(''planner'', 42, 1, ARRAY[1, 2])'), (10, 'lepton_topn(''planner'', 42, 20, ARRAY(SELECT id FROM planner_products))'),
	(16, 'lepton_topn(''planner'', 42, 20, ARRAY[1, 2, (random() * 9)::int])'), (18, 'lepton_topn(''planner'', 42, 20, ARRAY[1, 2, (random() * 9)::bigint])'), (17, 'lepton_topn(''planner'', 42, 20, NULL::int[])'),
	(11, 'lepton_topn_at(''planner'', 42, now(), 8)'), (12, 'lepton_topn_for(''planner'', ARRAY[1, 2], 6)'), (13, 'lepton_topn_for(''planner'', ARRAY[1, 2], weights => ARRAY[1, 2], n => 9)'),
	(14, 'lepton_similar(''planner'', 42, 5)'), (15, 'lepton_similar_users(''planner'', 42, 6)')) v(i, call) ORDER BY i;
PREPARE planner_list AS SELECT * FROM lepton_topn($1, $2, $3);
SELECT planner_top('EXECUTE planner_list(''planner'', ''42'', 6)', 'Plan Rows') AS custom;
SELECT u.rows = 500 AS users, r.rows = 5000 AS lists FROM
	(SELECT planner_top('SELECT * FROM planner_users', 'Plan Rows') AS rows) u, (SELECT planner_top('SELECT * FROM planner_users u, LATERAL lepton_topn(''planner'', u.id, 10)', 'Plan Rows') AS rows) r;

-- costs: more items, more factors, neighbours and longer lists cost more, a few candidates less
CREATE FUNCTION planner_cost(call text) RETURNS numeric LANGUAGE sql AS 'SELECT planner_top(''SELECT * FROM '' || call, ''Total Cost'')';
SELECT planner_cost('lepton_topn(''planner'', 42)') > planner_cost('lepton_topn(''planner_few'', 42)') AS items,
	planner_cost('lepton_topn(''planner_wide'', 42)') > planner_cost('lepton_topn(''planner'', 42)') AS factors,
	planner_cost('lepton_topn(''planner_walk'', 42)') > planner_cost('lepton_topn(''planner'', 42)') AS neighbors,
	planner_cost('lepton_topn(''planner'', 42, 1000)') > planner_cost('lepton_topn(''planner'', 42)') AS long,
	planner_cost('lepton_topn(''planner_walk'', 42, 10, ARRAY[1, 2])') < planner_cost('lepton_topn(''planner_walk'', 42)') AS candidates,
	planner_cost('lepton_topn(''nobody'', 42)') > planner_cost('lepton_topn(''planner'', 42)') AS not_there;
SELECT planner_top('SELECT lepton_predict(''planner'', id, id) FROM planner_products', 'Total Cost') > planner_top('SELECT id + id FROM planner_products', 'Total Cost') AS predict,
	planner_top('SELECT lepton_predict(''planner_walk'', id, id) FROM planner_products', 'Total Cost') > planner_top('SELECT lepton_predict(''planner'', id, id) FROM planner_products', 'Total Cost') AS neighbors;

-- a function that is inlined asks what its argument costs, and its planner does not ask for it
CREATE FUNCTION planner_twice(x real) RETURNS real LANGUAGE sql IMMUTABLE AS 'SELECT x + x';
SELECT planner_twice(lepton_predict('planner', 42, 1)) = 2 * lepton_predict('planner', 42, 1) AS twice;
SELECT bool_and(planner_twice(lepton_predict('planner', id, id)) = 2 * lepton_predict('planner', id, id)) AS twice FROM planner_users;

-- planning asks for no more than the query does: no error, and no look at what the user may not read
CREATE ROLE planner_reader;
GRANT SELECT ON planner_users TO planner_reader;
SET ROLE planner_reader;
SELECT planner_cost('lepton_topn(''planner_few'', 42)') = planner_cost('lepton_topn(''nobody'', 42)') AS as_unknown;
SELECT count(*) FROM planner_users u LEFT JOIN LATERAL lepton_topn('planner', u.id, 10) r ON true WHERE u.id < 0;
SELECT * FROM lepton_topn('planner', 42, 10);
RESET ROLE;
SELECT planner_cost('lepton_topn(''planner_users'', 42)') = planner_cost('lepton_topn(''nobody'', 42)') AS no_model;

DROP TABLE planner, planner_few, planner_wide, planner_walk, planner_ratings, planner_users, planner_products;
DROP FUNCTION planner_cost(text), planner_top(text, text), planner_twice(real);
DROP ROLE planner_reader;
