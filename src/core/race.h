/*
 * race.h
 *		How auto compares algorithms of implicit feedback: by their lists, and with
 *		candidates that are made of those that ran before.
 */
#ifndef LEP_RACE_H
#define LEP_RACE_H

#include "core/train.h"

/*
 * NDCG, on the validation part, of lists of what users have not in the train part:
 * of a sample of users where they are many (LEP_PLAN_VALIDATION_SCORES), the same
 * ones for every model.
 */
extern LepStatus
lep_race_judge(LepEnv *env, const LepRatings *ratings, const LepModel *model, LepFigure *ndcg);

/*
 * A candidate that follows from others gets its options from the trials so far:
 * the best of its algorithm, or the best with neighbours and the best with
 * factors, which become result->parts.  False: there is nothing to follow.
 */
extern bool lep_race_follow(const LepRatings *ratings, LepTrainResult *result, LepCandidate *candidate);

/* Of a blend: result->parts as they were trained, and options that point there. */
extern void lep_race_keep_parts(const LepRatings *ratings, LepTrainResult *result);

#endif /* LEP_RACE_H */
