
CREATE FUNCTION @extschema@.lepton_topn_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.lepton_topn_support(internal) IS 'planner support of lepton_topn: its number of rows';
