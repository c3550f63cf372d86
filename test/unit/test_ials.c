/*
 * test_ials.c
 *		Algorithm ials against its stated objective: whole epochs against a dense
 *		solver in double precision, for each way in which rows are solved.
 */
#include "sample.h"

#include "core/implicit.h"
#include "core/kernels.h"
#include "core/pool.h"
#include "core/rng.h"
#include "core/solver.h"

/* What is asked of the solver. */
typedef struct Setting
{
	int factors;
	const char *confidence;
	double alpha;
	double unobserved_weight;
	double regularization;
	double exponent;
} Setting;

static const Setting plain = { 8, "none", 1, 0.1, 0.05, 1 };

/* The solver at work, with a dense double of the problem. */
typedef struct Problem
{
	LepEnv env;
	LepArena arena;
	LepRatings *ratings;
	LepOptions options;
	LepModel model;
	void *state;

	int n_users;
	int n_items;
	int k;
	double *weight; /* [n_users * n_items] confidence; 0: not observed */
	double *user_ridge;
	double *item_ridge;
	double *users; /* [n_users * k], the double's */
	double *items;
} Problem;

static double
confidence_of(const Setting *setting, double rating)
{
	double r = rating > 0 ? rating : 0;

	if (strcmp(setting->confidence, "linear") == 0)
		return 1 + setting->alpha * r;
	return strcmp(setting->confidence, "log") == 0 ? 1 + setting->alpha * log(1 + r) : 1;
}

/* Confidences of the train part over their mean, and the ridges, as ials.c states them. */
static void
fill_double(Problem *problem, const Setting *setting)
{
	const LepRatings *ratings = problem->ratings;
	double sum = 0;
	int64_t n = 0;

	for (int u = 0; u < problem->n_users; u++)
	{
		for (int64_t j = ratings->user_start[u]; j < ratings->user_start[u + 1]; j++)
		{
			double c = confidence_of(setting, ratings->rating[j]);

			if (ratings->part[j] != LEP_PART_TRAIN)
				continue;
			problem->weight[(int64_t) u * problem->n_items + ratings->item[j]] = c;
			sum += c;
			n++;
		}
	}
	for (int u = 0; u < problem->n_users; u++)
		problem->user_ridge[u] = setting->unobserved_weight * problem->n_items;
	for (int i = 0; i < problem->n_items; i++)
		problem->item_ridge[i] = setting->unobserved_weight * problem->n_users;
	for (int u = 0; u < problem->n_users; u++)
	{
		for (int i = 0; i < problem->n_items; i++)
		{
			double *c = &problem->weight[(int64_t) u * problem->n_items + i];

			*c *= (double) n / sum;
			problem->user_ridge[u] += *c;
			problem->item_ridge[i] += *c;
		}
	}
	for (int u = 0; u < problem->n_users; u++)
		problem->user_ridge[u] = setting->regularization * pow(problem->user_ridge[u], setting->exponent);
	for (int i = 0; i < problem->n_items; i++)
		problem->item_ridge[i] = setting->regularization * pow(problem->item_ridge[i], setting->exponent);
}

static bool
start(Problem *problem)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_IALS);

	return CHECK_OK(solver->start(&problem->arena, problem->ratings, LEP_PARTS_TRAIN, &problem->options,
								  &problem->state)) &&
		   CHECK_OK(solver->export_model(&problem->env, problem->state, &problem->model));
}

/* An item of number `held_out` (-1: none) is not in the train part. */
static bool
begin(Problem *problem, const Sample *sample, const Setting *setting, int held_out)
{
	LepOptions given;
	LepError *error = &problem->env.error;

	memset(problem, 0, sizeof(*problem));
	unit_env_init(&problem->env);
	lep_arena_init(&problem->arena, &problem->env);
	problem->ratings = sample_ratings(&problem->arena, sample, LEP_FEEDBACK_IMPLICIT);
	for (int64_t j = 0; held_out >= 0 && j < problem->ratings->n_ratings; j++)
	{
		if (problem->ratings->item[j] == held_out)
			problem->ratings->part[j] = LEP_PART_TEST;
	}
	lep_options_init(&given);
	CHECK_OK(lep_options_set_int(&given, "factors", setting->factors, error));
	CHECK_OK(lep_options_set_text(&given, "confidence", setting->confidence, error));
	CHECK_OK(lep_options_set_real(&given, "alpha", setting->alpha, error));
	CHECK_OK(lep_options_set_real(&given, "unobserved_weight", setting->unobserved_weight, error));
	CHECK_OK(lep_options_set_real(&given, "regularization", setting->regularization, error));
	CHECK_OK(lep_options_set_real(&given, "regularization_exponent", setting->exponent, error));
	CHECK_OK(lep_options_resolve(&given, LEP_ALGORITHM_IALS, &problem->options, error));

	problem->n_users = problem->ratings->n_users;
	problem->n_items = problem->ratings->n_items;
	problem->k = setting->factors;
	problem->weight = calloc((size_t) problem->n_users * (size_t) problem->n_items, sizeof(double));
	problem->user_ridge = calloc((size_t) problem->n_users, sizeof(double));
	problem->item_ridge = calloc((size_t) problem->n_items, sizeof(double));
	problem->users = calloc((size_t) problem->n_users * (size_t) problem->k, sizeof(double));
	problem->items = calloc((size_t) problem->n_items * (size_t) problem->k, sizeof(double));
	fill_double(problem, setting);
	return CHECK_OK(lep_model_create(&problem->arena, problem->n_users, problem->n_items, problem->k,
									 &problem->model)) &&
		   start(problem);
}

static void
end(Problem *problem)
{
	free(problem->weight);
	free(problem->user_ridge);
	free(problem->item_ridge);
	free(problem->users);
	free(problem->items);
	lep_arena_drop(&problem->arena);
	unit_env_done(&problem->env);
}

/* a x = b by elimination with pivots; both are destroyed, x is in b. */
static void
eliminate(double *a, double *b, int n)
{
	for (int c = 0; c < n; c++)
	{
		int pivot = c;

		for (int r = c + 1; r < n; r++)
			pivot = fabs(a[r * n + c]) > fabs(a[pivot * n + c]) ? r : pivot;
		for (int e = 0; e < n; e++)
		{
			double kept = a[c * n + e];

			a[c * n + e] = a[pivot * n + e];
			a[pivot * n + e] = kept;
		}
		{
			double kept = b[c];

			b[c] = b[pivot];
			b[pivot] = kept;
		}
		for (int r = c + 1; r < n; r++)
		{
			double w = a[r * n + c] / a[c * n + c];

			for (int e = c; e < n; e++)
				a[r * n + e] -= w * a[c * n + e];
			b[r] -= w * b[c];
		}
	}
	for (int c = n - 1; c >= 0; c--)
	{
		for (int e = c + 1; e < n; e++)
			b[c] -= a[c * n + e] * b[e];
		b[c] /= a[c * n + c];
	}
}

/*
 * One side from the other: every pair is a row of a weighted least squares
 * problem, w (0 - p x)^2, and c (1 - p x)^2 where observed.
 */
static void
solve_side(const Problem *problem, const Setting *setting, bool is_users)
{
	int k = problem->k;
	int n = is_users ? problem->n_users : problem->n_items;
	int m = is_users ? problem->n_items : problem->n_users;
	double *solved = is_users ? problem->users : problem->items;
	const double *fixed = is_users ? problem->items : problem->users;
	double *a = malloc(sizeof(double) * (size_t) (k * k));

	for (int row = 0; row < n; row++)
	{
		double *b = solved + (size_t) row * (size_t) k;
		double observed = 0;

		memset(a, 0, sizeof(double) * (size_t) (k * k));
		memset(b, 0, sizeof(double) * (size_t) k);
		for (int other = 0; other < m; other++)
		{
			const double *x = fixed + (size_t) other * (size_t) k;
			double c = problem->weight[is_users ? (int64_t) row * m + other : (int64_t) other * n + row];

			observed += c;
			for (int f = 0; f < k; f++)
			{
				b[f] += c * x[f];
				for (int g = 0; g < k; g++)
					a[f * k + g] += (c + setting->unobserved_weight) * x[f] * x[g];
			}
		}
		for (int f = 0; f < k; f++)
			a[f * k + f] += is_users ? problem->user_ridge[row] : problem->item_ridge[row];
		if (observed > 0)
			eliminate(a, b, k);
	}
	free(a);
}

static double
score_of(const Problem *problem, int u, int i)
{
	double sum = 0;

	for (int f = 0; f < problem->k; f++)
		sum += problem->users[u * problem->k + f] * problem->items[i * problem->k + f];
	return sum;
}

/* The objective of the exported model. */
static double
objective(const Problem *problem, const Setting *setting)
{
	const LepModel *model = &problem->model;
	double sum = 0;

	for (int u = 0; u < problem->n_users; u++)
	{
		for (int i = 0; i < problem->n_items; i++)
		{
			double c = problem->weight[(int64_t) u * problem->n_items + i];
			double s = lep_model_score(model, u, i);

			sum += c * (1 - s) * (1 - s) + setting->unobserved_weight * s * s;
		}
	}
	for (int64_t e = 0; e < (int64_t) problem->n_users * model->stride; e++)
		sum += problem->user_ridge[e / model->stride] * model->user_factors[e] * model->user_factors[e];
	for (int64_t e = 0; e < (int64_t) problem->n_items * model->stride; e++)
		sum += problem->item_ridge[e / model->stride] * model->item_factors[e] * model->item_factors[e];
	return sum;
}

/*
 * The double starts from the same items.  Scores do not depend on the basis, so
 * after each epoch those of all pairs must agree: both half steps are exact, and
 * the users exported are the solution against the items exported.  And the
 * objective must have fallen.
 */
static void
check_epochs(const Sample *sample, const Setting *setting, int held_out, double tolerance)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_IALS);
	double before = INFINITY;
	double train_rmse;
	Problem problem;

	if (!begin(&problem, sample, setting, held_out))
		return;
	for (int e = 0; e < problem.n_items * problem.k; e++)
		problem.items[e] = problem.model.item_factors[e / problem.k * problem.model.stride + e % problem.k];
	for (int epoch = 1; epoch <= 4; epoch++)
	{
		double now;
		double worst = 0;

		solve_side(&problem, setting, true);
		solve_side(&problem, setting, false);
		solve_side(&problem, setting, true);
		CHECK_OK(solver->epoch(&problem.env, problem.state, epoch, &train_rmse));
		CHECK_OK(solver->export_model(&problem.env, problem.state, &problem.model));
		for (int u = 0; u < problem.n_users; u++)
		{
			for (int i = 0; i < problem.n_items; i++)
			{
				double d = fabs(score_of(&problem, u, i) - lep_model_score(&problem.model, u, i));

				worst = d > worst ? d : worst;
			}
		}
		CHECK_CLOSE(worst, 0, tolerance);
		now = objective(&problem, setting);
		CHECK(now <= before * (1 + 1e-6), "epoch %d: %.9g after %.9g", epoch, now, before);
		before = now;
	}
	/* it has learned something: scores of what is observed are well above 0 */
	{
		double sum = 0;
		int64_t n = 0;

		for (int64_t e = 0; e < (int64_t) problem.n_users * problem.n_items; e++)
		{
			if (problem.weight[e] > 0)
				sum += lep_model_score(&problem.model, (int32_t) (e / problem.n_items),
									   (int32_t) (e % problem.n_items));
			n += problem.weight[e] > 0;
		}
		CHECK(sum / (double) n > 0.05, "mean score of the observed: %g", sum / (double) n);
	}
	end(&problem);
}

/* Users like items of their own of three groups; ratings are counts with a long tail. */
static Sample
grouped(int n_users, int n_items, double density, double largest, uint64_t seed)
{
	Sample sample = { malloc(sizeof(SampleRow) * (size_t) n_users * (size_t) n_items), 0 };

	for (int u = 0; u < n_users; u++)
	{
		for (int i = 0; i < n_items; i++)
		{
			double p = u % 3 == i % 3 ? density : density / 8;

			if (sample_uniform(&seed) < p)
				sample.rows[sample.n++] = (SampleRow){ u, i, floor(pow(largest, sample_uniform(&seed))) };
		}
	}
	return sample;
}

/* Rows with fewer entries than factors, with as many, and with more. */
static void
test_epochs_are_exact(void)
{
	Sample sample = grouped(60, 45, 0.6, 50, 1);
	Setting setting = plain;

	/* about 13 entries a row: all by k unknowns, some, none */
	static const int factors[] = { 1, 3, 12, 13, 16, 31 };

	for (size_t f = 0; f < sizeof(factors) / sizeof(factors[0]); f++)
	{
		setting.factors = factors[f];
		check_epochs(&sample, &setting, -1, 2e-5);
	}
	sample_free(&sample);
}

static void
test_more_factors_than_rows(void)
{
	Sample sample = grouped(20, 15, 0.7, 50, 2);
	Setting setting = plain;

	setting.factors = 50;
	check_epochs(&sample, &setting, -1, 2e-5);
	sample_free(&sample);

	/* hundreds of zero eigenvalues */
	sample = grouped(40, 30, 0.7, 50, 2);
	setting.factors = 300;
	check_epochs(&sample, &setting, -1, 2e-5);
	sample_free(&sample);
}

static void
test_confidence(void)
{
	Sample sample = grouped(50, 40, 0.5, 1000, 3);

	for (int exponent = 0; exponent <= 2; exponent++)
	{
		for (int factors = 5; factors <= 25; factors += 20)
		{
			check_epochs(&sample, &(Setting){ factors, "linear", 2, 0.1, 0.05, exponent / 2.0 }, -1, 2e-5);
			check_epochs(&sample, &(Setting){ factors, "log", 3, 0.1, 0.05, exponent / 2.0 }, -1, 2e-5);
			check_epochs(&sample, &(Setting){ factors, "none", 7, 0.2, 0.03, exponent / 2.0 }, -1, 2e-5);
			/* users' rows skip what is held out, and so do their confidences */
			check_epochs(&sample, &(Setting){ factors, "log", 3, 0.1, 0.05, exponent / 2.0 }, 7, 2e-5);
		}
	}
	sample_free(&sample);
}

/* Counts from 1 to 10^9 and a few returns: still a solution, to single precision. */
static void
test_huge_and_negative_counts(void)
{
	Sample sample = grouped(50, 40, 0.5, 1e9, 4);

	sample.rows[0].rating = -3;
	sample.rows[5].rating = 0;
	check_epochs(&sample, &(Setting){ 5, "linear", 40, 0.01, 0.05, 1 }, -1, 1e-3);
	check_epochs(&sample, &(Setting){ 30, "linear", 40, 0.01, 0.05, 1 }, -1, 1e-3);
	check_epochs(&sample, &(Setting){ 30, "log", 1, 0.01, 0.05, 1 }, -1, 2e-5);
	sample_free(&sample);
}

/* Two users: one with one item, one with all. */
static void
test_tiny_sets(void)
{
	Sample sample = { malloc(sizeof(SampleRow) * 41), 0 };

	sample.rows[sample.n++] = (SampleRow){ 1, 7, 1 };
	for (int i = 0; i < 40; i++)
		sample.rows[sample.n++] = (SampleRow){ 2, i, 1 };
	check_epochs(&sample, &(Setting){ 1, "log", 1, 0.1, 0.01, 1 }, -1, 2e-5);
	check_epochs(&sample, &(Setting){ 20, "log", 1, 0.1, 0.01, 1 }, -1, 2e-5);
	check_epochs(&sample, &(Setting){ 64, "log", 1, 0.1, 0.01, 1 }, -1, 2e-5);
	sample_free(&sample);
}

/* An item without ratings in the part is nothing, and counts as unobserved. */
static void
test_cold_item(void)
{
	Sample sample = grouped(40, 30, 0.6, 5, 5);
	Setting setting = plain;
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_IALS);
	double train_rmse;
	Problem problem;

	check_epochs(&sample, &setting, 4, 2e-5);
	if (begin(&problem, &sample, &setting, 4))
	{
		CHECK_OK(solver->epoch(&problem.env, problem.state, 1, &train_rmse));
		CHECK(isnan(train_rmse));
		CHECK_OK(solver->export_model(&problem.env, problem.state, &problem.model));
		for (int f = 0; f < problem.model.stride; f++)
			CHECK(problem.model.item_factors[4 * problem.model.stride + f] == 0);
		CHECK(problem.model.mean == 0 && problem.model.item_bias[0] == 0 && problem.model.user_bias[0] == 0);
	}
	end(&problem);
	sample_free(&sample);
}

/* An item that 10000 users have, besides some of a dozen others: a row in shares. */
static Sample
heavy_sample(void)
{
	Sample sample = grouped(10000, 12, 0.5, 5, 9);
	int64_t n = 0;

	sample.rows = realloc(sample.rows, sizeof(SampleRow) * (size_t) (sample.n + 10000));
	for (int64_t j = 0; j < sample.n; j++)
	{
		if (sample.rows[j].item != 0)
			sample.rows[n++] = sample.rows[j];
	}
	for (int u = 0; u < 10000; u++)
		sample.rows[n++] = (SampleRow){ u, 0, 1 + u % 5 };
	sample.n = n;
	return sample;
}

static void
test_heavy_row_is_exact(void)
{
	Sample sample = heavy_sample();

	/* sums of 4096 floats; a share left out would move scores by 0.01 */
	check_epochs(&sample, &(Setting){ 3, "none", 1, 0.05, 0.01, 1 }, -1, 1e-4);
	check_epochs(&sample, &(Setting){ 5, "linear", 1, 0.05, 0.01, 1 }, -1, 1e-4);
	sample_free(&sample);
}

/* A user with 10000 items, one of which is held out. */
static void
test_heavy_user_is_exact(void)
{
	Sample sample = heavy_sample();

	for (int64_t j = 0; j < sample.n; j++)
	{
		int64_t user = sample.rows[j].user;

		sample.rows[j].user = sample.rows[j].item;
		sample.rows[j].item = user;
	}
	check_epochs(&sample, &(Setting){ 3, "none", 1, 0.05, 0.01, 1 }, 8000, 1e-4);
	check_epochs(&sample, &(Setting){ 5, "linear", 1, 0.05, 0.01, 1 }, 8000, 1e-4);
	sample_free(&sample);
}

/* Nothing to hold anything back: no number that is not finite. */
static void
test_no_regularization(void)
{
	Sample sample = grouped(40, 30, 0.6, 5, 6);
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_IALS);

	for (int weight = 0; weight < 2; weight++)
	{
		for (int factors = 4; factors <= 64; factors *= 4)
		{
			Setting setting = { factors, "none", 1, 0.1 * weight, 0, 1 };
			double train_rmse;
			Problem problem;

			if (begin(&problem, &sample, &setting, -1))
			{
				for (int epoch = 1; epoch <= 5; epoch++)
					CHECK_OK(solver->epoch(&problem.env, problem.state, epoch, &train_rmse));
				CHECK_OK(solver->export_model(&problem.env, problem.state, &problem.model));
				CHECK(lep_model_is_sane(&problem.model));
			}
			end(&problem);
		}
	}
	sample_free(&sample);
}

/*
 * Everybody's items and ratings as a basket give the scores that the model has
 * for her: its users are the solution against its items.
 */
static void
check_fold_in(const Sample *sample, const Setting *setting, double tolerance)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_IALS);
	LepImplicitRule rule;
	LepItems *items;
	LepGram *gram;
	double worst = 0;
	double train_rmse;
	Problem problem;

	if (!begin(&problem, sample, setting, -1))
		return;
	for (int epoch = 1; epoch <= 3; epoch++)
		CHECK_OK(solver->epoch(&problem.env, problem.state, epoch, &train_rmse));
	CHECK_OK(solver->export_model(&problem.env, problem.state, &problem.model));
	CHECK_OK(lep_implicit_rule(&problem.env, problem.ratings, LEP_PARTS_TRAIN, &problem.options, &rule));
	items = lep_items_create(&problem.arena, problem.n_items, problem.k, 0, problem.model.item_bias,
							 problem.model.item_factors);
	gram = lep_gram_create(&problem.arena, items, problem.k);
	for (int32_t u = 0; u < problem.n_users; u++)
	{
		int64_t start = problem.ratings->user_start[u];
		LepImplicitInput input = { .items = items,
								   .item = problem.ratings->item + start,
								   .weight = problem.ratings->rating + start,
								   .n = problem.ratings->user_start[u + 1] - start };
		float *row = lep_arena_calloc(&problem.arena, problem.model.stride, sizeof(float));

		CHECK_OK(lep_implicit_fold_in(&problem.env, gram, &rule, &input, row));
		for (int32_t i = 0; i < problem.n_items; i++)
		{
			double d = fabs(lep_kernels->dot_f64(row, lep_items_row(items, i), problem.model.stride) -
							(double) lep_model_score(&problem.model, u, i));

			worst = d > worst ? d : worst;
		}
	}
	CHECK_CLOSE(worst, 0, tolerance);
	end(&problem);
}

static void
test_users_are_folded_in(void)
{
	Sample sample = grouped(60, 45, 0.5, 50, 10);
	Sample huge = grouped(60, 45, 0.5, 1e12, 11);

	for (int factors = 1; factors <= 64; factors *= 4)
	{
		check_fold_in(&sample, &(Setting){ factors, "none", 1, 0.1, 0.05, 1 }, 1e-4);
		check_fold_in(&sample, &(Setting){ factors, "log", 1e6, 0.1, 0.05, 0.5 }, 1e-4);
		check_fold_in(&sample, &(Setting){ factors, "linear", 0, 1, 0.01, 0 }, 1e-4);
		check_fold_in(&sample, &(Setting){ factors, "linear", 2, 0, 0.05, 2 }, 1e-4);
		check_fold_in(&huge, &(Setting){ factors, "linear", 1e6, 0.1, 0.05, 1 }, 1e-3);
		/* nothing to hold anything back, or little */
		check_fold_in(&sample, &(Setting){ factors, "log", 1, 0.1, 0, 1 }, 1e-3);
		check_fold_in(&sample, &(Setting){ factors, "log", 1, 0, 0, 1 }, 1e-3);
		check_fold_in(&sample, &(Setting){ factors, "log", 1, 10, 1e-9, 1 }, 1e-3);
	}
	sample_free(&sample);
	sample_free(&huge);
}

/* Two epochs of a fresh problem on so many threads; a hash of the factors. */
static uint64_t
hash_of_run(const Sample *sample, const Setting *setting, int n_threads)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_IALS);
	uint64_t hash = 0;
	double train_rmse;
	Problem problem;

	if (!begin(&problem, sample, setting, -1))
		return 0;
	problem.env.n_threads = n_threads;
	CHECK_OK(lep_pool_start(&problem.env));
	CHECK(start(&problem));
	for (int epoch = 1; epoch <= 2; epoch++)
		CHECK_OK(solver->epoch(&problem.env, problem.state, epoch, &train_rmse));
	CHECK_OK(solver->export_model(&problem.env, problem.state, &problem.model));
	lep_pool_shutdown(&problem.env);
	hash = lep_hash_bytes(problem.model.user_factors,
						  (int64_t) sizeof(float) * problem.n_users * problem.model.stride);
	hash = lep_hash_combine(hash,
							lep_hash_bytes(problem.model.item_factors,
										   (int64_t) sizeof(float) * problem.n_items * problem.model.stride));
	end(&problem);
	return hash;
}

static void
check_same_bits(const Sample *sample, const Setting *setting)
{
	uint64_t first = hash_of_run(sample, setting, 1);

	CHECK(first != 0);
	for (int n_threads = 1; n_threads <= 3; n_threads++)
		CHECK_INT_EQ(hash_of_run(sample, setting, n_threads), first);
	for (int level = 0; level < LEP_N_KERNEL_LEVELS; level++)
	{
		if (lep_kernels_select(level) == 0)
			CHECK_INT_EQ(hash_of_run(sample, setting, 2), first);
	}
	lep_kernels_choose();
}

static void
test_same_bits(void)
{
	Sample sample = grouped(300, 200, 0.3, 100, 7);
	Sample heavy = heavy_sample();

	check_same_bits(&sample, &(Setting){ 33, "log", 1, 0.1, 0.05, 1 });
	check_same_bits(&sample, &(Setting){ 7, "linear", 1, 0.1, 0.05, 0.5 });
	check_same_bits(&heavy, &(Setting){ 5, "linear", 1, 0.01, 0.001, 1 });
	sample_free(&sample);
	sample_free(&heavy);
}

/* Values that are all alike are no confidence at all, whatever they are. */
static void
test_equal_ratings_are_as_none(void)
{
	Sample sample = grouped(60, 45, 0.5, 1, 8);
	Setting setting = plain;
	uint64_t none = hash_of_run(&sample, &setting, 1);

	setting.confidence = "log";
	CHECK_INT_EQ(hash_of_run(&sample, &setting, 1), none);
	for (int64_t j = 0; j < sample.n; j++)
		sample.rows[j].rating = 7.3;
	setting.confidence = "linear";
	setting.alpha = 11;
	CHECK_INT_EQ(hash_of_run(&sample, &setting, 1), none);
	sample_free(&sample);
}

static void
test_defaults_follow_the_data(void)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_IALS);
	LepShape shape = { 100, 600, 1000, 0, true, false };
	LepOptions given;
	LepOptions options;
	LepError error;

	lep_options_init(&given);
	CHECK_OK(lep_options_resolve(&given, LEP_ALGORITHM_IALS, &options, &error));
	solver->adapt(&shape, &options);
	CHECK_CLOSE(options.unobserved_weight, 0.3, 1e-15); /* not 300 / 600 */
	/* 1000 / 60000 = 0.01667: 0.005 27.78^0.4 = 0.01891 */
	CHECK_CLOSE(options.regularization, 0.0189, 1e-12);
	shape.n_ratings = 36; /* the pivot: 0.0006 */
	solver->adapt(&shape, &options);
	CHECK_CLOSE(options.regularization, 0.005, 1e-12);
	shape.n_ratings = 1; /* 0.0012 by the rule */
	solver->adapt(&shape, &options);
	CHECK_CLOSE(options.regularization, 0.003, 1e-12);
	shape.n_ratings = 60000; /* 0.097 */
	solver->adapt(&shape, &options);
	CHECK_CLOSE(options.regularization, 0.03, 1e-12);
	shape.n_items = 2000;
	solver->adapt(&shape, &options);
	CHECK_CLOSE(options.unobserved_weight, 0.15, 1e-15);
	CHECK_OK(lep_options_set_real(&given, "regularization", 0.5, &error));
	CHECK_OK(lep_options_set_real(&given, "unobserved_weight", 0.75, &error));
	CHECK_OK(lep_options_resolve(&given, LEP_ALGORITHM_IALS, &options, &error));
	solver->adapt(&shape, &options);
	CHECK_CLOSE(options.unobserved_weight, 0.75, 0);
	CHECK_CLOSE(options.regularization, 0.5, 0);
}

/* Epochs and the half after them. */
static void
test_cost(void)
{
	const LepSolver *solver = lep_solver_get(LEP_ALGORITHM_IALS);
	LepShape shape = { 1000, 500, 30000, 0, true, false };
	LepOptions one;
	LepOptions ten;
	LepError error;

	lep_options_init(&one);
	CHECK_OK(lep_options_resolve(&one, LEP_ALGORITHM_IALS, &one, &error));
	ten = one;
	one.epochs = 1;
	ten.epochs = 10;
	CHECK_CLOSE(10 * solver->cost(&shape, &ten) / solver->cost(&shape, &one), 10.5 / 1.5, 1e-12);
}

int
main(void)
{
	lep_kernels_choose();
	TEST(test_epochs_are_exact);
	TEST(test_more_factors_than_rows);
	TEST(test_confidence);
	TEST(test_huge_and_negative_counts);
	TEST(test_tiny_sets);
	TEST(test_cold_item);
	TEST(test_heavy_row_is_exact);
	TEST(test_heavy_user_is_exact);
	TEST(test_no_regularization);
	TEST(test_users_are_folded_in);
	TEST(test_same_bits);
	TEST(test_equal_ratings_are_as_none);
	TEST(test_defaults_follow_the_data);
	TEST(test_cost);
	return unit_done();
}
