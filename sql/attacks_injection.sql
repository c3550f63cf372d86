-- SQL in names, columns, sources and options stays text; HTML and backslashes in ids, too
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE injection_victim AS SELECT 1 AS a;
CREATE TABLE injection_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating FROM generate_series(1, 20) u, generate_series(1, 15) i WHERE (u + i * 3) % 4 > 0;
CREATE INDEX ON injection_ratings (user_id);
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/outcome.sql'
\i :include

-- names: as regclass has them, or no names
SELECT n, outcome(format('SELECT lepton_train(%L, ''injection_ratings'', ''{"algorithm": "baseline"}'')', n)) AS trained,
	outcome(format('SELECT lepton_predict(%L, 1, 2)', n)) AS predicted
FROM unnest(ARRAY['m; DROP TABLE injection_victim', '"m""; DROP TABLE injection_victim; --"', '"m''); DROP TABLE injection_victim; --"', '"', 'a b', 'public.m.x.y', '', ' ', '.', 'public.', '"%s%n"', '$1', E'"a\\b"', '"m(users)"', 'pg_catalog.m', 'information_schema.m']) n;
SELECT relname FROM pg_class WHERE reloftype = 'lepton_model'::regtype AND relname ~ '[^a-z_]' ORDER BY 1;
SELECT outcome(format('SELECT lepton_set_owner(''"m""; DROP TABLE injection_victim; --"'', %L)', n)) FROM unnest(ARRAY['nobody"; DROP TABLE injection_victim; --', '']) n;
SELECT lepton_drop(format('%I', relname)) FROM pg_class WHERE reloftype = 'lepton_model'::regtype AND relname ~ '[^a-z_]' AND relname !~ '^attacks';

-- sources: one SELECT, also where it is put into another
SELECT s, outcome(format('SELECT lepton_train(''injection_m'', %L, ''{"algorithm": "als", "factors": 2, "epochs": 1, "live": true}'')', s)) AS trained,
	outcome('SELECT lepton_predict(''injection_m'', 1, 2)') AS predicted, outcome('SELECT lepton_forget(''injection_m'', 1)') AS forgotten,
	outcome('SELECT lepton_drop(''injection_m'')') AS dropped
FROM unnest(ARRAY[
	'injection_ratings; DROP TABLE injection_victim', 'SELECT * FROM injection_ratings; DROP TABLE injection_victim', 'SELECT * FROM injection_ratings;',
	'SELECT * FROM injection_ratings) x; DROP TABLE injection_victim; --', 'SELECT * FROM injection_ratings -- ', 'SELECT * FROM injection_ratings /* ', 'SELECT * FROM injection_ratings /* a */ ; -- b',
	'SELECT user_id, item_id, rating FROM injection_ratings) q WHERE true UNION SELECT 1, 2, 3 FROM (SELECT 1', 'SELECT * FROM injection_ratings WHERE user_id = $1', 'SELECT * INTO injection_new FROM injection_ratings',
	'SELECT * FROM injection_ratings FOR UPDATE', 'WITH x AS (DELETE FROM injection_victim RETURNING 1) SELECT * FROM injection_ratings', 'TABLE injection_ratings', 'VALUES (1, 2, 3)', 'EXPLAIN SELECT 1',
	'COPY injection_victim TO STDOUT', 'DO $x$BEGIN END$x$', '', ' ', ';', '"injection_ratings""; DROP"', E'SELECT * FROM injection_ratings WHERE ''a\\'' <> ''b'' -- '' OR true']) s;
SELECT count(*) AS still_there FROM injection_victim;
SELECT to_regclass('injection_new');
-- whoever asks cannot have the owner's text read otherwise than it was meant
SELECT version FROM lepton_train('injection_m', E'SELECT * FROM injection_ratings WHERE ''a\\'' <> ''; DROP TABLE injection_victim --''', '{"algorithm": "als", "factors": 2, "epochs": 1, "live": true}');
-- (PostgreSQL 19 knows no other strings than those of the standard)
DO $$ BEGIN
	IF current_setting('server_version_num')::int < 190000 THEN
		SET standard_conforming_strings = off;
		SET escape_string_warning = off;
	END IF;
END $$;
SELECT outcome('SELECT lepton_predict(''injection_m'', 1, 2)'), outcome('SELECT lepton_forget(''injection_m'', 99)');
CALL lepton_retrain('injection_m', '{"guard": false}');
SELECT current_setting('standard_conforming_strings') = CASE WHEN current_setting('server_version_num')::int < 190000 THEN 'off' ELSE 'on' END AS is_what_it_was;
DO $$ BEGIN
	IF current_setting('server_version_num')::int < 190000 THEN
		RESET standard_conforming_strings;
		RESET escape_string_warning;
	END IF;
END $$;
DROP TABLE injection_m;

-- columns: whatever a column is called, and nothing else
CREATE TABLE injection_columns AS SELECT user_id AS "u"" = 1; DROP TABLE injection_victim; --", item_id AS "i'), ('", rating AS "%s\n" FROM injection_ratings;
CREATE INDEX ON injection_columns ("u"" = 1; DROP TABLE injection_victim; --");
SELECT version, details -> 'live' ->> 'user_column' AS live FROM lepton_train('injection_m', 'injection_columns', jsonb_build_object('algorithm', 'als', 'factors', 2, 'epochs', 1, 'user_column', 'u" = 1; DROP TABLE injection_victim; --', 'item_column', 'i''), (''', 'rating_column', '%s\n'));
SELECT count(*) FROM lepton_topn('injection_m', 1, 3);
CALL lepton_retrain('injection_m', '{"guard": false}');
SELECT count FROM lepton_forget('injection_m', 99) LIMIT 1;
DROP TABLE injection_m;
SELECT c, outcome(format('SELECT lepton_train(''injection_m'', ''injection_ratings'', %L)', jsonb_build_object('user_column', c))) FROM unnest(ARRAY['user_id FROM injection_victim; --', 'user_id, rating', '"user_id"', '*', 'ctid', 'USER_ID', '']) c;

-- what is eligible, and groups
SELECT q, outcome(format('SELECT lepton_train(''injection_m'', ''injection_ratings'', %L)', jsonb_build_object('algorithm', 'baseline', 'eligible', q))) AS eligible,
	outcome('SELECT lepton_drop(''injection_m'', true)') AS dropped
FROM unnest(ARRAY['SELECT 1; DROP TABLE injection_victim', 'injection_victim; DROP TABLE injection_victim', 'DROP TABLE injection_victim', 'SELECT item_id, rating FROM injection_ratings', 'SELECT 1)', '']) q;
SELECT version FROM lepton_train('injection_m', 'injection_ratings', '{"algorithm": "baseline"}');
SELECT q, outcome(format('SELECT * FROM lepton_topn(''injection_m'', 1, 3, max_per_group => 1, groups => %L)', q)) AS groups
FROM unnest(ARRAY['SELECT 1, 2; DROP TABLE injection_victim', 'injection_victim; DROP TABLE injection_victim', 'DROP TABLE injection_victim', 'injection_ratings', 'WITH d AS (DELETE FROM injection_victim RETURNING a) SELECT a, a FROM d', '']) q;
DROP TABLE injection_m;
SELECT count(*) AS still_there FROM injection_victim;

-- HTML, and what psql would take for a command, in ids and in a row: text in a page, text in rows
SELECT version FROM lepton_train('injection_m', $$
	SELECT (ARRAY['<script>alert(1)</script>', '\! false', ':''x''', '`id`', '&amp;', '" onmouseover="x', E'\u202e%s\n\\gexec', '</td>'])[1 + u % 8] || CASE WHEN u > 7 THEN u::text ELSE '' END AS user_id,
		(ARRAY['<img src=x onerror=alert(1)>', '\q', '<!--', 'javascript:x', '&#0;', ''' style=''x', E'\u2028;', ']]>'])[1 + i % 8] || CASE WHEN i > 7 THEN i::text ELSE '' END AS item_id, 1 + (u * i) % 5 AS rating
	FROM generate_series(0, 30) u, generate_series(0, 20) i WHERE (u + i) % 3 > 0$$, '{"algorithm": "als", "factors": 2, "epochs": 1}');
UPDATE injection_m SET algorithm = '<script>a', source = '</script><script>b', options = '{"<script>c": "<script>d"}', metrics = metrics || '{"<script>e": "<script>f"}', details = details || '{"<script>g": "<script>h", "feedback": "<script>i", "kernel": "<script>j", "duplicates": "\"><script>k"}';
CREATE TABLE injection_page AS SELECT lepton_report('injection_m') AS page;
SELECT page ~ '^[\n\t -~]*$' AS plain_ascii, page ~ '<script|<img|onerror=[^&]*alert\(1\)>|<!--[^ ]|javascript:x["'']' AS breaks_out, page LIKE '%&#60;script&#62;alert(1)&#60;/script&#62;%' AS is_shown FROM injection_page;
-- its elements and attributes are those of a page about a model of harmless words
SELECT version FROM lepton_train('injection_plain', 'SELECT ''u'' || u AS user_id, ''i'' || i AS item_id, 1 + (u * i) % 5 AS rating FROM generate_series(0, 30) u, generate_series(0, 20) i WHERE (u + i) % 3 > 0', '{"algorithm": "als", "factors": 2, "epochs": 1}');
CREATE FUNCTION injection_marks(page text) RETURNS SETOF text LANGUAGE sql AS $$ SELECT DISTINCT regexp_replace(m[1], '"[^"]*"', '""', 'g') FROM regexp_matches(page, '(<[^<>]*>)', 'g') m $$;
SELECT injection_marks(page) AS surplus FROM injection_page EXCEPT SELECT injection_marks(lepton_report('injection_plain'));
SELECT count(*) > 20 AS marks FROM (SELECT injection_marks(page) FROM injection_page) m;
SELECT count(*) > 0 AS explained FROM lepton_explain_text('injection_m', '\! false', '\q');
SELECT DISTINCT item_id ~ '[<\\&:]|''|\]|;' AS is_text FROM lepton_topn_text('injection_m', '`id`', 5, false) WHERE item_id !~ '^\d';
SELECT lepton_drop('information_schema.m');
DROP TABLE injection_m, injection_plain, injection_page, injection_columns, injection_ratings, injection_victim;
DROP FUNCTION outcome, answer, injection_marks;
