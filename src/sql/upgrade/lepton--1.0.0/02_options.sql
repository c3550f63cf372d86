
CREATE FUNCTION @extschema@.lepton_options(algorithm text DEFAULT 'auto',
	OUT option text, OUT type text, OUT "default" text, OUT min float8, OUT max float8, OUT words text[],
	OUT meaning text)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 30;
COMMENT ON FUNCTION @extschema@.lepton_options(text) IS
	'training options that an algorithm takes, with type, default, limits and meaning';
