/*
 * test_tune.c
 *		Trials of a space, by hand and by counting; rungs by what they must hold;
 *		and the plan of what fits into the time.
 */
#include <limits.h>

#include "core/tune.h"
#include "sample.h"

#define MAX_TRIALS 200

/* A list of numbers for an option. */
typedef struct List
{
	LepOptions values[8];
	LepTuneAxis axis;
} List;

static void
make_list(List *list, const char *name, const double *numbers, int n)
{
	LepError error;

	for (int i = 0; i < n; i++)
	{
		lep_options_init(&list->values[i]);
		CHECK_OK(lep_options_set_real(&list->values[i], name, numbers[i], &error));
	}
	list->axis = (LepTuneAxis){ lep_option_find(name), n, list->values, 0, 0, false };
}

static void
make_words(List *list, const char *name, const char *const *words, int n)
{
	LepError error;

	for (int i = 0; i < n; i++)
	{
		lep_options_init(&list->values[i]);
		CHECK_OK(lep_options_set_text(&list->values[i], name, words[i], &error));
	}
	list->axis = (LepTuneAxis){ lep_option_find(name), n, list->values, 0, 0, false };
}

/* All combinations, the last axis changing first; what is in base stays. */
static void
test_enumerates(void)
{
	LepEnv env;
	List factors;
	List pull;
	LepTuneAxis axes[2];
	LepTuneSpace space = { .axes = axes, .n_axes = 2 };
	LepTuneLimits limits = { 6, 1, 1 };
	LepOptions trials[6];
	int n;

	unit_env_init(&env);
	make_list(&factors, "factors", (double[]){ 2, 4 }, 2);
	make_list(&pull, "regularization", (double[]){ 0.1, 0.2, 0.3 }, 3);
	axes[0] = factors.axis;
	axes[1] = pull.axis;
	lep_options_init(&space.base);
	CHECK_OK(lep_options_set_int(&space.base, "epochs", 7, &env.error));
	CHECK_OK(lep_tune_trials(&env, &space, &limits, trials, &n));
	if (!CHECK_INT_EQ(n, 6))
		return;
	for (int t = 0; t < 6; t++)
	{
		CHECK_INT_EQ(trials[t].factors, t < 3 ? 2 : 4);
		CHECK_CLOSE(trials[t].regularization, 0.1 * (1 + t % 3), 1e-15);
		CHECK_INT_EQ(trials[t].epochs, 7);
		CHECK(lep_option_given(&trials[t], lep_option_find("epochs")));
		CHECK(!lep_option_given(&trials[t], lep_option_find("learning_rate")));
	}
	unit_env_done(&env);
}

/* sgd takes a learning rate, als does not: three trials of four combinations. */
static void
test_leaves_out_what_is_not_taken(void)
{
	static const char *const words[] = { "als", "sgd" };
	LepEnv env;
	List algorithm;
	List rate;
	LepTuneAxis axes[2];
	LepTuneSpace space = { .axes = axes, .n_axes = 2 };
	LepTuneLimits limits = { 10, 1, 1 };
	LepOptions trials[10];
	int n;
	int row = lep_option_find("learning_rate");

	unit_env_init(&env);
	make_list(&rate, "learning_rate", (double[]){ 0.01, 0.02 }, 2);
	make_words(&algorithm, "algorithm", words, 2);
	axes[0] = rate.axis; /* the algorithm decides wherever it stands */
	axes[1] = algorithm.axis;
	lep_options_init(&space.base);
	CHECK_OK(lep_tune_trials(&env, &space, &limits, trials, &n));
	if (!CHECK_INT_EQ(n, 3))
		return;
	CHECK_INT_EQ(trials[0].algorithm, LEP_ALGORITHM_ALS);
	CHECK(!lep_option_given(&trials[0], row));
	for (int t = 1; t < 3; t++)
	{
		CHECK_INT_EQ(trials[t].algorithm, LEP_ALGORITHM_SGD);
		CHECK_CLOSE(trials[t].learning_rate, 0.01 * t, 1e-15);
	}
	unit_env_done(&env);
}

/* Of 12 combinations 5 are wanted: different ones, and others with another seed. */
static void
test_draws_some_of_many(void)
{
	LepEnv env;
	List factors;
	List pull;
	LepTuneAxis axes[2];
	LepTuneSpace space = { .axes = axes, .n_axes = 2 };
	LepTuneLimits limits = { 5, 1, 1 };
	LepOptions trials[2][5];
	bool seen[4][3] = { { false } };
	int n;
	int n_seen = 0;

	unit_env_init(&env);
	make_list(&factors, "factors", (double[]){ 1, 2, 3, 4 }, 4);
	make_list(&pull, "regularization", (double[]){ 0, 1, 2 }, 3);
	axes[0] = factors.axis;
	axes[1] = pull.axis;
	lep_options_init(&space.base);
	for (int s = 0; s < 2; s++)
	{
		limits.seed = (uint64_t) s;
		CHECK_OK(lep_tune_trials(&env, &space, &limits, trials[s], &n));
		CHECK_INT_EQ(n, 5);
	}
	for (int t = 0; t < 5; t++)
		seen[trials[0][t].factors - 1][(int) trials[0][t].regularization] = true;
	for (int c = 0; c < 12; c++)
		n_seen += seen[c / 3][c % 3];
	CHECK_INT_EQ(n_seen, 5);
	CHECK(memcmp(trials[0], trials[1], sizeof(trials[0])) != 0);
	unit_env_done(&env);
}

/* On a logarithmic scale each decade gets its share; whole numbers reach both ends. */
static void
test_draws_from_ranges(void)
{
	LepEnv env;
	LepTuneAxis axes[2] = { { lep_option_find("regularization"), 0, NULL, 1e-3, 1, true },
							{ lep_option_find("epochs"), 0, NULL, 3, 6, false } };
	LepTuneSpace space = { .axes = axes, .n_axes = 2 };
	LepTuneLimits limits = { MAX_TRIALS, 5, 1 };
	static LepOptions trials[MAX_TRIALS];
	int decades[3] = { 0 };
	int epochs[10] = { 0 };
	int n;

	unit_env_init(&env);
	lep_options_init(&space.base);
	CHECK_OK(lep_tune_trials(&env, &space, &limits, trials, &n));
	CHECK_INT_EQ(n, MAX_TRIALS);
	for (int t = 0; t < n; t++)
	{
		double pull = trials[t].regularization;
		char text[32];
		char *end;

		CHECK(pull >= 1e-3 && pull <= 1, "%g", pull);
		decades[pull < 1e-2 ? 0 : pull < 1e-1 ? 1 : 2]++;
		if (!CHECK(trials[t].epochs >= 3 && trials[t].epochs <= 6))
			return;
		epochs[trials[t].epochs]++;
		/* four digits, and no more behind them */
		snprintf(text, sizeof(text), "%.4g", pull);
		CHECK(strtod(text, &end) == pull, "%.17g", pull);
	}
	/* 200 / 3 and 200 / 4, within four standard deviations */
	for (int d = 0; d < 3; d++)
		CHECK_CLOSE(decades[d], 200 / 3.0, 4 * sqrt(200 * 2 / 9.0));
	for (int e = 3; e <= 6; e++)
		CHECK_CLOSE(epochs[e], 50, 4 * sqrt(200 * 3 / 16.0));
	unit_env_done(&env);
}

/* Draws of a space that has less than was wanted come to an end. */
static void
test_draws_all_there_is(void)
{
	LepEnv env;
	LepTuneAxis axis = { lep_option_find("epochs"), 0, NULL, 3, 6, false };
	LepTuneSpace space = { .axes = &axis, .n_axes = 1 };
	LepTuneLimits limits = { 20, 5, 1 };
	LepOptions trials[20];
	int n;

	unit_env_init(&env);
	lep_options_init(&space.base);
	CHECK_OK(lep_tune_trials(&env, &space, &limits, trials, &n));
	CHECK_INT_EQ(n, 4);
	unit_env_done(&env);
}

/* ------------------------------------------------------------------------- tuning */

/* Pulls on biases, the best of them in the middle. */
static const double pulls[] = { 1e5, 1e4, 2, 1e3, 1e2, 4e5, 2e4, 3e3, 6e2, 5e4 };
#define N_PULLS 10

static LepTuneWork
make_work(LepRatings *ratings, LepOptions *trials)
{
	LepTuneWork work = {
		.ratings = ratings, .trials = trials, .n_trials = N_PULLS, .metric = LEP_METRIC_RMSE
	};
	LepError error;

	for (int t = 0; t < N_PULLS; t++)
	{
		lep_options_init(&trials[t]);
		CHECK_OK(lep_options_set_text(&trials[t], "algorithm", "baseline", &error));
		CHECK_OK(lep_options_set_real(&trials[t], "bias_regularization", pulls[t], &error));
	}
	work.rules = (LepContestRules){ 1u << LEP_METRIC_RMSE, 10, NAN };
	work.limits = (LepTuneLimits){ N_PULLS, 42, 1e9 };
	return work;
}

/* Plan and run. */
static LepStatus
tune(LepArena *arena, const LepTuneWork *work, LepTuneResult *result)
{
	LepTunePlan plan;
	LepStatus status = lep_tune_plan(arena, work, &plan);

	return status == LEP_OK ? lep_tune(arena, work, &plan, result) : status;
}

/* About 96,000 ratings: three rungs of ten, three and one trials. */
static LepRatings *
make_ratings(LepArena *arena)
{
	SamplePlan plan = { 1200, 100, 0.8, 0, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 7);
	LepRatings *ratings = sample_ratings(arena, &sample, LEP_FEEDBACK_EXPLICIT);

	sample_free(&sample);
	return ratings;
}

static void
test_halves(void)
{
	static const int sizes[] = { 1, 3, 10 };
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions trials[N_PULLS];
	LepTuneWork work;
	LepTuneResult result;
	LepTuneRow *row;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = make_ratings(&arena);
	work = make_work(ratings, trials);
	CHECK_OK(tune(&arena, &work, &result));
	if (!CHECK_INT_EQ(result.n_rows, 14))
		return;
	row = result.rows;
	for (int r = 0; r < 3; r++)
	{
		for (int i = 0; i < sizes[r]; i++, row++)
		{
			CHECK_INT_EQ(row->rung, 3 - r);
			CHECK(i == 0 || row->figure.value >= row[-1].figure.value);
			CHECK_INT_EQ(row->note, LEP_TUNE_RAN);
			CHECK_INT_EQ(row->best, row == result.rows);
		}
	}
	/* the best third of a rung is what the next one has */
	for (int i = 0; i < 3; i++)
	{
		bool found = false;

		for (int j = 0; j < 3; j++)
			found |= result.rows[4 + i].trial == result.rows[1 + j].trial;
		CHECK(found, "place %d", i);
	}
	CHECK_INT_EQ(result.rows[0].trial, 2);
	/* the test that training holds out is not looked at, and 9 % is judged on: a tenth of nine tenths */
	CHECK_CLOSE(result.rows[0].figure.n, 0.09 * (double) ratings->n_ratings,
				0.005 * (double) ratings->n_ratings);
	CHECK_CLOSE(result.rows[1].figure.n, 0.03 * (double) ratings->n_ratings,
				0.005 * (double) ratings->n_ratings);
	/* the noise, and what the biases cannot be known from so many ratings */
	CHECK_CLOSE(result.rows[0].figure.value, 0.3, 0.02);
	CHECK_CLOSE(result.rows[0].baseline, 0.3, 0.02);
	CHECK(isnan(result.rows[0].popular));
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* With any number of threads, and with the trials in another order, the same. */
static void
test_is_reproducible(void)
{
	LepEnv env;
	LepArena arena;
	LepOptions trials[N_PULLS];
	LepOptions reversed[N_PULLS];
	LepTuneWork work;
	LepTuneResult one;
	LepTuneResult three;
	LepTuneResult backwards;
	LepRatings *ratings;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = make_ratings(&arena);
	work = make_work(ratings, trials);
	CHECK_OK(tune(&arena, &work, &one));
	env.n_threads = 3;
	CHECK_OK(tune(&arena, &work, &three));
	for (int t = 0; t < N_PULLS; t++)
		reversed[t] = trials[N_PULLS - 1 - t];
	work.trials = reversed;
	CHECK_OK(tune(&arena, &work, &backwards));
	CHECK_INT_EQ(one.n_rows, three.n_rows);
	for (int i = 0; i < one.n_rows && i < three.n_rows; i++)
	{
		CHECK_INT_EQ(one.rows[i].trial, three.rows[i].trial);
		CHECK_BYTES_EQ(&one.rows[i].figure.value, &three.rows[i].figure.value, sizeof(double));
		CHECK_INT_EQ(one.rows[i].trial, N_PULLS - 1 - backwards.rows[i].trial);
		CHECK_BYTES_EQ(&one.rows[i].figure.value, &backwards.rows[i].figure.value, sizeof(double));
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* What the trial that won has cost on all three rungs. */
static double
cost_of_a_trial(const LepTuneResult *all)
{
	return all->rows[0].cost + all->rows[1].cost + all->rows[4].cost;
}

/* Time for most: the first that fit, all others shown; without any time the cheapest. */
static void
test_plans_time(void)
{
	LepEnv env;
	LepArena arena;
	LepOptions trials[N_PULLS];
	LepTuneWork work;
	LepTunePlan plan;
	LepTuneResult all;
	LepTuneResult some;
	double planned = 0;
	int n_ran = 0;
	bool left_out[N_PULLS] = { false };

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	work = make_work(make_ratings(&arena), trials);
	CHECK_OK(lep_tune_plan(&arena, &work, &plan));
	CHECK_OK(lep_tune(&arena, &work, &plan, &all));
	/* less than all of it: one is left out at least, and what runs fits */
	work.limits.seconds = plan.seconds * 0.9;
	CHECK_OK(lep_tune_plan(&arena, &work, &plan));
	CHECK_OK(lep_tune(&arena, &work, &plan, &some));
	CHECK(plan.seconds <= work.limits.seconds);
	CHECK_INT_EQ(plan.n_rungs, 3);
	for (int i = 0; i < some.n_rows; i++)
	{
		left_out[some.rows[i].trial] |= some.rows[i].note == LEP_TUNE_TIME;
		n_ran += some.rows[i].rung == 1;
		planned += some.rows[i].note == LEP_TUNE_RAN ? some.rows[i].cost : 0;
	}
	CHECK(n_ran > 1 && n_ran < N_PULLS, "%d", n_ran);
	CHECK_INT_EQ(n_ran, plan.n_chosen);
	/* a trial of every rung is the biases of it */
	CHECK_CLOSE(plan.seconds, planned + cost_of_a_trial(&all), 1e-9 * planned);
	for (int t = 0; t < N_PULLS; t++)
		CHECK_INT_EQ(left_out[t], t >= n_ran);

	work.limits.seconds = 0;
	CHECK_OK(tune(&arena, &work, &some));
	CHECK_INT_EQ(some.rows[0].trial, 0);
	/* alone, it has nothing to be halved against */
	CHECK(some.rows[0].best && some.rows[0].rung == 1);
	CHECK_INT_EQ(some.n_rows, N_PULLS);
	CHECK_CLOSE(some.rows[0].figure.n, all.rows[0].figure.n, 0);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/*
 * Where few trials fit, they begin on a larger rung.  In costs of the biases on all
 * users, two rungs take 4/3 and three trials on them 3/3 + 1; three rungs take 13/9,
 * and five trials on them 5/9 + 1/3 + 1, the middle one for one trial alone.
 */
static void
test_begins_where_trials_are_left_out(void)
{
	LepEnv env;
	LepArena arena;
	LepOptions trials[N_PULLS];
	LepTuneWork work;
	LepTunePlan plan;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	work = make_work(make_ratings(&arena), trials);
	CHECK_OK(lep_tune_plan(&arena, &work, &plan));
	work.limits.seconds = plan.costs[2 * N_PULLS] * (4 / 3.0 + 2 + 0.05);
	CHECK_OK(lep_tune_plan(&arena, &work, &plan));
	CHECK_INT_EQ(plan.n_rungs, 2);
	if (CHECK_INT_EQ(plan.n_chosen, 3))
	{
		for (int t = 0; t < 3; t++)
			CHECK_INT_EQ(plan.chosen[t], t);
	}
	CHECK_CLOSE(plan.costs[0], plan.costs[N_PULLS] / 3, 0.01 * plan.costs[0]);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* What fails goes no further; what is then alone goes on to all users at once. */
static void
test_passes_over_rungs_alone(void)
{
	LepEnv env;
	LepArena arena;
	LepOptions trials[N_PULLS];
	LepTuneWork work;
	LepTuneResult result;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	work = make_work(make_ratings(&arena), trials);
	for (int t = 0; t < N_PULLS; t++)
	{
		if (t == 4)
			continue;
		lep_options_init(&trials[t]);
		CHECK_OK(lep_options_set_text(&trials[t], "algorithm", "als", &env.error));
		CHECK_OK(lep_options_set_int(&trials[t], "factors", 1024, &env.error));
		trials[t].regularization = 0.1 * t;
	}
	/* enough for the biases; 1300 rows of 1024 factors are 5 MB */
	env.max_bytes = 5000000;
	if (CHECK_OK(tune(&arena, &work, &result)) && CHECK_INT_EQ(result.n_rows, 1 + N_PULLS))
	{
		CHECK(result.rows[0].trial == 4 && result.rows[0].rung == 3 && result.rows[0].best);
		CHECK(result.rows[1].trial == 4 && result.rows[1].rung == 1 && !result.rows[1].best);
		for (int i = 2; i <= N_PULLS; i++)
			CHECK(result.rows[i].rung == 1 && result.rows[i].note == LEP_TUNE_MEMORY);
	}
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Few users with many ratings each: a ninth of three is nobody, a ninth of fifty next to nobody. */
static void
test_keeps_few_users_together(void)
{
	static const SamplePlan plans[] = { { 3, 31000, 1, 0, 0.3, 1, 3 }, { 50, 2000, 1, 0, 0.3, 1, 3 } };

	for (int p = 0; p < 2; p++)
	{
		Sample sample = sample_planted(&plans[p], 7);
		LepEnv env;
		LepArena arena;
		LepOptions trials[N_PULLS];
		LepTuneWork work;
		LepTuneResult result;

		unit_env_init(&env);
		lep_arena_init(&arena, &env);
		work = make_work(sample_ratings(&arena, &sample, LEP_FEEDBACK_EXPLICIT), trials);
		CHECK(work.ratings->n_ratings / 9 >= LEP_TUNE_MIN_RATINGS);
		if (CHECK_OK(tune(&arena, &work, &result)) && CHECK_INT_EQ(result.n_rows, N_PULLS))
		{
			for (int i = 0; i < N_PULLS; i++)
				CHECK_INT_EQ(result.rows[i].rung, 1);
			CHECK_CLOSE(result.rows[0].figure.n, 0.09 * (double) work.ratings->n_ratings,
						0.01 * (double) work.ratings->n_ratings);
		}
		sample_free(&sample);
		lep_arena_drop(&arena);
		unit_env_done(&env);
	}
}

/* What is planned: the rows' costs as if the costliest went on, and the biases on each rung. */
static void
test_plans_what_it_costs(void)
{
	LepEnv env;
	LepArena arena;
	LepOptions trials[N_PULLS];
	LepTuneWork work;
	LepTunePlan plan;
	LepTuneResult result;
	double cost = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	work = make_work(make_ratings(&arena), trials);
	CHECK_OK(lep_tune_plan(&arena, &work, &plan));
	CHECK_INT_EQ(plan.n_rungs, 3);
	CHECK_INT_EQ(plan.n_chosen, N_PULLS);
	CHECK_OK(lep_tune(&arena, &work, &plan, &result));
	/* all trials cost the same, and a row of a rung is what its biases cost too */
	for (int i = 0; i < result.n_rows; i++)
		cost += result.rows[i].cost;
	CHECK_CLOSE(plan.seconds, cost + cost_of_a_trial(&result), 1e-9 * cost);
	/* two trials: nothing to leave out, and one rung */
	work.n_trials = 2;
	CHECK_OK(lep_tune_plan(&arena, &work, &plan));
	CHECK_INT_EQ(plan.n_rungs, 1);
	CHECK_CLOSE(plan.seconds, 3 * result.rows[0].cost, 1e-9 * cost);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static bool
stop_soon(void *host)
{
	int *left = host;

	return --*left < 0;
}

/* Whenever it is stopped, it says so and gives everything back. */
static void
test_stops(void)
{
	LepEnv env;
	LepArena arena;
	LepArena own;
	LepOptions trials[N_PULLS];
	LepTuneWork work;
	LepTuneResult result;
	int n_stopped = 0;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	work = make_work(make_ratings(&arena), trials);
	for (int calls = 0; calls < 2000; calls = calls * 2 + 1)
	{
		LepEnv stopping;
		int left = calls;

		lep_env_init_malloc(&stopping);
		stopping.host = &left;
		stopping.should_stop = stop_soon;
		lep_arena_init(&own, &stopping);
		n_stopped += tune(&own, &work, &result) == LEP_ERR_STOPPED;
		lep_arena_drop(&own);
		CHECK(stopping.bytes_now == 0 && stopping.pool == NULL);
	}
	CHECK(n_stopped > 3, "%d", n_stopped);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

/* Draws that find nothing new, and plans, are many steps without a rating. */
static void
test_stops_before_the_first_rung(void)
{
	LepTuneAxis axis = { lep_option_find("epochs"), 0, NULL, 3, 33, false };
	LepTuneSpace space = { .axes = &axis, .n_axes = 1 };
	LepTuneLimits limits = { LEP_TUNE_MAX_TRIALS, 5, 1e9 };
	static LepOptions trials[LEP_TUNE_MAX_TRIALS];
	LepOptions pulled[N_PULLS];
	LepEnv env;
	LepArena arena;
	LepTuneWork work;
	int n_stopped = 0;
	int left;
	int n;

	unit_env_init(&env);
	lep_options_init(&space.base);
	env.host = &left;
	env.should_stop = stop_soon;
	for (left = 1000; left > 0; n_stopped++)
	{
		int before = left;

		CHECK(n_stopped < 2000);
		if (!CHECK_STATUS(lep_tune_trials(&env, &space, &limits, trials, &n), LEP_ERR_STOPPED) ||
			before == left)
			break;
	}
	left = INT_MAX;
	lep_arena_init(&arena, &env);
	work = make_work(make_ratings(&arena), pulled);
	/* each look of a plan at one or the other of its loops */
	n_stopped = 0;
	for (int calls = 0; calls < 1000; calls++)
	{
		LepTunePlan plan;
		LepStatus status;

		left = calls;
		status = lep_tune_plan(&arena, &work, &plan);
		if (status == LEP_OK)
			break;
		CHECK_STATUS(status, LEP_ERR_STOPPED);
		n_stopped++;
	}
	/* once for each trial's cost and each choice, beside the split */
	CHECK(n_stopped >= 2 * N_PULLS && n_stopped < 1000, "%d", n_stopped);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

int
main(void)
{
	TEST(test_enumerates);
	TEST(test_leaves_out_what_is_not_taken);
	TEST(test_draws_some_of_many);
	TEST(test_draws_from_ranges);
	TEST(test_draws_all_there_is);
	TEST(test_halves);
	TEST(test_is_reproducible);
	TEST(test_plans_time);
	TEST(test_plans_what_it_costs);
	TEST(test_begins_where_trials_are_left_out);
	TEST(test_passes_over_rungs_alone);
	TEST(test_keeps_few_users_together);
	TEST(test_stops);
	TEST(test_stops_before_the_first_rung);
	return unit_done();
}
