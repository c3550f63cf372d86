/*
 * test_blend.c
 *		Factors and neighbours together: the order of a blend against the formula of
 *		blend.h over its parts trained alone, and the race that makes one.
 */
#include "sample.h"

#include "core/blend.h"
#include "core/kernels.h"
#include "core/ranker.h"
#include "core/train.h"

#define N_FACTORS 6

/* A training without anything held out, unless `holds_out`. */
typedef struct Run
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepParts parts;
	LepTrainResult result;
} Run;

static void
run_init(Run *run, const Sample *sample, const char *algorithm, bool holds_out)
{
	LepError *error = &run->env.error;

	unit_env_init(&run->env);
	lep_arena_init(&run->arena, &run->env);
	run->ratings = sample_ratings(&run->arena, sample, LEP_FEEDBACK_IMPLICIT);
	lep_options_init(&run->options);
	CHECK_OK(lep_options_set_text(&run->options, "algorithm", algorithm, error));
	if (holds_out)
		return;
	CHECK_OK(lep_options_set_real(&run->options, "test_fraction", 0, error));
	CHECK_OK(lep_options_set_real(&run->options, "validation_fraction", 0, error));
}

static bool
run_train(Run *run)
{
	return CHECK_OK(lep_train(&run->arena, run->ratings, &run->options, &run->result));
}

static void
run_end(Run *run)
{
	lep_arena_drop(&run->arena);
	unit_env_done(&run->env);
}

/* ials first, then walk: the other way round than by default. */
static void
set_parts(Run *run, double factors, double neighbors)
{
	LepError *error = &run->env.error;

	for (int p = 0; p < 2; p++)
	{
		lep_options_init(&run->parts.part[p]);
		CHECK_OK(lep_options_set_text(&run->parts.part[p], "algorithm", p == 0 ? "ials" : "walk", error));
	}
	CHECK_OK(lep_options_set_int(&run->parts.part[0], "factors", N_FACTORS, error));
	CHECK_OK(lep_options_set_int(&run->parts.part[1], "neighbors", 12, error));
	CHECK_OK(lep_options_set_parts(&run->options, "parts", &run->parts, error));
	CHECK_OK(lep_options_set_pair(&run->options, "weights", factors, neighbors, error));
}

/* A part alone. */
static void
train_part(Run *run, const Sample *sample, const char *algorithm)
{
	run_init(run, sample, algorithm, false);
	if (strcmp(algorithm, "ials") == 0)
		CHECK_OK(lep_options_set_int(&run->options, "factors", N_FACTORS, &run->env.error));
	else
		CHECK_OK(lep_options_set_int(&run->options, "neighbors", 12, &run->env.error));
	(void) run_train(run);
}

/* Scores of a model without its biases, and their norm over all items. */
static double
scores_of(const LepModel *model, int32_t u, double *scores)
{
	double sum = 0;

	for (int32_t i = 0; i < model->n_items; i++)
	{
		scores[i] = (double) lep_model_score(model, u, i) - (double) model->item_bias[i];
		sum += scores[i] * scores[i];
	}
	return sqrt(sum);
}

/* w_f s_f / |s_f| + w_n s_n / |s_n|, times |s_n| / w_n, as blend.h has it. */
static void
check_user(const LepModel *blend, const LepModel *factors, const LepModel *neighbors, int32_t u, double ratio)
{
	double by_factors[256];
	double by_neighbors[256];
	double norm_factors = scores_of(factors, u, by_factors);
	double norm_neighbors = scores_of(neighbors, u, by_neighbors);
	double scale = norm_factors > 0 && norm_neighbors > 0 ? norm_neighbors / norm_factors : 1;

	for (int32_t i = 0; i < blend->n_items; i++)
		CHECK_CLOSE(lep_model_score(blend, u, i), by_neighbors[i] + ratio * scale * by_factors[i],
					2e-6 * (norm_neighbors + 1e-3));
}

static const SamplePlan small = { 120, 60, 0.15, 2, 0.3, 1, 3 };

static void
test_scores_follow_the_formula(void)
{
	Sample sample = sample_planted(&small, 5);
	Run blend;
	Run factors;
	Run neighbors;

	run_init(&blend, &sample, "blend", false);
	set_parts(&blend, 3, 2);
	train_part(&factors, &sample, "ials");
	train_part(&neighbors, &sample, "walk");
	if (run_train(&blend))
	{
		CHECK_INT_EQ(blend.result.model.n_factors, N_FACTORS);
		CHECK_INT_EQ(blend.result.epochs, factors.result.epochs);
		for (int32_t u = 0; u < blend.ratings->n_users; u++)
			check_user(&blend.result.model, &factors.result.model, &neighbors.result.model, u, 1.5);
		/* what it is made of can be given again */
		CHECK(blend.result.options.parts == &blend.result.parts);
		CHECK_INT_EQ(blend.result.parts.part[0].factors, N_FACTORS);
		CHECK_CLOSE(blend.result.parts.part[0].regularization, factors.result.options.regularization, 0);
	}
	run_end(&neighbors);
	run_end(&factors);
	run_end(&blend);
	sample_free(&sample);
}

/* Without a weight a part does not count: with none for neighbours the model has none. */
static void
test_weights_of_zero(void)
{
	Sample sample = sample_planted(&small, 6);
	Run factors;
	Run blend;

	train_part(&factors, &sample, "ials");
	run_init(&blend, &sample, "blend", false);
	set_parts(&blend, 1, 0);
	if (run_train(&blend))
	{
		for (int32_t i = 0; i < blend.ratings->n_items; i++)
			CHECK_CLOSE(lep_model_score(&blend.result.model, 3, i),
						lep_model_score(&factors.result.model, 3, i), 0);
	}
	run_end(&blend);
	run_init(&blend, &sample, "blend", false);
	set_parts(&blend, 0, 1);
	if (run_train(&blend))
	{
		for (int f = 0; f < N_FACTORS; f++)
			CHECK_CLOSE(blend.result.model.user_factors[f], 0, 0);
	}
	run_end(&blend);
	run_end(&factors);
	sample_free(&sample);
}

/* Scores below what is asked may be anything below it; all others are the model's, bit by bit. */
static void
test_ranker_scores_as_the_model(void)
{
	Sample sample = sample_planted(&small, 7);
	int32_t users[2] = { 4, -1 };
	Run blend;
	LepRanker ranker;

	run_init(&blend, &sample, "blend", false);
	set_parts(&blend, 1, 1);
	if (run_train(&blend) && CHECK_OK(lep_ranker_of_model(&blend.arena, &blend.result.model, &ranker)) &&
		CHECK_OK(ranker.prepare(&blend.env, ranker.arg, users, 2)))
	{
		const LepModel *model = &blend.result.model;
		int n_pruned = 0;

		for (int slot = 0; slot < 2; slot++)
		{
			float score[256];

			for (int32_t least = 0; least < model->n_items; least += 7)
			{
				float at_least = lep_model_score(model, users[slot], least);
				LepScoreQuery query = { users[slot], slot, 0, 0, model->n_items, at_least };

				ranker.scores(ranker.arg, &query, score);
				for (int32_t i = 0; i < model->n_items; i++)
				{
					float exact = lep_model_score(model, users[slot], i);

					if (exact >= at_least)
						CHECK_BYTES_EQ(&score[i], &exact, sizeof(float));
					else
						CHECK(score[i] < at_least);
					n_pruned += score[i] == -INFINITY;
				}
			}
		}
		CHECK(n_pruned > 0);
	}
	run_end(&blend);
	sample_free(&sample);
}

/* Somebody with a user's items gets that user's factors. */
static void
test_somebody_new_is_scaled_alike(void)
{
	Sample sample = sample_planted(&small, 8);
	Run blend;

	run_init(&blend, &sample, "blend", false);
	set_parts(&blend, 2, 1);
	if (run_train(&blend))
	{
		const LepModel *model = &blend.result.model;
		LepItems *items = lep_items_create(&blend.arena, model->n_items, model->n_factors, 0,
										   model->item_bias, model->item_factors);
		LepGram *gram = lep_gram_create(&blend.arena, items, model->n_factors);
		LepImplicitRule rule;
		LepOptions part;

		(void) lep_blend_part(&blend.result.options, LEP_BLEND_FACTORS, NULL, &part);
		CHECK_OK(lep_implicit_rule(&blend.env, blend.ratings, LEP_PARTS_ALL, &part, &rule));
		for (int32_t u = 0; u < 20; u++)
		{
			LepBasket basket = lep_neighbors_basket(model->neighbors, u);
			const float *rating = blend.ratings->rating + blend.ratings->user_start[u];
			LepImplicitInput input = { items, basket.rows, rating, basket.n, NULL };
			_Alignas(64) float row[16];
			const float *stored = model->user_factors + (int64_t) u * model->stride;

			CHECK_OK(lep_implicit_fold_in(&blend.env, gram, &rule, &input, row));
			CHECK_OK(lep_blend_row(&blend.env, gram, model->neighbors, &basket,
								   lep_blend_ratio(&blend.result.options), row));
			for (int f = 0; f < N_FACTORS; f++)
				CHECK_CLOSE(row[f], stored[f], 2e-5 * (fabs((double) stored[f]) + 1e-3));
		}
	}
	run_end(&blend);
	sample_free(&sample);
}

/* A norm by the Gram matrix is the norm of the scores. */
static void
test_norm_by_gram(void)
{
	_Alignas(64) float rows[5 * 16] = { 0 };
	_Alignas(64) float row[16] = { 2, -1 };
	LepEnv env;
	LepArena arena;
	LepGram *gram;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	/* items (1, 0), (0, 3), (1, 1), (0, 0), (-1, 2): scores 2, -3, 1, 0, -4, squares 4 + 9 + 1 + 16 = 30 */
	rows[0] = 1;
	rows[17] = 3;
	rows[32] = 1;
	rows[33] = 1;
	rows[64] = -1;
	rows[65] = 2;
	gram = lep_gram_of_rows(&arena, rows, 5, 2);
	if (CHECK(gram != NULL))
		CHECK_CLOSE(lep_gram_norm(gram, row), sqrt(30), 1e-12);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Weights that are chosen, given again without a validation part, make the same model. */
static void
test_chosen_weights_are_kept(void)
{
	SamplePlan plan = { 300, 80, 0.2, 3, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 9);
	Run chosen;
	Run given;

	run_init(&chosen, &sample, "blend", true);
	run_init(&given, &sample, "blend", false);
	if (run_train(&chosen))
	{
		double ratio = lep_blend_ratio(&chosen.result.options);

		CHECK(chosen.result.validation_ndcg.n > 0 && chosen.result.validation_ndcg.value > 0);
		CHECK(ratio >= 1.0 / 32 && ratio <= 32);
		CHECK(chosen.result.refitted);
		CHECK_OK(lep_options_set_pair(&given.options, "weights", chosen.result.options.weights[0],
									  chosen.result.options.weights[1], &given.env.error));
		if (run_train(&given))
			CHECK_BYTES_EQ(given.result.model.user_factors, chosen.result.model.user_factors,
						   (size_t) given.result.model.n_users * (size_t) given.result.model.stride *
							   sizeof(float));
	}
	run_end(&given);
	run_end(&chosen);
	sample_free(&sample);
}

/* All that ran are compared, the best is chosen, and the blend is of the best of either kind. */
static void
test_race(void)
{
	SamplePlan plan = { 300, 80, 0.2, 3, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 10);
	Run run;

	run_init(&run, &sample, "auto", true);
	if (run_train(&run))
	{
		const LepTrainResult *result = &run.result;
		const LepTrial *best[2] = { NULL, NULL };
		int n_chosen = 0;

		for (int t = 0; t < result->n_trials; t++)
		{
			const LepTrial *trial = &result->trials[t];
			bool by_neighbors =
				trial->algorithm == LEP_ALGORITHM_WALK || trial->algorithm == LEP_ALGORITHM_SLIM;

			CHECK(trial->ran && trial->validation_ndcg.n > 100);
			CHECK_INT_EQ(trial->validation_ndcg.n, result->trials[0].validation_ndcg.n);
			CHECK(trial->validation_ndcg.value <= result->validation_ndcg.value);
			n_chosen += trial->chosen;
			if (trial->chosen)
				CHECK_CLOSE(trial->validation_ndcg.value, result->validation_ndcg.value, 0);
			if ((by_neighbors || trial->algorithm == LEP_ALGORITHM_IALS) &&
				(best[by_neighbors] == NULL ||
				 trial->validation_ndcg.value > best[by_neighbors]->validation_ndcg.value))
				best[by_neighbors] = trial;
			if (trial->algorithm != LEP_ALGORITHM_BLEND)
				continue;
			CHECK_INT_EQ(trial->options.parts->part[0].algorithm, best[1]->algorithm);
			CHECK_CLOSE(trial->options.parts->part[0].regularization, best[1]->options.regularization, 0);
			CHECK_CLOSE(trial->options.parts->part[1].unobserved_weight, best[0]->options.unobserved_weight,
						0);
			CHECK_INT_EQ(trial->options.parts->part[1].factors, best[0]->options.factors);
		}
		CHECK_INT_EQ(n_chosen, 1);
		CHECK(result->ranking.n_users > 0 && result->n_validation > 0);
	}
	run_end(&run);
	sample_free(&sample);
}

/* In a race all hold a validation part out and are judged on it: each costs something else than alone. */
static void
test_race_costs_its_judging(void)
{
	SamplePlan plan = { 300, 80, 0.2, 3, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 11);
	LepCandidate candidates[LEP_MAX_TRIALS];
	int n_more = 0;
	int n;
	Run run;

	run_init(&run, &sample, "auto", true);
	CHECK_OK(lep_plan_candidates(run.ratings, &run.options, candidates, &n, &run.env.error));
	for (int c = 0; c < n; c++)
	{
		LepCandidate alone;

		if (candidates[c].basis != LEP_PLAN_STANDARD)
			continue;
		CHECK_OK(lep_plan_candidate(run.ratings, &run.options, candidates[c].solver, &alone, &run.env.error));
		if (alone.validates)
			continue;
		CHECK(candidates[c].cost != alone.cost, "%g and %g", candidates[c].cost, alone.cost);
		n_more++;
	}
	CHECK(n_more > 0);
	run_end(&run);
	sample_free(&sample);
}

/* What is planned keeps within time_limit, the standard ones before the others. */
static void
test_race_keeps_to_its_time(void)
{
	SamplePlan plan = { 300, 80, 0.2, 3, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 11);
	LepCandidate candidates[LEP_MAX_TRIALS];
	double all;
	int n_before = 0;
	int n;
	Run run;

	run_init(&run, &sample, "auto", true);
	all = lep_plan_cost(run.ratings, &run.options);
	for (double share = 0.05; share < 1; share += 0.05)
	{
		double fits = 0;
		double refit = 0;
		int n_planned = 0;

		CHECK_OK(lep_options_set_real(&run.options, "time_limit", all * share, &run.env.error));
		CHECK_OK(lep_plan_candidates(run.ratings, &run.options, candidates, &n, &run.env.error));
		lep_plan_choose(run.ratings, candidates, n, true);
		for (int c = 0; c < n; c++)
		{
			if (!candidates[c].planned || candidates[c].reason == LEP_PLAN_CHEAPEST)
				continue;
			n_planned++;
			fits += candidates[c].cost - candidates[c].refit_cost;
			refit = fmax(refit, candidates[c].refit_cost);
		}
		CHECK(fits + refit <= all * share * (1 + 1e-12), "%g of %g", fits + refit, all * share);
		/* more time, more candidates; all of them with all of it */
		CHECK(n_planned >= n_before);
		n_before = n_planned;
	}
	run_end(&run);
	sample_free(&sample);
}

/* How often a blend with these weights asks whether to stop. */
static int64_t
count_questions(const Sample *sample, double factors, double neighbors)
{
	UnitStopper stopper = { 0, INT64_MAX };
	Run run;

	run_init(&run, sample, "blend", false);
	set_parts(&run, factors, neighbors);
	CHECK_OK(lep_options_set_int(&run.parts.part[1], "max_user_items", 2, &run.env.error));
	run.env.host = &stopper;
	run.env.should_stop = unit_stop_after;
	(void) run_train(&run);
	run_end(&run);
	return stopper.n_asked;
}

/*
 * Norms are taken in tasks of so many items, not users: of few users who have much
 * there is more than one, beside 16 for the Gram matrix.  Without neighbours there
 * are no norms.
 */
static void
test_norms_ask_between_baskets(void)
{
	enum
	{
		N_USERS = 16,
		N_ITEMS = 4000
	};
	Sample sample = { malloc(sizeof(SampleRow) * N_USERS * N_ITEMS), 0 };
	int64_t more;

	for (int u = 0; u < N_USERS; u++)
	{
		for (int i = 0; i < N_ITEMS; i++)
			sample.rows[sample.n++] = (SampleRow){ u, i, 1 };
	}
	more = count_questions(&sample, 1, 1) - count_questions(&sample, 1, 0);
	CHECK(more > sample.n / 4096 + N_ITEMS / 256, "%d more questions", (int) more);
	sample_free(&sample);
}

static void
test_parts_that_make_no_blend(void)
{
	static const struct
	{
		const char *first;
		const char *second;
		const char *option; /* of the first */
		LepStatus status;
		int wrong; /* which part; 0: both together */
	} cases[] = {
		{ "walk", "ials", NULL, LEP_OK, 0 },
		{ "ials", "slim", NULL, LEP_OK, 0 },
		{ "ials", "ials", NULL, LEP_ERR_OPTION_PARTS, 0 },
		{ "walk", "slim", NULL, LEP_ERR_OPTION_PARTS, 0 },
		{ "sgd", "ials", NULL, LEP_ERR_OPTION_PARTS, 1 },
		{ "ials", "sgd", NULL, LEP_ERR_OPTION_PARTS, 2 },
		{ "blend", "ials", NULL, LEP_ERR_OPTION_PARTS, 1 },
		{ "auto", "ials", NULL, LEP_ERR_OPTION_PARTS, 1 },
		{ "walk", "ials", "seed", LEP_ERR_OPTION_PARTS, 1 },
		{ "walk", "ials", "factors", LEP_ERR_OPTION_ALGORITHM, 0 },
		{ "walk", "ials", "neighbors", LEP_OK, 0 },
	};

	for (int c = 0; c < (int) (sizeof(cases) / sizeof(cases[0])); c++)
	{
		LepOptions options;
		LepParts parts;
		LepError error;

		lep_options_init(&options);
		lep_options_init(&parts.part[0]);
		lep_options_init(&parts.part[1]);
		CHECK_OK(lep_options_set_text(&parts.part[0], "algorithm", cases[c].first, &error));
		CHECK_OK(lep_options_set_text(&parts.part[1], "algorithm", cases[c].second, &error));
		if (cases[c].option != NULL)
			CHECK_OK(lep_options_set_int(&parts.part[0], cases[c].option, 7, &error));
		CHECK_STATUS(lep_options_set_parts(&options, "parts", &parts, &error), cases[c].status);
		if (cases[c].status == LEP_ERR_OPTION_PARTS)
			CHECK_CLOSE(error.value, cases[c].wrong, 0);
		CHECK((options.parts == &parts) == (cases[c].status == LEP_OK));
	}
}

/* Options of a training as those of a part: its algorithm's own, and none of all trainings. */
static void
test_options_as_a_part(void)
{
	LepOptions given;
	LepOptions resolved;
	LepOptions part;
	LepParts parts;
	LepError error;

	lep_options_init(&given);
	CHECK_OK(lep_options_set_text(&given, "algorithm", "ials", &error));
	CHECK_OK(lep_options_set_int(&given, "factors", 7, &error));
	CHECK_OK(lep_options_set_int(&given, "seed", 11, &error));
	CHECK_OK(lep_options_resolve(&given, LEP_ALGORITHM_IALS, &resolved, &error));
	lep_options_to_part(&resolved, &part);
	CHECK_INT_EQ(part.algorithm, LEP_ALGORITHM_IALS);
	CHECK_INT_EQ(part.factors, 7);
	CHECK(lep_option_given(&part, lep_option_find("factors")));
	CHECK(!lep_option_given(&part, lep_option_find("seed")));
	parts.part[0] = part;
	lep_options_init(&parts.part[1]);
	CHECK_OK(lep_options_set_text(&parts.part[1], "algorithm", "walk", &error));
	CHECK_OK(lep_options_set_parts(&given, "parts", &parts, &error));
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_options_as_a_part);
	TEST(test_norm_by_gram);
	TEST(test_scores_follow_the_formula);
	TEST(test_weights_of_zero);
	TEST(test_ranker_scores_as_the_model);
	TEST(test_somebody_new_is_scaled_alike);
	TEST(test_chosen_weights_are_kept);
	TEST(test_race);
	TEST(test_race_costs_its_judging);
	TEST(test_race_keeps_to_its_time);
	TEST(test_norms_ask_between_baskets);
	TEST(test_parts_that_make_no_blend);
	return unit_done();
}
