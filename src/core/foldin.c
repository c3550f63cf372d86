/*
 * foldin.c
 *		One new user against fixed items: the posterior mean of a linear model
 *		with a Gaussian prior; see foldin.h.
 *
 * With scale and noise taken out, x = m + scale t, u = scale / root of noise,
 * and over the ratings B = rows a_j u, v_j = (y_j - base - b_j - a_j m) / root
 * of noise, the mean of t is, in two equal forms (C. E. Rasmussen, C. K. I.
 * Williams, Gaussian Processes for Machine Learning, MIT Press 2006, section
 * 2.1: equation 2.8 and, for the second, 2.12 with 2.11):
 *
 *	primal	t = (T^-1 + B' B)^-1 B' v			d x d
 *	dual	t = T B' (I + B T B')^-1 v			n x n
 *
 * The dual is computed with T = L L' and R = B L as t = L R' (I + R R')^-1 v:
 * its matrix is symmetric to the bit and no eigenvalue of it is below 1.
 * Everything in both matrices is of the order of 1 whatever the scale of the
 * ratings.
 *
 * Cost in fused multiply-adds: primal n d^2 / 2 + d^3 / 6, dual n d^2 +
 * n^2 d / 2 + n^3 / 6.
 *
 * Scratch memory is the caller's; the priors' arrays are in the arena that they
 * were created in.  A prior that is prepared may be read by any thread.
 */
#include "core/foldin.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/linalg.h"
#include "core/pool.h"

/*
 * The dual is taken for up to d / DUAL_SHARE ratings, and DUAL_MOST: measured
 * (Zen 4, AVX-512), both cost the same at 0.75 d, 0.55 d, 0.3 d, 0.16 d and 0.07 d
 * for 32, 64, 128, 256 and 1024 factors, since the dual reads L once for each
 * rating, and L leaves the caches.
 */
#define DUAL_SHARE 2
#define DUAL_MOST  40

/* Rows that the primal adds at once. */
#define GATHER 64

/* Columns of an inverse in one task: 1 ms for 1024 factors. */
#define COLUMNS 16

/* Largest number in a prior's T, which has about 1 on its diagonal. */
#define MAX_T 1e6

/* ---- the prior ---- */

static int64_t
triangle_size(int d)
{
	return (int64_t) d * (d + 1) / 2;
}

size_t
lep_foldin_size(int n_factors)
{
	size_t d = (size_t) n_factors + 1;
	size_t stride = (size_t) lep_row_stride(n_factors + 1);

	/* seven blocks, each rounded up and with a head */
	return sizeof(float) * (2 * d + (size_t) triangle_size((int) d) + 2 * stride + 2 * stride * stride) +
		   (size_t) 7 * 4 * LEP_ALIGNMENT;
}

LepStatus
lep_foldin_create(LepArena *arena, int n_factors, LepFoldinPrior *prior)
{
	int d = n_factors + 1;
	int stride = lep_row_stride(d);

	memset(prior, 0, sizeof(*prior));
	prior->n_factors = n_factors;
	prior->noise = 1;
	prior->stride = stride;
	prior->mean = lep_arena_calloc(arena, d, sizeof(float));
	prior->scale = lep_arena_calloc(arena, d, sizeof(float));
	prior->triangle = lep_arena_calloc(arena, triangle_size(d), sizeof(float));
	prior->center = lep_arena_calloc(arena, stride, sizeof(float));
	prior->unit = lep_arena_calloc(arena, stride, sizeof(float));
	prior->root = lep_arena_calloc(arena, (int64_t) stride * stride, sizeof(float));
	prior->precision = lep_arena_calloc(arena, (int64_t) stride * stride, sizeof(float));
	if (prior->mean == NULL || prior->scale == NULL || prior->triangle == NULL || prior->center == NULL ||
		prior->unit == NULL || prior->root == NULL || prior->precision == NULL)
		return lep_env_failure(arena->env);
	for (int f = 0; f < d; f++)
		prior->triangle[triangle_size(f) + f] = 1;
	return LEP_OK;
}

static LepStatus
fail_prior(LepEnv *env, int64_t row, double value, double max)
{
	lep_fail(&env->error, LEP_ERR_BYTES_VALUE, "prior", value, 0, max);
	env->error.row = row;
	return LEP_ERR_BYTES_VALUE;
}

/* All of magnitude max at most, and at least min? */
static bool
are_within(const float *values, int64_t n, double min, double max, double *bad)
{
	for (int64_t j = 0; j < n; j++)
	{
		*bad = (double) values[j];
		if (!(*bad >= min && *bad <= max))
			return false;
	}
	return true;
}

static LepStatus
check_prior(LepEnv *env, const LepFoldinPrior *prior)
{
	int d = prior->n_factors + 1;
	double bad;

	if (!(fabs(prior->base) <= LEP_MAX_NORM))
		return fail_prior(env, 0, prior->base, LEP_MAX_NORM);
	if (!(prior->noise >= DBL_MIN && prior->noise <= LEP_MAX_NORM * LEP_MAX_NORM))
		return fail_prior(env, 0, prior->noise, LEP_MAX_NORM * LEP_MAX_NORM);
	if (!are_within(prior->mean, d, -LEP_MAX_NORM, LEP_MAX_NORM, &bad))
		return fail_prior(env, 1, bad, LEP_MAX_NORM);
	if (!are_within(prior->scale, d, 0, LEP_MAX_NORM, &bad))
		return fail_prior(env, 2, bad, LEP_MAX_NORM);
	if (!are_within(prior->triangle, triangle_size(d), -MAX_T, MAX_T, &bad))
		return fail_prior(env, 3, bad, MAX_T);
	return LEP_OK;
}

/* Columns of T^-1, as rows: it is symmetric up to rounding, and read as if it were. */
static void
invert_columns(void *arg, int64_t task, int thread)
{
	const LepFoldinPrior *prior = arg;
	int d = prior->n_factors + 1;

	(void) thread;
	for (int c = (int) task * COLUMNS; c < d && c < ((int) task + 1) * COLUMNS; c++)
	{
		float *column = prior->precision + (size_t) c * (size_t) prior->stride;

		memset(column, 0, (size_t) prior->stride * sizeof(float));
		column[c] = 1;
		lep_cholesky_solve(prior->root, prior->stride, d, column);
	}
}

/* T as the lower triangle of root, factored; what Cholesky left elsewhere is cleared. */
static bool
factor_root(LepFoldinPrior *prior)
{
	int d = prior->n_factors + 1;
	size_t stride = (size_t) prior->stride;

	memset(prior->root, 0, stride * stride * sizeof(float));
	for (int f = 0; f < d; f++)
		memcpy(prior->root + (size_t) f * stride, prior->triangle + triangle_size(f),
			   ((size_t) f + 1) * sizeof(float));
	if (!lep_cholesky(prior->root, prior->stride, d))
		return false;
	for (size_t f = 0; f < stride; f++)
	{
		size_t kept = f < (size_t) d ? f + 1 : 0;

		memset(prior->root + f * stride + kept, 0, (stride - kept) * sizeof(float));
	}
	return true;
}

LepStatus
lep_foldin_prepare(LepEnv *env, LepFoldinPrior *prior)
{
	int d = prior->n_factors + 1;
	double root_noise = sqrt(prior->noise);
	LepStatus status = check_prior(env, prior);

	if (status != LEP_OK)
		return status;
	for (int f = 0; f < d; f++)
	{
		double unit = (double) prior->scale[f] / root_noise;

		if (!(unit <= (double) FLT_MAX))
			return fail_prior(env, 2, unit, (double) FLT_MAX);
		prior->center[f] = prior->mean[f];
		prior->unit[f] = (float) unit;
	}
	if (!factor_root(prior))
		return fail_prior(env, 3, 0, MAX_T);
	status = lep_parallel_for(env, (d + COLUMNS - 1) / COLUMNS, invert_columns, prior);
	if (status != LEP_OK)
		return status;
	/* a T that is nearly singular may have a root and no inverse in floats */
	for (size_t e = 0; e < (size_t) prior->stride * (size_t) prior->stride; e++)
	{
		if (!isfinite(prior->precision[e]))
			return fail_prior(env, 3, (double) prior->precision[e], MAX_T);
	}
	return LEP_OK;
}

/* ---- folding in ---- */

/* Scratch memory, laid out for one method. */
typedef struct Work
{
	float *t;	   /* [stride] B' v, then t */
	float *v;	   /* [block or n, padded] */
	float *rows;   /* [block or n][stride] B */
	float *rooted; /* dual: [n][stride] R */
	float *matrix; /* [ld][ld] */
	int ld;		   /* of the matrix */
} Work;

/* Ratings that the dual is taken for. */
static int64_t
most_by_dual(int n_factors)
{
	int most = (n_factors + 1) / DUAL_SHARE;

	return most < DUAL_MOST ? most : DUAL_MOST;
}

static LepFoldinMethod
choose_method(LepFoldinMethod method, int n_factors, int64_t n)
{
	if (method != LEP_FOLDIN_AUTO)
		return method;
	return n <= most_by_dual(n_factors) ? LEP_FOLDIN_DUAL : LEP_FOLDIN_PRIMAL;
}

/* Floats for a method that is decided, SIZE_MAX on overflow; the dual's n is not too large. */
static size_t
work_size(LepFoldinMethod method, int n_factors, int64_t n)
{
	size_t stride = (size_t) lep_row_stride(n_factors + 1);
	size_t ld;

	if (method == LEP_FOLDIN_PRIMAL)
		return stride + GATHER + GATHER * stride + stride * stride;
	ld = (size_t) lep_row_stride((int) n);
	return stride + ld + 2 * ld * stride + ld * ld;
}

size_t
lep_foldin_scratch(LepFoldinMethod method, int n_factors, int64_t n)
{
	int64_t most = method == LEP_FOLDIN_DUAL ? LEP_LINALG_MAX : most_by_dual(n_factors);
	size_t primal = work_size(LEP_FOLDIN_PRIMAL, n_factors, n);
	size_t dual = work_size(LEP_FOLDIN_DUAL, n_factors, n < most ? n : most);

	if (method == LEP_FOLDIN_PRIMAL || (method == LEP_FOLDIN_AUTO && n > most && primal > dual))
		return sizeof(float) * primal;
	return sizeof(float) * dual;
}

static Work
lay_out(LepFoldinMethod method, const LepFoldinPrior *prior, int64_t n, void *scratch)
{
	size_t stride = (size_t) prior->stride;
	size_t block = method == LEP_FOLDIN_PRIMAL ? GATHER : (size_t) lep_row_stride((int) n);
	Work work;

	work.t = scratch;
	work.v = work.t + stride;
	work.rows = work.v + block;
	work.rooted = work.rows + block * stride;
	work.matrix = method == LEP_FOLDIN_PRIMAL ? work.rooted : work.rooted + block * stride;
	work.ld = (int) (method == LEP_FOLDIN_PRIMAL ? stride : block);
	memset(work.t, 0, stride * sizeof(float));
	return work;
}

static LepStatus
fail_rating(LepError *error, int64_t j, double rating)
{
	lep_fail(error, isfinite(rating) ? LEP_ERR_RATING_RANGE : LEP_ERR_NOT_FINITE, "rating", rating, 0,
			 LEP_MAX_RATING);
	error->row = j;
	return error->status;
}

static LepStatus
check_ratings(const LepFoldinInput *input, LepError *error)
{
	for (int64_t j = 0; j < input->n; j++)
	{
		if (!(fabs((double) input->rating[j]) <= LEP_MAX_RATING))
			return fail_rating(error, j, (double) input->rating[j]);
	}
	return LEP_OK;
}

/*
 * Ratings from *next on, up to `most` of known items: rows of B, and v.  How
 * many there were.
 */
static int
gather(const LepFoldinPrior *prior, const LepFoldinInput *input, int64_t *next, int most, Work *work)
{
	int k = prior->n_factors;
	int k_stride = lep_row_stride(k);
	double inverse = 1 / sqrt(prior->noise);
	int n = 0;

	for (; *next < input->n && n < most; ++*next)
	{
		int64_t row = input->row == NULL ? *next : input->row[*next];
		const float *q = k > 0 ? input->factors + row * k_stride : NULL;
		float *b = work->rows + (size_t) n * (size_t) prior->stride;
		double known;

		if (row < 0)
			continue;
		known = (prior->base + (double) input->bias[row]) + (double) prior->center[k];
		if (k > 0)
			known += lep_kernels->dot_f64(q, prior->center, k);
		for (int f = 0; f < k; f++)
			b[f] = q[f] * prior->unit[f];
		b[k] = prior->unit[k];
		for (int f = k + 1; f < prior->stride; f++)
			b[f] = 0;
		work->v[n++] = (float) (((double) input->rating[*next] - known) * inverse);
	}
	return n;
}

/* t, d x d; LEP_ERR_BYTES_VALUE where a pivot is bad. */
static LepStatus
solve_primal(const LepFoldinPrior *prior, const LepFoldinInput *input, Work *work)
{
	int d = prior->n_factors + 1;
	int stride = prior->stride;
	int64_t next = 0;
	int n;

	memcpy(work->matrix, prior->precision, (size_t) stride * (size_t) stride * sizeof(float));
	while ((n = gather(prior, input, &next, GATHER, work)) > 0)
	{
		if (input->env != NULL && lep_env_stopped(input->env))
			return LEP_ERR_STOPPED;
		lep_kernels->syrk_f32(work->matrix, stride, work->rows, stride, NULL, n);
		lep_kernels->axpy_rows_f32(work->v, work->rows, n, stride, work->t);
	}
	if (!lep_cholesky(work->matrix, stride, d))
		return LEP_ERR_BYTES_VALUE;
	lep_cholesky_solve(work->matrix, stride, d, work->t);
	return LEP_OK;
}

/* t, n x n; likewise.  So few ratings take no time worth a question. */
static LepStatus
solve_dual(const LepFoldinPrior *prior, const LepFoldinInput *input, Work *work)
{
	int d = prior->n_factors + 1;
	int stride = prior->stride;
	int64_t next = 0;
	int n = gather(prior, input, &next, (int) input->n, work);

	for (int j = 0; j < n; j++)
	{
		float *rooted = work->rooted + (size_t) j * (size_t) stride;
		float *line = work->matrix + (size_t) j * (size_t) work->ld;

		memset(rooted, 0, (size_t) stride * sizeof(float));
		lep_kernels->axpy_rows_f32(work->rows + (size_t) j * (size_t) stride, prior->root, d, stride, rooted);
		lep_kernels->dot_rows_f32(work->rooted, j + 1, stride, rooted, line);
		line[j] += 1;
	}
	if (!lep_cholesky(work->matrix, work->ld, n))
		return LEP_ERR_BYTES_VALUE;
	lep_cholesky_solve(work->matrix, work->ld, n, work->v);
	/* rows are not needed any more: their first holds R' (I + R R')^-1 v */
	memset(work->rows, 0, (size_t) stride * sizeof(float));
	lep_kernels->axpy_rows_f32(work->v, work->rooted, n, stride, work->rows);
	lep_kernels->dot_rows_f32(prior->root, d, stride, work->rows, work->t);
	return LEP_OK;
}

static LepStatus
fail_solve(LepError *error)
{
	lep_fail(error, LEP_ERR_BYTES_VALUE, "factors", (double) NAN, 0, LEP_MAX_NORM);
	error->row = -1;
	return LEP_ERR_BYTES_VALUE;
}

LepStatus
lep_foldin_user(const LepFoldinPrior *prior, const LepFoldinInput *input, void *scratch, float *bias,
				float *factors, LepError *error)
{
	int k = prior->n_factors;
	LepFoldinMethod method = choose_method(input->method, k, input->n);
	LepStatus status = check_ratings(input, error);
	Work work;

	if (status != LEP_OK)
		return status;
	if (method == LEP_FOLDIN_DUAL && input->n > LEP_LINALG_MAX)
		return fail_solve(error);
	work = lay_out(method, prior, input->n, scratch);
	if (input->n > 0)
		status =
			method == LEP_FOLDIN_PRIMAL ? solve_primal(prior, input, &work) : solve_dual(prior, input, &work);
	if (status == LEP_ERR_STOPPED)
		return status;
	for (int f = 0; f <= k; f++)
	{
		work.t[f] = fmaf(prior->scale[f], work.t[f], prior->mean[f]);
		if (!(fabsf(work.t[f]) <= (float) LEP_MAX_NORM))
			status = LEP_ERR_BYTES_VALUE;
	}
	if (status != LEP_OK)
		return fail_solve(error);
	*bias = work.t[k];
	if (k > 0)
	{
		memset(factors, 0, (size_t) lep_row_stride(k) * sizeof(float));
		memcpy(factors, work.t, (size_t) k * sizeof(float));
	}
	return LEP_OK;
}
