/*
 * train.h
 *		From ratings to a model: choose, fit, stop, test, refit.
 *
 * The ratings are split (split.h).  Each candidate algorithm (one, unless auto)
 * is fitted to the train part until the validation part stops getting better;
 * the best by validation is judged on the test part, beside the mean and the
 * biases, and (option refit) fitted again to all ratings with the number of
 * epochs that was found.
 *
 * Better is a lower RMSE for explicit feedback, and a higher NDCG of lists for
 * implicit.  There a fit runs all its epochs, and where there is nothing to
 * compare or choose the validation part is trained on: what would be held out
 * for it goes to the train part.
 */
#ifndef LEP_TRAIN_H
#define LEP_TRAIN_H

#include "core/count_errors.h"
#include "core/metrics.h"
#include "core/plan.h"
#include "core/ranking.h"
#include "core/solver.h"

/* Length of the lists that implicit feedback is judged by. */
#define LEP_TRAIN_K 10

typedef struct LepCurvePoint
{
	int epoch;
	double train_rmse;		/* NaN: not known */
	double validation_rmse; /* NaN: no validation part */
} LepCurvePoint;

/* One algorithm that was considered. */
typedef struct LepTrial
{
	LepAlgorithm algorithm;
	double cost;		  /* estimate in core seconds, refit included */
	LepOptions options;	  /* it would run with */
	LepPlanReason reason; /* why it ran, or did not */
	bool ran;
	bool chosen;			   /* of those that ran */
	double validation_rmse;	   /* NaN: did not run, or no validation part, or implicit feedback */
	LepFigure validation_ndcg; /* of lists of LEP_TRAIN_K, implicit feedback only; n = 0 likewise */
	int epochs;				   /* the best epoch */
} LepTrial;

typedef struct LepTrainResult
{
	LepModel model;			/* what to publish */
	LepIntervals intervals; /* explicit feedback, from the validation part */
	LepLevels levels;		/* likewise; n = 0 unless option point is median */
	LepAlgorithm algorithm;
	LepOptions options; /* resolved for the algorithm */
	LepParts parts;		/* of a blend, which options and a trial's options point to */
	int epochs;			/* what the published model was trained for */
	int n_retries;		/* with half the step, after divergence */
	bool refitted;
	unsigned trained_on; /* LEP_PARTS_...: what the model has seen */

	int64_t n_train;
	int64_t n_validation;
	int64_t n_test;
	LepErrorMetrics test;		   /* of the model before refit, on the test part */
	LepErrorMetrics test_mean;	   /* of the train part's mean */
	LepErrorMetrics test_baseline; /* of the regularised biases */
	LepCountErrors test_by_user;   /* explicit feedback; of the model before refit */
	LepCountErrors test_by_item;
	LepErrorMetrics validation;
	LepFigure validation_ndcg; /* n = 0: not measured */
	double median_mae;		   /* of the medians, on the test part; NaN: there are no levels */
	LepRankingMetrics ranking; /* k = 0: not computed (explicit feedback) */
	LepRankingMetrics ranking_popular;

	LepCurvePoint *curve; /* of the chosen algorithm, before refit */
	int n_curve;
	LepTrial trials[LEP_MAX_TRIALS];
	int n_trials;

	double split_seconds; /* wall, for the log only */
	double fit_seconds;
	double test_seconds;
	double refit_seconds;
	size_t memory_estimate; /* bytes, ratings included */
} LepTrainResult;

/*
 * Train; result and model are in the arena.  given: options as given, not
 * resolved.  Refuses with LEP_ERR_MEMORY_LIMIT before it begins if the estimate
 * is over env->max_bytes.  Starts and shuts down the pool itself.
 */
extern LepStatus
lep_train(LepArena *arena, LepRatings *ratings, const LepOptions *given, LepTrainResult *result);

/*
 * The same for ratings whose parts are set: fits to the train part, stops and
 * chooses by the validation part, and leaves it at that: no test, no refit.  What
 * is in the validation part is not trained on, whether or not it is needed.  The
 * pool, if there is to be one, is the caller's.
 */
extern LepStatus
lep_train_presplit(LepArena *arena, LepRatings *ratings, const LepOptions *given, LepTrainResult *result);

#endif /* LEP_TRAIN_H */
