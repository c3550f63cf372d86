/*
 * popular.c
 *		How many have it: the least that a list for implicit feedback must beat.
 *
 * score(u, i) = n_i / n_users, the share of all users who have the item; the
 * same for every user, and in [0, 1].  The values of the ratings do not count.
 * There is nothing to iterate, to tune or to regularise.
 *
 * With a window only ratings of its days count, those before the newest.  What is
 * alike then goes by all ratings, counted as less than one:
 *
 *	score(u, i) = (n_i of the window + n_i / (n_ratings + 1)) / n_users
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
	double window;	 /* in units of time; 0: none */
	int32_t *n_item; /* [n_items]: ratings in the parts */
	int32_t *n_late; /* [n_items]: and in the window; NULL without */
	int64_t n;		 /* ratings in the parts */
} Popular;

static size_t
popular_memory(const LepShape *shape, const LepOptions *options, int n_threads)
{
	size_t counts = options->window > 0 ? 2 : 1;

	(void) n_threads;
	return lep_add_size(sizeof(Popular), lep_mul_size((size_t) shape->n_items, counts * sizeof(int32_t)));
}

/* A count is a random access: 2 ns. */
static double
popular_cost(const LepShape *shape, const LepOptions *options)
{
	return (options->window > 0 ? 6e-9 : 2e-9) * (double) shape->n_ratings;
}

static LepStatus
fail_needs_time(LepEnv *env)
{
	return lep_fail(&env->error, LEP_ERR_NEEDS_TIME, "window", 0, 0, 0);
}

static LepStatus
popular_start(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options,
			  void **state)
{
	Popular *popular = lep_arena_calloc(arena, 1, sizeof(Popular));

	if (popular == NULL)
		return lep_env_failure(arena->env);
	if (options->window > 0 && ratings->time == NULL)
		return fail_needs_time(arena->env);
	popular->window = options->window * ratings->day;
	popular->ratings = ratings;
	popular->parts = parts;
	popular->n_item = lep_arena_calloc(arena, ratings->n_items, sizeof(int32_t));
	if (popular->window > 0)
		popular->n_late = lep_arena_calloc(arena, ratings->n_items, sizeof(int32_t));
	if (popular->n_item == NULL || (popular->window > 0 && popular->n_late == NULL))
		return lep_env_failure(arena->env);
	*state = popular;
	return LEP_OK;
}

/* The newest time in the parts. */
static LepStatus
find_newest(LepEnv *env, const Popular *popular, int64_t *newest)
{
	const LepRatings *ratings = popular->ratings;

	*newest = INT64_MIN;
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (j % SLICE == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (lep_part_in(popular->parts, ratings->part[j]) && ratings->time[j] > *newest)
			*newest = ratings->time[j];
	}
	return LEP_OK;
}

/* Is the rating in the window that ends with the newest? */
static bool
is_late(const Popular *popular, int64_t time, int64_t newest)
{
	return (double) newest - (double) time < popular->window;
}

static LepStatus
popular_epoch(LepEnv *env, void *state, int epoch, double *train_rmse)
{
	Popular *popular = state;
	const LepRatings *ratings = popular->ratings;
	int64_t newest = 0;
	LepStatus status = popular->window > 0 ? find_newest(env, popular, &newest) : LEP_OK;

	(void) epoch;
	*train_rmse = NAN;
	popular->n = 0;
	for (int64_t j = 0; status == LEP_OK && j < ratings->n_ratings; j++)
	{
		if (j % SLICE == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (!lep_part_in(popular->parts, ratings->part[j]))
			continue;
		popular->n++;
		popular->n_item[ratings->item[j]]++;
		if (popular->window > 0 && is_late(popular, ratings->time[j], newest))
			popular->n_late[ratings->item[j]]++;
	}
	return status;
}

static LepStatus
popular_export_model(LepEnv *env, void *state, LepModel *model)
{
	const Popular *popular = state;

	(void) env;
	model->mean = 0;
	for (int32_t i = 0; i < model->n_items; i++)
	{
		double n = popular->n_item[i];

		if (popular->window > 0)
			n = popular->n_late[i] + n / (double) (popular->n + 1);
		model->item_bias[i] = (float) (n / model->n_users);
	}
	return LEP_OK;
}

const LepSolver lep_solver_popular = {
	.algorithm = LEP_ALGORITHM_POPULAR,
	.feedback = 1u << LEP_FEEDBACK_IMPLICIT,
	.uses_time = true,
	.iterative = false,
	.has_step = false,
	.adapt = NULL,
	.memory = popular_memory,
	.cost = popular_cost,
	.start = popular_start,
	.epoch = popular_epoch,
	.export_model = popular_export_model,
};
