-- calls that must resolve, and what each gives
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE overloads_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i + u % 3) % 5 AS rating
FROM generate_series(1, 30) u, generate_series(1, 25) i WHERE (u * 7 + i * 3) % 5 <> 1;
CREATE TABLE overloads_products AS SELECT DISTINCT item_id AS id, 'product ' || item_id AS name, 'i' || item_id AS code,
	md5(item_id::text)::uuid AS key FROM overloads_ratings;
CREATE TABLE overloads_groups AS SELECT id, id % 2 AS half FROM overloads_products;
SELECT version FROM lepton_train('recs', 'overloads_ratings', '{"algorithm": "als", "factors": 4}');
SELECT version FROM lepton_train('recs_text', 'SELECT user_id, ''i'' || item_id AS item_id, rating FROM overloads_ratings', '{"algorithm": "als", "factors": 4}');
SELECT version FROM lepton_train('recs_uuid', 'SELECT ''u'' || user_id AS user_id, md5(item_id::text)::uuid AS item_id, rating FROM overloads_ratings', '{"algorithm": "als", "factors": 4}');
SELECT version FROM lepton_train('recs_keys', 'SELECT md5(user_id::text)::uuid AS user_id, item_id::varchar AS item_id, rating FROM overloads_ratings', '{"algorithm": "als", "factors": 4}');

-- training: literals, typed, untyped parameters
PREPARE train3 AS SELECT version FROM lepton_train($1, $2, $3);
EXECUTE train3('recs', 'overloads_ratings', '{"algorithm": "als", "factors": 4}');
PREPARE train2 AS SELECT version FROM lepton_train($1, $2);
EXECUTE train2('overloads_auto', 'overloads_ratings');
DROP TABLE overloads_auto;
SELECT version FROM lepton_train('recs'::varchar, 'overloads_ratings'::name, '{"algorithm": "als", "factors": 4}'::varchar);
SELECT version FROM lepton_train('recs', 'overloads_ratings', jsonb_build_object('algorithm', 'als', 'factors', 4));

-- looking at the data: the same ways
PREPARE inspect2 AS SELECT count(*) > 20 AS inspected FROM lepton_inspect($1, $2);
EXECUTE inspect2('overloads_ratings', '{"seed": 1}');
SELECT count(*) > 20 AS inspected FROM lepton_inspect('overloads_ratings'::name);
SELECT count(*) > 20 AS inspected FROM lepton_inspect(options => '{}', source => 'overloads_ratings');

-- predict: every width of integer, and text that is one
SELECT count(DISTINCT p) FROM (VALUES
	(lepton_predict('recs', 5, 7)), (lepton_predict('recs', 5::smallint, 7::smallint)), (lepton_predict('recs', 5::bigint, 7)),
	(lepton_predict('recs', 5, 7::bigint)), (lepton_predict('recs', '5', '7')), (lepton_predict('recs', 5, '7')),
	(lepton_predict('recs', '5', 7)), (lepton_predict('recs', '5'::text, '7'::varchar)), (lepton_predict('recs'::varchar, '5'::varchar, 7::smallint)),
	(lepton_predict('recs'::name, ' 5'::text, 7)), (lepton_predict(item_id => 7, user_id => 5, model => 'recs'))) v(p);
SELECT lepton_predict('recs_text', 5, 'i7') = lepton_predict('recs_text', '5', 'i7'::varchar) AS same,
	lepton_predict('recs_uuid', 'u5', md5('7')::uuid) = lepton_predict('recs_uuid', 'u5'::varchar, md5('7')) AS same,
	lepton_predict('recs_keys', md5('5')::uuid, '7') = lepton_predict('recs_keys', md5('5'), '7') AS same;
-- at a time, and with an interval
SELECT count(DISTINCT p) FROM (VALUES
	(lepton_predict('recs', 5, 7)), (lepton_predict('recs', 5, 7, now())), (lepton_predict('recs', '5', '7', '2020-01-01')), (lepton_predict('recs', 5::smallint, '7', current_date)),
	(lepton_predict('recs', 5, 7, NULL)), (lepton_predict('recs', 5, 7, at => localtimestamp)), (lepton_predict(at => now(), item_id => 7, user_id => '5'::text, model => 'recs'::name)),
	((lepton_predict_interval('recs', 5, 7)).prediction), ((lepton_predict_interval('recs', '5', '7', 0.5)).prediction), ((lepton_predict_interval('recs', 5::bigint, '7', level => 0.5::real)).prediction),
	((lepton_predict_interval('recs', '5'::varchar, 7::smallint, '0.9')).prediction)) v(p);
SELECT lepton_predict('recs_uuid', 'u5', md5('7')::uuid, now()) = lepton_predict('recs_uuid', 'u5'::varchar, md5('7')) AS same,
	(lepton_predict_interval('recs_keys', md5('5')::uuid, '7')).prediction = lepton_predict('recs_keys', md5('5'), '7') AS same;
-- NULL users and items are unknown ones
SELECT lepton_predict('recs', NULL, 7) = lepton_predict('recs', 99, 7) AS same, lepton_predict('recs', 5, NULL) = lepton_predict('recs', 5, 99) AS same,
	lepton_predict('recs', NULL, NULL) = lepton_predict('recs', 99, 99) AS same, lepton_predict('recs', NULL::bigint, 7) = lepton_predict('recs', NULL::text, 7) AS same;

-- topn: the same, with defaults left out and arguments by name
CREATE FUNCTION overloads_ids(VARIADIC ids bigint[]) RETURNS bigint[] LANGUAGE sql AS 'SELECT $1';
SELECT count(DISTINCT l), min(array_length(l, 1)) FROM (VALUES
	(ARRAY(SELECT item_id FROM lepton_topn('recs', 5))), (ARRAY(SELECT item_id FROM lepton_topn('recs', 5, 10))),
	(ARRAY(SELECT item_id FROM lepton_topn('recs', 5::smallint, 10::smallint))), (ARRAY(SELECT item_id FROM lepton_topn('recs', 5::bigint, 10::bigint))),
	(ARRAY(SELECT item_id FROM lepton_topn('recs', '5'))), (ARRAY(SELECT item_id FROM lepton_topn('recs', '5', '10'))),
	(ARRAY(SELECT item_id FROM lepton_topn('recs', '5'::varchar, 10, true))), (ARRAY(SELECT item_id FROM lepton_topn('recs', 5, 10, NULL::boolean, NULL))),
	(ARRAY(SELECT item_id FROM lepton_topn('recs', 5, 10, exclude => '{}'))), (ARRAY(SELECT item_id FROM lepton_topn('recs', 5, exclude_seen => true))),
	(ARRAY(SELECT item_id FROM lepton_topn(n => 10, user_id => 5, model => 'recs')))) v(l);
SELECT pg_typeof(r.item_id) FROM lepton_topn('recs', 5, 1) r
UNION ALL SELECT pg_typeof(r.item_id) FROM lepton_topn_text('recs_text', '5', 1) r
UNION ALL SELECT pg_typeof(r.item_id) FROM lepton_topn_uuid('recs_uuid', 'u5', 1) r;
SELECT count(*) FROM lepton_topn('recs', NULL) a, lepton_topn_text('recs_text', NULL, 1) b, lepton_topn_uuid('recs_uuid', NULL, 1) c, lepton_topn_text('recs_keys', NULL, 1) d;
SELECT ARRAY(SELECT item_id FROM lepton_topn_text('recs_keys', md5('5')::uuid, 3)) = ARRAY(SELECT item_id FROM lepton_topn_text('recs_keys', md5('5'), 3)) AS same;
-- lists at a time
SELECT count(DISTINCT l), min(array_length(l, 1)) FROM (VALUES
	(ARRAY(SELECT item_id FROM lepton_topn('recs', 5))), (ARRAY(SELECT item_id FROM lepton_topn_at('recs', 5, now()))), (ARRAY(SELECT item_id FROM lepton_topn_at('recs', '5', '2020-01-01'))),
	(ARRAY(SELECT item_id FROM lepton_topn_at('recs', 5::bigint, current_date, 10, true))), (ARRAY(SELECT item_id FROM lepton_topn_at('recs', 5, NULL, 10::smallint, exclude => '{}'))),
	(ARRAY(SELECT item_id FROM lepton_topn_at('recs', 5, now(), 10, candidates => ARRAY(SELECT id FROM overloads_products)))), (ARRAY(SELECT item_id FROM lepton_topn_at(at => now(), user_id => 5, model => 'recs')))) v(l);
SELECT (SELECT count(*) FROM lepton_topn_at_text('recs_text', 5, now(), 3)) AS text, (SELECT count(*) FROM lepton_topn_at_uuid('recs_uuid', 'u5', now(), 3)) AS uuid,
	(SELECT count(*) FROM lepton_topn_at_text('recs_keys', md5('5')::uuid, now(), 3)) AS uuid_users, (SELECT count(*) FROM lepton_topn_at('recs', NULL, now())) AS nobody;
-- candidates and exclude: literals, integers of any width, NULL
SELECT count(*) FROM lepton_topn('recs', 5, 10, '{1,2,3}', false);
SELECT count(*) FROM lepton_topn('recs', 5, 10, ARRAY[1, 2, 3], false);
SELECT count(*) FROM lepton_topn('recs', 5, 10, ARRAY[1, 2, 3]::smallint[], false);
SELECT count(*) FROM lepton_topn('recs', 5, 10, ARRAY[1, 2, 3]::bigint[], exclude => ARRAY[1, 2]);
SELECT count(*) FROM lepton_topn('recs', 5, 10, candidates => ARRAY(SELECT id FROM overloads_products WHERE id < 4), exclude_seen => false, exclude => '{2}');
SELECT count(*) FROM lepton_topn('recs', 5, 10, candidates => overloads_ids(1, 2, 3), exclude_seen => false);
SELECT count(*) FROM lepton_topn_text('recs_text', 5, 10, ARRAY['i1', 'i2'], false, ARRAY['i2']);
SELECT count(*) FROM lepton_topn_text('recs_text', 5, 10, candidates => ARRAY(SELECT code FROM overloads_products), exclude_seen => false);
SELECT count(*) FROM lepton_topn_uuid('recs_uuid', 'u5', 10, ARRAY[md5('1')::uuid, md5('2')::uuid], false);
SELECT count(*) FROM lepton_topn('recs', 5, 10, candidates => NULL);
-- six literals mean candidates, as six untyped parameters do; a number in the sixth place is a penalty
SELECT count(*) FROM lepton_topn('recs', 5, 10, '{1,2,3}', 'false', '{3}');
SELECT count(*) FROM lepton_topn('recs', '5', '10', '{1,2,3}', false, '{3}');
SELECT count(*) FROM lepton_topn_text('recs_text', 5, 10, '{i1,i2}', 'false', NULL);
SELECT count(*) FROM lepton_topn('recs', 5, 10, NULL, NULL, NULL);
SELECT count(*) FROM lepton_topn('recs', 5, 10, 'false', '{3}', 0.5);
SELECT count(*) FROM lepton_topn('recs', 5, 10, NULL::boolean, NULL, 0, 1, 'overloads_groups', 0.5::real);
SELECT count(*) FROM lepton_topn('recs', 5, 10, ARRAY[1, 2, 3], false, NULL, 1, 1::smallint, 'overloads_groups'::varchar);
SELECT count(*) FROM lepton_topn('recs', 5, popularity_penalty => 1, diversity => '0.5', max_per_group => 1, groups => 'overloads_groups');

-- baskets, with weights and without; what is alike; explanations
SELECT count(DISTINCT l), min(array_length(l, 1)) FROM (VALUES
	(ARRAY(SELECT item_id FROM lepton_topn_for('recs', ARRAY[3, 8], ARRAY[5, 1], 10))), (ARRAY(SELECT item_id FROM lepton_topn_for('recs', '{3,8}', '{5,1}', 10))),
	(ARRAY(SELECT item_id FROM lepton_topn_for('recs', ARRAY[3, 8]::smallint[], ARRAY[5, 1]::real[], 10::smallint))), (ARRAY(SELECT item_id FROM lepton_topn_for('recs', ARRAY[3, 8]::bigint[], ARRAY[5.0, 1], '10'))),
	(ARRAY(SELECT item_id FROM lepton_topn_for('recs', ARRAY[3, 8], weights => ARRAY[5, 1], n => 10, exclude => '{}'))), (ARRAY(SELECT item_id FROM lepton_topn_for('recs', ARRAY[8, 3], ARRAY[1, 5]::numeric[], 10, NULL, NULL)))) v(l);
SELECT (SELECT count(*) FROM lepton_topn_for('recs', NULL)) AS nothing, (SELECT count(*) FROM lepton_topn_for('recs', '{}', 3)) AS none, (SELECT count(*) FROM lepton_topn_for('recs', NULL, NULL, 3)) AS no_weights,
	(SELECT count(*) FROM lepton_topn_for('recs', '{}', 3, exclude_seen => true, exclude => '{1}')) AS excluding, (SELECT count(*) FROM lepton_topn_for_text('recs_text', ARRAY['i3'], ARRAY[5], 3)) AS text,
	(SELECT count(*) FROM lepton_topn_for_text('recs_text', '{i3}', '{5}', 3)) AS literal, (SELECT count(*) FROM lepton_topn_for_uuid('recs_uuid', ARRAY[md5('3')::uuid], ARRAY[5], 3)) AS uuid;
SELECT count(DISTINCT l), min(array_length(l, 1)) FROM (VALUES
	(ARRAY(SELECT item_id FROM lepton_similar('recs', 3))), (ARRAY(SELECT item_id FROM lepton_similar('recs', '3', '10'))), (ARRAY(SELECT item_id FROM lepton_similar('recs', 3::smallint, 10::smallint))),
	(ARRAY(SELECT item_id FROM lepton_similar(n => 10, item_id => 3::bigint, model => 'recs')))) v(l);
SELECT (SELECT count(*) FROM lepton_similar_text('recs_text', 'i3', 3)) AS text, (SELECT count(*) FROM lepton_similar_text('recs_keys', '3'::varchar, 3)) AS varchar, (SELECT count(*) FROM lepton_similar_uuid('recs_uuid', md5('3')::uuid, 3)) AS uuid,
	(SELECT count(*) FROM lepton_similar_users('recs', 3, 3)) AS users, (SELECT count(*) FROM lepton_similar_users_text('recs_uuid', 'u3', 3)) AS text_users, (SELECT count(*) FROM lepton_similar_users_uuid('recs_keys', md5('3')::uuid, 3)) AS uuid_users;
SELECT count(DISTINCT s) FROM (VALUES
	((SELECT sum(contribution) FROM lepton_explain('recs', 5, 7))), ((SELECT sum(contribution) FROM lepton_explain('recs', '5', '7'))), ((SELECT sum(contribution) FROM lepton_explain('recs', 5::smallint, 7::bigint))),
	((SELECT sum(contribution) FROM lepton_explain('recs', '5'::text, '7'))), ((SELECT sum(contribution) FROM lepton_explain(item_id => 7, user_id => 5, model => 'recs')))) v(s);
SELECT (SELECT count(*) > 0 FROM lepton_explain_text('recs_text', 5, 'i7')) AS text, (SELECT count(*) > 0 FROM lepton_explain_uuid('recs_uuid', 'u5', md5('7')::uuid)) AS uuid, (SELECT count(*) > 0 FROM lepton_explain_text('recs_keys', md5('5')::uuid, '7')) AS uuid_users;

-- parameters without a type, as drivers send them, past the sixth execution, joined to a table
PREPARE list AS SELECT r.rank, p.name FROM lepton_topn('recs', $1, 10) r JOIN overloads_products p ON p.id = r.item_id ORDER BY r.rank LIMIT 2;
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'list';
EXECUTE list('5'); EXECUTE list('6'); EXECUTE list('7'); EXECUTE list('8'); EXECUTE list('9'); EXECUTE list('10'); EXECUTE list('5'); EXECUTE list(NULL);
SELECT generic_plans > 0 AS generic FROM pg_prepared_statements WHERE name = 'list';
EXECUTE list('five');
PREPARE list_all AS SELECT count(*) FROM lepton_topn($1, $2, $3, candidates => $4, exclude_seen => $5) r JOIN overloads_products p ON p.id = r.item_id;
EXECUTE list_all('recs', '5', '10', '{1,2,3}', 'false');
PREPARE list_six AS SELECT count(*) FROM lepton_topn($1, $2, $3, $4, $5, $6);
EXECUTE list_six('recs', '5', '10', '{1,2,3}', 'false', '{3}');
PREPARE list_text AS SELECT r.rank, p.name FROM lepton_topn_text($1, $2, $3) r JOIN overloads_products p ON p.code = r.item_id ORDER BY r.rank;
EXECUTE list_text('recs_text', '5', 2);
PREPARE basket AS SELECT count(*) FROM lepton_topn_for($1, $2, $3) r JOIN overloads_products p ON p.id = r.item_id;
EXECUTE basket('recs', '{}', '3');
PREPARE basket_weights AS SELECT count(*) FROM lepton_topn_for($1, $2, weights => $3, n => $4);
EXECUTE basket_weights('recs', '{3,8}', '{5,1}', '3');
PREPARE alike AS SELECT count(*) FROM lepton_similar($1, $2, $3);
EXECUTE alike('recs', '3', '4');
PREPARE why AS SELECT count(*) > 0 AS explained FROM lepton_explain($1, $2, $3);
EXECUTE why('recs', '5', '7');
PREPARE list_at AS SELECT count(*) FROM lepton_topn_at($1, $2, $3, $4);
EXECUTE list_at('recs', '5', '2020-01-01', '3');
PREPARE predict_at AS SELECT lepton_predict($1, $2, $3, $4) = lepton_predict('recs', 5, 7) AS same;
EXECUTE predict_at('recs', '5', '7', '2020-01-01');
PREPARE predict AS SELECT lepton_predict($1, $2, $3) = lepton_predict('recs', 5, 7) AS same;
EXECUTE predict('recs', '5', '7'); EXECUTE predict('recs', '5', '7'); EXECUTE predict('recs', '5', '7');
EXECUTE predict('recs', '5', '7'); EXECUTE predict('recs', '5', '7'); EXECUTE predict('recs', '5', '7');
EXECUTE predict('recs', '6', '7'); EXECUTE predict('recs', '5', '7');
PREPARE best AS SELECT id FROM overloads_products WHERE id < $2 ORDER BY lepton_predict('recs', $1, id) DESC, id LIMIT 1;
EXECUTE best('5', 10);
DEALLOCATE ALL;

-- the wrong function names the right one, and nothing is guessed
SELECT lepton_topn('recs_text', 5);
SELECT lepton_topn('recs_uuid', 'u5');
SELECT lepton_topn_text('recs', 5);
SELECT lepton_topn_uuid('recs', 5, 3, NULL::uuid[]);
SELECT lepton_topn_text('recs_uuid', 'u5');
-- ids of another kind
SELECT lepton_predict('recs', 'x', 7);
SELECT lepton_predict('recs', 5, '7.5');
SELECT lepton_predict('recs', '99999999999999999999', 7);
SELECT lepton_predict('recs', md5('5')::uuid, 7);
SELECT lepton_predict('recs_text', 5, 7);
SELECT lepton_predict('recs_keys', md5('5')::uuid, 7);
SELECT lepton_predict('recs_uuid', 5, md5('7')::uuid);
SELECT lepton_predict('recs_uuid', 'u5', 'i7');
SELECT lepton_topn_text('recs_keys', 5);
SELECT lepton_topn_text('recs_keys', 'five');

DROP TABLE recs, recs_text, recs_uuid, recs_keys, overloads_ratings, overloads_products, overloads_groups;
DROP FUNCTION overloads_ids(bigint[]);
