/*
 * gibbs_rows.c
 *		Gibbs sampling of whole rows: Bayesian matrix factorisation with biases.
 *
 * Model, over standardised ratings z of user u and item i:
 *
 *	z = b_u + b_i + p_u . q_i + noise of precision a w_u (gibbs_noise.h)
 *	(p_u, b_u) normal with mean m and precision L, each side its own
 *
 * m and L have a normal-Wishart prior with m0 = 0, beta0 = 2, W0 = I and nu0 =
 * the number of coordinates, the noise's precision a gamma prior of (1/2, 1/2):
 * R. Salakhutdinov, A. Mnih, "Bayesian probabilistic matrix factorization using
 * Markov chain Monte Carlo", ICML 2008, doi:10.1145/1390156.1390267, equations
 * 5 to 14.  Departures: biases, as one more coordinate, and the noise is drawn
 * too, after the users.
 *
 * A user, with a for a w_u and the sums of normal.h, G = matrix, n = count, and L
 * cut into Lpp, Lpb, Lbb, h = L m into hp, hb (an item likewise, where the
 * weights are in the sums):
 *
 *	d = a n + Lbb	c = a s + Lpb
 *	S = a G + Lpp - c c' / d
 *	p ~ N(S^-1 (a t + hp - c (a v + hb) / d), S^-1)
 *	b ~ N((a v + hb - c . p) / d, 1 / d)
 *
 * which is the joint draw with the bias eliminated.  Samples that are handed on
 * are not the draws alone: each side's rows are also given by their expectation,
 * with the other side's values at the time, which has the same mean over sweeps
 * and varies less (A. E. Gelfand, A. F. M. Smith, "Sampling-based approaches to
 * calculating marginal densities", JASA 85, 1990,
 * doi:10.1080/01621459.1990.10476213, section 2.6).  Users first, then items,
 * each with L and m drawn before.
 *
 * Memory: factors and biases; none per rating beside the views.
 */
#include "core/gibbs_noise.h"

#include <math.h>
#include <string.h>

#include "core/dense.h"
#include "core/kernels.h"
#include "core/linalg.h"
#include "core/model.h"
#include "core/normal.h"
#include "core/pool.h"
#include "core/rng.h"

/* Fixed ranges of rows with sums of their own. */
#define N_SLOTS 16

/* Rows gathered for one call of syrk. */
#define GATHER 64

/* Rows per task of the first values, and of a copy. */
#define ROW_CHUNK 4096

#define PRIOR_COUNT	  2.0 /* beta0 */
#define PRIOR_SCATTER 1.0 /* W0 = I */

/* Spread of the first factors. */
#define INIT_SPREAD 0.3f

enum
{
	STREAM_ROW = 0x475201,	 /* + side; row = sweep and row */
	STREAM_PRIOR = 0x475203, /* + side; row = sweep */
	STREAM_INIT = 0x475206	 /* + side */
};

/* What is drawn for one side besides its rows. */
typedef struct RowPrior
{
	double *mean;	   /* [d] factors, then bias; d = factors + 1 */
	double *precision; /* L, [d * d] */
	float *matrix;	   /* Lpp, [stride * stride] */
	float *cross;	   /* Lpb, [stride] */
	float *pull;	   /* hp, [stride] */
	double bias_precision;
	double bias_pull; /* hb */
} RowPrior;

typedef struct Rows
{
	const LepGibbsData *data;
	int n_factors;
	int stride;
	LepGibbsNoise noise;
	LepNormalSide side[LEP_GIBBS_SIDES];
	LepNormalSide expected[LEP_GIBBS_SIDES]; /* the mean that each row was drawn around */
	LepNormalSide given;					 /* the items that users were drawn for; no view */
	RowPrior prior[LEP_GIBBS_SIDES];
	LepNormals *normals;

	float *gathered;   /* [N_SLOTS * GATHER * wide] */
	float *slot_gram;  /* [N_SLOTS * wide * wide] */
	double *slot_sums; /* the same, in double precision */
	double *work;	   /* [4 * d * d + 2 * d] */

	/* at work */
	int at;
	int sweep;
} Rows;

/* Of a row with its bias and a one: padded. */
static int
wide_of(int n_factors)
{
	return lep_row_stride(n_factors + 2);
}

static size_t
rows_memory(const LepGibbsData *data, int32_t n_users, int32_t n_items, int64_t n_ratings, int n_threads)
{
	size_t wide = (size_t) wide_of(data->n_factors);
	size_t slot = wide * (GATHER * sizeof(float) + wide * (sizeof(float) + sizeof(double)));
	size_t bytes = lep_mul_size(lep_model_size(n_users, n_items, data->n_factors), 2);

	(void) n_ratings;
	bytes = lep_add_size(bytes, lep_model_size(0, n_items, data->n_factors));
	bytes = lep_add_size(bytes, N_SLOTS * slot + 16 * wide * wide * sizeof(double));
	bytes = lep_add_size(bytes, lep_gibbs_noise_size(n_users));
	return lep_add_size(bytes, lep_normals_size(data->n_factors, n_threads));
}

/* ------------------------------------------------------------------- preparation */

static LepStatus
create_values(LepArena *arena, const Rows *r, int32_t n_rows, LepNormalSide *values)
{
	values->factors = lep_pool_calloc(arena, (int64_t) n_rows * r->stride, sizeof(float));
	values->bias = lep_pool_calloc(arena, n_rows, sizeof(float));
	return values->factors == NULL || values->bias == NULL ? lep_env_failure(arena->env) : LEP_OK;
}

static LepStatus
create_side(LepArena *arena, Rows *r, int side)
{
	LepNormalSide *s = &r->side[side];
	RowPrior *prior = &r->prior[side];
	int64_t d = r->n_factors + 1;
	LepStatus status;

	s->view = r->data->view[side];
	status = create_values(arena, r, s->view.n_rows, s);
	if (status == LEP_OK)
		status = create_values(arena, r, s->view.n_rows, &r->expected[side]);
	if (status == LEP_OK && side == LEP_GIBBS_ITEMS)
		status = create_values(arena, r, s->view.n_rows, &r->given);
	if (status != LEP_OK)
		return status;
	prior->mean = lep_arena_calloc(arena, d, sizeof(double));
	prior->precision = lep_arena_calloc(arena, d * d, sizeof(double));
	prior->matrix = lep_arena_calloc(arena, (int64_t) r->stride * r->stride, sizeof(float));
	prior->cross = lep_arena_calloc(arena, r->stride, sizeof(float));
	prior->pull = lep_arena_calloc(arena, r->stride, sizeof(float));
	if (prior->mean == NULL || prior->precision == NULL || prior->matrix == NULL || prior->cross == NULL ||
		prior->pull == NULL)
		return lep_env_failure(arena->env);
	return LEP_OK;
}

/* Rows without ratings are 0, the others random. */
static void
init_rows(void *arg, int64_t task, int thread)
{
	const Rows *r = arg;
	const LepNormalSide *s = &r->side[r->at];
	int64_t end = (task + 1) * ROW_CHUNK < s->view.n_rows ? (task + 1) * ROW_CHUNK : s->view.n_rows;
	LepRng rng;

	(void) thread;
	lep_rng_init(&rng, r->data->seed, STREAM_INIT + (uint64_t) r->at, (uint64_t) task);
	for (int64_t row = task * ROW_CHUNK; row < end; row++)
	{
		float *factors = s->factors + row * r->stride;

		memset(factors, 0, (size_t) r->stride * sizeof(float));
		for (int f = 0; f < r->n_factors && s->view.start[row] < s->view.start[row + 1]; f++)
			factors[f] = INIT_SPREAD * (float) lep_rng_normal(&rng);
	}
}

static LepStatus
create_work(LepArena *arena, Rows *r)
{
	int64_t wide = wide_of(r->n_factors);
	int64_t d = r->n_factors + 1;

	r->gathered = lep_arena_calloc(arena, N_SLOTS * GATHER * wide, sizeof(float));
	r->slot_gram = lep_arena_alloc(arena, N_SLOTS * wide * wide, sizeof(float));
	r->slot_sums = lep_arena_alloc(arena, N_SLOTS * wide * wide, sizeof(double));
	r->work = lep_arena_alloc(arena, 4 * d * d + 2 * d, sizeof(double));
	r->normals = lep_normals_create(arena, r->n_factors, r->data->moments.mean, r->data->inverse_sd);
	if (r->gathered == NULL || r->slot_gram == NULL || r->slot_sums == NULL || r->work == NULL ||
		r->normals == NULL)
		return lep_env_failure(arena->env);
	return LEP_OK;
}

static LepStatus
rows_start(LepArena *arena, const LepGibbsData *data, void **state)
{
	Rows *r = lep_arena_calloc(arena, 1, sizeof(Rows));
	LepStatus status = LEP_OK;

	if (r == NULL)
		return lep_env_failure(arena->env);
	*state = r;
	r->data = data;
	r->n_factors = data->n_factors;
	r->stride = lep_row_stride(data->n_factors);
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
		status = create_side(arena, r, side);
	if (status == LEP_OK)
		status = create_work(arena, r);
	if (status == LEP_OK)
		status = lep_gibbs_noise_create(arena, data, &r->noise);
	r->side[LEP_GIBBS_USERS].weight = r->noise.weight;
	for (r->at = 0; status == LEP_OK && r->at < LEP_GIBBS_SIDES; r->at++)
		status = lep_parallel_for(arena->env, (r->side[r->at].view.n_rows + ROW_CHUNK - 1) / ROW_CHUNK,
								  init_rows, r);
	return status;
}

/* ------------------------------------------------------------------------- priors */

/* Rows with ratings from *row on, as (factors, bias, 1); how many, at most GATHER. */
static int
gather_rows(const Rows *r, int64_t *row, int64_t end, float *gathered)
{
	const LepNormalSide *s = &r->side[r->at];
	int wide = wide_of(r->n_factors);
	int n = 0;

	for (; *row < end && n < GATHER; (*row)++)
	{
		float *to = gathered + (int64_t) n * wide;

		if (s->view.start[*row] == s->view.start[*row + 1])
			continue;
		memcpy(to, s->factors + *row * r->stride, (size_t) r->n_factors * sizeof(float));
		to[r->n_factors] = s->bias[*row];
		to[r->n_factors + 1] = 1;
		n++;
	}
	return n;
}

/* Sums of products of a slot's rows. */
static void
sum_slot(void *arg, int64_t task, int thread)
{
	const Rows *r = arg;
	int wide = wide_of(r->n_factors);
	size_t size = (size_t) wide * (size_t) wide;
	float *gathered = r->gathered + task * GATHER * wide;
	float *gram = r->slot_gram + (size_t) task * size;
	double *sums = r->slot_sums + (size_t) task * size;
	int64_t n_rows = r->side[r->at].view.n_rows;
	int64_t row = n_rows * task / N_SLOTS;
	int64_t end = n_rows * (task + 1) / N_SLOTS;

	(void) thread;
	memset(sums, 0, size * sizeof(double));
	while (row < end)
	{
		int n = gather_rows(r, &row, end, gathered);

		memset(gram, 0, size * sizeof(float));
		lep_kernels->syrk_f32(gram, wide, gathered, wide, NULL, n);
		for (size_t e = 0; e < size; e++)
			sums[e] += (double) gram[e];
	}
}

/* All slots' sums into the first's. */
static void
add_slots(Rows *r)
{
	size_t wide = (size_t) wide_of(r->n_factors);

	for (size_t slot = 1; slot < N_SLOTS; slot++)
	{
		for (size_t e = 0; e < wide * wide; e++)
			r->slot_sums[e] += r->slot_sums[slot * wide * wide + e];
	}
}

/*
 * The scatter matrix of the posterior, W*^-1 (ibid., equation 14), lower
 * triangle, and the mean of the rows.
 */
static double
posterior_scatter(const Rows *r, double *scatter, double *mean)
{
	int d = r->n_factors + 1;
	size_t wide = (size_t) wide_of(r->n_factors);
	const double *ones = r->slot_sums + (size_t) d * wide; /* the last row: sums */
	double n = ones[d];

	for (int i = 0; i < d; i++)
		mean[i] = n > 0 ? ones[i] / n : 0;
	for (int i = 0; i < d; i++)
	{
		for (int j = 0; j <= i; j++)
		{
			double centered = r->slot_sums[(size_t) i * wide + (size_t) j] - n * mean[i] * mean[j];

			scatter[(size_t) i * (size_t) d + (size_t) j] =
				centered + (i == j ? PRIOR_SCATTER : 0) +
				PRIOR_COUNT * n / (PRIOR_COUNT + n) * mean[i] * mean[j];
		}
	}
	return n;
}

/*
 * A Wishart deviate of `degrees` degrees and scale (L L')^-1, L the Cholesky
 * factor in scatter: Z Z', Z = L'^-1 B, B lower triangular with normals below
 * the diagonal and roots of chi squares on it (M. S. Bartlett, 1933).
 */
static void
draw_wishart(LepRng *rng, const double *factor, int d, double degrees, double *z, double *column,
			 double *precision)
{
	for (int j = 0; j < d; j++)
	{
		memset(column, 0, (size_t) d * sizeof(double));
		column[j] = sqrt(2 * lep_rng_gamma(rng, (degrees - j) / 2));
		for (int i = j + 1; i < d; i++)
			column[i] = lep_rng_normal(rng);
		lep_dense_solve_upper(factor, d, column);
		for (int i = 0; i < d; i++)
			z[(size_t) i * (size_t) d + (size_t) j] = column[i];
	}
	for (int i = 0; i < d; i++)
	{
		for (int j = 0; j <= i; j++)
		{
			double sum = 0;

			for (int c = 0; c < d; c++)
				sum += z[(size_t) i * (size_t) d + (size_t) c] * z[(size_t) j * (size_t) d + (size_t) c];
			precision[(size_t) i * (size_t) d + (size_t) j] =
				precision[(size_t) j * (size_t) d + (size_t) i] = sum;
		}
	}
}

/* The prior as the rows' systems want it. */
static void
cut_prior(const Rows *r, RowPrior *prior)
{
	int k = r->n_factors;
	size_t d = (size_t) k + 1;

	prior->bias_precision = prior->precision[(size_t) k * d + (size_t) k];
	for (int i = 0; i <= k; i++)
	{
		const double *row = prior->precision + (size_t) i * d;
		double pull = 0;

		for (int j = 0; j <= k; j++)
			pull += row[j] * prior->mean[j];
		if (i == k)
		{
			prior->bias_pull = pull;
			break;
		}
		prior->pull[i] = (float) pull;
		prior->cross[i] = (float) row[k];
		for (int j = 0; j < k; j++)
			prior->matrix[(size_t) i * (size_t) r->stride + (size_t) j] = (float) row[j];
	}
}

/* Draw mean and precision of a side, given its rows. */
static LepStatus
draw_prior(LepEnv *env, Rows *r, int side)
{
	RowPrior *prior = &r->prior[side];
	int d = r->n_factors + 1;
	size_t size = (size_t) d * (size_t) d;
	double *scatter = r->work;
	double *z = scatter + size;
	double *factor = z + size;
	double *mean = factor + size;
	double *column = mean + d;
	double n;
	LepRng rng;
	LepStatus status;

	r->at = side;
	status = lep_parallel_for(env, N_SLOTS, sum_slot, r);
	if (status != LEP_OK)
		return status;
	add_slots(r);
	n = posterior_scatter(r, scatter, mean);
	lep_rng_init(&rng, r->data->seed, STREAM_PRIOR + (uint64_t) side, (uint64_t) r->sweep);
	if (!lep_dense_cholesky(scatter, d))
		return lep_fail(&env->error, LEP_ERR_DIVERGED, "bayes", 0, 0, 0);
	draw_wishart(&rng, scatter, d, d + n, z, column, prior->precision);
	memcpy(factor, prior->precision, size * sizeof(double));
	if (!lep_dense_cholesky(factor, d))
		return lep_fail(&env->error, LEP_ERR_DIVERGED, "bayes", 0, 0, 0);
	for (int i = 0; i < d; i++)
		column[i] = lep_rng_normal(&rng) / sqrt(PRIOR_COUNT + n);
	lep_dense_solve_upper(factor, d, column);
	for (int i = 0; i < d; i++)
		prior->mean[i] = n / (PRIOR_COUNT + n) * mean[i] + column[i];
	cut_prior(r, prior);
	return LEP_OK;
}

/* --------------------------------------------------------------------------- rows */

/* LepNormalSolve: the draw in the header; a system that rounding broke leaves the row as it is. */
static void
draw_row(void *arg, int32_t row, int64_t n, LepNormal *normal)
{
	const Rows *r = arg;
	const RowPrior *prior = &r->prior[r->at];
	const LepNormalSide *s = &r->side[r->at];
	const LepNormalSide *expected = &r->expected[r->at];
	float *mean = expected->factors + (int64_t) row * r->stride;
	int k = r->n_factors;
	int stride = r->stride;
	double precision = r->noise.precision * (s->weight != NULL ? (double) s->weight[row] : 1);
	float a = (float) precision;
	double d = precision * normal->count + prior->bias_precision;
	double pull = precision * normal->v + prior->bias_pull;
	float weight = (float) (-1 / d);
	float *c = normal->s;
	float *x = normal->t;
	LepRng rng;

	(void) n;
	for (int i = 0; i < k; i++)
	{
		float *to = normal->matrix + (size_t) i * (size_t) stride;
		const float *from = prior->matrix + (size_t) i * (size_t) stride;

		for (int j = 0; j <= i; j++)
			to[j] = a * to[j] + from[j];
		c[i] = a * c[i] + prior->cross[i];
		x[i] = a * x[i] + prior->pull[i];
	}
	lep_kernels->syrk_f32(normal->matrix, stride, c, stride, &weight, 1);
	lep_kernels->axpy_f32((float) (-pull / d), c, x, k);
	if (!lep_cholesky(normal->matrix, stride, k))
		return;
	lep_rng_init(&rng, r->data->seed, STREAM_ROW + (uint64_t) r->at,
				 ((uint64_t) r->sweep << 32) + (uint64_t) (uint32_t) row);
	lep_cholesky_solve(normal->matrix, stride, k, x);
	memcpy(mean, x, (size_t) k * sizeof(float));
	expected->bias[row] = (float) ((pull - lep_kernels->dot_f64(c, mean, k)) / d);
	for (int f = 0; f < k; f++)
		x[f] = (float) lep_rng_normal(&rng);
	lep_cholesky_backward(normal->matrix, stride, k, x);
	lep_kernels->axpy_f32(1, mean, x, k);
	memcpy(s->factors + (int64_t) row * stride, x, (size_t) k * sizeof(float));
	s->bias[row] = (float) ((pull - lep_kernels->dot_f64(c, x, k)) / d + lep_rng_normal(&rng) / sqrt(d));
}

/* Items as they are before they are drawn: what the users are drawn for. */
static void
keep_items(void *arg, int64_t task, int thread)
{
	const Rows *r = arg;
	const LepNormalSide *items = &r->side[LEP_GIBBS_ITEMS];
	int64_t first = task * ROW_CHUNK;
	int64_t n = items->view.n_rows - first < ROW_CHUNK ? items->view.n_rows - first : ROW_CHUNK;

	(void) thread;
	memcpy(r->given.factors + first * r->stride, items->factors + first * r->stride,
		   (size_t) n * (size_t) r->stride * sizeof(float));
	memcpy(r->given.bias + first, items->bias + first, (size_t) n * sizeof(float));
}

static LepStatus
rows_sweep(LepEnv *env, void *state, int sweep, double *squares)
{
	Rows *r = state;
	LepStatus status;

	r->sweep = sweep;
	status = lep_parallel_for(env, (r->side[LEP_GIBBS_ITEMS].view.n_rows + ROW_CHUNK - 1) / ROW_CHUNK,
							  keep_items, r);
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
	{
		status = draw_prior(env, r, side);
		if (status == LEP_OK)
			status = lep_normals_solve(env, r->normals, &r->side[side], &r->side[1 - side], draw_row, r,
									   side == LEP_GIBBS_USERS ? r->noise.squares : NULL);
		if (status == LEP_OK && side == LEP_GIBBS_USERS)
			status = lep_gibbs_noise_draw(env, &r->noise, sweep, squares);
	}
	return status;
}

/*
 * First the users' expected rows with the items that they were drawn for, then
 * the users with the items' expected rows.
 */
static bool
rows_sample(const void *state, int which, LepGibbsSample *sample)
{
	const Rows *r = state;
	const LepNormalSide *values[LEP_GIBBS_SIDES];

	if (which == LEP_GIBBS_USERS)
	{
		values[LEP_GIBBS_USERS] = &r->expected[LEP_GIBBS_USERS];
		values[LEP_GIBBS_ITEMS] = &r->given;
	}
	else
	{
		values[LEP_GIBBS_USERS] = &r->side[LEP_GIBBS_USERS];
		values[LEP_GIBBS_ITEMS] = &r->expected[LEP_GIBBS_ITEMS];
	}
	memset(sample, 0, sizeof(*sample));
	for (int side = 0; side < LEP_GIBBS_SIDES; side++)
	{
		sample->factors[side] = values[side]->factors;
		sample->bias[side] = values[side]->bias;
		sample->row_step[side] = r->stride;
		sample->factor_step[side] = 1;
	}
	sample->noise = 1 / r->noise.precision;
	sample->weight = r->noise.weight;
	return which < LEP_GIBBS_SIDES;
}

const LepGibbsSampler lep_gibbs_rows = {
	.memory = rows_memory,
	.start = rows_start,
	.sweep = rows_sweep,
	.sample = rows_sample,
};
