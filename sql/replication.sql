-- a training says which publications carry the tables that it makes
\set SHOW_CONTEXT never
CREATE SCHEMA replication_s;
CREATE TABLE replication_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i) % 5 AS rating
FROM generate_series(1, 20) u, generate_series(1, 10) i WHERE (u * 7 + i * 3) % 4 <> 1;
-- nothing is published: nothing to say
SELECT version FROM lepton_train('replication_s.quiet', 'replication_ratings', '{"algorithm": "baseline"}');
SET client_min_messages = error;    -- wal_level may be too low for it, which is not what this is about
CREATE PUBLICATION replication_one FOR TABLE replication_ratings;
RESET client_min_messages;
-- a list of tables does not carry those that are made
SELECT version FROM lepton_train('replication_s.unlisted', 'replication_ratings', '{"algorithm": "baseline"}');
SET client_min_messages = error;
CREATE PUBLICATION replication_all FOR ALL TABLES;
RESET client_min_messages;
SELECT version FROM lepton_train('replication_s."My recs"', 'replication_ratings', '{"algorithm": "baseline"}');
-- once they are there, later trainings have nothing to say
SELECT version FROM lepton_train('replication_s."My recs"', 'replication_ratings', '{"algorithm": "baseline"}');
CALL lepton_retrain('replication_s."My recs"');
-- the schema's publication, besides; and of another schema only the former
SET client_min_messages = error;
CREATE PUBLICATION replication_schema FOR TABLES IN SCHEMA replication_s;
RESET client_min_messages;
SELECT version FROM lepton_train('replication_s.both', 'replication_ratings', '{"algorithm": "baseline"}');
SELECT version FROM lepton_train('replication_elsewhere', 'replication_ratings', '{"algorithm": "baseline"}');
DROP PUBLICATION replication_all;
SELECT version FROM lepton_train('replication_s.by_schema', 'replication_ratings', '{"algorithm": "baseline"}');
-- what is imported makes tables, too
SELECT version FROM lepton_import('replication_s.imported', lepton_export('replication_s.quiet'));
DROP PUBLICATION replication_schema, replication_one;
SELECT count(lepton_drop(model::text)) FROM lepton_models WHERE model::text LIKE '%replication%';
DROP TABLE replication_ratings;
DROP SCHEMA replication_s;
