-- MovieLens 100K with the defaults: better than both baselines on held-out rows;
-- lists are the brute-force ones; the same bytes whatever the order of rows, the
-- plan, the threads and the kernels.  Skipped where LEPTON_DATA has no ml-100k.
BEGIN;
SET LOCAL client_min_messages = warning;
\set ratings `cat "$LEPTON_DATA/ml-100k/u.data" 2>/dev/null`
SELECT :'ratings' = '' AS absent \gset
\if :absent
SELECT plan(1);
SELECT skip('MovieLens 100K is not there (LEPTON_DATA)', 1);
\else
SELECT plan(25);

CREATE TABLE movielens AS
SELECT r[1]::int AS user_id, r[2]::int AS item_id, r[3]::real AS rating, to_timestamp(r[4]::bigint) AS rated_at
FROM (SELECT string_to_array(line, E'\t') AS r FROM regexp_split_to_table(:'ratings', E'\n') line) x;
CREATE INDEX ON movielens (item_id, user_id);
ANALYZE movielens;
SELECT is((SELECT count(*) FROM movielens), 100000::bigint, 'the data are whole');

-- what the defaults learn
CREATE TABLE first_row AS SELECT * FROM lepton_train('films', 'movielens');
SELECT is((SELECT ARRAY[n_users, n_items, n_ratings] FROM first_row), ARRAY[943, 1682, 100000]::bigint[],
	'users, items and ratings are counted');
SELECT cmp_ok((metrics ->> 'rmse')::float8, '<', (metrics ->> 'baseline_rmse')::float8, 'better than the biases alone')
FROM first_row;
SELECT cmp_ok((metrics ->> 'baseline_rmse')::float8, '<', (metrics ->> 'mean_rmse')::float8, 'which are better than the mean')
FROM first_row;
SELECT cmp_ok((metrics ->> 'mae')::float8, '<', (metrics ->> 'baseline_mae')::float8, 'and so by MAE') FROM first_row;

-- lists of 200 users against a join of the factor tables
CREATE TABLE some_users AS
SELECT DISTINCT user_id, md5(user_id::text) FROM movielens ORDER BY md5(user_id::text) LIMIT 200;
CREATE TABLE user_vectors AS
SELECT u.id, u.bias::float8, lepton_vector(u.factors)::float8[] AS factors
FROM films_users u JOIN some_users s ON s.user_id = u.id;
CREATE TABLE item_vectors AS SELECT id, bias::float8, lepton_vector(factors)::float8[] AS factors FROM films_items;
CREATE TABLE brute_force AS
SELECT user_id, item_id, score, row_number() OVER (PARTITION BY user_id ORDER BY score DESC, item_id) AS rank
FROM (SELECT u.id AS user_id, i.id AS item_id,
		((m.details #>> '{serving,mean}')::float8 + u.bias + i.bias
		 + (SELECT sum(a * b) FROM unnest(u.factors, i.factors) f(a, b)))::real AS score
	FROM films m, user_vectors u, item_vectors i
	WHERE NOT EXISTS (SELECT FROM movielens r WHERE r.user_id = u.id AND r.item_id = i.id)) s;
CREATE TABLE lists AS
SELECT s.user_id, l.* FROM some_users s, LATERAL lepton_topn('films', s.user_id, 50) l;
SELECT is((SELECT count(*) FROM lists), 10000::bigint, '50 items for each of 200 users');
SELECT is_empty('SELECT user_id, rank FROM lists l FULL JOIN (SELECT * FROM brute_force WHERE rank <= 50) b USING (user_id, rank)
	WHERE l.item_id IS DISTINCT FROM b.item_id', 'the items and their order are those of a full join');
SELECT is_empty('SELECT user_id, rank FROM lists l JOIN brute_force b USING (user_id, rank)
	WHERE float4send(l.score) <> float4send(greatest(1::real, least(5::real, b.score)))', 'and so are the bits of the scores');
SELECT is_empty('SELECT * FROM lists WHERE float4send(score) <> float4send(lepton_predict(''films'', user_id, item_id))',
	'a score is the prediction, bit by bit');
SELECT is_empty('SELECT user_id, item_id FROM lists JOIN movielens USING (user_id, item_id)', 'nothing seen is listed');

-- rows of a new version that are not, byte by byte, those of the first, and the other way
CREATE VIEW stored AS
SELECT version, 'user' AS side, id, n, n_ratings, float4send(bias) AS bias, float4send(variance) AS variance, factors, seen AS extra FROM films_users
UNION ALL
SELECT version, 'item', id, n, n_ratings, float4send(bias), float4send(variance), factors, neighbors FROM films_items;
CREATE FUNCTION differences(source text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	new bigint := (lepton_train('films', source, '{"keep": 100}')).version;
	n_different bigint;
BEGIN
	WITH a AS (SELECT side, id, n, n_ratings, bias, variance, factors, extra FROM stored WHERE version = 1),
		b AS (SELECT side, id, n, n_ratings, bias, variance, factors, extra FROM stored WHERE version = new)
	SELECT (SELECT count(*) FROM (TABLE a EXCEPT TABLE b) x) + (SELECT count(*) FROM (TABLE b EXCEPT TABLE a) y) INTO n_different;
	RETURN n_different;
END $$;
CREATE FUNCTION plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RETURN plan;
END $$;

SELECT cmp_ok(differences('SELECT * FROM movielens WHERE (user_id, item_id) <> (196, 242)'), '>', 0::bigint,
	'one rating less gives other bytes');
SELECT is(differences('SELECT * FROM movielens ORDER BY md5(user_id::text || '' '' || item_id)'), 0::bigint,
	'shuffled rows: the same bytes');

-- a source that gives no row outside a worker: that it trains shows that workers read it
CREATE FUNCTION in_worker(leader int) RETURNS boolean LANGUAGE plpgsql PARALLEL SAFE AS
	$$ BEGIN RETURN pg_backend_pid() <> leader; END $$;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SET LOCAL parallel_leader_participation = off;
SELECT matches(plan_of('SELECT * FROM movielens'), 'Gather', 'a parallel plan');
SELECT is(differences(format('SELECT * FROM movielens WHERE in_worker(%s)', pg_backend_pid())), 0::bigint,
	'rows read by workers: the same bytes');
SET LOCAL max_parallel_workers_per_gather = 0;
SELECT throws_ok(format('SELECT lepton_train(''none'', ''SELECT * FROM movielens WHERE in_worker(%s)'')', pg_backend_pid()),
	'P0002', NULL, 'and without workers there is no row');

SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT matches(plan_of('SELECT * FROM movielens WHERE item_id > 0'), 'Index Scan', 'an index scan');
SELECT is(differences('SELECT * FROM movielens WHERE item_id > 0'), 0::bigint, 'rows by index: the same bytes');
RESET enable_seqscan;
RESET enable_bitmapscan;

SET LOCAL lepton.threads = 1;
SELECT is(differences('movielens'), 0::bigint, 'one thread: the same bytes');
SELECT is((SELECT details ->> 'threads' FROM films WHERE is_current), '1', 'the row says so');
SET LOCAL lepton.threads = 2;
SELECT is(differences('movielens'), 0::bigint, 'two threads: the same bytes');

-- each kernel level that this machine has, and what its lists look like
CREATE FUNCTION has_kernel(level text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('lepton.kernel', level, true);
	RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN false;
END $$;
CREATE FUNCTION check_kernel(level text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	IF NOT has_kernel(level) THEN
		RETURN skip('this machine has no ' || level || ' kernels', 1);
	END IF;
	n := differences('movielens');
	RETURN is(n || ' ' || (SELECT details ->> 'kernel' FROM films WHERE is_current), '0 ' || level,
		level || ' kernels: the same bytes');
END $$;
SELECT check_kernel(level) FROM unnest(ARRAY['portable', 'avx2', 'avx512', 'neon']) level;
SELECT is_empty('SELECT user_id, rank FROM lists l FULL JOIN (SELECT s.user_id, t.* FROM some_users s, LATERAL lepton_topn(''films'', s.user_id, 50) t) m
	USING (user_id, rank) WHERE (l.item_id, float4send(l.score)) IS DISTINCT FROM (m.item_id, float4send(m.score))',
	'the last version gives the lists of the first');
\endif

SELECT * FROM finish();
ROLLBACK;
