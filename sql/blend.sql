-- factors and neighbours in one model, and the race that makes it
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- two tastes: items 1 to 20 and 21 to 40, each user has half of one and a little of the other
CREATE TABLE blend_views AS
SELECT u AS user_id, i AS item_id FROM generate_series(1, 120) u, generate_series(1, 40) i
WHERE CASE WHEN (u % 2 = 0) = (i <= 20) THEN (u * 7 + i * 11 + u * i) % 5 < 3 ELSE (u * 13 + i * 5) % 29 = 0 END;
SELECT version, algorithm, options FROM lepton_train('blend', 'blend_views',
	'{"algorithm": "blend", "parts": [{"algorithm": "walk", "neighbors": 8}, {"algorithm": "ials", "factors": 4}], "weights": [1, 2]}');
-- what it was made of is in the row, and makes the same model when it is given again
SELECT details #>> '{options,weights}' AS weights, details #>> '{options,parts,0,algorithm}' AS first, details #>> '{options,parts,1,factors}' AS factors,
	(details #>> '{options,parts,1,unobserved_weight}')::float8 = 0.3 AS unobserved_weight, details #>> '{serving,n_factors}' AS n_factors FROM blend;
SELECT version FROM lepton_train('blend_again', 'blend_views', (SELECT jsonb_build_object('algorithm', 'blend', 'parts', details #> '{options,parts}', 'weights', details #> '{options,weights}') FROM blend));
SELECT count(*) AS scores, count(*) FILTER (WHERE float4send(lepton_predict('blend', u, i)) <> float4send(lepton_predict('blend_again', u, i))) AS other
FROM generate_series(1, 120, 7) u, generate_series(1, 40) i;
-- order: each user's scores of both parts, brought to one size
SELECT version FROM lepton_train('blend_walk', 'blend_views', '{"algorithm": "walk", "neighbors": 8}');
SELECT version FROM lepton_train('blend_ials', 'blend_views', '{"algorithm": "ials", "factors": 4}');
WITH parts AS (
	SELECT u, i, lepton_predict('blend_walk', u, i)::float8 AS walk, lepton_predict('blend_ials', u, i)::float8 AS ials, lepton_predict('blend', u, i)::float8 AS blend
	FROM (SELECT DISTINCT user_id AS u FROM blend_views) v, generate_series(1, 40) i),
norms AS (SELECT u, sqrt(sum(walk * walk)) AS walk, sqrt(sum(ials * ials)) AS ials FROM parts GROUP BY u)
SELECT count(*) AS scores, max(abs(p.blend - (p.walk + 2 * n.walk / n.ials * p.ials)) / n.walk) < 1e-5 AS as_defined FROM parts p JOIN norms n USING (u);
-- lists are the scan's, and origin says which part brings in more
WITH lists AS (SELECT u, t.* FROM (SELECT DISTINCT user_id AS u FROM blend_views WHERE user_id % 3 = 1) v, LATERAL lepton_topn('blend', u, 40, false) t),
scan AS (SELECT u, i, lepton_predict('blend', u, i) AS score, row_number() OVER (PARTITION BY u ORDER BY lepton_predict('blend', u, i) DESC, i) AS rank FROM generate_series(1, 120, 3) u, generate_series(1, 40) i)
SELECT count(*) AS rows, count(*) FILTER (WHERE s.i IS DISTINCT FROM l.item_id OR float4send(s.score) <> float4send(l.score)) AS other, array_agg(DISTINCT l.origin ORDER BY l.origin) AS origins
FROM lists l JOIN scan s ON (s.u, s.rank) = (l.u, l.rank);
SELECT rank, item_id, origin FROM lepton_topn('blend', 4711, 3);
-- an explanation adds up to the score, and the rest is rounding
SELECT count(*) AS pairs, max(abs(e.sum - lepton_predict('blend', u, i))) < 1e-5 AS adds_up, max(abs(e.other)) < 1e-5 AS rounding, min(e.items) > 0 AS items
FROM generate_series(1, 120, 5) u, generate_series(1, 40) i,
	LATERAL (SELECT sum(contribution) AS sum, max(contribution) FILTER (WHERE reason = 'other') AS other, count(*) FILTER (WHERE reason = 'item') AS items FROM lepton_explain('blend', u, i)) e;
-- somebody without an id, by the items of a user
SELECT count(*) AS rows, count(*) FILTER (WHERE a.item_id <> b.item_id) AS other, max(abs(a.score - b.score)) < 1e-5 AS same_scores
FROM generate_series(2, 120, 17) u, LATERAL lepton_topn_for('blend', (SELECT array_agg(item_id) FROM blend_views WHERE user_id = u), 5) a, LATERAL lepton_topn('blend', u, 5) b WHERE a.rank = b.rank;
-- weights are chosen where none are given
SELECT details #> '{options,weights}' IS NOT NULL AS weights, (metrics ->> 'validation_ndcg')::float8 > 0 AS validated, (details #>> '{rows,validation}')::int > 0 AS held_out
FROM lepton_train('blend_chosen', 'blend_views', '{"algorithm": "blend", "parts": [{"algorithm": "ials", "factors": 4}, {"algorithm": "slim", "neighbors": 8}]}');
SELECT (details #>> '{rows,validation}')::int AS held_out, details #> '{trials,0,options,parts}' = details #> '{options,parts}' AS trial FROM blend;
-- auto: every trial with its options, NDCG and error; one is chosen, by NDCG
SELECT algorithm IS NOT NULL AS trained, jsonb_array_length(details -> 'trials') > 8 AS trials FROM lepton_train('blend_auto', 'blend_views');
SELECT count(*) AS ran, count(*) FILTER (WHERE (t ->> 'chosen')::bool) AS chosen, bool_and((t ->> 'validation_ndcg')::float8 <= (metrics ->> 'validation_ndcg')::float8) AS best,
	bool_and((t ->> 'validation_ndcg_error')::float8 > 0) AS errors, bool_and((t ->> 'chosen')::bool = ((t ->> 'algorithm') = algorithm AND (t ->> 'validation_ndcg') = (metrics ->> 'validation_ndcg'))) AS consistent
FROM blend_auto, jsonb_array_elements(details -> 'trials') t WHERE (t ->> 'ran')::bool;
SELECT t ->> 'algorithm' AS algorithm, count(*) FROM blend_auto, jsonb_array_elements(details -> 'trials') t GROUP BY 1 ORDER BY 1;
-- with next to no time it is the cheapest
SELECT algorithm FROM lepton_train('blend_auto', 'blend_views', '{"time_limit": 0.001}');
-- an option that only a blend takes makes one
SELECT algorithm, details #> '{options,weights}' AS weights, details #>> '{options,parts,0,algorithm}' AS first FROM lepton_train('blend_auto', 'blend_views', '{"weights": [1, 3]}');
-- how the validation part is held out
SELECT v, (details #>> '{rows,validation}')::int BETWEEN 60 AND 260 AS held_out FROM (VALUES ('random'), ('popular')) t(v),
	LATERAL lepton_train('blend_' || v, 'blend_views', jsonb_build_object('validation_split', v, 'time_limit', 1)) m;
SELECT lepton_train('blend_auto', 'blend_views', '{"validation_split": "leave_last"}');
SELECT (details #>> '{rows,validation}')::int AS held_out FROM lepton_train('blend_auto', 'SELECT *, item_id AS rated_at FROM blend_views', '{"validation_split": "leave_last", "test_fraction": 0}');
-- what makes no blend
SELECT lepton_train('blend', 'blend_views', '{"algorithm": "blend", "parts": [{"algorithm": "ials"}, {"algorithm": "ials"}]}');
SELECT lepton_train('blend', 'blend_views', '{"algorithm": "blend", "parts": [{"algorithm": "popular"}, {"algorithm": "ials"}]}');
SELECT lepton_train('blend', 'blend_views', '{"algorithm": "blend", "parts": [{"factors": 3}, {"algorithm": "ials"}]}');
SELECT lepton_train('blend', 'blend_views', '{"algorithm": "blend", "parts": [{"algorithm": "walk", "seed": 1}, {"algorithm": "ials"}]}');
SELECT lepton_train('blend', 'blend_views', '{"algorithm": "blend", "parts": [{"algorithm": "walk", "factors": 1}, {"algorithm": "ials"}]}');
SELECT lepton_train('blend', 'blend_views', '{"algorithm": "blend", "parts": [{"algorithm": "walk"}]}');
SELECT lepton_train('blend', 'blend_views', '{"algorithm": "blend", "parts": 3}');
SELECT lepton_train('blend', 'blend_views', '{"algorithm": "blend", "weights": [1, -1]}');
SELECT lepton_train('blend', 'blend_views', '{"algorithm": "blend", "weights": [1, "x"]}');
SELECT lepton_train('blend', 'blend_views', '{"algorithm": "ials", "weights": [1, 1]}');
SELECT lepton_train('blend', 'blend_views', '{"algorithm": "blend", "factors": 4}');
DROP TABLE blend, blend_again, blend_walk, blend_ials, blend_chosen, blend_auto, blend_random, blend_popular, blend_views;
