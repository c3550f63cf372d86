/*
 * als.c
 *		Biased factorisation by alternating least squares, count-weighted ridge.
 *
 * Ratings are standardised first, z = (r - mean) / sd, so that one set of
 * options serves every scale; the model is scaled back when it is exported.
 *
 * Objective, over the ratings of the parts:
 *
 *	sum (z_ui - b_u - b_i - p_u . q_i)^2
 *		+ l   (sum (n_u + c) |p_u|^2 + sum (n_i + c) |q_i|^2)
 *		+ l_b (sum b_u^2 + sum b_i^2)
 *
 * with l = regularization, l_b = bias_regularization (in ratings, as in
 * baseline.c), n the number of a row's ratings and c = PRIOR_COUNT: Zhou,
 * Wilkinson, Schreiber, Pan, "Large-scale parallel collaborative filtering for
 * the Netflix prize", AAIM 2008, doi:10.1007/978-3-540-68880-8_32, equation 2
 * ("weighted lambda regularisation") and section 3.1.
 *
 * Departures.  Biases, which their model has not: a row's bias and factors are
 * solved for jointly, with the other side held fixed, so each half step is the
 * exact minimum over one side, and the objective never rises.  And c, 0 in the
 * paper: a ridge that is proportional to n alone lets rows of few ratings fit
 * their noise; on validation parts of MovieLens 100K c = 20 takes 0.003 off the
 * RMSE, and the best l with it is smaller.
 *
 * For user u with ratings j = 1..n, w_j = z_j - b_i(j), x_j = q_i(j):
 *
 *	G = sum x x'	s = sum x	t = sum w x		v = sum w	d = n + l_b
 *	(G + l (n + c) I - s s' / d) p_u = t - s v / d
 *	b_u = (v - s . p_u) / d
 *
 * which is the bordered system with the bias eliminated; the matrix is positive
 * definite for l > 0.  Where rounding (or l = 0) makes it otherwise, the row
 * gets factors of zero and its bias alone.
 *
 * An epoch solves for all users, then all items.  Rows are independent, so any
 * number of threads gives the same bits.  A row with more than als->heavy ratings is
 * summed by all threads in N_SLOTS fixed shares.
 *
 * Defaults, found on validation parts of MovieLens 100K: 32 factors, 0.09 there
 * (it follows the data, see lep_solver_adapt_regularization()), biases 3, at
 * most 30 epochs, patience 2.
 *
 * Memory: the ratings by user (unless all are used) and by item, 8 bytes each,
 * and the factors.
 */
#include "core/solver.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/linalg.h"
#include "core/pool.h"
#include "core/rng.h"
#include "core/view.h"

/* Random stream of the first item factors. */
#define STREAM_ITEM_FACTORS 0x414c5301

/* Item factors start uniform in +- INIT_RANGE; the first half step scales the users to them. */
#define INIT_RANGE 0.1f

/* Ratings that the ridge of every row counts besides its own. */
#define PRIOR_COUNT 20

/* Rows gathered for one call of syrk: fits the L1 cache at 64 factors. */
#define GATHER 64

/* How many rows ahead to fetch. */
#define FETCH_AHEAD 8

/* Ratings of a row from which it is split into shares of half of that; see heavy_limit. */
#define MAX_HEAVY 8192
#define MIN_HEAVY 1024

/* Sums of a heavy row that are kept side by side. */
#define N_SLOTS 8

/* Rows per task of the export. */
#define ROW_CHUNK 4096

/* Users or items. */
typedef struct Side
{
	LepView view;
	float *factors; /* [n_rows * stride] */
	float *bias;	/* [n_rows] */
} Side;

/* Normal equations of one row, as in the header. */
typedef struct Normal
{
	float *matrix; /* G, [stride * stride], lower triangle */
	float *t;	   /* [stride] */
	float *s;	   /* [stride] */
	double v;
	double loss;
} Normal;

/* What one thread works in. */
typedef struct Scratch
{
	Normal normal;
	float *rows; /* [GATHER * stride] */
} Scratch;

typedef struct Als
{
	int n_factors;
	int stride;
	double regularization;
	double bias_regularization;
	uint64_t seed;
	LepMoments moments;
	double inverse_sd; /* 0 for constant ratings */
	int64_t heavy;	   /* a row with more ratings is split */
	int64_t share;	   /* ratings of a share */

	Side users;
	Side items;
	Scratch *scratch; /* [n_threads] */
	Normal slots[N_SLOTS];
	double *task_loss; /* by task of the item half step */

	/* the half step at work */
	Side *solved;
	const Side *fixed;
	int64_t heavy_start; /* of the heavy row at work */
	int64_t heavy_end;
	int32_t heavy_row;
	int64_t wave; /* share of each slot at work */

	LepModel *model; /* being exported to */
} Als;

/* So that no task is longer than some ms: a rating costs k^2. */
static int64_t
heavy_limit(int n_factors)
{
	int64_t limit = (INT64_C(1) << 31) / ((int64_t) n_factors * n_factors);

	return limit > MAX_HEAVY ? MAX_HEAVY : limit < MIN_HEAVY ? MIN_HEAVY : limit;
}

/* A row costs its Cholesky factor too: as much as so many ratings. */
static int64_t
row_weight(int n_factors)
{
	return 2 * (int64_t) n_factors;
}

/* Ratings (and weights of rows) per task: about 1 ms. */
static int64_t
task_weight(int n_factors)
{
	int64_t weight = (INT64_C(1) << 26) / ((int64_t) n_factors * n_factors);

	return weight > 65536 ? 65536 : weight < 256 ? 256 : weight;
}

/* Bytes of one thread's scratch, and of one slot. */
static size_t
normal_size(int stride)
{
	return (size_t) stride * ((size_t) stride + 2) * sizeof(float);
}

static size_t
als_memory(const LepShape *shape, const LepOptions *options, int n_threads)
{
	int k = (int) options->factors;
	int stride = lep_row_stride(k);
	size_t n_items = (size_t) shape->n_items;
	size_t tasks = (size_t) ((shape->n_ratings + row_weight(k) * shape->n_items) / task_weight(k) + 1);
	size_t scratch = normal_size(stride) + GATHER * (size_t) stride * sizeof(float);
	size_t bytes = lep_model_size(shape->n_users, shape->n_items, k);

	bytes = lep_add_size(bytes, lep_view_size(shape->n_users, shape->n_ratings));
	bytes = lep_add_size(bytes, lep_view_size((int32_t) n_items, shape->n_ratings));
	bytes = lep_add_size(bytes, lep_mul_size((size_t) n_threads, scratch));
	bytes = lep_add_size(bytes, N_SLOTS * normal_size(stride));
	return lep_add_size(bytes, lep_mul_size(tasks, sizeof(double)));
}

/*
 * Per rating and epoch 0.035, 0.075, 0.20, 0.63 us at 16, 32, 64, 128 factors;
 * Cholesky and solve 8 us at 64, 230 at 256 (Zen 4, AVX-512).
 */
static double
als_cost(const LepShape *shape, const LepOptions *options)
{
	double k = (double) options->factors;
	double rows = (double) shape->n_users + (double) shape->n_items;

	return (double) shape->n_ratings * (1e-8 + 1e-9 * k + 3.4e-11 * k * k) +
		   rows * (1.1e-9 * k * k + 1.35e-11 * k * k * k);
}

static LepStatus
create_side(LepArena *arena, Side *side, int stride)
{
	side->factors = lep_arena_alloc(arena, (int64_t) side->view.n_rows * stride, sizeof(float));
	side->bias = lep_arena_calloc(arena, side->view.n_rows, sizeof(float));
	return side->factors == NULL || side->bias == NULL ? arena->env->error.status : LEP_OK;
}

static LepStatus
create_normal(LepArena *arena, Normal *normal, int stride)
{
	normal->matrix = lep_arena_calloc(arena, (int64_t) stride * (stride + 2), sizeof(float));
	if (normal->matrix == NULL)
		return arena->env->error.status;
	normal->t = normal->matrix + (size_t) stride * stride;
	normal->s = normal->t + stride;
	return LEP_OK;
}

static LepStatus
create_scratch(LepArena *arena, Als *als)
{
	int n_threads = lep_pool_threads(arena->env);
	int64_t n_tasks = lep_view_tasks(als->items.view.start, als->items.view.n_rows,
									 row_weight(als->n_factors), task_weight(als->n_factors));

	als->task_loss = lep_arena_alloc(arena, n_tasks, sizeof(double));
	als->scratch = lep_arena_alloc(arena, n_threads, sizeof(Scratch));
	if (als->task_loss == NULL || als->scratch == NULL)
		return arena->env->error.status;
	for (int t = 0; t < n_threads; t++)
	{
		Scratch *scratch = &als->scratch[t];

		scratch->rows = lep_arena_alloc(arena, (int64_t) GATHER * als->stride, sizeof(float));
		if (scratch->rows == NULL || create_normal(arena, &scratch->normal, als->stride) != LEP_OK)
			return arena->env->error.status;
	}
	for (int slot = 0; slot < N_SLOTS; slot++)
	{
		if (create_normal(arena, &als->slots[slot], als->stride) != LEP_OK)
			return arena->env->error.status;
	}
	return LEP_OK;
}

/* Users start at 0, rated items at random. */
static void
init_rows(void *arg, int64_t task, int thread)
{
	const Als *als = arg;
	int64_t end = (task + 1) * ROW_CHUNK;
	size_t row_size = (size_t) als->stride * sizeof(float);

	(void) thread;
	for (int64_t row = task * ROW_CHUNK; row < end && row < als->users.view.n_rows; row++)
		memset(als->users.factors + row * als->stride, 0, row_size);
	for (int64_t row = task * ROW_CHUNK; row < end && row < als->items.view.n_rows; row++)
	{
		float *factors = als->items.factors + row * als->stride;
		LepRng rng;

		memset(factors, 0, row_size);
		if (als->items.view.start[row] == als->items.view.start[row + 1])
			continue;
		lep_rng_init(&rng, als->seed, STREAM_ITEM_FACTORS, (uint64_t) row);
		for (int f = 0; f < als->n_factors; f++)
			factors[f] = INIT_RANGE * (float) (2.0 * lep_rng_uniform(&rng) - 1.0);
	}
}

static int64_t
count_row_tasks(const Als *als)
{
	int64_t n =
		als->users.view.n_rows > als->items.view.n_rows ? als->users.view.n_rows : als->items.view.n_rows;

	return (n + ROW_CHUNK - 1) / ROW_CHUNK;
}

static LepStatus
als_start(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options, void **state)
{
	Als *als = lep_arena_calloc(arena, 1, sizeof(Als));
	LepStatus status;

	if (als == NULL)
		return arena->env->error.status;
	als->n_factors = (int) options->factors;
	als->heavy = heavy_limit(als->n_factors);
	als->share = als->heavy / 2;
	als->stride = lep_row_stride(als->n_factors);
	als->regularization = options->regularization;
	als->bias_regularization = options->bias_regularization;
	als->seed = (uint64_t) options->seed;
	*state = als;

	status = lep_view_moments(arena->env, ratings, parts, &als->moments);
	als->inverse_sd = als->moments.sd > 0 ? 1 / als->moments.sd : 0;
	if (status == LEP_OK)
		status = lep_view_by_user(arena, ratings, parts, &als->users.view);
	if (status == LEP_OK)
		status = lep_view_by_item(arena, ratings, parts, &als->items.view);
	if (status == LEP_OK)
		status = create_side(arena, &als->users, als->stride);
	if (status == LEP_OK)
		status = create_side(arena, &als->items, als->stride);
	if (status == LEP_OK)
		status = create_scratch(arena, als);
	return status == LEP_OK ? lep_parallel_for(arena->env, count_row_tasks(als), init_rows, als) : status;
}

static void
clear_normal(const Als *als, Normal *normal)
{
	memset(normal->matrix, 0, normal_size(als->stride));
	normal->v = 0;
	normal->loss = 0;
}

/* w_j: what the bias and factors of the row that is solved for have to explain. */
static float
target_of(const Als *als, int64_t entry)
{
	double z = ((double) als->solved->view.rating[entry] - als->moments.mean) * als->inverse_sd;

	return (float) (z - (double) als->fixed->bias[als->solved->view.column[entry]]);
}

static const float *
fixed_row(const Als *als, int64_t entry)
{
	return als->fixed->factors + (int64_t) als->solved->view.column[entry] * als->stride;
}

/* Add entries [start, end) of the row to its normal equations. */
static void
add_entries(const Als *als, Scratch *scratch, int64_t start, int64_t end, Normal *normal)
{
	static const float ones[GATHER] = {
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	};
	int stride = als->stride;

	for (; start < end; start += GATHER)
	{
		int n = end - start < GATHER ? (int) (end - start) : GATHER;
		float w[GATHER];

		for (int j = 0; j < n; j++)
		{
			const float *ahead =
				fixed_row(als, start + j + FETCH_AHEAD < end ? start + j + FETCH_AHEAD : start);

			for (int f = 0; f < stride; f += LEP_LANES)
				__builtin_prefetch(ahead + f);
			memcpy(scratch->rows + (size_t) j * stride, fixed_row(als, start + j),
				   (size_t) stride * sizeof(float));
			w[j] = target_of(als, start + j);
			normal->v += (double) w[j];
		}
		lep_kernels->syrk_f32(normal->matrix, stride, scratch->rows, stride, NULL, n);
		lep_kernels->axpy_rows_f32(w, scratch->rows, n, stride, normal->t);
		lep_kernels->axpy_rows_f32(ones, scratch->rows, n, stride, normal->s);
	}
}

/* Solve a row with n entries; the normal equations are destroyed. */
static void
solve_row(const Als *als, int32_t row, int64_t n, Normal *normal)
{
	int stride = als->stride;
	int k = als->n_factors;
	float *factors = als->solved->factors + (int64_t) row * stride;
	float *bias = als->solved->bias + row;
	double d = (double) n + als->bias_regularization;
	float ridge = (float) (als->regularization * ((double) n + PRIOR_COUNT));
	float weight = (float) (-1 / d);

	lep_kernels->syrk_f32(normal->matrix, stride, normal->s, stride, &weight, 1);
	for (int f = 0; f < k; f++)
		normal->matrix[(size_t) f * stride + f] += ridge;
	lep_kernels->axpy_f32((float) (-normal->v / d), normal->s, normal->t, k);
	if (lep_cholesky(normal->matrix, stride, k))
	{
		lep_cholesky_solve(normal->matrix, stride, k, normal->t);
		memcpy(factors, normal->t, (size_t) k * sizeof(float));
	}
	else
		memset(factors, 0, (size_t) k * sizeof(float));
	*bias = (float) ((normal->v - lep_kernels->dot_f64(normal->s, factors, k)) / d);
}

/* Squared errors of entries [start, end) of a row that was solved. */
static double
sum_errors(const Als *als, int32_t row, int64_t start, int64_t end)
{
	const float *factors = als->solved->factors + (int64_t) row * als->stride;
	double bias = (double) als->solved->bias[row];
	double loss = 0;

	for (int64_t entry = start; entry < end; entry++)
	{
		double e = (double) target_of(als, entry) - bias -
				   (double) lep_kernels->dot_f32(fixed_row(als, entry), factors, als->stride);

		loss += e * e;
	}
	return loss;
}

/* All but the heavy rows of one task. */
static void
solve_rows(void *arg, int64_t task, int thread)
{
	const Als *als = arg;
	const LepView *view = &als->solved->view;
	Scratch *scratch = &als->scratch[thread];
	int64_t chunk = task_weight(als->n_factors);
	int64_t weight = row_weight(als->n_factors);
	int32_t row = lep_view_row_at(view->start, view->n_rows, weight, task * chunk);
	int32_t end = lep_view_row_at(view->start, view->n_rows, weight, (task + 1) * chunk);
	double loss = 0;

	for (; row < end; row++)
	{
		int64_t n = view->start[row + 1] - view->start[row];

		if (n == 0 || n > als->heavy)
			continue;
		clear_normal(als, &scratch->normal);
		add_entries(als, scratch, view->start[row], view->start[row + 1], &scratch->normal);
		solve_row(als, row, n, &scratch->normal);
		if (als->solved == &als->items)
			loss += sum_errors(als, row, view->start[row], view->start[row + 1]);
	}
	if (als->solved == &als->items)
		als->task_loss[task] = loss;
}

/* Where the share of a slot in this wave begins and ends. */
static int64_t
share_of(const Als *als, int64_t slot, int64_t *end)
{
	int64_t start = als->heavy_start + (als->wave * N_SLOTS + slot) * als->share;

	*end = start + als->share < als->heavy_end ? start + als->share : als->heavy_end;
	return start;
}

static void
add_share(void *arg, int64_t task, int thread)
{
	Als *als = arg;
	int64_t end;
	int64_t start = share_of(als, task, &end);

	add_entries(als, &als->scratch[thread], start, end, &als->slots[task]);
}

static void
sum_share(void *arg, int64_t task, int thread)
{
	Als *als = arg;
	int64_t end;
	int64_t start = share_of(als, task, &end);

	(void) thread;
	als->slots[task].loss += sum_errors(als, als->heavy_row, start, end);
}

/* All shares of the heavy row, wave by wave. */
static LepStatus
for_shares(LepEnv *env, Als *als, LepTask task)
{
	int64_t n = als->heavy_end - als->heavy_start;

	for (als->wave = 0; als->wave * N_SLOTS * als->share < n; als->wave++)
	{
		LepStatus status = lep_parallel_for(env, N_SLOTS, task, als);

		if (status != LEP_OK)
			return status;
	}
	return LEP_OK;
}

static LepStatus
solve_heavy_row(LepEnv *env, Als *als, int32_t row, double *loss)
{
	Normal *total = &als->slots[0];
	size_t n_values = (size_t) als->stride * ((size_t) als->stride + 2);
	LepStatus status;

	als->heavy_row = row;
	als->heavy_start = als->solved->view.start[row];
	als->heavy_end = als->solved->view.start[row + 1];
	for (int slot = 0; slot < N_SLOTS; slot++)
		clear_normal(als, &als->slots[slot]);
	status = for_shares(env, als, add_share);
	if (status != LEP_OK)
		return status;
	for (int slot = 1; slot < N_SLOTS; slot++)
	{
		for (size_t e = 0; e < n_values; e++)
			total->matrix[e] += als->slots[slot].matrix[e];
		total->v += als->slots[slot].v;
	}
	solve_row(als, row, als->heavy_end - als->heavy_start, total);
	if (als->solved != &als->items)
		return LEP_OK;
	status = for_shares(env, als, sum_share);
	for (int slot = 0; slot < N_SLOTS; slot++)
		*loss += als->slots[slot].loss;
	return status;
}

/* Solve for one side, the other held fixed. */
static LepStatus
half_step(LepEnv *env, Als *als, Side *solved, const Side *fixed, double *loss)
{
	const LepView *view = &solved->view;
	int64_t n_tasks =
		lep_view_tasks(view->start, view->n_rows, row_weight(als->n_factors), task_weight(als->n_factors));
	LepStatus status;

	als->solved = solved;
	als->fixed = fixed;
	status = lep_parallel_for(env, n_tasks, solve_rows, als);
	*loss = 0;
	for (int64_t t = 0; status == LEP_OK && solved == &als->items && t < n_tasks; t++)
		*loss += als->task_loss[t];
	for (int32_t row = 0; status == LEP_OK && row < view->n_rows; row++)
	{
		if (view->start[row + 1] - view->start[row] > als->heavy)
			status = solve_heavy_row(env, als, row, loss);
	}
	return status;
}

static LepStatus
als_epoch(LepEnv *env, void *state, int epoch, double *train_rmse)
{
	Als *als = state;
	double loss;
	LepStatus status = half_step(env, als, &als->users, &als->items, &loss);

	(void) epoch;
	if (status == LEP_OK)
		status = half_step(env, als, &als->items, &als->users, &loss);
	*train_rmse = als->moments.n > 0 ? als->moments.sd * sqrt(loss / (double) als->moments.n) : NAN;
	return status;
}

/* Biases grow by sd, factors by its root on each side. */
static void
export_side(const Als *als, const Side *side, int64_t task, float *bias, float *factors)
{
	double sd = als->moments.sd;
	double root = sqrt(sd);
	int64_t end = (task + 1) * ROW_CHUNK;

	if (end > side->view.n_rows)
		end = side->view.n_rows;
	for (int64_t row = task * ROW_CHUNK; row < end; row++)
	{
		bias[row] = (float) (sd * (double) side->bias[row]);
		for (int64_t e = row * als->stride; e < (row + 1) * als->stride; e++)
			factors[e] = (float) (root * (double) side->factors[e]);
	}
}

static void
export_rows(void *arg, int64_t task, int thread)
{
	const Als *als = arg;

	(void) thread;
	export_side(als, &als->users, task, als->model->user_bias, als->model->user_factors);
	export_side(als, &als->items, task, als->model->item_bias, als->model->item_factors);
}

static LepStatus
als_export_model(LepEnv *env, void *state, LepModel *model)
{
	Als *als = state;

	model->mean = als->moments.mean;
	als->model = model;
	return lep_parallel_for(env, count_row_tasks(als), export_rows, als);
}

const LepSolver lep_solver_als = {
	.algorithm = LEP_ALGORITHM_ALS,
	.feedback = 1u << LEP_FEEDBACK_EXPLICIT,
	.iterative = true,
	.has_step = false,
	.adapt = lep_solver_adapt_regularization,
	.memory = als_memory,
	.cost = als_cost,
	.start = als_start,
	.epoch = als_epoch,
	.export_model = als_export_model,
};
