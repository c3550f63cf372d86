-- A model is a function of the rows as a set, the options and the seed: the same
-- bits whatever the order of rows, the plan, the number of threads, the kernels.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(24);

CREATE TABLE bits_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * 3 + i * 5 + (u % 7) * (i % 11)) % 9) / 2.0 AS rating
FROM generate_series(1, 400) u, generate_series(1, 300) i WHERE (u * u + i * 13 + u * i) % 7 < 2;
CREATE INDEX ON bits_ratings (item_id, user_id);
ANALYZE bits_ratings;

-- md5 over every byte that a training stored
CREATE FUNCTION bits_of(algorithm text, source text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	model lepton_model;
	bits text;
BEGIN
	model := lepton_train('bits_model', source, jsonb_build_object('algorithm', algorithm, 'epochs', 5));
	EXECUTE format('SELECT md5(string_agg(id || '':'' || n || float4send(bias)::text || factors::text, '','' ORDER BY n))
		FROM (SELECT id, n, bias, factors FROM %s WHERE version = $1 UNION ALL SELECT -id, -n - 1, bias, factors FROM %s WHERE version = $1) x',
		model.users, model.items) INTO bits USING model.version;
	RETURN bits;
END $$;

CREATE TABLE bits_expected AS
SELECT a AS algorithm, bits_of(a, 'bits_ratings') AS bits FROM unnest(ARRAY['sgd', 'als']) a;
SELECT isnt((SELECT min(bits) FROM bits_expected), (SELECT max(bits) FROM bits_expected), 'two algorithms give other bits');
SELECT isnt(bits_of('sgd', 'SELECT user_id, item_id, rating + (user_id = 1)::int AS rating FROM bits_ratings'), bits,
	'other ratings give other bits') FROM bits_expected WHERE algorithm = 'sgd';

SELECT is(bits_of(algorithm, 'SELECT * FROM bits_ratings ORDER BY md5(user_id::text || item_id::text)'), bits,
	algorithm || ': shuffled rows') FROM bits_expected ORDER BY algorithm;

SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT is(bits_of(algorithm, 'bits_ratings'), bits, algorithm || ': a parallel plan') FROM bits_expected ORDER BY algorithm;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL enable_seqscan = off;
SELECT is(bits_of(algorithm, 'SELECT * FROM bits_ratings WHERE item_id > 0'), bits, algorithm || ': an index scan')
FROM bits_expected ORDER BY algorithm;
RESET enable_seqscan;

SET LOCAL lepton.threads = 1;
SELECT is(bits_of(algorithm, 'bits_ratings'), bits, algorithm || ': one thread') FROM bits_expected ORDER BY algorithm;
SET LOCAL lepton.threads = 2;
SELECT is(bits_of(algorithm, 'bits_ratings'), bits, algorithm || ': two threads') FROM bits_expected ORDER BY algorithm;

SET LOCAL lepton.kernel = 'portable';
SELECT is(bits_of(algorithm, 'bits_ratings'), bits, algorithm || ': portable kernels') FROM bits_expected ORDER BY algorithm;
SELECT is((SELECT details ->> 'kernel' FROM bits_model WHERE is_current), 'portable', 'the row says which kernels');
RESET lepton.kernel;

-- predictions and lists, of each kind of model and under each level that runs here
SET LOCAL lepton.threads = 0;
SELECT lives_ok(format('SELECT version FROM lepton_train(''bits_%s'', %L, %L)', algorithm, source, jsonb_strip_nulls(jsonb_build_object('algorithm', algorithm, 'factors', factors))), 'train ' || algorithm) FROM (VALUES
	('sgd', 'bits_ratings', 33), ('als', 'bits_ratings', 8), ('ials', 'SELECT user_id, item_id FROM bits_ratings', 24),
	('walk', 'SELECT user_id, item_id FROM bits_ratings', NULL)) v(algorithm, source, factors);

CREATE FUNCTION answers_of(model text, level text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	lists text;
	predictions text;
BEGIN
	PERFORM set_config('lepton.kernel', level, true);
	SELECT md5(string_agg(u || ' ' || rank || ' ' || item_id || ' ' || float4send(score)::text, ',' ORDER BY u, rank)) INTO lists
	FROM generate_series(1, 400) u, LATERAL lepton_topn(model, u, 25, exclude_seen => u % 2 = 0);
	SELECT md5(string_agg(float4send(lepton_predict(model, user_id, item_id))::text, ',' ORDER BY user_id, item_id)) INTO predictions FROM bits_ratings;
	RETURN lists || predictions;
END $$;
SELECT is(count(DISTINCT answers_of(m, level)) || ' of ' || count(*), '1 of ' || count(DISTINCT level), m || ': answers under each level of kernels')
FROM unnest(ARRAY['bits_als', 'bits_ials', 'bits_sgd', 'bits_walk']) m,
	lepton_info() i, unnest(string_to_array(i.value, ', ')) level
WHERE i.topic = 'kernels that run here' GROUP BY m ORDER BY m;
RESET lepton.kernel;

SELECT is((SELECT count(*) FROM bits_model), 2::bigint, 'two versions are kept of many');

SELECT * FROM finish();
ROLLBACK;
