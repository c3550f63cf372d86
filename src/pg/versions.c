/*
 * versions.c
 *		Listing the versions of a model, and lepton_rollback, lepton_publish,
 *		lepton_pin.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/compat.h"
#include "pg/jsonbuild.h"
#include "pg/jsonread.h"
#include "pg/statement.h"
#include "pg/store.h"
#include "pg/versions.h"

/* ----------------------------------------------------------------------- reading */

Relation
lpg_versions_open(Oid model, Oid model_type, LOCKMODE lockmode)
{
	Relation relation = lpg_registry_open_model(model, model_type, lockmode);

	lpg_registry_check_owner(model);
	lpg_registry_check_model_code(relation);
	return relation;
}

int64
lpg_versions_forgotten(Jsonb *details)
{
	JsonbValue value;
	int64 n;

	if (!lpg_jsonread_member(details, "forgotten", &value) || !lpg_jsonread_int64(&value, &n))
		return 0;
	return n;
}

static void
read_marks(const TupleTableSlot *slot, LpgVersionEntry *entry)
{
	JsonbValue value;
	Jsonb *details;

	entry->pinned = false;
	entry->published = true;
	entry->n_forgotten = 0;
	if (slot->tts_isnull[LPG_MODEL_DETAILS - 1])
		return;
	details = DatumGetJsonbP(slot->tts_values[LPG_MODEL_DETAILS - 1]);
	entry->pinned =
		lpg_jsonread_member(details, "pinned", &value) && value.type == jbvBool && value.val.boolean;
	entry->published = !lpg_jsonread_member(details, "unpublished", &value);
	entry->n_forgotten = lpg_versions_forgotten(details);
}

static void
read_entry(const TupleTableSlot *slot, LpgVersionEntry *entry)
{
	entry->version = DatumGetInt64(slot->tts_values[LPG_MODEL_VERSION - 1]);
	entry->users = DatumGetObjectId(slot->tts_values[LPG_MODEL_USERS - 1]);
	entry->items = DatumGetObjectId(slot->tts_values[LPG_MODEL_ITEMS - 1]);
	entry->generation = DatumGetInt64(slot->tts_values[LPG_MODEL_GENERATION - 1]);
	entry->is_current = !slot->tts_isnull[LPG_MODEL_IS_CURRENT - 1] &&
						DatumGetBool(slot->tts_values[LPG_MODEL_IS_CURRENT - 1]);
	read_marks(slot, entry);
}

LpgVersionList
lpg_versions_list(Relation model, Snapshot snapshot)
{
	TupleTableSlot *slot = table_slot_create(model, NULL);
	TableScanDesc scan = lpg_table_beginscan(model, snapshot, 0, NULL);
	int size = 8;
	LpgVersionList list = { palloc(size * sizeof(LpgVersionEntry)), 0 };

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		if (list.n == size)
		{
			size *= 2;
			list.entries = repalloc(list.entries, size * sizeof(LpgVersionEntry));
		}
		slot_getsomeattrs(slot, LPG_MODEL_NATTS);
		read_entry(slot, &list.entries[list.n++]);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return list;
}

const LpgVersionEntry *
lpg_versions_newest(const LpgVersionList *list)
{
	const LpgVersionEntry *newest = NULL;

	for (int i = 0; i < list->n; i++)
	{
		if (newest == NULL || list->entries[i].version > newest->version)
			newest = &list->entries[i];
	}
	return newest;
}

const LpgVersionEntry *
lpg_versions_current(const LpgVersionList *list)
{
	for (int i = 0; i < list->n; i++)
	{
		if (list->entries[i].is_current)
			return &list->entries[i];
	}
	return NULL;
}

const LpgVersionEntry *
lpg_versions_find(const LpgVersionList *list, int64 number)
{
	for (int i = 0; i < list->n; i++)
	{
		if (list->entries[i].version == number)
			return &list->entries[i];
	}
	return NULL;
}

/* ---------------------------------------------------------------------- changing */

/* What a version's row is changed to. */
typedef struct Change
{
	bool is_current;
	const char *remove; /* this key of details; NULL: none */
	const char *add;	/* details get what this JSON object has; NULL: nothing */
	int64 generation;	/* 0: as it is */
} Change;

int64
lpg_versions_new_generation(void)
{
	uint64 bits;

	if (!pg_strong_random(&bits, sizeof(bits)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	return (int64) (bits >> 1);
}

static Datum
change_details(Datum details, const Change *change)
{
	if (change->remove != NULL)
		details = DirectFunctionCall2(jsonb_delete, details, CStringGetTextDatum(change->remove));
	if (change->add != NULL)
		details = DirectFunctionCall2(jsonb_concat, details,
									  DirectFunctionCall1(jsonb_in, CStringGetDatum(change->add)));
	return details;
}

/* Past the executor, as all of a model is written: nothing of the owner's runs. */
static void
update_row(Relation model, Snapshot snapshot, TupleTableSlot *slot, const Change *change)
{
	TupleTableSlot *changed = MakeSingleTupleTableSlot(RelationGetDescr(model), &TTSOpsHeapTuple);
	EState *estate = CreateExecutorState();
	ResultRelInfo *rri = makeNode(ResultRelInfo);
	LpgUpdateIndexes update_indexes = LPG_NO_INDEX_UPDATE;
	ItemPointerData tid = slot->tts_tid;

	InitResultRelInfo(rri, model, 1, NULL, 0);
	ExecOpenIndices(rri, false);
	slot_getallattrs(slot);
	slot->tts_values[LPG_MODEL_IS_CURRENT - 1] = BoolGetDatum(change->is_current);
	if (change->generation != 0)
		slot->tts_values[LPG_MODEL_GENERATION - 1] = Int64GetDatum(change->generation);
	if (!slot->tts_isnull[LPG_MODEL_DETAILS - 1])
		slot->tts_values[LPG_MODEL_DETAILS - 1] =
			change_details(slot->tts_values[LPG_MODEL_DETAILS - 1], change);
	ExecStoreHeapTuple(heap_form_tuple(RelationGetDescr(model), slot->tts_values, slot->tts_isnull), changed,
					   true);
	simple_table_tuple_update(model, &tid, changed, snapshot, &update_indexes);
	if (update_indexes != LPG_NO_INDEX_UPDATE)
		list_free(lpg_insert_index_tuples(rri, changed, estate, update_indexes));
	ExecCloseIndices(rri);
	FreeExecutorState(estate);
	ExecDropSingleTupleTableSlot(changed);
}

/* The version of that number, which is there. */
static void
change_version(Relation model, Snapshot snapshot, int64 number, const Change *change)
{
	TupleTableSlot *slot = table_slot_create(model, NULL);
	TableScanDesc scan = lpg_table_beginscan(model, snapshot, 0, NULL);
	bool found = false;

	while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		slot_getsomeattrs(slot, LPG_MODEL_VERSION);
		found = DatumGetInt64(slot->tts_values[LPG_MODEL_VERSION - 1]) == number;
		if (found)
			update_row(model, snapshot, slot, change);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

void
lpg_versions_forget_user(Relation model, Snapshot snapshot, const LpgVersionEntry *entry)
{
	Change change = { .is_current = entry->is_current, .generation = lpg_versions_new_generation() };

	change.add = psprintf("{\"forgotten\": " INT64_FORMAT "}", entry->n_forgotten + 1);
	change_version(model, snapshot, entry->version, &change);
}

void
lpg_versions_clear_current(Relation model, Snapshot snapshot)
{
	static const Change no_longer = { .is_current = false };
	LpgVersionList list = lpg_versions_list(model, snapshot);
	const LpgVersionEntry *current = lpg_versions_current(&list);

	if (current != NULL)
		change_version(model, snapshot, current->version, &no_longer);
}

/* ---------------------------------------------------------------------- deletion */

static void
delete_factors(Relation model, const LpgVersion *version, LpgSide side, Snapshot snapshot)
{
	LepIdKind kind;
	Relation table = lpg_registry_open_factors(model, version, side, RowExclusiveLock, &kind);

	(void) lpg_store_delete_version(table, version->version, snapshot);
	table_close(table, NoLock);
}

static void
delete_version(Relation model, Snapshot snapshot, const LpgVersionEntry *entry)
{
	LpgVersion version;

	memset(&version, 0, sizeof(version));
	version.version = entry->version;
	version.users = entry->users;
	version.items = entry->items;
	delete_factors(model, &version, LPG_USERS, snapshot);
	delete_factors(model, &version, LPG_ITEMS, snapshot);
	(void) lpg_store_delete_version(model, version.version, snapshot);
}

static int
compare_descending(const void *a, const void *b)
{
	int64 x = ((const LpgVersionEntry *) a)->version;
	int64 y = ((const LpgVersionEntry *) b)->version;

	return x > y ? -1 : x < y;
}

void
lpg_versions_delete_beyond(Relation model, Snapshot snapshot, int64 keep)
{
	LpgVersionList list = lpg_versions_list(model, snapshot);
	int64 n_kept[2] = { 0, 0 }; /* by published */

	qsort(list.entries, list.n, sizeof(LpgVersionEntry), compare_descending);
	for (int i = 0; i < list.n; i++)
	{
		const LpgVersionEntry *entry = &list.entries[i];

		if (++n_kept[entry->published] > keep && !entry->is_current && !entry->pinned)
			delete_version(model, snapshot, entry);
	}
}

/* ----------------------------------------------------------- lepton_rollback() */

/* A model whose versions are about to be changed, and what is seen with the lock held. */
typedef struct Target
{
	char *name;
	Relation model;
	Snapshot snapshot;
	LpgVersionList list;
} Target;

static void
check_arguments(FunctionCallInfo fcinfo, int n, const char *function)
{
	static const char *const names[] = { "the model's name", "the version", "pinned" };

	for (int i = 0; i < n; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s is NULL", names[i])));
	}
	lpg_statement_prevent_read_only(function);
}

/* What this transaction sees is what it changes, where it promises to see one state. */
static void
check_snapshot(const Target *target)
{
	LpgVersionList seen;
	const LpgVersionEntry *before;
	const LpgVersionEntry *now = lpg_versions_current(&target->list);

	if (!IsolationUsesXactSnapshot())
		return;
	seen = lpg_versions_list(target->model, GetActiveSnapshot());
	before = lpg_versions_current(&seen);
	if (seen.n != target->list.n || (before == NULL) != (now == NULL) ||
		(now != NULL && now->version != before->version))
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not serialize access due to concurrent change of the versions of "
							   "model \"%s\"",
							   RelationGetRelationName(target->model)),
						errhint("The transaction might succeed if retried.")));
}

static void
open_target(FunctionCallInfo fcinfo, Target *target)
{
	Oid type = lpg_registry_model_type(fcinfo);
	Oid relid;

	target->name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	relid = lpg_registry_find_unlocked(target->name, type);
	if (!OidIsValid(relid))
		lpg_registry_fail_no_model(target->name);
	/* before the lock: nobody waits for, or holds up, what is not hers */
	lpg_registry_check_owner(relid);
	target->model = lpg_versions_open(relid, type, ShareRowExclusiveLock);
	target->snapshot = RegisterSnapshot(GetLatestSnapshot());
	target->list = lpg_versions_list(target->model, target->snapshot);
	check_snapshot(target);
}

static void
close_target(Target *target)
{
	UnregisterSnapshot(target->snapshot);
	table_close(target->model, NoLock);
	CommandCounterIncrement();
}

static const LpgVersionEntry *
find_entry(const Target *target, int64 number)
{
	const LpgVersionEntry *entry = lpg_versions_find(&target->list, number);

	if (entry == NULL)
		lpg_registry_fail_version(target->name, number);
	return entry;
}

/* The newest version before the current one that was published. */
static const LpgVersionEntry *
find_previous(const Target *target)
{
	const LpgVersionEntry *current = lpg_versions_current(&target->list);
	const LpgVersionEntry *previous = NULL;

	for (int i = 0; i < target->list.n; i++)
	{
		const LpgVersionEntry *entry = &target->list.entries[i];

		if (entry->published && (current == NULL || entry->version < current->version) &&
			(previous == NULL || entry->version > previous->version))
			previous = entry;
	}
	if (previous == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("model \"%s\" has no published version before the current one", target->name),
						errhint("SELECT version, created_at, is_current, details ->> 'unpublished' FROM %s "
								"shows what there is; lepton_publish('%s', version) makes any of it the "
								"current one.",
								target->name, target->name)));
	return previous;
}

/* What the version that was current says of itself from now on. */
static Change
leave(const LpgVersionEntry *current, const LpgVersionEntry *next)
{
	Change change = { false, NULL, NULL, 0 };
	StringInfoData buffer;
	LpgJson json;

	if (next->version > current->version)
		return change;
	initStringInfo(&buffer);
	lpg_json_begin(&json, &buffer);
	lpg_json_text(&json, "unpublished", psprintf("rolled back to version " INT64_FORMAT, next->version));
	lpg_json_end(&json);
	change.add = buffer.data;
	return change;
}

/* The row of the version, of the function's result type. */
static Datum
form_row(FunctionCallInfo fcinfo, const Target *target, int64 number)
{
	TupleTableSlot *slot = table_slot_create(target->model, NULL);
	Snapshot fresh = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = lpg_table_beginscan(target->model, fresh, 0, NULL);
	TupleDesc desc;
	HeapTuple row = NULL;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts > RelationGetDescr(target->model)->natts)
		elog(ERROR, "function is declared with another result than lepton_model");
	while (row == NULL && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		slot_getallattrs(slot);
		if (DatumGetInt64(slot->tts_values[LPG_MODEL_VERSION - 1]) == number)
			row = heap_form_tuple(BlessTupleDesc(desc), slot->tts_values, slot->tts_isnull);
	}
	table_endscan(scan);
	UnregisterSnapshot(fresh);
	ExecDropSingleTupleTableSlot(slot);
	if (row == NULL)
		elog(ERROR, "the row of version " INT64_FORMAT " is gone", number);
	return HeapTupleGetDatum(row);
}

/* Make the version the current one; its row.  First none is current: one may be at most. */
static Datum
make_current(FunctionCallInfo fcinfo, Target *target, const LpgVersionEntry *next)
{
	static const Change enter = { true, "unpublished", NULL, 0 };
	const LpgVersionEntry *current = lpg_versions_current(&target->list);
	Datum row;

	if (current != next)
	{
		if (current != NULL)
		{
			Change change = leave(current, next);

			change_version(target->model, target->snapshot, current->version, &change);
		}
		change_version(target->model, target->snapshot, next->version, &enter);
		CommandCounterIncrement();
	}
	row = form_row(fcinfo, target, next->version);
	close_target(target);
	return row;
}

PG_FUNCTION_INFO_V1(lepton_rollback);

/*
 * lepton_rollback(model text, version bigint) -> lepton_model
 *		Makes an earlier version the current one: that one, or for NULL the newest
 *		before the current one that was published.
 */
Datum
lepton_rollback(PG_FUNCTION_ARGS)
{
	Target target;
	const LpgVersionEntry *next;

	check_arguments(fcinfo, 1, "lepton_rollback()");
	open_target(fcinfo, &target);
	next = PG_ARGISNULL(1) ? find_previous(&target) : find_entry(&target, PG_GETARG_INT64(1));
	return make_current(fcinfo, &target, next);
}

PG_FUNCTION_INFO_V1(lepton_publish);

/*
 * lepton_publish(model text, version bigint) -> lepton_model
 *		Makes a version the current one.
 */
Datum
lepton_publish(PG_FUNCTION_ARGS)
{
	Target target;

	check_arguments(fcinfo, 2, "lepton_publish()");
	open_target(fcinfo, &target);
	return make_current(fcinfo, &target, find_entry(&target, PG_GETARG_INT64(1)));
}

PG_FUNCTION_INFO_V1(lepton_pin);

/*
 * lepton_pin(model text, version bigint, pinned boolean) -> void
 *		A pinned version stays, whatever `keep` says, until it is unpinned.
 */
Datum
lepton_pin(PG_FUNCTION_ARGS)
{
	Target target;
	const LpgVersionEntry *entry;

	check_arguments(fcinfo, 3, "lepton_pin()");
	open_target(fcinfo, &target);
	entry = find_entry(&target, PG_GETARG_INT64(1));
	if (entry->pinned != PG_GETARG_BOOL(2))
	{
		Change change = { entry->is_current, NULL, NULL, 0 };

		if (entry->pinned)
			change.remove = "pinned";
		else
			change.add = "{\"pinned\": true}";
		change_version(target.model, target.snapshot, entry->version, &change);
	}
	close_target(&target);
	PG_RETURN_VOID();
}
