/*
 * solver.h
 *		What an algorithm is: the functions behind its name, and the table of
 *		all algorithms.
 *
 * A solver learns a LepModel from ratings, one epoch at a time.  train.c calls
 * it and knows none by name: it counts epochs, watches the validation part,
 * stops, retries with a smaller step and refits.
 *
 * Contract, which test_solver_contract.c holds every solver to: the same bits
 * for the same ratings, options and seed, whatever the number of threads and
 * the kernel level; no allocation after start(); no number published that is
 * not finite; constant ratings train; should_stop is noticed within 100 ms.
 */
#ifndef LEP_SOLVER_H
#define LEP_SOLVER_H

#include "core/model.h"
#include "core/options.h"
#include "core/ratings.h"

/* What a cost or memory formula may depend on. */
typedef struct LepShape
{
	int32_t n_users;
	int32_t n_items;
	int64_t n_ratings;
	int64_t n_lone; /* users and items with one rating, of all ratings */
	bool whole;		/* all ratings that there are: the view by user is no copy */
	bool alike;		/* all ratings are the same */
} LepShape;

typedef struct LepSolver
{
	LepAlgorithm algorithm;
	unsigned feedback; /* 1 << LEP_FEEDBACK_...: what it learns from */
	bool iterative;	   /* false: one epoch is all there is */
	bool has_step;	   /* may diverge: learning_rate is halved and tried again */

	/*
	 * Its model is a mean over its epochs, and better with each: nothing is
	 * gained by stopping early, and it has variances.
	 */
	bool samples;

	/*
	 * Made of others (option parts): auto makes it of the best that ran before.
	 */
	bool follows;

	/* Can begin with the items of an earlier fit, LepRatings.start. */
	bool starts_warm;

	bool uses_time; /* reads the ratings' times, which are needed for the split otherwise */

	/* Bins of time that the model will have, at most; NULL: none. */
	int (*time_bins)(const LepRatings *ratings, const LepOptions *options);

	/* Entries that the model's neighbours have, at most; NULL: it has none. */
	int64_t (*neighbors)(int32_t n_items, const LepOptions *options);

	/*
	 * Defaults that depend on the data, by a stated rule: sets what was not
	 * given.  NULL if there are none.
	 */
	void (*adapt)(const LepShape *shape, LepOptions *options);

	/*
	 * Variant number `variant`, from 1, is cheaper and less accurate than the one
	 * before: sets the options that make it, unless they were given.  False if
	 * there is no such variant.  NULL: none.  For auto, explicit feedback.
	 */
	bool (*variant)(int variant, LepOptions *options);

	/*
	 * Alternative number `number`, from 1, is the best somewhere: sets what makes
	 * it in resolved and adapted options, unless that was given.  False if there is
	 * no such alternative.  NULL: none.  For auto, implicit feedback.
	 */
	bool (*alternative)(int number, LepOptions *options);

	/*
	 * Sets, in resolved options, what makes the best alternative better still and
	 * is not worth its time for the others, unless that was given; false if
	 * nothing is left to do.  NULL: nothing is.  For auto, implicit feedback.
	 */
	bool (*grow)(LepOptions *options);

	/*
	 * Is there anything that choose() would choose, beside the number of epochs?
	 * NULL: there is not.  choose() is called once, after the last epoch and
	 * export_model(), where there is a validation part: sets options and exports
	 * the model anew.  A fit that is given these options makes the same model.
	 */
	bool (*chooses)(const LepOptions *options);
	LepStatus (*choose)(LepEnv *env, void *state, const LepRatings *ratings, LepOptions *options,
						LepModel *model);

	/* peak bytes of start() and epochs, beside the ratings; SIZE_MAX on overflow */
	size_t (*memory)(const LepShape *shape, const LepOptions *options, int n_threads);

	/* seconds of one core for one epoch, by a stated formula */
	double (*cost)(const LepShape *shape, const LepOptions *options);

	/*
	 * Prepare to learn from the ratings in `parts`, with options resolved for
	 * this algorithm.  All memory is taken here, in the arena.  *state is the
	 * solver's own.
	 */
	LepStatus (*start)(LepArena *arena, const LepRatings *ratings, unsigned parts, const LepOptions *options,
					   void **state);

	/*
	 * Epoch number `epoch`, from 1.  *train_rmse: on the training parts, as the
	 * epoch saw it, in rating units; NaN if the solver does not know.  A
	 * diverging run shows as a *train_rmse that is not finite or as
	 * LEP_ERR_DIVERGED.
	 */
	LepStatus (*epoch)(LepEnv *env, void *state, int epoch, double *train_rmse);

	/*
	 * The model as it stands after the last epoch, in rating units, written to
	 * `model`, which has the right shape.
	 */
	LepStatus (*export_model)(LepEnv *env, void *state, LepModel *model);
} LepSolver;

/* factors of the model this solver makes with these options */
extern int lep_solver_factors(const LepSolver *solver, const LepOptions *options);

/*
 * Set option regularization, unless it was given, to its standard value times
 *
 *	(30 / d) ^ (3/8), in [0.25, 1.25], to four decimals, d = ratings per user and item
 *
 * for solvers whose penalty grows with a row's ratings: the more ratings a row
 * has, the less each of them must pull.  The standard value is the best on
 * validation parts of MovieLens 100K (d = 31); the exponent goes through the
 * best on planted sets of 1 and 10 million ratings (d = 95 and 129).
 *
 * Users and items with one rating count in neither, or one user who rates
 * 100,000 items that nobody else did would decide about everybody: on a planted
 * set of 300,000 ratings the others' RMSE went from 0.789 to 0.824.
 */
extern void lep_solver_adapt_regularization(const LepShape *shape, LepOptions *options);

/* by algorithm; NULL for auto */
extern const LepSolver *lep_solver_get(LepAlgorithm algorithm);

/* The i-th algorithm that auto considers, NULL after the last. */
extern const LepSolver *lep_solver_candidate(int i);

/* What every other must beat for this feedback: reported beside the result. */
extern const LepSolver *lep_solver_reference(LepFeedback feedback);

/* One each, in the file of its name. */
extern const LepSolver lep_solver_baseline;
extern const LepSolver lep_solver_sgd;
extern const LepSolver lep_solver_als;
extern const LepSolver lep_solver_bayes; /* gibbs.c */
extern const LepSolver lep_solver_ials;
extern const LepSolver lep_solver_popular;
extern const LepSolver lep_solver_walk;
extern const LepSolver lep_solver_slim;
extern const LepSolver lep_solver_blend;

#endif /* LEP_SOLVER_H */
