/*
 * ials.c
 *		Weighted matrix factorisation for implicit feedback, by alternating
 *		least squares solved exactly.
 *
 * Objective, S the pairs of user and item that have a rating:
 *
 *	sum over S of c_ui (1 - p_u . q_i)^2 + w sum over all u, i of (p_u . q_i)^2
 *		+ sum over u of r_u |p_u|^2 + sum over i of r_i |q_i|^2
 *
 *	r_u = l (sum of u's c + w n_items)^e		r_i = l (sum of i's c + w n_users)^e
 *
 * with w = unobserved_weight, l = regularization, e = regularization_exponent:
 * Y. Hu, Y. Koren, C. Volinsky, "Collaborative filtering for implicit feedback
 * datasets", ICDM 2008, doi:10.1109/ICDM.2008.22, equation 3, in the form of
 * S. Rendle, W. Krichene, L. Zhang, Y. Koren, "Revisiting the performance of
 * iALS on item recommendation benchmarks", RecSys 2022,
 * doi:10.1145/3523227.3548486, section 2: every pair has the
 * unobserved weight, those in S their confidence besides, and the ridge grows
 * with what a row's part of the objective weighs.
 *
 * Confidences (option confidence), r the rating:
 *
 *	linear	1 + alpha r				Hu et al., section 4
 *	log		1 + alpha log(1 + r)	Hu et al., section 6
 *	none	1						Rendle et al.
 *
 * Departures.  Confidences are divided by their mean over S, so that w and l
 * mean the same whatever units the ratings have, and alpha says only how they
 * differ.  A rating below 0, which sums of purchases and returns may be, counts as
 * 0.  And the counts in the ridge are sums of confidences.
 *
 * Update.  For user u, all items fixed, X their matrix:
 *
 *	(w X'X + r_u I + sum over u's items of c x x') p_u = sum of c x
 *
 * and for items likewise.  It is solved exactly: ials_basis.c turns the items so
 * that X'X is diagonal, ials_rows.c solves by n unknowns for rows with fewer
 * entries than factors and by k unknowns for others.  Each half step is the exact
 * minimum over one side, so the objective never rises.  An epoch solves for all
 * users, then all items; users once more before a model is exported.  There is
 * nothing random but the first item factors.
 *
 * Defaults.  unobserved_weight is 300 / n_items: what all unobserved items of a
 * user weigh together is then as much as 300 purchases, whatever the catalogue.
 * It is 0.3 at most: with more, few items (the 50 to 400 that most have of MovieLens
 * 100K) get factors of about 0, and lists are worse by a fifth to a half on a
 * validation part of u1's train part (docs/algorithms.md).
 * regularization, D the share of all pairs of user and item that are in S:
 *
 *	0.005 (D / 0.0006)^0.4, in [0.003, 0.03]
 *
 * through the best on validation parts of Gowalla (D = 0.0006) and of MovieLens
 * 100K's ratings of at least 4 (0.026); r_u is then 1.6 and 7, beside 1.8 and 6.4 with
 * what Rendle et al. found for the Million Song Data (0.0014) and MovieLens 20M
 * (0.0036).  5 epochs: more gain nothing there.
 *
 * Memory: the ratings by item, 8 bytes each, of which 4 become their confidences and
 * go where all are alike; the factors, and per thread two square matrices and 8 bytes
 * for each entry of a long row.
 */
#include "core/ials.h"

#include <math.h>
#include <string.h>

#include "core/implicit.h"
#include "core/kernels.h"
#include "core/pool.h"
#include "core/rng.h"
#include "core/solver.h"

/* Random stream of the first item factors. */
#define STREAM_ITEM_FACTORS 0x49414c53

/* Standard deviation of an item's first factors times the root of their number. */
#define INIT_NORM 0.1

/* What unobserved_weight is divided by the number of items, unless given. */
#define UNOBSERVED_ITEMS 300

/* And the most that it is then. */
#define MAX_UNOBSERVED 0.3

/* What the best of auto's alternatives is trained with once more. */
#define MANY_FACTORS 256

/* The rule for regularization. */
#define DENSITY		  0.0006
#define DENSITY_RIDGE 0.005
#define MIN_RIDGE	  0.003
#define MAX_RIDGE	  0.03

/* Entries, or rows and entries, per task of what is cheap: under 3 ms. */
#define CHUNK 65536

/* Entries that a row counts for in such a task: it has factors. */
#define CHUNK_ROW 16

typedef struct Ials
{
	int n_factors;
	int stride;
	LepImplicitRule rule;
	uint64_t seed;

	LepIalsSide users;
	LepIalsSide items;
	LepIalsWork *work;

	/* the side at work */
	LepIalsSide *side;
	int32_t n_others;

	LepModel *model; /* being exported to */
	bool closed;	 /* users are solved against the items, which are turned */
} Ials;

/* The rules in the header; regularization to four decimals. */
static void
ials_adapt(const LepShape *shape, LepOptions *options)
{
	double density = (double) shape->n_ratings / ((double) shape->n_users * (double) shape->n_items);
	double l = density > 0 ? DENSITY_RIDGE * lep_exp(0.4 * lep_log(density / DENSITY)) : 0;

	if (!lep_option_given(options, lep_option_find("unobserved_weight")))
	{
		double weight = (double) UNOBSERVED_ITEMS / (double) shape->n_items;

		options->unobserved_weight = weight < MAX_UNOBSERVED ? weight : MAX_UNOBSERVED;
	}
	if (lep_option_given(options, lep_option_find("regularization")))
		return;
	l = l < MIN_RIDGE ? MIN_RIDGE : l > MAX_RIDGE ? MAX_RIDGE : l;
	options->regularization = floor(l * 1e4 + 0.5) / 1e4;
}

/*
 * No weight is the best everywhere: good ones times the number of items lie
 * between 100 and 900.
 */
static bool
ials_alternative(int number, LepOptions *options)
{
	if (number > 2 || lep_option_given(options, lep_option_find("unobserved_weight")))
		return false;
	options->unobserved_weight *= number == 1 ? 1.0 / 3 : 3;
	return true;
}

/* More factors are hardly ever worse, but cost their square. */
static bool
ials_grow(LepOptions *options)
{
	if (lep_option_given(options, lep_option_find("factors")) || options->factors >= MANY_FACTORS)
		return false;
	options->factors = MANY_FACTORS;
	return true;
}

static size_t
ials_memory(const LepShape *shape, const LepOptions *options, int n_threads)
{
	int k = (int) options->factors;
	bool weighs = options->confidence != LEP_CONFIDENCE_NONE && !shape->alike;
	size_t weights = lep_mul_size((size_t) shape->n_ratings, sizeof(float));
	size_t views = lep_view_size(shape->n_items, shape->n_ratings);
	size_t bytes;

	/* ridges for biases; the item view's ratings may have gone by then */
	bytes = lep_add_size(views - (weighs ? 0 : weights), lep_model_size(shape->n_users, shape->n_items, k));
	bytes = lep_add_size(bytes, lep_ials_work_size(k, n_threads));
	return bytes > views ? bytes : views;
}

/*
 * Per rating and epoch 0.4, 0.7, 1.3 us at 64, 128, 256 factors, half of it what
 * k entries cost each other; eigenvectors of two matrices, 2 ns k^3 each (Zen 5,
 * AVX-512).  Users are solved for once more after the last epoch, which is half an
 * epoch in all.
 */
static double
ials_cost(const LepShape *shape, const LepOptions *options)
{
	double k = (double) options->factors;
	double rows = (double) shape->n_users + (double) shape->n_items;
	double epoch = (double) shape->n_ratings * (1e-7 + 4.5e-9 * k) + rows * 3e-11 * k * k + 4e-9 * k * k * k;

	return epoch * (1 + 0.5 / (double) options->epochs);
}

static int64_t
count_chunks(int64_t n)
{
	return (n + CHUNK - 1) / CHUNK;
}

typedef struct ConfidenceJob
{
	const LepImplicitRule *rule;
	float *value; /* [n] ratings, which become confidences */
	int64_t n;
} ConfidenceJob;

/* LepTask: confidences of a chunk of entries. */
static void
fill_confidence(void *arg, int64_t task, int thread)
{
	const ConfidenceJob *job = arg;
	int64_t end = (task + 1) * CHUNK < job->n ? (task + 1) * CHUNK : job->n;

	(void) thread;
	for (int64_t entry = task * CHUNK; entry < end; entry++)
		job->value[entry] = lep_implicit_confidence(job->rule, job->value[entry]);
}

/* Are all confidences 1, since all ratings are the same? */
static bool
is_alike(const Ials *ials, const LepRatings *ratings)
{
	return ials->rule.confidence == LEP_CONFIDENCE_NONE ||
		   (ratings->min_rating == ratings->max_rating &&
			lep_implicit_confidence(&ials->rule, ratings->min_rating) == 1);
}

/* Of the ratings themselves. */
static LepStatus
create_users(LepEnv *env, Ials *ials, const LepRatings *ratings, unsigned parts)
{
	LepIalsSide *side = &ials->users;
	int64_t n;
	LepStatus status = lep_view_count(env, ratings, parts, &n);

	side->view = (LepView){
		.n_rows = ratings->n_users,
		.n = ratings->n_ratings,
		.start = ratings->user_start,
		.column = ratings->item,
		.rating = ratings->rating,
	};
	side->part = n == ratings->n_ratings ? NULL : ratings->part;
	side->parts = parts;
	side->rule = is_alike(ials, ratings) ? NULL : &ials->rule;
	return status;
}

/* Copied, since ratings stand by user; confidences in the place of ratings. */
static LepStatus
create_items(LepArena *arena, Ials *ials, const LepRatings *ratings, unsigned parts)
{
	LepIalsSide *side = &ials->items;
	LepStatus status = lep_view_by_item(arena, ratings, parts, &side->view);
	ConfidenceJob job = { &ials->rule, (float *) side->view.rating, side->view.n };

	if (status != LEP_OK)
		return status;
	if (is_alike(ials, ratings))
	{
		lep_arena_free(arena, job.value);
		side->view.rating = NULL;
		return LEP_OK;
	}
	side->confidence = job.value;
	return lep_parallel_for(arena->env, count_chunks(job.n), fill_confidence, &job);
}

/* The rows of a task of what goes by rows. */
static int32_t
row_at(const LepView *view, int64_t task)
{
	return lep_view_row_at(view->start, view->n_rows, CHUNK_ROW, task * CHUNK);
}

static int64_t
count_row_tasks(const LepView *view)
{
	return lep_view_tasks(view->start, view->n_rows, CHUNK_ROW, CHUNK);
}

/* Of an entry; 0 if it does not count. */
static float
confidence_of(const LepIalsSide *side, int64_t entry)
{
	if (side->part != NULL && !lep_part_in(side->parts, side->part[entry]))
		return 0;
	if (side->rule != NULL)
		return lep_implicit_confidence(side->rule, side->view.rating[entry]);
	return side->confidence == NULL ? 1 : side->confidence[entry];
}

/* LepTask: the ridges of some rows. */
static void
fill_ridge(void *arg, int64_t task, int thread)
{
	const Ials *ials = arg;
	const LepIalsSide *side = ials->side;
	int32_t end = row_at(&side->view, task + 1);

	(void) thread;
	for (int32_t row = row_at(&side->view, task); row < end; row++)
	{
		double weight = 0;

		for (int64_t entry = side->view.start[row]; entry < side->view.start[row + 1]; entry++)
			weight += (double) confidence_of(side, entry);
		side->ridge[row] = (float) lep_implicit_ridge(&ials->rule, weight, ials->n_others);
	}
}

/* LepTask: no factors yet but those of items with ratings, which are at random. */
static void
init_rows(void *arg, int64_t task, int thread)
{
	const Ials *ials = arg;
	const LepIalsSide *side = ials->side;
	int32_t end = row_at(&side->view, task + 1);
	double scale = INIT_NORM / sqrt((double) ials->n_factors);

	(void) thread;
	for (int32_t row = row_at(&side->view, task); row < end; row++)
	{
		float *factors = side->factors + (int64_t) row * ials->stride;
		LepRng rng;

		memset(factors, 0, (size_t) ials->stride * sizeof(float));
		if (side == &ials->users || side->view.start[row] == side->view.start[row + 1])
			continue;
		lep_rng_init(&rng, ials->seed, STREAM_ITEM_FACTORS, (uint64_t) row);
		for (int f = 0; f < ials->n_factors; f++)
			factors[f] = (float) (scale * lep_rng_normal(&rng));
	}
}

/* What a side has besides its view. */
static LepStatus
create_side(LepArena *arena, Ials *ials, LepIalsSide *side, int32_t n_others)
{
	LepEnv *env = arena->env;
	LepStatus status;

	side->ridge = lep_arena_alloc(arena, side->view.n_rows, sizeof(float));
	side->factors = lep_arena_alloc(arena, (int64_t) side->view.n_rows * ials->stride, sizeof(float));
	if (side->ridge == NULL || side->factors == NULL)
		return lep_env_failure(env);
	ials->side = side;
	ials->n_others = n_others;
	status = lep_parallel_for(env, count_row_tasks(&side->view), fill_ridge, ials);
	return status == LEP_OK ? lep_parallel_for(env, count_row_tasks(&side->view), init_rows, ials) : status;
}

static LepStatus
ials_start(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options,
		   void **state)
{
	Ials *ials = lep_arena_calloc(arena, 1, sizeof(Ials));
	LepStatus status;

	if (ials == NULL)
		return lep_env_failure(arena->env);
	ials->n_factors = (int) options->factors;
	ials->stride = lep_row_stride(ials->n_factors);
	ials->seed = (uint64_t) options->seed;
	*state = ials;

	status = lep_implicit_rule(arena->env, ratings, parts, options, &ials->rule);
	if (status == LEP_OK)
		status = create_users(arena->env, ials, ratings, parts);
	if (status == LEP_OK)
		status = create_items(arena, ials, ratings, parts);
	if (status == LEP_OK)
		status = create_side(arena, ials, &ials->users, ratings->n_items);
	if (status == LEP_OK)
		status = create_side(arena, ials, &ials->items, ratings->n_users);
	if (status != LEP_OK)
		return status;
	ials->work = lep_ials_work_create(arena, ials->n_factors);
	return ials->work == NULL ? lep_env_failure(arena->env) : LEP_OK;
}

/*
 * Users once more, so that those of the model are the solution against its
 * items: what explanations and fold-in take them for.  It is the next epoch's
 * first half, which is not done twice: whether a model was exported between
 * epochs changes no bit of what comes after.
 */
static LepStatus
close_users(LepEnv *env, Ials *ials)
{
	LepStatus status;

	if (ials->closed)
		return LEP_OK;
	status = lep_ials_turn(env, ials->work, &ials->items, ials->rule.unobserved_weight);
	if (status == LEP_OK)
		status = lep_ials_solve(env, ials->work, &ials->users, &ials->items);
	ials->closed = status == LEP_OK;
	return status;
}

static LepStatus
ials_epoch(LepEnv *env, void *state, int epoch, double *train_rmse)
{
	Ials *ials = state;
	LepStatus status = close_users(env, ials);

	(void) epoch;
	*train_rmse = NAN;
	ials->closed = false;
	if (status == LEP_OK)
		status = lep_ials_turn(env, ials->work, &ials->users, ials->rule.unobserved_weight);
	if (status == LEP_OK)
		status = lep_ials_solve(env, ials->work, &ials->items, &ials->users);
	return status;
}

/* LepTask: rows of one side. */
static void
export_rows(void *arg, int64_t task, int thread)
{
	const Ials *ials = arg;
	const LepIalsSide *side = ials->side;
	bool is_users = side == &ials->users;
	float *to = is_users ? ials->model->user_factors : ials->model->item_factors;
	float *bias = is_users ? ials->model->user_bias : ials->model->item_bias;
	int64_t first = row_at(&side->view, task);
	int64_t n = row_at(&side->view, task + 1) - first;

	(void) thread;
	memcpy(to + first * ials->stride, side->factors + first * ials->stride,
		   (size_t) (n * ials->stride) * sizeof(float));
	memset(bias + first, 0, (size_t) n * sizeof(float));
}

static LepStatus
ials_export_model(LepEnv *env, void *state, LepModel *model)
{
	Ials *ials = state;
	LepStatus status = close_users(env, ials);

	if (status != LEP_OK)
		return status;
	model->mean = 0;
	ials->model = model;
	ials->side = &ials->users;
	status = lep_parallel_for(env, count_row_tasks(&ials->users.view), export_rows, ials);
	ials->side = &ials->items;
	return status == LEP_OK ? lep_parallel_for(env, count_row_tasks(&ials->items.view), export_rows, ials)
							: status;
}

const LepSolver lep_solver_ials = {
	.algorithm = LEP_ALGORITHM_IALS,
	.feedback = 1u << LEP_FEEDBACK_IMPLICIT,
	.iterative = true,
	.has_step = false,
	.adapt = ials_adapt,
	.alternative = ials_alternative,
	.grow = ials_grow,
	.memory = ials_memory,
	.cost = ials_cost,
	.start = ials_start,
	.epoch = ials_epoch,
	.export_model = ials_export_model,
};
