/*
 * gibbs_blocks_start.c
 *		The first state of the sampler by coordinates; see gibbs_blocks.c.
 */
#include "core/gibbs_blocks.h"

#include <math.h>

#include "core/pool.h"
#include "core/rng.h"

/* Spread of the first factors, own and implied. */
#define INIT_OWN	 0.3f
#define INIT_IMPLIED 0.1f

/* Ratings whose features are added up in one task. */
#define IMPLIED_CHUNK 65536

/* Random stream of the first values: + side, + 2 for features; row = chunk. */
#define STREAM_INIT 0x474210

size_t
lep_blocks_memory(const LepGibbsData *data, int32_t n_users, int32_t n_items, int64_t n_ratings,
				  int n_threads)
{
	size_t rows = (size_t) n_users + (size_t) n_items;
	size_t coordinates = (size_t) data->n_factors + 1;
	size_t implied = (data->implicit[LEP_GIBBS_USERS] ? (size_t) n_items : 0) +
					 (data->implicit[LEP_GIBBS_ITEMS] ? (size_t) n_users : 0);
	size_t values = 2 * rows + implied + (size_t) data->n_bins;
	size_t bytes = lep_mul_size(values, coordinates * sizeof(float));

	(void) n_threads;
	bytes = lep_add_size(bytes,
						 lep_mul_size(rows, 4 * sizeof(float) + sizeof(LepImplied4) + sizeof(LepBlocksSums)));
	bytes = lep_add_size(bytes, lep_mul_size((size_t) n_items + (size_t) data->n_bins,
											 LEP_BLOCKS_STRIPES * sizeof(LepBlocksSums)));
	bytes = lep_add_size(bytes, lep_gibbs_noise_size(n_users));
	return lep_add_size(bytes, lep_mul_size((size_t) n_ratings, sizeof(float)));
}

/* ------------------------------------------------------------------- preparation */

static void *
allocate(LepArena *arena, LepStatus *status, int64_t n, size_t size)
{
	void *memory = *status == LEP_OK ? lep_pool_calloc(arena, n, size) : NULL;

	if (memory == NULL && *status == LEP_OK)
		*status = lep_env_failure(arena->env);
	return memory;
}

static LepStatus
create_side(LepArena *arena, LepBlocks *b, int side)
{
	int64_t n = b->n_rows[side];
	int64_t n_features = b->n_rows[1 - side];
	int64_t stripes = side == LEP_GIBBS_ITEMS ? LEP_BLOCKS_STRIPES : 1;
	LepStatus status = LEP_OK;

	b->own[side] = allocate(arena, &status, n * b->n_coordinates, sizeof(float));
	b->total[side] = allocate(arena, &status, n * b->n_coordinates, sizeof(float));
	if (b->data->implicit[side])
		b->implied[side] = allocate(arena, &status, n_features * b->n_coordinates, sizeof(float));
	b->own_prior[side] = allocate(arena, &status, b->n_coordinates, sizeof(LepNormalPrior));
	b->implied_prior[side] = allocate(arena, &status, b->n_coordinates, sizeof(LepNormalPrior));
	b->root[side] = allocate(arena, &status, n, sizeof(float));
	b->sums[side] = allocate(arena, &status, n * stripes, sizeof(LepBlocksSums));
	b->change[side] = allocate(arena, &status, n, sizeof(float));
	return status;
}

static LepStatus
create_shared(LepArena *arena, LepBlocks *b)
{
	int64_t n_bins = b->data->n_bins;
	int64_t largest = b->n_rows[0] > b->n_rows[1] ? b->n_rows[0] : b->n_rows[1];
	LepStatus status = LEP_OK;

	largest = largest > n_bins ? largest : n_bins;
	b->bins = allocate(arena, &status, n_bins * b->n_coordinates, sizeof(float));
	b->bin_prior = allocate(arena, &status, b->n_coordinates, sizeof(LepNormalPrior));
	b->bin_sums = allocate(arena, &status, n_bins * LEP_BLOCKS_STRIPES, sizeof(LepBlocksSums));
	b->bin_change = allocate(arena, &status, n_bins, sizeof(float));
	b->residual = allocate(arena, &status, b->data->view[LEP_GIBBS_USERS].n, sizeof(float));
	b->work = allocate(arena, &status, largest, sizeof(LepImplied4));
	b->ones = allocate(arena, &status, largest, sizeof(float));
	b->zeros = allocate(arena, &status, largest, sizeof(float));
	for (int64_t row = 0; status == LEP_OK && row < largest; row++)
		b->ones[row] = 1;
	return status;
}

/* The rows of a task. */
static int64_t
end_of_task(int64_t task, int64_t n)
{
	return (task + 1) * LEP_BLOCKS_ROWS < n ? (task + 1) * LEP_BLOCKS_ROWS : n;
}

/* First values of what features of a side say: random, biases 0. */
static void
init_implied(void *arg, int64_t task, int thread)
{
	const LepBlocks *b = arg;
	int64_t n = b->n_rows[1 - b->side];
	int64_t end = end_of_task(task, n);
	LepRng rng;

	(void) thread;
	lep_rng_init(&rng, b->data->seed, STREAM_INIT + 2 + (uint64_t) b->side, (uint64_t) task);
	for (int f = 0; f < b->data->n_factors; f++)
	{
		for (int64_t feature = task * LEP_BLOCKS_ROWS; feature < end; feature++)
			b->implied[b->side][f * n + feature] = INIT_IMPLIED * (float) lep_rng_normal(&rng);
	}
}

/* What its features say of one coordinate of a row. */
static double
sum_implied(const LepBlocks *b, int f, int64_t row)
{
	const LepView *view = &b->data->view[b->side];
	const float *implied = b->implied[b->side] + (int64_t) f * b->n_rows[1 - b->side];
	double sum = 0;

	for (int64_t j = view->start[row]; j < view->start[row + 1]; j++)
		sum += (double) implied[view->column[j]];
	return (double) b->root[b->side][row] * sum;
}

/* First values of rows, without their features: random; biases, and rows without ratings, 0. */
static void
init_own(void *arg, int64_t task, int thread)
{
	LepBlocks *b = arg;
	int side = b->side;
	const int64_t *start = b->data->view[side].start;
	int64_t n = b->n_rows[side];
	int64_t end = end_of_task(task, n);
	LepRng rng;

	(void) thread;
	for (int64_t row = task * LEP_BLOCKS_ROWS; row < end; row++)
		b->root[side][row] =
			start[row] < start[row + 1] ? (float) (1 / sqrt((double) (start[row + 1] - start[row]))) : 0;
	lep_rng_init(&rng, b->data->seed, STREAM_INIT + (uint64_t) side, (uint64_t) task);
	for (int f = 0; f < b->data->n_factors; f++)
	{
		for (int64_t row = task * LEP_BLOCKS_ROWS; row < end; row++)
		{
			float own = INIT_OWN * (float) lep_rng_normal(&rng);

			b->own[side][f * n + row] = lep_blocks_rated(b, side, row) ? own : 0;
			b->total[side][f * n + row] = b->own[side][f * n + row];
		}
	}
}

/* Tasks of one coordinate: of rows with about as many ratings each. */
static int64_t
implied_tasks(const LepBlocks *b)
{
	return lep_view_tasks(b->data->view[b->side].start, b->n_rows[b->side], 1, IMPLIED_CHUNK);
}

/*
 * What the features say, into the totals of one coordinate of some rows.  By
 * ratings, since a thousand rows may have millions of them.
 */
static void
add_implied(void *arg, int64_t task, int thread)
{
	LepBlocks *b = arg;
	const int64_t *start = b->data->view[b->side].start;
	int64_t n = b->n_rows[b->side];
	int64_t n_tasks = implied_tasks(b);
	int f = (int) (task / n_tasks);
	int64_t position = task % n_tasks * IMPLIED_CHUNK;
	int64_t row = lep_view_row_at(start, (int32_t) n, 1, position);
	int64_t end = lep_view_row_at(start, (int32_t) n, 1, position + IMPLIED_CHUNK);

	(void) thread;
	for (; row < end; row++)
		b->total[b->side][f * n + row] += (float) sum_implied(b, f, row);
}

static LepStatus
init_side(LepEnv *env, LepBlocks *b, int side)
{
	int64_t row_tasks = (b->n_rows[side] + LEP_BLOCKS_ROWS - 1) / LEP_BLOCKS_ROWS;
	int64_t feature_tasks = (b->n_rows[1 - side] + LEP_BLOCKS_ROWS - 1) / LEP_BLOCKS_ROWS;
	LepStatus status = LEP_OK;

	b->side = side;
	if (b->implied[side] != NULL)
		status = lep_parallel_for(env, feature_tasks, init_implied, b);
	if (status == LEP_OK)
		status = lep_parallel_for(env, row_tasks, init_own, b);
	if (status != LEP_OK || b->implied[side] == NULL)
		return status;
	return lep_parallel_for(env, implied_tasks(b) * b->data->n_factors, add_implied, b);
}

static void
cut_stripes(LepBlocks *b)
{
	const LepView *users = &b->data->view[LEP_GIBBS_USERS];
	int64_t n_users = users->n_rows;
	int64_t weight = users->n + n_users;

	for (int s = 0; s <= LEP_BLOCKS_STRIPES; s++)
		b->stripe[s] = s == LEP_BLOCKS_STRIPES
						   ? users->n_rows
						   : lep_view_row_at(users->start, users->n_rows, 1, weight * s / LEP_BLOCKS_STRIPES);
}

/* Residuals of the biases' start, which is 0. */
static void
init_residuals(void *arg, int64_t task, int thread)
{
	LepBlocks *b = arg;
	const LepView *users = &b->data->view[LEP_GIBBS_USERS];

	(void) thread;
	for (int64_t j = users->start[b->stripe[task]]; j < users->start[b->stripe[task + 1]]; j++)
		b->residual[j] = (float) (((double) users->rating[j] - b->data->moments.mean) * b->data->inverse_sd);
}

/* Take the products of one coordinate out of them. */
static void
subtract_products(void *arg, int64_t task, int thread)
{
	LepBlocks *b = arg;
	const LepView *users = &b->data->view[LEP_GIBBS_USERS];
	const float *p = b->total[LEP_GIBBS_USERS] + (int64_t) b->f * b->n_rows[LEP_GIBBS_USERS];
	const float *q = b->total[LEP_GIBBS_ITEMS] + (int64_t) b->f * b->n_rows[LEP_GIBBS_ITEMS];

	(void) thread;
	for (int32_t u = b->stripe[task]; u < b->stripe[task + 1]; u++)
	{
		for (int64_t j = users->start[u]; j < users->start[u + 1]; j++)
			b->residual[j] -= p[u] * q[users->column[j]];
	}
}

LepStatus
lep_blocks_start(LepArena *arena, const LepGibbsData *data, void **state)
{
	LepBlocks *b = lep_arena_calloc(arena, 1, sizeof(LepBlocks));
	LepStatus status;

	if (b == NULL)
		return lep_env_failure(arena->env);
	*state = b;
	b->data = data;
	b->n_coordinates = data->n_factors + 1;
	for (int side = 0; side < LEP_GIBBS_SIDES; side++)
		b->n_rows[side] = data->view[side].n_rows;
	cut_stripes(b);
	status = create_side(arena, b, LEP_GIBBS_USERS);
	if (status == LEP_OK)
		status = create_side(arena, b, LEP_GIBBS_ITEMS);
	if (status == LEP_OK)
		status = create_shared(arena, b);
	if (status == LEP_OK)
		status = lep_gibbs_noise_create(arena, data, &b->noise);
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
		status = init_side(arena->env, b, side);
	if (status == LEP_OK)
		status = lep_parallel_for(arena->env, LEP_BLOCKS_STRIPES, init_residuals, b);
	for (b->f = 0; status == LEP_OK && b->f < data->n_factors; b->f++)
		status = lep_parallel_for(arena->env, LEP_BLOCKS_STRIPES, subtract_products, b);
	return status;
}
