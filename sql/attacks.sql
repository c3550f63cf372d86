-- an owner who changes the rows of his model by hand gets errors or other
-- answers, never a crash and never another's data
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE attacks_ratings AS
SELECT u AS user_id, i AS item_id, (1 + (u * i) % 5)::real AS rating
FROM generate_series(1, 60) u, generate_series(1, 40) i WHERE (u * 7 + i * 3) % 4 <> 1;
\getenv srcdir PG_ABS_SRCDIR
\set include :srcdir '/sql/include/outcome.sql'
\i :include

-- items of another kind, while those of before are in the cache
SELECT version FROM lepton_train('attacks_t', 'SELECT user_id, ''item'' || item_id AS item_id, rating FROM attacks_ratings', '{"algorithm": "sgd", "factors": 8}');
SELECT version FROM lepton_train('attacks_u', 'SELECT user_id, md5(item_id::text)::uuid AS item_id, rating FROM attacks_ratings', '{"algorithm": "sgd", "factors": 8}');
SELECT count(*) FROM lepton_topn_text('attacks_t', 1, 3);
UPDATE attacks_t SET items = (SELECT items FROM attacks_u);
SELECT outcome($$SELECT * FROM lepton_topn_uuid('attacks_t', 1, 3)$$);
-- as after a restore, when no table is tied to a model
DELETE FROM pg_depend WHERE objid = 'attacks_u_items'::regclass AND refobjid = 'attacks_u'::regclass AND deptype = 'a';
SELECT item_id IN (SELECT id FROM attacks_u_items) AS an_item FROM lepton_topn_uuid('attacks_t', 1, 3);
SELECT outcome($$SELECT lepton_predict('attacks_t', 1, '41414141-4141-4141-1000-000000000000'::uuid)$$);
SELECT outcome($$SELECT * FROM lepton_topn_text('attacks_t', 1, 3)$$);

-- more items, and items seen that are not there
SELECT version FROM lepton_train('attacks_a', 'attacks_ratings', '{"algorithm": "sgd", "factors": 8}');
SELECT version FROM lepton_train('attacks_big', 'SELECT u AS user_id, i AS item_id, 1 + (u + i) % 5 AS rating FROM generate_series(1, 2) u, generate_series(1, 200000) i', '{"algorithm": "baseline"}');
SELECT count(*) FROM lepton_topn('attacks_a', 1, 3);
BEGIN;
UPDATE attacks_a_users SET seen = (SELECT seen FROM attacks_big_users WHERE id = 1) WHERE id = 1;
SELECT outcome($$SELECT * FROM lepton_topn('attacks_a', 1, 3)$$);
UPDATE attacks_a SET n_items = 200000;
SELECT outcome($$SELECT * FROM lepton_topn('attacks_a', 1, 3)$$);
ROLLBACK;

-- longer factors
SELECT version FROM lepton_train('attacks_b', 'attacks_ratings', '{"algorithm": "sgd", "factors": 1024, "epochs": 1}');
SELECT count(*) FROM lepton_topn('attacks_a', 1, 3);
BEGIN;
UPDATE attacks_a_users SET factors = (SELECT factors FROM attacks_b_users ORDER BY id LIMIT 1);
UPDATE attacks_a SET details = jsonb_set(details, '{serving,n_factors}', '1024');
SELECT outcome(format('SELECT lepton_predict(''attacks_a'', 1, %s)', i)) FROM generate_series(2, 40, 20) i;
SELECT outcome($$SELECT * FROM lepton_topn('attacks_a', 1, 3)$$);
ROLLBACK;

-- numbers of details that are none
SELECT outcome(format('UPDATE attacks_a SET details = jsonb_set(details, ''{serving,%s}'', %L); SELECT lepton_predict(''attacks_a'', 1, 2)', k, v)),
	outcome('UPDATE attacks_a SET details = ' || quote_literal(d) || ', n_items = 30')
FROM (SELECT details AS d FROM attacks_a) x,
	(VALUES ('n_factors', '1e300'), ('n_factors', '-1'), ('mean', '1e300'), ('mean', '"x"'), ('unknown', '7'), ('min', 'null')) v(k, v);

-- what a transaction took back is not answered from the cache
SELECT version FROM lepton_train('attacks_c', 'attacks_ratings', '{"algorithm": "baseline"}');
BEGIN;
UPDATE attacks_c_items SET bias = 100 WHERE id = 3;
SELECT item_id FROM lepton_topn('attacks_c', 1, 1, false);
ROLLBACK;
SELECT item_id = 3 AS stale FROM lepton_topn('attacks_c', 1, 1, false);
BEGIN;
SAVEPOINT s;
UPDATE attacks_big_items SET bias = 90 WHERE id = 3;
SELECT item_id FROM lepton_topn('attacks_big', 1, 1, false);
ROLLBACK TO s;
SELECT item_id = 3 AS stale FROM lepton_topn('attacks_big', 1, 1, false);
COMMIT;

-- tables of the type that are no models
CREATE TABLE attacks_p OF lepton_model PARTITION BY LIST (version);
SELECT lepton_drop('attacks_p');
SELECT lepton_set_owner('attacks_p', current_user);
SELECT lepton_train('attacks_p', 'attacks_ratings');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT lepton_train('attacks_p', 'attacks_ratings');
ROLLBACK;
SELECT lepton_topn('attacks_p', 1);
SELECT count(*) FROM lepton_models WHERE model = 'attacks_p'::regclass;
DROP TABLE attacks_p;
CREATE TEMP TABLE attacks_temp OF lepton_model;
INSERT INTO attacks_temp (version, is_current) VALUES (1, true);
SELECT count(*) FROM lepton_models WHERE model = 'attacks_temp'::regclass;
SELECT lepton_topn('attacks_temp', 1);
DROP TABLE attacks_temp;

-- a type that has grown since this library was loaded
BEGIN;
ALTER TYPE lepton_model ADD ATTRIBUTE later text CASCADE;
SELECT version, later FROM lepton_train('attacks_c', 'attacks_ratings', '{"algorithm": "baseline"}');
SELECT version, later FROM attacks_c ORDER BY version;
SELECT count(*) FROM lepton_versions('attacks_c');
ROLLBACK;

-- a model of somebody's into which others may insert opens no other model of his
CREATE ROLE regress_lepton_owner;
CREATE ROLE regress_lepton_other;
GRANT SELECT ON attacks_ratings TO regress_lepton_owner;
CREATE SCHEMA attacks_s AUTHORIZATION regress_lepton_owner;
GRANT USAGE ON SCHEMA attacks_s TO regress_lepton_other;
SET ROLE regress_lepton_owner;
SELECT version FROM lepton_train('attacks_s.a', 'attacks_ratings', '{"algorithm": "baseline"}');
CREATE TABLE attacks_s.inbox OF lepton_model;
GRANT SELECT, INSERT ON attacks_s.inbox TO regress_lepton_other;
SET ROLE regress_lepton_other;
SELECT lepton_predict('attacks_s.a', 1, 2);
INSERT INTO attacks_s.inbox (version, created_at, is_current, n_users, n_items, n_ratings, details, users, items, generation)
VALUES (1, now(), true, 60, 40, 1800, '{"serving": {"n_factors": 0, "mean": 3, "min": 1, "max": 5, "unknown": 0, "exclude_seen": true}}', 'attacks_s.a_users', 'attacks_s.a_items', 1);
SELECT lepton_predict('attacks_s.inbox', 1, 2);
SELECT lepton_topn('attacks_s.inbox', 1, 2);
RESET ROLE;
SELECT lepton_drop('attacks_s.inbox');
SELECT lepton_drop('attacks_s.a');
DROP SCHEMA attacks_s;

-- missing things, where they may be missing
SELECT lepton_drop('nosuch.x', if_exists => true), lepton_drop('pg_temp.x', if_exists => true);
SELECT pg_my_temp_schema() = 0 OR to_regclass('pg_temp.x') IS NULL AS nothing_made;
SET search_path = '';
SELECT public.lepton_drop('x', if_exists => true);
RESET search_path;
CREATE TABLE attacks_dropped (a int, b int, c int);
ALTER TABLE attacks_dropped DROP b;
SELECT lepton_train('attacks_d', 'attacks_dropped');

SELECT lepton_drop(m) FROM unnest(ARRAY['attacks_t', 'attacks_u', 'attacks_a', 'attacks_b', 'attacks_big', 'attacks_c']) m;
SELECT count(*) FROM pg_class WHERE relname LIKE 'attacks\_%\_users' OR relname LIKE 'attacks\_%\_items';
DROP FUNCTION outcome, answer;
DROP TABLE attacks_ratings, attacks_dropped;
REVOKE ALL ON SCHEMA public FROM regress_lepton_owner;
DROP ROLE regress_lepton_owner, regress_lepton_other;

-- what changes things is refused where nothing may change: in a read only transaction, and in a source
CREATE TABLE attacks_ro_ratings AS SELECT u AS user_id, i AS item_id, (u + i) % 5 AS rating FROM generate_series(1, 9) u, generate_series(1, 9) i;
SELECT version FROM lepton_train('attacks_ro', 'attacks_ro_ratings', '{"algorithm": "baseline"}');
BEGIN READ ONLY;
SELECT lepton_drop('attacks_ro');
ROLLBACK;
BEGIN READ ONLY;
SELECT lepton_set_owner('attacks_ro', current_user);
ROLLBACK;
SELECT * FROM lepton_inspect('SELECT r.* FROM attacks_ro_ratings r, (SELECT lepton_drop(''attacks_ro'') OFFSET 0) x');
SELECT * FROM lepton_cross_validate('SELECT r.* FROM attacks_ro_ratings r, (SELECT lepton_set_owner(''attacks_ro'', current_user) OFFSET 0) x');
SELECT version FROM lepton_train('attacks_ro_2', 'SELECT r.* FROM attacks_ro_ratings r, (SELECT lepton_drop(''attacks_ro'') OFFSET 0) x');
SELECT version FROM attacks_ro;
DROP TABLE attacks_ro, attacks_ro_ratings;
