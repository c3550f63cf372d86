/*
 * blend.c
 *		Solver blend: its parts' solvers side by side; see blend.h.
 *
 * An epoch is one of the factors; the neighbours are found in the first.  Norms are
 * taken when the model is exported: of factors by the closed form p' Q'Q p, of
 * neighbours by summing up what the user has.
 *
 * Weights that were not given are chosen on the validation part by NDCG: the ratio
 * is doubled or halved, from 1, as long as lists get better.
 */
#include "core/blend.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/plan.h"
#include "core/pool.h"
#include "core/train.h"
#include "core/view.h"

/* Users of a task that scales their factors. */
#define USERS_CHUNK 16

/* Items of a user who is no part of a task that takes norms: 10 ms at a thousand neighbours each. */
#define LONG_BASKET 4096

/* Items of such a task, and how many a user counts for besides: norms of factors take time, too. */
#define BASKETS_CHUNK 2048
#define USER_WEIGHT	  128

/* Doublings or halvings of the ratio, at most. */
#define MAX_STEPS 5

/* What the neighbours' trace of popularity is multiplied by: factors rank everything. */
#define TRACE 0x1p-20f

typedef struct Blend
{
	LepArena *arena;
	const LepSolver *neighbors;
	const LepSolver *factors;
	void *neighbors_state;
	void *factors_state;
	double ratio;				 /* w_f / w_n */
	double *norms;				 /* [n_users] |s_n(u)| / |s_f(u)|, or 1 */
	bool has_norms;				 /* of the epochs so far */
	LepNeighborScratch *scratch; /* [threads] */

	/* being exported to */
	LepModel *model;
	const LepGram *gram;
} Blend;

/* ---- options ---- */

int
lep_blend_place(const LepOptions *options, LepBlendPart part)
{
	const LepSolver *first;

	if (options->parts == NULL)
		return part == LEP_BLEND_NEIGHBORS ? 0 : 1;
	first = lep_solver_get((LepAlgorithm) options->parts->part[0].algorithm);
	return (first->neighbors != NULL) == (part == LEP_BLEND_NEIGHBORS) ? 0 : 1;
}

const LepSolver *
lep_blend_part(const LepOptions *options, LepBlendPart part, const LepShape *shape, LepOptions *resolved)
{
	LepOptions given;
	LepError error; /* parts that cannot be resolved were refused when they were given */
	const LepSolver *solver;

	if (options->parts != NULL)
		given = options->parts->part[lep_blend_place(options, part)];
	else
	{
		lep_options_init(&given);
		given.algorithm = part == LEP_BLEND_NEIGHBORS ? LEP_ALGORITHM_WALK : LEP_ALGORITHM_IALS;
	}
	solver = lep_solver_get((LepAlgorithm) given.algorithm);
	(void) lep_options_resolve(&given, solver->algorithm, resolved, &error);
	resolved->seed = options->seed;
	if (solver->adapt != NULL && shape != NULL)
		solver->adapt(shape, resolved);
	return solver;
}

void
lep_blend_resolve(const LepOptions *options, const LepShape *shape, LepParts *parts)
{
	for (int part = LEP_BLEND_NEIGHBORS; part <= LEP_BLEND_FACTORS; part++)
	{
		LepOptions resolved;

		(void) lep_blend_part(options, (LepBlendPart) part, shape, &resolved);
		lep_options_to_part(&resolved, &parts->part[lep_blend_place(options, (LepBlendPart) part)]);
	}
}

double
lep_blend_ratio(const LepOptions *options)
{
	double neighbors = options->weights[lep_blend_place(options, LEP_BLEND_NEIGHBORS)];
	double factors = options->weights[lep_blend_place(options, LEP_BLEND_FACTORS)];

	if (neighbors > 0)
		return factors / neighbors;
	return factors > 0 ? HUGE_VAL : 1;
}

/* What is asked of the options by others: epochs, factors, neighbors. */
static void
blend_adapt(const LepShape *shape, LepOptions *options)
{
	LepOptions part;

	(void) lep_blend_part(options, LEP_BLEND_FACTORS, shape, &part);
	options->epochs = part.epochs;
	options->factors = part.factors;
	(void) lep_blend_part(options, LEP_BLEND_NEIGHBORS, shape, &part);
	options->neighbors = part.neighbors;
}

static int64_t
blend_neighbors(int32_t n_items, const LepOptions *options)
{
	LepOptions part;
	const LepSolver *solver = lep_blend_part(options, LEP_BLEND_NEIGHBORS, NULL, &part);

	return solver->neighbors(n_items, &part);
}

/* ---- what it takes ---- */

static size_t
blend_memory(const LepShape *shape, const LepOptions *options, int n_threads)
{
	size_t scratch = lep_neighbors_scratch_size(shape->n_items) + sizeof(LepNeighborScratch);
	size_t bytes = lep_mul_size((size_t) n_threads, scratch);
	LepOptions part;
	const LepSolver *solver = lep_blend_part(options, LEP_BLEND_NEIGHBORS, shape, &part);

	bytes = lep_add_size(bytes, solver->memory(shape, &part, n_threads));
	solver = lep_blend_part(options, LEP_BLEND_FACTORS, shape, &part);
	bytes = lep_add_size(bytes, solver->memory(shape, &part, n_threads));
	bytes = lep_add_size(bytes, lep_gram_size((int) part.factors));
	return lep_add_size(bytes, lep_mul_size((size_t) shape->n_users, sizeof(double)));
}

/*
 * Of an epoch: one of the factors, and its share of the rest.  A norm takes 0.25
 * ns for a product of two factors, and 3 ns for a neighbour of an item that the
 * user has; the Gram matrix is summed in single precision.
 */
static double
blend_cost(const LepShape *shape, const LepOptions *options)
{
	LepOptions factors;
	LepOptions neighbors;
	const LepSolver *by_factors = lep_blend_part(options, LEP_BLEND_FACTORS, shape, &factors);
	const LepSolver *by_neighbors = lep_blend_part(options, LEP_BLEND_NEIGHBORS, shape, &neighbors);
	double k2 = (double) factors.factors * (double) factors.factors;
	double once = by_neighbors->cost(shape, &neighbors);

	once += k2 * (0.125e-9 * (double) shape->n_users + 0.02e-9 * (double) shape->n_items);
	once += 3e-9 * (double) shape->n_ratings * (double) neighbors.neighbors;
	return by_factors->cost(shape, &factors) + once / (double) factors.epochs;
}

/* ---- learning ---- */

static LepStatus
create_scratch(LepArena *arena, int32_t n_items, Blend *blend)
{
	int n_threads = lep_pool_threads(arena->env);
	LepStatus status = LEP_OK;

	blend->scratch = lep_arena_calloc(arena, n_threads, sizeof(LepNeighborScratch));
	if (blend->scratch == NULL)
		return lep_env_failure(arena->env);
	for (int t = 0; t < n_threads && status == LEP_OK; t++)
		status = lep_neighbors_scratch(arena, n_items, &blend->scratch[t]);
	return status;
}

static LepStatus
blend_start(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options,
			void **state)
{
	LepShape shape = {
		ratings->n_users, ratings->n_items, ratings->n_ratings, ratings->n_lone, false, false
	};
	Blend *blend = lep_arena_calloc(arena, 1, sizeof(Blend));
	LepOptions part;
	LepStatus status;

	if (blend == NULL)
		return lep_env_failure(arena->env);
	blend->arena = arena;
	blend->ratio = lep_blend_ratio(options);
	blend->norms = lep_arena_alloc(arena, ratings->n_users, sizeof(double));
	if (blend->norms == NULL)
		return lep_env_failure(arena->env);
	for (int32_t u = 0; u < ratings->n_users; u++)
		blend->norms[u] = 1;
	blend->neighbors = lep_blend_part(options, LEP_BLEND_NEIGHBORS, &shape, &part);
	status = blend->neighbors->start(arena, ratings, parts, &part, &blend->neighbors_state);
	blend->factors = lep_blend_part(options, LEP_BLEND_FACTORS, &shape, &part);
	if (status == LEP_OK)
		status = blend->factors->start(arena, ratings, parts, &part, &blend->factors_state);
	if (status == LEP_OK)
		status = create_scratch(arena, ratings->n_items, blend);
	*state = blend;
	return status;
}

static LepStatus
blend_epoch(LepEnv *env, void *state, int epoch, double *train_rmse)
{
	Blend *blend = state;
	LepStatus status = LEP_OK;

	blend->has_norms = false;
	if (epoch == 1)
		status = blend->neighbors->epoch(env, blend->neighbors_state, epoch, train_rmse);
	if (status == LEP_OK)
		status = blend->factors->epoch(env, blend->factors_state, epoch, train_rmse);
	*train_rmse = NAN;
	return status;
}

/* ---- norms ---- */

/* The root of the sum of squares of what was reached; clears the sums. */
static double
take_norm(LepNeighborScratch *scratch)
{
	double sum = 0;

	for (int32_t r = 0; r < scratch->n_reached; r++)
	{
		double s = scratch->sum[scratch->reached[r]];

		sum += s * s;
	}
	lep_neighbors_clear(scratch);
	return sqrt(sum);
}

static double
ratio_of_norms(double neighbors, double factors)
{
	return neighbors > 0 && factors > 0 ? neighbors / factors : 1;
}

/* Of user u, the sums of whose basket are in scratch memory. */
static void
set_norms(Blend *blend, int64_t u, LepNeighborScratch *scratch)
{
	const LepModel *model = blend->model;

	blend->norms[u] = ratio_of_norms(take_norm(scratch),
									 lep_gram_norm(blend->gram, model->user_factors + u * model->stride));
}

/* Is what the user has too much for a task? */
static bool
is_long(const LepModel *model, int64_t u)
{
	LepBasket basket = lep_neighbors_basket(model->neighbors, (int32_t) u);

	return basket.n > LONG_BASKET;
}

/* Tasks that take norms.  A model that was given no baskets has none to take: they stay 1. */
static int64_t
count_norm_tasks(const LepModel *model)
{
	const int64_t *start = model->neighbors->basket_start;

	return start == NULL ? 0 : lep_view_tasks(start, model->n_users, USER_WEIGHT, BASKETS_CHUNK);
}

/* The first user of such a task. */
static int32_t
user_of_task(const LepModel *model, int64_t task)
{
	return lep_view_row_at(model->neighbors->basket_start, model->n_users, USER_WEIGHT, task * BASKETS_CHUNK);
}

/* LepTask: users who have about as many items as those of any other task. */
static void
measure_norms(void *arg, int64_t task, int thread)
{
	Blend *blend = arg;
	const LepModel *model = blend->model;
	int32_t end = user_of_task(model, task + 1);

	for (int32_t u = user_of_task(model, task); u < end; u++)
	{
		LepBasket basket = lep_neighbors_basket(model->neighbors, u);

		if (is_long(model, u))
			continue;
		lep_neighbors_add(model->neighbors, &basket, &blend->scratch[thread]);
		set_norms(blend, u, &blend->scratch[thread]);
	}
}

/* The others, on the calling thread. */
static LepStatus
measure_long_norms(LepEnv *env, Blend *blend)
{
	const LepModel *model = blend->model;
	LepStatus status = LEP_OK;

	for (int64_t u = 0; u < model->n_users && status == LEP_OK; u++)
	{
		LepBasket basket = lep_neighbors_basket(model->neighbors, (int32_t) u);

		if (!is_long(model, u))
			continue;
		status = lep_neighbors_add_stoppable(env, model->neighbors, &basket, &blend->scratch[0]);
		if (status == LEP_OK)
			set_norms(blend, u, &blend->scratch[0]);
	}
	return status;
}

static int64_t
count_tasks(const LepModel *model)
{
	return ((int64_t) model->n_users + USERS_CHUNK - 1) / USERS_CHUNK;
}

/* Of the model as it was exported, both parts in it. */
static LepStatus
find_norms(LepEnv *env, Blend *blend)
{
	const LepModel *model = blend->model;
	LepArena arena;
	int64_t n_tasks;
	LepStatus status;

	if (blend->has_norms)
		return LEP_OK;
	lep_arena_init(&arena, env);
	n_tasks = count_norm_tasks(model);
	blend->gram = lep_gram_of_rows(&arena, model->item_factors, model->n_items, model->n_factors);
	status =
		blend->gram == NULL ? lep_env_failure(env) : lep_parallel_for(env, n_tasks, measure_norms, blend);
	if (status == LEP_OK)
		status = measure_long_norms(env, blend);
	lep_arena_drop(&arena);
	blend->has_norms = status == LEP_OK;
	return status;
}

static void
scale_row(float *row, int n_factors, double scale)
{
	for (int f = 0; f < n_factors; f++)
		row[f] = (float) (scale * (double) row[f]);
}

/* LepTask: the factors of some users in units of the neighbours. */
static void
scale_users(void *arg, int64_t task, int thread)
{
	const Blend *blend = arg;
	LepModel *model = blend->model;
	int64_t end = (task + 1) * USERS_CHUNK < model->n_users ? (task + 1) * USERS_CHUNK : model->n_users;

	(void) thread;
	for (int64_t u = task * USERS_CHUNK; u < end; u++)
	{
		scale_row(model->user_factors + u * model->stride, model->n_factors, blend->ratio * blend->norms[u]);
	}
}

static void
drop_neighbors(LepModel *model)
{
	memset(model->neighbors->start, 0, ((size_t) model->n_items + 1) * sizeof(int64_t));
	memset(model->item_bias, 0, (size_t) model->n_items * sizeof(float));
}

static LepStatus
blend_export_model(LepEnv *env, void *state, LepModel *model)
{
	Blend *blend = state;
	LepStatus status = blend->factors->export_model(env, blend->factors_state, model);

	/* the neighbours' biases stay */
	if (status == LEP_OK)
		status = blend->neighbors->export_model(env, blend->neighbors_state, model);
	for (int32_t i = 0; status == LEP_OK && i < model->n_items; i++)
		model->item_bias[i] *= TRACE;
	blend->model = model;
	if (status == LEP_OK && isinf(blend->ratio))
	{
		drop_neighbors(model);
		return LEP_OK;
	}
	if (status == LEP_OK)
		status = find_norms(env, blend);
	return status == LEP_OK ? lep_parallel_for(env, count_tasks(model), scale_users, blend) : status;
}

/* ---- weights ---- */

static bool
blend_chooses(const LepOptions *options)
{
	return !lep_option_given(options, lep_option_find("weights"));
}

/* NDCG on the validation part with this ratio. */
static LepStatus
try_ratio(LepEnv *env, Blend *blend, const LepRatings *ratings, double ratio, double *ndcg)
{
	LepRankingSplit split = { ratings,	   LEP_PARTS_TRAIN,		   LEP_PARTS_VALIDATION,
							  LEP_TRAIN_K, 1u << LEP_RANKING_NDCG, LEP_PLAN_CHOICE_SCORES };
	LepRankingMetrics metrics;
	LepStatus status;

	blend->ratio = ratio;
	status = blend_export_model(env, blend, blend->model);
	if (status == LEP_OK)
		status = lep_ranking_measure_split(env, blend->model, &split, &metrics);
	*ndcg = status == LEP_OK ? metrics.figure[LEP_RANKING_NDCG].value : NAN;
	return status;
}

/* Multiply the ratio by `factor` as long as that is better; *ratio and *ndcg are the best. */
static LepStatus
climb(LepEnv *env, Blend *blend, const LepRatings *ratings, double factor, double best[2])
{
	LepStatus status = LEP_OK;

	for (int step = 0; step < MAX_STEPS && status == LEP_OK; step++)
	{
		double ratio = best[0] * factor;
		double ndcg;

		status = try_ratio(env, blend, ratings, ratio, &ndcg);
		if (status != LEP_OK || !(ndcg > best[1]))
			break;
		best[0] = ratio;
		best[1] = ndcg;
	}
	return status;
}

static LepStatus
blend_choose(LepEnv *env, void *state, const LepRatings *ratings, LepOptions *options, LepModel *model)
{
	Blend *blend = state;
	double best[2] = { 1, NAN };
	LepStatus status;

	blend->model = model;
	status = try_ratio(env, blend, ratings, best[0], &best[1]);
	if (status == LEP_OK)
		status = climb(env, blend, ratings, 2, best);
	if (status == LEP_OK && best[0] == 1)
		status = climb(env, blend, ratings, 0.5, best);
	if (status != LEP_OK)
		return status;
	options->weights[lep_blend_place(options, LEP_BLEND_NEIGHBORS)] = 1;
	options->weights[lep_blend_place(options, LEP_BLEND_FACTORS)] = best[0];
	blend->ratio = best[0];
	return blend_export_model(env, blend, model);
}

/* ---- somebody new ---- */

LepStatus
lep_blend_row(LepEnv *env, const LepGram *gram, const LepNeighbors *neighbors, const LepBasket *basket,
			  double ratio, float *row)
{
	LepNeighborScratch scratch;
	LepArena arena;
	LepStatus status;

	lep_arena_init(&arena, env);
	status = lep_neighbors_scratch(&arena, neighbors->n_items, &scratch);
	if (status == LEP_OK)
		status = lep_neighbors_add_stoppable(env, neighbors, basket, &scratch);
	if (status == LEP_OK)
		scale_row(row, gram->n_factors,
				  ratio * ratio_of_norms(take_norm(&scratch), lep_gram_norm(gram, row)));
	lep_arena_drop(&arena);
	return status;
}

const LepSolver lep_solver_blend = {
	.algorithm = LEP_ALGORITHM_BLEND,
	.feedback = 1u << LEP_FEEDBACK_IMPLICIT,
	.iterative = true,
	.follows = true,
	.has_step = false,
	.neighbors = blend_neighbors,
	.adapt = blend_adapt,
	.chooses = blend_chooses,
	.choose = blend_choose,
	.memory = blend_memory,
	.cost = blend_cost,
	.start = blend_start,
	.epoch = blend_epoch,
	.export_model = blend_export_model,
};
