
CREATE FUNCTION @extschema@.lepton_trainings(OUT pid integer, OUT datid oid, OUT relid oid, OUT schema oid, OUT model text,
	OUT phase text, OUT algorithm text, OUT epoch integer, OUT epochs integer, OUT loss float8, OUT validation_loss float8,
	OUT rows_read bigint, OUT memory bigint, OUT memory_peak bigint, OUT started_at timestamptz, OUT estimated_end timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100 ROWS 1;
COMMENT ON FUNCTION @extschema@.lepton_trainings() IS
	'the trainings that are running on this server; of other roles only that there are some, without the rights of pg_read_all_stats';

CREATE VIEW @extschema@.lepton_progress AS
SELECT t.pid, d.datname, n.nspname AS schema, t.model, t.relid, t.phase, t.algorithm, t.epoch, t.epochs, t.loss, t.validation_loss,
	t.rows_read, t.memory, t.memory_peak, t.started_at, t.estimated_end
FROM @extschema@.lepton_trainings() t
	LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) t.datid
	LEFT JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.schema
		AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database();
COMMENT ON VIEW @extschema@.lepton_progress IS 'what the trainings that are running on this server are doing';
GRANT SELECT ON @extschema@.lepton_progress TO PUBLIC;
