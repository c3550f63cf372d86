/*
 * implicit.c
 *		Fold-in and explanation by the closed form of implicit factorisations.
 *
 * Sums go over items in the order given and over blocks of a fixed size, so the
 * bits depend on the input alone.
 */
#include "core/implicit.h"

#include <math.h>
#include <string.h>

#include "core/dense.h"
#include "core/kernels.h"
#include "core/model.h"
#include "core/pool.h"
#include "core/rng.h"
#include "core/view.h"

/*
 * Rows whose products are summed in single precision, before they are added in
 * double: at most 256 roundings of 2^-24.
 */
#define BLOCK_ROWS 256

/* Ratings of a task, or weights between two questions whether to stop: under 3 ms. */
#define CHUNK 65536

/* Her items between two questions whether to stop. */
#define STOP_INTERVAL 64

/* Not divided by the mean. */
static double
raw_confidence(const LepImplicitRule *rule, float rating)
{
	double r = rating > 0 ? (double) rating : 0;

	if (rule->confidence == LEP_CONFIDENCE_NONE)
		return 1;
	return 1 + rule->alpha * (rule->confidence == LEP_CONFIDENCE_LOG ? lep_log(1 + r) : r);
}

typedef struct MeanJob
{
	const LepImplicitRule *rule;
	const LepRatings *ratings;
	unsigned parts;
	double *sums;	 /* [tasks] of confidences */
	int64_t *counts; /* [tasks] of ratings in the parts */
} MeanJob;

static void
sum_chunk(void *arg, int64_t task, int thread)
{
	MeanJob *job = arg;
	int64_t end = (task + 1) * CHUNK < job->ratings->n_ratings ? (task + 1) * CHUNK : job->ratings->n_ratings;
	double sum = 0;
	int64_t n = 0;

	(void) thread;
	for (int64_t j = task * CHUNK; j < end; j++)
	{
		if (!lep_part_in(job->parts, job->ratings->part[j]))
			continue;
		sum += raw_confidence(job->rule, job->ratings->rating[j]);
		n++;
	}
	job->sums[task] = sum;
	job->counts[task] = n;
}

static LepStatus
find_mean(LepArena *arena, MeanJob *job, double *mean)
{
	int64_t n_tasks = (job->ratings->n_ratings + CHUNK - 1) / CHUNK;
	double sum = 0;
	int64_t n = 0;
	LepStatus status;

	job->sums = lep_arena_alloc(arena, n_tasks, sizeof(double));
	job->counts = lep_arena_alloc(arena, n_tasks, sizeof(int64_t));
	if (job->sums == NULL || job->counts == NULL)
		return lep_env_failure(arena->env);
	status = lep_parallel_for(arena->env, n_tasks, sum_chunk, job);
	for (int64_t t = 0; t < n_tasks && status == LEP_OK; t++)
	{
		sum += job->sums[t];
		n += job->counts[t];
	}
	if (status == LEP_OK && n > 0)
		*mean = sum / (double) n;
	return status;
}

LepStatus
lep_implicit_rule(LepEnv *env, const LepRatings *ratings, unsigned parts, const LepOptions *options,
				  LepImplicitRule *rule)
{
	MeanJob job = { .rule = rule, .ratings = ratings, .parts = parts };
	LepArena arena;
	LepStatus status;

	rule->unobserved_weight = options->unobserved_weight;
	rule->regularization = options->regularization;
	rule->exponent = options->regularization_exponent;
	rule->confidence = (LepConfidence) options->confidence;
	rule->alpha = options->alpha;
	rule->mean_confidence = 1;
	if (rule->confidence == LEP_CONFIDENCE_NONE)
		return LEP_OK;
	lep_arena_init(&arena, env);
	status = find_mean(&arena, &job, &rule->mean_confidence);
	lep_arena_drop(&arena);
	return status;
}

float
lep_implicit_confidence(const LepImplicitRule *rule, float rating)
{
	return (float) (raw_confidence(rule, rating) / rule->mean_confidence);
}

/* x^e for x >= 0 */
static double
power(double x, double exponent)
{
	if (exponent == 0 || exponent == 1)
		return exponent == 0 ? 1 : x;
	return x > 0 ? lep_exp(exponent * lep_log(x)) : 0;
}

double
lep_implicit_ridge(const LepImplicitRule *rule, double confidence, int32_t n_others)
{
	return rule->regularization *
		   power(confidence + rule->unobserved_weight * (double) n_others, rule->exponent);
}

size_t
lep_gram_size(int n_factors)
{
	size_t k = (size_t) n_factors;
	size_t stride = (size_t) lep_row_stride(n_factors);

	return sizeof(LepGram) + k * k * sizeof(double) + (stride + BLOCK_ROWS) * stride * sizeof(float) +
		   (size_t) 4 * 4 * LEP_ALIGNMENT;
}

/* Where rows of items are: laid out for queries, or side by side. */
typedef struct GramRows
{
	const LepItems *items;
	const float *rows; /* or */
} GramRows;

/* Add the products of the rows of items [first, first + n) to the sum. */
static void
add_block(LepGram *gram, const GramRows *from, int32_t first, int n, float *rows)
{
	int k = gram->n_factors;
	int stride = lep_row_stride(k);
	size_t bytes = (size_t) stride * sizeof(float);
	float *block = rows + (size_t) BLOCK_ROWS * (size_t) stride;

	for (int i = 0; i < n; i++)
	{
		const float *row = from->items != NULL ? lep_items_factors(from->items, first + i)
											   : from->rows + (int64_t) (first + i) * stride;

		memcpy(rows + (size_t) i * (size_t) stride, row, bytes);
	}
	memset(block, 0, (size_t) stride * bytes);
	lep_kernels->syrk_f32(block, stride, rows, stride, NULL, n);
	for (int a = 0; a < k; a++)
	{
		for (int b = 0; b <= a; b++)
			gram->product[(size_t) a * (size_t) k + (size_t) b] +=
				(double) block[(size_t) a * (size_t) stride + (size_t) b];
	}
}

static LepGram *
create_gram(LepArena *arena, const GramRows *from, int32_t n_items, int n_factors)
{
	LepEnv *env = arena->env;
	LepGram *gram = lep_arena_alloc(arena, 1, sizeof(LepGram));
	size_t stride = (size_t) lep_row_stride(n_factors);
	float *rows = lep_arena_alloc(arena, (int64_t) ((BLOCK_ROWS + stride) * stride), sizeof(float));

	if (gram == NULL || rows == NULL)
		return NULL;
	gram->n_items = n_items;
	gram->n_factors = n_factors;
	gram->product = lep_arena_calloc(arena, (int64_t) n_factors * n_factors, sizeof(double));
	for (int32_t first = 0; gram->product != NULL && first < n_items; first += BLOCK_ROWS)
	{
		int n = n_items - first < BLOCK_ROWS ? (int) (n_items - first) : BLOCK_ROWS;

		if (lep_env_stopped(env))
			return NULL;
		add_block(gram, from, first, n, rows);
	}
	lep_arena_free(arena, rows);
	return gram->product == NULL ? NULL : gram;
}

LepGram *
lep_gram_create(LepArena *arena, const LepItems *items, int n_factors)
{
	GramRows from = { items, NULL };

	return create_gram(arena, &from, lep_items_count(items), n_factors);
}

LepGram *
lep_gram_of_rows(LepArena *arena, const float *rows, int32_t n_items, int n_factors)
{
	GramRows from = { NULL, rows };

	return create_gram(arena, &from, n_items, n_factors);
}

/* Sums that run side by side, so that one addition need not wait for the other. */
#define LANES 8

/* x . row, n numbers each. */
static double
dot_product(const double *x, const float *row, int n)
{
	double lane[LANES] = { 0 };
	double sum = 0;
	int f = 0;

	for (; f + LANES <= n; f += LANES)
	{
		for (int l = 0; l < LANES; l++)
			lane[l] += x[f + l] * (double) row[f + l];
	}
	for (; f < n; f++)
		sum += x[f] * (double) row[f];
	for (int l = 0; l < LANES; l++)
		sum += lane[l];
	return sum;
}

double
lep_gram_norm(const LepGram *gram, const float *row)
{
	int k = gram->n_factors;
	double sum = 0;

	for (int a = 0; a < k; a++)
	{
		const double *product = gram->product + (size_t) a * (size_t) k;

		sum += (double) row[a] * (2 * dot_product(product, row, a) + product[a] * (double) row[a]);
	}
	return sum > 0 ? sqrt(sum) : 0;
}

static double
weight_of(const LepImplicitInput *input, int64_t j)
{
	return input->weight == NULL ? 1 : (double) input->weight[j];
}

/* Items that are added at once: what A is read and written for. */
#define TOGETHER 4

/*
 * Add up to TOGETHER items, from the one at `first` on: c q q' to A and c q to the
 * right-hand side.  wide: [TOGETHER * n_factors] of scratch memory.
 */
static void
add_items(LepImplicitUser *user, const LepImplicitInput *input, int64_t first, double *wide)
{
	int k = user->n_factors;
	int64_t n = input->n - first < TOGETHER ? input->n - first : TOGETHER;
	double c[TOGETHER] = { 0 };

	memset(wide, 0, (size_t) (TOGETHER * k) * sizeof(double));
	for (int64_t t = 0; t < n; t++)
	{
		const float *q = lep_items_factors(input->items, input->item[first + t]);

		c[t] = weight_of(input, first + t);
		for (int f = 0; f < k; f++)
			wide[t * k + f] = (double) q[f];
	}
	for (int a = 0; a < k; a++)
	{
		const double *q0 = wide;
		const double *q1 = wide + k;
		const double *q2 = wide + 2 * k;
		const double *q3 = wide + 3 * k;
		double s0 = c[0] * q0[a];
		double s1 = c[1] * q1[a];
		double s2 = c[2] * q2[a];
		double s3 = c[3] * q3[a];
		double *row = user->root + (size_t) a * (size_t) k;

		user->p[a] += (s0 + s1) + (s2 + s3);
		for (int b = 0; b <= a; b++)
			row[b] += (s0 * q0[b] + s1 * q1[b]) + (s2 * q2[b] + s3 * q3[b]);
	}
}

/* A, lower triangle, and sum of c q.  wide: as above. */
static LepStatus
set_up(LepEnv *env, const LepGram *gram, const LepImplicitRule *rule, const LepImplicitInput *input,
	   LepImplicitUser *user, double *wide)
{
	int k = gram->n_factors;
	double total = 0;
	double largest = 0;
	double ridge;

	for (int64_t j = 0; j < input->n; j++)
		total += weight_of(input, j);
	ridge = lep_implicit_ridge(rule, total, gram->n_items);
	for (int e = 0; e < k * k; e++)
		user->root[e] = rule->unobserved_weight * gram->product[e];
	for (int f = 0; f < k; f++)
		largest = user->root[f * k + f] > largest ? user->root[f * k + f] : largest;
	ridge = ridge > LEP_LEAST_RIDGE * largest ? ridge : LEP_LEAST_RIDGE * largest;
	for (int f = 0; f < k; f++)
		user->root[f * k + f] += ridge > 0 ? ridge : 1; /* a model of zeros */
	memset(user->p, 0, (size_t) k * sizeof(double));
	for (int64_t j = 0; j < input->n; j += TOGETHER)
	{
		if (j % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		add_items(user, input, j, wide);
	}
	return LEP_OK;
}

static LepStatus
fail_solve(LepEnv *env)
{
	lep_fail(&env->error, LEP_ERR_BYTES_VALUE, "factors", (double) NAN, 0, LEP_MAX_NORM);
	env->error.row = -1;
	return LEP_ERR_BYTES_VALUE;
}

LepStatus
lep_implicit_solve(LepArena *arena, const LepGram *gram, const LepImplicitRule *rule,
				   const LepImplicitInput *input, LepImplicitUser *user)
{
	LepEnv *env = arena->env;
	int k = gram->n_factors;
	LepStatus status;
	double *wide = lep_arena_alloc(arena, (int64_t) TOGETHER * k, sizeof(double));

	user->n_factors = k;
	user->root = lep_arena_alloc(arena, (int64_t) k * k, sizeof(double));
	user->p = lep_arena_alloc(arena, k, sizeof(double));
	user->work = lep_arena_alloc(arena, k, sizeof(double));
	if (wide == NULL || user->root == NULL || user->p == NULL || user->work == NULL)
		return lep_env_failure(env);
	status = set_up(env, gram, rule, input, user, wide);
	if (status != LEP_OK)
		return status;
	status = lep_dense_cholesky_stoppable(env, user->root, k);
	if (status != LEP_OK)
		return status == LEP_ERR_DIVERGED ? fail_solve(env) : status;
	lep_dense_solve_lower(user->root, k, user->p);
	lep_dense_solve_upper(user->root, k, user->p);
	for (int f = 0; f < k; f++)
	{
		if (!(fabs(user->p[f]) <= LEP_MAX_NORM))
			return fail_solve(env);
	}
	return LEP_OK;
}

void
lep_implicit_row(const LepImplicitUser *user, float *row)
{
	memset(row, 0, (size_t) lep_row_stride(user->n_factors) * sizeof(float));
	for (int f = 0; f < user->n_factors; f++)
		row[f] = (float) user->p[f];
}

LepStatus
lep_implicit_terms(LepEnv *env, LepImplicitUser *user, const LepImplicitInput *input, int32_t i,
				   double *terms)
{
	const float *q = lep_items_factors(input->items, i);
	int k = user->n_factors;
	double *z = user->work; /* A^-1 q_i */

	for (int f = 0; f < k; f++)
		z[f] = (double) q[f];
	lep_dense_solve_lower(user->root, k, z);
	lep_dense_solve_upper(user->root, k, z);
	for (int64_t j = 0; j < input->n; j++)
	{
		const float *own = lep_items_factors(input->items, input->item[j]);
		double sum = 0;

		if (j % STOP_INTERVAL == 0 && lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		for (int f = 0; f < k; f++)
			sum += (double) own[f] * z[f];
		terms[j] = weight_of(input, j) * sum;
	}
	return LEP_OK;
}

LepStatus
lep_implicit_fold_in(LepEnv *env, const LepGram *gram, const LepImplicitRule *rule,
					 const LepImplicitInput *input, float *row)
{
	LepImplicitInput weighted = *input;
	LepImplicitUser user;
	LepArena arena;
	LepStatus status;
	float *weight;

	lep_arena_init(&arena, env);
	weight = lep_arena_alloc(&arena, input->n, sizeof(float));
	status = weight == NULL ? lep_env_failure(env) : LEP_OK;
	for (int64_t j = 0; status == LEP_OK && j < input->n; j++)
	{
		if (j % CHUNK == CHUNK - 1 && lep_env_stopped(env))
			status = LEP_ERR_STOPPED;
		else
			weight[j] = lep_implicit_confidence(rule, input->weight == NULL ? 1 : input->weight[j]);
	}
	weighted.weight = weight;
	if (status == LEP_OK)
		status = lep_implicit_solve(&arena, gram, rule, &weighted, &user);
	if (status == LEP_OK)
		lep_implicit_row(&user, row);
	lep_arena_drop(&arena);
	return status;
}

/* The number whose multiple of the solution is nearest to the row. */
static double
multiple_of(const LepImplicitUser *user, const float *row)
{
	double product = 0;
	double norm2 = 0;

	if (row == NULL)
		return 1;
	for (int f = 0; f < user->n_factors; f++)
	{
		product += (double) row[f] * user->p[f];
		norm2 += user->p[f] * user->p[f];
	}
	return norm2 > 0 ? product / norm2 : 1;
}

LepStatus
lep_implicit_explain(LepEnv *env, const LepGram *gram, const LepImplicitRule *rule,
					 const LepImplicitInput *input, int32_t i, double *terms)
{
	LepImplicitUser user;
	LepArena arena;
	LepStatus status;

	lep_arena_init(&arena, env);
	status = lep_implicit_solve(&arena, gram, rule, input, &user);
	if (status == LEP_OK)
		status = lep_implicit_terms(env, &user, input, i, terms);
	if (status == LEP_OK)
	{
		double multiple = multiple_of(&user, input->row);

		for (int64_t j = 0; j < input->n && multiple != 1; j++)
			terms[j] *= multiple;
	}
	lep_arena_drop(&arena);
	return status;
}
