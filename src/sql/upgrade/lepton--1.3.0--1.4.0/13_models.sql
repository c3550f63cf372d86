
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
