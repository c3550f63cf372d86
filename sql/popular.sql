-- popularity, of all times and of the last days
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- item 1: six users long ago; item 2: four of late; item 3: two of late, three before; item 4: one, once
CREATE TABLE popular_views (user_id int, item_id int, rated_at timestamptz);
INSERT INTO popular_views SELECT u, 1, '2024-01-01' FROM generate_series(1, 6) u;
INSERT INTO popular_views SELECT u, 2, timestamptz '2024-06-01' + u * '1 hour'::interval FROM generate_series(1, 4) u;
INSERT INTO popular_views SELECT u, 3, '2024-06-01' FROM generate_series(7, 8) u;
INSERT INTO popular_views SELECT u, 3, '2024-02-01' FROM generate_series(1, 3) u;
INSERT INTO popular_views VALUES (9, 4, '2024-03-01'), (10, 4, '2024-06-02 00:00'), (10, 1, '2024-01-02');
CREATE FUNCTION popular_list(options jsonb, source text DEFAULT 'popular_views') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM lepton_train('popular_m', source, options || '{"algorithm": "popular", "test_fraction": 0}');
	RETURN (SELECT string_agg(item_id || ': ' || round(score::numeric * 10, 3), ', ' ORDER BY rank) FROM lepton_topn('popular_m', NULL::int, 10));
END $$;
-- of all times: items 1, 3, 2, 4 have 7, 5, 4 and 2 of the 10 users
SELECT popular_list('{}');
-- of two days: 0, 4, 2 and 1 for items 1 to 4, and a nineteenth of 7, 4, 5 and 2 of all times
SELECT popular_list('{"window": 2}');
-- a day is a day whatever the type; integers are seconds
SELECT popular_list('{"window": 2}', 'SELECT user_id, item_id, rated_at::date AS rated_at FROM popular_views');
SELECT popular_list('{"window": 2}', 'SELECT user_id, item_id, rated_at::timestamp AS rated_at FROM popular_views');
SELECT popular_list('{"window": 2}', 'SELECT user_id, item_id, extract(epoch FROM rated_at)::bigint AS rated_at FROM popular_views');
SELECT popular_list('{"window": 2}', 'SELECT user_id, item_id, extract(epoch FROM rated_at)::float8 AS rated_at FROM popular_views');
SELECT popular_list('{"window": 0.001}'), popular_list('{"window": 1000}');
-- a time without end would be the newest of all and empty the window for everybody
SELECT popular_list('{"window": 2}', 'SELECT * FROM popular_views UNION ALL SELECT 9, 3, ''infinity'' ');
SELECT popular_list('{"window": 2}', 'SELECT user_id, item_id, CASE item_id WHEN 4 THEN ''-infinity'' ELSE rated_at::date END::date AS rated_at FROM popular_views');
SELECT popular_list('{}', 'SELECT user_id, item_id, ''Infinity''::float8 AS rated_at FROM popular_views');
SELECT popular_list('{}', 'SELECT user_id, item_id, ''-Infinity''::numeric AS rated_at FROM popular_views');
-- auto takes what takes the option
SELECT algorithm FROM lepton_train('popular_m', 'popular_views', '{"window": 30}');
SELECT lepton_train('popular_m', 'SELECT user_id, item_id FROM popular_views', '{"window": 30}');
SELECT lepton_train('popular_m', 'popular_views', '{"window": -1}');
SELECT lepton_train('popular_m', 'popular_views', '{"window": 30, "algorithm": "walk"}');
DROP TABLE popular_m, popular_views;
DROP FUNCTION popular_list(jsonb, text);
