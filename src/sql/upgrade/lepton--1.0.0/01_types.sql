\echo Use "CREATE EXTENSION lepton" to load this file. \quit

-- A model is a table of this type: one row per trained version.  Attributes are
-- only ever added at the end.
CREATE TYPE @extschema@.lepton_model AS (
	version bigint,
	created_at timestamptz,
	is_current boolean,
	algorithm text,
	options jsonb,
	source text,
	n_users bigint,
	n_items bigint,
	n_ratings bigint,
	metrics jsonb,
	details jsonb,
	users regclass,
	items regclass,
	generation bigint
);
COMMENT ON TYPE @extschema@.lepton_model IS 'a trained version of a model; a model is a table of this type';
