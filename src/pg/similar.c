/*
 * similar.c
 *		lepton_similar(model, item_id, n): items like an item, and
 *		lepton_similar_users(model, user_id, n): users like a user.
 *
 * Both compare factors by their cosine (core/similar.h), exactly; equal ones go by
 * id.  Of a model with item neighbours and no factors, an item's own row of them is
 * the answer.  Items come from the cache.  The users' table is read once per call
 * (userlist.h).
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "core/kernels.h"
#include "core/similar.h"
#include "pg/basket.h"
#include "pg/compat.h"
#include "pg/eligible.h"
#include "pg/errors.h"
#include "pg/keytype.h"
#include "pg/lists.h"
#include "pg/pgenv.h"
#include "pg/scan.h"
#include "pg/userlist.h"

static void
fail_no_factors(const LpgHandle *handle, const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("model \"%s\" has no factors to compare %s by", handle->name, what),
					errhint("Train it with an algorithm that learns factors, as \"%s\".",
							handle->version.implicit ? "ials" : "als")));
}

/* ------------------------------------------------------------------------- items */

/* rank, item_id, score, origin */
#define ITEM_COLUMNS 4

static void
put_items(const LpgList *list, Tuplestorestate *result, const LepTopnEntry *entries, int64 n,
		  const char *origin)
{
	Datum values[ITEM_COLUMNS];
	bool nulls[ITEM_COLUMNS] = { false };

	values[3] = CStringGetTextDatum(origin);
	for (int64 i = 0; i < n; i++)
	{
		LepId id = lep_idtable_id(list->handle->items->ids, entries[i].item);

		values[0] = Int32GetDatum((int32) (i + 1));
		values[1] = lpg_list_id(list, &id);
		values[2] = Float4GetDatum(entries[i].score);
		lpg_list_put_row(list, result, values, nulls);
	}
}

/* What an item's row of neighbours has, by weight. */
static void
put_neighbors(const LpgList *list, Tuplestorestate *result, int32 item, int64 n)
{
	const LepNeighbors *neighbors = list->handle->items->served.neighbors;
	int64 n_row = neighbors->start[item + 1] - neighbors->start[item];
	LepTopnEntry *entries = palloc_extended((n_row + 1) * sizeof(LepTopnEntry), MCXT_ALLOC_HUGE);
	const LpgEligible *eligible = lpg_eligible_get(list->handle);
	int64 n_found;
	int64 kept = 0;
	LepEnv env;

	lpg_env_init(&env, CurrentMemoryContext);
	lpg_check(lep_similar_neighbors(&env, neighbors, item, n_row, entries, &n_found), &env.error);
	for (int64 i = 0; i < n_found && kept < n; i++)
	{
		if (eligible == NULL || lep_topn_has_bit(eligible->bits, entries[i].item))
			entries[kept++] = entries[i];
	}
	put_items(list, result, entries, kept, "neighbors");
}

static void
put_similar_items(const LpgList *list, Tuplestorestate *result, int32 item, int64 n)
{
	const LpgItems *items = list->handle->items;
	const LpgEligible *eligible = lpg_eligible_get(list->handle);
	LepSimilarQuery query = { .row = lep_items_row(items->items, item),
							  .n = n,
							  .without = item,
							  .eligible = eligible == NULL ? NULL : eligible->bits };
	LepTopnEntry *entries =
		palloc_extended((Min(n, items->n_items) + 1) * sizeof(LepTopnEntry), MCXT_ALLOC_HUGE);
	int64 n_found;
	LepEnv env;

	lpg_env_init(&env, CurrentMemoryContext);
	lpg_check(lep_similar_items(&env, items->items, &query, entries, &n_found), &env.error);
	put_items(list, result, entries, n_found, "factors");
}

PG_FUNCTION_INFO_V1(lepton_similar);

/*
 * lepton_similar(model text, item_id, n bigint, version bigint)
 *		-> setof (rank int, item_id, score real, origin text)
 *		The n items most like it, itself left out.  None for NULL and for an item
 *		that the model does not know.
 */
Datum
lepton_similar(PG_FUNCTION_ARGS)
{
	static const LpgListFunction function = { "lepton_similar", ITEM_COLUMNS, 1, LPG_ITEMS };
	MemoryContext old;
	LpgList *list;
	Tuplestorestate *result;
	int64 n;

	if (lpg_handle_is_null(fcinfo))
		return lpg_list_none(fcinfo);
	list = lpg_list_begin(fcinfo, &function, &old);
	result = lpg_list_result(fcinfo, list);
	n = lpg_list_read_n(fcinfo, list, 2);
	if (list->handle->version.n_factors == 0 && !list->handle->version.has_neighbors)
		fail_no_factors(list->handle, "items");
	if (!PG_ARGISNULL(1))
	{
		LepId id = lpg_keytype_from_datum(PG_GETARG_DATUM(1), lpg_keytype_stored_type(list->kind));
		int32 item = lep_idtable_find(lpg_handle_items(list->handle)->ids, &id);

		if (item >= 0 && list->handle->version.n_factors > 0)
			put_similar_items(list, result, item, n);
		else if (item >= 0)
			put_neighbors(list, result, item, n);
	}
	MemoryContextSwitchTo(old);
	return (Datum) 0;
}

/* ------------------------------------------------------------------------- users */

/* rank, user_id, score */
#define USER_COLUMNS 3

/* A scan of the users. */
typedef struct UserScan
{
	int stride;
	int32 without; /* number of the user whom they are compared with */
	const float *row;
	float *other; /* buffer of a row */
	LpgUserList *best;
} UserScan;

static void
visit_user(void *arg, const LpgScanRow *visited)
{
	UserScan *scan = arg;
	LpgFactorRow row;
	LepId id;

	row.factors = scan->other;
	lpg_scan_read(visited, &row);
	if (row.n == scan->without || !lep_has_direction(scan->other, scan->stride))
		return;
	id = lpg_scan_id(visited);
	lpg_userlist_put(scan->best, &id, lep_cosine(scan->row, scan->other, scan->stride), 0);
}

static void
put_users(const LpgList *list, Tuplestorestate *result, LpgUserList *best)
{
	Datum values[USER_COLUMNS];
	bool nulls[USER_COLUMNS] = { false };
	LpgListedUser user;

	lpg_userlist_sort(best);
	for (int32 rank = 1; lpg_userlist_next(best, &user); rank++)
	{
		values[0] = Int32GetDatum(rank);
		values[1] = user.id;
		values[2] = Float4GetDatum(user.score);
		lpg_list_put_row(list, result, values, nulls);
	}
	lpg_userlist_end(best);
}

static void
put_similar_users(const LpgList *list, Tuplestorestate *result, const LepId *id, int64 n)
{
	LpgHandle *handle = list->handle;
	int n_factors = handle->version.n_factors;
	LpgFound found = lpg_handle_lookup(handle, LPG_USERS, id, lpg_basket_alloc_row(n_factors), NULL, NULL);
	UserScan scan = { .stride = lep_row_stride(n_factors),
					  .without = found.n,
					  .row = found.factors,
					  .other = lpg_basket_alloc_row(n_factors) };

	if (!found.known || n == 0 || !lep_has_direction(found.factors, lep_row_stride(n_factors)))
		return;
	scan.best = lpg_userlist_create(list->kind, n);
	lpg_scan(handle, LPG_USERS, visit_user, &scan);
	put_users(list, result, scan.best);
}

PG_FUNCTION_INFO_V1(lepton_similar_users);

/*
 * lepton_similar_users(model text, user_id, n bigint, version bigint)
 *		-> setof (rank int, user_id, score real)
 *		The n users most like her, herself left out.  None for NULL and for a user
 *		whom the model does not know.
 */
Datum
lepton_similar_users(PG_FUNCTION_ARGS)
{
	static const LpgListFunction function = { "lepton_similar_users", USER_COLUMNS, 1, LPG_USERS };
	MemoryContext old;
	LpgList *list;
	Tuplestorestate *result;
	int64 n;

	if (lpg_handle_is_null(fcinfo))
		return lpg_list_none(fcinfo);
	list = lpg_list_begin(fcinfo, &function, &old);
	result = lpg_list_result(fcinfo, list);
	n = Min(lpg_list_read_n(fcinfo, list, 2), list->handle->version.n_users);
	if (list->handle->version.n_factors == 0)
		fail_no_factors(list->handle, "users");
	if (!PG_ARGISNULL(1))
	{
		LepId id = lpg_keytype_from_datum(PG_GETARG_DATUM(1), lpg_keytype_stored_type(list->kind));

		put_similar_users(list, result, &id, n);
	}
	MemoryContextSwitchTo(old);
	return (Datum) 0;
}
