-- prediction intervals, medians and earlier times: what they are, against plain
-- SQL over the model's tables, and what damaged rows give
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE interval_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i + u % 3 + (u * u * i) % 2) % 5 AS rating
FROM generate_series(1, 80) u, generate_series(1, 40) i WHERE (u * 7 + i * 3) % 5 <> 1;
SELECT version FROM lepton_train('interval', 'interval_ratings', '{"algorithm": "als", "factors": 6}');
-- the half width at a level is sd times a quantile: level 0.8 lies halfway between quantiles 160 and 161
CREATE FUNCTION interval_plain(model text, u bigint, i bigint, OUT prediction real, OUT low real, OUT high real, OUT std_error real)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT p, greatest(min, p - half)::real, least(max, p + half)::real, (spread * sd)::real
		FROM (SELECT lepton_predict(%1$L, $1, $2) AS p, (d #>> ''{serving,min}'')::float8 AS min, (d #>> ''{serving,max}'')::float8 AS max,
				sd, sd * ((d #>> ''{interval,quantiles,159}'')::float8 + (d #>> ''{interval,quantiles,160}'')::float8) / 2 AS half,
				(d #>> ''{interval,spread}'')::float8 AS spread
			FROM (SELECT details AS d, sqrt((details #>> ''{interval,noise}'')::float8
					+ coalesce((SELECT coalesce(variance, 0) FROM %2$I x WHERE (x.version, x.id) = (m.version, $1)), (details #>> ''{interval,user_prior}'')::float8)
					+ coalesce((SELECT coalesce(variance, 0) FROM %3$I x WHERE (x.version, x.id) = (m.version, $2)), (details #>> ''{interval,item_prior}'')::float8)) AS sd
				FROM %1$I m WHERE is_current) y) z', model, model || '_users', model || '_items')
	INTO prediction, low, high, std_error USING u, i;
END $$;
CREATE FUNCTION interval_differences(model text, OUT pairs bigint, OUT differences bigint, OUT clipped bigint) LANGUAGE sql AS $$
	SELECT count(*), count(*) FILTER (WHERE a.prediction <> b.prediction OR NOT abs(a.low - b.low) < 1e-5 OR NOT abs(a.high - b.high) < 1e-5
			OR NOT abs(a.std_error - b.std_error) < 1e-5), count(*) FILTER (WHERE a.low = 1 OR a.high = 5)
	FROM generate_series(1, 90, 9) u, generate_series(1, 45, 4) i, lepton_predict_interval(model, u, i) a, interval_plain(model, u, i) b
$$;
-- no variances: one width for all whom the model knows; a wider one for others
SELECT count(*) AS variances FROM interval_users WHERE variance IS NOT NULL;
SELECT * FROM interval_differences('interval');
SELECT details #>> '{interval,n}' = details #>> '{rows,validation}' AS n, jsonb_array_length(details #> '{interval,quantiles}') AS quantiles,
	(details #>> '{interval,noise}')::float8 AS noise, abs((details #>> '{interval,spread}')::float8 - (metrics ->> 'validation_rmse')::float8) < 1e-6 AS spread_is_rmse,
	(details #>> '{interval,item_prior}')::float8 > 0 AS item_prior FROM interval;
-- variances of users and items
BEGIN;
UPDATE interval_users SET variance = id / 100.0;
UPDATE interval_items SET variance = id / 50.0 WHERE id > 4;
UPDATE interval SET details = jsonb_set(jsonb_set(details, '{interval,noise}', '0.25'), '{interval,user_prior}', '0.75');
SELECT * FROM interval_differences('interval');
SELECT count(*), count(DISTINCT std_error), bool_and(low <= prediction AND prediction <= high) AS inside
FROM generate_series(1, 80) u, lepton_predict_interval('interval', u, 7);
SELECT (SELECT std_error FROM lepton_predict_interval('interval', 75, 7)) = (SELECT std_error FROM lepton_predict_interval('interval', 4711, 7)) AS prior;
ROLLBACK;
-- levels
SELECT count(*), count(*) FILTER (WHERE NOT high - low >= previous) AS narrower FROM (SELECT *, lag(high - low) OVER (ORDER BY level) AS previous
	FROM (SELECT i / 200.0::float8 AS level FROM generate_series(1, 199) i) l, LATERAL lepton_predict_interval('interval', 3, 7, level)) x;
SELECT (a.low, a.high) = (b.low, b.high) AS default_level FROM lepton_predict_interval('interval', 3, 7) a, lepton_predict_interval('interval', 3, 7, level => 0.8) b;
SELECT lepton_predict_interval('interval', 3, 7, 0);
SELECT lepton_predict_interval('interval', 3, 7, 1);
SELECT lepton_predict_interval('interval', 3, 7, 'NaN');
SELECT lepton_predict_interval('interval', 3, 7, 95);
SELECT lepton_predict_interval('interval', 3, 7, NULL);
SELECT lepton_predict_interval(NULL, 3, 7);
-- unknown ids, every kind of call
SELECT u.std_error > k.std_error AS user_wider, i.std_error > k.std_error AS item_wider, b.std_error >= greatest(u.std_error, i.std_error) AS both,
	n.std_error = b.std_error AS null_is_unknown
FROM lepton_predict_interval('interval', 3, 7) k, lepton_predict_interval('interval', 4711, 7) u, lepton_predict_interval('interval', 3, 4711) i,
	lepton_predict_interval('interval', 4711, 4711) b, lepton_predict_interval('interval', NULL, NULL) n;
PREPARE interval_call AS SELECT low <= high AS good FROM lepton_predict_interval($1, $2, $3);
EXECUTE interval_call('interval', '3', '7');
PREPARE interval_level AS SELECT low <= high AS good FROM lepton_predict_interval($1, $2, $3, $4);
EXECUTE interval_level('interval', '3', '7', '0.5');
DEALLOCATE ALL;
SELECT (lepton_predict_interval('interval', '3', 7::smallint)).low = (lepton_predict_interval('interval', 3::bigint, '7', level => 0.8)).low AS same;
-- about so many of the ratings that the model was trained on lie inside (it has seen them: more do)
SELECT level, avg((rating BETWEEN low AND high)::int) > level AS covered
FROM (VALUES (0.5::float8), (0.8), (0.95)) l(level), interval_ratings, LATERAL lepton_predict_interval('interval', user_id, item_id, level) GROUP BY level ORDER BY level;
-- option unknown
SELECT version FROM lepton_train('interval_null', 'interval_ratings', '{"algorithm": "baseline", "unknown": "null"}');
SELECT * FROM lepton_predict_interval('interval_null', 4711, 7);
SELECT low <= high AS known FROM lepton_predict_interval('interval_null', 3, 7);
SELECT version FROM lepton_train('interval_null', 'interval_ratings', '{"algorithm": "baseline", "unknown": "error"}');
SELECT lepton_predict_interval('interval_null', 4711, 7);
-- nothing held out, or no ratings: no intervals
SELECT version FROM lepton_train('interval_null', 'interval_ratings', '{"algorithm": "baseline", "validation_fraction": 0}');
SELECT lepton_predict_interval('interval_null', 3, 7);
SELECT version FROM lepton_train('interval_null', 'interval_ratings', '{"feedback": "implicit"}');
SELECT lepton_predict_interval('interval_null', 3, 7);
DROP TABLE interval_null;

-- point: the median is a value that ratings have, wherever the mean is
SELECT metrics ? 'median_mae' AS has_it, details #>> '{serving,levels}' AS levels FROM interval;
SELECT version, (metrics ->> 'median_mae')::float8 <= (metrics ->> 'mae')::float8 AS better FROM lepton_train('interval_median', 'interval_ratings', '{"algorithm": "als", "factors": 6, "point": "median"}');
SELECT details #> '{serving,levels,value}' AS value, jsonb_array_length(details #> '{serving,levels,cut}') AS cuts, details #>> '{options,point}' AS point FROM interval_median;
-- both models have the same factors
CREATE VIEW interval_medians AS
SELECT (SELECT count(*) FROM jsonb_array_elements(details #> '{serving,levels,cut}') cut WHERE cut::text::real <= lepton_predict('interval', u, i)) + 1 AS expected,
	lepton_predict('interval_median', u, i) AS median, u, i FROM interval_median, generate_series(1, 82) u, generate_series(1, 42) i;
SELECT count(*), count(*) FILTER (WHERE expected <> median) AS differences, count(DISTINCT median) > 2 AS several FROM interval_medians;
-- lists keep their order, and show medians
SELECT count(*), count(*) FILTER (WHERE a.item_id <> b.item_id) AS moved, count(*) FILTER (WHERE b.score <> median) AS differences
FROM generate_series(1, 80) u, LATERAL lepton_topn('interval', u, 5) a, LATERAL lepton_topn('interval_median', u, 5) b
	JOIN interval_medians m ON m.i = b.item_id WHERE a.rank = b.rank AND m.u = u.u;
-- the interval is still the mean's
SELECT (a.low, a.high, a.std_error) = (b.low, b.high, b.std_error) AS same, b.prediction = lepton_predict('interval_median', 3, 7) AS median
FROM lepton_predict_interval('interval', 3, 7) a, lepton_predict_interval('interval_median', 3, 7) b;
-- a scale that is narrower than the values, and ratings with too many of them: the mean stays
SELECT version FROM lepton_train('interval_narrow', 'interval_ratings', '{"algorithm": "als", "factors": 6, "point": "median", "rating_scale": [1.5, 4.25]}');
SELECT min(p), max(p) FROM (SELECT lepton_predict('interval_narrow', user_id, item_id) AS p FROM interval_ratings) x;
SELECT metrics ? 'median_mae' AS has_it FROM lepton_train('interval_narrow', 'SELECT user_id, item_id, rating + user_id / 100.0 AS rating FROM interval_ratings', '{"algorithm": "als", "point": "median"}');
SELECT count(DISTINCT lepton_predict('interval_narrow', user_id, item_id)) > 80 AS means FROM interval_ratings;
SELECT lepton_train('interval_narrow', 'interval_ratings', '{"point": "mode"}');
DROP TABLE interval_narrow;

-- times: a model with three bins, the last being the model as it is
CREATE FUNCTION interval_floats(VARIADIC x real[]) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(to_hex(get_byte(b, 3) / 16) || to_hex(get_byte(b, 3) % 16) || to_hex(get_byte(b, 2) / 16) || to_hex(get_byte(b, 2) % 16)
		|| to_hex(get_byte(b, 1) / 16) || to_hex(get_byte(b, 1) % 16) || to_hex(get_byte(b, 0) / 16) || to_hex(get_byte(b, 0) % 16), '' ORDER BY o)
	FROM (SELECT float4send(v) AS b, o FROM unnest(x) WITH ORDINALITY t(v, o)) y
$$;
SELECT version FROM lepton_train('interval_times', 'interval_ratings', '{"algorithm": "als", "factors": 2, "regularization": 0.001, "rating_scale": [-100, 100]}');
UPDATE interval_times SET details = details || jsonb_build_object('times', jsonb_build_object('unit', 'timestamptz',
	'first', (SELECT jsonb_agg(((extract(epoch FROM t) - 946684800) * 1000000)::bigint ORDER BY t) FROM unnest('{2020-01-01,2021-01-01,2022-01-01}'::timestamptz[]) t),
	'bias', '[0.5, -0.25, 0]'::jsonb, 'factors', 2, 'lift', interval_floats(0.25, -1, 4, 1, 0, 0)));
CREATE VIEW interval_moved AS
SELECT t.at, u.id AS u, i.id AS i, ((details #>> '{serving,mean}')::float8 + (u.bias + t.bias)::real + i.bias
	+ (f[1] + l1)::real::float8 * g[1]::float8 + (f[2] + l2)::real::float8 * g[2]::float8)::real AS score
FROM interval_times m JOIN interval_times_users u USING (version) JOIN interval_times_items i USING (version),
	lepton_vector(u.factors) f, lepton_vector(i.factors) g,
	(VALUES ('-infinity'::timestamptz, 0.5::float8, 0.25::real, -1::real), ('2019-07-01', 0.5, 0.25, -1), ('2020-12-31 23:59:59', 0.5, 0.25, -1), ('2021-01-01', -0.25, 4, 1),
		('2021-12-31', -0.25, 4, 1), ('2022-01-01', 0, 0, 0), ('infinity', 0, 0, 0), (NULL, 0, 0, 0)) t(at, bias, l1, l2)
WHERE u.id % 4 = 3;
SELECT at, count(*), count(*) FILTER (WHERE NOT abs(score - lepton_predict('interval_times', u, i, at)) < 1e-5) AS differences,
	count(*) FILTER (WHERE lepton_predict('interval_times', u, i) = lepton_predict('interval_times', u, i, at)) AS as_now FROM interval_moved GROUP BY at ORDER BY at;
-- lists at a time, against the same scores, for a user and for nobody
CREATE TABLE interval_lists AS SELECT at, u, l.* FROM (SELECT DISTINCT at, u FROM interval_moved) x, LATERAL lepton_topn_at('interval_times', u, at, 40, false) l;
SELECT count(*), count(*) FILTER (WHERE NOT abs(m.score - l.score) < 1e-5) AS differences, count(*) FILTER (WHERE float4send(l.score) <> float4send(lepton_predict('interval_times', u, i, l.at))) AS from_predict
FROM interval_lists l JOIN interval_moved m USING (u) WHERE m.i = l.item_id AND m.at IS NOT DISTINCT FROM l.at;
SELECT count(*) AS out_of_order FROM (SELECT score, lag(score) OVER (PARTITION BY u, at ORDER BY rank) AS previous FROM interval_lists) x WHERE score > previous;
SELECT at, ARRAY(SELECT item_id FROM interval_lists WHERE u = 3 AND at = t.at ORDER BY rank LIMIT 4) = ARRAY(SELECT item_id FROM lepton_topn('interval_times', 3, 4, false)) AS as_now
FROM (SELECT DISTINCT at FROM interval_lists) t WHERE at > '2020-06-01' ORDER BY at;
SELECT count(*) FILTER (WHERE float4send(score) <> float4send(lepton_predict('interval_times', 4711, item_id, '2020-05-05'))) AS differences, min(origin) AS origin,
	array_agg(item_id ORDER BY rank) <> (SELECT array_agg(item_id ORDER BY rank) FROM lepton_topn('interval_times', 4711, 1000)) AS another_list
FROM lepton_topn_at('interval_times', 4711, '2020-05-05', 1000);
SELECT (SELECT array_agg(item_id ORDER BY rank) FROM lepton_topn_at('interval_times', NULL, '2020-05-05')) = (SELECT array_agg(item_id ORDER BY rank) FROM lepton_topn_at('interval_times', 4711, '2020-05-05')) AS same;
-- seen items, exclude and candidates as ever
SELECT (SELECT count(*) FROM lepton_topn_at('interval_times', 3, '2020-05-05', 1000)) = (SELECT count(*) FROM lepton_topn('interval_times', 3, 1000)) AS seen,
	(SELECT count(*) FROM lepton_topn_at('interval_times', 3, '2020-05-05', 1000, exclude => ARRAY(SELECT id FROM interval_times_items WHERE id > 3))) <= 3 AS excluded;
SELECT item_id, origin, float4send(score) = float4send(lepton_predict('interval_times', 3, item_id, '2021-05-05')) AS same
FROM lepton_topn_at('interval_times', 3, '2021-05-05', 10, ARRAY[7, 900], false) ORDER BY item_id;
SELECT lepton_topn_at('interval_times', 3, '2021-05-05', NULL);
SELECT lepton_topn_at_text('interval_times', 3, '2021-05-05');
-- other units: a timestamp and a date in the session's zone, numbers as seconds since 1970
CREATE FUNCTION interval_bin(unit text, first bigint[], at timestamptz) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	before real := lepton_predict('interval_times', 4711, 4711);
BEGIN
	UPDATE interval_times SET details = jsonb_set(details, '{times}', jsonb_build_object('unit', unit, 'first', first, 'bias', '[10, 20, 0]'::jsonb,
		'factors', 2, 'lift', repeat('0', 48)));
	RETURN round(lepton_predict('interval_times', 4711, 4711, at) - before);
END $$;
BEGIN;
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT unit, at, interval_bin(unit, first::bigint[], at::timestamptz) FROM (VALUES
	-- 2020-01-01 00:00:00 to the microsecond, in days from 2000-01-01: 7305
	('timestamp', ARRAY[0, 7305 * 86400000000, 8000 * 86400000000], '2019-12-31 23:59:59.999999'), ('timestamp', ARRAY[0, 7305 * 86400000000, 8000 * 86400000000], '2020-01-01 00:00:00'),
	('date', ARRAY[0, 7305, 8000], '2019-12-31 23:59:59'), ('date', ARRAY[0, 7305, 8000], '2020-01-01 00:00:00'), ('date', ARRAY[0, 7305, 8000], 'infinity'),
	('integer', ARRAY[0, 1577836800, 1600000000], '2020-01-01 08:59:59.9'), ('integer', ARRAY[0, 1577836800, 1600000000], '2020-01-01 09:00:00'), ('integer', ARRAY[-7, -1, 5], '1970-01-01 08:59:58.5'),
	('integer', ARRAY[-7, -1, 5], '1970-01-01 08:59:59'), ('integer', ARRAY[-7, -1, 5], '-infinity'), ('integer', ARRAY[-7, -1, 5], 'infinity'),
	('seconds', ARRAY[0, 1577836800500000, 1600000000000000], '2020-01-01 09:00:00.499999'), ('seconds', ARRAY[0, 1577836800500000, 1600000000000000], '2020-01-01 09:00:00.5'),
	('seconds', ARRAY[0, 1577836800500000, 1600000000000000], '294276-12-31 23:59:59')) v(unit, first, at);
ROLLBACK;
-- a model without times answers as ever
SELECT lepton_predict('interval', 3, 7, '1999-01-01') = lepton_predict('interval', 3, 7) AS same,
	(SELECT array_agg(item_id ORDER BY rank) FROM lepton_topn_at('interval', 3, '1999-01-01')) = (SELECT array_agg(item_id ORDER BY rank) FROM lepton_topn('interval', 3)) AS same;
-- without factors there are biases only
SELECT version FROM lepton_train('interval_bias', 'interval_ratings', '{"algorithm": "baseline", "rating_scale": [-100, 100]}');
UPDATE interval_bias SET details = details || '{"times": {"unit": "integer", "first": [0, 10], "bias": [7, 0], "factors": 0}}';
SELECT round((lepton_predict('interval_bias', 3, 7, to_timestamp(5)) - lepton_predict('interval_bias', 3, 7, to_timestamp(15)))::numeric, 4) AS difference,
	(SELECT count(*) FILTER (WHERE abs(a.score - 7 - b.score) < 1e-5) FROM lepton_topn_at('interval_bias', 3, to_timestamp(5), 5) a JOIN lepton_topn('interval_bias', 3, 5) b USING (rank, item_id)) AS moved;
DROP TABLE interval_bias;

-- rows changed by hand: an error where they are asked for, and only there
CREATE FUNCTION interval_damage(model text, path text[], value jsonb, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plain real;
BEGIN
	EXECUTE format('UPDATE %I SET details = jsonb_set(details, %L, %L)', model, path, value);
	EXECUTE format('SELECT lepton_predict(%L, 3, 7)', model) INTO plain;
	EXECUTE 'SELECT ' || call;
	RAISE EXCEPTION USING errcode = '22000', message = 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN sqlstate || ': ' || sqlerrm || CASE WHEN plain IS NULL THEN ', at once' ELSE '' END;
END $$;
SELECT path, left(value::text, 30) AS value, interval_damage('interval', path::text[], value, 'lepton_predict_interval(''interval'', 3, 7)') FROM (VALUES
	('{interval}', '[]'::jsonb), ('{interval}', 'null'), ('{interval,noise}', '-1'), ('{interval,noise}', '1e31'), ('{interval,noise}', '"1"'), ('{interval,user_prior}', 'null'), ('{interval,item_prior}', '-0.1'),
	('{interval,spread}', '[1]'), ('{interval,quantiles}', '[1, 2, 3]'), ('{interval,quantiles}', '{}'), ('{interval,quantiles,0}', '-1'), ('{interval,quantiles,7}', '"x"'), ('{interval,quantiles,7}', '[1]'),
	('{interval,quantiles,199}', '0'), ('{interval,quantiles,199}', '1e300'), ('{interval,quantiles,200}', '9')) v(path, value);
SELECT path, left(value::text, 30) AS value, interval_damage('interval_times', path::text[], value, 'lepton_predict(''interval_times'', 3, 7, ''2020-06-06'')') FROM (VALUES
	('{times}', '7'::jsonb), ('{times}', '{}'), ('{times,unit}', '"weeks"'), ('{times,unit}', '1'), ('{times,first}', '[]'), ('{times,first}', '{}'), ('{times,first,0}', '1e17'), ('{times,first,1}', '0.5'),
	('{times,first,1}', '1e30'), ('{times,bias}', '[1, 2]'), ('{times,bias,1}', '1e20'), ('{times,bias,1}', '1e60'), ('{times,factors}', '3'), ('{times,lift}', '"00"'), ('{times,lift}', to_jsonb(repeat('0', 47) || 'g')),
	('{times,lift}', to_jsonb(repeat('0', 40) || '0000807f')), ('{times,lift}', to_jsonb(repeat('0', 40) || '0000c07f')), ('{times,lift}', to_jsonb(repeat('0', 40) || '0000007f')), ('{times,lift}', 'null'),
	('{times,lift}', to_jsonb(repeat('0', 56)))) v(path, value);
-- more bins than are ever read, and just as many
SELECT interval_damage('interval_times', '{times}', jsonb_build_object('unit', 'integer', 'first', (SELECT jsonb_agg(b) FROM generate_series(1, n) b), 'bias', (SELECT jsonb_agg(0) FROM generate_series(1, n)),
	'factors', 2, 'lift', repeat('0', 16 * n)), 'lepton_predict(''interval_times'', 3, 7, ''2020-06-06'')') FROM (VALUES (4096), (4097)) v(n);
SELECT path, left(value::text, 30) AS value, interval_damage('interval_median', path::text[], value, '1') FROM (VALUES
	('{serving,levels}', '7'::jsonb), ('{serving,levels}', '{}'), ('{serving,levels,value}', '[1]'), ('{serving,levels,value,2}', '1'), ('{serving,levels,value,2}', 'null'), ('{serving,levels,cut,1}', '-7'),
	('{serving,levels,cut,1}', '1e39'), ('{serving,levels}', jsonb_build_object('value', (SELECT jsonb_agg(b) FROM generate_series(1, 65) b), 'cut', (SELECT jsonb_agg(b) FROM generate_series(1, 64) b)))) v(path, value);
BEGIN;
UPDATE interval SET details = jsonb_set(details, '{interval,noise}', '-1');
SELECT count(*) FROM lepton_check('interval');
ROLLBACK;
BEGIN;
UPDATE interval_times SET details = jsonb_set(details, '{times,lift}', '"00"');
SELECT count(*) FROM lepton_check('interval_times');
ROLLBACK;
SELECT sum(n_rows) FROM lepton_check('interval_times');
BEGIN;
UPDATE interval_users SET variance = -1 WHERE id = 3;
SELECT lepton_predict('interval', 3, 7);
ROLLBACK;
BEGIN;
UPDATE interval_items SET variance = 'infinity' WHERE id = 7;
SELECT count(*) FROM lepton_check('interval');
ROLLBACK;
BEGIN;
UPDATE interval_items SET variance = 'NaN' WHERE id = 7;
SELECT lepton_predict_interval('interval', 3, 7);
ROLLBACK;
BEGIN;
UPDATE interval_items SET variance = 1e30 WHERE id = 7;
SELECT low, high, std_error > 1e14 AS wide FROM lepton_predict_interval('interval', 3, 7);
ROLLBACK;

-- SELECT on the model is enough, and needed
CREATE ROLE regress_lepton_reader;
SET ROLE regress_lepton_reader;
SELECT lepton_predict_interval('interval', 3, 7);
SELECT lepton_predict('interval_times', 3, 7, now());
SELECT lepton_topn_at('interval_times', 3, now());
RESET ROLE;
GRANT SELECT ON interval, interval_times TO regress_lepton_reader;
SET ROLE regress_lepton_reader;
SELECT low <= high AS read FROM lepton_predict_interval('interval', 3, 7);
SELECT lepton_predict('interval_times', 3, 7, '2020-02-02') IS NOT NULL AS read, (SELECT count(*) FROM lepton_topn_at('interval_times', 3, '2020-02-02', 3)) AS listed;
SELECT count(*) FROM interval_users;
RESET ROLE;
REVOKE ALL ON interval, interval_times FROM regress_lepton_reader;
DROP ROLE regress_lepton_reader;

DROP VIEW interval_medians, interval_moved;
DROP TABLE interval, interval_median, interval_times, interval_ratings, interval_lists;
DROP FUNCTION interval_plain(text, bigint, bigint), interval_differences(text), interval_floats(real[]), interval_bin(text, bigint[], timestamptz), interval_damage(text, text[], jsonb, text);
