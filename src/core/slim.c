/*
 * slim.c
 *		Sparse item regression: each item explained by its neighbours.
 *
 * Objective.  With x_ui = 1 where user u has item i, whatever the rating, and
 * w_u = n_u ^ -user_exponent, n_u the items of the user, the weights b of target
 * i over its preselected neighbours N (i not among them) minimise
 *
 *	sum over u of w_u (x_ui - sum over j in N of x_uj b_j)^2 + regularization |b|^2
 *
 * which is the ridge regression (G_NN + regularization I) b = G_Ni with G = X' W
 * X.  That is the model of SLIM (Ning, Karypis, ICDM 2011) with EASE's squared
 * norm (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019,
 * equation 4), where N is all other items and one inverse of G solves all
 * targets.  Here N is the `neighbors` items of largest G_ij / G_jj^(1/2), so that
 * nothing dense over all items is ever held, and users are weighted, or those with
 * many items would decide about everything.
 *
 * The exponent is the cosine's, 1/2 (0 would be G_ij alone); little depends on it.
 * NDCG for 0, 1/4, 1/2 on validation parts, with the default of 100 neighbours:
 * MovieLens 100K from 4 stars on 0.2296, 0.2312, 0.2337 (at 10), Gowalla 0.1484,
 * 0.1496, 0.1496 (at 20): 1/2 is the best of them or as good.  With 200 neighbours
 * 1/4 was as good as 1/2 on both, or better.
 *
 * A list adds up the weights of what the user has: entry b_j of target i is kept
 * with source j (neighbors.h).
 *
 * Work.  Rows of G are summed once to choose neighbours.  Then, for a batch of
 * targets at a time whose matrices G_NN take BATCH_BYTES, the rows are summed
 * again, and each row j puts its numbers into the matrices of those targets that
 * have j as a neighbour: G itself is never kept.  Cost: the additions of
 * cooccur.h once more for each batch, and n_items * neighbors^2 (1 / 2 + neighbors /
 * 6) for the matrices.
 */
#include "core/solver.h"

#include <math.h>
#include <string.h>

#include "core/cooccur.h"
#include "core/kernels.h"
#include "core/linalg.h"
#include "core/neighbor_rows.h"
#include "core/pool.h"

/* Lower triangles of a batch of targets. */
#define BATCH_BYTES (192 * 1024 * 1024)

/* Cubes of neighbours that one task factors, about a millisecond; targets that it solves, at most. */
#define SOLVE_WORK	  (16 * 1000 * 1000)
#define SOLVE_TARGETS 256

/* Where rounding makes a matrix indefinite the ridge is raised so often, tenfold. */
#define MAX_RAISES 8

/* Targets or entries between two looks at should_stop. */
#define SLICE_TARGETS 2048

typedef struct Slim
{
	LepCooccur cooccur;
	LepNeighborRows rows; /* of targets; weights are first G_Ni, then b */
	double regularization;
	double *diagonal;	   /* [n_items] G_ii */
	double *factor;		   /* [n_items] G_jj ^ -1/2 */
	int32_t solve_targets; /* of one task */
	int32_t batch;		   /* targets of a full batch */
	int32_t first_target;  /* of the batch at work */
	int32_t end_target;
	float *triangles;	  /* [batch * triangle_size] lower triangles, row by row */
	int64_t *taker_start; /* [n_items + 1] targets of the batch that have j as a neighbour */
	int64_t *takers;	  /* [batch * width] entry of the rows: target * width + position */
	uint8_t *wanted;	  /* [n_items] */
	float *matrices;	  /* [threads * ld * ld] */
	float *sides;		  /* [threads * ld] */
	int ld;
} Slim;

static int64_t
triangle_size(int64_t width)
{
	return width * (width + 1) / 2;
}

static int32_t
batch_targets(int32_t n_items, int64_t width)
{
	int64_t n = BATCH_BYTES / (triangle_size(width) * (int64_t) sizeof(float));

	n = n < 16 ? 16 : n;
	return n < n_items ? (int32_t) n : n_items;
}

static int64_t
slim_neighbors(int32_t n_items, const LepOptions *options)
{
	return (int64_t) n_items * lep_neighbor_rows_width(n_items, options->neighbors);
}

/* Weights that are smaller, and more alike. */
static bool
slim_alternative(int number, LepOptions *options)
{
	if (number > 1 || lep_option_given(options, lep_option_find("regularization")))
		return false;
	options->regularization *= 5;
	return true;
}

static size_t
slim_memory(const LepShape *shape, const LepOptions *options, int n_threads)
{
	size_t n_items = (size_t) shape->n_items;
	size_t width = (size_t) lep_neighbor_rows_width(shape->n_items, options->neighbors);
	size_t batch = (size_t) batch_targets(shape->n_items, (int64_t) width);
	size_t ld = (size_t) lep_row_stride((int) width);
	size_t target = (size_t) triangle_size((int64_t) width) * sizeof(float) + width * sizeof(int64_t);
	size_t bytes = lep_cooccur_size(shape, n_threads);

	bytes = lep_add_size(bytes, lep_neighbor_rows_size(shape->n_items, options->neighbors, n_threads));
	bytes = lep_add_size(bytes, lep_mul_size(n_items, 2 * sizeof(double) + sizeof(int64_t) + 1));
	bytes = lep_add_size(bytes, lep_mul_size(batch, target));
	return lep_add_size(bytes, lep_mul_size((size_t) n_threads, (ld + 1) * ld * sizeof(float)));
}

/*
 * As stated above, at 1.5 ns an addition, 3 ns a number of a matrix, 0.02 ns one of its
 * factoring, and 1 us a neighbour: measured at 50 to 1000 neighbours of 3000 and 5000
 * items, within a quarter each (Zen 5, AVX-512).
 */
static double
slim_cost(const LepShape *shape, const LepOptions *options)
{
	double width = lep_neighbor_rows_width(shape->n_items, options->neighbors);
	double batch = batch_targets(shape->n_items, (int64_t) width);
	double passes = 1 + ceil(shape->n_items / batch);

	return 1.5e-9 * passes * lep_cooccur_work(shape, options) +
		   (double) shape->n_items * width * (1e-6 + 1.5e-9 * width + 0.003e-9 * width * width);
}

/* What is taken by the batch. */
static LepStatus
take_batch_memory(LepArena *arena, int32_t n_items, Slim *slim)
{
	int64_t width = slim->rows.width;
	int64_t n_threads = lep_pool_threads(arena->env);

	slim->ld = lep_row_stride((int) width);
	slim->solve_targets = (int32_t) (SOLVE_WORK / (width * width * width));
	slim->solve_targets = slim->solve_targets < 1				? 1
						  : slim->solve_targets > SOLVE_TARGETS ? SOLVE_TARGETS
																: slim->solve_targets;
	slim->batch = batch_targets(n_items, width);
	slim->triangles = lep_arena_alloc(arena, slim->batch * triangle_size(width), sizeof(float));
	slim->taker_start = lep_arena_alloc(arena, (int64_t) n_items + 1, sizeof(int64_t));
	slim->takers = lep_arena_alloc(arena, slim->batch * width, sizeof(int64_t));
	slim->wanted = lep_arena_alloc(arena, n_items, sizeof(uint8_t));
	slim->matrices = lep_arena_alloc(arena, n_threads * slim->ld * slim->ld, sizeof(float));
	slim->sides = lep_arena_alloc(arena, n_threads * slim->ld, sizeof(float));
	if (slim->triangles == NULL || slim->taker_start == NULL || slim->takers == NULL ||
		slim->wanted == NULL || slim->matrices == NULL || slim->sides == NULL)
		return lep_env_failure(arena->env);
	/* they are written in no order */
	return lep_pool_clear(arena->env, slim->triangles,
						  slim->batch * triangle_size(width) * (int64_t) sizeof(float));
}

/* G_ii: the weights of the item's users. */
static LepStatus
fill_diagonal(LepEnv *env, Slim *slim)
{
	const LepCooccur *c = &slim->cooccur;

	for (int32_t i = 0; i < c->n_items; i++)
	{
		double sum = 0;

		for (int64_t p = c->item_start[i]; p < c->item_start[i + 1]; p++)
		{
			if (p % (64 * 1024) == 0 && lep_env_stopped(env))
				return LEP_ERR_STOPPED;
			sum += c->user_weight[c->item_user[p]];
		}
		slim->diagonal[i] = sum;
		slim->factor[i] = sum > 0 ? 1 / sqrt(sum) : 0;
	}
	return LEP_OK;
}

static LepStatus
slim_start(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options,
		   void **state)
{
	Slim *slim = lep_arena_calloc(arena, 1, sizeof(Slim));
	LepStatus status;

	if (slim == NULL)
		return lep_env_failure(arena->env);
	slim->regularization = options->regularization;
	status = lep_cooccur_begin(arena, ratings, parts, options, &slim->cooccur);
	if (status == LEP_OK)
		status = lep_neighbor_rows_begin(arena, ratings->n_items, options->neighbors, &slim->rows);
	if (status == LEP_OK)
		status = take_batch_memory(arena, ratings->n_items, slim);
	if (status != LEP_OK)
		return status;
	slim->diagonal = lep_arena_alloc(arena, ratings->n_items, sizeof(double));
	slim->factor = lep_arena_alloc(arena, ratings->n_items, sizeof(double));
	if (slim->diagonal == NULL || slim->factor == NULL)
		return lep_env_failure(arena->env);
	*state = slim;
	return fill_diagonal(arena->env, slim);
}

/* The row's neighbours; their weights become G_Ni. */
static void
choose_row(void *arg, int32_t item, const LepNeighborScratch *row, int thread)
{
	Slim *slim = arg;
	int64_t first = (int64_t) item * slim->rows.width;

	lep_neighbor_rows_choose(&slim->rows, item, row, slim->factor, thread);
	for (int64_t e = first; e < first + slim->rows.n[item]; e++)
		slim->rows.weight[e] = (float) row->sum[slim->rows.item[e]];
}

/* Which entries of the batch's rows have each item. */
static LepStatus
turn_batch(LepEnv *env, Slim *slim)
{
	const LepNeighborRows *rows = &slim->rows;
	int64_t *start = slim->taker_start;

	memset(start, 0, ((size_t) rows->n_items + 1) * sizeof(int64_t));
	for (int pass = 0; pass < 2; pass++)
	{
		for (int32_t t = slim->first_target; t < slim->end_target; t++)
		{
			int64_t first = (int64_t) t * rows->width;

			if (t % SLICE_TARGETS == 0 && lep_env_stopped(env))
				return LEP_ERR_STOPPED;
			for (int64_t e = first; e < first + rows->n[t]; e++)
			{
				if (pass == 0)
					start[rows->item[e] + 1]++;
				else
					slim->takers[start[rows->item[e]]++] = e;
			}
		}
		for (int32_t i = 0; i < rows->n_items && pass == 0; i++)
		{
			slim->wanted[i] = start[i + 1] > 0;
			start[i + 1] += start[i];
		}
	}
	/* each start has become the next one's */
	for (int32_t i = rows->n_items; i > 0; i--)
		start[i] = start[i - 1];
	start[0] = 0;
	return LEP_OK;
}

/* Row `item` of G into the triangles of the targets that have it as a neighbour. */
static void
spread_row(void *arg, int32_t item, const LepNeighborScratch *row, int thread)
{
	const Slim *slim = arg;
	const LepNeighborRows *rows = &slim->rows;

	(void) thread;
	for (int64_t k = slim->taker_start[item]; k < slim->taker_start[item + 1]; k++)
	{
		int64_t target = slim->takers[k] / rows->width;
		int32_t position = (int32_t) (slim->takers[k] % rows->width);
		const int32_t *neighbors = rows->item + target * rows->width;
		float *out = slim->triangles + (target - slim->first_target) * triangle_size(rows->width) +
					 triangle_size(position);

		for (int32_t q = 0; q <= position; q++)
			out[q] = (float) row->sum[neighbors[q]];
	}
}

/* The lower triangle of a target with the ridge on its diagonal. */
static void
load_matrix(const Slim *slim, int32_t target, double ridge, float *matrix)
{
	const float *in =
		slim->triangles + (int64_t) (target - slim->first_target) * triangle_size(slim->rows.width);

	for (int32_t p = 0; p < slim->rows.n[target]; p++)
	{
		memcpy(matrix + (int64_t) p * slim->ld, in, ((size_t) p + 1) * sizeof(float));
		matrix[(int64_t) p * slim->ld + p] = (float) ((double) in[p] + ridge);
		in += p + 1;
	}
}

/*
 * The target's weights.  Without regularization, or with very little, neighbours
 * with the same users make the matrix singular: then the ridge is raised, from a
 * millionth of the largest diagonal on.
 */
static void
solve_target(const Slim *slim, int32_t target, float *matrix, float *side)
{
	float *weight = slim->rows.weight + (int64_t) target * slim->rows.width;
	int32_t n = slim->rows.n[target];
	double ridge = slim->regularization;
	double largest = 0;
	bool solved = false;

	for (int32_t p = 0; p < n; p++)
	{
		double g = slim->diagonal[slim->rows.item[(int64_t) target * slim->rows.width + p]];

		largest = g > largest ? g : largest;
	}
	for (int raise = 0; raise < MAX_RAISES && !solved; raise++)
	{
		load_matrix(slim, target, ridge, matrix);
		memcpy(side, weight, (size_t) n * sizeof(float));
		solved = lep_cholesky(matrix, slim->ld, n);
		if (solved)
			lep_cholesky_solve(matrix, slim->ld, n, side);
		for (int32_t p = 0; p < n && solved; p++)
			solved = isfinite(side[p]);
		ridge = ridge * 10 > 1e-6 * largest ? ridge * 10 : 1e-6 * largest;
	}
	for (int32_t p = 0; p < n; p++)
		weight[p] = solved ? side[p] : 0;
}

static void
solve_task(void *arg, int64_t task, int thread)
{
	Slim *slim = arg;
	int64_t first = slim->first_target + task * slim->solve_targets;
	int64_t end =
		first + slim->solve_targets < slim->end_target ? first + slim->solve_targets : slim->end_target;
	float *matrix = slim->matrices + (int64_t) thread * slim->ld * slim->ld;
	float *side = slim->sides + (int64_t) thread * slim->ld;

	for (int64_t t = first; t < end; t++)
		solve_target(slim, (int32_t) t, matrix, side);
}

/* Matrices and weights of the targets [first, end). */
static LepStatus
solve_batch(LepEnv *env, Slim *slim, int32_t first, int32_t end)
{
	int64_t n_tasks = ((int64_t) end - first + slim->solve_targets - 1) / slim->solve_targets;
	LepStatus status;

	slim->first_target = first;
	slim->end_target = end;
	status = turn_batch(env, slim);
	if (status == LEP_OK)
		status = lep_cooccur_rows(env, &slim->cooccur, slim->wanted, spread_row, slim);
	return status == LEP_OK ? lep_parallel_for(env, n_tasks, solve_task, slim) : status;
}

static LepStatus
slim_epoch(LepEnv *env, void *state, int epoch, double *train_rmse)
{
	Slim *slim = state;
	int32_t n_items = slim->rows.n_items;
	LepStatus status = lep_cooccur_rows(env, &slim->cooccur, NULL, choose_row, slim);

	(void) epoch;
	*train_rmse = NAN;
	for (int32_t first = 0; first < n_items && status == LEP_OK; first = slim->end_target)
		status = solve_batch(env, slim, first, n_items - first > slim->batch ? first + slim->batch : n_items);
	return status;
}

static LepStatus
slim_export_model(LepEnv *env, void *state, LepModel *model)
{
	const Slim *slim = state;
	float least;
	LepStatus status = lep_neighbor_rows_export_turned(env, &slim->rows, model->neighbors, &least);

	lep_cooccur_biases(&slim->cooccur, least, model->item_bias);
	return status;
}

const LepSolver lep_solver_slim = {
	.algorithm = LEP_ALGORITHM_SLIM,
	.feedback = 1u << LEP_FEEDBACK_IMPLICIT,
	.iterative = false,
	.has_step = false,
	.neighbors = slim_neighbors,
	.alternative = slim_alternative,
	.memory = slim_memory,
	.cost = slim_cost,
	.start = slim_start,
	.epoch = slim_epoch,
	.export_model = slim_export_model,
};
