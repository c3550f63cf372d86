/*
 * baseline.c
 *		Mean and biases: what every other solver must beat.
 *
 * Objective, over the ratings of the parts:
 *
 *	sum (r_ui - mean - b_u - b_i)^2 + USER_FACTOR * l * sum b_u^2 + l * sum b_i^2
 *
 * with l = option bias_regularization, in ratings: a bias is as if l ratings
 * equal to the mean had been given besides.
 *
 * Update, in closed form and by turns (Koren, "Factor in the neighbors:
 * scalable and accurate collaborative filtering", TKDD 4(1), 2010,
 * doi:10.1145/1644873.1644874, section 2.1, equations 1 and 2, which do one
 * turn of the same):
 *
 *	b_i = sum over i's ratings of (r_ui - mean - b_u) / (l + n_i)
 *	b_u = sum over u's ratings of (r_ui - mean - b_i) / (USER_FACTOR l + n_u)
 *
 * N_TURNS turns make one epoch.  Departure: several turns, and one option for
 * both penalties; its default, 3, is the best on validation parts of
 * MovieLens 100K.  Both penalties are in ratings, so that they hold for any
 * scale.
 *
 * Sums of items are taken in N_GROUPS groups of ratings that are consecutive
 * by user, each with sums of its own, added in order: parallel, and the same
 * bits on any number of threads, without a copy of the ratings by item.
 */
#include "core/solver.h"

#include <math.h>

#include "core/pool.h"
#include "core/view.h"

/* Turns settle to four digits within ten on MovieLens; each is cheap. */
#define N_TURNS 10

/* Users have more even means than items: they are pulled more strongly. */
#define USER_FACTOR 1.5

/* Ratings per task: about 0.5 ms. */
#define CHUNK (256 * 1024)

/* Items per task of the update. */
#define ITEM_CHUNK 32768

/* Groups of sums at most: they never take more than a byte per rating. */
#define N_GROUPS 16

typedef struct Baseline
{
	const LepRatings *ratings;
	unsigned parts;
	double regularization;
	double mean;
	int64_t n; /* ratings in the parts */

	float *user_bias;
	float *item_bias;
	int32_t *n_item;	/* ratings of each item in the parts */
	double *item_sum;	/* [n_groups][n_items] */
	double *task_error; /* squared errors by task of the user pass */

	int n_groups;
	int64_t wave;  /* chunk of each group at work */
	bool counting; /* first pass: fill item_sum with counts */
} Baseline;

static int
count_groups(int32_t n_items, int64_t n_ratings)
{
	int64_t n = n_ratings / (8 * (int64_t) n_items);

	return n < 1 ? 1 : n > N_GROUPS ? N_GROUPS : (int) n;
}

static size_t
baseline_memory(const LepShape *shape, const LepOptions *options, int n_threads)
{
	size_t n_users = (size_t) shape->n_users;
	size_t n_items = (size_t) shape->n_items;
	size_t groups = (size_t) count_groups(shape->n_items, shape->n_ratings);
	size_t bytes = sizeof(Baseline);

	(void) options;
	(void) n_threads;
	bytes = lep_add_size(bytes, lep_mul_size(n_users + n_items, sizeof(float)));
	bytes = lep_add_size(bytes, lep_mul_size(n_items, sizeof(int32_t)));
	bytes = lep_add_size(bytes, lep_mul_size(n_items, lep_mul_size(groups, sizeof(double))));
	return lep_add_size(bytes, (size_t) (shape->n_ratings / CHUNK + 1) * sizeof(double));
}

/* Two passes of about 3 ns a rating per turn. */
static double
baseline_cost(const LepShape *shape, const LepOptions *options)
{
	(void) options;
	return 6e-9 * N_TURNS * (double) shape->n_ratings;
}

/* Add chunk number `wave` of group number `task` to the group's sums. */
static void
sum_items(void *arg, int64_t task, int thread)
{
	const Baseline *b = arg;
	const LepRatings *ratings = b->ratings;
	int64_t group_size = (ratings->n_ratings + b->n_groups - 1) / b->n_groups;
	int64_t group_end = (task + 1) * group_size;
	int64_t j = task * group_size + b->wave * CHUNK;
	int64_t end = j + CHUNK < group_end ? j + CHUNK : group_end;
	double *sum = b->item_sum + task * ratings->n_items;
	int32_t u;

	(void) thread;
	if (end > ratings->n_ratings)
		end = ratings->n_ratings;
	if (j >= end)
		return;
	u = lep_ratings_user(ratings, j);
	for (; j < end; j++)
	{
		while (j >= ratings->user_start[u + 1])
			u++;
		if (!lep_part_in(b->parts, ratings->part[j]))
			continue;
		if (b->counting)
			sum[ratings->item[j]] += 1;
		else
			sum[ratings->item[j]] += (double) ratings->rating[j] - b->mean - (double) b->user_bias[u];
	}
}

/* Biases of some items from the sums of all groups, which are cleared. */
static void
update_items(void *arg, int64_t task, int thread)
{
	const Baseline *b = arg;
	int64_t n_items = b->ratings->n_items;
	int64_t end = (task + 1) * ITEM_CHUNK < n_items ? (task + 1) * ITEM_CHUNK : n_items;

	(void) thread;
	for (int64_t i = task * ITEM_CHUNK; i < end; i++)
	{
		double sum = 0;

		for (int g = 0; g < b->n_groups; g++)
		{
			sum += b->item_sum[g * n_items + i];
			b->item_sum[g * n_items + i] = 0;
		}
		if (b->counting)
			b->n_item[i] = (int32_t) sum;
		else if (b->n_item[i] > 0)
			b->item_bias[i] = (float) (sum / (b->regularization + b->n_item[i]));
	}
}

static LepStatus
pass_over_items(LepEnv *env, Baseline *b)
{
	int64_t group_size = (b->ratings->n_ratings + b->n_groups - 1) / b->n_groups;
	int64_t n_item_tasks = ((int64_t) b->ratings->n_items + ITEM_CHUNK - 1) / ITEM_CHUNK;

	for (b->wave = 0; b->wave * CHUNK < group_size; b->wave++)
	{
		LepStatus status = lep_parallel_for(env, b->n_groups, sum_items, b);

		if (status != LEP_OK)
			return status;
	}
	return lep_parallel_for(env, n_item_tasks, update_items, b);
}

/* The bias of one user; returns her squared errors after it. */
static double
update_user(const Baseline *b, int32_t u)
{
	const LepRatings *ratings = b->ratings;
	int64_t n = 0;
	double sum = 0;
	double squares = 0;
	double error;

	for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
	{
		if (!lep_part_in(b->parts, ratings->part[j]))
			continue;
		error = (double) ratings->rating[j] - b->mean - (double) b->item_bias[ratings->item[j]];
		n++;
		sum += error;
	}
	if (n == 0)
		return 0;
	b->user_bias[u] = (float) (sum / (USER_FACTOR * b->regularization + (double) n));
	for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
	{
		if (!lep_part_in(b->parts, ratings->part[j]))
			continue;
		error = (double) ratings->rating[j] - b->mean - (double) b->item_bias[ratings->item[j]] -
				(double) b->user_bias[u];
		squares += error * error;
	}
	return squares;
}

static void
update_users(void *arg, int64_t task, int thread)
{
	const Baseline *b = arg;
	const LepRatings *ratings = b->ratings;
	int32_t u = lep_view_row_at(ratings->user_start, ratings->n_users, 0, task * CHUNK);
	int32_t end = lep_view_row_at(ratings->user_start, ratings->n_users, 0, (task + 1) * CHUNK);
	double squares = 0;

	(void) thread;
	for (; u < end; u++)
		squares += update_user(b, u);
	b->task_error[task] = squares;
}

static LepStatus
baseline_start(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options,
			   void **state)
{
	Baseline *b = lep_arena_calloc(arena, 1, sizeof(Baseline));
	int64_t n_tasks = lep_view_tasks(ratings->user_start, ratings->n_users, 0, CHUNK);
	LepMoments moments;
	LepStatus status;

	if (b == NULL)
		return lep_env_failure(arena->env);
	b->ratings = ratings;
	b->parts = parts;
	b->regularization = options->bias_regularization;
	b->n_groups = count_groups(ratings->n_items, ratings->n_ratings);
	b->user_bias = lep_arena_calloc(arena, ratings->n_users, sizeof(float));
	b->item_bias = lep_arena_calloc(arena, ratings->n_items, sizeof(float));
	b->n_item = lep_arena_calloc(arena, ratings->n_items, sizeof(int32_t));
	b->item_sum = lep_arena_calloc(arena, (int64_t) b->n_groups * ratings->n_items, sizeof(double));
	b->task_error = lep_arena_alloc(arena, n_tasks, sizeof(double));
	if (b->user_bias == NULL || b->item_bias == NULL || b->n_item == NULL || b->item_sum == NULL ||
		b->task_error == NULL)
		return lep_env_failure(arena->env);

	status = lep_view_moments(arena->env, ratings, parts, &moments);
	b->mean = moments.mean;
	b->n = moments.n;
	b->counting = true;
	if (status == LEP_OK)
		status = pass_over_items(arena->env, b);
	b->counting = false;
	*state = b;
	return status;
}

static LepStatus
baseline_epoch(LepEnv *env, void *state, int epoch, double *train_rmse)
{
	Baseline *b = state;
	const LepRatings *ratings = b->ratings;
	int64_t n_tasks = lep_view_tasks(ratings->user_start, ratings->n_users, 0, CHUNK);
	double squares = 0;

	(void) epoch;
	for (int turn = 0; turn < N_TURNS; turn++)
	{
		LepStatus status = pass_over_items(env, b);

		if (status == LEP_OK)
			status = lep_parallel_for(env, n_tasks, update_users, b);
		if (status != LEP_OK)
			return status;
	}
	for (int64_t t = 0; t < n_tasks; t++)
		squares += b->task_error[t];
	*train_rmse = b->n > 0 ? sqrt(squares / (double) b->n) : NAN;
	return LEP_OK;
}

static LepStatus
baseline_export_model(LepEnv *env, void *state, LepModel *model)
{
	const Baseline *b = state;

	(void) env;
	model->mean = b->mean;
	for (int32_t u = 0; u < model->n_users; u++)
		model->user_bias[u] = b->user_bias[u];
	for (int32_t i = 0; i < model->n_items; i++)
		model->item_bias[i] = b->item_bias[i];
	return LEP_OK;
}

const LepSolver lep_solver_baseline = {
	.algorithm = LEP_ALGORITHM_BASELINE,
	.feedback = 1u << LEP_FEEDBACK_EXPLICIT,
	.iterative = false,
	.has_step = false,
	.adapt = NULL,
	.memory = baseline_memory,
	.cost = baseline_cost,
	.start = baseline_start,
	.epoch = baseline_epoch,
	.export_model = baseline_export_model,
};
