/*
 * view.c
 *		Views of the ratings in some parts; see view.h.
 *
 * Moments take two passes (the mean, then the squared deviations), since the
 * one-pass formula loses everything for ratings like 1e6 +- 1.
 */
#include "core/view.h"

#include <math.h>
#include <string.h>

#include "core/pool.h"

/* Ratings between two looks at should_stop, and per task: under 2 ms. */
#define SLICE (256 * 1024)

/* How many entries each row has, as start[row + 1]; zeroed by the caller. */
static LepStatus
count_rows(LepEnv *env, const LepRatings *ratings, unsigned parts, int64_t *start)
{
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (j % SLICE == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (lep_part_in(parts, ratings->part[j]))
			start[ratings->item[j] + 1]++;
	}
	return LEP_OK;
}

static void
add_up(int64_t *start, int32_t n_rows)
{
	for (int32_t r = 0; r < n_rows; r++)
		start[r + 1] += start[r];
}

static LepStatus
create_view(LepArena *arena, int32_t n_rows, int64_t n, int32_t **column, float **rating, int64_t **start)
{
	*start = lep_arena_calloc(arena, (int64_t) n_rows + 1, sizeof(int64_t));
	*column = lep_arena_alloc(arena, n, sizeof(int32_t));
	*rating = lep_arena_alloc(arena, n, sizeof(float));
	if (*start == NULL || *column == NULL || *rating == NULL)
		return lep_env_failure(arena->env);
	return LEP_OK;
}

static void
set_view(LepView *view, int32_t n_rows, const int64_t *start, const int32_t *column, const float *rating)
{
	view->n_rows = n_rows;
	view->n = start[n_rows];
	view->start = start;
	view->column = column;
	view->rating = rating;
}

LepStatus
lep_view_by_user(LepArena *arena, const LepRatings *ratings, unsigned parts, LepView *view)
{
	int64_t n;
	int64_t n_done = 0;
	int64_t *start;
	int32_t *column;
	float *rating;
	LepStatus status = lep_view_count(arena->env, ratings, parts, &n);

	if (status != LEP_OK)
		return status;
	if (n == ratings->n_ratings)
	{
		set_view(view, ratings->n_users, ratings->user_start, ratings->item, ratings->rating);
		return LEP_OK;
	}
	status = create_view(arena, ratings->n_users, n, &column, &rating, &start);
	if (status != LEP_OK)
		return status;
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (j % SLICE == 0 && lep_env_stopped(arena->env))
				return LEP_ERR_STOPPED;
			if (!lep_part_in(parts, ratings->part[j]))
				continue;
			column[n_done] = ratings->item[j];
			rating[n_done++] = ratings->rating[j];
		}
		start[u + 1] = n_done;
	}
	set_view(view, ratings->n_users, start, column, rating);
	return LEP_OK;
}

/*
 * Scatter into rows.  start[i] is used as row i's write position and so ends
 * as the start of row i + 1: the caller moves it back by one.
 */
static LepStatus
scatter_by_item(LepEnv *env, const LepRatings *ratings, unsigned parts, int64_t *start, int32_t *column,
				float *rating)
{
	int32_t u = 0;

	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		int64_t place;

		if (j % SLICE == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		while (j >= ratings->user_start[u + 1])
			u++;
		if (!lep_part_in(parts, ratings->part[j]))
			continue;
		place = start[ratings->item[j]]++;
		column[place] = u;
		rating[place] = ratings->rating[j];
	}
	return LEP_OK;
}

LepStatus
lep_view_by_item(LepArena *arena, const LepRatings *ratings, unsigned parts, LepView *view)
{
	int64_t n;
	int64_t *start;
	int32_t *column;
	float *rating;
	LepStatus status = lep_view_count(arena->env, ratings, parts, &n);

	if (status == LEP_OK)
		status = create_view(arena, ratings->n_items, n, &column, &rating, &start);
	if (status == LEP_OK)
		status = count_rows(arena->env, ratings, parts, start);
	if (status != LEP_OK)
		return status;
	add_up(start, ratings->n_items);
	/*
	 * A scatter in random order would ask for all pages, and have them cleared,
	 * within a few thousand ratings: 0.2 s for 10 million, between two looks at
	 * should_stop.
	 */
	status = lep_pool_clear(arena->env, column, n * (int64_t) sizeof(int32_t));
	if (status == LEP_OK)
		status = lep_pool_clear(arena->env, rating, n * (int64_t) sizeof(float));
	if (status == LEP_OK)
		status = scatter_by_item(arena->env, ratings, parts, start, column, rating);
	if (status != LEP_OK)
		return status;
	for (int32_t i = ratings->n_items; i > 0; i--)
		start[i] = start[i - 1];
	start[0] = 0;
	set_view(view, ratings->n_items, start, column, rating);
	return LEP_OK;
}

size_t
lep_view_size(int32_t n_rows, int64_t n)
{
	size_t starts = lep_mul_size((size_t) n_rows + 1, sizeof(int64_t));

	return lep_add_size(starts, lep_mul_size((size_t) n, sizeof(int32_t) + sizeof(float)));
}

int32_t
lep_view_row_at(const int64_t *start, int32_t n_rows, int64_t row_weight, int64_t position)
{
	int32_t low = 0;
	int32_t high = n_rows;

	while (low < high)
	{
		int32_t middle = low + (high - low) / 2;

		if (start[middle] + row_weight * middle < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int64_t
lep_view_tasks(const int64_t *start, int32_t n_rows, int64_t row_weight, int64_t chunk)
{
	return (start[n_rows] + row_weight * n_rows) / chunk + 1;
}

/* One slice of ratings: its share of a sum. */
typedef struct SliceSum
{
	int64_t n;
	double sum; /* of (rating - centre), or of its square */
} SliceSum;

typedef struct MomentsJob
{
	const LepRatings *ratings;
	unsigned parts;
	double centre;
	bool squared;
	SliceSum *slices;
} MomentsJob;

static void
sum_slice(void *arg, int64_t task, int thread)
{
	const MomentsJob *job = arg;
	const LepRatings *ratings = job->ratings;
	int64_t end = (task + 1) * SLICE < ratings->n_ratings ? (task + 1) * SLICE : ratings->n_ratings;
	SliceSum slice = { 0, 0 };

	(void) thread;
	for (int64_t j = task * SLICE; j < end; j++)
	{
		double d = (double) ratings->rating[j] - job->centre;

		if (!lep_part_in(job->parts, ratings->part[j]))
			continue;
		slice.n++;
		slice.sum += job->squared ? d * d : d;
	}
	job->slices[task] = slice;
}

/* The sum over all slices, in their order. */
static LepStatus
sum_slices(LepEnv *env, MomentsJob *job, int64_t *n, double *sum)
{
	int64_t n_tasks = (job->ratings->n_ratings + SLICE - 1) / SLICE;
	LepStatus status = lep_parallel_for(env, n_tasks, sum_slice, job);

	*n = 0;
	*sum = 0;
	if (status != LEP_OK)
		return status;
	for (int64_t t = 0; t < n_tasks; t++)
	{
		*n += job->slices[t].n;
		*sum += job->slices[t].sum;
	}
	return LEP_OK;
}

/* The same with scratch memory taken. */
static LepStatus
compute_moments(LepEnv *env, MomentsJob *job, LepMoments *moments)
{
	double sum;
	LepStatus status = sum_slices(env, job, &moments->n, &sum);

	if (status != LEP_OK || moments->n == 0)
		return status;
	moments->mean = sum / (double) moments->n;
	job->centre = moments->mean;
	job->squared = true;
	status = sum_slices(env, job, &moments->n, &sum);
	moments->sd = sqrt(sum / (double) moments->n);
	return status;
}

/* A job over all slices, with memory for their sums in the arena. */
static LepStatus
init_job(LepArena *scratch, const LepRatings *ratings, unsigned parts, MomentsJob *job)
{
	job->ratings = ratings;
	job->parts = parts;
	job->centre = 0;
	job->squared = false;
	job->slices = lep_arena_alloc(scratch, (ratings->n_ratings + SLICE - 1) / SLICE, sizeof(SliceSum));
	return job->slices == NULL ? lep_env_failure(scratch->env) : LEP_OK;
}

LepStatus
lep_view_count(LepEnv *env, const LepRatings *ratings, unsigned parts, int64_t *n)
{
	MomentsJob job;
	LepArena scratch;
	double sum;
	LepStatus status;

	lep_arena_init(&scratch, env);
	status = init_job(&scratch, ratings, parts, &job);
	if (status == LEP_OK)
		status = sum_slices(env, &job, n, &sum);
	lep_arena_drop(&scratch);
	return status;
}

LepStatus
lep_view_moments(LepEnv *env, const LepRatings *ratings, unsigned parts, LepMoments *moments)
{
	MomentsJob job;
	LepArena scratch;
	LepStatus status;

	moments->n = 0;
	moments->mean = 0;
	moments->sd = 0;
	lep_arena_init(&scratch, env);
	status = init_job(&scratch, ratings, parts, &job);
	if (status == LEP_OK)
		status = compute_moments(env, &job, moments);
	lep_arena_drop(&scratch);
	return status;
}
