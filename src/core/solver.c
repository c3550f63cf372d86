/*
 * solver.c
 *		The table of algorithms.
 */
#include "core/solver.h"

#include <math.h>
#include <stddef.h>

#include "core/rng.h"

static const LepSolver *const solvers[LEP_N_ALGORITHMS] = {
	[LEP_ALGORITHM_AUTO] = NULL,
	[LEP_ALGORITHM_BASELINE] = &lep_solver_baseline,
	[LEP_ALGORITHM_SGD] = &lep_solver_sgd,
	[LEP_ALGORITHM_ALS] = &lep_solver_als,
	[LEP_ALGORITHM_BAYES] = &lep_solver_bayes,
	[LEP_ALGORITHM_IALS] = &lep_solver_ials,
	[LEP_ALGORITHM_POPULAR] = &lep_solver_popular,
	[LEP_ALGORITHM_WALK] = &lep_solver_walk,
	[LEP_ALGORITHM_SLIM] = &lep_solver_slim,
	[LEP_ALGORITHM_BLEND] = &lep_solver_blend,
};

/*
 * By accuracy; of equals the first is taken: the fastest per factor.  For implicit
 * feedback, where it depends, slim and ials are good everywhere.
 */
static const LepSolver *const candidates[] = {
	&lep_solver_bayes, &lep_solver_sgd,	 &lep_solver_als,	  &lep_solver_baseline, &lep_solver_slim,
	&lep_solver_ials,  &lep_solver_walk, &lep_solver_popular, &lep_solver_blend,	NULL,
};

const LepSolver *
lep_solver_get(LepAlgorithm algorithm)
{
	return (int) algorithm >= 0 && algorithm < LEP_N_ALGORITHMS ? solvers[algorithm] : NULL;
}

int
lep_solver_factors(const LepSolver *solver, const LepOptions *options)
{
	int row = lep_option_find("factors");

	/* those of a part are set by adapt() */
	return lep_option_applies(row, solver->algorithm) || solver == &lep_solver_blend ? (int) options->factors
																					 : 0;
}

void
lep_solver_adapt_regularization(const LepShape *shape, LepOptions *options)
{
	double n_ids = (double) shape->n_users + (double) shape->n_items - (double) shape->n_lone;
	double d = (double) (shape->n_ratings - shape->n_lone) / n_ids;
	double factor = n_ids > 0 && d > 0 ? lep_exp(0.375 * (lep_log(30.0) - lep_log(d))) : HUGE_VAL;

	if (lep_option_given(options, lep_option_find("regularization")))
		return;
	factor = factor < 0.25 ? 0.25 : factor > 1.25 ? 1.25 : factor;
	options->regularization = floor(options->regularization * factor * 1e4 + 0.5) / 1e4;
}

const LepSolver *
lep_solver_candidate(int i)
{
	return candidates[i];
}

const LepSolver *
lep_solver_reference(LepFeedback feedback)
{
	return feedback == LEP_FEEDBACK_IMPLICIT ? &lep_solver_popular : &lep_solver_baseline;
}
