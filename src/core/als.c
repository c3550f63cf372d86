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
 * An epoch solves for all users, then all items (normal.c).
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
#include "core/normal.h"
#include "core/pool.h"
#include "core/rng.h"
#include "core/view.h"

/* Random stream of the first item factors. */
#define STREAM_ITEM_FACTORS 0x414c5301

/* Item factors start uniform in +- INIT_RANGE; the first half step scales the users to them. */
#define INIT_RANGE 0.1f

/* Ratings that the ridge of every row counts besides its own. */
#define PRIOR_COUNT 20

/* Rows per task of the export. */
#define ROW_CHUNK 4096

typedef struct Als
{
	int n_factors;
	int stride;
	double regularization;
	double bias_regularization;
	uint64_t seed;
	const LepModel *start; /* NULL: at random */
	LepMoments moments;
	double inverse_sd; /* 0 for constant ratings */

	LepNormalSide users;
	LepNormalSide items;
	LepNormals *normals;
	double *item_loss;	   /* [n_items] squared errors, standardised */
	LepNormalSide *solved; /* in the half step at work */

	LepModel *model; /* being exported to */
} Als;

static size_t
als_memory(const LepShape *shape, const LepOptions *options, int n_threads)
{
	int k = (int) options->factors;
	size_t bytes = lep_model_size(shape->n_users, shape->n_items, k);

	if (!shape->whole)
		bytes = lep_add_size(bytes, lep_view_size(shape->n_users, shape->n_ratings));
	bytes = lep_add_size(bytes, lep_view_size(shape->n_items, shape->n_ratings));
	bytes = lep_add_size(bytes, lep_mul_size((size_t) shape->n_items, sizeof(double)));
	return lep_add_size(bytes, lep_normals_size(k, n_threads));
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
create_side(LepArena *arena, LepNormalSide *side, int stride)
{
	side->factors = lep_arena_alloc(arena, (int64_t) side->view.n_rows * stride, sizeof(float));
	side->bias = lep_arena_calloc(arena, side->view.n_rows, sizeof(float));
	return side->factors == NULL || side->bias == NULL ? lep_env_failure(arena->env) : LEP_OK;
}

/* An item as the model has it; export_side() the other way. */
static void
start_item(const Als *als, int64_t row)
{
	double inverse_root = sqrt(als->inverse_sd);

	als->items.bias[row] = (float) (als->inverse_sd * (double) als->start->item_bias[row]);
	for (int64_t e = row * als->stride; e < (row + 1) * als->stride; e++)
		als->items.factors[e] = (float) (inverse_root * (double) als->start->item_factors[e]);
}

/* Users start at 0, rated items at random or where an earlier fit has left them. */
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
		if (als->start != NULL)
		{
			start_item(als, row);
			continue;
		}
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
		return lep_env_failure(arena->env);
	als->n_factors = (int) options->factors;
	als->stride = lep_row_stride(als->n_factors);
	als->regularization = options->regularization;
	als->bias_regularization = options->bias_regularization;
	als->seed = (uint64_t) options->seed;
	als->start = ratings->start;
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
	if (status != LEP_OK)
		return status;
	als->item_loss = lep_arena_calloc(arena, ratings->n_items, sizeof(double));
	als->normals = lep_normals_create(arena, als->n_factors, als->moments.mean, als->inverse_sd);
	if (als->normals == NULL || als->item_loss == NULL)
		return lep_env_failure(arena->env);
	return lep_parallel_for(arena->env, count_row_tasks(als), init_rows, als);
}

/* LepNormalSolve: the system in the header. */
static void
solve_row(void *arg, int32_t row, int64_t n, LepNormal *normal)
{
	const Als *als = arg;
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

static LepStatus
als_epoch(LepEnv *env, void *state, int epoch, double *train_rmse)
{
	Als *als = state;
	double loss = 0;
	LepStatus status;

	(void) epoch;
	als->solved = &als->users;
	status = lep_normals_solve(env, als->normals, &als->users, &als->items, solve_row, als, NULL);
	als->solved = &als->items;
	if (status == LEP_OK)
		status =
			lep_normals_solve(env, als->normals, &als->items, &als->users, solve_row, als, als->item_loss);
	for (int32_t i = 0; i < als->items.view.n_rows; i++)
		loss += als->item_loss[i];
	*train_rmse = als->moments.n > 0 ? als->moments.sd * sqrt(loss / (double) als->moments.n) : NAN;
	return status;
}

/* Biases grow by sd, factors by its root on each side. */
static void
export_side(const Als *als, const LepNormalSide *side, int64_t task, float *bias, float *factors)
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
	.starts_warm = true,
	.adapt = lep_solver_adapt_regularization,
	.memory = als_memory,
	.cost = als_cost,
	.start = als_start,
	.epoch = als_epoch,
	.export_model = als_export_model,
};
