/*
 * plan.h
 *		Which algorithms a training will run, by stated formulas and before
 *		anything is run: what they cost, and how much memory they take.
 *
 * auto.  Candidates are those of solver.c, and their cheaper variants, that
 * learn from the feedback at hand and take every option that was given; the
 * most accurate first.  Explicit feedback: the first whose cost fits into
 * time_limit runs.  Implicit: all that fit together run and are compared on the
 * validation part; without one, the first that fits.  If none fits, the
 * cheapest runs.  Time that passes plays no role: the choice is a function of
 * data and options.
 */
#ifndef LEP_PLAN_H
#define LEP_PLAN_H

#include "core/solver.h"

/* Why a candidate runs, or does not. */
typedef enum LepPlanReason
{
	LEP_PLAN_ONLY,	   /* runs: nothing else was asked for, or is possible */
	LEP_PLAN_FITS,	   /* runs: fits into time_limit */
	LEP_PLAN_CHEAPEST, /* runs: nothing fits */
	LEP_PLAN_COSTS,	   /* does not fit, or not beside those before it */
	LEP_PLAN_BETTER	   /* not needed: one that is better fits */
} LepPlanReason;

/* In words. */
extern const char *lep_plan_reason_name(LepPlanReason reason);

/* An algorithm and what it would be run with. */
typedef struct LepCandidate
{
	const LepSolver *solver;
	LepOptions options; /* resolved */
	bool planned;
	LepPlanReason reason;
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

/*
 * Plan what time_limit allows, by the rule above; validation: is there a part
 * to compare them on?
 */
extern void lep_plan_choose(const LepRatings *ratings, LepCandidate *candidates, int n, bool validation);

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
