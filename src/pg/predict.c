/*
 * predict.c
 *		lepton_predict(model, user_id, item_id [, at]) -> real, and
 *		lepton_predict_interval(model, user_id, item_id, level).
 *
 * Two index lookups per call.  Within a query the last user is remembered, and
 * once so many items were looked up that loading them all would have paid, they
 * are loaded (if the cache can hold them): ORDER BY lepton_predict over a
 * catalogue then costs a hash probe and a dot product per row.  Intervals always
 * look up: what is loaded has no variances.  A model with item neighbours is always
 * loaded.
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
#include "pg/basket.h"
#include "pg/compat.h"
#include "pg/handle.h"
#include "pg/keytype.h"

/* One side of a prediction. */
typedef struct Side
{
	bool known;
	float bias;
	float variance;
	const float *factors; /* padded, or NULL */
	int32 n;			  /* number of a known one */
	LepBasket basket;	  /* of a user, for a model with neighbours */
} Side;

static const Side nobody;

/* Both, and what the model says of them. */
typedef struct Pair
{
	Side user;
	Side item;
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
	float *user_factors;		/* buffers of one row */
	float *item_factors;
	float *moved_factors; /* the user's at another time */
	bool has_user;		  /* user and user_id hold the last one asked for */
	Side user;
	LepId user_id;
	MemoryContext basket_context; /* of the last user's items */
	char *user_text;			  /* its bytes, for text ids */
	int64 n_item_lookups;
} PredictState;

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
	state->basket_context = AllocSetContextCreate(mcxt, "lepton predict items", ALLOCSET_SMALL_SIZES);
	return state;
}

/* Forget what belonged to another version. */
static void
reset_state(PredictState *state)
{
	int n_factors = state->handle->version.n_factors;
	MemoryContext old;

	MemoryContextReset(state->context);
	old = MemoryContextSwitchTo(state->context);
	state->user_factors = lpg_basket_alloc_row(n_factors);
	state->item_factors = lpg_basket_alloc_row(n_factors);
	state->moved_factors = lpg_basket_alloc_row(n_factors);
	MemoryContextSwitchTo(old);
	state->user_text = NULL;
	state->has_user = false;
	state->n_item_lookups = 0;
}

static void
remember_user(PredictState *state, const LepId *id, LepIdKind kind)
{
	state->user_id = *id;
	if (kind == LEP_ID_TEXT)
	{
		if (state->user_text == NULL)
			state->user_text = MemoryContextAlloc(state->context, LEP_MAX_TEXT_ID);
		state->has_user = id->v.text.len <= LEP_MAX_TEXT_ID;
		if (state->has_user)
			memcpy(state->user_text, id->v.text.data, id->v.text.len);
		state->user_id.v.text.data = state->user_text;
	}
	else
		state->has_user = true;
}

/* A user with her items, which are kept as long as she is. */
static LpgFound
look_up_basket(PredictState *state, const LepId *id)
{
	MemoryContext old;
	LpgFound found;
	int32 *seen = NULL;
	int64 n_seen = 0;

	MemoryContextReset(state->basket_context);
	old = MemoryContextSwitchTo(state->basket_context);
	found = lpg_handle_lookup(state->handle, LPG_USERS, id, state->user_factors, &seen, &n_seen);
	MemoryContextSwitchTo(old);
	state->user.basket.rows = seen;
	state->user.basket.n = n_seen;
	return found;
}

static Side
find_user(PredictState *state, Datum argument)
{
	LpgHandle *handle = state->handle;
	LepIdKind kind = handle->sides[LPG_USERS].kind;
	LepId id = lpg_keytype_from_argument(argument, state->user_type, kind, "user", handle->name);
	LpgFound found;

	if (state->has_user && lep_id_compare(kind, &id, &state->user_id) == 0)
		return state->user;
	state->has_user = false;
	state->user.basket.n = 0;
	if (handle->version.has_neighbors)
		found = look_up_basket(state, &id);
	else
		found = lpg_handle_lookup(handle, LPG_USERS, &id, state->user_factors, NULL, NULL);
	state->user.known = found.known;
	state->user.bias = found.bias;
	state->user.variance = found.variance;
	state->user.factors = found.factors;
	remember_user(state, &id, kind);
	return state->user;
}

/* Would loading all items by now have cost no more than the lookups did? */
static bool
loading_pays(const PredictState *state)
{
	const LpgVersion *version = &state->handle->version;

	/* a lookup costs about as much as loading eight items */
	return state->n_item_lookups > version->n_items / 8 + 16 && lpg_cache_fits(version);
}

static Side
find_cached_item(LpgItems *items, const LepId *id, int n_factors)
{
	int32 n = lep_idmap_find(items->ids, id);
	Side side = nobody;

	side.n = n;
	if (n >= 0)
	{
		side.known = true;
		side.bias = lep_items_bias(items->items, n);
		side.factors = n_factors > 0 ? lep_items_row(items->items, n) : NULL;
	}
	return side;
}

static Side
find_item(PredictState *state, Datum argument)
{
	LpgHandle *handle = state->handle;
	LepId id = lpg_keytype_from_argument(argument, state->item_type, handle->sides[LPG_ITEMS].kind, "item",
										 handle->name);
	LpgItems *items = NULL;
	LpgFound found;
	Side side = nobody;

	/* what her items say of it is in their rows: no look-up by the item finds that */
	if (handle->version.has_neighbors)
		items = lpg_handle_items(handle);
	else if (!state->wants_variance)
		items = loading_pays(state) ? lpg_handle_items(handle) : lpg_handle_items_if_cached(handle);
	if (items != NULL)
		return find_cached_item(items, &id, handle->version.n_factors);
	state->n_item_lookups++;
	found = lpg_handle_lookup(handle, LPG_ITEMS, &id, state->item_factors, NULL, NULL);
	side.known = found.known;
	side.bias = found.bias;
	side.variance = found.variance;
	side.factors = found.factors;
	return side;
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
unknown_is_null(FunctionCallInfo fcinfo, const PredictState *state, const Side *user, const Side *item)
{
	const LpgHandle *handle = state->handle;

	if (user->known && item->known)
		return false;
	if (handle->version.unknown == LEP_UNKNOWN_ERROR && !user->known)
		fail_unknown("user", PG_GETARG_DATUM(1), PG_ARGISNULL(1), state->user_type, handle->name);
	if (handle->version.unknown == LEP_UNKNOWN_ERROR)
		fail_unknown("item", PG_GETARG_DATUM(2), PG_ARGISNULL(2), state->item_type, handle->name);
	return handle->version.unknown == LEP_UNKNOWN_NULL;
}

/* The state of this call site, with the handle that of the model's current version. */
static PredictState *
begin_call(FunctionCallInfo fcinfo)
{
	PredictState *state = fcinfo->flinfo->fn_extra;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the model's name is NULL")));
	if (state == NULL)
		state = fcinfo->flinfo->fn_extra = create_state(fcinfo);
	if (lpg_handle_refresh(state->handle, PG_GETARG_TEXT_PP(0)) || state->user_factors == NULL)
		reset_state(state);
	return state;
}

/* The user as she was at an instant. */
static void
move_user(PredictState *state, Side *user, TimestampTz at)
{
	const LpgTimes *times = lpg_handle_times(state->handle);
	int bin = lpg_times_bin(times, at);

	if (bin < 0)
		return;
	user->bias = lep_times_move(&times->times, bin, user->bias, user->factors,
								lep_row_stride(state->handle->version.n_factors), state->moved_factors);
	user->factors = state->handle->version.n_factors > 0 ? state->moved_factors : NULL;
}

static float
score_sides(LpgHandle *handle, const Side *user, const Side *item)
{
	const LpgVersion *version = &handle->version;
	LepServedUser who = { user->known, user->bias, user->factors, user->basket };

	if (version->has_neighbors)
		return lep_serve_score(&lpg_handle_items(handle)->served, &who, item->known ? item->n : -1);
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

	pair->user = PG_ARGISNULL(1) ? nobody : find_user(state, PG_GETARG_DATUM(1));
	pair->item = PG_ARGISNULL(2) ? nobody : find_item(state, PG_GETARG_DATUM(2));
	isnull = unknown_is_null(fcinfo, state, &pair->user, &pair->item);
	if (at != NULL)
		move_user(state, &pair->user, *at);
	pair->score = score_sides(state->handle, &pair->user, &pair->item);
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->call_context);
	return !isnull;
}

PG_FUNCTION_INFO_V1(lepton_predict);

/*
 * lepton_predict(model text, user_id, item_id [, at timestamptz]) -> real
 *		The model's score of the pair (core/model.h), now or at that time, clipped
 *		to its scale; its median by the model's option point.
 *		A NULL or unknown id: by the model's option unknown.  A NULL at: now.
 */
Datum
lepton_predict(PG_FUNCTION_ARGS)
{
	PredictState *state = begin_call(fcinfo);
	const LpgVersion *version = &state->handle->version;
	bool has_at = PG_NARGS() > 3 && !PG_ARGISNULL(3);
	TimestampTz at = has_at ? PG_GETARG_TIMESTAMPTZ(3) : 0;
	Pair pair;

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
	double variance = interval->noise + (pair->user.known ? pair->user.variance : intervals->user_prior) +
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
 * lepton_predict_interval(model text, user_id, item_id, level float8)
 *		-> (prediction real, low real, high real, std_error real)
 *		The prediction, and where a rating lies with this probability
 *		(core/interval.h), clipped to the scale.  std_error is the expected distance
 *		of a rating from its mean prediction, root of the mean square.
 */
Datum
lepton_predict_interval(PG_FUNCTION_ARGS)
{
	PredictState *state = begin_call(fcinfo);
	double level = read_level(fcinfo);
	Pair pair;

	state->wants_variance = true;
	if (state->interval_desc == NULL)
		init_interval_type(fcinfo, state);
	if (!score_pair(fcinfo, state, NULL, &pair))
		PG_RETURN_NULL();
	return form_interval(state, &pair, level);
}
