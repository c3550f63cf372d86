-- arrays of every shape: what counts are the elements that are there, each once, in whatever dimensions
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE arrays_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating FROM generate_series(1, 20) u, generate_series(1, 15) i WHERE (u + i * 3) % 4 > 0;
SELECT version FROM lepton_train('arrays_m', 'arrays_ratings', '{"algorithm": "als", "factors": 4, "epochs": 3}');
SELECT version FROM lepton_train('arrays_w', 'SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating FROM generate_series(1, 20) u, generate_series(1, 200) i', '{"algorithm": "als", "factors": 4, "epochs": 1}');
SELECT version FROM lepton_train('arrays_t', 'SELECT user_id, ''i'' || item_id AS item_id, 1 AS rating FROM arrays_ratings WHERE rating > 2', '{"algorithm": "walk"}');
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/outcome.sql'
\i :include

-- candidates, exclusions, baskets: the same set in many shapes gives the same answer
CREATE TABLE arrays_shapes (shape text, ids text);
INSERT INTO arrays_shapes VALUES ('plain', '{3,7,9}'), ('two dimensions', '{{3,7},{9,3}}'), ('six dimensions', '{{{{{{3,7,9}}}}}}'), ('lower bound below 0', '[-5:-3]={3,7,9}'), ('lower bound 0', '[0:2]={3,7,9}'),
	('at the largest subscript', '[2147483644:2147483646]={3,7,9}'), ('at the smallest', '[-2147483648:-2147483646]={3,7,9}'), ('NULLs', '{NULL,3,NULL,NULL,7,9,NULL}'), ('NULLs in dimensions', '{{3,NULL},{NULL,7},{9,NULL}}'), ('repeated', '{3,3,7,7,7,9,3}'), ('descending', '{9,7,3}');
SELECT count(DISTINCT list), min(list) FROM arrays_shapes, answer(format('SELECT string_agg(item_id || '':'' || score || '':'' || origin, '' '' ORDER BY rank) FROM lepton_topn(''arrays_m'', 1, 10, %L::bigint[], false)', ids)) list;
-- so few of so many that they are scored one by one
SELECT count(DISTINCT list), count(*), max(length(list)) > 0 AS any FROM arrays_shapes, answer(format('SELECT string_agg(item_id::text, '' '' ORDER BY rank) FROM lepton_topn(''arrays_w'', 1, 10, %L::bigint[], false)', ids)) list;
SELECT count(DISTINCT list), min(list) ~ '3:|7:|9:' AS excluded_are_there FROM arrays_shapes, answer(format('SELECT string_agg(item_id || '':'' || score, '' '' ORDER BY rank) FROM lepton_topn(''arrays_m'', 1, 100, false, %L::bigint[])', ids)) list;
SELECT count(DISTINCT list), count(*) FROM arrays_shapes, answer(format('SELECT string_agg(item_id || '':'' || score, '' '' ORDER BY rank) FROM lepton_topn_for_text(''arrays_t'', (SELECT array_agg(''i'' || i) FROM unnest(%L::bigint[]) i WHERE i IS NOT NULL), 100)', ids)) list;
SELECT count(DISTINCT list) FROM arrays_shapes, answer(format('SELECT string_agg(item_id || '':'' || score, '' '' ORDER BY rank) FROM lepton_topn_for_text(''arrays_t'', %L, 100)', regexp_replace(ids, '(?<![\[:\d=-])(?<!:-)(\d+)(?!\d*[\]:])', 'i\1', 'g'))) list;
SELECT count(DISTINCT list) FROM arrays_shapes, answer(format('SELECT string_agg(user_id || '':'' || item_id || '':'' || score, '' '' ORDER BY user_id, rank) FROM lepton_topn_all(''arrays_m'', 10, %L::bigint[], false)', ids)) list;
SELECT count(DISTINCT list) FROM arrays_shapes, answer(format('SELECT string_agg(item_id || '':'' || score, '' '' ORDER BY rank) FROM lepton_topn_at(''arrays_m'', 1, now(), 10, %L::bigint[], false)', ids)) list;
SELECT count(DISTINCT list) FROM arrays_shapes, answer(format('SELECT string_agg(item_id || '':'' || score, '' '' ORDER BY rank) FROM lepton_topn((SELECT lepton_export(''arrays_m'')), 1, 10, %L::bigint[], false)', ids)) list;

-- none, in every shape of none
SELECT ids, answer(format('SELECT count(*) FROM lepton_topn(''arrays_m'', 1, 10, candidates => %L::bigint[], exclude_seen => false)', ids)) AS candidates,
	answer(format('SELECT count(*) FROM lepton_topn(''arrays_m'', 1, 100, false, %L::bigint[])', ids)) AS excluded,
	answer(format('SELECT count(*) FROM lepton_topn_for(''arrays_m'', %L::bigint[], 100)', ids)) AS basket, answer(format('SELECT count(*) FROM lepton_topn_for(''arrays_m'', %L::bigint[], %1$L::float8[], 100)', ids)) AS weighted
FROM unnest(ARRAY[NULL, '{}', '{NULL}', '{{NULL,NULL},{NULL,NULL}}', '[7:8]={NULL,NULL}']) ids;
SELECT answer(format('SELECT count(*) FROM lepton_topn_text(''arrays_t'', 1, 10, %L, false)', ids)) AS texts FROM unnest(ARRAY['{""}', '{NULL,""}', '{"NULL"}', E'{"\\\\"}', '{"{}"}']) ids;
-- a text that is longer than an id can be is nobody's id
SELECT answer($$SELECT string_agg(origin, ' ') FROM lepton_topn_text('arrays_t', 1, 10, ARRAY[repeat('x', 100000), 'i3'], false)$$), answer($$SELECT count(*) FROM lepton_topn_for_text('arrays_t', ARRAY[repeat('x', 100000)], 3)$$);

-- weights: one for each item, in the same order, and numbers that are weights
SELECT w, answer(format('SELECT count(*) FROM lepton_topn_for(''arrays_m'', ''{3,7}'', %L::float8[], 3)', w)) AS ratings,
	answer(format('SELECT count(*) FROM lepton_topn_for_text(''arrays_t'', ''{i3,i7}'', %L::float8[], 3)', w)) AS counts
FROM unnest(ARRAY['{1,2}', '{{1},{2}}', '[5:6]={1,2}', '{1}', '{1,2,3}', '{}', '{1,NULL}', '{NULL,NULL}', '{NaN,1}', '{Infinity,1}', '{-Infinity,1}', '{1e308,1e308}', '{1e38,1}', '{-1e38,1}', '{1e15,1e15}', '{-0,0}', '{0,0}', '{-1,1}', '{4.9e-324,1}', '{1e-40,1e-40}']) w;
SELECT answer('SELECT count(*) FROM lepton_topn_for(''arrays_m'', ''{3,3,3,7}'', ''{1,2,5,4}'', 3)'), answer('SELECT count(*) FROM lepton_topn_for(''arrays_m'', ''{{3,7},{9,1}}'', ''{1,2,5,4}'', 3)');

-- a million candidates, most of them not known, and one item a million times
SELECT count(*), sum(rank), string_agg(origin, ' ' ORDER BY rank) FROM lepton_topn('arrays_m', 1, 20, (SELECT array_agg(g % 500000) FROM generate_series(-500000, 500000) g), false);
SELECT string_agg(item_id || ' ' || origin, ', ' ORDER BY rank) FROM lepton_topn('arrays_m', 1, 20, array_fill(7, ARRAY[1000, 1000]), false);
SELECT count(*) FROM lepton_topn('arrays_m', 1, 20, false, (SELECT array_agg(g) FROM generate_series(2, 1000000) g));
SELECT (SELECT array_agg(item_id || ':' || score ORDER BY rank) FROM lepton_topn_for_text('arrays_t', array_fill('i7'::text, ARRAY[1000000]), 5)) = (SELECT array_agg(item_id || ':' || score ORDER BY rank) FROM lepton_topn_for_text('arrays_t', '{i7}', 5)) AS same;
-- as many are wanted as can be said
SELECT count(*) FROM lepton_topn('arrays_m', 1, 9223372036854775807, (SELECT array_agg(g) FROM generate_series(1, 100000) g), false);
SELECT (SELECT count(*) FROM lepton_topn('arrays_m', 1, 9223372036854775807, false)) AS topn, (SELECT count(*) FROM lepton_topn_users('arrays_m', 1, 9223372036854775807, false)) AS users, (SELECT count(*) FROM lepton_topn_all('arrays_m', 9223372036854775807, false)) AS everybody,
	(SELECT count(*) FROM lepton_similar('arrays_m', 1, 9223372036854775807)) AS similar, (SELECT count(*) FROM lepton_similar_users('arrays_m', 1, 9223372036854775807)) AS similar_users, (SELECT count(*) FROM lepton_topn_for('arrays_m', '{1}', '{5}', 9223372036854775807)) AS basket;
-- a list that takes long can be told to stop
SET statement_timeout = 1;
SELECT count(*) FROM lepton_topn('arrays_m', 1, 20, (SELECT array_agg(g) FROM generate_series(1, 3000000) g), false);
RESET statement_timeout;

SELECT lepton_drop(m) FROM unnest(ARRAY['arrays_m', 'arrays_t', 'arrays_w']) m;
DROP TABLE arrays_shapes, arrays_ratings;
DROP FUNCTION outcome, answer;
