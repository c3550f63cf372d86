-- What an application relies on from training to list, on a small set with taste
-- in it: two groups of users that like opposite halves of the items.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(36);

CREATE TABLE shop_ratings (user_id int, item_id int, rating real);
INSERT INTO shop_ratings
SELECT u, i, CASE WHEN u % 2 = i % 2 THEN 5 ELSE 1 END
FROM generate_series(1, 120) u, generate_series(1, 60) i WHERE md5(u || ' ' || i) < '99';	-- 60 %, unrelated to taste
CREATE TABLE shop_items AS SELECT i AS id, i % 3 <> 0 AS in_stock FROM generate_series(1, 60) i;

SELECT is((t.version, t.is_current, t.n_users, t.n_items, t.n_ratings)::text,
	(1, true, 120, 60, (SELECT count(*) FROM shop_ratings))::text, 'the first training gives version 1')
FROM lepton_train('shop', 'shop_ratings', '{"algorithm": "als", "factors": 4}') t;
SELECT cmp_ok((metrics ->> 'rmse')::float8, '<', (metrics ->> 'baseline_rmse')::float8 / 2,
	'taste that biases cannot say is learned') FROM shop;

-- predictions: in the scale, on the right side, the list's scores
SELECT is_empty($$SELECT u, i FROM generate_series(1, 121) u, generate_series(1, 61) i
	WHERE lepton_predict('shop', u, i) NOT BETWEEN 1 AND 5$$, 'predictions are inside the scale');
SELECT is_empty($$SELECT u, i FROM generate_series(1, 120) u, generate_series(1, 60) i
	WHERE (lepton_predict('shop', u, i) > 3) <> (u % 2 = i % 2)$$, 'each user gets the taste of her group, rated or not');
SELECT is_empty($$SELECT u, l.item_id FROM generate_series(1, 120) u, LATERAL lepton_topn('shop', u, 60) l
	WHERE l.score IS DISTINCT FROM lepton_predict('shop', u, l.item_id)$$, 'a list shows predictions');

-- lists: ranks, order, what was rated
CREATE TABLE shop_lists AS SELECT u AS user_id, l.* FROM generate_series(1, 120) u, LATERAL lepton_topn('shop', u, 60) l;
SELECT is_empty($$SELECT user_id FROM shop_lists GROUP BY user_id
	HAVING min(rank) <> 1 OR max(rank) <> count(*) OR count(DISTINCT rank) <> count(*) OR count(DISTINCT item_id) <> count(*)$$,
	'ranks are 1, 2, 3 and so on, and no item comes twice');
SELECT is_empty($$SELECT * FROM (SELECT score, lag(score) OVER (PARTITION BY user_id ORDER BY rank) AS before FROM shop_lists) x
	WHERE score > before$$, 'the best come first');
SELECT set_eq('SELECT user_id, item_id FROM shop_lists',
	'SELECT u, i::bigint FROM generate_series(1, 120) u, generate_series(1, 60) i EXCEPT SELECT user_id, item_id FROM shop_ratings',
	'a list has every item but those that she rated');
SELECT is((SELECT count(*) FROM lepton_topn('shop', 7, 60, exclude_seen => false)), 60::bigint, 'or those as well');
SELECT results_eq($$SELECT item_id FROM lepton_topn('shop', 7, 5)$$, $$SELECT item_id FROM shop_lists WHERE user_id = 7 AND rank <= 5$$,
	'a shorter list is the beginning of a longer one');
SELECT results_eq($$SELECT item_id FROM lepton_topn('shop', 7, 5, exclude => ARRAY(SELECT item_id FROM lepton_topn('shop', 7, 5)))$$,
	$$SELECT item_id FROM shop_lists WHERE user_id = 7 AND rank BETWEEN 6 AND 10$$, 'the next page is what the first one excludes');

-- candidates
SELECT results_eq($$SELECT item_id FROM lepton_topn('shop', 7, 5, candidates => ARRAY(SELECT id FROM shop_items WHERE in_stock))$$,
	$$SELECT item_id FROM shop_lists JOIN shop_items ON id = item_id WHERE user_id = 7 AND in_stock ORDER BY rank LIMIT 5$$,
	'candidates: the same order among fewer');
SELECT is_empty($$SELECT * FROM lepton_topn('shop', 7, 5, candidates => ARRAY(SELECT item_id FROM shop_ratings WHERE user_id = 7))$$,
	'candidates do not bring back what was rated');
SELECT set_eq($$SELECT item_id FROM lepton_topn('shop', 7, 60, candidates => ARRAY(SELECT item_id FROM shop_ratings WHERE user_id = 7), exclude_seen => false)$$,
	'SELECT item_id::bigint FROM shop_ratings WHERE user_id = 7', 'unless the call wants it');
SELECT is_empty($$SELECT * FROM lepton_topn('shop', 7, 5, candidates => ARRAY(SELECT id FROM shop_items WHERE id < 0))$$,
	'no candidates, no list');
SELECT results_eq($$SELECT rank, item_id, origin FROM lepton_topn('shop', 7, 3, ARRAY[900, 1, 901], false)$$,
	$$VALUES (1, 1::bigint, 'factors'), (2, 900::bigint, 'new'), (3, 901::bigint, 'new')$$, 'items newer than the model come last');

-- users that the model does not know
SELECT results_eq($$SELECT item_id FROM lepton_topn('shop', 100000, 60)$$, $$SELECT id FROM shop_items1 ORDER BY bias DESC, id$$,
	'a stranger gets what is liked in general');
SELECT is((SELECT DISTINCT origin FROM lepton_topn('shop', 100000, 60)), 'popular', 'and is told so');
SELECT results_eq($$SELECT item_id, score FROM lepton_topn('shop', NULL, 9)$$, $$SELECT item_id, score FROM lepton_topn('shop', 100000, 9)$$,
	'a NULL user is a stranger');

-- ratings change, the model does not until it is trained again; then lists follow in the same session
INSERT INTO shop_ratings SELECT 7, item_id, 5 FROM lepton_topn('shop', 7, 3);
INSERT INTO shop_ratings SELECT 500, i, CASE WHEN i % 2 = 1 THEN 5 ELSE 1 END FROM generate_series(1, 40) i;
INSERT INTO shop_ratings SELECT u, 61, CASE WHEN u % 2 = 1 THEN 5 ELSE 1 END FROM generate_series(1, 60) u;
SELECT results_eq($$SELECT item_id FROM lepton_topn('shop', 7, 60)$$, $$SELECT item_id FROM shop_lists WHERE user_id = 7 ORDER BY rank$$,
	'new ratings alone change no list');
SELECT is((SELECT version FROM lepton_train('shop', 'shop_ratings', '{"algorithm": "als", "factors": 4}')), 2::bigint,
	'the second training gives version 2');
SELECT is_empty($$SELECT item_id FROM lepton_topn('shop', 7, 60) JOIN shop_ratings USING (item_id) WHERE user_id = 7$$,
	'then what she rated since is gone from her list');
SELECT is((SELECT DISTINCT origin FROM lepton_topn('shop', 500, 20)), 'factors', 'the new user has her own list');
SELECT is_empty($$SELECT item_id FROM lepton_topn('shop', 500, 10) WHERE item_id % 2 = 0$$, 'of her taste');
SELECT ok(lepton_predict('shop', 119, 61) > 3 AND lepton_predict('shop', 120, 61) < 3, 'the new item is for those who like its kind');
SELECT results_eq('SELECT version, is_current FROM shop ORDER BY version', 'VALUES (1::bigint, false), (2, true)',
	'the row of the old version stays as a record');
SELECT results_eq('SELECT version, n_items FROM lepton_models WHERE model = ''shop''::regclass', 'VALUES (2::bigint, 61::bigint)',
	'lepton_models shows the current version');

-- a training that is taken back is as if it never was
SAVEPOINT before_training;
SELECT lives_ok($$SELECT lepton_train('shop', 'SELECT * FROM shop_ratings WHERE item_id < 10', '{"algorithm": "baseline"}')$$, 'a third version');
SELECT is((SELECT count(*) FROM lepton_topn('shop', 100000, 60)), 9::bigint, 'serves at once');
ROLLBACK TO before_training;
SELECT is((SELECT count(*) FROM lepton_topn('shop', 100000, 100)), 61::bigint, 'taken back, the second serves again');

-- a training that fails leaves what was there
SELECT throws_ok($$SELECT lepton_train('shop', 'SELECT * FROM shop_ratings WHERE false')$$, 'P0002', NULL, 'no rows, no training');
SELECT is((SELECT max(version) FROM shop), 2::bigint, 'and the model is as it was');
SELECT results_eq('SELECT version, n_rows FROM lepton_check(''shop'') ORDER BY version, n_rows',
	'VALUES (1::bigint, 60::bigint), (1, 120), (2, 61), (2, 121)', 'every row of both versions is whole');

-- it goes as it came
SELECT lives_ok($$SELECT lepton_drop('shop')$$, 'the model is dropped');
SELECT is_empty($$SELECT relname FROM pg_class WHERE oid IN (SELECT unnest(ARRAY[to_regclass('shop'), to_regclass('shop_users'), to_regclass('shop_items1')]))$$,
	'with its tables');
SELECT throws_ok($$SELECT * FROM lepton_topn('shop', 7, 5)$$, '42P01', NULL, 'and serves no more');

SELECT * FROM finish();
ROLLBACK;
