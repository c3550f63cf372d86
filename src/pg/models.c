/*
 * models.c
 *		What there is to see and do about models as a whole: the row behind
 *		lepton_models, lepton_check, lepton_drop, lepton_set_owner, lepton_vector.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "core/format.h"
#include "core/kernels.h"
#include "core/topn.h"
#include "pg/columns.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/folding.h"
#include "pg/interval.h"
#include "pg/registry.h"
#include "pg/statement.h"
#include "pg/store.h"
#include "pg/times.h"
#include "pg/versions.h"

/* Called for each version's row of a model. */
typedef void (*VersionVisitor)(void *arg, Relation model, TupleTableSlot *slot);

static void
scan_versions(Relation model, VersionVisitor visit, void *arg)
{
	TupleTableSlot *slot = table_slot_create(model, NULL);
	TableScanDesc scan = lpg_table_beginscan(model, GetActiveSnapshot(), 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		slot_getallattrs(slot);
		visit(arg, model, slot);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* ------------------------------------------------------------- lepton_versions() */

static void
put_version(void *arg, Relation model, TupleTableSlot *slot)
{
	ReturnSetInfo *rsinfo = arg;

	if (RelationGetDescr(model)->natts < rsinfo->setDesc->natts)
		elog(ERROR, "model \"%s\" has fewer columns than its type", RelationGetRelationName(model));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, slot->tts_values, slot->tts_isnull);
}

/*
 * Is this a model that the caller may read?  Asked before the lock, so that
 * nobody waits for what she may not read, and again with it.
 */
static bool
is_readable_model(Oid relid, Oid model_type)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	bool result;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_class) GETSTRUCT(tuple);
	result = form->reloftype == model_type && form->relkind == RELKIND_RELATION &&
			 form->relam == HEAP_TABLE_AM_OID && form->relpersistence != RELPERSISTENCE_TEMP &&
			 !form->relrowsecurity && pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
	ReleaseSysCache(tuple);
	return result;
}

PG_FUNCTION_INFO_V1(lepton_versions);

/*
 * lepton_versions(model regclass) -> setof lepton_model
 *		The rows of a model; none if it is no model, or if the caller may not read it.
 */
Datum
lepton_versions(PG_FUNCTION_ARGS)
{
	Oid relid = PG_GETARG_OID(0);
	Oid model_type = lpg_registry_model_type(fcinfo);

	InitMaterializedSRF(fcinfo, 0);
	if (is_readable_model(relid, model_type))
	{
		Relation model = try_relation_open(relid, AccessShareLock);

		if (model != NULL && is_readable_model(relid, model_type))
			scan_versions(model, put_version, fcinfo->resultinfo);
		if (model != NULL)
			relation_close(model, NoLock);
	}
	return (Datum) 0;
}

/* ---------------------------------------------------------------- lepton_check() */

/* One factor table of one version being read. */
typedef struct Check
{
	ReturnSetInfo *rsinfo;
	Relation table;
	LpgVersion version;
	LpgSide side;
	float *factors;		  /* buffer of a row */
	uint8 *present;		  /* bits by row number */
	LpgNeighborRoom room; /* buffers of an item's neighbours */
	int64 n_neighbors;
	int64 n_rows;
	int64 n_bytes;
	int64 n_forgotten; /* users that are not there any longer */
} Check;

static void
check_row(void *arg, TupleTableSlot *slot)
{
	Check *check = arg;
	LpgFactorRow row;
	int64 n_seen;

	row.factors = check->factors;
	lpg_store_read_row(check->table, slot, &check->version, check->side, &row);
	if (lep_topn_has_bit(check->present, row.n))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("table \"%s\" has number %d of version " INT64_FORMAT " twice",
							   RelationGetRelationName(check->table), row.n, check->version.version),
						errhint("Train the model again.")));
	check->present[row.n >> 3] |= (uint8) (1 << (row.n & 7));
	if (check->side == LPG_USERS)
	{
		int32 *seen = lpg_store_read_seen(check->table, slot, &check->version, &n_seen);

		if (n_seen != row.n_ratings)
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
							errmsg("user number %d of version " INT64_FORMAT
								   " in table \"%s\" has seen " INT64_FORMAT " items, but rated %d",
								   row.n, check->version.version, RelationGetRelationName(check->table),
								   n_seen, row.n_ratings),
							errhint("Train the model again.")));
		if (seen != NULL)
			pfree(seen);
	}
	else if (check->version.has_neighbors)
		check->n_neighbors +=
			lpg_store_read_neighbors(check->table, slot, &check->version, row.n, check->room);
	check->n_rows++;
	if (!slot->tts_isnull[LPG_FACTORS_FACTORS - 1])
		check->n_bytes += toast_raw_datum_size(slot->tts_values[LPG_FACTORS_FACTORS - 1]) - VARHDRSZ;
	if (!slot->tts_isnull[LPG_FACTORS_EXTRA - 1])
		check->n_bytes += toast_raw_datum_size(slot->tts_values[LPG_FACTORS_EXTRA - 1]) - VARHDRSZ;
}

static void
check_neighbor_count(const Check *check)
{
	if (check->side == LPG_ITEMS && check->n_neighbors != check->version.n_neighbors)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("items of version " INT64_FORMAT " in table \"%s\" have " INT64_FORMAT
							   " neighbors, not " INT64_FORMAT,
							   check->version.version, RelationGetRelationName(check->table),
							   check->n_neighbors, check->version.n_neighbors),
						errhint("Train the model again.")));
}

static void
check_side(Check *check, Relation model, LpgSide side)
{
	int64 n_numbers = side == LPG_USERS ? check->version.n_users : check->version.n_items;
	int64 expected = side == LPG_USERS ? n_numbers - check->n_forgotten : n_numbers;
	LepIdKind kind;
	Datum values[4];
	bool nulls[4] = { false };

	check->side = side;
	check->table = lpg_registry_open_factors(model, &check->version, side, AccessShareLock, &kind);
	/* a bit each: the number in the model's row may be any */
	check->present =
		palloc_extended(lep_topn_mask_size((int32) n_numbers) + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->n_rows = 0;
	check->n_bytes = 0;
	lpg_store_scan(check->table, check->version.version, GetActiveSnapshot(), check_row, check);
	if (check->n_rows != expected)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("table \"%s\" has " INT64_FORMAT " rows of version " INT64_FORMAT ", not " INT64_FORMAT,
					RelationGetRelationName(check->table), check->n_rows, check->version.version, expected),
			 errhint("Train the model again.")));
	check_neighbor_count(check);
	values[0] = Int64GetDatum(check->version.version);
	values[1] = ObjectIdGetDatum(RelationGetRelid(check->table));
	values[2] = Int64GetDatum(check->n_rows);
	values[3] = Int64GetDatum(check->n_bytes);
	tuplestore_putvalues(check->rsinfo->setResult, check->rsinfo->setDesc, values, nulls);
	pfree(check->present);
	table_close(check->table, NoLock);
}

/* What is read of details only when it is asked for. */
static void
check_details(Relation model, Datum details, const LpgVersion *version)
{
	const char *name = RelationGetRelationName(model);
	Jsonb *json = DatumGetJsonbP(details);

	(void) lpg_interval_read(json, name, CurrentMemoryContext);
	(void) lpg_times_read(json, name, version->n_factors, CurrentMemoryContext);
	lpg_folding_check(json, name, version);
}

static void
check_version(void *arg, Relation model, TupleTableSlot *slot)
{
	Check check;

	memset(&check, 0, sizeof(check));
	check.rsinfo = arg;
	lpg_registry_read_version(model, slot->tts_values, slot->tts_isnull, &check.version);
	check_details(model, slot->tts_values[LPG_MODEL_DETAILS - 1], &check.version);
	check.n_forgotten = lpg_versions_forgotten(DatumGetJsonbP(slot->tts_values[LPG_MODEL_DETAILS - 1]));
	check.factors = palloc0(lep_row_stride(check.version.n_factors) * sizeof(float) + 1);
	check.room.n = Min(check.version.n_neighbors, check.version.n_items);
	check.room.items = palloc_extended(Max(check.room.n, 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	check.room.weights = palloc_extended(Max(check.room.n, 1) * sizeof(float), MCXT_ALLOC_HUGE);
	check_side(&check, model, LPG_USERS);
	check_side(&check, model, LPG_ITEMS);
	pfree(check.factors);
	pfree(check.room.items);
	pfree(check.room.weights);
}

PG_FUNCTION_INFO_V1(lepton_check);

/*
 * lepton_check(model text) -> setof (version, relation, n_rows, n_bytes)
 *		Reads every row of every version; ERROR at the first that is damaged.
 */
Datum
lepton_check(PG_FUNCTION_ARGS)
{
	Oid model_type = lpg_registry_model_type(fcinfo);
	Oid relid = lpg_registry_find(text_to_cstring(PG_GETARG_TEXT_PP(0)), model_type);
	Relation model = lpg_registry_open_model(relid, model_type, NoLock);

	InitMaterializedSRF(fcinfo, 0);
	scan_versions(model, check_version, fcinfo->resultinfo);
	table_close(model, NoLock);
	return (Datum) 0;
}

/* ------------------------------------------------- what is done to all three tables */

/* The tables of a model, the factor tables of all versions first, each once. */
typedef struct ModelTables
{
	MemoryContext context;
	List *relids;
} ModelTables;

/*
 * Does a factor table named in the model's row go with the model?  A forged row
 * must not lead to another's table, not even for a superuser.
 */
static bool
goes_with_model(Oid table, Relation model)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid recorded = lpg_registry_recorded_model(table);
	bool same_owner;

	if (!HeapTupleIsValid(tuple))
		return false;
	same_owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner == model->rd_rel->relowner;
	ReleaseSysCache(tuple);
	return OidIsValid(recorded) ? recorded == RelationGetRelid(model) : same_owner;
}

/* Rights before the lock, and again with it. */
static void
collect_table(ModelTables *tables, Relation model, Oid relid, LpgSide side)
{
	Relation table;

	if (list_member_oid(tables->relids, relid) || !goes_with_model(relid, model))
		return;
	table = try_relation_open(relid, AccessExclusiveLock);
	if (table == NULL)
		return;
	if (goes_with_model(relid, model) && table->rd_rel->relkind == RELKIND_RELATION &&
		lpg_columns_find_wrong(table, side) < 0)
	{
		MemoryContext old = MemoryContextSwitchTo(tables->context);

		tables->relids = lappend_oid(tables->relids, relid);
		MemoryContextSwitchTo(old);
	}
	relation_close(table, NoLock);
}

static void
collect_tables(void *arg, Relation model, TupleTableSlot *slot)
{
	if (!slot->tts_isnull[LPG_MODEL_USERS - 1])
		collect_table(arg, model, DatumGetObjectId(slot->tts_values[LPG_MODEL_USERS - 1]), LPG_USERS);
	if (!slot->tts_isnull[LPG_MODEL_ITEMS - 1])
		collect_table(arg, model, DatumGetObjectId(slot->tts_values[LPG_MODEL_ITEMS - 1]), LPG_ITEMS);
}

/*
 * The model and its factor tables, all locked: what is done to them next is done
 * by OID, since a name can come to mean another table while we wait for a lock.
 * NIL if there is no such model.
 */
static List *
lock_tables(FunctionCallInfo fcinfo)
{
	Oid model_type = lpg_registry_model_type(fcinfo);
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	LpgTarget target = { InvalidOid, InvalidOid, NULL };
	ModelTables tables = { CurrentMemoryContext, NIL };
	Relation model;

	target.model = lpg_registry_find_unlocked(name, model_type);
	if (!OidIsValid(target.model))
		return NIL;
	target.relname = get_rel_name(target.model);
	lpg_registry_check_owner(target.model);
	lpg_registry_lock_training(&target, true);
	model = lpg_registry_open_model(target.model, model_type, AccessExclusiveLock);
	lpg_registry_check_owner(target.model);
	scan_versions(model, collect_tables, &tables);
	relation_close(model, NoLock);
	return lappend_oid(tables.relids, target.model);
}

static void
fail_no_model(FunctionCallInfo fcinfo)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
					errmsg("model \"%s\" does not exist", text_to_cstring(PG_GETARG_TEXT_PP(0))),
					errhint("See lepton_models for those there are.")));
}

/* No query of this very transaction may be reading it. */
static void
check_not_in_use(Oid relid)
{
	Relation relation = relation_open(relid, NoLock);

	CheckTableNotInUse(relation, "lepton_drop");
	relation_close(relation, NoLock);
}

PG_FUNCTION_INFO_V1(lepton_drop);

/*
 * lepton_drop(model text, if_exists boolean) -> void
 *		Drops the model with its factor tables, also where a restore has lost the
 *		dependency that lets DROP TABLE do so.
 */
Datum
lepton_drop(PG_FUNCTION_ARGS)
{
	List *relids;
	ObjectAddresses *objects = new_object_addresses();
	ListCell *cell;

	lpg_statement_prevent_read_only("lepton_drop()");
	relids = lock_tables(fcinfo);
	if (relids == NIL && !PG_GETARG_BOOL(1))
		fail_no_model(fcinfo);
	foreach (cell, relids)
	{
		ObjectAddress object;

		check_not_in_use(lfirst_oid(cell));
		ObjectAddressSet(object, RelationRelationId, lfirst_oid(cell));
		add_exact_object_address(&object, objects);
	}
	performMultipleDeletions(objects, DROP_RESTRICT, 0);
	free_object_addresses(objects);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(lepton_set_owner);

/*
 * lepton_set_owner(model text, owner text) -> void
 *		Gives the model and its factor tables to another role, as ALTER TABLE does
 *		and with its rights: membership in the role, CREATE of the role on the schema.
 */
Datum
lepton_set_owner(PG_FUNCTION_ARGS)
{
	Oid owner = get_role_oid(text_to_cstring(PG_GETARG_TEXT_PP(1)), false);
	List *relids;
	ListCell *cell;

	lpg_statement_prevent_read_only("lepton_set_owner()");
	relids = lock_tables(fcinfo);
	if (relids == NIL)
		fail_no_model(fcinfo);
	foreach (cell, relids)
		ATExecChangeOwner(lfirst_oid(cell), owner, false, AccessExclusiveLock);
	PG_RETURN_VOID();
}

/* --------------------------------------------------------------- lepton_vector() */

PG_FUNCTION_INFO_V1(lepton_vector);

/*
 * lepton_vector(factors bytea) -> real[]
 *		The factors of a row, as an array.
 */
Datum
lepton_vector(PG_FUNCTION_ARGS)
{
	bytea *bytes = PG_GETARG_BYTEA_PP(0);
	const uint8_t *data = (const uint8_t *) VARDATA_ANY(bytes);
	size_t len = VARSIZE_ANY_EXHDR(bytes);
	LepError error;
	float *row;
	Datum *elements;
	int k;

	if (lep_factors_count(data, len, &k, &error) != LEP_OK)
		lpg_error_bytes(&error, NULL, "factors");
	row = palloc0(lep_row_stride(k) * sizeof(float) + 1);
	if (lep_factors_decode(data, len, k, row, &error) != LEP_OK)
		lpg_error_bytes(&error, NULL, "factors");
	elements = palloc((k + 1) * sizeof(Datum));
	for (int i = 0; i < k; i++)
		elements[i] = Float4GetDatum(row[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, k, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
}
