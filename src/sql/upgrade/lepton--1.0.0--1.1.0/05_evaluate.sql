
CREATE FUNCTION @extschema@.lepton_evaluate(model text, source text, k integer DEFAULT 10,
	relevant float8 DEFAULT NULL, options jsonb DEFAULT '{}',
	OUT metric text, OUT value float8, OUT std_error float8, OUT n bigint, OUT baseline float8, OUT popular float8)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 18;
COMMENT ON FUNCTION @extschema@.lepton_evaluate(text, text, integer, float8, jsonb) IS
	'how good a model is on the ratings of a table, a view or a SELECT, beside its biases alone and popularity';

CREATE FUNCTION @extschema@.lepton_cross_validate(source text, options jsonb DEFAULT '{}', folds integer DEFAULT 5,
	k integer DEFAULT 10, relevant float8 DEFAULT NULL,
	OUT fold integer, OUT metric text, OUT value float8, OUT std_error float8, OUT n bigint, OUT baseline float8,
	OUT popular float8, OUT algorithm text)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000000 ROWS 90;
COMMENT ON FUNCTION @extschema@.lepton_cross_validate(text, jsonb, integer, integer, float8) IS
	'how good a model of these options would be: trained on all folds of the ratings but one, and judged on that one';

CREATE TYPE @extschema@.lepton_trial AS (
	trial integer,
	rung integer,
	options jsonb,
	metric text,
	value float8,
	std_error float8,
	n bigint,
	baseline float8,
	popular float8,
	cost float8,
	best boolean,
	note text
);
COMMENT ON TYPE @extschema@.lepton_trial IS 'what lepton_tune says of some options';

CREATE FUNCTION @extschema@.lepton_tune(source text, grid jsonb, options jsonb DEFAULT '{}', trials integer DEFAULT 27,
	seed bigint DEFAULT 42, time_limit float8 DEFAULT 600, metric text DEFAULT NULL, k integer DEFAULT 10,
	relevant float8 DEFAULT NULL)
RETURNS SETOF @extschema@.lepton_trial
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000000 ROWS 39;
COMMENT ON FUNCTION @extschema@.lepton_tune(text, jsonb, jsonb, integer, bigint, float8, text, integer, float8) IS
	'try options of a grid by successive halving: every trial, the best first';
