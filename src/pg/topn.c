/*
 * topn.c
 *		lepton_topn(model, user_id, n, exclude_seen, exclude), the overload with
 *		candidates, and both at an earlier time: the best items for a user, exactly
 *		(core/serve.h), or in another order than that of scores (core/rerank.h);
 *		lepton_topn_for: for a basket of items, whoever has it.
 *
 * One C function serves lepton_topn, lepton_topn_text and lepton_topn_uuid and
 * all kinds of users: what is declared in SQL says which ids go in and out, and
 * what the model holds must fit that.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/kernels.h"
#include "core/rerank.h"
#include "core/topn.h"
#include "pg/compat.h"
#include "pg/eligible.h"
#include "pg/errors.h"
#include "pg/basket.h"
#include "pg/groups.h"
#include "pg/keytype.h"
#include "pg/lists.h"
#include "pg/live.h"
#include "pg/pgenv.h"

#define RESULT_COLUMNS 4 /* rank, item_id, score, origin */

/* One call. */
typedef struct TopnCall
{
	LpgList *list;
	LpgItems *items;
	Tuplestorestate *result;

	int64 n;
	LepServedUser user;
	int32 *exclude;
	int64 n_exclude;
	LepId *new_seen; /* seen, too, but not known to the model */
	int64 n_new_seen;
	LpgItemSet candidates;		 /* new_ids ascending, too */
	int64 rank;					 /* of the last row given */
	const LpgEligible *eligible; /* NULL: all items */
	bool is_reranked;
	LepRerank rerank;
	const LpgGroups *groups; /* NULL: no limit */
} TopnCall;

/* ---------------------------------------------------------------- arguments */

/* Where the arguments of the overloads are; -1: not there. */
typedef struct TopnArguments
{
	int at;
	int n;
	int candidates;
	int exclude_seen;
	int exclude;
	bool is_basket; /* argument 1 is items, not a user */
	int weights;	/* of the basket */
	int rerank;		/* popularity_penalty */
	int groups;		/* max_per_group, then groups */
	int diversity;
} TopnArguments;

static void
read_arrays(FunctionCallInfo fcinfo, TopnCall *call, TopnArguments arguments)
{
	LpgItemSet excluded = { 0 };

	lpg_list_read_choice(fcinfo, call->items, arguments.candidates, arguments.exclude, &call->candidates,
						 &excluded);
	lpg_list_merge(&call->exclude, &call->n_exclude, excluded.numbers, excluded.n);
	if (call->n_new_seen > 0)
		lpg_list_exclude_new(&call->candidates, call->new_seen, call->n_new_seen, call->list->kind);
}

/* A number from 0 to max. */
static double
read_number(FunctionCallInfo fcinfo, int arg, const char *name, double max)
{
	double value;

	if (PG_ARGISNULL(arg))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s is NULL", name),
						errhint("It is a number from 0 to %.15g; 0 changes nothing.", max)));
	value = PG_GETARG_FLOAT8(arg);
	if (!(value >= 0 && value <= max))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s cannot be %.15g", name, value),
						errhint("It is a number from 0 to %.15g; 0 changes nothing.", max)));
	return value;
}

/* Both or none of max_per_group and groups. */
static void
read_groups(FunctionCallInfo fcinfo, TopnCall *call, int max_per_group, int groups)
{
	LepRerank *rerank = &call->rerank;

	rerank->max_per_group = 1;
	if (max_per_group < 0 || (PG_ARGISNULL(max_per_group) && PG_ARGISNULL(groups)))
		return;
	if (PG_ARGISNULL(max_per_group) || PG_ARGISNULL(groups))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						PG_ARGISNULL(groups) ? errmsg("max_per_group needs groups")
											 : errmsg("groups need max_per_group"),
						errhint("Give both, as in max_per_group => 2, groups => 'SELECT id, brand FROM "
								"products'.")));
	rerank->max_per_group = PG_GETARG_INT32(max_per_group);
	if (rerank->max_per_group < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("max_per_group cannot be %d", rerank->max_per_group),
						errhint("It is how many items of a group are listed at most, 1 or more.")));
	call->groups = lpg_groups_read(call->list, call->items, text_to_cstring(PG_GETARG_TEXT_PP(groups)));
	rerank->group = call->groups->group;
	rerank->n_groups = call->groups->n_groups;
	rerank->n_listed =
		palloc_extended((rerank->n_groups + 1) * sizeof(int32), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* In what other order than that of scores. */
static void
read_rerank(FunctionCallInfo fcinfo, TopnCall *call, TopnArguments arguments)
{
	LepRerank *rerank = &call->rerank;

	if (arguments.rerank < 0)
		return;
	rerank->popularity_penalty =
		read_number(fcinfo, arguments.rerank, "popularity_penalty", LEP_MAX_POPULARITY_PENALTY);
	rerank->n_ratings = call->items->n_ratings;
	rerank->diversity = read_number(fcinfo, arguments.diversity, "diversity", 1);
	if (rerank->diversity > 0 && !lep_rerank_can_compare(&call->items->served))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has nothing to tell by how alike items are", call->list->handle->name),
				 errdetail("Diversity compares factors, or neighbors, of items."),
				 errhint("Train it with an algorithm that learns them, as \"als\", \"ials\" or "
						 "\"walk\", or use max_per_group.")));
	read_groups(fcinfo, call, arguments.groups, arguments.groups + 1);
	call->is_reranked = rerank->popularity_penalty > 0 || rerank->diversity > 0 || call->groups != NULL;
}

/*
 * The user as she was at an instant: whoever is unknown has the bin's own bias
 * and factors.  factors: her row, which is changed.
 */
static void
move_user(TopnCall *call, float *factors, TimestampTz at)
{
	LpgHandle *handle = call->list->handle;
	const LpgTimes *times = lpg_handle_times(handle);
	int bin = lpg_times_bin(times, at);
	int n_factors = handle->version.n_factors;

	if (bin < 0)
		return;
	/* the row is zero for whoever is unknown */
	call->user.bias = lep_times_move(&times->times, bin, call->user.bias, n_factors > 0 ? factors : NULL,
									 lep_row_stride(n_factors), factors);
	call->user.row = n_factors > 0 ? factors : NULL;
}

/* Who asks: her bias, factors and items, and what she has seen if it must not be listed. */
static void
read_user(FunctionCallInfo fcinfo, TopnCall *call, bool exclude_seen, TopnArguments arguments)
{
	LpgHandle *handle = call->list->handle;
	float *factors = lpg_basket_alloc_row(handle->version.n_factors);

	if (!PG_ARGISNULL(1))
	{
		LepId id = lpg_keytype_from_argument(PG_GETARG_DATUM(1), call->list->user_type,
											 handle->sides[LPG_USERS].kind, "user", handle->name);
		LpgPerson person;

		lpg_live_find(handle, &id, exclude_seen, factors, &person);
		call->user = person.user;
		if (exclude_seen)
		{
			call->exclude = person.seen;
			call->n_exclude = person.n_seen;
			call->new_seen = person.new_seen;
			call->n_new_seen = person.n_new_seen;
		}
	}
	if (arguments.at >= 0 && !PG_ARGISNULL(arguments.at))
		move_user(call, factors, PG_GETARG_TIMESTAMPTZ(arguments.at));
}

/* Somebody with a basket, who is not to be shown what is in it. */
static void
read_basket(FunctionCallInfo fcinfo, TopnCall *call, bool exclude_seen, TopnArguments arguments)
{
	LpgBasket basket;

	lpg_basket_read(fcinfo, call->list->handle, 1, arguments.weights, &basket);
	lpg_basket_user(call->list->handle, &basket, &call->user);
	if (exclude_seen)
	{
		call->exclude = basket.items;
		call->n_exclude = basket.n;
	}
}

/* ------------------------------------------------------------------- result */

static void
put_row(TopnCall *call, const LepId *id, float score, Datum origin)
{
	const LpgVersion *version = &call->list->handle->version;
	Datum values[RESULT_COLUMNS];
	bool nulls[RESULT_COLUMNS] = { false };

	values[0] = Int32GetDatum((int32) ++call->rank);
	values[1] = lpg_list_id(call->list, id);
	values[2] = Float4GetDatum(lep_point(&version->levels, score, version->min_score, version->max_score));
	values[3] = origin;
	lpg_list_put_row(call->list, call->result, values, nulls);
}

/* By score, or as the call asks. */
static LepStatus
find_known(TopnCall *call, LepEnv *env, const LepServedQuery *query, LepTopnEntry *entries,
		   LepOrigin *origins, int64_t *n_found)
{
	const LepServed *served = &call->items->served;
	LepServedScan scan;
	LepArena arena;
	LepStatus status;

	if (!call->is_reranked)
		return lep_serve_topn(env, served, &call->user, query, entries, origins, n_found);
	lep_arena_init(&arena, env);
	status = lep_serve_scan(&arena, served, &call->user, &scan);
	if (status == LEP_OK)
		status = lep_rerank_topn(env, &scan, query, &call->rerank, entries, origins, n_found);
	lep_arena_drop(&arena);
	return status;
}

/* The best items that the model knows. */
typedef struct Known
{
	LepTopnEntry *entries; /* [n], best first */
	LepOrigin *origins;
	int64 n;
} Known;

static void
list_known(TopnCall *call, int64 n, Known *known)
{
	static const int32 no_candidates[1];
	LepServedQuery query = { .n = n,
							 .exclude = call->exclude,
							 .n_exclude = call->n_exclude,
							 .n_candidates = call->candidates.n,
							 .eligible = call->eligible == NULL ? NULL : call->eligible->bits,
							 .scratch = lpg_cache_scratch(call->items) };
	int64 limit =
		Min(n, call->candidates.is_given ? query.n_candidates : call->list->handle->version.n_items);
	LepEnv env;

	known->entries = palloc_extended((limit + 1) * sizeof(LepTopnEntry), MCXT_ALLOC_HUGE);
	known->origins = palloc_extended((limit + 1) * sizeof(LepOrigin), MCXT_ALLOC_HUGE);
	if (call->candidates.is_given)
		query.candidates = call->candidates.n > 0 ? call->candidates.numbers : no_candidates;
	lpg_env_init(&env, CurrentMemoryContext);
	lpg_check(find_known(call, &env, &query, known->entries, known->origins, &known->n), &env.error);
}

static void
put_known(TopnCall *call, const Known *known)
{
	Datum names[LPG_N_ORIGINS];

	lpg_list_origins(names);
	for (int64 i = 0; i < known->n && call->rank < call->n; i++)
	{
		LepId id = lep_idtable_id(call->items->ids, known->entries[i].item);

		put_row(call, &id, known->entries[i].score, names[known->origins[i]]);
	}
}

/* Only those of a list that are eligible stay.  False: it costs less to read all that are. */
static bool
keep_eligible(TopnCall *call, Known *known)
{
	LpgItemSet some = { .numbers = palloc(Max(known->n, 1) * sizeof(int32)), .n = known->n };
	const LpgEligible *eligible;
	int64 kept = 0;

	for (int64 i = 0; i < known->n; i++)
		some.numbers[i] = known->entries[i].item;
	eligible = lpg_eligible_ask(call->list->handle, &some);
	if (eligible == NULL)
		return false;
	for (int64 i = 0; i < known->n; i++)
	{
		if (!lep_topn_has_bit(eligible->bits, known->entries[i].item))
			continue;
		known->entries[kept] = known->entries[i];
		known->origins[kept++] = known->origins[i];
	}
	known->n = kept;
	return true;
}

/* How many more than wanted are looked at first, at least, for those that are not eligible. */
#define SPARE 16

/*
 * The list by lists of all items, longer and longer, until enough of one are
 * eligible.  False: it costs less to read all that are.
 */
static bool
list_by_asking(TopnCall *call, Known *known)
{
	int64 n_items = call->list->handle->version.n_items;
	int64 n = Min(call->n, n_items);

	n += Max(n, SPARE);
	for (;;)
	{
		int64 n_listed;

		list_known(call, n, known);
		n_listed = known->n;
		if (!keep_eligible(call, known))
			return false;
		if (known->n >= call->n || n_listed < n)
			return true;
		n *= 4;
	}
}

/* May one more of its group be listed?  Counts it. */
static bool
take_new(TopnCall *call, const LepId *id)
{
	int32 group = call->groups == NULL ? -1 : lpg_groups_find(call->groups, id);

	return group < 0 || call->rerank.n_listed[group]++ < call->rerank.max_per_group;
}

/* Candidates that the model does not know, after all others. */
static void
put_new(TopnCall *call)
{
	float score = lep_serve_score_of_unknown(&call->items->served, &call->user);
	Datum origin = CStringGetTextDatum("new");

	for (int64 i = 0; i < call->candidates.n_new && call->rank < call->n; i++)
	{
		if (take_new(call, &call->candidates.new_ids[i]))
			put_row(call, &call->candidates.new_ids[i], score, origin);
	}
}

/* Of the items that may be listed at all. */
static void
list(TopnCall *call, Known *known)
{
	LpgHandle *handle = call->list->handle;

	if (call->candidates.is_given)
		call->eligible = lpg_eligible_ask(handle, &call->candidates);
	else if (handle->version.is_eligible && handle->eligible == NULL && !call->is_reranked &&
			 list_by_asking(call, known))
		return;
	if (call->eligible == NULL)
		call->eligible = lpg_eligible_get(handle);
	lpg_eligible_apply(call->eligible, &call->candidates);
	list_known(call, call->n, known);
}

static void
answer(FunctionCallInfo fcinfo, TopnCall *call, TopnArguments arguments)
{
	LpgHandle *handle = call->list->handle;
	bool exclude_seen = PG_ARGISNULL(arguments.exclude_seen) ? handle->version.exclude_seen
															 : PG_GETARG_BOOL(arguments.exclude_seen);
	Known known;

	call->n = lpg_list_read_n(fcinfo, call->list, arguments.n);
	if (arguments.is_basket)
		read_basket(fcinfo, call, exclude_seen, arguments);
	else
		read_user(fcinfo, call, exclude_seen, arguments);
	call->items = lpg_handle_items(handle);
	read_arrays(fcinfo, call, arguments);
	read_rerank(fcinfo, call, arguments);
	if (call->n == 0)
		return;
	list(call, &known);
	put_known(call, &known);
	put_new(call);
}

static Datum
topn(FunctionCallInfo fcinfo, TopnArguments arguments)
{
	static const LpgListFunction functions[] = { { "lepton_topn", RESULT_COLUMNS, 1, LPG_ITEMS },
												 { "lepton_topn_at", RESULT_COLUMNS, 1, LPG_ITEMS },
												 { "lepton_topn_for", RESULT_COLUMNS, 1, LPG_ITEMS } };
	MemoryContext old;
	TopnCall call;

	if (lpg_handle_is_null(fcinfo))
		return lpg_list_none(fcinfo);
	memset(&call, 0, sizeof(call));
	call.list = lpg_list_begin(fcinfo, &functions[arguments.is_basket ? 2 : arguments.at >= 0], &old);
	call.result = lpg_list_result(fcinfo, call.list);
	answer(fcinfo, &call, arguments);
	MemoryContextSwitchTo(old);
	return (Datum) 0;
}

/* The arguments that there are: versions before 1.2.0 declare none that rerank. */
static TopnArguments
with_declared(FunctionCallInfo fcinfo, TopnArguments arguments)
{
	if (PG_NARGS() <= arguments.rerank)
	{
		arguments.rerank = -1;
		arguments.groups = -1;
		arguments.diversity = -1;
	}
	return arguments;
}

PG_FUNCTION_INFO_V1(lepton_topn);

/*
 * lepton_topn(model text, user_id, n bigint, exclude_seen boolean, exclude ids[],
 *			   popularity_penalty float8, max_per_group int, groups text, diversity float8,
 *			   version bigint)
 *		-> setof (rank int, item_id, score real, origin text)
 */
Datum
lepton_topn(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { -1, 2, -1, 3, 4, false, -1, 5, 6, 8 };

	return topn(fcinfo, with_declared(fcinfo, arguments));
}

PG_FUNCTION_INFO_V1(lepton_topn_candidates);

/*
 * lepton_topn(model text, user_id, n bigint, candidates ids[], exclude_seen boolean,
 *			   exclude ids[], popularity_penalty float8, max_per_group int, groups text,
 *			   diversity float8, version bigint)
 *		The same among the candidates only; NULL or empty candidates give no row.
 */
Datum
lepton_topn_candidates(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { -1, 2, 3, 4, 5, false, -1, 6, 7, 9 };

	return topn(fcinfo, with_declared(fcinfo, arguments));
}

PG_FUNCTION_INFO_V1(lepton_topn_value);

/*
 * lepton_topn(model bytea, user_id, n bigint, exclude_seen boolean, exclude ids[],
 *			   popularity_penalty float8, diversity float8)
 *		The same of a value.  Without groups, which a query gives: what a value says
 *		depends on nothing else.
 */
Datum
lepton_topn_value(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { -1, 2, -1, 3, 4, false, -1, 5, -1, 6 };

	return topn(fcinfo, arguments);
}

PG_FUNCTION_INFO_V1(lepton_topn_value_candidates);

/*
 * lepton_topn(model bytea, user_id, n bigint, candidates ids[], exclude_seen boolean,
 *			   exclude ids[], popularity_penalty float8, diversity float8)
 */
Datum
lepton_topn_value_candidates(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { -1, 2, 3, 4, 5, false, -1, 6, -1, 7 };

	return topn(fcinfo, arguments);
}

PG_FUNCTION_INFO_V1(lepton_topn_at);

/*
 * lepton_topn_at(model text, user_id, at timestamptz, n bigint, exclude_seen boolean,
 *				  exclude ids[], version bigint)
 *		lepton_topn as it was at that time; a NULL at is now.  A function of its own:
 *		with one argument more, lepton_topn could not be called with six arguments
 *		without types.
 */
Datum
lepton_topn_at(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { 2, 3, -1, 4, 5, false, -1, -1, -1, -1 };

	return topn(fcinfo, arguments);
}

PG_FUNCTION_INFO_V1(lepton_topn_at_candidates);

/*
 * lepton_topn_at(model text, user_id, at timestamptz, n bigint, candidates ids[],
 *				  exclude_seen boolean, exclude ids[], version bigint)
 *		The same among the candidates only.
 */
Datum
lepton_topn_at_candidates(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { 2, 3, 4, 5, 6, false, -1, -1, -1, -1 };

	return topn(fcinfo, arguments);
}

PG_FUNCTION_INFO_V1(lepton_topn_for);

/*
 * lepton_topn_for(model text, items ids[], n bigint, exclude_seen boolean, exclude ids[],
 *				   version bigint)
 *		-> setof (rank int, item_id, score real, origin text)
 *		The best for somebody without an id who has these items; those that the
 *		model does not know are passed over, and without any it is what is popular.
 */
Datum
lepton_topn_for(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { -1, 2, -1, 3, 4, true, -1, -1, -1, -1 };

	return topn(fcinfo, arguments);
}

PG_FUNCTION_INFO_V1(lepton_topn_for_weights);

/*
 * lepton_topn_for(model text, items ids[], weights float8[], n bigint, exclude_seen boolean,
 *				   exclude ids[], version bigint)
 *		The same with a weight for each item: its rating, or how often she has it.
 */
Datum
lepton_topn_for_weights(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { -1, 3, -1, 4, 5, true, 2, -1, -1, -1 };

	return topn(fcinfo, arguments);
}
