/*
 * topn_all.c
 *		lepton_topn_all(model, n, exclude_seen, exclude) and the overload with
 *		candidates: the list of every user, as lepton_topn gives it, to fill a table.
 *
 * Memory is bounded whatever the number of users.  They are read by one scan of
 * their table, a batch at a time; the batch's lists are found on all threads
 * (core/bulk.h) and go to a tuplestore, which is on disk beyond work_mem.  One row a
 * call (ValuePerCall) would save that file only where the call stands in a select
 * list: in FROM the executor keeps the rows in a tuplestore of its own, and takes
 * three times as long to fill it.
 *
 * Of a model with option live each user is looked up as lepton_topn does it
 * (live.h), which takes longer than her list; users whom the model does not know
 * do not come.
 */
#include "postgres.h"

#include "access/table.h"
#include "fmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/bulk.h"
#include "core/kernels.h"
#include "core/pool.h"
#include "pg/compat.h"
#include "pg/eligible.h"
#include "pg/errors.h"
#include "pg/keytype.h"
#include "pg/lists.h"
#include "pg/live.h"
#include "pg/pgenv.h"
#include "pg/settings.h"

#define RESULT_COLUMNS 5 /* user_id, rank, item_id, score, origin */

/* Users of a batch at most, and about what their lists and items may take. */
#define BATCH_USERS 1024
#define BATCH_BYTES (16 * 1024 * 1024)

/* Bytes that an entry of a list takes till its row is out, about. */
#define ENTRY_BYTES (sizeof(LepTopnEntry) + sizeof(LepOrigin) + 64)

/* A user of the batch beside what the engine is told of her. */
typedef struct AllUser
{
	LepId id;
	LepId *new_seen; /* items that she has, and the model does not know */
	int64 n_new_seen;
} AllUser;

/* One call. */
typedef struct TopnAll
{
	LpgList *list;
	LpgItems *items;
	Tuplestorestate *result;
	int64 n;
	bool exclude_seen;
	LpgItemSet candidates; /* new_ids ascending, too */
	LpgItemSet excluded;
	const LpgEligible *eligible; /* NULL: all items */

	Relation table; /* of the users */
	LpgScan *scan;
	bool is_at_end;
	LepEnv env;
	LepArena arena;
	LepBulk bulk;
	int64 max_users;	 /* of a batch */
	AllUser *users;		 /* [max_users] */
	float *rows;		 /* [max_users * stride] */
	MemoryContext batch; /* of ids and item numbers; reset by each batch */
	Datum origins[LPG_N_ORIGINS];
} TopnAll;

/* ---------------------------------------------------------------------- a batch */

/* As trained, from the slot of her row. */
static void
read_trained(TopnAll *all, TupleTableSlot *slot, float *factors, LpgPerson *person)
{
	const LpgVersion *version = &all->list->handle->version;
	LpgFactorRow row = { .factors = factors };

	memset(person, 0, sizeof(*person));
	lpg_store_read_row(all->table, slot, version, LPG_USERS, &row);
	if (all->exclude_seen || version->has_neighbors)
		person->seen = lpg_store_read_seen(all->table, slot, version, &person->n_seen);
	person->user = (LepServedUser){ true, row.bias, row.factors, { person->seen, NULL, person->n_seen } };
}

/* What must not be listed: what she has seen, what the call says, or both. */
static void
set_excluded(const TopnAll *all, const LpgPerson *person, LepBulkUser *one)
{
	int32 *exclude = all->exclude_seen ? person->seen : NULL;

	one->n_exclude = all->exclude_seen ? person->n_seen : 0;
	lpg_list_merge(&exclude, &one->n_exclude, all->excluded.numbers, all->excluded.n);
	one->exclude = exclude;
}

/* The user in the slot; returns about how many bytes she takes beside her row. */
static Size
read_user(TopnAll *all, TupleTableSlot *slot, int64 at)
{
	LpgHandle *handle = all->list->handle;
	int stride = lep_row_stride(handle->version.n_factors);
	float *factors = all->rows == NULL ? NULL : all->rows + at * stride;
	LepId id = lpg_store_read_id(slot, all->list->user_kind);
	AllUser *user = &all->users[at];
	LepBulkUser *one = &all->bulk.users[at];
	LpgPerson person;

	memset(user, 0, sizeof(*user));
	memset(one, 0, sizeof(*one));
	user->id = lpg_keytype_copy(&id, all->list->user_kind);
	if (handle->version.live && lpg_live)
	{
		if (factors != NULL)
			memset(factors, 0, stride * sizeof(float));
		lpg_live_find(handle, &user->id, all->exclude_seen, factors, &person);
	}
	else
		read_trained(all, slot, factors, &person);
	one->user = person.user;
	set_excluded(all, &person, one);
	if (all->exclude_seen)
	{
		user->new_seen = person.new_seen;
		user->n_new_seen = person.n_new_seen;
	}
	return (person.n_seen + one->n_exclude) * sizeof(int32) + person.n_new_seen * sizeof(LepId);
}

static void
read_batch(TopnAll *all)
{
	Size bytes = 0;

	all->bulk.n_users = 0;
	while (all->bulk.n_users < all->max_users && bytes < BATCH_BYTES)
	{
		TupleTableSlot *slot = lpg_store_scan_next(all->scan);

		if (slot == NULL)
		{
			all->is_at_end = true;
			return;
		}
		bytes += read_user(all, slot, all->bulk.n_users++);
	}
}

/* ------------------------------------------------------------------------- rows */

/* Of one user; the columns that all have. */
typedef struct UserRows
{
	Datum values[RESULT_COLUMNS];
	int64 rank;
} UserRows;

static void
put_row(TopnAll *all, UserRows *rows, const LepId *item, float score, Datum origin)
{
	bool nulls[RESULT_COLUMNS] = { false };
	const LpgVersion *version = &all->list->handle->version;

	rows->values[1] = Int32GetDatum((int32) ++rows->rank);
	rows->values[2] = lpg_list_id(all->list, item);
	rows->values[3] =
		Float4GetDatum(lep_point(&version->levels, score, version->min_score, version->max_score));
	rows->values[4] = origin;
	lpg_list_put_row(all->list, all->result, rows->values, nulls);
}

/* Candidates that the model does not know, after all others. */
static void
put_new(TopnAll *all, UserRows *rows, int64 at)
{
	AllUser *user = &all->users[at];
	float score = lep_serve_score_of_unknown(&all->items->served, &all->bulk.users[at].user);
	LpgItemSet candidates = all->candidates;

	if (user->n_new_seen > 0)
	{
		Size size = candidates.n_new * sizeof(LepId);

		candidates.new_ids = memcpy(palloc_extended(size, MCXT_ALLOC_HUGE), candidates.new_ids, size);
		lpg_list_exclude_new(&candidates, user->new_seen, user->n_new_seen, all->list->kind);
	}
	for (int64 i = 0; i < candidates.n_new && rows->rank < all->n; i++)
		put_row(all, rows, &candidates.new_ids[i], score, all->origins[LPG_ORIGIN_NEW]);
	/* as many as the caller has given, for each user of the batch */
	if (candidates.new_ids != all->candidates.new_ids)
		pfree(candidates.new_ids);
}

static void
put_user(TopnAll *all, int64 at)
{
	const LepBulk *bulk = &all->bulk;
	const LepBulkUser *one = &bulk->users[at];
	UserRows rows = { .rank = 0 };

	rows.values[0] = lpg_keytype_to_datum(&all->users[at].id, all->list->user_kind);
	for (int64 e = at * bulk->n; e < at * bulk->n + one->n_found; e++)
	{
		LepId id = lep_idtable_id(all->items->ids, bulk->entries[e].item);

		put_row(all, &rows, &id, bulk->entries[e].score, all->origins[bulk->origins[e]]);
	}
	if (all->candidates.n_new > 0 && rows.rank < all->n)
		put_new(all, &rows, at);
}

static void
put_batch(TopnAll *all)
{
	for (int64 at = 0; at < all->bulk.n_users; at++)
		put_user(all, at);
}

/* ------------------------------------------------------------------------- a call */

static void *
take(TopnAll *all, int64 n, Size size)
{
	void *memory = lep_arena_calloc(&all->arena, n, size);

	if (memory == NULL)
		lpg_error(&all->env.error);
	return memory;
}

/* The batch's arrays, and scratch memory for the threads that are there. */
static void
prepare(TopnAll *all)
{
	static const int32 no_candidates[1];
	LepBulk *bulk = &all->bulk;
	int stride = lep_row_stride(all->list->handle->version.n_factors);
	Size user_bytes;

	bulk->served = &all->items->served;
	if (all->candidates.is_given)
		bulk->candidates = all->candidates.n > 0 ? all->candidates.numbers : no_candidates;
	bulk->n_candidates = all->candidates.n;
	bulk->eligible = all->eligible == NULL ? NULL : all->eligible->bits;
	bulk->n = lep_bulk_length(bulk->served, bulk->candidates, bulk->n_candidates, all->n);
	user_bytes = (bulk->n + Min(all->n, all->candidates.n_new)) * ENTRY_BYTES + stride * sizeof(float);
	all->max_users = Min(BATCH_USERS, Max(BATCH_BYTES / Max(user_bytes, 1), 1));
	bulk->users = take(all, all->max_users, sizeof(LepBulkUser));
	bulk->entries = take(all, all->max_users, Max(bulk->n, 1) * sizeof(LepTopnEntry));
	bulk->origins = take(all, all->max_users, Max(bulk->n, 1) * sizeof(LepOrigin));
	all->users = take(all, all->max_users, sizeof(AllUser));
	if (stride > 0)
		all->rows = take(all, all->max_users, stride * sizeof(float));
	lpg_check(lep_bulk_scratch(&all->arena, bulk), &all->env.error);
	lpg_list_origins(all->origins);
}

/* LpgEnvWork */
static LepStatus
run(void *arg)
{
	TopnAll *all = arg;
	LepStatus status = lep_pool_start(&all->env);

	if (status != LEP_OK)
		return status;
	prepare(all);
	while (status == LEP_OK && !all->is_at_end)
	{
		MemoryContext old = MemoryContextSwitchTo(all->batch);

		read_batch(all);
		status = lep_bulk_topn(&all->env, &all->bulk);
		if (status == LEP_OK)
			put_batch(all);
		MemoryContextSwitchTo(old);
		MemoryContextReset(all->batch);
	}
	return status;
}

static void
answer(TopnAll *all)
{
	LpgHandle *handle = all->list->handle;

	lpg_env_init(&all->env, CurrentMemoryContext);
	lep_arena_init(&all->arena, &all->env);
	all->batch = AllocSetContextCreate(CurrentMemoryContext, "lepton topn_all batch", ALLOCSET_DEFAULT_SIZES);
	all->table = table_open(handle->sides[LPG_USERS].table, NoLock);
	all->scan = lpg_store_scan_begin(all->table, handle->version.version, GetActiveSnapshot());
	lpg_check(lpg_env_run(&all->env, run, all), &all->env.error);
	lpg_store_scan_end(all->scan);
	table_close(all->table, NoLock);
}

/* Where the overloads' arguments are. */
typedef struct TopnAllArguments
{
	int candidates; /* -1: not there */
	int exclude_seen;
	int exclude;
} TopnAllArguments;

static Datum
topn_all(FunctionCallInfo fcinfo, TopnAllArguments arguments)
{
	static const LpgListFunction function = { .name = "lepton_topn_all",
											  .n_columns = RESULT_COLUMNS,
											  .id_column = 2,
											  .side = LPG_ITEMS,
											  .of_users = true,
											  .user_column = 0 };
	MemoryContext old;
	TopnAll all;

	memset(&all, 0, sizeof(all));
	all.list = lpg_list_begin(fcinfo, &function, &old);
	all.result = lpg_list_result(fcinfo, all.list);
	all.n = lpg_list_read_n(fcinfo, all.list, 1);
	all.exclude_seen = PG_ARGISNULL(arguments.exclude_seen) ? all.list->handle->version.exclude_seen
															: PG_GETARG_BOOL(arguments.exclude_seen);
	all.items = lpg_handle_items(all.list->handle);
	lpg_list_read_choice(fcinfo, all.items, arguments.candidates, arguments.exclude, &all.candidates,
						 &all.excluded);
	all.eligible = lpg_eligible_get(all.list->handle);
	lpg_eligible_apply(all.eligible, &all.candidates);
	if (all.n > 0)
		answer(&all);
	MemoryContextSwitchTo(old);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(lepton_topn_all);

/*
 * lepton_topn_all(model text, n bigint, exclude_seen boolean, exclude ids[], version bigint)
 *		-> setof (user_id, rank int, item_id, score real, origin text)
 *		For every user of the version the rows of lepton_topn, by rank; users in no
 *		order.
 */
Datum
lepton_topn_all(PG_FUNCTION_ARGS)
{
	TopnAllArguments arguments = { -1, 2, 3 };

	return topn_all(fcinfo, arguments);
}

PG_FUNCTION_INFO_V1(lepton_topn_all_candidates);

/*
 * lepton_topn_all(model text, n bigint, candidates ids[], exclude_seen boolean, exclude ids[],
 *				   version bigint)
 *		The same among the candidates only; NULL or empty candidates give no row.
 */
Datum
lepton_topn_all_candidates(PG_FUNCTION_ARGS)
{
	TopnAllArguments arguments = { 2, 3, 4 };

	return topn_all(fcinfo, arguments);
}
