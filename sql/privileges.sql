-- a model is read like a view: SELECT on it is enough, and nothing less
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE privileges_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i) % 5 AS rating
FROM generate_series(1, 50) u, generate_series(1, 30) i WHERE (u * 7 + i * 3) % 4 <> 1;
CREATE ROLE regress_lepton_owner;
CREATE ROLE regress_lepton_reader;
CREATE ROLE regress_lepton_other;
CREATE SCHEMA privileges_s AUTHORIZATION regress_lepton_owner;
GRANT USAGE ON SCHEMA privileges_s TO PUBLIC;
CREATE SCHEMA privileges_o AUTHORIZATION regress_lepton_other;
GRANT SELECT ON privileges_ratings TO regress_lepton_owner;

SET ROLE regress_lepton_owner;
SELECT version FROM lepton_train('privileges_s.m', 'privileges_ratings', '{"algorithm": "sgd", "factors": 4}');
-- another role can do nothing with it
SET ROLE regress_lepton_other;
SELECT lepton_predict('privileges_s.m', 1, 1);
SELECT lepton_topn('privileges_s.m', 1, 1);
SELECT lepton_check('privileges_s.m');
SELECT lepton_train('privileges_s.m', 'SELECT 1');
SELECT lepton_drop('privileges_s.m');
SELECT lepton_set_owner('privileges_s.m', 'regress_lepton_other');
SELECT lepton_train('privileges_s.n', 'privileges_ratings');
SELECT lepton_train('privileges_o.n', 'privileges_ratings');
SELECT count(*) FROM lepton_models;
SELECT count(*) FROM lepton_versions('privileges_s.m');
-- a forged row opens nothing, and dropping the forgery drops nothing else
CREATE TABLE privileges_o.forged OF lepton_model;
RESET ROLE;
INSERT INTO privileges_o.forged SELECT * FROM privileges_s.m;
SET ROLE regress_lepton_other;
SELECT lepton_predict('privileges_o.forged', 1, 1);
SELECT lepton_topn('privileges_o.forged', 1, 1);
SELECT lepton_check('privileges_o.forged');
RESET ROLE;
SELECT lepton_drop('privileges_o.forged');
SELECT to_regclass('privileges_s.m_users');

-- SELECT on the model opens its lists, not its factors, nor training
GRANT SELECT ON privileges_s.m TO regress_lepton_reader;
SET ROLE regress_lepton_reader;
SELECT lepton_predict('privileges_s.m', 1, 1) BETWEEN 1 AND 5 AS predicted;
SELECT count(*) FROM lepton_topn('privileges_s.m', 1, 5);
SELECT model, owner, version FROM lepton_models;
SELECT count(*) FROM privileges_s.m_users;
SELECT lepton_train('privileges_s.m', 'privileges_ratings');
RESET ROLE;

-- a REVOKE counts at once, also for a call site that has answered before
DO $$
BEGIN
	FOR i IN 1..2 LOOP
		SET LOCAL ROLE regress_lepton_reader;
		RAISE WARNING '%', lepton_predict('privileges_s.m', 1, 1) IS NOT NULL;
		RESET ROLE;
		REVOKE SELECT ON privileges_s.m FROM regress_lepton_reader;
	END LOOP;
END $$;

-- owners: all three tables or none
ALTER TABLE privileges_s.m OWNER TO regress_lepton_other;
SELECT lepton_predict('privileges_s.m', 1, 1);
SELECT lepton_set_owner('privileges_s.m', 'regress_lepton_other');
SELECT lepton_predict('privileges_s.m', 1, 1) BETWEEN 1 AND 5 AS predicted;

-- nothing of the owner's runs when a superuser trains
CREATE FUNCTION privileges_evil() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE WARNING 'ran as %', current_user; RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT ON privileges_s.m_users FOR EACH ROW EXECUTE FUNCTION privileges_evil();
SELECT lepton_train('privileges_s.m', 'privileges_ratings');
DROP TRIGGER t ON privileges_s.m_users;
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON privileges_s.m FOR EACH ROW EXECUTE FUNCTION privileges_evil();
SELECT lepton_train('privileges_s.m', 'privileges_ratings');
DROP TRIGGER t ON privileges_s.m;
ALTER TABLE privileges_s.m ENABLE ROW LEVEL SECURITY;
SELECT lepton_predict('privileges_s.m', 1, 1);
ALTER TABLE privileges_s.m DISABLE ROW LEVEL SECURITY;
SELECT version FROM lepton_train('privileges_s.m', 'privileges_ratings', '{"algorithm": "baseline"}');

-- a superuser who trains another's model makes its tables for the owner
SET ROLE regress_lepton_other;
DELETE FROM privileges_s.m;
RESET ROLE;
SELECT version FROM lepton_train('privileges_s.m', 'privileges_ratings', '{"algorithm": "baseline"}');
SELECT DISTINCT relowner::regrole FROM pg_class WHERE oid IN (SELECT unnest(ARRAY[users, items]) FROM privileges_s.m);
SET ROLE regress_lepton_other;
SELECT lepton_predict('privileges_s.m', 1, 1) BETWEEN 1 AND 5 AS predicted;
RESET ROLE;

SELECT lepton_drop('privileges_s.m');
DROP FUNCTION privileges_evil();
DROP SCHEMA privileges_s, privileges_o;
DROP TABLE privileges_ratings;
DROP ROLE regress_lepton_owner, regress_lepton_reader, regress_lepton_other;
