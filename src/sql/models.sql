
CREATE FUNCTION @extschema@.lepton_versions(model regclass)
RETURNS SETOF @extschema@.lepton_model
AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100 ROWS 2;
COMMENT ON FUNCTION @extschema@.lepton_versions(regclass) IS
	'the versions of a model; none for a relation that is no model or may not be read';

-- cast to the argument's very type: a function of this name for oid, which somebody has made in this schema
-- before, would else be called
CREATE VIEW @extschema@.lepton_models AS
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
COMMENT ON VIEW @extschema@.lepton_models IS 'the models that the current user may read, with their current versions';
GRANT SELECT ON @extschema@.lepton_models TO PUBLIC;

CREATE FUNCTION @extschema@.lepton_check(model text,
	OUT version bigint, OUT relation regclass, OUT n_rows bigint, OUT n_bytes bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100000 ROWS 4;
COMMENT ON FUNCTION @extschema@.lepton_check(text) IS
	'read every row of every version of a model; an error says what is damaged';

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

CREATE FUNCTION @extschema@.lepton_drop(model text, if_exists boolean DEFAULT false)
RETURNS void
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.lepton_drop(text, boolean) IS 'drop a model with its factor tables';

CREATE FUNCTION @extschema@.lepton_set_owner(model text, owner text)
RETURNS void
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 1000;
COMMENT ON FUNCTION @extschema@.lepton_set_owner(text, text) IS
	'give a model and its factor tables to another role';

CREATE FUNCTION @extschema@.lepton_vector(factors bytea)
RETURNS real[]
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.lepton_vector(bytea) IS 'stored factors as an array';
