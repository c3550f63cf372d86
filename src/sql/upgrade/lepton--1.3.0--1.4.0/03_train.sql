
CREATE PROCEDURE @extschema@.lepton_retrain(model text, options jsonb DEFAULT '{}')
AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON PROCEDURE @extschema@.lepton_retrain(text, jsonb) IS
	'train a model again from its recorded source, as its owner; published if it is good enough';
