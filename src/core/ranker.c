/*
 * ranker.c
 *		Models and popularity as rankers; see ranker.h.
 *
 * A model's scores are double precision, and most of them are of items that
 * no list will hold.  So an item is scored in single precision first, and
 * exactly only where that, plus what it may be wrong by, reaches what is asked.
 *
 * The margin.  Let D be the double that lep_score() rounds to float, S the score
 * that is asked for.  Floats are no further apart than 2^-23 |S| + 2^-149 there
 * and rounding keeps order, so D below S by twice that gives a score below S.
 * For user row p and item row q with norms at most P and Q,
 * u = 2^-24 and m = stride / 16 + 4 roundings that a product passes through in
 * dot_f32 (kernels.h: fused additions in a lane, then four), the single
 * precision dot product is within (m + 1) u P Q of the true one (Higham,
 * Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1, and
 * m (m + 1) u <= 1), and 2^-149 stride besides where products are denormal.  The
 * double precision sums, here and in lep_score(), lose less than 2^-45 (|base| +
 * B + P Q) together, B the largest |bias|.  That holds while nothing overflows,
 * P Q < 1e37; beyond, all is scored exactly.
 */
#include "core/ranker.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/pool.h"

/* Norms are rounded up by more than what they can be short of. */
#define NORM_SLACK	 (1 + 0x1p-40)
#define DOUBLE_SLACK 0x1p-45
#define FLOAT_UNIT	 0x1p-24
#define FLOAT_TINY	 0x1p-149
#define FLOAT_SAFE	 1e37

/* What no item of a piece exceeds. */
typedef struct PieceBound
{
	double norm;
	double abs_bias;
} PieceBound;

typedef struct ModelRanker
{
	LepModel model;		/* its arrays are somebody else's */
	PieceBound *bounds; /* [pieces]; NULL for no factors */
} ModelRanker;

/* An upper bound of the norm of a padded row. */
static double
norm_above(const float *row, int stride)
{
	return sqrt(lep_kernels->dot_f64(row, row, stride)) * NORM_SLACK;
}

static void
bound_piece(void *arg, int64_t task, int thread)
{
	ModelRanker *ranker = arg;
	const LepModel *model = &ranker->model;
	int64_t end = (task + 1) * LEP_RANKER_PIECE;
	PieceBound bound = { 0, 0 };

	(void) thread;
	if (end > model->n_items)
		end = model->n_items;
	for (int64_t i = task * LEP_RANKER_PIECE; i < end; i++)
	{
		double norm = norm_above(model->item_factors + i * model->stride, model->stride);
		double bias = fabs((double) model->item_bias[i]);

		if (norm > bound.norm)
			bound.norm = norm;
		if (bias > bound.abs_bias)
			bound.abs_bias = bias;
	}
	ranker->bounds[task] = bound;
}

static void
score_exactly(const LepModel *model, const LepScoreQuery *query, float *out)
{
	for (int32_t j = 0; j < query->n_items; j++)
		out[j] = lep_model_score(model, query->user, query->first_item + j);
}

/* How far a single precision score can be from the double; infinite: not known. */
static double
score_margin(const ModelRanker *ranker, const LepScoreQuery *query, const float *user_row, double base)
{
	const PieceBound *bound = &ranker->bounds[query->first_item / LEP_RANKER_PIECE];
	int stride = ranker->model.stride;
	int n_roundings = stride / LEP_LANES + 5;
	double product = norm_above(user_row, stride) * bound->norm;

	if (!(product < FLOAT_SAFE))
		return INFINITY;
	return n_roundings * FLOAT_UNIT * product + stride * FLOAT_TINY +
		   DOUBLE_SLACK * (fabs(base) + bound->abs_bias + product);
}

/* What is below it rounds to a float below `score`. */
static double
float_below(float score)
{
	return (double) score - 4 * FLOAT_UNIT * fabs((double) score) - 2 * FLOAT_TINY;
}

static void
score_by_model(const void *arg, const LepScoreQuery *query, float *out)
{
	const ModelRanker *ranker = arg;
	const LepModel *model = &ranker->model;
	int stride = model->stride;
	const float *user_row;
	double base;
	double cut;

	if (stride == 0 || query->user < 0 || query->n_items == 1 || query->at_least == -INFINITY)
	{
		score_exactly(model, query, out);
		return;
	}
	user_row = model->user_factors + (int64_t) query->user * stride;
	base = model->mean + (double) model->user_bias[query->user];
	cut = float_below(query->at_least) - score_margin(ranker, query, user_row, base);
	lep_kernels->dot_rows_f32(model->item_factors + (int64_t) query->first_item * stride, query->n_items,
							  stride, user_row, out);
	for (int32_t j = 0; j < query->n_items; j++)
	{
		int32_t i = query->first_item + j;
		double score = (base + (double) model->item_bias[i]) + (double) out[j];

		if (score < cut)
			out[j] = -INFINITY;
		else
			out[j] = lep_model_score(model, query->user, i);
	}
}

/* A model without neighbours, or as if it had none. */
static LepStatus
ranker_of_factors(LepArena *arena, const LepModel *model, LepRanker *ranker)
{
	int64_t n_pieces = ((int64_t) model->n_items + LEP_RANKER_PIECE - 1) / LEP_RANKER_PIECE;
	ModelRanker *own = lep_arena_alloc(arena, 1, sizeof(ModelRanker));

	if (own == NULL)
		return lep_env_failure(arena->env);
	own->model = *model;
	own->model.neighbors = NULL;
	own->bounds = NULL;
	ranker->n_users = model->n_users;
	ranker->n_items = model->n_items;
	ranker->arg = own;
	ranker->prepare = NULL;
	ranker->scores = score_by_model;
	ranker->order = model->stride == 0 ? model->item_bias : NULL;
	if (model->stride == 0)
		return LEP_OK;
	own->bounds = lep_arena_alloc(arena, n_pieces, sizeof(PieceBound));
	if (own->bounds == NULL)
		return lep_env_failure(arena->env);
	return lep_parallel_for(arena->env, n_pieces, bound_piece, own);
}

LepStatus
lep_ranker_of_model(LepArena *arena, const LepModel *model, LepRanker *ranker)
{
	LepRanker by_factors;
	LepStatus status;

	if (model->neighbors == NULL)
		return ranker_of_factors(arena, model, ranker);
	if (model->n_factors == 0)
		return lep_ranker_of_neighbors(arena, model, NULL, ranker);
	status = ranker_of_factors(arena, model, &by_factors);
	return status == LEP_OK ? lep_ranker_of_neighbors(arena, model, &by_factors, ranker) : status;
}

static void
score_by_order(const void *arg, const LepScoreQuery *query, float *out)
{
	const float *order = arg;

	memcpy(out, order + query->first_item, (size_t) query->n_items * sizeof(float));
}

LepStatus
lep_ranker_of_popularity(LepArena *arena, const int32_t *item_count, int32_t n_users, int32_t n_items,
						 LepRanker *ranker)
{
	float *order = lep_arena_alloc(arena, n_items, sizeof(float));

	if (order == NULL)
		return lep_env_failure(arena->env);
	for (int32_t i = 0; i < n_items; i++)
		order[i] = (float) item_count[i];
	ranker->n_users = n_users;
	ranker->n_items = n_items;
	ranker->arg = order;
	ranker->prepare = NULL;
	ranker->scores = score_by_order;
	ranker->order = order;
	return LEP_OK;
}
