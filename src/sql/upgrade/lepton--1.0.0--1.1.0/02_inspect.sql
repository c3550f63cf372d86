
CREATE FUNCTION @extschema@.lepton_inspect(source text, options jsonb DEFAULT '{}',
	OUT topic text, OUT value text, OUT advice text)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 30;
COMMENT ON FUNCTION @extschema@.lepton_inspect(text, jsonb) IS
	'what the ratings of a source look like before a training, and what is advised; reads only';
