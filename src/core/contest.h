/*
 * contest.h
 *		Ratings whose parts are set, and algorithms that train on some and are
 *		judged on others, beside the biases and popularity.
 *
 * What a fold of a cross-validation and a rung of a tuning have in common.  All
 * that enter see the same parts, the same relevant items and the same
 * candidates: all items but those that the user has in the train and the
 * validation part.  A user or an item that is not in the train part is not known.
 */
#ifndef LEP_CONTEST_H
#define LEP_CONTEST_H

#include "core/judge.h"
#include "core/train.h"

typedef struct LepContestRules
{
	unsigned wanted; /* 1 << LepMetric */
	int k;			 /* length of the lists */
	double relevant; /* least rating of what is; NaN: the mean of all, for implicit feedback everything */
} LepContestRules;

typedef struct LepContest
{
	LepRatings *ratings;
	LepJudging judging;
	LepView exclude;
} LepContest;

/* Look at the parts; all that is kept is in the arena, which must outlive the contest. */
extern LepStatus
lep_contest_begin(LepArena *arena, LepRatings *ratings, const LepContestRules *rules, LepContest *contest);

/*
 * Train by these options and judge on the test part; the model is in the arena.
 * Errors as lep_train_presplit.
 */
extern LepStatus lep_contest_enter(LepArena *arena, LepContest *contest, const LepOptions *given,
								   LepTrainResult *trained, LepJudgement *judgement);

/*
 * Core seconds, by stated formulas and epochs at most, that lep_contest_enter()
 * takes for a train part of this shape, all of whose users are judged; and that
 * lep_contest_references() takes.  Errors as lep_plan_candidates.
 */
extern LepStatus lep_contest_cost(const LepRatings *ratings, const LepOptions *given, const LepShape *shape,
								  unsigned wanted, double *seconds, LepError *error);

extern double lep_contest_references_cost(const LepRatings *ratings, const LepShape *shape, unsigned wanted);

/*
 * Judge the biases and popularity.  rows_of: whose factors say how alike items
 * are, or NULL.  given: as it was for lep_contest_enter.
 */
extern LepStatus lep_contest_references(LepArena *arena, LepContest *contest, const LepOptions *given,
										const LepModel *rows_of, LepComparison *comparison);

/*
 * Which metrics can be had: without errors where ratings are implicit feedback,
 * whose scores are in no unit of the ratings.
 */
extern unsigned lep_contest_metrics(LepFeedback feedback);

#endif /* LEP_CONTEST_H */
