/*
 * race.c
 *		Judging and following in a race of algorithms; see race.h.
 */
#include "core/race.h"

#include "core/blend.h"

LepStatus
lep_race_judge(LepEnv *env, const LepRatings *ratings, const LepModel *model, LepFigure *ndcg)
{
	LepRankingSplit split = { ratings,	   LEP_PARTS_TRAIN,		   LEP_PARTS_VALIDATION,
							  LEP_TRAIN_K, 1u << LEP_RANKING_NDCG, LEP_PLAN_VALIDATION_SCORES };
	LepRankingMetrics metrics;
	LepStatus status = lep_ranking_measure_split(env, model, &split, &metrics);

	*ndcg = metrics.figure[LEP_RANKING_NDCG];
	return status;
}

/* What adapt() is told of the ratings. */
static LepShape
shape_of(const LepRatings *ratings)
{
	LepShape shape = {
		ratings->n_users, ratings->n_items, ratings->n_ratings, ratings->n_lone, false, false
	};

	return shape;
}

/* What may be asked of a trial. */
typedef bool (*TrialFilter)(const LepTrial *trial, const LepSolver *solver);

static bool
is_of_solver(const LepTrial *trial, const LepSolver *solver)
{
	return trial->algorithm == solver->algorithm;
}

static bool
has_neighbors(const LepTrial *trial, const LepSolver *solver)
{
	(void) solver;
	return lep_solver_get(trial->algorithm)->neighbors != NULL;
}

static bool
has_factors(const LepTrial *trial, const LepSolver *solver)
{
	(void) solver;
	return lep_solver_factors(lep_solver_get(trial->algorithm), &trial->options) > 0;
}

/* The options of the best so far of some trials; NULL: none has run. */
static const LepOptions *
best_options(const LepTrainResult *result, TrialFilter filter, const LepSolver *solver)
{
	const LepTrial *best = NULL;

	for (int t = 0; t < result->n_trials; t++)
	{
		const LepTrial *trial = &result->trials[t];

		if (trial->ran && filter(trial, solver) &&
			(best == NULL || trial->validation_ndcg.value > best->validation_ndcg.value))
			best = trial;
	}
	return best == NULL ? NULL : &best->options;
}

/* The best of either kind become the parts. */
static bool
follow_both(const LepRatings *ratings, LepTrainResult *result, LepCandidate *candidate)
{
	const LepOptions *neighbors = best_options(result, has_neighbors, NULL);
	const LepOptions *factors = best_options(result, has_factors, NULL);
	LepShape shape = shape_of(ratings);

	if (neighbors == NULL || factors == NULL)
		return false;
	lep_options_to_part(neighbors, &result->parts.part[0]);
	lep_options_to_part(factors, &result->parts.part[1]);
	candidate->options.parts = &result->parts;
	candidate->solver->adapt(&shape, &candidate->options);
	return true;
}

bool
lep_race_follow(const LepRatings *ratings, LepTrainResult *result, LepCandidate *candidate)
{
	const LepOptions *basis;

	if (candidate->basis == LEP_PLAN_BLENDED)
		return follow_both(ratings, result, candidate);
	if (candidate->basis != LEP_PLAN_GROWN)
		return true;
	basis = best_options(result, is_of_solver, candidate->solver);
	if (basis == NULL)
		return false;
	candidate->options = *basis;
	return candidate->solver->grow(&candidate->options);
}

void
lep_race_keep_parts(const LepRatings *ratings, LepTrainResult *result)
{
	LepShape shape = shape_of(ratings);
	LepParts parts;

	lep_blend_resolve(&result->options, &shape, &parts);
	result->parts = parts;
	result->options.parts = &result->parts;
	for (int t = 0; t < result->n_trials; t++)
	{
		if (result->trials[t].chosen)
			result->trials[t].options.parts = &result->parts;
	}
}
