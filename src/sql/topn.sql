
CREATE FUNCTION @extschema@.lepton_topn_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.lepton_topn_support(internal) IS 'planner support of lepton_topn: its number of rows';

CREATE FUNCTION @extschema@.lepton_topn(model text, user_id bigint, n bigint DEFAULT 10,
	exclude_seen boolean DEFAULT NULL, exclude bigint[] DEFAULT NULL,
	OUT rank integer, OUT item_id bigint, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn(text, bigint, bigint, boolean, bigint[]) IS
	'the n best bigint items for a user, exactly; ties by item id';

CREATE FUNCTION @extschema@.lepton_topn(model text, user_id bigint, n bigint, candidates bigint[],
	exclude_seen boolean DEFAULT NULL, exclude bigint[] DEFAULT NULL,
	OUT rank integer, OUT item_id bigint, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn_candidates' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn(text, bigint, bigint, bigint[], boolean, bigint[]) IS
	'the n best for a user among candidate bigint items; those that the model does not know come last';

CREATE FUNCTION @extschema@.lepton_topn(model text, user_id text, n bigint DEFAULT 10,
	exclude_seen boolean DEFAULT NULL, exclude bigint[] DEFAULT NULL,
	OUT rank integer, OUT item_id bigint, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn(text, text, bigint, boolean, bigint[]) IS
	'the n best bigint items for a user, exactly; ties by item id';

CREATE FUNCTION @extschema@.lepton_topn(model text, user_id text, n bigint, candidates bigint[],
	exclude_seen boolean DEFAULT NULL, exclude bigint[] DEFAULT NULL,
	OUT rank integer, OUT item_id bigint, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn_candidates' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn(text, text, bigint, bigint[], boolean, bigint[]) IS
	'the n best for a user among candidate bigint items; those that the model does not know come last';

CREATE FUNCTION @extschema@.lepton_topn(model text, user_id uuid, n bigint DEFAULT 10,
	exclude_seen boolean DEFAULT NULL, exclude bigint[] DEFAULT NULL,
	OUT rank integer, OUT item_id bigint, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn(text, uuid, bigint, boolean, bigint[]) IS
	'the n best bigint items for a user, exactly; ties by item id';

CREATE FUNCTION @extschema@.lepton_topn(model text, user_id uuid, n bigint, candidates bigint[],
	exclude_seen boolean DEFAULT NULL, exclude bigint[] DEFAULT NULL,
	OUT rank integer, OUT item_id bigint, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn_candidates' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn(text, uuid, bigint, bigint[], boolean, bigint[]) IS
	'the n best for a user among candidate bigint items; those that the model does not know come last';

CREATE FUNCTION @extschema@.lepton_topn_text(model text, user_id bigint, n bigint DEFAULT 10,
	exclude_seen boolean DEFAULT NULL, exclude text[] DEFAULT NULL,
	OUT rank integer, OUT item_id text, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_text(text, bigint, bigint, boolean, text[]) IS
	'the n best text items for a user, exactly; ties by item id';

CREATE FUNCTION @extschema@.lepton_topn_text(model text, user_id bigint, n bigint, candidates text[],
	exclude_seen boolean DEFAULT NULL, exclude text[] DEFAULT NULL,
	OUT rank integer, OUT item_id text, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn_candidates' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_text(text, bigint, bigint, text[], boolean, text[]) IS
	'the n best for a user among candidate text items; those that the model does not know come last';

CREATE FUNCTION @extschema@.lepton_topn_text(model text, user_id text, n bigint DEFAULT 10,
	exclude_seen boolean DEFAULT NULL, exclude text[] DEFAULT NULL,
	OUT rank integer, OUT item_id text, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_text(text, text, bigint, boolean, text[]) IS
	'the n best text items for a user, exactly; ties by item id';

CREATE FUNCTION @extschema@.lepton_topn_text(model text, user_id text, n bigint, candidates text[],
	exclude_seen boolean DEFAULT NULL, exclude text[] DEFAULT NULL,
	OUT rank integer, OUT item_id text, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn_candidates' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_text(text, text, bigint, text[], boolean, text[]) IS
	'the n best for a user among candidate text items; those that the model does not know come last';

CREATE FUNCTION @extschema@.lepton_topn_text(model text, user_id uuid, n bigint DEFAULT 10,
	exclude_seen boolean DEFAULT NULL, exclude text[] DEFAULT NULL,
	OUT rank integer, OUT item_id text, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_text(text, uuid, bigint, boolean, text[]) IS
	'the n best text items for a user, exactly; ties by item id';

CREATE FUNCTION @extschema@.lepton_topn_text(model text, user_id uuid, n bigint, candidates text[],
	exclude_seen boolean DEFAULT NULL, exclude text[] DEFAULT NULL,
	OUT rank integer, OUT item_id text, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn_candidates' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_text(text, uuid, bigint, text[], boolean, text[]) IS
	'the n best for a user among candidate text items; those that the model does not know come last';

CREATE FUNCTION @extschema@.lepton_topn_uuid(model text, user_id bigint, n bigint DEFAULT 10,
	exclude_seen boolean DEFAULT NULL, exclude uuid[] DEFAULT NULL,
	OUT rank integer, OUT item_id uuid, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_uuid(text, bigint, bigint, boolean, uuid[]) IS
	'the n best uuid items for a user, exactly; ties by item id';

CREATE FUNCTION @extschema@.lepton_topn_uuid(model text, user_id bigint, n bigint, candidates uuid[],
	exclude_seen boolean DEFAULT NULL, exclude uuid[] DEFAULT NULL,
	OUT rank integer, OUT item_id uuid, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn_candidates' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_uuid(text, bigint, bigint, uuid[], boolean, uuid[]) IS
	'the n best for a user among candidate uuid items; those that the model does not know come last';

CREATE FUNCTION @extschema@.lepton_topn_uuid(model text, user_id text, n bigint DEFAULT 10,
	exclude_seen boolean DEFAULT NULL, exclude uuid[] DEFAULT NULL,
	OUT rank integer, OUT item_id uuid, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_uuid(text, text, bigint, boolean, uuid[]) IS
	'the n best uuid items for a user, exactly; ties by item id';

CREATE FUNCTION @extschema@.lepton_topn_uuid(model text, user_id text, n bigint, candidates uuid[],
	exclude_seen boolean DEFAULT NULL, exclude uuid[] DEFAULT NULL,
	OUT rank integer, OUT item_id uuid, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn_candidates' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_uuid(text, text, bigint, uuid[], boolean, uuid[]) IS
	'the n best for a user among candidate uuid items; those that the model does not know come last';

CREATE FUNCTION @extschema@.lepton_topn_uuid(model text, user_id uuid, n bigint DEFAULT 10,
	exclude_seen boolean DEFAULT NULL, exclude uuid[] DEFAULT NULL,
	OUT rank integer, OUT item_id uuid, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_uuid(text, uuid, bigint, boolean, uuid[]) IS
	'the n best uuid items for a user, exactly; ties by item id';

CREATE FUNCTION @extschema@.lepton_topn_uuid(model text, user_id uuid, n bigint, candidates uuid[],
	exclude_seen boolean DEFAULT NULL, exclude uuid[] DEFAULT NULL,
	OUT rank integer, OUT item_id uuid, OUT score real, OUT origin text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_topn_candidates' LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
SUPPORT @extschema@.lepton_topn_support;
COMMENT ON FUNCTION @extschema@.lepton_topn_uuid(text, uuid, bigint, uuid[], boolean, uuid[]) IS
	'the n best for a user among candidate uuid items; those that the model does not know come last';
