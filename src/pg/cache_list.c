/*
 * cache_list.c
 *		lepton_cache(): the items of models that are held in memory.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "pg/cache.h"
#include "pg/shared.h"

/* Whoever may read the model, or all statistics, may know that it is in memory. */
static bool
may_see(Oid model)
{
	bool is_missing = false;

	if (has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
		return true;
	return pg_class_aclcheck_ext(model, GetUserId(), ACL_SELECT, &is_missing) == ACLCHECK_OK && !is_missing;
}

static void
put_use(ReturnSetInfo *rsinfo, const LpgItemsKey *key, const char *place, Size size, int n_sessions)
{
	Datum values[5];
	bool nulls[5] = { false };

	if (!may_see(key->model))
		return;
	values[0] = ObjectIdGetDatum(key->model);
	values[1] = Int64GetDatum(key->version);
	values[2] = CStringGetTextDatum(place);
	values[3] = Int64GetDatum((int64) size);
	values[4] = Int32GetDatum(n_sessions);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* LpgCacheVisitor: what this backend holds for itself. */
static void
put_own(const LpgItems *items, void *arg)
{
	if (items->segment == NULL && !items->stale)
		put_use(arg, &items->key, "session", lpg_items_size(items), 1);
}

PG_FUNCTION_INFO_V1(lepton_cache);

/*
 * lepton_cache() -> setof (model regclass, version bigint, place text, bytes bigint,
 * sessions integer)
 */
Datum
lepton_cache(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	LpgSharedUse *uses;
	int n;

	InitMaterializedSRF(fcinfo, 0);
	uses = lpg_shared_uses(&n);
	for (int i = 0; i < n; i++)
		put_use(rsinfo, &uses[i].key, uses[i].is_ready ? "shared" : "reading", uses[i].size,
				uses[i].n_mapped);
	lpg_cache_each(put_own, rsinfo);
	return (Datum) 0;
}
