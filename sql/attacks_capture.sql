-- names are what the extension means by them, whatever is in the caller's search_path
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE capture_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating FROM generate_series(1, 20) u, generate_series(1, 15) i WHERE (u + i * 3) % 4 > 0;
CREATE INDEX ON capture_ratings (user_id);

-- what the views and functions of the extension were bound to: itself, and what the server was made with
CREATE TEMP VIEW capture_members AS SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'lepton');
SELECT pg_describe_object(d.classid, d.objid, 0) AS what, pg_describe_object(d.refclassid, d.refobjid, 0) AS is_bound_to
FROM pg_depend d
WHERE ((d.classid, d.objid) IN (SELECT * FROM capture_members) OR d.classid = 'pg_rewrite'::regclass AND d.objid IN (SELECT r.oid FROM pg_rewrite r WHERE ('pg_class'::regclass, r.ev_class) IN (SELECT * FROM capture_members)))
	AND d.refobjid >= 16384 AND d.deptype <> 'e' AND (d.refclassid, d.refobjid) NOT IN (SELECT * FROM capture_members)
	-- a row type has a relation, and an array of it a type, that are no members themselves
	AND d.refclassid NOT IN ('pg_namespace'::regclass, 'pg_type'::regclass) AND NOT (d.refclassid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class c WHERE c.oid = d.refobjid AND c.relkind = 'c'));
-- no function has other rights than its caller's, none is leakproof, and none has settings that hide its caller's
SELECT p.oid::regprocedure FROM pg_proc p WHERE ('pg_proc'::regclass, p.oid) IN (SELECT * FROM capture_members) AND (p.prosecdef OR p.proleakproof OR p.proconfig IS NOT NULL);
-- the text of functions in SQL names everything with its schema: what is not a number, a string or a keyword has a dot before it
SELECT p.oid::regprocedure, m[1] AS not_qualified FROM pg_proc p, regexp_matches(regexp_replace(p.prosrc, '''[^'']*''', '', 'g'), '(?<![.\w$])([a-z_]\w*)(?!\w*\.)', 'gi') m
WHERE ('pg_proc'::regclass, p.oid) IN (SELECT * FROM capture_members) AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql') AND upper(m[1]) NOT IN ('SELECT', 'FROM', 'NULL');
SELECT count(*) > 0 AS there_are_some FROM pg_proc p WHERE ('pg_proc'::regclass, p.oid) IN (SELECT * FROM capture_members) AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql');

-- a schema with everything that could be called: it comes before pg_catalog in the path
CREATE SCHEMA capture;
CREATE FUNCTION capture.warn(what text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'captured: %', what; END $$;
-- an operator for each pair of types, by names that the extension could use
DO $$
DECLARE
	t regtype;
	o text;
BEGIN
	FOREACH t IN ARRAY ARRAY['int8', 'int4', 'int2', 'text', 'uuid', 'oid', 'float4', 'float8', 'boolean', 'jsonb', 'bytea', 'timestamptz', 'numeric', 'regclass', '"char"', 'name']::regtype[] LOOP
		EXECUTE format('CREATE FUNCTION capture.compare(a %1$s, b %1$s) RETURNS boolean VOLATILE LANGUAGE plpgsql AS $f$ BEGIN PERFORM capture.warn(''operator of %1$s''); RETURN false; END $f$', t);
		FOREACH o IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>=', '@>'] LOOP
			EXECUTE format('CREATE OPERATOR capture.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = capture.compare)', o, t);
		END LOOP;
		EXECUTE format('CREATE FUNCTION capture.combine(a %1$s, b %1$s) RETURNS %1$s VOLATILE LANGUAGE plpgsql AS $f$ BEGIN PERFORM capture.warn(''operator of %1$s''); RETURN a; END $f$', t);
		FOREACH o IN ARRAY ARRAY['+', '-', '||', '/', '*'] LOOP
			EXECUTE format('CREATE OPERATOR capture.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = capture.combine)', o, t);
		END LOOP;
		EXECUTE format('CREATE DOMAIN capture.%I AS %s CHECK (capture.warn(''type %s'') IS NULL)', (SELECT typname FROM pg_type WHERE oid = t), t, t);
	END LOOP;
END $$;
CREATE FUNCTION capture.get(a jsonb, b text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM capture.warn('operator ->>'); RETURN NULL; END $$;
CREATE OPERATOR capture.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = capture.get);
CREATE OPERATOR capture.-> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = capture.get);
CREATE AGGREGATE capture.count(*) (SFUNC = pg_catalog.int8inc, STYPE = int8, INITCOND = '1000');
CREATE FUNCTION capture.has_table_privilege(oid, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM capture.warn('has_table_privilege'); RETURN true; END $$;
CREATE FUNCTION capture.pg_get_userbyid(oid) RETURNS name LANGUAGE plpgsql AS $$ BEGIN PERFORM capture.warn('pg_get_userbyid'); RETURN 'x'; END $$;
CREATE FUNCTION capture.statement_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM capture.warn('statement_timestamp'); RETURN now(); END $$;
CREATE FUNCTION capture.lepton_versions(regclass) RETURNS SETOF public.lepton_model LANGUAGE plpgsql AS $$ BEGIN PERFORM capture.warn('lepton_versions'); END $$;
-- in the extension's own schema, where who may make functions there could have made one that fits better by a count of arguments
CREATE FUNCTION public.lepton_topn(model text, user_id bigint, n bigint, candidates bigint[], exclude_seen boolean, exclude bigint[], OUT rank integer, OUT item_id bigint, OUT score real, OUT origin text)
RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN PERFORM capture.warn('lepton_topn'); END $$;
CREATE FUNCTION public.lepton_topn(model bytea, user_id bigint, n bigint, candidates bigint[], exclude_seen boolean, exclude bigint[], OUT rank integer, OUT item_id bigint, OUT score real, OUT origin text)
RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN PERFORM capture.warn('lepton_topn'); END $$;
-- or by types that are nearer to what is written: of $1 and 10 in queries of the library's own
CREATE FUNCTION public.lepton_versions(oid) RETURNS SETOF public.lepton_model LANGUAGE plpgsql AS $$ BEGIN PERFORM capture.warn('lepton_versions'); END $$;
CREATE FUNCTION public.lepton_topn(model text, user_id text, n integer, version bigint, OUT rank integer, OUT item_id bigint, OUT score real, OUT origin text)
RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN PERFORM capture.warn('lepton_topn'); END $$;
CREATE FUNCTION public.lepton_topn(model text, user_id text, n bigint, version bigint, OUT rank integer, OUT item_id bigint, OUT score real, OUT origin text)
RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN PERFORM capture.warn('lepton_topn'); END $$;
CREATE FUNCTION public.lepton_explain(model text, user_id text, i bigint, version integer, OUT reason text, OUT item_id bigint, OUT contribution float8, OUT share float8, OUT similarity real)
RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN PERFORM capture.warn('lepton_explain'); END $$;

-- it works: in the caller's own words it is she who is captured
SET search_path = capture, pg_catalog, public;
SELECT 1::pg_catalog.int8 = 1::pg_catalog.int8 AS captured;
SELECT public.lepton_train('public.capture_m', 'public.capture_ratings', '{"algorithm": "als", "factors": 2, "epochs": 1, "live": true, "eligible": "SELECT item_id FROM capture_ratings"}') IS NOT NULL AS trained;
SELECT public.lepton_train('public.capture_t', 'SELECT user_id::pg_catalog.text AS user_id, pg_catalog.md5(item_id::pg_catalog.text)::pg_catalog.uuid AS item_id, rating FROM public.capture_ratings', '{"algorithm": "als", "factors": 2, "epochs": 1}') IS NOT NULL AS trained;
CALL public.lepton_retrain('public.capture_m', '{"guard": false}');
SELECT public.lepton_predict('public.capture_m', 1, 2) IS NOT NULL AS predicted, public.lepton_predict('public.capture_t', '1', pg_catalog.md5('2')) IS NOT NULL AS of_text;
SELECT pg_catalog.count(*) FROM public.lepton_topn('public.capture_m', 1, 3);
PREPARE capture_six AS SELECT pg_catalog.count(*) FROM public.lepton_topn($1, $2, $3, $4, $5, $6);
EXECUTE capture_six('public.capture_m', '1', '3', '{1,2,3}', 'false', '{}');
SELECT pg_catalog.count(*) FROM public.lepton_topn('public.capture_m'::pg_catalog.text, 1::pg_catalog.int8, 3::pg_catalog.int8, '{1,2,3}'::pg_catalog.text, 'false'::pg_catalog.text, '{}'::pg_catalog.text);
SELECT pg_catalog.count(*) FROM public.lepton_topn(public.lepton_export('public.capture_m'), 1::pg_catalog.int8, 3::pg_catalog.int8, '{1,2,3}'::pg_catalog.text, 'false'::pg_catalog.text, '{}'::pg_catalog.text);
SELECT pg_catalog.count(*) FROM public.lepton_topn_all('public.capture_m', 3);
SELECT pg_catalog.count(*) FROM public.lepton_similar('public.capture_m', 3);
SELECT what, count FROM public.lepton_forget('public.capture_m', 99);
SELECT pg_catalog.count(*) FROM public.lepton_evaluate('public.capture_m', 'public.capture_ratings');
SELECT pg_catalog.count(*) FROM public.lepton_inspect('public.capture_ratings');
SELECT pg_catalog.count(*) FROM public.lepton_check('public.capture_m');
SELECT pg_catalog.length(public.lepton_report('public.capture_m')) IS NOT NULL AS reported;
SELECT version, n_versions FROM public.lepton_models WHERE model::pg_catalog.oid OPERATOR(pg_catalog.=) 'public.capture_m'::pg_catalog.regclass::pg_catalog.oid;
SELECT version, n_versions FROM public.lepton_stat WHERE model::pg_catalog.oid OPERATOR(pg_catalog.=) 'public.capture_m'::pg_catalog.regclass::pg_catalog.oid;
SELECT pg_catalog.count(*) FROM public.lepton_progress;
SELECT version FROM public.lepton_import('public.capture_i', public.lepton_export('public.capture_m'));
SELECT version FROM public.lepton_rollback('public.capture_m');
SELECT public.lepton_set_owner('public.capture_m', current_user);
SELECT public.lepton_drop(m) FROM pg_catalog.unnest('{public.capture_m,public.capture_t,public.capture_i}'::pg_catalog.text[]) m;
RESET search_path;
DEALLOCATE capture_six;
DROP FUNCTION public.lepton_topn(text, bigint, bigint, bigint[], boolean, bigint[]), public.lepton_topn(bytea, bigint, bigint, bigint[], boolean, bigint[]),
	public.lepton_versions(oid), public.lepton_topn(text, text, integer, bigint), public.lepton_topn(text, text, bigint, bigint), public.lepton_explain(text, text, bigint, integer);

-- a temporary table of a model's name, or of the source's, hides it only from her who has made it
SELECT version FROM lepton_train('capture_m', 'capture_ratings', '{"algorithm": "als", "factors": 2, "epochs": 1, "live": true}');
CREATE TEMP TABLE capture_ratings AS SELECT 1 AS user_id, 1 AS item_id, 9 AS rating;
SELECT lepton_predict('capture_m', 1, 2) <= 5 AS by_the_right_table;
CALL lepton_retrain('capture_m', '{"guard": false}');
SELECT n_ratings > 100 AS by_the_right_table FROM capture_m ORDER BY version DESC LIMIT 1;
CREATE TEMP TABLE capture_m (a int);
SELECT lepton_predict('capture_m', 1, 2);
SELECT lepton_drop('public.capture_m');
DROP TABLE pg_temp.capture_ratings, pg_temp.capture_m;
DROP VIEW capture_members;
SET client_min_messages = error;
DROP SCHEMA capture CASCADE;
DROP TABLE capture_ratings;
