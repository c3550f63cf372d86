/*
 * plan.h
 *		Which algorithms a training will run, by stated formulas and before
 *		anything is run: what they cost, and how much memory they take.
 *
 * auto.  Candidates are those of solver.c that learn from the feedback at hand
 * and take every option that was given.  Time that passes plays no role: the
 * choice is a function of data and options.
 *
 * Explicit feedback: they and their cheaper variants, the most accurate first; the
 * first whose cost fits into time_limit runs.
 *
 * Implicit feedback: no method is best everywhere, so as many run as fit into
 * time_limit together, the refit of one of them included, and are compared on the
 * validation part.  First each algorithm's standard options get their share of the
 * time, then what follows from others, then alternatives.  Without a validation
 * part it is the first that fits.
 *
 * If none fits, the cheapest runs.
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

/* What a candidate follows from. */
typedef enum LepPlanBasis
{
	LEP_PLAN_STANDARD,	  /* the options that were given, and defaults */
	LEP_PLAN_GROWN,		  /* the best of its algorithm before it */
	LEP_PLAN_BLENDED,	  /* the best with neighbours and the best with factors before it */
	LEP_PLAN_ALTERNATIVE, /* as STANDARD, with other values */
	LEP_N_PLAN_BASES
} LepPlanBasis;

/* An algorithm and what it would be run with. */
typedef struct LepCandidate
{
	const LepSolver *solver;
	LepPlanBasis basis;
	LepOptions options; /* resolved; GROWN: as if the standard ones were the best; BLENDED: without parts */
	bool validates;		/* something is decided by the validation part; else it is trained on */
	bool planned;
	LepPlanReason reason;
	double cost;	   /* core seconds, refit included */
	double refit_cost; /* of it: what only the best of them will take */
} LepCandidate;

/* At most so many candidates. */
#define LEP_MAX_TRIALS 16

/*
 * Users are judged by their lists up to so many scores (LepRankingSplit), to
 * compare candidates and for the metrics of a training.
 */
#define LEP_PLAN_VALIDATION_SCORES 7e7
#define LEP_PLAN_TEST_SCORES	   2e8

/* And, where a solver has something to choose, up to so many about so often. */
#define LEP_PLAN_CHOICE_SCORES 2.5e7
#define LEP_PLAN_CHOICES	   5

/* Epochs of a fit, at most. */
extern int lep_plan_epochs(const LepSolver *solver, const LepOptions *options);

/* Does the refit begin with the items of the fit? */
extern bool lep_plan_is_warm(const LepSolver *solver, const LepOptions *options);

/*
 * Epochs of the refit after a fit of so many: as many, or half of them where it is
 * warm: on MovieLens 100K more of them changed no third digit (docs/algorithms.md).
 */
extern int lep_plan_refit_epochs(const LepSolver *solver, const LepOptions *options, int epochs);

/*
 * Does a training with this candidate alone decide anything by a validation part?
 * Explicit feedback: when to stop, and how far off its predictions are.  Implicit:
 * nothing, since fits run all their epochs.
 */
extern bool lep_plan_needs_validation(const LepRatings *ratings, const LepCandidate *candidate);

/* Core seconds to judge lists of a candidate's model, for a share of the users, by a stated formula. */
extern double lep_plan_judging_cost(const LepShape *shape, const LepCandidate *candidate, double share);

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

/* Does anything that is planned read the ratings' times? */
extern bool lep_plan_uses_time(const LepCandidate *candidates, int n);

/*
 * Bytes that training will hold at its peak, the ratings included, for the
 * most demanding candidate.  What was held before, to read and sort, is in
 * ratings->memory_estimate.
 */
extern size_t lep_plan_memory(const LepRatings *ratings, const LepOptions *given, int n_threads);

/* Core seconds of all candidates that are planned, and of the most expensive refit. */
extern double lep_plan_planned_cost(const LepCandidate *candidates, int n);

/*
 * Core seconds that training will take by the stated formulas, refit included,
 * for all candidates that will run.
 */
extern double lep_plan_cost(const LepRatings *ratings, const LepOptions *given);

#endif /* LEP_PLAN_H */
