
CREATE FUNCTION @extschema@.lepton_export(model text, version bigint DEFAULT NULL)
RETURNS bytea
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000;
COMMENT ON FUNCTION @extschema@.lepton_export(text, bigint) IS
	'a version of a model as one value, which answers like it: for a column, a file, another database';

CREATE FUNCTION @extschema@.lepton_import(name text, model bytea)
RETURNS @extschema@.lepton_model
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.lepton_import(text, bytea) IS
	'make a value the new and current version of a model of this name';

CREATE FUNCTION @extschema@.lepton_info(model bytea)
RETURNS @extschema@.lepton_model
AS 'MODULE_PATHNAME', 'lepton_info_value' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION @extschema@.lepton_info(bytea) IS
	'what the row of a model would say of a value: algorithm, options, sizes, metrics, details';

CREATE FUNCTION @extschema@.lepton_evaluate(model bytea, source text, k integer DEFAULT 10,
	relevant float8 DEFAULT NULL, options jsonb DEFAULT '{}',
	OUT metric text, OUT value float8, OUT std_error float8, OUT n bigint, OUT baseline float8, OUT popular float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000 ROWS 18;
COMMENT ON FUNCTION @extschema@.lepton_evaluate(bytea, text, integer, float8, jsonb) IS
	'how good a value is on the ratings of a table, a view or a SELECT, beside its biases alone and popularity';
