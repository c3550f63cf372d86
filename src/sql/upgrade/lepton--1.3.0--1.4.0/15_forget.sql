
CREATE FUNCTION @extschema@.lepton_forget(model text, user_id bigint, even_if_in_source boolean DEFAULT false,
	OUT what text, OUT count bigint, OUT note text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_forget' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 6;
COMMENT ON FUNCTION @extschema@.lepton_forget(text, bigint, boolean) IS
	'remove a user from every version of a model; what was removed, and what cannot be';

CREATE FUNCTION @extschema@.lepton_forget(model text, user_id text, even_if_in_source boolean DEFAULT false,
	OUT what text, OUT count bigint, OUT note text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_forget' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 6;
COMMENT ON FUNCTION @extschema@.lepton_forget(text, text, boolean) IS
	'remove a user from every version of a model; what was removed, and what cannot be';

CREATE FUNCTION @extschema@.lepton_forget(model text, user_id uuid, even_if_in_source boolean DEFAULT false,
	OUT what text, OUT count bigint, OUT note text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'lepton_forget' LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 6;
COMMENT ON FUNCTION @extschema@.lepton_forget(text, uuid, boolean) IS
	'remove a user from every version of a model; what was removed, and what cannot be';
