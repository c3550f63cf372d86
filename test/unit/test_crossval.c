/*
 * test_crossval.c
 *		Judging: what is excluded and what is known, by hand.  Folds: each against
 *		its training and its errors, done here one after the other.
 */
#include "core/crossval.h"
#include "core/interval.h"
#include "sample.h"

static LepRatings *
build(LepArena *arena, const SampleRow *rows, int64_t n, LepFeedback feedback)
{
	Sample sample = { (SampleRow *) (uintptr_t) rows, n };

	return sample_ratings(arena, &sample, feedback);
}

/*
 * Users 1 and 2 of the ratings; items 10, 20, 30 are numbers 1, not known and 4 of
 * the model.  User 1 rated 10, 20 and 30 and has seen 0, 1, 3, 4 and 5: 1 and 4
 * overlap.  User 2 rated 20 and has seen 2.
 */
static void
test_excludes_what_was_seen(void)
{
	static const SampleRow rows[] = { { 1, 10, 5 }, { 1, 20, 1 }, { 1, 30, 3 }, { 2, 20, 4 } };
	int32_t item_of[] = { 1, -1, 4 };
	int32_t first[] = { 0, 1, 3, 4, 5 };
	int32_t second[] = { 2 };
	int32_t *items[] = { first, second };
	int64_t n[] = { 5, 1 };
	LepSeen seen = { items, n };
	LepEnv env;
	LepArena arena;
	LepView view;
	int64_t n_overlap;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	CHECK_OK(lep_judge_exclude(&arena, build(&arena, rows, 4, LEP_FEEDBACK_EXPLICIT), item_of, &seen, &view,
							   &n_overlap));
	CHECK_INT_EQ(n_overlap, 2);
	CHECK_INT_EQ(view.n_rows, 2);
	CHECK_BYTES_EQ(view.start, ((int64_t[]){ 0, 3, 4 }), 3 * sizeof(int64_t));
	CHECK_BYTES_EQ(view.column, ((int32_t[]){ 0, 3, 5, 2 }), 4 * sizeof(int32_t));

	items[0] = NULL;
	n[0] = 0;
	CHECK_OK(lep_judge_exclude(&arena, build(&arena, rows, 4, LEP_FEEDBACK_EXPLICIT), item_of, &seen, &view,
							   &n_overlap));
	CHECK_INT_EQ(n_overlap, 0);
	CHECK_INT_EQ(view.n, 1);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_names_of_metrics(void)
{
	CHECK_INT_EQ(lep_metric_find("rmse"), LEP_METRIC_RMSE);
	CHECK_INT_EQ(lep_metric_find("ndcg"), LEP_METRIC_RANKING + LEP_RANKING_NDCG);
	CHECK_INT_EQ(lep_metric_find("gini"), LEP_N_METRICS - 1);
	CHECK_INT_EQ(lep_metric_find("nothing"), -1);
	for (int metric = 0; metric < LEP_N_METRICS; metric++)
		CHECK_INT_EQ(lep_metric_find(lep_metric_name(metric)), metric);
	CHECK(lep_metric_falls(LEP_METRIC_MAE) && !lep_metric_falls(LEP_METRIC_RANKING + LEP_RANKING_AUC));
}

/*
 * Items 1 to 4; user 1 trains on 1 and 2, user 2 on 1, user 3 on 1, 2 and 3, and
 * user 4 has item 4 in the validation part only, so that neither is known.  Tested:
 * user 1 on item 3, user 2 on item 4, user 4 on item 1.  By popularity, 1 (3 users),
 * 2 (2), 3 (1), 4 (0), with two places:
 *		user 1: 3, 4		hit in place 1
 *		user 2: 2, 3		nothing, her item is none that a list could have
 *		user 4: 1, 2		hit in place 1
 * precision (1/2 + 0 + 1/2) / 3 = 1/3, recall (1 + 0 + 1) / 3 = 2/3; known pairs:
 * one of three.
 */
static void
test_judges_popularity(void)
{
	static const SampleRow rows[] = { { 1, 1, 1 }, { 1, 2, 1 }, { 1, 3, 1 }, { 2, 1, 1 }, { 2, 4, 1 },
									  { 3, 1, 1 }, { 3, 2, 1 }, { 3, 3, 1 }, { 4, 1, 1 }, { 4, 4, 1 } };
	static const uint8_t parts[] = { 0, 0, 2, 0, 2, 0, 0, 0, 2, 1 };
	LepContestRules rules = { lep_contest_metrics(LEP_FEEDBACK_IMPLICIT), 2, NAN };
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepContest contest;
	LepOptions options;
	LepTrainResult trained;
	LepComparison comparison;
	const LepFigure *figure = comparison.model.figure;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = build(&arena, rows, 10, LEP_FEEDBACK_IMPLICIT);
	memcpy(ratings->part, parts, sizeof(parts));
	lep_options_init(&options);
	options.algorithm = LEP_ALGORITHM_POPULAR;
	CHECK_OK(lep_contest_begin(&arena, ratings, &rules, &contest));
	CHECK_OK(lep_contest_enter(&arena, &contest, &options, &trained, &comparison.model));
	CHECK_OK(lep_contest_references(&arena, &contest, &options, &trained.model, &comparison));
	CHECK_INT_EQ(trained.algorithm, LEP_ALGORITHM_POPULAR);
	CHECK_INT_EQ(trained.n_train, 6);
	CHECK_INT_EQ(trained.n_validation, 1);
	CHECK_INT_EQ(trained.n_test, 3);
	CHECK_CLOSE(figure[LEP_METRIC_RANKING + LEP_RANKING_PRECISION].value, 1 / 3.0, 1e-12);
	CHECK_CLOSE(figure[LEP_METRIC_RANKING + LEP_RANKING_RECALL].value, 2 / 3.0, 1e-12);
	CHECK_CLOSE(figure[LEP_METRIC_RANKING + LEP_RANKING_MRR].value, 2 / 3.0, 1e-12);
	CHECK_CLOSE(figure[LEP_METRIC_KNOWN].value, 1 / 3.0, 1e-12);
	CHECK(isnan(figure[LEP_METRIC_RMSE].value) && isnan(comparison.baseline.figure[LEP_METRIC_RMSE].value));
	for (int metric = LEP_METRIC_RANKING; metric < LEP_N_METRICS; metric++)
		CHECK_BYTES_EQ(&figure[metric], &comparison.popular.figure[metric], sizeof(LepFigure));
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Whole ratings, and a model that says medians: those are judged, and without the factors none. */
static void
test_judges_medians(void)
{
	SamplePlan plan = { 150, 60, 0.6, 2, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 3);
	LepContestRules rules = { lep_contest_metrics(LEP_FEEDBACK_EXPLICIT), 5, NAN };
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepContest contest;
	LepTrainResult trained;
	LepComparison comparison;
	LepErrorMetrics means;
	LepErrorMetrics biases;
	double absolute = 0;
	double squared = 0;
	int64_t n = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	for (int64_t r = 0; r < sample.n; r++)
		sample.rows[r].rating = floor(sample.rows[r].rating);
	ratings = sample_ratings(&arena, &sample, LEP_FEEDBACK_EXPLICIT);
	lep_options_init(&options);
	CHECK_OK(lep_options_set_text(&options, "algorithm", "als", &env.error));
	CHECK_OK(lep_options_set_int(&options, "factors", 2, &env.error));
	CHECK_OK(lep_options_set_text(&options, "point", "median", &env.error));
	CHECK_OK(lep_split(&env, ratings, &options));
	CHECK_OK(lep_contest_begin(&arena, ratings, &rules, &contest));
	CHECK_OK(lep_contest_enter(&arena, &contest, &options, &trained, &comparison.model));
	CHECK(trained.levels.n > 3);
	for (int32_t u = 0; u < ratings->n_users; u++)
	{
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			float score = lep_clip(lep_model_score(&trained.model, u, ratings->item[j]),
								   trained.model.min_score, trained.model.max_score);
			double error = (double) lep_median(&trained.levels, score) - (double) ratings->rating[j];

			if (ratings->part[j] != LEP_PART_TEST)
				continue;
			absolute += fabs(error);
			squared += error * error;
			n++;
		}
	}
	CHECK_CLOSE(comparison.model.figure[LEP_METRIC_MAE].value, absolute / (double) n, 1e-12);
	CHECK_CLOSE(comparison.model.figure[LEP_METRIC_RMSE].value, sqrt(squared / (double) n), 1e-12);
	CHECK_OK(lep_metrics_errors(&env, &trained.model, ratings, LEP_PARTS_TEST, &means));
	CHECK(absolute / (double) n < means.mae, "%g %g", absolute / (double) n, means.mae);
	CHECK_OK(lep_contest_references(&arena, &contest, &options, NULL, &comparison));
	lep_options_init(&options);
	options.algorithm = LEP_ALGORITHM_BASELINE;
	CHECK_OK(lep_train_presplit(&arena, ratings, &options, &trained));
	CHECK_OK(lep_metrics_errors(&env, &trained.model, ratings, LEP_PARTS_TEST, &biases));
	CHECK_CLOSE(comparison.baseline.figure[LEP_METRIC_MAE].value, biases.mae, 1e-12);
	lep_arena_drop(&arena);
	sample_free(&sample);
	unit_env_done(&env);
}

/*
 * The biases' cost grows with their ratings: of F random folds each trains on
 * (F - 1) / F of them, F of leave_last on nearly all, and slices of time leave
 * 1 - f / (F + 1) to fold f.  Half of it is the biases as what is compared with.
 */
static void
test_plans_what_folds_cost(void)
{
	SamplePlan plan = { 300, 200, 0.5, 1, 0.2, 1, 3 };
	Sample sample = sample_planted(&plan, 3);
	LepContestRules rules = { 1u << LEP_METRIC_RMSE, 5, NAN };
	static const char *const splits[] = { "random", "leave_last", "time" };
	/* F (F - 1) / F; F; sum over f of 1 - f / (F + 1); for F = 2, 4 */
	static const double trained[3][2] = { { 1, 3 }, { 2, 4 }, { 1, 2 } };
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = sample_ratings(&arena, &sample, LEP_FEEDBACK_EXPLICIT);
	for (int s = 0; s < 3; s++)
	{
		LepOptions options;
		LepShape all = { ratings->n_users, ratings->n_items, ratings->n_ratings, 0, false, false };
		double whole;
		double seconds;

		lep_options_init(&options);
		options.algorithm = LEP_ALGORITHM_BASELINE;
		CHECK_OK(lep_options_set_text(&options, "split", splits[s], &env.error));
		options.validation_fraction = 0;
		options.test_fraction = 0.5;
		whole = 2 * lep_solver_get(LEP_ALGORITHM_BASELINE)->cost(&all, &options);
		for (int f = 0; f < 2; f++)
		{
			CHECK_OK(lep_crossval_cost(ratings, &options, &rules, f == 0 ? 2 : 4, &seconds, &env.error));
			CHECK_CLOSE(seconds, whole * trained[s][f], 0.001 * whole);
		}
	}
	lep_arena_drop(&arena);
	sample_free(&sample);
	unit_env_done(&env);
}

/* Every fold is what training on it and judging it gives; the mean is the mean. */
static void
test_folds_are_trainings(void)
{
	SamplePlan plan = { 80, 60, 0.6, 2, 0.2, 1, 3 };
	Sample sample = sample_planted(&plan, 3);
	LepContestRules rules = { lep_contest_metrics(LEP_FEEDBACK_EXPLICIT), 5, NAN };
	LepFoldResult results[3];
	LepFoldResult again[3];
	LepComparison mean;
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	double rmse[3];
	double sum = 0;
	int64_t n = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = sample_ratings(&arena, &sample, LEP_FEEDBACK_EXPLICIT);
	lep_options_init(&options);
	CHECK_OK(lep_options_set_text(&options, "algorithm", "als", &env.error));
	CHECK_OK(lep_options_set_int(&options, "factors", 2, &env.error));
	CHECK_OK(lep_crossval(&arena, ratings, &options, &rules, 3, results));
	for (int f = 0; f < 3; f++)
	{
		LepTrainResult trained;
		LepErrorMetrics errors;

		CHECK_OK(lep_split_fold(&env, ratings, &options, (LepFold){ f + 1, 3 }));
		CHECK_OK(lep_train_presplit(&arena, ratings, &options, &trained));
		CHECK(!trained.refitted);
		CHECK_OK(lep_metrics_errors(&env, &trained.model, ratings, LEP_PARTS_TEST, &errors));
		rmse[f] = errors.rmse;
		sum += errors.rmse;
		n += errors.n;
		CHECK_BYTES_EQ(&results[f].comparison.model.figure[LEP_METRIC_RMSE].value, &errors.rmse,
					   sizeof(double));
		CHECK_INT_EQ(results[f].comparison.model.figure[LEP_METRIC_RMSE].n, errors.n);
		CHECK(errors.rmse < results[f].comparison.baseline.figure[LEP_METRIC_RMSE].value / 2);
	}
	CHECK_INT_EQ(n, ratings->n_ratings);
	lep_crossval_mean(results, 3, &mean);
	CHECK_CLOSE(mean.model.figure[LEP_METRIC_RMSE].value, sum / 3, 1e-12);
	CHECK_INT_EQ(mean.model.figure[LEP_METRIC_RMSE].n, 3);
	/* sd / sqrt(3), by pairs: sum over pairs of squared differences is 3 (n - 1) variances */
	CHECK_CLOSE(mean.model.figure[LEP_METRIC_RMSE].std_error,
				sqrt(((rmse[0] - rmse[1]) * (rmse[0] - rmse[1]) + (rmse[0] - rmse[2]) * (rmse[0] - rmse[2]) +
					  (rmse[1] - rmse[2]) * (rmse[1] - rmse[2])) /
					 6 / 3),
				1e-12);
	CHECK(isnan(mean.popular.figure[LEP_METRIC_RMSE].value));
	/* three threads: the same bits */
	env.n_threads = 3;
	CHECK_OK(lep_crossval(&arena, ratings, &options, &rules, 3, again));
	for (int f = 0; f < 3; f++)
		CHECK_BYTES_EQ(&results[f].comparison, &again[f].comparison, sizeof(LepComparison));
	sample_free(&sample);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Where all items for all users would be too many, the AUC is of some users; all else is as it was. */
static void
test_draws_users_for_auc(void)
{
	SamplePlan plan = { 400, 60, 0.6, 2, 0.2, 1, 3 };
	Sample sample = sample_planted(&plan, 4);
	LepContestRules rules = { lep_contest_metrics(LEP_FEEDBACK_EXPLICIT), 5, NAN };
	const int auc = LEP_METRIC_RANKING + LEP_RANKING_AUC;
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepContest contest;
	LepTrainResult trained;
	LepJudgement all;
	LepJudgement some;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = sample_ratings(&arena, &sample, LEP_FEEDBACK_EXPLICIT);
	lep_options_init(&options);
	options.algorithm = LEP_ALGORITHM_BASELINE;
	CHECK_OK(lep_split_fold(&env, ratings, &options, (LepFold){ 1, 3 }));
	CHECK_OK(lep_contest_begin(&arena, ratings, &rules, &contest));
	CHECK_OK(lep_contest_enter(&arena, &contest, &options, &trained, &all));
	/* a quarter of 400 users */
	contest.judging.max_auc_scores = 100.0 * 60;
	CHECK_OK(lep_judge_prepare(&arena, &contest.judging));
	CHECK_OK(lep_judge_model(&env, &contest.judging, &trained.model, &some));
	CHECK_CLOSE(all.figure[auc].n, 400, 5);
	CHECK_CLOSE(some.figure[auc].n, 100, 4 * sqrt(400 * 3 / 16.0));
	CHECK_CLOSE(some.figure[auc].value, all.figure[auc].value, 4 * some.figure[auc].std_error);
	CHECK_CLOSE(some.figure[auc].std_error, 2 * all.figure[auc].std_error, 0.5 * all.figure[auc].std_error);
	some.figure[auc] = all.figure[auc];
	CHECK_BYTES_EQ(&some, &all, sizeof(LepJudgement));
	sample_free(&sample);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

int
main(void)
{
	TEST(test_excludes_what_was_seen);
	TEST(test_names_of_metrics);
	TEST(test_judges_popularity);
	TEST(test_judges_medians);
	TEST(test_plans_what_folds_cost);
	TEST(test_folds_are_trainings);
	TEST(test_draws_users_for_auc);
	return unit_done();
}
