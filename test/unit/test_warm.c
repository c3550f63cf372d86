/*
 * test_warm.c
 *		Option warm_start: the refit begins where the fit has ended, after the test.
 */
#include <math.h>
#include <string.h>

#include "core/plan.h"
#include "core/train.h"
#include "sample.h"
#include "unit.h"

/* One training of the planted sample, and what was reported of it. */
typedef struct Case
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepTrainResult result;
	int n_refit; /* epochs */
} Case;

static const SamplePlan plan = { 360, 240, 0.3, 2, 0.3, 1, 3 };

static void
count_refit(void *host, const LepProgress *progress)
{
	Case *c = host;

	c->n_refit += progress->phase == LEP_PHASE_REFIT && progress->epoch > 0;
}

static void
case_train(Case *c, const char *algorithm, LepFeedback feedback, int epochs, bool is_warm)
{
	Sample sample = sample_planted(&plan, 21);
	LepOptions options;

	memset(c, 0, sizeof(*c));
	unit_env_init(&c->env);
	lep_arena_init(&c->arena, &c->env);
	c->env.progress_host = c;
	c->env.progress = count_refit;
	c->ratings = sample_ratings(&c->arena, &sample, feedback);
	lep_options_init(&options);
	CHECK_OK(lep_options_set_text(&options, "algorithm", algorithm, &c->env.error));
	CHECK_OK(lep_options_set_bool(&options, "warm_start", is_warm, &c->env.error));
	if (epochs > 0)
		CHECK_OK(lep_options_set_int(&options, "epochs", epochs, &c->env.error));
	c->env.bytes_peak = c->env.bytes_now;
	CHECK_OK(lep_train(&c->arena, c->ratings, &options, &c->result));
	CHECK(c->result.refitted);
	sample_free(&sample);
}

static void
case_end(Case *c)
{
	lep_arena_drop(&c->arena);
	unit_env_done(&c->env);
}

/* Of all ratings, by a loop of our own. */
static double
rmse_of(const Case *c)
{
	double sum = 0;

	for (int32_t u = 0; u < c->ratings->n_users; u++)
	{
		for (int64_t j = c->ratings->user_start[u]; j < c->ratings->user_start[u + 1]; j++)
		{
			double error = (double) lep_model_score(&c->result.model, u, c->ratings->item[j]) -
						   (double) c->ratings->rating[j];

			sum += error * error;
		}
	}
	return sqrt(sum / (double) c->ratings->n_ratings);
}

static bool
same_items(const Case *a, const Case *b)
{
	return memcmp(a->result.model.item_factors, b->result.model.item_factors,
				  sizeof(float) * (size_t) a->result.model.n_items * (size_t) a->result.model.stride) == 0;
}

/*
 * What is tested is the same as without, since the refit comes after it; the
 * published model, after half the epochs, is another that fits as well.
 */
static void
test_refit_is_warm(void)
{
	Case cold;
	Case warm;
	double there;

	case_train(&cold, "als", LEP_FEEDBACK_EXPLICIT, 0, false);
	case_train(&warm, "als", LEP_FEEDBACK_EXPLICIT, 0, true);
	CHECK_INT_EQ(warm.result.epochs, cold.result.epochs);
	CHECK_INT_EQ(cold.n_refit, cold.result.epochs);
	CHECK_INT_EQ(warm.n_refit, (cold.result.epochs + 1) / 2);
	CHECK(warm.n_refit < cold.n_refit, "there was something to save");
	CHECK(!same_items(&warm, &cold));
	CHECK_CLOSE((double) warm.env.bytes_peak, (double) warm.result.memory_estimate,
				0.1 * (double) warm.result.memory_estimate);
	there = rmse_of(&cold);
	CHECK_CLOSE(rmse_of(&warm), there, 0.02 * there);
	CHECK(warm.result.test.rmse == cold.result.test.rmse);
	case_end(&warm);
	case_end(&cold);
}

/* One epoch from where two have led comes nearer than one from the beginning. */
static void
test_refit_begins_there(void)
{
	Case cold;
	Case warm;

	case_train(&cold, "als", LEP_FEEDBACK_EXPLICIT, 1, false);
	case_train(&warm, "als", LEP_FEEDBACK_EXPLICIT, 2, true);
	CHECK_INT_EQ(cold.n_refit, 1);
	CHECK_INT_EQ(warm.n_refit, 1);
	CHECK(rmse_of(&warm) < 0.99 * rmse_of(&cold), "%g and %g", rmse_of(&warm), rmse_of(&cold));
	case_end(&warm);
	case_end(&cold);
}

/* A solver that cannot begin with what there is takes no notice. */
static void
check_cold(const char *algorithm, LepFeedback feedback)
{
	Case cold;
	Case warm;

	case_train(&cold, algorithm, feedback, 0, false);
	case_train(&warm, algorithm, feedback, 0, true);
	CHECK(same_items(&warm, &cold));
	CHECK_INT_EQ(warm.n_refit, cold.n_refit);
	case_end(&warm);
	case_end(&cold);
}

static void
test_others_are_cold(void)
{
	check_cold("sgd", LEP_FEEDBACK_EXPLICIT);
	check_cold("ials", LEP_FEEDBACK_IMPLICIT);
}

int
main(void)
{
	TEST(test_refit_is_warm);
	TEST(test_refit_begins_there);
	TEST(test_others_are_cold);
	return unit_done();
}
