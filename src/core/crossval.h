/*
 * crossval.h
 *		Cross-validation: train on all folds but one, judge on that one, and see
 *		how far the figures lie apart.
 */
#ifndef LEP_CROSSVAL_H
#define LEP_CROSSVAL_H

#include "core/contest.h"
#include "core/split.h"

#define LEP_MAX_FOLDS 100

/* What came of one fold. */
typedef struct LepFoldResult
{
	LepComparison comparison;
	LepAlgorithm algorithm; /* that auto chose */
} LepFoldResult;

/*
 * Train and judge every fold (split.h) by the options, n_folds of them into
 * results[].  A figure's standard error over the folds is
 * sd / sqrt(n), n the folds that have it; since folds share most of what they
 * train on, it is rather too small (Bengio and Grandvalet, JMLR 5, 2004).
 * Options refit and time_limit only play their part in the choice of auto.
 * Needs what the most demanding fold needs; starts and stops the pool itself.
 */
extern LepStatus lep_crossval(LepArena *arena, LepRatings *ratings, const LepOptions *given,
							  const LepContestRules *rules, int n_folds, LepFoldResult *results);

/*
 * Core seconds of all folds, by stated formulas and epochs at most.  Errors as
 * lep_plan_candidates.
 */
extern LepStatus
lep_crossval_cost(const LepRatings *ratings, const LepOptions *given, const LepContestRules *rules,
				  int n_folds, double *seconds, LepError *error);

/*
 * The mean over folds of each figure, with its standard error; n: the folds that
 * have it.
 */
extern void lep_crossval_mean(const LepFoldResult *results, int n_folds, LepComparison *mean);

#endif /* LEP_CROSSVAL_H */
