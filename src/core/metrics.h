/*
 * metrics.h
 *		How good predictions are on ratings that were not seen.
 */
#ifndef LEP_METRICS_H
#define LEP_METRICS_H

#include "core/model.h"
#include "core/ratings.h"

typedef struct LepErrorMetrics
{
	int64_t n;	 /* ratings judged */
	double rmse; /* root of the mean squared error; NaN for n = 0 */
	double mae;	 /* mean absolute error */
} LepErrorMetrics;

/*
 * RMSE and MAE of the clipped predictions on some parts of the ratings.  The
 * sums are taken over blocks of ratings and then over the blocks, in a fixed
 * order, in double precision: the same bits with any number of threads.
 */
extern LepStatus lep_metrics_errors(LepEnv *env, const LepModel *model, const LepRatings *ratings,
									unsigned parts, LepErrorMetrics *metrics);

typedef struct LepRankingMetrics
{
	int k;			 /* length of the lists */
	int64_t n_users; /* users with at least one rating in the parts */
	double precision;
	double recall; /* hits / ratings in the parts, per user, mean */
	double ndcg;   /* binary relevance, ideal list of min(k, hits possible) */
} LepRankingMetrics;

/*
 * Top-k lists of every user with ratings in `parts`, among all items that are
 * not hers in `seen_parts`; relevant are her items in `parts`.  Ties go by item
 * number.
 */
extern LepStatus lep_metrics_ranking(LepEnv *env, const LepModel *model, const LepRatings *ratings,
									 unsigned seen_parts, unsigned parts, int k, LepRankingMetrics *metrics);

#endif /* LEP_METRICS_H */
