/*
 * posterior_export.c
 *		The mean of samples as a model; see posterior.h.
 */
#include "core/posterior_state.h"

#include <math.h>
#include <string.h>

#include "core/kernels.h"
#include "core/pool.h"

/* Turns of the fit of variances. */
#define N_TURNS 5

/* What both factors are multiplied by: the sum over samples becomes a mean, in rating units. */
static double
factor_scale(const LepPosterior *p)
{
	return sqrt(p->data->moments.sd / p->n_samples);
}

/* Sums of a slot's compressed rows that have ratings, and how many. */
static void
sum_factors(void *arg, int64_t task, int thread)
{
	LepPosterior *p = arg;
	const LepPosteriorSide *s = &p->side[p->at];
	double *sums = p->slot_sums + task * (p->rank + 1);
	int64_t end = (int64_t) s->n_ids * (task + 1) / LEP_POSTERIOR_SLOTS;

	(void) thread;
	memset(sums, 0, ((size_t) p->rank + 1) * sizeof(double));
	for (int64_t row = (int64_t) s->n_ids * task / LEP_POSTERIOR_SLOTS; row < end; row++)
	{
		if (!lep_posterior_rated(p, p->at, row))
			continue;
		sums[p->rank]++;
		for (int f = 0; f < p->rank; f++)
			sums[f] += (double) s->rows[row * p->width + f];
	}
}

/* Mean of the compressed rows of one side that have ratings, in the model's scale. */
static LepStatus
mean_of_factors(LepEnv *env, LepPosterior *p, int side, float *mean)
{
	double *sums = p->slot_sums;
	int n = p->rank + 1;
	LepStatus status;

	p->at = side;
	status = lep_parallel_for(env, LEP_POSTERIOR_SLOTS, sum_factors, p);
	for (int e = n; e < LEP_POSTERIOR_SLOTS * n; e++)
		sums[e % n] += sums[e];
	for (int f = 0; f < p->stride; f++)
		mean[f] = sums[p->rank] > 0 && f < p->rank ? (float) (factor_scale(p) * sums[f] / sums[p->rank]) : 0;
	return status;
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
	if (!lep_posterior_rated(p, side, row))
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
	const LepPosteriorSide *s = &p->side[p->at];
	int64_t end = (task + 1) * LEP_POSTERIOR_ROWS < s->n_ids ? (task + 1) * LEP_POSTERIOR_ROWS : s->n_ids;
	_Alignas(64) float newest[LEP_MAX_GIBBS_FACTORS];

	(void) thread;
	newest_row(p, 1 - p->at, newest);
	for (int64_t row = task * LEP_POSTERIOR_ROWS; row < end; row++)
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
		n += lep_posterior_rated(p, side, row);
		sum += (double) bias[row];
	}
	mean = n > 0 ? sum / (double) n : 0;
	for (int64_t row = 0; row < n_ids; row++)
	{
		if (lep_posterior_rated(p, side, row))
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
probe_variance(const LepPosterior *p, const LepProbe *probe)
{
	return p->n_samples > 1 ? (double) probe->squares / (p->n_samples - 1) : 0;
}

/* Each row's term: the mean of what its pairs vary beyond the other side's term, at least 0. */
static void
fit_variances(void *arg, int64_t task, int thread)
{
	const LepPosterior *p = arg;
	const LepPosteriorSide *s = &p->side[p->at];
	bool users = p->at == LEP_GIBBS_USERS;
	float *variance = users ? p->model->user_variance : p->model->item_variance;
	const float *other = users ? p->model->item_variance : p->model->user_variance;
	int64_t end = (task + 1) * LEP_POSTERIOR_ROWS < s->n_ids ? (task + 1) * LEP_POSTERIOR_ROWS : s->n_ids;

	(void) thread;
	for (int64_t row = task * LEP_POSTERIOR_ROWS; row < end; row++)
	{
		double sum = 0;

		for (int j = 0; j < LEP_N_PROBES; j++)
		{
			const LepProbe *probe = &s->probes[row * LEP_N_PROBES + j];

			if (probe->other >= 0)
				sum += probe_variance(p, probe) - (double) other[probe->other];
		}
		variance[row] = sum > 0 && lep_posterior_rated(p, p->at, row) ? (float) (sum / LEP_N_PROBES) : 0;
	}
}

/*
 * How far scores of the pairs of one side's rows lie from what is said of a
 * row that is not known, the other side's own: the variance term of such a row.
 */
static double
unknown_variance(const LepPosterior *p, int side)
{
	const LepPosteriorSide *s = &p->side[1 - side];
	double sum = 0;
	int64_t n = 0;

	for (int64_t row = 0; row < s->n_ids; row++)
	{
		double mean = 0;
		double squares = 0;

		if (!lep_posterior_rated(p, 1 - side, row))
			continue;
		for (int j = 0; j < LEP_N_PROBES; j++)
			mean += (double) s->probes[row * LEP_N_PROBES + j].mean / LEP_N_PROBES;
		for (int j = 0; j < LEP_N_PROBES; j++)
		{
			const LepProbe *probe = &s->probes[row * LEP_N_PROBES + j];
			double d = (double) probe->mean - mean;

			squares += d * d / (LEP_N_PROBES - 1) + probe_variance(p, probe) / LEP_N_PROBES;
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
		if (!lep_posterior_rated(p, side, row))
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
		if (!lep_posterior_rated(p, LEP_GIBBS_USERS, u))
			continue;
		least = n == 0 || (double) p->noise[u] < least ? (double) p->noise[u] : least;
		sum += (double) p->noise[u];
		n++;
	}
	for (int64_t u = 0; u < n_users; u++)
	{
		double noise = lep_posterior_rated(p, LEP_GIBBS_USERS, u) ? (double) p->noise[u]
					   : n > 0									  ? sum / (double) n
																  : 0;

		user_variance[u] += (float) (noise - least);
	}
	return least;
}

static LepStatus
export_variances(LepEnv *env, LepPosterior *p, LepModel *model)
{
	double square_sd = p->data->moments.sd * p->data->moments.sd;
	LepStatus status = LEP_OK;

	memset(model->item_variance, 0, (size_t) model->n_items * sizeof(float));
	for (int turn = 0; turn < 2 * N_TURNS && status == LEP_OK; turn++)
	{
		p->at = turn % 2 == 0 ? LEP_GIBBS_USERS : LEP_GIBBS_ITEMS;
		status = lep_parallel_for(env, lep_posterior_tasks(p->side[p->at].n_ids), fit_variances, p);
	}
	if (status != LEP_OK)
		return status;
	fill_unknown(p, LEP_GIBBS_USERS, model->user_variance);
	fill_unknown(p, LEP_GIBBS_ITEMS, model->item_variance);
	model->noise = square_sd * share_noise(p, model->user_variance);
	for (int64_t u = 0; u < model->n_users; u++)
		model->user_variance[u] = (float) (square_sd * (double) model->user_variance[u]);
	for (int64_t i = 0; i < model->n_items; i++)
		model->item_variance[i] = (float) (square_sd * (double) model->item_variance[i]);
	return LEP_OK;
}

LepStatus
lep_posterior_export(LepEnv *env, LepPosterior *p, LepModel *model)
{
	LepStatus status = LEP_OK;

	p->model = model;
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
		status = mean_of_factors(env, p, side, p->means + side * p->stride);
	for (int side = 0; status == LEP_OK && side < LEP_GIBBS_SIDES; side++)
	{
		p->at = side;
		status = lep_parallel_for(env, lep_posterior_tasks(p->side[side].n_ids), export_rows, p);
	}
	if (status != LEP_OK)
		return status;
	model->mean = p->data->moments.mean + constant_part(p);
	model->mean += center_biases(p, LEP_GIBBS_USERS, model->user_bias);
	model->mean += center_biases(p, LEP_GIBBS_ITEMS, model->item_bias);
	if (p->data->n_bins > 0)
		export_times(p, model->times);
	return model->user_variance != NULL ? export_variances(env, p, model) : LEP_OK;
}
