/*
 * predict.c
 *		lepton_predict(model, user_id, item_id) -> real
 *
 * Two index lookups per call.  Within a query the last user is remembered, and
 * once so many items were looked up that loading them all would have paid, they
 * are loaded (if the cache can hold them): ORDER BY lepton_predict over a
 * catalogue then costs a hash probe and a dot product per row.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/memutils.h"

#include "core/kernels.h"
#include "core/model.h"
#include "pg/compat.h"
#include "pg/handle.h"
#include "pg/keytype.h"

/* One side of a prediction. */
typedef struct Side
{
	bool known;
	float bias;
	const float *factors; /* padded, or NULL */
} Side;

/* What a call site keeps. */
typedef struct PredictState
{
	LpgHandle *handle;
	Oid user_type; /* of the arguments, as declared */
	Oid item_type;

	MemoryContext call_context; /* reset by each call */
	MemoryContext context;		/* of the buffers; reset with the version */
	float *user_factors;		/* buffers of one row */
	float *item_factors;
	bool has_user; /* user and user_id hold the last one asked for */
	Side user;
	LepId user_id;
	char *user_text; /* its bytes, for text ids */
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
	return state;
}

static float *
alloc_row(MemoryContext context, int n_factors)
{
	Size size = (Size) lep_row_stride(n_factors) * sizeof(float) + LEP_ALIGNMENT;

	return (float *) TYPEALIGN(LEP_ALIGNMENT, MemoryContextAllocZero(context, size));
}

/* Forget what belonged to another version. */
static void
reset_state(PredictState *state)
{
	int n_factors = state->handle->version.n_factors;

	MemoryContextReset(state->context);
	state->user_factors = alloc_row(state->context, n_factors);
	state->item_factors = alloc_row(state->context, n_factors);
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
	found = lpg_handle_lookup(handle, LPG_USERS, &id, state->user_factors, NULL, NULL);
	state->user.known = found.known;
	state->user.bias = found.bias;
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
	Side side = { false, 0, NULL };

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
	LpgItems *items = loading_pays(state) ? lpg_handle_items(handle) : lpg_handle_items_if_cached(handle);
	LpgFound found;
	Side side;

	if (items != NULL)
		return find_cached_item(items, &id, handle->version.n_factors);
	state->n_item_lookups++;
	found = lpg_handle_lookup(handle, LPG_ITEMS, &id, state->item_factors, NULL, NULL);
	side.known = found.known;
	side.bias = found.bias;
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

PG_FUNCTION_INFO_V1(lepton_predict);

/*
 * lepton_predict(model text, user_id, item_id) -> real
 *		The model's score of the pair (core/model.h), clipped to its scale.
 *		A NULL or unknown id: by the model's option unknown.
 */
Datum
lepton_predict(PG_FUNCTION_ARGS)
{
	PredictState *state = fcinfo->flinfo->fn_extra;
	Side user = { false, 0, NULL };
	Side item = { false, 0, NULL };
	MemoryContext old;
	const LpgVersion *version;
	float score;
	bool isnull;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the model's name is NULL")));
	if (state == NULL)
		state = fcinfo->flinfo->fn_extra = create_state(fcinfo);
	if (lpg_handle_refresh(state->handle, PG_GETARG_TEXT_PP(0)) || state->user_factors == NULL)
		reset_state(state);
	version = &state->handle->version;

	old = MemoryContextSwitchTo(state->call_context);
	if (!PG_ARGISNULL(1))
		user = find_user(state, PG_GETARG_DATUM(1));
	if (!PG_ARGISNULL(2))
		item = find_item(state, PG_GETARG_DATUM(2));
	isnull = unknown_is_null(fcinfo, state, &user, &item);
	score = lep_score(version->mean, user.bias, item.bias, user.factors, item.factors,
					  lep_row_stride(version->n_factors));
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->call_context);

	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT4(lep_clip(score, version->min_score, version->max_score));
}
