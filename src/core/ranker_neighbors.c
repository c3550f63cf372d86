/*
 * ranker_neighbors.c
 *		Models of item neighbours, alone or beside factors, as rankers; see
 *		ranker.h.
 *
 * Before a batch of users is asked about, the sums of each are taken in dense
 * scratch memory of the thread that does it and kept as a list of what was
 * reached, ascending.  A question is answered by biases, or by the factors' own
 * ranker, and these sums are put on top.  The factors' ranker may leave out what
 * cannot reach the score that is asked for; it is asked for less by the largest sum
 * among the question's items.  Who has very many items is summed on the calling
 * thread, which can be stopped.
 */
#include "core/ranker.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/neighbors.h"
#include "core/pool.h"

/* Additions of a user who is no task: 2 to 10 ms. */
#define LONG_SUM (1024 * 1024)

/* What a user of the batch reaches: [first, first + n) of the lists below. */
typedef struct Slot
{
	int64_t first;
	int32_t n;
	bool is_long; /* more than LONG_SUM additions */
} Slot;

typedef struct NeighborRanker
{
	const LepModel *model;
	LepRanker by_factors; /* scores NULL: there are no factors */
	LepArena *arena;
	LepNeighborScratch *scratch; /* [threads] */
	const int32_t *users;		 /* of the batch */
	Slot slots[LEP_RANKER_BATCH];
	int64_t room;	/* entries that fit */
	int32_t *items; /* [room] */
	double *sums;	/* [room] */
} NeighborRanker;

/* Entries of the rows of a user's items, counted up to `most` of them. */
static int64_t
count_entries(const LepModel *model, int32_t u, int64_t most)
{
	LepBasket basket = lep_neighbors_basket(model->neighbors, u);
	int64_t n = 0;

	for (int64_t b = 0; b < basket.n && n < most; b++)
		n += model->neighbors->start[basket.rows[b] + 1] - model->neighbors->start[basket.rows[b]];
	return n;
}

/* As lep_model_score() adds it up. */
static float
score_of(const LepModel *model, int32_t u, int32_t i, double sum)
{
	double score = (model->mean + (u >= 0 ? (double) model->user_bias[u] : 0)) + (double) model->item_bias[i];

	if (model->stride > 0 && u >= 0)
		score += lep_kernels->dot_f64(model->user_factors + (int64_t) u * model->stride,
									  model->item_factors + (int64_t) i * model->stride, model->stride);
	return (float) (score + sum);
}

/* From sums to the slot's list. */
static void
keep_sums(NeighborRanker *ranker, int64_t s, LepNeighborScratch *scratch)
{
	Slot *slot = &ranker->slots[s];
	int64_t at = slot->first;

	for (int32_t i = 0; i < ranker->model->n_items && at - slot->first < scratch->n_reached; i++)
	{
		if (!scratch->is_reached[i])
			continue;
		ranker->items[at] = i;
		ranker->sums[at++] = scratch->sum[i];
	}
	slot->n = (int32_t) (at - slot->first);
	lep_neighbors_clear(scratch);
}

static void
sum_user(void *arg, int64_t task, int thread)
{
	NeighborRanker *ranker = arg;
	LepNeighborScratch *scratch = &ranker->scratch[thread];
	LepBasket basket = lep_neighbors_basket(ranker->model->neighbors, ranker->users[task]);

	if (ranker->slots[task].is_long)
		return;
	lep_neighbors_add(ranker->model->neighbors, &basket, scratch);
	keep_sums(ranker, task, scratch);
}

static LepStatus
sum_long_user(LepEnv *env, NeighborRanker *ranker, int64_t s)
{
	LepNeighborScratch *scratch = &ranker->scratch[0];
	LepBasket basket = lep_neighbors_basket(ranker->model->neighbors, ranker->users[s]);
	LepStatus status = lep_neighbors_add_stoppable(env, ranker->model->neighbors, &basket, scratch);

	if (status == LEP_OK)
		keep_sums(ranker, s, scratch);
	return status;
}

/* Room for the batch's lists. */
static LepStatus
ensure_room(NeighborRanker *ranker, int64_t n)
{
	LepArena *arena = ranker->arena;

	if (n <= ranker->room)
		return LEP_OK;
	lep_arena_free(arena, ranker->items);
	lep_arena_free(arena, ranker->sums);
	ranker->room = 0;
	ranker->items = lep_arena_alloc(arena, n, sizeof(int32_t));
	ranker->sums = lep_arena_alloc(arena, n, sizeof(double));
	if (ranker->items == NULL || ranker->sums == NULL)
		return lep_env_failure(arena->env);
	ranker->room = n;
	return LEP_OK;
}

static LepStatus
prepare_batch(LepEnv *env, void *arg, const int32_t *users, int n)
{
	NeighborRanker *ranker = arg;
	int64_t n_items = ranker->model->n_items;
	int64_t at = 0;
	LepStatus status;

	ranker->users = users;
	for (int s = 0; s < n; s++)
	{
		int64_t n_entries = count_entries(ranker->model, users[s], n_items + LONG_SUM);

		if (lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		ranker->slots[s] = (Slot){ at, 0, n_entries > LONG_SUM };
		at += n_entries < n_items ? n_entries : n_items;
	}
	status = ensure_room(ranker, at);
	if (status == LEP_OK)
		status = lep_parallel_for(env, n, sum_user, ranker);
	for (int s = 0; s < n && status == LEP_OK; s++)
	{
		if (ranker->slots[s].is_long)
			status = sum_long_user(env, ranker, s);
	}
	return status;
}

/* The first of n ascending items that is not below `item`. */
static int32_t
first_from(const int32_t *items, int32_t n, int32_t item)
{
	int32_t low = 0;

	while (low < n)
	{
		int32_t middle = low + (n - low) / 2;

		if (items[middle] < item)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/* Biases with the sums over them. */
static void
score_by_neighbors(const void *arg, const LepScoreQuery *query, float *out)
{
	const NeighborRanker *ranker = arg;
	const LepModel *model = ranker->model;
	const Slot *slot = &ranker->slots[query->slot];
	const int32_t *items = ranker->items + slot->first;
	const double *sums = ranker->sums + slot->first;
	int32_t end = query->first_item + query->n_items;

	for (int32_t j = 0; j < query->n_items; j++)
		out[j] = score_of(model, query->user, query->first_item + j, 0);
	for (int32_t e = first_from(items, slot->n, query->first_item); e < slot->n && items[e] < end; e++)
		out[items[e] - query->first_item] = score_of(model, query->user, items[e], sums[e]);
}

/* The score that factors must reach for the sum, at most `sum`, to make it at_least; rounded down. */
static float
without_sum(float at_least, double sum)
{
	double least = (double) at_least - sum;

	return (float) (least - 0x1p-20 * (fabs((double) at_least) + sum));
}

/* The factors' scores with the sums over them. */
static void
score_by_both(const void *arg, const LepScoreQuery *query, float *out)
{
	const NeighborRanker *ranker = arg;
	const Slot *slot = &ranker->slots[query->slot];
	const int32_t *items = ranker->items + slot->first;
	const double *sums = ranker->sums + slot->first;
	int32_t end = query->first_item + query->n_items;
	int32_t first = first_from(items, slot->n, query->first_item);
	LepScoreQuery by_factors = *query;
	double most = 0;

	for (int32_t e = first; e < slot->n && items[e] < end; e++)
		most = sums[e] > most ? sums[e] : most;
	by_factors.at_least = without_sum(query->at_least, most);
	ranker->by_factors.scores(ranker->by_factors.arg, &by_factors, out);
	for (int32_t e = first; e < slot->n && items[e] < end; e++)
	{
		float *score = &out[items[e] - query->first_item];

		if (*score >= by_factors.at_least)
			*score = score_of(ranker->model, query->user, items[e], sums[e]);
		else
			*score = -INFINITY;
	}
}

LepStatus
lep_ranker_of_neighbors(LepArena *arena, const LepModel *model, const LepRanker *by_factors,
						LepRanker *ranker)
{
	int n_threads = lep_pool_threads(arena->env);
	NeighborRanker *own = lep_arena_calloc(arena, 1, sizeof(NeighborRanker));
	LepStatus status = LEP_OK;

	if (own == NULL)
		return lep_env_failure(arena->env);
	own->model = model;
	own->arena = arena;
	if (by_factors != NULL)
		own->by_factors = *by_factors;
	own->scratch = lep_arena_calloc(arena, n_threads, sizeof(LepNeighborScratch));
	if (own->scratch == NULL)
		return lep_env_failure(arena->env);
	for (int t = 0; t < n_threads && status == LEP_OK; t++)
		status = lep_neighbors_scratch(arena, model->n_items, &own->scratch[t]);
	ranker->n_users = model->n_users;
	ranker->n_items = model->n_items;
	ranker->arg = own;
	ranker->prepare = prepare_batch;
	ranker->scores = by_factors != NULL ? score_by_both : score_by_neighbors;
	ranker->order = NULL;
	return status;
}
