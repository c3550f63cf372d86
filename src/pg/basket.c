/*
 * basket.c
 *		Baskets: arrays in, somebody out.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "core/blend.h"
#include "core/kernels.h"
#include "core/ratings.h"
#include "pg/basket.h"
#include "pg/compat.h"
#include "pg/errors.h"
#include "pg/pgenv.h"

/* An item with its weight. */
typedef struct Weighted
{
	int32 item;
	float weight;
} Weighted;

static void
fail_count(int n_items, int n_weights)
{
	ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					errmsg("there are %d weights for %d items", n_weights, n_items),
					errhint("Give each item its weight, in the same order.")));
}

/* Counts and weights are not below 0; ratings may be. */
static float
check_weight(double weight, bool is_rating)
{
	double least = is_rating ? -LEP_MAX_RATING : 0;

	if (!(weight >= least && weight <= LEP_MAX_RATING))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a weight cannot be %g", weight),
						errhint("A weight is a number from %g to %g.", least, LEP_MAX_RATING)));
	return (float) weight;
}

/* The weights of n items; NULL where there are none. */
static float *
read_weights(FunctionCallInfo fcinfo, int arg, int n, bool are_ratings)
{
	ArrayType *array;
	const float8 *given;
	float *weights;
	int n_weights;

	if (arg < 0 || PG_ARGISNULL(arg))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(arg);
	n_weights = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (n_weights != n)
		fail_count(n, n_weights);
	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a weight is NULL"),
						errhint("Give each item its weight.")));
	/* without NULLs its data are the numbers, one behind the other */
	given = (const float8 *) ARR_DATA_PTR(array);
	weights = palloc_extended(Max(n, 1) * sizeof(float), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		if (i % LPG_ELEMENTS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		weights[i] = check_weight(given[i], are_ratings);
	}
	return weights;
}

static int
compare_weighted(const void *a, const void *b)
{
	const Weighted *x = a;
	const Weighted *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return x->weight < y->weight ? -1 : x->weight > y->weight;
}

/* The known ones, ascending; what is there twice is one with both weights, but for ratings. */
static void
fill_basket(LpgBasket *basket, const int32 *numbers, const float *weights, int n, bool are_ratings)
{
	Weighted *sorted = palloc_extended(Max(n, 1) * sizeof(Weighted), MCXT_ALLOC_HUGE);
	int n_known = 0;

	for (int i = 0; i < n; i++)
	{
		if (i % LPG_ELEMENTS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (numbers[i] >= 0)
			sorted[n_known++] = (Weighted){ numbers[i], weights == NULL ? 1 : weights[i] };
	}
	qsort(sorted, n_known, sizeof(Weighted), compare_weighted);
	basket->items = palloc_extended(Max(n, 1) * sizeof(int32), MCXT_ALLOC_HUGE);
	basket->weights = weights == NULL ? NULL : palloc_extended(Max(n, 1) * sizeof(float), MCXT_ALLOC_HUGE);
	basket->n = 0;
	for (int i = 0; i < n_known; i++)
	{
		bool again = !are_ratings && basket->n > 0 && basket->items[basket->n - 1] == sorted[i].item;

		if (i % LPG_ELEMENTS_PER_CHECK == 0)
			CHECK_FOR_INTERRUPTS();
		if (again && weights != NULL)
			basket->weights[basket->n - 1] += sorted[i].weight;
		if (again)
			continue;
		basket->items[basket->n] = sorted[i].item;
		if (weights != NULL)
			basket->weights[basket->n] = sorted[i].weight;
		basket->n++;
	}
}

void
lpg_basket_read(FunctionCallInfo fcinfo, LpgHandle *handle, int items, int weights, LpgBasket *basket)
{
	bool are_ratings = !handle->version.implicit;
	int32 *numbers;
	int n;

	memset(basket, 0, sizeof(*basket));
	if (PG_ARGISNULL(items))
		return;
	numbers = lpg_list_read_numbers(lpg_handle_items(handle), PG_GETARG_ARRAYTYPE_P(items), &n);
	fill_basket(basket, numbers, read_weights(fcinfo, weights, n, are_ratings), n, are_ratings);
}

float *
lpg_basket_alloc_row(int n_factors)
{
	Size size = (Size) lep_row_stride(n_factors) * sizeof(float) + LEP_ALIGNMENT;

	return (float *) TYPEALIGN(LEP_ALIGNMENT, palloc0(size));
}

static void
fail_no_ratings(const LpgHandle *handle)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("model \"%s\" learned from ratings, but none are given", handle->name),
					errhint("Give each item the rating that it has: weights => ARRAY[...].")));
}

static void
fail_no_folding(const LpgHandle *handle)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("model \"%s\" cannot take in users without an id", handle->name),
					errhint("Train it again, with a larger lepton.max_training_memory if it is large.")));
}

/* Her factors, and with ratings her bias. */
static void
fold_in(LpgHandle *handle, const LpgBasket *basket, LepServedUser *user)
{
	const LpgFolding *folding = lpg_folding_get(handle);
	float *row = lpg_basket_alloc_row(handle->version.n_factors);
	LepEnv env;

	if (folding == NULL)
		fail_no_folding(handle);
	lpg_env_init(&env, CurrentMemoryContext);
	if (folding->implicit)
	{
		LepImplicitInput input = { handle->items->items, basket->items, basket->weights, basket->n, NULL };

		lpg_check(lep_implicit_fold_in(&env, folding->gram, &folding->rule, &input, row), &env.error);
		if (folding->blends)
			lpg_check(lep_blend_row(&env, folding->gram, handle->items->served.neighbors, &user->basket,
									folding->ratio, row),
					  &env.error);
	}
	else
	{
		LepRated rated = { basket->items, basket->weights, basket->n };

		if (basket->weights == NULL)
			fail_no_ratings(handle);
		lpg_check(lep_serve_fold_in(&env, &handle->items->served, folding->prior, &rated, &user->bias, row),
				  &env.error);
	}
	user->row = row;
}

void
lpg_basket_user(LpgHandle *handle, const LpgBasket *basket, LepServedUser *user)
{
	memset(user, 0, sizeof(*user));
	if (basket->n == 0)
		return;
	user->known = true;
	user->basket.rows = basket->items;
	user->basket.weights = basket->counts_once ? NULL : basket->weights;
	user->basket.n = basket->n;
	if (handle->version.n_factors > 0)
		fold_in(handle, basket, user);
}
