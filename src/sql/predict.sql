
CREATE FUNCTION @extschema@.lepton_predict(model text, user_id bigint, item_id bigint)
RETURNS real
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 20;
COMMENT ON FUNCTION @extschema@.lepton_predict(text, bigint, bigint) IS
	'the rating that a model predicts for a user and an item';

CREATE FUNCTION @extschema@.lepton_predict(model text, user_id bigint, item_id text)
RETURNS real
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 20;
COMMENT ON FUNCTION @extschema@.lepton_predict(text, bigint, text) IS
	'the rating that a model predicts for a user and an item';

CREATE FUNCTION @extschema@.lepton_predict(model text, user_id bigint, item_id uuid)
RETURNS real
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 20;
COMMENT ON FUNCTION @extschema@.lepton_predict(text, bigint, uuid) IS
	'the rating that a model predicts for a user and an item';

CREATE FUNCTION @extschema@.lepton_predict(model text, user_id text, item_id bigint)
RETURNS real
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 20;
COMMENT ON FUNCTION @extschema@.lepton_predict(text, text, bigint) IS
	'the rating that a model predicts for a user and an item';

CREATE FUNCTION @extschema@.lepton_predict(model text, user_id text, item_id text)
RETURNS real
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 20;
COMMENT ON FUNCTION @extschema@.lepton_predict(text, text, text) IS
	'the rating that a model predicts for a user and an item';

CREATE FUNCTION @extschema@.lepton_predict(model text, user_id text, item_id uuid)
RETURNS real
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 20;
COMMENT ON FUNCTION @extschema@.lepton_predict(text, text, uuid) IS
	'the rating that a model predicts for a user and an item';

CREATE FUNCTION @extschema@.lepton_predict(model text, user_id uuid, item_id bigint)
RETURNS real
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 20;
COMMENT ON FUNCTION @extschema@.lepton_predict(text, uuid, bigint) IS
	'the rating that a model predicts for a user and an item';

CREATE FUNCTION @extschema@.lepton_predict(model text, user_id uuid, item_id text)
RETURNS real
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 20;
COMMENT ON FUNCTION @extschema@.lepton_predict(text, uuid, text) IS
	'the rating that a model predicts for a user and an item';

CREATE FUNCTION @extschema@.lepton_predict(model text, user_id uuid, item_id uuid)
RETURNS real
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 20;
COMMENT ON FUNCTION @extschema@.lepton_predict(text, uuid, uuid) IS
	'the rating that a model predicts for a user and an item';
