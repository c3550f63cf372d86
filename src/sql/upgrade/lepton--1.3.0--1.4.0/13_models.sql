
-- cast to the argument's very type: a function of this name for oid, which somebody has made in this schema
-- before, would else be called
CREATE OR REPLACE VIEW @extschema@.lepton_models AS
SELECT c.oid::pg_catalog.regclass AS model,
	pg_catalog.pg_get_userbyid(c.relowner) AS owner,
	v.version, v.created_at, v.algorithm, v.source, v.n_users, v.n_items, v.n_ratings, v.metrics,
	(SELECT pg_catalog.count(*) FROM @extschema@.lepton_versions(c.oid::pg_catalog.regclass)) AS n_versions
FROM pg_catalog.pg_class c
	LEFT JOIN LATERAL (SELECT * FROM @extschema@.lepton_versions(c.oid::pg_catalog.regclass) w WHERE w.is_current) v ON true
WHERE c.reloftype OPERATOR(pg_catalog.=) '@extschema@.lepton_model'::pg_catalog.regtype
	AND c.relkind OPERATOR(pg_catalog.=) 'r'
	AND c.relpersistence OPERATOR(pg_catalog.<>) 't'
	AND pg_catalog.has_table_privilege(c.oid, 'SELECT');

CREATE FUNCTION @extschema@.lepton_rollback(model text, version bigint DEFAULT NULL)
RETURNS @extschema@.lepton_model
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.lepton_rollback(text, bigint) IS
	'make an earlier version of a model the current one: that one, or the published one before the current one';

CREATE FUNCTION @extschema@.lepton_publish(model text, version bigint)
RETURNS @extschema@.lepton_model
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.lepton_publish(text, bigint) IS 'make a version of a model the current one';

CREATE FUNCTION @extschema@.lepton_pin(model text, version bigint, pinned boolean DEFAULT true)
RETURNS void
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.lepton_pin(text, bigint, boolean) IS
	'let a version of a model stay whatever option keep says, or no longer';
