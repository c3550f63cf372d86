-- functions that the executor and the planner call, called by hand and by aggregates of others
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE ROLE regress_lepton_stranger;
GRANT CREATE ON SCHEMA public TO regress_lepton_stranger;
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/outcome.sql'
\i :include
CREATE TABLE internal_ratings AS SELECT u AS user_id, i AS item_id, (1 + (u * 3 + i * 5) % 5)::float8 AS rating FROM generate_series(1, 20) u, generate_series(1, 15) i WHERE (u + i * 3) % 4 > 0;
GRANT SELECT ON internal_ratings TO PUBLIC;

-- every function that takes or gives a value of type internal: a value cannot be made, and NULL is none
CREATE VIEW internal_functions AS
SELECT p.oid, p.proname, p.proargtypes, p.pronargs FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'lepton'
WHERE p.prorettype = 'internal'::regtype OR 'internal'::regtype = ANY (p.proargtypes::oid[]);
GRANT SELECT ON internal_functions TO PUBLIC;
SET ROLE regress_lepton_stranger;
SELECT f.oid::regprocedure AS function, answer(format('SELECT %I(%s) IS NULL', proname, (SELECT string_agg(CASE WHEN t = 'internal'::regtype THEN 'NULL' WHEN t = 'bytea'::regtype THEN '''x''::bytea' WHEN t = '"any"'::regtype THEN '1' WHEN t = 'jsonb'::regtype THEN '''{}''::jsonb' ELSE '1::' || t::regtype END, ', ' ORDER BY o) FROM unnest(proargtypes::oid[]) WITH ORDINALITY a(t, o)))) AS called
FROM internal_functions f ORDER BY f.oid::regprocedure::text COLLATE "C";
SELECT answer('SELECT lepton_train_final(''\x00''::internal)') AS cast_to, answer('SELECT lepton_train_final(1::internal)') AS made_of_a_number, answer('SELECT lepton_train_serialize(array_agg_transfn(NULL, 1))') AS of_others;
-- nobody but a superuser makes an aggregate of that type
SELECT answer('CREATE AGGREGATE internal_mine("any", "any", float8) (SFUNC = lepton_train_add, STYPE = internal)');
RESET ROLE;

-- a superuser's mistakes: the state of another aggregate is told from ours
CREATE AGGREGATE internal_theirs(anynonarray) (SFUNC = array_agg_transfn, STYPE = internal, FINALFUNC = lepton_train_final);
CREATE AGGREGATE internal_numbers(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, FINALFUNC = lepton_train_final);
CREATE AGGREGATE internal_combined(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, COMBINEFUNC = lepton_train_combine, SERIALFUNC = lepton_train_serialize, DESERIALFUNC = lepton_train_deserialize, PARALLEL = SAFE);
SELECT answer('SELECT internal_theirs(x) FROM generate_series(1, 3) x'), answer('SELECT internal_theirs(x) FROM generate_series(1, 0) x'), answer('SELECT internal_numbers(x) FROM generate_series(1, 3) x');
-- ours with no final function, with another name, ordered, distinct, filtered, over a window
CREATE AGGREGATE internal_same("any", "any", float8) (SFUNC = lepton_train_add, STYPE = internal, FINALFUNC = lepton_train_final, FINALFUNC_MODIFY = READ_WRITE);
CREATE AGGREGATE internal_moving("any", "any", float8) (SFUNC = lepton_train_add, STYPE = internal, FINALFUNC = lepton_train_final, MSFUNC = lepton_train_add, MINVFUNC = lepton_train_add, MSTYPE = internal, MFINALFUNC = lepton_train_final);
SELECT internal_same(user_id, item_id, rating) = lepton_train(user_id, item_id, rating) AS same, internal_same(user_id, item_id, rating ORDER BY rating, item_id, user_id) = lepton_train(user_id, item_id, rating) AS ordered FROM internal_ratings;
SELECT answer('SELECT internal_moving(user_id, item_id, rating) OVER (ORDER BY user_id ROWS 3 PRECEDING) FROM internal_ratings'), answer('SELECT lepton_train(user_id, item_id, rating) OVER () FROM internal_ratings');
-- one state for two final functions
SELECT lepton_train(user_id, item_id, rating) = internal_same(user_id, item_id, rating) AS same, lepton_train(user_id, item_id, rating) = lepton_train(user_id, item_id, rating) AS again FROM internal_ratings;
-- options of the aggregate that vary, are NULL, no object, or no options
SELECT o, answer(format('SELECT length(lepton_train(user_id, item_id, rating, %s)) > 0 FROM internal_ratings', o)) FROM unnest(ARRAY['NULL::jsonb', '''[]''::jsonb', '''7''::jsonb', '''{"eligible": "SELECT 1"}''::jsonb', '''{"live": true}''::jsonb', '''{"user_column": "x"}''::jsonb', '(CASE WHEN user_id > 3 THEN ''{}'' ELSE ''{"factors": 2}'' END)::jsonb']) o;
-- ids of kinds that are none, and of two kinds
SELECT t, answer(format('SELECT length(lepton_train(%s, item_id, rating)) > 0 FROM internal_ratings', t)) FROM unnest(ARRAY['NULL', 'NULL::text', 'user_id::numeric', 'ARRAY[user_id]', 'ROW(user_id)', 'now()', 'user_id::text::bytea', '''x''', 'user_id::text::name', 'user_id::bit(8)']) t;
DROP AGGREGATE internal_theirs(anynonarray), internal_numbers(numeric), internal_same("any", "any", float8), internal_moving("any", "any", float8);

-- states of type bytea anybody can begin, combine and finish with: forged ones are found out
SET ROLE regress_lepton_stranger;
CREATE TABLE internal_states AS
SELECT 'true' AS what, lepton_topn_agg_add(lepton_topn_agg_add(NULL, 5::bigint, 1.5, 3), 7::bigint, 2.5, 3) AS state
UNION ALL SELECT 'of text', lepton_topn_agg_add_text(NULL, 'a', 1, 3) UNION ALL SELECT 'of uuid', lepton_topn_agg_add_uuid(NULL, md5('1')::uuid, 1, 3) UNION ALL SELECT 'empty', '' UNION ALL SELECT 'short', '\x4c';
INSERT INTO internal_states
SELECT format('byte %s is %s', b, v), set_byte(state, b, v) FROM internal_states, generate_series(0, 47) b, unnest(ARRAY[0, 1, 127, 128, 255]) v WHERE what = 'true' AND b < length(state)
UNION ALL SELECT format('cut to %s', n), substr(state, 1, n) FROM internal_states, generate_series(0, 60) n WHERE what = 'true' AND n < length(state) UNION ALL SELECT format('%s more', n), state || decode(repeat('ff', n), 'hex') FROM internal_states, unnest(ARRAY[1, 7, 16, 1000000]) n WHERE what = 'true';
CREATE FUNCTION internal_kind(outcome text) RETURNS text LANGUAGE sql AS $$ SELECT CASE WHEN outcome ~ '^[0-9A-Z]{5}: ' THEN regexp_replace(outcome, '\d+', 'n', 'g') ELSE 'an answer' END $$;
SELECT call, o.outcome
FROM internal_states s, unnest(ARRAY['SELECT lepton_topn_agg_list(%1$L)::text', 'SELECT lepton_topn_agg_list_text(%1$L)::text', 'SELECT lepton_topn_agg_list(lepton_topn_agg_add(%1$L, 1::bigint, 9, 3))::text', 'SELECT lepton_topn_agg_list(lepton_topn_agg_combine(%1$L, lepton_topn_agg_add(NULL, 1::bigint, 9, 3)))::text', 'SELECT lepton_topn_agg_list(lepton_topn_agg_combine(lepton_topn_agg_add(NULL, 1::bigint, 9, 3), %1$L))::text']) call,
	LATERAL (SELECT internal_kind(answer(format(call, state))) AS outcome) o
WHERE s.what <> 'true' GROUP BY call, o.outcome ORDER BY call COLLATE "C", o.outcome COLLATE "C";
CREATE AGGREGATE internal_any(bytea) (SFUNC = lepton_topn_agg_combine, STYPE = bytea, FINALFUNC = lepton_topn_agg_list);
CREATE AGGREGATE internal_begun(bigint, float8, bigint) (SFUNC = lepton_topn_agg_add, STYPE = bytea, FINALFUNC = lepton_topn_agg_list, INITCOND = '\x00');
CREATE AGGREGATE internal_crossed(bigint, float8, bigint) (SFUNC = lepton_topn_agg_add, STYPE = bytea, FINALFUNC = lepton_topn_agg_list_text);
CREATE AGGREGATE internal_moving(bigint, float8, bigint) (SFUNC = lepton_topn_agg_add, STYPE = bytea, FINALFUNC = lepton_topn_agg_list, MSFUNC = lepton_topn_agg_add, MINVFUNC = lepton_topn_agg_add, MSTYPE = bytea, MFINALFUNC = lepton_topn_agg_list);
SELECT answer('SELECT internal_any(state) FROM internal_states WHERE what = ''true'''), answer('SELECT internal_any(state) FROM internal_states WHERE what LIKE ''of %'''), answer('SELECT internal_begun(1, 2, 3)'), answer('SELECT internal_crossed(1, 2, 3)');
-- an argument stays as it was, stored, in a variable, and in a window where the state is asked for as it grows
SELECT internal_any(state) = internal_any(state) AS same, md5(string_agg(state::text, '')) = (SELECT md5(string_agg(state::text, '')) FROM internal_states WHERE what = 'true') AS unchanged FROM internal_states WHERE what = 'true';
SELECT (internal_any(state) OVER (ORDER BY what ROWS UNBOUNDED PRECEDING))::text FROM (SELECT * FROM internal_states WHERE what = 'true' UNION ALL SELECT 'z', lepton_topn_agg_add(NULL, 1::bigint, 9, 3)) s;
SELECT (internal_moving(x, x, 2) OVER (ORDER BY x ROWS 1 PRECEDING))::text FROM generate_series(1, 4) x;
DO $$
DECLARE
	a bytea := lepton_topn_agg_add(NULL, 1::bigint, 9, 3);
	b bytea := a;
BEGIN
	a := lepton_topn_agg_add(a, 2::bigint, 10, 3);
	ASSERT lepton_topn_agg_list(b)::text = '{"(1,1,9)"}', lepton_topn_agg_list(b);
END $$;
DROP AGGREGATE internal_any(bytea), internal_begun(bigint, float8, bigint), internal_crossed(bigint, float8, bigint), internal_moving(bigint, float8, bigint);
DROP TABLE internal_states;
DROP FUNCTION internal_kind;
RESET ROLE;
DROP VIEW internal_functions;
DROP FUNCTION outcome, answer;
DROP TABLE internal_ratings;
REVOKE CREATE ON SCHEMA public FROM regress_lepton_stranger;
DROP ROLE regress_lepton_stranger;
