
CREATE FUNCTION @extschema@.lepton_report(model text, version bigint DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.lepton_report(text, bigint) IS
	'a page of HTML about a version of a model: what it was trained on, how good it is, what its lists are like';
