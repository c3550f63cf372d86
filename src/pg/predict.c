/*
 * predict.c
 *		lepton_predict(model, user_id, item_id [, at]) -> real, and
 *		lepton_predict_interval(model, user_id, item_id, level).
 *
 * Two index lookups per call.  Within a query the users who were looked up are
 * remembered (users.h), and once so many users, or items, were looked up that loading
 * all would have paid, they are loaded (if there is room): a query over many pairs then
 * costs two hash probes and a dot product per row.  Intervals always
 * look items up: what is loaded has no variances.  A model with item neighbours is
 * always loaded.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/kernels.h"
#include "core/model.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/handle.h"
#include "pg/keytype.h"
#include "pg/pgenv.h"
#include "pg/users.h"

/* The item of a prediction. */
typedef struct PairItem
{
	bool known;
	float bias;
	float variance;
	const float *factors; /* padded, or NULL */
	int32 n;			  /* number of a known one */
} PairItem;

/* Factors of a row that are prefetched: about as many cache lines as can be on their way at once. */
#define MAX_PREFETCH 160

static const LpgUser no_user;
static const PairItem no_item;

/* Both sides, and what the model says of them. */
typedef struct Pair
{
	const LpgUser *user; /* as kept, or moved */
	PairItem item;
	LpgUser moved;
	float score;
} Pair;

/* What a call site keeps. */
typedef struct PredictState
{
	LpgHandle *handle;
	Oid user_type; /* of the arguments, as declared */
	Oid item_type;
	bool wants_variance;	 /* of items, too */
	TupleDesc interval_desc; /* of lepton_predict_interval */

	MemoryContext call_context; /* reset by each call */
	MemoryContext context;		/* of the buffers; reset with the version */
	float *item_factors;		/* buffers of one row */
	float *moved_factors;		/* the user's at another time */
	LpgUsers *users;			/* who were looked up */
	int64 n_item_lookups;

	/* of a model with item neighbours: what her items say of all items, for who is asked for again and again */
	LepServedScan scan;
	bool has_scan;		/* the last user's */
	bool scan_is_dirty; /* it was not finished */
	LepEnv env;			/* asked whether to stop */
	LepArena arena;		/* of the scan; in the context above */
} PredictState;

/*
 * From so many pairs of one user in a row on all items are looked at at once.  Her
 * items' neighbours are added up in 2 ns each; to find one among 200 takes about 100.
 */
#define SCAN_REPEATS 6

static PredictState *
create_state(FunctionCallInfo fcinfo)
{
	MemoryContext mcxt = fcinfo->flinfo->fn_mcxt;
	PredictState *state = MemoryContextAllocZero(mcxt, sizeof(PredictState));

	state->handle = lpg_handle_create(fcinfo);
	state->user_type = lpg_argument_type(fcinfo, 1);
	state->item_type = lpg_argument_type(fcinfo, 2);
	state->call_context = AllocSetContextCreate(mcxt, "lepton predict call", ALLOCSET_SMALL_SIZES);
	state->context = AllocSetContextCreate(mcxt, "lepton predict", ALLOCSET_SMALL_SIZES);
	state->users = lpg_users_create(mcxt);
	return state;
}

static float *
alloc_row(MemoryContext context, int n_factors)
{
	Size size = (Size) lep_row_stride(n_factors) * sizeof(float) + LEP_ALIGNMENT;

	return (float *) TYPEALIGN(LEP_ALIGNMENT, MemoryContextAllocZero(context, size));
}

/* Forget what belonged to another version; without item_factors, which come last, it is not done. */
static void
reset_state(PredictState *state)
{
	int n_factors = state->handle->version.n_factors;

	state->item_factors = NULL;
	MemoryContextReset(state->context);
	lpg_users_forget(state->users, state->handle);
	state->moved_factors = alloc_row(state->context, n_factors);
	state->n_item_lookups = 0;
	memset(&state->scan, 0, sizeof(state->scan));
	state->has_scan = false;
	state->scan_is_dirty = false;
	lpg_env_init(&state->env, state->context);
	lep_arena_init(&state->arena, &state->env);
	state->item_factors = alloc_row(state->context, n_factors);
}

/* Would loading all items by now have cost no more than the lookups did? */
static bool
loading_pays(const PredictState *state)
{
	const LpgVersion *version = &state->handle->version;

	/* a lookup costs about as much as loading eight items */
	return state->n_item_lookups > version->n_items / 8 + 16 && lpg_handle_fits(state->handle);
}

/* What is read of a row, all at once: each piece would else be waited for before the next. */
static inline void
prefetch_row(const float *row, int n_factors)
{
	for (int f = 0; f < Min(n_factors, MAX_PREFETCH); f += LEP_ALIGNMENT / (int) sizeof(float))
		__builtin_prefetch(row + f);
}

static void
find_cached_item(LpgItems *items, const LepId *id, int n_factors, PairItem *item)
{
	int32 n = lep_idtable_find(items->ids, id);

	if (n < 0)
		return;
	item->known = true;
	item->n = n;
	if (n_factors > 0)
	{
		item->factors = lep_items_row(items->items, n);
		prefetch_row(item->factors, n_factors);
	}
	item->bias = lep_items_bias(items->items, n);
}

/* What her items say of an item is in their rows: no look-up by the item finds that. */
static LpgItems *
find_items(PredictState *state)
{
	LpgHandle *handle = state->handle;

	if (handle->version.has_neighbors)
		return lpg_handle_items(handle);
	if (state->wants_variance)
		return NULL;
	if (handle->items != NULL)
		return handle->items;
	return loading_pays(state) ? lpg_handle_items(handle) : lpg_handle_items_if_cached(handle);
}

/* By index, into *item, which is no_item. */
static void
look_up_item(PredictState *state, const LepId *id, PairItem *item)
{
	LpgFound found = lpg_handle_lookup(state->handle, LPG_ITEMS, id, state->item_factors, NULL, NULL);

	state->n_item_lookups++;
	item->known = found.known;
	item->bias = found.bias;
	item->variance = found.variance;
	item->factors = found.factors;
}

/* An argument's id; "what" is for the error. */
static LepId
read_id(const PredictState *state, Datum argument, Oid type, LpgSide side)
{
	return lpg_keytype_from_argument(argument, type, state->handle->sides[side].kind,
									 side == LPG_USERS ? "user" : "item", state->handle->name);
}

/*
 * Both sides, as far as they are not NULL.  In a query over pairs in any order nearly
 * all of its time is waiting for memory.  So what finds the user and the item begins
 * to come before either is looked for, and what is read of one comes while the other
 * is looked for.
 */
static void
find_sides(FunctionCallInfo fcinfo, PredictState *state, Pair *pair)
{
	LpgItems *items = NULL;
	uint64 hash = 0;
	LepId user;
	LepId item;

	pair->user = &no_user;
	pair->item = no_item;
	if (!PG_ARGISNULL(1))
	{
		user = read_id(state, PG_GETARG_DATUM(1), state->user_type, LPG_USERS);
		hash = lpg_users_begin(state->users, &user);
	}
	if (!PG_ARGISNULL(2))
	{
		item = read_id(state, PG_GETARG_DATUM(2), state->item_type, LPG_ITEMS);
		items = find_items(state);
		if (items != NULL)
			lep_idtable_prefetch(items->ids, &item);
	}
	if (!PG_ARGISNULL(1))
		pair->user = lpg_users_find(state->users, &user, hash);
	if (items != NULL)
		find_cached_item(items, &item, state->handle->version.n_factors, &pair->item);
	else if (!PG_ARGISNULL(2))
		look_up_item(state, &item, &pair->item);
}

static void
fail_unknown(const char *what, Datum argument, bool isnull, Oid type, const char *model)
{
	LepIdKind kind;
	LepId id;

	if (isnull)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s id is NULL", what),
						errdetail("Option \"unknown\" of model \"%s\" is error.", model)));
	(void) lpg_keytype_kind(type, &kind);
	id = lpg_keytype_from_datum(argument, type);
	ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND),
					errmsg("model \"%s\" does not know %s %s", model, what, lpg_keytype_out(&id, kind)),
					errdetail("Option \"unknown\" of the model is error."),
					errhint("Train the model again, with option \"unknown\" set to bias or null if it may "
							"be asked for ids it does not know.")));
}

/* Apply option unknown; true if the answer is NULL. */
static bool
unknown_is_null(FunctionCallInfo fcinfo, const PredictState *state, const Pair *pair)
{
	const LpgHandle *handle = state->handle;

	if (pair->user->known && pair->item.known)
		return false;
	if (handle->version.unknown == LEP_UNKNOWN_ERROR && !pair->user->known)
		fail_unknown("user", PG_GETARG_DATUM(1), PG_ARGISNULL(1), state->user_type, handle->name);
	if (handle->version.unknown == LEP_UNKNOWN_ERROR)
		fail_unknown("item", PG_GETARG_DATUM(2), PG_ARGISNULL(2), state->item_type, handle->name);
	return handle->version.unknown == LEP_UNKNOWN_NULL;
}

/* The state of this call site, with the handle that of the model and version it asks for. */
static PredictState *
begin_call(FunctionCallInfo fcinfo)
{
	PredictState *state = fcinfo->flinfo->fn_extra;

	if (state == NULL)
		state = fcinfo->flinfo->fn_extra = create_state(fcinfo);
	if (lpg_handle_refresh(state->handle, fcinfo) || state->item_factors == NULL)
		reset_state(state);
	return state;
}

/* The user as she was at an instant. */
static void
move_user(PredictState *state, Pair *pair, TimestampTz at)
{
	const LpgTimes *times = lpg_handle_times(state->handle);
	int bin = lpg_times_bin(times, at);
	const LpgUser *user = pair->user;

	if (bin < 0)
		return;
	pair->moved = *user;
	pair->moved.bias = lep_times_move(&times->times, bin, user->bias, user->factors,
									  lep_row_stride(state->handle->version.n_factors), state->moved_factors);
	pair->moved.factors = state->handle->version.n_factors > 0 ? state->moved_factors : NULL;
	pair->user = &pair->moved;
}

/* Memory for sums, all zero. */
static LepStatus
clear_sums(PredictState *state, int32 n_items)
{
	LepNeighborScratch *sums = &state->scan.sums;

	if (sums->sum == NULL)
		return lep_neighbors_scratch(&state->arena, n_items, sums);
	if (state->scan_is_dirty)
	{
		memset(sums->sum, 0, n_items * sizeof(double));
		memset(sums->is_reached, 0, n_items * sizeof(uint8));
		sums->n_reached = 0;
	}
	lep_neighbors_clear(sums);
	return LEP_OK;
}

/* What the last user's items say of all items, once that pays; NULL before. */
static LepServedScan *
find_scan(PredictState *state, const LpgItems *items, const LpgUser *user)
{
	int64 repeats = lpg_users_repeats(state->users);

	if (repeats == 0)
		state->has_scan = false;
	if (repeats < SCAN_REPEATS)
		return NULL;
	if (!state->has_scan)
	{
		lpg_check(clear_sums(state, items->n_items), &state->env.error);
		state->scan.served = &items->served;
		state->scan.has_sums = true;
		/* an interrupt may end this */
		state->scan_is_dirty = true;
		lpg_check(lep_neighbors_add_stoppable(&state->env, items->served.neighbors, &user->basket,
											  &state->scan.sums),
				  &state->env.error);
		state->scan_is_dirty = false;
		state->has_scan = true;
	}
	return &state->scan;
}

static float
score_by_neighbors(PredictState *state, const LepServedUser *who, const Pair *pair)
{
	LpgItems *items = lpg_handle_items(state->handle);
	LepServedScan *scan;
	float score;

	if (!pair->item.known)
		return lep_serve_score_of_unknown(&items->served, who);
	/* nobody was not looked up */
	scan = pair->user == &no_user ? NULL : find_scan(state, items, pair->user);
	if (scan == NULL)
	{
		lpg_check(lep_serve_score(&state->env, &items->served, who, pair->item.n, &score), &state->env.error);
		return score;
	}
	scan->user = who;
	return lep_serve_scan_score(scan, pair->item.n);
}

static float
score_sides(PredictState *state, const Pair *pair)
{
	const LpgVersion *version = &state->handle->version;
	const LpgUser *user = pair->user;
	const PairItem *item = &pair->item;
	LepServedUser who = { user->known, user->bias, user->factors, user->basket };

	if (version->has_neighbors)
		return score_by_neighbors(state, &who, pair);
	return lep_score(version->mean, user->bias, item->bias, user->factors, item->factors,
					 lep_row_stride(version->n_factors));
}

/*
 * Find both sides and score them.  The score is neither clipped nor a median.
 * False if the answer is NULL.
 */
static bool
score_pair(FunctionCallInfo fcinfo, PredictState *state, const TimestampTz *at, Pair *pair)
{
	MemoryContext old = MemoryContextSwitchTo(state->call_context);
	bool isnull;

	find_sides(fcinfo, state, pair);
	isnull = unknown_is_null(fcinfo, state, pair);
	if (at != NULL)
		move_user(state, pair, *at);
	pair->score = score_sides(state, pair);
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->call_context);
	return !isnull;
}

PG_FUNCTION_INFO_V1(lepton_predict);

/*
 * lepton_predict(model text, user_id, item_id, at timestamptz, version bigint) -> real
 *		The model's score of the pair (core/model.h), now or at that time, clipped
 *		to its scale; its median by the model's option point.
 *		A NULL or unknown id: by the model's option unknown.  A NULL at: now.  With a
 *		value, (model bytea, user_id, item_id), and the same with at.
 */
Datum
lepton_predict(PG_FUNCTION_ARGS)
{
	PredictState *state;
	const LpgVersion *version;
	bool has_at = PG_NARGS() > 3 && !PG_ARGISNULL(3);
	TimestampTz at = has_at ? PG_GETARG_TIMESTAMPTZ(3) : 0;
	Pair pair;

	if (lpg_handle_is_null(fcinfo))
		PG_RETURN_NULL();
	state = begin_call(fcinfo);
	version = &state->handle->version;
	if (!score_pair(fcinfo, state, has_at ? &at : NULL, &pair))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT4(lep_point(&version->levels, pair.score, version->min_score, version->max_score));
}

static double
read_level(FunctionCallInfo fcinfo)
{
	double level;

	if (PG_ARGISNULL(3))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("level is NULL"),
						errhint("Say what share of ratings the interval is to hold, as in 0.8.")));
	level = PG_GETARG_FLOAT8(3);
	if (!(level > 0 && level < 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("level cannot be %g", level),
						errhint("It is the share of ratings that the interval is to hold, between 0 and 1, "
								"as 0.8.")));
	return level;
}

/* prediction, low, high, std_error */
#define INTERVAL_COLUMNS 4

static Datum
form_interval(PredictState *state, const Pair *pair, double level)
{
	const LpgVersion *version = &state->handle->version;
	const LpgInterval *interval = lpg_handle_interval(state->handle);
	const LepIntervals *intervals = &interval->intervals;
	double variance = interval->noise +
					  (pair->user->has_variance ? pair->user->variance : intervals->user_prior) +
					  (pair->item.known ? pair->item.variance : intervals->item_prior);
	double half = lep_interval_width(intervals, level) * sqrt(variance);
	float center = lep_clip(pair->score, version->min_score, version->max_score);
	Datum values[INTERVAL_COLUMNS];
	bool nulls[INTERVAL_COLUMNS] = { false };

	values[0] =
		Float4GetDatum(lep_point(&version->levels, pair->score, version->min_score, version->max_score));
	/* at most 1e15 * 1e15 away: no float overflows */
	values[1] = Float4GetDatum(lep_clip((float) (center - half), version->min_score, version->max_score));
	values[2] = Float4GetDatum(lep_clip((float) (center + half), version->min_score, version->max_score));
	values[3] = Float4GetDatum((float) Min(intervals->spread * sqrt(variance), FLT_MAX));
	return HeapTupleGetDatum(heap_form_tuple(state->interval_desc, values, nulls));
}

/* The result's type, once per call site. */
static void
init_interval_type(FunctionCallInfo fcinfo, PredictState *state)
{
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != INTERVAL_COLUMNS)
		elog(ERROR, "lepton_predict_interval is declared with another result than (prediction, low, high, "
					"std_error)");
	state->interval_desc = BlessTupleDesc(CreateTupleDescCopy(desc));
	MemoryContextSwitchTo(old);
}

PG_FUNCTION_INFO_V1(lepton_predict_interval);

/*
 * lepton_predict_interval(model text, user_id, item_id, level float8, version bigint)
 *		-> (prediction real, low real, high real, std_error real)
 *		The prediction, and where a rating lies with this probability
 *		(core/interval.h), clipped to the scale.  std_error is the expected distance
 *		of a rating from its mean prediction, root of the mean square.
 */
Datum
lepton_predict_interval(PG_FUNCTION_ARGS)
{
	double level = read_level(fcinfo);
	PredictState *state;
	Pair pair;

	if (lpg_handle_is_null(fcinfo))
		PG_RETURN_NULL();
	state = begin_call(fcinfo);
	state->wants_variance = true;
	if (state->interval_desc == NULL)
		init_interval_type(fcinfo, state);
	if (!score_pair(fcinfo, state, NULL, &pair))
		PG_RETURN_NULL();
	return form_interval(state, &pair, level);
}
