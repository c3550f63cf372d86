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

/* Rows between two looks whether to stop, on the calling thread: under a millisecond. */
#define STOP_ROWS 4096

static inline bool
stop_due(LepEnv *env, int64_t row)
{
	return row % STOP_ROWS == 0 && lep_env_stopped(env);
}

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

/* The newest bin's row, zero where there is none. */
static void
newest_row(const LepPosterior *p, float *to)
{
	memset(to, 0, (size_t) p->stride * sizeof(float));
	if (p->data->n_bins > 0)
		scale_row(p, LEP_GIBBS_USERS, p->side[LEP_GIBBS_USERS].n_rows - 1, NULL, to);
}

/*
 * One row of one side.  With P = P' + c, Q = Q' + d, c and d the means, and V the
 * newest bin's row, (P + V) . Q is P' . Q' and biases: P' . d of the user, Q' . (c +
 * V) of the item.  other: d or c + V.  Rows without ratings are the average row:
 * zero.
 */
static void
export_row(const LepPosterior *p, int side, int64_t row, const float *other)
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
						 lep_kernels->dot_f64(factors, other, p->stride));
}

/* What rows of a side are multiplied by on average: d for users, c + V for items. */
static void
average_other(const LepPosterior *p, int side, float *other)
{
	const float *mean = p->means + (1 - side) * p->stride;

	memset(other, 0, (size_t) p->stride * sizeof(float));
	if (side == LEP_GIBBS_ITEMS)
		newest_row(p, other);
	for (int f = 0; f < p->stride; f++)
		other[f] += mean[f];
}

static void
export_rows(void *arg, int64_t task, int thread)
{
	const LepPosterior *p = arg;
	const LepPosteriorSide *s = &p->side[p->at];
	int64_t end = (task + 1) * LEP_POSTERIOR_ROWS < s->n_ids ? (task + 1) * LEP_POSTERIOR_ROWS : s->n_ids;
	_Alignas(64) float other[LEP_MAX_GIBBS_FACTORS];

	(void) thread;
	average_other(p, p->at, other);
	for (int64_t row = task * LEP_POSTERIOR_ROWS; row < end; row++)
		export_row(p, p->at, row, other);
}

/* Let the biases of rows with ratings have mean 0; what that was is added to *center. */
static LepStatus
center_biases(LepEnv *env, const LepPosterior *p, int side, float *bias, double *center)
{
	int64_t n_ids = p->side[side].n_ids;
	double sum = 0;
	int64_t n = 0;
	double mean;

	for (int64_t row = 0; row < n_ids; row++)
	{
		if (stop_due(env, row))
			return LEP_ERR_STOPPED;
		n += lep_posterior_rated(p, side, row);
		sum += (double) bias[row];
	}
	mean = n > 0 ? sum / (double) n : 0;
	for (int64_t row = 0; row < n_ids; row++)
	{
		if (stop_due(env, row))
			return LEP_ERR_STOPPED;
		if (lep_posterior_rated(p, side, row))
			bias[row] = (float) ((double) bias[row] - mean);
	}
	*center += mean;
	return LEP_OK;
}

/* (c + V) . d and the newest bin's bias, which belong to every score. */
static double
constant_part(const LepPosterior *p)
{
	_Alignas(64) float other[LEP_MAX_GIBBS_FACTORS];
	double bias = p->data->n_bins > 0 ? (double) p->bin_bias[p->data->n_bins - 1] : 0;

	average_other(p, LEP_GIBBS_ITEMS, other);
	return lep_kernels->dot_f64(other, p->means + p->stride, p->stride) + p->data->moments.sd * bias;
}

/* Bins as the model has them: differences to the newest; see model.h. */
static void
export_times(const LepPosterior *p, LepTimes *times)
{
	int n_bins = p->data->n_bins;
	double sd = p->data->moments.sd;
	_Alignas(64) float newest[LEP_MAX_GIBBS_FACTORS];

	newest_row(p, newest);
	for (int t = 0; t < n_bins; t++)
	{
		float *lift = times->lift + (int64_t) t * p->stride;

		scale_row(p, LEP_GIBBS_USERS, p->side[LEP_GIBBS_USERS].n_ids + t, newest, lift);
		times->bias[t] = (float) (sd * ((double) p->bin_bias[t] - (double) p->bin_bias[n_bins - 1]) +
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

/* How far the scores of a row's pairs lie from their mean, with what each of them varies. */
static double
spread_of_pairs(const LepPosterior *p, const LepProbe *probes)
{
	double mean = 0;
	double spread = 0;

	for (int j = 0; j < LEP_N_PROBES; j++)
		mean += (double) probes[j].mean / LEP_N_PROBES;
	for (int j = 0; j < LEP_N_PROBES; j++)
	{
		double d = (double) probes[j].mean - mean;

		spread += d * d / (LEP_N_PROBES - 1) + probe_variance(p, &probes[j]) / LEP_N_PROBES;
	}
	return spread;
}

/*
 * How far scores of the pairs of one side's rows lie from what is said of a
 * row that is not known, the other side's own: the variance term of such a row.
 */
static LepStatus
unknown_variance(LepEnv *env, const LepPosterior *p, int side, float *unknown)
{
	const LepPosteriorSide *s = &p->side[1 - side];
	double sum = 0;
	int64_t n = 0;

	for (int64_t row = 0; row < s->n_ids; row++)
	{
		if (stop_due(env, row))
			return LEP_ERR_STOPPED;
		if (!lep_posterior_rated(p, 1 - side, row))
			continue;
		sum += spread_of_pairs(p, s->probes + row * LEP_N_PROBES);
		n++;
	}
	*unknown = n > 0 ? (float) (sum / (double) n) : 0;
	return LEP_OK;
}

/* Rows without ratings are unknown. */
static LepStatus
fill_unknown(LepEnv *env, const LepPosterior *p, int side, float *variance)
{
	float unknown;
	LepStatus status = unknown_variance(env, p, side, &unknown);

	for (int64_t row = 0; status == LEP_OK && row < p->side[side].n_ids; row++)
	{
		if (stop_due(env, row))
			return LEP_ERR_STOPPED;
		if (!lep_posterior_rated(p, side, row))
			variance[row] = unknown;
	}
	return status;
}

/*
 * The noise that all users share is that of the steadiest; what the others' is
 * above it goes into their variances.  Who has no ratings is like the mean.
 */
static LepStatus
share_noise(LepEnv *env, const LepPosterior *p, float *user_variance, double *least)
{
	int64_t n_users = p->side[LEP_GIBBS_USERS].n_ids;
	double sum = 0;
	int64_t n = 0;

	*least = 0;
	for (int64_t u = 0; u < n_users; u++)
	{
		if (stop_due(env, u))
			return LEP_ERR_STOPPED;
		if (!lep_posterior_rated(p, LEP_GIBBS_USERS, u))
			continue;
		*least = n == 0 || (double) p->noise[u] < *least ? (double) p->noise[u] : *least;
		sum += (double) p->noise[u];
		n++;
	}
	for (int64_t u = 0; u < n_users; u++)
	{
		double noise = lep_posterior_rated(p, LEP_GIBBS_USERS, u) ? (double) p->noise[u]
					   : n > 0									  ? sum / (double) n
																  : 0;

		if (stop_due(env, u))
			return LEP_ERR_STOPPED;
		user_variance[u] += (float) (noise - *least);
	}
	return LEP_OK;
}

/* From standardised ratings to rating units. */
static LepStatus
scale_variances(LepEnv *env, float *variance, int64_t n, double square_sd)
{
	for (int64_t row = 0; row < n; row++)
	{
		if (stop_due(env, row))
			return LEP_ERR_STOPPED;
		variance[row] = (float) (square_sd * (double) variance[row]);
	}
	return LEP_OK;
}

static LepStatus
export_variances(LepEnv *env, LepPosterior *p, LepModel *model)
{
	double square_sd = p->data->moments.sd * p->data->moments.sd;
	double noise = 0;
	LepStatus status = LEP_OK;

	memset(model->item_variance, 0, (size_t) model->n_items * sizeof(float));
	for (int turn = 0; turn < 2 * N_TURNS && status == LEP_OK; turn++)
	{
		p->at = turn % 2 == 0 ? LEP_GIBBS_USERS : LEP_GIBBS_ITEMS;
		status = lep_parallel_for(env, lep_posterior_tasks(p->side[p->at].n_ids), fit_variances, p);
	}
	if (status == LEP_OK)
		status = fill_unknown(env, p, LEP_GIBBS_USERS, model->user_variance);
	if (status == LEP_OK)
		status = fill_unknown(env, p, LEP_GIBBS_ITEMS, model->item_variance);
	if (status == LEP_OK)
		status = share_noise(env, p, model->user_variance, &noise);
	model->noise = square_sd * noise;
	if (status == LEP_OK)
		status = scale_variances(env, model->user_variance, model->n_users, square_sd);
	if (status == LEP_OK)
		status = scale_variances(env, model->item_variance, model->n_items, square_sd);
	return status;
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
	status = center_biases(env, p, LEP_GIBBS_USERS, model->user_bias, &model->mean);
	if (status == LEP_OK)
		status = center_biases(env, p, LEP_GIBBS_ITEMS, model->item_bias, &model->mean);
	if (status != LEP_OK)
		return status;
	if (p->data->n_bins > 0)
		export_times(p, model->times);
	return model->user_variance != NULL ? export_variances(env, p, model) : LEP_OK;
}
