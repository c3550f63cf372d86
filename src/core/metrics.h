/*
 * metrics.h
 *		How good predictions are on ratings that were not seen; formulas and
 *		sources: docs/metrics.md.  Lists are judged in ranking.h.
 */
#ifndef LEP_METRICS_H
#define LEP_METRICS_H

#include "core/model.h"
#include "core/ratings.h"

/*
 * The standard errors take users as drawn at random, each with all of her
 * ratings: what she gets wrong is alike from rating to rating, so that ratings
 * are no independent draws.  NaN for fewer than two users.
 */
typedef struct LepErrorMetrics
{
	int64_t n;			   /* ratings judged */
	int64_t n_known;	   /* of them with a user and an item that the model knows */
	int64_t n_users;	   /* who gave them */
	double rmse;		   /* root of the mean squared error; NaN for n = 0 */
	double mae;			   /* mean absolute error */
	double rmse_std_error; /* of the mean squared error, by the delta method */
	double mae_std_error;
} LepErrorMetrics;

/* Metrics of nothing: no ratings and NaN. */
extern void lep_metrics_clear(LepErrorMetrics *metrics);

/* A model, and ratings whose users and items may have other numbers than its own. */
typedef struct LepErrorRequest
{
	const LepModel *model;
	const LepRatings *ratings;
	unsigned parts;
	const int32_t *user_of; /* [ratings->n_users] the model's number, -1: not known; NULL: the same numbers */
	const int32_t *item_of; /* [ratings->n_items] likewise */
	const LepLevels *levels; /* scores are shown as the medians of these; NULL: as they are */
} LepErrorRequest;

/*
 * RMSE and MAE of the predictions, clipped and as they are shown, on some parts of the ratings, each
 * predicted for when it was given, where the model knows an effect of time.  The
 * sums are taken over blocks of ratings and then over the blocks, in a fixed
 * order, in double precision: the same bits with any number of threads.
 */
extern LepStatus lep_metrics_measure(LepEnv *env, const LepErrorRequest *request, LepErrorMetrics *metrics);

/* The same where model and ratings have the same numbers. */
extern LepStatus lep_metrics_errors(LepEnv *env, const LepModel *model, const LepRatings *ratings,
									unsigned parts, LepErrorMetrics *metrics);

#endif /* LEP_METRICS_H */
