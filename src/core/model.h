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
 */
#ifndef LEP_MODEL_H
#define LEP_MODEL_H

#include "core/env.h"

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
} LepModel;

/*
 * Arrays for these sizes, all zero; the scale is not limited (to what a float
 * holds).  LEP_ERR_STOPPED is possible: large arrays are cleared in tasks.
 */
extern LepStatus
lep_model_create(LepArena *arena, int32_t n_users, int32_t n_items, int n_factors, LepModel *model);

/* bytes that lep_model_create takes, SIZE_MAX on overflow */
extern size_t lep_model_size(int32_t n_users, int32_t n_items, int n_factors);

/* Copy biases, factors, mean and scale between models of the same shape. */
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
