/*
 * sgd.c
 *		Biased factorisation by stochastic gradient descent over a grid of blocks.
 *
 * Ratings are standardised first, z = (r - mean) / sd, so that one set of
 * options serves every scale; the model is scaled back when it is exported.
 *
 * Objective, over the ratings of the parts:
 *
 *	sum [ (z_ui - e_ui)^2 + l (|p_u|^2 + |q_i|^2) + l_b (b_u^2 + b_i^2) ]
 *	e_ui = b_u + b_i + p_u . q_i
 *
 * with l = regularization, l_b = bias_regularization, inside the sum: each
 * rating pulls its row once.  Update for one rating, with the step g and
 * e = z - e_ui (Koren, Bell, Volinsky, "Matrix factorization techniques for
 * recommender systems", Computer 42(8), 2009, doi:10.1109/MC.2009.263, equation
 * 5 and below; the 2 of the derivative is in g):
 *
 *	b_u += g (e - l_b b_u)		p_u += g (e q_i - l p_u)
 *	b_i += g (e - l_b b_i)		q_i += g (e p_u - l q_i)		(old p_u)
 *
 * computed by kernel sgd_block as fma(1 - g l, p, g e q) and so on.
 *
 * Order (Gemulla, Nijkamp, Haas, Sismanis, "Large-scale matrix factorization
 * with distributed stochastic gradient descent", KDD 2011,
 * doi:10.1145/2020408.2020426, section 4): users and items are dealt at random
 * into tiles, which makes a grid of blocks.  An epoch is a fixed sequence of
 * strata; the blocks of one stratum share no user and no item, so they may be
 * worked on at the same time without any effect on the result (strata.h).
 * Departure: the grid is a function of the data (not of the number of threads), fine enough
 * that a block's rows stay in the L2 cache; within a block ratings stand in an
 * order that is shuffled once, not anew each epoch, and strata follow each
 * other in a fixed order.
 *
 * The step starts at learning_rate and is multiplied by learning_rate_decay
 * after each epoch.  The regularisation's default follows the data, see
 * lep_solver_adapt_regularization().  Defaults, found on validation parts of
 * MovieLens 100K: 64 factors, step 0.03, decay 0.95, regularisation 0.08 there,
 * of biases 0.02 (which hardly matters), at most 60 epochs, patience 3.
 *
 * Memory: 8 bytes a rating, and the factors.
 */
#include "core/solver.h"

#include <math.h>

#include "core/kernels.h"
#include "core/pool.h"
#include "core/rng.h"
#include "core/strata.h"
#include "core/view.h"

/* Random streams. */
enum
{
	STREAM_USER_ORDER = 0x53474401,
	STREAM_ITEM_ORDER,
	STREAM_USER_FACTORS,
	STREAM_ITEM_FACTORS,
	STREAM_BLOCK_ORDER
};

/* Bytes of factors, of users and of items each, that one block may touch: both fit an L2 of 1 MB. */
#define TILE_BYTES (256 * 1024)

/* Rows of a tile are counted in 16 bits. */
#define MAX_TILE_ROWS 65536

/* Ratings of a block: enough to pay for its cache misses, few enough for a task under 5 ms. */
#define MIN_BLOCK_RATINGS 4096
#define MAX_BLOCK_RATINGS 65536

/* Tiles a side at least, where the ratings suffice: so many threads find work. */
#define MIN_TILES 16

/* Rows per task where rows are made or exported. */
#define ROW_CHUNK 1024

/* Factors start uniform in +- INIT_RANGE: small beside the standard deviation of 1. */
#define INIT_RANGE 0.05f

/* Users or items: where they stand and what they have learned. */
typedef struct Side
{
	int32_t n_rows;
	int32_t n_tiles;
	int32_t tile_rows; /* rows of each tile; the last has fewer */
	int32_t *place;	   /* [n_rows]: row -> place; place / tile_rows is its tile */
	float *factors;	   /* [n_rows * stride], by place */
	float *bias;	   /* [n_rows], by place */
	uint64_t stream;   /* of the first factors */
} Side;

typedef struct Sgd
{
	const LepRatings *ratings;
	unsigned parts;
	LepOptions options;
	LepMoments moments;
	double inverse_sd; /* 0 for constant ratings: all stand at 0 then */
	int n_factors;
	int stride;
	float learning_rate; /* of this epoch */

	Side users;
	Side items;
	int32_t *user_at; /* [n_users]: place -> row */

	int64_t *block_start; /* [n_blocks + 1], user tile by user tile */
	uint16_t *user;		  /* [n]: within the tile */
	uint16_t *item;
	float *rating;
	double *loss; /* [n_blocks] */

	int64_t *tile_work; /* ratings of each tile of the side that has fewer of them */
	LepStrata *strata;
	LepModel *model; /* being exported to */
} Sgd;

/* The grid: a function of the shape and the factors. */
typedef struct Grid
{
	int32_t user_rows; /* of a tile */
	int32_t item_rows;
	int64_t n_user_tiles;
	int64_t n_item_tiles;
} Grid;

static double
clamp(double value, double min, double max)
{
	return value < min ? min : value > max ? max : value;
}

/* Rows of each of n_tiles tiles. */
static int32_t
rows_per_tile(int32_t n_rows, int64_t n_tiles)
{
	return (int32_t) ((n_rows + n_tiles - 1) / n_tiles);
}

static Grid
make_grid(const LepShape *shape, int stride)
{
	double density = (double) shape->n_ratings / ((double) shape->n_users * (double) shape->n_items);
	double cache_rows = TILE_BYTES / (sizeof(float) * (stride + 1.0));
	double min_rows = sqrt(MIN_BLOCK_RATINGS / density);
	double max_rows = sqrt(MAX_BLOCK_RATINGS / density);
	double rows = floor(clamp(clamp(cache_rows, min_rows, max_rows), 1, MAX_TILE_ROWS));
	double tiles = floor(clamp(sqrt((double) shape->n_ratings / MIN_BLOCK_RATINGS), 1, MIN_TILES));
	Grid grid;

	grid.n_user_tiles = (int64_t) clamp(ceil(shape->n_users / rows), tiles, shape->n_users);
	grid.n_item_tiles = (int64_t) clamp(ceil(shape->n_items / rows), tiles, shape->n_items);
	grid.user_rows = rows_per_tile(shape->n_users, grid.n_user_tiles);
	grid.item_rows = rows_per_tile(shape->n_items, grid.n_item_tiles);
	grid.n_user_tiles = (shape->n_users + (int64_t) grid.user_rows - 1) / grid.user_rows;
	grid.n_item_tiles = (shape->n_items + (int64_t) grid.item_rows - 1) / grid.item_rows;
	return grid;
}

static size_t
sgd_memory(const LepShape *shape, const LepOptions *options, int n_threads)
{
	Grid grid = make_grid(shape, lep_row_stride((int) options->factors));
	size_t n_blocks = lep_mul_size((size_t) grid.n_user_tiles, (size_t) grid.n_item_tiles);
	size_t bytes = lep_model_size(shape->n_users, shape->n_items, (int) options->factors);

	size_t n_few = (size_t) (grid.n_user_tiles < grid.n_item_tiles ? grid.n_user_tiles : grid.n_item_tiles);

	bytes = lep_add_size(
		bytes, lep_add_size(n_few * sizeof(int64_t), lep_strata_memory((int64_t) n_few, n_threads)));
	bytes = lep_add_size(
		bytes, lep_mul_size(2 * (size_t) shape->n_users + (size_t) shape->n_items, sizeof(int32_t)));
	bytes = lep_add_size(bytes, lep_mul_size((size_t) shape->n_ratings, 8));
	return lep_add_size(bytes, lep_mul_size(n_blocks, sizeof(int64_t) + sizeof(double)));
}

/*
 * Seconds per rating as measured at 16 to 128 factors (Zen 4, AVX-512), and
 * per factor of a row that is exported each epoch.
 */
static double
sgd_cost(const LepShape *shape, const LepOptions *options)
{
	double k = (double) options->factors;
	double rows = (double) shape->n_users + (double) shape->n_items;

	return (2.5e-9 + 0.18e-9 * k) * (double) shape->n_ratings + 0.5e-9 * k * rows;
}

/* A random permutation of [0, n). */
static LepStatus
shuffle_places(LepEnv *env, int32_t *place, int32_t n, uint64_t seed, uint64_t stream)
{
	LepRng rng;

	lep_rng_init(&rng, seed, stream, 0);
	for (int32_t r = 0; r < n; r++)
	{
		int32_t other = (int32_t) lep_rng_below(&rng, (uint64_t) r + 1);

		if (r % 65536 == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		place[r] = place[other];
		place[other] = r;
	}
	return LEP_OK;
}

static LepStatus
create_side(LepArena *arena, Side *side, int32_t n_rows, int stride)
{
	side->n_rows = n_rows;
	side->place = lep_arena_alloc(arena, n_rows, sizeof(int32_t));
	side->factors = lep_arena_alloc(arena, (int64_t) n_rows * stride, sizeof(float));
	side->bias = lep_arena_calloc(arena, n_rows, sizeof(float));
	if (side->place == NULL || side->factors == NULL || side->bias == NULL)
		return lep_env_failure(arena->env);
	return LEP_OK;
}

/*
 * Factors of a row before the first epoch; 0 for one without ratings, which no
 * epoch would ever touch.
 */
static void
init_row(const Sgd *sgd, const Side *side, int32_t row, bool rated)
{
	float *factors = side->factors + (int64_t) side->place[row] * sgd->stride;
	LepRng rng;

	lep_rng_init(&rng, (uint64_t) sgd->options.seed, side->stream, (uint64_t) row);
	for (int f = 0; f < sgd->stride; f++)
	{
		if (f < sgd->n_factors && rated)
			factors[f] = INIT_RANGE * (float) (2.0 * lep_rng_uniform(&rng) - 1.0);
		else
			factors[f] = 0;
	}
}

/* Rows [first, end) of a chunked loop over both sides: which side task is on. */
static const Side *
side_of_task(const Sgd *sgd, int64_t task, int32_t *first, int32_t *end)
{
	int64_t n_user_tasks = ((int64_t) sgd->users.n_rows + ROW_CHUNK - 1) / ROW_CHUNK;
	const Side *side = task < n_user_tasks ? &sgd->users : &sgd->items;
	int64_t from = (task < n_user_tasks ? task : task - n_user_tasks) * ROW_CHUNK;

	*first = (int32_t) from;
	*end = from + ROW_CHUNK < side->n_rows ? (int32_t) (from + ROW_CHUNK) : side->n_rows;
	return side;
}

static int64_t
count_row_tasks(const Sgd *sgd)
{
	return ((int64_t) sgd->users.n_rows + ROW_CHUNK - 1) / ROW_CHUNK +
		   ((int64_t) sgd->items.n_rows + ROW_CHUNK - 1) / ROW_CHUNK;
}

static bool
user_is_rated(const Sgd *sgd, int32_t u)
{
	const LepRatings *ratings = sgd->ratings;

	for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
	{
		if (lep_part_in(sgd->parts, ratings->part[j]))
			return true;
	}
	return false;
}

typedef struct InitJob
{
	const Sgd *sgd;
	const uint8_t *item_rated; /* [n_items] */
} InitJob;

static void
init_rows(void *arg, int64_t task, int thread)
{
	const InitJob *job = arg;
	int32_t row;
	int32_t end;
	const Side *side = side_of_task(job->sgd, task, &row, &end);

	(void) thread;
	for (; row < end; row++)
		init_row(job->sgd, side, row,
				 side == &job->sgd->items ? job->item_rated[row] != 0 : user_is_rated(job->sgd, row));
}

/* Initial factors of all rows; the scratch memory goes again. */
static LepStatus
init_factors(LepArena *arena, const Sgd *sgd)
{
	const LepRatings *ratings = sgd->ratings;
	uint8_t *item_rated = lep_arena_calloc(arena, ratings->n_items, sizeof(uint8_t));
	InitJob job = { sgd, item_rated };
	LepStatus status;

	if (item_rated == NULL)
		return lep_env_failure(arena->env);
	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (j % (1024 * 1024) == 0 && lep_env_stopped(arena->env))
			return LEP_ERR_STOPPED;
		if (lep_part_in(sgd->parts, ratings->part[j]))
			item_rated[ratings->item[j]] = 1;
	}
	status = lep_parallel_for(arena->env, count_row_tasks(sgd), init_rows, &job);
	lep_arena_free(arena, item_rated);
	return status;
}

/*
 * One user tile's ratings: counted into block_start[block + 1] (fill false), or
 * put where block_start[block] says, which moves on (fill true).  No two tasks
 * touch the same block.
 */
static void
walk_user_tile(const Sgd *sgd, int64_t tile, bool fill)
{
	const LepRatings *ratings = sgd->ratings;
	int64_t first = tile * sgd->users.tile_rows;
	int64_t end = first + sgd->users.tile_rows;
	int64_t *blocks = sgd->block_start + tile * sgd->items.n_tiles;

	if (end > sgd->users.n_rows)
		end = sgd->users.n_rows;
	for (int64_t place = first; place < end; place++)
	{
		int32_t u = sgd->user_at[place];

		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			int32_t item_place = sgd->items.place[ratings->item[j]];
			int32_t item_tile = item_place / sgd->items.tile_rows;
			int64_t at;

			if (!lep_part_in(sgd->parts, ratings->part[j]))
				continue;
			if (!fill)
			{
				blocks[item_tile + 1]++;
				continue;
			}
			at = blocks[item_tile]++;
			sgd->user[at] = (uint16_t) (place - first);
			sgd->item[at] = (uint16_t) (item_place - item_tile * sgd->items.tile_rows);
			sgd->rating[at] = (float) (((double) ratings->rating[j] - sgd->moments.mean) * sgd->inverse_sd);
		}
	}
}

static void
count_user_tile(void *arg, int64_t task, int thread)
{
	(void) thread;
	walk_user_tile(arg, task, false);
}

static void
fill_user_tile(void *arg, int64_t task, int thread)
{
	(void) thread;
	walk_user_tile(arg, task, true);
}

/* Bring a block's ratings, which stand user by user, into random order. */
static void
shuffle_block(void *arg, int64_t task, int thread)
{
	const Sgd *sgd = arg;
	uint16_t *user = sgd->user + sgd->block_start[task];
	uint16_t *item = sgd->item + sgd->block_start[task];
	float *rating = sgd->rating + sgd->block_start[task];
	int64_t n = sgd->block_start[task + 1] - sgd->block_start[task];
	LepRng rng;

	(void) thread;
	lep_rng_init(&rng, (uint64_t) sgd->options.seed, STREAM_BLOCK_ORDER, (uint64_t) task);
	for (int64_t j = n - 1; j > 0; j--)
	{
		int64_t other = (int64_t) lep_rng_below(&rng, (uint64_t) j + 1);
		uint16_t u = user[j];
		uint16_t i = item[j];
		float z = rating[j];

		user[j] = user[other];
		item[j] = item[other];
		rating[j] = rating[other];
		user[other] = u;
		item[other] = i;
		rating[other] = z;
	}
}

static int64_t
count_blocks(const Sgd *sgd)
{
	return (int64_t) sgd->users.n_tiles * sgd->items.n_tiles;
}

/* Ratings into blocks. */
static LepStatus
fill_blocks(LepEnv *env, Sgd *sgd)
{
	int64_t n_blocks = count_blocks(sgd);
	LepStatus status = lep_parallel_for(env, sgd->users.n_tiles, count_user_tile, sgd);

	if (status != LEP_OK)
		return status;
	for (int64_t b = 0; b < n_blocks; b++)
		sgd->block_start[b + 1] += sgd->block_start[b];
	status = lep_parallel_for(env, sgd->users.n_tiles, fill_user_tile, sgd);
	if (status != LEP_OK)
		return status;
	for (int64_t b = n_blocks; b > 0; b--)
		sgd->block_start[b] = sgd->block_start[b - 1];
	sgd->block_start[0] = 0;
	return lep_parallel_for(env, n_blocks, shuffle_block, sgd);
}

static LepStatus
create_arrays(LepArena *arena, Sgd *sgd)
{
	const LepRatings *ratings = sgd->ratings;
	int64_t n_blocks;
	LepShape shape = { ratings->n_users, ratings->n_items, sgd->moments.n, 0, false, false };
	Grid grid = make_grid(&shape, sgd->stride);

	if (create_side(arena, &sgd->users, ratings->n_users, sgd->stride) != LEP_OK ||
		create_side(arena, &sgd->items, ratings->n_items, sgd->stride) != LEP_OK)
		return lep_env_failure(arena->env);
	sgd->users.n_tiles = (int32_t) grid.n_user_tiles;
	sgd->users.tile_rows = grid.user_rows;
	sgd->users.stream = STREAM_USER_FACTORS;
	sgd->items.n_tiles = (int32_t) grid.n_item_tiles;
	sgd->items.tile_rows = grid.item_rows;
	sgd->items.stream = STREAM_ITEM_FACTORS;
	n_blocks = count_blocks(sgd);

	sgd->user_at = lep_arena_alloc(arena, ratings->n_users, sizeof(int32_t));
	sgd->user = lep_arena_alloc(arena, sgd->moments.n, sizeof(uint16_t));
	sgd->item = lep_arena_alloc(arena, sgd->moments.n, sizeof(uint16_t));
	sgd->rating = lep_arena_alloc(arena, sgd->moments.n, sizeof(float));
	sgd->block_start = lep_arena_calloc(arena, n_blocks + 1, sizeof(int64_t));
	sgd->loss = lep_arena_alloc(arena, n_blocks, sizeof(double));
	if (sgd->user_at == NULL || sgd->user == NULL || sgd->item == NULL || sgd->rating == NULL ||
		sgd->block_start == NULL || sgd->loss == NULL)
		return lep_env_failure(arena->env);
	return LEP_OK;
}

/* Strata are cut by the side with fewer tiles. */
static bool
has_few_users(const Sgd *sgd)
{
	return sgd->users.n_tiles <= sgd->items.n_tiles;
}

static LepStatus
create_strata(LepArena *arena, Sgd *sgd)
{
	bool few_users = has_few_users(sgd);
	int64_t n_few = few_users ? sgd->users.n_tiles : sgd->items.n_tiles;
	int64_t n_many = few_users ? sgd->items.n_tiles : sgd->users.n_tiles;

	sgd->tile_work = lep_arena_calloc(arena, n_few, sizeof(int64_t));
	if (sgd->tile_work == NULL)
		return lep_env_failure(arena->env);
	for (int64_t b = 0; b < count_blocks(sgd); b++)
		sgd->tile_work[few_users ? b / n_many : b % n_few] += sgd->block_start[b + 1] - sgd->block_start[b];
	sgd->strata = lep_strata_create(arena, n_few, n_many, sgd->tile_work);
	return sgd->strata == NULL ? lep_env_failure(arena->env) : LEP_OK;
}

static LepStatus
sgd_start(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options, void **state)
{
	LepEnv *env = arena->env;
	uint64_t seed = (uint64_t) options->seed;
	Sgd *sgd = lep_arena_calloc(arena, 1, sizeof(Sgd));
	LepStatus status;

	if (sgd == NULL)
		return lep_env_failure(env);
	sgd->ratings = ratings;
	sgd->parts = parts;
	sgd->options = *options;
	sgd->n_factors = (int) options->factors;
	sgd->stride = lep_row_stride(sgd->n_factors);
	*state = sgd;

	status = lep_view_moments(env, ratings, parts, &sgd->moments);
	sgd->inverse_sd = sgd->moments.sd > 0 ? 1 / sgd->moments.sd : 0;
	if (status == LEP_OK)
		status = create_arrays(arena, sgd);
	if (status == LEP_OK)
		status = shuffle_places(env, sgd->users.place, ratings->n_users, seed, STREAM_USER_ORDER);
	if (status == LEP_OK)
		status = shuffle_places(env, sgd->items.place, ratings->n_items, seed, STREAM_ITEM_ORDER);
	if (status != LEP_OK)
		return status;
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		if (u % 65536 == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		sgd->user_at[sgd->users.place[u]] = u;
	}
	status = init_factors(arena, sgd);
	if (status == LEP_OK)
		status = fill_blocks(env, sgd);
	return status == LEP_OK ? create_strata(arena, sgd) : status;
}

static void
learn_block(void *arg, int64_t tile, int64_t other)
{
	const Sgd *sgd = arg;
	bool few_users = has_few_users(sgd);
	int64_t user_tile = few_users ? tile : other;
	int64_t item_tile = few_users ? other : tile;
	int64_t first_user = user_tile * sgd->users.tile_rows;
	int64_t first_item = item_tile * sgd->items.tile_rows;
	int64_t b = user_tile * sgd->items.n_tiles + item_tile;
	int64_t start = sgd->block_start[b];
	LepSgdBlock block = {
		.n = sgd->block_start[b + 1] - start,
		.user = sgd->user + start,
		.item = sgd->item + start,
		.rating = sgd->rating + start,
		.user_factors = sgd->users.factors + first_user * sgd->stride,
		.item_factors = sgd->items.factors + first_item * sgd->stride,
		.user_bias = sgd->users.bias + first_user,
		.item_bias = sgd->items.bias + first_item,
		.stride = sgd->stride,
		.learning_rate = sgd->learning_rate,
		.regularization = (float) sgd->options.regularization,
		.bias_regularization = (float) sgd->options.bias_regularization,
		.loss = 0,
	};

	lep_kernels->sgd_block(&block);
	sgd->loss[b] = block.loss;
}

static LepStatus
sgd_epoch(LepEnv *env, void *state, int epoch, double *train_rmse)
{
	Sgd *sgd = state;
	int64_t n_blocks = count_blocks(sgd);
	double loss = 0;
	LepStatus status;

	if (epoch == 1)
		sgd->learning_rate = (float) sgd->options.learning_rate;
	else
		sgd->learning_rate *= (float) sgd->options.learning_rate_decay;
	status = lep_strata_run(env, sgd->strata, learn_block, sgd);
	if (status != LEP_OK)
		return status;
	for (int64_t b = 0; b < n_blocks; b++)
		loss += sgd->loss[b];
	*train_rmse = sgd->moments.n > 0 ? sgd->moments.sd * sqrt(loss / (double) sgd->moments.n) : NAN;
	return LEP_OK;
}

/* Biases grow by sd, factors by its root on each side. */
static void
export_rows(void *arg, int64_t task, int thread)
{
	const Sgd *sgd = arg;
	LepModel *model = sgd->model;
	double sd = sgd->moments.sd;
	double root = sqrt(sd);
	int32_t row;
	int32_t end;
	const Side *side = side_of_task(sgd, task, &row, &end);
	bool users = side == &sgd->users;
	float *bias = users ? model->user_bias : model->item_bias;
	float *factors = users ? model->user_factors : model->item_factors;

	(void) thread;
	for (; row < end; row++)
	{
		int64_t place = side->place[row];
		const float *from = side->factors + place * sgd->stride;
		float *to = factors + (int64_t) row * sgd->stride;

		bias[row] = (float) (sd * (double) side->bias[place]);
		for (int f = 0; f < sgd->stride; f++)
			to[f] = (float) (root * (double) from[f]);
	}
}

static LepStatus
sgd_export_model(LepEnv *env, void *state, LepModel *model)
{
	Sgd *sgd = state;

	model->mean = sgd->moments.mean;
	sgd->model = model;
	return lep_parallel_for(env, count_row_tasks(sgd), export_rows, sgd);
}

const LepSolver lep_solver_sgd = {
	.algorithm = LEP_ALGORITHM_SGD,
	.feedback = 1u << LEP_FEEDBACK_EXPLICIT,
	.iterative = true,
	.has_step = true,
	.adapt = lep_solver_adapt_regularization,
	.memory = sgd_memory,
	.cost = sgd_cost,
	.start = sgd_start,
	.epoch = sgd_epoch,
	.export_model = sgd_export_model,
};
