-- values that somebody made up, with a checksum that fits: a sensible answer or an error
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- XXH64 as its specification has it, with seed 0, in 64-bit numbers with a sign
CREATE FUNCTION checksum_mod(n numeric) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT (r - CASE WHEN r >= 9223372036854775808 THEN 18446744073709551616 ELSE 0 END)::bigint FROM (SELECT mod(mod(n, 18446744073709551616) + 18446744073709551616, 18446744073709551616) AS r) s $$;
CREATE FUNCTION checksum_rotate(n bigint, by int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT (n << by) | ((n >> (64 - by)) & ((1::bigint << by) - 1)) $$;
CREATE FUNCTION checksum_shift(n bigint, by int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT (n >> by) & ((1::bigint << (64 - by)) - 1) $$;
CREATE FUNCTION checksum_number(bytes bytea, at int, n int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT bit_or(get_byte(bytes, at + b)::bigint << (8 * b)) FROM generate_series(0, n - 1) b $$;
CREATE FUNCTION checksum_bytes(n bigint, length int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT string_agg(set_byte('\x00', 0, ((n >> (8 * b)) & 255)::int), '' ORDER BY b) FROM generate_series(0, length - 1) b $$;
CREATE FUNCTION checksum_of(bytes bytea) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	p1 CONSTANT numeric := 11400714785074694791;
	p2 CONSTANT numeric := 14029467366897019727;
	p3 CONSTANT numeric := 1609587929392839161;
	p4 CONSTANT numeric := 9650029242287828579;
	p5 CONSTANT numeric := 2870177450012600261;
	v bigint[] := ARRAY[checksum_mod(p1 + p2), checksum_mod(p2), 0, checksum_mod(-p1)];
	h bigint;
	at int := 0;
BEGIN
	WHILE at + 32 <= length(bytes) LOOP
		FOR l IN 1 .. 4 LOOP
			v[l] := checksum_mod(p1 * checksum_rotate(checksum_mod(v[l] + p2 * checksum_number(bytes, at, 8)), 31));
			at := at + 8;
		END LOOP;
	END LOOP;
	h := checksum_mod(checksum_rotate(v[1], 1)::numeric + checksum_rotate(v[2], 7) + checksum_rotate(v[3], 12) + checksum_rotate(v[4], 18));
	FOR l IN 1 .. 4 LOOP
		h := checksum_mod((h # checksum_mod(p1 * checksum_rotate(checksum_mod(p2 * v[l]), 31))) * p1 + p4);
	END LOOP;
	h := checksum_mod(h::numeric + length(bytes));
	WHILE at + 8 <= length(bytes) LOOP
		h := checksum_mod(p1 * checksum_rotate(h # checksum_mod(p1 * checksum_rotate(checksum_mod(p2 * checksum_number(bytes, at, 8)), 31)), 27) + p4);
		at := at + 8;
	END LOOP;
	IF at + 4 <= length(bytes) THEN
		h := checksum_mod(p2 * checksum_rotate(h # checksum_mod(p1 * checksum_number(bytes, at, 4)), 23) + p3);
		at := at + 4;
	END IF;
	WHILE at < length(bytes) LOOP
		h := checksum_mod(p1 * checksum_rotate(h # checksum_mod(p5 * get_byte(bytes, at)), 11));
		at := at + 1;
	END LOOP;
	h := checksum_mod(p2 * (h # checksum_shift(h, 33)));
	h := checksum_mod(p3 * (h # checksum_shift(h, 29)));
	RETURN h # checksum_shift(h, 32);
END $$;
CREATE FUNCTION checksum_forge(model bytea, at int, bytes bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT overlay(forged PLACING checksum_bytes(checksum_of(substr(forged, 17)), 8) FROM 9) FROM (SELECT overlay(model PLACING bytes FROM at + 1) AS forged) f $$;
CREATE TABLE checksum_ratings AS SELECT u AS user_id, i AS item_id, (1 + (u * 3 + i * 5) % 5)::float8 AS rating FROM generate_series(1, 8) u, generate_series(1, 6) i WHERE (u + i * 3) % 4 > 0;
-- ids that are numbers, and items that are texts; where in the bytes users and items begin, as docs/format.md says
CREATE TABLE checksum_models AS SELECT 'numbers' AS what, '' AS suffix, lepton_train(user_id, item_id, rating, '{"algorithm": "als", "factors": 2, "epochs": 1}') AS model, 'SELECT * FROM checksum_ratings' AS source FROM checksum_ratings;
INSERT INTO checksum_models SELECT 'texts', '_text', lepton_train(user_id, item_id::text, rating, '{"algorithm": "als", "factors": 2, "epochs": 1}'), 'SELECT user_id, item_id::text, rating FROM checksum_ratings' FROM checksum_ratings;
ALTER TABLE checksum_models ADD n_users int, ADD n_items int, ADD users int, ADD items int;
UPDATE checksum_models SET n_users = checksum_number(model, 80, 4), n_items = checksum_number(model, 84, 4), users = 152 + (SELECT sum(checksum_number(model, d, 8)) FROM generate_series(88, 112, 8) d);
UPDATE checksum_models SET items = users + n_users * (8 + 4 + 4 + 16 + 4) + 4 + checksum_number(model, 136, 8);
-- the checksum of who wrote it, and ids where they should be
SELECT what, n_users, n_items, checksum_number(model, 8, 8) = checksum_of(substr(model, 17)) AS same, checksum_number(model, users, 8) AS first_user, checksum_number(model, users + 8 * (n_users - 1), 8) AS last_user,
	CASE what WHEN 'numbers' THEN checksum_number(model, items + 8, 8)::text ELSE convert_from(substr(model, items + 4 * (n_items + 1) + 1, n_items), 'UTF8') END AS items
FROM checksum_models ORDER BY what;
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/outcome.sql'
\i :include
CREATE FUNCTION checksum_try(m checksum_models, forged bytea) RETURNS TABLE (call text, outcome text) LANGUAGE sql AS $$
	SELECT c.name, answer(format(c.call, forged, m.suffix, m.source), true) FROM (VALUES ('predict', 'SELECT lepton_predict(%1$L::bytea, 1, ''2'') BETWEEN 1 AND 5'), ('topn', 'SELECT count(*) FROM lepton_topn%2$s(%1$L::bytea, 1, 3, false)'),
		('similar', 'SELECT count(*) FROM lepton_similar%2$s(%1$L::bytea, ''2'', 3)'), ('info', 'SELECT (lepton_info(%1$L::bytea)).n_items'), ('evaluate', 'SELECT count(*) > 0 FROM lepton_evaluate(%1$L::bytea, %3$L)'), ('import', 'SELECT (lepton_import(''checksum_m'' || %2$L, %1$L)).n_items')) c(name, call) $$;
-- as it is; numbers that stand for nothing; a head that the details contradict; ids out of order, twice; a text that is none; counts below 0
SELECT forged, outcome, calls, string_agg(what, ' ' ORDER BY what) AS models FROM (
SELECT m.what, w.what AS forged, o.outcome, string_agg(o.call, ' ' ORDER BY o.call) AS calls FROM checksum_models m, LATERAL (VALUES ('nothing', 4, '\x01'::bytea), ('encoding 255', 24, '\xff'), ('encoding 35', 24, '\x23'), ('another instant', 72, '\x0000000000000000'), ('no instant', 72, '\x0000000000000080'), ('an instant after all others', 72, '\xffffffffffffff7f'), ('the first instant and one', 72, '\x0100000000000080'),
	('exclude_seen', 25, '\x00'), ('another mean', 32, '\x0000000000000840'), ('another scale', 40, '\x0000000000000041'), ('another unknown', 26, '\x01'), ('the first two users are one', m.users, substr(m.model, m.users + 9, 8)), ('users the other way round', m.users, substr(m.model, m.users + 9, 8) || substr(m.model, m.users + 1, 8)),
	('items the other way round', m.items + CASE m.what WHEN 'texts' THEN 4 * (m.n_items + 1) ELSE 0 END, CASE m.what WHEN 'texts' THEN '\x3231' ELSE substr(m.model, m.items + 9, 8) || substr(m.model, m.items + 1, 8) END), ('the last item is no text', m.items + 4 * (m.n_items + 1) + m.n_items - 1, '\xff'),
	('an item of -1 ratings', m.items + CASE m.what WHEN 'texts' THEN 4 * (m.n_items + 1) + m.n_items ELSE 8 * m.n_items END, '\xffffffff')) w(what, at, bytes), checksum_try(m, checksum_forge(m.model, w.at, w.bytes)) o
WHERE m.what = 'texts' OR w.what <> 'the last item is no text' GROUP BY m.what, w.what, o.outcome) s GROUP BY forged, outcome, calls ORDER BY forged, outcome COLLATE "C", calls;
-- each byte of the head but its encoding, one more: no error but that the bytes are damaged, or from a later version
SELECT o.outcome, string_agg(DISTINCT o.call, ' ' ORDER BY o.call) AS calls FROM (SELECT m, checksum_forge(m.model, b, set_byte('\x00', 0, (get_byte(m.model, b) + 1) % 256)) AS forged FROM checksum_models m, generate_series(4, 151) b WHERE m.what = 'numbers' AND b <> 24 OFFSET 0) f, checksum_try(f.m, f.forged) o
WHERE o.outcome ~ '^\w{5}: ' AND o.outcome !~ '^XX001: bytes in "model" are damaged' GROUP BY o.outcome ORDER BY o.outcome COLLATE "C";
SELECT lepton_drop(m) FROM unnest(ARRAY['checksum_m', 'checksum_m_text']) m;
DROP FUNCTION checksum_try, outcome, answer, checksum_forge, checksum_of, checksum_bytes, checksum_number, checksum_shift, checksum_rotate, checksum_mod;
DROP TABLE checksum_models, checksum_ratings;
