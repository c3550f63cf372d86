/*
 * contest.c
 *		Train on some parts, judge on another; see contest.h.
 */
#include "core/contest.h"

#include <math.h>
#include <string.h>

#include "core/interval.h"
#include "core/view.h"

/* Ratings between two looks at should_stop. */
#define STOP_RATINGS (64 * 1024)

#define SEEN_PARTS (LEP_PARTS_TRAIN | LEP_PARTS_VALIDATION)

/*
 * Seconds for a pair of user and item that AUC compares with all others, by
 * `ALGORITHMS="ials factors=16 epochs=2" bench/run.sh lists auc=1`, column judging.
 */
#define AUC_SECONDS 1.5e-8

unsigned
lep_contest_metrics(LepFeedback feedback)
{
	unsigned all = (1u << LEP_N_METRICS) - 1;

	if (feedback == LEP_FEEDBACK_IMPLICIT)
		all &= ~((1u << LEP_METRIC_RMSE) | (1u << LEP_METRIC_MAE));
	return all;
}

/* From which rating on an item is relevant. */
static LepStatus
find_min_rating(LepEnv *env, const LepRatings *ratings, double relevant, double *min_rating)
{
	LepMoments all;
	LepStatus status;

	*min_rating = -INFINITY;
	if (!isnan(relevant))
		*min_rating = relevant;
	if (!isnan(relevant) || ratings->feedback == LEP_FEEDBACK_IMPLICIT)
		return LEP_OK;
	status = lep_view_moments(env, ratings, LEP_PARTS_ALL | LEP_PARTS_UNUSED, &all);
	*min_rating = all.mean;
	return status;
}

/* Who is known: who has a rating in the train part. */
static LepStatus
map_users(LepEnv *env, const LepRatings *ratings, int32_t *user_of, int64_t *n_known)
{
	*n_known = 0;
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		user_of[u] = -1;
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			if (j % STOP_RATINGS == 0 && lep_env_stopped(env))
				return LEP_ERR_STOPPED;
			if (ratings->part[j] == LEP_PART_TRAIN)
				user_of[u] = u;
		}
		*n_known += user_of[u] >= 0;
	}
	return LEP_OK;
}

LepStatus
lep_contest_begin(LepArena *arena, LepRatings *ratings, const LepContestRules *rules, LepContest *contest)
{
	LepEnv *env = arena->env;
	LepJudging *judging = &contest->judging;
	int32_t *user_of = lep_arena_alloc(arena, ratings->n_users, sizeof(int32_t));
	int32_t *item_of = lep_arena_alloc(arena, ratings->n_items, sizeof(int32_t));
	LepStatus status;

	memset(contest, 0, sizeof(*contest));
	if (user_of == NULL || item_of == NULL)
		return lep_env_failure(env);
	contest->ratings = ratings;
	judging->ratings = ratings;
	judging->n_items = ratings->n_items;
	judging->parts = LEP_PARTS_TEST;
	judging->wanted = rules->wanted;
	judging->k = rules->k;
	judging->item_count = lep_ranking_item_counts(arena, ratings, LEP_PARTS_TRAIN);
	if (judging->item_count == NULL)
		return lep_env_failure(env);
	status = map_users(env, ratings, user_of, &judging->n_count_users);
	for (int32_t i = 0; i < ratings->n_items; i++)
		item_of[i] = judging->item_count[i] > 0 ? i : -1;
	judging->user_of = user_of;
	judging->item_of = item_of;
	if (status == LEP_OK)
		status = find_min_rating(env, ratings, rules->relevant, &judging->min_rating);
	if (status == LEP_OK)
		status = lep_view_by_user(arena, ratings, SEEN_PARTS, &contest->exclude);
	judging->exclude = &contest->exclude;
	return status == LEP_OK ? lep_judge_prepare(arena, judging) : status;
}

LepStatus
lep_contest_enter(LepArena *arena, LepContest *contest, const LepOptions *given, LepTrainResult *trained,
				  LepJudgement *judgement)
{
	LepRatings *ratings = contest->ratings;
	LepStatus status = lep_train_presplit(arena, ratings, given, trained);

	/* what a training would show as predictions */
	if (status == LEP_OK && ratings->feedback == LEP_FEEDBACK_EXPLICIT &&
		trained->options.point == LEP_POINT_MEDIAN && trained->n_validation > 0)
		status =
			lep_levels_measure(arena->env, &trained->model, ratings, LEP_PARTS_VALIDATION, &trained->levels);
	if (status != LEP_OK)
		return status;
	contest->judging.rows_of = &trained->model;
	contest->judging.levels = &trained->levels;
	status = lep_judge_model(arena->env, &contest->judging, &trained->model, judgement);
	contest->judging.rows_of = NULL;
	contest->judging.levels = NULL;
	return status;
}

/* ------------------------------------------------------------------------ costs */

/* Comparing all items, as far as that goes. */
static double
auc_cost(const LepShape *shape, unsigned wanted)
{
	double n_scores = (double) shape->n_users * shape->n_items;

	if ((wanted >> (LEP_METRIC_RANKING + LEP_RANKING_AUC) & 1) == 0)
		return 0;
	return AUC_SECONDS * (n_scores < LEP_JUDGE_AUC_SCORES ? n_scores : LEP_JUDGE_AUC_SCORES);
}

LepStatus
lep_contest_cost(const LepRatings *ratings, const LepOptions *given, const LepShape *shape, unsigned wanted,
				 double *seconds, LepError *error)
{
	double share = LEP_PLAN_VALIDATION_SCORES / ((double) shape->n_users * shape->n_items);
	LepCandidate candidates[LEP_MAX_TRIALS];
	double lists = 0;
	int n;
	LepStatus status = lep_plan_candidates(ratings, given, candidates, &n, error);

	*seconds = 0;
	if (status != LEP_OK)
		return status;
	lep_plan_choose(ratings, candidates, n, true);
	for (int c = 0; c < n; c++)
	{
		const LepCandidate *candidate = &candidates[c];
		double all = lep_plan_judging_cost(shape, candidate, 1);

		if (!candidate->planned)
			continue;
		*seconds += lep_plan_epochs(candidate->solver, &candidate->options) *
					candidate->solver->cost(shape, &candidate->options);
		/* what auto compares them by */
		if (n > 1 && ratings->feedback == LEP_FEEDBACK_IMPLICIT)
			*seconds += lep_plan_judging_cost(shape, candidate, share < 1 ? share : 1);
		lists = all > lists ? all : lists;
	}
	if (wanted >> LEP_METRIC_RANKING != 0)
		*seconds += lists;
	*seconds += auc_cost(shape, wanted);
	return LEP_OK;
}

/* Their lists are read off one order of all items: that costs nothing beside the training. */
double
lep_contest_references_cost(const LepRatings *ratings, const LepShape *shape, unsigned wanted)
{
	const LepSolver *baseline = lep_solver_get(LEP_ALGORITHM_BASELINE);
	LepOptions options;

	if (ratings->feedback == LEP_FEEDBACK_IMPLICIT)
		return auc_cost(shape, wanted);
	lep_options_init(&options);
	return lep_plan_epochs(baseline, &options) * baseline->cost(shape, &options) +
		   2 * auc_cost(shape, wanted);
}

/* ------------------------------------------------------------------- references */

/* The biases alone, clipped to the same scale. */
static LepStatus
judge_baseline(LepArena *arena, LepContest *contest, const LepOptions *given, LepJudgement *judgement)
{
	LepTrainResult trained;
	LepOptions options;
	LepStatus status;

	lep_judge_clear(judgement);
	if (contest->ratings->feedback == LEP_FEEDBACK_IMPLICIT)
		return LEP_OK;
	lep_options_init(&options);
	lep_option_copy(&options, given, lep_option_find("rating_scale"));
	options.algorithm = LEP_ALGORITHM_BASELINE;
	status = lep_train_presplit(arena, contest->ratings, &options, &trained);
	return status == LEP_OK ? lep_judge_model(arena->env, &contest->judging, &trained.model, judgement)
							: status;
}

LepStatus
lep_contest_references(LepArena *arena, LepContest *contest, const LepOptions *given, const LepModel *rows_of,
					   LepComparison *comparison)
{
	LepArena scratch;
	LepStatus status;

	lep_arena_init(&scratch, arena->env);
	contest->judging.rows_of = rows_of;
	status = judge_baseline(&scratch, contest, given, &comparison->baseline);
	if (status == LEP_OK)
		status = lep_judge_popular(arena->env, &contest->judging, &comparison->popular);
	contest->judging.rows_of = NULL;
	lep_arena_drop(&scratch);
	return status;
}
