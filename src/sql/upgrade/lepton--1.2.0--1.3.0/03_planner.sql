
COMMENT ON FUNCTION @extschema@.lepton_topn_support(internal) IS 'planner support of lists: their number of rows, and their cost';

CREATE FUNCTION @extschema@.lepton_predict_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.lepton_predict_support(internal) IS 'planner support of lepton_predict: its cost';
