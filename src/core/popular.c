/*
 * popular.c
 *		How many have it: the least that a list for implicit feedback must beat.
 *
 * score(u, i) = n_i / n_users, the share of all users who have the item; the
 * same for every user, and in [0, 1].  The values of the ratings do not count.
 * There is nothing to iterate, to tune or to regularise.
 */
#include "core/solver.h"

#include <math.h>

#include "core/view.h"

/* Ratings between two looks at should_stop. */
#define SLICE (1024 * 1024)

typedef struct Popular
{
	const LepRatings *ratings;
	unsigned parts;
	int32_t *n_item; /* [n_items]: ratings in the parts */
} Popular;

static size_t
popular_memory(const LepShape *shape, const LepOptions *options, int n_threads)
{
	(void) options;
	(void) n_threads;
	return lep_add_size(sizeof(Popular), lep_mul_size((size_t) shape->n_items, sizeof(int32_t)));
}

/* A count is a random access: 2 ns. */
static double
popular_cost(const LepShape *shape, const LepOptions *options)
{
	(void) options;
	return 2e-9 * (double) shape->n_ratings;
}

static LepStatus
popular_start(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options,
			  void **state)
{
	Popular *popular = lep_arena_alloc(arena, 1, sizeof(Popular));

	(void) options;
	if (popular == NULL)
		return arena->env->error.status;
	popular->ratings = ratings;
	popular->parts = parts;
	popular->n_item = lep_arena_calloc(arena, ratings->n_items, sizeof(int32_t));
	if (popular->n_item == NULL)
		return arena->env->error.status;
	*state = popular;
	return LEP_OK;
}

static LepStatus
popular_epoch(LepEnv *env, void *state, int epoch, double *train_rmse)
{
	Popular *popular = state;
	const LepRatings *ratings = popular->ratings;

	(void) epoch;
	*train_rmse = NAN;
	for (int32_t i = 0; i < ratings->n_items; i++)
		popular->n_item[i] = 0;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (j % SLICE == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		popular->n_item[ratings->item[j]] += lep_part_in(popular->parts, ratings->part[j]);
	}
	return LEP_OK;
}

static LepStatus
popular_export_model(LepEnv *env, void *state, LepModel *model)
{
	const Popular *popular = state;

	(void) env;
	model->mean = 0;
	for (int32_t u = 0; u < model->n_users; u++)
		model->user_bias[u] = 0;
	for (int32_t i = 0; i < model->n_items; i++)
		model->item_bias[i] = (float) ((double) popular->n_item[i] / model->n_users);
	return LEP_OK;
}

const LepSolver lep_solver_popular = {
	.algorithm = LEP_ALGORITHM_POPULAR,
	.feedback = 1u << LEP_FEEDBACK_IMPLICIT,
	.iterative = false,
	.has_step = false,
	.adapt = NULL,
	.memory = popular_memory,
	.cost = popular_cost,
	.start = popular_start,
	.epoch = popular_epoch,
	.export_model = popular_export_model,
};
