
CREATE FUNCTION @extschema@.lepton_topn_all_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.lepton_topn_all_support(internal) IS
	'planner support of lepton_topn_all: its number of rows, and its cost';

CREATE FUNCTION @extschema@.lepton_topn_users_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.lepton_topn_users_support(internal) IS
	'planner support of lepton_topn_users: its number of rows, and its cost';
