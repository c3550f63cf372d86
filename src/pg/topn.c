/*
 * topn.c
 *		lepton_topn(model, user_id, n, exclude_seen, exclude), the overload with
 *		candidates, and both at an earlier time: the best items for a user, exactly
 *		(core/topn.h).
 *
 * One C function serves lepton_topn, lepton_topn_text and lepton_topn_uuid and
 * all kinds of users: what is declared in SQL says which ids go in and out, and
 * what the model holds must fit that.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/kernels.h"
#include "core/topn.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/handle.h"
#include "pg/keytype.h"
#include "pg/pgenv.h"

#define RESULT_COLUMNS 4 /* rank, item_id, score, origin */

/* What a call site keeps. */
typedef struct TopnState
{
	LpgHandle *handle;
	Oid user_type;		 /* as declared */
	LepIdKind item_kind; /* that the function gives */
	TupleDesc desc;
	MemoryContext call_context; /* reset by each call */
} TopnState;

/* One call. */
typedef struct TopnCall
{
	TopnState *state;
	LpgItems *items;
	Tuplestorestate *result;

	int64 n;
	bool known_user;
	float user_bias;
	int32 *exclude;
	int64 n_exclude;
	bool has_candidates;
	int32 *candidates; /* known ones, ascending */
	int64 n_candidates;
	LepId *new_ids; /* those that the model does not know, ascending */
	int64 n_new;
	int64 rank; /* of the last row given */
} TopnCall;

/* ------------------------------------------------------------------- set-up */

static void
init_result_type(FunctionCallInfo fcinfo, TopnState *state)
{
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != RESULT_COLUMNS ||
		!lpg_keytype_kind(TupleDescAttr(desc, 1)->atttypid, &state->item_kind))
		elog(ERROR, "lepton_topn is declared with another result than (rank, item_id, score, origin)");
	state->desc = CreateTupleDescCopy(desc);
	/* counted, so that the executor does not free what we keep */
	state->desc->tdrefcount = 1;
	MemoryContextSwitchTo(old);
}

static TopnState *
create_state(FunctionCallInfo fcinfo)
{
	MemoryContext mcxt = fcinfo->flinfo->fn_mcxt;
	TopnState *state = MemoryContextAllocZero(mcxt, sizeof(TopnState));

	state->handle = lpg_handle_create(fcinfo);
	state->user_type = lpg_argument_type(fcinfo, 1);
	state->call_context = AllocSetContextCreate(mcxt, "lepton topn call", ALLOCSET_DEFAULT_SIZES);
	init_result_type(fcinfo, state);
	return state;
}

/* ERROR unless the function's name, which begins with this, fits the model's items. */
static void
check_item_kind(const TopnState *state, const char *name)
{
	static const char *const suffix[] = {
		[LEP_ID_INT64] = "", [LEP_ID_TEXT] = "_text", [LEP_ID_UUID] = "_uuid"
	};
	LepIdKind kind = state->handle->sides[LPG_ITEMS].kind;

	if (kind != state->item_kind)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("item ids of model \"%s\" are of type %s, but %s%s gives %s",
							   state->handle->name, lpg_keytype_name(kind), name, suffix[state->item_kind],
							   lpg_keytype_name(state->item_kind)),
						errhint("Use %s%s.", name, suffix[kind])));
}

/* As materialize mode wants it; see execSRF.c. */
static Tuplestorestate *
begin_result(FunctionCallInfo fcinfo, TopnState *state)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) || (rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult =
		tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	rsinfo->setDesc = state->desc;
	MemoryContextSwitchTo(old);
	return rsinfo->setResult;
}

/* ---------------------------------------------------------------- arguments */

static int
compare_numbers(const void *a, const void *b)
{
	int32 x = *(const int32 *) a;
	int32 y = *(const int32 *) b;

	return x < y ? -1 : x > y;
}

static int
compare_ids(const void *a, const void *b, void *kind)
{
	return lep_id_compare(*(LepIdKind *) kind, a, b);
}

/* Sort numbers and drop repetitions; how many are left. */
static int64
sort_unique(int32 *numbers, int64 n)
{
	int64 kept = 0;

	qsort(numbers, n, sizeof(int32), compare_numbers);
	for (int64 i = 0; i < n; i++)
	{
		if (kept == 0 || numbers[i] != numbers[kept - 1])
			numbers[kept++] = numbers[i];
	}
	return kept;
}

static int64
sort_unique_ids(LepId *ids, int64 n, LepIdKind kind)
{
	int64 kept = 0;

	qsort_arg(ids, n, sizeof(LepId), compare_ids, &kind);
	for (int64 i = 0; i < n; i++)
	{
		if (kept == 0 || lep_id_compare(kind, &ids[i], &ids[kept - 1]) != 0)
			ids[kept++] = ids[i];
	}
	return kept;
}

/*
 * Item ids in an array, of any dimensions, as item numbers; NULL elements are
 * passed over.  new_ids, if not NULL, gets the ids that the model does not know.
 */
static int32 *
read_items(const TopnCall *call, ArrayType *array, int64 *n, LepId **new_ids, int64 *n_new)
{
	Oid type = ARR_ELEMTYPE(array);
	Datum *datums;
	bool *nulls;
	int n_datums;
	int16 typlen;
	bool typbyval;
	char typalign;
	int32 *numbers;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, &datums, &nulls, &n_datums);
	numbers = palloc_extended(Max(n_datums, 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	if (new_ids != NULL)
		*new_ids = palloc_extended(Max(n_datums, 1) * sizeof(LepId), MCXT_ALLOC_HUGE);
	*n = 0;
	for (int i = 0; i < n_datums; i++)
	{
		LepId id;
		int32 number;

		if (nulls[i])
			continue;
		id = lpg_keytype_from_datum(datums[i], type);
		number = lep_idmap_find(call->items->ids, &id);
		if (number >= 0)
			numbers[(*n)++] = number;
		else if (new_ids != NULL)
			(*new_ids)[(*n_new)++] = id;
	}
	*n = sort_unique(numbers, *n);
	return numbers;
}

/* The union of two ascending lists. */
static void
add_excluded(TopnCall *call, const int32 *more, int64 n_more)
{
	int32 *both = palloc_extended((call->n_exclude + n_more + 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	int64 n = 0;
	int64 i = 0;
	int64 j = 0;

	while (i < call->n_exclude || j < n_more)
	{
		if (j >= n_more || (i < call->n_exclude && call->exclude[i] < more[j]))
			both[n++] = call->exclude[i++];
		else
		{
			if (i < call->n_exclude && call->exclude[i] == more[j])
				i++;
			both[n++] = more[j++];
		}
	}
	call->exclude = both;
	call->n_exclude = n;
}

/* Ids to exclude may be new to the model as candidates are: those go, too. */
static void
exclude_new(TopnCall *call, LepId *excluded, int64 n_excluded)
{
	LepIdKind kind = call->state->item_kind;
	int64 kept = 0;
	int64 j = 0;

	n_excluded = sort_unique_ids(excluded, n_excluded, kind);
	for (int64 i = 0; i < call->n_new; i++)
	{
		while (j < n_excluded && lep_id_compare(kind, &excluded[j], &call->new_ids[i]) < 0)
			j++;
		if (j >= n_excluded || lep_id_compare(kind, &excluded[j], &call->new_ids[i]) != 0)
			call->new_ids[kept++] = call->new_ids[i];
	}
	call->n_new = kept;
}

static int64
read_n(FunctionCallInfo fcinfo, int arg)
{
	int64 n;

	if (PG_ARGISNULL(arg))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("n is NULL"),
						errhint("Say how many items you want.")));
	n = PG_GETARG_INT64(arg);
	if (n < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("n cannot be " INT64_FORMAT, n),
						errhint("It is the number of items wanted, 0 or more.")));
	return n;
}

/* ------------------------------------------------------------------- result */

static void
put_row(TopnCall *call, const LepId *id, float score, Datum origin)
{
	const LpgVersion *version = &call->state->handle->version;
	Datum values[RESULT_COLUMNS];
	bool nulls[RESULT_COLUMNS] = { false };

	values[0] = Int32GetDatum((int32) ++call->rank);
	values[1] = lpg_keytype_to_datum(id, call->state->item_kind);
	values[2] = Float4GetDatum(lep_point(&version->levels, score, version->min_score, version->max_score));
	values[3] = origin;
	tuplestore_putvalues(call->result, call->state->desc, values, nulls);
}

/* Items that the model knows, best first. */
static void
put_known(TopnCall *call, const LepTopnQuery *query, MemoryContext context)
{
	const LpgVersion *version = &call->state->handle->version;
	bool personal = call->known_user && version->n_factors > 0;
	Datum origin = CStringGetTextDatum(personal ? "factors" : "popular");
	int64 limit = query->candidates != NULL ? query->n_candidates : version->n_items;
	LepTopnEntry *entries =
		palloc_extended((Min(query->n, limit) + 1) * sizeof(LepTopnEntry), MCXT_ALLOC_HUGE);
	int64 n_found;
	LepEnv env;

	lpg_env_init(&env, context);
	lpg_check(lep_topn(&env, call->items->items, query, entries, &n_found), &env.error);
	for (int64 i = 0; i < n_found; i++)
	{
		LepId id = lep_idmap_id(call->items->ids, entries[i].item);

		put_row(call, &id, entries[i].score, origin);
	}
}

/* Candidates that the model does not know, after all others. */
static void
put_new(TopnCall *call)
{
	float score = lep_score(call->state->handle->version.mean, call->user_bias, 0, NULL, NULL, 0);
	Datum origin = CStringGetTextDatum("new");

	for (int64 i = 0; i < call->n_new && call->rank < call->n; i++)
		put_row(call, &call->new_ids[i], score, origin);
}

/* Where the arguments of the overloads are; -1: not there. */
typedef struct TopnArguments
{
	int at;
	int n;
	int candidates;
	int exclude_seen;
	int exclude;
} TopnArguments;

/*
 * The user as she was at an instant: whoever is unknown has the bin's own bias
 * and factors.  factors: her row, which is changed.
 */
static float *
move_user(TopnCall *call, float *factors, TimestampTz at)
{
	LpgHandle *handle = call->state->handle;
	const LpgTimes *times = lpg_handle_times(handle);
	int bin = lpg_times_bin(times, at);
	int n_factors = handle->version.n_factors;

	if (bin < 0)
		return call->known_user && n_factors > 0 ? factors : NULL;
	/* the row is zero for whoever is unknown */
	call->user_bias = lep_times_move(&times->times, bin, call->user_bias, n_factors > 0 ? factors : NULL,
									 lep_row_stride(n_factors), factors);
	return n_factors > 0 ? factors : NULL;
}

/* Who asks: her bias and factors, and what she has seen if it must not be listed. */
static float *
read_user(FunctionCallInfo fcinfo, TopnCall *call, bool exclude_seen, TopnArguments arguments)
{
	LpgHandle *handle = call->state->handle;
	int stride = lep_row_stride(handle->version.n_factors);
	float *factors =
		(float *) TYPEALIGN(LEP_ALIGNMENT, palloc0((Size) stride * sizeof(float) + LEP_ALIGNMENT));
	float *row = NULL;

	if (!PG_ARGISNULL(1))
	{
		LepId id = lpg_keytype_from_argument(PG_GETARG_DATUM(1), call->state->user_type,
											 handle->sides[LPG_USERS].kind, "user", handle->name);
		LpgFound found = lpg_handle_lookup(handle, LPG_USERS, &id, factors,
										   exclude_seen ? &call->exclude : NULL, &call->n_exclude);

		call->known_user = found.known;
		call->user_bias = found.bias;
		row = found.factors;
	}
	if (arguments.at >= 0 && !PG_ARGISNULL(arguments.at))
		row = move_user(call, factors, PG_GETARG_TIMESTAMPTZ(arguments.at));
	return row;
}

static void
read_arrays(FunctionCallInfo fcinfo, TopnCall *call, TopnArguments arguments)
{
	if (arguments.candidates >= 0)
	{
		call->has_candidates = true;
		if (!PG_ARGISNULL(arguments.candidates))
			call->candidates = read_items(call, PG_GETARG_ARRAYTYPE_P(arguments.candidates),
										  &call->n_candidates, &call->new_ids, &call->n_new);
		call->n_new = sort_unique_ids(call->new_ids, call->n_new, call->state->item_kind);
	}
	if (!PG_ARGISNULL(arguments.exclude))
	{
		int64 n;
		LepId *new_ids;
		int64 n_new = 0;
		int32 *numbers = read_items(call, PG_GETARG_ARRAYTYPE_P(arguments.exclude), &n, &new_ids, &n_new);

		add_excluded(call, numbers, n);
		exclude_new(call, new_ids, n_new);
	}
}

static void
answer(FunctionCallInfo fcinfo, TopnCall *call, TopnArguments arguments)
{
	static const int32 no_candidates[1];
	LpgHandle *handle = call->state->handle;
	bool exclude_seen = PG_ARGISNULL(arguments.exclude_seen) ? handle->version.exclude_seen
															 : PG_GETARG_BOOL(arguments.exclude_seen);
	LepTopnQuery query;

	memset(&query, 0, sizeof(query));
	call->n = read_n(fcinfo, arguments.n);
	query.user_row = read_user(fcinfo, call, exclude_seen, arguments);
	call->items = lpg_handle_items(handle);
	read_arrays(fcinfo, call, arguments);

	query.user_bias = call->user_bias;
	query.n = call->n;
	query.exclude = call->exclude;
	query.n_exclude = call->n_exclude;
	if (call->has_candidates)
		query.candidates = call->candidates != NULL ? call->candidates : no_candidates;
	query.n_candidates = call->n_candidates;
	if (call->n == 0)
		return;
	put_known(call, &query, call->state->call_context);
	put_new(call);
}

static Datum
topn(FunctionCallInfo fcinfo, TopnArguments arguments)
{
	TopnState *state = fcinfo->flinfo->fn_extra;
	TopnCall call;
	MemoryContext old;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the model's name is NULL")));
	if (state == NULL)
		state = fcinfo->flinfo->fn_extra = create_state(fcinfo);
	(void) lpg_handle_refresh(state->handle, PG_GETARG_TEXT_PP(0));
	check_item_kind(state, arguments.at >= 0 ? "lepton_topn_at" : "lepton_topn");

	memset(&call, 0, sizeof(call));
	call.state = state;
	call.result = begin_result(fcinfo, state);
	MemoryContextReset(state->call_context);
	old = MemoryContextSwitchTo(state->call_context);
	answer(fcinfo, &call, arguments);
	MemoryContextSwitchTo(old);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(lepton_topn);

/*
 * lepton_topn(model text, user_id, n bigint, exclude_seen boolean, exclude ids[])
 *		-> setof (rank int, item_id, score real, origin text)
 */
Datum
lepton_topn(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { -1, 2, -1, 3, 4 };

	return topn(fcinfo, arguments);
}

PG_FUNCTION_INFO_V1(lepton_topn_candidates);

/*
 * lepton_topn(model text, user_id, n bigint, candidates ids[], exclude_seen boolean,
 *			   exclude ids[])
 *		The same among the candidates only; NULL or empty candidates give no row.
 */
Datum
lepton_topn_candidates(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { -1, 2, 3, 4, 5 };

	return topn(fcinfo, arguments);
}

PG_FUNCTION_INFO_V1(lepton_topn_at);

/*
 * lepton_topn_at(model text, user_id, at timestamptz, n bigint, exclude_seen boolean,
 *				  exclude ids[])
 *		lepton_topn as it was at that time; a NULL at is now.  A function of its own:
 *		with one argument more, lepton_topn could not be called with six arguments
 *		without types.
 */
Datum
lepton_topn_at(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { 2, 3, -1, 4, 5 };

	return topn(fcinfo, arguments);
}

PG_FUNCTION_INFO_V1(lepton_topn_at_candidates);

/*
 * lepton_topn_at(model text, user_id, at timestamptz, n bigint, candidates ids[],
 *				  exclude_seen boolean, exclude ids[])
 *		The same among the candidates only.
 */
Datum
lepton_topn_at_candidates(PG_FUNCTION_ARGS)
{
	TopnArguments arguments = { 2, 3, 4, 5, 6 };

	return topn(fcinfo, arguments);
}

/* The argument n of a call: the first bigint after the user. */
static Node *
find_n(List *args)
{
	for (int i = 2; i < list_length(args); i++)
	{
		if (exprType(list_nth(args, i)) == INT8OID)
			return list_nth(args, i);
	}
	return NULL;
}

PG_FUNCTION_INFO_V1(lepton_topn_support);

/*
 * Planner support: as many rows as the argument n says, where it is known.
 */
Datum
lepton_topn_support(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *rows;
	List *args;
	Node *n;

	if (!IsA(request, SupportRequestRows))
		PG_RETURN_POINTER(NULL);
	rows = (SupportRequestRows *) request;
	if (!is_funcclause(rows->node))
		PG_RETURN_POINTER(NULL);
	args = ((FuncExpr *) rows->node)->args;
	n = find_n(args);
	if (n == NULL)
		PG_RETURN_POINTER(NULL);
	n = estimate_expression_value(rows->root, n);
	if (!IsA(n, Const) || ((Const *) n)->constisnull)
		PG_RETURN_POINTER(NULL);
	rows->rows = Max(1.0, (double) DatumGetInt64(((Const *) n)->constvalue));
	PG_RETURN_POINTER(rows);
}
