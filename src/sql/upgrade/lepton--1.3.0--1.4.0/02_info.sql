
ALTER FUNCTION @extschema@.lepton_info() ROWS 10;

CREATE FUNCTION @extschema@.lepton_cache(OUT model pg_catalog.regclass, OUT version bigint, OUT place text,
	OUT bytes bigint, OUT sessions integer)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100 ROWS 10;
COMMENT ON FUNCTION @extschema@.lepton_cache() IS
	'the items of model versions that are held in memory, of models that the caller may read: shared by so many sessions, being read, or by this session alone';
