/*
 * handle.c
 *		A model as a reading function sees it.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg/compat.h"
#include "pg/handle.h"
#include "pg/keytype.h"
#include "pg/settings.h"

/* Moves whenever what was looked up may have become wrong. */
static uint64 validity_epoch = 0;

static void
on_xact(XactEvent event, void *arg)
{
	validity_epoch++;
	/* what is prepared nobody sees yet, and it may be rolled back */
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		lpg_cache_at_abort();
	else if (event == XACT_EVENT_COMMIT)
		lpg_cache_at_commit();
}

/* An aborted subtransaction takes back rows and locks without a new snapshot. */
static void
on_subxact(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	validity_epoch++;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		lpg_cache_at_abort();
}

static void
on_relcache(Datum arg, Oid relid)
{
	validity_epoch++;
	lpg_registry_forget_tie(relid);
}

static void
on_syscache(Datum arg, int cacheid, uint32 hashvalue)
{
	validity_epoch++;
}

void
lpg_handle_init(void)
{
	RegisterXactCallback(on_xact, NULL);
	RegisterSubXactCallback(on_subxact, NULL);
	CacheRegisterRelcacheCallback(on_relcache, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, on_syscache, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, on_syscache, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, on_syscache, (Datum) 0);
}

static void
release_items(void *arg)
{
	LpgHandle *handle = arg;

	/* a value's go with the value */
	if (handle->items != NULL && handle->value == NULL)
		lpg_cache_unpin(handle->items);
	handle->items = NULL;
}

/* The number of a function's argument of this name, from 0; -1: it has none. */
static int
find_argument(Oid function, const char *name)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid *types;
	char **names;
	char *modes;
	int n;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	n = get_func_arg_info(tuple, &types, &names, &modes);
	/* what comes out stands behind all that goes in */
	n = names == NULL ? 0 : Min(n, ((Form_pg_proc) GETSTRUCT(tuple))->pronargs);
	ReleaseSysCache(tuple);
	for (int i = 0; i < n; i++)
	{
		if (names[i] != NULL && strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

LpgHandle *
lpg_handle_create(FunctionCallInfo fcinfo)
{
	MemoryContext mcxt = fcinfo->flinfo->fn_mcxt;
	LpgHandle *handle = MemoryContextAllocZero(mcxt, sizeof(LpgHandle));
	MemoryContextCallback *callback = MemoryContextAlloc(mcxt, sizeof(MemoryContextCallback));

	handle->model_type = lpg_registry_model_type(fcinfo);
	handle->takes_value = lpg_argument_type(fcinfo, 0) == BYTEAOID;
	handle->version_argument = find_argument(fcinfo->flinfo->fn_oid, "version");
	handle->context = AllocSetContextCreate(mcxt, "lepton handle", ALLOCSET_SMALL_SIZES);
	callback->func = release_items;
	callback->arg = handle;
	MemoryContextRegisterResetCallback(mcxt, callback);
	return handle;
}

/*
 * Two snapshots of one backend with the same xmin, xmax and numbers of running
 * transactions see the same commits: below xmax none can begin, only end.
 */
static void
get_validity(LpgValidity *validity)
{
	Snapshot snapshot = GetActiveSnapshot();

	validity->user = GetUserId();
	validity->xmin = snapshot->xmin;
	validity->xmax = snapshot->xmax;
	validity->xcnt = snapshot->xcnt;
	validity->subxcnt = snapshot->subxcnt;
	validity->curcid = snapshot->curcid;
	validity->live = lpg_live;
	validity->epoch = validity_epoch;
}

/* Asked once per row of a query. */
static bool
is_valid(const LpgValidity *validity)
{
	LpgValidity now;

	get_validity(&now);
	return now.epoch == validity->epoch && now.curcid == validity->curcid && now.xmin == validity->xmin &&
		   now.xmax == validity->xmax && now.xcnt == validity->xcnt && now.subxcnt == validity->subxcnt &&
		   now.user == validity->user && now.live == validity->live;
}

static bool
has_name(const LpgHandle *handle, const text *name)
{
	return handle->name != NULL && handle->name_length == VARSIZE_ANY_EXHDR(name) &&
		   memcmp(handle->name, VARDATA_ANY(name), handle->name_length) == 0;
}

static void
resolve_side(LpgHandle *handle, Relation model, LpgSide side)
{
	LpgHandleSide *s = &handle->sides[side];
	Relation table = lpg_registry_open_factors(model, &handle->version, side, AccessShareLock, &s->kind);

	s->table = RelationGetRelid(table);
	s->lookup = lpg_store_lookup_create(table, s->kind, handle->version.version);
	table_close(table, NoLock);
}

static void
resolve_version(LpgHandle *handle, Relation model, const char *name)
{
	Snapshot snapshot = GetActiveSnapshot();

	if (handle->wanted == 0)
	{
		if (!lpg_registry_current(model, snapshot, &handle->version))
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("model \"%s\" has no current version", name),
							errhint("Train it with lepton_train('%s', source), or publish a version with "
									"lepton_publish('%s', version).",
									name, name)));
	}
	else if (!lpg_registry_find_version(model, snapshot, handle->wanted, &handle->version))
		lpg_registry_fail_version(name, handle->wanted);
}

static void
resolve(LpgHandle *handle, const char *name)
{
	Relation model;

	handle->model = lpg_registry_find(name, handle->model_type);
	model = lpg_registry_open_model(handle->model, handle->model_type, NoLock);
	resolve_version(handle, model, name);
	resolve_side(handle, model, LPG_USERS);
	resolve_side(handle, model, LPG_ITEMS);
	table_close(model, NoLock);
}

/* The version that the call asks for; 0: the current one. */
static int64
read_wanted(const LpgHandle *handle, FunctionCallInfo fcinfo)
{
	int64 wanted;

	if (handle->version_argument < 0 || PG_ARGISNULL(handle->version_argument))
		return 0;
	wanted = PG_GETARG_INT64(handle->version_argument);
	if (wanted < 1)
		lpg_registry_fail_version(text_to_cstring(PG_GETARG_TEXT_PP(0)), wanted);
	return wanted;
}

/* Nothing of the model before is of use. */
static void
forget(LpgHandle *handle)
{
	handle->n_refreshed++;
	handle->name = NULL;
	handle->times = NULL;
	handle->has_read_times = false;
	handle->interval = NULL;
	handle->eligible = NULL;
	handle->eligible_cost = 0;
	release_items(handle);
	handle->value = NULL;
	MemoryContextReset(handle->context);
}

static bool
refresh_value(LpgHandle *handle, FunctionCallInfo fcinfo)
{
	bool is_new = !ActiveSnapshotSet() || !is_valid(&handle->validity);
	LpgValue *value;

	if (handle->value != NULL && lpg_value_is(handle->value, fcinfo, is_new))
	{
		if (is_new && ActiveSnapshotSet())
			get_validity(&handle->validity);
		return false;
	}
	forget(handle);
	value = lpg_value_open(fcinfo, 0, handle->context);
	lpg_value_version(value, &handle->version);
	for (int side = 0; side < LEP_N_SIDES; side++)
		handle->sides[side].kind = lpg_value_bytes(value)->head.kind[side];
	handle->name = MemoryContextStrdup(handle->context, "bytea");
	/* complete: after an error before this the next call begins anew, and says so */
	handle->value = value;
	if (ActiveSnapshotSet())
		get_validity(&handle->validity);
	return true;
}

static bool
refresh_named(LpgHandle *handle, FunctionCallInfo fcinfo)
{
	text *name = PG_GETARG_TEXT_PP(0);
	int64 wanted = read_wanted(handle, fcinfo);
	MemoryContext old;
	char *name_copy;

	if (wanted == handle->wanted && has_name(handle, name) && is_valid(&handle->validity))
		return false;

	forget(handle);
	handle->wanted = wanted;
	old = MemoryContextSwitchTo(handle->context);
	name_copy = text_to_cstring(name);
	resolve(handle, name_copy);
	MemoryContextSwitchTo(old);

	/* locks taken above may have brought in catalog changes: those are seen */
	get_validity(&handle->validity);
	handle->name = name_copy;
	handle->name_length = strlen(name_copy);
	return true;
}

bool
lpg_handle_refresh(LpgHandle *handle, FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 handle->takes_value ? errmsg("the model is NULL") : errmsg("the model's name is NULL")));
	return handle->takes_value ? refresh_value(handle, fcinfo) : refresh_named(handle, fcinfo);
}

static LpgFound
lookup_value(LpgHandle *handle, LpgSide side, const LepId *id, float *factors, int32 **seen, int64 *n_seen)
{
	LpgFound found = { false, 0, 0, 0, NULL };
	int32 n = lpg_value_find(handle->value, side, id);
	LepModelRow row;

	if (n < 0)
		return found;
	lpg_value_read_row(handle->value, side, n, &row, factors);
	if (seen != NULL)
		*seen = lpg_value_read_seen(handle->value, n, n_seen);
	found.known = true;
	found.n = n;
	found.bias = row.bias;
	found.variance = row.variance;
	found.factors = handle->version.n_factors > 0 ? factors : NULL;
	return found;
}

static LpgFound
lookup_row(LpgHandle *handle, LpgSide side, const LepId *id, float *factors, int32 **seen, int64 *n_seen)
{
	LpgHandleSide *s = &handle->sides[side];
	Relation table = table_open(s->table, NoLock);
	TupleTableSlot *slot = lpg_store_lookup(s->lookup, table, GetActiveSnapshot(), id);
	LpgFound found;
	LpgFactorRow row;

	memset(&found, 0, sizeof(found));

	if (slot != NULL)
	{
		row.factors = factors;
		lpg_store_read_row(table, slot, &handle->version, side, &row);
		if (seen != NULL)
			*seen = lpg_store_read_seen(table, slot, &handle->version, n_seen);
		if (side == LPG_USERS && handle->version.live)
			found.has_digest = lpg_store_read_digest(table, slot, &found.digest);
		found.known = true;
		found.n = row.n;
		found.bias = row.bias;
		found.variance = row.variance;
		found.factors = row.factors;
		lpg_store_lookup_done(s->lookup);
	}
	table_close(table, NoLock);
	return found;
}

LpgFound
lpg_handle_lookup(LpgHandle *handle, LpgSide side, const LepId *id, float *factors, int32 **seen,
				  int64 *n_seen)
{
	if (handle->value != NULL)
		return lookup_value(handle, side, id, factors, seen, n_seen);
	return lookup_row(handle, side, id, factors, seen, n_seen);
}

LpgItems *
lpg_handle_items_if_cached(LpgHandle *handle)
{
	if (handle->items == NULL && handle->value == NULL)
		handle->items = lpg_cache_peek(handle->model, &handle->version, handle->sides[LPG_ITEMS].kind);
	return handle->items;
}

bool
lpg_handle_fits(const LpgHandle *handle)
{
	return handle->value != NULL ? lpg_value_fits(handle->value) : lpg_cache_fits(&handle->version);
}

LpgItems *
lpg_handle_items(LpgHandle *handle)
{
	if (handle->items == NULL && handle->value != NULL)
		handle->items = lpg_value_items(handle->value);
	else if (handle->items == NULL)
	{
		LpgHandleSide *side = &handle->sides[LPG_ITEMS];
		Relation model = table_open(handle->model, NoLock);
		Relation table = table_open(side->table, NoLock);

		handle->items = lpg_cache_get(model, &handle->version, table, side->kind, GetActiveSnapshot());
		table_close(table, NoLock);
		table_close(model, NoLock);
	}
	return handle->items;
}

Jsonb *
lpg_handle_details(LpgHandle *handle)
{
	Relation model;
	Jsonb *details;

	if (handle->value != NULL)
		details = lpg_value_json(handle->value, LEP_DOCUMENT_DETAILS);
	else
	{
		model = table_open(handle->model, NoLock);
		details = lpg_registry_details(model, GetActiveSnapshot(), handle->version.version);
		table_close(model, NoLock);
	}
	if (details == NULL)
		lpg_registry_fail_row(handle->name, "details");
	return details;
}

const LpgTimes *
lpg_handle_times(LpgHandle *handle)
{
	if (!handle->has_read_times)
	{
		Jsonb *details = lpg_handle_details(handle);

		handle->times = lpg_times_read(details, handle->name, handle->version.n_factors, handle->context);
		handle->has_read_times = true;
		pfree(details);
	}
	return handle->times;
}

const LpgInterval *
lpg_handle_interval(LpgHandle *handle)
{
	if (handle->interval == NULL)
	{
		Jsonb *details = lpg_handle_details(handle);

		handle->interval = lpg_interval_read(details, handle->name, handle->context);
		pfree(details);
		if (handle->interval == NULL)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
							errmsg("model \"%s\" has no prediction intervals", handle->name),
							errdetail("They are measured on ratings that are held out for validation, and "
									  "not for implicit feedback."),
							errhint("Train it from ratings, with option \"validation_fraction\" above 0.")));
	}
	return handle->interval;
}

bool
lpg_handle_is_null(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(0) && lpg_argument_type(fcinfo, 0) == BYTEAOID;
}

Oid
lpg_argument_type(FunctionCallInfo fcinfo, int i)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Oid type;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	type = ((Form_pg_proc) GETSTRUCT(tuple))->proargtypes.values[i];
	ReleaseSysCache(tuple);
	return type;
}
