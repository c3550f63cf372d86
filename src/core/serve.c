/*
 * serve.c
 *		Which way a list is found: by bounds over factors (topn.c), by the sums of
 *		a basket (neighbors.c), along the order of popularity, or, where both count,
 *		by a scan of what the basket reaches and by bounds over the rest.
 */
#include "core/serve.h"

#include <string.h>

#include "core/best.h"
#include "core/kernels.h"

/* Items scored, or copied, between two questions whether to stop. */
#define STOP_INTERVAL 1024

/* The score without the terms of neighbours, in double. */
static double
base_score(const LepServed *served, const LepServedUser *user, int32_t item)
{
	double score = served->mean + (double) user->bias;
	const float *row;

	if (item < 0)
		return score;
	score += (double) lep_items_bias(served->items, item);
	row = lep_items_row(served->items, item);
	if (row != NULL && user->row != NULL)
		score += lep_kernels->dot_f64(user->row, row, lep_items_stride(served->items));
	return score;
}

LepStatus
lep_serve_score(LepEnv *env, const LepServed *served, const LepServedUser *user, int32_t item, float *score)
{
	double sum = base_score(served, user, item);
	LepNeighborSum by_neighbors;
	LepStatus status = LEP_OK;

	if (item >= 0 && served->neighbors != NULL)
	{
		status = lep_neighbors_sum(env, served->neighbors, &user->basket, item, NULL, &by_neighbors);
		sum += by_neighbors.sum;
	}
	*score = (float) sum;
	return status;
}

float
lep_serve_score_of_unknown(const LepServed *served, const LepServedUser *user)
{
	return (float) base_score(served, user, -1);
}

LepStatus
lep_serve_parts(LepEnv *env, const LepServed *served, const LepServedUser *user, int32_t item,
				LepScoreParts *parts, double *terms)
{
	LepNeighborSum by_neighbors = { 0, false };
	LepStatus status = LEP_OK;
	const float *row = item < 0 ? NULL : lep_items_row(served->items, item);

	memset(parts, 0, sizeof(*parts));
	parts->mean = served->mean;
	parts->user_bias = (double) user->bias;
	if (terms != NULL)
		memset(terms, 0, (size_t) user->basket.n * sizeof(double));
	if (item < 0)
		return LEP_OK;
	parts->item_bias = (double) lep_items_bias(served->items, item);
	if (row != NULL && user->row != NULL)
		parts->factors = lep_kernels->dot_f64(user->row, row, lep_items_stride(served->items));
	if (served->neighbors != NULL)
		status = lep_neighbors_sum(env, served->neighbors, &user->basket, item, terms, &by_neighbors);
	parts->neighbors = by_neighbors.sum;
	return status;
}

static void
set_origins(LepOrigin *origins, int64_t n, LepOrigin origin)
{
	for (int64_t i = 0; i < n; i++)
		origins[i] = origin;
}

/* Factors, or biases alone. */
static LepStatus
list_by_factors(LepEnv *env, const LepServed *served, const LepServedUser *user, const LepServedQuery *query,
				LepTopnEntry *entries, int64_t *n_found)
{
	LepTopnQuery by_factors = { .user_row = user->row,
								.user_bias = user->bias,
								.n = query->n,
								.exclude = query->exclude,
								.n_exclude = query->n_exclude,
								.candidates = query->candidates,
								.n_candidates = query->n_candidates,
								.eligible = query->eligible,
								.mask = query->scratch == NULL ? NULL : query->scratch->mask };

	return lep_topn(env, served->items, &by_factors, entries, n_found);
}

/* The query of a basket. */
static LepNeighborQuery
basket_query(const LepServed *served, const LepServedUser *user, const LepServedQuery *query)
{
	LepNeighborQuery by_basket = { .basket = user->basket,
								   .base = served->mean + (double) user->bias,
								   .item_bias = served->popularity,
								   .order = served->order,
								   .n = query->n,
								   .exclude = query->exclude,
								   .n_exclude = query->n_exclude,
								   .candidates = query->candidates,
								   .n_candidates = query->n_candidates,
								   .eligible = query->eligible,
								   .scratch = &query->scratch->sums };

	return by_basket;
}

static LepStatus
list_by_neighbors(LepEnv *env, const LepServed *served, const LepServedUser *user,
				  const LepServedQuery *query, LepTopnEntry *entries, LepOrigin *origins, int64_t *n_found)
{
	LepNeighborQuery by_basket = basket_query(served, user, query);
	LepStatus status;

	by_basket.is_reached = query->scratch->is_reached;
	status = lep_neighbors_topn(env, served->neighbors, &by_basket, entries, n_found);
	for (int64_t i = 0; status == LEP_OK && i < *n_found; i++)
		origins[i] = by_basket.is_reached[i] ? LEP_ORIGIN_NEIGHBORS : LEP_ORIGIN_POPULAR;
	return status;
}

static bool
is_excluded(const LepServedQuery *query, int64_t *at, int32_t item)
{
	while (*at < query->n_exclude && query->exclude[*at] < item)
		++*at;
	return (*at < query->n_exclude && query->exclude[*at] == item) ||
		   !lep_topn_has_bit(query->eligible, item);
}

/* The most popular, by the shares of users. */
static LepStatus
offer_popular(LepEnv *env, const LepServed *served, const LepServedQuery *query, LepBest *best)
{
	int32_t n_items = lep_items_count(served->items);
	int64_t n = query->candidates != NULL ? query->n_candidates : n_items;
	const int32_t *items = query->candidates != NULL ? query->candidates : served->order;

	for (int64_t j = 0; j < n; j++)
	{
		int32_t item = items[j];

		if (j % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		/* along the order nothing better comes */
		if (query->candidates == NULL && best->n_kept == best->n_wanted)
			break;
		if (lep_topn_has_bit(query->eligible, item) &&
			!lep_topn_is_listed(query->exclude, query->n_exclude, item))
			lep_best_offer(best, (LepTopnEntry){ item, served->popularity[item] });
	}
	return lep_best_sort(env, best);
}

/* Scores that do not differ are no order: by popularity, with the scores that they have. */
static LepStatus
list_by_popularity(LepEnv *env, const LepServed *served, const LepServedUser *user,
				   const LepServedQuery *query, LepTopnEntry *entries, int64_t *n_found)
{
	int64_t n_possible = query->candidates != NULL ? query->n_candidates : lep_items_count(served->items);
	LepBest best = { entries, query->n < n_possible ? query->n : n_possible, 0 };
	LepStatus status = offer_popular(env, served, query, &best);

	for (int64_t i = 0; status == LEP_OK && i < best.n_kept; i++)
	{
		if (i % STOP_INTERVAL == STOP_INTERVAL - 1 && lep_env_stopped(env))
			status = LEP_ERR_STOPPED;
		entries[i].score = (float) base_score(served, user, entries[i].item);
	}
	*n_found = status == LEP_OK ? best.n_kept : 0;
	return status;
}

/* A list by factors and neighbours. */
typedef struct Both
{
	const LepServed *served;
	const LepServedUser *user;
	const LepServedQuery *query;
	LepNeighborScratch *sums;
	LepBest best;
} Both;

static void
offer_item(Both *both, int32_t item)
{
	double score = base_score(both->served, both->user, item) + both->sums->sum[item];

	lep_best_offer(&both->best, (LepTopnEntry){ item, (float) score });
}

static LepStatus
offer_candidates(LepEnv *env, Both *both)
{
	int64_t at = 0;

	for (int64_t j = 0; j < both->query->n_candidates; j++)
	{
		int32_t item = both->query->candidates[j];

		if (j % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (!is_excluded(both->query, &at, item))
			offer_item(both, item);
	}
	return LEP_OK;
}

/* What the basket reaches, and may be listed; the mask is left with all others that may. */
static LepStatus
offer_reached(LepEnv *env, Both *both, uint8_t *mask)
{
	const LepServedQuery *query = both->query;

	if (query->eligible != NULL)
		memcpy(mask, query->eligible, lep_topn_mask_size(both->sums->n_items));
	else
		memset(mask, 0xFF, lep_topn_mask_size(both->sums->n_items));
	for (int64_t j = 0; j < query->n_exclude; j++)
		mask[query->exclude[j] >> 3] &= (uint8_t) ~(1 << (query->exclude[j] & 7));
	for (int32_t k = 0; k < both->sums->n_reached; k++)
	{
		int32_t item = both->sums->reached[k];
		uint8_t bit = (uint8_t) (1 << (item & 7));

		if (k % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if ((mask[item >> 3] & bit) == 0)
			continue;
		mask[item >> 3] &= (uint8_t) ~bit;
		offer_item(both, item);
	}
	return LEP_OK;
}

/* All items: of what the basket does not reach factors know the best by their bounds. */
static LepStatus
offer_all(LepEnv *env, Both *both)
{
	LepServeScratch *scratch = both->query->scratch;
	LepTopnQuery rest = { .user_row = both->user->row,
						  .user_bias = both->user->bias,
						  .n = both->best.n_wanted,
						  .mask = scratch->mask,
						  .has_mask = true };
	int64_t n_found = 0;
	LepStatus status = offer_reached(env, both, scratch->mask);

	if (status == LEP_OK)
		status = lep_topn(env, both->served->items, &rest, scratch->rest, &n_found);
	for (int64_t i = 0; status == LEP_OK && i < n_found; i++)
	{
		if (i % STOP_INTERVAL == STOP_INTERVAL - 1 && lep_env_stopped(env))
			status = LEP_ERR_STOPPED;
		lep_best_offer(&both->best, scratch->rest[i]);
	}
	return status;
}

/* What brings in more. */
static LepOrigin
origin_of(const LepServed *served, const LepServedUser *user, int32_t item, double by_neighbors)
{
	double by_factors = 0;

	if (user->row != NULL)
		by_factors = lep_kernels->dot_f64(user->row, lep_items_row(served->items, item),
										  lep_items_stride(served->items));
	return by_neighbors > by_factors ? LEP_ORIGIN_NEIGHBORS : LEP_ORIGIN_FACTORS;
}

LepStatus
lep_serve_pair(LepEnv *env, const LepServed *served, const LepServedUser *user, int32_t item,
			   LepServedPair *pair)
{
	bool has_factors = lep_items_stride(served->items) > 0;
	double score = base_score(served, user, item);
	LepNeighborSum by_neighbors;
	LepStatus status;

	pair->score = (float) score;
	pair->origin = user->known && has_factors ? LEP_ORIGIN_FACTORS : LEP_ORIGIN_POPULAR;
	if (served->neighbors == NULL || (has_factors && !user->known))
		return LEP_OK;
	status = lep_neighbors_sum(env, served->neighbors, &user->basket, item, NULL, &by_neighbors);
	if (has_factors)
		pair->origin = origin_of(served, user, item, by_neighbors.sum);
	else if (by_neighbors.reached)
		pair->origin = LEP_ORIGIN_NEIGHBORS;
	pair->score = (float) (score + by_neighbors.sum);
	return status;
}

static LepStatus
list_by_both(LepEnv *env, const LepServed *served, const LepServedUser *user, const LepServedQuery *query,
			 LepTopnEntry *entries, LepOrigin *origins, int64_t *n_found)
{
	int64_t n_possible = query->candidates != NULL ? query->n_candidates : lep_items_count(served->items);
	Both both = { .served = served, .user = user, .query = query, .sums = &query->scratch->sums };
	LepStatus status;

	both.best = (LepBest){ entries, query->n < n_possible ? query->n : n_possible, 0 };
	status = lep_neighbors_add_stoppable(env, served->neighbors, &user->basket, both.sums);
	if (status == LEP_OK)
		status = query->candidates != NULL ? offer_candidates(env, &both) : offer_all(env, &both);
	if (status == LEP_OK)
		status = lep_best_sort(env, &both.best);
	for (int64_t i = 0; status == LEP_OK && i < both.best.n_kept; i++)
	{
		if (i % STOP_INTERVAL == STOP_INTERVAL - 1 && lep_env_stopped(env))
			status = LEP_ERR_STOPPED;
		origins[i] = origin_of(served, user, entries[i].item, both.sums->sum[entries[i].item]);
	}
	lep_neighbors_clear(both.sums);
	*n_found = status == LEP_OK ? both.best.n_kept : 0;
	return status;
}

/* ------------------------------------------------------------- scratch memory */

size_t
lep_serve_scratch_size(const LepServed *served)
{
	int32_t n_items = lep_items_count(served->items);
	size_t size = lep_add_size(lep_topn_mask_size(n_items), (size_t) 6 * 2 * LEP_ALIGNMENT);

	if (served->neighbors == NULL)
		return size;
	size = lep_add_size(size, lep_neighbors_scratch_size(n_items));
	return lep_add_size(size, lep_mul_size((size_t) n_items, lep_items_stride(served->items) > 0
																 ? sizeof(LepTopnEntry)
																 : sizeof(bool)));
}

LepStatus
lep_serve_scratch(LepArena *arena, const LepServed *served, LepServeScratch *scratch)
{
	int32_t n_items = lep_items_count(served->items);
	bool has_factors = lep_items_stride(served->items) > 0;
	LepStatus status;

	memset(scratch, 0, sizeof(*scratch));
	scratch->mask = lep_arena_alloc(arena, (int64_t) lep_topn_mask_size(n_items), 1);
	if (scratch->mask == NULL)
		return lep_env_failure(arena->env);
	if (served->neighbors == NULL)
		return LEP_OK;
	status = lep_neighbors_scratch(arena, n_items, &scratch->sums);
	if (status != LEP_OK)
		return status;
	if (has_factors)
		scratch->rest = lep_arena_alloc(arena, n_items, sizeof(LepTopnEntry));
	else
		scratch->is_reached = lep_arena_alloc(arena, n_items, sizeof(bool));
	return scratch->rest == NULL && scratch->is_reached == NULL ? lep_env_failure(arena->env) : LEP_OK;
}

/* What a query that was left in the middle has not cleared. */
static void
take_scratch(LepServeScratch *scratch)
{
	if (scratch->in_use && scratch->sums.sum != NULL)
	{
		memset(scratch->sums.sum, 0, (size_t) scratch->sums.n_items * sizeof(double));
		memset(scratch->sums.is_reached, 0, (size_t) scratch->sums.n_items * sizeof(uint8_t));
		scratch->sums.n_reached = 0;
	}
	scratch->in_use = true;
}

/* ----------------------------------------------------------------------- lists */

/* Which way a list is found; with neighbours the query has scratch memory. */
static LepStatus
find_list(LepEnv *env, const LepServed *served, const LepServedUser *user, const LepServedQuery *query,
		  LepTopnEntry *entries, LepOrigin *origins, int64_t *n_found)
{
	bool has_factors = lep_items_stride(served->items) > 0;
	LepStatus status;

	if (served->neighbors != NULL && !has_factors)
		return list_by_neighbors(env, served, user, query, entries, origins, n_found);
	if (served->neighbors != NULL && user->known)
		return list_by_both(env, served, user, query, entries, origins, n_found);
	if (served->order != NULL && !user->known)
		status = list_by_popularity(env, served, user, query, entries, n_found);
	else
		status = list_by_factors(env, served, user, query, entries, n_found);
	if (status == LEP_OK)
		set_origins(origins, *n_found, user->known && has_factors ? LEP_ORIGIN_FACTORS : LEP_ORIGIN_POPULAR);
	return status;
}

LepStatus
lep_serve_topn(LepEnv *env, const LepServed *served, const LepServedUser *user, const LepServedQuery *query,
			   LepTopnEntry *entries, LepOrigin *origins, int64_t *n_found)
{
	LepServedQuery own_query = *query;
	LepServeScratch own;
	LepArena arena;
	LepStatus status = LEP_OK;

	*n_found = 0;
	if (query->n <= 0)
		return LEP_OK;
	lep_arena_init(&arena, env);
	if (query->scratch == NULL && served->neighbors != NULL)
	{
		status = lep_serve_scratch(&arena, served, &own);
		own_query.scratch = &own;
	}
	else if (query->scratch != NULL)
		take_scratch(query->scratch);
	if (status == LEP_OK)
		status = find_list(env, served, user, &own_query, entries, origins, n_found);
	if (query->scratch != NULL)
		query->scratch->in_use = false;
	lep_arena_drop(&arena);
	return status;
}

LepStatus
lep_serve_scan(LepArena *arena, const LepServed *served, const LepServedUser *user, LepServedScan *scan)
{
	LepStatus status;

	memset(scan, 0, sizeof(*scan));
	scan->served = served;
	scan->user = user;
	scan->has_sums = served->neighbors != NULL && (user->known || lep_items_stride(served->items) == 0);
	if (!scan->has_sums)
		return LEP_OK;
	status = lep_neighbors_scratch(arena, lep_items_count(served->items), &scan->sums);
	if (status == LEP_OK)
		status = lep_neighbors_add_stoppable(arena->env, served->neighbors, &user->basket, &scan->sums);
	return status;
}

float
lep_serve_scan_score(const LepServedScan *scan, int32_t item)
{
	double score = base_score(scan->served, scan->user, item);

	return (float) (scan->has_sums ? score + scan->sums.sum[item] : score);
}

float
lep_serve_scan_key(const LepServedScan *scan, int32_t item)
{
	if (scan->served->order != NULL && !scan->user->known && !scan->has_sums)
		return scan->served->popularity[item];
	return lep_serve_scan_score(scan, item);
}

LepOrigin
lep_serve_scan_origin(const LepServedScan *scan, int32_t item)
{
	bool has_factors = lep_items_stride(scan->served->items) > 0;

	if (scan->has_sums && has_factors)
		return origin_of(scan->served, scan->user, item, scan->sums.sum[item]);
	if (scan->has_sums)
		return scan->sums.is_reached[item] ? LEP_ORIGIN_NEIGHBORS : LEP_ORIGIN_POPULAR;
	return scan->user->known && has_factors ? LEP_ORIGIN_FACTORS : LEP_ORIGIN_POPULAR;
}

/* The rated items' rows, side by side as foldin.h wants them, and the answer. */
static LepStatus
fold_in(LepArena *arena, const LepServed *served, const LepFoldinPrior *prior, const LepRated *rated,
		float *bias_out, float *row)
{
	size_t stride = (size_t) lep_items_stride(served->items);
	float *bias = lep_arena_alloc(arena, rated->n, sizeof(float));
	float *factors = lep_arena_alloc(arena, rated->n, stride * sizeof(float));
	void *scratch =
		lep_arena_alloc(arena, 1, lep_foldin_scratch(LEP_FOLDIN_AUTO, prior->n_factors, rated->n));
	LepFoldinInput input = {
		.n = rated->n, .rating = rated->rating, .bias = bias, .factors = factors, .env = arena->env
	};

	if (bias == NULL || factors == NULL || scratch == NULL)
		return lep_env_failure(arena->env);
	for (int64_t j = 0; j < rated->n; j++)
	{
		if (j % STOP_INTERVAL == 0 && lep_env_stopped(arena->env))
			return LEP_ERR_STOPPED;
		bias[j] = lep_items_bias(served->items, rated->item[j]);
		memcpy(factors + (size_t) j * stride, lep_items_factors(served->items, rated->item[j]),
			   stride * sizeof(float));
	}
	return lep_foldin_user(prior, &input, scratch, bias_out, row, &arena->env->error);
}

LepStatus
lep_serve_fold_in(LepEnv *env, const LepServed *served, const LepFoldinPrior *prior, const LepRated *rated,
				  float *bias, float *row)
{
	LepArena arena;
	LepStatus status;

	lep_arena_init(&arena, env);
	status = fold_in(&arena, served, prior, rated, bias, row);
	lep_arena_drop(&arena);
	return status;
}
