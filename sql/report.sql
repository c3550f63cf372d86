-- lepton_report: a page that is well-formed and ASCII, and in which ids stay text
\set SHOW_CONTEXT never
CREATE TABLE report_hostile (n serial, id text);
INSERT INTO report_hostile (id) VALUES ('<script>alert(1)</script>'), ('</td></tr></table>'), ('"onload="alert(1)'), ('''onclick=''alert(1)'), ('&lt;b&gt;'), ('&#60;b&#62;'),
	(']]>'), ('<!-- '), (' -->'), ('<![CDATA['), ('</style><style>*{display:none}'), ('javascript:alert(1)'), (E'tab\tand\nline'), (E'bell\x07escape\x1b[31m'), (E'delete\x7f'),
	(U&'right\202Eto left'), (U&'isolate\2066x'), (U&'no character \FFFE\FFFF'), (U&'beyond \+01F600 \0085'), (U&'umlaut \00E4\200Bzero width\FEFF'), ('%s%n$1 @. @version'), (''';DROP TABLE report_hostile;--'), ('\x00 \\ \'), (repeat('<', 1000)), ('');
CREATE TABLE report_ratings AS SELECT u.id AS user_id, i.id AS item_id, 1 + (u.n * 3 + i.n * 5 + u.n * i.n) % 5 AS rating FROM report_hostile u, report_hostile i WHERE (u.n * 7 + i.n * 3) % 5 < 3;
SELECT version FROM lepton_train('report_m', 'report_ratings', '{"algorithm": "als", "factors": 4}');
CREATE TABLE report_page AS SELECT lepton_report('report_m') AS page;

SELECT (xpath('/h:html/h:head/h:title/text()', xmlparse(document page), '{{h,http://www.w3.org/1999/xhtml}}'))[1] AS title, page ~ '^[ -~\n]*$' AS ascii FROM report_page;
-- the elements are ours, and nothing is fetched or run
SELECT string_agg(DISTINCT e, ' ' ORDER BY e) AS elements FROM report_page, unnest(xpath('//*', xmlparse(document page))) x, substring(x::text FROM '^<([a-z0-9]+)') e;
SELECT string_agg(DISTINCT a, ' ' ORDER BY a) AS attributes FROM report_page, regexp_matches(regexp_replace(page, '<style>.*</style>', ''), '<[^>]*>', 'g') t, regexp_matches(t[1], ' ([a-z-]+:?[a-zA-Z-]*)="', 'g') m, unnest(m) a;
SELECT page ~* '(src|href|url\(|@import|<script|<link)' AS fetches, replace(replace(page, 'http://www.w3.org/1999/xhtml', ''), 'http://www.w3.org/2000/svg', '') !~ 'http' AS namespaces_only FROM report_page;
-- the five users; the list of each, or that there is none
SELECT count(*) AS users FROM report_page, unnest(xpath('//h:h3', xmlparse(document page), '{{h,http://www.w3.org/1999/xhtml}}'));
SELECT h::text AS section FROM report_page, unnest(xpath('//h:h2/text()', xmlparse(document page), '{{h,http://www.w3.org/1999/xhtml}}')) h;
SELECT cardinality(xpath('//s:svg', xmlparse(document page), '{{s,http://www.w3.org/2000/svg}}')) AS plots FROM report_page;

-- the figures are those of the model's row
SELECT ARRAY(SELECT (xpath('string(/*)', x))[1]::text FROM unnest(xpath('//h:h2[.="How good it is"]/following-sibling::h:div[1]//h:tbody/h:tr/h:td', xmlparse(document page), '{{h,http://www.w3.org/1999/xhtml}}')) x)
	= ARRAY(SELECT x FROM report_m, unnest(ARRAY['RMSE', round((metrics ->> 'rmse')::numeric, 4)::text, round((metrics ->> 'baseline_rmse')::numeric, 4)::text, round((metrics ->> 'mean_rmse')::numeric, 4)::text,
		'MAE', round((metrics ->> 'mae')::numeric, 4)::text, round((metrics ->> 'baseline_mae')::numeric, 4)::text, round((metrics ->> 'mean_mae')::numeric, 4)::text]) x) AS same FROM report_page;
-- errors by count: all held-out ratings are in them
SELECT side, sum((g ->> 'n')::int) = max(n_test) AS all_counted, abs(sqrt(sum((g ->> 'n')::float8 * (g ->> 'rmse')::float8 ^ 2) / max(n_test)) / max(rmse) - 1) < 1e-9 AS rmse
FROM (SELECT details, (metrics ->> 'n_test')::int AS n_test, (metrics ->> 'rmse')::float8 AS rmse FROM report_m) m, unnest(ARRAY['users', 'items']) side, jsonb_array_elements(details -> 'test_by_count' -> side) g GROUP BY 1 ORDER BY 1;

-- every hostile id, as text of the source, comes out as it went in, but for what is not to be seen
CREATE TABLE report_source AS SELECT 'SELECT * FROM report_ratings /* ' || string_agg(id, ' ' ORDER BY n) || ' */' AS source FROM report_hostile;
SELECT count(*) AS versions FROM report_source, lepton_train('report_source_m', source, '{"algorithm": "baseline"}');
SELECT replace(replace(replace((xpath('string(//h:pre)', xmlparse(document lepton_report('report_source_m')), '{{h,http://www.w3.org/1999/xhtml}}'))[1]::text, '&lt;', '<'), '&gt;', '>'), '&amp;', '&')
	= translate(source, E'\t\x07\x1b\x7f' || U&'\202E\2066\FFFE\FFFF\0085\200B\FEFF', U&'\2409\2407\241B\2421' || repeat(U&'\FFFD', 7)) AS same FROM report_source;

-- the same page again; an earlier version; implicit feedback, uuid items and integer users
SELECT lepton_report('report_m') = page AS same FROM report_page;
SELECT version FROM lepton_train('report_m', 'SELECT * FROM report_ratings', '{"algorithm": "popular", "feedback": "implicit"}');
SELECT (xpath('string((//h:dd)[2])', xmlparse(document lepton_report('report_m', 1)), '{{h,http://www.w3.org/1999/xhtml}}'))[1] AS state;
UPDATE report_page SET page = lepton_report('report_m', 1);
SELECT version FROM lepton_train('report_ids', 'SELECT u AS user_id, md5(i::text)::uuid AS item_id FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * i) % 3 < 2', '{"algorithm": "walk", "feedback": "implicit"}');
SELECT xmlparse(document lepton_report('report_ids')) IS NOT NULL AS well_formed;

-- an id is an id, whatever a query of ours would have it mean: each of these users is known, and gets her own list
CREATE TABLE report_at AS SELECT (ARRAY['a@.b', '@version', '@.', 'it''s@.', '\@version'])[u] AS user_id, '@.' || i AS item_id, 1 + (u * i) % 5 AS rating FROM generate_series(1, 5) u, generate_series(1, 20) i WHERE (u * 3 + i) % 4 > 0;
SELECT version FROM lepton_train('report_at_m', 'report_at', '{"algorithm": "als", "factors": 4, "unknown": "error"}');
SELECT (SELECT count(*) FROM regexp_matches(page, '<bdi>factors</bdi>', 'g')) AS known, (SELECT count(*) FROM regexp_matches(page, '<bdi>popular</bdi>', 'g')) AS unknown,
	(SELECT count(*) FROM regexp_matches(page, '<bdi>rated item</bdi>', 'g')) > 0 AS explained FROM lepton_report('report_at_m') page;
-- rows of items that somebody has deleted while they are in memory
DELETE FROM report_at_m_items;
SELECT substring(lepton_report('report_at_m') FROM 'Lists of.*catalogue') AS lists;

-- what the caller's search path has is not meant
CREATE SCHEMA report_s;
CREATE FUNCTION report_s.to_char(timestamptz, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION report_s.lepton_versions(oid) RETURNS SETOF lepton_model LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
SET search_path = report_s, public, pg_catalog;
SELECT lepton_report('report_m', 1) = page AS same FROM report_page;
SHOW search_path;
RESET search_path;

-- SELECT on the model is enough, and needed
CREATE ROLE regress_lepton_report;
SET ROLE regress_lepton_report;
SELECT lepton_report('report_m');
RESET ROLE;
GRANT SELECT ON report_m TO regress_lepton_report;
SET ROLE regress_lepton_report;
SELECT length(lepton_report('report_m')) > 1000 AS reads;
RESET ROLE;

-- somebody who has everything has nothing left
CREATE TABLE report_all AS SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 4 AS rating FROM generate_series(1, 8) u, generate_series(1, 6) i;
SELECT version FROM lepton_train('report_all_m', 'report_all', '{"algorithm": "als", "factors": 2}');
SELECT xmlparse(document page) IS NOT NULL AS well_formed, page ~ 'Nothing is left to be listed' AS says FROM lepton_report('report_all_m') page;
SELECT lepton_drop('report_all_m');
DROP TABLE report_all;

-- rows that somebody has written: an error or a page, never more
BEGIN READ ONLY;
SELECT length(lepton_report('report_ids')) > 1000 AS read_only;
COMMIT;
UPDATE report_ids SET details = details || '{"curve": 1, "trials": {}, "rows": [], "seconds": "x", "options": null, "test_by_count": 7}', metrics = '[]';
SELECT xmlparse(document lepton_report('report_ids')) IS NOT NULL AS well_formed;
SELECT lepton_report(NULL);
SELECT lepton_report('report_m', 99);
SELECT lepton_report('report_page');

SELECT lepton_drop(m) FROM unnest(ARRAY['report_m', 'report_ids', 'report_source_m', 'report_at_m']) m;
SET client_min_messages = warning;
DROP SCHEMA report_s CASCADE;
DROP TABLE report_hostile, report_ratings, report_page, report_source, report_at;
DROP ROLE regress_lepton_report;
