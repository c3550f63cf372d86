-- demo.sql
--		What `make demo` shows; run by tools/demo in a directory with
--		ratings.tsv and titles.tsv, with the variables user_type, item_type,
--		time_type (a type, or none) and source.
\set VERBOSITY terse
\pset border 2
\pset null ''
SET client_min_messages = warning;

CREATE TABLE ratings (user_id :user_type NOT NULL, item_id :item_type NOT NULL, rating real NOT NULL);
SELECT :'time_type' <> 'none' AS has_time \gset
\if :has_time
ALTER TABLE ratings ADD COLUMN rated_at :time_type;
\endif
\copy ratings from 'ratings.tsv'
CREATE INDEX ON ratings (user_id);
CREATE TABLE titles (item_id :item_type PRIMARY KEY, title text NOT NULL);
\copy titles from 'titles.tsv'
ANALYZE;

SELECT format(E'\n%s ratings from %s: %s users, %s items, %s to %s, mean %s', count(*), :'source',
	count(DISTINCT user_id), count(DISTINCT item_id), min(rating), max(rating), round(avg(rating)::numeric, 3))
FROM ratings;

\echo
\echo '=> CREATE EXTENSION lepton;'
CREATE EXTENSION lepton;
\echo '=> SELECT * FROM lepton_train(''movies'', ''ratings'');'
SET client_min_messages = notice;
SET lepton.log_progress = on;
SELECT algorithm FROM lepton_train('movies', 'ratings') \gset
SET client_min_messages = warning;

\echo
\echo 'Tested on ratings that the training had not seen:'
\pset format aligned
\pset tuples_only off
\pset footer off
SELECT
	label AS "prediction by",
	round((m.metrics ->> (prefix || 'rmse'))::numeric, 4) AS "RMSE",
	round((m.metrics ->> (prefix || 'mae'))::numeric, 4) AS "MAE"
FROM movies m,
	(VALUES (1, 'the mean of all ratings', 'mean_'), (2, 'biases of user and item', 'baseline_'),
		(3, format('lepton (%s)', :'algorithm'), '')) AS rows (n, label, prefix)
WHERE m.is_current
ORDER BY n;

-- a user with about forty ratings, neither strict nor easily pleased: enough to
-- know her, few enough to show
SELECT user_id AS shown_user, count(*) AS shown_count
FROM ratings, (SELECT avg(rating) AS mean, stddev(rating) AS spread FROM ratings) AS all_of_them
GROUP BY user_id, mean, spread
ORDER BY abs(ln(count(*) / 40.0)) + abs(avg(rating) - mean) / nullif(spread, 0), user_id LIMIT 1 \gset
SELECT CASE :'item_type' WHEN 'text' THEN 'lepton_topn_text' ELSE 'lepton_topn' END AS topn,
	CASE :'user_type' WHEN 'text' THEN quote_literal(:'shown_user') ELSE :'shown_user' END AS shown,
	'recommended to user ' || :'shown_user' AS recommended, 'user ' || :'shown_user' || ' rated' AS rated \gset

\echo '=> SELECT r.rank, t.title, r.score, r.origin'
SELECT format('   FROM %s(''movies'', %s, 10) r JOIN titles t ON t.item_id = r.item_id ORDER BY r.rank;', :'topn', :'shown') AS query \gset
\echo :query
SELECT r.rank, coalesce(t.title, 'item ' || r.item_id) AS :"recommended",
	round(r.score::numeric, 2) AS "score", r.origin
FROM :topn ('movies', :shown, 10) r
LEFT JOIN titles t ON t.item_id = r.item_id
ORDER BY r.rank;

\echo 'They rest on her' :shown_count 'ratings (origin ''factors''), of which these are the highest:'
SELECT coalesce(t.title, 'item ' || r.item_id) AS :"rated", r.rating,
	round(lepton_predict('movies', r.user_id, r.item_id)::numeric, 2) AS "lepton says"
FROM ratings r
LEFT JOIN titles t ON t.item_id = r.item_id
WHERE r.user_id = :shown
ORDER BY r.rating DESC, 3 DESC, r.item_id
LIMIT 10;

\echo 'To go on, with your own data:'
\echo '  make demo RATINGS=file            user, item, rating and perhaps a time; CSV, tab separated or ::'
\echo '  sudo make install                 then, in your database:'
\echo '    CREATE EXTENSION lepton;'
\echo '    SELECT * FROM lepton_train(''movies'', ''ratings'');'
\echo '    SELECT * FROM lepton_topn(''movies'', 42, 10);'
\echo '    SELECT * FROM movies;           -- one row per trained version, with its metrics'
\echo '    SELECT * FROM lepton_options(); -- what can be set, with defaults and meaning'
