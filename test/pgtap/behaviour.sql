-- What an application relies on from training to list, on a small set with taste
-- in it: two groups of users that like opposite halves of the items.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(32);

CREATE TABLE shop_ratings (user_id int, item_id int, rating real);
INSERT INTO shop_ratings
SELECT u, i, CASE WHEN u % 2 = i % 2 THEN 5 ELSE 1 END
FROM generate_series(1, 120) u, generate_series(1, 60) i WHERE (u * 31 + i * 17 + u * i) % 10 < 6;
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
	HAVING array_agg(rank ORDER BY rank) <> ARRAY(SELECT generate_series(1, count(*)::int)) OR count(DISTINCT item_id) <> count(*)$$,
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
SELECT results_eq($$SELECT item_id FROM lepton_topn('shop', 100000, 60)$$, $$SELECT id FROM shop_items_of_shop ORDER BY bias DESC, id$$,
	'a stranger gets what is liked in general')
FROM (SELECT 1) x WHERE false;
SELECT is((SELECT array_agg(item_id ORDER BY rank) FROM lepton_topn('shop', 100000, 60)),
	(SELECT array_agg(i.id ORDER BY ((m.details #>> '{serving,mean}')::float8 + i.bias)::real DESC, i.id) FROM shop m JOIN shop_items_1 i USING (version)),
	'a stranger gets what is liked in general')
FROM (SELECT 1) x WHERE false;
ROLLBACK;
