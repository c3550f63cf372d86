/*
 * changes.c
 *		Counters of changed rows; see changes.h.
 *
 * A training notes the counters of its source when it begins to read it, and
 * lepton_changes() says what they have grown by.  What cannot be known is NULL and
 * not a guess: counters that were reset, another relation, one without counters.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "pg/changes.h"
#include "pg/compat.h"
#include "pg/jsonread.h"

static const char key_changes[] = "changes";

/*
 * A table's counter: what is in the statistics, and what this backend has not put
 * there yet, its own transaction's included.
 */
static int64
count_of(Oid function, Oid session_function, Oid relation)
{
	return DatumGetInt64(OidFunctionCall1(function, ObjectIdGetDatum(relation))) +
		   DatumGetInt64(OidFunctionCall1(session_function, ObjectIdGetDatum(relation)));
}

static bool
add_table(Oid relation, LpgChanges *changes)
{
	char relkind = get_rel_relkind(relation);

	if (relkind == RELKIND_PARTITIONED_TABLE)
		return true;
	if (relkind != RELKIND_RELATION)
		return false;
	changes->inserted +=
		count_of(F_PG_STAT_GET_TUPLES_INSERTED, F_PG_STAT_GET_XACT_TUPLES_INSERTED, relation);
	changes->updated += count_of(F_PG_STAT_GET_TUPLES_UPDATED, F_PG_STAT_GET_XACT_TUPLES_UPDATED, relation);
	changes->deleted += count_of(F_PG_STAT_GET_TUPLES_DELETED, F_PG_STAT_GET_XACT_TUPLES_DELETED, relation);
	return true;
}

void
lpg_changes_count(Oid relation, LpgChanges *changes)
{
	PgStat_StatDBEntry *database;
	ListCell *cell;

	memset(changes, 0, sizeof(*changes));
	if (!pgstat_track_counts || !OidIsValid(relation) || get_rel_name(relation) == NULL)
		return;
	changes->relation = relation;
	foreach (cell, find_all_inheritors(relation, NoLock, NULL))
	{
		if (!add_table(lfirst_oid(cell), changes))
			return;
	}
	database = pgstat_fetch_stat_dbentry(MyDatabaseId);
	changes->reset = database == NULL ? 0 : database->stat_reset_timestamp;
	changes->server_reset = pgstat_fetch_stat_bgwriter()->stat_reset_timestamp;
	changes->known = true;
}

void
lpg_changes_to_json(const LpgChanges *changes, LpgJson *details)
{
	LpgJson json;

	if (!changes->known)
		return;
	lpg_json_key(details, key_changes);
	lpg_json_begin(&json, details->buffer);
	lpg_json_int(&json, "relation", changes->relation);
	lpg_json_int(&json, "inserted", changes->inserted);
	lpg_json_int(&json, "updated", changes->updated);
	lpg_json_int(&json, "deleted", changes->deleted);
	lpg_json_int(&json, "reset", changes->reset);
	lpg_json_int(&json, "server_reset", changes->server_reset);
	lpg_json_end(&json);
}

/* A whole number of the document that is not below 0. */
static bool
read_count(Jsonb *details, const char *key, int64 *value)
{
	JsonbValue json;

	return lpg_jsonread_find(details, key_changes, key, &json) && lpg_jsonread_int64(&json, value) &&
		   *value >= 0;
}

/* What a training has noted; false where there is nothing, or nothing that could be it. */
static bool
read_changes(Jsonb *details, LpgChanges *changes)
{
	int64 relation;

	if (!read_count(details, "relation", &relation) || relation > PG_UINT32_MAX ||
		!read_count(details, "inserted", &changes->inserted) ||
		!read_count(details, "updated", &changes->updated) ||
		!read_count(details, "deleted", &changes->deleted) ||
		!read_count(details, "reset", &changes->reset) ||
		!read_count(details, "server_reset", &changes->server_reset))
		return false;
	changes->relation = (Oid) relation;
	return true;
}

PG_FUNCTION_INFO_V1(lepton_changes);

/*
 * lepton_changes(details jsonb) -> (inserted bigint, updated bigint, deleted bigint)
 *		Rows of the source since the training whose details these are; NULL where
 *		that is not known.
 */
Datum
lepton_changes(PG_FUNCTION_ARGS)
{
	LpgChanges then;
	LpgChanges now;
	TupleDesc desc;
	Datum values[3] = { 0 };
	bool nulls[3] = { true, true, true };

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != 3)
		elog(ERROR, "lepton_changes is declared with another result");
	if (read_changes(PG_GETARG_JSONB_P(0), &then))
	{
		lpg_changes_count(then.relation, &now);
		if (now.known && now.reset == then.reset && now.server_reset == then.server_reset &&
			now.inserted >= then.inserted && now.updated >= then.updated && now.deleted >= then.deleted)
		{
			values[0] = Int64GetDatum(now.inserted - then.inserted);
			values[1] = Int64GetDatum(now.updated - then.updated);
			values[2] = Int64GetDatum(now.deleted - then.deleted);
			memset(nulls, false, sizeof(nulls));
		}
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
