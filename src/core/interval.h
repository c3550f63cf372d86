/*
 * interval.h
 *		How far a rating lies from its prediction, and its median: learned from
 *		ratings that a model has not seen.
 *
 * Intervals are split conformal prediction with a normalised residual (Lei,
 * G'Sell, Rinaldo, Tibshirani and Wasserman 2018, "Distribution-free predictive
 * inference for regression", section 5.2): the model says how uncertainty differs
 * between pairs, the quantiles of |rating - prediction| / sd over held-out ratings
 * say how wide that really is.
 *
 * Levels are an isotonic fit in absolute error (Robertson, Wright and Dykstra
 * 1988, "Order restricted statistical inference", section 1.5): the
 * non-decreasing function from predictions to the values that ratings have which
 * has the smallest sum of |rating - value|.
 */
#ifndef LEP_INTERVAL_H
#define LEP_INTERVAL_H

#include "core/model.h"
#include "core/ratings.h"

/*
 * Measure the residuals of the ratings in some parts, of clipped predictions.
 * The variance term of an unknown user is what makes the mean of the squared
 * standardised residuals the same where the same ratings are predicted without
 * their users; likewise for items.  A model without variances counts as one of
 * noise 1 and no others.  n = 0, and all else 0, where the parts are empty.
 *
 * Cost O(ratings); memory for m ratings in the parts 16 m bytes, given back.
 * Sums by blocks in a fixed order: the same bits with any number of threads.
 */
extern LepStatus lep_intervals_measure(LepEnv *env, const LepModel *model, const LepRatings *ratings,
									   unsigned parts, LepIntervals *intervals);

/* Bytes that measuring m ratings takes, all but 0.01 for each rating there is; SIZE_MAX on overflow. */
extern size_t lep_intervals_size(int64_t m);

/* The noise that goes with the intervals of a model: 1 for one without variances. */
extern double lep_interval_noise(const LepModel *model);

/*
 * Half the width, in sd, of the interval that holds this share of ratings; level
 * between 0 and 1.  Linear between the quantiles, from 0 at level 0, constant
 * above the last.
 */
extern double lep_interval_width(const LepIntervals *intervals, double level);

/*
 * Find the levels: the distinct values of all ratings, unless there are more
 * than LEP_MAX_LEVELS or just one (n = 0 then), and the cuts between them that
 * give the smallest sum of absolute errors of medians over the ratings in some
 * parts.  Of cuts that are equally good the one nearest to the middle of its two
 * values, which without a rating in the parts is the middle.  Cuts ascend, or are
 * equal where a value is never the median.
 *
 * Cost O(ratings) and O(m levels) for m ratings in the parts; memory 16 m
 * bytes, given back.
 */
extern LepStatus lep_levels_measure(LepEnv *env, const LepModel *model, const LepRatings *ratings,
									unsigned parts, LepLevels *levels);

/* The median for a prediction; the prediction itself without levels. */
extern float lep_median(const LepLevels *levels, float prediction);

/*
 * What a score is shown as: clipped to the scale, then its median, which is
 * within the scale too.
 */
extern float lep_point(const LepLevels *levels, float score, float min_score, float max_score);

/* Mean absolute error of what scores are shown as, on some parts; NaN where they are empty. */
extern LepStatus lep_levels_error(LepEnv *env, const LepModel *model, const LepRatings *ratings,
								  unsigned parts, const LepLevels *levels, double *mae);

#endif /* LEP_INTERVAL_H */
