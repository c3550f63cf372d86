/*
 * model.h
 *		What training gives: biases and factors, in units of the ratings.
 *
 * score(u, i) = mean + user_bias[u] + item_bias[i] + user_factors[u] . item_factors[i]
 *
 * summed in double precision (the dot product by kernel dot_f64, then
 * ((mean + user bias) + item bias) + dot) and rounded to float once.  Lists are
 * ranked by this score; a prediction is the score clipped to the scale.  An
 * unknown side has bias 0 and factors 0.
 *
 * Whatever scaling a solver uses inside is undone here, so that nobody who
 * reads a model needs to know of it.
 *
 * A model may have item neighbours (neighbors.h) instead of factors or beside
 * them; their terms are added to the score before it is rounded.
 *
 * Three things a model may have besides.  Variances: how far a rating is
 * expected to lie from its score, noise + user_variance[u] + item_variance[i].
 * Times: what the score was in an earlier stretch of time, for those who ask
 * for it; the score above is that of the newest.  Intervals and levels: how
 * residuals and ratings were distributed in ratings that the model had not
 * seen, from which intervals and medians are read.
 */
#ifndef LEP_MODEL_H
#define LEP_MODEL_H

#include "core/env.h"

/*
 * Stretches of time, oldest first.  In bin t user u has bias user_bias[u] +
 * bias[t] and factors user_factors[u] + lift_t; items are as always.  All of the
 * newest bin's are 0.
 */
typedef struct LepTimes
{
	int n_bins;		/* at least 1 */
	int64_t *first; /* [n_bins] instant that the bin begins with; [0]: what is older belongs there too */
	float *bias;	/* [n_bins] */
	float *lift;	/* [n_bins * stride], padded rows; NULL for n_factors 0 */
} LepTimes;

/*
 * How ratings that were held out lay around their predictions: quantile[j] is
 * the (j + 0.5) / LEP_N_QUANTILES quantile of |rating - prediction| / sd, where
 * sd is the root of the variance above, or 1 for a model without.
 */
#define LEP_N_QUANTILES 200

typedef struct LepIntervals
{
	int64_t n;	   /* ratings they were taken from; 0: there are none */
	double spread; /* root of the mean of ((rating - prediction) / sd)^2 */
	/* what stands in the sums below for the variance of a user or item that is unknown */
	double user_prior;
	double item_prior;
	float quantile[LEP_N_QUANTILES];
} LepIntervals;

/*
 * The values that ratings have, ascending, and where the median of a rating
 * passes from each to the next: a prediction p has median value[l] for
 * cut[l - 1] <= p < cut[l].  n = 0: ratings have no such values, and the median
 * is the mean.
 */
#define LEP_MAX_LEVELS 64

typedef struct LepLevels
{
	int n;
	float value[LEP_MAX_LEVELS];
	float cut[LEP_MAX_LEVELS - 1];
} LepLevels;

typedef struct LepNeighbors LepNeighbors; /* neighbors.h */

typedef struct LepModel
{
	int32_t n_users;
	int32_t n_items;
	int n_factors;	 /* 0: biases only */
	int stride;		 /* lep_row_stride(n_factors) */
	double mean;	 /* of the ratings */
	float min_score; /* the scale that predictions are clipped to */
	float max_score;
	float *user_bias;	 /* [n_users] */
	float *item_bias;	 /* [n_items] */
	float *user_factors; /* [n_users * stride], padded rows; NULL for n_factors 0 */
	float *item_factors; /* [n_items * stride] */

	double noise;			 /* variance of a rating around its score, of the sums below 0 */
	float *user_variance;	 /* [n_users], at least 0; NULL: not known */
	float *item_variance;	 /* [n_items]; NULL exactly where user_variance is */
	LepTimes *times;		 /* NULL: no effect of time */
	LepNeighbors *neighbors; /* NULL: none */
} LepModel;

/*
 * Arrays for these sizes, all zero; the scale is not limited (to what a float
 * holds).  LEP_ERR_STOPPED is possible: large arrays are cleared in tasks.
 */
extern LepStatus
lep_model_create(LepArena *arena, int32_t n_users, int32_t n_items, int n_factors, LepModel *model);

/* bytes that lep_model_create takes, SIZE_MAX on overflow */
extern size_t lep_model_size(int32_t n_users, int32_t n_items, int n_factors);

/*
 * Room for variances, and for the times of at most n_bins bins.  Same errors.
 */
extern LepStatus lep_model_add_variances(LepArena *arena, LepModel *model);
extern LepStatus lep_model_add_times(LepArena *arena, int n_bins, LepModel *model);

/* Room for the neighbours of all items, at most `room` entries in all; none yet. */
extern LepStatus lep_model_add_neighbors(LepArena *arena, int64_t room, LepModel *model);

/* Give the model's arrays back to the arena that they are from. */
extern void lep_model_free(LepArena *arena, LepModel *model);

/*
 * Copy biases, factors, mean, scale and neighbours between models of the same
 * shape; there is room for the neighbours, and each model keeps its baskets.
 */
extern void lep_model_copy(LepModel *to, const LepModel *from);

/*
 * The score as defined above.  Rows of stride floats; NULL for an unknown side
 * (its bias is 0 then) or where stride is 0.
 */
extern float lep_score(double mean, float user_bias, float item_bias, const float *user_row,
					   const float *item_row, int stride);

/* The score of user u and item i of a model; -1 for unknown. */
extern float lep_model_score(const LepModel *model, int32_t u, int32_t i);

/* score, clipped */
static inline float
lep_clip(float score, float min_score, float max_score)
{
	return score < min_score ? min_score : score > max_score ? max_score : score;
}

/* Are all numbers finite and all norms within LEP_MAX_NORM? */
extern bool lep_model_is_sane(const LepModel *model);

/* The same answer into *sane, in parallel; fails only with LEP_ERR_STOPPED. */
extern LepStatus lep_model_check(LepEnv *env, const LepModel *model, bool *sane);

/* Largest |bias|, |mean| and factor norm that is ever stored or read. */
#define LEP_MAX_NORM 1e15

#endif /* LEP_MODEL_H */
