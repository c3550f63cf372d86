
CREATE FUNCTION @extschema@.lepton_changes(details jsonb, OUT inserted bigint, OUT updated bigint, OUT deleted bigint)
AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION @extschema@.lepton_changes(jsonb) IS
	'rows of its source that were inserted, updated and deleted since a version with these details was trained; NULL where that is not known';

CREATE VIEW @extschema@.lepton_stat AS
SELECT m.model, m.owner, m.version, m.created_at, pg_catalog.statement_timestamp() OPERATOR(pg_catalog.-) m.created_at AS age,
	m.n_versions,
	pg_catalog.pg_total_relation_size(m.model) AS model_bytes,
	pg_catalog.pg_total_relation_size(newest.users) AS users_bytes,
	pg_catalog.pg_total_relation_size(newest.items) AS items_bytes,
	m.n_ratings, changes.inserted AS rows_inserted, changes.updated AS rows_updated, changes.deleted AS rows_deleted,
	CASE WHEN newest.version OPERATOR(pg_catalog.>) m.version OR m.version IS NULL THEN newest.version END AS unpublished_version,
	CASE WHEN newest.version OPERATOR(pg_catalog.>) m.version OR m.version IS NULL
		THEN newest.details OPERATOR(pg_catalog.->>) 'unpublished' END AS unpublished_reason
FROM @extschema@.lepton_models m
	LEFT JOIN LATERAL (SELECT w.version, w.users, w.items, w.details FROM @extschema@.lepton_versions(m.model) w
		ORDER BY w.version DESC LIMIT 1) newest ON true
	LEFT JOIN LATERAL (SELECT c.* FROM @extschema@.lepton_versions(m.model) w, @extschema@.lepton_changes(w.details) c
		WHERE w.is_current) changes ON true;
COMMENT ON VIEW @extschema@.lepton_stat IS
	'size and age of the models that the current user may read, what has changed in their sources, and why a newer version is not published';
GRANT SELECT ON @extschema@.lepton_stat TO PUBLIC;
