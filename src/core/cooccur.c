/*
 * cooccur.c
 *		Rows of weighted co-occurrences; see cooccur.h.
 *
 * Rows are cut into tasks by how many additions they take.  A row of more than
 * LONG_ROW is summed alone: its users are cut into chunks, LEP_COOCCUR_WAYS of
 * which are summed at a time, each into an array of its own, and these are added
 * up in order.  The chunks are a function of the data alone.
 */
#include "core/cooccur.h"

#include <math.h>
#include <string.h>

#include "core/pool.h"
#include "core/rng.h"
#include "core/view.h"

/* Additions of a task: 1 to 2 ms. */
#define TASK_WORK (1024 * 1024)

/* Additions of a row that is summed alone, and of one of its chunks. */
#define LONG_ROW   (2 * 1024 * 1024)
#define CHUNK_WORK (1024 * 1024)

/* What a row costs besides: choosing among what it reaches, in additions. */
#define ROW_WORK 16384

/* Ratings, items or users between two looks at should_stop. */
#define SLICE (256 * 1024)

/* Items that one task adds the ways of. */
#define BLOCK_ITEMS (64 * 1024)

double
lep_cooccur_power(double x, double exponent)
{
	return exponent == 0 ? 1 : exponent == 1 ? 1 / x : lep_exp(-exponent * lep_log(x));
}

/* ---------------------------------------------------------------- memory */

size_t
lep_cooccur_size(const LepShape *shape, int n_threads)
{
	size_t n_items = (size_t) shape->n_items;
	size_t item = sizeof(int32_t) + 2 * sizeof(int64_t) + LEP_COOCCUR_WAYS * sizeof(double);
	size_t bytes = lep_mul_size((size_t) shape->n_ratings, 2 * sizeof(int32_t));

	bytes = lep_add_size(bytes, lep_mul_size((size_t) shape->n_users, sizeof(int64_t) + sizeof(double)));
	bytes = lep_add_size(bytes, lep_mul_size(n_items, item));
	return lep_add_size(bytes, lep_mul_size(lep_neighbors_scratch_size(shape->n_items), (size_t) n_threads));
}

double
lep_cooccur_work(const LepShape *shape, const LepOptions *options)
{
	double mean = (double) shape->n_ratings / (shape->n_users > 0 ? shape->n_users : 1);
	double most = (double) options->max_user_items;
	double other = 4 * mean;

	if (other > most)
		other = most;
	if (other > shape->n_items)
		other = shape->n_items;
	return (double) shape->n_ratings * (1 + other);
}

static LepStatus
take_memory(LepArena *arena, LepCooccur *c)
{
	c->user_start = lep_arena_calloc(arena, (int64_t) c->n_users + 1, sizeof(int64_t));
	c->user_item = lep_arena_alloc(arena, c->n, sizeof(int32_t));
	c->item_start = lep_arena_calloc(arena, (int64_t) c->n_items + 1, sizeof(int64_t));
	c->item_user = lep_arena_alloc(arena, c->n, sizeof(int32_t));
	c->n_item = lep_arena_calloc(arena, c->n_items, sizeof(int32_t));
	c->user_weight = lep_arena_alloc(arena, c->n_users, sizeof(double));
	c->work = lep_arena_calloc(arena, (int64_t) c->n_items + 1, sizeof(int64_t));
	c->scratch = lep_arena_calloc(arena, c->n_threads, sizeof(LepNeighborScratch));
	if (c->user_start == NULL || c->user_item == NULL || c->item_start == NULL || c->item_user == NULL ||
		c->n_item == NULL || c->user_weight == NULL || c->work == NULL || c->scratch == NULL)
		return lep_env_failure(arena->env);
	for (int t = 0; t < c->n_threads; t++)
	{
		if (lep_neighbors_scratch(arena, c->n_items, &c->scratch[t]) != LEP_OK)
			return lep_env_failure(arena->env);
	}
	for (int way = 0; way < LEP_COOCCUR_WAYS; way++)
	{
		LepStatus status;

		c->way[way] = lep_arena_alloc(arena, c->n_items, sizeof(double));
		if (c->way[way] == NULL)
			return lep_env_failure(arena->env);
		status = lep_pool_clear(arena->env, c->way[way], c->n_items * (int64_t) sizeof(double));
		if (status != LEP_OK)
			return status;
	}
	return LEP_OK;
}

/* ---------------------------------------------------------------- who has what */

/* Is the item in the sample of a user who has n of them? */
static bool
is_sampled(int32_t u, int32_t i, int64_t n, int64_t most)
{
	uint64_t hash;

	if (n <= most)
		return true;
	hash = lep_hash_combine((uint64_t) u, (uint64_t) i);
	return (double) (hash >> 11) * 0x1p-53 * (double) n < (double) most;
}

/* The users' items, and how many users each item has. */
static LepStatus
fill_users(LepEnv *env, const LepRatings *ratings, unsigned parts, const LepOptions *options, LepCooccur *c)
{
	int64_t n_done = 0;

	for (int32_t u = 0; u < c->n_users; u++)
	{
		int64_t n = 0;

		if (u % SLICE == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
			n += lep_part_in(parts, ratings->part[j]);
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			int32_t i = ratings->item[j];

			if (j % SLICE == 0 && lep_env_stopped(env))
				return LEP_ERR_STOPPED;
			if (!lep_part_in(parts, ratings->part[j]))
				continue;
			c->n_item[i]++;
			if (!is_sampled(u, i, n, options->max_user_items))
				continue;
			c->user_item[n_done++] = i;
			c->item_start[i + 1]++;
		}
		c->user_start[u + 1] = n_done;
		n = n_done - c->user_start[u];
		c->user_weight[u] = n > 0 ? lep_cooccur_power((double) n, options->user_exponent) : 0;
	}
	c->n = n_done;
	return LEP_OK;
}

/* The items' users, and the additions of each item's row. */
static LepStatus
fill_items(LepEnv *env, LepCooccur *c)
{
	int32_t u = 0;

	for (int32_t i = 0; i < c->n_items; i++)
		c->item_start[i + 1] += c->item_start[i];
	for (int64_t j = 0; j < c->n; j++)
	{
		int32_t i = c->user_item[j];

		if (j % SLICE == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		while (j >= c->user_start[u + 1])
			u++;
		c->item_user[c->item_start[i]++] = u;
		c->work[i + 1] += c->user_start[u + 1] - c->user_start[u];
	}
	/* each start has become the next one's */
	for (int32_t i = c->n_items; i > 0; i--)
		c->item_start[i] = c->item_start[i - 1];
	c->item_start[0] = 0;
	for (int32_t i = 0; i < c->n_items; i++)
		c->work[i + 1] = c->work[i] + (c->work[i + 1] > LONG_ROW ? 0 : c->work[i + 1]);
	return LEP_OK;
}

LepStatus
lep_cooccur_begin(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options,
				  LepCooccur *cooccur)
{
	LepEnv *env = arena->env;
	LepStatus status;

	memset(cooccur, 0, sizeof(*cooccur));
	cooccur->n_users = ratings->n_users;
	cooccur->n_items = ratings->n_items;
	cooccur->n_threads = lep_pool_threads(env);
	status = lep_view_count(env, ratings, parts, &cooccur->n);
	if (status == LEP_OK)
		status = take_memory(arena, cooccur);
	if (status == LEP_OK)
		status = fill_users(env, ratings, parts, options, cooccur);
	return status == LEP_OK ? fill_items(env, cooccur) : status;
}

void
lep_cooccur_biases(const LepCooccur *cooccur, float least_weight, float *item_bias)
{
	double scale = 0x1p-20 * (double) least_weight / cooccur->n_users;

	for (int32_t i = 0; i < cooccur->n_items; i++)
		item_bias[i] = (float) (scale * cooccur->n_item[i]);
}

/* ---------------------------------------------------------------- rows */

typedef struct RowsJob
{
	LepCooccur *cooccur;
	const uint8_t *wanted;
	LepCooccurRow row;
	void *arg;
	int64_t chunk_start[LEP_COOCCUR_WAYS + 1]; /* of a long row: among the item's users */
	int n_chunks;
} RowsJob;

/* Add users [first, end) of the item lists to the row. */
static void
add_users(const LepCooccur *c, int64_t first, int64_t end, LepNeighborScratch *row)
{
	int32_t n = 0;

	for (int64_t p = first; p < end; p++)
	{
		int32_t u = c->item_user[p];
		double weight = c->user_weight[u];

		for (int64_t e = c->user_start[u]; e < c->user_start[u + 1]; e++)
		{
			int32_t j = c->user_item[e];

			row->sum[j] += weight;
			row->reached[n] = j; /* stays only if it is new */
			n += !row->is_reached[j];
			row->is_reached[j] = 1;
		}
	}
	row->n_reached = n;
}

static bool
is_wanted(const RowsJob *job, int32_t i)
{
	const LepCooccur *c = job->cooccur;

	return (job->wanted == NULL || job->wanted[i]) && c->item_start[i] < c->item_start[i + 1];
}

/* Rows whose work is left out of the sums are long ones. */
static bool
is_long(const LepCooccur *c, int32_t i)
{
	return c->work[i] == c->work[i + 1];
}

static void
rows_task(void *arg, int64_t task, int thread)
{
	RowsJob *job = arg;
	LepCooccur *c = job->cooccur;
	LepNeighborScratch *row = &c->scratch[thread];
	int32_t first = lep_view_row_at(c->work, c->n_items, ROW_WORK, task * TASK_WORK);
	int32_t end = lep_view_row_at(c->work, c->n_items, ROW_WORK, (task + 1) * TASK_WORK);

	for (int32_t i = first; i < end; i++)
	{
		if (is_long(c, i) || !is_wanted(job, i))
			continue;
		add_users(c, c->item_start[i], c->item_start[i + 1], row);
		job->row(job->arg, i, row, thread);
		lep_neighbors_clear(row);
	}
}

static void
chunk_task(void *arg, int64_t task, int thread)
{
	RowsJob *job = arg;
	const LepCooccur *c = job->cooccur;
	double *way = c->way[task];

	(void) thread;
	for (int64_t p = job->chunk_start[task]; p < job->chunk_start[task + 1]; p++)
	{
		int32_t u = c->item_user[p];
		double weight = c->user_weight[u];

		for (int64_t e = c->user_start[u]; e < c->user_start[u + 1]; e++)
			way[c->user_item[e]] += weight;
	}
}

/* Move the ways' sums to the row of the first thread. */
static void
combine_task(void *arg, int64_t task, int thread)
{
	RowsJob *job = arg;
	const LepCooccur *c = job->cooccur;
	double *sum = c->scratch[0].sum;
	int64_t end = (task + 1) * BLOCK_ITEMS;

	(void) thread;
	if (end > c->n_items)
		end = c->n_items;
	for (int way = 0; way < job->n_chunks; way++)
	{
		for (int64_t i = task * BLOCK_ITEMS; i < end; i++)
		{
			sum[i] += c->way[way][i];
			c->way[way][i] = 0;
		}
	}
}

/* The next chunks of a long row, from user `p` on, up to `end`. */
static void
cut_chunks(RowsJob *job, int64_t p, int64_t end)
{
	const LepCooccur *c = job->cooccur;

	job->n_chunks = 0;
	job->chunk_start[0] = p;
	while (job->n_chunks < LEP_COOCCUR_WAYS && p < end)
	{
		int64_t work = 0;

		for (; p < end && work < CHUNK_WORK; p++)
			work += c->user_start[c->item_user[p] + 1] - c->user_start[c->item_user[p]];
		job->chunk_start[++job->n_chunks] = p;
	}
}

static LepStatus
long_row(LepEnv *env, RowsJob *job, int32_t i)
{
	const LepCooccur *c = job->cooccur;
	LepNeighborScratch *row = &c->scratch[0];
	int64_t n_blocks = ((int64_t) c->n_items + BLOCK_ITEMS - 1) / BLOCK_ITEMS;
	int64_t end = c->item_start[i + 1];
	LepStatus status = LEP_OK;

	for (int64_t p = c->item_start[i]; p < end && status == LEP_OK; p = job->chunk_start[job->n_chunks])
	{
		cut_chunks(job, p, end);
		status = lep_parallel_for(env, job->n_chunks, chunk_task, job);
		if (status == LEP_OK)
			status = lep_parallel_for(env, n_blocks, combine_task, job);
	}
	if (status != LEP_OK)
		return status;
	for (int32_t j = 0; j < c->n_items; j++)
	{
		row->reached[row->n_reached] = j;
		row->is_reached[j] = row->sum[j] > 0;
		row->n_reached += row->is_reached[j];
	}
	job->row(job->arg, i, row, 0);
	lep_neighbors_clear(row);
	return LEP_OK;
}

LepStatus
lep_cooccur_rows(LepEnv *env, LepCooccur *cooccur, const uint8_t *wanted, LepCooccurRow row, void *arg)
{
	RowsJob job = { cooccur, wanted, row, arg, { 0 }, 0 };
	int64_t n_tasks = lep_view_tasks(cooccur->work, cooccur->n_items, ROW_WORK, TASK_WORK);
	LepStatus status = lep_parallel_for(env, n_tasks, rows_task, &job);

	for (int32_t i = 0; i < cooccur->n_items && status == LEP_OK; i++)
	{
		if (i % SLICE == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (is_long(cooccur, i) && is_wanted(&job, i))
			status = long_row(env, &job, i);
	}
	return status;
}
