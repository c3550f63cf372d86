
CREATE FUNCTION @extschema@.lepton_train(model text, source text, options jsonb DEFAULT '{}')
RETURNS @extschema@.lepton_model
AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.lepton_train(text, text, jsonb) IS
	'train a new version of a model from a table, a view or a SELECT, and make it the current one';

CREATE FUNCTION @extschema@.lepton_train(model text, source text, options text)
RETURNS @extschema@.lepton_model
AS 'MODULE_PATHNAME', 'lepton_train_text' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.lepton_train(text, text, text) IS
	'train a new version of a model, with options as text';
