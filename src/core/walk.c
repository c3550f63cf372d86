/*
 * walk.c
 *		Item neighbourhoods by degree-weighted walks.
 *
 * A walk goes from an item to one of its users and on to one of her items.  With
 * x_ui = 1 where user u has item i, whatever the rating,
 *
 *	s(i -> j) = d_i^-b  d_j^-c  sum over u of d_u^-a  x_ui x_uj		(i != j)
 *
 * where d_u, d_i, d_j are how many items the user and how many users the items
 * have, a = user_exponent, b = source_exponent, c = target_exponent.  a = b = 1,
 * c = 0 is the probability of the walk, P3 (Cooper, Lee, Radinsky, Siantov,
 * "Random Walks in Recommender Systems", WWW 2014 companion; its P3alpha raises
 * both steps' probabilities to a power, so a = b = alpha).  c > 0 pulls popular
 * targets down: RP3beta (Paudel, Christoffel, Newell, Bernstein, "Updatable,
 * Accurate, Diverse, and Scalable Recommendations for Interactive Applications",
 * TiiS 2017).  Here a and b may differ.
 *
 * The `neighbors` largest s(i -> j) of each i are kept, ties by item number; a
 * list adds up those of what the user has (neighbors.h).  Nothing is iterated.
 *
 * Cost: sum over users of d_u^2 additions (cooccur.h) and O(log neighbors) for
 * each candidate that enters a row.
 */
#include "core/solver.h"

#include <float.h>
#include <math.h>

#include "core/cooccur.h"
#include "core/neighbor_rows.h"
#include "core/pool.h"

typedef struct Walk
{
	LepCooccur cooccur;
	LepNeighborRows rows;
	double *source; /* [n_items] d_i^-b */
	double *target; /* [n_items] d_j^-c */
} Walk;

static int64_t
walk_neighbors(int32_t n_items, const LepOptions *options)
{
	return (int64_t) n_items * lep_neighbor_rows_width(n_items, options->neighbors);
}

/* Gives it the exponents, where they were not given. */
static void
set_exponents(LepOptions *options, double user, double source, double target)
{
	if (!lep_option_given(options, lep_option_find("user_exponent")))
		options->user_exponent = user;
	if (!lep_option_given(options, lep_option_find("source_exponent")))
		options->source_exponent = source;
	if (!lep_option_given(options, lep_option_find("target_exponent")))
		options->target_exponent = target;
}

/* Walks as they are, and walks of half steps that pull popular items down. */
static bool
walk_alternative(int number, LepOptions *options)
{
	static const double exponents[][3] = { { 1, 1, 0 }, { 0.6, 0.5, 0.4 } };

	if (number > (int) (sizeof(exponents) / sizeof(exponents[0])))
		return false;
	set_exponents(options, exponents[number - 1][0], exponents[number - 1][1], exponents[number - 1][2]);
	return true;
}

static size_t
walk_memory(const LepShape *shape, const LepOptions *options, int n_threads)
{
	size_t bytes = lep_cooccur_size(shape, n_threads);

	bytes = lep_add_size(bytes, lep_neighbor_rows_size(shape->n_items, options->neighbors, n_threads));
	return lep_add_size(bytes, lep_mul_size((size_t) shape->n_items, 2 * sizeof(double)));
}

/* An addition to the sums takes 1.5 ns where they are in cache; a row's choice 6 ns a neighbour. */
static double
walk_cost(const LepShape *shape, const LepOptions *options)
{
	return 1.5e-9 * lep_cooccur_work(shape, options) +
		   25e-9 * (double) walk_neighbors(shape->n_items, options);
}

static LepStatus
walk_start(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options,
		   void **state)
{
	Walk *walk = lep_arena_calloc(arena, 1, sizeof(Walk));
	LepStatus status;

	if (walk == NULL)
		return lep_env_failure(arena->env);
	status = lep_cooccur_begin(arena, ratings, parts, options, &walk->cooccur);
	if (status == LEP_OK)
		status = lep_neighbor_rows_begin(arena, ratings->n_items, options->neighbors, &walk->rows);
	if (status != LEP_OK)
		return status;
	walk->source = lep_arena_alloc(arena, ratings->n_items, sizeof(double));
	walk->target = lep_arena_alloc(arena, ratings->n_items, sizeof(double));
	if (walk->source == NULL || walk->target == NULL)
		return lep_env_failure(arena->env);
	for (int32_t i = 0; i < ratings->n_items; i++)
	{
		double degree = walk->cooccur.n_item[i] > 0 ? walk->cooccur.n_item[i] : 1;

		if (i % 65536 == 0 && lep_env_stopped(arena->env))
			return LEP_ERR_STOPPED;
		walk->source[i] = lep_cooccur_power(degree, options->source_exponent);
		walk->target[i] = lep_cooccur_power(degree, options->target_exponent);
	}
	*state = walk;
	return LEP_OK;
}

static void
choose_row(void *arg, int32_t item, const LepNeighborScratch *row, int thread)
{
	Walk *walk = arg;

	lep_neighbor_rows_choose(&walk->rows, item, row, walk->target, thread);
	for (int32_t k = 0; k < walk->rows.n[item]; k++)
	{
		float *weight = &walk->rows.weight[(int64_t) item * walk->rows.width + k];

		*weight = (float) (walk->source[item] * (double) *weight);
	}
}

static LepStatus
walk_epoch(LepEnv *env, void *state, int epoch, double *train_rmse)
{
	Walk *walk = state;

	(void) epoch;
	*train_rmse = NAN;
	return lep_cooccur_rows(env, &walk->cooccur, NULL, choose_row, walk);
}

static LepStatus
walk_export_model(LepEnv *env, void *state, LepModel *model)
{
	const Walk *walk = state;
	float least;
	LepStatus status = lep_neighbor_rows_export(env, &walk->rows, model->neighbors, &least);

	lep_cooccur_biases(&walk->cooccur, least, model->item_bias);
	return status;
}

const LepSolver lep_solver_walk = {
	.algorithm = LEP_ALGORITHM_WALK,
	.feedback = 1u << LEP_FEEDBACK_IMPLICIT,
	.iterative = false,
	.has_step = false,
	.neighbors = walk_neighbors,
	.alternative = walk_alternative,
	.memory = walk_memory,
	.cost = walk_cost,
	.start = walk_start,
	.epoch = walk_epoch,
	.export_model = walk_export_model,
};
