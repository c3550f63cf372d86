-- the aggregate that ranks: against ORDER BY ... LIMIT, by every path, and with states that are none
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET extra_float_digits = 0;
CREATE FUNCTION ranked_state(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN sqlstate || ': ' || sqlerrm || CASE WHEN hint <> '' THEN ' (' || hint || ')' ELSE '' END;
END $$;
-- scores of 100 values, so that there are ties everywhere
CREATE TABLE ranked_rows AS
SELECT g % 37 AS g, (g * 7919) % 10007 AS item, ((g::bigint * 104729) % 100)::float8 / 8 - 6 AS score
FROM generate_series(1, 20000) g;
ANALYZE ranked_rows;

-- a list, and its columns
SELECT lepton_topn_agg(i, s, 3) FROM (VALUES (5, 1.5), (3, 2), (9, 1.5), (4, 1.5)) v(i, s);
SELECT r.* FROM (SELECT lepton_topn_agg(i, s, 3) AS list FROM (VALUES (5, 1.5), (3, 2), (9, 1.5)) v(i, s)) t, unnest(list) r;
SELECT k, (unnest(lepton_topn_agg(i, s, k))).* FROM (VALUES (5, 1.5), (3, 2), (9, 1.5)) v(i, s), generate_series(0, 2) k GROUP BY k;
SELECT lepton_topn_agg_text(i, s, 3) FROM (VALUES ('b'::varchar, 1::real), ('B', 1), ('', 1), ('a', 0.5)) v(i, s);
SELECT lepton_topn_agg_uuid(md5(i::text)::uuid, i % 2, 2) FROM generate_series(1, 9) i;
SELECT pg_typeof(lepton_topn_agg(1, 1, 1)), pg_typeof(lepton_topn_agg_text('a', 1, 1)), pg_typeof(lepton_topn_agg_uuid(md5('')::uuid, 1, 1));

-- nothing, NULLs, none wanted, more wanted than there are
SELECT lepton_topn_agg(1, 1, 3) FROM generate_series(1, 0);
SELECT lepton_topn_agg(i, s, n) FROM (VALUES (NULL, 1, 3), (1, NULL, 3), (NULL, NULL, NULL)) v(i, s, n);
SELECT lepton_topn_agg(i, s, n) FROM (VALUES (NULL, 9, 4), (1, NULL, 5), (2, 1, 3)) v(i, s, n);
SELECT lepton_topn_agg(i, 1, 0) FROM generate_series(1, 100) i;
SELECT lepton_topn_agg(i, -i, 9223372036854775807) FROM generate_series(1, 3) i;
SELECT lepton_topn_agg(i, i, 2) FILTER (WHERE i < 5) FROM generate_series(1, 9) i;
SELECT lepton_topn_agg(i, s, 5) FROM (VALUES (1, 'inf'::float8), (2, '-inf'), (3, 1e308), (4, -0.0), (5, 0)) v(i, s);
-- the same row twice is two rows; zeros of both signs are equal
SELECT lepton_topn_agg(1, s, 5) FROM (VALUES ('0'::float8), ('-0'), ('0'), ('-0')) v(s);
SELECT lepton_topn_agg(DISTINCT i % 3, 1, 5) FROM generate_series(1, 9) i;

-- errors
SELECT ranked_state('SELECT lepton_topn_agg(7, ''NaN'', 3)');
SELECT ranked_state('SELECT lepton_topn_agg_text(''x'', ''NaN'', 0)');
SELECT ranked_state('SELECT lepton_topn_agg(7, 1, -1)');
SELECT ranked_state('SELECT lepton_topn_agg(7, 1, NULL)');
SELECT ranked_state('SELECT lepton_topn_agg(i, 1, i) FROM generate_series(3, 5, 2) i');
SELECT ranked_state('SELECT lepton_topn_agg(i, 1, 8 - i) FROM generate_series(3, 5, 2) i');

-- as ORDER BY ... LIMIT has it: kinds, lengths of lists, orders in which rows come
CREATE VIEW ranked_kinds AS
SELECT g, item::bigint AS i, 'item' || item AS t, md5(item::text)::uuid AS u, score FROM ranked_rows;
CREATE FUNCTION ranked_differs(n bigint, source text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	EXECUTE format($q$
		WITH rows AS MATERIALIZED (SELECT * FROM %2$s),
		a AS (SELECT g, lepton_topn_agg(i, score, %1$s) AS i, lepton_topn_agg_text(t, score, %1$s) AS t,
				lepton_topn_agg_uuid(u, score, %1$s) AS u FROM rows GROUP BY g),
		gs AS (SELECT DISTINCT g FROM rows)
		SELECT count(*) FROM gs JOIN a USING (g)
		WHERE i::text IS DISTINCT FROM (SELECT array_agg(ROW(r, i, score)::lepton_ranked ORDER BY r) FROM (
				SELECT row_number() OVER (ORDER BY score DESC, i) AS r, i, score FROM rows WHERE rows.g = gs.g LIMIT %1$s) x)::text
			OR t::text IS DISTINCT FROM (SELECT array_agg(ROW(r, t, score)::lepton_ranked_text ORDER BY r) FROM (
				SELECT row_number() OVER (ORDER BY score DESC, t COLLATE "C") AS r, t, score FROM rows WHERE rows.g = gs.g LIMIT %1$s) x)::text
			OR u::text IS DISTINCT FROM (SELECT array_agg(ROW(r, u, score)::lepton_ranked_uuid ORDER BY r) FROM (
				SELECT row_number() OVER (ORDER BY score DESC, u) AS r, u, score FROM rows WHERE rows.g = gs.g LIMIT %1$s) x)::text
		$q$, n, source) INTO result;
	RETURN result;
END $$;
SELECT n, ranked_differs(n, 'ranked_kinds') FROM unnest(ARRAY[1, 2, 10, 17, 100, 600]) n;
SELECT ranked_differs(10, '(SELECT * FROM ranked_kinds ORDER BY score, i DESC) x') AS worst_first,
	ranked_differs(10, '(SELECT * FROM ranked_kinds ORDER BY score DESC, i) x') AS best_first;

-- the same by every path
CREATE TABLE ranked_plain AS SELECT g, lepton_topn_agg(item, score, 25) AS list,
	lepton_topn_agg_text(item::text, score, 25) AS texts FROM ranked_rows GROUP BY g;
CREATE FUNCTION ranked_same(source text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	result boolean;
BEGIN
	EXECUTE format('WITH a AS MATERIALIZED (SELECT g, lepton_topn_agg(item, score, 25) AS list,
			lepton_topn_agg_text(item::text, score, 25) AS texts FROM %s GROUP BY g)
		SELECT count(*) = 37 AND bool_and(a.list = p.list AND a.texts = p.texts) FROM a JOIN ranked_plain p USING (g)', source) INTO result;
	RETURN result;
END $$;
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/plan.sql'
\i :include
-- sorted groups, and hashed ones that spill
SET enable_hashagg = off;
SELECT plan_lines('SELECT g, lepton_topn_agg(item, score, 25) FROM ranked_rows GROUP BY g', 'Aggregate|Gather|Sort$');
SELECT ranked_same('ranked_rows');
RESET enable_hashagg;
SET work_mem = '64kB';
SELECT ranked_same('ranked_rows');
RESET work_mem;
-- workers
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT plan_lines('SELECT g, lepton_topn_agg(item, score, 25) FROM ranked_rows GROUP BY g', 'Aggregate|Gather|Sort$');
SELECT ranked_same('ranked_rows');
SET parallel_leader_participation = off;
SELECT ranked_same('ranked_rows');
RESET parallel_leader_participation;
-- partitions, each with an aggregate of its own
CREATE TABLE ranked_parts (LIKE ranked_rows) PARTITION BY HASH (item);
CREATE TABLE ranked_part0 PARTITION OF ranked_parts FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE ranked_part1 PARTITION OF ranked_parts FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE ranked_part2 PARTITION OF ranked_parts FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO ranked_parts SELECT * FROM ranked_rows;
ANALYZE ranked_parts;
SET enable_partitionwise_aggregate = on;
SELECT ranked_same('ranked_parts');
SET max_parallel_workers_per_gather = 0;
SELECT plan_lines('SELECT g, lepton_topn_agg(item, score, 25) FROM ranked_parts GROUP BY g', 'Aggregate|Gather|Sort$');
SELECT ranked_same('ranked_parts');
RESET enable_partitionwise_aggregate;
RESET max_parallel_workers_per_gather;
-- over a window, where the final function is asked again as rows are added
SELECT count(*) AS windows, count(*) FILTER (WHERE list[1].item_id = i AND cardinality(list) = least(i, 3) AND list[2].item_id IS NOT DISTINCT FROM nullif(i - 1, 0)) AS right
FROM (SELECT i, lepton_topn_agg(i, i, 3) OVER (ORDER BY i) AS list FROM generate_series(1, 100) i) x;

-- a state by hand: the copy is changed, not the value
CREATE TABLE ranked_states AS SELECT lepton_topn_agg_add(NULL, 5, 1.5, 2) AS s;
SELECT lepton_topn_agg_list(lepton_topn_agg_add(s, 6, 2.5, 2)), lepton_topn_agg_list(s) FROM ranked_states;
SELECT lepton_topn_agg_list(lepton_topn_agg_combine(s, lepton_topn_agg_add(NULL, 4, 1.5, 2))), lepton_topn_agg_list(s) FROM ranked_states;
SELECT s FROM ranked_states;
SELECT ranked_state('SELECT lepton_topn_agg_combine(s, lepton_topn_agg_add(NULL, 4, 1.5, 3)) FROM ranked_states');
SELECT ranked_state('SELECT lepton_topn_agg_combine(s, lepton_topn_agg_add_text(NULL, ''x'', 1.5, 2)) FROM ranked_states');
SELECT ranked_state('SELECT lepton_topn_agg_list_text(s) FROM ranked_states');

-- states that are none: an error, or a list, never a crash
SELECT ranked_state(format('SELECT %s', f)) FROM unnest(ARRAY['lepton_topn_agg_list(%L)', 'lepton_topn_agg_list_text(%L)',
	'lepton_topn_agg_add(%L, 1, 1, 2)', 'lepton_topn_agg_combine(%L, lepton_topn_agg_add(NULL, 1, 1, 2))',
	'lepton_topn_agg_combine(lepton_topn_agg_add(NULL, 1, 1, 2), %L)']) c(call), LATERAL (SELECT format(call, '\x00'::bytea)) x(f);
CREATE FUNCTION ranked_attack(state bytea, suffix text, id text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	call text;
	answers text[] = '{}';
	damaged bytea;
	code text;
BEGIN
	FOR at IN 0 .. length(state) - 1 LOOP
		FOREACH code IN ARRAY ARRAY['00', '01', '7f', '80', 'ff'] LOOP
			damaged = set_byte(state, at, get_byte(decode(code, 'hex'), 0));
			FOREACH call IN ARRAY ARRAY['list%1$s(%2$L)', 'add%1$s(%2$L, %3$s, 1, 2)', 'combine%1$s(%2$L, %4$L)', 'combine%1$s(%4$L, %2$L)'] LOOP
				answers = answers || split_part(ranked_state('SELECT lepton_topn_agg_' || format(call, suffix, damaged, id, state)), ':', 1);
			END LOOP;
		END LOOP;
		answers = answers || split_part(ranked_state(format('SELECT lepton_topn_agg_list%s(%L)', suffix, substr(state, 1, at))), ':', 1);
	END LOOP;
	RETURN (SELECT string_agg(DISTINCT a COLLATE "C", ', ') FROM unnest(answers) a);
END $$;
-- XX001: damaged; 0A000: another version; 22023: n varies; 22021: no text
SELECT ranked_attack((SELECT lepton_topn_agg_combine(lepton_topn_agg_add(lepton_topn_agg_add(NULL, 5, 1.5, 2), 6, 2.5, 2), lepton_topn_agg_add(NULL, 7, 1, 2))), '', '3');
SELECT ranked_attack((SELECT lepton_topn_agg_add_text(lepton_topn_agg_add_text(NULL, 'x', 1.5, 2), 'yz', 2.5, 2)), '_text', quote_literal('w'));

-- and inside an aggregate that somebody begins with bytes of hers
CREATE FUNCTION ranked_aggregate(state bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE format('CREATE AGGREGATE ranked_forged(bigint, float8, bigint) (SFUNC = lepton_topn_agg_add, STYPE = bytea, INITCOND = %L, FINALFUNC = lepton_topn_agg_list)', state);
	answer = ranked_state('SELECT ranked_forged(i, i, 2) FROM generate_series(1, 100) i');
	DROP AGGREGATE ranked_forged(bigint, float8, bigint);
	RETURN answer;
END $$;
SELECT ranked_aggregate(s) FROM ranked_states;
SELECT string_agg(DISTINCT split_part(ranked_aggregate(set_byte(s, at, v)), ':', 1) COLLATE "C", ', ')
FROM (SELECT substr(s, 1, 44) AS s FROM ranked_states) x, generate_series(0, 43) at, unnest(ARRAY[0, 1, 127, 128, 255]) v;

DROP TABLE ranked_rows, ranked_plain, ranked_parts, ranked_states CASCADE;
DROP FUNCTION ranked_state, ranked_differs, ranked_same, plan_lines, ranked_attack, ranked_aggregate;
