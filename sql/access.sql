-- who may do what with a model
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE access_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i + u % 3) % 5 AS rating
FROM generate_series(1, 30) u, generate_series(1, 25) i WHERE (u * 7 + i * 3) % 5 <> 1;
CREATE ROLE regress_access_owner;
CREATE ROLE regress_access_reader;
CREATE ROLE regress_access_nobody;
CREATE SCHEMA access AUTHORIZATION regress_access_owner;
GRANT USAGE ON SCHEMA access TO regress_access_reader, regress_access_nobody;
CREATE SCHEMA access_nobody AUTHORIZATION regress_access_nobody;
GRANT SELECT ON access_ratings TO regress_access_owner;

-- the owner, by SELECT on the source and CREATE on the schema
SET ROLE regress_access_owner;
SELECT version, users, items FROM lepton_train('access.m', 'access_ratings', '{"algorithm": "als", "factors": 4}');
SELECT lepton_train('access_nobody.m', 'access_ratings');
RESET ROLE;
SELECT relname, pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'access'::regnamespace AND relkind = 'r' ORDER BY 1;
GRANT SELECT ON access.m TO regress_access_reader;

-- SELECT on the model alone: lists and predictions, not the tables behind
SET ROLE regress_access_reader;
SELECT lepton_predict('access.m', 3, 3) BETWEEN 1 AND 5 AS predicted, (SELECT count(*) FROM lepton_topn('access.m', 3, 4)) AS listed;
SELECT (SELECT count(*) FROM lepton_topn_for('access.m', ARRAY[3], ARRAY[5], 4)) AS basket, (SELECT count(*) FROM lepton_similar('access.m', 3, 4)) AS items,
	(SELECT count(*) FROM lepton_similar_users('access.m', 3, 4)) AS users, (SELECT count(*) > 0 FROM lepton_explain('access.m', 3, 3)) AS explained;
SELECT model, owner, n_versions FROM lepton_models WHERE owner LIKE 'regress_access%';
SELECT count(*) FROM lepton_check('access.m');
SELECT count(*) FROM access.m_users;
SELECT count(*) FROM access_ratings;
SELECT lepton_train('access.m', 'SELECT 1 AS user_id, 1 AS item_id');
SELECT lepton_drop('access.m');
SELECT lepton_set_owner('access.m', 'regress_access_reader');

-- nothing at all; and SELECT on the factor tables does not open the model
RESET ROLE;
GRANT SELECT ON access.m_users, access.m_items TO regress_access_nobody;
SET ROLE regress_access_nobody;
SELECT lepton_predict('access.m', 3, 3);
SELECT lepton_topn('access.m', 3, 4);
SELECT lepton_topn_for('access.m', ARRAY[3], ARRAY[5], 4);
SELECT lepton_similar('access.m', 3, 4);
SELECT lepton_similar_users('access.m', 3, 4);
SELECT lepton_explain('access.m', 3, 3);
SELECT lepton_check('access.m');
SELECT lepton_train('access.m', 'SELECT 1 AS user_id, 1 AS item_id');
SELECT lepton_train('access_nobody.m', 'access_ratings');
SELECT count(*) FROM lepton_models;
SELECT count(*) FROM lepton_versions('access.m');

-- a table of her own, with a row that points to another's factor tables
CREATE TABLE access_nobody.forged OF lepton_model;
RESET ROLE;
REVOKE SELECT ON access.m_users, access.m_items FROM regress_access_nobody;
INSERT INTO access_nobody.forged SELECT * FROM access.m;
SET ROLE regress_access_nobody;
SELECT lepton_predict('access_nobody.forged', 3, 3);
SELECT lepton_topn('access_nobody.forged', 3, 4);
SELECT lepton_topn_for('access_nobody.forged', ARRAY[3], ARRAY[5], 4);
SELECT lepton_similar('access_nobody.forged', 3, 4);
SELECT lepton_similar_users('access_nobody.forged', 3, 4);
SELECT lepton_explain('access_nobody.forged', 3, 3);
SELECT lepton_check('access_nobody.forged');
SELECT lepton_train('access_nobody.forged', 'SELECT u AS user_id, i AS item_id, u AS rating FROM generate_series(1, 5) u, generate_series(1, 5) i');
SELECT lepton_set_owner('access_nobody.forged', 'regress_access_nobody');
-- not even a superuser who takes the hint gives the tables away
RESET ROLE;
SELECT lepton_set_owner('access_nobody.forged', 'regress_access_nobody');
SELECT relname, pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'access'::regnamespace AND relkind = 'r' ORDER BY 1;
SET ROLE regress_access_nobody;
SELECT lepton_drop('access_nobody.forged');
RESET ROLE;
SELECT relname, pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'access'::regnamespace AND relkind = 'r' ORDER BY 1;

-- a session that has read a model may no longer when it is told so
SET ROLE regress_access_reader;
PREPARE p AS SELECT lepton_predict('access.m', 3, 3) IS NULL AS lost;
EXECUTE p;
RESET ROLE;
REVOKE SELECT ON access.m FROM regress_access_reader;
SET ROLE regress_access_reader;
EXECUTE p;
SELECT count(*) FROM lepton_models;
RESET ROLE;
EXECUTE p;
DEALLOCATE p;

-- what could run code of the owner's on a factor table
CREATE FUNCTION access_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''ran as %'', current_user; RETURN NEW; END';
CREATE FUNCTION access_spy(id bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS 'SELECT id';
BEGIN;
CREATE TRIGGER spy BEFORE INSERT ON access.m_users FOR EACH ROW EXECUTE FUNCTION access_trigger();
SELECT lepton_predict('access.m', 3, 3);
ROLLBACK;
BEGIN;
CREATE TRIGGER spy AFTER DELETE ON access.m_items FOR EACH STATEMENT EXECUTE FUNCTION access_trigger();
SELECT lepton_train('access.m', 'access_ratings');
ROLLBACK;
BEGIN;
CREATE INDEX ON access.m_items (access_spy(id));
SELECT lepton_topn('access.m', 3, 3);
ROLLBACK;
BEGIN;
CREATE INDEX ON access.m_items (id) WHERE access_spy(id) > 3;
SELECT lepton_topn('access.m', 3, 3);
ROLLBACK;
BEGIN;
ALTER TABLE access.m_users ENABLE ROW LEVEL SECURITY;
SELECT lepton_predict('access.m', 3, 3);
ROLLBACK;
BEGIN;
ALTER TABLE access.m_users ADD CHECK (access_spy(id) > 0);
SELECT lepton_predict('access.m', 3, 3);
ROLLBACK;
BEGIN;
CREATE RULE r AS ON INSERT TO access.m_users DO ALSO NOTHING;
SELECT lepton_predict('access.m', 3, 3);
ROLLBACK;
BEGIN;
ALTER TABLE access.m_users ALTER COLUMN n TYPE bigint;
SELECT lepton_predict('access.m', 3, 3);
ROLLBACK;
BEGIN;
CREATE TRIGGER spy BEFORE INSERT ON access.m FOR EACH ROW EXECUTE FUNCTION access_trigger();
SELECT lepton_train('access.m', 'access_ratings', '{"algorithm": "baseline"}');
ROLLBACK;
-- a plain index does no harm
BEGIN;
CREATE INDEX ON access.m_items (n_ratings);
SELECT version FROM lepton_train('access.m', 'access_ratings', '{"algorithm": "baseline"}');
SELECT count(*) FROM lepton_topn('access.m', 3, 4);
ROLLBACK;

-- the source is read as the caller, and read only
CREATE FUNCTION access_write() RETURNS int VOLATILE LANGUAGE sql AS 'DELETE FROM access_ratings RETURNING 1';
SELECT lepton_train('access.m', 'SELECT user_id, item_id, access_write() AS rating FROM access_ratings');
SELECT count(*) FROM access_ratings;
CREATE POLICY low ON access_ratings TO regress_access_owner USING (user_id <= 10);
ALTER TABLE access_ratings ENABLE ROW LEVEL SECURITY;
SET ROLE regress_access_owner;
SELECT n_users FROM lepton_train('access.m', 'access_ratings', '{"algorithm": "baseline"}');
RESET ROLE;
ALTER TABLE access_ratings DISABLE ROW LEVEL SECURITY;

-- the three tables have one owner: ALTER TABLE on one of them is caught, lepton_set_owner takes all
ALTER TABLE access.m OWNER TO regress_access_nobody;
SELECT lepton_predict('access.m', 3, 3);
SELECT lepton_set_owner('access.m', 'regress_access_nobody');
SELECT relname, pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'access'::regnamespace AND relkind = 'r' ORDER BY 1;
SET ROLE regress_access_nobody;
SELECT lepton_predict('access.m', 3, 3) BETWEEN 1 AND 5 AS predicted;
RESET ROLE;
SELECT lepton_set_owner('access.m', 'regress_access_norole');
SELECT lepton_set_owner('access.nosuch', 'regress_access_owner');
-- the superuser's training leaves the model with its owner
SELECT version FROM lepton_train('access.m', 'access_ratings', '{"algorithm": "baseline"}');
SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'access'::regnamespace AND relkind = 'r';

SELECT lepton_drop('access.m');
DROP SCHEMA access, access_nobody;
DROP TABLE access_ratings;
DROP FUNCTION access_trigger(), access_spy(bigint), access_write();
DROP ROLE regress_access_owner, regress_access_reader, regress_access_nobody;
