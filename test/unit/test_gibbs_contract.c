/*
 * test_gibbs_contract.c
 *		What all solvers promise, of algorithm bayes whatever option implicit is:
 *		order and scale do not count, a stop is obeyed, memory is as estimated; and
 *		data in which a sampler could get lost.
 */
#include "sample.h"

#include "core/kernels.h"
#include "core/pool.h"
#include "core/solver.h"

/* One run through the solver's own functions. */
typedef struct Run
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepModel model;
	UnitStopper stopper;
	LepStatus status;
} Run;

typedef struct RunPlan
{
	LepImplicit implicit;
	int n_threads;
	int sweeps;
	int64_t limit; /* questions until told to stop */
} RunPlan;

static void
run_begin(Run *run, const Sample *sample, const RunPlan *plan)
{
	unit_env_init(&run->env);
	run->env.n_threads = plan->n_threads;
	run->env.host = &run->stopper;
	run->env.should_stop = unit_stop_after;
	run->stopper = (UnitStopper){ 0, INT64_MAX };
	lep_arena_init(&run->arena, &run->env);
	run->ratings = sample_ratings(&run->arena, sample, LEP_FEEDBACK_EXPLICIT);
	lep_options_init(&run->options);
	CHECK_OK(lep_options_set_int(&run->options, "epochs", plan->sweeps, &run->env.error));
	CHECK_OK(lep_options_set_int(&run->options, "factors", 6, &run->env.error));
	CHECK_OK(
		lep_options_set_text(&run->options, "implicit", lep_implicit_name(plan->implicit), &run->env.error));
	CHECK_OK(lep_options_resolve(&run->options, LEP_ALGORITHM_BAYES, &run->options, &run->env.error));
	CHECK_OK(lep_model_create(&run->arena, run->ratings->n_users, run->ratings->n_items, 6, &run->model));
	CHECK_OK(lep_model_add_variances(&run->arena, &run->model));
}

static void
run_solver(Run *run, const RunPlan *plan)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_BAYES);
	double rmse;
	void *state;

	CHECK_OK(lep_pool_start(&run->env));
	run->stopper = (UnitStopper){ 0, plan->limit };
	run->status = solver->start(&run->arena, run->ratings, LEP_PARTS_ALL, &run->options, &state);
	for (int epoch = 1; epoch <= plan->sweeps && run->status == LEP_OK; epoch++)
		run->status = solver->epoch(&run->env, state, epoch, &rmse);
	if (run->status == LEP_OK)
		run->status = solver->export_model(&run->env, state, &run->model);
	lep_pool_shutdown(&run->env);
}

static void
run_end(Run *run)
{
	lep_arena_drop(&run->arena);
	unit_env_done(&run->env);
}

/* scale times, and shifted: the same predictions of pairs, in the scale. */
static void
check_same_scores(const LepModel *a, const LepModel *b, double scale, double shift, double tolerance)
{
	double worst = 0;
	double worst_sd = 0;

	for (int32_t u = 0; u < a->n_users; u += 3)
	{
		for (int32_t i = 0; i < a->n_items; i++)
			worst = fmax(worst, fabs(lep_model_score(b, u, i) - (shift + scale * lep_model_score(a, u, i))));
		worst_sd = fmax(worst_sd, fabs(sqrt(b->noise + b->user_variance[u]) -
									   scale * sqrt(a->noise + a->user_variance[u])));
	}
	CHECK(worst <= tolerance * scale, "scores differ by %g", worst / scale);
	CHECK(worst_sd <= tolerance * scale, "standard deviations differ by %g", worst_sd / scale);
}

/* Rows in another order, two threads: the same scores to the bit.  Other scales: within 1e-3 of the noise. */
static void
test_order_and_scale_do_not_count(void)
{
	/* whole numbers 1 to 5 become 0 to 100, -1e6 to 1e6, and a very small scale, exactly or nearly so */
	static const double scales[][2] = { { 25, -25 }, { 5e5, -1.5e6 }, { 1e-6, 0 } };

	for (int implicit = LEP_IMPLICIT_BOTH; implicit <= LEP_IMPLICIT_NONE; implicit++)
	{
		SamplePlan plan = { 120, 80, 0.3, 2, 0.4, 1, 3 };
		RunPlan once = { (LepImplicit) implicit, 1, 12, INT64_MAX };
		RunPlan twice = { (LepImplicit) implicit, 2, 12, INT64_MAX };
		Sample sample = sample_planted(&plan, 15);
		Run first;

		for (int64_t j = 0; j < sample.n; j++)
			sample.rows[j].rating = fmin(5, fmax(1, floor(sample.rows[j].rating + 0.5)));
		run_begin(&first, &sample, &once);
		run_solver(&first, &once);
		CHECK_OK(first.status);
		sample_shuffle(&sample, 16);
		for (int s = -1; s < 3; s++)
		{
			Sample scaled = { malloc((size_t) sample.n * sizeof(SampleRow)), sample.n };
			Run run;

			memcpy(scaled.rows, sample.rows, (size_t) sample.n * sizeof(SampleRow));
			for (int64_t j = 0; s >= 0 && j < sample.n; j++)
				scaled.rows[j].rating = scales[s][1] + scales[s][0] * sample.rows[j].rating;
			run_begin(&run, &scaled, &twice);
			run_solver(&run, &twice);
			if (CHECK_OK(run.status))
				check_same_scores(&first.model, &run.model, s < 0 ? 1 : scales[s][0],
								  s < 0 ? 0 : scales[s][1], s < 0 ? 0 : 1e-3);
			run_end(&run);
			sample_free(&scaled);
		}
		run_end(&first);
		sample_free(&sample);
	}
}

static void
test_stops_when_told(void)
{
	SamplePlan plan = { 100, 100, 0.5, 1, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 5);

	for (int implicit = LEP_IMPLICIT_USERS; implicit <= LEP_IMPLICIT_NONE; implicit++)
	{
		RunPlan p = { (LepImplicit) implicit, 1, 4, INT64_MAX };
		int64_t n_asked;
		Run run;

		run_begin(&run, &sample, &p);
		run_solver(&run, &p);
		CHECK_OK(run.status);
		n_asked = run.stopper.n_asked;
		run_end(&run);
		CHECK(n_asked > 4);
		for (p.limit = 0; p.limit < n_asked; p.limit += 1 + n_asked / 50)
		{
			run_begin(&run, &sample, &p);
			run_solver(&run, &p);
			CHECK_STATUS(run.status, LEP_ERR_STOPPED);
			CHECK_INT_EQ(run.env.error.status, LEP_ERR_STOPPED);
			CHECK_INT_EQ(run.stopper.n_asked, p.limit + 1);
			run_end(&run);
		}
	}
	sample_free(&sample);
}

/* What start and a sweep take is what memory() said, within a tenth; nothing more later. */
static void
check_memory(const Sample *sample, LepImplicit implicit, int64_t factors, bool whole)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_BAYES);
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepShape shape;
	size_t before;
	double estimate;
	double rmse;
	void *state;

	unit_env_init(&env);
	lep_arena_init(&arena, &env);
	ratings = sample_ratings(&arena, sample, LEP_FEEDBACK_EXPLICIT);
	if (!whole)
		ratings->part[0] = LEP_PART_TEST;
	lep_options_init(&options);
	CHECK_OK(lep_options_set_text(&options, "implicit", lep_implicit_name(implicit), &env.error));
	CHECK_OK(lep_options_set_int(&options, "factors", factors, &env.error));
	CHECK_OK(lep_options_set_int(&options, "epochs", 1, &env.error)); /* so that it is no burn-in */
	CHECK_OK(lep_options_resolve(&options, LEP_ALGORITHM_BAYES, &options, &env.error));
	shape = (LepShape){ ratings->n_users, ratings->n_items, ratings->n_ratings, 0, whole, false };
	before = env.bytes_now;
	env.bytes_peak = before;
	CHECK_OK(solver->start(&arena, ratings, LEP_PARTS_TRAIN, &options, &state));
	CHECK_OK(solver->epoch(&env, state, 1, &rmse));
	estimate = (double) solver->memory(&shape, &options, 1);
	CHECK_CLOSE((double) (env.bytes_peak - before) / estimate, 1, 0.1);
	lep_arena_drop(&arena);
	unit_env_done(&env);
}

static void
test_memory_is_as_estimated(void)
{
	SamplePlan dense = { 1200, 800, 0.3, 1, 0.3, 1, 3 };
	SamplePlan sparse = { 4000, 3000, 0.004, 1, 0.3, 1, 3 };
	SamplePlan wide = { 300, 9000, 0.01, 1, 0.3, 1, 3 };
	Sample samples[] = { sample_planted(&dense, 6), sample_planted(&sparse, 6), sample_planted(&wide, 6) };

	for (int s = 0; s < 3; s++)
	{
		for (int implicit = LEP_IMPLICIT_BOTH; implicit <= LEP_IMPLICIT_NONE; implicit++)
		{
			check_memory(&samples[s], (LepImplicit) implicit, 16, false);
			check_memory(&samples[s], (LepImplicit) implicit, 9, true);
		}
		sample_free(&samples[s]);
	}
}

/* Constant ratings are predicted as they are, with nothing uncertain about them. */
static void
test_constant_ratings(void)
{
	for (int implicit = LEP_IMPLICIT_BOTH; implicit <= LEP_IMPLICIT_NONE; implicit++)
	{
		SamplePlan plan = { 40, 30, 0.5, 1, 0.1, 0, -2.5 };
		RunPlan p = { (LepImplicit) implicit, 1, 8, INT64_MAX };
		Sample sample = sample_planted(&plan, 4);
		Run run;

		run_begin(&run, &sample, &p);
		run_solver(&run, &p);
		if (CHECK_OK(run.status))
		{
			for (int32_t u = 0; u < run.model.n_users; u++)
				CHECK_CLOSE(lep_model_score(&run.model, u, u % run.model.n_items), -2.5, 0);
			CHECK_CLOSE(run.model.noise, 0, 0);
			CHECK_CLOSE(run.model.user_variance[3], 0, 0);
		}
		run_end(&run);
		sample_free(&sample);
	}
}

/* A user with 5000 of 8000 ratings, whose row is cut among threads: others are not spoiled, same bits. */
static void
test_one_user_with_most_ratings(void)
{
	for (int implicit = LEP_IMPLICIT_BOTH; implicit <= LEP_IMPLICIT_NONE; implicit++)
	{
		RunPlan one = { (LepImplicit) implicit, 1, 16, INT64_MAX };
		RunPlan two = { (LepImplicit) implicit, 3, 16, INT64_MAX };
		Sample sample = { malloc(8000 * sizeof(SampleRow)), 0 };
		uint64_t seed = 17;
		double squares = 0;
		double total = 0;
		Run a;
		Run b;

		for (int i = 0; i < 5000; i++)
			sample.rows[sample.n++] = (SampleRow){ 0, i, 3 + sample_normal(&seed) };
		/* 60 users rate 50 of the items: +-1 by user and item */
		for (int u = 1; u <= 60; u++)
		{
			for (int i = 0; i < 50; i++)
				sample.rows[sample.n++] =
					(SampleRow){ u, i, 3 + ((u ^ i) & 1 ? 1 : -1) + 0.2 * sample_normal(&seed) };
		}
		run_begin(&a, &sample, &one);
		run_solver(&a, &one);
		run_begin(&b, &sample, &two);
		run_solver(&b, &two);
		if (CHECK_OK(a.status) && CHECK_OK(b.status))
		{
			CHECK(lep_model_is_sane(&a.model));
			check_same_scores(&a.model, &b.model, 1, 0, 0);
			for (int32_t u = 1; u <= 60; u++)
			{
				for (int32_t i = 0; i < 50; i++)
				{
					double e = lep_model_score(&a.model, u, i) - 3 - ((u ^ i) & 1 ? 1 : -1);

					squares += e * e / 3000;
					total += 1.0 / 3000;
				}
			}
			CHECK(squares < 0.05 * total, "%g", squares);
			/* hers are noise */
			CHECK_CLOSE(sqrt(a.model.noise + a.model.user_variance[0]), 1, 0.15);
		}
		run_end(&a);
		run_end(&b);
		sample_free(&sample);
	}
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_order_and_scale_do_not_count);
	TEST(test_stops_when_told);
	TEST(test_memory_is_as_estimated);
	TEST(test_constant_ratings);
	TEST(test_one_user_with_most_ratings);
	return unit_done();
}
