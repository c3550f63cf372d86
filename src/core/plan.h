/*
 * plan.h
 *		Which algorithms a training will run, by stated formulas and before
 *		anything is run: what they cost, and how much memory they take.
 *
 * auto.  Candidates are those of solver.c that learn from the feedback at hand
 * and take every option that was given.  Their cost is estimated, going
 * through them in order, and those whose cost no longer fits into time_limit
 * are left out; if none fits, the cheapest runs.  Without a validation part
 * nothing could tell them apart: then the first that fits is taken.  Time that
 * passes plays no role: the choice is a function of data and options.
 */
#ifndef LEP_PLAN_H
#define LEP_PLAN_H

#include "core/solver.h"

/* An algorithm and what it would be run with. */
typedef struct LepCandidate
{
	const LepSolver *solver;
	LepOptions options; /* resolved */
	bool planned;
	double cost; /* core seconds, refit included */
} LepCandidate;

/* At most so many candidates. */
#define LEP_MAX_TRIALS 8

/* Epochs of a fit, at most. */
extern int lep_plan_epochs(const LepSolver *solver, const LepOptions *options);

/* Fill in an algorithm; fails where it cannot take what was given. */
extern LepStatus lep_plan_candidate(const LepRatings *ratings, const LepOptions *given,
									const LepSolver *solver, LepCandidate *candidate, LepError *error);

/*
 * The algorithms in question: the one that was asked for, which then runs
 * whatever it costs, or those of auto, in candidates[LEP_MAX_TRIALS].  Fails with
 * a reason if there is none.
 */
extern LepStatus lep_plan_candidates(const LepRatings *ratings, const LepOptions *given,
									 LepCandidate *candidates, int *n, LepError *error);

/* Plan what time_limit allows, or the cheapest; only the first if they cannot be compared. */
extern void lep_plan_choose(LepCandidate *candidates, int n, bool comparable);

/*
 * Bytes that training will hold at its peak, the ratings included, for the
 * most demanding candidate.
 */
extern size_t lep_plan_memory(const LepRatings *ratings, const LepOptions *given, int n_threads);

/*
 * Core seconds that training will take by the stated formulas, refit included,
 * for all candidates that will run.
 */
extern double lep_plan_cost(const LepRatings *ratings, const LepOptions *given);

#endif /* LEP_PLAN_H */
