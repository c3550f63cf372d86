-- numbers and bytes that nobody would have written: in rows and in values, a sensible answer or an error
\set SHOW_CONTEXT never
SET client_min_messages = error;
SET extra_float_digits = 0;
CREATE TABLE bytes_ratings AS SELECT u AS user_id, i AS item_id, (1 + (u * 3 + i * 5) % 5)::float8 AS rating FROM generate_series(1, 20) u, generate_series(1, 15) i WHERE (u + i * 3) % 4 > 0;
SELECT version FROM lepton_train('bytes_a', 'bytes_ratings', '{"algorithm": "als", "factors": 2, "epochs": 1}');
SELECT version FROM lepton_train('bytes_w', 'SELECT user_id, item_id FROM bytes_ratings WHERE rating > 2', '{"algorithm": "walk", "neighbors": 5}');
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/outcome.sql'
\i :include
-- an error without the numbers in it that differ
CREATE FUNCTION bytes_state(statement text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN a ~ '^[0-9A-Z]{5}: ' THEN left(a, 5) || regexp_replace(substr(a, 6), '\d{3,}', 'n', 'g') ELSE a END FROM answer(statement) a $$;
-- each call after a change, which is undone; outcomes with the calls that have them
CREATE FUNCTION bytes_try(change text) RETURNS TABLE (outcome text, calls text) LANGUAGE plpgsql AS $$
DECLARE
	outcomes text[] := '{}';
	names text[] := ARRAY['predict', 'topn', 'topn_all', 'topn_users', 'similar', 'similar_users', 'explain', 'topn_for', 'check', 'export', 'report', 'evaluate'];
	m text := substring(change FROM 'bytes_[aw]');
	o text;
BEGIN
	BEGIN
		EXECUTE change;
		-- a generation more, so that nothing in memory answers
		EXECUTE format('UPDATE %I SET generation = generation + 1', m);
		FOREACH o IN ARRAY ARRAY['SELECT ''a number'' WHERE abs(lepton_predict(%1$L, 1, 2)) <= 5', 'SELECT count(*) FROM lepton_topn(%1$L, 1, 3, false) WHERE abs(score) < ''inf''', 'SELECT count(*) > 50 FROM lepton_topn_all(%1$L, 3) WHERE abs(score) < ''inf''', 'SELECT count(*) FROM lepton_topn_users(%1$L, 1, 3) WHERE abs(score) < ''inf''',
			'SELECT count(*) FROM lepton_similar(%1$L, 1, 3) WHERE abs(score) <= 1.001', 'SELECT count(*) FROM lepton_similar_users(%1$L, 1, 3) WHERE abs(score) <= 1.001', 'SELECT count(*) > 0 FROM lepton_explain(%1$L, 1, 2) WHERE abs(contribution) < ''inf''', 'SELECT count(*) FROM lepton_topn_for(%1$L, ARRAY[1, 2], ARRAY[5, 1], 3) WHERE abs(score) < ''inf''',
			'SELECT count(*) FROM lepton_check(%1$L)', 'SELECT length(lepton_export(%1$L)) > 0', 'SELECT length(lepton_report(%1$L)) > 0', 'SELECT count(*) > 0 FROM lepton_evaluate(%1$L, ''bytes_ratings'')'] LOOP
			outcomes := outcomes || bytes_state(format(o, m));
		END LOOP;
		RAISE EXCEPTION USING ERRCODE = 'ZZZZZ';
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN NULL;
	END;
	RETURN QUERY SELECT t.o, string_agg(t.n, ', ' ORDER BY t.k) FROM unnest(outcomes, names) WITH ORDINALITY t(o, n, k) GROUP BY t.o;
END $$;
-- two factors of these numbers, little-endian: as the rows of all items, or of all users
CREATE TABLE bytes_numbers (what text, factors bytea);
INSERT INTO bytes_numbers
SELECT what, decode('4c4550460101' || '0200', 'hex') || decode(hex || hex, 'hex') FROM (VALUES ('1e38', '99769e7e'), ('-1e38', '99769efe'), ('FLT_MAX', 'ffff7f7f'), ('1e15', 'a95f6358'), ('7e14', 'b0a71f58'), ('-0', '00000080'), ('0', '00000000'), ('denormal', '01000000'), ('-denormal', '01000080'), ('largest denormal', 'ffff7f00'), ('NaN', '0000c07f'), ('signalling NaN', '0100807f'), ('Infinity', '0000807f'), ('-Infinity', '000080ff')) v(what, hex);
SELECT o.outcome, o.calls, string_agg(what || ' of ' || side, ', ' ORDER BY what COLLATE "C", side COLLATE "C") AS factors FROM bytes_numbers, unnest(ARRAY['items', 'users']) side, bytes_try(format('UPDATE bytes_a_%s SET factors = %L', side, factors)) o
GROUP BY o.outcome, o.calls ORDER BY o.outcome COLLATE "C", o.calls COLLATE "C";
-- biases, variances, means and limits of the row
SELECT change, o.outcome, o.calls FROM unnest(ARRAY['bytes_a_items SET bias = ''1e38''', 'bytes_a_items SET bias = ''1e15''', 'bytes_a_users SET bias = ''-1e15''', 'bytes_a_users SET bias = ''NaN''', 'bytes_a_users SET bias = ''-0''', 'bytes_a_users SET bias = ''1e-45''', 'bytes_a_users SET variance = ''-1''', 'bytes_a_users SET variance = ''3e38''', 'bytes_a_users SET variance = ''Infinity''', 'bytes_a_items SET n_ratings = -2147483648', 'bytes_a_items SET n_ratings = 2147483647', 'bytes_a_users SET n = 2147483647', 'bytes_a_items SET n = -1']) change, bytes_try('UPDATE ' || change) o ORDER BY change COLLATE "C", o.outcome COLLATE "C";
-- numbers that are missing
ALTER TABLE bytes_a_items ALTER n DROP NOT NULL, ALTER n_ratings DROP NOT NULL, ALTER bias DROP NOT NULL, ALTER factors DROP NOT NULL;
ALTER TABLE bytes_a_users ALTER n DROP NOT NULL, ALTER n_ratings DROP NOT NULL, ALTER bias DROP NOT NULL, ALTER factors DROP NOT NULL;
SELECT o.outcome, o.calls, string_agg(side || ' without ' || c, ', ' ORDER BY side, c) AS changes FROM unnest(ARRAY['items', 'users']) side, unnest(ARRAY['n', 'n_ratings', 'bias', 'factors']) c, bytes_try(format('UPDATE bytes_a_%s SET %s = NULL', side, c)) o
WHERE o.outcome ~ '^\w{5}: ' GROUP BY o.outcome, o.calls ORDER BY o.outcome COLLATE "C", o.calls COLLATE "C";
SELECT o.outcome, o.calls, string_agg(k || ' ' || v, ', ' ORDER BY k COLLATE "C", v COLLATE "C") AS of_a_row_with FROM unnest(ARRAY['n_factors', 'n_neighbors', 'mean', 'min', 'max', 'unknown', 'exclude_seen', 'implicit', 'levels']) k, unnest(ARRAY['-1', '1024', '9223372036854775808', '1e38', '-1e-320', 'null', '"x"', '[1e400]', '{"value": [1, 1], "cut": [2]}']) v,
	bytes_try(format('UPDATE bytes_a SET details = jsonb_set(details, ''{serving,%s}'', ''%s'')', k, v)) o
GROUP BY o.outcome, o.calls ORDER BY o.outcome COLLATE "C", o.calls COLLATE "C";
-- what only the listing functions read of a row
SELECT o.outcome, o.calls, string_agg(d, ' and ' ORDER BY d COLLATE "C") AS of_a_row_with FROM unnest(ARRAY['{"eligible": null}', '{"eligible": 7}', '{"eligible": {"query": 7}}', '{"eligible": {"query": "SELECT 1 AS item_id"}, "search_path": 7}', '{"eligible": {"query": "SELECT 1 AS item_id"}, "search_path": null}']) d,
	bytes_try(format('UPDATE bytes_a SET details = jsonb_set(details || %L, ''{serving,eligible}'', ''true'')', d)) o
GROUP BY o.outcome, o.calls ORDER BY o.outcome COLLATE "C", o.calls COLLATE "C";
-- lengths and counts that do not fit the bytes: of factors, of the items that somebody has, of neighbours
CREATE TABLE bytes_damages AS
SELECT format('byte %s is %s', b, v) AS damage, b, v, 0 AS cut FROM unnest(ARRAY[0, 4, 5, 6, 7, 8, 9, 10, 13]) b, unnest(ARRAY[0, 127, 255]) v UNION ALL SELECT format('cut to %s', n), NULL, NULL, n FROM unnest(ARRAY[0, 1, 4, 5, 8, 9, 10]) n UNION ALL SELECT 'longer', NULL, NULL, -1 UNION ALL SELECT 'a megabyte', NULL, NULL, -1000000;
SELECT c, o.outcome FROM bytes_damages, unnest(ARRAY['bytes_a_users.factors', 'bytes_a_items.factors', 'bytes_a_users.seen', 'bytes_w_users.seen', 'bytes_w_items.neighbors']) c,
	bytes_try(format('UPDATE %1$s SET %2$I = %3$s WHERE length(%2$I) > 13', split_part(c, '.', 1), split_part(c, '.', 2), CASE WHEN b IS NOT NULL THEN format('set_byte(%I, %s, %s)', split_part(c, '.', 2), b, v) WHEN cut >= 0 THEN format('substr(%I, 1, %s)', split_part(c, '.', 2), cut) ELSE format('%I || decode(repeat(''00'', %s), ''hex'')', split_part(c, '.', 2), -cut) END)) o
WHERE o.outcome ~ '^\w{5}:' AND o.outcome !~ '^XX001: ' GROUP BY c, o.outcome ORDER BY c COLLATE "C", o.outcome COLLATE "C";
-- stored in every way that the server has: short, compressed, outside of the row; the same answers
CREATE TABLE bytes_answers AS SELECT bytes_state('SELECT string_agg(item_id || '':'' || score, '' '' ORDER BY rank) FROM lepton_topn(''bytes_a'', 1, 15, false)') AS list, lepton_export('bytes_a') AS value;
ALTER TABLE bytes_a_items ALTER factors SET STORAGE PLAIN;
ALTER TABLE bytes_a_users ALTER factors SET STORAGE MAIN, ALTER seen SET STORAGE EXTENDED;
ALTER TABLE bytes_a ALTER details SET STORAGE EXTERNAL;
UPDATE bytes_a_items SET factors = factors || ''::bytea;
UPDATE bytes_a_users SET factors = factors || ''::bytea, seen = seen || ''::bytea;
UPDATE bytes_a SET details = details || '{}', generation = generation + 1;
SELECT bytes_state('SELECT string_agg(item_id || '':'' || score, '' '' ORDER BY rank) FROM lepton_topn(''bytes_a'', 1, 15, false)') = list AS same FROM bytes_answers;
CREATE TABLE bytes_values (how text, model bytea);
ALTER TABLE bytes_values ALTER model SET STORAGE EXTERNAL;
INSERT INTO bytes_values SELECT 'outside', lepton_export('bytes_a');
ALTER TABLE bytes_values ALTER model SET STORAGE MAIN;
INSERT INTO bytes_values SELECT 'in the row', lepton_export('bytes_a');
ALTER TABLE bytes_values ALTER model SET STORAGE EXTENDED;
INSERT INTO bytes_values SELECT 'compressed', lepton_export('bytes_a');
SELECT how, bytes_state(format('SELECT string_agg(item_id || '':'' || score, '' '' ORDER BY rank) FROM lepton_topn((SELECT model FROM bytes_values WHERE how = %L), 1, 15, false)', how)) = list AS same FROM bytes_values, bytes_answers ORDER BY 1;
-- a value with any one byte changed, or cut: found out, by each reader
SELECT call, o.outcome FROM (SELECT set_byte(model, b, (get_byte(model, b) + 1) % 256) AS model FROM bytes_values, generate_series(0, length(model) - 1, 7) b WHERE how = 'compressed' UNION ALL SELECT substr(model, 1, n) FROM bytes_values, generate_series(0, length(model) - 1, 61) n WHERE how = 'compressed') v,
	unnest(ARRAY['lepton_predict(%L::bytea, 1, 2)', 'count(*) FROM lepton_topn(%L::bytea, 1, 3)', 'lepton_info(%L::bytea)', 'lepton_import(''bytes_i'', %L)']) call, LATERAL (SELECT bytes_state(format('SELECT ' || call, v.model)) AS outcome) o
GROUP BY call, o.outcome ORDER BY call COLLATE "C", o.outcome COLLATE "C";
SELECT lepton_drop(m) FROM unnest(ARRAY['bytes_a', 'bytes_w']) m;
DROP TABLE bytes_numbers, bytes_damages, bytes_answers, bytes_values, bytes_ratings;
DROP FUNCTION bytes_try, bytes_state, outcome, answer;
