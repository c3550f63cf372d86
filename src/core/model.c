/*
 * model.c
 *		Arrays of a model, its score, and whether it may be published.
 *
 * Ownership: the arrays belong to the arena they were made in.  A model that
 * is not being written may be read by any number of threads.
 */
#include "core/model.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/neighbors.h"
#include "core/pool.h"

/* Rows that one task checks. */
#define CHECK_CHUNK 8192

/* Of item rows where there are neighbours, some hundred a row. */
#define CHECK_CHUNK_NEIGHBORS 1024

/* n_rows * width floats, all zero. */
static LepStatus
create_floats(LepArena *arena, int32_t n_rows, int width, float **values)
{
	int64_t n = (int64_t) n_rows * width;

	*values = lep_arena_alloc(arena, n, sizeof(float));
	if (*values == NULL)
		return lep_env_failure(arena->env);
	return lep_pool_clear(arena->env, *values, n * (int64_t) sizeof(float));
}

LepStatus
lep_model_create(LepArena *arena, int32_t n_users, int32_t n_items, int n_factors, LepModel *model)
{
	LepStatus status;

	memset(model, 0, sizeof(*model));
	model->n_users = n_users;
	model->n_items = n_items;
	model->n_factors = n_factors;
	model->stride = lep_row_stride(n_factors);
	model->min_score = -FLT_MAX;
	model->max_score = FLT_MAX;

	status = create_floats(arena, n_users, 1, &model->user_bias);
	if (status == LEP_OK)
		status = create_floats(arena, n_items, 1, &model->item_bias);
	if (status == LEP_OK && n_factors > 0)
		status = create_floats(arena, n_users, model->stride, &model->user_factors);
	if (status == LEP_OK && n_factors > 0)
		status = create_floats(arena, n_items, model->stride, &model->item_factors);
	return status;
}

LepStatus
lep_model_add_variances(LepArena *arena, LepModel *model)
{
	LepStatus status = create_floats(arena, model->n_users, 1, &model->user_variance);

	return status == LEP_OK ? create_floats(arena, model->n_items, 1, &model->item_variance) : status;
}

LepStatus
lep_model_add_times(LepArena *arena, int n_bins, LepModel *model)
{
	LepTimes *times = lep_arena_calloc(arena, 1, sizeof(LepTimes));
	LepStatus status;

	if (times == NULL)
		return lep_env_failure(arena->env);
	model->times = times;
	times->n_bins = n_bins;
	times->first = lep_arena_calloc(arena, n_bins, sizeof(int64_t));
	if (times->first == NULL)
		return lep_env_failure(arena->env);
	status = create_floats(arena, n_bins, 1, &times->bias);
	if (status == LEP_OK && model->stride > 0)
		status = create_floats(arena, n_bins, model->stride, &times->lift);
	return status;
}

LepStatus
lep_model_add_neighbors(LepArena *arena, int64_t room, LepModel *model)
{
	LepNeighbors *neighbors = lep_arena_calloc(arena, 1, sizeof(LepNeighbors));

	if (neighbors == NULL)
		return lep_env_failure(arena->env);
	model->neighbors = neighbors;
	neighbors->n_rows = model->n_items;
	neighbors->n_items = model->n_items;
	neighbors->room = room;
	neighbors->start = lep_arena_calloc(arena, (int64_t) model->n_items + 1, sizeof(int64_t));
	neighbors->target = lep_arena_alloc(arena, room, sizeof(int32_t));
	neighbors->weight = lep_arena_alloc(arena, room, sizeof(float));
	return neighbors->start == NULL || neighbors->target == NULL || neighbors->weight == NULL
			   ? lep_env_failure(arena->env)
			   : LEP_OK;
}

static void
free_neighbors(LepArena *arena, LepNeighbors *neighbors)
{
	if (neighbors == NULL)
		return;
	if (neighbors->owns_baskets)
	{
		lep_arena_free(arena, (void *) neighbors->basket_start);
		lep_arena_free(arena, (void *) neighbors->basket_item);
	}
	lep_arena_free(arena, neighbors->start);
	lep_arena_free(arena, neighbors->target);
	lep_arena_free(arena, neighbors->weight);
	lep_arena_free(arena, neighbors);
}

void
lep_model_free(LepArena *arena, LepModel *model)
{
	free_neighbors(arena, model->neighbors);
	if (model->times != NULL)
	{
		lep_arena_free(arena, model->times->first);
		lep_arena_free(arena, model->times->bias);
		lep_arena_free(arena, model->times->lift);
	}
	lep_arena_free(arena, model->times);
	lep_arena_free(arena, model->user_variance);
	lep_arena_free(arena, model->item_variance);
	lep_arena_free(arena, model->user_bias);
	lep_arena_free(arena, model->item_bias);
	lep_arena_free(arena, model->user_factors);
	lep_arena_free(arena, model->item_factors);
	memset(model, 0, sizeof(*model));
}

size_t
lep_model_size(int32_t n_users, int32_t n_items, int n_factors)
{
	size_t rows = (size_t) n_users + (size_t) n_items;
	size_t row = sizeof(float) * (1 + (size_t) lep_row_stride(n_factors));

	return lep_mul_size(rows, row);
}

static void
copy_neighbors(LepNeighbors *to, const LepNeighbors *from)
{
	size_t n = (size_t) from->start[from->n_rows];

	memcpy(to->start, from->start, ((size_t) from->n_rows + 1) * sizeof(int64_t));
	memcpy(to->target, from->target, n * sizeof(int32_t));
	memcpy(to->weight, from->weight, n * sizeof(float));
}

void
lep_model_copy(LepModel *to, const LepModel *from)
{
	size_t n_users = (size_t) from->n_users;
	size_t n_items = (size_t) from->n_items;
	size_t row = (size_t) from->stride * sizeof(float);

	to->mean = from->mean;
	to->min_score = from->min_score;
	to->max_score = from->max_score;
	memcpy(to->user_bias, from->user_bias, n_users * sizeof(float));
	memcpy(to->item_bias, from->item_bias, n_items * sizeof(float));
	if (row > 0)
	{
		memcpy(to->user_factors, from->user_factors, n_users * row);
		memcpy(to->item_factors, from->item_factors, n_items * row);
	}
	if (from->neighbors != NULL)
		copy_neighbors(to->neighbors, from->neighbors);
}

float
lep_score(double mean, float user_bias, float item_bias, const float *user_row, const float *item_row,
		  int stride)
{
	double score = (mean + (double) user_bias) + (double) item_bias;

	if (stride > 0 && user_row != NULL && item_row != NULL)
		score += lep_kernels->dot_f64(user_row, item_row, stride);
	return (float) score;
}

float
lep_model_score(const LepModel *model, int32_t u, int32_t i)
{
	int stride = model->stride;
	const float *user_row = stride > 0 && u >= 0 ? model->user_factors + (int64_t) u * stride : NULL;
	const float *item_row = stride > 0 && i >= 0 ? model->item_factors + (int64_t) i * stride : NULL;
	float user_bias = u >= 0 ? model->user_bias[u] : 0.0f;
	float item_bias = i >= 0 ? model->item_bias[i] : 0.0f;
	double score;
	LepBasket basket;
	LepNeighborSum by_neighbors = { 0, false };

	if (model->neighbors == NULL)
		return lep_score(model->mean, user_bias, item_bias, user_row, item_row, stride);
	score = (model->mean + (double) user_bias) + (double) item_bias;
	if (user_row != NULL && item_row != NULL)
		score += lep_kernels->dot_f64(user_row, item_row, stride);
	basket = lep_neighbors_basket(model->neighbors, u);
	if (i >= 0)
		(void) lep_neighbors_sum(NULL, model->neighbors, &basket, i, NULL, &by_neighbors);
	return (float) (score + by_neighbors.sum);
}

/* Finite and at least 0. */
static bool
variances_are_sane(const float *variance, int64_t first, int64_t end)
{
	for (int64_t r = first; variance != NULL && r < end; r++)
	{
		if (!(variance[r] >= 0 && variance[r] <= FLT_MAX))
			return false;
	}
	return true;
}

/*
 * Rows [first, end) of one side.  Comparisons are written so that a NaN fails
 * them; squares of floats cannot overflow a double.
 */
static bool
rows_are_sane(const float *bias, const float *factors, int stride, int64_t first, int64_t end)
{
	for (int64_t r = first; r < end; r++)
	{
		const float *row = stride > 0 ? factors + r * stride : NULL;

		if (!(fabs((double) bias[r]) <= LEP_MAX_NORM))
			return false;
		/* as lep_factors_decode() has it */
		if (stride > 0 && !(lep_kernels->dot_f64(row, row, stride) <= LEP_MAX_NORM * LEP_MAX_NORM))
			return false;
	}
	return true;
}

/* Rows [first, end): within the items, ascending, weights finite. */
static bool
neighbors_are_sane(const LepNeighbors *neighbors, int64_t first, int64_t end)
{
	for (int64_t r = first; neighbors != NULL && r < end; r++)
	{
		int64_t previous = -1;

		if (neighbors->start[r] > neighbors->start[r + 1] || neighbors->start[r + 1] > neighbors->room)
			return false;
		for (int64_t e = neighbors->start[r]; e < neighbors->start[r + 1]; e++)
		{
			if (neighbors->target[e] <= previous || neighbors->target[e] >= neighbors->n_items ||
				neighbors->target[e] == r || !(fabs((double) neighbors->weight[e]) <= LEP_MAX_NORM))
				return false;
			previous = neighbors->target[e];
		}
	}
	return true;
}

static bool
scalars_are_sane(const LepModel *model)
{
	const LepTimes *times = model->times;

	if (model->neighbors != NULL && model->neighbors->start[0] != 0)
		return false;
	return fabs(model->mean) <= LEP_MAX_NORM && isfinite(model->min_score) && isfinite(model->max_score) &&
		   model->min_score <= model->max_score && model->noise >= 0 && isfinite(model->noise) &&
		   (times == NULL || rows_are_sane(times->bias, times->lift, model->stride, 0, times->n_bins));
}

bool
lep_model_is_sane(const LepModel *model)
{
	return scalars_are_sane(model) &&
		   rows_are_sane(model->user_bias, model->user_factors, model->stride, 0, model->n_users) &&
		   rows_are_sane(model->item_bias, model->item_factors, model->stride, 0, model->n_items) &&
		   variances_are_sane(model->user_variance, 0, model->n_users) &&
		   variances_are_sane(model->item_variance, 0, model->n_items) &&
		   neighbors_are_sane(model->neighbors, 0, model->n_items);
}

typedef struct CheckJob
{
	const LepModel *model;
	int64_t n_user_tasks; /* the tasks after these check items */
	int64_t item_chunk;
	int broken; /* atomic: tasks only ever set it */
} CheckJob;

static void
check_task(void *arg, int64_t task, int thread)
{
	CheckJob *job = arg;
	const LepModel *model = job->model;
	bool users = task < job->n_user_tasks;
	int64_t chunk = users ? CHECK_CHUNK : job->item_chunk;
	int64_t first = (users ? task : task - job->n_user_tasks) * chunk;
	int64_t n_rows = users ? model->n_users : model->n_items;
	int64_t end = first + chunk < n_rows ? first + chunk : n_rows;

	(void) thread;
	if (!rows_are_sane(users ? model->user_bias : model->item_bias,
					   users ? model->user_factors : model->item_factors, model->stride, first, end) ||
		!variances_are_sane(users ? model->user_variance : model->item_variance, first, end) ||
		(!users && !neighbors_are_sane(model->neighbors, first, end)))
		__atomic_store_n(&job->broken, 1, __ATOMIC_RELAXED);
}

LepStatus
lep_model_check(LepEnv *env, const LepModel *model, bool *sane)
{
	CheckJob job;
	int64_t n_item_tasks;
	LepStatus status;

	job.model = model;
	job.item_chunk = model->neighbors != NULL ? CHECK_CHUNK_NEIGHBORS : CHECK_CHUNK;
	n_item_tasks = ((int64_t) model->n_items + job.item_chunk - 1) / job.item_chunk;
	job.n_user_tasks = ((int64_t) model->n_users + CHECK_CHUNK - 1) / CHECK_CHUNK;
	job.broken = 0;
	status = lep_parallel_for(env, job.n_user_tasks + n_item_tasks, check_task, &job);
	*sane = scalars_are_sane(model) && __atomic_load_n(&job.broken, __ATOMIC_RELAXED) == 0;
	return status;
}
