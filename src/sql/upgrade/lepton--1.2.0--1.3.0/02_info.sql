
CREATE FUNCTION @extschema@.lepton_info(OUT topic text, OUT value text)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100 ROWS 9;
COMMENT ON FUNCTION @extschema@.lepton_info() IS
	'what answers here: versions, the kernels in use and those that run here, cores, threads, limits of memory';
