/*
 * explain.c
 *		lepton_explain(model, user_id, item_id): what a prediction is the sum of.
 *
 * Rows with a contribution add up to lepton_predict of the same arguments.  For
 * item neighbours they are the terms themselves; for implicit factors the terms of
 * the closed form (core/implicit.h), and a row for what that leaves; for explicit
 * factors mean, biases and the product of the factors, beside which the nearest
 * of the items that she has rated stand without a contribution.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/similar.h"
#include "pg/basket.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/keytype.h"
#include "pg/lists.h"
#include "pg/live.h"
#include "pg/pgenv.h"

/* reason, item_id, contribution, share, similarity */
#define EXPLAIN_COLUMNS 5

/* Rated items that stand beside an explanation by factors. */
#define N_NEAREST 10

/* One call. */
typedef struct Explanation
{
	LpgList *list;
	Tuplestorestate *result;
	const LpgItems *items;
	LepServedUser user;
	int32 item;		   /* -1: unknown */
	double prediction; /* as lepton_predict gives it */
	double sum;		   /* of the contributions so far */
} Explanation;

/* One of her items and what it brings in. */
typedef struct Term
{
	int32 item;
	double value;
} Term;

static void
put_row(Explanation *e, const char *reason, int32 item, const double *contribution, const float *similarity)
{
	Datum values[EXPLAIN_COLUMNS] = { 0 };
	bool nulls[EXPLAIN_COLUMNS] = { false, item < 0, contribution == NULL, true, similarity == NULL };

	values[0] = CStringGetTextDatum(reason);
	if (item >= 0)
	{
		LepId id = lep_idtable_id(e->items->ids, item);

		values[1] = lpg_list_id(e->list, &id);
	}
	if (contribution != NULL)
	{
		values[2] = Float8GetDatum(*contribution);
		nulls[3] = e->prediction == 0;
		values[3] = Float8GetDatum(nulls[3] ? 0 : *contribution / e->prediction);
		e->sum += *contribution;
	}
	if (similarity != NULL)
		values[4] = Float4GetDatum(*similarity);
	lpg_list_put_row(e->list, e->result, values, nulls);
}

static void
put_part(Explanation *e, const char *reason, double contribution)
{
	put_row(e, reason, -1, &contribution, NULL);
}

/* The largest first, then by item. */
static int
compare_terms(const void *a, const void *b)
{
	const Term *x = a;
	const Term *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

/* Her items, those that bring in nothing left out. */
static void
put_terms(Explanation *e, const double *terms)
{
	const LepBasket *basket = &e->user.basket;
	Term *sorted = palloc_extended((basket->n + 1) * sizeof(Term), MCXT_ALLOC_HUGE);
	int64 n = 0;

	for (int64 j = 0; j < basket->n; j++)
	{
		if (terms[j] != 0)
			sorted[n++] = (Term){ basket->rows[j], terms[j] };
	}
	qsort(sorted, n, sizeof(Term), compare_terms);
	for (int64 j = 0; j < n; j++)
		put_row(e, "item", sorted[j].item, &sorted[j].value, NULL);
}

/* Which of the items that she has rated are most like it. */
static void
put_nearest(Explanation *e)
{
	LepSimilarQuery query = { .row = lep_items_row(e->items->items, e->item),
							  .n = N_NEAREST,
							  .without = e->item,
							  .within = e->user.basket.rows,
							  .n_within = e->user.basket.n };
	LepTopnEntry entries[N_NEAREST];
	int64 n_found;
	LepEnv env;

	if (query.within == NULL)
		return;
	lpg_env_init(&env, CurrentMemoryContext);
	lpg_check(lep_similar_items(&env, e->items->items, &query, entries, &n_found), &env.error);
	for (int64 i = 0; i < n_found; i++)
		put_row(e, "rated item", entries[i].item, NULL, &entries[i].score);
}

/*
 * What each of her items brings in by the closed form.  What their weights were is
 * not stored: they count alike.
 */
static double *
implicit_terms(const Explanation *e)
{
	const LpgFolding *folding = lpg_folding_get(e->list->handle);
	const LepBasket *basket = &e->user.basket;
	LepImplicitInput input = { e->items->items, basket->rows, NULL, basket->n, e->user.row };
	double *terms = palloc_extended((basket->n + 1) * sizeof(double), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	LepEnv env;

	if (folding == NULL || !folding->implicit || e->user.row == NULL)
		return terms;
	lpg_env_init(&env, CurrentMemoryContext);
	lpg_check(lep_implicit_explain(&env, folding->gram, &folding->rule, &input, e->item, terms), &env.error);
	return terms;
}

static void
explain_implicit(Explanation *e)
{
	put_terms(e, implicit_terms(e));
	put_part(e, "other", e->prediction - e->sum);
}

/* What the score is the sum of; terms as of lep_serve_parts(). */
static void
read_parts(const Explanation *e, LepScoreParts *parts, double *terms)
{
	LepEnv env;

	lpg_env_init(&env, CurrentMemoryContext);
	lpg_check(lep_serve_parts(&env, &e->items->served, &e->user, e->item, parts, terms), &env.error);
}

/* Without neighbours, it is popularity alone. */
static void
explain_neighbors(Explanation *e)
{
	double *terms = palloc_extended((e->user.basket.n + 1) * sizeof(double), MCXT_ALLOC_HUGE);
	LepScoreParts parts;

	read_parts(e, &parts, terms);
	put_terms(e, terms);
	put_part(e, "item bias", parts.mean + parts.user_bias + parts.item_bias);
}

/* An item brings in what it does by both parts. */
static void
explain_blend(Explanation *e)
{
	double *terms = implicit_terms(e);
	double *by_neighbors = palloc_extended((e->user.basket.n + 1) * sizeof(double), MCXT_ALLOC_HUGE);
	LepScoreParts parts;

	read_parts(e, &parts, by_neighbors);
	for (int64 j = 0; j < e->user.basket.n; j++)
		terms[j] += by_neighbors[j];
	put_terms(e, terms);
	put_part(e, "item bias", parts.mean + parts.user_bias + parts.item_bias);
	put_part(e, "other", e->prediction - e->sum);
}

/* What clipping or a median adds is a row of its own, if it is there. */
static void
explain_explicit(Explanation *e, float score)
{
	bool both = e->user.row != NULL && e->item >= 0;
	LepScoreParts parts;

	read_parts(e, &parts, NULL);
	put_part(e, "mean", parts.mean);
	if (e->user.known)
		put_part(e, "user bias", parts.user_bias);
	if (e->item >= 0)
		put_part(e, "item bias", parts.item_bias);
	if (both)
		put_part(e, "factors", parts.factors);
	if ((double) score != e->prediction)
		put_part(e, "scale", e->prediction - (double) score);
	if (both)
		put_nearest(e);
}

static void
read_sides(FunctionCallInfo fcinfo, Explanation *e)
{
	LpgHandle *handle = e->list->handle;

	e->item = -1;
	if (!PG_ARGISNULL(1))
	{
		LepId id = lpg_keytype_from_argument(PG_GETARG_DATUM(1), e->list->user_type,
											 handle->sides[LPG_USERS].kind, "user", handle->name);
		LpgPerson person;

		lpg_live_find(handle, &id, true, lpg_basket_alloc_row(handle->version.n_factors), &person);
		e->user = person.user;
		e->user.basket = (LepBasket){ person.seen, NULL, person.n_seen };
	}
	if (!PG_ARGISNULL(2))
	{
		LepId id = lpg_keytype_from_datum(PG_GETARG_DATUM(2), lpg_keytype_stored_type(e->list->kind));

		e->item = lep_idtable_find(e->items->ids, &id);
	}
}

static void
explain(Explanation *e)
{
	const LpgVersion *version = &e->list->handle->version;
	float score;
	LepEnv env;

	lpg_env_init(&env, CurrentMemoryContext);
	lpg_check(lep_serve_score(&env, &e->items->served, &e->user, e->item, &score), &env.error);
	e->prediction = (double) lep_point(&version->levels, score, version->min_score, version->max_score);
	if (!version->implicit)
		explain_explicit(e, score);
	else if (e->item < 0)
		return; /* 0, of which nothing is a part */
	else if (version->n_factors == 0 || (version->has_neighbors && !e->user.known))
		explain_neighbors(e);
	else if (version->has_neighbors)
		explain_blend(e);
	else if (e->user.known)
		explain_implicit(e);
}

PG_FUNCTION_INFO_V1(lepton_explain);

/*
 * lepton_explain(model text, user_id, item_id, version bigint)
 *		-> setof (reason text, item_id, contribution float8, share float8, similarity real)
 *		The contributions add up to lepton_predict of the same; rows without one do
 *		not count into it.  No row where that is NULL or an ERROR for an id that the
 *		model does not know, nor where it is 0 of implicit feedback for that.
 */
Datum
lepton_explain(PG_FUNCTION_ARGS)
{
	static const LpgListFunction function = { "lepton_explain", EXPLAIN_COLUMNS, 1, LPG_ITEMS };
	MemoryContext old;
	Explanation e = { 0 };

	if (lpg_handle_is_null(fcinfo))
		return lpg_list_none(fcinfo);
	e.list = lpg_list_begin(fcinfo, &function, &old);
	e.result = lpg_list_result(fcinfo, e.list);
	e.items = lpg_handle_items(e.list->handle);
	read_sides(fcinfo, &e);
	if ((e.user.known && e.item >= 0) || e.list->handle->version.unknown == LEP_UNKNOWN_BIAS)
		explain(&e);
	MemoryContextSwitchTo(old);
	return (Datum) 0;
}
