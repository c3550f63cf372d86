/*
 * split.h
 *		Which ratings are for training, for validation, for the test; and folds.
 *
 * random: by a hash of (seed, user id, item id), so that the choice for a pair
 * does not change when other rows come or go, and later trainings hold out the
 * same pairs.
 * time: the newest test_fraction of all ratings are the test, the newest of the
 * rest the validation part; ratings of one instant stay together, so that a part
 * is as near to its fraction as whole instants allow (the smaller of two equally
 * near), which may be none, and is never everything.
 * leave_last: each user's newest rating is the test and the one before the
 * validation part, for users with at least three ratings (two: no validation).
 * Of ratings of one instant the one with the larger item number is the newer.
 * A fraction only says whether there is such a part.
 *
 * popular, for validation parts: at random as above, but of an item with n ratings
 * the share min(c sqrt(n), 1/2), c such that the shares together are the fraction.
 * People's next items may be more popular than those that they have: this is what
 * to choose by then (docs/algorithms.md compares).
 */
#ifndef LEP_SPLIT_H
#define LEP_SPLIT_H

#include "core/ratings.h"

/*
 * Set ratings->part from options split, test_fraction, validation_fraction and
 * seed.  validation_fraction is of the ratings that are not the test.  A
 * fraction of 0 gives an empty part; so may a small set, which is no error.
 * LEP_ERR_NEEDS_TIME where the split needs a time and there is none.
 */
extern LepStatus lep_split(LepEnv *env, LepRatings *ratings, const LepOptions *options);

/*
 * Move ratings of the train part to the validation part, by the options; the
 * other parts stay as they are.
 */
extern LepStatus lep_split_validation(LepEnv *env, LepRatings *ratings, const LepOptions *options);

/* Fold number `fold` of n_folds, from 1. */
typedef struct LepFold
{
	int fold;
	int n_folds;
} LepFold;

/*
 * Set ratings->part for one fold of a cross-validation.  A pair is in the test
 * of one fold at most, and is never tested by a fold that trains on it.
 *
 * random: each pair is the test of one fold, by a hash of (seed, user id, item id).
 * time: the test of fold f is the f-th newest slice of all ratings, what is older
 * trains, what is newer belongs to no part (an expanding window).  A slice is
 * test_fraction of the ratings, or 1 / (n_folds + 1) where that is less or
 * test_fraction is 0, as near as whole instants allow.  It may be empty.
 * leave_last: the test of fold f is each user's f-th newest rating, if an older
 * one is left for training; what is newer belongs to no part.
 *
 * So fold 1 of the last two is what lep_split holds out.  The validation part is
 * taken from the rest as lep_split takes it.  LEP_ERR_NEEDS_TIME as there.
 */
extern LepStatus lep_split_fold(LepEnv *env, LepRatings *ratings, const LepOptions *options, LepFold fold);

#endif /* LEP_SPLIT_H */
