/*
 * foldin_prior.c
 *		What is known of a row before its first rating: the priors of foldin.h,
 *		learned from the rows that a model has.
 *
 * Mean and covariance are those of the rows (empirical Bayes; A. Gelman and
 * others, Bayesian Data Analysis, 3rd ed., CRC Press 2013, chapters 5 and 15),
 * over rows with ratings, each with the root of its count as weight: rows with
 * more ratings are better known.  Four corrections:
 *
 * Few rows.  Correlations are multiplied by 1 - s (J. Schaefer, K. Strimmer,
 * "A shrinkage approach to large-scale covariance matrix estimation",
 * Statistical Applications in Genetics and Molecular Biology 4(1), 2005,
 * doi:10.2202/1544-6115.1175, section 2.4), s the sum over pairs of the variance
 * of a correlation r of n normal deviates, (1 - r^2)^2 / (n - 1), divided by the
 * sum of r^2, at most 1; n is (sum w)^2 / sum w^2.
 *
 * Rows are estimates.  A row's own posterior covariance V is missing in the
 * covariance of estimates: the expectation step of EM adds its mean (Gelman,
 * section 13.4).  A row's V is taken as (C^-1 + n G / noise)^-1 with the mean G
 * of a a' over all ratings in place of the row's own sum, at the mean n of all
 * rows whose count has the same number of binary digits: d^3 for each of at most
 * 31 groups, and no pass over the ratings.  Departure from EM: one step.  More
 * steps made MovieLens 100K worse (the fixed side was fitted to the same
 * ratings, and the prior comes to believe it: at 40 ratings 0.918 after one
 * step, 0.963 after ten), and one exact step was no better than this by 0.001.
 *
 * Noise.  Residuals of ratings that were trained on are too small.  Their
 * squared sum is divided not by their number but by that less the effective
 * number of parameters, the sum over all rows of d - tr(C^-1 V), now with the C
 * that was corrected (T. Hastie, R. Tibshirani, J. Friedman, The Elements of
 * Statistical Learning, 2nd ed., section 7.6); not above half of the ratings.
 * It is 1.2 times the mean square on MovieLens 100K; factors of 1 to 1.5 differ
 * there by 0.002 at most.
 *
 * Floors.  RIDGE on T's diagonal, NOISE_FLOOR of the variance that the prior
 * gives a score: a solution in floats exists.
 *
 * Sums run in fixed blocks in a fixed order: the same bits for any number of
 * threads and kernel level.
 */
#include "core/foldin.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/linalg.h"
#include "core/metrics.h"
#include "core/pool.h"
#include "core/view.h"

/* See above. */
#define RIDGE		1e-4
#define NOISE_FLOOR 1e-5

/* Standard deviations below are none: their reciprocals are no floats. */
#define MIN_SCALE 1e-30

/* Of tr(G C) n / noise in V: with more, T^-1 is lost in the rounding, and V is as good as 0. */
#define MAX_INFORMATION 1e5

/* Partial second moments; a function of nothing, so that sums never depend on threads. */
#define N_SLOTS 8

/* Rounds of all slots between two additions to the total, which is in double precision. */
#define N_WAVES 16

/* Rows for one syrk. */
#define GATHER 64

/* Columns of an inverse in one task: 1 ms for 1024 factors. */
#define COLUMNS 16

/* Ratings counted between two questions whether to stop. */
#define COUNT_CHUNK 65536

/* Rows are grouped by the number of binary digits of their count. */
#define N_GROUPS 32

/* Sums over rows whose count has the same number of binary digits. */
typedef struct Group
{
	double n_rows;
	double n_ratings;
	double sum_w; /* of the roots of counts */
} Group;

/* Users or items of the model. */
typedef struct Side
{
	int32_t n_rows;
	const float *bias;
	const float *factors;
	int32_t *count; /* [n_rows] ratings in the parts */
	LepFoldinPrior *prior;
	Group groups[N_GROUPS]; /* all but rows without ratings */
	double sum_w;			/* of the roots of counts */
	double n_effective;		/* rows: (sum w)^2 / sum w^2 */
	double n_parameters;	/* effective ones of all rows */
	double score_variance;	/* tr(G C): what the prior gives a score */
} Side;

/* Sums of a task of the first pass: weights, their squares, then d sums of x and d of x^2. */
typedef struct MeanJob
{
	const Side *side;
	int k;
	int32_t chunk;
	double *sums; /* [n_tasks][2 + 2 d] */
} MeanJob;

/*
 * Second pass: sum of w z z' over rows, z = (x - offset) * unit, where x is
 * (factors, bias), or (factors, 1) for bias NULL.
 */
typedef struct ProductJob
{
	const Side *side;
	const float *bias;
	bool by_root;	/* w is the root of the count, else the count */
	double divisor; /* of all weights */
	int k;
	int stride;
	const float *offset; /* [stride], padded with 0 */
	const float *unit;
	int32_t chunk; /* rows of a slot in a wave */
	int64_t wave;
	float *slots; /* [N_SLOTS][stride * stride] */
	float *rows;  /* [n_threads][GATHER * stride] */
} ProductJob;

/* A group's V, by columns. */
typedef struct GroupJob
{
	const LepFoldinPrior *prior; /* of C without V */
	const float *root;			 /* Cholesky factor of T^-1 + n G, stride as the prior's */
	double share;				 /* of the group in all weights */
	double n_rows;				 /* of the group */
	float *columns;				 /* [n_threads][stride] */
	double *sum;				 /* [stride * stride] mean of V, in units of the scale */
	double *parameters;			 /* [d] effective ones, by column */
} GroupJob;

/* All of a call. */
typedef struct Learning
{
	LepArena *scratch;
	const LepModel *model;
	int k;
	int stride;
	int n_threads;
	int64_t n_ratings;
	Side sides[2];	 /* users, items */
	double *total;	 /* [stride * stride] */
	double *lift;	 /* [stride * stride] */
	float *products; /* [N_SLOTS][stride * stride] */
	float *rows;	 /* [n_threads][GATHER * stride] */
	float *unit;	 /* [stride] */
	float *offset;	 /* [stride] */
	double *parameters;
} Learning;

/* Rows of one task of the first pass, at most 1 ms. */
static int32_t
mean_chunk(int k)
{
	int32_t chunk = (1 << 20) / (k + 1);

	return chunk < 256 ? 256 : chunk > 16384 ? 16384 : chunk;
}

/* Rows of one slot in one wave, about 1 ms. */
static int32_t
product_chunk(int stride)
{
	int64_t chunk = (INT64_C(1) << 26) / ((int64_t) stride * stride);

	return chunk < GATHER ? GATHER : chunk > 8192 ? 8192 : (int32_t) chunk;
}

size_t
lep_foldin_learn_size(int32_t n_users, int32_t n_items, int n_factors, int n_threads)
{
	size_t stride = (size_t) lep_row_stride(n_factors + 1);
	size_t rows = (size_t) n_users + (size_t) n_items;
	size_t tasks = rows / (size_t) mean_chunk(n_factors) + 2;
	size_t bytes = 2 * lep_foldin_size(n_factors);

	bytes = lep_add_size(bytes, lep_mul_size(rows, sizeof(int32_t)));
	bytes = lep_add_size(bytes, lep_mul_size(tasks, (2 * stride + 2) * sizeof(double)));
	bytes = lep_add_size(bytes,
						 stride * stride * (2 * sizeof(double) + N_SLOTS * sizeof(float)) + 3 * stride * 8);
	return lep_add_size(bytes, lep_mul_size((size_t) n_threads, GATHER * stride * sizeof(float)));
}

static LepStatus
create_learning(Learning *learning)
{
	LepArena *scratch = learning->scratch;
	int64_t square = (int64_t) learning->stride * learning->stride;

	for (int s = 0; s < 2; s++)
	{
		learning->sides[s].count = lep_arena_calloc(scratch, learning->sides[s].n_rows, sizeof(int32_t));
		if (learning->sides[s].count == NULL)
			return lep_env_failure(scratch->env);
	}
	learning->total = lep_arena_alloc(scratch, square, sizeof(double));
	learning->lift = lep_arena_alloc(scratch, square, sizeof(double));
	learning->products = lep_arena_alloc(scratch, N_SLOTS * square, sizeof(float));
	learning->rows =
		lep_arena_alloc(scratch, (int64_t) learning->n_threads * GATHER * learning->stride, sizeof(float));
	learning->unit = lep_arena_calloc(scratch, learning->stride, sizeof(float));
	learning->offset = lep_arena_calloc(scratch, learning->stride, sizeof(float));
	learning->parameters = lep_arena_alloc(scratch, learning->stride, sizeof(double));
	if (learning->total == NULL || learning->lift == NULL || learning->products == NULL ||
		learning->rows == NULL || learning->unit == NULL || learning->offset == NULL ||
		learning->parameters == NULL)
		return lep_env_failure(scratch->env);
	return LEP_OK;
}

/* Ratings of each user and item. */
static LepStatus
count_ratings(Learning *learning, const LepRatings *ratings, unsigned parts)
{
	int32_t u = 0;

	for (int64_t j = 0; j < ratings->n_ratings; j++)
	{
		if (j % COUNT_CHUNK == 0 && lep_env_stopped(learning->scratch->env))
			return LEP_ERR_STOPPED;
		while (j >= ratings->user_start[u + 1])
			u++;
		if (!lep_part_in(parts, ratings->part[j]))
			continue;
		learning->sides[0].count[u]++;
		learning->sides[1].count[ratings->item[j]]++;
		learning->n_ratings++;
	}
	return LEP_OK;
}

/* The side's groups. */
static LepStatus
group_rows(LepEnv *env, Side *side)
{
	for (int32_t row = 0; row < side->n_rows; row++)
	{
		int32_t count = side->count[row];
		Group *group;

		if (row % COUNT_CHUNK == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		if (count == 0)
			continue;
		group = &side->groups[31 - __builtin_clz((unsigned) count)];
		group->n_rows++;
		group->n_ratings += (double) count;
		group->sum_w += sqrt((double) count);
	}
	return LEP_OK;
}

static const float *
row_of(const Side *side, int64_t row, int k)
{
	return side->factors + row * lep_row_stride(k);
}

static void
sum_rows(void *arg, int64_t task, int thread)
{
	const MeanJob *job = arg;
	const Side *side = job->side;
	int d = job->k + 1;
	double *sums = job->sums + task * (2 + 2 * d);
	int64_t end = (task + 1) * job->chunk;

	(void) thread;
	memset(sums, 0, (size_t) (2 + 2 * d) * sizeof(double));
	for (int64_t row = task * job->chunk; row < end && row < side->n_rows; row++)
	{
		double w = sqrt((double) side->count[row]);

		if (side->count[row] == 0)
			continue;
		sums[0] += w;
		sums[1] += w * w;
		for (int f = 0; f < d; f++)
		{
			double x = (double) (f < job->k ? row_of(side, row, job->k)[f] : side->bias[row]);

			sums[2 + f] += w * x;
			sums[2 + d + f] += w * x * x;
		}
	}
}

/* Mean and scale of the side's prior. */
static LepStatus
learn_mean(Learning *learning, Side *side)
{
	LepEnv *env = learning->scratch->env;
	int d = learning->k + 1;
	int width = 2 + 2 * d;
	MeanJob job = { side, learning->k, mean_chunk(learning->k), NULL };
	int64_t n_tasks = ((int64_t) side->n_rows + job.chunk - 1) / job.chunk;
	LepStatus status;

	job.sums = lep_arena_calloc(learning->scratch, (n_tasks > 0 ? n_tasks : 1) * width, sizeof(double));
	if (job.sums == NULL)
		return lep_env_failure(env);
	status = lep_parallel_for(env, n_tasks, sum_rows, &job);
	if (status != LEP_OK)
		return status;
	for (int64_t task = 1; task < n_tasks; task++)
	{
		for (int e = 0; e < width; e++)
			job.sums[e] += job.sums[task * width + e];
	}
	side->sum_w = job.sums[0];
	side->n_effective = job.sums[1] > 0 ? job.sums[0] * job.sums[0] / job.sums[1] : 0;
	for (int f = 0; f < d && job.sums[0] > 0; f++)
	{
		double mean = job.sums[2 + f] / job.sums[0];
		double square = job.sums[2 + d + f] / job.sums[0];
		double variance = square - mean * mean;

		/* what cancellation leaves of equal numbers is no variance */
		side->prior->mean[f] = (float) mean;
		side->prior->scale[f] =
			variance > 1e-12 * square && sqrt(variance) >= MIN_SCALE ? (float) sqrt(variance) : 0.0f;
	}
	lep_arena_free(learning->scratch, job.sums);
	return LEP_OK;
}

static void
add_products(void *arg, int64_t task, int thread)
{
	const ProductJob *job = arg;
	const Side *side = job->side;
	size_t stride = (size_t) job->stride;
	float *matrix = job->slots + (size_t) task * stride * stride;
	float *rows = job->rows + (size_t) thread * GATHER * stride;
	int64_t row = (job->wave * N_SLOTS + task) * job->chunk;
	int64_t end = row + job->chunk < side->n_rows ? row + job->chunk : side->n_rows;
	float w[GATHER];
	int n = 0;

	for (; row < end; row++)
	{
		float *z = rows + (size_t) n * stride;
		double count = (double) side->count[row];

		if (side->count[row] > 0)
		{
			for (int f = 0; f < job->k; f++)
				z[f] = (row_of(side, row, job->k)[f] - job->offset[f]) * job->unit[f];
			z[job->k] = ((job->bias != NULL ? job->bias[row] : 1) - job->offset[job->k]) * job->unit[job->k];
			for (int f = job->k + 1; f < job->stride; f++)
				z[f] = 0;
			w[n++] = (float) ((job->by_root ? sqrt(count) : count) / job->divisor);
		}
		if (n == GATHER || (row + 1 == end && n > 0))
		{
			lep_kernels->syrk_f32(matrix, job->stride, rows, job->stride, w, n);
			n = 0;
		}
	}
}

/* The job's sum into learning->total, lower triangle. */
static LepStatus
sum_products(Learning *learning, ProductJob *job)
{
	LepEnv *env = learning->scratch->env;
	size_t square = (size_t) learning->stride * (size_t) learning->stride;
	int64_t n_waves;

	job->k = learning->k;
	job->stride = learning->stride;
	job->offset = learning->offset;
	job->unit = learning->unit;
	job->chunk = product_chunk(learning->stride);
	job->slots = learning->products;
	job->rows = learning->rows;
	n_waves = ((int64_t) job->side->n_rows + job->chunk * N_SLOTS - 1) / (job->chunk * N_SLOTS);
	memset(learning->total, 0, square * sizeof(double));
	for (job->wave = 0; job->wave < n_waves; job->wave++)
	{
		LepStatus status;

		if (job->wave % N_WAVES == 0)
			memset(job->slots, 0, N_SLOTS * square * sizeof(float));
		status = lep_parallel_for(env, N_SLOTS, add_products, job);
		if (status != LEP_OK)
			return status;
		if (job->wave % N_WAVES != N_WAVES - 1 && job->wave + 1 < n_waves)
			continue;
		for (size_t slot = 0; slot < N_SLOTS; slot++)
		{
			for (size_t e = 0; e < square; e++)
				learning->total[e] += (double) job->slots[slot * square + e];
		}
	}
	return LEP_OK;
}

/* The share by which correlations are shrunk; r is a lower triangle. */
static double
shrinkage(const double *r, int d, int stride, double n_effective)
{
	double variance = 0;
	double squares = 0;

	if (!(n_effective > 2))
		return 1;
	for (int a = 1; a < d; a++)
	{
		for (int b = 0; b < a; b++)
		{
			double r2 = r[a * stride + b] * r[a * stride + b];

			variance += (1 - r2) * (1 - r2) / (n_effective - 1);
			squares += r2;
		}
	}
	return variance < squares ? variance / squares : 1;
}

/* T without V: correlations, shrunk. */
static LepStatus
learn_correlations(Learning *learning, Side *side)
{
	LepFoldinPrior *prior = side->prior;
	ProductJob job = { .side = side, .bias = side->bias, .by_root = true };
	int d = learning->k + 1;
	double keep;
	LepStatus status;

	job.divisor = side->sum_w > 0 ? side->sum_w : 1;
	for (int f = 0; f < d; f++)
	{
		learning->offset[f] = prior->mean[f];
		learning->unit[f] = prior->scale[f] > 0 ? 1 / prior->scale[f] : 0;
	}
	status = sum_products(learning, &job);
	if (status != LEP_OK)
		return status;
	keep = 1 - shrinkage(learning->total, d, learning->stride, side->n_effective);
	for (int a = 0; a < d; a++)
	{
		for (int b = 0; b <= a; b++)
			prior->triangle[(int64_t) a * (a + 1) / 2 + b] =
				a == b ? (float) (1 + RIDGE) : (float) (keep * learning->total[a * learning->stride + b]);
	}
	return LEP_OK;
}

/* G over all ratings, in units of the prior's scale, into learning->total; and tr(G C). */
static LepStatus
learn_information(Learning *learning, Side *side, const Side *fixed)
{
	const LepFoldinPrior *prior = side->prior;
	ProductJob job = { .side = fixed, .bias = NULL, .by_root = false };
	int d = learning->k + 1;
	LepStatus status;

	job.divisor = learning->n_ratings > 0 ? (double) learning->n_ratings : 1;
	for (int f = 0; f < d; f++)
	{
		learning->offset[f] = 0;
		learning->unit[f] = prior->scale[f];
	}
	status = sum_products(learning, &job);
	side->score_variance = 0;
	for (int a = 0; status == LEP_OK && a < d; a++)
	{
		for (int b = 0; b <= a; b++)
			side->score_variance += (a == b ? 1 : 2) * learning->total[a * learning->stride + b] *
									(double) prior->triangle[(int64_t) a * (a + 1) / 2 + b];
	}
	return status;
}

static void
add_columns(void *arg, int64_t task, int thread)
{
	const GroupJob *job = arg;
	const LepFoldinPrior *prior = job->prior;
	int d = prior->n_factors + 1;
	size_t stride = (size_t) prior->stride;
	float *column = job->columns + (size_t) thread * stride;

	for (int c = (int) task * COLUMNS; c < d && c < ((int) task + 1) * COLUMNS; c++)
	{
		memset(column, 0, stride * sizeof(float));
		column[c] = 1;
		lep_cholesky_solve(job->root, prior->stride, d, column);
		for (int f = 0; f <= c; f++)
			job->sum[(size_t) c * stride + (size_t) f] += job->share * (double) column[f];
		job->parameters[c] +=
			job->n_rows * (1 - lep_kernels->dot_f64(prior->precision + (size_t) c * stride, column, d));
	}
}

/* One group of rows, n ratings each: its V is added to job->sum. */
static LepStatus
add_group(Learning *learning, GroupJob *job, double n, double noise)
{
	const LepFoldinPrior *prior = job->prior;
	size_t stride = (size_t) learning->stride;
	int d = learning->k + 1;
	float *matrix = learning->products;

	for (size_t a = 0; a < (size_t) d; a++)
	{
		for (size_t b = 0; b <= a; b++)
			matrix[a * stride + b] = (float) ((double) prior->precision[a * stride + b] +
											  learning->total[a * stride + b] * (n / noise));
	}
	/* no factor in floats: so much is known of such rows that V is as good as 0 */
	if (!lep_cholesky(matrix, learning->stride, d))
		return LEP_OK;
	job->root = matrix;
	return lep_parallel_for(learning->scratch->env, (d + COLUMNS - 1) / COLUMNS, add_columns, job);
}

/*
 * The mean V under the side's prior, as it is prepared, into learning->lift, and
 * the effective parameters; G is in learning->total.
 */
static LepStatus
learn_groups(Learning *learning, Side *side, double noise)
{
	GroupJob job = { side->prior, NULL, 0, 0, learning->rows, learning->lift, learning->parameters };
	LepStatus status = LEP_OK;

	memset(job.sum, 0, (size_t) learning->stride * (size_t) learning->stride * sizeof(double));
	memset(job.parameters, 0, (size_t) learning->stride * sizeof(double));
	for (int group = 0; status == LEP_OK && group < N_GROUPS; group++)
	{
		const Group *members = &side->groups[group];
		double n;

		if (members->n_rows == 0)
			continue;
		n = members->n_ratings / members->n_rows;
		if (n * side->score_variance > MAX_INFORMATION * noise)
			n = MAX_INFORMATION * noise / side->score_variance;
		job.share = members->sum_w / side->sum_w;
		job.n_rows = members->n_rows;
		status = add_group(learning, &job, n, noise);
	}
	side->n_parameters = 0;
	for (int a = 0; a <= learning->k; a++)
		side->n_parameters += job.parameters[a];
	return status;
}

/* Add the mean V to T. */
static void
add_lift(const Learning *learning, LepFoldinPrior *prior)
{
	for (int a = 0; a <= learning->k; a++)
	{
		for (int b = 0; b <= a; b++)
			prior->triangle[(int64_t) a * (a + 1) / 2 + b] +=
				(float) learning->lift[a * learning->stride + b];
	}
}

/* All but the final noise. */
static LepStatus
learn_side(Learning *learning, int which, double *noise)
{
	LepEnv *env = learning->scratch->env;
	Side *side = &learning->sides[which];
	LepStatus status = group_rows(env, side);

	if (status == LEP_OK)
		status = learn_mean(learning, side);
	side->prior->base = learning->model->mean;
	if (status == LEP_OK)
		status = learn_correlations(learning, side);
	if (status == LEP_OK)
		status = learn_information(learning, side, &learning->sides[1 - which]);
	if (status != LEP_OK)
		return status;
	if (!(*noise > NOISE_FLOOR * side->score_variance))
		*noise = side->score_variance > 0 ? NOISE_FLOOR * side->score_variance : *noise > 0 ? *noise : 1;
	side->prior->noise = *noise;
	status = lep_foldin_prepare(env, side->prior);
	if (status == LEP_OK)
		status = learn_groups(learning, side, *noise);
	if (status != LEP_OK)
		return status;
	add_lift(learning, side->prior);
	status = lep_foldin_prepare(env, side->prior);
	return status == LEP_OK ? learn_groups(learning, side, *noise) : status;
}

/* Both sides, and the noise that they share. */
static LepStatus
learn_sides(Learning *learning, const LepRatings *ratings, unsigned parts)
{
	LepEnv *env = learning->scratch->env;
	bool known = learning->model->noise > 0;
	double noise = learning->model->noise;
	double n = (double) learning->n_ratings;
	double n_free;
	LepErrorMetrics errors;
	LepStatus status = LEP_OK;

	if (!known)
	{
		status = lep_metrics_errors(env, learning->model, ratings, parts, &errors);
		noise = errors.n > 0 ? errors.rmse * errors.rmse : 0;
	}
	for (int s = 0; status == LEP_OK && s < 2; s++)
		status = learn_side(learning, s, &noise);
	if (status != LEP_OK)
		return status;
	n_free = n - learning->sides[0].n_parameters - learning->sides[1].n_parameters;
	if (!known && n > 0)
		noise *= n / (n_free > n / 2 ? n_free : n / 2);
	for (int s = 0; status == LEP_OK && s < 2; s++)
	{
		learning->sides[s].prior->noise = noise;
		status = lep_foldin_prepare(env, learning->sides[s].prior);
	}
	return status;
}

LepStatus
lep_foldin_learn(LepArena *arena, const LepModel *model, const LepRatings *ratings, unsigned parts,
				 LepFoldinPrior *users, LepFoldinPrior *items)
{
	LepArena scratch;
	Learning learning = {
		.scratch = &scratch,
		.model = model,
		.k = model->n_factors,
		.stride = lep_row_stride(model->n_factors + 1),
		.n_threads = lep_pool_threads(arena->env),
		.sides = { { .n_rows = model->n_users,
					 .bias = model->user_bias,
					 .factors = model->user_factors,
					 .prior = users },
				   { .n_rows = model->n_items,
					 .bias = model->item_bias,
					 .factors = model->item_factors,
					 .prior = items } },
	};
	LepStatus status = lep_foldin_create(arena, model->n_factors, users);

	if (status == LEP_OK)
		status = lep_foldin_create(arena, model->n_factors, items);
	lep_arena_init(&scratch, arena->env);
	if (status == LEP_OK)
		status = create_learning(&learning);
	if (status == LEP_OK)
		status = count_ratings(&learning, ratings, parts);
	if (status == LEP_OK)
		status = learn_sides(&learning, ratings, parts);
	lep_arena_drop(&scratch);
	return status;
}
