/*
 * posterior.h
 *		The mean of many samples of a factorisation, as one factorisation.
 *
 * The mean of products P_s Q_s' over samples s is no product of the means of P
 * and Q, which turn from sample to sample.  Here it is kept as U V', of a rank
 * that is fixed beforehand: each sample is appended, and what results is cut
 * back to the best approximation of that rank, by a small eigenproblem of the
 * two Gram matrices (K. Brand, "Fast low-rank modifications of the thin singular
 * value decomposition", Linear Algebra and its Applications 415, 2006,
 * doi:10.1016/j.laa.2005.07.021).  Biases are averaged as they are.  Bins of
 * time are further rows of users.
 *
 * Also how far samples lie apart: the score of a few pairs of each row, taken
 * at random among the ratings of the other side, is followed from sample to
 * sample; their variances, as a sum of a term of the user and one of the item,
 * are the model's.
 *
 * Memory: 2 * rank + 4 floats a row, 9 words for its pairs; none per rating.
 */
#ifndef LEP_POSTERIOR_H
#define LEP_POSTERIOR_H

#include "core/gibbs.h"
#include "core/model.h"

typedef struct LepPosterior LepPosterior;

/* bytes that create takes, SIZE_MAX on overflow */
extern size_t lep_posterior_size(int32_t n_users, int32_t n_items, int n_bins, int n_factors, int rank);

/* For samples of data; rank >= 1.  NULL on failure, env->error set. */
extern LepPosterior *lep_posterior_create(LepArena *arena, const LepGibbsData *data, int rank);

/* Samples added so far. */
extern int lep_posterior_samples(const LepPosterior *posterior);

/*
 * Add a sample.  LEP_ERR_DIVERGED if it is not finite.  The same bits with any
 * number of threads.
 */
extern LepStatus lep_posterior_add(LepEnv *env, LepPosterior *posterior, const LepGibbsSample *sample);

/*
 * The mean of the samples as a model of `rank` factors, in rating units; needs
 * at least one.  Factors and biases of known rows have mean 0 on either side,
 * so that the score of an unknown one is that of the average row.  Fills in
 * variances and times where the model has them.
 */
extern LepStatus lep_posterior_export(LepEnv *env, LepPosterior *posterior, LepModel *model);

#endif /* LEP_POSTERIOR_H */
