
DROP FUNCTION @extschema@.lepton_evaluate(text, text, integer, float8, jsonb);

CREATE FUNCTION @extschema@.lepton_evaluate(model text, source text, k integer DEFAULT 10,
	relevant float8 DEFAULT NULL, options jsonb DEFAULT '{}', version bigint DEFAULT NULL,
	OUT metric text, OUT value float8, OUT std_error float8, OUT n bigint, OUT baseline float8, OUT popular float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 18;
COMMENT ON FUNCTION @extschema@.lepton_evaluate(text, text, integer, float8, jsonb, bigint) IS
	'how good a model is on the ratings of a table, a view or a SELECT, beside its biases alone and popularity';

CREATE FUNCTION @extschema@.lepton_drift(model text, source text, k integer DEFAULT 10,
	relevant float8 DEFAULT NULL, options jsonb DEFAULT '{}', version bigint DEFAULT NULL,
	OUT week integer, OUT since timestamptz, OUT metric text, OUT value float8, OUT std_error float8, OUT n bigint,
	OUT baseline float8, OUT popular float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000000 ROWS 72;
COMMENT ON FUNCTION @extschema@.lepton_drift(text, text, integer, float8, jsonb, bigint) IS
	'how good a model is, week by week, on ratings that are newer than those that it was trained on';
