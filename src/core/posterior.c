/*
 * posterior.c
 *		The mean of samples, compressed; see posterior.h.
 *
 * A row of a side is [U or V: rank floats][the new sample: n_factors floats],
 * each part padded to whole vectors.  Adding a sample:
 *
 *	G = sum over rows of x x', for users and for items			(parallel)
 *	G_users = E D E';  S = D^(1/2) E' G_items E D^(1/2) = X s^2 X'	(small)
 *	U = rows of users times E D^(-1/2) X s^(1/2)				(parallel)
 *	V = rows of items times E D^(1/2) X s^(-1/2)
 *
 * with the `rank` largest s: the singular values of the matrix that the rows
 * stand for, so that U V' is its best approximation.
 */
#include "core/posterior.h"

#include <math.h>
#include <string.h>

#include "core/dense.h"
#include "core/kernels.h"
#include "core/pool.h"
#include "core/rng.h"

/* Fixed ranges of rows with a Gram matrix of their own. */
#define N_SLOTS 16

/* Rows whose products are summed in single precision before they go into doubles. */
#define GRAM_CHUNK 256

/* Rows per task elsewhere. */
#define ROW_CHUNK 512

/* Eigenvalues below this times the largest are rounding. */
#define NOTHING 1e-7

/* Pairs of each row whose score is followed. */
#define N_PROBES 8

/* Turns of the fit of variances. */
#define N_TURNS 5

#define STREAM_PROBES 0x504f5354 /* + side */

/* A pair: a row of one side with this row of the other. */
typedef struct Probe
{
	int32_t other;
	float mean; /* of the scores, standardised */
	float squares;
} Probe;

typedef struct Side
{
	int32_t n_ids;	/* users or items */
	int32_t n_rows; /* and bins */
	float *rows;	/* [n_rows * width] */
	float *bias;	/* [n_ids] mean of the samples so far */
	Probe *probes;	/* [n_ids * N_PROBES]; other -1: none */
	double *gram;	/* [width * width], symmetric */
	float *turn;	/* [width * stride]: row f says where part f of a row goes */
} Side;

struct LepPosterior
{
	const LepGibbsData *data;
	int n_factors;
	int rank;
	int stride; /* of rank */
	int width;	/* stride + that of n_factors */
	int n_samples;
	float *noise; /* [n_users] variance of their ratings around scores, mean of the samples */
	Side side[LEP_GIBBS_SIDES];
	float *bin_bias; /* [n_bins] mean */

	float *slot_gram;  /* [N_SLOTS * width * width], single precision */
	double *slot_sums; /* the same, double */
	double *work;	   /* [3 * width * width + 2 * width] */

	/* at work */
	const LepGibbsSample *sample;
	int at;
	LepModel *model;
	float *means; /* [2 * stride]: of users' and items' factors */
};

static size_t
square(int width)
{
	return (size_t) width * (size_t) width;
}

static int
width_of(int n_factors, int rank)
{
	return lep_row_stride(rank) + lep_row_stride(n_factors);
}

size_t
lep_posterior_size(int32_t n_users, int32_t n_items, int n_bins, int n_factors, int rank)
{
	int width = width_of(n_factors, rank);
	size_t ids = (size_t) n_users + (size_t) n_items;
	size_t rows = ids + 2 * (size_t) n_bins;
	size_t bytes = lep_mul_size(rows, (size_t) width * sizeof(float));

	bytes = lep_add_size(bytes, lep_mul_size(ids, sizeof(float) + N_PROBES * sizeof(Probe)));
	bytes = lep_add_size(bytes, lep_mul_size((size_t) n_users, sizeof(float)));
	return lep_add_size(bytes,
						square(width) * (N_SLOTS * (sizeof(float) + sizeof(double)) + 7 * sizeof(double)));
}

/* ------------------------------------------------------------------- preparation */

/* A rating of the data at random, as a row of the other side; -1 if there is none. */
static int32_t
random_other(const LepGibbsData *data, int side, LepRng *rng)
{
	const LepView *view = &data->view[side];

	return view->n > 0 ? view->column[lep_rng_below(rng, (uint64_t) view->n)] : -1;
}

static void
choose_probes(const LepPosterior *p, int side)
{
	const Side *s = &p->side[side];

	for (int32_t row = 0; row < s->n_ids; row++)
	{
		LepRng rng;

		lep_rng_init(&rng, p->data->seed, STREAM_PROBES + (uint64_t) side, (uint64_t) row);
		for (int j = 0; j < N_PROBES; j++)
		{
			Probe *probe = &s->probes[(int64_t) row * N_PROBES + j];

			probe->other = random_other(p->data, side, &rng);
			probe->mean = 0;
			probe->squares = 0;
		}
	}
}

static LepStatus
create_side(LepArena *arena, LepPosterior *p, int side)
{
	Side *s = &p->side[side];

	s->n_ids = p->data->view[side].n_rows;
	s->n_rows = s->n_ids + p->data->n_bins;
	s->rows = lep_arena_calloc(arena, (int64_t) s->n_rows * p->width, sizeof(float));
	s->bias = lep_arena_calloc(arena, s->n_ids, sizeof(float));
	s->probes = lep_arena_alloc(arena, (int64_t) s->n_ids * N_PROBES, sizeof(Probe));
	s->gram = lep_arena_alloc(arena, (int64_t) square(p->width), sizeof(double));
	s->turn = lep_arena_calloc(arena, (int64_t) p->width * p->stride, sizeof(float));
	if (s->rows == NULL || s->bias == NULL || s->probes == NULL || s->gram == NULL || s->turn == NULL)
		return arena->env->error.status;
	choose_probes(p, side);
	return LEP_OK;
}

LepPosterior *
lep_posterior_create(LepArena *arena, const LepGibbsData *data, int rank)
{
	LepPosterior *p = lep_arena_calloc(arena, 1, sizeof(LepPosterior));
	int64_t size;

	if (p == NULL)
		return NULL;
	p->data = data;
	p->n_factors = data->n_factors;
	p->rank = rank;
	p->stride = lep_row_stride(rank);
	p->width = width_of(data->n_factors, rank);
	size = (int64_t) square(p->width);
	for (int side = 0; side < LEP_GIBBS_SIDES; side++)
	{
		if (create_side(arena, p, side) != LEP_OK)
			return NULL;
	}
	p->noise = lep_arena_calloc(arena, p->side[LEP_GIBBS_USERS].n_ids, sizeof(float));
	p->bin_bias = lep_arena_calloc(arena, data->n_bins, sizeof(float));
	p->slot_gram = lep_arena_alloc(arena, N_SLOTS * size, sizeof(float));
	p->slot_sums = lep_arena_alloc(arena, N_SLOTS * size, sizeof(double));
	p->work = lep_arena_alloc(arena, 3 * size + 2 * (int64_t) p->width, sizeof(double));
	p->means = lep_arena_calloc(arena, 2 * (int64_t) p->stride, sizeof(float));
	if (p->noise == NULL || p->bin_bias == NULL || p->slot_gram == NULL || p->slot_sums == NULL ||
		p->work == NULL || p->means == NULL)
		return NULL;
	return p;
}

int
lep_posterior_samples(const LepPosterior *posterior)
{
	return posterior->n_samples;
}

/* ------------------------------------------------------------------ adding a sample */

/* The sample's part of a row. */
static float *
sample_part(const LepPosterior *p, int side, int32_t row)
{
	return p->side[side].rows + (int64_t) row * p->width + p->stride;
}

static void
load_row(const LepPosterior *p, int side, int32_t row)
{
	const LepGibbsSample *sample = p->sample;
	const Side *s = &p->side[side];
	float *to = sample_part(p, side, row);

	if (row < s->n_ids)
	{
		const float *from = sample->factors[side] + row * sample->row_step[side];

		for (int f = 0; f < p->n_factors; f++)
			to[f] = from[f * sample->factor_step[side]];
	}
	else
	{
		const float *from = sample->bin_factors + (row - s->n_ids);

		for (int f = 0; f < p->n_factors; f++)
			to[f] = from[(int64_t) f * p->data->n_bins];
	}
}

/* Running means; n is the number of this sample, from 1. */
static void
average(float *mean, const float *value, int64_t from, int64_t to, int n)
{
	for (int64_t e = from; e < to; e++)
		mean[e] += (value[e] - mean[e]) / (float) n;
}

/* The sample's rows of one side, and its biases. */
static void
load_rows(void *arg, int64_t task, int thread)
{
	LepPosterior *p = arg;
	Side *s = &p->side[p->at];
	int32_t first = (int32_t) (task * ROW_CHUNK);
	int32_t end = s->n_rows - first < ROW_CHUNK ? s->n_rows : first + ROW_CHUNK;
	int32_t end_ids = end < s->n_ids ? end : s->n_ids;

	(void) thread;
	for (int32_t row = first; row < end; row++)
		load_row(p, p->at, row);
	average(s->bias, p->sample->bias[p->at], first, end_ids, p->n_samples + 1);
	for (int32_t u = first; p->at == LEP_GIBBS_USERS && u < end_ids; u++)
		p->noise[u] +=
			((float) p->sample->noise / p->sample->weight[u] - p->noise[u]) / (float) (p->n_samples + 1);
}

/* Welford's update of a pair's mean and sum of squares. */
static void
follow_probe(LepPosterior *p, int32_t row, Probe *probe)
{
	int other_side = 1 - p->at;
	int stride = p->width - p->stride;
	float score;
	float delta;

	if (probe->other < 0)
		return;
	score =
		p->sample->bias[p->at][row] + p->sample->bias[other_side][probe->other] +
		lep_kernels->dot_f32(sample_part(p, p->at, row), sample_part(p, other_side, probe->other), stride);
	delta = score - probe->mean;
	probe->mean += delta / (float) (p->n_samples + 1);
	probe->squares += delta * (score - probe->mean);
}

static void
follow_probes(void *arg, int64_t task, int thread)
{
	LepPosterior *p = arg;
	Side *s = &p->side[p->at];
	int32_t first = (int32_t) (task * ROW_CHUNK);
	int32_t end = s->n_ids - first < ROW_CHUNK ? s->n_ids : first + ROW_CHUNK;

	(void) thread;
	for (int32_t row = first; row < end; row++)
	{
		for (int j = 0; j < N_PROBES; j++)
			follow_probe(p, row, &s->probes[(int64_t) row * N_PROBES + j]);
	}
}

/* The Gram matrix of a slot's rows, lower triangle. */
static void
sum_slot(void *arg, int64_t task, int thread)
{
	LepPosterior *p = arg;
	const Side *s = &p->side[p->at];
	size_t size = square(p->width);
	float *chunk = p->slot_gram + (size_t) task * size;
	double *sums = p->slot_sums + (size_t) task * size;
	int64_t first = (int64_t) s->n_rows * task / N_SLOTS;
	int64_t end = (int64_t) s->n_rows * (task + 1) / N_SLOTS;

	(void) thread;
	memset(sums, 0, size * sizeof(double));
	for (; first < end; first += GRAM_CHUNK)
	{
		int n = (int) (end - first < GRAM_CHUNK ? end - first : GRAM_CHUNK);

		memset(chunk, 0, size * sizeof(float));
		lep_kernels->syrk_f32(chunk, p->width, s->rows + first * p->width, p->width, NULL, n);
		for (size_t e = 0; e < size; e++)
			sums[e] += (double) chunk[e];
	}
}

static LepStatus
sum_gram(LepEnv *env, LepPosterior *p, int side)
{
	double *gram = p->side[side].gram;
	size_t size = square(p->width);
	LepStatus status;

	p->at = side;
	status = lep_parallel_for(env, N_SLOTS, sum_slot, p);
	if (status != LEP_OK)
		return status;
	memset(gram, 0, size * sizeof(double));
	for (int slot = 0; slot < N_SLOTS; slot++)
	{
		for (size_t e = 0; e < size; e++)
			gram[e] += p->slot_sums[(size_t) slot * size + e];
	}
	for (int i = 0; i < p->width; i++)
	{
		for (int j = 0; j < i; j++)
			gram[(size_t) j * (size_t) p->width + (size_t) i] =
				gram[(size_t) i * (size_t) p->width + (size_t) j];
	}
	return LEP_OK;
}

/* s = scale E g E' scale, rows of e being eigenvectors; half is scratch. */
static void
project(const double *g, const double *e, const double *scale, int n, double *half, double *s)
{
	for (int i = 0; i < n; i++)
	{
		double *to = half + (size_t) i * (size_t) n;

		memset(to, 0, (size_t) n * sizeof(double));
		for (int c = 0; scale[i] > 0 && c < n; c++)
		{
			double w = e[(size_t) i * (size_t) n + (size_t) c] * scale[i];

			for (int j = 0; j < n; j++)
				to[j] += w * g[(size_t) c * (size_t) n + (size_t) j];
		}
	}
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j <= i; j++)
		{
			double sum = 0;

			for (int c = 0; c < n; c++)
				sum += half[(size_t) i * (size_t) n + (size_t) c] * e[(size_t) j * (size_t) n + (size_t) c];
			s[(size_t) i * (size_t) n + (size_t) j] = s[(size_t) j * (size_t) n + (size_t) i] =
				sum * scale[j];
		}
	}
}

/*
 * What rows are multiplied by: turn[c][f] = sum over i of e[i][c] scale[i]
 * x[f][i] times root[f].
 */
static void
make_turn(const LepPosterior *p, const double *e, const double *scale, const double *x, const double *root,
		  float *turn)
{
	int n = p->width;
	int rank = p->rank < n ? p->rank : n;

	for (int c = 0; c < n; c++)
	{
		for (int f = 0; f < rank; f++)
		{
			double sum = 0;

			for (int i = 0; i < n; i++)
				sum += e[(size_t) i * (size_t) n + (size_t) c] * scale[i] *
					   x[(size_t) f * (size_t) n + (size_t) i];
			turn[(size_t) c * (size_t) p->stride + (size_t) f] = (float) (sum * root[f]);
		}
	}
}

/* The small problem: both turns from both Gram matrices.  False if it has no solution. */
static bool
make_turns(LepPosterior *p)
{
	int n = p->width;
	size_t size = square(n);
	double *half = p->work;
	double *s = half + size;
	double *value = s + size;
	double *scale = value + n;
	double *scratch = scale + n;
	double *e = p->side[LEP_GIBBS_USERS].gram;

	if (!lep_dense_eigen(e, n, value, scratch))
		return false;
	for (int i = 0; i < n; i++)
		scale[i] = value[i] > NOTHING * value[0] ? sqrt(value[i]) : 0;
	project(p->side[LEP_GIBBS_ITEMS].gram, e, scale, n, half, s);
	if (!lep_dense_eigen(s, n, value, scratch))
		return false;
	for (int f = 0; f < n; f++)
		value[f] = value[f] > NOTHING * NOTHING * value[0] ? sqrt(sqrt(value[f])) : 0; /* s^(1/2) */
	for (int f = 0; f < n; f++)
		scratch[f] = value[f] > 0 ? 1 / value[f] : 0;
	make_turn(p, e, scale, s, scratch, p->side[LEP_GIBBS_ITEMS].turn);
	for (int i = 0; i < n; i++)
		scale[i] = scale[i] > 0 ? 1 / scale[i] : 0;
	make_turn(p, e, scale, s, value, p->side[LEP_GIBBS_USERS].turn);
	return true;
}

/* Rows of one side times its turn, into their first part. */
static void
turn_rows(void *arg, int64_t task, int thread)
{
	const LepPosterior *p = arg;
	const Side *s = &p->side[p->at];
	int64_t end = (task + 1) * ROW_CHUNK < s->n_rows ? (task + 1) * ROW_CHUNK : s->n_rows;

	(void) thread;
	for (int64_t row = task * ROW_CHUNK; row < end; row++)
	{
		_Alignas(64) float turned[LEP_MAX_GIBBS_FACTORS];
		float *values = s->rows + row * p->width;

		memset(turned, 0, (size_t) p->stride * sizeof(float));
		lep_kernels->axpy_rows_f32(values, s->turn, p->width, p->stride, turned);
		memcpy(values, turned, (size_t) p->stride * sizeof(float));
	}
}

static int64_t
row_tasks(int32_t n)
{
	return ((int64_t) n + ROW_CHUNK - 1) / ROW_CHUNK;
}

static LepStatus
for_rows(LepEnv *env, LepPosterior *p, int side, LepTask task)
{
	p->at = side;
	return lep_parallel_for(env, row_tasks(p->side[side].n_rows), task, p);
}

LepStatus
lep_posterior_add(LepEnv *env, LepPosterior *p, const LepGibbsSample *sample)
{
	LepStatus status = LEP_OK;

	p->sample = sample;
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
		status = for_rows(env, p, side, load_rows);
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
		status = for_rows(env, p, side, follow_probes);
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
		status = sum_gram(env, p, side);
	if (status != LEP_OK)
		return status;
	if (!make_turns(p))
		return lep_fail(&env->error, LEP_ERR_DIVERGED, "bayes", 0, 0, 0);
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
		status = for_rows(env, p, side, turn_rows);
	if (p->data->n_bins > 0)
		average(p->bin_bias, sample->bin_bias, 0, p->data->n_bins, p->n_samples + 1);
	p->n_samples++;
	return status;
}

/* -------------------------------------------------------------------------- export */

/* Sums of a fixed range of rows with ratings: for means. */
static bool
is_rated(const LepPosterior *p, int side, int64_t row)
{
	const LepView *view = &p->data->view[side];

	return view->start[row] < view->start[row + 1];
}

/* Mean of the compressed rows of one side that have ratings, in the model's scale. */
static void
mean_of_factors(const LepPosterior *p, int side, double scale, float *mean)
{
	const Side *s = &p->side[side];
	double sums[LEP_MAX_GIBBS_FACTORS] = { 0 };
	int64_t n = 0;

	for (int64_t row = 0; row < s->n_ids; row++)
	{
		if (!is_rated(p, side, row))
			continue;
		n++;
		for (int f = 0; f < p->rank; f++)
			sums[f] += (double) s->rows[row * p->width + f];
	}
	for (int f = 0; f < p->stride; f++)
		mean[f] = n > 0 && f < p->rank ? (float) (scale * sums[f] / (double) n) : 0;
}

/* What both factors are multiplied by: the sum over samples becomes a mean, in rating units. */
static double
factor_scale(const LepPosterior *p)
{
	return sqrt(p->data->moments.sd / p->n_samples);
}

/* A compressed row in the model's scale, less the mean. */
static void
scale_row(const LepPosterior *p, int side, int64_t row, const float *mean, float *to)
{
	const float *from = p->side[side].rows + row * p->width;
	float scale = (float) factor_scale(p);

	for (int f = 0; f < p->stride; f++)
		to[f] = scale * from[f] - (mean != NULL ? mean[f] : 0);
}

/* The newest bin's row of one side, zero where there is none. */
static void
newest_row(const LepPosterior *p, int side, float *to)
{
	memset(to, 0, (size_t) p->stride * sizeof(float));
	if (p->data->n_bins > 0)
		scale_row(p, side, p->side[side].n_rows - 1, NULL, to);
}

/*
 * One row of one side.  With P = P' + c, Q = Q' + d, c and d the means, the
 * products of P' with d and of Q' with c are biases, and so are those with the
 * newest bin's row V of the other side.  Rows without ratings are the average
 * row: zero.
 */
static void
export_row(const LepPosterior *p, int side, int64_t row, const float *other_mean, const float *other_newest)
{
	LepModel *model = p->model;
	float *factors = side == LEP_GIBBS_USERS ? model->user_factors : model->item_factors;
	float *bias = side == LEP_GIBBS_USERS ? model->user_bias : model->item_bias;

	factors += row * p->stride;
	if (!is_rated(p, side, row))
	{
		memset(factors, 0, (size_t) p->stride * sizeof(float));
		bias[row] = 0;
		return;
	}
	scale_row(p, side, row, p->means + side * p->stride, factors);
	bias[row] = (float) (p->data->moments.sd * (double) p->side[side].bias[row] +
						 lep_kernels->dot_f64(factors, other_mean, p->stride) +
						 lep_kernels->dot_f64(factors, other_newest, p->stride));
}

static void
export_rows(void *arg, int64_t task, int thread)
{
	const LepPosterior *p = arg;
	const Side *s = &p->side[p->at];
	int64_t end = (task + 1) * ROW_CHUNK < s->n_ids ? (task + 1) * ROW_CHUNK : s->n_ids;
	_Alignas(64) float newest[LEP_MAX_GIBBS_FACTORS];

	(void) thread;
	newest_row(p, 1 - p->at, newest);
	for (int64_t row = task * ROW_CHUNK; row < end; row++)
		export_row(p, p->at, row, p->means + (1 - p->at) * p->stride, newest);
}

/* Let the biases of rows with ratings have mean 0; what that was. */
static double
center_biases(const LepPosterior *p, int side, float *bias)
{
	int64_t n_ids = p->side[side].n_ids;
	double sum = 0;
	int64_t n = 0;
	double mean;

	for (int64_t row = 0; row < n_ids; row++)
	{
		n += is_rated(p, side, row);
		sum += (double) bias[row];
	}
	mean = n > 0 ? sum / (double) n : 0;
	for (int64_t row = 0; row < n_ids; row++)
	{
		if (is_rated(p, side, row))
			bias[row] = (float) ((double) bias[row] - mean);
	}
	return mean;
}

/* Products of the means and the newest bin, which belong to every score. */
static double
constant_part(const LepPosterior *p)
{
	const float *c = p->means;
	const float *d = p->means + p->stride;
	_Alignas(64) float shift[LEP_MAX_GIBBS_FACTORS];
	_Alignas(64) float lift[LEP_MAX_GIBBS_FACTORS];
	double bias = p->data->n_bins > 0 ? (double) p->bin_bias[p->data->n_bins - 1] : 0;

	newest_row(p, LEP_GIBBS_ITEMS, shift);
	newest_row(p, LEP_GIBBS_USERS, lift);
	return lep_kernels->dot_f64(c, d, p->stride) + lep_kernels->dot_f64(c, shift, p->stride) +
		   lep_kernels->dot_f64(d, lift, p->stride) + p->data->moments.sd * bias;
}

/* Bins as the model has them: differences to the newest; see model.h. */
static void
export_times(const LepPosterior *p, LepTimes *times)
{
	int n_bins = p->data->n_bins;
	double sd = p->data->moments.sd;
	_Alignas(64) float newest_shift[LEP_MAX_GIBBS_FACTORS];
	_Alignas(64) float newest_lift[LEP_MAX_GIBBS_FACTORS];

	newest_row(p, LEP_GIBBS_ITEMS, newest_shift);
	newest_row(p, LEP_GIBBS_USERS, newest_lift);
	for (int t = 0; t < n_bins; t++)
	{
		float *shift = times->shift + (int64_t) t * p->stride;
		float *lift = times->lift + (int64_t) t * p->stride;

		scale_row(p, LEP_GIBBS_ITEMS, p->side[LEP_GIBBS_ITEMS].n_ids + t, newest_shift, shift);
		scale_row(p, LEP_GIBBS_USERS, p->side[LEP_GIBBS_USERS].n_ids + t, newest_lift, lift);
		times->bias[t] = (float) (sd * ((double) p->bin_bias[t] - (double) p->bin_bias[n_bins - 1]) +
								  lep_kernels->dot_f64(p->means, shift, p->stride) +
								  lep_kernels->dot_f64(p->means + p->stride, lift, p->stride));
	}
}

/* Variance of a pair's score over the samples, standardised. */
static double
probe_variance(const LepPosterior *p, const Probe *probe)
{
	return p->n_samples > 1 ? (double) probe->squares / (p->n_samples - 1) : 0;
}

/* Each row's term: the mean of what its pairs vary beyond the other side's term, at least 0. */
static void
fit_variances(const LepPosterior *p, int side, const float *other, float *variance)
{
	const Side *s = &p->side[side];

	for (int64_t row = 0; row < s->n_ids; row++)
	{
		double sum = 0;

		for (int j = 0; j < N_PROBES; j++)
		{
			const Probe *probe = &s->probes[row * N_PROBES + j];

			if (probe->other >= 0)
				sum += probe_variance(p, probe) - (double) other[probe->other];
		}
		variance[row] = sum > 0 && is_rated(p, side, row) ? (float) (sum / N_PROBES) : 0;
	}
}

/*
 * How far scores of the pairs of one side's rows lie from what is said of a
 * row that is not known, the other side's own: the variance term of such a row.
 */
static double
unknown_variance(const LepPosterior *p, int side)
{
	const Side *s = &p->side[1 - side];
	double sum = 0;
	int64_t n = 0;

	for (int64_t row = 0; row < s->n_ids; row++)
	{
		double mean = 0;
		double squares = 0;

		if (!is_rated(p, 1 - side, row))
			continue;
		for (int j = 0; j < N_PROBES; j++)
			mean += (double) s->probes[row * N_PROBES + j].mean / N_PROBES;
		for (int j = 0; j < N_PROBES; j++)
		{
			const Probe *probe = &s->probes[row * N_PROBES + j];
			double d = (double) probe->mean - mean;

			squares += d * d / (N_PROBES - 1) + probe_variance(p, probe) / N_PROBES;
		}
		sum += squares;
		n++;
	}
	return n > 0 ? sum / (double) n : 0;
}

/* Rows without ratings are unknown. */
static void
fill_unknown(const LepPosterior *p, int side, float *variance)
{
	float unknown = (float) unknown_variance(p, side);

	for (int64_t row = 0; row < p->side[side].n_ids; row++)
	{
		if (!is_rated(p, side, row))
			variance[row] = unknown;
	}
}

/*
 * The noise that all users share is that of the steadiest; what the others' is
 * above it goes into their variances.  Who has no ratings is like the mean.
 */
static double
share_noise(const LepPosterior *p, float *user_variance)
{
	int64_t n_users = p->side[LEP_GIBBS_USERS].n_ids;
	double least = 0;
	double sum = 0;
	int64_t n = 0;

	for (int64_t u = 0; u < n_users; u++)
	{
		if (!is_rated(p, LEP_GIBBS_USERS, u))
			continue;
		least = n == 0 || (double) p->noise[u] < least ? (double) p->noise[u] : least;
		sum += (double) p->noise[u];
		n++;
	}
	for (int64_t u = 0; u < n_users; u++)
	{
		double noise = is_rated(p, LEP_GIBBS_USERS, u) ? (double) p->noise[u] : n > 0 ? sum / (double) n : 0;

		user_variance[u] += (float) (noise - least);
	}
	return least;
}

static void
export_variances(const LepPosterior *p, LepModel *model)
{
	double square_sd = p->data->moments.sd * p->data->moments.sd;

	memset(model->item_variance, 0, (size_t) model->n_items * sizeof(float));
	for (int turn = 0; turn < N_TURNS; turn++)
	{
		fit_variances(p, LEP_GIBBS_USERS, model->item_variance, model->user_variance);
		fit_variances(p, LEP_GIBBS_ITEMS, model->user_variance, model->item_variance);
	}
	fill_unknown(p, LEP_GIBBS_USERS, model->user_variance);
	fill_unknown(p, LEP_GIBBS_ITEMS, model->item_variance);
	model->noise = square_sd * share_noise(p, model->user_variance);
	for (int64_t u = 0; u < model->n_users; u++)
		model->user_variance[u] = (float) (square_sd * (double) model->user_variance[u]);
	for (int64_t i = 0; i < model->n_items; i++)
		model->item_variance[i] = (float) (square_sd * (double) model->item_variance[i]);
}

LepStatus
lep_posterior_export(LepEnv *env, LepPosterior *p, LepModel *model)
{
	LepStatus status = LEP_OK;

	p->model = model;
	for (int side = 0; side < LEP_GIBBS_SIDES; side++)
		mean_of_factors(p, side, factor_scale(p), p->means + side * p->stride);
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
	{
		p->at = side;
		status = lep_parallel_for(env, row_tasks(p->side[side].n_ids), export_rows, p);
	}
	if (status != LEP_OK)
		return status;
	model->mean = p->data->moments.mean + constant_part(p);
	model->mean += center_biases(p, LEP_GIBBS_USERS, model->user_bias);
	model->mean += center_biases(p, LEP_GIBBS_ITEMS, model->item_bias);
	if (p->data->n_bins > 0)
		export_times(p, model->times);
	if (model->user_variance != NULL)
		export_variances(p, model);
	return LEP_OK;
}
