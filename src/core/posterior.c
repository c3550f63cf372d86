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
#include "core/posterior_state.h"

#include <math.h>
#include <string.h>

#include "core/dense.h"
#include "core/kernels.h"
#include "core/pool.h"
#include "core/rng.h"

/* Rows whose products are summed in single precision before they go into doubles. */
#define GRAM_CHUNK 256

/* Rows of a slot in one task: under 5 ms for rows of 256 numbers; whole chunks. */
#define WAVE_ROWS (4 * GRAM_CHUNK)

/* Eigenvalues below this times the largest are rounding. */
#define NOTHING 1e-7

#define STREAM_PROBES 0x504f5354 /* + side */

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
	size_t rows = ids + (size_t) n_bins;
	size_t bytes = lep_mul_size(rows, (size_t) width * sizeof(float));

	bytes = lep_add_size(bytes, lep_mul_size(ids, sizeof(float) + LEP_N_PROBES * sizeof(LepProbe)));
	bytes = lep_add_size(bytes, lep_mul_size((size_t) n_users, sizeof(float)));
	return lep_add_size(
		bytes, square(width) * (LEP_POSTERIOR_SLOTS * (sizeof(float) + sizeof(double)) + 7 * sizeof(double)));
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
choose_probes(void *arg, int64_t task, int thread)
{
	const LepPosterior *p = arg;
	const LepPosteriorSide *s = &p->side[p->at];
	int64_t end = (task + 1) * LEP_POSTERIOR_ROWS < s->n_ids ? (task + 1) * LEP_POSTERIOR_ROWS : s->n_ids;
	LepRng rng;

	(void) thread;
	lep_rng_init(&rng, p->data->seed, STREAM_PROBES + (uint64_t) p->at, (uint64_t) task);
	for (int64_t j = task * LEP_POSTERIOR_ROWS * LEP_N_PROBES; j < end * LEP_N_PROBES; j++)
		s->probes[j] = (LepProbe){ random_other(p->data, p->at, &rng), 0, 0 };
}

static LepStatus
create_side(LepArena *arena, LepPosterior *p, int side)
{
	LepPosteriorSide *s = &p->side[side];

	s->n_ids = p->data->view[side].n_rows;
	s->n_rows = s->n_ids + (side == LEP_GIBBS_USERS ? p->data->n_bins : 0);
	s->rows = lep_pool_calloc(arena, (int64_t) s->n_rows * p->width, sizeof(float));
	s->bias = lep_arena_calloc(arena, s->n_ids, sizeof(float));
	s->probes = lep_arena_alloc(arena, (int64_t) s->n_ids * LEP_N_PROBES, sizeof(LepProbe));
	s->gram = lep_arena_alloc(arena, (int64_t) square(p->width), sizeof(double));
	s->turn = lep_arena_calloc(arena, (int64_t) p->width * p->stride, sizeof(float));
	if (s->rows == NULL || s->bias == NULL || s->probes == NULL || s->gram == NULL || s->turn == NULL)
		return lep_env_failure(arena->env);
	p->at = side;
	return lep_parallel_for(arena->env, lep_posterior_tasks(s->n_ids), choose_probes, p);
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
	p->slot_gram = lep_arena_alloc(arena, LEP_POSTERIOR_SLOTS * size, sizeof(float));
	p->slot_sums = lep_arena_alloc(arena, LEP_POSTERIOR_SLOTS * size, sizeof(double));
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
	const LepPosteriorSide *s = &p->side[side];
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
	LepPosteriorSide *s = &p->side[p->at];
	int32_t first = (int32_t) (task * LEP_POSTERIOR_ROWS);
	int32_t end = s->n_rows - first < LEP_POSTERIOR_ROWS ? s->n_rows : first + LEP_POSTERIOR_ROWS;
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
follow_probe(LepPosterior *p, int32_t row, LepProbe *probe)
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
	LepPosteriorSide *s = &p->side[p->at];
	int32_t first = (int32_t) (task * LEP_POSTERIOR_ROWS);
	int32_t end = s->n_ids - first < LEP_POSTERIOR_ROWS ? s->n_ids : first + LEP_POSTERIOR_ROWS;

	(void) thread;
	for (int32_t row = first; row < end; row++)
	{
		for (int j = 0; j < LEP_N_PROBES; j++)
			follow_probe(p, row, &s->probes[(int64_t) row * LEP_N_PROBES + j]);
	}
}

/* The Gram matrix of a slot's rows, lower triangle: what a wave adds to it. */
static void
sum_slot(void *arg, int64_t task, int thread)
{
	LepPosterior *p = arg;
	const LepPosteriorSide *s = &p->side[p->at];
	size_t size = square(p->width);
	float *chunk = p->slot_gram + (size_t) task * size;
	double *sums = p->slot_sums + (size_t) task * size;
	int64_t first = (int64_t) s->n_rows * task / LEP_POSTERIOR_SLOTS;
	int64_t end = (int64_t) s->n_rows * (task + 1) / LEP_POSTERIOR_SLOTS;

	(void) thread;
	if (p->wave == 0)
		memset(sums, 0, size * sizeof(double));
	first += p->wave * WAVE_ROWS;
	end = end - first < WAVE_ROWS ? end : first + WAVE_ROWS;
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
	/* of the longest slot, and one for no rows */
	int64_t n_waves = p->side[side].n_rows / (LEP_POSTERIOR_SLOTS * WAVE_ROWS) + 1;

	p->at = side;
	for (p->wave = 0; p->wave < n_waves; p->wave++)
	{
		LepStatus status = lep_parallel_for(env, LEP_POSTERIOR_SLOTS, sum_slot, p);

		if (status != LEP_OK)
			return status;
	}
	memset(gram, 0, size * sizeof(double));
	for (int slot = 0; slot < LEP_POSTERIOR_SLOTS; slot++)
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
static LepStatus
project(LepEnv *env, const double *g, const double *e, const double *scale, int n, double *half, double *s)
{
	for (int i = 0; i < n; i++)
	{
		double *to = half + (size_t) i * (size_t) n;

		if (lep_env_stopped(env))
			return LEP_ERR_STOPPED;
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
		if (lep_env_stopped(env))
			return LEP_ERR_STOPPED;
		for (int j = 0; j <= i; j++)
		{
			double sum = 0;

			for (int c = 0; c < n; c++)
				sum += half[(size_t) i * (size_t) n + (size_t) c] * e[(size_t) j * (size_t) n + (size_t) c];
			s[(size_t) i * (size_t) n + (size_t) j] = s[(size_t) j * (size_t) n + (size_t) i] =
				sum * scale[j];
		}
	}
	return LEP_OK;
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

/*
 * The small problem: both turns from both Gram matrices.  LEP_ERR_DIVERGED,
 * env->error not set, if it has no solution.
 */
static LepStatus
make_turns(LepEnv *env, LepPosterior *p)
{
	int n = p->width;
	size_t size = square(n);
	double *half = p->work;
	double *s = half + size;
	double *value = s + size;
	double *scale = value + n;
	double *scratch = scale + n;
	double *e = p->side[LEP_GIBBS_USERS].gram;
	LepStatus status = lep_dense_eigen_stoppable(env, e, n, value, scratch);

	if (status != LEP_OK)
		return status;
	for (int i = 0; i < n; i++)
		scale[i] = value[i] > NOTHING * value[0] ? sqrt(value[i]) : 0;
	status = project(env, p->side[LEP_GIBBS_ITEMS].gram, e, scale, n, half, s);
	if (status == LEP_OK)
		status = lep_dense_eigen_stoppable(env, s, n, value, scratch);
	if (status != LEP_OK)
		return status;
	for (int f = 0; f < n; f++)
		value[f] = value[f] > NOTHING * NOTHING * value[0] ? sqrt(sqrt(value[f])) : 0; /* s^(1/2) */
	for (int f = 0; f < n; f++)
		scratch[f] = value[f] > 0 ? 1 / value[f] : 0;
	make_turn(p, e, scale, s, scratch, p->side[LEP_GIBBS_ITEMS].turn);
	for (int i = 0; i < n; i++)
		scale[i] = scale[i] > 0 ? 1 / scale[i] : 0;
	make_turn(p, e, scale, s, value, p->side[LEP_GIBBS_USERS].turn);
	return LEP_OK;
}

/* Rows of one side times its turn, into their first part. */
static void
turn_rows(void *arg, int64_t task, int thread)
{
	const LepPosterior *p = arg;
	const LepPosteriorSide *s = &p->side[p->at];
	int64_t end = (task + 1) * LEP_POSTERIOR_ROWS < s->n_rows ? (task + 1) * LEP_POSTERIOR_ROWS : s->n_rows;

	(void) thread;
	for (int64_t row = task * LEP_POSTERIOR_ROWS; row < end; row++)
	{
		_Alignas(64) float turned[LEP_MAX_GIBBS_FACTORS];
		float *values = s->rows + row * p->width;

		memset(turned, 0, (size_t) p->stride * sizeof(float));
		lep_kernels->axpy_rows_f32(values, s->turn, p->width, p->stride, turned);
		memcpy(values, turned, (size_t) p->stride * sizeof(float));
	}
}

static LepStatus
for_rows(LepEnv *env, LepPosterior *p, int side, LepTask task)
{
	p->at = side;
	return lep_parallel_for(env, lep_posterior_tasks(p->side[side].n_rows), task, p);
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
	if (status == LEP_OK)
		status = make_turns(env, p);
	if (status == LEP_ERR_DIVERGED)
		return lep_fail(&env->error, LEP_ERR_DIVERGED, "bayes", 0, 0, 0);
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
		status = for_rows(env, p, side, turn_rows);
	if (p->data->n_bins > 0)
		average(p->bin_bias, sample->bin_bias, 0, p->data->n_bins, p->n_samples + 1);
	p->n_samples++;
	return status;
}
