
CREATE FUNCTION @extschema@.lepton_train_add(state internal, user_id "any", item_id "any", rating float8)
RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.lepton_train_add(internal, "any", "any", float8) IS
	'transition function of the aggregate lepton_train';

CREATE FUNCTION @extschema@.lepton_train_add(state internal, user_id "any", item_id "any", rating float8, options jsonb)
RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.lepton_train_add(internal, "any", "any", float8, jsonb) IS
	'transition function of the aggregate lepton_train with options';

CREATE FUNCTION @extschema@.lepton_train_combine(state internal, other internal)
RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.lepton_train_combine(internal, internal) IS
	'combine function of the aggregate lepton_train';

CREATE FUNCTION @extschema@.lepton_train_serialize(state internal)
RETURNS bytea
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.lepton_train_serialize(internal) IS
	'serialization function of the aggregate lepton_train';

CREATE FUNCTION @extschema@.lepton_train_deserialize(bytes bytea, unused internal)
RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.lepton_train_deserialize(bytea, internal) IS
	'deserialization function of the aggregate lepton_train';

CREATE FUNCTION @extschema@.lepton_train_final(state internal)
RETURNS bytea
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION @extschema@.lepton_train_final(internal) IS
	'final function of the aggregate lepton_train';

-- READ_WRITE: where groups come one by one, their rows are sorted where they are
CREATE AGGREGATE @extschema@.lepton_train(user_id "any", item_id "any", rating float8) (
	SFUNC = @extschema@.lepton_train_add,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = @extschema@.lepton_train_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.lepton_train_combine,
	SERIALFUNC = @extschema@.lepton_train_serialize,
	DESERIALFUNC = @extschema@.lepton_train_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.lepton_train("any", "any", float8) IS
	'a model of the rows of each group, as one value; pass 1 as the rating of implicit feedback';

CREATE AGGREGATE @extschema@.lepton_train(user_id "any", item_id "any", rating float8, options jsonb) (
	SFUNC = @extschema@.lepton_train_add,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = @extschema@.lepton_train_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = @extschema@.lepton_train_combine,
	SERIALFUNC = @extschema@.lepton_train_serialize,
	DESERIALFUNC = @extschema@.lepton_train_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.lepton_train("any", "any", float8, jsonb) IS
	'a model of the rows of each group, as one value, with options as those of a named model';
