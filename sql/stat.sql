-- lepton_stat: size, age, and what has changed in the source
CREATE TABLE stat_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * 3 + i * 5) % 5 AS rating FROM generate_series(1, 40) u, generate_series(1, 30) i WHERE (u + i * 3) % 4 > 0;
CREATE VIEW stat_changes AS SELECT model, rows_inserted, rows_updated, rows_deleted FROM lepton_stat ORDER BY model::text;
SELECT version FROM lepton_train('stat_m', 'stat_ratings', '{"algorithm": "baseline"}');
SELECT model, owner = current_user AS own, version, age > interval '0' AS aged, n_versions, n_ratings,
	model_bytes = pg_total_relation_size('stat_m') AS model_bytes, users_bytes = pg_total_relation_size('stat_m_users') AS users_bytes,
	items_bytes = pg_total_relation_size('stat_m_items') AS items_bytes, unpublished_version, unpublished_reason FROM lepton_stat;
-- what the training has read is no change, though this backend has only just written it
SELECT * FROM stat_changes;
INSERT INTO stat_ratings SELECT 41, i, 3 FROM generate_series(1, 7) i;
UPDATE stat_ratings SET rating = 4 WHERE user_id = 41 AND item_id <= 5;
DELETE FROM stat_ratings WHERE user_id = 41 AND item_id <= 2;
SELECT * FROM stat_changes;
-- the same once the statistics have it
SELECT pg_stat_force_next_flush();
SELECT * FROM stat_changes;
-- a transaction's own changes count: before its training as read, after it as changed; the statistics count those that are rolled back, too
BEGIN;
INSERT INTO stat_ratings SELECT 42, i, 3 FROM generate_series(1, 3) i;
SELECT version FROM lepton_train('stat_m', 'stat_ratings', '{"algorithm": "baseline"}');
SELECT * FROM stat_changes;
INSERT INTO stat_ratings SELECT 43, i, 3 FROM generate_series(1, 2) i;
SELECT * FROM stat_changes;
COMMIT;
SELECT * FROM stat_changes;
BEGIN;
INSERT INTO stat_ratings SELECT 44, i, 3 FROM generate_series(1, 9) i;
SELECT * FROM stat_changes;
ROLLBACK;
SELECT * FROM stat_changes;

-- a version that is not published, and why
SELECT version, is_current FROM lepton_train('stat_m', 'stat_ratings', '{"algorithm": "baseline", "publish": false}');
SELECT version, n_versions, unpublished_version, unpublished_reason FROM lepton_stat;

-- nothing is known of queries and views, nor once the statistics were reset
SELECT version FROM lepton_train('stat_query', 'SELECT * FROM stat_ratings', '{"algorithm": "baseline"}');
CREATE VIEW stat_view AS SELECT * FROM stat_ratings;
SELECT version FROM lepton_train('stat_viewed', 'stat_view', '{"algorithm": "baseline"}');
SELECT * FROM stat_changes;
SELECT pg_stat_reset_single_table_counters('stat_ratings'::regclass);
SELECT * FROM stat_changes;
SELECT version FROM lepton_train('stat_m', 'stat_ratings', '{"algorithm": "baseline"}');
SELECT * FROM stat_changes WHERE model = 'stat_m'::regclass;

-- partitions add up, those that are new included
CREATE TABLE stat_parts (user_id int, item_id int, rating real) PARTITION BY HASH (user_id);
CREATE TABLE stat_part0 PARTITION OF stat_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE stat_part1 PARTITION OF stat_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO stat_parts SELECT * FROM stat_ratings;
SELECT version FROM lepton_train('stat_parted', 'stat_parts', '{"algorithm": "baseline"}');
INSERT INTO stat_parts SELECT u, 1, 5 FROM generate_series(101, 130) u;
SELECT * FROM stat_changes WHERE model = 'stat_parted'::regclass;
DROP TABLE stat_parts;
SELECT * FROM stat_changes WHERE model = 'stat_parted'::regclass;

-- details that somebody has written break nothing
SELECT c.* FROM unnest(ARRAY['{}', '[]', '1', '{"changes": 1}', '{"changes": {"relation": -1}}', '{"changes": {"relation": 1e300}}',
	'{"changes": {"relation": 4294967296, "inserted": 0, "updated": 0, "deleted": 0, "reset": 0, "server_reset": 0}}',
	'{"changes": {"relation": 1259, "inserted": 0.5, "updated": 0, "deleted": 0, "reset": 0, "server_reset": 0}}',
	'{"changes": {"relation": 1, "inserted": "x", "updated": null, "deleted": 0, "reset": 0, "server_reset": 0}}']::jsonb[]) d, lepton_changes(d) c;
CREATE TABLE stat_forged OF lepton_model;
INSERT INTO stat_forged (version, is_current, details, users, items) VALUES (1, true, '"forged"', 'pg_class', 4000000000::oid::regclass);
SELECT model, version, users_bytes > 0 AS users_bytes, items_bytes, rows_inserted FROM lepton_stat WHERE model = 'stat_forged'::regclass;

-- of models that may not be read nothing is shown
CREATE ROLE regress_lepton_stat;
GRANT SELECT ON stat_changes TO regress_lepton_stat;
GRANT SELECT ON stat_m TO regress_lepton_stat;
SET ROLE regress_lepton_stat;
SELECT model, version, n_versions FROM lepton_stat;
RESET ROLE;

DROP VIEW stat_changes, stat_view;
DROP TABLE stat_ratings, stat_forged;
SELECT lepton_drop(m) FROM unnest(ARRAY['stat_m', 'stat_query', 'stat_viewed', 'stat_parted']) m;
DROP ROLE regress_lepton_stat;
