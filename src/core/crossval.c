/*
 * crossval.c
 *		One fold after the other, each with an arena of its own; see crossval.h.
 */
#include "core/crossval.h"

#include <math.h>

#include "core/pool.h"

static LepStatus
run_fold(LepArena *arena, LepRatings *ratings, const LepOptions *given, const LepContestRules *rules,
		 LepFoldResult *result)
{
	LepContest contest;
	LepTrainResult trained;
	LepStatus status = lep_contest_begin(arena, ratings, rules, &contest);

	if (status == LEP_OK)
		status = lep_contest_enter(arena, &contest, given, &trained, &result->comparison.model);
	if (status == LEP_OK)
		status = lep_contest_references(arena, &contest, given, &trained.model, &result->comparison);
	if (status != LEP_OK)
		return status;
	result->algorithm = trained.algorithm;
	return LEP_OK;
}

LepStatus
lep_crossval(LepArena *arena, LepRatings *ratings, const LepOptions *given, const LepContestRules *rules,
			 int n_folds, LepFoldResult *results)
{
	LepEnv *env = arena->env;
	LepStatus status = lep_pool_start(env);

	for (int f = 0; status == LEP_OK && f < n_folds; f++)
	{
		LepFold fold = { f + 1, n_folds };
		LepArena scratch;

		lep_arena_init(&scratch, env);
		status = lep_split_fold(env, ratings, given, fold);
		if (status == LEP_OK)
			status = run_fold(&scratch, ratings, given, rules, &results[f]);
		lep_arena_drop(&scratch);
	}
	lep_pool_shutdown(env);
	return status;
}

/* The share of the ratings that a fold trains on, in the mean (split.h). */
static double
train_share(const LepOptions *given, int n_folds)
{
	double slice = 1.0 / (n_folds + 1);

	switch ((LepSplit) given->split)
	{
		case LEP_SPLIT_RANDOM:
			return (1 - 1.0 / n_folds) * (1 - given->validation_fraction);
		case LEP_SPLIT_TIME:
			if (given->test_fraction > 0 && given->test_fraction < slice)
				slice = given->test_fraction;
			return (1 - slice * (n_folds + 1) / 2) * (1 - given->validation_fraction);
		case LEP_SPLIT_LEAVE_LAST:
			break;
	}
	return 1;
}

LepStatus
lep_crossval_cost(const LepRatings *ratings, const LepOptions *given, const LepContestRules *rules,
				  int n_folds, double *seconds, LepError *error)
{
	LepShape shape = { ratings->n_users, ratings->n_items, 0, 0, false, false };
	LepStatus status;

	shape.n_ratings = (int64_t) ceil(train_share(given, n_folds) * (double) ratings->n_ratings);
	status = lep_contest_cost(ratings, given, &shape, rules->wanted, seconds, error);
	*seconds += lep_contest_references_cost(ratings, &shape, rules->wanted);
	*seconds *= n_folds;
	return status;
}

/* Mean and standard error of the figures that are numbers. */
static LepFigure
mean_of(const LepFigure *first, int n_folds)
{
	LepFigure mean = { NAN, NAN, 0 };
	double sum = 0;
	double squares = 0;

	for (int f = 0; f < n_folds; f++)
	{
		if (isnan(first[f].value))
			continue;
		mean.n++;
		sum += first[f].value;
	}
	if (mean.n == 0)
		return mean;
	mean.value = sum / (double) mean.n;
	for (int f = 0; f < n_folds; f++)
	{
		double deviation = first[f].value - mean.value;

		squares += isnan(deviation) ? 0 : deviation * deviation;
	}
	if (mean.n > 1)
		mean.std_error = sqrt(squares / (double) (mean.n - 1) / (double) mean.n);
	return mean;
}

void
lep_crossval_mean(const LepFoldResult *results, int n_folds, LepComparison *mean)
{
	LepFigure model[LEP_MAX_FOLDS];
	LepFigure baseline[LEP_MAX_FOLDS];
	LepFigure popular[LEP_MAX_FOLDS];

	for (int metric = 0; metric < LEP_N_METRICS; metric++)
	{
		for (int f = 0; f < n_folds; f++)
		{
			model[f] = results[f].comparison.model.figure[metric];
			baseline[f] = results[f].comparison.baseline.figure[metric];
			popular[f] = results[f].comparison.popular.figure[metric];
		}
		mean->model.figure[metric] = mean_of(model, n_folds);
		mean->baseline.figure[metric] = mean_of(baseline, n_folds);
		mean->popular.figure[metric] = mean_of(popular, n_folds);
	}
}
