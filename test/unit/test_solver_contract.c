/*
 * test_solver_contract.c
 *		What every algorithm of the table must do (solver.h), and what each is
 *		said to compute, against dense or naive references.
 */
#include "sample.h"

#include "core/kernels.h"
#include "core/neighbors.h"
#include "core/pool.h"
#include "core/train.h"

/* Sweeps of bayes, which would take many. */
#define BAYES_SWEEPS 24

/* One training from rows to result. */
typedef struct Run
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepTrainResult result;
	LepStatus status;
} Run;

/* Options of a run. */
typedef struct RunOptions
{
	LepAlgorithm algorithm;
	int n_threads;
	double test_fraction;
	double learning_rate; /* 0: the default */
	int factors;		  /* 0: the default */
	int epochs;			  /* at most, where there are epochs; 0: the default */
} RunOptions;

static LepFeedback
feedback_of(LepAlgorithm algorithm)
{
	return lep_solver_get(algorithm)->feedback >> LEP_FEEDBACK_EXPLICIT & 1 ? LEP_FEEDBACK_EXPLICIT
																			: LEP_FEEDBACK_IMPLICIT;
}

static bool
has_factors(LepAlgorithm algorithm)
{
	return lep_option_applies(lep_option_find("factors"), algorithm);
}

static void
run_begin(Run *run, const Sample *sample, const RunOptions *wanted)
{
	LepOptions options;
	LepError *error = &run->env.error;
	int epochs = wanted->epochs;

	unit_env_init(&run->env);
	run->env.n_threads = wanted->n_threads;
	lep_arena_init(&run->arena, &run->env);
	run->ratings = sample_ratings(&run->arena, sample, feedback_of(wanted->algorithm));
	lep_options_init(&options);
	CHECK_OK(lep_options_set_text(&options, "algorithm", lep_algorithm_name(wanted->algorithm), error));
	CHECK_OK(lep_options_set_real(&options, "test_fraction", wanted->test_fraction, error));
	if (wanted->learning_rate > 0 && wanted->algorithm == LEP_ALGORITHM_SGD)
		CHECK_OK(lep_options_set_real(&options, "learning_rate", wanted->learning_rate, error));
	if (wanted->factors > 0 && has_factors(wanted->algorithm))
		CHECK_OK(lep_options_set_int(&options, "factors", wanted->factors, error));
	/* its sweeps are a matter of accuracy only */
	if (epochs == 0 && wanted->algorithm == LEP_ALGORITHM_BAYES)
		epochs = BAYES_SWEEPS;
	if (epochs > 0 && lep_option_applies(lep_option_find("epochs"), wanted->algorithm))
		CHECK_OK(lep_options_set_int(&options, "epochs", epochs, error));
	run->status =
		run->ratings == NULL ? LEP_ERR_MEMORY : lep_train(&run->arena, run->ratings, &options, &run->result);
}

static void
run_end(Run *run)
{
	lep_arena_drop(&run->arena);
	unit_env_done(&run->env);
}

/* The structure that an algorithm is able to see. */
static SamplePlan
plan_for(LepAlgorithm algorithm)
{
	SamplePlan plan = { 400, 250, 0.4, 0, 0.3, 1, 3 };

	if (has_factors(algorithm))
		plan.rank = 3;
	return plan;
}

static void
check_learns(LepAlgorithm algorithm, double scale, double shift)
{
	SamplePlan plan = plan_for(algorithm);
	RunOptions options = { algorithm, 1, 0.1, 0, 8, 0 };
	Sample sample;
	Run run;

	plan.scale = scale;
	plan.shift = shift;
	sample = sample_planted(&plan, 1);
	run_begin(&run, &sample, &options);
	if (CHECK_OK(run.status) && feedback_of(algorithm) == LEP_FEEDBACK_EXPLICIT)
	{
		CHECK(run.result.test.n > 3000);
		CHECK(run.result.test.rmse < 1.25 * plan.noise * scale, "%s: %g", lep_algorithm_name(algorithm),
			  run.result.test.rmse / scale);
		CHECK(run.result.test.rmse > 0.9 * plan.noise * scale, "%s: better than the noise: %g",
			  lep_algorithm_name(algorithm), run.result.test.rmse / scale);
		CHECK(run.result.test.rmse < 0.7 * run.result.test_mean.rmse);
		CHECK(lep_model_is_sane(&run.result.model));
	}
	run_end(&run);
	sample_free(&sample);
}

static void
test_learns_a_planted_matrix(void)
{
	for (int a = LEP_ALGORITHM_AUTO + 1; a < LEP_N_ALGORITHMS; a++)
	{
		check_learns(a, 1, 3);
		/* of what ratings say nothing is read elsewhere */
		if (feedback_of(a) != LEP_FEEDBACK_EXPLICIT)
			continue;
		check_learns(a, 1e6, -5e5);
		check_learns(a, 1e-6, 1e-6);
	}
}

/* Equal bits of everything that is published. */
static void
check_same_model(const LepModel *a, const LepModel *b)
{
	size_t n_users = (size_t) b->n_users;
	size_t n_items = (size_t) b->n_items;
	size_t row = (size_t) b->stride * sizeof(float);

	if (!CHECK_INT_EQ(a->n_users, b->n_users) || !CHECK_INT_EQ(a->n_items, b->n_items) ||
		!CHECK_INT_EQ(a->stride, b->stride))
		return;
	CHECK_BYTES_EQ(&a->mean, &b->mean, sizeof(double));
	CHECK_BYTES_EQ(a->user_bias, b->user_bias, n_users * sizeof(float));
	CHECK_BYTES_EQ(a->item_bias, b->item_bias, n_items * sizeof(float));
	if (row > 0)
	{
		CHECK_BYTES_EQ(a->user_factors, b->user_factors, n_users * row);
		CHECK_BYTES_EQ(a->item_factors, b->item_factors, n_items * row);
	}
	CHECK_INT_EQ(a->neighbors == NULL, b->neighbors == NULL);
	if (a->neighbors != NULL && b->neighbors != NULL)
	{
		size_t n = (size_t) b->neighbors->start[n_items];

		CHECK(n > 0);
		CHECK_BYTES_EQ(a->neighbors->start, b->neighbors->start, (n_items + 1) * sizeof(int64_t));
		CHECK_BYTES_EQ(a->neighbors->target, b->neighbors->target, n * sizeof(int32_t));
		CHECK_BYTES_EQ(a->neighbors->weight, b->neighbors->weight, n * sizeof(float));
	}
}

static void
check_same_run(const Sample *sample, const RunOptions *options, const Run *expected)
{
	Run run;

	run_begin(&run, sample, options);
	if (CHECK_OK(run.status))
	{
		check_same_model(&run.result.model, &expected->result.model);
		CHECK_INT_EQ(run.result.epochs, expected->result.epochs);
		CHECK_BYTES_EQ(&run.result.test, &expected->result.test, sizeof(LepErrorMetrics));
		CHECK(run.result.ranking.figure[LEP_RANKING_NDCG].value ==
				  expected->result.ranking.figure[LEP_RANKING_NDCG].value ||
			  isnan(expected->result.ranking.figure[LEP_RANKING_NDCG].value));
	}
	run_end(&run);
}

/* Again, on more threads, from shuffled rows, at each other kernel level. */
static void
check_same_bits(Sample *sample, LepAlgorithm algorithm)
{
	RunOptions options = { algorithm, 1, 0.1, 0, 20, 5 };
	Run first;

	run_begin(&first, sample, &options);
	if (CHECK_OK(first.status))
	{
		LepKernelLevel best = lep_kernels->level;

		options.n_threads = 2;
		check_same_run(sample, &options, &first);
		options.n_threads = 3;
		sample_shuffle(sample, 11);
		check_same_run(sample, &options, &first);
		/* sanitizers look for races, and the portable kernels are slow under them */
		for (int level = 0; level < LEP_N_KERNEL_LEVELS && getenv("LEPTON_TEST_SMALL") == NULL; level++)
		{
			if (level != (int) best && lep_kernels_select((LepKernelLevel) level) == 0)
				check_same_run(sample, &options, &first);
		}
		lep_kernels_choose();
	}
	run_end(&first);
}

static void
test_same_bits(void)
{
	/* enough ratings for sgd's grid of 4 x 4 blocks; blend lists all items for each user, often */
	SamplePlan grid = { 600, 400, 0.4, 2, 0.3, 1, 3 };
	SamplePlan small = { 300, 200, 0.4, 2, 0.3, 1, 3 };

	for (int a = LEP_ALGORITHM_AUTO + 1; a < LEP_N_ALGORITHMS; a++)
	{
		Sample sample = sample_planted(a == LEP_ALGORITHM_BLEND ? &small : &grid, 2);

		check_same_bits(&sample, a);
		sample_free(&sample);
	}
}

/* One user has rated 10000 items, others a few: rows that are cut among threads. */
static Sample
heavy_sample(bool transposed)
{
	int n_items = 10000;
	Sample sample = { malloc(sizeof(SampleRow) * 4 * (size_t) n_items), 0 };
	uint64_t seed = 3;

	for (int i = 0; i < n_items; i++)
	{
		for (int u = 0; u < 4; u++)
		{
			int64_t user = u == 0 ? 0 : 1 + (int64_t) (sample_next(&seed) % 10) + 10 * u;

			sample.rows[sample.n++] =
				(SampleRow){ transposed ? i : user, transposed ? user : i,
							 3 + 0.1 * (i % 7) + (double) (user % 3) + sample_normal(&seed) };
		}
	}
	return sample;
}

static void
test_one_row_with_most_ratings(void)
{
	for (int a = LEP_ALGORITHM_AUTO + 1; a < LEP_N_ALGORITHMS; a++)
	{
		for (int transposed = 0; transposed < 2; transposed++)
		{
			/* what has no errors to compare need not be trained twice */
			bool judged = feedback_of(a) == LEP_FEEDBACK_EXPLICIT;
			RunOptions options = { a, 1, judged ? 0.1 : 0, 0, 4, 0 };
			Sample sample = heavy_sample(transposed);
			Run first;

			run_begin(&first, &sample, &options);
			CHECK_OK(first.status);
			if (judged)
				CHECK(first.result.test.rmse < 1.1 * first.result.test_baseline.rmse, "%s",
					  lep_algorithm_name(a));
			options.n_threads = 3;
			if (first.status == LEP_OK)
				check_same_run(&sample, &options, &first);
			run_end(&first);
			sample_free(&sample);
		}
	}
}

static void
test_constant_ratings(void)
{
	for (int a = LEP_ALGORITHM_AUTO + 1; a < LEP_N_ALGORITHMS; a++)
	{
		SamplePlan plan = { 40, 30, 0.5, 1, 0.1, 0, -2.5 };
		RunOptions options = { a, 1, 0.1, 0, 4, 0 };
		Sample sample = sample_planted(&plan, 4);
		Run run;

		run_begin(&run, &sample, &options);
		if (CHECK_OK(run.status) && feedback_of(a) == LEP_FEEDBACK_EXPLICIT)
		{
			CHECK_CLOSE(run.result.test.rmse, 0, 0);
			CHECK_CLOSE(lep_model_score(&run.result.model, 3, 4), -2.5, 0);
			CHECK_CLOSE(lep_model_score(&run.result.model, -1, 4), -2.5, 0);
		}
		run_end(&run);
		sample_free(&sample);
	}
}

/* Start and two epochs and export, stopped at the limit; how often it asked. */
static int64_t
ask(const LepSolver *solver, const Sample *sample, int64_t limit, int n_threads, LepStatus *status)
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepModel model;
	UnitStopper stopper = { 0, INT64_MAX };
	double rmse;
	void *state;

	unit_env_init(&env);
	env.n_threads = n_threads;
	env.host = &stopper;
	env.should_stop = unit_stop_after;
	lep_arena_init(&arena, &env);
	ratings = sample_ratings(&arena, sample, feedback_of(solver->algorithm));
	lep_options_init(&options);
	CHECK_OK(lep_options_resolve(&options, solver->algorithm, &options, &env.error));
	CHECK_OK(lep_model_create(&arena, ratings->n_users, ratings->n_items,
							  lep_solver_factors(solver, &options), &model));
	if (solver->neighbors != NULL)
		CHECK_OK(lep_model_add_neighbors(&arena, solver->neighbors(ratings->n_items, &options), &model));
	CHECK_OK(lep_pool_start(&env));
	stopper.n_asked = 0;
	stopper.limit = limit;
	*status = solver->start(&arena, ratings, LEP_PARTS_ALL, &options, &state);
	for (int epoch = 1; epoch <= 2 && *status == LEP_OK; epoch++)
		*status = solver->epoch(&env, state, epoch, &rmse);
	if (*status == LEP_OK)
		*status = solver->export_model(&env, state, &model);
	lep_pool_shutdown(&env);
	if (*status != LEP_OK)
		CHECK_INT_EQ(env.error.status, *status);
	lep_arena_drop(&arena);
	unit_env_done(&env);
	return stopper.n_asked;
}

static void
test_stops_when_told(void)
{
	SamplePlan plan = { 100, 100, 0.5, 1, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 5);

	for (int a = LEP_ALGORITHM_AUTO + 1; a < LEP_N_ALGORITHMS; a++)
	{
		const LepSolver *solver = lep_solver_get(a);
		LepStatus status;
		int64_t n_asked = ask(solver, &sample, INT64_MAX, 1, &status);

		CHECK_OK(status);
		CHECK(n_asked > 0, "%s never asks", lep_algorithm_name(a));
		for (int64_t limit = 0; limit < n_asked; limit += 1 + n_asked / 40)
		{
			int64_t n = ask(solver, &sample, limit, 1, &status);

			CHECK_STATUS(status, LEP_ERR_STOPPED);
			CHECK_INT_EQ(n, limit + 1);
		}
		ask(solver, &sample, 0, 2, &status);
		CHECK_STATUS(status, LEP_ERR_STOPPED);
	}
	sample_free(&sample);
}

/* What start() and epochs take is what memory() said, within a tenth. */
static void
test_memory_is_as_estimated(void)
{
	SamplePlan plan = { 1200, 800, 0.3, 1, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 6);

	for (int a = LEP_ALGORITHM_AUTO + 1; a < LEP_N_ALGORITHMS; a++)
	{
		const LepSolver *solver = lep_solver_get(a);
		LepEnv env;
		LepArena arena;
		LepRatings *ratings;
		LepOptions options;
		LepShape shape;
		size_t before;
		double rmse;
		double estimate;
		void *state;

		unit_env_init(&env);
		lep_arena_init(&arena, &env);
		ratings = sample_ratings(&arena, &sample, feedback_of(a));
		ratings->part[0] = LEP_PART_TEST; /* so that views are copies */
		lep_options_init(&options);
		CHECK_OK(lep_options_resolve(&options, a, &options, &env.error));
		shape = (LepShape){ ratings->n_users, ratings->n_items, ratings->n_ratings, 0, false, false };
		before = env.bytes_now;
		env.bytes_peak = before;
		CHECK_OK(solver->start(&arena, ratings, LEP_PARTS_TRAIN, &options, &state));
		CHECK_OK(solver->epoch(&env, state, 1, &rmse));
		estimate = (double) solver->memory(&shape, &options, 1);
		CHECK_CLOSE((double) (env.bytes_peak - before) / estimate, 1, 0.1);
		CHECK(solver->memory(&(LepShape){ INT32_MAX, INT32_MAX, INT64_MAX / 2, 0, false, false }, &options,
							 1) > SIZE_MAX / 4 ||
			  !has_factors(a));
		CHECK(solver->cost(&shape, &options) > 0);
		lep_arena_drop(&arena);
		unit_env_done(&env);
	}
	sample_free(&sample);
}

/* A solver between two epochs, on ratings that are all for training. */
typedef struct Bench
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepModel model;
	void *state;
	double mean;
	double sd;
} Bench;

static bool
bench_begin(Bench *b, const LepSolver *solver, const Sample *sample, int factors)
{
	double sum = 0;

	unit_env_init(&b->env);
	lep_arena_init(&b->arena, &b->env);
	b->ratings = sample_ratings(&b->arena, sample, LEP_FEEDBACK_EXPLICIT);
	lep_options_init(&b->options);
	CHECK_OK(lep_options_resolve(&b->options, solver->algorithm, &b->options, &b->env.error));
	b->options.factors = factors;
	for (int64_t j = 0; j < b->ratings->n_ratings; j++)
		sum += b->ratings->rating[j];
	b->mean = sum / (double) b->ratings->n_ratings;
	sum = 0;
	for (int64_t j = 0; j < b->ratings->n_ratings; j++)
		sum += (b->ratings->rating[j] - b->mean) * (b->ratings->rating[j] - b->mean);
	b->sd = sqrt(sum / (double) b->ratings->n_ratings);
	return CHECK_OK(lep_model_create(&b->arena, b->ratings->n_users, b->ratings->n_items,
									 lep_solver_factors(solver, &b->options), &b->model)) &&
		   CHECK_OK(solver->start(&b->arena, b->ratings, LEP_PARTS_ALL, &b->options, &b->state));
}

static void
bench_end(Bench *b)
{
	lep_arena_drop(&b->arena);
	unit_env_done(&b->env);
}

/* Standardised parameters of a row, from the exported model. */
static double
inner_bias(const Bench *b, const float *bias, int row)
{
	return bias[row] / b->sd;
}

static double
inner_factor(const Bench *b, const float *factors, int row, int f)
{
	return factors[(int64_t) row * b->model.stride + f] / sqrt(b->sd);
}

/* z - prediction, from the exported model, in double. */
static double
inner_error(const Bench *b, int u, int64_t j)
{
	int i = b->ratings->item[j];
	double e = (b->ratings->rating[j] - b->mean) / b->sd - inner_bias(b, b->model.user_bias, u) -
			   inner_bias(b, b->model.item_bias, i);

	for (int f = 0; f < b->model.n_factors; f++)
		e -= inner_factor(b, b->model.user_factors, u, f) * inner_factor(b, b->model.item_factors, i, f);
	return e;
}

/*
 * als: after an epoch the gradient of the stated objective in the items' biases
 * and factors is zero, and the train RMSE is that of the exported model.
 */
static void
check_als_gradient(const Sample *sample, int factors)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_ALS);
	Bench b;
	double rmse;
	double loss = 0;
	double worst = 0;
	int width = factors + 1; /* the bias last */
	double *gradient;
	double *size; /* of the terms that cancel */
	int64_t *n;

	if (!bench_begin(&b, solver, sample, factors))
		return;
	gradient = calloc((size_t) b.ratings->n_items * (size_t) width, sizeof(double));
	size = calloc((size_t) b.ratings->n_items * (size_t) width, sizeof(double));
	n = calloc((size_t) b.ratings->n_items, sizeof(int64_t));
	for (int epoch = 1; epoch <= 3; epoch++)
		CHECK_OK(solver->epoch(&b.env, b.state, epoch, &rmse));
	CHECK_OK(solver->export_model(&b.env, b.state, &b.model));
	for (int u = 0; u < b.ratings->n_users; u++)
	{
		for (int64_t j = b.ratings->user_start[u]; j < b.ratings->user_start[u + 1]; j++)
		{
			int i = b.ratings->item[j];
			double e = inner_error(&b, u, j);

			loss += e * e;
			n[i]++;
			for (int f = 0; f < width; f++)
			{
				double x = f < factors ? inner_factor(&b, b.model.user_factors, u, f) : 1;

				gradient[i * width + f] -= e * x;
				size[i * width + f] += fabs(e * x);
			}
		}
	}
	for (int i = 0; i < b.ratings->n_items; i++)
	{
		for (int f = 0; f < width; f++)
		{
			double pull = f < factors ? b.options.regularization * ((double) n[i] + 20) *
											inner_factor(&b, b.model.item_factors, i, f)
									  : b.options.bias_regularization * inner_bias(&b, b.model.item_bias, i);
			double g = fabs(gradient[i * width + f] + pull) / (size[i * width + f] + fabs(pull) + 1e-3);

			worst = g > worst ? g : worst;
		}
	}
	CHECK_CLOSE(worst, 0, 2e-4);
	CHECK_CLOSE(rmse, b.sd * sqrt(loss / (double) b.ratings->n_ratings), 1e-5 * b.sd);
	free(gradient);
	free(size);
	free(n);
	bench_end(&b);
}

static void
test_als_solves_its_normal_equations(void)
{
	SamplePlan plan = { 200, 150, 0.3, 3, 0.3, 10, 50 };
	Sample sample = sample_planted(&plan, 7);
	Sample heavy = heavy_sample(true); /* an item with 10000 ratings */

	check_als_gradient(&sample, 8);
	check_als_gradient(&sample, 33);
	check_als_gradient(&heavy, 4);
	sample_free(&sample);
	sample_free(&heavy);
}

/*
 * sgd: where nobody shares a user or an item, the order of ratings is of no
 * matter, so one epoch can be followed by a naive loop.
 */
static void
test_sgd_epoch_matches_a_naive_loop(void)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_SGD);
	const int n = 300;
	const int k = 10;
	Sample sample = { malloc(sizeof(SampleRow) * (size_t) n), n };
	uint64_t seed = 9;
	Bench b;
	double rmse;
	double loss = 0;
	double *expected; /* per user: b_u, b_i, p, q */

	for (int u = 0; u < n; u++)
		sample.rows[u] = (SampleRow){ u, (u * 7) % n, 10 + 4 * sample_normal(&seed) };
	if (!bench_begin(&b, solver, &sample, k))
		return;
	expected = calloc((size_t) n * (size_t) (2 * k + 2), sizeof(double));
	b.env.n_threads = 1;
	CHECK_OK(solver->epoch(&b.env, b.state, 1, &rmse));
	CHECK_OK(solver->export_model(&b.env, b.state, &b.model));
	for (int u = 0; u < n; u++)
	{
		double *x = expected + u * (2 * k + 2);
		int i = b.ratings->item[u];
		double e = inner_error(&b, u, u);
		double step = b.options.learning_rate * b.options.learning_rate_decay;
		double bu = inner_bias(&b, b.model.user_bias, u);
		double bi = inner_bias(&b, b.model.item_bias, i);

		loss += e * e;
		x[0] = bu + step * (e - b.options.bias_regularization * bu);
		x[1] = bi + step * (e - b.options.bias_regularization * bi);
		for (int f = 0; f < k; f++)
		{
			double p = inner_factor(&b, b.model.user_factors, u, f);
			double q = inner_factor(&b, b.model.item_factors, i, f);

			x[2 + f] = p + step * (e * q - b.options.regularization * p);
			x[2 + k + f] = q + step * (e * p - b.options.regularization * q);
		}
	}
	CHECK_OK(solver->epoch(&b.env, b.state, 2, &rmse));
	CHECK_OK(solver->export_model(&b.env, b.state, &b.model));
	CHECK_CLOSE(rmse, b.sd * sqrt(loss / n), 1e-5 * b.sd);
	for (int u = 0; u < n; u++)
	{
		const double *x = expected + u * (2 * k + 2);
		int i = b.ratings->item[u];

		CHECK_CLOSE(inner_bias(&b, b.model.user_bias, u), x[0], 1e-6);
		CHECK_CLOSE(inner_bias(&b, b.model.item_bias, i), x[1], 1e-6);
		for (int f = 0; f < k; f++)
		{
			CHECK_CLOSE(inner_factor(&b, b.model.user_factors, u, f), x[2 + f], 1e-6);
			CHECK_CLOSE(inner_factor(&b, b.model.item_factors, i, f), x[2 + k + f], 1e-6);
		}
	}
	free(expected);
	bench_end(&b);
	sample_free(&sample);
}

/*
 * sgd visits each rating once an epoch: with a step too small to move anything
 * the train RMSE is that of the model, and the model stays where it is.
 */
static void
test_sgd_visits_every_rating_once(void)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_SGD);
	SamplePlan plan = { 700, 300, 0.3, 2, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 10);
	Bench b;
	double rmse;
	double loss = 0;

	if (!bench_begin(&b, solver, &sample, 16))
		return;
	CHECK_OK(solver->export_model(&b.env, b.state, &b.model));
	for (int u = 0; u < b.ratings->n_users; u++)
	{
		for (int64_t j = b.ratings->user_start[u]; j < b.ratings->user_start[u + 1]; j++)
			loss += inner_error(&b, u, j) * inner_error(&b, u, j);
	}
	b.options.learning_rate = 1e-12;
	CHECK_OK(solver->start(&b.arena, b.ratings, LEP_PARTS_ALL, &b.options, &b.state));
	CHECK_OK(solver->epoch(&b.env, b.state, 1, &rmse));
	CHECK_CLOSE(rmse, b.sd * sqrt(loss / (double) b.ratings->n_ratings), 1e-6 * b.sd);
	bench_end(&b);
	sample_free(&sample);
}

/* baseline: the biases satisfy the stated equations of their last turn. */
static void
test_baseline_satisfies_its_equations(void)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_BASELINE);
	SamplePlan plan = { 300, 200, 0.2, 0, 0.3, 1, 3 };
	Sample sample = sample_planted(&plan, 12);
	Bench b;
	double rmse;
	double squares = 0;

	if (!bench_begin(&b, solver, &sample, 1))
		return;
	CHECK_OK(solver->epoch(&b.env, b.state, 1, &rmse));
	CHECK_OK(solver->export_model(&b.env, b.state, &b.model));
	CHECK_CLOSE(b.model.mean, b.mean, 1e-12);
	for (int u = 0; u < b.ratings->n_users; u++)
	{
		double sum = 0;
		int64_t n = b.ratings->user_start[u + 1] - b.ratings->user_start[u];

		for (int64_t j = b.ratings->user_start[u]; j < b.ratings->user_start[u + 1]; j++)
		{
			double e = b.ratings->rating[j] - b.mean - b.model.item_bias[b.ratings->item[j]];

			sum += e;
			squares += (e - b.model.user_bias[u]) * (e - b.model.user_bias[u]);
		}
		CHECK_CLOSE(b.model.user_bias[u], sum / (1.5 * b.options.bias_regularization + (double) n), 1e-6);
	}
	CHECK_CLOSE(rmse, sqrt(squares / (double) b.ratings->n_ratings), 1e-9);
	for (int i = 0; i < b.ratings->n_items; i++)
	{
		double sum = 0;
		int64_t n = 0;

		for (int u = 0; u < b.ratings->n_users; u++)
		{
			for (int64_t j = b.ratings->user_start[u]; j < b.ratings->user_start[u + 1]; j++)
			{
				if (b.ratings->item[j] != i)
					continue;
				sum += b.ratings->rating[j] - b.mean - b.model.user_bias[u];
				n++;
			}
		}
		/* the users moved once more since: settled by the tenth turn */
		CHECK_CLOSE(b.model.item_bias[i], sum / (b.options.bias_regularization + (double) n), 1e-4);
	}
	bench_end(&b);
	sample_free(&sample);
}

static void
test_popular_counts(void)
{
	SampleRow rows[] = { { 1, 10, 1 }, { 2, 10, 1 }, { 3, 10, 1 }, { 4, 20, 1 }, { 1, 20, 5 }, { 2, 30, 1 } };
	Sample sample = { rows, 6 };
	RunOptions options = { LEP_ALGORITHM_POPULAR, 1, 0, 0, 0, 0 };
	Run run;

	run_begin(&run, &sample, &options);
	if (CHECK_OK(run.status))
	{
		CHECK_CLOSE(lep_model_score(&run.result.model, 0, 0), 0.75, 0);
		CHECK_CLOSE(lep_model_score(&run.result.model, 3, 1), 0.5, 0);
		CHECK_CLOSE(lep_model_score(&run.result.model, -1, 2), 0.25, 0);
	}
	run_end(&run);
}

/* A training of popular on rows of user, item and time. */
static LepStatus
count_popular(Run *run, const int64_t rows[][3], int n, double day, double window)
{
	LepSourceShape shape = { LEP_ID_INT64, LEP_ID_INT64, true, true };
	LepError *error = &run->env.error;
	double one = 1;
	LepRatingsBuilder *builder;
	LepOptions options;

	unit_env_init(&run->env);
	run->env.n_threads = 1;
	lep_arena_init(&run->arena, &run->env);
	lep_options_init(&options);
	CHECK_OK(lep_options_set_text(&options, "feedback", "implicit", error));
	CHECK_OK(lep_options_set_text(&options, "algorithm", "popular", error));
	CHECK_OK(lep_options_set_real(&options, "test_fraction", 0, error));
	CHECK_OK(lep_options_set_real(&options, "window", window, error));
	builder = lep_ratings_begin(&run->arena, &shape);
	lep_ratings_set_day(builder, day);
	for (int j = 0; j < n; j++)
	{
		LepId user = { .v.i64 = rows[j][0] };
		LepId item = { .v.i64 = rows[j][1] };

		CHECK_OK(lep_ratings_add(builder, &user, &item, &one, &rows[j][2], 1));
	}
	CHECK_OK(lep_ratings_finish(builder, &options, &run->ratings));
	return lep_train(&run->arena, run->ratings, &options, &run->result);
}

/*
 * Days of 10, the newest rating at 100.  A window of three days is of the times
 * above 70: item 10 has users 1 and 2 of three in it, the second by its later row
 * of two; item 20 user 4 of two; items 30 and 40, with one and two, nobody.
 */
static void
test_popular_counts_a_window(void)
{
	static const int64_t rows[][3] = { { 1, 10, 71 }, { 2, 10, 1 },	  { 2, 10, 90 },
									   { 3, 10, 70 }, { 4, 20, 100 }, { 1, 20, 60 },
									   { 2, 30, 70 }, { 3, 40, -5 },  { 4, 40, 0 } };
	/* users 4; ratings 8, as (2, 10) is one */
	static const double late[] = { 2, 1, 0, 0 };
	static const double all[] = { 3, 2, 1, 2 };
	Run run;

	if (CHECK_OK(count_popular(&run, rows, 9, 10, 3)))
	{
		for (int i = 0; i < 4; i++)
			CHECK_CLOSE(lep_model_score(&run.result.model, -1, i), (late[i] + all[i] / 9) / 4, 1e-7);
	}
	run_end(&run);
	/* what a day is decides: here all is of one */
	if (CHECK_OK(count_popular(&run, rows, 9, 86400, 1)))
	{
		for (int i = 0; i < 4; i++)
			CHECK_CLOSE(lep_model_score(&run.result.model, -1, i), (all[i] + all[i] / 9) / 4, 1e-7);
	}
	run_end(&run);
	if (CHECK_OK(count_popular(&run, rows, 9, 10, 0)))
	{
		for (int i = 0; i < 4; i++)
			CHECK_CLOSE(lep_model_score(&run.result.model, -1, i), all[i] / 4, 0);
	}
	run_end(&run);
}

/* Not as if all were in it. */
static void
test_popular_needs_times_for_a_window(void)
{
	SampleRow rows[] = { { 1, 10, 1 }, { 2, 10, 1 }, { 2, 20, 1 } };
	Sample sample = { rows, 3 };
	RunOptions plain = { LEP_ALGORITHM_POPULAR, 1, 0, 0, 0, 0 };
	LepOptions options;
	Run run;

	run_begin(&run, &sample, &plain);
	lep_options_init(&options);
	CHECK_OK(lep_options_set_text(&options, "algorithm", "popular", &run.env.error));
	CHECK_OK(lep_options_set_real(&options, "test_fraction", 0, &run.env.error));
	CHECK_OK(lep_options_set_real(&options, "window", 1, &run.env.error));
	CHECK_STATUS(lep_train(&run.arena, run.ratings, &options, &run.result), LEP_ERR_NEEDS_TIME);
	CHECK_STR_EQ(run.env.error.what, "window");
	run_end(&run);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_learns_a_planted_matrix);
	TEST(test_same_bits);
	TEST(test_one_row_with_most_ratings);
	TEST(test_constant_ratings);
	TEST(test_stops_when_told);
	TEST(test_memory_is_as_estimated);
	TEST(test_als_solves_its_normal_equations);
	TEST(test_sgd_epoch_matches_a_naive_loop);
	TEST(test_sgd_visits_every_rating_once);
	TEST(test_baseline_satisfies_its_equations);
	TEST(test_popular_counts);
	TEST(test_popular_counts_a_window);
	TEST(test_popular_needs_times_for_a_window);
	return unit_done();
}
