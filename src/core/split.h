/*
 * split.h
 *		Which ratings are for training, for validation, for the test.
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

#endif /* LEP_SPLIT_H */
