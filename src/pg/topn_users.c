/*
 * topn_users.c
 *		lepton_topn_users(model, item_id, n, exclude_seen): the users who score an item
 *		highest: whom to tell about it.
 *
 * Their table is read once per call, and a bounded sort keeps the best (userlist.h).
 * Scores are those of lepton_predict before it is clipped, or made a median.
 */
#include "postgres.h"

#include "access/table.h"
#include "fmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/kernels.h"
#include "core/serve.h"
#include "core/topn.h"
#include "pg/basket.h"
#include "pg/compat.h"
#include "pg/eligible.h"
#include "pg/errors.h"
#include "pg/keytype.h"
#include "pg/lists.h"
#include "pg/pgenv.h"
#include "pg/userlist.h"

#define RESULT_COLUMNS 4 /* rank, user_id, score, origin */

/* A scan of the users. */
typedef struct UserScan
{
	LpgList *list;
	LpgItems *items;
	Relation table;
	int32 item;
	bool exclude_seen;
	float *factors; /* buffer of a row */
	LpgUserList *best;
	MemoryContext row_context;
	LepEnv env; /* asked whether to stop */
} UserScan;

static void
offer_user(UserScan *scan, TupleTableSlot *slot)
{
	const LpgVersion *version = &scan->list->handle->version;
	LepServedUser user = { .known = true };
	LepServedPair pair;
	LpgFactorRow row;
	LepId id;

	row.factors = scan->factors;
	lpg_store_read_row(scan->table, slot, version, LPG_USERS, &row);
	user.bias = row.bias;
	user.row = row.factors;
	if (scan->exclude_seen || version->has_neighbors)
	{
		user.basket.rows = lpg_store_read_seen(scan->table, slot, version, &user.basket.n);
		if (scan->exclude_seen && lep_topn_is_listed(user.basket.rows, user.basket.n, scan->item))
			return;
	}
	lpg_check(lep_serve_pair(&scan->env, &scan->items->served, &user, scan->item, &pair), &scan->env.error);
	id = lpg_store_read_id(slot, scan->list->kind);
	lpg_userlist_put(scan->best, &id, pair.score, pair.origin);
}

/* Whoever is told of an item finds it in no list of hers where it is not eligible. */
static bool
may_be_listed(LpgHandle *handle, int32 item)
{
	const LpgEligible *eligible = lpg_eligible_get(handle);

	return eligible == NULL || lep_topn_has_bit(eligible->bits, item);
}

/* LpgRowVisitor */
static void
visit_user(void *arg, TupleTableSlot *slot)
{
	UserScan *scan = arg;
	MemoryContext old = MemoryContextSwitchTo(scan->row_context);

	offer_user(scan, slot);
	MemoryContextSwitchTo(old);
	MemoryContextReset(scan->row_context);
}

static void
put_users(const LpgList *list, Tuplestorestate *result, LpgUserList *best)
{
	const LpgVersion *version = &list->handle->version;
	Datum origins[LPG_N_ORIGINS];
	Datum values[RESULT_COLUMNS];
	bool nulls[RESULT_COLUMNS] = { false };
	LpgListedUser user;

	lpg_list_origins(origins);
	lpg_userlist_sort(best);
	for (int32 rank = 1; lpg_userlist_next(best, &user); rank++)
	{
		values[0] = Int32GetDatum(rank);
		values[1] = user.id;
		values[2] =
			Float4GetDatum(lep_point(&version->levels, user.score, version->min_score, version->max_score));
		values[3] = origins[user.origin];
		lpg_list_put_row(list, result, values, nulls);
	}
	lpg_userlist_end(best);
}

static void
put_list(UserScan *scan, Tuplestorestate *result, int64 n)
{
	LpgHandle *handle = scan->list->handle;

	lpg_env_init(&scan->env, CurrentMemoryContext);
	scan->factors = lpg_basket_alloc_row(handle->version.n_factors);
	scan->row_context =
		AllocSetContextCreate(CurrentMemoryContext, "lepton topn_users row", ALLOCSET_DEFAULT_SIZES);
	scan->best = lpg_userlist_create(scan->list->kind, n);
	scan->table = table_open(handle->sides[LPG_USERS].table, NoLock);
	lpg_store_scan(scan->table, handle->version.version, GetActiveSnapshot(), visit_user, scan);
	table_close(scan->table, NoLock);
	put_users(scan->list, result, scan->best);
}

PG_FUNCTION_INFO_V1(lepton_topn_users);

/*
 * lepton_topn_users(model text, item_id, n bigint, exclude_seen boolean, version bigint)
 *		-> setof (rank int, user_id, score real, origin text)
 *		The n users with the highest scores for the item, without those who have it
 *		where what is seen is excluded; ties by user id.  None for NULL, for an item that
 *		the model does not know, and for one that is not eligible.
 */
Datum
lepton_topn_users(PG_FUNCTION_ARGS)
{
	static const LpgListFunction function = { "lepton_topn_users", RESULT_COLUMNS, 1, LPG_USERS };
	MemoryContext old;
	UserScan scan = { .list = lpg_list_begin(fcinfo, &function, &old) };
	Tuplestorestate *result = lpg_list_result(fcinfo, scan.list);
	LpgHandle *handle = scan.list->handle;
	int64 n = Min(lpg_list_read_n(fcinfo, scan.list, 2), handle->version.n_users);

	scan.exclude_seen = PG_ARGISNULL(3) ? handle->version.exclude_seen : PG_GETARG_BOOL(3);
	if (!PG_ARGISNULL(1))
	{
		/* argument 1 is an item here */
		LepId id = lpg_keytype_from_argument(PG_GETARG_DATUM(1), scan.list->user_type,
											 handle->sides[LPG_ITEMS].kind, "item", handle->name);

		scan.items = lpg_handle_items(handle);
		scan.item = lep_idtable_find(scan.items->ids, &id);
		if (scan.item >= 0 && n > 0 && may_be_listed(handle, scan.item))
			put_list(&scan, result, n);
	}
	MemoryContextSwitchTo(old);
	return (Datum) 0;
}
